import { newRows, timesOf } from '../net/row-memory.js';
import type { ExchangeProtocol } from '../report/report.js';
import { EntryKind, EntryPool, NO_ENTRY } from './exchange-entries.js';
import { RequestWays } from './request-ways.js';
import type { Stream } from './stream.js';
import type { Direction, Trail } from './trail.js';

/** Shared by all that have none, most of them. */
export const NONE: readonly never[] = Object.freeze([]);

/** What a RST,ACK that was told before any SYN acknowledges, and itself. */
export interface EarlyReset {
  readonly acknowledged: number;
  readonly trail: Trail | null;
}

/** An ICMP error about a tunnel's packet with one of an exchange inside. */
export interface TunnelError {
  readonly direction: Direction;
  readonly time: number;
}

/** What a service address was translated to for an exchange: by retries it can be several. */
export interface Backend {
  readonly address: number;
  readonly port: number;
  readonly replies: number;
  readonly resets: number;
}

/**
 * Fields of an exchange in its row, int32; see Exchange for what they tell. A row is 128 octets: what a segment in the middle of a
 * connection reads and writes stands in the first half, and it touches no other.
 */
export const ExchangeRow = {
  FLAGS: 0,
  CLIENT: 1,
  SERVER: 2,
  CLIENT_PORT: 3,
  SERVER_PORT: 4,
  ID: 5,
  /** Of a connection the timestamp that its SYN,ACK echoes. */
  NAME_ID: 6,
  NEXT: 7,
  /** 8 to 11 are times. Of a connection, where a datagram flow has times, too. */
  HIGHEST_ACK_BY_CLIENT: 12,
  HIGHEST_ACK_BY_SERVER: 13,
  SENT_BY_CLIENT: 14,
  SENT_BY_SERVER: 15,
  SEQUENCE: 16,
  REQUESTS: 17,
  REPLIES: 18,
  REQUEST_LAST: 19,
  REPLY_LAST: 20,
  REQUEST_SRC: 21,
  REQUEST_DST: 22,
  FIRST_BY_CLIENT: 23,
  FIRST_BY_SERVER: 24,
  /** The last entry of what is rare of it, see EntryPool. */
  ENTRIES: 25,
  /** 26 to 31 are times. */
} as const;

/** Its times, float64 in the same row. */
export const ExchangeTime = {
  FIRST_TIME: 4,
  LAST_TIME: 5,
  /** Of the first datagram of each direction. */
  REQUEST_TIME: 6,
  REPLY_TIME: 7,
  LAST_REQUEST_TIME: 13,
  LAST_REPLY_TIME: 14,
  FIRST_REPLY_TIME: 15,
} as const;

/** Bits of ExchangeRow.FLAGS; the lowest two are the protocol, by its place in PROTOCOLS. */
export const ExchangeFlag = {
  PROTOCOL: 3,
  IS_CHOSEN: 0x4,
  REFUSED: 0x8,
  SYN_SEEN: 0x10,
  SYN_ACK_SEEN: 0x20,
  SYN_ACK_ACKNOWLEDGED: 0x40,
  CLIENT_DATA: 0x80,
  SERVER_DATA: 0x100,
  CLIENT_ACKED: 0x200,
  SERVER_ACKED: 0x400,
  RESET_SEEN: 0x800,
  FIN_SEEN: 0x1000,
  CUT_REPLY_SEEN: 0x2000,
  ACK_BY_CLIENT_SEEN: 0x4000,
  ACK_BY_SERVER_SEEN: 0x8000,
  SENT_BY_CLIENT_SEEN: 0x10000,
  SENT_BY_SERVER_SEEN: 0x20000,
  HAS_RARE: 0x40000,
  IPV6: 0x80000,
  MAY_LACK: 0x400000,
  /** Among its entries are such. */
  HAS_FORMS: 0x100000,
  HAS_BACKENDS: 0x200000,
  FORGETS: 0x8000000,
} as const;

/** Above those bits, two each from these places on: how far its packets came, see Reach. */
export const ReachPlace = { REQUEST: 23, REPLY: 25, MASK: 3 } as const;

