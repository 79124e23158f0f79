import { Layer } from '../wire/layers.js';
import type { ExchangeProtocol } from '../report/report.js';
import { Exchange, noteBackend, type PacketFacts } from './exchange.js';
import { FragmentTable } from './fragments.js';
import type { Quote } from './packet-group.js';
import type { Direction, Form } from './trail.js';

const TCP = 6;
const UDP = 17;
const DNS = 53;
const SYN = 2;
const ACK = 16;
const DNS_RESPONSE = 0x8000;
const BUCKETS = 1 << 16;
/** Most translated replies remembered whose request was not told yet. */
const ALIASES = 1 << 14;
/** Exchanges held before the settled ones among them are looked for. */
const SWEEP = 1 << 16;
/** Most exchanges held; what is beyond is counted and not told. */
const LIMIT = 1 << 18;
/** A settled exchange is over when nothing of it was seen for this long, nanoseconds. */
const IDLE = 10e9;
/** The last exchanges among which one socket's DNS questions are looked for when an ICMP error quotes it. */
const RECENT = 64;

/** From whom to whom. */
type Sockets = Pick<Form, 'src' | 'dst' | 'sourcePort' | 'destinationPort'>;

/** What an exchange is found by; see Exchange for its fields. */
type Key = Pick<
  Exchange,
  'protocol' | 'client' | 'server' | 'clientPort' | 'serverPort' | 'id' | 'sequence' | 'nameId'
>;

/** All exchanges of a run, found by what requests and replies have in common. */
export class ExchangeTable {
  readonly #buckets: (Exchange | null)[] = new Array<Exchange | null>(BUCKETS).fill(null);
  /** In order of their making. */
  all: Exchange[] = [];
  /** Exchanges not told because the table was full. */
  evicted = 0;
  #sweepAt = SWEEP;
  readonly #fragments = new FragmentTable();
  /** Exchanges that a translated reply made before its request was told, by the request's other form. */
  readonly #aliases = new Map<string, Exchange>();
  /** Exchanges by the form that their requests were translated to: a reply that is lost before it is translated back shows no other. */
  readonly #translated = new Map<string, Exchange>();
  /** What is looked for: reused, and good until the next one is. */
  readonly #key: Key = {
    protocol: 'udp',
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

  /**
   * Finds or makes the exchange of a packet, null when it belongs to none, and sets `direction`.
   * @param first its form where it was first seen, @param last where it was last seen
   */
  exchangeOf(facts: PacketFacts, first: Form, last: Form): Exchange | null {
    if (facts.fragmentOffset > 0) {
      const known = this.#fragments.find(facts, first) ?? this.#fragments.find(facts, last);
      return known === null ? null : this.#is(known.exchange, known.direction);
    }
    const exchange = this.#exchangeOf(facts, first, last);
    if (first !== last && exchange !== null && this.direction === 'request')
      this.#rememberTranslated(exchange, facts.forms ?? [first, last]);
    if (exchange !== null && (first !== last || exchange.backends.length > 0))
      noteBackend(exchange, this.direction, facts, first, last);
    // Fragments of segments are seldom; what tells a segment's arrival needs its sequence number
    if (facts.moreFragments !== 0 && exchange !== null && facts.protocol !== TCP) {
      this.#fragments.remember(facts, first, exchange, this.direction);
      if (first !== last) this.#fragments.remember(facts, last, exchange, this.direction);
    }
    return exchange;
  }

  #rememberTranslated(exchange: Exchange, forms: readonly Form[]): void {
    if (exchange.requestForms.length > 0) return;
    // Who tells packets without a trail uses its objects again.
    exchange.requestForms = forms.map((form) => ({ ...form }));
    const form = forms.at(-1)!;
    if (this.#translated.size >= ALIASES) this.#translated.delete(this.#translated.keys().next().value!);
    const { protocol, id, sequence } = exchange;
    const key = numbered(this.#asked(protocol, form), protocol === 'dns' ? id : form.echoId, sequence, -1);
    this.#translated.set(translatedKey(key), exchange);
  }

  /** The exchange that a reply in a translated form belongs to; `id` as the form has it. */
  #findTranslated(protocol: ExchangeProtocol, reply: Form, id: number, sequence: number): Exchange | undefined {
    if (this.#translated.size === 0) return undefined;
    return this.#translated.get(translatedKey(numbered(this.#answered(protocol, reply), id, sequence, -1)));
  }

  /** The key of what was asked from src to dst. Of a connection or flow nothing more counts. */
  #asked(protocol: ExchangeProtocol, { src, dst, sourcePort, destinationPort }: Sockets): Key {
    return this.#between(protocol, src, dst, sourcePort, destinationPort);
  }

