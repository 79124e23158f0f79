import type { CapturePoint } from '../net/points.js';
import { errorAt, fitLine, median, NO_BOUND, type Bounds, type ErrorBound } from './clock-line.js';
import type { Samples } from './evidence.js';
import type { PointOrders } from './point-orders.js';
import type { SampleGroups } from './sample-groups.js';
import type { Topology } from './topology.js';

/** Differences further than this from the median are other packets that happen to be alike, nanoseconds. */
const OUTLIER = 5e9;
/** Where it is not known which way packets went, they took less than this. */
const TRANSIT = 50e6;
/** One direction alone bounds a clock on one side; up to this much it says nothing against clocks that agree. */
const ONE_WAY = 1e9;
/** Reference of a clock of which the user gave the offset. */
export const GIVEN = 'given';
/** Rank of no node. */
const NOWHERE = -1;

/** The error of one step from the reference, by the time of a clock on the way: `shift + slope * reference time`. */
interface StepError {
  readonly bound: ErrorBound;
  readonly shift: number;
  readonly slope: number;
}

/** A node's clock against the reference node's. Times are nanoseconds relative to the run's base. */
export class Clock {
  readonly reference: string;
  /** What this clock says is shift + slope * what the reference's says. */
  readonly #shift: number;
  readonly #slope: number;
  readonly #errors: readonly StepError[];

  constructor(reference: string, shift = 0, slope = 1, errors: readonly StepError[] = []) {
    this.reference = reference;
    this.#shift = shift;
    this.#slope = slope;
    this.#errors = errors;
  }

  /** What the reference's clock says at a time of this one: rate * time - offset. */
  correct(time: number): number {
    return time * this.rate - this.offset;
  }

  get rate(): number {
    return 1 / this.#slope;
  }

  get offset(): number {
    return this.#shift / this.#slope;
  }

  /** What this clock says at a time of the reference. */
  own(time: number): number {
    return this.#shift + this.#slope * time;
  }

  /** How far it was ahead at one of its own times. */
  aheadAt(time: number): number {
    return time - this.correct(time);
  }

  /** Nanoseconds a nanosecond by which it runs ahead of the reference. */
  get drift(): number {
    return this.#slope - 1;
  }

  /** How far the true time may be from the corrected one; Infinity when packets in one direction only bound one side. */
  errorAt(corrected: number): number {
    return this.#errors.reduce((sum, { bound, shift, slope }) => sum + errorAt(bound, shift + slope * corrected), 0);
  }

