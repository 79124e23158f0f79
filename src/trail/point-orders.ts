import { doubled } from '../net/doubled.js';
import { isWorkload, rankOf, type CapturePoint } from '../net/points.js';
import type { Clock } from './clocks.js';
import type { Samples } from './evidence.js';

/** Sightings of one pair of addresses at two points that are compared at most. */
const LIMIT = 256;
/** An answer this close to a packet, nanoseconds, is compared with it: clocks drift apart by less than the delays meanwhile. */
const CLOSE = 1e9;
/** Two clocks drift apart by no more than this, nanoseconds a nanosecond. */
const DRIFT = 200e-6;
/** One packet is seen this many times at most. */
const ALIKE = 64;
/** A point records copies within this time of each other. */
const COPY = 1e6;
/** One order is believed when it is seen this many times as often as the other. */
const CLEARLY = 3;
const NONE: ReadonlySet<number> = new Set();

/** When packets from one address to another were seen at a point, and how much later at another, as the clocks say. */
interface Differences {
  readonly times: number[];
  readonly later: number[];
}

/** Differences of one key, chained in the order of their making. */
interface Chain {
  readonly first: number;
  last: number;
  length: number;
}

/** Which of two points packets pass first, where neither hops nor homes tell. */
export class PointOrders {
  readonly #points: readonly CapturePoint[];
  /** By addresses and points. In arrays of their own those of 13,000 keys took 5 MiB, most of it room for more. */
  readonly #chains = new Map<string, Chain>();
  /** Time and how much later, and the next of the chain. */
  #differences: Float64Array<ArrayBuffer> = new Float64Array(1 << 9);
  #next: Int32Array<ArrayBuffer> = new Int32Array(1 << 8);
  #count = 0;
  /** Points that saw packets which a point saw, too. */
  readonly #compared = new Map<number, Set<number>>();
  /** What the packets between two addresses said of two points, once asked. */
  readonly #found = new Map<string, number>();

  constructor(samples: Samples, points: readonly CapturePoint[]) {
    this.#points = points;
    for (const all of groupsOf(samples)) {
      const group = withoutCopies(all, samples);
      const plain = new Set(group.map((i) => samples.points[i]!)).size === group.length;
      for (const i of group) {
        for (const j of group) {
          const x = points[samples.points[i]!]!;
          const y = points[samples.points[j]!]!;
          if (x.id >= y.id || (areRanked(x, y) && !areBridged(x, y))) continue;
          // Of copies and identical packets it is not known which is which.
          if (!plain && x.node !== y.node) continue;
          const key = keyOf(samples.sources[i]!, samples.destinations[i]!, x.id, y.id);
          if (!this.#add(key, samples.times[i]!, samples.times[j]! - samples.times[i]!)) continue;
          this.#note(x.id, y.id);
          this.#note(y.id, x.id);
        }
      }
    }
  }

  /** False when there are enough of the key. */
  #add(key: string, time: number, later: number): boolean {
    const chain = this.#chains.get(key);
    if (chain !== undefined && chain.length >= LIMIT) return false;
    const at = this.#count++;
    if (at === this.#next.length) {
      this.#differences = doubled(this.#differences);
      this.#next = doubled(this.#next);
    }
    this.#differences[2 * at] = time;
    this.#differences[2 * at + 1] = later;
    if (chain === undefined) {
      this.#chains.set(key, { first: at, last: at, length: 1 });
      return true;
    }
    this.#next[chain.last] = at;
    chain.last = at;
    chain.length++;
    return true;
  }

  #differencesOf(key: string): Differences | undefined {
    const chain = this.#chains.get(key);
    if (chain === undefined) return undefined;
    const times: number[] = [];
    const later: number[] = [];
    for (let i = 0, at = chain.first; i < chain.length; i++, at = this.#next[at]!) {
      times.push(this.#differences[2 * at]!);
      later.push(this.#differences[2 * at + 1]!);
    }
    return { times, later };
  }

  #note(point: number, other: number): void {
    const compared = this.#compared.get(point);
    if (compared === undefined) this.#compared.set(point, new Set([other]));
    else compared.add(other);
  }

  /** The points that may have passed a packet before or after this one. */
  comparedWith(point: number): ReadonlySet<number> {
    return this.#compared.get(point) ?? NONE;
  }

