import { newRows, timesOf, withRoom } from '../net/row-memory.js';
import { SightingField, type SightingStore } from './sightings.js';

export type Rung = 'exact' | 'nat-invariant' | 'byte-range' | 'transaction' | 'repetition';

/** How a sighting came to be one of its packet's; the same object for nearly all. */
export interface Match {
  readonly rung: Rung;
  /** Octets of the packet that this frame holds, where it holds only some: from and to, relative to its first. */
  readonly range: readonly [number, number] | null;
}

/** Addresses and ports of a packet; a translation gives a packet a second form. */
export interface Form {
  readonly src: number;
  readonly dst: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Identifier of an ICMP echo, which masquerading may rewrite; -1 for everything else. */
  readonly echoId: number;
}

/** Int32 of a row, as a power of two: a line of the processor's cache. */
export const TRAIL_SHIFT = 4;
const SHIFT = TRAIL_SHIFT;
/** Rows of one piece of memory, 8 KiB: all of it stays as long as one trail in it does. */
const ROOM = 1 << 7;

// Fields of a sighting: those that the window has of it, and behind them these
const POINT_AND_FILE = SightingField.POINT_AND_FILE;
const FRAME = SightingField.FRAME;
const SECONDS = SightingField.SECONDS;
const NANOSECONDS = SightingField.NANOSECONDS;
const TTLS = SightingField.TTLS;
const TUNNEL = SightingField.TUNNEL;
/** Float64: 6 and 7. */
const TIME = 3;
const SRC = 8;
const DST = 9;
const SOURCE_PORT = 10;
const DESTINATION_PORT = 11;
const ECHO_ID = 12;
/** Place of the rung in RUNGS, and flags. */
const MATCH = 13;
/** -1 where the frame holds all of the packet. */
const RANGE_FROM = 14;
const RANGE_TO = 15;

const RUNGS: readonly Rung[] = ['exact', 'nat-invariant', 'byte-range', 'transaction', 'repetition'];
const RUNG = 7;
const COPY = 8;
const WHOLE = 16;

/**
 * Memory for trails: for each a row that tells of the packet, and behind it one for each sighting. Tens of thousands are kept. As objects
 * one took 450 octets in five of them, which the garbage collector copied twice. No row is ever given up for another: such a piece of
 * memory goes with the last trail or sighting that refers to it.
 */
export class TrailRows {
  rows: Int32Array<ArrayBuffer>;
  /** The same memory. */
  times: Float64Array<ArrayBuffer>;
  #used = 0;

  constructor(room = ROOM) {
    this.rows = newRows(room << SHIFT);
    this.times = timesOf(this.rows);
  }

