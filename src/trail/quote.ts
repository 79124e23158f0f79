import type { AddressTable } from '../net/address-table.js';
import { destinationId, sourceId } from '../net/packet-addresses.js';
import { checkEthernet, ethernetType } from '../wire/ethernet.js';
import { checkIpv4, ipv4Fragment, ipv4HeaderLength, ipv4Protocol } from '../wire/ipv4.js';
import type { PacketView } from '../wire/packet.js';
import { checkVxlan } from '../wire/vxlan.js';
import type { Quote } from './packet-group.js';

const UDP = 17;
const UDP_LENGTH = 8;
const VXLAN_PORTS = new Set([4789, 8472]);
const TUNNEL_PORTS = new Set([...VXLAN_PORTS, 6081]);
const TUNNEL_PROTOCOLS = new Set([4, 41, 47]);
const VXLAN_LENGTH = 8;
const ETHERNET_LENGTH = 14;
const IPV4_TYPE = 0x0800;
const FRAGMENT_OFFSET = 0x1fff;

/** The flow quoted inside the ICMP error that the packet is; null when too little of it was captured. */
export function quoteOf(packet: PacketView, addresses: AddressTable): Quote | null {
  const { view, quotedIpAt: ipAt, quotedL4At: l4At, quotedEnd: end } = packet;
  if (ipAt < 0) return null;
  return flowAt(view, ipAt, packet.quotedIpVersion, l4At, packet.quotedProtocol, end, addresses);
}

function flowAt(
  view: DataView,
  ipAt: number,
  version: number,
  l4At: number,
  protocol: number,
  end: number,
  addresses: AddressTable,
): Quote {
  const has = (octets: number): boolean => l4At >= 0 && end - l4At >= octets;
  const ports = (protocol === 6 || protocol === UDP) && has(4);
  const echo = (protocol === 1 || protocol === 58) && has(8);
  const destinationPort = ports ? view.getUint16(l4At + 2) : -1;
  const vxlan = protocol === UDP && VXLAN_PORTS.has(destinationPort) && has(UDP_LENGTH);
  return {
    src: sourceId(view, ipAt, version, addresses),
    dst: destinationId(view, ipAt, version, addresses),
    protocol,
    sourcePort: ports ? view.getUint16(l4At) : -1,
    destinationPort,
    icmpType: echo ? view.getUint8(l4At) : -1,
    icmpId: echo ? view.getUint16(l4At + 4) : -1,
    icmpSeq: echo ? view.getUint16(l4At + 6) : -1,
    tunnel: TUNNEL_PROTOCOLS.has(protocol) || (protocol === UDP && TUNNEL_PORTS.has(destinationPort)),
    inner: vxlan ? insideVxlan(view, l4At + UDP_LENGTH, end, addresses) : null,
  };
}

/** The flow inside a quoted VXLAN packet, where the quotation goes so far. */
function insideVxlan(view: DataView, vxlanAt: number, end: number, addresses: AddressTable): Quote | null {
  const ethAt = vxlanAt + VXLAN_LENGTH;
  const ipAt = ethAt + ETHERNET_LENGTH;
  if (checkVxlan(view, vxlanAt, end) >= 0 || checkEthernet(view, ethAt, end) >= 0) return null;
  if (ethernetType(view, ethAt) !== IPV4_TYPE || checkIpv4(view, ipAt, end) >= 0) return null;
  const later = (ipv4Fragment(view, ipAt) & FRAGMENT_OFFSET) !== 0;
  const l4At = later ? -1 : ipAt + ipv4HeaderLength(view, ipAt);
  return flowAt(view, ipAt, 4, l4At, ipv4Protocol(view, ipAt), end, addresses);
}
