import type { Finding } from '../../report/report.js';
import { subjectAt } from '../causes/confirm/flow.js';
import { confirmed } from '../causes/confirm/index.js';
import { onNode } from '../commands.js';
import { hasDropped, isFrameNearEnd, type FindingContext } from '../context.js';
import { CALICO_GATEWAY_MAC, factsOf } from './facts.js';
import { cause, shownBy } from './told.js';

const LINK_LOCAL = 0xa9fe;

/** A pod that asks for its gateway's MAC address and is not answered. */
export function gatewayArp(context: FindingContext): Finding[] {
  const { names, topology } = context;
  const findings: Finding[] = [];
  for (const about of factsOf(context).arp.values()) {
    const { point: id, address, asker, askerMac, requests, answers, examples } = about;
    const point = names.points[id]!;
    if (examples.every((kept) => isFrameNearEnd(context, kept))) continue;
    if (requests < 2 || answers.length > 0 || asker === 0 || askerMac === CALICO_GATEWAY_MAC) continue;
    if ((point.role !== 'veth' && point.role !== 'pod') || hasDropped(context, id)) continue;
    // The pod asks, and only ever for its gateway: everything else of its own link has an address near its own.
    const isPod = topology.ownersOf(id)?.has(asker) === true || topology.homeOf(asker).points.includes(id);
    const isGateway =
      names.addresses.word(address) >>> 16 === LINK_LOCAL || names.addresses.text(address).endsWith('.1');
    if (!isPod || !isGateway) continue;
    const pod = names.addresses.text(asker);
    const gateway = names.addresses.text(address);
    const device = point.interface.replaceAll('.', '/');
    findings.push(
      shownBy(context, examples, `who-has ${gateway} tell ${pod}, not answered`, {
        kind: 'arp-gateway-unanswered',
        severity: 'error',
        certainty: 'shown',
        title: `${pod} asks at ${point.name} for its gateway ${gateway} and gets no ARP answer`,
        // What waits for this pod's answer needs no finding of its own.
        flow:
          context.exchanges.find(
            ({ exchange, outcome }) => exchange.server === asker && outcome.verdict === 'unanswered',
          )?.flow ?? null,
        count: requests,
        of: requests,
        causes: confirmed(
          [
            cause(
              'ip-forward-off',
              0.7,
              `a pod whose gateway does not answer can receive and send nothing; the node answers for ${gateway} only while forwarding and proxy_arp are on for ${point.interface}`,
              `sysctl net.ipv4.conf.${device}.forwarding net.ipv4.conf.${device}.proxy_arp${onNode(point.node)}`,
            ),
            cause(
              'route-missing',
              0.3,
              `proxy ARP needs a route to ${gateway}: a node without a default route does not answer`,
              `ip route get ${gateway}${onNode(point.node)}`,
            ),
          ],
          subjectAt(point, { unresolved: [gateway] }),
          context.saved,
        ),
      }),
    );
  }
  return findings;
}
