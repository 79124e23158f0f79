// IEEE 802.1Q clause 9.6: what follows the tag's own EtherType (0x8100, 0x88a8 or 0x9100)
//
//   0 1 2   3   4 5 6 7 8 9 0 1 2 3 4 5
//  +-----+---+-------------------------+-----------------+
//  | PCP |DEI|        VLAN ID          | type            |
//  +-----+---+-------------------------+-----------------+
import { struct, u16 } from './layout.js';
import { problemNumber } from './problems.js';

export const VlanTag = struct([u16('tci'), u16('type')]);

const TCI = VlanTag.offsetOf('tci');
const TYPE = VlanTag.offsetOf('type');
const LENGTH = VlanTag.span;

const TRUNCATED = problemNumber('vlan-truncated');

/** -1 when the tag lies between `at` and `end`, else the number of its problem. */
export function checkVlan(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

export function vlanId(view: DataView, at: number): number {
  return view.getUint16(at + TCI) & 0x0fff;
}

/** Priority code point, 0 to 7. */
export function vlanPriority(view: DataView, at: number): number {
  return view.getUint16(at + TCI) >> 13;
}

/** EtherType of what follows the tag. */
export function vlanType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE);
}
