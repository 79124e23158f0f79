import { doubled } from '../net/doubled.js';
import { PairIndex } from '../net/pair-index.js';
import { pointsKey } from '../net/points.js';
import { Row, ROW_SHIFT } from './row.js';
import type { Topology } from './topology.js';
import type { Form } from './trail-rows.js';
import { endsOf } from './way-ends.js';
import type { WayOrder } from './way-order.js';
import { WayFinder, type Way } from './ways.js';

const WAITS = 1;
const AT_ONCE = 2;
/** Addresses with a number below this find their paths in a table, which one step leads to. */
const NEAR_BITS = 9;
const NEAR = 1 << NEAR_BITS;
const SHIFT = ROW_SHIFT;
const SRC = Row.SRC;
/** Int32 of what is remembered of two points of a path: behind the two keys the answer, 0 where it was not asked for yet. */
const BEFORE_WIDTH = 3;
const ANSWER = 2;
const YES = 1;
const NO = 2;

/** Remembers paths. */
export class Paths {
  readonly #topology: Topology;
  readonly #finder: WayFinder;
  readonly #order: WayOrder;
  readonly #index = new PairIndex(1 << 18);
  /** By number: that of its way + 1, above two bits that say when packets are told; 0 where it was not looked for yet. */
  #wayOf = new Int32Array(1 << 8);
  readonly #ways: Way[] = [];
  /** Of ways, by their hash: to make a text of each took a fifth as long as to find it. */
  readonly #wayNumbers = new Map<number, number[]>();
  /** Entries by source and destination, 0 for none. */
  readonly #near = new Int32Array(NEAR * NEAR);
  /** Means nothing, see GroupIndex.touched. */
  touched = 0;
  /** By path and two points: whether packets pass the first before the second. */
  readonly #befores = new PairIndex(1 << 18, 1 << 10, BEFORE_WIDTH);

  constructor(topology: Topology, order: WayOrder) {
    this.#topology = topology;
    this.#order = order;
    this.#finder = new WayFinder(topology, order);
  }

  /** The way from one address to another: the same object for all that go by it, as long as there are not too many to remember. */
  of(src: number, dst: number): Way {
    const number = this.#numberOf(src, dst);
    return number < 0 ? this.#find(src, dst) : this.at(number);
  }

  /**
   * Number of that path << 1, and 1 where a packet can be told as soon as all points of the way have seen it: it has no other form, no
   * more points to come, and neither have its answers. Below 0 when there are too many to remember.
   */
  entryOf(src: number, dst: number): number {
    // Of a table with keys the slot and the pair would be two waits for memory
    const isNear = src < NEAR && dst < NEAR;
    const known = isNear ? this.#near[(src << NEAR_BITS) | dst]! : 0;
    if (known !== 0) return known - 1;
    const number = this.#numberOf(src, dst);
    if (number < 0) return -1;
    const entry = (number << 1) | (this.#isToldAtOnce(number, src, dst) ? 1 : 0);
    if (isNear) this.#near[(src << NEAR_BITS) | dst] = entry + 1;
    return entry;
  }

  /** As GroupIndex.touch: what entryOf will look for of the next rows. */
  touch(of: Int32Array, from: number, to: number): void {
    const near = this.#near;
    let sum = 0;
    for (let at = (from << SHIFT) + SRC; at < to << SHIFT; at += 1 << SHIFT)
      sum ^= near[((of[at]! << NEAR_BITS) | of[at + 1]!) & (NEAR * NEAR - 1)]!;
    this.touched = sum;
  }

  #numberOf(src: number, dst: number): number {
    const number = this.#index.get(src, dst);
    if (number >= this.#wayOf.length) this.#wayOf = doubled(this.#wayOf);
    if (number >= 0 && this.#wayOf[number] === 0)
      this.#wayOf[number] = (this.#wayNumber(this.#find(src, dst)) + 1) << 2;
    return number;
  }

  /** The way of the path of a number. */
  at(number: number): Way {
    return this.#ways[(this.#wayOf[number]! >> 2) - 1]!;
  }

  #wayNumber(way: Way): number {
    const hash = hashOf(way);
    const alike = this.#wayNumbers.get(hash);
    for (const number of alike ?? []) if (isEqual(this.#ways[number]!, way)) return number;
    const number = this.#ways.push(way) - 1;
    if (alike === undefined) this.#wayNumbers.set(hash, [number]);
    else alike.push(number);
    return number;
  }

  #isToldAtOnce(number: number, src: number, dst: number): boolean {
    if ((this.#wayOf[number]! & 3) === 0) {
      const { bits, isWhole } = this.at(number);
      // Before the array is taken: to find the way back may make a larger one
      const isAtOnce = bits !== 0 && isWhole && this.of(dst, src).isWhole;
      this.#wayOf[number]! |= isAtOnce ? AT_ONCE : WAITS;
    }
    return (this.#wayOf[number]! & 3) === AT_ONCE;
  }

  #find(src: number, dst: number): Way {
    return this.#finder.find(endsOf(this.#topology, src, dst));
  }

  /** True when it is known that a packet between two addresses passes the first point before the second. */
  isBefore({ src, dst }: Pick<Form, 'src' | 'dst'>, first: number, second: number): boolean {
    const path = this.#numberOf(src, dst);
    const known = path < 0 ? -1 : this.#befores.get(path, pointsKey(first, second));
    const { rows } = this.#befores;
    const answer = known < 0 ? 0 : rows[known * BEFORE_WIDTH + ANSWER]!;
    if (answer !== 0) return answer === YES;
    const isBefore = this.#order.isBefore(first, second, endsOf(this.#topology, src, dst));
    if (known >= 0) rows[known * BEFORE_WIDTH + ANSWER] = isBefore ? YES : NO;
    return isBefore;
  }
}

function hashOf({ points, source, home }: Way): number {
  let hash = 0;
  for (const list of [points, source, home]) {
    hash = Math.imul(hash ^ list.length, 0x85ebca6b);
    for (const point of list) hash = Math.imul(hash ^ point, 0x9e3779b1) ^ (hash >>> 15);
  }
  return hash;
}

function isEqual(a: Way, b: Way): boolean {
  return (
    a.endsAtHome === b.endsAtHome &&
    a.isWhole === b.isWhole &&
    areEqual(a.points, b.points) &&
    areEqual(a.crossings, b.crossings) &&
    areEqual(a.source, b.source) &&
    areEqual(a.home, b.home)
  );
}

function areEqual<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
