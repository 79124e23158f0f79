// IEEE 802.3 clause 3, as framed by RFC 894
//
//  +------------+------------+------+---------
//  | dst (6)    | src (6)    | type | payload
//  +------------+------------+------+---------
import { bytes, struct, u16 } from './layout.js';
import { problemNumber } from './problems.js';

export const EthernetHeader = struct([bytes(6, 'dst'), bytes(6, 'src'), u16('type')]);

export const IPV4_ETHERTYPE = 0x0800;
export const ARP_ETHERTYPE = 0x0806;
export const IPV6_ETHERTYPE = 0x86dd;

const DST = EthernetHeader.offsetOf('dst');
const SRC = EthernetHeader.offsetOf('src');
const TYPE = EthernetHeader.offsetOf('type');
const LENGTH = EthernetHeader.span;

const TRUNCATED = problemNumber('ethernet-truncated');

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkEthernet(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

/** Offset of the destination address. */
export function ethernetDstAt(at: number): number {
  return at + DST;
}

/** Offset of the source address. */
export function ethernetSrcAt(at: number): number {
  return at + SRC;
}

/** EtherType; up to 1500 it is the length of an 802.3 frame instead. */
export function ethernetType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE);
}
