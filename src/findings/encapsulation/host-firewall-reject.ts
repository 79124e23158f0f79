import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { PROHIBITIONS } from '../refusal-causes.js';
import { errorGroups, hostText, quotesTunnel } from './icmp-errors.js';
import { cause, shownBy } from './told.js';

/** A firewall that answers tunnel packets with "prohibited": on the node that they are for, or between the nodes. */
export function hostFirewallReject(context: FindingContext): Finding[] {
  const text = (address: number): string => context.names.addresses.text(address);
  return errorGroups(context, (error) => error.type === 3 && error.code in PROHIBITIONS && quotesTunnel(error)).map(
    ({ example: { sender, code, outer, outerPort, kept }, errors }) => {
      const point = context.names.points[kept.point]!;
      const isHost = sender === outer.dst;
      const kind = isHost ? 'host-firewall-reject' : 'underlay-blocks-tunnel';
      const who = hostText(context, sender);
      const port = outerPort < 0 ? '' : ` to UDP port ${outerPort}`;
      return shownBy(
        context,
        errors.map((error) => error.kept),
        `ICMP 3/${code} from ${text(sender)}, quotes the tunnel packet ${text(outer.src)} > ${text(outer.dst)}${port}`,
        {
          kind,
          severity: 'error',
          certainty: 'shown',
          title: `${who} refuses tunnel packets from ${text(outer.src)}${isHost ? '' : ` to ${text(outer.dst)}`}${port} with ICMP 3/${code}, seen at ${point.name}`,
          causes: [
            cause(
              kind,
              0.97,
              `only a firewall rule sends ICMP 3/${code} (prohibited)`,
              `nft list ruleset | grep -nE '${outerPort < 0 ? 'reject' : `${outerPort}|reject`}'   # on ${who}`,
            ),
          ],
        },
      );
    },
  );
}
