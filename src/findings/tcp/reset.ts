import type { Cause, Finding, Severity } from '../../report/report.js';
import { TcpFlag } from '../../wire/tcp.js';
import type { Connection, Side } from './connections.js';
import type { ResetEvent, ResetSighting, TcpEvidence } from './evidence.js';
import { clientsText, findingOf, grouped, type Occurrence } from './groups.js';
import type { Leak } from './leak.js';
import { isRefusal } from './refused.js';
import { INITIAL_TTLS, ahead, has, isSyn, isSynAck, isWithin, macText, type Segment } from './segment.js';
import { pulseOf } from './pulse.js';
import { isChallenged } from './reopened.js';
import { on, plural, proof, segmentText, sideText, spanText } from './texts.js';

/** A silence from which on state may have expired, nanoseconds: the shortest timer of an open connection is 60 s. */
const IDLE = 45e9;
/** Half a connection is forgotten sooner. */
const SHORT_IDLE = 2e9;
/** Silences this close to each other are one timer's. */
const SPREAD = 0.2;
const BGP = 179;

/** Timers that end idle connections, seconds. */
const TIMERS: readonly (readonly [number, string])[] = [
  [60, 'connection tracking in CLOSE_WAIT'],
  [120, 'connection tracking in TIME_WAIT, IPVS in FIN_WAIT'],
  [240, 'load balancers of Azure'],
  [350, 'load balancers and NAT gateways of AWS'],
  [900, 'IPVS'],
  [1800, 'load balancers with 30 minutes'],
  [86_400, 'connection tracking, as kube-proxy sets it'],
  [432_000, 'connection tracking'],
];

interface Story extends Occurrence {
  readonly kind: string;
  readonly severity: Severity;
  readonly certainty: 'shown' | 'likely';
  /** Where it shows best, and the connection as its client has it. */
  readonly sighting: ResetSighting;
  readonly connection: Connection;
  readonly sender: Side;
  readonly receiver: Side;
  readonly gap: number;
  /** Where the sender lives in the story: the other backend, the box on the way. */
  readonly where: string;
}

/** RSTs in connections that had been open: who made them, and why. */
export function resetFindings(evidence: TcpEvidence, leaks: ReadonlyMap<ResetEvent, Leak>): Finding[] {
  const broken = new Set(
    [...leaks.values()].map(({ connection }) => `${connection.client.isn} ${connection.client.port}`),
  );
  const stories: [string, Story][] = [];
  for (const event of evidence.resets) {
    if (leaks.has(event) || isRefusal(event)) continue;
    const story = storyOf(evidence, event, broken);
    if (story === null) continue;
    const { kind, sender, connection } = story;
    const { server } = connection;
    stories.push([`${kind} ${server === sender} ${server.address} ${server.port}`, story]);
  }
  return grouped(stories).map(({ list }) => storyFinding(evidence, list));
}

