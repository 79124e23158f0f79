/** DNS and BGP messages of a packet. */
import { BGP_HEADER_LENGTH, bgpLength, bgpNext, checkBgp } from './bgp.js';
import { DNS_HEADER_LENGTH, DNS_TCP_LENGTH, dnsTcpBegins, dnsTcpEnd } from './dns.js';
import { Layer } from './layers.js';
import type { PacketView } from './packet.js';

export interface Message {
  /** Layer.DNS or Layer.BGP. */
  readonly protocol: number;
  /** Over the packet's octets, or over others where the message spans segments. */
  readonly view: DataView;
  /** The header; over TCP, after the length field of DNS. */
  readonly at: number;
  /** One past the last octet that is there. */
  readonly end: number;
  /** One past the last octet as announced; beyond `end` when the capture cut the message or it goes on in another segment. */
  readonly announcedEnd: number;
  /** Put together from several segments. */
  readonly spans: boolean;
  /** The beginning of one that MessageStreams gives whole with a later segment, if that comes. */
  readonly goesOn: boolean;
  /** Of BGP the families whose prefixes have path identifiers, where MessageStreams saw both OPENs: bgpHasPaths(). */
  readonly paths?: number | undefined;
}

/** The messages that begin in the packet, as it alone shows them: of a TCP segment, those that follow one at its beginning. */
export function messagesOf(packet: PacketView): Message[] {
  if (packet.dnsAt !== -1) return packet.l4Kind === Layer.TCP ? dnsOverTcp(packet) : [dnsOverUdp(packet)];
  return packet.bgpAt !== -1 ? bgpMessages(packet) : [];
}

function dnsOverUdp({ view, dnsAt, payloadAt, payloadEnd, payloadLength }: PacketView): Message {
  const announcedEnd = payloadAt + payloadLength;
  return { protocol: Layer.DNS, view, at: dnsAt, end: payloadEnd, announcedEnd, spans: false, goesOn: false };
}

function dnsOverTcp({ view, payloadAt, payloadEnd }: PacketView): Message[] {
  const messages: Message[] = [];
  for (let lengthAt = payloadAt; payloadEnd - lengthAt > DNS_TCP_LENGTH + 2;) {
    const at = lengthAt + DNS_TCP_LENGTH;
    const headerCaptured = payloadEnd - at >= DNS_HEADER_LENGTH;
    if (headerCaptured && !dnsTcpBegins(view, lengthAt, payloadEnd)) break;
    const announcedEnd = dnsTcpEnd(view, lengthAt);
    const end = Math.min(payloadEnd, announcedEnd);
    messages.push({ protocol: Layer.DNS, view, at, end, announcedEnd, spans: false, goesOn: false });
    lengthAt = announcedEnd;
  }
  return messages;
}

function bgpMessages({ view, bgpAt, payloadEnd }: PacketView): Message[] {
  const messages: Message[] = [];
  let at = bgpAt;
  while (at !== -1) {
    const sound = checkBgp(view, at, payloadEnd) === -1;
    const announcedEnd = at + (sound ? bgpLength(view, at) : BGP_HEADER_LENGTH);
    const end = Math.min(payloadEnd, announcedEnd);
    messages.push({ protocol: Layer.BGP, view, at, end, announcedEnd, spans: false, goesOn: false });
    at = sound ? bgpNext(view, at, payloadEnd) : -1;
  }
  return messages;
}
