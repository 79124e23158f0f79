import type { AddressTable } from '../net/address-table.js';
import type { PacketFilter, Tuple } from '../net/filter.js';
import type { Exchange } from './exchange.js';
import type { PacketView } from '../wire/packet.js';
import type { Quote } from './packet-group.js';
import { quoteOf } from './quote.js';
import type { Trail } from './trail.js';

const PROTOCOLS = { 'icmp-echo': 1, dns: 17, udp: 17, tcp: 6 } as const;
const ICMPV6 = 58;

/**
 * What the user's filter is about. It chooses among packets that were put together, not among frames: a packet under another
 * address, behind a translation, is the same packet, and missing there it would look lost.
 */
export class Choice {
  readonly filter: PacketFilter;
  readonly #addresses: AddressTable;

  constructor(filter: PacketFilter, addresses: AddressTable) {
    this.filter = filter;
    this.#addresses = addresses;
  }

  /** A packet is chosen by any of its addresses; an ICMP error also by those of the packet that it quotes. */
  isTrail({ ipVersion, protocol, forms, quote, otherQuotes }: Trail): boolean {
    if (this.isPacket(ipVersion, protocol, forms)) return true;
    return [quote, ...otherQuotes].some((each) => each !== null && this.#isQuote(ipVersion, each));
  }

  /** A frame by itself, an ICMP error also by what it quotes. */
  isFrame(packet: PacketView): boolean {
    if (this.filter.matches(packet)) return true;
    const quote = quoteOf(packet, this.#addresses);
    return quote !== null && this.#isQuote(packet.quotedIpVersion, quote);
  }

  isPacket(ipVersion: number, protocol: number, tuples: readonly Tuple[]): boolean {
    return this.filter.matchesAny(ipVersion, protocol, tuples, this.#addresses);
  }

  /** An exchange is chosen by its request or its reply. */
  isExchange({ isChosen, ipVersion, protocol, client, clientPort, server, serverPort }: Exchange): boolean {
    if (isChosen) return true;
    const number = protocol === 'icmp-echo' && ipVersion === 6 ? ICMPV6 : PROTOCOLS[protocol];
    const request = { src: client, dst: server, sourcePort: clientPort, destinationPort: serverPort };
    const reply = { src: server, dst: client, sourcePort: serverPort, destinationPort: clientPort };
    return this.isPacket(ipVersion, number, [request]) || this.isPacket(ipVersion, number, [reply]);
  }

  #isQuote(ipVersion: number, quote: Quote): boolean {
    if (this.isPacket(ipVersion, quote.protocol, [quote])) return true;
    return quote.inner !== null && this.#isQuote(ipVersion, quote.inner);
  }
}
