import type { ExchangeProtocol } from '../report/report.js';
import { Layer } from '../wire/layers.js';
import { Exchange } from './exchange.js';
import { ExchangeAliases } from './exchange-aliases.js';
import { BEYOND, ExchangeIndex } from './exchange-index.js';
import { numbered, type Key, type Sockets } from './exchange-key.js';
import { noteBackend, noteForms, type PacketFacts } from './exchange-packets.js';
import { EXCHANGE_SHIFT, ExchangeFlag, ExchangeRow, NO_EXCHANGE, Protocol } from './exchange-store.js';
import { FragmentTable } from './fragments.js';
import type { Quote } from './packet-group.js';
import type { Direction } from './trail.js';
import type { Form } from './trail-rows.js';

const TCP = 6;
const UDP = 17;
const DNS = 53;
const SYN = 2;
const RST = 4;
const ACK = 16;
const DNS_RESPONSE = 0x8000;
const NONE = NO_EXCHANGE;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = EXCHANGE_SHIFT;
const FLAGS = ExchangeRow.FLAGS;
const PROTOCOL = ExchangeFlag.PROTOCOL;
const HAS_BACKENDS = ExchangeFlag.HAS_BACKENDS;
const HAS_FORMS = ExchangeFlag.HAS_FORMS;
const IS_UDP = Protocol.UDP;
const IS_TCP = Protocol.TCP;
const IS_DNS = Protocol.DNS;
const IS_ECHO = Protocol.ECHO;

