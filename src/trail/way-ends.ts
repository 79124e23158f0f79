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
  const [low, high] = src <= dst ? [src, dst] : [dst, src];
  for (const at of topology.evidence.points) {
    const i = at === undefined ? -1 : at.pairs.index.find(low, high);
    if (i < 0) continue;
    const { pairs } = at!;
    const ttls = pairs.ttls(i);
    const forward = {
      ttl: ttls & 255,
      outer: (ttls >>> 16) & 255,
      from: pairs.forwardFrom(i),
      to: pairs.forwardTo(i),
    };
    const backward = {
      ttl: (ttls >>> 8) & 255,
      outer: ttls >>> 24,
      from: pairs.backwardFrom(i),
      to: pairs.backwardTo(i),
    };
    const [out, back] = src <= dst ? [forward, backward] : [backward, forward];
    hops.set(at!.point.id, {
      out: out.ttl,
      back: back.ttl,
      outerOut: out.outer,
      outerBack: back.outer,
      outerFrom: out.from || back.to,
      outerTo: out.to || back.from,
    });
  }
  return { src, dst, source: topology.homeOf(src), home: topology.homeOf(dst), hops };
}