function storyOf(evidence: TcpEvidence, event: ResetEvent, broken: ReadonlySet<string>): Story | null {
  const { sightings } = event;
  // The connection as the client has it: where its own packets have passed the fewest hops.
  const seen = [...sightings].sort((a, b) => clientTtl(b) - clientTtl(a));
  const view = seen.find(({ connection }) => evidence.exchangeOf(connection) !== null) ?? seen[0]!;
  const { connection, sender, receiver, trigger, reset } = view;
  if (seen.some((s) => s.earlierReset || isChallenged(s.connection))) return null;
  if (broken.has(`${connection.client.isn} ${connection.client.port}`)) return null;
  // Probes of load balancers and kubelets open a connection and drop it.
  const data = seen.reduce(
    (most, { connection: { client, server } }) => Math.max(most, client.payload + server.payload),
    0,
  );
  if (data === 0 && evidence.context.store.complete) return null;
  const base = {
    at: reset,
    sighting: view,
    connection,
    sender,
    receiver,
    gap: view.gap,
    flow: evidence.flowOf(connection),
    where: '',
    severity: 'info' as Severity,
    certainty: 'likely' as const,
  };
  const foreign = foreignIn(evidence, seen);
  if (foreign !== null) {
    return { ...base, kind: 'rst-injected', severity: 'error', sighting: foreign, evidence: proofs(evidence, foreign) };
  }
  if (seen.every(({ kind }) => kind === 'application' || kind === 'foreign')) {
    // Who speaks BGP resets for reasons of BGP.
    if (connection.server.port === BGP || data === 0) return null;
    return { ...base, kind: 'rst-app-close', evidence: proofs(evidence, view) };
  }
  if (trigger === null && !evidence.context.store.complete) {
    const lost = forgottenIn(seen);
    if (lost === null) return null;
    const isMoved = movedIn([lost]) !== null;
    const [kind, severity] = isMoved ? (['rst-backend-switched', 'error'] as const) : (['reset', 'warning'] as const);
    return { ...base, kind, severity, sighting: lost, evidence: proofs(evidence, lost) };
  }
  if (trigger === null || isSynAck(trigger) || isSyn(trigger)) return null;
  const silent = trigger.payloadLength === 0;
  const closed = seen.find(({ senderFin }) => senderFin !== null);
  if (closed !== undefined) {
    if (silent) return null;
    return {
      ...base,
      kind: 'rst-data-after-close',
      certainty: 'shown',
      sighting: closed,
      gap: closed.trigger === null ? 0 : closed.trigger.time - closed.senderFin!.time,
      evidence: [
        proof(evidence.context, closed.senderFin!, `${segmentText(evidence.context, closed.senderFin!)}: closes`),
        ...proofs(evidence, closed),
      ],
    };
  }
  const switched = switchedIn(evidence, seen);
  if (switched !== null) return { ...base, severity: 'error', ...switched };
  if (silent && view.gap < IDLE) return null;
  const own = seen.find((s) => isOwn(evidence, s));
  if (own !== undefined) {
    return { ...base, kind: 'reset', severity: 'warning', sighting: own, evidence: proofs(evidence, own) };
  }
  const half = seen.find((s) => s.fromSender === 0 && s.fromReceiver >= 2 && s.gap >= SHORT_IDLE && isLocal(s));
  if (half !== undefined && half.gap < IDLE) {
    return {
      ...base,
      kind: 'rst-one-way-conntrack',
      severity: 'error',
      sighting: half,
      gap: half.gap,
      evidence: proofs(evidence, half),
    };
  }
  if (view.gap >= IDLE) {
    return { ...base, kind: 'rst-idle-expired', severity: 'error', evidence: proofs(evidence, view) };
  }
  const moved = movedIn(seen);
  if (moved !== null) {
    return {
      ...base,
      kind: 'rst-backend-switched',
      severity: 'error',
      sighting: moved,
      evidence: proofs(evidence, moved),
    };
  }
  return { ...base, kind: 'reset', severity: 'warning', evidence: proofs(evidence, view) };
}

function clientTtl({ connection }: ResetSighting): number {
  const { client, segments } = connection;
  return segments.find(({ src, sourcePort }) => src === client.address && sourcePort === client.port)?.ttl ?? 0;
}

function proofs({ context }: TcpEvidence, { trigger, reset }: ResetSighting): Occurrence['evidence'] {
  return [
    ...(trigger === null ? [] : [proof(context, trigger, `${segmentText(context, trigger)}: what it answers`)]),
    proof(context, reset, `${segmentText(context, reset)}: the RST`),
  ];
}

/** A RST from another distance that does not go on with its sender's identifiers, and after which the sender goes on. */
function foreignIn({ connections }: TcpEvidence, seen: readonly ResetSighting[]): ResetSighting | null {
  for (const sighting of seen) {
    if (sighting.kind !== 'foreign') continue;
    const { connection, reset, sender } = sighting;
    const goesOn = connection.segments.some(
      (segment) =>
        segment.time > reset.time &&
        segment.src === sender.address &&
        segment.sourcePort === sender.port &&
        !has(segment, TcpFlag.RST) &&
        segment.ttl !== reset.ttl,
    );
    const range = connections.ttlOf(connection.point, reset.src, reset.tunnelled);
    if (goesOn && range !== null && (reset.ttl < range.low || reset.ttl > range.high)) return sighting;
  }
  return null;
}

