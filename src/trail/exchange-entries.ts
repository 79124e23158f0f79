import { newRows, timesOf, withRoom } from '../net/row-memory.js';

/** What an entry tells. */
export const EntryKind = {
  /** What its requests were translated to, one for each form, in order. */
  FORM: 0,
  /** Where those passed, see RequestWays. */
  WAY: 1,
  BACKEND: 2,
  /** A part of the sequence space of which no packet was told yet, though later ones were. */
  GAP: 3,
  /** Data that was sent more than once. */
  REPEAT: 4,
  /** Datagrams behind the first of each direction. */
  DATAGRAMS: 5,
} as const;

/** Of kinds up to this an exchange has few. They come first in its chain: who looks for one walks past none of the many. */
const LAST_OF_FEW = EntryKind.GAP;
/** Of kinds up to this there is always room: few packets of an exchange add one, however many it has. */
const LAST_OF_KEPT = EntryKind.BACKEND;

/** Fields of an entry, int32; behind these two what its kind has. */
export const EntryField = {
  /** The next of its chain; of the last one the first. */
  NEXT: 0,
  /** See EntryKind; of datagrams with DatagramBits. */
  KIND: 1,
} as const;

export const FormField = { SRC: 2, DST: 3, SOURCE_PORT: 4, DESTINATION_PORT: 5, ECHO_ID: 6 } as const;
export const WayField = { NUMBER: 2 } as const;
/** `REPLIES`: packets that decide the exchange; of a connection only SYNs and their answers. `RESETS`: RSTs that it sent. */
export const BackendField = { ADDRESS: 2, PORT: 3, REPLIES: 4, RESETS: 5 } as const;
/** `REQUEST`: 1 for the client's data, 0 for the server's. Sequence numbers from and up to. */
export const GapField = { REQUEST: 2, FROM: 3, TO: 4 } as const;
/**
 * `IS_UNSURE`: 1 when nothing tells what was sent before it: it was acknowledged before it was sent, or what it may fill is forgotten.
 * `ORDINAL`: how many the exchange has with it.
 */
export const RepeatField = { REQUEST: 2, SEQUENCE: 3, LENGTH: 4, IS_UNSURE: 5, ORDINAL: 6 } as const;

/** Where in EntryField.KIND it stands how many times an entry holds, and for each of them, from the first on, a bit: of a request. */
const DatagramBits = { COUNT: 8, REQUESTS: 16 } as const;
/** Times of an entry, and the place of the first, float64. */
const TIMES = 3;
const FIRST_TIME = 1;

/** Instead of an entry: there is none. */
export const NO_ENTRY = 0;
/** Int32 of an entry, as a power of two: two are in a line of the cache. */
export const ENTRY_SHIFT = 3;

// Own constants, not imported ones: the compiler folds only the former
const NONE = NO_ENTRY;
const SHIFT = ENTRY_SHIFT;
const TIME_SHIFT = SHIFT - 1;
const WIDTH = 1 << SHIFT;
const NEXT = EntryField.NEXT;
const KIND = EntryField.KIND;
const KIND_MASK = (1 << DatagramBits.COUNT) - 1;
const COUNT = DatagramBits.COUNT;
const COUNT_MASK = 3;
const REQUESTS = DatagramBits.REQUESTS;
const FEW = LAST_OF_FEW;
const KEPT = LAST_OF_KEPT;
const DATAGRAMS = EntryKind.DATAGRAMS;
/** Entries at first. */
const INITIAL = 1 << 4;
/** Nothing is taken where no exchange has anything rare. */
const EMPTY = new Int32Array(0);

/**
 * What few exchanges have, in entries of 32 octets: as lists of objects it took five times as much, all of which the garbage collector
 * copied. The entries of an exchange are a chain, each kind in order of its making. A chain is known by its last entry, which leads to
 * the first: so one number tells where to go on and where to begin.
 */
export class EntryPool {
  /** The same entries twice. */
  words: Int32Array<ArrayBuffer> = EMPTY;
  times: Float64Array<ArrayBuffer> = timesOf(EMPTY);
  readonly #most: number;
  #used = NONE + 1;
  #free = NONE;

