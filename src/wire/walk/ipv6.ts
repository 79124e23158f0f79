/** An IPv6 packet with its extension headers: what few packets of a cluster are, so apart from the walk's loop. */
import { ipv6JumboLength, ipv6MoreFragments, Ipv6Header, ipv6NextHeader, ipv6PayloadLength } from '../ipv6.js';
import { ipv6Chain, walkIpv6Extensions } from '../ipv6-extensions.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { problemNumber } from '../problems.js';
import { layerOfProtocol } from './next-layer.js';
import { listLayer, refuse, report } from './note.js';
import { enterTunnel } from './tunnel.js';

const PAYLOAD_LENGTH = problemNumber('ipv6-payload-length');
const EXTENSION_TRUNCATED = problemNumber('ipv6-extension-truncated');
const NESTING_TOO_DEEP = problemNumber('nesting-too-deep');
const HOP_BY_HOP = 0;
const NO_NEXT_HEADER = 59;
/** No packet is longer; keeps lengths small integers. */
const LONGEST = 0x3fffffff;

/** Reads an IPv6 header that was checked, and the extension headers. Returns the kind of the next layer. */
export function readIpv6(
  packet: PacketView,
  view: DataView,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  if (packet.ipAt >= 0) enterTunnel(packet, Layer.IP, -1, -1, 0, at);
  const headersAt = at + Ipv6Header.span;
  const firstHeader = ipv6NextHeader(view, at);
  const sent = announced - at;
  let length = Ipv6Header.span + ipv6PayloadLength(view, at);
  let mayBeJumbo = false;
  if (length === Ipv6Header.span && firstHeader !== NO_NEXT_HEADER) {
    const jumbo = firstHeader === HOP_BY_HOP ? ipv6JumboLength(view, headersAt, end) : -1;
    mayBeJumbo = firstHeader === HOP_BY_HOP && jumbo < 0;
    length = jumbo > 0 ? Math.min(jumbo, LONGEST) + Ipv6Header.span : sent;
  }
  const packetEnd = Math.min(end, at + length);
  listLayer(packet, Layer.IPV6, at, packetEnd);
  packet.ipAt = at;
  packet.ipVersion = 6;
  packet.ipLength = length;
  packet.ipEnd = packetEnd;
  packet.protocol = -1;
  packet.fragmentOffset = 0;
  packet.moreFragments = 0;
  if (length > sent && !fragmented) report(packet, PAYLOAD_LENGTH, at + 4);

  const walked = walkIpv6Extensions(view, headersAt, packetEnd, firstHeader);
  if (walked === 'too-many') return report(packet, NESTING_TOO_DEEP, ipv6Chain.at);
  if (walked === 'cut') {
    // The option that has the length may be among what was not captured
    if (mayBeJumbo && ipv6Chain.at === headersAt) packet.ipLength = 0;
    const packetAnnounced = Math.min(announced, at + length);
    return refuse(packet, EXTENSION_TRUNCATED, ipv6Chain.at, ipv6Chain.length, packetEnd, packetAnnounced, fragmented);
  }
  if (ipv6Chain.fragmentAt >= 0) {
    packet.seldomSet = true;
    packet.fragmentAt = ipv6Chain.fragmentAt;
    packet.fragmentOffset = ipv6Chain.fragmentOffset;
    packet.moreFragments = ipv6MoreFragments(view, ipv6Chain.fragmentAt) ? 1 : 0;
  }
  packet.protocol = ipv6Chain.protocol;
  packet.l4At = ipv6Chain.at;
  packet.l4Length = length - (ipv6Chain.at - at);
  return packet.fragmentOffset !== 0 ? -1 : layerOfProtocol(packet, packet.protocol);
}
