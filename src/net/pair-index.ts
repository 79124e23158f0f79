import { doubled } from './doubled.js';

/**
 * Open addressing over two int32 keys: finds the small integer that belongs to a pair of integers, giving out new ones in
 * order. Bounded; what no longer fits is refused (-1) and counted.
 */
export class PairIndex {
  #first: Int32Array<ArrayBuffer>;
  #second: Int32Array<ArrayBuffer>;
  #slots: Int32Array;
  #mask: number;
  #count = 0;
  readonly #limit: number;
  refused = 0;

  constructor(limit: number, initial = 1 << 10) {
    this.#limit = limit;
    this.#first = new Int32Array(initial);
    this.#second = new Int32Array(initial);
    this.#slots = new Int32Array(initial * 2).fill(-1);
    this.#mask = this.#slots.length - 1;
  }

  get size(): number {
    return this.#count;
  }

  first(index: number): number {
    return this.#first[index]!;
  }

  second(index: number): number {
    return this.#second[index]!;
  }

  /** Index of the pair, or -1 when it has none. */
  find(a: number, b: number): number {
    let slot = hash(a, b) & this.#mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index < 0) return -1;
      if (this.#first[index] === a && this.#second[index] === b) return index;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Index of the pair, made when it is new; -1 at the bound. */
  get(a: number, b: number): number {
    let slot = hash(a, b) & this.#mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index < 0) break;
      if (this.#first[index] === a && this.#second[index] === b) return index;
      slot = (slot + 1) & this.#mask;
    }
    if (this.#count >= this.#limit) {
      this.refused++;
      return -1;
    }
    const index = this.#count++;
    if (index >= this.#first.length) {
      this.#first = doubled(this.#first);
      this.#second = doubled(this.#second);
    }
    this.#first[index] = a;
    this.#second[index] = b;
    this.#slots[slot] = index;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return index;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    this.#mask = this.#slots.length - 1;
    for (let index = 0; index < this.#count; index++) {
      let slot = hash(this.#first[index]!, this.#second[index]!) & this.#mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index;
    }
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
