import { SAMPLE_LIMIT, type Samples } from './evidence.js';

/** One packet is seen this many times at most. */
export const ALIKE = 64;
/** A point records copies within this time of each other. */
const COPY = 1e6;

/** Samples by their packets: of each packet that was seen more than once its samples, in order of time. */
export interface SampleGroups {
  readonly count: number;
  /** Indexes of samples, group by group. */
  readonly members: Int32Array;
  /** Where in `members` each group begins, and behind the last one where it ends. */
  readonly starts: Int32Array;
  /** 1 for a group of which each sample is of another point. */
  readonly apart: Uint8Array;
}

/**
 * Groups of samples of one key. Left out is what is seen too often, which is many packets and tells nothing, and of each group what a
 * point recorded again in the same passage (bridges flood, `-i any` shows each interface).
 */
export function groupsOf(samples: Samples): SampleGroups {
  const { count, keyLow, keyHigh, times } = samples;
  // The key with the index behind it in one number: to sort without a function that compares takes a tenth of the time
  const order = new Float64Array(count);
  for (let i = 0; i < count; i++) order[i] = keyHigh[i]! * SAMPLE_LIMIT + i;
  order.sort();
  const members = new Int32Array(count);
  const starts = new Int32Array((count >> 1) + 1);
  const apart = new Uint8Array(count >> 1);
  const byPacket = (x: number, y: number): number => keyLow[x]! - keyLow[y]! || times[x]! - times[y]! || x - y;
  let groups = 0;
  let end = 0;
  for (let at = 0; at < count;) {
    // Half of the key is the same: mostly one packet, and then these are its group
    const half = Math.floor(order[at]! / SAMPLE_LIMIT) * SAMPLE_LIMIT;
    let to = end;
    for (; at < count && order[at]! < half + SAMPLE_LIMIT; at++) members[to++] = order[at]! - half;
    if (to - end > 1) members.subarray(end, to).sort(byPacket);
    for (let from = end, next: number; from < to; from = next) {
      next = from + 1;
      while (next < to && keyLow[members[next]!] === keyLow[members[from]!]) next++;
      if (next - from === 1 || next - from > ALIKE) continue;
      end = withoutCopies(members, from, next, end, samples);
      apart[groups] = areAtDifferentPoints(members, starts[groups]!, end, samples) ? 1 : 0;
      starts[++groups] = end;
    }
  }
  return { count: groups, members, starts, apart };
}

const copies = new Uint8Array(ALIKE);

/** Moves a group to a place before it, all but the copies. Returns its end there. */
function withoutCopies(
  members: Int32Array,
  from: number,
  to: number,
  place: number,
  { points, times, ttls }: Samples,
): number {
  for (let at = from; at < to; at++) {
    const i = members[at]!;
    copies[at - from] = 0;
    for (let before = from; before < at; before++) {
      const j = members[before]!;
      if (points[j] === points[i] && ttls[j] === ttls[i] && times[i]! - times[j]! < COPY) copies[at - from] = 1;
    }
  }
  let end = place;
  for (let at = from; at < to; at++) if (copies[at - from] === 0) members[end++] = members[at]!;
  return end;
}

function areAtDifferentPoints(members: Int32Array, from: number, to: number, { points }: Samples): boolean {
  for (let at = from + 1; at < to; at++)
    for (let before = from; before < at; before++) if (points[members[before]!] === points[members[at]!]) return false;
  return true;
}
