import { Layer } from '../wire/layers.js';
import { NONE, type Backend, type Exchange } from './exchange.js';
import type { Quote } from './packet-group.js';
import { Stream } from './stream.js';
import type { Direction, Form, Trail } from './trail.js';

const TCP = 6;
const SYN = 2;
const RST = 4;
const ACK = 16;
const FIN = 1;
const DNS_RCODE = 0x0f;
const DNS_REFUSED = 5;

/** The fields of a packet from which its exchange follows. */
export interface PacketFacts {
  readonly protocol: number;
  readonly kind: number;
  readonly ipVersion: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Identification; of IPv6 only fragments have one. */
  readonly ipId: number;
  readonly fragmentOffset: number;
  readonly moreFragments: number;
  readonly payloadLength: number;
  readonly isDns: boolean;
  readonly nameId: number;
  readonly quote: Quote | null;
  readonly otherQuotes?: readonly Quote[];
  readonly forms?: readonly Form[];
  readonly firstTime: number;
  readonly lastTime: number;
}

/** Most datagrams of a direction whose times are remembered. */
export const DATAGRAMS = 256;
/** Most gaps remembered of a connection; what falls into a forgotten one counts as sent again, and its arrival as not shown. */
const GAPS = 64;
/** Octets before the first data told that may still be told. */
const BEFORE = 1 << 30;
/** Most repetitions remembered of a connection. */
const REPEATS = 256;
/** Most backends remembered of an exchange. */
const BACKENDS = 4;
/** Packets of one exchange that are looked at again in the end. */
const OPEN_LIMIT = 64;

/**
 * Adds a packet to its exchange. `last`: its form where it was last seen. `trail`: null for packets that passed every point of
 * their way. `open`: not known to have arrived.
 */
export function note(
  exchange: Exchange,
  direction: Direction,
  facts: PacketFacts,
  last: Form,
  reach: number,
  lastPoint: number,
  trail: Trail | null,
  open: boolean,
): void {
  exchange.firstTime = Math.min(exchange.firstTime, facts.firstTime);
  exchange.lastTime = Math.max(exchange.lastTime, facts.lastTime);
  if (facts.quote !== null) {
    noteError(exchange, direction, facts, trail);
    return;
  }
  if (trail !== null && open && decides(trail) && exchange.open.length < OPEN_LIMIT) {
    exchange.open = appended(exchange.open, trail);
  }
  // The first fragment counts for all
  if (facts.fragmentOffset > 0) return;
  const request = direction === 'request';
  if (facts.kind < 0 && !request) exchange.cutReplySeen = true;
  let counts = true;
  if (exchange.protocol === 'tcp') {
    counts = noteTcp(exchange, request, facts, trail);
  }
  if (!counts) return;
  if (exchange.protocol === 'udp') {
    if (request && exchange.requestTimes.length < DATAGRAMS) {
      exchange.requestTimes = appended(exchange.requestTimes, facts.firstTime);
    } else if (!request && exchange.replyTimes.length < DATAGRAMS) {
      exchange.replyTimes = appended(exchange.replyTimes, facts.firstTime);
    }
  }
  if (request) {
    exchange.requests++;
    exchange.lastRequestTime = Math.max(exchange.lastRequestTime, facts.lastTime);
    if (reach > exchange.requestReach || exchange.requestLast < 0) {
      exchange.requestReach = reach;
      exchange.requestLast = lastPoint;
      exchange.requestSrc = last.src;
      exchange.requestDst = last.dst;
    }
  } else {
    exchange.replies++;
    exchange.lastReplyTime = Math.max(exchange.lastReplyTime, facts.lastTime);
    exchange.firstReplyTime = Math.min(exchange.firstReplyTime, facts.firstTime);
    if (reach > exchange.replyReach || exchange.replyLast < 0) {
      exchange.replyReach = reach;
      exchange.replyLast = lastPoint;
    }
    if (exchange.protocol === 'dns' && (facts.b & DNS_RCODE) === DNS_REFUSED) exchange.refused = true;
  }
}

