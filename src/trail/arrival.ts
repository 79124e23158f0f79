import { Reach, type Exchange } from './exchange.js';
import { acknowledgedOctets } from './exchange-packets.js';
import type { Topology } from './topology.js';
import type { Trail } from './trail.js';

/** The acknowledgement of what was sent several times is not this one's for certain. */
export function wasSentAgain(trail: Trail, exchange: Exchange): boolean {
  return repetitionOf(trail, exchange) === 'sure';
}

function repetitionOf(trail: Trail, exchange: Exchange): ReturnType<Exchange['repetitionOf']> {
  return exchange.repetitionOf(trail.direction === 'request', trail.a, acknowledgedOctets(trail));
}

function covered(trail: Trail, acknowledged: number): boolean {
  const length = acknowledgedOctets(trail);
  return length > 0 && ((acknowledged - ((trail.a + length) | 0)) | 0) >= 0;
}

/** What shows that a packet arrived though no capture saw it: something about it alone, or about one of several like it. */
export type Arrival = 'shown' | 'one-of-several';

/** Datagrams name no answer of their own: where as many come back as are sent from here on, this one may be answered. */
function datagramArrival({ firstTime }: Trail, { requestTimes, replyTimes, forgets }: Exchange): Arrival | null {
  if (forgets) return 'one-of-several';
  const asked = requestTimes.filter((time) => time >= firstTime).length;
  const answered = replyTimes.filter((time) => time > firstTime).length;
  return answered >= asked ? 'one-of-several' : null;
}

/** Shown by something other than a sighting at home: a reply, an acknowledgement, an answer that the destination made. */
export function arrivalOf(trail: Trail, topology: Topology): Arrival | null {
  const exchange = trail.exchange;
  if (exchange === null || trail.quote !== null || trail.direction === null) return null;
  if (exchange.protocol === 'tcp') return tcpArrival(trail, exchange, topology);
  if (trail.direction !== 'request') return null;
  if (exchange.replies === 0 || exchange.lastReplyTime < trail.firstTime) {
    return refusedByDestination(trail, exchange, topology)
      ? oneOf(trail, exchange.requests, exchange.requestReach)
      : null;
  }
  if (exchange.protocol === 'udp' && exchange.requests > 1) return datagramArrival(trail, exchange);
  return oneOf(trail, exchange.requests, exchange.requestReach);
}

/**
 * An answer shows that one of several attempts arrived: the one that came furthest explains it, and where none came further
 * than another it is not known which.
 */
function oneOf(trail: Trail, attempts: number, furthest: number): Arrival | null {
  if (attempts <= 1) return 'shown';
  return furthest > reachOf(trail) ? null : 'one-of-several';
}

function reachOf(trail: Trail): number {
  return trail.isAtHome ? Reach.HOME : Reach.OPEN;
}

/** Attempts of one connection are this far apart at most, milliseconds as their timestamps count: twice what Linux tries for. */
const ATTEMPTS = 256_000;

/**
 * Whether the SYN,ACK echoes a SYN's timestamp; null where nothing tells. It is the timestamp of an attempt that arrived: Linux echoes
 * that of the first, whichever comes again. What is far from it was changed on the way, by a proxy that answers for the server.
 */
export function echoesTimestamp({ timestamp }: Trail, { echoed }: Exchange): boolean | null {
  if (timestamp === 0 || echoed === -1) return null;
  const since = (timestamp - echoed) | 0;
  return Math.abs(since) > ATTEMPTS ? null : since === 0;
}

function tcpArrival(trail: Trail, exchange: Exchange, topology: Topology): Arrival | null {
  const flags = trail.c;
  if (trail.direction === 'request') {
    if ((flags & 2) !== 0) {
      if (exchange.synAckSeen) {
        const echoed = echoesTimestamp(trail, exchange);
        if (echoed !== null) return echoed ? 'shown' : null;
        const arrival = oneOf(trail, exchange.requests, exchange.requestReach);
        // What was answered before it was sent was sent before, too.
        return arrival === 'shown' && exchange.firstReplyTime < trail.firstTime ? 'one-of-several' : arrival;
      }
      return refusedByDestination(trail, exchange, topology)
        ? oneOf(trail, exchange.requests, exchange.requestReach)
        : null;
    }
    return exchange.ackByServerSeen ? dataArrival(trail, exchange, exchange.highestAckByServer) : null;
  }
  if ((flags & 2) !== 0)
    return exchange.synAckAcknowledged ? oneOf(trail, exchange.replies, exchange.replyReach) : null;
  return exchange.ackByClientSeen ? dataArrival(trail, exchange, exchange.highestAckByClient) : null;
}

/** True when data behind a segment was acknowledged that no capture shows. */
function isUnseenBehind(trail: Trail, exchange: Exchange, acknowledged: number): boolean {
  const request = trail.direction === 'request';
  const end = (trail.a + acknowledgedOctets(trail)) | 0;
  const sent = request ? exchange.sentByClient : exchange.sentByServer;
  if (((acknowledged - sent) | 0) > 0) return true;
  return exchange.hasGapBehind(request, end);
}

function dataArrival(trail: Trail, exchange: Exchange, acknowledged: number): Arrival | null {
  if (!covered(trail, acknowledged)) return null;
  // Sent after what comes behind it: sent again, and the first time before the captures began.
  if (!exchange.synSeen && !exchange.synAckSeen && isUnseenBehind(trail, exchange, acknowledged))
    return 'one-of-several';
  const repetition = repetitionOf(trail, exchange);
  if (repetition === null) return 'shown';
  // Clocks that were not compared may turn a packet and its acknowledgement round.
  return repetition === 'unsure' ? 'one-of-several' : null;
}

/** A RST or ICMP error that the destination itself made shows that the packet reached it; one made on the way does not. */
function refusedByDestination(trail: Trail, exchange: Exchange, topology: Topology): boolean {
  const by = exchange.refusedBy;
  if (by === null || by.first.src !== trail.last.dst) return false;
  // Whoever rejects on the way sends a RST under the destination's address, but ICMP errors under its own.
  if (by.quote !== null) return true;
  const home = topology.homeOf(trail.last.dst);
  return home.points.length > 0 && home.points.every((point) => by.passed(point));
}
