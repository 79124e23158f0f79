import type { Finding } from '../../report/report.js';
import type { Exchange } from '../../trail/exchange.js';
import type { Direction, Trail } from '../../trail/trail.js';
import { Layer } from '../../wire/layers.js';
import { tcpWindow } from '../../wire/tcp.js';
import { onNodeOf } from '../commands.js';
import { placeOf, type FindingContext } from '../context.js';
import { factsOf } from './facts.js';
import { announcedMss } from './mss.js';
import { lossesOf, lossReason, type Loss } from './losses.js';
import { cause } from './told.js';

/** Losses from which on their size is no accident. */
const LOSSES = 3;
/** No way carries less, octets (RFC 1122 wants 576; overlays start here). */
const LEAST = 1000;
/** Longest outer packet that a link carries, octets: what is longer was captured before it was segmented. */
const LONGEST = 9216;
/** Octets of IP and ICMP header of a ping, and of what VXLAN adds to an IP packet. */
const PING_HEADERS = 28;
const VXLAN_HEADERS = 50;
/** Sending again comes no sooner, nanoseconds: Linux waits 200 ms at least. */
const RETRANSMISSION = 150e6;
/** Transmissions of one segment that show that none gets through. */
const TRANSMISSIONS = 4;
const SYN_FIN_RST = 7;
const EXAMPLES = 5;

/** Ways between nodes that carry small packets and none above some size, without a word. */
export function mtuBlackhole(context: FindingContext): Finding[] {
  return [...lostBySize(context), ...stuckBySize(context)];
}

/** Tunnel packets lost between two nodes, all longer than every one that came through. */
function lostBySize(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const groups = new Map<string, Loss[]>();
  for (const loss of lossesOf(context)) {
    const { judgement, tunnel } = loss;
    if (tunnel === null || names.points[judgement.lastSeen]!.node === names.points[judgement.nextExpected!]!.node)
      continue;
    const key = `${judgement.lastSeen} ${judgement.nextExpected} ${tunnel.src}>${tunnel.dst}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [loss]);
    else group.push(loss);
  }
  const findings: Finding[] = [];
  for (const losses of groups.values()) {
    const { judgement, tunnel } = losses[0]!;
    const next = names.points[judgement.nextExpected!]!;
    const passed = facts.streams
      .filter(({ point, src, dst }) => point === next.id && src === tunnel!.src && dst === tunnel!.dst)
      .reduce((longest, stream) => Math.max(longest, stream.longest), 0);
    const shortest = losses.reduce((least, { octets }) => Math.min(least, octets.length), Infinity);
    if (losses.length < LOSSES || passed === 0 || shortest <= passed || shortest < LEAST || shortest > LONGEST)
      continue;
    const node = names.points[judgement.lastSeen]!.node;
    const peer = names.addresses.text(tunnel!.dst);
    const connection = losses.find(({ trail }) => trail.exchange?.protocol === 'tcp')?.trail.exchange ?? null;
    const finding = lossReason(context, losses, {
      kind: 'mtu-blackhole-underlay',
      severity: 'error',
      certainty: 'likely',
      title: `tunnel packets to ${peer} of up to ${passed} octets reach ${next.name}, and none of the ${losses.length} of ${shortest} octets and more`,
      causes: [
        cause(
          'mtu-blackhole-underlay',
          shortest - passed < 100 ? 0.85 : 0.7,
          `the way carries less than the tunnel believes: its MTU is at least ${passed} and less than ${shortest} octets; for VXLAN the pods then need one of ${passed - VXLAN_HEADERS}`,
          `ping -M do -s ${passed - PING_HEADERS} ${peer}; ping -M do -s ${shortest - PING_HEADERS} ${peer}   # on ${node}`,
        ),
      ],
    });
    const mss = connection === null ? [] : announcedMss(context, connection);
    findings.push({ ...finding, evidence: [...mss, ...finding.evidence].slice(0, EXAMPLES) });
  }
  return findings;
}

interface Stuck {
  readonly exchange: Exchange;
  readonly direction: Direction;
  readonly sent: Trail[];
}

