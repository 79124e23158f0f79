// RFC 9293 section 3.1
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-------------------------------+-------------------------------+
//  |          Source Port          |       Destination Port        |
//  +-------------------------------+-------------------------------+
//  |                        Sequence Number                        |
//  +---------------------------------------------------------------+
//  |                    Acknowledgment Number                      |
//  +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//  | Data  |Rsrvd+A|C|E|U|A|P|R|S|F|                               |
//  | Offset|   E   |W|C|R|C|S|S|Y|I|            Window             |
//  |       |       |R|E|G|K|H|T|N|N|                               |
//  +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//  |           Checksum            |         Urgent Pointer        |
//  +-------------------------------+-------------------------------+
import { struct, u16, u32, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const TcpHeader = struct([
  u16('srcPort'),
  u16('dstPort'),
  u32('seq'),
  u32('ack'),
  u8('dataOffset'),
  u8('flags'),
  u16('window'),
  u16('checksum'),
  u16('urgent'),
]);

const SRC_PORT = TcpHeader.offsetOf('srcPort');
const DST_PORT = TcpHeader.offsetOf('dstPort');
const SEQ = TcpHeader.offsetOf('seq');
const ACK = TcpHeader.offsetOf('ack');
const DATA_OFFSET = TcpHeader.offsetOf('dataOffset');
const FLAGS = TcpHeader.offsetOf('flags');
const WINDOW = TcpHeader.offsetOf('window');
const CHECKSUM = TcpHeader.offsetOf('checksum');
const URGENT = TcpHeader.offsetOf('urgent');
const LENGTH = TcpHeader.span;

const TRUNCATED = problemNumber('tcp-truncated');
const DATA_OFFSET_PROBLEM = problemNumber('tcp-data-offset');

/** Bits of tcpFlags(). */
export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128, AE: 256 } as const;

/** Option kinds (IANA, TCP parameters). */
export const TcpOption = {
  END: 0,
  NOP: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
  MD5: 19,
  AO: 29,
} as const;

const END = TcpOption.END;
const NOP = TcpOption.NOP;
const MSS = TcpOption.MSS;
const WINDOW_SCALE = TcpOption.WINDOW_SCALE;
const SACK_PERMITTED = TcpOption.SACK_PERMITTED;
const SACK = TcpOption.SACK;
const TIMESTAMPS = TcpOption.TIMESTAMPS;
const MD5 = TcpOption.MD5;
const AO = TcpOption.AO;

/** -1 when the header without its options lies between `at` and `end` and is one, else the number of its problem. */
export function checkTcp(view: DataView, at: number, end: number): number {
  if (end - at < LENGTH) return TRUNCATED;
  return tcpHeaderLength(view, at) < LENGTH ? DATA_OFFSET_PROBLEM : -1;
}

export function tcpSrcPort(view: DataView, at: number): number {
  return view.getUint16(at + SRC_PORT);
}

export function tcpDstPort(view: DataView, at: number): number {
  return view.getUint16(at + DST_PORT);
}

export function tcpSeq(view: DataView, at: number): number {
  return view.getUint32(at + SEQ);
}

export function tcpAck(view: DataView, at: number): number {
  return view.getUint32(at + ACK);
}

/** Octets of the header with its options. */
export function tcpHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + DATA_OFFSET) >> 4) << 2;
}

/** The twelve bits after the data offset: three reserved, AE, CWR, ECE, URG, ACK, PSH, RST, SYN, FIN. */
export function tcpFlags(view: DataView, at: number): number {
  return ((view.getUint8(at + DATA_OFFSET) & 15) << 8) | view.getUint8(at + FLAGS);
}

/** The window as sent, not scaled. */
export function tcpWindow(view: DataView, at: number): number {
  return view.getUint16(at + WINDOW);
}

export function tcpChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

export function tcpUrgent(view: DataView, at: number): number {
  return view.getUint16(at + URGENT);
}

/** Whether an option of this kind can have this many octets; any can that is not known here. */
export function tcpOptionFits(kind: number, length: number): boolean {
  switch (kind) {
    case MSS:
      return length === 4;
    case WINDOW_SCALE:
      return length === 3;
    case SACK_PERMITTED:
      return length === 2;
    case SACK:
      return length >= 10 && (length & 7) === 2;
    case TIMESTAMPS:
      return length === 10;
    case MD5:
      return length === 18;
    case AO:
      return length >= 4;
    default:
      return length >= 2;
  }
}

/** Offset of the first option of this kind and of a length that it can have, wholly between the fixed header and `end`, or -1. */
function optionAt(view: DataView, at: number, end: number, kind: number): number {
  const optionsEnd = Math.min(at + tcpHeaderLength(view, at), end);
  let option = at + LENGTH;
  while (option < optionsEnd) {
    const found = view.getUint8(option);
    if (found === END) return -1;
    if (found === NOP) {
      option++;
      continue;
    }
    if (option + 1 >= optionsEnd) return -1;
    const size = view.getUint8(option + 1);
    if (size < 2 || option + size > optionsEnd) return -1;
    if (found === kind && tcpOptionFits(kind, size)) return option;
    option += size;
  }
  return -1;
}