  /** The key of what was answered from src to dst. */
  #answered(protocol: ExchangeProtocol, { src, dst, sourcePort, destinationPort }: Sockets): Key {
    return this.#between(protocol, dst, src, destinationPort, sourcePort);
  }

  #between(protocol: ExchangeProtocol, client: number, server: number, clientPort: number, serverPort: number): Key {
    const key = this.#key;
    key.protocol = protocol;
    key.client = client;
    key.server = server;
    key.clientPort = protocol === 'icmp-echo' ? -1 : clientPort;
    key.serverPort = protocol === 'icmp-echo' ? -1 : serverPort;
    key.id = 0;
    key.sequence = 0;
    key.nameId = -1;
    return key;
  }

  #is(exchange: Exchange, direction: Direction): Exchange {
    this.direction = direction;
    return exchange;
  }

  #exchangeOf(facts: PacketFacts, first: Form, last: Form): Exchange | null {
    if (facts.quote !== null) return this.#quoted(facts, facts.quote);
    switch (facts.kind) {
      case Layer.ICMP:
      case Layer.ICMPV6: {
        const type = facts.a >> 8;
        const request = facts.kind === Layer.ICMP ? type === 8 : type === 128;
        const reply = facts.kind === Layer.ICMP ? type === 0 : type === 129;
        if (!request && !reply) return null;
        // The client's own view: a request's first form, a reply's last.
        return request
          ? this.#member('request', facts, numbered(this.#asked('icmp-echo', first), first.echoId, facts.c, -1))
          : this.#reply('icmp-echo', facts, first, last, facts.c, -1);
      }
      case Layer.UDP: {
        if (!facts.isDns) return this.#conversation('udp', facts, first, last);
        const { a: id, c: type, nameId } = facts;
        return (facts.b & DNS_RESPONSE) === 0
          ? this.#member('request', facts, numbered(this.#asked('dns', first), id, type, nameId))
          : this.#reply('dns', facts, first, last, type, nameId);
      }
      case Layer.TCP:
        return this.#conversation('tcp', facts, first, last);
      default:
        // Of a header cut short the ports are there, and tell the connection.
        return facts.protocol === TCP && first.sourcePort >= 0 ? this.#conversation('tcp', facts, first, last) : null;
    }
  }

  /** A reply belongs to the request to where it came from as the client sees it, or else as it was sent. */
  #reply(
    protocol: 'icmp-echo' | 'dns',
    facts: PacketFacts,
    first: Form,
    last: Form,
    sequence: number,
    nameId: number,
  ): Exchange {
    const idOf = ({ echoId }: Form): number => (protocol === 'dns' ? facts.a : echoId);
    const find = (form: Form): Exchange | null =>
      this.#find(numbered(this.#answered(protocol, form), idOf(form), sequence, nameId));
    const form = find(last) === null && find(first) !== null ? first : last;
    const id = idOf(form);
    const translated =
      this.#translated.size > 0 && find(form) === null ? this.#findTranslated(protocol, form, id, sequence) : undefined;
    if (translated !== undefined) return this.#is(translated, 'reply');
    const exchange = this.#member('reply', facts, numbered(this.#answered(protocol, form), id, sequence, nameId));
    if (first !== last && exchange.requests === 0 && this.#aliases.size < ALIASES) {
      const key = aliasOf(numbered(this.#answered(protocol, first), idOf(first), sequence, nameId));
      this.#aliases.set(key, exchange);
    }
    return exchange;
  }

  #conversation(protocol: 'tcp' | 'udp', facts: PacketFacts, first: Form, last: Form): Exchange {
    const flags = protocol === 'tcp' ? facts.c : 0;
    const opening = (flags & (SYN | ACK)) === SYN;
    const forward = this.#findAsked(protocol, first) ?? (first === last ? null : this.#findAsked(protocol, last));
    // A SYN with another number opens a new connection on the same ports.
    if (forward !== null && !(opening && forward.synSeen && forward.id !== facts.a)) {
      return this.#is(forward, 'request');
    }
    if (forward === null && !opening) {
      // A bridge that translates before its tap shows the request to the pod and the reply from the service.
      // So does a hairpin, whose reply turns round in a form that is neither its first nor its last.
      let backward = this.#findAnswered(protocol, last);
      if (first !== last) {
        backward ??= this.#findAnswered(protocol, first);
        for (const form of facts.forms ?? []) backward ??= this.#findAnswered(protocol, form);
      }
      backward ??= this.#findTranslated(protocol, last, -1, 0) ?? null;
      if (backward !== null) {
        // Packets that wait for more sightings are told late: whoever sent the first datagram is the client.
        if (protocol !== 'udp' || facts.firstTime >= backward.firstTime) return this.#is(backward, 'reply');
        this.#unlink(backward);
        backward.turn();
        this.#link(backward);
        return this.#is(backward, 'request');
      }
    }
    // A server is who answers a SYN; without one, who has the well-known or the lower port.
    const fromServer = protocol === 'tcp' && !opening && ((flags & (SYN | ACK)) === (SYN | ACK) || isServer(first));
    if (fromServer) return this.#is(this.#make(facts, this.#answered(protocol, last)), 'reply');
    const key = this.#asked(protocol, first);
    if (opening) key.id = facts.a;
    return this.#is(this.#make(facts, key), 'request');
  }

  /** The exchange that an ICMP error is about; the error travels back to who sent the quoted packet. */
  #quoted(facts: PacketFacts, quote: Quote): Exchange | null {
    // Of a tunnel's packet the flow inside is meant, which such an error refuses nothing of.
    if (quote.tunnel) return quote.inner === null ? null : this.#findQuoted(quote.inner);
    let found = this.#findQuoted(quote);
    for (const other of facts.otherQuotes ?? []) found ??= this.#findQuoted(other);
    return found ?? this.#announced(facts, quote);
  }

  #findQuoted(quote: Quote): Exchange | null {
    const { src, dst, sourcePort, destinationPort } = quote;
    let forward: Exchange | null = null;
    let backward: Exchange | null = null;
    if (quote.protocol === 1 || quote.protocol === 58) {
      forward = this.#find(numbered(this.#asked('icmp-echo', quote), quote.icmpId, quote.icmpSeq, -1));
      backward = this.#find(numbered(this.#answered('icmp-echo', quote), quote.icmpId, quote.icmpSeq, -1));
    } else if (sourcePort >= 0) {
      const protocol = quote.protocol === 6 ? 'tcp' : 'udp';
      forward = this.#findAsked(protocol, quote);
      backward = this.#findAnswered(protocol, quote);
      if (forward === null && backward === null && protocol === 'udp') {
        forward = this.#recentDns(src, sourcePort, dst);
        if (forward === null) backward = this.#recentDns(dst, destinationPort, src);
      }
    }
    if (forward !== null) return this.#is(forward, 'reply');
    return backward === null ? null : this.#is(backward, 'request');
  }

  /** Errors are told at once, the packet that they quote may still wait for more sightings. */
  #announced(facts: PacketFacts, quote: Quote): Exchange | null {
    const { sourcePort, destinationPort, icmpId, icmpSeq } = quote;
    const asked = quote.protocol === 1 ? quote.icmpType === 8 : quote.icmpType === 128;
    const exchange = asked
      ? this.#make(facts, numbered(this.#asked('icmp-echo', quote), icmpId, icmpSeq, -1))
      : quote.protocol === UDP && sourcePort >= 0 && sourcePort !== DNS && destinationPort !== DNS
        ? this.#make(facts, this.#asked('udp', quote))
        : null;
    return exchange === null ? null : this.#is(exchange, 'reply');
  }

  /** DNS exchanges are keyed by their id, which a quotation may not hold: the last one of the socket is meant. */
  #recentDns(client: number, clientPort: number, server: number): Exchange | null {
    for (let i = this.all.length - 1; i >= 0 && i >= this.all.length - RECENT; i--) {
      const exchange = this.all[i]!;
      if (
        exchange.protocol === 'dns' &&
        exchange.client === client &&
        exchange.clientPort === clientPort &&
        exchange.server === server
      ) {
        return exchange;
      }
    }
    return null;
  }

  #member(direction: 'request' | 'reply', facts: PacketFacts, key: Key): Exchange {
    const { nameId, sequence } = key;
    const exchange =
      this.#find(key) ??
      (direction === 'request' && this.#aliases.size > 0 ? this.#aliases.get(aliasOf(key)) : undefined) ??
      this.#make(facts, key);
    // A question that one packet was cut before, another shows.
    if (exchange.nameId < 0 && nameId >= 0) {
      exchange.nameId = nameId;
      exchange.sequence = sequence;
    }
    return this.#is(exchange, direction);
  }

  #find(key: Key): Exchange | null {
    const { id, sequence, nameId } = key;
    let exchange = this.#buckets[bucketOf(key)]!;
    for (; exchange !== null; exchange = exchange.next!) {
      if (
        exchange.id === id &&
        (nameId === exchange.nameId ? exchange.sequence === sequence : nameId < 0 || exchange.nameId < 0) &&
        isBetween(exchange, key)
      ) {
        return exchange;
      }
    }
    return null;
  }

  #findAsked(protocol: 'tcp' | 'udp', sockets: Sockets): Exchange | null {
    return this.#findConversation(this.#asked(protocol, sockets));
  }

  #findAnswered(protocol: 'tcp' | 'udp', sockets: Sockets): Exchange | null {
    return this.#findConversation(this.#answered(protocol, sockets));
  }

  /** The latest connection or datagram flow between two sockets. */
  #findConversation(key: Key): Exchange | null {
    let exchange = this.#buckets[bucketOf(key)]!;
    while (exchange !== null && !isBetween(exchange, key)) exchange = exchange.next!;
    return exchange;
  }

  #make({ ipVersion }: PacketFacts, key: Key): Exchange {
    const exchange = new Exchange();
    exchange.protocol = key.protocol;
    exchange.client = key.client;
    exchange.server = key.server;
    exchange.clientPort = key.clientPort;
    exchange.serverPort = key.serverPort;
    exchange.id = key.id;
    exchange.sequence = key.sequence;
    exchange.nameId = key.nameId;
    exchange.ipVersion = ipVersion;
    if (this.all.length >= LIMIT) {
      this.evicted++;
      return exchange;
    }
    this.#link(exchange);
    this.all.push(exchange);
    return exchange;
  }

  #link(exchange: Exchange): void {
    const bucket = bucketOf(exchange);
    exchange.next = this.#buckets[bucket]!;
    this.#buckets[bucket] = exchange;
  }

  /** True when it is time to look for exchanges that are over. */
  get isFull(): boolean {
    return this.all.length >= this.#sweepAt;
  }

  /**
   * Gives away the exchanges that are over: `retire` is asked about each that has been idle, and takes it or leaves it.
   * @param now time up to which packets were told
   */
  sweep(now: number, retire: (exchange: Exchange) => boolean): void {
    for (const [key, { lastTime }] of this.#aliases) if (lastTime + IDLE < now) this.#aliases.delete(key);
    for (const [key, { lastTime }] of this.#translated) if (lastTime + IDLE < now) this.#translated.delete(key);
    const kept: Exchange[] = [];
    for (const exchange of this.all) {
      if (exchange.lastTime + IDLE < now && retire(exchange)) this.#unlink(exchange);
      else kept.push(exchange);
    }
    this.all = kept;
    this.#sweepAt = kept.length + SWEEP;
  }

  #unlink(exchange: Exchange): void {
    const bucket = bucketOf(exchange);
    let at = this.#buckets[bucket]!;
    if (at === exchange) {
      this.#buckets[bucket] = exchange.next;
      return;
    }
    while (at !== null && at.next !== exchange) at = at.next!;
    if (at !== null) at.next = exchange.next;
  }
}

