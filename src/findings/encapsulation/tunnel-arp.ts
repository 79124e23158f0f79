import type { Finding } from '../../report/report.js';
import { subjectAt } from '../causes/confirm/flow.js';
import { confirmed } from '../causes/confirm/index.js';
import { onNode } from '../commands.js';
import { hasDropped, type FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { cause, shownBy } from './told.js';

/** Unanswered ARP on a tunnel device, where the network plugin should have written the neighbour. */
export function tunnelArp(context: FindingContext): Finding[] {
  const { names } = context;
  const findings: Finding[] = [];
  for (const { point: id, address, asker, requests, answers, examples } of factsOf(context).arp.values()) {
    const point = names.points[id]!;
    if (point.role !== 'tunnel' || requests < 2 || answers.length > 0 || hasDropped(context, id)) continue;
    const target = names.addresses.text(address);
    findings.push(
      shownBy(context, examples, `who-has ${target} tell ${names.addresses.text(asker)}`, {
        kind: 'overlay-arp-unresolved',
        severity: 'error',
        certainty: 'shown',
        title: `${point.name} asks by ARP for ${target} and gets no answer`,
        count: requests,
        of: requests,
        causes: confirmed(
          [
            cause(
              'vxlan-fdb-missing',
              0.85,
              `the network plugin has not written a neighbour and forwarding entry for ${target}`,
              `ip neigh show dev ${point.interface}; bridge fdb show dev ${point.interface}${onNode(point.node)}`,
            ),
          ],
          subjectAt(point, { destination: target }),
          context.saved,
        ),
      }),
    );
  }
  return findings;
}
