import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { factsOf, macText } from './facts.js';
import { grouped, lossesOf, lossReason } from './losses.js';
import { cause } from './told.js';

/** Frames for a node's address with a MAC address that is not the node's: recorded by its capture, not received by it. */
export function nextHopMac(context: FindingContext): Finding[] {
  const { names, topology } = context;
  const facts = factsOf(context);
  const losses = lossesOf(context).filter(({ judgement, tunnel, trail, octets }) => {
    const last = names.points[judgement.lastSeen]!;
    if (last.role !== 'underlay' || names.points[judgement.nextExpected!]!.node !== last.node) return false;
    if (topology.homeOf(trail.last.src).node === last.node) return false;
    const own = facts.macsOf(last.id, tunnel === null ? trail.last.dst : tunnel.dst);
    return own.size > 0 && octets.frameDestinationMac >= 0 && !own.has(octets.frameDestinationMac);
  });
  return grouped(losses, ({ octets }) => `${octets.frameDestinationMac}`).map((group) => {
    const { judgement, tunnel, trail, octets } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    const address = tunnel === null ? trail.last.dst : tunnel.dst;
    const own = [...facts.macsOf(point.id, address)].map(macText).join(', ');
    return lossReason(context, group, {
      kind: 'mac-mismatch-next-hop',
      severity: 'warning',
      certainty: 'likely',
      title: `frames for ${names.addresses.text(address)} come to ${point.name} with MAC address ${macText(octets.frameDestinationMac)}, while the node has ${own}`,
      causes: [
        cause(
          'mac-mismatch-next-hop',
          0.8,
          'the sender, or the router before this node, has an old MAC address for it',
          `ip neigh show ${names.addresses.text(address)}   # on the sender and on the router before ${point.node}`,
        ),
      ],
    });
  });
}
