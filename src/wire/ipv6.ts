// RFC 8200 section 3; jumbo payload from RFC 2675 section 2
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-------+---------------+---------------------------------------+
//  |Version| Traffic Class |           Flow Label                  |
//  +-------+---------------+-------+---------------+---------------+
//  |         Payload Length        |  Next Header  |   Hop Limit   |
//  +-------------------------------+---------------+---------------+
//  |                     Source Address (16)                       |
//  |                  Destination Address (16)                     |
//  +---------------------------------------------------------------+
import { bytes, struct, u16, u32, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const Ipv6Header = struct([
  u32('versionClassFlow'),
  u16('payloadLength'),
  u8('nextHeader'),
  u8('hopLimit'),
  bytes(16, 'src'),
  bytes(16, 'dst'),
]);

/** RFC 8200 section 4.5. */
export const Ipv6FragmentHeader = struct([u8('nextHeader'), u8('reserved'), u16('fragment'), u32('id')]);

const VERSION_CLASS_FLOW = Ipv6Header.offsetOf('versionClassFlow');
const PAYLOAD_LENGTH = Ipv6Header.offsetOf('payloadLength');
const NEXT_HEADER = Ipv6Header.offsetOf('nextHeader');
const HOP_LIMIT = Ipv6Header.offsetOf('hopLimit');
const SRC = Ipv6Header.offsetOf('src');
const DST = Ipv6Header.offsetOf('dst');
const LENGTH = Ipv6Header.span;
const FRAGMENT = Ipv6FragmentHeader.offsetOf('fragment');
const FRAGMENT_ID = Ipv6FragmentHeader.offsetOf('id');

const TRUNCATED = problemNumber('ipv6-truncated');
const VERSION = problemNumber('ipv6-version');

/** Extension headers that this library steps over. */
export const Ipv6Extension = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, AUTHENTICATION: 51, DESTINATION: 60 } as const;

const HOP_BY_HOP = Ipv6Extension.HOP_BY_HOP;
const ROUTING = Ipv6Extension.ROUTING;
const FRAGMENT_HEADER = Ipv6Extension.FRAGMENT;
const AUTHENTICATION = Ipv6Extension.AUTHENTICATION;
const DESTINATION = Ipv6Extension.DESTINATION;

/** -1 when the fixed header lies between `at` and `end` and is one, else the number of its problem. */
export function checkIpv6(view: DataView, at: number, end: number): number {
  if (end - at < LENGTH) return TRUNCATED;
  return view.getUint8(at + VERSION_CLASS_FLOW) >> 4 === 6 ? -1 : VERSION;
}

export function ipv6TrafficClass(view: DataView, at: number): number {
  return (view.getUint16(at + VERSION_CLASS_FLOW) >> 4) & 0xff;
}

export function ipv6FlowLabel(view: DataView, at: number): number {
  return view.getInt32(at + VERSION_CLASS_FLOW) & 0xfffff;
}

/** Octets after the fixed header, extension headers included; 0 with a jumbo payload option and in frames before segmentation. */
export function ipv6PayloadLength(view: DataView, at: number): number {
  return view.getUint16(at + PAYLOAD_LENGTH);
}

export function ipv6NextHeader(view: DataView, at: number): number {
  return view.getUint8(at + NEXT_HEADER);
}

export function ipv6HopLimit(view: DataView, at: number): number {
  return view.getUint8(at + HOP_LIMIT);
}

/** Offset of the source address. */
export function ipv6SrcAt(at: number): number {
  return at + SRC;
}

/** Offset of the destination address. */
export function ipv6DstAt(at: number): number {
  return at + DST;
}

export function isIpv6Extension(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === FRAGMENT_HEADER ||
    protocol === DESTINATION ||
    protocol === ROUTING ||
    protocol === AUTHENTICATION
  );
}

/** Octets of the extension header at `at`; its first two octets must be in bounds. At least 8. */
export function ipv6ExtensionLength(view: DataView, at: number, protocol: number): number {
  if (protocol === FRAGMENT_HEADER) return 8;
  const length = view.getUint8(at + 1);
  // RFC 4302 section 2.2: the authentication header counts words, minus 2
  return protocol === AUTHENTICATION ? Math.max(8, (length + 2) << 2) : (length + 1) << 3;
}

/** Octets, a multiple of 8. `at` is the fragment header. */
export function ipv6FragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + FRAGMENT) & 0xfff8;
}

/** `at` is the fragment header. */
export function ipv6MoreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT) & 1) !== 0;
}

/** `at` is the fragment header. */
export function ipv6FragmentId(view: DataView, at: number): number {
  return view.getUint32(at + FRAGMENT_ID);
}

/** Payload length, octets, of a jumbo payload option in the hop-by-hop header at `at` before `end`, else -1. */
export function ipv6JumboLength(view: DataView, at: number, end: number): number {
  if (end - at < 2) return -1;
  const headerEnd = Math.min(end, at + ipv6ExtensionLength(view, at, HOP_BY_HOP));
  let option = at + 2;
  while (headerEnd - option >= 2) {
    const kind = view.getUint8(option);
    if (kind === 0) {
      option++;
      continue;
    }
    const size = view.getUint8(option + 1);
    if (kind === 0xc2 && size === 4 && headerEnd - option >= 6) return view.getUint32(option + 2);
    option += 2 + size;
  }
  return -1;
}