export const PROTOCOLS: readonly ExchangeProtocol[] = ['udp', 'tcp', 'dns', 'icmp-echo'];
/** Their places; from DNS on an identifier is part of what a packet is found by. */
export const Protocol = { UDP: 0, TCP: 1, DNS: 2, ECHO: 3 } as const;

/** Instead of the number of an exchange: there is none. */
export const NO_EXCHANGE = 0;

/** Int32 of an exchange, as a power of two; of float64 half as many. */
export const EXCHANGE_SHIFT = 5;

// Own constants, not imported ones: the compiler folds only the former
const FLAGS = ExchangeRow.FLAGS;
const CLIENT_PORT = ExchangeRow.CLIENT_PORT;
const SERVER_PORT = ExchangeRow.SERVER_PORT;
const NAME_ID = ExchangeRow.NAME_ID;
const REQUEST_LAST = ExchangeRow.REQUEST_LAST;
const REPLY_LAST = ExchangeRow.REPLY_LAST;
const NEXT = ExchangeRow.NEXT;
const FIRST_TIME = ExchangeTime.FIRST_TIME;
const LAST_TIME = ExchangeTime.LAST_TIME;
const LAST_REQUEST_TIME = ExchangeTime.LAST_REQUEST_TIME;
const LAST_REPLY_TIME = ExchangeTime.LAST_REPLY_TIME;
const FIRST_REPLY_TIME = ExchangeTime.FIRST_REPLY_TIME;
const ENTRIES = ExchangeRow.ENTRIES;
const HAS_RARE = ExchangeFlag.HAS_RARE;
const FORGETS = ExchangeFlag.FORGETS;
const SHIFT = EXCHANGE_SHIFT;
const TIME_SHIFT = SHIFT - 1;
const WIDTH = 1 << SHIFT;
/** Rows at first, 32 KiB, and most: there is no size between, because growing copies, and of what is not used the system gives no memory. */
const FEW = 1 << 8;
/**
 * Exchanges that left, in a store of their own that is forgotten with the last of them. One alone in a store took 750 octets, most of
 * them for its arrays; many in one would all be held by the one that a trail goes on to tell of.
 */
const LEFT = 16;
/** Most entries of many packets: 32 MiB; a million flows have one for every second exchange. */
const MANY = 1 << 20;

/** What few exchanges have, and is no list of numbers; for those see EntryPool. */
export class Rare {
  open: readonly Trail[] = NONE;
  refusedBy: Trail | null = null;
  earlyReset: EarlyReset | null = null;
  tunnelErrors: readonly TunnelError[] = NONE;
  requestStream: Stream | null = null;
  replyStream: Stream | null = null;
}

/**
 * Exchanges in rows, with a free list. One takes 128 octets: as an object of its own it took five times as much, and the garbage
 * collector followed each of them. An exchange is its number.
 */
export class ExchangeStore {
  /** The same rows twice: see ExchangeRow and ExchangeTime. */
  rows!: Int32Array<ArrayBuffer>;
  times!: Float64Array<ArrayBuffer>;
  /** By number. */
  readonly rare: (Rare | undefined)[] = [undefined];
  readonly entries: EntryPool;
  /** Those of all stores that belong together. */
  readonly ways: RequestWays;
  readonly #most: number;
  #room = 0;
  /** NO_EXCHANGE is no number of one. */
  #used = NO_EXCHANGE + 1;
  #free = NO_EXCHANGE;
  /** Where what leaves goes; when it is full a new one. */
  #left: ExchangeStore | null = null;

  /** Entries that there was no room for; their exchanges know. */
  refused = 0;

  /** @param most exchanges that are held at a time, @param mostEntries entries of many packets */
  constructor(most: number, mostEntries = MANY, ways = new RequestWays()) {
    this.#most = most;
    this.entries = new EntryPool(mostEntries);
    this.ways = ways;
    this.#makeRoom(Math.min(most, FEW));
  }

  #makeRoom(room: number): void {
    const old = this.rows;
    this.rows = newRows((room + 1) << SHIFT);
    this.times = timesOf(this.rows);
    if (this.#room > 0) this.rows.set(old);
    this.#room = room;
  }