  /** This clock against another reference, that its own one is ahead of by an offset. */
  against(reference: string, offset: number): Clock {
    const errors = this.#errors.map(({ bound, shift, slope }) => ({ bound, shift: shift + slope * offset, slope }));
    return new Clock(reference, this.#shift + this.#slope * offset, this.#slope, errors);
  }

  /** The clock that is ahead of this one by a line over this one's time. */
  second({ offset, drift, bound }: Line): Clock {
    const rate = 1 + drift;
    const error = { bound, shift: this.#shift, slope: this.#slope };
    return new Clock(this.reference, offset + rate * this.#shift, rate * this.#slope, [...this.#errors, error]);
  }

  /** The clock that this one is ahead of by a line over that one's time. */
  first({ offset, drift, bound }: Line): Clock {
    const [shift, slope] = [(this.#shift - offset) / (1 + drift), this.#slope / (1 + drift)];
    return new Clock(this.reference, shift, slope, [...this.#errors, { bound, shift, slope }]);
  }
}

/** What two nodes' captures of the same packets say: how far the second clock was ahead, at times of the first. */
interface Edge {
  /** Ranks of the two nodes. */
  readonly a: number;
  readonly b: number;
  /** Bounds from above by packets that went from the first to the second, from below by those that came back. */
  readonly there: Bounds;
  readonly back: Bounds;
  /** Whichever way packets went. */
  readonly either: number[];
}

interface Line {
  readonly offset: number;
  readonly drift: number;
  readonly bound: ErrorBound;
}

/** Clocks of all nodes that packets connect. A packet cannot arrive before it was sent. `groups`: of the samples, see groupsOf. */
export function estimateClocks(
  samples: Samples,
  groups: SampleGroups,
  points: readonly CapturePoint[],
  topology: Topology,
  orders: PointOrders,
): Map<string, Clock> {
  // Points come in the order of what their captures hold, so that no result depends on names.
  const ranks = new Map<string, number>();
  for (const { node } of points) if (!ranks.has(node)) ranks.set(node, ranks.size);
  return spread(edgesOf(samples, groups, points, topology, orders, ranks), ranks);
}

/** Clocks that the user gave, by node. What was compared with one of them goes along: packets tell how far apart the two are. */
export function takeGiven(clocks: Map<string, Clock>, given: ReadonlyMap<string, number>): void {
  for (const [node, clock] of clocks) {
    const ahead = given.has(node) ? undefined : given.get(clock.reference);
    if (ahead !== undefined) clocks.set(node, clock.against(GIVEN, ahead));
  }
  for (const [node, offset] of given) clocks.set(node, new Clock(GIVEN, offset));
}

function edgesOf(
  samples: Samples,
  { count, members, starts, apart }: SampleGroups,
  points: readonly CapturePoint[],
  topology: Topology,
  orders: PointOrders,
  ranks: ReadonlyMap<string, number>,
): Edge[] {
  const { times, ttls, sources, destinations } = samples;
  const edges = new Map<number, Edge>();
  const nodes = points.map(({ node }) => ranks.get(node)!);
  const homeOf = (address: number): number => {
    const { node } = topology.homeOf(address);
    return node === null ? NOWHERE : ranks.get(node)!;
  };
  const groupOf = new Int32Array(samples.count).fill(-1);
  for (let group = 0; group < count; group++) {
    if (apart[group] === 1) for (let at = starts[group]!; at < starts[group + 1]!; at++) groupOf[members[at]!] = group;
  }
  // In the order of the captures, which is nearly that of time: so what is collected is soon sorted
  for (let i = 0; i < samples.count; i++) {
    const group = groupOf[i]!;
    if (group < 0) continue;
    const from = starts[group]!;
    const to = starts[group + 1]!;
    const pointA = samples.points[i]!;
    const a = nodes[pointA]!;
    const source = homeOf(sources[members[from]!]!);
    const destination = homeOf(destinations[members[from]!]!);
    for (let other = from; other < to; other++) {
      const j = members[other]!;
      const pointB = samples.points[j]!;
      const b = nodes[pointB]!;
      if (a >= b) continue;
      const number = a * ranks.size + b;
      let edge = edges.get(number);
      if (edge === undefined) {
        edge = { a, b, there: { x: [], y: [] }, back: { x: [], y: [] }, either: [] };
        edges.set(number, edge);
      }
      const time = times[i]!;
      const ahead = times[j]! - time;
      edge.either.push(ahead);
      // Every router on the way takes one from the TTL; else who is at home tells, or a packet and its answer.
      let order = ttls[j]! - ttls[i]!;
      if (order === 0) order = Number(b === source || a === destination) - Number(a === source || b === destination);
      if (order === 0) order = orders.compare(sources[i]!, destinations[i]!, pointA, pointB, null);
      if (order === 0) continue;
      const bounds = order < 0 ? edge.there : edge.back;
      bounds.x.push(time);
      bounds.y.push(ahead);
    }
  }
  return [...edges.values()];
}

/** Clocks of all nodes that edges connect, each along the path of smallest error from its reference. */
function spread(edges: readonly Edge[], ranks: ReadonlyMap<string, number>): Map<string, Clock> {
  const clocks = new Map<string, Clock>();
  const nodes = [...ranks.keys()];
  const order = (x: number, y: number): number => (x === y ? 0 : x - y);
  const list = edges
    .map((edge) => {
      const line = lineOf(edge);
      return { edge, line, error: Math.max(line.bound.atFrom, line.bound.atTo) };
    })
    .sort((x, y) => order(x.error, y.error) || x.edge.a - y.edge.a || x.edge.b - y.edge.b)
    .map(({ edge, line }) => ({ a: nodes[edge.a]!, b: nodes[edge.b]!, line }));
  for (const start of ranks.keys()) {
    if (clocks.has(start) || !list.some(({ a, b }) => a === start || b === start)) continue;
    clocks.set(start, new Clock(start));
    for (let grown = true; grown;) {
      grown = false;
      for (const { a, b, line } of list) {
        const [first, second] = [clocks.get(a), clocks.get(b)];
        if ((first === undefined) === (second === undefined)) continue;
        if (first !== undefined) clocks.set(b, first.second(line));
        else clocks.set(a, second!.first(line));
        grown = true;
        break;
      }
    }
  }
  return clocks;
}

/** How far the second clock is ahead of the first. Clocks that may agree are taken to agree. */
function lineOf({ there, back, either }: Edge): Line {
  const [above, below] = [usual(there), usual(back)];
  if (above.x.length > 0 && below.x.length > 0) {
    const { offset, drift, error } = fitLine(above, below);
    return { offset, drift, bound: error };
  }
  if (above.x.length > 0 || below.x.length > 0) {
    const late = above.x.length > 0 ? least(above.y) : least(below.y.map((y) => -y));
    if (late > 0 && late < ONE_WAY) return { offset: 0, drift: 0, bound: NO_BOUND };
    const { offset, drift } = fitLine(above, below);
    return { offset, drift, bound: NO_BOUND };
  }
  const middle = median(either);
  return { offset: Math.abs(middle) <= TRANSIT ? 0 : middle, drift: 0, bound: NO_BOUND };
}

function usual({ x, y }: Bounds): Bounds {
  const kept: Bounds = { x: [], y: [] };
  if (y.length === 0) return kept;
  const middle = median(y);
  for (let i = 0; i < y.length; i++) {
    if (Math.abs(y[i]! - middle) > OUTLIER) continue;
    kept.x.push(x[i]!);
    kept.y.push(y[i]!);
  }
  return kept;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}
