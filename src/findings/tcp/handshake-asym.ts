import type { Finding } from '../../report/report.js';
import { TcpFlag } from '../../wire/tcp.js';
import { onNodeOf } from '../commands.js';
import { placeOf } from '../context.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { clientsText, findingOf, grouped, type Occurrence } from './groups.js';
import { has, isSynAck, type Segment } from './segment.js';
import { on, plural, proof, segmentText, sideText } from './texts.js';

/** Longer than an ACK and a SYN,ACK that cross each other are on their way, and than two copies of one are apart; nanoseconds. */
const CROSSING = 200e6;
/** Points that show one connection, compared at most. */
const SIGHTINGS = 64;

interface HalfOpen extends Occurrence {
  /** Where the acknowledgement is seen, and where it is not. */
  readonly near: Connection;
  readonly far: Connection;
  readonly ack: Segment;
}

/**
 * Handshakes whose last step is lost: the client has the SYN,ACK and acknowledges it, and the server, which never gets that,
 * sends it again. (Where the SYN,ACK itself is lost, the reply is told as lost at its place.)
 */
export function handshakeFindings(evidence: TcpEvidence): Finding[] {
  // With a part of the frames kept, an acknowledgement that is missing may just not have been.
  if (!evidence.context.store.complete) return [];
  const found: [string, HalfOpen][] = [];
  for (const sightings of byNumbers(evidence).values()) {
    const far = sightings.find((connection) => lacksAck(connection) && seesAcks(evidence, connection));
    if (far === undefined) continue;
    const pair = sightings.flatMap((near) => {
      const ack = near.point === far.point ? null : ackBeforeRepeat(near);
      return ack === null ? [] : [{ near, ack }];
    })[0];
    if (pair === undefined) continue;
    const { near, ack } = pair;
    const [first, again] = far.segments.filter(isSynAck) as [Segment, Segment];
    const { context } = evidence;
    found.push([
      `${near.point} ${far.point} ${far.server.address} ${far.server.port}`,
      {
        at: ack,
        near,
        far,
        ack,
        flow: evidence.flowOf(near),
        evidence: [
          proof(context, first, segmentText(context, first)),
          proof(context, ack, `${segmentText(context, ack)}: the client acknowledges it`),
          proof(context, again, `${segmentText(context, again)}: sent again, as nothing came`),
        ],
      },
    ]);
  }
  return grouped(found).map(({ list }) => handshakeFinding(evidence, list));
}

/** Connections whose server sends its SYN,ACK again, by the numbers of both sides, which translation leaves as they are. */
function byNumbers({ connections }: TcpEvidence): Map<string, Connection[]> {
  const found = new Map<string, Connection[]>();
  for (const connection of connections.all) {
    const { client, server } = connection;
    if (server.syns < 2 || client.isn < 0 || server.isn < 0) continue;
    const key = `${client.isn} ${server.isn}`;
    const list = found.get(key);
    if (list === undefined) found.set(key, [connection]);
    else if (list.length < SIGHTINGS) list.push(connection);
  }
  return found;
}

/** The client's SYN came, and nothing else of it, although the server waits. */
function lacksAck({ client, synAck, segments }: Connection): boolean {
  if (client.syns === 0 || client.packets !== client.syns || client.resets > 0 || synAck === null) return false;
  const last = segments.findLast(isSynAck);
  return last !== undefined && last.time - synAck.time > CROSSING;
}

/** Whether this point shows other segments than SYNs of clients at all; a capture filter may hide them. */
function seesAcks({ connections }: TcpEvidence, { point, server }: Connection): boolean {
  return connections
    .ofEnd(point, server.address, server.port)
    .some((other) => other.server.port === server.port && other.client.packets > other.client.syns);
}

/** The client's acknowledgement of the SYN,ACK, which the server answers with the same again; null without one. */
function ackBeforeRepeat({ segments, client, server }: Connection): Segment | null {
  const last = segments.findLast(isSynAck)?.time ?? 0;
  const ack = segments.find(
    (segment) =>
      segment.src === client.address &&
      segment.sourcePort === client.port &&
      has(segment, TcpFlag.ACK) &&
      !has(segment, TcpFlag.RST) &&
      segment.ack === (server.isn + 1) % 0x100000000,
  );
  return ack !== undefined && ack.time + CROSSING < last ? ack : null;
}

function handshakeFinding({ context }: TcpEvidence, list: readonly HalfOpen[]): Finding {
  const { near, far, ack } = list[0]!;
  const { points, addresses } = context.names;
  const [from, to] = [points[near.point]!.name, points[far.point]!.name];
  const clients = clientsText(
    context,
    list.map((one) => one.near.client.address),
  );
  const [client, server] = [addresses.text(far.client.address), addresses.text(far.server.address)];
  return findingOf(context, list, {
    kind: 'tcp-handshake-asym',
    severity: 'warning',
    certainty: 'shown',
    title: `${plural(list.length, 'connection')} ${clients} > ${sideText(context, near.server)} half open: the client's ACK is seen at ${from} and never at ${to}, where the server sends its SYN,ACK again`,
    lastSeen: placeOf(context, ack.kept),
    causes: [
      {
        kind: 'conntrack-invalid-drop',
        likelihood: 0.5,
        why: `a firewall between ${from} and ${to} that does not see the SYN,ACK, as it goes back another way, takes the ACK for invalid`,
        next: `conntrack -S; iptables-save -c | grep INVALID${on(context, far.point)}`,
      },
      {
        kind: 'asymmetric-return',
        likelihood: 0.3,
        why: 'the SYN passed this way and the SYN,ACK came to the client: only what follows is lost',
        next: `ip route get ${client} from ${server}${onNodeOf(context, far.server.address)}`,
      },
    ],
  });
}
