import type { Sighting } from './trail-rows.js';

/** Copies in one passage are recorded within this time of each other, nanoseconds. */
const COPY = 1e6;

/** Marks what a point recorded again in the same passage. */
export function markCopies(sightings: readonly Sighting[]): void {
  for (let i = 1; i < sightings.length; i++) {
    const before = sightings[i - 1]!;
    const sighting = sightings[i]!;
    if (
      before.point === sighting.point &&
      before.ttl === sighting.ttl &&
      before.tunnel === sighting.tunnel &&
      before.outerSourcePort === sighting.outerSourcePort &&
      before.range === null &&
      sighting.range === null &&
      before.hasFormOf(sighting) &&
      sighting.time - before.time < COPY
    )
      sighting.markCopy();
  }
}

/** Shared by the packets that one point saw, most of those that are lost. */
const ONLY: ReadonlySet<number>[] = [];

/** The set of one point. */
export function onlyAt(point: number): ReadonlySet<number> {
  return (ONLY[point] ??= new Set([point]));
}

/** Points that saw all octets of a packet, in one frame or in several. */
export function wholeAt(sightings: readonly Sighting[], length: number): ReadonlySet<number> {
  const [only] = sightings;
  if (sightings.length === 1 && only!.range === null) return onlyAt(only!.point);
  const points = new Set<number>();
  const parts = new Map<number, (readonly [number, number])[]>();
  for (const { point, range } of sightings) {
    if (range === null) points.add(point);
    else parts.set(point, [...(parts.get(point) ?? []), range]);
  }
  for (const [point, ranges] of parts) {
    let covered = 0;
    for (const [from, to] of ranges.sort((a, b) => a[0] - b[0])) if (from <= covered) covered = Math.max(covered, to);
    if (covered >= length) points.add(point);
  }
  return points;
}

/** True when a point saw a packet more than once. */
export function isRepeated(sightings: readonly Sighting[]): boolean {
  return (
    sightings.length > 1 && sightings.some(({ point }, i) => sightings.findIndex((other) => other.point === point) < i)
  );
}

/** How many identical packets each point saw, copies apart: as many as it saw with one TTL, in one form and one tunnel. */
export function countsAt(sightings: readonly Sighting[]): Map<number, number> {
  const counts = new Map<number, number>();
  const forms: Sighting[] = [];
  const passages = new Map<string, number>();
  for (const sighting of sightings) {
    const { point, ttl, tunnel, outerSourcePort, copy, range } = sighting;
    if (copy || range !== null) continue;
    let form = forms.findIndex((other) => other.hasFormOf(sighting));
    if (form < 0) form = forms.push(sighting) - 1;
    const key = `${point} ${ttl} ${tunnel} ${outerSourcePort} ${form}`;
    const count = (passages.get(key) ?? 0) + 1;
    passages.set(key, count);
    counts.set(point, Math.max(counts.get(point) ?? 0, count));
  }
  return counts;
}
