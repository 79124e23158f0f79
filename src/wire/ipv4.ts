// RFC 791 section 3.1
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-------+-------+---------------+-------------------------------+
//  |Version|  IHL  |Type of Service|          Total Length         |
//  +-------+-------+---------------+-----+-------------------------+
//  |         Identification        |Flags|      Fragment Offset    |
//  +---------------+---------------+-----+-------------------------+
//  |  Time to Live |    Protocol   |         Header Checksum       |
//  +---------------+---------------+-------------------------------+
//  |                       Source Address                          |
//  +---------------------------------------------------------------+
//  |                    Destination Address                        |
//  +---------------------------------------------------------------+
import { bytes, struct, u16, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const Ipv4Header = struct([
  u8('versionIhl'),
  u8('tos'),
  u16('totalLength'),
  u16('id'),
  u16('fragment'),
  u8('ttl'),
  u8('protocol'),
  u16('checksum'),
  bytes(4, 'src'),
  bytes(4, 'dst'),
]);

const VERSION_IHL = Ipv4Header.offsetOf('versionIhl');
const TOS = Ipv4Header.offsetOf('tos');
const TOTAL_LENGTH = Ipv4Header.offsetOf('totalLength');
const ID = Ipv4Header.offsetOf('id');
const FRAGMENT = Ipv4Header.offsetOf('fragment');
const TTL = Ipv4Header.offsetOf('ttl');
const PROTOCOL = Ipv4Header.offsetOf('protocol');
const CHECKSUM = Ipv4Header.offsetOf('checksum');
const SRC = Ipv4Header.offsetOf('src');
const DST = Ipv4Header.offsetOf('dst');
const LENGTH = Ipv4Header.span;

const TRUNCATED = problemNumber('ipv4-truncated');
const VERSION = problemNumber('ipv4-version');
const HEADER_LENGTH = problemNumber('ipv4-header-length');

/** -1 when the header without its options lies between `at` and `end` and is one, else the number of its problem. */
export function checkIpv4(view: DataView, at: number, end: number): number {
  if (end - at < LENGTH) return TRUNCATED;
  const versionIhl = view.getUint8(at + VERSION_IHL);
  if (versionIhl >> 4 !== 4) return VERSION;
  return (versionIhl & 15) < 5 ? HEADER_LENGTH : -1;
}

/** Octets of the header with its options. */
export function ipv4HeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + VERSION_IHL) & 15) << 2;
}

export function ipv4Tos(view: DataView, at: number): number {
  return view.getUint8(at + TOS);
}

/** Octets of header and payload; 0 in frames larger than 65,535 octets that were captured before segmentation. */
export function ipv4TotalLength(view: DataView, at: number): number {
  return view.getUint16(at + TOTAL_LENGTH);
}

export function ipv4Id(view: DataView, at: number): number {
  return view.getUint16(at + ID);
}

export function ipv4DontFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT) & 0x4000) !== 0;
}

export function ipv4MoreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT) & 0x2000) !== 0;
}

/** Octets, a multiple of 8. */
export function ipv4FragmentOffset(view: DataView, at: number): number {
  return (view.getUint16(at + FRAGMENT) & 0x1fff) << 3;
}

/** Flags and fragment offset as one word. */
export function ipv4Fragment(view: DataView, at: number): number {
  return view.getUint16(at + FRAGMENT);
}

export function ipv4Ttl(view: DataView, at: number): number {
  return view.getUint8(at + TTL);
}

export function ipv4Protocol(view: DataView, at: number): number {
  return view.getUint8(at + PROTOCOL);
}

export function ipv4Checksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

/** The source address as a signed word. */
export function ipv4Src(view: DataView, at: number): number {
  return view.getInt32(at + SRC);
}

/** The destination address as a signed word. */
export function ipv4Dst(view: DataView, at: number): number {
  return view.getInt32(at + DST);
}

/** Offset of the source address. */
export function ipv4SrcAt(at: number): number {
  return at + SRC;
}

/** Offset of the destination address. */
export function ipv4DstAt(at: number): number {
  return at + DST;
}
