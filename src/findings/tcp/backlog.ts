import type { Finding } from '../../report/report.js';
import { inNamespaceOf } from '../commands.js';
import type { Judged } from '../context.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { isSyn } from './segment.js';
import { plural, proof, segmentText, sideText } from './texts.js';

/** Connections this close in time meet the same server in the same state, nanoseconds. */
const CLOSE = 5e9;

interface Waiting extends Occurrence {
  readonly connection: Connection;
  readonly judged: Judged;
  readonly accepted: Connection;
}

/** SYNs without any answer, sent again, while the same port accepts others: a full backlog at the server's interface. */
export function backlogFindings(evidence: TcpEvidence): Finding[] {
  const found: [string, Waiting][] = [];
  const told = new Set<Judged>();
  const accepted = new Accepted(evidence);
  for (const connection of evidence.connections.all) {
    const { client, server } = connection;
    if (client.syns < 2 || server.packets + server.resets + client.resets > 0) continue;
    const judged = evidence.exchangeOf(connection);
    if (judged === null || told.has(judged) || judged.outcome.verdict !== 'unanswered') continue;
    const other = accepted.near(connection);
    if (other === null) continue;
    told.add(judged);
    const syns = connection.segments.filter(isSyn);
    const { context } = evidence;
    found.push([
      // By client, since each client's flow is explained by it.
      `${client.address} ${server.address} ${server.port}`,
      {
        at: connection.first,
        connection,
        judged,
        accepted: other,
        flow: evidence.flowOf(connection),
        evidence: syns
          .slice(0, 2)
          .map((syn) =>
            proof(context, syn, `${segmentText(context, syn)}: ${syn === syns[0] ? 'not answered' : 'sent again'}`),
          ),
      },
    ]);
  }
  // One alone may be any loss.
  const perServer = new Map<string, number>();
  for (const [, { connection }] of found) {
    const key = serverKey(connection);
    perServer.set(key, (perServer.get(key) ?? 0) + 1);
  }
  return grouped(found.filter(([, { connection }]) => perServer.get(serverKey(connection))! > 1)).map(({ list }) =>
    backlogFinding(evidence, list),
  );
}

function serverKey({ server }: Connection): string {
  return `${server.address} ${server.port}`;
}

/** Connections that a server accepted, in order of time: a flood of others must not be searched for each of its SYNs. */
class Accepted {
  readonly #connections: TcpEvidence['connections'];
  readonly #byServer = new Map<string, readonly Connection[]>();

  constructor({ connections }: TcpEvidence) {
    this.#connections = connections;
  }

  /** One that was opened at nearly the same time, or null. */
  near({ server, point, first }: Connection): Connection | null {
    const key = `${point} ${server.address} ${server.port}`;
    let list = this.#byServer.get(key);
    if (list === undefined) {
      const all = this.#connections.ofEnd(point, server.address, server.port);
      list = all.filter(({ synAck }) => synAck !== null).sort((a, b) => a.first.time - b.first.time);
      this.#byServer.set(key, list);
    }
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle]!.first.time < first.time - CLOSE) low = middle + 1;
      else high = middle;
    }
    const found = list[low];
    return found !== undefined && found.first.time <= first.time + CLOSE ? found : null;
  }
}

function backlogFinding({ context }: TcpEvidence, list: readonly Waiting[]): Finding {
  const { connection, accepted } = list[0]!;
  const { server, client } = connection;
  const to = sideText(context, server);
  const arrived = list.every(({ judged: { outcome } }) => outcome.request?.state === 'delivered');
  const from = context.names.addresses.text(client.address);
  return findingOf(context, list, {
    kind: arrived ? 'tcp-syn-backlog-drop' : 'unanswered',
    severity: arrived ? 'error' : 'warning',
    certainty: 'likely',
    title: `${plural(list.length, 'connection')} ${from} > ${to} got no answer to SYNs sent again, while ${to} accepted others`,
    causes: [
      {
        kind: 'tcp-syn-backlog-drop',
        likelihood: arrived ? 0.8 : 0.6,
        why: `the port is open and nobody refuses: a listener whose queue is full drops SYNs without a word${arrived ? ', and they are seen at its interface' : ''}`,
        next: inNamespaceOf(context, server.address, 'nstat -az TcpExtListenOverflows TcpExtListenDrops'),
      },
      {
        kind: 'conntrack-table-full',
        likelihood: 0.25,
        why: 'a node whose connection table is full lets old connections pass and drops new ones',
        next: `conntrack -C; sysctl net.netfilter.nf_conntrack_max   # on the nodes between ${context.names.addresses.text(client.address)} and ${to}`,
      },
    ],
    more: [proof(context, accepted.first, `${segmentText(context, accepted.first)}: this one was accepted`)],
  });
}
