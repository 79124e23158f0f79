import { newRows, withRoom } from '../net/row-memory.js';
import { hash, type Key } from './exchange-key.js';
import { NO_EXCHANGE, Protocol } from './exchange-store.js';

/** Fields of an alias, int32: those of its key, the exchange, and the next of its bucket. */
const CLIENT = 0;
const SERVER = 1;
const CLIENT_PORT = 2;
const SERVER_PORT = 3;
const ID = 4;
const SEQUENCE = 5;
/** Number of the exchange, and in the lowest bits the protocol. */
const EXCHANGE = 6;
const PROTOCOL_BITS = 2;
const NEXT = 7;
/** Int32 of an alias, as a power of two. */
const SHIFT = 3;
/** Rows at first, and buckets, as a power of two. */
const INITIAL_BITS = 6;
/** Most rows, as a power of two; when they are full the older half is forgotten. */
const LIMIT_BITS = 16;
const NONE = 0;
/** Of whatever protocol, all fields tell a bucket. */
const ALL_FIELDS = Protocol.ECHO;

/**
 * Exchanges by further keys than their own, of which the name does not count. With texts for keys each look-up made one: half of what
 * was made in reading a million flows, a few of which were translated.
 */
export class ExchangeAliases {
  /** In order of their making; the first row is none. */
  #rows = newRows(1 << SHIFT);
  /** The latest alias of each bucket. */
  #buckets = new Int32Array(0);
  #bits = 0;
  #count = 0;
  /** Aliases forgotten because there were too many. */
  forgotten = 0;

  /** Number of the exchange that was last given this key. */
  find(key: Key): number {
    if (this.#count === 0) return NO_EXCHANGE;
    const row = this.#find(key) << SHIFT;
    return row === NONE ? NO_EXCHANGE : this.#rows[row + EXCHANGE]! >> PROTOCOL_BITS;
  }

  set(key: Key, number: number): void {
    let at = this.#count === 0 ? NONE : this.#find(key);
    if (at === NONE) {
      this.#makeRoom();
      at = ++this.#count;
      const row = at << SHIFT;
      const rows = this.#rows;
      rows[row + CLIENT] = key.client;
      rows[row + SERVER] = key.server;
      rows[row + CLIENT_PORT] = key.clientPort;
      rows[row + SERVER_PORT] = key.serverPort;
      rows[row + ID] = key.id;
      rows[row + SEQUENCE] = key.sequence;
      this.#link(at);
    }
    this.#rows[(at << SHIFT) + EXCHANGE] = (number << PROTOCOL_BITS) | key.protocol;
  }

  /** Forgets the aliases of exchanges that are over. */
  forgetAll(isOver: (number: number) => boolean): void {
    if (this.#count > 0) this.#keep((row) => !isOver(this.#rows[row + EXCHANGE]! >> PROTOCOL_BITS));
  }

  #find({ protocol, client, server, clientPort, serverPort, id, sequence }: Key): number {
    const rows = this.#rows;
    const bucket = hash(ALL_FIELDS, client, server, clientPort, serverPort, id, sequence) >>> (32 - this.#bits);
    let at = this.#buckets[bucket]!;
    for (; at !== NONE; at = rows[(at << SHIFT) + NEXT]!) {
      const row = at << SHIFT;
      if (
        rows[row + CLIENT] === client &&
        rows[row + SERVER] === server &&
        rows[row + CLIENT_PORT] === clientPort &&
        rows[row + SERVER_PORT] === serverPort &&
        rows[row + ID] === id &&
        rows[row + SEQUENCE] === sequence &&
        (rows[row + EXCHANGE]! & ((1 << PROTOCOL_BITS) - 1)) === protocol
      )
        break;
    }
    return at;
  }

  #makeRoom(): void {
    if (this.#count + 1 < 1 << this.#bits) return;
    if (this.#bits === LIMIT_BITS) {
      const half = this.#count >> 1;
      this.forgotten += half;
      this.#keep((row) => row >> SHIFT > half);
      return;
    }
    this.#bits = this.#bits === 0 ? INITIAL_BITS : this.#bits + 1;
    this.#rows = withRoom(this.#rows, 1 << (this.#bits + SHIFT));
    this.#buckets = new Int32Array(1 << this.#bits);
    this.#keep(() => true);
  }

  /** Keeps some of the aliases, in their order. */
  #keep(isKept: (row: number) => boolean): void {
    const rows = this.#rows;
    const all = this.#count;
    this.#buckets.fill(NONE);
    this.#count = 0;
    for (let at = 1; at <= all; at++) {
      const row = at << SHIFT;
      if (!isKept(row)) continue;
      rows.copyWithin(++this.#count << SHIFT, row, row + NEXT);
      this.#link(this.#count);
    }
  }

  #link(at: number): void {
    const rows = this.#rows;
    const row = at << SHIFT;
    const bucket =
      hash(
        ALL_FIELDS,
        rows[row + CLIENT]!,
        rows[row + SERVER]!,
        rows[row + CLIENT_PORT]!,
        rows[row + SERVER_PORT]!,
        rows[row + ID]!,
        rows[row + SEQUENCE]!,
      ) >>>
      (32 - this.#bits);
    rows[row + NEXT] = this.#buckets[bucket]!;
    this.#buckets[bucket] = at;
  }
}
