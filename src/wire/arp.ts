// RFC 826, for Ethernet and IPv4
//
//  +----------------+----------------+
//  | hardware type  | protocol type  |
//  +-------+--------+----------------+
//  | hlen  | plen   | operation      |
//  +-------+--------+----------------+----------------+
//  | sender MAC (6)                  | sender IPv4 (4)
//  +---------------------------------+----------------+
//  | target MAC (6)                  | target IPv4 (4)
//  +---------------------------------+----------------+
import { bytes, struct, u16, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const ArpPacket = struct([
  u16('hardwareType'),
  u16('protocolType'),
  u8('hardwareLength'),
  u8('protocolLength'),
  u16('operation'),
  bytes(6, 'senderMac'),
  bytes(4, 'senderIp'),
  bytes(6, 'targetMac'),
  bytes(4, 'targetIp'),
]);

const HARDWARE_TYPE = ArpPacket.offsetOf('hardwareType');
const PROTOCOL_TYPE = ArpPacket.offsetOf('protocolType');
const HARDWARE_LENGTH = ArpPacket.offsetOf('hardwareLength');
const OPERATION = ArpPacket.offsetOf('operation');
const SENDER_MAC = ArpPacket.offsetOf('senderMac');
const SENDER_IP = ArpPacket.offsetOf('senderIp');
const TARGET_MAC = ArpPacket.offsetOf('targetMac');
const TARGET_IP = ArpPacket.offsetOf('targetIp');
const LENGTH = ArpPacket.span;

const TRUNCATED = problemNumber('arp-truncated');

/** -1 when an Ethernet and IPv4 sized packet lies between `at` and `end`, else the number of its problem. */
export function checkArp(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

/** Whether the addresses are MAC and IPv4, as the accessors below read them. */
export function arpIsEthernetIpv4(view: DataView, at: number): boolean {
  return (
    view.getUint16(at + HARDWARE_TYPE) === 1 &&
    view.getUint16(at + PROTOCOL_TYPE) === 0x0800 &&
    view.getUint16(at + HARDWARE_LENGTH) === 0x0604
  );
}

/** 1 request, 2 reply. */
export function arpOperation(view: DataView, at: number): number {
  return view.getUint16(at + OPERATION);
}

/** Offset of the sender's MAC address. */
export function arpSenderMacAt(at: number): number {
  return at + SENDER_MAC;
}

/** Offset of the sender's IPv4 address. */
export function arpSenderIpAt(at: number): number {
  return at + SENDER_IP;
}

/** Offset of the target's MAC address. */
export function arpTargetMacAt(at: number): number {
  return at + TARGET_MAC;
}

/** Offset of the target's IPv4 address. */
export function arpTargetIpAt(at: number): number {
  return at + TARGET_IP;
}
