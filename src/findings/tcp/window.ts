import type { Finding } from '../../report/report.js';
import { TcpFlag } from '../../wire/tcp.js';
import { inNamespaceOf, onNodeOf } from '../commands.js';
import { otherSide, sideOf, type Connection, type Side } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { has, type Segment } from './segment.js';
import { plural, proof, segmentText, sideText, spanText } from './texts.js';

/** A window closed for less is ordinary flow control, nanoseconds. */
const CLOSED = 1e9;
/** Keep-alives without an answer from which the peer counts as gone. */
const PROBES = 3;

interface Closed extends Occurrence {
  readonly at: Segment;
  readonly connection: Connection;
  readonly receiver: Side;
  readonly span: number;
}

/** Receivers that announce no room for a second or longer: their application does not read. */
export function zeroWindowFindings(evidence: TcpEvidence): Finding[] {
  const found: [string, Closed][] = [];
  const told = new Set<string>();
  for (const connection of evidence.connections.all) {
    const closed = longestClosed(evidence, connection);
    if (closed === null) continue;
    const { client, server } = connection;
    // Another point shows the same connection.
    const same = `${client.isn >= 0 ? client.isn : closed.at.ack} ${closed.at.seq}`;
    if (told.has(same)) continue;
    told.add(same);
    found.push([`${closed.receiver === server} ${client.address} ${server.address} ${server.port}`, closed]);
  }
  return grouped(found).map(({ list }) => zeroWindowFinding(evidence, list));
}

function longestClosed(evidence: TcpEvidence, connection: Connection): Closed | null {
  let best: { first: Segment; last: Segment; side: Side } | null = null;
  const open = new Map<Side, Segment>();
  for (const segment of connection.segments) {
    const side = sideOf(connection, segment);
    const first = open.get(side);
    if (has(segment, TcpFlag.RST | TcpFlag.SYN) || !has(segment, TcpFlag.ACK)) continue;
    if (first !== undefined && (best === null || segment.time - first.time > best.last.time - best.first.time)) {
      best = { first, last: segment, side };
    }
    if (segment.window > 0) open.delete(side);
    else if (first === undefined) open.set(side, segment);
  }
  if (best === null || best.last.time - best.first.time < CLOSED) return null;
  const { context } = evidence;
  return {
    at: best.first,
    connection,
    receiver: best.side,
    span: best.last.time - best.first.time,
    flow: evidence.flowOf(connection),
    evidence: [
      proof(context, best.first, `${segmentText(context, best.first)}: window 0`),
      proof(context, best.last, `${segmentText(context, best.last)}: window ${best.last.window}`),
    ],
  };
}

function zeroWindowFinding({ context }: TcpEvidence, list: readonly Closed[]): Finding {
  const { connection, receiver } = list[0]!;
  const longest = list.reduce((most, { span }) => Math.max(most, span), 0);
  const slow = sideText(context, receiver);
  const peer = otherSide(connection, receiver);
  return findingOf(context, list, {
    kind: 'tcp-zero-window',
    severity: 'info',
    certainty: 'shown',
    title: `${slow} took nothing from ${plural(list.length, 'connection')} with ${context.names.addresses.text(peer.address)} for up to ${spanText(longest)}: it announced a window of 0`,
    causes: [
      {
        kind: 'tcp-zero-window',
        likelihood: 0.9,
        why: `${slow} acknowledges and announces a window of 0: the data has arrived and waits in its buffer until the application reads it, so the network is not to blame`,
        next: inNamespaceOf(context, receiver.address, `ss -tnmi dst ${context.names.addresses.text(peer.address)}`),
      },
    ],
  });
}

/** Keep-alives that nobody answers. */
export function keepAliveFindings(evidence: TcpEvidence): Finding[] {
  const found: [string, Occurrence & { connection: Connection; side: Side; flow: number | null }][] = [];
  const told = new Set<string>();
  for (const connection of evidence.connections.all) {
    for (const side of [connection.client, connection.server]) {
      if (side.probes < PROBES || side.firstProbe === null) continue;
      const same = `${side.firstProbe.seq} ${side.firstProbe.ack}`;
      if (told.has(same)) continue;
      told.add(same);
      const { client, server } = connection;
      const { context } = evidence;
      const at = side.firstProbe;
      found.push([
        `${side === client} ${client.address} ${server.address} ${server.port}`,
        {
          at,
          connection,
          side,
          flow: evidence.flowOf(connection),
          evidence: [
            proof(
              context,
              at,
              `${segmentText(context, at)}: the first of ${side.probes} keep-alives without an answer`,
            ),
          ],
        },
      ]);
    }
  }
  return grouped(found).map(({ list }) => {
    const { context } = evidence;
    const { connection, side } = list[0]!;
    const peer = otherSide(connection, side);
    return findingOf(context, list, {
      kind: 'tcp-keepalive-dead',
      severity: 'info',
      certainty: 'shown',
      title: `${sideText(context, peer)} answers no keep-alive of ${plural(list.length, 'connection')} with ${context.names.addresses.text(side.address)}`,
      causes: [
        {
          kind: 'tcp-keepalive-dead',
          likelihood: 0.7,
          why: `${context.names.addresses.text(peer.address)} is gone, or what is sent to it is lost on the way`,
          next: `tcpdump -ni any 'host ${context.names.addresses.text(side.address)} and port ${connection.server.port}'${onNodeOf(context, peer.address)}`,
        },
      ],
    });
  });
}
