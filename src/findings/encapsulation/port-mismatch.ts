import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { errorGroups, hostText, quotesTunnel } from './icmp-errors.js';
import { cause, shownBy } from './told.js';

/** A node without a tunnel device on the UDP port to which tunnel packets come. */
export function portMismatch(context: FindingContext): Finding[] {
  const facts = factsOf(context);
  const text = (address: number): string => context.names.addresses.text(address);
  return errorGroups(
    context,
    (error) => error.type === 3 && error.code === 3 && error.sender === error.outer.dst && quotesTunnel(error),
  ).map(({ example: { sender, outer, outerPort, kept }, errors }) => {
    const ports = new Set(facts.sentBy(new Set([sender])).map(({ port }) => port));
    ports.delete(outerPort);
    const others = ports.size === 0 ? '' : `, while it sends its own to port ${[...ports].join(', ')}`;
    return shownBy(
      context,
      errors.map((error) => error.kept),
      `port unreachable from ${text(sender)}, quotes ${text(outer.src)} > ${text(outer.dst)}:${outerPort}`,
      {
        kind: 'vxlan-port-mismatch',
        severity: 'error',
        certainty: 'shown',
        title: `${hostText(context, sender)} answers tunnel packets from ${text(outer.src)} to its UDP port ${outerPort} with port unreachable, seen at ${context.names.points[kept.point]!.name}${others}`,
        causes: [
          cause(
            'vxlan-port-mismatch',
            0.97,
            `no tunnel device listens on UDP port ${outerPort} there: the nodes use different ports for VXLAN, or the device on this port is down or not yet there`,
            `ip -d link show type vxlan | grep dstport; ss -lun | grep ${outerPort}   # on ${hostText(context, sender)}`,
          ),
        ],
      },
    );
  });
}
