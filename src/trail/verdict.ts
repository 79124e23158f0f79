import type { Certainty, Verdict } from '../report/report.js';
import { Reach, type Exchange } from './exchange.js';
import { MAY_LACK, type Judge } from './judge.js';
import type { Judgement, Trail } from './trail.js';

/** What became of one half of an exchange. */
export interface Side {
  readonly state: 'delivered' | 'lost' | 'unknown';
  readonly lastSeen: number;
  readonly nextExpected: number | null;
  /** The trail that shows it, null when every packet of this half arrived. */
  readonly trail: Trail | null;
  readonly judgement: Judgement | null;
}

/** What became of an exchange. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly certainty: Certainty;
  readonly reason: string | null;
  readonly request: Side | null;
  readonly reply: Side | null;
}

/**
 * Sides that no trail shows, by state and the point of their last sighting, and what became of exchanges both sides of which are
 * such or none. Of a million exchanges nearly all are, and share them: with three objects each they would take 200 octets.
 */
const SIDES: Record<Side['state'], Side[]> = { delivered: [], lost: [], unknown: [] };
const OUTCOMES = new Map<Side | null, Map<Side | null, Outcome[]>>();

function sideWithoutTrail(state: Side['state'], lastSeen: number): Side {
  return (SIDES[state][lastSeen] ??= Object.freeze({
    state,
    lastSeen,
    nextExpected: null,
    trail: null,
    judgement: null,
  }));
}

function isShared(side: Side | null): boolean {
  return side === null || (side.trail === null && side === SIDES[side.state][side.lastSeen]);
}

function outcome(
  request: Side | null,
  reply: Side | null,
  verdict: Verdict,
  certainty: Certainty,
  reason: string | null = null,
): Outcome {
  if (!isShared(request) || !isShared(reply)) return { verdict, certainty, reason, request, reply };
  let byReply = OUTCOMES.get(request);
  if (byReply === undefined) OUTCOMES.set(request, (byReply = new Map()));
  let outcomes = byReply.get(reply);
  if (outcomes === undefined) byReply.set(reply, (outcomes = []));
  for (const known of outcomes)
    if (known.verdict === verdict && known.certainty === certainty && known.reason === reason) return known;
  const made = Object.freeze({ verdict, certainty, reason, request, reply });
  outcomes.push(made);
  return made;
}

function unknown(request: Side | null, reply: Side | null, reason: string): Outcome {
  return outcome(request, reply, 'unknown', 'unknown', reason);
}

/** Judges an exchange from the packets that decide it. */
export function outcomeOf(exchange: Exchange, judge: Judge): Outcome {
  const outcome = outcomeOfTold(exchange, judge);
  const { verdict, request, reply } = outcome;
  if (!exchange.mayLack || verdict === 'answered' || verdict === 'refused') return outcome;
  return unknown(request, reply, MAY_LACK);
}

/** What the packets say that were told of it. */
function outcomeOfTold(exchange: Exchange, judge: Judge): Outcome {
  const request = sideOf(exchange, 'request', judge);
  const reply = sideOf(exchange, 'reply', judge);
  // A refusal in a reply that was lost on its way refuses nothing.
  const refusalLost = exchange.protocol === 'dns' && exchange.refusedBy === null && reply?.state === 'lost';
  if (exchange.refused && !refusalLost) return outcome(request, reply, 'refused', 'shown');
  if (exchange.protocol === 'tcp' && !exchange.synSeen && !exchange.synAckSeen) {
    return exchange.clientAcked && exchange.serverAcked
      ? outcome(request, reply, 'answered', 'shown')
      : unknown(request, reply, 'the connection was opened before the captures began');
  }
  if (reply !== null) {
    if (reply.state === 'delivered') return outcome(request, reply, 'answered', 'shown');
    if (reply.state === 'lost') return outcome(request, reply, 'reply-lost', reply.judgement!.certainty);
    // Seen at the last captured point of its way: nothing speaks against its arrival.
    if (isAtEnd(reply)) {
      const { points } = judge.pathOf(exchange.server, exchange.client);
      return reply.trail === null || reply.trail.isWholeAt(points)
        ? outcome(request, reply, 'answered', 'likely')
        : unknown(request, reply, 'the reply was not seen wherever packets between these addresses pass');
    }
    return unknown(request, reply, `the reply: ${reply.judgement?.reason}`);
  }
  // The SYN,ACK was not captured; what both sent after it, and acknowledged, is an answer all the same.
  if (isAnsweredByData(exchange)) return outcome(request, reply, 'answered', 'shown');
  if (request === null) return unknown(request, reply, 'only later packets of this exchange were captured');
  if (exchange.cutReplySeen) return unknown(request, reply, 'too little was captured of what came back');
  if (request.state === 'lost') return outcome(request, reply, 'request-lost', request.judgement!.certainty);
  if (request.state === 'delivered')
    return outcome(request, reply, 'unanswered', request.judgement?.certainty ?? 'shown');
  if (isAtEnd(request)) {
    return mayGoOn(request, exchange, judge)
      ? unknown(request, reply, 'nothing shows which of the captured points lie on the way of the request')
      : outcome(request, reply, 'unanswered', 'unknown', 'the request left by the last capture point on its way');
  }
  return unknown(request, reply, `the request: ${request.judgement?.reason}`);
}

