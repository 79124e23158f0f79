// RFC 4443 section 2.1; neighbour discovery from RFC 4861 section 4
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +---------------+---------------+-------------------------------+
//  |     Type      |     Code      |          Checksum             |
//  +---------------+---------------+-------------------------------+
//  | echo: Identifier, Sequence Number    packet too big: MTU      |
//  +---------------------------------------------------------------+
//  | errors: as much of the packet as fits                         |
//  | neighbour solicitation and advertisement: target (16), options|
import { QUOTED_LENGTH_LEAST } from './icmp.js';
import { bytes, struct, u16, u32, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const Icmpv6Header = struct([u8('type'), u8('code'), u16('checksum'), u16('id'), u16('seq')]);
export const Icmpv6PacketTooBig = struct([u8('type'), u8('code'), u16('checksum'), u32('mtu')]);
export const NeighborMessage = struct([u8('type'), u8('code'), u16('checksum'), u32('flags'), bytes(16, 'target')]);

const TYPE = Icmpv6Header.offsetOf('type');
const CODE = Icmpv6Header.offsetOf('code');
const CHECKSUM = Icmpv6Header.offsetOf('checksum');
const ID = Icmpv6Header.offsetOf('id');
const SEQ = Icmpv6Header.offsetOf('seq');
const LENGTH = Icmpv6Header.span;
const MTU = Icmpv6PacketTooBig.offsetOf('mtu');
const TARGET = NeighborMessage.offsetOf('target');
const NEIGHBOR_LENGTH = NeighborMessage.span;

const TRUNCATED = problemNumber('icmpv6-truncated');

export const Icmpv6Type = {
  UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
} as const;

const PARAMETER_PROBLEM = Icmpv6Type.PARAMETER_PROBLEM;
const ECHO_REQUEST = Icmpv6Type.ECHO_REQUEST;
const ECHO_REPLY = Icmpv6Type.ECHO_REPLY;
const NEIGHBOR_SOLICITATION = Icmpv6Type.NEIGHBOR_SOLICITATION;
const NEIGHBOR_ADVERTISEMENT = Icmpv6Type.NEIGHBOR_ADVERTISEMENT;

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkIcmpv6(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

export function icmpv6Type(view: DataView, at: number): number {
  return view.getUint8(at + TYPE);
}

export function icmpv6Code(view: DataView, at: number): number {
  return view.getUint8(at + CODE);
}

export function icmpv6Checksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

/** Whether identifier and sequence number are meant: echo request or reply. */
export function icmpv6IsEcho(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return type === ECHO_REQUEST || type === ECHO_REPLY;
}

export function icmpv6Id(view: DataView, at: number): number {
  return view.getUint16(at + ID);
}

export function icmpv6Seq(view: DataView, at: number): number {
  return view.getUint16(at + SEQ);
}

/** Octets, of a packet too big message. */
export function icmpv6Mtu(view: DataView, at: number): number {
  return view.getUint32(at + MTU);
}

/** Whether this message quotes the packet that caused it: types 1 to 4. */
export function icmpv6IsError(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return type >= 1 && type <= PARAMETER_PROBLEM;
}

/** Offset of the quoted packet of an error. */
export function icmpv6QuotedAt(at: number): number {
  return at + LENGTH;
}

/** One past the last octet of what an error quotes: `end`, or where its length field, in words of 64 bits, says that extensions begin. */
export function icmpv6QuotedEnd(view: DataView, at: number, end: number): number {
  const type = view.getUint8(at + TYPE);
  if (type !== Icmpv6Type.UNREACHABLE && type !== Icmpv6Type.TIME_EXCEEDED) return end;
  const length = view.getUint8(at + ID) << 3;
  return length < QUOTED_LENGTH_LEAST ? end : Math.min(end, icmpv6QuotedAt(at) + length);
}

/** Offset of the target address of a neighbour solicitation or advertisement that lies before `end`, else -1. */
export function neighborTargetAt(view: DataView, at: number, end: number): number {
  const type = view.getUint8(at + TYPE);
  if (type !== NEIGHBOR_SOLICITATION && type !== NEIGHBOR_ADVERTISEMENT) return -1;
  return end - at < NEIGHBOR_LENGTH ? -1 : at + TARGET;
}

/** Offset of the MAC address in the link-layer address option of a solicitation (1) or advertisement (2), or -1. */
export function neighborMacAt(view: DataView, at: number, end: number): number {
  if (neighborTargetAt(view, at, end) < 0) return -1;
  const kind = view.getUint8(at + TYPE) === NEIGHBOR_SOLICITATION ? 1 : 2;
  let option = at + NEIGHBOR_LENGTH;
  while (end - option >= 8) {
    const size = view.getUint8(option + 1) << 3;
    if (size === 0 || option + size > end) return -1;
    if (view.getUint8(option) === kind) return option + 2;
    option += size;
  }
  return -1;
}
