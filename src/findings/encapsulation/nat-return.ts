import type { Finding } from '../../report/report.js';
import type { Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { onNodeOf } from '../commands.js';
import { placeOf, type FindingContext } from '../context.js';
import { cause } from './told.js';

const EXAMPLES = 2;

interface Turn {
  readonly trail: Trail;
  readonly arrived: Sighting;
  readonly returned: Sighting;
}

/** Replies that a gateway translates back and sends out again by the interface they came in by, having no route to the pod. */
export function natReturn(context: FindingContext): Finding[] {
  const { names } = context;
  const text = (address: number): string => names.addresses.text(address);
  const groups = new Map<string, Turn[]>();
  for (const trail of context.followed) {
    for (const turn of turnsOf(context, trail)) {
      const { arrived, returned } = turn;
      const key = `${returned.point} ${arrived.form.dst}>${returned.form.dst}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [turn]);
      else group.push(turn);
    }
  }
  return [...groups.values()].map((turns) => {
    const { trail, arrived, returned } = turns[0]!;
    const point = names.points[returned.point]!;
    const judgement = context.judge.judge(trail);
    return {
      kind: 'nat-return-unroutable',
      severity: 'error',
      certainty: 'shown',
      title: `replies from ${text(arrived.form.src)} turn round at ${point.name}: translated from ${text(arrived.form.dst)} back to ${text(returned.form.dst)} and sent out again where they came in`,
      flow: null,
      count: turns.length,
      of: turns.length,
      firstTime: context.timeOf(trail.firstTime),
      lastTime: context.timeOf(turns[turns.length - 1]!.trail.lastTime),
      lastSeen: placeOf(context, returned),
      nextExpected: judgement.nextExpected === null ? null : names.points[judgement.nextExpected]!.name,
      causes: [
        cause(
          'nat-return-unroutable',
          0.95,
          `${point.node || point.name} has no route to ${text(returned.form.dst)} and follows its default route; the node should have replaced the pod's address by its own`,
          `ip route get ${text(returned.form.dst)}   # on ${point.node || 'the gateway'}`,
        ),
        cause(
          'nat-missing-masquerade',
          0.6,
          `the pod's address left its node untranslated`,
          `iptables-save -t nat | grep -E 'cali-nat-outgoing|FLANNEL|MASQUERADE'${onNodeOf(context, returned.form.dst)}`,
        ),
      ],
      evidence: turns.slice(0, EXAMPLES).flatMap((turn) => [
        { ...placeOf(context, turn.arrived), note: `to ${text(turn.arrived.form.dst)}, TTL ${turn.arrived.ttl}` },
        {
          ...placeOf(context, turn.returned),
          note: `again, to ${text(turn.returned.form.dst)}, TTL ${turn.returned.ttl}`,
        },
      ]),
      trail: null,
    };
  });
}

/**
 * The two passages of a packet whose way ends where it was translated; a hairpin goes on to the inside. A trail that stands for
 * several identical packets has as many of both.
 */
function turnsOf(context: FindingContext, trail: Trail): Turn[] {
  // A request that comes out of a bridge where it went in has been translated to a pod on the same bridge.
  if (trail.direction === 'request' || context.judge.judge(trail).state === 'delivered') return [];
  const last = trail.lastSighting;
  const { src, dst } = last.form;
  // To itself: the half-translated form of a hairpin, which a bridge shows its pods.
  if (src === dst) return [];
  const { points } = context.names;
  const { sightings } = trail;
  const goesOn = sightings.some(
    (other) =>
      other.point !== last.point && other.hasFormOf(last) && points[other.point]!.node === points[last.point]!.node,
  );
  if (goesOn) return [];
  const here = sightings.filter(({ point, tunnel }) => point === last.point && tunnel === 0);
  const arrivals = here.filter(({ form, ttl }) => form.src === src && form.dst !== dst && ttl === last.ttl + 1);
  const returns = here.filter((other) => other.hasFormOf(last) && other.ttl === last.ttl);
  return arrivals.slice(0, returns.length).map((arrived, i) => ({ trail, arrived, returned: returns[i]! }));
}
