import { doubled } from './doubled.js';

/**
 * Open addressing over two int32 keys: finds the small integer that belongs to a pair of integers, giving out new ones in
 * order. Bounded; what no longer fits is refused (-1) and counted.
 */
export class PairIndex {
  /** A row for each pair, in order of their indexes: first, second, and what the owner keeps of it. */
  rows: Int32Array<ArrayBuffer>;
  /** By hash: index + 1, 0 where there is none. */
  #slots: Int32Array;
  #mask: number;
  #count = 0;
  readonly #limit: number;
  readonly #width: number;
  refused = 0;

  /** @param initial a power of 2 @param width int32 of a row: what is looked at with the pair is in the same line of the cache */
  constructor(limit: number, initial = 1 << 10, width = 2) {
    this.#limit = limit;
    this.#width = width;
    this.rows = new Int32Array(initial * width);
    this.#slots = new Int32Array(initial * 2);
    this.#mask = this.#slots.length - 1;
  }

  get size(): number {
    return this.#count;
  }

  first(index: number): number {
    return this.rows[Math.imul(index, this.#width)]!;
  }

  second(index: number): number {
    return this.rows[Math.imul(index, this.#width) + 1]!;
  }

  /** Index of the pair, or -1 when it has none. */
  find(a: number, b: number): number {
    return this.#slots[this.#slotOf(a, b)]! - 1;
  }

  /** Index of the pair, made when it is new; -1 at the bound. */
  get(a: number, b: number): number {
    const slot = this.#slotOf(a, b);
    const known = this.#slots[slot]! - 1;
    if (known >= 0) return known;
    if (this.#count >= this.#limit) {
      this.refused++;
      return -1;
    }
    const index = this.#count++;
    const row = Math.imul(index, this.#width);
    if (row >= this.rows.length) this.rows = doubled(this.rows);
    this.rows[row] = a;
    this.rows[row + 1] = b;
    this.#slots[slot] = index + 1;
    if (this.#count * 2 > this.#slots.length) this.#rehash(this.#slots.length);
    return index;
  }

  /** Makes room for so many pairs at once. */
  reserve(count: number): void {
    const fits = Math.min(count, this.#limit);
    while (this.rows.length < fits * this.#width) this.rows = doubled(this.rows);
    if (this.#slots.length < fits * 2) this.#rehash(this.rows.length / this.#width);
  }

  /** Where a pair is among the slots, or the free place for it. */
  #slotOf(a: number, b: number): number {
    const slots = this.#slots;
    const { rows } = this;
    const width = this.#width;
    let slot = hash(a, b) & this.#mask;
    for (;;) {
      const index = slots[slot]! - 1;
      if (index < 0) return slot;
      const row = Math.imul(index, width);
      if (rows[row] === a && rows[row + 1] === b) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** @param pairs to have room for */
  #rehash(pairs: number): void {
    this.#slots = new Int32Array(pairs * 2);
    this.#mask = this.#slots.length - 1;
    for (let index = 0; index < this.#count; index++) {
      this.#slots[this.#slotOf(this.first(index), this.second(index))] = index + 1;
    }
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
