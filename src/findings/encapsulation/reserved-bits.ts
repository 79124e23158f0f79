import type { Finding } from '../../report/report.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { grouped, lossesOf, lossReason } from './losses.js';
import { cause } from './told.js';

/** VXLAN headers that Linux takes for none, on packets that were not unwrapped. */
export function reservedBits(context: FindingContext): Finding[] {
  const { names } = context;
  const losses = lossesOf(context).filter(({ octets }) => octets.outer?.isPlain === false);
  return grouped(losses, ({ tunnel, octets }) => `${tunnel?.src} ${octets.outer!.flags}`).map((group) => {
    const { judgement, tunnel, octets } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    const flags = `0x${octets.outer!.flags.toString(16).padStart(2, '0')}`;
    return lossReason(context, group, {
      kind: 'vxlan-reserved-bits',
      severity: 'warning',
      certainty: 'shown',
      title: `VXLAN packets from ${names.addresses.text(tunnel!.src)} at ${point.name} have flags ${flags} or reserved bits set, and go no further`,
      causes: [
        cause(
          'vxlan-reserved-bits',
          0.95,
          'Linux drops VXLAN headers that are not plain (flags 0x08), unless its device has the extension that they mean',
          `ip -d link show type vxlan | grep -oE 'gbp|gpe|remcsumrx'${onNode(point.node)}`,
        ),
      ],
    });
  });
}
