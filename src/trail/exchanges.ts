import { doubled } from '../net/doubled.js';
import { Layer } from '../wire/layers.js';
import { Exchange, Reach } from './exchange.js';
import { EXCHANGE_SHIFT, ExchangeFlag, ExchangeRow, ExchangeStore, NO_EXCHANGE, Protocol } from './exchange-store.js';
import { noteBackend, type PacketFacts } from './exchange-packets.js';
import { FragmentTable } from './fragments.js';
import type { Quote } from './packet-group.js';
import type { Direction, Form } from './trail.js';

const TCP = 6;
const UDP = 17;
const DNS = 53;
const SYN = 2;
const RST = 4;
const ACK = 16;
const DNS_RESPONSE = 0x8000;
/** Buckets at first, as a power of two. */
const BUCKET_BITS = 8;
const NONE = NO_EXCHANGE;
/** Stands for all those for which there is no room. */
const BEYOND = 1;
/** Most translated replies remembered whose request was not told yet. */
const ALIASES = 1 << 14;
/** Exchanges made until those that are over are looked for: of captures that are kept in memory, and of larger ones. */
const SWEEP_SMALL = 1 << 16;
const SWEEP = 1 << 14;
/** Most exchanges held; what is beyond is counted and not told. */
const LIMIT = 1 << 18;
/** A settled exchange is over when nothing of it was seen for this long, nanoseconds. */
const IDLE = 10e9;
/** An echo or question whose answer was seen to arrive is over after this long: nobody asks the same again. */
const IDLE_ANSWERED = 2e9;
/**
 * What is made up to so long after there was no room, nanoseconds, may lack packets that came before: retries of a question, told in
 * another order, or a flow that pauses.
 */
const LACK = 30e9;
/** The last exchanges among which one socket's DNS questions are looked for when an ICMP error quotes it. */
const RECENT = 64;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = EXCHANGE_SHIFT;
const FLAGS = ExchangeRow.FLAGS;
const CLIENT = ExchangeRow.CLIENT;
const SERVER = ExchangeRow.SERVER;
const CLIENT_PORT = ExchangeRow.CLIENT_PORT;
const SERVER_PORT = ExchangeRow.SERVER_PORT;
const ID = ExchangeRow.ID;
const NAME_ID = ExchangeRow.NAME_ID;
const NEXT = ExchangeRow.NEXT;
const SEQUENCE = ExchangeRow.SEQUENCE;
const PROTOCOL = ExchangeFlag.PROTOCOL;
const HAS_BACKENDS = ExchangeFlag.HAS_BACKENDS;
const HAS_FORMS = ExchangeFlag.HAS_FORMS;
const IPV6 = ExchangeFlag.IPV6;
const MAY_LACK = ExchangeFlag.MAY_LACK;
const IS_UDP = Protocol.UDP;
const IS_TCP = Protocol.TCP;
const IS_DNS = Protocol.DNS;
const IS_ECHO = Protocol.ECHO;

/** From whom to whom. */
type Sockets = Pick<Form, 'src' | 'dst' | 'sourcePort' | 'destinationPort'>;

/** What an exchange is found by; see Exchange for its fields. */
interface Key {
  /** See Protocol. */
  protocol: number;
  client: number;
  server: number;
  clientPort: number;
  serverPort: number;
  id: number;
  sequence: number;
  nameId: number;
}

/** All exchanges of a run, found by what requests and replies have in common. */
export class ExchangeTable implements Iterable<Exchange> {
  readonly #store = new ExchangeStore(LIMIT + 1);
  /** Exchanges as objects, by number. */
  readonly #views: (Exchange | undefined)[] = [];
  /** The latest exchange of each bucket; as many as exchanges: each step along a chain would wait for memory. */
  #buckets = new Int32Array(1 << BUCKET_BITS);
  #bits = BUCKET_BITS;
  /** Numbers in order of their making. */
  #order = new Int32Array(1 << 8);
  #count = 0;
  /** Exchanges not told because the table was full. */
  evicted = 0;
  /** Up to when what is made may lack packets. */
  #lackUntil = -Infinity;
  /** Time of the last sweep. */
  #sweptAt = Infinity;
  readonly #sweep: number;
  /** Made since the last sweep, those beyond the limit included, and how many it takes for the next one. */
  #made = 0;
  #sweepAt: number;
  readonly #fragments = new FragmentTable();
  /** Exchanges that a translated reply made before its request was told, by the request's other form. */
  readonly #aliases = new Map<string, number>();
  /** Exchanges by the form that their requests were translated to: a reply that is lost before it is translated back shows no other. */
  readonly #translated = new Map<string, number>();
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
  /** Any exchange, looked at for a moment. */
  readonly #any: Exchange;
  readonly #other: Exchange;