/** Notes where the requests of an exchange go, and what comes back from there. `first`, `last`: a packet's first and last form. */
export function noteBackend(
  exchange: Exchange,
  direction: Direction,
  { kind, c, quote }: PacketFacts,
  first: Form,
  last: Form,
): void {
  const isTcp = exchange.protocol === 'tcp';
  if (quote !== null || kind < 0 || exchange.protocol === 'icmp-echo' || first.sourcePort < 0) return;
  const request = direction === 'request';
  // What else of a connection comes elsewhere was not sent there by the service
  const isOpening = !isTcp || (c & SYN) !== 0;
  const address = request ? last.dst : first.src;
  const port = request ? last.destinationPort : first.sourcePort;
  let found: Backend | undefined;
  for (const backend of exchange.backends) if (backend.address === address && backend.port === port) found = backend;
  if (found === undefined) {
    const asked = request ? first.dst : last.src;
    const askedPort = request ? first.destinationPort : last.sourcePort;
    if (!isOpening || (asked === address && askedPort === port) || exchange.backends.length >= BACKENDS) return;
    const backend = { address, port, replies: request ? 0 : 1, resets: 0 };
    exchange.backends = appended(exchange.backends, backend);
  } else if (!request) {
    if (isTcp && (c & RST) !== 0) found.resets++;
    if (isOpening) found.replies++;
  }
}

/** The list with one more; only the first one makes a new array. */
function appended<T>(list: readonly T[], item: T): readonly T[] {
  if (list === NONE) return [item];
  (list as T[]).push(item);
  return list;
}

/** An ICMP error that says that the request was not delivered or not wanted. */
function noteError(exchange: Exchange, direction: Direction, facts: PacketFacts, trail: Trail | null): void {
  if (facts.quote?.tunnel === true && exchange.tunnelErrors.length < OPEN_LIMIT)
    exchange.tunnelErrors = appended(exchange.tunnelErrors, { direction, time: facts.firstTime });
  const type = facts.a >> 8;
  const code = facts.a & 255;
  const refusal =
    facts.kind === Layer.ICMP
      ? (type === 3 && code !== 4) || type === 11 || type === 12
      : type === 1 || type === 3 || type === 4;
  if (refusal && direction === 'reply' && facts.quote?.tunnel !== true) {
    exchange.refused = true;
    if (trail !== null) exchange.refusedBy ??= trail;
  }
}

