import { SAMPLE_LIMIT, type Samples } from './evidence.js';

/** One packet is seen this many times at most. */
export const ALIKE = 64;
/** A point records copies within this time of each other. */
const COPY = 1e6;

/** Indexes of samples: a list for each packet that was seen more than once, in order of time. */
export type SampleGroups = readonly (readonly number[])[];

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
  const groups: (readonly number[])[] = [];
  for (let at = 0; at < count;) {
    const first = Math.floor(order[at]! / SAMPLE_LIMIT) * SAMPLE_LIMIT;
    const alike: number[] = [];
    for (; at < count && order[at]! < first + SAMPLE_LIMIT; at++) alike.push(order[at]! - first);
    if (alike.length === 1) continue;
    alike.sort((x, y) => keyLow[x]! - keyLow[y]! || times[x]! - times[y]! || x - y);
    for (let from = 0, to = 1; from < alike.length; from = to++) {
      while (to < alike.length && keyLow[alike[to]!] === keyLow[alike[from]!]) to++;
      if (to - from > 1 && to - from <= ALIKE) groups.push(withoutCopies(alike.slice(from, to), samples));
    }
  }
  return groups;
}

function withoutCopies(group: readonly number[], { points, times, ttls }: Samples): readonly number[] {
  const isCopy = (i: number, at: number): boolean =>
    group.some(
      (j, before) => before < at && points[j] === points[i] && ttls[j] === ttls[i] && times[i]! - times[j]! < COPY,
    );
  return group.some(isCopy) ? group.filter((i, at) => !isCopy(i, at)) : group;
}

/** True when each sample of a group is of another point. */
export function areAtDifferentPoints(group: readonly number[], { points }: Samples): boolean {
  for (let at = 1; at < group.length; at++)
    for (let before = 0; before < at; before++) if (points[group[before]!] === points[group[at]!]) return false;
  return true;
}
