import type { Finding } from '../../report/report.js';
import { octetsOf } from '../break.js';
import { placeOf, type FindingContext } from '../context.js';
import type { Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { cause } from './told.js';

const EXAMPLES = 5;
const LIMIT = 1 << 16;

/** Tunnel packets with a wrong outer UDP checksum where they come in from another machine, and that nobody is known to have got. */
export function udpChecksumBad(context: FindingContext): Finding[] {
  const { names } = context;
  const groups = new Map<string, { trail: Trail; sighting: Sighting; shown: boolean }[]>();
  let looked = 0;
  for (const trail of context.trails) {
    const judgement = context.judge.judge(trail);
    if (judgement.state === 'delivered') continue;
    if (++looked > LIMIT) break;
    const sighting = trail.lastSighting;
    const tunnel = names.tunnels.get(sighting.tunnel);
    if (tunnel === null || !isIncoming(context, trail, sighting, judgement.state === 'lost')) continue;
    if (octetsOf(context, sighting)?.outer?.checksum !== 'bad') continue;
    const key = `${sighting.point} ${tunnel.src}`;
    const group = groups.get(key);
    const item = { trail, sighting, shown: judgement.state === 'lost' };
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()].map((group) => {
    const { sighting, trail } = group[0]!;
    const tunnel = names.tunnels.get(sighting.tunnel)!;
    const point = names.points[sighting.point]!;
    const missing = group.find(({ shown }) => shown);
    return {
      kind: 'vxlan-udp-checksum-bad',
      severity: 'error',
      certainty: missing?.trail.judgement?.certainty === 'shown' ? 'shown' : 'likely',
      title: `tunnel packets from ${names.addresses.text(tunnel.src)} come to ${point.name} with a wrong outer UDP checksum${missing === undefined ? '' : ', and go no further'}`,
      flow: null,
      count: group.length,
      of: group.length,
      firstTime: context.timeOf(trail.firstTime),
      lastTime: context.timeOf(group[group.length - 1]!.trail.lastTime),
      lastSeen: placeOf(context, sighting),
      nextExpected: missing === undefined ? null : names.points[missing.trail.judgement!.nextExpected!]!.name,
      causes: [
        cause(
          'vxlan-udp-checksum-bad',
          0.95,
          'the sum is neither right, nor zero, nor one that checksum offload leaves behind: the kernel drops the packet before it is unwrapped',
          `nstat -az UdpInCsumErrors   # on ${point.node || point.name}`,
        ),
      ],
      evidence: group.slice(0, EXAMPLES).map((item) => ({
        ...placeOf(context, item.sighting),
        note: `outer UDP checksum wrong, ${names.addresses.text(tunnel.src)} > ${names.addresses.text(tunnel.dst)}`,
      })),
      trail: null,
    };
  });
}

/** Seen on another machine before, or gone at a point behind this one on the same machine. */
function isIncoming(context: FindingContext, trail: Trail, sighting: Sighting, isLost: boolean): boolean {
  const nodeOf = (point: number): string => context.names.points[point]!.node;
  const node = nodeOf(sighting.point);
  if (trail.sightings.some(({ point }) => nodeOf(point) !== node)) return true;
  return (
    isLost && context.topology.homeOf(trail.last.src).node !== node && nodeOf(trail.judgement!.nextExpected!) === node
  );
}
