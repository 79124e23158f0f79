import { doubled } from '../net/doubled.js';
import type { ExchangeProtocol } from '../report/report.js';
import type { Stream } from './stream.js';
import type { Direction, Form, Trail } from './trail.js';

/** Shared by all that have none, most of them. */
export const NONE: readonly never[] = Object.freeze([]);

/** Sequence numbers of one direction, from and up to. */
export interface Gap {
  readonly request: boolean;
  readonly from: number;
  readonly to: number;
}

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
  /** Packets that decide the exchange; of a connection only SYNs and their answers. */
  replies: number;
  /** RSTs that it sent. */
  resets: number;
}

/** A part of one direction's data that was sent again. */
export interface Repeat {
  readonly request: boolean;
  readonly sequence: number;
  readonly length: number;
  /** It was acknowledged before it was sent: it had been sent before, unseen. */
  readonly wasAcknowledged: boolean;
}

/** Fields of an exchange in its row, int32; see Exchange for what they tell. */
export const ExchangeRow = {
  FLAGS: 0,
  CLIENT: 1,
  SERVER: 2,
  CLIENT_PORT: 3,
  SERVER_PORT: 4,
  ID: 5,
  SEQUENCE: 6,
  /** Of a connection the timestamp that its SYN,ACK echoes. */
  NAME_ID: 7,
  IP_VERSION: 8,
  REQUESTS: 9,
  REPLIES: 10,
  REQUEST_REACH: 11,
  REPLY_REACH: 12,
  REQUEST_LAST: 13,
  REPLY_LAST: 14,
  REQUEST_SRC: 15,
  REQUEST_DST: 16,
  HIGHEST_ACK_BY_CLIENT: 17,
  HIGHEST_ACK_BY_SERVER: 18,
  SENT_BY_CLIENT: 19,
  SENT_BY_SERVER: 20,
  FIRST_BY_CLIENT: 21,
  FIRST_BY_SERVER: 22,
  NEXT: 23,
} as const;

/** Its times, float64. */
export const ExchangeTime = {
  FIRST_TIME: 0,
  LAST_TIME: 1,
  LAST_REQUEST_TIME: 2,
  LAST_REPLY_TIME: 3,
  FIRST_REPLY_TIME: 4,
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
} as const;

export const PROTOCOLS: readonly ExchangeProtocol[] = ['udp', 'tcp', 'dns', 'icmp-echo'];

/** Int32 and float64 of an exchange. */
export const EXCHANGE_WIDTH = 24;
export const EXCHANGE_TIMES = 5;

// Own constants, not imported ones: the compiler folds only the former
const FLAGS = ExchangeRow.FLAGS;
const CLIENT_PORT = ExchangeRow.CLIENT_PORT;
const SERVER_PORT = ExchangeRow.SERVER_PORT;
const NAME_ID = ExchangeRow.NAME_ID;
const IP_VERSION = ExchangeRow.IP_VERSION;
const REQUEST_LAST = ExchangeRow.REQUEST_LAST;
const REPLY_LAST = ExchangeRow.REPLY_LAST;
const NEXT = ExchangeRow.NEXT;
const FIRST_TIME = ExchangeTime.FIRST_TIME;
const LAST_TIME = ExchangeTime.LAST_TIME;
const LAST_REQUEST_TIME = ExchangeTime.LAST_REQUEST_TIME;
const LAST_REPLY_TIME = ExchangeTime.LAST_REPLY_TIME;
const FIRST_REPLY_TIME = ExchangeTime.FIRST_REPLY_TIME;
const HAS_RARE = ExchangeFlag.HAS_RARE;
const WIDTH = EXCHANGE_WIDTH;
const TIMES = EXCHANGE_TIMES;
const INITIAL = 1 << 8;
/**
 * Exchanges that left, in a store of their own that is forgotten with the last of them. One alone in a store took 750 octets, most of
 * them for its arrays; many in one would all be held by the one that a trail goes on to tell of.
 */
const LEFT = 16;

