import type { Cause, Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import type { Side } from './connections.js';
import type { ResetEvent, ResetSighting, TcpEvidence } from './evidence.js';
import { clientsText, findingOf, grouped, type Occurrence } from './groups.js';
import { INITIAL_TTLS, has, isSyn } from './segment.js';
import { TcpFlag } from '../../wire/tcp.js';
import { inNamespaceOf } from '../commands.js';
import { isAnswerTo, isNearer } from './reset-class.js';
import { plural, proof, segmentText, sideText } from './texts.js';

type Who = 'nobody-listens' | 'firewall' | 'firewall-shown' | 'open';

interface Refusal extends Occurrence {
  readonly client: Side;
  readonly server: Side;
  readonly who: Who;
  readonly sighting: ResetSighting;
  /** Point where the connection has its client's view. */
  readonly named: number;
  readonly reason: string;
}

/** RSTs that answer a SYN: nobody listens, or a firewall says so in the server's name. */
export function refusedFindings(evidence: TcpEvidence): Finding[] {
  const refusals: [string, Refusal][] = [];
  for (const event of evidence.resets) {
    const refusal = refusalOf(evidence, event);
    if (refusal === null) continue;
    const { server, who } = refusal;
    refusals.push([`${who} ${server.address} ${server.port}`, refusal]);
  }
  return grouped(refusals).map(({ list }) => refusedFinding(evidence, list));
}

/** True for a RST that answers a SYN of a connection that was never opened. */
export function isRefusal({ sightings }: ResetEvent): boolean {
  return sightings.some(
    ({ trigger, reset, connection }) =>
      trigger !== null &&
      isSyn(trigger) &&
      has(reset, TcpFlag.ACK) &&
      isAnswerTo(reset, trigger) &&
      connection.synAck === null,
  );
}

function refusalOf(evidence: TcpEvidence, event: ResetEvent): Refusal | null {
  if (!isRefusal(event)) return null;
  const sightings = event.sightings.filter(({ trigger }) => trigger !== null && isSyn(trigger));
  // A SYN on ports still in use is told by what came before it.
  if (sightings.some(({ fromSender }) => fromSender > 0)) return null;
  const flow = sightings.map(({ connection }) => evidence.flowOf(connection)).find((found) => found !== null);
  const named = sightings.reduce((best, next) => (next.trigger!.ttl > best.trigger!.ttl ? next : best));
  const nearest = sightings.reduce((best, next) => (next.reset.ttl > best.reset.ttl ? next : best));
  const { who, reason } = whoRefused(evidence, sightings, nearest);
  return {
    at: named.reset,
    client: named.receiver,
    server: named.sender,
    flow: flow ?? null,
    who,
    reason,
    sighting: nearest,
    named: named.reset.kept.point,
    evidence: sightings
      .slice(0, 2)
      .map(({ reset }) => proof(evidence.context, reset, segmentText(evidence.context, reset))),
  };
}

/** Who made the refusal: by its distance against the server's own packets, then by where it appears. */
function whoRefused(
  { context, connections }: TcpEvidence,
  sightings: readonly ResetSighting[],
  nearest: ResetSighting,
): { who: Who; reason: string } {
  const { names, topology } = context;
  const seen = new Set(sightings.map(({ reset }) => reset.kept.point));
  const name = (point: number): string => names.points[point]!.name;
  for (const { reset, sender } of sightings) {
    const ttl = connections.ttlOf(reset.kept.point, sender.address, reset.tunnelled);
    if (ttl === null) continue;
    if (!isNearer(reset.ttl, ttl.high)) {
      if (reset.ttl < ttl.low || reset.ttl > ttl.high) continue;
      return {
        who: 'nobody-listens',
        reason: `its TTL ${reset.ttl} at ${name(reset.kept.point)} is that of the server's other packets`,
      };
    }
    const home = topology.homeOf(sender.address).points.find((point) => isQuietHome(context, point, seen, sender));
    const reason = `its TTL ${reset.ttl} at ${name(reset.kept.point)} is higher than the ${ttl.high} of the server's own packets: it was made nearer`;
    return home === undefined
      ? { who: 'firewall', reason }
      : { who: 'firewall-shown', reason: `${reason}, and neither it nor the SYN is at ${name(home)}` };
  }
  const { reset, trigger, sender } = nearest;
  const point = reset.kept.point;
  if (topology.ownersOf(point)?.has(sender.address) === true) {
    return { who: 'nobody-listens', reason: `it first appears at ${name(point)}, the server's own interface` };
  }
  const farthest = sightings.reduce((most, sighting) => Math.max(most, sighting.trigger!.ttl), 0);
  if (trigger!.ttl < farthest) {
    return {
      who: 'nobody-listens',
      reason: `the SYN came as far as ${name(point)}, and the RST starts there with TTL ${reset.ttl}`,
    };
  }
  // The RST has passed no hop and the SYN none: a neighbour made it, or the first node on the way.
  const unhurt = INITIAL_TTLS.has(reset.ttl) && INITIAL_TTLS.has(trigger!.ttl);
  // Nothing at all came to the other nodes that were captured, though the server may be one of theirs.
  const { node } = names.points[point]!;
  const others = context.evidence.points.filter((at) => at !== undefined && at.point.node !== node);
  const silent = others.every(({ packets }) => packets === 0) ? others[0] : undefined;
  if (unhurt && silent !== undefined) {
    return {
      who: 'firewall',
      reason: `with TTL ${reset.ttl} it has passed no hop to ${name(point)}, and nothing of it is at ${silent.point.name}`,
    };
  }
  return { who: unhurt ? 'open' : 'nobody-listens', reason: `only ${name(point)} shows it, with TTL ${reset.ttl}` };
}

/** A point where the server's packets start and neither the SYN nor the RST was seen. */
function isQuietHome(context: FindingContext, point: number, seen: ReadonlySet<number>, sender: Side): boolean {
  if (seen.has(point)) return false;
  const at = context.topology.seenOf(sender.address).get(point);
  return at !== undefined && at.sent > 0 && INITIAL_TTLS.has(at.ttl);
}

function refusedFinding(evidence: TcpEvidence, list: readonly Refusal[]): Finding {
  const { context } = evidence;
  const { server, who, sighting, reason } = list[0]!;
  const to = sideText(context, server);
  const from = clientsText(
    context,
    list.map(({ client }) => client.address),
  );
  const address = context.names.addresses.text(server.address);
  const point = sighting.reset.kept.point;
  const listener: Cause = {
    kind: 'rst-no-listener',
    likelihood: who === 'nobody-listens' ? 0.8 : who === 'open' ? 0.5 : 0.25,
    why:
      who === 'nobody-listens'
        ? `a RST without options, window and identifier answers the SYN: the stack of ${address} has no socket at port ${server.port}; ${reason}`
        : `a stack without a listener answers in the same way`,
    next: inNamespaceOf(context, server.address, `ss -lnt 'sport = :${server.port}'`),
  };
  const firewall: Cause = {
    kind: 'rst-firewall-reject',
    likelihood: who === 'firewall-shown' ? 0.95 : who === 'firewall' ? 0.75 : who === 'open' ? 0.5 : 0.2,
    why:
      who === 'nobody-listens'
        ? 'a firewall that rejects with a RST sends the same octets'
        : `${reason}. A rule that rejects with a RST makes such packets in the server's name`,
    next: `iptables-save -c | grep -i reject; nft list ruleset | grep -n reject   # on the node next to ${context.names.points[point]!.name}`,
  };
  const attempts = plural(list.length, 'connection');
  const named = list[0]!.named;
  const accepted = evidence.connections
    .ofEnd(named, server.address, server.port)
    .filter(({ synAck }) => synAck !== null).length;
  const kind = who === 'nobody-listens' ? 'rst-no-listener' : who === 'open' ? 'reset' : 'rst-firewall-reject';
  const title = {
    'nobody-listens': `${to} refused ${attempts} from ${from}${accepted > 0 ? `, and accepted ${accepted}: nothing listened there at the time, or not at every backend` : ' with a RST'}`,
    firewall: `${attempts} ${from} > ${to} refused by a RST that a firewall in front of ${address} made`,
    'firewall-shown': `${attempts} ${from} > ${to} refused by a RST that ${address} did not make`,
    open: `${to} refused ${attempts} from ${from} with a RST: its own, or a firewall's`,
  }[who];
  const shown = who === 'firewall-shown' || (who === 'nobody-listens' && isAtOwnInterface(evidence, list));
  return findingOf(context, list, {
    kind,
    // One refused attempt may be a probe, or a start-up in progress.
    severity: kind === 'rst-firewall-reject' || list.length > 1 ? 'warning' : 'info',
    certainty: shown ? 'shown' : 'likely',
    title,
    causes:
      who === 'firewall-shown' ? [firewall] : who === 'nobody-listens' && shown ? [listener] : [listener, firewall],
  });
}

function isAtOwnInterface({ context }: TcpEvidence, list: readonly Refusal[]): boolean {
  return list.every(
    ({ sighting, server }) =>
      context.topology.ownersOf(sighting.reset.kept.point)?.has(server.address) === true ||
      context.topology.ownersOf(sighting.reset.kept.point)?.has(sighting.sender.address) === true,
  );
}
