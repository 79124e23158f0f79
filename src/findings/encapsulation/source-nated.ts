import type { Finding } from '../../report/report.js';
import type { Sighting } from '../../trail/trail-rows.js';
import type { Tunnel } from '../../trail/sightings.js';
import { subjectAt } from '../causes/confirm/flow.js';
import { confirmed } from '../causes/confirm/index.js';
import { placeOf, type FindingContext } from '../context.js';
import { cause } from './told.js';

/** Tunnel packets whose outer source is another one further on: the same packet inside, at two points. */
export function sourceNated(context: FindingContext): Finding[] {
  const { names } = context;
  const text = (address: number): string => names.addresses.text(address);
  const groups = new Map<
    string,
    { before: Sighting; after: Sighting; from: number; to: number; tunnel: Tunnel; last: number; count: number }
  >();
  for (const trail of context.followed) {
    let before: Sighting | null = null;
    for (const sighting of trail.sightings) {
      const tunnel = names.tunnels.get(sighting.tunnel);
      if (tunnel === null) continue;
      const previous = before === null ? null : names.tunnels.get(before.tunnel);
      // The outer hop count falls where a router stands between; a packet that is wrapped anew begins again.
      if (
        before !== null &&
        previous !== null &&
        previous.id === tunnel.id &&
        previous.dst === tunnel.dst &&
        previous.src !== tunnel.src &&
        sighting.outerTtl < before.outerTtl
      ) {
        const key = `${previous.src}>${tunnel.src} ${before.point} ${sighting.point}`;
        const group = groups.get(key);
        if (group === undefined) {
          groups.set(key, {
            before,
            after: sighting,
            from: previous.src,
            to: tunnel.src,
            tunnel: previous,
            last: trail.lastTime,
            count: 1,
          });
        } else {
          group.count++;
          if (before.time < group.before.time) {
            group.before = before;
            group.after = sighting;
          }
          group.last = Math.max(group.last, trail.lastTime);
        }
      }
      before = sighting;
    }
  }
  return [...groups.values()].map(({ before, after, from, to, tunnel, last, count }) => ({
    kind: 'vtep-source-nated',
    severity: 'error',
    certainty: 'shown',
    title: `the outer source of tunnel packets is rewritten from ${text(from)} to ${text(to)} between ${names.points[before.point]!.name} and ${names.points[after.point]!.name} (${count} ${count === 1 ? 'packet' : 'packets'})`,
    flow: null,
    // Counted in endpoints: one that is rewritten is one fault, however many packets it sends.
    count: 1,
    of: 1,
    firstTime: context.timeOf(before.time),
    lastTime: context.timeOf(last),
    lastSeen: null,
    nextExpected: null,
    causes: confirmed(
      [
        cause(
          'vtep-source-nated',
          0.95,
          `a NAT gateway, or a masquerade rule on the way, translates the address from which the node tunnels. What its peers send back is a new flow to port ${tunnel.destinationPort} of ${text(from)}, for which the translation has no entry: the tunnel works in one direction at most`,
          `iptables-save -t nat | grep -E 'MASQUERADE|SNAT'; conntrack -L -p udp | grep ${text(from)}   # on ${names.points[after.point]!.node || 'the gateway'}`,
        ),
      ],
      subjectAt(names.points[after.point]!, {
        tunnel,
        outerSource: text(from),
        outerDestination: text(tunnel.dst),
        outerPort: tunnel.destinationPort,
      }),
      context.saved,
    ),
    evidence: [
      { ...placeOf(context, before), note: `outer source ${text(from)}` },
      { ...placeOf(context, after), note: `the same packet with outer source ${text(to)}` },
    ],
    trail: null,
  }));
}
