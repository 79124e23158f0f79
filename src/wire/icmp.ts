// RFC 792; next-hop MTU from RFC 1191 section 4
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +---------------+---------------+-------------------------------+
//  |     Type      |     Code      |          Checksum             |
//  +---------------+---------------+-------------------------------+
//  | echo: Identifier, Sequence Number                             |
//  | 3/4: unused, Next-Hop MTU     redirect: Gateway Address       |
//  +---------------------------------------------------------------+
//  | errors: the IP header and at least 8 octets that caused it    |
import { struct, u16, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const IcmpHeader = struct([u8('type'), u8('code'), u16('checksum'), u16('id'), u16('seq')]);

const TYPE = IcmpHeader.offsetOf('type');
const CODE = IcmpHeader.offsetOf('code');
const CHECKSUM = IcmpHeader.offsetOf('checksum');
const ID = IcmpHeader.offsetOf('id');
const SEQ = IcmpHeader.offsetOf('seq');
/** RFC 4884: in words of 32 bits. */
const QUOTED_WORDS = ID + 1;
const LENGTH = IcmpHeader.span;

const TRUNCATED = problemNumber('icmp-truncated');

export const IcmpType = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const;

const ECHO_REPLY = IcmpType.ECHO_REPLY;
const UNREACHABLE = IcmpType.UNREACHABLE;
const SOURCE_QUENCH = IcmpType.SOURCE_QUENCH;
const REDIRECT = IcmpType.REDIRECT;
const ECHO_REQUEST = IcmpType.ECHO_REQUEST;
const TIME_EXCEEDED = IcmpType.TIME_EXCEEDED;
const PARAMETER_PROBLEM = IcmpType.PARAMETER_PROBLEM;

const TIMESTAMP = 13;
const ADDRESS_MASK_REPLY = 18;
const EXTENDED_ECHO_REQUEST = 42;
const EXTENDED_ECHO_REPLY = 43;
/** RFC 4884 section 3: the least octets of a quotation whose length is given. */
export const QUOTED_LENGTH_LEAST = 128;

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkIcmp(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

export function icmpType(view: DataView, at: number): number {
  return view.getUint8(at + TYPE);
}

export function icmpCode(view: DataView, at: number): number {
  return view.getUint8(at + CODE);
}

export function icmpChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

/** Whether identifier and sequence number are meant: echo request or reply. */
export function icmpIsEcho(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return type === ECHO_REQUEST || type === ECHO_REPLY;
}

/** Whether there is an identifier: in echoes, timestamps, information and address masks (RFC 792, RFC 950), extended echoes (RFC 8335). */
export function icmpHasId(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return icmpHasSeq(view, at) || type === EXTENDED_ECHO_REQUEST || type === EXTENDED_ECHO_REPLY;
}

/** Whether there is a sequence number of 16 bits. */
export function icmpHasSeq(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return icmpIsEcho(view, at) || (type >= TIMESTAMP && type <= ADDRESS_MASK_REPLY);
}

export function icmpId(view: DataView, at: number): number {
  return view.getUint16(at + ID);
}

export function icmpSeq(view: DataView, at: number): number {
  return view.getUint16(at + SEQ);
}

/** Next-hop MTU, octets, of type 3 code 4; 0 when the sender does not know RFC 1191. */
export function icmpMtu(view: DataView, at: number): number {
  return view.getUint16(at + SEQ);
}

/** Offset of the gateway address of a redirect. */
export function icmpGatewayAt(at: number): number {
  return at + ID;
}

/** Whether this message quotes the packet that caused it. */
export function icmpIsError(view: DataView, at: number): boolean {
  const type = view.getUint8(at + TYPE);
  return (
    type === UNREACHABLE ||
    type === TIME_EXCEEDED ||
    type === REDIRECT ||
    type === PARAMETER_PROBLEM ||
    type === SOURCE_QUENCH
  );
}

/** Offset of the quoted packet of an error. */
export function icmpQuotedAt(at: number): number {
  return at + LENGTH;
}

/**
 * One past the last octet of what an error quotes: `end`, or where its length field says that extensions begin (RFC 4884
 * section 4).
 */
export function icmpQuotedEnd(view: DataView, at: number, end: number): number {
  const type = view.getUint8(at + TYPE);
  if (type !== UNREACHABLE && type !== TIME_EXCEEDED && type !== PARAMETER_PROBLEM) return end;
  const length = view.getUint8(at + QUOTED_WORDS) << 2;
  return length < QUOTED_LENGTH_LEAST ? end : Math.min(end, icmpQuotedAt(at) + length);
}