/** Says which echo or question a key is of. */
function numbered(key: Key, id: number, sequence: number, nameId: number): Key {
  key.id = id;
  key.sequence = sequence;
  key.nameId = nameId;
  return key;
}

/** Of what has identifiers, echoes and questions, they count; the initial sequence number of a connection does not. */
function translatedKey(key: Key): string {
  return hasId(key.protocol) ? `${aliasOf(key)} ${key.sequence}` : aliasOf(key);
}

function aliasOf({ protocol, client, server, clientPort, serverPort, id }: Key): string {
  return `${protocol} ${client} ${server} ${clientPort} ${serverPort} ${id}`;
}

function hasId(protocol: ExchangeProtocol): boolean {
  return protocol === 'icmp-echo' || protocol === 'dns';
}

/** What every look-up knows: all echoes or questions between two sockets would be one chain without their ids. */
function bucketOf({ protocol, client, server, clientPort, serverPort, id, sequence }: Key): number {
  let h =
    Math.imul(client, 0x9e3779b1) ^
    Math.imul(server, 0x85ebca6b) ^
    Math.imul((clientPort << 16) ^ serverPort, 0xc2b2ae35);
  // The type of a question may have been cut off, and is learnt later
  if (protocol === 'icmp-echo') h ^= Math.imul((id << 16) ^ sequence, 0x27d4eb2f);
  else if (protocol === 'dns') h ^= Math.imul(id, 0x27d4eb2f);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 16;
}

function isBetween(exchange: Exchange, { protocol, client, server, clientPort, serverPort }: Key): boolean {
  return (
    exchange.client === client &&
    exchange.server === server &&
    exchange.clientPort === clientPort &&
    exchange.serverPort === serverPort &&
    exchange.protocol === protocol
  );
}

function isServer(form: Form): boolean {
  if (form.sourcePort < 1024 !== form.destinationPort < 1024) return form.sourcePort < 1024;
  return form.sourcePort < form.destinationPort;
}
