import type { Finding } from '../../report/report.js';
import { onNodeOf } from '../commands.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { openedByTarget } from './ports.js';
import { proof, sideText, spanText } from './texts.js';

/** Linux keeps a closed connection in TIME_WAIT for 60 s (TCP_TIMEWAIT_LEN); nanoseconds, a tick less. */
const REST = 59.9e9;
/** A range of ports that is smaller than this may be all taken by chance. */
const LEAST = 16;
/** Shorter silences may be the application's. */
const SILENCE = 5e9;
/** Somebody who waits for a port asks at least this often. */
const PATIENCE = 15e9;

interface Shortage extends Occurrence {
  readonly connection: Connection;
  readonly low: number;
  readonly high: number;
  readonly silence: number;
}

/**
 * A client whose ports all rest. No packet says that connect() failed; but the client has taken every port of a range, each
 * for a connection that it closed itself, then opens none, and goes on when the first port has rested: with ports of that range.
 */
export function ephemeralPortFindings(evidence: TcpEvidence): Finding[] {
  // How long a port has rested shows only where all segments are known.
  if (!evidence.context.store.complete) return [];
  const found = new Map<string, [string, Shortage]>();
  for (const list of openedByTarget(evidence)) {
    const shortage = shortageOf(evidence, list);
    if (shortage === null) continue;
    const { client, server } = shortage.connection;
    const key = `${client.address} ${server.address} ${server.port}`;
    // Nearest to the client.
    const other = found.get(key);
    if (other === undefined || other[1].connection.first.ttl < shortage.connection.first.ttl) {
      found.set(key, [key, shortage]);
    }
  }
  return grouped(found.values()).map(({ list }) => shortageFinding(evidence, list[0]!));
}

function shortageOf(evidence: TcpEvidence, connections: readonly Connection[]): Shortage | null {
  if (connections.length <= LEAST) return null;
  const sorted = [...connections].sort((a, b) => a.first.time - b.first.time);
  const ports = sorted.map(({ client }) => client.port);
  const low = ports.reduce((least, port) => Math.min(least, port));
  const high = ports.reduce((most, port) => Math.max(most, port));
  const size = high - low + 1;
  if (size < LEAST || new Set(ports).size !== size) return null;
  // The first round takes each port once; who takes one again before all were taken has more to choose from.
  const [next] = sorted.slice(size);
  const round = sorted.slice(0, size);
  if (next === undefined || new Set(round.map(({ client }) => client.port)).size !== size) return null;
  if (!round.every(isClosedByClient)) return null;
  const last = round[size - 1]!;
  const firstClosed = Math.min(...round.map((connection) => connection.last.time));
  const silence = next.first.time - last.first.time;
  const waited = next.first.time - firstClosed;
  if (silence < SILENCE || waited < REST || waited > REST + PATIENCE) return null;
  const rested = round.find(({ client }) => client.port === next.client.port)!;
  if (next.first.time - rested.last.time < REST) return null;
  const { context } = evidence;
  return {
    at: last.first,
    flow: evidence.flowOf(last),
    connection: last,
    low,
    high,
    silence,
    evidence: [
      proof(context, last.first, `takes the last of ${size} ports, ${low} to ${high}`),
      proof(context, rested.last, `end of the connection from port ${rested.client.port}`),
      proof(
        context,
        next.first,
        `port ${next.client.port} again, ${spanText(next.first.time - rested.last.time)} later`,
      ),
    ],
  };
}

/** Who closes first keeps the port. */
function isClosedByClient({ client, server }: Connection): boolean {
  return client.fin !== null && (server.fin === null || client.fin.time <= server.fin.time);
}

function shortageFinding(evidence: TcpEvidence, shortage: Shortage): Finding {
  const { context } = evidence;
  const { connection, low, high, silence } = shortage;
  const client = context.names.addresses.text(connection.client.address);
  const to = sideText(context, connection.server);
  const size = high - low + 1;
  return {
    ...findingOf(context, [shortage], {
      kind: 'ephemeral-port-exhaustion',
      severity: 'error',
      certainty: 'likely',
      title: `${client} takes all ${size} source ports from ${low} to ${high} to ${to}, then opens no connection for ${spanText(silence)}, until the first of them has rested`,
      causes: [
        {
          kind: 'ephemeral-port-exhaustion',
          likelihood: 0.85,
          why: `${client} closes its connections to ${to} itself, and each of their ports rests for a minute; it opens them faster than ports come back`,
          next: `sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse; ss -tan state time-wait dst ${context.names.addresses.text(connection.server.address)} | wc -l${onNodeOf(context, connection.client.address)}`,
        },
      ],
    }),
    count: size,
    of: size,
  };
}