  /** @param small the captures are kept in memory, and checks look at answered exchanges, too */
  constructor(small = false) {
    this.#sweep = this.#sweepAt = small ? SWEEP_SMALL : SWEEP;
    this.#store.take();
    this.#any = new Exchange(this.#store, BEYOND);
    this.#other = new Exchange(this.#store, BEYOND);
  }

  /** All that are held, in order of their making. */
  get all(): Exchange[] {
    return [...this];
  }

  *[Symbol.iterator](): Generator<Exchange> {
    for (let i = 0; i < this.#count; i++) yield this.at(this.#order[i]!);
  }

  /** An exchange by its number: what was handed out by `keep` as the same object, all else as a new one. */
  at(number: number): Exchange {
    return this.#views[number] ?? new Exchange(this.#store, number);
  }

  /** The exchange that exchangeOf returned, to be kept. */
  keep(exchange: Exchange): Exchange {
    if (exchange !== this.#any) return exchange;
    return exchange.number === BEYOND ? exchange.copy() : this.#viewOf(exchange.number);
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
    const flags = this.#store.rows[(number << SHIFT) + FLAGS]!;
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

  /** The exchange as an object, always the same one. */
  #viewOf(number: number): Exchange {
    const views = this.#views;
    while (views.length <= number) views.push(undefined);
    return (views[number] ??= new Exchange(this.#store, number));
  }

  #rememberTranslated(exchange: Exchange, forms: readonly Form[]): void {
    // Who tells packets without a trail uses its objects again.
    exchange.requestForms = forms.map((form) => ({ ...form }));
    const { number, id, sequence } = exchange;
    if (number === BEYOND) return;
    const form = forms.at(-1)!;
    if (this.#translated.size >= ALIASES) this.#translated.delete(this.#translated.keys().next().value!);
    const protocol = this.#store.rows[(number << SHIFT) + FLAGS]! & PROTOCOL;
    const key = numbered(this.#asked(protocol, form), protocol === IS_DNS ? id : form.echoId, sequence, -1);
    this.#translated.set(translatedKey(key), number);
  }

  /** The exchange that a reply in a translated form belongs to; `id` as the form has it. */
  #findTranslated(protocol: number, reply: Form, id: number, sequence: number): number {
    if (this.#translated.size === 0) return NONE;
    return this.#translated.get(translatedKey(numbered(this.#answered(protocol, reply), id, sequence, -1))) ?? NONE;
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

  /** A look at an exchange, good until the next one. */
  #look(number: number): Exchange {
    return this.#other.moveTo(number);
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
    let found = this.#find(key);
    if (found === NONE && first !== last) {
      found = this.#find(numbered(this.#answered(protocol, first), firstId, sequence, nameId));
      if (found !== NONE) [form, id] = [first, firstId];
    }
    if (found === NONE) {
      const translated = this.#findTranslated(protocol, form, id, sequence);
      if (translated !== NONE) return this.#is(translated, 'reply');
      key = numbered(this.#answered(protocol, form), id, sequence, nameId);
    }
    const number = this.#member('reply', facts, key, found);
    if (first === last || number === BEYOND || this.#aliases.size >= ALIASES) return number;
    if (this.#look(number).requests === 0) {
      const key = aliasOf(numbered(this.#answered(protocol, first), firstId, sequence, nameId));
      this.#aliases.set(key, number);
    }
    return number;
  }

  #conversation(protocol: number, facts: PacketFacts, first: Form, last: Form): number {
    const flags = protocol === IS_TCP ? facts.c : 0;
    const opening = (flags & (SYN | ACK)) === SYN;
    const found = this.#findEither(protocol, first);
    let forward = found > 0 ? found : NONE;
    if (forward === NONE && first !== last) forward = this.#findAsked(protocol, last);
    if (forward === NONE && this.#aliases.size > 0) forward = this.#findAlias(this.#asked(protocol, first));
    // A SYN with another number opens a new connection on the same ports.
    if (forward !== NONE && !(opening && this.#look(forward).synSeen && this.#look(forward).id !== facts.a)) {
      return this.#is(forward, 'request');
    }
    if (forward === NONE && !opening) {
      const backward = first === last && found < 0 ? -found : this.#findBackward(protocol, facts, first, last);
      if (backward !== NONE) {
        const exchange = this.#look(backward);
        // Packets that wait for more sightings are told late: whoever sent the first datagram is the client.
        if (protocol !== IS_UDP || facts.firstTime >= exchange.firstTime) return this.#is(backward, 'reply');
        exchange.turn();
        return this.#is(backward, 'request');
      }
    }
    // A server is who answers a SYN; without one, who has the well-known or the lower port.
    const fromServer = protocol === IS_TCP && !opening && ((flags & (SYN | ACK)) === (SYN | ACK) || isServer(first));
    if (fromServer) {
      const made = this.#make(facts, this.#answered(protocol, last));
      if (first !== last && made !== BEYOND && this.#aliases.size < ALIASES)
        this.#aliases.set(aliasOf(this.#answered(protocol, first)), made);
      return this.#is(made, 'reply');
    }
    const key = this.#asked(protocol, first);
    if (opening) key.id = facts.a;
    return this.#is(this.#make(facts, key), 'request');
  }

  /** The conversation that a packet answers. */
  #findBackward(protocol: number, { forms }: PacketFacts, first: Form, last: Form): number {
    let found = this.#findAnswered(protocol, last);
    // A bridge that translates before its tap shows the request to the pod and the reply from the service.
    // So does a hairpin, whose reply turns round in a form that is neither its first nor its last.
    if (first !== last) {
      if (found === NONE) found = this.#findAnswered(protocol, first);
      for (const form of forms ?? []) if (found === NONE) found = this.#findAnswered(protocol, form);
    }
    if (found === NONE) found = this.#findTranslated(protocol, last, -1, 0);
    return found === NONE ? this.#findAlias(this.#answered(protocol, last)) : found;
  }

  /** The exchange that a translated reply made before its request was told. */
  #findAlias(key: Key): number {
    return this.#aliases.size === 0 ? NONE : (this.#aliases.get(aliasOf(key)) ?? NONE);
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
      forward = this.#find(numbered(this.#asked(IS_ECHO, quote), quote.icmpId, quote.icmpSeq, -1));
      backward = this.#find(numbered(this.#answered(IS_ECHO, quote), quote.icmpId, quote.icmpSeq, -1));
    } else if (sourcePort >= 0) {
      const protocol = quote.protocol === TCP ? IS_TCP : IS_UDP;
      forward = this.#findAsked(protocol, quote);
      backward = this.#findAnswered(protocol, quote);
      if (forward === NONE && backward === NONE && protocol === IS_UDP) {
        forward = this.#recentDns(src, sourcePort, dst);
        if (forward === NONE) backward = this.#recentDns(dst, destinationPort, src);
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
      ? this.#make(facts, numbered(this.#asked(IS_ECHO, quote), icmpId, icmpSeq, -1))
      : quote.protocol === UDP && sourcePort >= 0 && sourcePort !== DNS && destinationPort !== DNS
        ? this.#make(facts, this.#asked(IS_UDP, quote))
        : NONE;
    return number === NONE ? NONE : this.#is(number, 'reply');
  }

  /** DNS exchanges are keyed by their id, which a quotation may not hold: the last one of the socket is meant. */
  #recentDns(client: number, clientPort: number, server: number): number {
    for (let i = this.#count - 1; i >= 0 && i >= this.#count - RECENT; i--) {
      const exchange = this.#look(this.#order[i]!);
      if (
        exchange.protocol === 'dns' &&
        exchange.client === client &&
        exchange.clientPort === clientPort &&
        exchange.server === server
      ) {
        return exchange.number;
      }
    }
    return NONE;
  }

  #member(direction: 'request' | 'reply', facts: PacketFacts, key: Key, found = this.#find(key)): number {
    const { nameId, sequence } = key;
    let number = found;
    if (number === NONE && direction === 'request') number = this.#findAlias(key);
    if (number === NONE) number = this.#make(facts, key);
    const exchange = this.#look(number);
    // A question that one packet was cut before, another shows.
    if (nameId >= 0 && exchange.nameId < 0) {
      exchange.nameId = nameId;
      exchange.sequence = sequence;
    }
    return this.#is(number, direction);
  }

  /** The latest echo or question of a key. */
  #find(key: Key): number {
    const { rows } = this.#store;
    const { id, sequence, nameId } = key;
    let number = this.#buckets[bucketOf(key, this.#bits)]!;
    for (; number !== NONE; number = rows[(number << SHIFT) + NEXT]!) {
      const row = number << SHIFT;
      if (rows[row + ID] !== id || !isBetween(rows, row, key)) continue;
      const its = rows[row + NAME_ID]!;
      if (its === nameId ? rows[row + SEQUENCE] === sequence : nameId < 0 || its < 0) return number;
    }
    return NONE;
  }

  #findAsked(protocol: number, sockets: Sockets): number {
    return this.#findConversation(this.#asked(protocol, sockets));
  }

  #findAnswered(protocol: number, sockets: Sockets): number {
    return this.#findConversation(this.#answered(protocol, sockets));
  }

  /** The latest connection or datagram flow between two sockets. */
  #findConversation(key: Key): number {
    const { rows } = this.#store;
    let number = this.#buckets[bucketOf(key, this.#bits)]!;
    while (number !== NONE && !isBetween(rows, number << SHIFT, key)) number = rows[(number << SHIFT) + NEXT]!;
    return number;
  }

  /**
   * The latest conversation in which src asks dst, or else, negative, in which it answers: one walk, because both ways have one
   * bucket.
   */
  #findEither(protocol: number, { src, dst, sourcePort, destinationPort }: Sockets): number {
    const { rows } = this.#store;
    const bucket = hash(protocol, src, dst, sourcePort, destinationPort, 0, 0) >>> (32 - this.#bits);
    let backward = NONE;
    for (let number = this.#buckets[bucket]!; number !== NONE; number = rows[(number << SHIFT) + NEXT]!) {
      const row = number << SHIFT;
      if ((rows[row + FLAGS]! & PROTOCOL) !== protocol) continue;
      const client = rows[row + CLIENT]!;
      const server = rows[row + SERVER]!;
      const clientPort = rows[row + CLIENT_PORT]!;
      const serverPort = rows[row + SERVER_PORT]!;
      if (client === src && server === dst && clientPort === sourcePort && serverPort === destinationPort)
        return number;
      if (backward !== NONE) continue;
      if (client === dst && server === src && clientPort === destinationPort && serverPort === sourcePort)
        backward = number;
    }
    return backward === NONE ? NONE : -backward;
  }

  #make({ ipVersion, firstTime, lastTime }: PacketFacts, key: Key): number {
    this.#made++;
    const isBeyond = this.#count >= LIMIT;
    // A frame stamped far ahead is no reason to say nothing of all that follow
    if (isBeyond) this.#lackUntil = Math.max(this.#lackUntil, Math.min(lastTime, this.#sweptAt + LACK) + LACK);
    const number = isBeyond ? BEYOND : this.#store.take();
    if (isBeyond) this.#store.clear(BEYOND);
    const { rows } = this.#store;
    const row = number << SHIFT;
    rows[row + FLAGS] = key.protocol | (ipVersion === 6 ? IPV6 : 0) | (firstTime < this.#lackUntil ? MAY_LACK : 0);
    rows[row + CLIENT] = key.client;
    rows[row + SERVER] = key.server;
    rows[row + CLIENT_PORT] = key.clientPort;
    rows[row + SERVER_PORT] = key.serverPort;
    rows[row + ID] = key.id;
    rows[row + SEQUENCE] = key.sequence;
    rows[row + NAME_ID] = key.nameId;
    if (isBeyond) {
      this.evicted++;
      return number;
    }
    if (this.#count === this.#buckets.length) this.#widen();
    this.#link(number);
    if (this.#count === this.#order.length) this.#order = doubled(this.#order);
    this.#order[this.#count++] = number;
    return number;
  }

  #link(number: number): void {
    const bucket = this.#bucketOf(number);
    this.#store.setNext(number, this.#buckets[bucket]!);
    this.#buckets[bucket] = number;
  }

  /** Twice as many buckets; in each the latest exchange comes first, as before. */
  #widen(): void {
    this.#bits++;
    this.#buckets = new Int32Array(1 << this.#bits);
    for (let i = 0; i < this.#count; i++) this.#link(this.#order[i]!);
  }

  #bucketOf(number: number): number {
    const { rows } = this.#store;
    const row = number << SHIFT;
    const h = hash(
      rows[row + FLAGS]! & PROTOCOL,
      rows[row + CLIENT]!,
      rows[row + SERVER]!,
      rows[row + CLIENT_PORT]!,
      rows[row + SERVER_PORT]!,
      rows[row + ID]!,
      rows[row + SEQUENCE]!,
    );
    return h >>> (32 - this.#bits);
  }

  /** True when it is time to look for exchanges that are over. */
  get isFull(): boolean {
    return this.#made >= this.#sweepAt;
  }

  /**
   * Gives away the exchanges that are over: `retire` is asked about each that has been idle, and takes it or leaves it. The
   * object it is given is used again for the next one.
   * @param now time up to which packets were told
   */
  sweep(now: number, retire: (exchange: Exchange) => boolean): void {
    const store = this.#store;
    this.#sweptAt = now;
    const isIdle = (number: number): boolean => {
      const idle = now - store.lastTime(number);
      return idle > IDLE_ANSWERED && idle > this.#longestIdle(number);
    };
    for (const known of [this.#aliases, this.#translated])
      for (const [key, number] of known) if (isIdle(number)) known.delete(key);
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const number = this.#order[i]!;
      if (isIdle(number) && retire(this.#any.moveTo(number))) {
        this.#unlink(number);
        // Who holds it goes on to see what it was
        if (number < this.#views.length) {
          this.#views[number]?.detach();
          this.#views[number] = undefined;
        }
        store.free(number);
      } else {
        this.#order[kept++] = number;
      }
    }
    this.#count = kept;
    this.#made = 0;
    // A sweep looks at all that are held: the more there are, the more must have come since the last one
    this.#sweepAt = Math.max(this.#sweep, kept >> 3);
  }

  #longestIdle(number: number): number {
    const { protocol, replyReach } = this.#look(number);
    const isNumbered = protocol === 'dns' || protocol === 'icmp-echo';
    return isNumbered && replyReach === Reach.HOME ? IDLE_ANSWERED : IDLE;
  }

  #unlink(number: number): void {
    const store = this.#store;
    const bucket = this.#bucketOf(number);
    let at = this.#buckets[bucket]!;
    if (at === number) {
      this.#buckets[bucket] = store.next(number);
      return;
    }
    while (at !== NONE && store.next(at) !== number) at = store.next(at);
    if (at !== NONE) store.setNext(at, store.next(number));
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
  return key.protocol >= IS_DNS ? `${aliasOf(key)} ${key.sequence}` : aliasOf(key);
}

function aliasOf({ protocol, client, server, clientPort, serverPort, id }: Key): string {
  return `${protocol} ${client} ${server} ${clientPort} ${serverPort} ${id}`;
}

function bucketOf({ protocol, client, server, clientPort, serverPort, id, sequence }: Key, bits: number): number {
  return hash(protocol, client, server, clientPort, serverPort, id, sequence) >>> (32 - bits);
}

/**
 * What every look-up knows: all echoes or questions between two sockets would be one chain without their ids. The same both ways,
 * see #findEither. The upper bits count.
 */
function hash(
  protocol: number,
  client: number,
  server: number,
  clientPort: number,
  serverPort: number,
  id: number,
  sequence: number,
): number {
  let h = socketHash(client, clientPort) + socketHash(server, serverPort);
  // The type of a question may have been cut off, and is learnt later
  if (protocol === IS_ECHO) h ^= Math.imul((id << 16) ^ sequence, 0x27d4eb2f);
  else if (protocol === IS_DNS) h ^= Math.imul(id, 0x27d4eb2f);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d);
}

function socketHash(address: number, port: number): number {
  const h = Math.imul(address ^ Math.imul(port, 0x85ebca6b), 0x9e3779b1);
  return Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
}

function isBetween(rows: Int32Array, row: number, key: Key): boolean {
  return (
    rows[row + CLIENT] === key.client &&
    rows[row + SERVER] === key.server &&
    rows[row + CLIENT_PORT] === key.clientPort &&
    rows[row + SERVER_PORT] === key.serverPort &&
    (rows[row + FLAGS]! & PROTOCOL) === key.protocol
  );
}

/** Of a connection only what opens or resets it tells of backends. */
function isMidway({ kind, c }: PacketFacts): boolean {
  return kind === Layer.TCP && (c & (SYN | RST)) === 0;
}

function isServer(form: Form): boolean {
  if (form.sourcePort < 1024 !== form.destinationPort < 1024) return form.sourcePort < 1024;
  return form.sourcePort < form.destinationPort;
}