/** Offset of an option whose length is wrong, or -1. Options that the capture cut are not wrong. */
export function tcpBadOptionAt(view: DataView, at: number, end: number): number {
  const headerEnd = at + tcpHeaderLength(view, at);
  const optionsEnd = Math.min(headerEnd, end);
  let option = at + LENGTH;
  while (option < optionsEnd) {
    const found = view.getUint8(option);
    if (found === END) return -1;
    if (found === NOP) {
      option++;
      continue;
    }
    if (option + 1 >= headerEnd) return option;
    if (option + 1 >= optionsEnd) return -1;
    const size = view.getUint8(option + 1);
    if (!tcpOptionFits(found, size) || option + size > headerEnd) return option;
    option += size;
  }
  return -1;
}

/** The options captured whole and of a possible length, END and NOP too, up to END: kind, offset, octets. */
export function* tcpOptions(
  view: DataView,
  at: number,
  end: number,
): Generator<{ readonly kind: number; readonly at: number; readonly length: number }> {
  const optionsEnd = Math.min(at + tcpHeaderLength(view, at), end);
  for (let option = at + LENGTH; option < optionsEnd;) {
    const kind = view.getUint8(option);
    const isSingle = kind === END || kind === NOP;
    if (!isSingle && option + 1 >= optionsEnd) return;
    const length = isSingle ? 1 : view.getUint8(option + 1);
    if ((!isSingle && length < 2) || option + length > optionsEnd) return;
    yield { kind, at: option, length };
    if (kind === END) return;
    option += length;
  }
}

/** Offset of the maximum segment size option, or -1. `end`: one past the last captured octet. */
export function tcpMssAt(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, MSS);
}

/** Maximum segment size, octets, of the option that tcpMssAt() found. */
export function tcpMss(view: DataView, optionAt: number): number {
  return view.getUint16(optionAt + 2);
}

/** Offset of the window scale option, or -1. */
export function tcpWindowScaleAt(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, WINDOW_SCALE);
}

/** Shift count of the option that tcpWindowScaleAt() found (RFC 7323: at most 14 is used). */
export function tcpWindowScale(view: DataView, optionAt: number): number {
  return view.getUint8(optionAt + 2);
}

/** Offset of the SACK-permitted option, or -1. */
export function tcpSackPermittedAt(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, SACK_PERMITTED);
}

/** Offset of the SACK option, or -1. */
export function tcpSackAt(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, SACK);
}

/** Number of blocks in the option that tcpSackAt() found. */
export function tcpSackBlocks(view: DataView, optionAt: number): number {
  return (view.getUint8(optionAt + 1) - 2) >> 3;
}

/** First sequence number of a block, from 0. */
export function tcpSackLeft(view: DataView, optionAt: number, block: number): number {
  return view.getUint32(optionAt + 2 + block * 8);
}

/** Sequence number after the last of a block, from 0. */
export function tcpSackRight(view: DataView, optionAt: number, block: number): number {
  return view.getUint32(optionAt + 6 + block * 8);
}

/** Whether the options are what every stack sends outside a SYN (RFC 7323 appendix A): NOP, NOP, timestamps. */
export function tcpHasOnlyTimestamps(view: DataView, at: number, end: number): boolean {
  const first = at + LENGTH;
  return end - first >= 12 && view.getUint8(at + DATA_OFFSET) >> 4 === 8 && view.getInt32(first) === 0x0101080a;
}

/** Offset of the timestamps option, or -1. */
export function tcpTimestampsAt(view: DataView, at: number, end: number): number {
  if (tcpHasOnlyTimestamps(view, at, end)) return at + LENGTH + 2;
  return optionAt(view, at, end, TIMESTAMPS);
}

/** TSval of the option that tcpTimestampsAt() found. */
export function tcpTimestampValue(view: DataView, optionAt: number): number {
  return view.getUint32(optionAt + 2);
}

/** TSecr of the option that tcpTimestampsAt() found. */
export function tcpTimestampEcho(view: DataView, optionAt: number): number {
  return view.getUint32(optionAt + 6);
}

/** Offset of the MD5 signature option (RFC 2385 section 3.0), or -1; its 16 octets of digest are 2 octets further. */
export function tcpMd5At(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, MD5);
}

/** Offset of the authentication option (RFC 5925 section 2.2), or -1. */
export function tcpAoAt(view: DataView, at: number, end: number): number {
  return optionAt(view, at, end, AO);
}

/** Key of the option that tcpAoAt() found. */
export function tcpAoKeyId(view: DataView, optionAt: number): number {
  return view.getUint8(optionAt + 2);
}

/** The key that its sender wants next. */
export function tcpAoNextKeyId(view: DataView, optionAt: number): number {
  return view.getUint8(optionAt + 3);
}
