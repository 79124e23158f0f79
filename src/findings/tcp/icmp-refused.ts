import { destinationId, sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { icmpCode, icmpType } from '../../wire/icmp.js';
import { Layer } from '../../wire/layers.js';
import type { PacketView } from '../../wire/packet.js';
import { tcpDstPort, tcpSeq, tcpSrcPort } from '../../wire/tcp.js';
import { PROHIBITIONS, refusalCauses } from '../refusal-causes.js';
import type { Connection } from './connections.js';
import type { TcpEvidence } from './evidence.js';
import { clientsText, findingOf, grouped, type Occurrence } from './groups.js';
import { plural, proof, sideText } from './texts.js';

const TCP = 6;
/** Connections of one client port compared with what an error quotes. */
const COMPARED = 256;
/** ICMP type and codes (RFC 792, 1812), and those of ICMPv6 (RFC 4443). */
const V4 = { type: 3, port: 3, prohibited: new Set([9, 10, 13]) };
const V6 = { type: 1, port: 4, prohibited: new Set([1, 5, 6]) };

interface Refusal extends Occurrence {
  readonly connection: Connection;
  readonly isPort: boolean;
  readonly code: number;
  /** Who sent the error. */
  readonly by: number;
}

/** ICMP errors that refuse a TCP connection: a service without endpoints, or a firewall. */
export function icmpRefusedFindings(evidence: TcpEvidence): Finding[] {
  const { context } = evidence;
  const found: [string, Refusal][] = [];
  const told = new Set<string>();
  for (const kept of context.store.frames) {
    const packet = context.store.view(kept);
    if (packet.quotedIpAt < 0 || packet.quotedProtocol !== TCP || packet.quotedL4At < 0) continue;
    const refusal = refusalOf(evidence, kept, packet);
    if (refusal === null) continue;
    const { client, server } = refusal.connection;
    const attempt = `${client.port} ${client.isn}`;
    if (told.has(attempt)) continue;
    told.add(attempt);
    found.push([`${refusal.isPort} ${refusal.code} ${refusal.by} ${server.address} ${server.port}`, refusal]);
  }
  return grouped(found).map(({ list }) => refusalFinding(evidence, list));
}

function refusalOf(evidence: TcpEvidence, kept: KeptFrame, packet: PacketView): Refusal | null {
  const { context, connections } = evidence;
  const { addresses } = context.names;
  const { view, quotedIpAt, quotedL4At, quotedIpVersion } = packet;
  const kind = packet.l4Kind === Layer.ICMP ? V4 : V6;
  const code = icmpCode(view, packet.l4At);
  const isPort = code === kind.port;
  if (icmpType(view, packet.l4At) !== kind.type || !(isPort || kind.prohibited.has(code))) return null;
  const src = sourceId(view, quotedIpAt, quotedIpVersion, addresses);
  const dst = destinationId(view, quotedIpAt, quotedIpVersion, addresses);
  const connection = connections
    .ofEnd(kept.point, src, tcpSrcPort(view, quotedL4At))
    .slice(-COMPARED)
    .find(
      ({ client, server, synAck }) =>
        synAck === null &&
        client.isn === tcpSeq(view, quotedL4At) &&
        server.address === dst &&
        server.port === tcpDstPort(view, quotedL4At),
    );
  if (connection === undefined) return null;
  const by = sourceId(view, packet.ipAt, packet.ipVersion, addresses);
  return {
    at: { kept, time: (kept.seconds - connections.baseSecond) * 1e9 + kept.nanoseconds },
    connection,
    isPort,
    code,
    by,
    flow: evidence.flowOf(connection),
    evidence: [
      proof(context, connection.first, 'the SYN'),
      proof(context, { kept }, `ICMP type ${kind.type} code ${code} of ${addresses.text(by)} quotes it`),
    ],
  };
}

function refusalFinding({ context, connections }: TcpEvidence, list: readonly Refusal[]): Finding {
  const { connection, isPort, code, by } = list[0]!;
  const { server, point } = connection;
  const { addresses } = context.names;
  const to = sideText(context, server);
  const from = clientsText(
    context,
    list.map((refusal) => refusal.connection.client.address),
  );
  const node = addresses.text(by);
  const attempts = plural(list.length, 'connection');
  // A port that others are let in to has endpoints; what its own host says is the host's own rule.
  const serves = connections.ofEnd(point, server.address, server.port).some(({ synAck }) => synAck !== null);
  const isService = isPort && by !== server.address && !serves;
  return findingOf(context, list, {
    kind: isService ? 'svc-no-endpoints' : 'host-firewall-reject',
    severity: 'error',
    certainty: isService || isPort ? 'likely' : 'shown',
    title: isService
      ? `${node} refuses ${attempts} ${from} > ${to} with ICMP port unreachable`
      : `${node} refuses ${attempts} ${from} > ${to} with ICMP ${isPort ? 'port unreachable' : (PROHIBITIONS[code] ?? 'prohibited')}`,
    causes: refusalCauses({ by: node, server: addresses.text(server.address), code, isPort, isService }),
  });
}
