/** The packet that an ICMP or ICMPv6 error quotes. */
import { checkIpv4, ipv4Fragment, ipv4HeaderLength, ipv4Protocol } from '../ipv4.js';
import { checkIpv6, ipv6NextHeader, Ipv6Header } from '../ipv6.js';
import { ipv6Chain, walkIpv6Extensions } from '../ipv6-extensions.js';
import type { PacketView } from '../packet.js';

/** Octets of the quoted payload that RFC 792 promises. */
const QUOTED_LEAST = 8;

/** Sets the view's quoted fields from the IP header at `at`, when there is one. */
export function readQuoted(packet: PacketView, view: DataView, at: number, end: number): void {
  if (checkIpv4(view, at, end) < 0) {
    packet.seldomSet = true;
    packet.quotedIpAt = at;
    packet.quotedEnd = end;
    packet.quotedIpVersion = 4;
    packet.quotedProtocol = ipv4Protocol(view, at);
    const l4At = at + ipv4HeaderLength(view, at);
    if (end - l4At >= QUOTED_LEAST && (ipv4Fragment(view, at) & 0x1fff) === 0) packet.quotedL4At = l4At;
    return;
  }
  if (checkIpv6(view, at, end) >= 0) return;
  packet.seldomSet = true;
  packet.quotedIpAt = at;
  packet.quotedEnd = end;
  packet.quotedIpVersion = 6;
  if (walkIpv6Extensions(view, at + Ipv6Header.span, end, ipv6NextHeader(view, at)) !== 'whole') return;
  packet.quotedProtocol = ipv6Chain.protocol;
  if (ipv6Chain.fragmentOffset === 0 && end - ipv6Chain.at >= QUOTED_LEAST) packet.quotedL4At = ipv6Chain.at;
}
