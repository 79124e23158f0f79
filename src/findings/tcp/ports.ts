import type { Finding } from '../../report/report.js';
import { onNodeOf } from '../commands.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { proof, sideText, spanText } from './texts.js';

/** A port rests this long after its connection, nanoseconds. */
const REST = 60e9;
/** Source ports that Linux gives out by default: 32768 to 60999. */
const PORTS = 28_232;
/** The part of them from which new connections fail to find one. */
const SHARE = 0.8;

/** Sources that use up their ports towards one destination and port. */
export function portFindings(evidence: TcpEvidence): Finding[] {
  const found: [string, Occurrence & { connection: Connection; ports: number }][] = [];
  for (const list of openedByTarget(evidence)) {
    if (list.length < PORTS * SHARE) continue;
    const { ports, last } = mostPorts(list);
    if (ports < PORTS * SHARE) continue;
    const { client, server } = last;
    const note = `${ports} source ports within ${spanText(REST)} up to this one`;
    found.push([
      `${client.address} ${server.address} ${server.port}`,
      {
        at: last.first,
        flow: evidence.flowOf(last),
        connection: last,
        ports,
        evidence: [proof(evidence.context, last.first, note)],
      },
    ]);
  }
  return grouped(found).map(({ list }) => portFinding(evidence, list));
}

/** Connections whose opening was seen, by point, client, and the address and port that they go to. */
export function openedByTarget(evidence: TcpEvidence): Iterable<readonly Connection[]> {
  const groups = new Map<string, Connection[]>();
  for (const connection of evidence.connections.all) {
    const { client, server, point } = connection;
    if (client.isn < 0) continue;
    const key = `${point} ${client.address} ${server.address} ${server.port}`;
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [connection]);
    else list.push(connection);
  }
  return groups.values();
}

/** The most source ports of any minute, and the connection that took the last of them. */
export function mostPorts(connections: readonly Connection[]): { ports: number; last: Connection } {
  const sorted = [...connections].sort((a, b) => a.first.time - b.first.time);
  const uses = new Map<number, number>();
  let from = 0;
  let best = { ports: 0, last: sorted[0]! };
  for (const connection of sorted) {
    uses.set(connection.client.port, (uses.get(connection.client.port) ?? 0) + 1);
    for (; connection.first.time - sorted[from]!.first.time > REST; from++) {
      const { port } = sorted[from]!.client;
      const left = uses.get(port)! - 1;
      if (left === 0) uses.delete(port);
      else uses.set(port, left);
    }
    if (uses.size > best.ports) best = { ports: uses.size, last: connection };
  }
  return best;
}

function portFinding(
  evidence: TcpEvidence,
  list: readonly (Occurrence & { connection: Connection; ports: number })[],
): Finding {
  const { context } = evidence;
  const { connection } = list[0]!;
  const ports = list.reduce((most, occurrence) => Math.max(most, occurrence.ports), 0);
  const client = context.names.addresses.text(connection.client.address);
  const to = sideText(context, connection.server);
  return {
    ...findingOf(context, list, {
      kind: 'snat-port-exhaustion',
      severity: 'error',
      certainty: 'likely',
      title: `${client} takes ${ports} of ${PORTS} source ports to ${to} within a minute`,
      causes: [
        {
          kind: 'snat-port-exhaustion',
          likelihood: 0.75,
          why: `each connection to ${to} takes a port of ${client}, and a port rests for a minute after its connection: new connections will find none`,
          next: `ss -tan dst ${context.names.addresses.text(connection.server.address)} | wc -l; sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse${onNodeOf(context, connection.client.address)}`,
        },
      ],
    }),
    count: ports,
    of: PORTS,
  };
}
