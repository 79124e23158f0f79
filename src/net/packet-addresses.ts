import { ethernetDstAt } from '../wire/ethernet.js';
import { icmpv6Type } from '../wire/icmpv6.js';
import { ipv4Dst, ipv4DstAt, ipv4Src, ipv4SrcAt, ipv4Ttl } from '../wire/ipv4.js';
import { ipv6DstAt, ipv6HopLimit, ipv6SrcAt } from '../wire/ipv6.js';
import { Layer } from '../wire/layers.js';
import type { PacketView } from '../wire/packet.js';
import type { AddressTable } from './address-table.js';

/** Id of the source address of the IP header at `ipAt`. */
export function sourceId(view: DataView, ipAt: number, version: number, table: AddressTable): number {
  return version === 4 ? table.idOfIpv4(view, ipv4SrcAt(ipAt)) : table.idOfIpv6(view, ipv6SrcAt(ipAt));
}

/** Id of the destination address of the IP header at `ipAt`. */
export function destinationId(view: DataView, ipAt: number, version: number, table: AddressTable): number {
  return version === 4 ? table.idOfIpv4(view, ipv4DstAt(ipAt)) : table.idOfIpv6(view, ipv6DstAt(ipAt));
}

/** TTL or hop limit of the IP header at `ipAt`. */
export function hopsLeft(view: DataView, ipAt: number, version: number): number {
  return version === 4 ? ipv4Ttl(view, ipAt) : ipv6HopLimit(view, ipAt);
}

/**
 * True for what can be paired: an IP packet from one host to one other. Broadcast and multicast are copied by bridges and
 * answered by nobody, and ARP and neighbour discovery have no path: they stay on their link.
 */
export function isUnicast(packet: PacketView): boolean {
  const ipAt = packet.ipAt;
  if (ipAt < 0) return false;
  const view = packet.view;
  if (packet.ipVersion === 4) {
    if (ipv4Dst(view, ipAt) >>> 28 >= 14 || ipv4Src(view, ipAt) === 0) return false;
  } else if (view.getUint8(ipv6DstAt(ipAt)) === 0xff || isUnspecified(view, ipv6SrcAt(ipAt)) || isDiscovery(packet)) {
    return false;
  }
  return packet.ethAt < 0 || (view.getUint8(ethernetDstAt(packet.ethAt)) & 1) === 0;
}

/** Router and neighbour solicitations, advertisements and redirects (RFC 4861). */
function isDiscovery(packet: PacketView): boolean {
  if (packet.l4Kind !== Layer.ICMPV6) return false;
  const type = icmpv6Type(packet.view, packet.l4At);
  return type >= 133 && type <= 137;
}

/** True for a tunnel's packet of which too little was captured to see the packet inside: it is not the tunnel that is meant. */
export function isCutTunnel(packet: PacketView): boolean {
  if (packet.cut === 0 || packet.layerCount === 0) return false;
  const last = packet.layerKinds[packet.layerCount - 1]!;
  if (last === Layer.VXLAN || last === Layer.GENEVE || last === Layer.GRE) return true;
  return packet.ethAt > packet.ipAt && (last === Layer.ETH || last === Layer.VLAN);
}

function isUnspecified(view: DataView, at: number): boolean {
  return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + 12)) === 0;
}
