import { Layer } from '../../wire/layers.js';
import type { Trail } from '../../trail/trail.js';
import type { FindingContext } from '../context.js';

/** A sibling is no further away in time, nanoseconds. */
const NEAR = 60e9;
/** Siblings compared with one lost packet, the nearest in time. */
const MOST = 64;

/** Packets of answered exchanges that arrived, by kind, in order of time. */
type Healthy = ReadonlyMap<string, readonly Trail[]>;

const HEALTHY = new WeakMap<FindingContext, Healthy>();

/**
 * Packets of the same kind and direction that pass where this one was lost, from the point before to the point behind, close
 * in time. Empty where not all packets are kept.
 */
export function siblingsOf(context: FindingContext, trail: Trail, before: number, behind: number): Trail[] {
  if (!context.store.complete) return [];
  let healthy = HEALTHY.get(context);
  if (healthy === undefined) HEALTHY.set(context, (healthy = collect(context)));
  const distance = (other: Trail): number => Math.abs(other.firstTime - trail.firstTime);
  return (healthy.get(kindOf(trail)) ?? [])
    .filter((other) => distance(other) <= NEAR && passes(other, before, behind))
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, MOST);
}

function collect(context: FindingContext): Healthy {
  const healthy = new Map<string, Trail[]>();
  for (const trail of [...context.trails, ...context.others]) {
    const { exchange } = trail;
    if (exchange === null || trail.direction === null || trail.quote !== null || exchange.replies === 0) continue;
    if (exchange.refused || context.judge.judge(trail).state !== 'delivered') continue;
    const kind = kindOf(trail);
    const list = healthy.get(kind);
    if (list === undefined) healthy.set(kind, [trail]);
    else list.push(trail);
  }
  return healthy;
}

/** What packets must have in common to be compared: a SYN is compared with SYNs, an echo request with echo requests. */
function kindOf({ protocol, kind, ipVersion, direction, isDns, a, c }: Trail): string {
  const part = kind === Layer.TCP ? c : kind === Layer.ICMP || kind === Layer.ICMPV6 ? a : 0;
  return `${ipVersion} ${protocol} ${kind} ${direction} ${isDns} ${part}`;
}

function passes({ sightings }: Trail, before: number, behind: number): boolean {
  const from = sightings.findIndex(({ point }) => point === before);
  return from >= 0 && sightings.findLastIndex(({ point }) => point === behind) > from;
}