/** Connections whose largest segments are sent again and again, while smaller packets of both sides get through. */
function stuckBySize(context: FindingContext): Finding[] {
  if (!context.store.complete) return [];
  const { names } = context;
  const segments = new Map<Exchange, Map<string, Trail[]>>();
  const talk = new Map<Exchange, { request: Trail[]; reply: Trail[] }>();
  for (const trail of context.trails) {
    const { exchange, direction } = trail;
    if (exchange?.protocol !== 'tcp' || direction === null || (trail.c & SYN_FIN_RST) !== 0) continue;
    let both = talk.get(exchange);
    if (both === undefined) talk.set(exchange, (both = { request: [], reply: [] }));
    both[direction].push(trail);
    if (trail.payloadLength < LEAST - 100) continue;
    let bySequence = segments.get(exchange);
    if (bySequence === undefined) segments.set(exchange, (bySequence = new Map()));
    const key = `${direction} ${trail.a}`;
    const sent = bySequence.get(key);
    if (sent === undefined) bySequence.set(key, [trail]);
    else sent.push(trail);
  }
  const findings: Finding[] = [];
  for (const [exchange, bySequence] of segments) {
    for (const sent of bySequence.values()) {
      const { direction } = sent[0]!;
      const both = talk.get(exchange)!;
      if (direction === null || !isStuck({ exchange, direction, sent }, both)) continue;
      const peer = direction === 'request' ? both.reply : both.request;
      if (peer.some((trail) => trail.firstTime > sent[0]!.firstTime && isFull(context, trail))) continue;
      const { first, payloadLength } = sent[0]!;
      const last = sent[sent.length - 1]!;
      const who = `${names.addresses.text(first.src)} > ${names.addresses.text(first.dst)}`;
      const seen = last.lastSighting;
      findings.push({
        kind: 'mtu-blackhole-underlay',
        severity: 'error',
        certainty: 'likely',
        title: `${who} sends a segment of ${payloadLength} octets ${sent.length} times and it is never acknowledged, while smaller packets get through; it is last seen at ${names.points[seen.point]!.name}`,
        flow: context.exchanges.find((judged) => judged.exchange === exchange)?.flow ?? null,
        count: sent.length,
        of: sent.length,
        firstTime: context.timeOf(sent[0]!.firstTime),
        lastTime: context.timeOf(last.lastTime),
        lastSeen: placeOf(context, seen),
        nextExpected: null,
        causes: [
          cause(
            'mtu-blackhole-underlay',
            0.65,
            'a link on the way carries less than the sender believes, and no ICMP message says so',
            `ping -M do -s ${payloadLength + 40 - PING_HEADERS} ${names.addresses.text(first.dst)}${onNodeOf(context, first.src)}`,
          ),
        ],
        evidence: [
          ...announcedMss(context, exchange),
          ...sent.map((trail) => ({
            ...placeOf(context, trail.lastSighting),
            note: `sequence number ${trail.a >>> 0}, ${trail.payloadLength} octets`,
          })),
        ].slice(0, EXAMPLES),
        trail: null,
      });
      break;
    }
  }
  return findings;
}

/** A receiver that says that it takes nothing more at present: what is sent then is no wonder to stay unacknowledged. */
function isFull(context: FindingContext, trail: Trail): boolean {
  const { file, frame } = trail.firstSighting;
  const kept = context.store.find(file, frame);
  if (kept === null) return true;
  const packet = context.store.view(kept);
  return packet.l4Kind === Layer.TCP && tcpWindow(packet.view, packet.l4At) === 0;
}

/** Sent often enough, at the times of a retransmission timer, longer than all that arrived, and not acknowledged by a peer that goes on talking. */
function isStuck({ exchange, direction, sent }: Stuck, talk: { request: Trail[]; reply: Trail[] }): boolean {
  if (sent.length < TRANSMISSIONS) return false;
  sent.sort((a, b) => a.firstTime - b.firstTime);
  for (const [i, trail] of sent.entries()) {
    if (trail.judgement?.state === 'delivered') return false;
    if (i > 0 && trail.firstTime - sent[i - 1]!.firstTime < RETRANSMISSION) return false;
  }
  const [acknowledged, seen] =
    direction === 'request'
      ? [exchange.highestAckByServer, exchange.ackByServerSeen]
      : [exchange.highestAckByClient, exchange.ackByClientSeen];
  const { a: sequence, payloadLength, firstTime } = sent[0]!;
  if (!seen || ((acknowledged - sequence) | 0) > 0) return false;
  const [own, others] = direction === 'request' ? [talk.request, talk.reply] : [talk.reply, talk.request];
  const larger = own.some((trail) => trail.payloadLength > payloadLength && ((acknowledged - trail.a) | 0) > 0);
  return !larger && others.some((trail) => trail.firstTime > firstTime);
}
