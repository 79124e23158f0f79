import type { Sighting } from './trail.js';

/** Copies in one passage are recorded within this time of each other, nanoseconds. */
const COPY = 1e6;

/** Marks what a point recorded again in the same passage. */
export function markCopies(sightings: readonly Sighting[]): Sighting[] {
  return sightings.map((sighting, i) => {
    const before = sightings[i - 1];
    const copy =
      before !== undefined &&
      before.point === sighting.point &&
      before.ttl === sighting.ttl &&
      before.tunnel === sighting.tunnel &&
      before.range === null &&
      sighting.range === null &&
      before.form === sighting.form &&
      sighting.time - before.time < COPY;
    return copy ? { ...sighting, copy: true } : sighting;
  });
}

/** Points that saw all octets of a packet, in one frame or in several. */
export function wholeAt(sightings: readonly Sighting[], length: number): Set<number> {
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

/** Identical packets are as many as the point that saw most of them saw, copies apart. */
export function identicalOf(sightings: readonly Sighting[]): number {
  const counts = new Map<string, number>();
  for (const { point, ttl, copy, range } of sightings) {
    if (copy || range !== null) continue;
    const key = `${point} ${ttl}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Math.max(1, ...counts.values());
}