/** All exchanges of a run, found by what requests and replies have in common. */
export class ExchangeTable implements Iterable<Exchange> {
  readonly #index: ExchangeIndex;
  readonly #fragments = new FragmentTable();
  /** Exchanges that a translated reply made before its request was told, by the request's other form. */
  readonly #aliases = new ExchangeAliases();
  /** Exchanges by the form that their requests were translated to: a reply that is lost before it is translated back shows no other. */
  readonly #translated = new ExchangeAliases();
  /** What is looked for: reused, and good until the next one is. */
  readonly #key: Key = {
    protocol: IS_UDP,
    client: 0,
    server: 0,
    clientPort: -1,
    serverPort: -1,
    id: 0,
    sequence: 0,
    nameId: -1,
  };
  /** Of the packet that was last given its exchange. */
  direction: Direction = null;
  /** What exchangeOf returns: any exchange, until the next one. */
  readonly #any: Exchange;

  /** @param small the captures are kept in memory, and checks look at answered exchanges, too */
  constructor(small = false) {
    this.#index = new ExchangeIndex(small);
    this.#any = new Exchange(this.#index.store, BEYOND);
  }

  /** All that are held, in order of their making. */
  get all(): Exchange[] {
    return [...this];
  }

  [Symbol.iterator](): Iterator<Exchange> {
    return this.#index[Symbol.iterator]();
  }

  /** An exchange by its number: what was handed out by `keep` as the same object, all else as a new one. */
  at(number: number): Exchange {
    return this.#index.at(number);
  }

  protocolOf(number: number): ExchangeProtocol {
    return this.#index.look(number).protocol;
  }

  /** The exchange that exchangeOf returned, to be kept. */
  keep(exchange: Exchange): Exchange {
    if (exchange !== this.#any) return exchange;
    return exchange.number === BEYOND ? exchange.copy() : this.#index.viewOf(exchange.number);
  }

  /**
   * Finds or makes the exchange of a packet, null when it belongs to none, and sets `direction`. The object is used again for the
   * next packet: see `keep`.
   * @param first its form where it was first seen, @param last where it was last seen
   */
  exchangeOf(facts: PacketFacts, first: Form, last: Form): Exchange | null {
    if (facts.fragmentOffset > 0) {
      const known = this.#fragments.find(facts, first) ?? this.#fragments.find(facts, last);
      if (known === null) return null;
      this.direction = known.direction;
      return known.exchange;
    }
    const number = this.#exchangeOf(facts, first, last);
    if (number === NONE) return null;
    const exchange = this.#any.moveTo(number);
    // A row tells what it has not: only of what few exchanges have, more is read
    const flags = this.#index.store.rows[(number << SHIFT) + FLAGS]!;
    if (first !== last && this.direction === 'request' && (flags & HAS_FORMS) === 0)
      this.#rememberTranslated(exchange, facts.forms ?? [first, last]);
    if ((first !== last || (flags & HAS_BACKENDS) !== 0) && !isMidway(facts))
      noteBackend(exchange, this.direction, facts, first, last);
    // Fragments of segments are seldom; what tells a segment's arrival needs its sequence number
    if (facts.moreFragments !== 0 && facts.protocol !== TCP) {
      const kept = this.keep(exchange);
      this.#fragments.remember(facts, first, kept, this.direction);
      if (first !== last) this.#fragments.remember(facts, last, kept, this.direction);
      return kept;
    }
    return exchange;
  }

  #rememberTranslated(exchange: Exchange, forms: readonly Form[]): void {
    noteForms(exchange, forms);
    const { number, id, sequence } = exchange;
    if (number === BEYOND) return;
    const form = forms.at(-1)!;
    const protocol = this.#index.store.rows[(number << SHIFT) + FLAGS]! & PROTOCOL;
    const key = this.#asked(protocol, form);
    // Of a connection its sequence number does not count
    if (protocol === IS_DNS) numbered(key, id, sequence, -1);
    else if (protocol === IS_ECHO) numbered(key, form.echoId, sequence, -1);
    this.#translated.set(key, number);
  }

  /** The exchange that a reply in a translated form belongs to; `id` as the form has it. */
  #findTranslated(protocol: number, reply: Form, id: number, sequence: number): number {
    return this.#translated.find(numbered(this.#answered(protocol, reply), id, sequence, -1));
  }

  /** The key of what was asked from src to dst. Of a connection or flow nothing more counts. */
  #asked(protocol: number, { src, dst, sourcePort, destinationPort }: Sockets): Key {
    return this.#between(protocol, src, dst, sourcePort, destinationPort);
  }

  /** The key of what was answered from src to dst. */
  #answered(protocol: number, { src, dst, sourcePort, destinationPort }: Sockets): Key {
    return this.#between(protocol, dst, src, destinationPort, sourcePort);
  }

  #between(protocol: number, client: number, server: number, clientPort: number, serverPort: number): Key {
    const key = this.#key;
    key.protocol = protocol;
    key.client = client;
    key.server = server;
    key.clientPort = protocol === IS_ECHO ? -1 : clientPort;
    key.serverPort = protocol === IS_ECHO ? -1 : serverPort;
    key.id = 0;
    key.sequence = 0;
    key.nameId = -1;
    return key;
  }

  #is(number: number, direction: Direction): number {
    this.direction = direction;
    return number;
  }

  #exchangeOf(facts: PacketFacts, first: Form, last: Form): number {
    if (facts.quote !== null) return this.#quoted(facts, facts.quote);
    switch (facts.kind) {
      case Layer.ICMP:
      case Layer.ICMPV6: {
        const type = facts.a >> 8;
        const request = facts.kind === Layer.ICMP ? type === 8 : type === 128;
        const reply = facts.kind === Layer.ICMP ? type === 0 : type === 129;
        if (!request && !reply) return NONE;
        // The client's own view: a request's first form, a reply's last.
        return request
          ? this.#member('request', facts, numbered(this.#asked(IS_ECHO, first), first.echoId, facts.c, -1))
          : this.#reply(IS_ECHO, facts, first, last, facts.c, -1);
      }
      case Layer.UDP: {
        if (!facts.isDns) return this.#conversation(IS_UDP, facts, first, last);
        const { a: id, c: type, nameId } = facts;
        return (facts.b & DNS_RESPONSE) === 0
          ? this.#member('request', facts, numbered(this.#asked(IS_DNS, first), id, type, nameId))
          : this.#reply(IS_DNS, facts, first, last, type, nameId);
      }
      case Layer.TCP:
        return this.#conversation(IS_TCP, facts, first, last);
      default:
        // Of a header cut short the ports are there, and tell the connection.
        return facts.protocol === TCP && first.sourcePort >= 0 ? this.#conversation(IS_TCP, facts, first, last) : NONE;
    }
  }

  /** A reply belongs to the request to where it came from as the client sees it, or else as it was sent. */
  #reply(protocol: number, facts: PacketFacts, first: Form, last: Form, sequence: number, nameId: number): number {
    const isDns = protocol === IS_DNS;
    const firstId = isDns ? facts.a : first.echoId;
    let form = last;
    let id = isDns ? facts.a : last.echoId;
    let key = numbered(this.#answered(protocol, last), id, sequence, nameId);
    let found = this.#index.find(key);
    if (found === NONE && first !== last) {
      found = this.#index.find(numbered(this.#answered(protocol, first), firstId, sequence, nameId));
      if (found !== NONE) [form, id] = [first, firstId];
    }
    if (found === NONE) {
      const translated = this.#findTranslated(protocol, form, id, sequence);
      if (translated !== NONE) return this.#is(translated, 'reply');
      key = numbered(this.#answered(protocol, form), id, sequence, nameId);
    }
    const number = this.#member('reply', facts, key, found);
    if (first === last || number === BEYOND) return number;
    if (this.#index.look(number).requests === 0)
      this.#aliases.set(numbered(this.#answered(protocol, first), firstId, isDns ? 0 : sequence, -1), number);
    return number;
  }

  #conversation(protocol: number, facts: PacketFacts, first: Form, last: Form): number {
    const flags = protocol === IS_TCP ? facts.c : 0;
    const opening = (flags & (SYN | ACK)) === SYN;
    const found = this.#index.findEither(protocol, first);
    let forward = found > 0 ? found : NONE;
    if (forward === NONE && first !== last) forward = this.#findAsked(protocol, last);
    if (forward === NONE) forward = this.#aliases.find(this.#asked(protocol, first));
    // A SYN with another number opens a new connection on the same ports.
    if (
      forward !== NONE &&
      !(opening && this.#index.look(forward).synSeen && this.#index.look(forward).id !== facts.a)
    ) {
      return this.#is(forward, 'request');
    }
    if (forward === NONE && !opening) {
      const backward = first === last && found < 0 ? -found : this.#findBackward(protocol, facts, first, last);
      if (backward !== NONE) {
        const exchange = this.#index.look(backward);
        // Packets that wait for more sightings are told late: whoever sent the first datagram is the client.
        if (protocol !== IS_UDP || facts.firstTime >= exchange.firstTime) return this.#is(backward, 'reply');
        exchange.turn();
        return this.#is(backward, 'request');
      }
    }
    // A server is who answers a SYN; without one, who has the well-known or the lower port.
    const fromServer = protocol === IS_TCP && !opening && ((flags & (SYN | ACK)) === (SYN | ACK) || isServer(first));
    if (fromServer) {
      const made = this.#index.make(facts, this.#answered(protocol, last));
      if (first !== last && made !== BEYOND) this.#aliases.set(this.#answered(protocol, first), made);
      return this.#is(made, 'reply');
    }
    const key = this.#asked(protocol, first);
    if (opening) key.id = facts.a;
    return this.#is(this.#index.make(facts, key), 'request');
  }

  /** The conversation that a packet answers. */
  #findBackward(protocol: number, facts: PacketFacts, first: Form, last: Form): number {
    let found = this.#findAnswered(protocol, last);
    // A bridge that translates before its tap shows the request to the pod and the reply from the service.
    // So does a hairpin, whose reply turns round in a form that is neither its first nor its last.
    if (first !== last) {
      if (found === NONE) found = this.#findAnswered(protocol, first);
      for (const form of facts.forms ?? []) if (found === NONE) found = this.#findAnswered(protocol, form);
    }
    if (found === NONE) found = this.#findTranslated(protocol, last, 0, 0);
    return found === NONE ? this.#aliases.find(this.#answered(protocol, last)) : found;
  }

  /** The exchange that a translated reply made before its request was told; of a question the type may have been cut off. */
  #findAlias(key: Key): number {
    const { protocol, sequence } = key;
    if (protocol === IS_DNS) key.sequence = 0;
    const found = this.#aliases.find(key);
    key.sequence = sequence;
    return found;
  }

  /** The exchange that an ICMP error is about; the error travels back to who sent the quoted packet. */
  #quoted(facts: PacketFacts, quote: Quote): number {
    // Of a tunnel's packet the flow inside is meant, which such an error refuses nothing of.
    if (quote.tunnel) return quote.inner === null ? NONE : this.#findQuoted(quote.inner);
    let found = this.#findQuoted(quote);
    for (const other of facts.otherQuotes ?? []) if (found === NONE) found = this.#findQuoted(other);
    return found === NONE ? this.#announced(facts, quote) : found;
  }

  #findQuoted(quote: Quote): number {
    const { src, dst, sourcePort, destinationPort } = quote;
    let forward = NONE;
    let backward = NONE;
    if (quote.protocol === 1 || quote.protocol === 58) {
      forward = this.#index.find(numbered(this.#asked(IS_ECHO, quote), quote.icmpId, quote.icmpSeq, -1));
      backward = this.#index.find(numbered(this.#answered(IS_ECHO, quote), quote.icmpId, quote.icmpSeq, -1));
    } else if (sourcePort >= 0) {
      const protocol = quote.protocol === TCP ? IS_TCP : IS_UDP;
      forward = this.#findAsked(protocol, quote);
      backward = this.#findAnswered(protocol, quote);
      if (forward === NONE && backward === NONE && protocol === IS_UDP) {
        forward = this.#index.findRecentDns(src, sourcePort, dst);
        if (forward === NONE) backward = this.#index.findRecentDns(dst, destinationPort, src);
      }
    }
    if (forward !== NONE) return this.#is(forward, 'reply');
    return backward === NONE ? NONE : this.#is(backward, 'request');
  }

  /** Errors are told at once, the packet that they quote may still wait for more sightings. */
  #announced(facts: PacketFacts, quote: Quote): number {
    const { sourcePort, destinationPort, icmpId, icmpSeq } = quote;
    const asked = quote.protocol === 1 ? quote.icmpType === 8 : quote.icmpType === 128;
    const number = asked
      ? this.#index.make(facts, numbered(this.#asked(IS_ECHO, quote), icmpId, icmpSeq, -1))
      : quote.protocol === UDP && sourcePort >= 0 && sourcePort !== DNS && destinationPort !== DNS
        ? this.#index.make(facts, this.#asked(IS_UDP, quote))
        : NONE;
    return number === NONE ? NONE : this.#is(number, 'reply');
  }

  #member(direction: 'request' | 'reply', facts: PacketFacts, key: Key, found = this.#index.find(key)): number {
    const { nameId, sequence } = key;
    let number = found;
    if (number === NONE && direction === 'request') number = this.#findAlias(key);
    if (number === NONE) number = this.#index.make(facts, key);
    const exchange = this.#index.look(number);
    // A question that one packet was cut before, another shows.
    if (nameId >= 0 && exchange.nameId < 0) {
      exchange.nameId = nameId;
      exchange.sequence = sequence;
    }
    return this.#is(number, direction);
  }

  #findAsked(protocol: number, sockets: Sockets): number {
    return this.#index.findConversation(this.#asked(protocol, sockets));
  }

  #findAnswered(protocol: number, sockets: Sockets): number {
    return this.#index.findConversation(this.#answered(protocol, sockets));
  }

  /** True when it is time to look for exchanges that are over. */
  get isFull(): boolean {
    return this.#index.isFull;
  }

  /** Exchanges not told because there was no room. */
  get evicted(): number {
    return this.#index.evicted;
  }

  /** Of what is rare of exchanges, and of their further keys, what there was no room for. */
  get refused(): number {
    const { refused, ways } = this.#index.store;
    return refused + ways.refused + this.#aliases.forgotten + this.#translated.forgotten;
  }

  /** Gives away the exchanges that are over, see ExchangeIndex.sweep. */
  sweep(now: number, retire: (exchange: Exchange) => boolean): void {
    for (const known of [this.#aliases, this.#translated]) known.forgetAll((number) => this.#index.isIdle(number, now));
    this.#index.sweep(now, retire);
  }
}

/** Of a connection only what opens or resets it tells of backends. */
function isMidway({ kind, c }: PacketFacts): boolean {
  return kind === Layer.TCP && (c & (SYN | RST)) === 0;
}

function isServer(form: Form): boolean {
  if (form.sourcePort < 1024 !== form.destinationPort < 1024) return form.sourcePort < 1024;
  return form.sourcePort < form.destinationPort;
}
