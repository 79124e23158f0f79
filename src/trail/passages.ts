import type { Form, Sighting } from './trail.js';

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
      before.form === sighting.form &&
      sighting.time - before.time < COPY
    )
      sighting.markCopy();
  }
}

/** Shared by the packets that one point saw, most of those that are lost. */
const ONLY: ReadonlySet<number>[] = [];

/** Points that saw all octets of a packet, in one frame or in several. */
export function wholeAt(sightings: readonly Sighting[], length: number): ReadonlySet<number> {
  const [only] = sightings;
  if (sightings.length === 1 && only!.range === null) return (ONLY[only!.point] ??= new Set([only!.point]));
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
  const forms: Form[] = [];
  const passages = new Map<string, number>();
  for (const { point, ttl, tunnel, outerSourcePort, form, copy, range } of sightings) {
    if (copy || range !== null) continue;
    if (!forms.includes(form)) forms.push(form);
    const key = `${point} ${ttl} ${tunnel} ${outerSourcePort} ${forms.indexOf(form)}`;
    const count = (passages.get(key) ?? 0) + 1;
    passages.set(key, count);
    counts.set(point, Math.max(counts.get(point) ?? 0, count));
  }
  return counts;
}
