/**
 * Header structs. A struct is the single source of a header's offsets: each protocol file takes its constants from it once,
 * with offsetOf, and never decodes with it. The types make a misspelt field name a compile error.
 */
import bufferLayout from 'buffer-layout';

/** One named field of a header. `encode` wants a Buffer, as buffer-layout does. */
export interface Field<Name extends string, Value> {
  readonly property: Name;
  readonly span: number;
  encode(value: Value, octets: Uint8Array, at: number): number;
}

type AnyField = Field<string, number | ArrayLike<number>>;

export interface Struct<F extends AnyField> {
  /** Octets of the header without options. */
  readonly span: number;
  readonly fields: readonly F[];
  offsetOf(name: F['property']): number;
  encode(
    values: { readonly [K in F as K['property']]?: K extends Field<string, infer Value> ? Value : never },
    octets: Uint8Array,
    at: number,
  ): number;
}

export function struct<F extends AnyField>(fields: readonly F[]): Struct<F> {
  return bufferLayout.struct(fields) as Struct<F>;
}

export function u8<Name extends string>(name: Name): Field<Name, number> {
  return bufferLayout.u8(name) as Field<Name, number>;
}

export function u16<Name extends string>(name: Name): Field<Name, number> {
  return bufferLayout.u16be(name) as Field<Name, number>;
}

export function u24<Name extends string>(name: Name): Field<Name, number> {
  return bufferLayout.u24be(name) as Field<Name, number>;
}

export function u32<Name extends string>(name: Name): Field<Name, number> {
  return bufferLayout.u32be(name) as Field<Name, number>;
}

/** A field of `length` octets that is not a number: an address, a marker. */
export function bytes<Name extends string>(length: number, name: Name): Field<Name, ArrayLike<number>> {
  return bufferLayout.seq(bufferLayout.u8(), length, name) as Field<Name, ArrayLike<number>>;
}