  /** A new exchange of which nothing is known. */
  take(): number {
    let number = this.#free;
    if (number !== NO_EXCHANGE) this.#free = this.next(number);
    else {
      number = this.#used++;
      if (number > this.#room) this.#makeRoom(this.#most);
    }
    this.clear(number);
    return number;
  }

  /** Forgets what is known of an exchange. */
  clear(number: number): void {
    const { rows, times } = this;
    const row = number << SHIFT;
    this.entries.free(rows[row + ENTRIES]!);
    rows.fill(0, row, row + WIDTH);
    rows[row + CLIENT_PORT] = rows[row + SERVER_PORT] = rows[row + NAME_ID] = -1;
    rows[row + REQUEST_LAST] = rows[row + REPLY_LAST] = -1;
    const at = number << TIME_SHIFT;
    times[at + FIRST_TIME] = times[at + FIRST_REPLY_TIME] = Infinity;
    times[at + LAST_TIME] = times[at + LAST_REQUEST_TIME] = times[at + LAST_REPLY_TIME] = -Infinity;
    if (number < this.rare.length) this.rare[number] = undefined;
  }

  /** Gives a number back. */
  free(number: number): void {
    if (number < this.rare.length) this.rare[number] = undefined;
    this.entries.free(this.rows[(number << SHIFT) + ENTRIES]!);
    this.rows[(number << SHIFT) + ENTRIES] = NO_ENTRY;
    this.setNext(number, this.#free);
    this.#free = number;
  }

  /** Next of the chain of the table; NO_EXCHANGE at its end. */
  next(number: number): number {
    return this.rows[(number << SHIFT) + NEXT]!;
  }

  setNext(number: number, next: number): void {
    this.rows[(number << SHIFT) + NEXT] = next;
  }

  lastTime(number: number): number {
    return this.times[(number << TIME_SHIFT) + LAST_TIME]!;
  }

  /** What is rare of an exchange, made when there is none. */
  rareOf(number: number): Rare {
    const flags = (number << SHIFT) + FLAGS;
    if ((this.rows[flags]! & HAS_RARE) === 0) {
      this.rows[flags]! |= HAS_RARE;
      while (this.rare.length <= number) this.rare.push(undefined);
      this.rare[number] = new Rare();
    }
    return this.rare[number]!;
  }

  /** The last entry of an exchange. */
  lastEntry(number: number): number {
    return this.rows[(number << SHIFT) + ENTRIES]!;
  }

  /** Adds an entry to an exchange, see EntryPool.add; where there is no room for it the exchange forgets. */
  addEntry(number: number, kind: number): number {
    const { rows, entries } = this;
    const at = (number << SHIFT) + ENTRIES;
    const entry = entries.add(kind, rows[at]!);
    if (entry === NO_ENTRY) {
      this.refused++;
      this.forget(number);
    } else {
      rows[at] = entries.lastWith(entry, rows[at]!);
    }
    return entry;
  }

  removeEntry(number: number, entry: number): void {
    const at = (number << SHIFT) + ENTRIES;
    this.rows[at] = this.entries.remove(entry, this.rows[at]!);
  }

  /** Notes that something of an exchange is not remembered. */
  forget(number: number): void {
    this.rows[(number << SHIFT) + FLAGS]! |= FORGETS;
  }

  /** Where among the times of the entries that of one more datagram is to be put; -1 when there is no room. */
  placeOfTime(number: number, request: boolean): number {
    const { entries } = this;
    const last = this.lastEntry(number);
    const entry = last !== NO_ENTRY && entries.takesTime(last) ? last : this.addEntry(number, EntryKind.DATAGRAMS);
    return entry === NO_ENTRY ? -1 : entries.placeOfTime(entry, request);
  }

  /** Copies an exchange, as it is now, into a store of those that have left this one. @returns that store, and its number there */
  copyOut(number: number): [store: ExchangeStore, number: number] {
    if (this.#left === null || this.#left.#used > LEFT) this.#left = new ExchangeStore(LEFT, Infinity, this.ways);
    const store = this.#left;
    const to = store.#used++;
    store.rows.set(this.rows.subarray(number << SHIFT, (number + 1) << SHIFT), to << SHIFT);
    store.rows[(to << SHIFT) + ENTRIES] = this.entries.copyTo(store.entries, this.lastEntry(number));
    store.rare.push(this.rare[number]);
    return [store, to];
  }
}
