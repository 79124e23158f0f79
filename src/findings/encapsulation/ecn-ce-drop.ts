import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { grouped, lossesOf, lossReason } from './losses.js';
import { cause } from './told.js';

/** RFC 3168: congestion experienced; not ECN-capable. */
const CE = 3;
const NOT_ECT = 0;

/** Congestion marks on tunnels whose packets do not take part in ECN (RFC 6040 section 4.2: must be dropped). */
export function ecnCeDrop(context: FindingContext): Finding[] {
  const { names } = context;
  const losses = lossesOf(context).filter(({ octets }) => octets.outer?.ecn === CE && octets.ecn === NOT_ECT);
  return grouped(losses, ({ tunnel }) => `${tunnel?.src}`).map((group) => {
    const { judgement, tunnel } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    return lossReason(context, group, {
      kind: 'vxlan-ecn-ce-drop',
      severity: 'warning',
      certainty: 'shown',
      title: `tunnel packets from ${names.addresses.text(tunnel!.src)} come to ${point.name} marked "congestion experienced" around packets that do not take part in ECN, and go no further`,
      causes: [
        cause(
          'vxlan-ecn-ce-drop',
          0.95,
          'RFC 6040 has such packets dropped at the end of the tunnel; a switch or queue on the way marks them, or marks everything',
          `ip -s -s link show type vxlan | grep -A1 'RX errors'; dmesg | grep 'non-ECT from'${onNode(point.node)}`,
        ),
      ],
    });
  });
}
