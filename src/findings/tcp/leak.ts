import type { Finding } from '../../report/report.js';
import { onNodeOf } from '../commands.js';
import type { Connection, Side } from './connections.js';
import type { ResetEvent, ResetSighting, TcpEvidence } from './evidence.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { isSynAck, isWithin } from './segment.js';
import { plural, proof, segmentText, sideText } from './texts.js';

/** Connections of one end compared; an end with more is a busy server's. */
const COMPARED = 256;

export interface Leak extends Occurrence {
  /** Who got the untranslated segment, and answered it with a RST. */
  readonly receiver: Side;
  /** Where it came from, and the address that the receiver talks to. */
  readonly source: Side;
  readonly service: Side;
  readonly sighting: ResetSighting;
  /** The connection that the segment belongs to. */
  readonly connection: Connection;
  /** A SYN,ACK that came back under another address, not a segment in the middle. */
  readonly opening: boolean;
}

/**
 * Segments that came untranslated: their numbers continue a connection that the receiver has with another address, at the same
 * point, and it answers them with a RST.
 */
export function leaksOf(evidence: TcpEvidence): Map<ResetEvent, Leak> {
  const leaks = new Map<ResetEvent, Leak>();
  for (const event of evidence.resets) {
    for (const sighting of event.sightings) {
      const leak = leakAt(evidence, sighting);
      if (leak === null) continue;
      leaks.set(event, leak);
      break;
    }
  }
  return leaks;
}

function leakAt(evidence: TcpEvidence, sighting: ResetSighting): Leak | null {
  const { trigger, sender, receiver, fromSender, connection, reset, kind } = sighting;
  // The one who answers knows nothing of this connection: it never sent anything in it.
  if (trigger === null || fromSender > 0 || kind === 'application') return null;
  const { context, connections } = evidence;
  const others = connections.ofEnd(connection.point, sender.address, sender.port);
  if (others.length > COMPARED) return null;
  for (const other of others) {
    const own =
      other.client.address === sender.address && other.client.port === sender.port ? other.client : other.server;
    const peer = own === other.client ? other.server : other.client;
    if (other === connection || peer.address === receiver.address || own.isn < 0) continue;
    // What came after a RST is its aftermath.
    const resetBefore = other.segments.some(({ flags, time }) => (flags & 4) !== 0 && time < trigger.time);
    if (resetBefore || other.first.time > trigger.time) continue;
    const opening = isSynAck(trigger);
    const fits = opening
      ? other.synAck === null && trigger.ack === (own.isn + 1) >>> 0
      : other.synAck !== null && isWithin(trigger.ack, (own.isn + 1) >>> 0, own.highest);
    if (!fits) continue;
    return {
      at: trigger,
      receiver: sender,
      source: receiver,
      service: peer,
      sighting,
      connection: other,
      flow: evidence.flowOf(other),
      opening,
      evidence: [
        proof(
          context,
          trigger,
          `${segmentText(context, trigger)}: comes from ${sideText(context, receiver)}, not ${sideText(context, peer)}`,
        ),
        proof(context, reset, `${segmentText(context, reset)}: the answer to it`),
      ],
    };
  }
  return null;
}

export function leakFindings(evidence: TcpEvidence, leaks: ReadonlyMap<ResetEvent, Leak>): Finding[] {
  const occurrences = [...leaks.values()].map((leak): [string, Leak] => [
    `${leak.opening} ${leak.receiver.address} ${leak.source.address} ${leak.service.address} ${leak.service.port}`,
    leak,
  ]);
  return grouped(occurrences).map(({ list }) =>
    list[0]!.opening ? openingFinding(evidence, list) : leakFinding(evidence, list),
  );
}

function leakFinding({ context }: TcpEvidence, list: readonly Leak[]): Finding {
  const { source, service, receiver, sighting } = list[0]!;
  const point = sighting.connection.point;
  const name = context.names.points[point]!.name;
  const client = context.names.addresses.text(receiver.address);
  return findingOf(context, list, {
    kind: 'conntrack-invalid-leak',
    severity: 'error',
    certainty: 'shown',
    title: `${plural(list.length, 'segment')} of connections ${client} > ${sideText(context, service)} came untranslated from ${sideText(context, source)} to ${name} and ${list.length === 1 ? 'was' : 'were'} answered with a RST`,
    causes: [
      {
        kind: 'conntrack-invalid-leak',
        likelihood: 0.9,
        why: `connection tracking takes a segment outside the window for INVALID and passes it on untranslated; ${client} has no connection with ${sideText(context, source)} and resets it there`,
        next: `conntrack -S | grep -o 'invalid=[0-9]*'; sysctl net.netfilter.nf_conntrack_tcp_be_liberal   # on the node that translates ${sideText(context, service)}`,
      },
    ],
  });
}

function openingFinding({ context }: TcpEvidence, list: readonly Leak[]): Finding {
  const { source, service, receiver } = list[0]!;
  const client = context.names.addresses.text(receiver.address);
  return findingOf(context, list, {
    kind: 'nat',
    severity: 'error',
    certainty: 'shown',
    title: `${client} asked ${sideText(context, service)} and got ${plural(list.length, 'SYN,ACK', 'SYN,ACKs')} from ${sideText(context, source)}: the translation is not undone on the way back`,
    causes: [
      {
        kind: 'dns-unexpected-source',
        likelihood: 0.7,
        why: 'replies that are bridged, not routed, are translated back only where bridge-nf-call-iptables is on',
        next: `sysctl net.bridge.bridge-nf-call-iptables; lsmod | grep br_netfilter${onNodeOf(context, receiver.address)}`,
      },
      {
        kind: 'asymmetric-return',
        likelihood: 0.3,
        why: 'replies that do not pass the node that translated the request keep the address of the pod',
        next: `ip route get ${client} from ${context.names.addresses.text(source.address)}${onNodeOf(context, source.address)}`,
      },
    ],
  });
}