/** Of a connection: the client's data begins behind its SYN, and was acknowledged, as was the server's. */
function isAnsweredByData(exchange: Exchange): boolean {
  if (exchange.protocol !== 'tcp' || !exchange.synSeen || !exchange.clientAcked || !exchange.serverAcked) return false;
  const { id, firstByClient, highestAckByServer } = exchange;
  return firstByClient === ((id + 1) | 0) && ((highestAckByServer - firstByClient) | 0) > 0;
}

/** Seen at the last captured point of its way, so that no capture could show more of it. */
function isAtEnd({ judgement }: Side): boolean {
  if (judgement === null) return true;
  return judgement.silent.length === 0;
}

function mayGoOn({ trail, lastSeen }: Side, { requestSrc, requestDst }: Exchange, judge: Judge): boolean {
  const seen = trail?.whole ?? new Set(judge.pathOf(requestSrc, requestDst).points);
  return judge.mayGoOn(lastSeen, trail?.last.src ?? requestSrc, trail?.last.dst ?? requestDst, seen);
}

function sideOf(exchange: Exchange, direction: 'request' | 'reply', judge: Judge): Side | null {
  const request = direction === 'request';
  const count = request ? exchange.requests : exchange.replies;
  if (count === 0) return null;
  const last = request ? exchange.requestLast : exchange.replyLast;
  if ((request ? exchange.requestReach : exchange.replyReach) === Reach.HOME) {
    const missing = request && exchange.replies > 0 ? null : lostFragment(exchange, direction, count, judge);
    if (missing !== null) return missing;
    return sideWithoutTrail('delivered', last);
  }
  let best: Side | null = null;
  let lost = 0;
  for (const trail of exchange.open) {
    if (trail.direction !== direction) continue;
    const judgement = judge.judge(trail);
    if (judgement.state === 'lost' && trail.fragmentOffset === 0) lost++;
    const side = sideOfTrail(trail, judgement);
    if (best === null || weight(side) > weight(best)) best = side;
  }
  // An answer shows that the request arrived, whichever of its attempts it was.
  if (
    request &&
    exchange.replies > 0 &&
    best !== null &&
    best.state !== 'delivered' &&
    exchange.lastReplyTime >= exchange.firstTime
  ) {
    return { ...best, state: 'delivered', nextExpected: null };
  }
  if (best?.state === 'delivered' || (request ? exchange.requestReach : exchange.replyReach) !== Reach.END) return best;
  // The end of the way to an address that a NAT box has to translate back: what all ended there arrived nowhere.
  if (!request && best !== null && lost >= count) return best;
  // One of them came to the end of the captured way, whatever became of the others.
  const state = request && exchange.replies > 0 ? 'delivered' : 'unknown';
  return sideWithoutTrail(state, last);
}

function sideOfTrail(trail: Trail, judgement: Judgement): Side {
  const { state, lastSeen, nextExpected } = judgement;
  return { state, lastSeen, nextExpected, trail, judgement };
}

/** The further a packet came, the more it says; of two that came as far, the one that is known to be lost. */
function weight({ state, trail }: Side): number {
  if (state === 'delivered') return Infinity;
  return 2 * trail!.reachOn(trail!.path.points) + (state === 'lost' ? 1 : 0);
}

/** A later fragment that was lost, without which the only packet of this half did not arrive whole. */
function lostFragment(exchange: Exchange, direction: 'request' | 'reply', count: number, judge: Judge): Side | null {
  if (count > 1 || exchange.open.length === 0) return null;
  for (const trail of exchange.open) {
    if (trail.direction !== direction || trail.fragmentOffset === 0) continue;
    const judgement = judge.judge(trail);
    if (judgement.state === 'lost') return sideOfTrail(trail, judgement);
  }
  return null;
}
