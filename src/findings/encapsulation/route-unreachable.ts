import type { Finding } from '../../report/report.js';
import type { Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { errorGroups, quotesTunnel } from './icmp-errors.js';
import { cause, shownBy } from './told.js';

/** Linux says "host unreachable" after three ARP requests, one a second; what comes sooner is a route. Nanoseconds. */
const ARP_TIME = 2e9;

/** Initial TTLs of what a node sends itself. */
const INITIAL_TTLS: ReadonlySet<number> = new Set([64, 255]);

/** Nodes that refuse a pod's address: no route (3/0), or a route of type unreachable (3/1 at once). */
export function routeUnreachable(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const text = (address: number): string => names.addresses.text(address);
  let trails: ReadonlyMap<string, Trail> | null = null;
  const groups = errorGroups(context, (error) => {
    if (error.type !== 3 || error.code > 1 || quotesTunnel(error) || !INITIAL_TTLS.has(error.ttl)) return false;
    trails ??= new Map(context.trails.map((trail) => [quotationOf({ ...trail.last, ipId: trail.ipId }), trail]));
    const trail = trails.get(quotationOf(error.outer));
    const sighting = trail?.lastAt(error.kept.point);
    if (trail === undefined || sighting === undefined || !cameFromElsewhere(context, trail, sighting)) return false;
    return error.code === 0 || error.time - facts.timeOf(sighting) < ARP_TIME;
  });
  return groups.map(({ example: { sender, code, outer, kept }, errors }) => {
    const kind = code === 0 ? 'route-missing' : 'route-unreachable';
    const point = names.points[kept.point]!;
    const said = code === 0 ? 'network unreachable' : 'host unreachable';
    return shownBy(
      context,
      errors.map((error) => error.kept),
      `${said}, quotes ${text(outer.src)} > ${text(outer.dst)}`,
      {
        kind,
        severity: 'error',
        certainty: 'shown',
        title: `${point.node} (${text(sender)}) answers ${text(outer.src)} with "${said}"${code === 0 ? '' : ' at once'} for ${text(outer.dst)}, seen at ${point.name}`,
        causes: [
          cause(
            kind,
            0.95,
            code === 0
              ? 'the route of the overlay, or of the block of addresses, is missing'
              : 'the error comes without the three ARP requests that precede it where a pod does not answer: a route of type unreachable',
            `ip route get ${text(outer.dst)}${onNode(point.node)}`,
          ),
        ],
      },
    );
  });
}

/** What an error quotes of a packet. */
function quotationOf({ src, dst, ipId }: { src: number; dst: number; ipId: number }): string {
  return `${src}>${dst}#${ipId}`;
}

/**
 * The packet came to the node from another one and went no further, so that the error is this node's. Where the node sent
 * it, the error may have come back through the tunnel, which takes no hop.
 */
function cameFromElsewhere(context: FindingContext, trail: Trail, sighting: Sighting): boolean {
  const nodeOf = (point: number): string => context.names.points[point]!.node;
  const node = nodeOf(sighting.point);
  if (node === '' || nodeOf(trail.lastSighting.point) !== node) return false;
  const home = context.topology.homeOf(trail.first.src).node;
  return home === null ? trail.sightings.some(({ point }) => nodeOf(point) !== node) : home !== node;
}