  /** @param most entries that are held at a time, those aside for which there is always room */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Adds an entry, whose fields the caller fills. Of the kinds that are few it comes behind the others of them, else at the end; see
   * `lastWith`. @returns NO_ENTRY when there is no room
   */
  add(kind: number, last: number): number {
    let before = last;
    if (kind <= FEW && last !== NONE && !this.#isFew(last))
      for (let at = this.first(last); this.#isFew(at); at = this.words[(at << SHIFT) + NEXT]!) before = at;
    if (kind > KEPT && this.#free === NONE && this.#used > this.#most) return NONE;
    const entry = this.#take();
    const { words } = this;
    words[(entry << SHIFT) + KIND] = kind;
    if (before === NONE) {
      words[(entry << SHIFT) + NEXT] = entry;
    } else {
      words[(entry << SHIFT) + NEXT] = words[(before << SHIFT) + NEXT]!;
      words[(before << SHIFT) + NEXT] = entry;
    }
    return entry;
  }

  /** The last entry of a chain to which one was added. */
  lastWith(entry: number, last: number): number {
    return last !== NONE && this.#isFew(entry) && !this.#isFew(last) ? last : entry;
  }

  /** Takes an entry of the few out of a chain. @returns the last one that is left */
  remove(entry: number, last: number): number {
    const { words } = this;
    let before = last;
    while (words[(before << SHIFT) + NEXT] !== entry) before = words[(before << SHIFT) + NEXT]!;
    words[(before << SHIFT) + NEXT] = words[(entry << SHIFT) + NEXT]!;
    words[(entry << SHIFT) + NEXT] = this.#free;
    this.#free = entry;
    if (entry !== last) return last;
    return before === entry ? NONE : before;
  }

  /** Gives a whole chain back. */
  free(last: number): void {
    if (last === NONE) return;
    const { words } = this;
    const first = words[(last << SHIFT) + NEXT]!;
    words[(last << SHIFT) + NEXT] = this.#free;
    this.#free = first;
  }

  /** Copies a chain into another pool, which has room for it. @returns its last entry there */
  copyTo(pool: EntryPool, last: number): number {
    let copied = NONE;
    for (let at = this.first(last); at !== NONE; at = this.after(at, last)) {
      // The few come first here as they do there
      const entry = pool.add(this.kind(at), copied);
      const row = at << SHIFT;
      pool.words.set(this.words.subarray(row + KIND, row + WIDTH), (entry << SHIFT) + KIND);
      copied = entry;
    }
    return copied;
  }

  /** The first entry of a chain. */
  first(last: number): number {
    return last === NONE ? NONE : this.words[(last << SHIFT) + NEXT]!;
  }

  /** The entry behind another in a chain; NO_ENTRY at its end. */
  after(entry: number, last: number): number {
    return entry === last ? NONE : this.words[(entry << SHIFT) + NEXT]!;
  }

  /** The first entry of a kind in a chain, NO_ENTRY where there is none. */
  firstOf(kind: number, last: number): number {
    return this.#seek(kind, this.first(last), last);
  }

  /** The next entry of a kind. */
  nextOf(kind: number, entry: number, last: number): number {
    return this.#seek(kind, this.after(entry, last), last);
  }

  /** All entries of a kind, in order of their making. */
  allOf(kind: number, last: number): number[] {
    const all: number[] = [];
    for (let at = this.firstOf(kind, last); at !== NONE; at = this.nextOf(kind, at, last)) all.push(at);
    return all;
  }

  countOf(kind: number, last: number): number {
    let count = 0;
    for (let at = this.firstOf(kind, last); at !== NONE; at = this.nextOf(kind, at, last)) count++;
    return count;
  }

  /** Repetitions in a chain: the last one knows, and there is nothing behind it. */
  repeats(last: number): number {
    return last !== NONE && this.kind(last) === EntryKind.REPEAT
      ? this.words[(last << SHIFT) + RepeatField.ORDINAL]!
      : 0;
  }

  kind(entry: number): number {
    return this.words[(entry << SHIFT) + KIND]! & KIND_MASK;
  }

  #isFew(entry: number): boolean {
    return this.kind(entry) <= FEW;
  }

  /** From an entry on the first of a kind. */
  #seek(kind: number, from: number, last: number): number {
    for (let at = from; at !== NONE; at = this.after(at, last)) {
      const its = this.kind(at);
      if (its === kind) return at;
      if (kind <= FEW && its > FEW) return NONE;
    }
    return NONE;
  }

  /** True when an entry holds datagrams, and has room for one more. */
  takesTime(entry: number): boolean {
    return this.kind(entry) === DATAGRAMS && this.#timesOf(entry) < TIMES;
  }

  /** Where among `times` that of one more datagram of an entry is to be put. */
  placeOfTime(entry: number, request: boolean): number {
    const at = (entry << SHIFT) + KIND;
    const count = this.#timesOf(entry);
    this.words[at]! += 1 << COUNT;
    if (request) this.words[at]! |= 1 << (REQUESTS + count);
    return (entry << TIME_SHIFT) + FIRST_TIME + count;
  }

  /** Times of the datagrams of one direction in a chain. */
  timesOf(request: boolean, last: number): number[] {
    const times: number[] = [];
    for (let at = this.firstOf(DATAGRAMS, last); at !== NONE; at = this.nextOf(DATAGRAMS, at, last)) {
      const requests = this.words[(at << SHIFT) + KIND]! >> REQUESTS;
      for (let i = 0; i < this.#timesOf(at); i++)
        if (((requests >> i) & 1) === (request ? 1 : 0)) times.push(this.times[(at << TIME_SHIFT) + FIRST_TIME + i]!);
    }
    return times;
  }

  /** Makes the datagrams of each direction those of the other. */
  turnTimes(last: number): void {
    for (let at = this.firstOf(DATAGRAMS, last); at !== NONE; at = this.nextOf(DATAGRAMS, at, last))
      this.words[(at << SHIFT) + KIND]! ^= ((1 << this.#timesOf(at)) - 1) << REQUESTS;
  }

  #timesOf(entry: number): number {
    return (this.words[(entry << SHIFT) + KIND]! >> COUNT) & COUNT_MASK;
  }

  #take(): number {
    const { words } = this;
    if (this.#free !== NONE) {
      const entry = this.#free;
      this.#free = words[(entry << SHIFT) + NEXT]!;
      return entry;
    }
    const entry = this.#used++;
    if (entry << SHIFT >= words.length) {
      this.words = words.length === 0 ? newRows(INITIAL << SHIFT) : withRoom(words, (entry + 1) << SHIFT);
      this.times = timesOf(this.words);
    }
    return entry;
  }
}