/**
 * Of large captures data is not kept, and neither is what a RST answers. A connection that was opened and not closed, whose end
 * had sent something and then knows nothing of it.
 */
function forgottenIn(seen: readonly ResetSighting[]): ResetSighting | null {
  return (
    seen.find(
      ({ kind, connection, sender, reset }) =>
        (kind === 'no-socket' || kind === 'nearer') &&
        connection.synAck !== null &&
        connection.client.fin === null &&
        connection.server.fin === null &&
        sender.isn >= 0 &&
        ahead(reset.seq, sender.isn) > 1,
    ) ?? null
  );
}

/** The connection had been open at the sender's own interface, where the RST starts: its own stack has forgotten it. */
function isOwn({ context }: TcpEvidence, sighting: ResetSighting): boolean {
  const owners = context.topology.ownersOf(sighting.connection.point);
  const { sender, receiver, fromSender } = sighting;
  if (owners === null || fromSender === 0 || !isLocal(sighting)) return false;
  return owners.has(sender.address) && !owners.has(receiver.address);
}

/** A RST as its maker sends it: no hop passed. */
function isLocal({ reset }: ResetSighting): boolean {
  return INITIAL_TTLS.has(reset.ttl);
}

/**
 * Data that arrived in the middle of a connection at a host which never saw it opened, while another host had it: the
 * connection's opening is at another point, from another address.
 */
function switchedIn(
  evidence: TcpEvidence,
  seen: readonly ResetSighting[],
): Pick<Story, 'kind' | 'certainty' | 'sighting' | 'where' | 'evidence'> | null {
  const { context, connections } = evidence;
  const stranger = seen.find(
    (s) => s.fromSender === 0 && s.fromReceiver === 0 && s.connection.first === s.trigger && isLocal(s),
  );
  if (stranger === undefined) return null;
  const { receiver, sender, trigger } = stranger;
  const pointName = context.names.points[stranger.connection.point]!.name;
  for (const point of context.names.points) {
    for (const other of connections.ofEnd(point.id, receiver.address, receiver.port).slice(0, 256)) {
      const { synAck } = other;
      if (synAck === null || point.id === stranger.connection.point || !isOwnerOf(other, trigger!)) continue;
      // At the backend's own interface its SYN,ACK has passed no hop.
      if (!INITIAL_TTLS.has(synAck.ttl) || !isAnother(synAck, stranger.reset)) continue;
      return {
        kind: 'rst-backend-switched',
        certainty: 'shown',
        sighting: stranger,
        where: `${sideText(context, other.server)} (${point.name}) had opened the connection, ${sideText(context, sender)} (${pointName}) got its data`,
        evidence: [
          proof(context, synAck, `${segmentText(context, synAck)}: this backend opened the connection`),
          proof(context, trigger!, `${segmentText(context, trigger!)}: its data at another backend`),
          proof(context, stranger.reset, `${segmentText(context, stranger.reset)}: which knows no such connection`),
        ],
      };
    }
  }
  return null;
}

/** Two machines: by their addresses, or where both have the service's by their MAC addresses on one link. */
function isAnother(a: Segment, b: Segment): boolean {
  return a.src !== b.src || (a.mac >= 0 && b.mac >= 0 && a.mac !== b.mac);
}

/** A connection of the same client end that the segment's numbers belong to. */
function isOwnerOf({ client, server }: Connection, trigger: Segment): boolean {
  if (client.isn < 0) return false;
  if (client.address !== trigger.src || client.port !== trigger.sourcePort) return false;
  return (
    isWithin(trigger.ack, (server.isn + 1) >>> 0, server.highest) &&
    isWithin(trigger.seq, (client.isn + 1) >>> 0, client.highest)
  );
}

/** The RST comes from another machine than the connection's segments: another source MAC on the same link. */
function movedIn(seen: readonly ResetSighting[]): ResetSighting | null {
  return (
    seen.find(
      ({ macs, reset, fromSender }) => fromSender > 0 && reset.mac >= 0 && macs.size > 0 && !macs.has(reset.mac),
    ) ?? null
  );
}