  /**
   * True when two points of one node showed packets from src to dst at the first before the second. A bridge's own tap sees what its
   * ports say to each other last: that a port came first proves nothing there.
   */
  passed(src: number, dst: number, first: number, second: number): boolean {
    const forward = first < second;
    const { later } = this.#differencesOf(
      forward ? keyOf(src, dst, first, second) : keyOf(src, dst, second, first),
    ) ?? { later: [] };
    let before = 0;
    let behind = 0;
    for (const time of later) {
      if (forward ? time > 0 : time < 0) before++;
      else if (time !== 0) behind++;
    }
    return before > CLEARLY * behind;
  }

  /** Below 0 when packets from src to dst pass x before y, 0 when nothing tells. `clocks`: where they are known. */
  compare(src: number, dst: number, x: number, y: number, clocks: ReadonlyMap<string, Clock> | null): number {
    if (x > y) return -this.compare(src, dst, y, x, clocks);
    if (areRanked(this.#points[x]!, this.#points[y]!)) return 0;
    const key = keyOf(src, dst, x, y);
    const there = this.#differencesOf(key);
    const back = this.#differencesOf(keyOf(dst, src, x, y));
    if (there === undefined && back === undefined) return 0;
    let order = this.#found.get(key);
    if (order === undefined) {
      const sameNode = this.#points[x]!.node === this.#points[y]!.node;
      order = sameNode ? signs(back) - signs(there) : -roundTrips(there, back);
      this.#found.set(key, order);
    }
    if (order !== 0 || clocks === null) return order;
    const clockX = clocks.get(this.#points[x]!.node);
    const clockY = clocks.get(this.#points[y]!.node);
    if (clockX === undefined || clockY === undefined || clockX.reference !== clockY.reference) return 0;
    return -(corrected(there, clockX, clockY) - corrected(back, clockX, clockY));
  }
}

/** Indexes of samples of one key each, in order of time; what is seen more often is many packets, and tells nothing. */
export function* groupsOf(samples: Samples): Generator<readonly number[]> {
  const order = Array.from({ length: samples.count }, (_, i) => i);
  const { keyLow, keyHigh, times } = samples;
  order.sort((x, y) => keyHigh[x]! - keyHigh[y]! || keyLow[x]! - keyLow[y]! || times[x]! - times[y]! || x - y);
  let from = 0;
  for (let i = 1; i <= order.length; i++) {
    const x = order[from]!;
    const y = order[i];
    if (y !== undefined && keyLow[x] === keyLow[y] && keyHigh[x] === keyHigh[y]) continue;
    if (i - from > 1 && i - from <= ALIKE) yield order.slice(from, i);
    from = i;
  }
}

/** A group without what a point recorded again in the same passage (bridges flood, `-i any` shows each interface). */
export function withoutCopies(group: readonly number[], { points, times, ttls }: Samples): readonly number[] {
  return group.filter(
    (i, at) =>
      !group.slice(0, at).some((j) => points[j] === points[i] && ttls[j] === ttls[i] && times[i]! - times[j]! < COPY),
  );
}

/** True where the roles of two points of one node tell their order. */
function areRanked(x: CapturePoint, y: CapturePoint): boolean {
  return x.node === y.node && x.role !== y.role && rankOf(x.role) >= 0 && rankOf(y.role) >= 0;
}

/** A bridge and a port: once it is known whose the port is. */
function areBridged(x: CapturePoint, y: CapturePoint): boolean {
  return (isWorkload(x.role) && y.role === 'bridge') || (isWorkload(y.role) && x.role === 'bridge');
}

function keyOf(src: number, dst: number, first: number, second: number): string {
  return `${src}>${dst} ${first} ${second}`;
}

function signs(differences: Differences | undefined): number {
  return differences === undefined ? 0 : differences.later.reduce((sum, later) => sum + Math.sign(later), 0);
}

/**
 * Whatever the clocks say, they say it of a packet and of its answer: what the second point is later for packets there is the
 * clocks' difference plus a delay when they pass the first point first, and for packets back the difference minus a delay.
 */
function roundTrips(there: Differences | undefined, back: Differences | undefined): number {
  if (there === undefined || back === undefined) return 0;
  let first = 0;
  let second = 0;
  let at = 0;
  const times = back.times.map((time, i) => ({ time, later: back.later[i]! })).sort((a, b) => a.time - b.time);
  const asked = there.times.map((time, i) => ({ time, later: there.later[i]! })).sort((a, b) => a.time - b.time);
  for (const { time, later } of asked) {
    while (at + 1 < times.length && Math.abs(times[at + 1]!.time - time) <= Math.abs(times[at]!.time - time)) at++;
    const nearest = times[at]!;
    const apart = Math.abs(nearest.time - time);
    const delays = later - nearest.later;
    if (apart > CLOSE || Math.abs(delays) <= apart * DRIFT) continue;
    if (delays > 0) first++;
    else second++;
  }
  return first > CLEARLY * second ? 1 : second > CLEARLY * first ? -1 : 0;
}

/** Times that differ by more than the clocks may be off. */
function corrected(differences: Differences | undefined, x: Clock, y: Clock): number {
  let sum = 0;
  for (const [i, time] of (differences?.times ?? []).entries()) {
    const at = x.correct(time);
    const later = y.correct(time + differences!.later[i]!) - at;
    if (Math.abs(later) > x.errorAt(at) + y.errorAt(at)) sum += Math.sign(later);
  }
  return sum;
}
