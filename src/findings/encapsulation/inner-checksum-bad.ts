import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { grouped, lossReason, undeliveredOf } from './losses.js';
import { cause } from './told.js';

/** Packets with a wrong IPv4 header checksum, which every kernel drops, where they were seen last. */
export function innerChecksumBad(context: FindingContext): Finding[] {
  const { names } = context;
  const losses = undeliveredOf(context).filter(({ octets }) => octets.innerChecksum === 'bad');
  return grouped(losses, ({ trail }) => `${trail.last.src}`).map((group) => {
    const { judgement, trail } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    return lossReason(context, group, {
      kind: 'inner-ip-checksum-bad',
      severity: 'warning',
      certainty: 'shown',
      title: `packets from ${names.addresses.text(trail.last.src)} come to ${point.name} with a wrong IPv4 header checksum, and go no further`,
      causes: [
        cause(
          'inner-ip-checksum-bad',
          0.95,
          'a kernel drops such packets. Something on the way changed the header, or damaged it; no offload leaves this sum open',
          `nstat -az IpInHdrErrors${onNode(point.node)}`,
        ),
      ],
    });
  });
}
