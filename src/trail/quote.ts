import type { AddressTable } from '../net/address-table.js';
import { destinationId, sourceId } from '../net/packet-addresses.js';
import type { PacketView } from '../wire/packet.js';
import type { Quote } from './packet-group.js';

const UDP = 17;
const TUNNEL_PORTS = new Set([4789, 8472, 6081]);
const TUNNEL_PROTOCOLS = new Set([4, 41, 47]);

/** The flow quoted inside the ICMP error that the packet is; null when too little of it was captured. */
export function quoteOf(packet: PacketView, addresses: AddressTable): Quote | null {
  const { view, quotedIpAt: ipAt, quotedL4At: l4At, quotedProtocol: protocol } = packet;
  if (ipAt < 0) return null;
  const has = (octets: number): boolean => l4At >= 0 && packet.frameEnd - l4At >= octets;
  const ports = (protocol === 6 || protocol === UDP) && has(4);
  const echo = (protocol === 1 || protocol === 58) && has(8);
  const destinationPort = ports ? view.getUint16(l4At + 2) : -1;
  return {
    src: sourceId(view, ipAt, packet.quotedIpVersion, addresses),
    dst: destinationId(view, ipAt, packet.quotedIpVersion, addresses),
    protocol,
    sourcePort: ports ? view.getUint16(l4At) : -1,
    destinationPort,
    icmpType: echo ? view.getUint8(l4At) : -1,
    icmpId: echo ? view.getUint16(l4At + 4) : -1,
    icmpSeq: echo ? view.getUint16(l4At + 6) : -1,
    tunnel: TUNNEL_PROTOCOLS.has(protocol) || (protocol === UDP && TUNNEL_PORTS.has(destinationPort)),
  };
}
