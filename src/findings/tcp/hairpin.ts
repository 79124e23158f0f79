import type { Finding } from '../../report/report.js';
import { onNodeOf } from '../commands.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { isSyn, type Segment } from './segment.js';
import { plural, proof, segmentText, sideText } from './texts.js';

interface Hairpin extends Occurrence {
  /** With the pod's address at both ends. */
  readonly connection: Connection;
  readonly service: Connection | null;
  /** The bridge did not give the SYN back to the port it came from. */
  readonly isRefused: boolean;
}

/** Pods that reach themselves by their service, and get their own address as the source: nobody answers that. */
export function hairpinFindings(evidence: TcpEvidence): Finding[] {
  const bySyn = new Map<number, Connection[]>();
  for (const connection of evidence.connections.all) {
    if (connection.client.isn < 0) continue;
    const list = bySyn.get(connection.client.isn);
    if (list === undefined) bySyn.set(connection.client.isn, [connection]);
    else if (list.length < 64) list.push(connection);
  }
  const found: [string, Hairpin][] = [];
  for (const connections of bySyn.values()) {
    const inward = connections.filter(({ client, server }) => client.address === server.address);
    const [connection] = inward;
    if (connection === undefined || connections.some(({ synAck }) => synAck !== null)) continue;
    const { client, server } = connection;
    const service = connections.find(
      (other) => other.client.address === client.address && other.server.address !== server.address,
    );
    const { context } = evidence;
    const first = inward.find(({ point }) => point === service?.point) ?? connection;
    found.push([
      `${client.address} ${server.port}`,
      {
        at: first.first,
        connection: first,
        service: service ?? null,
        flow: evidence.flowOf(service ?? connection),
        isRefused: service !== undefined && isRefused(evidence, service, inward),
        evidence: [
          ...(service === undefined
            ? []
            : [proof(context, service.first, `${segmentText(context, service.first)}: to the service`)]),
          proof(context, first.first, `${segmentText(context, first.first)}: translated, from and to the pod itself`),
        ],
      },
    ]);
  }
  return grouped(found).map(({ list }) => hairpinFinding(evidence, list));
}

/**
 * A bridge that gives frames back to their port brings the SYN to the pod with the TTL it left with. Here the bridge shows it
 * with that TTL, and the pod gets only what was routed, with a lower one.
 */
function isRefused({ context }: TcpEvidence, service: Connection, inward: readonly Connection[]): boolean {
  const sent = service.first.ttl;
  const ttls = (connection: Connection): number[] =>
    connection.segments.filter(isSyn).flatMap(({ ttl, copies }: Segment) => [ttl, ...copies]);
  const atPod = inward.find(({ point }) => point === service.point);
  const atBridge = inward.find(({ point }) => context.names.points[point]!.role === 'bridge');
  return atPod !== undefined && atBridge !== undefined && ttls(atBridge).includes(sent) && !ttls(atPod).includes(sent);
}

function hairpinFinding({ context }: TcpEvidence, list: readonly Hairpin[]): Finding {
  const { connection, service, isRefused } = list[0]!;
  const pod = context.names.addresses.text(connection.client.address);
  const by = service === null ? 'its service' : sideText(context, service.server);
  const noSource = {
    kind: 'hairpin-missing-snat',
    likelihood: isRefused ? 0.35 : 0.85,
    why: `the SYN comes back to ${pod} with ${pod} as its source, which its kernel drops; a rule that marks traffic of a pod to itself for masquerade gives it the node's address`,
    next: `iptables-save -t nat -c | grep -E 'KUBE-SEP.*-s ${pod}/32'${onNodeOf(context, connection.client.address)}`,
  };
  const hairpin = {
    kind: 'hairpin-off',
    likelihood: isRefused ? 0.65 : 0.15,
    why: isRefused
      ? `the bridge shows the SYN with the TTL it left with, and ${pod} got only the routed copy: the port does not give frames back, and the source was not translated`
      : 'a bridge port that does not give frames back keeps a pod from reaching itself in the same way',
    next: `bridge -d link show | grep -B1 'hairpin off'${onNodeOf(context, connection.client.address)}`,
  };
  return findingOf(context, list, {
    kind: isRefused ? 'hairpin-off' : 'hairpin-missing-snat',
    severity: 'warning',
    certainty: isRefused ? 'likely' : 'shown',
    title: `${pod} cannot reach itself by ${by}: ${plural(list.length, 'SYN')} came back with its own address as the source, and ${list.length === 1 ? 'was' : 'were'} not answered`,
    causes: [noSource, hairpin],
  });
}
