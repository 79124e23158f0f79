import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { hasDropped, type FindingContext } from '../context.js';
import { CALICO_GATEWAY_MAC, factsOf, type IcmpError } from './facts.js';
import { cause, shownBy } from './told.js';

/** Pods whose node asks for them by ARP in vain; the ICMP error that follows after three requests. */
export function podGone(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const findings: Finding[] = [];
  for (const { point: id, address, asker, askerMac, requests, answers, examples, firstRequest } of facts.arp.values()) {
    const point = names.points[id]!;
    if (requests < 3 || answers.length > 0 || (point.role !== 'veth' && point.role !== 'bridge')) continue;
    if (hasDropped(context, id)) continue;
    // It is the node that asks: a pod that does is told by its own finding.
    const isPod =
      context.topology.ownersOf(id)?.has(asker) === true || context.topology.homeOf(asker).points.includes(id);
    if (isPod && point.role === 'veth' && askerMac !== CALICO_GATEWAY_MAC) continue;
    if (answeredElsewhere(context, address)) continue;
    const pod = names.addresses.text(address);
    const errors = facts.errors.filter(
      (error) => error.type === 3 && error.code === 1 && about(error)?.dst === address && error.time > firstRequest,
    );
    findings.push(
      shownBy(
        context,
        [...examples, ...errors.slice(0, 1).map(({ kept }) => kept)],
        [
          ...examples.map(() => `who-has ${pod} tell ${names.addresses.text(asker)}, not answered`),
          `host unreachable, quotes a packet to ${pod}`,
        ],
        {
          kind: 'pod-gone-arp-fail',
          severity: 'warning',
          certainty: 'shown',
          title: `nobody answers ARP for ${pod} at ${point.name}: ${requests} requests${errors.length > 0 ? `, then ${names.addresses.text(errors[0]!.sender)} says that it cannot be reached` : ''}`,
          count: requests,
          of: requests,
          causes: [
            cause(
              'pod-gone-arp-fail',
              0.9,
              'the pod is gone, its interface is down or attached elsewhere, or the neighbour table is full',
              `ip neigh show dev ${point.interface} | grep -w ${pod}; kubectl get pod -A -o wide | grep -w ${pod}${onNode(point.node)}`,
            ),
          ],
        },
      ),
    );
  }
  return findings;
}

function about(error: IcmpError): IcmpError['outer'] {
  return error.inner ?? error.outer;
}

/** An address that sends anything in the captures is there; its answer to ARP may just not have been captured. */
function answeredElsewhere(context: FindingContext, address: number): boolean {
  for (const { sent } of context.topology.seenOf(address).values()) if (sent > 0) return true;
  return context.evidence.points.some((at) => at?.arpSenders.has(address) === true);
}
