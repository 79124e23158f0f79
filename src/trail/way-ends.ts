import type { PairsAtPoint } from './evidence.js';
import type { Home, Topology } from './topology.js';

/** TTLs that a pair showed at a point, 0 for none; `out` in the direction of the path, `back` against it. */
export interface Hops {
  out: number;
  back: number;
  outerOut: number;
  outerBack: number;
  /** Outer addresses in the direction of the path, as a packet there or back showed them; 0 for none. */
  outerFrom: number;
  outerTo: number;
}

/** The two ends of a path, where they live, and what was seen between them at each point. */
export interface Ends {
  readonly src: number;
  readonly dst: number;
  readonly source: Home;
  readonly home: Home;
  readonly hops: ReadonlyMap<number, Hops>;
}

/** What was seen between two addresses. */
export function endsOf(topology: Topology, src: number, dst: number): Ends {
  const hops = new Map<number, Hops>();
  const low = Math.min(src, dst);
  const high = Math.max(src, dst);
  for (const at of topology.evidence.points) {
    const i = at === undefined ? -1 : at.pairs.index.find(low, high);
    if (i < 0) continue;
    hops.set(at!.point.id, hopsOf(at!.pairs, i, src <= dst));
  }
  return { src, dst, source: topology.homeOf(src), home: topology.homeOf(dst), hops };
}

/** `isForward`: the path leads from the first address of the pair to the second. */
function hopsOf(pairs: PairsAtPoint, pair: number, isForward: boolean): Hops {
  const ttls = pairs.ttls(pair);
  const out = isForward ? ttls : ttls >>> 8;
  const back = isForward ? ttls >>> 8 : ttls;
  return {
    out: out & 255,
    back: back & 255,
    outerOut: (out >>> 16) & 255,
    outerBack: (back >>> 16) & 255,
    outerFrom: isForward
      ? pairs.forwardFrom(pair) || pairs.backwardTo(pair)
      : pairs.backwardFrom(pair) || pairs.forwardTo(pair),
    outerTo: isForward
      ? pairs.forwardTo(pair) || pairs.backwardFrom(pair)
      : pairs.backwardTo(pair) || pairs.forwardFrom(pair),
  };
}
