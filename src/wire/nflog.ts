// LINKTYPE_NFLOG (239), tcpdump.org: what iptables' NFLOG target hands to a program
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +---------------+---------------+-------------------------------+
//  | address family|    version    |          resource id          |
//  +---------------+---------------+-------------------------------+
//  | parts: length (2) with these four octets, type (2), in the    |
//  | byte order of the capturing host; value; padding to 4         |
import { struct, u16, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const NflogHeader = struct([u8('family'), u8('version'), u16('resourceId')]);

const FAMILY = NflogHeader.offsetOf('family');
const LENGTH = NflogHeader.span;
const PART_HEADER_LENGTH = 4;
const PAYLOAD = 9;

const TRUNCATED = problemNumber('nflog-truncated');

/** -1 when the header without its parts lies between `at` and `end`, else the number of its problem. */
export function checkNflog(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

/** Address family of the packet as Linux numbers it: 2 IPv4, 10 IPv6. */
export function nflogFamily(view: DataView, at: number): number {
  return view.getUint8(at + FAMILY);
}

/** Offset of the logged packet; -1 when there is none before `end`. */
export function nflogPacketAt(view: DataView, at: number, end: number): number {
  let part = at + LENGTH;
  // A part is shorter than 256 octets where the byte order is not told by its length: then one of the two octets is 0
  const littleEndian = end - part < 2 || view.getUint8(part + 1) === 0;
  while (end - part >= PART_HEADER_LENGTH) {
    const length = view.getUint16(part, littleEndian);
    if (length < PART_HEADER_LENGTH) return -1;
    if ((view.getUint16(part + 2, littleEndian) & 0x7fff) === PAYLOAD) return part + PART_HEADER_LENGTH;
    part += (length + 3) & ~3;
  }
  return -1;
}
