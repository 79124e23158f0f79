// RFC 768
//
//   0      7 8     15 16    23 24    31
//  +-----------------+-----------------+
//  |   Source Port   | Destination Port|
//  +-----------------+-----------------+
//  |     Length      |    Checksum     |
//  +-----------------+-----------------+
import { struct, u16 } from './layout.js';
import { problemNumber } from './problems.js';

export const UdpHeader = struct([u16('srcPort'), u16('dstPort'), u16('length'), u16('checksum')]);

const SRC_PORT = UdpHeader.offsetOf('srcPort');
const DST_PORT = UdpHeader.offsetOf('dstPort');
const LENGTH = UdpHeader.offsetOf('length');
const CHECKSUM = UdpHeader.offsetOf('checksum');
const HEADER_LENGTH = UdpHeader.span;

const TRUNCATED = problemNumber('udp-truncated');

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkUdp(_view: DataView, at: number, end: number): number {
  return end - at < HEADER_LENGTH ? TRUNCATED : -1;
}

export function udpSrcPort(view: DataView, at: number): number {
  return view.getUint16(at + SRC_PORT);
}

export function udpDstPort(view: DataView, at: number): number {
  return view.getUint16(at + DST_PORT);
}

/** Octets of header and payload; 0 means "as long as the IP packet" (RFC 2675 section 4, and frames before segmentation). */
export function udpLength(view: DataView, at: number): number {
  return view.getUint16(at + LENGTH);
}

/** 0 when the sender computed none. */
export function udpChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}
