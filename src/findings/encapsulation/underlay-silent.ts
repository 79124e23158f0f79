import type { Finding } from '../../report/report.js';
import type { CapturePoint } from '../../net/points.js';
import { hasDropped, isFrameNearEnd, type FindingContext } from '../context.js';
import { factsOf, type Facts, type TunnelStream } from './facts.js';
import { cause, shownBy } from './told.js';

/** Outer packets from this length on, octets, are large: a way that carries less than 1500 may not carry them. */
const LARGE = 1250;
/** Octets of the outer IP header and the ICMP header of a ping. */
const PING_HEADERS = 28;

/**
 * Tunnel packets for a node of which none came in at its underlay interface. Such a node never shows any packet of the
 * workloads, so that paths do not lead there; ARP tells which interface has the address.
 */
export function underlaySilent(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const text = (address: number): string => names.addresses.text(address);
  const findings: Finding[] = [];
  for (const sent of sendersOf(context, facts)) {
    const { src, dst } = sent[0]!;
    const from = names.points[sent[0]!.point]!;
    const to = ownerByArp(context, facts, dst);
    if (to === null || to.node === from.node || !couldShow(context, to, from)) continue;
    if (cameIn(context, facts, to, src, dst)) continue;
    if (sent.every(({ first, frames }) => frames === 1 && isFrameNearEnd(context, first))) continue;
    const count = sent.reduce((sum, { frames }) => sum + frames, 0);
    const shortest = Math.min(...sent.map((stream) => stream.shortest));
    const longest = Math.max(...sent.map((stream) => stream.longest));
    const port = sent[0]!.port;
    const onlyLarge = shortest >= LARGE;
    const lengths = shortest === longest ? `${shortest}` : `${shortest} to ${longest}`;
    const mtu = cause(
      'mtu-blackhole-underlay',
      onlyLarge ? 0.6 : 0.1,
      `all of them are large (${lengths} octets), and small frames between the nodes pass`,
      `ping -M do -s ${shortest - PING_HEADERS} ${text(dst)}   # on ${from.node}`,
    );
    const blocked = cause(
      'underlay-blocks-tunnel',
      onlyLarge ? 0.4 : 0.7,
      `a firewall or security group between the nodes may not let UDP port ${port} pass`,
      `tcpdump -ni ${to.interface} -c 5 'udp port ${port}'   # on ${to.node}`,
    );
    findings.push(
      shownBy(
        context,
        sent.map(({ first }) => first),
        `${text(src)} > ${text(dst)}, outer packet of ${lengths} octets`,
        {
          kind: 'encapsulation',
          severity: 'error',
          certainty: 'likely',
          title: `${count} tunnel ${count === 1 ? 'packet' : 'packets'} ${text(src)} > ${text(dst)} (${lengths} octets) left ${from.name} and none came in at ${to.name}`,
          count,
          of: count,
          lastSeen: lastSeenOf(facts, sent[0]!),
          nextExpected: to.name,
          causes: onlyLarge ? [mtu, blocked] : [blocked],
        },
      ),
    );
  }
  return findings;
}

/** Tunnel packets at underlay interfaces, by endpoints, where nothing shows that they came in there. */
function sendersOf(context: FindingContext, facts: Facts): TunnelStream[][] {
  const groups = new Map<string, TunnelStream[]>();
  for (const stream of facts.streams) {
    if (context.names.points[stream.point]!.role !== 'underlay') continue;
    const key = `${stream.point} ${stream.src}>${stream.dst}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [stream]);
    else group.push(stream);
  }
  return [...groups.values()];
}

/**
 * The interface that has an address: of those that saw it answer ARP, the one where the answer follows the request soonest.
 * What the question and the answer take on the way counts everywhere else, whatever the clocks say.
 */
function ownerByArp(context: FindingContext, facts: Facts, address: number): CapturePoint | null {
  const answered = context.names.points
    .map((point) => ({ point, delay: facts.arpAbout(point.id, address)?.delay ?? Infinity }))
    .filter(({ point, delay }) => point.role === 'underlay' && delay < Infinity)
    .sort((a, b) => a.delay - b.delay);
  return answered.length >= 2 && answered[0]!.delay < answered[1]!.delay ? answered[0]!.point : null;
}

/** Whether tunnel packets from the one or for the other endpoint were seen at a point; every packet counts, kept or not. */
function cameIn(context: FindingContext, facts: Facts, to: CapturePoint, src: number, dst: number): boolean {
  // Of a frame that ends behind the outer headers no packet is known.
  if (facts.streams.some((stream) => stream.point === to.id && (stream.src === src || stream.dst === dst))) return true;
  const { pairs } = context.evidence.points[to.id]!;
  for (let i = 0; i < pairs.index.size; i++) {
    if (
      pairs.forwardFrom(i) === src ||
      pairs.backwardFrom(i) === src ||
      pairs.forwardTo(i) === dst ||
      pairs.backwardTo(i) === dst
    )
      return true;
  }
  return false;
}

/** It was captured in the same run, by a capture without a narrow filter that dropped nothing and cut no header off. */
function couldShow(context: FindingContext, to: CapturePoint, from: CapturePoint): boolean {
  const there = context.evidence.points[to.id]!;
  const here = context.evidence.points[from.id]!;
  if (hasDropped(context, to.id) || there.unidentifiable > 0 || there.filter.noise === 0) return false;
  return there.windows.some((a) => here.windows.some((b) => a.first <= b.last + SLACK && b.first <= a.last + SLACK));
}

/** Clocks of nodes differ by less, nanoseconds. */
const SLACK = 1e9;

function lastSeenOf(facts: Facts, stream: TunnelStream): Finding['lastSeen'] {
  const { point, file, frame, time } = facts.example(stream.first, '');
  return { point, file, frame, time };
}
