import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { grouped, lossesOf, lossReason } from './losses.js';
import { cause } from './told.js';

/** Where VNIs are identities of workloads (Cilium), there are more of them than this, and none is wrong. */
const MOST = 3;

/** Tunnel packets with a network number that the receiving node itself never sends. */
export function vniMismatch(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const vnisOf = new Map<string, Set<number>>();
  const sentFrom = (node: string, endpoint: number): Set<number> => {
    const key = `${endpoint} ${node}`;
    let vnis = vnisOf.get(key);
    if (vnis === undefined) {
      const sent = facts.sentBy(new Set([...facts.endpointsOf(node), endpoint]));
      vnisOf.set(key, (vnis = new Set(sent.map(({ vni }) => vni))));
    }
    return vnis;
  };
  const losses = lossesOf(context).filter(({ judgement, tunnel, octets, trail }) => {
    if (tunnel === null || octets.outer === null) return false;
    const { node } = names.points[judgement.lastSeen]!;
    if (names.points[judgement.nextExpected!]!.node !== node || context.topology.homeOf(trail.last.src).node === node)
      return false;
    const vnis = sentFrom(node, tunnel.dst);
    return vnis.size > 0 && vnis.size <= MOST && !vnis.has(tunnel.id);
  });
  return grouped(losses, ({ tunnel }) => `${tunnel!.src} ${tunnel!.id}`).map((group) => {
    const { judgement, tunnel } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    const own = [...sentFrom(point.node, tunnel!.dst)].join(', ');
    return lossReason(context, group, {
      kind: 'vxlan-vni-mismatch',
      severity: 'error',
      certainty: 'likely',
      title: `tunnel packets from ${names.addresses.text(tunnel!.src)} come to ${point.name} with VNI ${tunnel!.id}, while ${point.node} itself sends with VNI ${own}`,
      causes: [
        cause(
          'vxlan-vni-mismatch',
          0.85,
          `no device of ${point.node} has VNI ${tunnel!.id}: the nodes run different plugins, or different settings of one`,
          `ip -d link show type vxlan | grep -E 'vxlan id'${onNode(point.node, ` and on ${names.addresses.text(tunnel!.src)}`)}`,
        ),
      ],
    });
  });
}
