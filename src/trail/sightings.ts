import { withRoom, newRows } from '../net/row-memory.js';
import { relative } from '../net/relative-time.js';
import type { Clock } from './clocks.js';
import { RowNumbers } from './row-numbers.js';
import { Row, ROW_SHIFT } from './row.js';
import type { SightingBatch } from './sighting-batch.js';

/**
 * Tunnel around a packet, interned. Without its source port, which is made of the flow inside (RFC 7348) and stands with each
 * sighting: a network has some hundred tunnels then, all of them in the processor's cache, and not one a flow.
 */
export interface Tunnel {
  /** Layer kind: VXLAN, GENEVE, GRE or IP. */
  readonly kind: number;
  readonly src: number;
  readonly dst: number;
  readonly destinationPort: number;
  /** VNI or GRE key, -1 where there is none. */
  readonly id: number;
}

/** Most tunnels that have a number of their own. */
const TUNNELS = 1 << 16;
const SLOTS = 2 * TUNNELS;
/** Slots looked at for a tunnel: more share their hash only in captures made to be so. */
const PROBES = 64;

/** Number of every tunnel that no longer has one of its own. */
export const OVERFLOW = 1;
/** Number of the first tunnel that has. */
export const FIRST_TUNNEL = 2;

/** Tunnels by number; 0 is "none". */
export class TunnelTable {
  readonly #tunnels: (Tunnel | null)[] = [null, null];
  /** Sightings in tunnels that no longer have a number. */
  overflowed = 0;
  /** Numbers, by open addressing: a look-up for each tunnelled frame. */
  readonly #slots = new Int32Array(SLOTS);

  idOf(kind: number, src: number, dst: number, destinationPort: number, id: number): number {
    let slot = Math.imul(src, 0x9e3779b1) ^ Math.imul(dst, 0x85ebca6b) ^ Math.imul(destinationPort, 0xc2b2ae35) ^ id;
    slot = (slot ^ (slot >>> 15)) & (SLOTS - 1);
    let number = this.#slots[slot]!;
    for (let probes = 0; number !== 0; probes++) {
      if (probes === PROBES) return OVERFLOW;
      const tunnel = this.#tunnels[number]!;
      if (
        tunnel.src === src &&
        tunnel.dst === dst &&
        tunnel.destinationPort === destinationPort &&
        tunnel.id === id &&
        tunnel.kind === kind
      ) {
        return number;
      }
      slot = (slot + 1) & (SLOTS - 1);
      number = this.#slots[slot]!;
    }
    number = this.#tunnels.length;
    if (number >= TUNNELS) return OVERFLOW;
    this.#tunnels.push({ kind, src, dst, destinationPort, id });
    this.#slots[slot] = number;
    return number;
  }

  /** Null for 0, for OVERFLOW, and for a number not given out yet. */
  get(number: number): Tunnel | null {
    return this.#tunnels[number] ?? null;
  }
}

// Own constants, not imported ones: the compiler folds only the former
const FROM_FRAME = Row.FRAME;
const FROM_SECONDS = Row.SECONDS;
const FROM_NANOSECONDS = Row.NANOSECONDS;
const FROM_TTLS = Row.TTLS;

/** Fields of a kept sighting, int32: what it tells. */
export const SightingField = { POINT_AND_FILE: 0, FRAME: 1, SECONDS: 2, NANOSECONDS: 3, TTLS: 4, TUNNEL: 5 } as const;

const POINT_AND_FILE = SightingField.POINT_AND_FILE;
const FRAME = SightingField.FRAME;
const SECONDS = SightingField.SECONDS;
const NANOSECONDS = SightingField.NANOSECONDS;
const TTLS = SightingField.TTLS;
const TUNNEL = SightingField.TUNNEL;
// And behind them its place in the chain
const NEXT = 6;
const CHAINED = 7;
const SHIFT = 3;
const INITIAL = 1 << 10;

/** The clock of a capture, for times relative to a second since the epoch. */
export interface FileClock {
  readonly clock: Clock;
  readonly base: number;
}

/** Sightings in rows: a packet at a point. A sighting is a small integer, valid until it is freed. Chained within its packet. */
export class SightingStore {
  #rows = newRows(INITIAL << SHIFT);
  readonly #numbers = new RowNumbers();
  readonly #clocks: readonly FileClock[];

