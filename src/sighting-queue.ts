import { relative } from './net/relative-time.js';
import type { PointResolver } from './reading.js';
import type { SightingSource } from './sighting-source.js';
import type { Clock } from './trail/clocks.js';
import { Row, ROW_SHIFT } from './trail/row.js';
import type { SightingBatch } from './trail/sighting-batch.js';

/** One capture being read sighting by sighting. */
export class SightingCursor {
  readonly number: number;
  /** Octets of its file. */
  readonly size: number;
  readonly source: SightingSource;
  readonly resolver: PointResolver;
  /** Null before the first. */
  batch: SightingBatch | null = null;
  index = 0;
  /** When each sighting of the batch has its turn, see SightingBatch.order. */
  #order: Float64Array;
  /** How far behind `time` what comes later may be, nanoseconds. */
  readonly disorder: number;
  /** Last time read, as its file says, relative to the base. */
  lastTime = -Infinity;
  readonly #base: number;
  readonly #clock: Clock;

  /** @param first corrected time of its first frame: it is not opened before */
  constructor(
    number: number,
    size: number,
    source: SightingSource,
    resolver: PointResolver,
    base: number,
    first: number,
    disorder: number,
    clock: Clock,
  ) {
    this.disorder = disorder;
    this.number = number;
    this.size = size;
    this.source = source;
    this.resolver = resolver;
    this.#base = base;
    this.#clock = clock;
    this.#order = Float64Array.of(first);
  }

  /** When the current sighting has its turn. Read where it stands: a number with a fraction in a field is an object each time. */
  get time(): number {
    return this.#order[this.index]!;
  }

  /** Loads the next batch; false at the end of the capture. */
  async refill(): Promise<boolean> {
    this.batch = await this.source.next();
    if (this.batch === null) return false;
    this.batch.correct(this.#clock);
    const { rows, order, count } = this.batch;
    const last = (count - 1) << ROW_SHIFT;
    this.lastTime = relative(rows[last + Row.SECONDS]! >>> 0, rows[last + Row.NANOSECONDS]!, this.#base);
    this.index = 0;
    this.#order = order;
    return true;
  }

  /** Goes to the next sighting of the batch; false after its last. */
  step(): boolean {
    if (this.index + 1 >= this.batch!.count) return false;
    this.index++;
    return true;
  }
}

/**
 * Captures in the order of their next sightings, of equal times in the order given: a binary heap. With sixteen captures each
 * sighting is another one's, and to look through hundreds for each would cost more than all else.
 */
export class SightingQueue {
  readonly #heap: SightingCursor[];

  constructor(cursors: readonly SightingCursor[]) {
    this.#heap = [...cursors];
    for (let at = this.#heap.length >> 1; at >= 0; at--) this.#sink(at);
  }

  get length(): number {
    return this.#heap.length;
  }

  /** No sighting to come is before this time. */
  get readUpTo(): number {
    return this.#heap.reduce((least, { time, disorder }) => Math.min(least, time - disorder), Infinity);
  }

  /** Octets read of those captures that are not read to their end. */
  get octetsRead(): number {
    return this.#heap.reduce((sum, { source }) => sum + source.octetsRead, 0);
  }

  /**
   * Gives sightings to `take`, in order of corrected time, and counts down. Returns the capture whose batch is used up or was
   * never there, or null when the count is down to 0.
   */
  pump(stride: { left: number }, take: (cursor: SightingCursor) => void): SightingCursor | null {
    const heap = this.#heap;
    while (stride.left > 0) {
      this.#sink(0);
      const cursor = heap[0]!;
      if (cursor.batch === null) return cursor;
      // Sightings of one capture that come before those of all others need no further comparing.
      do {
        take(cursor);
        stride.left--;
        if (!cursor.step()) return cursor;
      } while (stride.left > 0 && this.#isFirst(cursor));
    }
    return null;
  }

  /** True when no other capture comes before the one on top: of equal times, too, or ends of batches would show in their order. */
  #isFirst(cursor: SightingCursor): boolean {
    const heap = this.#heap;
    return (heap.length < 2 || !isBefore(heap[1]!, cursor)) && (heap.length < 3 || !isBefore(heap[2]!, cursor));
  }

  /** Takes out the capture that pump returned: it is read to its end. */
  shift(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#heap[0] = last;
  }

  /** Puts a capture in its place, when those below are in theirs. */
  #sink(from: number): void {
    const heap = this.#heap;
    const cursor = heap[from];
    if (cursor === undefined) return;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, cursor)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = cursor;
  }
}

function isBefore(a: SightingCursor, b: SightingCursor): boolean {
  const first = a.time;
  const second = b.time;
  return first < second || (first === second && a.number < b.number);
}
