import type { Finding } from '../../report/report.js';
import { summaryOf } from '../../trail/rows.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { placeOf, type FindingContext } from '../context.js';
import { cause } from './told.js';

const EXAMPLES = 5;
/** Passages of one point from which on it is a loop; two are a bridge or a one-armed router. */
const PASSAGES = 3;

/** Packets that pass one point again and again, each time one or more hops older. */
export function ttlLoop(context: FindingContext): Finding[] {
  const { names } = context;
  const groups = new Map<
    string,
    { passages: Sighting[]; count: number; firstTime: number; lastTime: number; note: string }
  >();
  for (const trail of context.followed) {
    if (trail.sightingCount < PASSAGES) continue;
    for (const passages of passagesOf(trail.sightings)) {
      const { src, dst } = passages[0]!.form;
      const key = `${passages[0]!.point} ${src}>${dst}`;
      const group = groups.get(key);
      if (group === undefined) {
        const { firstTime, lastTime } = trail;
        groups.set(key, { passages, count: 1, firstTime, lastTime, note: summaryOf(names, trail) });
      } else {
        group.count++;
        group.lastTime = Math.max(group.lastTime, trail.lastTime);
      }
    }
  }
  return [...groups.values()].map(({ passages, count, firstTime, lastTime, note }) => {
    const first = passages[0]!;
    const point = names.points[first.point]!;
    const who = `${names.addresses.text(first.form.src)} > ${names.addresses.text(first.form.dst)}`;
    const ttls = passages
      .map(({ ttl }) => ttl)
      .slice(0, EXAMPLES)
      .join(', ');
    return {
      kind: 'ttl-expired-loop',
      severity: 'warning',
      certainty: 'shown',
      title: `${who} goes round in a loop: one packet passed ${point.name} ${passages.length} times, with TTL ${ttls}`,
      flow: null,
      count,
      of: count,
      firstTime: context.timeOf(firstTime),
      lastTime: context.timeOf(lastTime),
      lastSeen: placeOf(context, passages[passages.length - 1]!),
      nextExpected: null,
      causes: [
        cause(
          'ttl-expired-loop',
          0.95,
          'two routers each send it to the other one',
          `ip route get ${names.addresses.text(first.form.dst)}   # on ${point.node || point.name} and on the router behind it`,
        ),
      ],
      evidence: passages
        .slice(0, EXAMPLES)
        .map((passage) => ({ ...placeOf(context, passage), note: `${note}, TTL ${passage.ttl}` })),
      trail: null,
    };
  });
}

/** For each point, the passages of one packet in one form, when they are enough and its TTL falls by the same number each time. */
function passagesOf(sightings: readonly Sighting[]): Sighting[][] {
  const points = new Map<string, Sighting[]>();
  for (const sighting of sightings) {
    if (sighting.copy || sighting.range !== null) continue;
    const key = `${sighting.point} ${sighting.tunnel} ${sighting.outerSourcePort} ${sighting.form.dst}`;
    const passages = points.get(key);
    if (passages === undefined) points.set(key, [sighting]);
    else passages.push(sighting);
  }
  return [...points.values()].filter((passages) => {
    if (passages.length < PASSAGES) return false;
    const step = passages[0]!.ttl - passages[1]!.ttl;
    return step > 0 && passages.every((passage, i) => i === 0 || passages[i - 1]!.ttl - passage.ttl === step);
  });
}