  /** @param clocks of the captures, by number */
  constructor(clocks: readonly FileClock[]) {
    this.#clocks = clocks;
  }

  /** Keeps a sighting of a batch before `next` in a chain. */
  add(batch: SightingBatch, index: number, point: number, file: number, tunnel: number, next: number): number {
    const at = this.#numbers.take();
    this.#makeRoom(at);
    const rows = this.#rows;
    const row = at << SHIFT;
    rows[row + POINT_AND_FILE] = (point << 16) | file;
    const from = batch.rows;
    const its = index << ROW_SHIFT;
    rows[row + FRAME] = from[its + FROM_FRAME]!;
    rows[row + SECONDS] = from[its + FROM_SECONDS]!;
    rows[row + NANOSECONDS] = from[its + FROM_NANOSECONDS]!;
    rows[row + TTLS] = from[its + FROM_TTLS]!;
    rows[row + TUNNEL] = tunnel;
    rows[row + NEXT] = next;
    rows[row + CHAINED] = next < 0 ? 1 : rows[(next << SHIFT) + CHAINED]! + 1;
    return at;
  }

  /** Gives up a chain. */
  freeAll(head: number): void {
    for (let at = head; at >= 0; at = this.#rows[(at << SHIFT) + NEXT]!) this.#numbers.free(at);
  }

  /** Gives a chain that stays for long numbers apart from the others (see RowNumbers). @returns its new head */
  setApart(head: number): number {
    let first = -1;
    let last = -1;
    for (let at = head; at >= 0; at = this.next(at)) {
      const copy = this.#numbers.takeApart();
      this.#makeRoom(copy);
      this.#rows.copyWithin(copy << SHIFT, at << SHIFT, (at + 1) << SHIFT);
      if (last < 0) first = copy;
      else this.#rows[(last << SHIFT) + NEXT] = copy;
      last = copy;
    }
    this.freeAll(head);
    return first;
  }

  /** Chains sightings anew. @returns the first */
  link(chain: readonly number[]): number {
    let head = -1;
    for (const [i, at] of chain.entries()) {
      const row = at << SHIFT;
      this.#rows[row + NEXT] = head;
      this.#rows[row + CHAINED] = i + 1;
      head = at;
    }
    return head;
  }

  /** Next of the chain, -1 at its end. */
  next(at: number): number {
    return this.#rows[(at << SHIFT) + NEXT]!;
  }

  /** Sightings of the chain from this one on. */
  chained(at: number): number {
    return this.#rows[(at << SHIFT) + CHAINED]!;
  }

  /** Copies what a sighting tells to a row elsewhere, see SightingField. */
  copyTo(at: number, rows: Int32Array, row: number): void {
    const from = at << SHIFT;
    for (let i = 0; i < NEXT; i++) rows[row + i] = this.#rows[from + i]!;
  }

  point(at: number): number {
    return this.#rows[(at << SHIFT) + POINT_AND_FILE]! >>> 16;
  }

  file(at: number): number {
    return this.#rows[(at << SHIFT) + POINT_AND_FILE]! & 0xffff;
  }

  frame(at: number): number {
    return this.#rows[(at << SHIFT) + FRAME]! >>> 0;
  }

  seconds(at: number): number {
    return this.#rows[(at << SHIFT) + SECONDS]! >>> 0;
  }

  nanoseconds(at: number): number {
    return this.#rows[(at << SHIFT) + NANOSECONDS]!;
  }

  ttls(at: number): number {
    return this.#rows[(at << SHIFT) + TTLS]!;
  }

  tunnel(at: number): number {
    return this.#rows[(at << SHIFT) + TUNNEL]!;
  }

  /** Corrected time, as its reader told it. */
  time(at: number): number {
    const { clock, base } = this.#clocks[this.file(at)]!;
    return clock.correct(relative(this.seconds(at), this.nanoseconds(at), base));
  }

  #makeRoom(at: number): void {
    if (at << SHIFT >= this.#rows.length) this.#rows = withRoom(this.#rows, (at + 1) << SHIFT);
  }
}
