// RFC 7348 section 5
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-----------------------------------------------+
//  |R|R|R|R|I|R|R|R|            Reserved                           |
//  +-+-+-+-+-+-+-+-+-------------------------------+---------------+
//  |                VXLAN Network Identifier (VNI) |   Reserved    |
//  +-----------------------------------------------+---------------+
import { struct, u24, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const VxlanHeader = struct([u8('flags'), u24('reserved1'), u24('vni'), u8('reserved2')]);

const FLAGS = VxlanHeader.offsetOf('flags');
const VNI = VxlanHeader.offsetOf('vni');
const RESERVED_2 = VxlanHeader.offsetOf('reserved2');
const LENGTH = VxlanHeader.span;

const TRUNCATED = problemNumber('vxlan-truncated');

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkVxlan(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

export function vxlanFlags(view: DataView, at: number): number {
  return view.getUint8(at + FLAGS);
}

export function vxlanVni(view: DataView, at: number): number {
  return view.getInt32(at + VNI) >>> 8;
}

/** The 24 reserved bits before and the 8 after the VNI, as one signed word. 0 in every header that RFC 7348 allows to be sent. */
export function vxlanReserved(view: DataView, at: number): number {
  return (view.getInt32(at + FLAGS) << 8) | view.getUint8(at + RESERVED_2);
}

/** Bits of the flags that extensions of RFC 7348 use. */
export const VxlanFlag = {
  /** draft-smith-vxlan-group-policy: the 16 bits before the VNI are a group policy. */
  GROUP_POLICY: 0x80,
  /** RFC 7348: the VNI is valid. */
  VNI: 0x08,
  /** draft-ietf-nvo3-vxlan-gpe: the octet before the VNI is the protocol of what follows. */
  NEXT_PROTOCOL: 0x04,
  /** draft-ietf-nvo3-vxlan-gpe: a packet of operation, administration and maintenance. */
  OAM: 0x01,
} as const;

/** draft-smith-vxlan-group-policy: the egress must not learn the source address. */
export function vxlanDontLearn(view: DataView, at: number): boolean {
  return (vxlanReserved(view, at) & 0x4000_0000) !== 0;
}

/** draft-smith-vxlan-group-policy: the policy was applied already. */
export function vxlanPolicyApplied(view: DataView, at: number): boolean {
  return (vxlanReserved(view, at) & 0x0800_0000) !== 0;
}

/** draft-smith-vxlan-group-policy: the group policy. */
export function vxlanGroupPolicy(view: DataView, at: number): number {
  return (vxlanReserved(view, at) >>> 8) & 0xffff;
}

/** draft-ietf-nvo3-vxlan-gpe: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS. */
export function vxlanNextProtocol(view: DataView, at: number): number {
  return (vxlanReserved(view, at) >>> 8) & 0xff;
}

/** Whether the I flag is set and nothing else is. */
export function vxlanIsPlain(view: DataView, at: number): boolean {
  return view.getInt32(at + FLAGS) === 0x08000000 && view.getUint8(at + RESERVED_2) === 0;
}

/** The version of VXLAN-GPE, and the flags that say that VNI and next protocol are valid. */
const GPE_MASK = 0x3c;

/** Whether this is version 0 of draft-ietf-nvo3-vxlan-gpe section 3, with a VNI and a next protocol. */
export function vxlanIsGpe(view: DataView, at: number): boolean {
  return (view.getUint8(at + FLAGS) & GPE_MASK) === (VxlanFlag.VNI | VxlanFlag.NEXT_PROTOCOL);
}
