import type { Certainty, Verdict } from '../report/report.js';
import { Reach, type Exchange } from './exchanges.js';
import type { Judge } from './judge.js';
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

/** Judges an exchange from the packets that decide it. */
export function outcomeOf(exchange: Exchange, judge: Judge): Outcome {
  const request = sideOf(exchange, 'request', judge);
  const reply = sideOf(exchange, 'reply', judge);
  const outcome = (verdict: Verdict, certainty: Certainty, reason: string | null = null): Outcome => ({
    verdict,
    certainty,
    reason,
    request,
    reply,
  });
  if (exchange.refused) return outcome('refused', 'shown');
  if (exchange.protocol === 'tcp' && !exchange.synSeen && !exchange.synAckSeen) {
    return exchange.clientAcked && exchange.serverAcked
      ? outcome('answered', 'shown')
      : outcome('unknown', 'unknown', 'the connection was opened before the captures began');
  }
  if (reply !== null) {
    if (reply.state === 'delivered') return outcome('answered', 'shown');
    if (reply.state === 'lost') return outcome('reply-lost', reply.judgement!.certainty);
    // Seen at the last captured point of its way: nothing speaks against its arrival.
    if (isAtEnd(reply)) return outcome('answered', 'likely');
    return outcome('unknown', 'unknown', `the reply: ${reply.judgement?.reason}`);
  }
  if (request === null) return outcome('unknown', 'unknown', 'only later packets of this exchange were captured');
  if (request.state === 'lost') return outcome('request-lost', request.judgement!.certainty);
  if (request.state === 'delivered') return outcome('unanswered', request.judgement?.certainty ?? 'shown');
  if (isAtEnd(request))
    return outcome('unanswered', 'unknown', 'the request left by the last capture point on its way');
  return outcome('unknown', 'unknown', `the request: ${request.judgement?.reason}`);
}

/** Seen at the last captured point of its way, so that no capture could show more of it. */
function isAtEnd({ judgement }: Side): boolean {
  if (judgement === null) return true;
  return judgement.silent.length === 0;
}

function sideOf(exchange: Exchange, direction: 'request' | 'reply', judge: Judge): Side | null {
  const request = direction === 'request';
  const count = request ? exchange.requests : exchange.replies;
  if (count === 0) return null;
  const last = request ? exchange.requestLast : exchange.replyLast;
  if ((request ? exchange.requestReach : exchange.replyReach) === Reach.HOME) {
    return { state: 'delivered', lastSeen: last, nextExpected: null, trail: null, judgement: null };
  }
  let best: Side | null = null;
  for (const trail of exchange.open) {
    if (trail.direction !== direction) continue;
    const judgement = judge.judge(trail);
    const side = { ...judgement, trail, judgement };
    // What arrived counts before what was lost, and what was lost before what is not known.
    if (best === null || weight(side) > weight(best)) best = side;
  }
  if (best?.state === 'delivered' || (request ? exchange.requestReach : exchange.replyReach) !== Reach.END) return best;
  // One of them came to the end of the captured way, whatever became of the others.
  const state = request && exchange.replies > 0 ? 'delivered' : 'unknown';
  return { state, lastSeen: last, nextExpected: null, trail: null, judgement: null };
}

function weight(side: Side): number {
  return side.state === 'delivered' ? 2 : side.state === 'lost' ? 1 : 0;
}
