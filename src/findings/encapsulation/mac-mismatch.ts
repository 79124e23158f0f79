import type { Finding } from '../../report/report.js';
import type { Trail } from '../../trail/trail.js';
import { vtepMacsAt } from '../break.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { factsOf, macText } from './facts.js';
import { grouped, lossReason, undeliveredOf } from './losses.js';
import { cause } from './told.js';

/** Packets that come out of the tunnel with a MAC address which is not the tunnel device's, and go no further. */
export function macMismatch(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const losses = undeliveredOf(context).filter(({ judgement, trail, octets }) => {
    const { node, role } = names.points[judgement.lastSeen]!;
    if (role !== 'tunnel' || !isIncoming(context, trail, node) || isCutAt(context, node)) return false;
    const macs = vtepMacsAt(context, node);
    if (!knowsDevice(context, judgement.lastSeen, macs)) return false;
    return (
      octets.destinationMac >= 0 && !isGroup(octets.destinationMac) && macs.size > 0 && !macs.has(octets.destinationMac)
    );
  });
  return grouped(losses, ({ octets }) => `${octets.destinationMac}`).map((group) => {
    const { judgement, octets } = group[0]!;
    const point = names.points[judgement.lastSeen]!;
    const own = [...vtepMacsAt(context, point.node)].slice(0, 3).map(macText).join(', ');
    // Its own tunnel packets are better proof than multicast on its device.
    const sent = facts.sentBy(facts.endpointsOf(point.node)).length > 0;
    return lossReason(context, group, {
      kind: 'vtep-mac-mismatch',
      severity: 'error',
      certainty: sent ? 'shown' : 'likely',
      title: `packets come out of the tunnel at ${point.name} for MAC address ${macText(octets.destinationMac)}, while the device of ${point.node} has ${own}, and go no further`,
      causes: [
        cause(
          'vtep-mac-mismatch',
          sent ? 0.95 : 0.9,
          `the sender has an old or wrong MAC address for the tunnel device of ${point.node}, which drops what is meant for another host`,
          `ip -s -s link show ${point.interface}${onNode(point.node, ': the column otherhost counts them')}`,
        ),
      ],
    });
  });
}

/** Of a node with several tunnel devices (one for each IP version) the addresses tell only where this one's own is among them. */
function knowsDevice(context: FindingContext, point: number, macs: ReadonlySet<number>): boolean {
  const { points, addresses } = context.names;
  const { node } = points[point]!;
  const facts = factsOf(context);
  const devices = points.filter(({ node: its, role }) => its === node && role === 'tunnel');
  const versions = new Set([...facts.endpointsOf(node)].map((address) => addresses.version(address)));
  if (devices.length < 2 && versions.size < 2) return true;
  const sources = facts.sourcesAt(point);
  return [...macs].some((mac) => sources.has(mac));
}

/** Where captures of the node keep no more than the tunnel's headers, they do not tell which MAC address is its own. */
function isCutAt(context: FindingContext, node: string): boolean {
  const { names, evidence } = context;
  return names.points.some(({ id, node: other }) => {
    const at = evidence.points[id];
    if (other !== node || at === undefined) return false;
    const isTunnelled = factsOf(context).streams.some(({ point }) => point === id);
    return at.unidentifiable > 0 || (isTunnelled && at.tunnelled === 0);
  });
}

/** From another node, or seen in the tunnel before it came out. */
function isIncoming({ topology }: FindingContext, { last, sightings }: Trail, node: string): boolean {
  const home = topology.homeOf(last.src).node;
  return home === null ? sightings.some(({ tunnel }) => tunnel !== 0) : home !== node;
}

function isGroup(mac: number): boolean {
  return Math.floor(mac / 0x10000000000) % 2 === 1;
}