function storyFinding(evidence: TcpEvidence, list: readonly Story[]): Finding {
  const { context } = evidence;
  const { kind, severity, sighting, connection, sender, where } = list[0]!;
  const gaps = list.map(({ gap }) => gap).sort((a, b) => a - b);
  const shared = list.length >= 3 && gaps[0]! > 0 && (gaps[gaps.length - 1]! - gaps[0]!) / gaps[0]! <= SPREAD;
  const serverSent = sender === connection.server;
  const server = sideText(context, connection.server);
  const client = clientsText(
    context,
    list.map((story) => story.connection.client.address),
  );
  const from = serverSent ? server : client;
  const resets = plural(list.length, 'connection');
  const gap = gapText(gaps);
  const pulse = kind === 'rst-app-close' || kind === 'rst-data-after-close' ? [] : pulseOf(evidence, sighting);
  const title = titleOf(kind, { resets, from, client, server, gap, where, serverSent });
  return findingOf(context, list, {
    kind,
    severity,
    certainty: kind === 'rst-idle-expired' && shared ? 'shown' : list[0]!.certainty,
    title,
    causes: causesOf(evidence, list[0]!, gaps, server),
    more: pulse,
  });
}

interface Words {
  readonly resets: string;
  readonly from: string;
  readonly client: string;
  readonly server: string;
  readonly gap: string;
  readonly where: string;
  readonly serverSent: boolean;
}

function titleOf(kind: string, { resets, from, client, server, gap, where, serverSent }: Words): string {
  const connection = `${resets} ${client} > ${server}`;
  switch (kind) {
    case 'rst-app-close':
      return `${connection} aborted by the application of ${serverSent ? server : client} with a RST`;
    case 'rst-data-after-close':
      return `${connection} reset: data came ${gap} after ${from} had closed`;
    case 'rst-backend-switched':
      return where === ''
        ? `${connection} reset by another machine than the one that answered before`
        : `${connection} reset by a backend that never saw the connection opened: ${where}`;
    case 'rst-one-way-conntrack':
      return `${connection} reset after ${gap} of silence by a machine that sees only one direction of them`;
    case 'rst-idle-expired':
      return `${connection} reset at the first data after ${gap} of silence`;
    case 'rst-injected':
      return `${connection} reset by a RST that did not come from ${from}: it has another distance, and ${from} goes on sending`;
    default:
      return `${connection} reset in the middle: ${from} knows no such connection`;
  }
}

function gapText(gaps: readonly number[]): string {
  const [low, high] = [gaps[0]!, gaps[gaps.length - 1]!];
  return high - low < 0.05 * high || spanText(low) === spanText(high)
    ? spanText(low)
    : `${spanText(low)} to ${spanText(high)}`;
}

/** The longest timer that has run out in every silence. */
function timerOf(gaps: readonly number[]): string | null {
  const timer = TIMERS.findLast(([seconds]) => seconds * 1e9 <= gaps[0]! * 1.01);
  return timer === undefined ? null : `${timer[0]} s is the timer of ${timer[1]}`;
}