/** What few exchanges have. */
export class Rare {
  requestForms: readonly Form[] = NONE;
  requestWay: readonly number[] = NONE;
  backends: readonly Backend[] = NONE;
  open: readonly Trail[] = NONE;
  refusedBy: Trail | null = null;
  earlyReset: EarlyReset | null = null;
  tunnelErrors: readonly TunnelError[] = NONE;
  requestTimes: readonly number[] = NONE;
  replyTimes: readonly number[] = NONE;
  requestStream: Stream | null = null;
  replyStream: Stream | null = null;
  gaps: readonly Gap[] = NONE;
  repeats: readonly Repeat[] = NONE;
}

/**
 * Exchanges in rows, with a free list. One takes 136 octets: as an object of its own it took five times as much, and the garbage
 * collector followed each of them. An exchange is its number.
 */
export class ExchangeStore {
  rows: Int32Array<ArrayBuffer>;
  times: Float64Array<ArrayBuffer>;
  readonly rare: (Rare | undefined)[] = [];
  #used = 0;
  #free = -1;
  /** Where what leaves goes; when it is full a new one. */
  #left: ExchangeStore | null = null;

  constructor(capacity = INITIAL) {
    this.rows = new Int32Array(capacity * WIDTH);
    this.times = new Float64Array(capacity * TIMES);
  }

  /** A new exchange of which nothing is known. */
  take(): number {
    let number = this.#free;
    if (number >= 0) this.#free = this.next(number);
    else {
      number = this.#used++;
      if (number * TIMES === this.times.length) this.#grow();
    }
    this.clear(number);
    return number;
  }

  /** Forgets what is known of an exchange. */
  clear(number: number): void {
    const { rows, times } = this;
    const row = number * WIDTH;
    rows.fill(0, row, row + WIDTH);
    rows[row + CLIENT_PORT] = rows[row + SERVER_PORT] = rows[row + NAME_ID] = rows[row + NEXT] = -1;
    rows[row + REQUEST_LAST] = rows[row + REPLY_LAST] = -1;
    rows[row + IP_VERSION] = 4;
    const at = number * TIMES;
    times[at + FIRST_TIME] = times[at + FIRST_REPLY_TIME] = Infinity;
    times[at + LAST_TIME] = times[at + LAST_REQUEST_TIME] = times[at + LAST_REPLY_TIME] = -Infinity;
    if (number < this.rare.length) this.rare[number] = undefined;
  }

  /** Gives a number back. */
  free(number: number): void {
    if (number < this.rare.length) this.rare[number] = undefined;
    this.setNext(number, this.#free);
    this.#free = number;
  }

  /** Next of the chain of the table, -1 at its end. */
  next(number: number): number {
    return this.rows[number * WIDTH + NEXT]!;
  }

  setNext(number: number, next: number): void {
    this.rows[number * WIDTH + NEXT] = next;
  }

  lastTime(number: number): number {
    return this.times[number * TIMES + LAST_TIME]!;
  }

  /** What is rare of an exchange, made when there is none. */
  rareOf(number: number): Rare {
    const flags = number * WIDTH + FLAGS;
    if ((this.rows[flags]! & HAS_RARE) === 0) {
      this.rows[flags]! |= HAS_RARE;
      while (this.rare.length <= number) this.rare.push(undefined);
      this.rare[number] = new Rare();
    }
    return this.rare[number]!;
  }

  /** Copies an exchange, as it is now, into a store of those that have left this one. @returns that store, and its number there */
  copyOut(number: number): [store: ExchangeStore, number: number] {
    if (this.#left === null || this.#left.#used === LEFT) this.#left = new ExchangeStore(LEFT);
    const store = this.#left;
    const to = store.#used++;
    store.rows.set(this.rows.subarray(number * WIDTH, (number + 1) * WIDTH), to * WIDTH);
    store.times.set(this.times.subarray(number * TIMES, (number + 1) * TIMES), to * TIMES);
    store.rare.push(this.rare[number]);
    return [store, to];
  }

  #grow(): void {
    this.rows = doubled(this.rows);
    this.times = doubled(this.times);
  }
}
