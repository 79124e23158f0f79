// LINKTYPE_LINUX_SLL (113) and LINKTYPE_LINUX_SLL2 (276), tcpdump.org: captures of the "any" device
//
//  version 1: packet type (2), ARPHRD type (2), address length (2), address (8), protocol (2)
//  version 2: protocol (2), reserved (2), interface index (4), ARPHRD type (2), packet type (1), address length (1), address (8)
import { bytes, struct, u16, u32, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const CookedHeader = struct([
  u16('packetType'),
  u16('hardwareType'),
  u16('addressLength'),
  bytes(8, 'address'),
  u16('protocol'),
]);

export const Cooked2Header = struct([
  u16('protocol'),
  u16('reserved'),
  u32('interfaceIndex'),
  u16('hardwareType'),
  u8('packetType'),
  u8('addressLength'),
  bytes(8, 'address'),
]);

const PACKET_TYPE = CookedHeader.offsetOf('packetType');
const HARDWARE_TYPE = CookedHeader.offsetOf('hardwareType');
const ADDRESS_LENGTH = CookedHeader.offsetOf('addressLength');
const ADDRESS = CookedHeader.offsetOf('address');
const PROTOCOL = CookedHeader.offsetOf('protocol');
const LENGTH = CookedHeader.span;

const PROTOCOL_2 = Cooked2Header.offsetOf('protocol');
const INTERFACE_INDEX_2 = Cooked2Header.offsetOf('interfaceIndex');
const HARDWARE_TYPE_2 = Cooked2Header.offsetOf('hardwareType');
const PACKET_TYPE_2 = Cooked2Header.offsetOf('packetType');
const ADDRESS_LENGTH_2 = Cooked2Header.offsetOf('addressLength');
const ADDRESS_2 = Cooked2Header.offsetOf('address');
const LENGTH_2 = Cooked2Header.span;

const TRUNCATED = problemNumber('cooked-truncated');

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkCooked(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

/** 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us. */
export function cookedPacketType(view: DataView, at: number): number {
  return view.getUint16(at + PACKET_TYPE);
}

/** ARPHRD_ value of the device. */
export function cookedHardwareType(view: DataView, at: number): number {
  return view.getUint16(at + HARDWARE_TYPE);
}

/** Octets of the sender's link-layer address; the header has room for 8. */
export function cookedAddressLength(view: DataView, at: number): number {
  return view.getUint16(at + ADDRESS_LENGTH);
}

/** Offset of the sender's link-layer address. */
export function cookedAddressAt(at: number): number {
  return at + ADDRESS;
}

/** EtherType of the payload. */
export function cookedProtocol(view: DataView, at: number): number {
  return view.getUint16(at + PROTOCOL);
}

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkCooked2(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH_2 ? TRUNCATED : -1;
}

/** EtherType of the payload. */
export function cooked2Protocol(view: DataView, at: number): number {
  return view.getUint16(at + PROTOCOL_2);
}

/** Linux interface index, a positive int. */
export function cooked2InterfaceIndex(view: DataView, at: number): number {
  return view.getInt32(at + INTERFACE_INDEX_2);
}

/** ARPHRD_ value of the device. */
export function cooked2HardwareType(view: DataView, at: number): number {
  return view.getUint16(at + HARDWARE_TYPE_2);
}

/** 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us. */
export function cooked2PacketType(view: DataView, at: number): number {
  return view.getUint8(at + PACKET_TYPE_2);
}

/** Octets of the sender's link-layer address; the header has room for 8. */
export function cooked2AddressLength(view: DataView, at: number): number {
  return view.getUint8(at + ADDRESS_LENGTH_2);
}

/** Offset of the sender's link-layer address. */
export function cooked2AddressAt(at: number): number {
  return at + ADDRESS_2;
}
