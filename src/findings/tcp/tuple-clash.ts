import type { Finding } from '../../report/report.js';
import { onNodeOf } from '../commands.js';
import type { Connection, Side } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { plural, proof, segmentText, sideText } from './texts.js';

/** Connections of one client port compared; a client has few. */
const COMPARED = 16;

interface Clash extends Occurrence {
  readonly failed: Connection;
  readonly other: Connection;
}

/** A connection to a service and one to the pod behind it, from one client port: after translation they are the same. */
export function tupleClashFindings(evidence: TcpEvidence): Finding[] {
  let backends: ReadonlyMap<string, ReadonlySet<string>> | null = null;
  const found: [string, Clash][] = [];
  const told = new Set<number>();
  for (const failed of evidence.connections.all) {
    const { client, server, point } = failed;
    if (client.syns < 2 || failed.synAck !== null || server.resets > 0 || told.has(client.isn)) continue;
    const others = evidence.connections.ofEnd(point, client.address, client.port);
    if (others.length > COMPARED) continue;
    const other = others.find(
      (candidate) =>
        candidate.synAck !== null &&
        candidate.client.isn >= 0 &&
        candidate.client.isn !== client.isn &&
        candidate.first.time < failed.first.time &&
        areOne((backends ??= backendsOf(evidence)), candidate.server, server),
    );
    if (other === undefined) continue;
    told.add(client.isn);
    const { context } = evidence;
    found.push([
      `${client.address} ${server.address} ${server.port}`,
      {
        at: failed.first,
        failed,
        other,
        flow: evidence.flowOf(failed),
        evidence: [
          proof(context, other.first, `${segmentText(context, other.first)}: accepted`),
          proof(context, failed.first, `${segmentText(context, failed.first)}: the same port, never answered`),
        ],
      },
    ]);
  }
  return grouped(found).map(({ list }) => clashFinding(evidence, list));
}

/** Service end -> the ends that packets showed it to be translated to. */
function backendsOf({ context }: TcpEvidence): Map<string, Set<string>> {
  const backends = new Map<string, Set<string>>();
  for (const { protocol, sightings } of context.followed) {
    if (protocol !== 6) continue;
    for (let i = 1; i < sightings.length; i++) {
      const before = sightings[i - 1]!.form;
      const { form } = sightings[i]!;
      if (before.dst === form.dst) continue;
      const service = `${before.dst}:${before.destinationPort}`;
      const set = backends.get(service) ?? new Set<string>();
      backends.set(service, set);
      set.add(`${form.dst}:${form.destinationPort}`);
    }
  }
  return backends;
}

function areOne(backends: ReadonlyMap<string, ReadonlySet<string>>, a: Side, b: Side): boolean {
  const [one, other] = [`${a.address}:${a.port}`, `${b.address}:${b.port}`];
  return backends.get(one)?.has(other) === true || backends.get(other)?.has(one) === true;
}

function clashFinding({ context }: TcpEvidence, list: readonly Clash[]): Finding {
  const { failed, other } = list[0]!;
  const client = context.names.addresses.text(failed.client.address);
  return findingOf(context, list, {
    kind: 'nat-tuple-clash',
    severity: 'warning',
    certainty: 'likely',
    title: `${plural(list.length, 'connection')} ${client} > ${sideText(context, failed.server)} from a port that ${client} also uses to ${sideText(context, other.server)}, which is the same after translation`,
    causes: [
      {
        kind: 'nat-tuple-clash',
        likelihood: 0.75,
        why: `both go from ${sideText(context, failed.client)} to the same pod, so connection tracking cannot tell them apart`,
        next: `conntrack -L -p tcp -s ${client} | grep 'sport=${failed.client.port}'${onNodeOf(context, failed.client.address)}`,
      },
    ],
  });
}
