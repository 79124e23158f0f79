import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { macText } from './facts.js';
import { grouped, lossReason, undeliveredOf } from './losses.js';
import { cause } from './told.js';

/** Tunnel packets that bear the receiving device's own MAC address as their source. */
export function sourceMacSelf(context: FindingContext): Finding[] {
  const { names } = context;
  const losses = undeliveredOf(context).filter(
    ({ tunnel, octets }) => tunnel !== null && octets.sourceMac >= 0 && octets.sourceMac === octets.destinationMac,
  );
  return grouped(losses, ({ tunnel, octets }) => `${tunnel!.src} ${octets.sourceMac}`).map((group) => {
    const { judgement, tunnel, octets } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    return lossReason(context, group, {
      kind: 'vxlan-src-mac-self',
      severity: 'warning',
      certainty: 'shown',
      title: `packets in the tunnel from ${names.addresses.text(tunnel!.src)} to ${point.name} have the receiver's own MAC address ${macText(octets.sourceMac)} as their source, and go no further`,
      causes: [
        cause(
          'vxlan-src-mac-self',
          0.95,
          'a tunnel device drops what bears its own address, as a loop; two nodes have the same MAC address on their tunnel devices: cloned machines, or one node name used twice',
          `ip -d link show type vxlan | grep ether${onNode(point.node, ` and on ${names.addresses.text(tunnel!.src)}`)}`,
        ),
      ],
    });
  });
}
