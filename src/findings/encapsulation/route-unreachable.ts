import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { errorGroups, hostText, quotesTunnel } from './icmp-errors.js';
import { cause, shownBy } from './told.js';

/** Linux says "host unreachable" after three ARP requests, one a second; what comes sooner is a route. Nanoseconds. */
const ARP_TIME = 2e9;

/** Nodes that refuse a pod's address: no route (3/0), or a route of type unreachable (3/1 at once). */
export function routeUnreachable(context: FindingContext): Finding[] {
  const { names, topology } = context;
  const facts = factsOf(context);
  const text = (address: number): string => names.addresses.text(address);
  const trails = new Map(
    context.trails.map((trail) => [`${trail.last.src}>${trail.last.dst}#${trail.ipId}`, trail] as const),
  );
  const groups = errorGroups(context, (error) => {
    if (error.type !== 3 || error.code > 1 || quotesTunnel(error)) return false;
    if (error.code === 0) return true;
    const { src, dst, ipId } = error.outer;
    const sighting = trails.get(`${src}>${dst}#${ipId}`)?.sightings.findLast(({ point }) => point === error.kept.point);
    return sighting !== undefined && error.time - facts.timeOf(sighting) < ARP_TIME;
  });
  return groups
    .filter(({ example: { sender, kept } }) => {
      // Only a node of the cluster is meant, not a router of the Internet: one whose points are captured, seen from there.
      const { node } = topology.homeOf(sender);
      return node !== null && names.points[kept.point]!.node === node;
    })
    .map(({ example: { sender, code, outer, kept }, errors }) => {
      const kind = code === 0 ? 'route-missing' : 'route-unreachable';
      const { node } = topology.homeOf(sender);
      const said = code === 0 ? 'network unreachable' : 'host unreachable';
      return shownBy(
        context,
        errors.map((error) => error.kept),
        `${said}, quotes ${text(outer.src)} > ${text(outer.dst)}`,
        {
          kind,
          severity: 'error',
          certainty: 'shown',
          title: `${hostText(context, sender)} has ${code === 0 ? 'no route' : 'an unreachable route'} to ${text(outer.dst)}: it answers ${text(outer.src)} with "${said}" ${code === 0 ? '' : 'at once, '}seen at ${names.points[kept.point]!.name}`,
          causes: [
            cause(
              kind,
              0.95,
              code === 0
                ? 'the route of the overlay, or of the block of addresses, is missing'
                : 'the error comes without the three ARP requests that precede it where a pod does not answer',
              `ip route get ${text(outer.dst)}   # on ${node}`,
            ),
          ],
        },
      );
    });
}