function causesOf(evidence: TcpEvidence, story: Story, gaps: readonly number[], server: string): Cause[] {
  const { context } = evidence;
  const { sighting, connection, kind, sender, receiver } = story;
  const { reset, before, macs } = sighting;
  const point = reset.kept.point;
  const client = context.names.addresses.text(connection.client.address);
  const vip = context.names.addresses.text(connection.server.address);
  const ttl =
    before.ttl !== null && reset.ttl > before.ttl.high
      ? `; its TTL ${reset.ttl} is higher than the ${before.ttl.high} of the connection's own packets, so a machine nearer made it`
      : '';
  const mac =
    reset.mac >= 0 && macs.size > 0 && !macs.has(reset.mac)
      ? `; it comes from ${macText(reset.mac)}, the segments before it from ${[...macs].slice(0, 2).map(macText).join(', ')}`
      : '';
  const hint = `${ttl}${mac}`;
  const switched = (likelihood: number): Cause => ({
    kind: 'rst-backend-switched',
    likelihood,
    why: `packets of one connection went to a host that has no state for it, as after a change of routes, directors or backends${hint}`,
    next: `ip route show ${vip}; ipvsadm -lnc | grep '${client}'; conntrack -L -s ${client} | grep ${vip}   # on the routers and directors before ${server}`,
  });
  const expired = (likelihood: number): Cause => {
    const timer = timerOf(gaps);
    return {
      kind: 'rst-idle-expired',
      likelihood,
      why: `the connection was silent for ${gapText(gaps)} before${timer === null ? '' : `; ${timer}`}; what keeps its state on the way had forgotten it${hint}. Keep-alives more often than that keep it`,
      next: `ipvsadm -l --timeout; sysctl net.netfilter.nf_conntrack_tcp_timeout_established net.ipv4.tcp_keepalive_time   # on the nodes between ${client} and ${server}`,
    };
  };
  const half = (likelihood: number): Cause => ({
    kind: 'rst-one-way-conntrack',
    likelihood,
    why: `connection tracking that sees only what clients send takes segments for invalid, and they end at the node itself${hint}`,
    next: `sysctl net.ipv4.vs.conntrack net.netfilter.nf_conntrack_tcp_be_liberal net.netfilter.nf_conntrack_tcp_loose; conntrack -L -d ${vip} | grep -c UNREPLIED${on(context, point)}`,
  });
  const rejected = (likelihood: number): Cause => ({
    kind: 'rst-firewall-reject',
    likelihood,
    why: `a firewall on the way may reset connections${hint}`,
    next: `iptables-save -c | grep -i reject; nft list ruleset | grep -n reject   # on the nodes between ${client} and ${server}`,
  });
  switch (kind) {
    case 'rst-app-close':
      return [
        {
          kind: 'rst-app-close',
          likelihood: 0.85,
          why: `the RST has the options, the window and the next identifier of ${sideText(context, sender)}: its socket was closed with data unread or with linger 0, or the process was killed`,
          next: `kubectl get pods,services -A -o wide | grep -wF ${context.names.addresses.text(sender.address)}   # then read the log of that pod at this time`,
        },
      ];
    case 'rst-data-after-close':
      return [
        {
          kind: 'rst-data-after-close',
          likelihood: 0.9,
          why: `${sideText(context, sender)} had closed ${gapText(gaps)} before ${sideText(context, receiver)} sent more: a server whose idle time-out is shorter than the client's does so`,
          next: `tcpdump -ni any 'host ${client} and port ${connection.server.port} and tcp[tcpflags] & (tcp-fin|tcp-rst) != 0'   # compare the idle time-outs of both applications`,
        },
      ];
    case 'rst-injected':
      return [
        {
          kind: 'rst-injected',
          likelihood: 0.8,
          why: `TTL ${reset.ttl} against ${before.ttl?.low} of the connection, and an identifier that does not follow`,
          next: `traceroute -T -p ${connection.server.port} ${vip}${on(context, point)}`,
        },
        rejected(0.1),
      ];
    case 'rst-backend-switched':
      return story.certainty === 'shown' ? [switched(0.95)] : [switched(0.7), half(0.2)];
    case 'rst-one-way-conntrack':
      return [half(0.7), switched(0.2)];
    case 'rst-idle-expired':
      return [expired(0.75), half(0.15), switched(0.1)];
    default:
      if (isOwn(evidence, sighting)) {
        return [
          {
            kind: 'rst-app-close',
            likelihood: 0.7,
            why: `the connection had been open at this interface, and the RST starts here: the process ended in between, or another pod has got the address${hint}`,
            next: `kubectl get pods -A -o wide | grep -wF ${context.names.addresses.text(sender.address)}   # restarts and age`,
          },
        ];
      }
      return [
        switched(0.5),
        half(sighting.gap > SHORT_IDLE ? 0.3 : 0.15),
        sighting.kind === 'nearer' ? rejected(0.3) : expired(sighting.gap > SHORT_IDLE ? 0.2 : 0.05),
      ];
  }
}
