/**
 * Tables of what the verbose view shows of a header: Wireshark's name of each field, and our accessor that reads it.
 * A struct's fields are the keys of its table, so a field that is forgotten does not compile.
 */
import { formatIpv4, formatIpv6, formatMac } from '../wire/format.js';
import type { Field, Struct } from '../wire/layout.js';
import type { PacketView } from '../wire/packet.js';

export type Value = string | number;

/** Takes one value of a field; a field that occurs again is put again. */
export type Put = (name: string, value: Value) => void;

/** Reads a field of the header at `at`; null when this header does not have it. `end`: one past its last captured octet. */
export type Read = (view: DataView, at: number, end: number, packet: PacketView) => Value | null;

export type Entry = readonly [name: string, read: Read];

export interface LayerTable {
  /** Octets of the fixed header. */
  readonly span: number;
  readonly fields: readonly { readonly offset: number; readonly end: number; readonly entries: readonly Entry[] }[];
  /** What follows the fixed header, when that was captured whole. */
  readonly more: ((put: Put, view: DataView, at: number, end: number, packet: PacketView) => void) | null;
}

type Entries<Name extends string> = { readonly [K in Name]: readonly Entry[] };

export function table<F extends Field<string, number | ArrayLike<number>>>(
  struct: Struct<F>,
  entries: Entries<F['property']>,
  more: LayerTable['more'] = null,
): LayerTable {
  const fields = struct.fields.map((field) => {
    const offset = struct.offsetOf(field.property);
    return { offset, end: offset + field.span, entries: entries[field.property as F['property']] };
  });
  return { span: struct.span, fields, more };
}

/** Puts the fields of a header that were captured; with the whole header, what follows it too. */
export function putHeader(
  put: Put,
  from: LayerTable,
  view: DataView,
  at: number,
  end: number,
  packet: PacketView,
): void {
  for (const field of from.fields) {
    if (at + field.end > end) return;
    for (const [name, read] of field.entries) {
      const value = read(view, at, end, packet);
      if (value !== null) put(name, value);
    }
  }
  from.more?.(put, view, at, end, packet);
}

export function bit(read: (view: DataView, at: number) => boolean): Read {
  return (view, at) => (read(view, at) ? 1 : 0);
}

/** Whether any of the bits of `mask` is set in a field of flags. */
export function flag(read: (view: DataView, at: number) => number, mask: number): Read {
  return (view, at) => ((read(view, at) & mask) === 0 ? 0 : 1);
}

export function mac(find: (at: number) => number): Read {
  return (view, at) => formatMac(view, find(at));
}

export function ipv4(find: (at: number) => number): Read {
  return (view, at) => formatIpv4(view, find(at));
}

export function ipv6(find: (at: number) => number): Read {
  return (view, at) => formatIpv6(view, find(at));
}

/** A field that only some packets of its protocol have. */
export function when(condition: (view: DataView, at: number) => boolean, read: Read): Read {
  return (view, at, end, packet) => (condition(view, at) ? read(view, at, end, packet) : null);
}

/** Octets as hexadecimal digits. */
export function hexText(view: DataView, at: number, length: number, between = ''): string {
  const octets = Array.from({ length }, (_, index) =>
    view
      .getUint8(at + index)
      .toString(16)
      .padStart(2, '0'),
  );
  return octets.join(between);
}

const UTF_8 = new TextDecoder();

/** Text in UTF-8; octets that are not become U+FFFD. */
export function utf8(view: DataView, at: number, end: number): string {
  return UTF_8.decode(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}