  /** Takes rows that follow each other. @returns where the first begins, in int32 */
  take(count: number): number {
    const row = this.#used << SHIFT;
    this.#used += count;
    if (this.#used << SHIFT > this.rows.length) {
      this.rows = withRoom(this.rows, this.#used << SHIFT);
      this.times = timesOf(this.rows);
    }
    return row;
  }

  /** This memory if there is room in it, else new one. */
  withRoomFor(count: number): TrailRows {
    return (this.#used + count) << SHIFT <= this.rows.length ? this : new TrailRows(Math.max(ROOM, count));
  }

  /** Takes all rows again, for a caller who has handed out none of them. */
  clear(): void {
    this.#used = 0;
  }

  /** Copies rows of other memory to those from `row` on. */
  copy(row: number, from: TrailRows, fromRow: number, count: number): void {
    const its = from.rows;
    const { rows } = this;
    for (let i = 0; i < count << SHIFT; i++) rows[row + i] = its[fromRow + i]!;
  }

  /** Adds what the window has of a sighting. */
  addSighting(store: SightingStore, at: number, form: Form, { rung, range }: Match): Sighting {
    const row = this.take(1);
    const { rows } = this;
    store.copyTo(at, rows, row);
    this.times[(row >> 1) + TIME] = store.time(at);
    rows[row + SRC] = form.src;
    rows[row + DST] = form.dst;
    rows[row + SOURCE_PORT] = form.sourcePort;
    rows[row + DESTINATION_PORT] = form.destinationPort;
    rows[row + ECHO_ID] = form.echoId;
    rows[row + MATCH] = RUNGS.indexOf(rung);
    rows[row + RANGE_FROM] = range === null ? -1 : range[0];
    rows[row + RANGE_TO] = range === null ? -1 : range[1];
    return new Sighting(this, row);
  }

  /** What a sighting's row tells, for those who look at many. */
  pointAt(row: number): number {
    return this.rows[row + POINT_AND_FILE]! >>> 16;
  }
  timeAt(row: number): number {
    return this.times[(row >> 1) + TIME]!;
  }
  formAt(row: number): Form {
    const { rows } = this;
    return {
      src: rows[row + SRC]!,
      dst: rows[row + DST]!,
      sourcePort: rows[row + SOURCE_PORT]!,
      destinationPort: rows[row + DESTINATION_PORT]!,
      echoId: rows[row + ECHO_ID]!,
    };
  }
  /** True where all octets of the packet were seen at the sighting's point, in this frame or in several. */
  isWholeAt(row: number): boolean {
    return (this.rows[row + MATCH]! & WHOLE) !== 0;
  }
  markWhole(row: number): void {
    this.rows[row + MATCH]! |= WHOLE;
  }
  haveOneForm(row: number, other: number): boolean {
    const { rows } = this;
    for (let i = SRC; i <= ECHO_ID; i++) if (rows[row + i] !== rows[other + i]) return false;
    return true;
  }
}

/** One sighting of a packet: a row as an object, made when it is asked for. */
export class Sighting {
  readonly #memory: TrailRows;
  readonly #row: number;

  constructor(memory: TrailRows, row: number) {
    this.#memory = memory;
    this.#row = row;
  }

  #at(field: number): number {
    return this.#memory.rows[this.#row + field]!;
  }

  get point(): number {
    return this.#at(POINT_AND_FILE) >>> 16;
  }
  get file(): number {
    return this.#at(POINT_AND_FILE) & 0xffff;
  }
  get ttl(): number {
    return this.#at(TTLS) & 255;
  }
  get outerTtl(): number {
    return (this.#at(TTLS) >>> 8) & 255;
  }
  /** Source port of the tunnel's UDP, 0 without. */
  get outerSourcePort(): number {
    return this.#at(TTLS) >>> 16;
  }
  /** Number in the tunnel table, 0 for a bare packet. */
  get tunnel(): number {
    return this.#at(TUNNEL);
  }
  get frame(): number {
    return this.#at(FRAME) >>> 0;
  }
  get seconds(): number {
    return this.#at(SECONDS) >>> 0;
  }
  get nanoseconds(): number {
    return this.#at(NANOSECONDS);
  }
  /** Corrected, nanoseconds relative to the base. */
  get time(): number {
    return this.#memory.timeAt(this.#row);
  }
  get rung(): Rung {
    return RUNGS[this.#at(MATCH) & RUNG]!;
  }
  get range(): readonly [number, number] | null {
    const from = this.#at(RANGE_FROM);
    return from < 0 ? null : [from, this.#at(RANGE_TO)];
  }
  /** Addresses and ports here. */
  get form(): Form {
    return this.#memory.formAt(this.#row);
  }
  /** Unchanged octets recorded again in the same passage. */
  get copy(): boolean {
    return (this.#at(MATCH) & COPY) !== 0;
  }

  markCopy(): void {
    this.#memory.rows[this.#row + MATCH]! |= COPY;
  }

  /** True for one of the same trail that shows the same addresses and ports. */
  hasFormOf(other: Sighting): boolean {
    return this.#memory.haveOneForm(this.#row, other.#row);
  }

  /** Copies it to a row of other memory. */
  copyTo(memory: TrailRows, row: number): void {
    memory.copy(row, this.#memory, this.#row, 1);
  }
}
