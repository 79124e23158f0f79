import { TcpFlag } from '../../wire/tcp.js';
import { endOf, has, isSyn, type Segment } from './segment.js';

/**
 * Who made a RST, as its fields tell (KERNEL: net/ipv4/tcp_ipv4.c tcp_v4_send_reset, tcp_output.c tcp_send_active_reset):
 *
 * no-listener   answers a SYN: no socket listens
 * no-socket     answers a segment that acknowledges something: the stack has no such connection
 * application   made by the socket of the connection: closed with data unread, linger 0, killed
 * nearer        as the first two, but it has passed fewer hops than the endpoint's own packets: a firewall or director made it
 * foreign       fits neither the endpoint's stack nor its distance: somebody on the path made it
 */
export type ResetClass = 'no-listener' | 'no-socket' | 'application' | 'nearer' | 'foreign';

export type ResetFacts = Pick<
  Segment,
  | 'ipVersion'
  | 'ipId'
  | 'dontFragment'
  | 'headerLength'
  | 'window'
  | 'flags'
  | 'seq'
  | 'ack'
  | 'ttl'
  | 'timestamps'
  | 'payloadLength'
>;

export type TriggerFacts = Pick<Segment, 'seq' | 'ack' | 'flags' | 'payloadLength'>;

/** What the endpoint itself sent before, at the same point, no RST among it. */
export interface Baseline {
  readonly packets: number;
  /** Highest and lowest TTL; null when nothing of it was seen. */
  readonly ttl: { readonly low: number; readonly high: number } | null;
  /** Identifier of the last packet that has one, -1 without. */
  readonly ipId: number;
  /** Both ends agreed on timestamps; null when the handshake was not seen. */
  readonly timestamps: boolean | null;
}

export const NO_BASELINE: Baseline = { packets: 0, ttl: null, ipId: -1, timestamps: null };

/** Identifiers that an endpoint may have used for other packets between two of one connection. */
const ID_STEPS = 256;
/** Packets of the sender from which its distance and its identifiers are known. */
const KNOWN = 3;

/** No way through a cluster has more hops; what differs by more did not start from the same TTL. */
const HOPS = 16;

/** True for a RST as a kernel makes it without a socket: no options, no window, no identifier. */
export function isSocketless(reset: ResetFacts): boolean {
  if (reset.headerLength !== 20 || reset.window !== 0 || reset.payloadLength > 0) return false;
  return reset.ipVersion === 6 || (reset.ipId === 0 && reset.dontFragment);
}

/** True when the RST is the answer to that segment: it takes its number from it (RFC 9293 section 3.10.7.1). */
export function isAnswerTo(reset: Pick<ResetFacts, 'seq' | 'ack' | 'flags'>, trigger: TriggerFacts): boolean {
  if (has(reset, TcpFlag.ACK)) return reset.ack === endOf(trigger);
  return has(trigger, TcpFlag.ACK) && reset.seq === trigger.ack;
}

/** The class of a RST from its own fields, the segment it answers, and what its sender sent before. */
export function classifyReset(reset: ResetFacts, before: Baseline, trigger: TriggerFacts | null): ResetClass {
  const answersSyn = trigger !== null && isSyn(trigger) && has(reset, TcpFlag.ACK) && isAnswerTo(reset, trigger);
  const socketless = isSocketless(reset);
  const nearer = before.ttl !== null && isNearer(reset.ttl, before.ttl.high);
  if (socketless) {
    if (nearer) return 'nearer';
    if (answersSyn || (has(reset, TcpFlag.ACK) && reset.seq === 0)) return 'no-listener';
    if (!has(reset, TcpFlag.ACK)) return 'no-socket';
  }
  // Stacks that number these packets too; nothing but a stack without a listener answers a SYN so.
  if (answersSyn && before.packets === 0) return 'no-listener';
  const distant = before.ttl !== null && (reset.ttl > before.ttl.high + 1 || reset.ttl < before.ttl.low - 1);
  if (before.packets >= KNOWN && distant && (hasIdBreak(reset, before) || lacksTimestamps(reset, before))) {
    return 'foreign';
  }
  const unacknowledging = !has(reset, TcpFlag.ACK) && reset.window === 0 && !reset.timestamps;
  if (unacknowledging && trigger !== null && isAnswerTo(reset, trigger)) return 'no-socket';
  return 'application';
}

/** Fewer hops passed, as far as both started from the same TTL: a BGP speaker sends with 1 or 255, its kernel with 64. */
export function isNearer(ttl: number, other: number): boolean {
  return ttl > other && ttl - other <= HOPS;
}

/** The identifier does not go on from the sender's last one. */
export function hasIdBreak(reset: ResetFacts, before: Baseline): boolean {
  if (before.ipId < 0 || reset.ipVersion !== 4) return false;
  const step = (reset.ipId - before.ipId) & 0xffff;
  return step === 0 || step > ID_STEPS;
}

function lacksTimestamps(reset: ResetFacts, before: Baseline): boolean {
  return before.timestamps === true && !reset.timestamps;
}
