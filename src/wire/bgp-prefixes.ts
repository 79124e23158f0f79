// Address prefixes of BGP: RFC 4271 section 4.3, behind path identifiers (ADD-PATH) RFC 7911 section 3
//
//  +---------------------------------------------------------------+
//  |             Path Identifier (4), where it is in use           |
//  +---------------+-----------------------------------------------+
//  |  Length (bits)|  Prefix, as many octets as the bits need      |
//  +---------------+-----------------------------------------------+

/** An address prefix: the octets at `at` hold `bits` bits, and no more. */
export interface BgpPrefix {
  readonly at: number;
  readonly bits: number;
  /** Identifier of the path, null where the session has none. */
  readonly path: number | null;
}

/** Unicast families, as bits of a set: those whose prefixes have path identifiers. */
export const BgpPathFamily = { IPV4: 1, IPV6: 2 } as const;

const PATH_LENGTH = 4;

/**
 * Whether octets that were cut can begin prefixes with path identifiers. Where they can, and the OPENs do not tell, none of them is
 * a prefix for sure: how the whole list is read depends on all of its octets.
 */
export function bgpMayHavePaths(view: DataView, from: number, end: number, mostBits: number): boolean {
  for (let octet = from; octet < end;) {
    const at = octet + PATH_LENGTH;
    if (at >= end) return true;
    const bits = view.getUint8(at);
    if (bits > mostBits) return false;
    const next = at + 1 + ((bits + 7) >> 3);
    if (next > end) return true;
    if (hasBitsBehind(view, bits, next)) return false;
    octet = next;
  }
  return true;
}

/** The prefixes between two offsets, up to the first that is cut or longer than `mostBits`. `paths`: as bgpHasPaths() has it. */
export function* bgpPrefixes(
  view: DataView,
  from: number,
  end: number,
  mostBits: number,
  paths?: number,
): Generator<BgpPrefix> {
  const before = bgpHasPaths(view, from, end, mostBits, paths) ? PATH_LENGTH : 0;
  for (let octet = from; octet < end;) {
    const at = octet + before;
    const next = prefixEnd(view, at, end, mostBits);
    if (next === -1) return;
    yield { at: at + 1, bits: view.getUint8(at), path: before === 0 ? null : view.getUint32(octet) };
    octet = next;
  }
}

/** Offset of the first prefix that is cut or longer than `mostBits`, or -1. */
export function prefixesProblemAt(
  view: DataView,
  from: number,
  end: number,
  mostBits: number,
  paths: number | undefined,
): number {
  const before = bgpHasPaths(view, from, end, mostBits, paths) ? PATH_LENGTH : 0;
  for (let octet = from; octet < end;) {
    const next = prefixEnd(view, octet + before, end, mostBits);
    if (next === -1) return octet;
    octet = next;
  }
  return -1;
}

/**
 * Whether these prefixes have path identifiers. `paths`: the families of which the OPENs of both sides say so; undefined when
 * they were not both seen. Then the octets decide, as long as they can be read in one of the two ways alone.
 */
export function bgpHasPaths(
  view: DataView,
  from: number,
  end: number,
  mostBits: number,
  paths: number | undefined,
): boolean {
  if (paths !== undefined) return (paths & (mostBits === 32 ? BgpPathFamily.IPV4 : BgpPathFamily.IPV6)) !== 0;
  return fill(view, from, end, mostBits, PATH_LENGTH) && !fill(view, from, end, mostBits, 0);
}

/**
 * Whether prefixes with `before` octets before each fill the octets. Speakers send no bits behind a prefix, and the default route
 * in a message of its own, since its attributes are its own: both are signs of the other reading.
 */
function fill(view: DataView, from: number, end: number, mostBits: number, before: number): boolean {
  for (let octet = from; octet < end;) {
    const at = octet + before;
    const next = prefixEnd(view, at, end, mostBits);
    if (next === -1) return false;
    const bits = view.getUint8(at);
    if (hasBitsBehind(view, bits, next)) return false;
    if (before === 0 && bits === 0 && end - from > 1) return false;
    octet = next;
  }
  return true;
}

function hasBitsBehind(view: DataView, bits: number, next: number): boolean {
  return (bits & 7) !== 0 && (view.getUint8(next - 1) & (0xff >> (bits & 7))) !== 0;
}

/** After a prefix of one octet of bits and the octets they need; -1 when it is too long or goes beyond `end`. */
function prefixEnd(view: DataView, at: number, end: number, mostBits: number): number {
  if (at >= end) return -1;
  const bits = view.getUint8(at);
  const next = at + 1 + ((bits + 7) >> 3);
  return bits > mostBits || next > end ? -1 : next;
}
