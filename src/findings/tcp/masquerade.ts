import type { Finding } from '../../report/report.js';
import { endText } from '../../trail/rows.js';
import type { Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { placeOf, type FindingContext, type Judged } from '../context.js';
import { plural } from './texts.js';

interface Leaving {
  readonly judged: Judged;
  readonly trail: Trail;
  readonly sighting: Sighting;
}

/** Requests of pods that leave by the underlay bare, under the pod's own address, and that nobody ever answers. */
export function masqueradeFindings(context: FindingContext): Finding[] {
  const groups = new Map<string, Leaving[]>();
  for (const judged of context.exchanges.withVerdict('request-lost', 'unanswered', 'unknown')) {
    const leaving = leavingOf(context, judged);
    if (leaving === null) continue;
    const { exchange } = judged;
    const key = `${leaving.sighting.point} ${exchange.client} ${exchange.server}`;
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [leaving]);
    else list.push(leaving);
  }
  return [...groups.values()].slice(0, 50).map((list) => masqueradeFinding(context, list));
}

function leavingOf({ names, topology, evidence }: FindingContext, judged: Judged): Leaving | null {
  const { exchange } = judged;
  const { client, server, requests, replies, open, refused } = exchange;
  if (requests < 2 || replies > 0 || refused || exchange.protocol === 'udp') return null;
  const trail = open.find(({ direction }) => direction === 'request');
  if (trail === undefined) return null;
  const sighting = trail.lastSighting;
  const isBare = names.points[sighting.point]!.role === 'underlay' && sighting.tunnel === 0;
  if (!isBare || sighting.form.src !== client || sighting.form.dst !== server) return null;
  // A workload's own address, seen at its interface, and routed since.
  const home = topology.homeOf(client);
  if (!home.points.some((point) => topology.ownersOf(point)?.has(client) === true)) return null;
  if (home.points.includes(sighting.point)) return null;
  // Nothing comes from there at all, it is no tunnel's end, and no address of the pods' own network.
  for (const { sent } of topology.seenOf(server).values()) if (sent > 0) return null;
  const network = (address: number): number => evidence.addresses.word(address) >>> 16;
  if (exchange.ipVersion !== 4 || network(client) === network(server)) return null;
  // Where other pods reach the outside bare, their addresses are routed there.
  return isRouted({ topology, evidence }, client, sighting.point) ? null : { judged, trail, sighting };
}

/** Packets from outside to the pod's own address arrive at the point. */
function isRouted(
  { topology, evidence }: Pick<FindingContext, 'topology' | 'evidence'>,
  client: number,
  point: number,
): boolean {
  const here = topology.seenOf(client).get(point);
  if (here === undefined || evidence.points[point] === undefined) return false;
  return here.received > 0 && here.outerDestination === 0;
}

function masqueradeFinding(context: FindingContext, list: readonly Leaving[]): Finding {
  const { names } = context;
  const { judged, sighting } = list[0]!;
  const { exchange, flow } = judged;
  const pod = names.addresses.text(exchange.client);
  const outside = endText(names, exchange.server, exchange.serverPort);
  const { name, node, interface: device } = names.points[sighting.point]!;
  const times = list.map(
    ({
      judged: {
        exchange: { firstTime, lastTime },
      },
    }) => [firstTime, lastTime] as const,
  );
  return {
    kind: 'nat-missing-masquerade',
    severity: 'error',
    certainty: 'likely',
    title: `${plural(list.length, 'request')} ${pod} > ${outside} left by ${name} with the address of the pod, and nothing came back`,
    flow: flow < 0 ? null : flow,
    count: list.length,
    of: Math.max(list.length, context.flows.exchangesOf(flow)),
    firstTime: context.timeOf(times.reduce((least, [first]) => Math.min(least, first), Infinity)),
    lastTime: context.timeOf(times.reduce((most, [, last]) => Math.max(most, last), -Infinity)),
    lastSeen: null,
    nextExpected: null,
    causes: [
      {
        kind: 'nat-missing-masquerade',
        likelihood: 0.7,
        why: `${outside} gets ${pod} as the source and knows no way back to it; ${node === '' ? 'the node' : node} should have put its own address there`,
        next: `iptables-save -t nat -c | grep -E 'MASQUERADE|SNAT|cali-nat-outgoing|FLANNEL'${node === '' ? '' : `   # on ${node}`}`,
      },
      {
        kind: 'nat-return-unroutable',
        likelihood: 0.25,
        why: `a gateway behind ${device} may translate ${pod} itself and have no route for the answers`,
        next: `ip route get ${pod}   # on the gateway behind ${name}`,
      },
    ],
    evidence: list.slice(0, 5).map(({ sighting: at }) => ({
      ...placeOf(context, at),
      note: `bare, from ${pod}, TTL ${at.ttl}`,
    })),
    trail: null,
  };
}