/** True when the packet is one of those that decide the exchange: SYN, SYN,ACK, or a RST to a SYN. */
function noteTcp(exchange: Exchange, request: boolean, facts: PacketFacts, trail: Trail | null): boolean {
  const flags = facts.c;
  const end = (facts.a + facts.payloadLength + ((flags & (SYN | FIN)) !== 0 ? 1 : 0)) | 0;
  if ((flags & FIN) !== 0) exchange.finSeen = true;
  if (request && (flags & (SYN | ACK)) === SYN) {
    exchange.synSeen = true;
    exchange.id = facts.a;
    const { earlyReset } = exchange;
    if (earlyReset?.acknowledged === ((facts.a + 1) | 0) && !exchange.synAckSeen) {
      exchange.refused = true;
      if (earlyReset.trail !== null) exchange.refusedBy ??= earlyReset.trail;
    }
    return true;
  }
  if (!request && (flags & (SYN | ACK)) === (SYN | ACK)) {
    exchange.synAckSeen = true;
    exchange.sequence = end;
    // Told before the answer that it follows: it refuses nothing
    if (exchange.refusedBy?.protocol === TCP && exchange.refusedBy.a === end) {
      exchange.refused = false;
      exchange.refusedBy = null;
    }
    return true;
  }
  if ((flags & RST) !== 0) {
    exchange.resetSeen = true;
    if (
      !request &&
      exchange.synSeen &&
      !exchange.synAckSeen &&
      (flags & ACK) !== 0 &&
      facts.b === ((exchange.id + 1) | 0)
    ) {
      exchange.refused = true;
      if (trail !== null) exchange.refusedBy ??= trail;
      return true;
    }
    // A SYN that waits for more sightings is told after its answer.
    if (!request && !exchange.synSeen && (flags & ACK) !== 0) exchange.earlyReset ??= { acknowledged: facts.b, trail };
    return false;
  }
  if ((flags & ACK) !== 0) {
    if (request) {
      if (exchange.synAckSeen) exchange.synAckAcknowledged = true;
      if (exchange.serverData) exchange.serverAcked = true;
      if (!exchange.ackByClientSeen || ((facts.b - exchange.highestAckByClient) | 0) > 0)
        exchange.highestAckByClient = facts.b;
      exchange.ackByClientSeen = true;
    } else {
      if (exchange.clientData) exchange.clientAcked = true;
      if (!exchange.ackByServerSeen || ((facts.b - exchange.highestAckByServer) | 0) > 0)
        exchange.highestAckByServer = facts.b;
      exchange.ackByServerSeen = true;
    }
  }
  const length = acknowledgedOctets(facts);
  if (length > 0) {
    const before = request ? exchange.sentByClientSeen : exchange.sentByServerSeen;
    const furthest = request ? exchange.sentByClient : exchange.sentByServer;
    if (!before && request) exchange.firstByClient = facts.a;
    else if (!before) exchange.firstByServer = facts.a;
    else if (((facts.a - furthest) | 0) > 0) addGap(exchange, request, furthest, facts.a);
    if (before && ((end - furthest) | 0) <= 0) {
      // What waited for more sightings is told late, and is new all the same
      if (!fillsGap(exchange, request, facts.a, end) && exchange.repeats.length < REPEATS) {
        exchange.repeats = appended(exchange.repeats, { request, sequence: facts.a, length });
      }
    } else if (request) {
      exchange.sentByClient = end;
    } else {
      exchange.sentByServer = end;
    }
    if (request) exchange.sentByClientSeen = true;
    else exchange.sentByServerSeen = true;
  }
  if (facts.payloadLength > 0) {
    if (request) exchange.clientData = true;
    else exchange.serverData = true;
  }
  return false;
}

/** Sequence space that an acknowledgement speaks for: data, and a FIN as one octet behind it. */
export function acknowledgedOctets({ payloadLength, c }: Pick<PacketFacts, 'payloadLength' | 'c'>): number {
  return payloadLength + ((c & FIN) !== 0 ? 1 : 0);
}

function addGap(exchange: Exchange, request: boolean, from: number, to: number): void {
  if (exchange.gaps.length < GAPS) exchange.gaps = appended(exchange.gaps, { request, from, to });
}

/** True when no packet told so far had these octets. */
function fillsGap(exchange: Exchange, request: boolean, from: number, to: number): boolean {
  const { gaps } = exchange;
  const at = gaps.findIndex(
    (gap) => gap.request === request && ((from - gap.from) | 0) >= 0 && ((gap.to - to) | 0) >= 0,
  );
  if (at < 0) return comesBefore(exchange, request, from, to);
  const gap = gaps[at]!;
  const parts = [
    { request, from: gap.from, to: from },
    { request, from: to, to: gap.to },
  ].filter((part) => part.from !== part.to);
  exchange.gaps = [...gaps.slice(0, at), ...parts, ...gaps.slice(at + 1)];
  return true;
}

/** True when these octets come before the first that were told; from now on they are the first. */
function comesBefore(exchange: Exchange, request: boolean, from: number, to: number): boolean {
  const first = request ? exchange.firstByClient : exchange.firstByServer;
  if (((first - to) | 0) < 0 || ((from - first + BEFORE) | 0) < 0) return false;
  if (to !== first) addGap(exchange, request, to, first);
  if (request) exchange.firstByClient = from;
  else exchange.firstByServer = from;
  return true;
}

/** The stream of one direction of a connection, begun with a segment when there is none. */
export function streamOf(exchange: Exchange, direction: Direction, sequence: number): Stream {
  if (direction === 'request') return (exchange.requestStream ??= new Stream(sequence));
  return (exchange.replyStream ??= new Stream(sequence));
}

/** What decides an exchange: of a connection the SYN and the SYN,ACK; of everything else each packet but ICMP errors. */
export function decides(trail: Trail): boolean {
  if (trail.quote !== null) return false;
  return trail.protocol !== TCP || (trail.c & SYN) !== 0;
}
