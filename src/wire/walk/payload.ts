/** What the ports or the first octets of a UDP or TCP payload announce. */
import { BGP_HEADER_LENGTH, BGP_MARKER_LENGTH, bgpMarkerIsGood } from '../bgp.js';
import { DNS_HEADER_LENGTH, DNS_TCP_LENGTH } from '../dns.js';
import { isEthernetFrame } from '../inner-frame.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { VxlanHeader, vxlanIsGpe, vxlanIsPlain } from '../vxlan.js';
import { isWireguard } from '../wireguard.js';
import { listLayer, nameLayer } from './note.js';
import { readGeneve, readOddVxlan, readVxlan, readVxlanGpe } from './tunnel.js';

const GPE_PORT = 4790;
const GENEVE_PORT = 6081;
const DNS_PORT = 53;
const MDNS_PORT = 5353;
const IPSEC_PORT = 4500;
const WIREGUARD_PORT = 51820;
/** Id and flags. */
const DNS_SHORTEST = 4;

/** Reads what the ports or the first octets of a UDP payload announce. Returns the kind of a tunnel's first layer, else -1. */
export function readUdpPayload(
  packet: PacketView,
  vxlanPorts: Uint8Array,
  view: DataView,
  srcPort: number,
  dstPort: number,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  const captured = end - at;
  if (vxlanPorts[dstPort] === 1) return readOddVxlan(packet, view, at, end, announced, fragmented);
  if (dstPort === GENEVE_PORT) return readGeneve(packet, view, at, end, announced, fragmented);
  if (dstPort === DNS_PORT || srcPort === DNS_PORT) return readDns(packet, at, end, packet.payloadLength);
  if (captured < 8) return -1;
  if (dstPort === GPE_PORT && vxlanIsGpe(view, at)) return readVxlanGpe(packet, view, at, end, announced);
  if (vxlanIsPlain(view, at) && isEthernetFrame(view, at + VxlanHeader.span, end, announced)) {
    return readVxlan(packet, view, at, end, 1);
  }
  if (dstPort === MDNS_PORT || srcPort === MDNS_PORT) return nameLayer(packet, Layer.MDNS, at, end);
  // RFC 3948 section 2: the first four octets are zero for IKE, and never in ESP
  if (dstPort === IPSEC_PORT || srcPort === IPSEC_PORT) {
    return view.getInt32(at) === 0 ? -1 : nameLayer(packet, Layer.ESP, at, end);
  }
  if ((view.getInt32(at) & 0x00ffffff) !== 0) return -1;
  const onPort = dstPort === WIREGUARD_PORT || srcPort === WIREGUARD_PORT;
  return isWireguard(view.getUint8(at), packet.payloadLength, onPort)
    ? nameLayer(packet, Layer.WIREGUARD, at, end)
    : -1;
}

export function readTcpPayload(packet: PacketView, view: DataView, at: number, end: number, isDns: boolean): void {
  if (isDns) {
    // RFC 1035 section 4.2.2: two octets of length before each message. A segment may begin in the middle of one: then the
    // length is often too short for a header, or the opcode was never assigned
    if (end - at < DNS_TCP_LENGTH + DNS_SHORTEST) return;
    if (view.getUint16(at) < DNS_HEADER_LENGTH || ((view.getUint8(at + 4) >> 3) & 15) > 6) return;
    readDns(packet, at + DNS_TCP_LENGTH, end, packet.payloadLength - DNS_TCP_LENGTH);
    return;
  }
  if (packet.payloadLength < BGP_HEADER_LENGTH || end - at < BGP_MARKER_LENGTH || !bgpMarkerIsGood(view, at)) return;
  packet.seldomSet = true;
  packet.bgpAt = at;
  if (end - at >= BGP_HEADER_LENGTH) listLayer(packet, Layer.BGP, at, end);
}

function readDns(packet: PacketView, at: number, end: number, length: number): -1 {
  if (length >= DNS_HEADER_LENGTH && end - at >= DNS_SHORTEST) {
    packet.seldomSet = true;
    packet.dnsAt = at;
    if (end - at >= DNS_HEADER_LENGTH) listLayer(packet, Layer.DNS, at, end);
  }
  return -1;
}
