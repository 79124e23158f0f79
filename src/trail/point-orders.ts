import { doubled } from '../net/doubled.js';
import { PairIndex } from '../net/pair-index.js';
import { isWorkload, pointsKey, rankOf, type CapturePoint } from '../net/points.js';
import type { PointRole } from '../report/report.js';
import type { Clock } from './clocks.js';
import { SAMPLE_LIMIT, type Samples } from './evidence.js';
import { ALIKE, type SampleGroups } from './sample-groups.js';

/** Sightings of one pair of addresses at two points that are compared at most. */
const LIMIT = 256;
/** An answer this close to a packet, nanoseconds, is compared with it: clocks drift apart by less than the delays meanwhile. */
const CLOSE = 1e9;
/** Two clocks drift apart by no more than this, nanoseconds a nanosecond. */
const DRIFT = 200e-6;
/** One order is believed when it is seen this many times as often as the other. */
const CLEARLY = 3;
const NONE: ReadonlySet<number> = new Set();

/** When packets from one address to another were seen at a point, and how much later at another, as the clocks say. */
interface Differences {
  readonly times: number[];
  readonly later: number[];
}

/** Behind the key in its row: its differences, chained in the order of their making. */
const FIRST = 2;
const LAST = 3;
const LENGTH = 4;
const WIDTH = 5;
/** Most keys: each sample with all others of its packet. */
const KEYS = SAMPLE_LIMIT * ALIKE;

/** Which of two points packets pass first, where neither hops nor homes tell. */
export class PointOrders {
  readonly #points: readonly CapturePoint[];
  readonly #samples: Samples;
  readonly #groups: SampleGroups;
  /** What was known of the points' roles before this was asked for the first time. */
  readonly #roles: readonly PointRole[];
  /** Pairs of addresses; and keys, which are a pair of addresses and two points. In lists of their own 13,000 keys took 5 MiB. */
  readonly #addresses = new PairIndex(SAMPLE_LIMIT);
  readonly #keys = new PairIndex(KEYS, 1 << 10, WIDTH);
  /** Time and how much later, and the next of the chain. */
  #differences: Float64Array<ArrayBuffer> = new Float64Array(1 << 9);
  #next: Int32Array<ArrayBuffer> = new Int32Array(1 << 8);
  #count = 0;
  /** Points that saw packets which a point saw, too. */
  readonly #compared = new Map<number, Set<number>>();
  /** What the packets of a key said, once asked. */
  readonly #found = new Map<number, number>();
  #isCollected = false;

  /** @param groups of the samples, see groupsOf */
  constructor(samples: Samples, groups: SampleGroups, points: readonly CapturePoint[]) {
    this.#samples = samples;
    this.#groups = groups;
    this.#points = points;
    this.#roles = points.map(({ role }) => role);
  }

  /** Compares the samples when it is asked for the first time: in most captures TTLs and homes tell everything. */
  #collect(): void {
    if (this.#isCollected) return;
    this.#isCollected = true;
    const { points, times, sources, destinations } = this.#samples;
    const { count, members, starts, apart } = this.#groups;
    for (let group = 0; group < count; group++) {
      const [from, to] = [starts[group]!, starts[group + 1]!];
      for (let at = from; at < to; at++) {
        for (let other = from; other < to; other++) {
          const i = members[at]!;
          const j = members[other]!;
          const x = points[i]!;
          const y = points[j]!;
          if (x >= y || this.#areRankedAtFirst(x, y)) continue;
          // Of copies and identical packets it is not known which is which.
          if (apart[group] === 0 && this.#points[x]!.node !== this.#points[y]!.node) continue;
          const addresses = this.#addresses.get(sources[i]!, destinations[i]!);
          if (!this.#add(this.#keys.get(addresses, pointsKey(x, y)), times[i]!, times[j]! - times[i]!)) continue;
          this.#note(x, y);
          this.#note(y, x);
        }
      }
    }
  }

  /** True where the roles told the order before this was asked; but of a bridge and a port only once it is known whose the port is. */
  #areRankedAtFirst(x: number, y: number): boolean {
    const first = this.#points[x]!.node;
    return (
      first === this.#points[y]!.node &&
      areRanked(this.#roles[x]!, this.#roles[y]!) &&
      !areBridged(this.#roles[x]!, this.#roles[y]!)
    );
  }

  /** Adds to a key, unless there are enough of it. True for the first. */
  #add(key: number, time: number, later: number): boolean {
    const { rows } = this.#keys;
    const row = key * WIDTH;
    const length = rows[row + LENGTH]!;
    if (key < 0 || length >= LIMIT) return false;
    const at = this.#count++;
    if (at === this.#next.length) {
      this.#differences = doubled(this.#differences);
      this.#next = doubled(this.#next);
    }
    this.#differences[2 * at] = time;
    this.#differences[2 * at + 1] = later;
    if (length === 0) rows[row + FIRST] = at;
    else this.#next[rows[row + LAST]!] = at;
    rows[row + LAST] = at;
    rows[row + LENGTH] = length + 1;
    return length === 0;
  }

  /** Number of a key, -1 where packets from src to dst were not seen at both points. */
  #find(src: number, dst: number, first: number, second: number): number {
    this.#collect();
    const addresses = this.#addresses.find(src, dst);
    return addresses < 0 ? -1 : this.#keys.find(addresses, pointsKey(first, second));
  }

  #differencesOf(key: number): Differences | undefined {
    if (key < 0) return undefined;
    const { rows } = this.#keys;
    const row = key * WIDTH;
    const times: number[] = [];
    const later: number[] = [];
    let at = rows[row + FIRST]!;
    for (let left = rows[row + LENGTH]!; left > 0; left--) {
      times.push(this.#differences[2 * at]!);
      later.push(this.#differences[2 * at + 1]!);
      at = this.#next[at]!;
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
    this.#collect();
    return this.#compared.get(point) ?? NONE;
  }

  /**
   * True when two points of one node showed packets from src to dst at the first before the second. A bridge's own tap sees what its
   * ports say to each other last: that a port came first proves nothing there.
   */
  passed(src: number, dst: number, first: number, second: number): boolean {
    const forward = first < second;
    const key = forward ? this.#find(src, dst, first, second) : this.#find(src, dst, second, first);
    const { later } = this.#differencesOf(key) ?? { later: [] };
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
    const [first, second] = [this.#points[x]!, this.#points[y]!];
    const sameNode = first.node === second.node;
    if (sameNode && areRanked(first.role, second.role)) return 0;
    const key = this.#find(src, dst, x, y);
    const there = this.#differencesOf(key);
    const back = this.#differencesOf(this.#find(dst, src, x, y));
    if (there === undefined && back === undefined) return 0;
    let order = this.#found.get(key);
    if (order === undefined) {
      order = sameNode ? signs(back) - signs(there) : -roundTrips(there, back);
      if (key >= 0) this.#found.set(key, order);
    }
    if (order !== 0 || clocks === null) return order;
    const clockX = clocks.get(first.node);
    const clockY = clocks.get(second.node);
    if (clockX === undefined || clockY === undefined || clockX.reference !== clockY.reference) return 0;
    return -(corrected(there, clockX, clockY) - corrected(back, clockX, clockY));
  }
}

/** True where the roles of two points of one node tell their order. */
function areRanked(x: PointRole, y: PointRole): boolean {
  return x !== y && rankOf(x) >= 0 && rankOf(y) >= 0;
}

function areBridged(x: PointRole, y: PointRole): boolean {
  return (isWorkload(x) && y === 'bridge') || (isWorkload(y) && x === 'bridge');
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
