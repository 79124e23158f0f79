/** What made frames have in common: their addresses, the beginnings of messages. */
import { ethernet, hex, ipv4, ipv6, join, tcp, udp, type Part, type Payload } from '../support/packets.js';

export const LINKTYPE_ETHERNET = 1;

export interface MadeFrame {
  readonly name: string;
  readonly linkType: number;
  readonly octets: Uint8Array;
  /** Problems of it, as `code@offset`; none when it is left out. */
  readonly problems?: readonly string[];
}

export function v4(payload: Payload, more: { id?: number; tos?: number; df?: boolean; ttl?: number } = {}): Part {
  return ipv4({ src: '10.244.1.7', dst: '10.244.2.9', id: 0x1234, ...more }, payload);
}

export function v6(payload: Payload): Part {
  return ipv6({ src: 'fd00:10:244:1::7', dst: 'fd00:10:244:2::9', hopLimit: 63, flowLabel: 0xabcde }, payload);
}

/** web.shop.svc.cluster.local */
export const NAME = '03776562 0473686f70 03737663 07636c7573746572 056c6f63616c 00';

/** A DNS message. */
export function message(id: number, flags: number, counts: string, rest: string): Uint8Array {
  return join(new Uint8Array([id >> 8, id & 0xff, flags >> 8, flags & 0xff]), hex(counts), hex(rest));
}

/** DNS messages with their lengths before them. */
export function overTcp(...messages: Uint8Array[]): Uint8Array {
  return join(...messages.flatMap((octets) => [new Uint8Array([octets.length >> 8, octets.length & 0xff]), octets]));
}

/** A frame from a DNS server, over UDP. */
export function dnsAnswer(octets: Uint8Array): Uint8Array {
  return ethernet({}, v4(udp({ srcPort: 53, dstPort: 40_000 }, octets)));
}

/** The marker before every BGP message. */
export const MARKER = 'ffffffffffffffffffffffffffffffff';

/** A frame with BGP messages. */
export function bgpFrame(...messages: Uint8Array[]): Uint8Array {
  return ethernet({}, v4(tcp({ srcPort: 40_000, dstPort: 179, flags: 0x18 }, join(...messages))));
}
