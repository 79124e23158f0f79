import { doubled } from '../net/doubled.js';
import { Exchange, Reach } from './exchange.js';
import { hash, type Key, type Sockets } from './exchange-key.js';
import type { PacketFacts } from './exchange-packets.js';
import { EXCHANGE_SHIFT, ExchangeFlag, ExchangeRow, ExchangeStore, NO_EXCHANGE } from './exchange-store.js';

/** Buckets at first, as a power of two. */
const BUCKET_BITS = 8;
const NONE = NO_EXCHANGE;
/** Number of what stands for all those for which there is no room. */
export const BEYOND = 1;
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
const IPV6 = ExchangeFlag.IPV6;
const MAY_LACK = ExchangeFlag.MAY_LACK;

/** Exchanges that are held, by what requests and replies have in common: chains of those that share a bucket. */
export class ExchangeIndex implements Iterable<Exchange> {
  readonly store = new ExchangeStore(LIMIT + 1);
  /** Exchanges as objects, by number. */
  readonly #views: (Exchange | undefined)[] = [];
  /** The latest exchange of each bucket; at least twice as many as exchanges: each step along a chain would wait for memory. */
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
  /** Any exchange, looked at for a moment. */
  readonly #any: Exchange;

  /** @param small the captures are kept in memory, and checks look at answered exchanges, too */
  constructor(small: boolean) {
    this.#sweep = this.#sweepAt = small ? SWEEP_SMALL : SWEEP;
    this.store.take();
    this.#any = new Exchange(this.store, BEYOND);
  }

  /** In order of their making. */
  *[Symbol.iterator](): Generator<Exchange> {
    for (let i = 0; i < this.#count; i++) yield this.at(this.#order[i]!);
  }

  /** An exchange by its number: what was handed out by `viewOf` as the same object, all else as a new one. */
  at(number: number): Exchange {
    return this.#views[number] ?? new Exchange(this.store, number);
  }

  /** The exchange as an object, always the same one. */
  viewOf(number: number): Exchange {
    const views = this.#views;
    while (views.length <= number) views.push(undefined);
    return (views[number] ??= new Exchange(this.store, number));
  }

  /** A look at an exchange, good until the next one. */
  look(number: number): Exchange {
    return this.#any.moveTo(number);
  }

  /** The latest echo or question of a key. */
  find(key: Key): number {
    const { rows } = this.store;
    const { id, sequence, nameId } = key;
    let number = this.#buckets[this.#bucketOfKey(key)]!;
    for (; number !== NONE; number = rows[(number << SHIFT) + NEXT]!) {
      const row = number << SHIFT;
      if (rows[row + ID] !== id || !isBetween(rows, row, key)) continue;
      const its = rows[row + NAME_ID]!;
      if (its === nameId ? rows[row + SEQUENCE] === sequence : nameId < 0 || its < 0) return number;
    }
    return NONE;
  }

  /** The latest connection or datagram flow between two sockets. */
  findConversation(key: Key): number {
    const { rows } = this.store;
    let number = this.#buckets[this.#bucketOfKey(key)]!;
    while (number !== NONE && !isBetween(rows, number << SHIFT, key)) number = rows[(number << SHIFT) + NEXT]!;
    return number;
  }

  /**
   * The latest conversation in which src asks dst, or else, negative, in which it answers: one walk, because both ways have one
   * bucket.
   */
  findEither(protocol: number, { src, dst, sourcePort, destinationPort }: Sockets): number {
    const { rows } = this.store;
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

  /** DNS exchanges are keyed by their id, which a quotation may not hold: the last one of the socket is meant. */
  findRecentDns(client: number, clientPort: number, server: number): number {
    for (let i = this.#count - 1; i >= 0 && i >= this.#count - RECENT; i--) {
      const exchange = this.look(this.#order[i]!);
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

  /** A new exchange that is found by a key; BEYOND when there is no room for it. */
  make({ ipVersion, firstTime, lastTime }: PacketFacts, key: Key): number {
    const { store } = this;
    this.#made++;
    const isBeyond = this.#count >= LIMIT;
    // A frame stamped far ahead is no reason to say nothing of all that follow
    if (isBeyond) this.#lackUntil = Math.max(this.#lackUntil, Math.min(lastTime, this.#sweptAt + LACK) + LACK);
    const number = isBeyond ? BEYOND : store.take();
    if (isBeyond) store.clear(BEYOND);
    const { rows } = store;
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
    if (this.#count === this.#buckets.length >> 1) this.#widen();
    this.#link(number);
    if (this.#count === this.#order.length) this.#order = doubled(this.#order);
    this.#order[this.#count++] = number;
    return number;
  }

  #link(number: number): void {
    const bucket = this.#bucketOf(number);
    this.store.setNext(number, this.#buckets[bucket]!);
    this.#buckets[bucket] = number;
  }

  /** Twice as many buckets; in each the latest exchange comes first, as before. */
  #widen(): void {
    this.#bits++;
    this.#buckets = new Int32Array(1 << this.#bits);
    for (let i = 0; i < this.#count; i++) this.#link(this.#order[i]!);
  }

  #bucketOf(number: number): number {
    const { rows } = this.store;
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

  #bucketOfKey({ protocol, client, server, clientPort, serverPort, id, sequence }: Key): number {
    return hash(protocol, client, server, clientPort, serverPort, id, sequence) >>> (32 - this.#bits);
  }

  /** True when it is time to look for exchanges that are over. */
  get isFull(): boolean {
    return this.#made >= this.#sweepAt;
  }

  /** True when nothing of an exchange was seen for so long that it may be over. */
  isIdle(number: number, now: number): boolean {
    const idle = now - this.store.lastTime(number);
    return idle > IDLE_ANSWERED && idle > this.#longestIdle(number);
  }

  /**
   * Gives away the exchanges that are over: `retire` is asked about each that has been idle, and takes it or leaves it. The
   * object it is given is used again for the next one.
   * @param now time up to which packets were told
   */
  sweep(now: number, retire: (exchange: Exchange) => boolean): void {
    const { store } = this;
    this.#sweptAt = now;
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const number = this.#order[i]!;
      if (this.isIdle(number, now) && retire(this.look(number))) {
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
    const { protocol, replyReach } = this.look(number);
    const isNumbered = protocol === 'dns' || protocol === 'icmp-echo';
    return isNumbered && replyReach === Reach.HOME ? IDLE_ANSWERED : IDLE;
  }

  #unlink(number: number): void {
    const { store } = this;
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

function isBetween(rows: Int32Array, row: number, key: Key): boolean {
  return (
    rows[row + CLIENT] === key.client &&
    rows[row + SERVER] === key.server &&
    rows[row + CLIENT_PORT] === key.clientPort &&
    rows[row + SERVER_PORT] === key.serverPort &&
    (rows[row + FLAGS]! & PROTOCOL) === key.protocol
  );
}
