import type { CapturePoint } from '../net/points.js';
import type { Samples } from './evidence.js';
import type { Topology } from './topology.js';

/** A node's clock against the reference node's. */
export interface Clock {
  readonly reference: string;
  /** Nanoseconds that the node's clock is ahead. */
  readonly offset: number;
  /** The true offset lies within offset ± error; Infinity when packets in one direction only bound one side. */
  readonly error: number;
}

// Differences further than this from the median are other packets that happen to be alike.
const OUTLIER = 5e9;

interface Edge {
  /** Smallest time from the first to the second node, as their clocks say. */
  there: number;
  back: number;
  /** Middle of all differences, whichever way the packets went; NaN where there are none. */
  middle: number;
}

/** Where it is not known which way packets went, they took less than this, nanoseconds. */
const TRANSIT = 50e6;

/**
 * Clock offsets between nodes from packets that both saw. A packet cannot arrive before it was sent, so each direction
 * bounds the offset from one side; the bounds meet to within the shortest round trip.
 */
export function estimateClocks(
  samples: Samples,
  points: readonly CapturePoint[],
  topology: Topology,
): Map<string, Clock> {
  const differences = new Map<string, number[]>();
  const undirected = new Map<string, number[]>();
  for (const group of groupsOf(samples)) collect(group, samples, points, topology, differences, undirected);
  const edges = new Map<string, Edge>();
  for (const [key, values] of differences) {
    const [from, to] = key.split('\0') as [string, string];
    const shortest = smallest(values);
    const [a, b] = from < to ? [from, to] : [to, from];
    const edge = edges.get(`${a}\0${b}`) ?? { there: Infinity, back: Infinity, middle: NaN };
    if (from < to) edge.there = shortest;
    else edge.back = shortest;
    edges.set(`${a}\0${b}`, edge);
  }
  for (const [key, values] of undirected) {
    if (edges.has(key)) continue;
    values.sort((x, y) => x - y);
    edges.set(key, { there: Infinity, back: Infinity, middle: values[values.length >> 1]! });
  }
  return spread(edges);
}

/** Indexes of samples of one key each, in order of time. */
export function* groupsOf(samples: Samples): Generator<readonly number[]> {
  const order = Array.from({ length: samples.count }, (_, i) => i);
  const { keyLow, keyHigh, times } = samples;
  order.sort((x, y) => keyHigh[x]! - keyHigh[y]! || keyLow[x]! - keyLow[y]! || times[x]! - times[y]! || x - y);
  let from = 0;
  for (let i = 1; i <= order.length; i++) {
    const x = order[from]!;
    const y = order[i];
    if (y !== undefined && keyLow[x] === keyLow[y] && keyHigh[x] === keyHigh[y]) continue;
    if (i - from > 1) yield order.slice(from, i);
    from = i;
  }
}

function collect(
  group: readonly number[],
  samples: Samples,
  points: readonly CapturePoint[],
  topology: Topology,
  differences: Map<string, number[]>,
  undirected: Map<string, number[]>,
): void {
  const seen = new Set<number>();
  for (const i of group) {
    if (seen.has(samples.points[i]!)) return; // copies and identical packets: which is which is not known
    seen.add(samples.points[i]!);
  }
  const source = topology.homeOf(samples.sources[group[0]!]!).node;
  const destination = topology.homeOf(samples.destinations[group[0]!]!).node;
  for (const i of group) {
    for (const j of group) {
      const from = points[samples.points[i]!]!.node;
      const to = points[samples.points[j]!]!.node;
      if (from === to) continue;
      const key = `${from}\0${to}`;
      const difference = samples.times[j]! - samples.times[i]!;
      if (from < to) add(undirected, key, difference);
      if (!(from === source || to === destination) || from === destination || to === source) continue;
      add(differences, key, difference);
    }
  }
}

function add(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function smallest(values: number[]): number {
  values.sort((a, b) => a - b);
  const median = values[values.length >> 1]!;
  return values.find((value) => value >= median - OUTLIER)!;
}

/** Offsets of all nodes that edges connect, each along the path of smallest error from its reference. */
function spread(edges: ReadonlyMap<string, Edge>): Map<string, Clock> {
  const clocks = new Map<string, Clock>();
  const list = [...edges].map(([key, edge]) => {
    const [a, b] = key.split('\0') as [string, string];
    return { a, b, ...offsetOf(edge) };
  });
  list.sort((x, y) => x.error - y.error || (x.a + x.b < y.a + y.b ? -1 : 1));
  for (const start of [...new Set(list.flatMap(({ a, b }) => [a, b]))].sort()) {
    if (clocks.has(start)) continue;
    clocks.set(start, { reference: start, offset: 0, error: 0 });
    for (let grown = true; grown;) {
      grown = false;
      for (const { a, b, offset, error } of list) {
        const known = clocks.get(a);
        const other = clocks.get(b);
        if ((known === undefined) === (other === undefined)) continue;
        const [node, base, sign] = known !== undefined ? [b, known, 1] : [a, other!, -1];
        clocks.set(node, { reference: base.reference, offset: base.offset + sign * offset, error: base.error + error });
        grown = true;
        break;
      }
    }
  }
  return clocks;
}

/** How far b's clock is ahead of a's. Clocks that may agree are taken to agree. */
function offsetOf({ there, back, middle: between }: Edge): { offset: number; error: number } {
  if (!Number.isNaN(between)) return { offset: Math.abs(between) <= TRANSIT ? 0 : between, error: Infinity };
  if (there === Infinity) return { offset: back > 0 && back < 1e9 ? 0 : -back, error: Infinity };
  if (back === Infinity) return { offset: there > 0 && there < 1e9 ? 0 : there, error: Infinity };
  const error = Math.max(0, (there + back) / 2);
  const middle = (there - back) / 2;
  return {
    offset: Math.abs(middle) <= error ? 0 : middle,
    error: Math.abs(middle) <= error ? error + Math.abs(middle) : error,
  };
}
