import type { Finding } from '../../report/report.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { endOf, isSyn, isWithin, type Segment } from './segment.js';
import { on, plural, proof, segmentText, sideText, spanText } from './texts.js';
import { TcpFlag } from '../../wire/tcp.js';
import { inNamespaceOf } from '../commands.js';

/** A server holds a closed connection for 60 s, connection tracking for 120 s; nanoseconds. */
const REMEMBERED = 120e9;

interface Challenge extends Occurrence {
  readonly connection: Connection;
  readonly kind: 'half-open-syn' | 'syn-to-timewait' | 'port-reuse-challenge-ack';
  /** Since the last packet of the connection before; 0 when none was seen. */
  readonly idle: number;
}

/** SYNs that a server answers with the numbers of an older connection (RFC 5961 section 4). */
export function reopenedFindings(evidence: TcpEvidence): Finding[] {
  const found: [string, Challenge][] = [];
  const told = new Set<number>();
  for (const connection of evidence.connections.all) {
    const challenge = challengeOf(evidence, connection);
    if (challenge === null) continue;
    const { client, server } = connection;
    // The same SYN at a second point
    if (told.has(client.isn)) continue;
    told.add(client.isn);
    found.push([`${challenge.kind} ${client.address} ${server.address} ${server.port}`, challenge]);
  }
  return grouped(found).map(({ list }) => challengeFinding(evidence, list));
}

/** Connections that were opened in vain on ports still in use. */
export function isChallenged(connection: Connection): boolean {
  return challengeIn(connection) !== null;
}

function challengeIn({ segments, client }: Connection): { syn: Segment; answer: Segment } | null {
  const syn = segments[0];
  if (syn === undefined || !isSyn(syn)) return null;
  const answer = segments.find(({ src, sourcePort }) => src !== client.address || sourcePort !== client.port);
  if (answer === undefined || answer.flags !== TcpFlag.ACK || answer.payloadLength > 0) return null;
  // Data that follows may be acknowledged, too, where the SYN,ACK was not captured
  const isOwn = client.highest >= 0 && isWithin(answer.ack, endOf(syn), client.highest);
  return answer.ack === endOf(syn) || isOwn ? null : { syn, answer };
}

function challengeOf(evidence: TcpEvidence, connection: Connection): Challenge | null {
  const found = challengeIn(connection);
  if (found === null) return null;
  const { syn, answer } = found;
  // An older connection, not one that the same challenge ended.
  let previous = connection.previous;
  while (previous !== null && previous.synAck === null && previous.client.payload + previous.server.payload === 0) {
    previous = previous.previous;
  }
  const idle = previous === null ? 0 : syn.time - previous.last.time;
  const known = previous !== null && idle < REMEMBERED;
  const closed = known && previous!.client.fin !== null && previous!.server.fin !== null;
  const reset = connection.segments.find(({ flags, seq }) => (flags & TcpFlag.RST) !== 0 && seq === answer.ack);
  const { context } = evidence;
  return {
    at: syn,
    connection,
    kind: !known ? 'port-reuse-challenge-ack' : closed ? 'syn-to-timewait' : 'half-open-syn',
    idle,
    flow: evidence.flowOf(connection),
    evidence: [
      proof(context, syn, `${segmentText(context, syn)}: opens a connection`),
      proof(context, answer, `${segmentText(context, answer)}: acknowledges ${answer.ack}, not ${endOf(syn)}`),
      ...(reset === undefined ? [] : [proof(context, reset, `${segmentText(context, reset)}: refuses that`)]),
    ],
  };
}

function challengeFinding(evidence: TcpEvidence, list: readonly Challenge[]): Finding {
  const { context } = evidence;
  const { connection, kind, idle } = list[0]!;
  const { client, server, point } = connection;
  const to = sideText(context, server);
  const from = context.names.addresses.text(client.address);
  const attempts = plural(list.length, 'SYN');
  const title = {
    'half-open-syn': `${attempts} ${from} > ${to} on ports whose connection ${to} still holds open: answered with the numbers of the old one`,
    'syn-to-timewait': `${attempts} ${from} > ${to} on ports closed ${spanText(idle)} before: ${to} answers with the numbers of the old connection`,
    'port-reuse-challenge-ack': `${attempts} ${from} > ${to} answered with the numbers of another connection on the same ports`,
  }[kind];
  const open = {
    kind: 'half-open-syn',
    likelihood: kind === 'half-open-syn' ? 0.8 : kind === 'port-reuse-challenge-ack' ? 0.45 : 0.1,
    why: `the server has a connection on these ports that the client no longer knows: the client was restarted, or a translator gave its port to another`,
    next: inNamespaceOf(context, server.address, `ss -tn '( sport = :${server.port} and dport = :${client.port} )'`),
  };
  const wait = {
    kind: 'syn-to-timewait',
    likelihood: kind === 'syn-to-timewait' ? 0.8 : 0.3,
    why: `the server's side of a closed connection waits for 60 s, and takes a SYN on the same ports only when its numbers are newer`,
    next: inNamespaceOf(context, server.address, `ss -tan state time-wait '( sport = :${server.port} )' | wc -l`),
  };
  const reuse = {
    kind: 'port-reuse-challenge-ack',
    likelihood: 0.35,
    why: 'clients behind one translated address share its ports, and one gets the port of another too soon',
    next: `conntrack -L -p tcp --state TIME_WAIT | grep -c 'dport=${server.port}'${on(context, point)}`,
  };
  return findingOf(context, list, {
    kind,
    severity: 'warning',
    certainty: 'shown',
    title,
    causes: [open, wait, reuse],
  });
}
