// RFC 2784 section 2 with the key and sequence number of RFC 2890
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-----------------+-----+-------------------------------+
//  |C| |K|S| Reserved0       | Ver |         Protocol Type         |
//  +-+-+-+-+-----------------+-----+-------------------------------+
//  |      Checksum (optional)      |       Reserved1 (optional)    |
//  +-------------------------------+-------------------------------+
//  |                         Key (optional)                        |
//  +---------------------------------------------------------------+
//  |                 Sequence Number (optional)                    |
//  +---------------------------------------------------------------+
import { struct, u16 } from './layout.js';
import { problemNumber } from './problems.js';

export const GreHeader = struct([u16('flags'), u16('type')]);

const FLAGS = GreHeader.offsetOf('flags');
const TYPE = GreHeader.offsetOf('type');
const LENGTH = GreHeader.span;

/** Bits of greFlags(); the version is the last three. */
export const GreFlag = { CHECKSUM: 0x8000, ROUTING: 0x4000, KEY: 0x2000, SEQUENCE: 0x1000, VERSION: 0x0007 } as const;

const CHECKSUM_PRESENT = GreFlag.CHECKSUM;
const ROUTING_PRESENT = GreFlag.ROUTING;
const KEY_PRESENT = GreFlag.KEY;
const SEQUENCE_PRESENT = GreFlag.SEQUENCE;
const VERSION_MASK = GreFlag.VERSION;

const TRUNCATED = problemNumber('gre-truncated');
const VERSION = problemNumber('gre-version');

/**
 * -1 when the header without its optional words lies between `at` and `end`, else the number of its problem.
 * Versions 0 and 1 (PPTP, RFC 2637) exist.
 */
export function checkGre(view: DataView, at: number, end: number): number {
  if (end - at < LENGTH) return TRUNCATED;
  return (view.getUint16(at + FLAGS) & VERSION_MASK) > 1 ? VERSION : -1;
}

export function greFlags(view: DataView, at: number): number {
  return view.getUint16(at + FLAGS);
}

/** Whether the payload can be found: version 0 without the source routes that RFC 2784 took out. */
export function greIsPlain(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & (ROUTING_PRESENT | VERSION_MASK)) === 0;
}

/** EtherType of the payload; 0x6558 is an Ethernet frame. */
export function greType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE);
}

/** Octets of the header with its optional words. */
export function greHeaderLength(view: DataView, at: number): number {
  const flags = view.getUint16(at + FLAGS);
  return (
    LENGTH +
    ((flags & CHECKSUM_PRESENT) !== 0 ? 4 : 0) +
    ((flags & KEY_PRESENT) !== 0 ? 4 : 0) +
    ((flags & SEQUENCE_PRESENT) !== 0 ? 4 : 0)
  );
}

/** Offset of the checksum, or -1 without one or when it does not lie before `end`. */
export function greChecksumAt(view: DataView, at: number, end: number): number {
  return (view.getUint16(at + FLAGS) & CHECKSUM_PRESENT) === 0 || end - at < LENGTH + 2 ? -1 : at + LENGTH;
}

/** Offset of the key, or -1 without one or when it does not lie before `end`. */
export function greKeyAt(view: DataView, at: number, end: number): number {
  const flags = view.getUint16(at + FLAGS);
  if ((flags & KEY_PRESENT) === 0) return -1;
  const keyAt = at + LENGTH + ((flags & CHECKSUM_PRESENT) !== 0 ? 4 : 0);
  return end - keyAt < 4 ? -1 : keyAt;
}

/** Offset of the sequence number, or -1 without one or when it does not lie before `end`. */
export function greSequenceAt(view: DataView, at: number, end: number): number {
  if ((view.getUint16(at + FLAGS) & SEQUENCE_PRESENT) === 0) return -1;
  const sequenceAt = at + greHeaderLength(view, at) - 4;
  return end - sequenceAt < 4 ? -1 : sequenceAt;
}
