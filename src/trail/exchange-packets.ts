import { Layer } from '../wire/layers.js';
import type { Exchange } from './exchange.js';
import {
  BackendField,
  ENTRY_SHIFT,
  EntryKind,
  FormField,
  GapField,
  NO_ENTRY,
  RepeatField,
} from './exchange-entries.js';
import {
  EXCHANGE_SHIFT,
  ExchangeFlag,
  ExchangeRow,
  ExchangeTime,
  Protocol,
  ReachPlace,
  type ExchangeStore,
} from './exchange-store.js';
import type { Quote } from './packet-group.js';
import { Stream } from './stream.js';
import type { Direction, Trail } from './trail.js';
import type { Form } from './trail-rows.js';

const TCP = 6;
const SYN = 2;
const RST = 4;
const ACK = 16;
const FIN = 1;
const DNS_RCODE = 0x0f;
const DNS_REFUSED = 5;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = EXCHANGE_SHIFT;
const TIME_SHIFT = SHIFT - 1;
const FLAGS = ExchangeRow.FLAGS;
const REQUESTS = ExchangeRow.REQUESTS;
const REPLIES = ExchangeRow.REPLIES;
const REQUEST_LAST = ExchangeRow.REQUEST_LAST;
const REPLY_LAST = ExchangeRow.REPLY_LAST;
const REQUEST_SRC = ExchangeRow.REQUEST_SRC;
const REQUEST_DST = ExchangeRow.REQUEST_DST;
const HIGHEST_ACK_BY_CLIENT = ExchangeRow.HIGHEST_ACK_BY_CLIENT;
const HIGHEST_ACK_BY_SERVER = ExchangeRow.HIGHEST_ACK_BY_SERVER;
const SENT_BY_CLIENT = ExchangeRow.SENT_BY_CLIENT;
const SENT_BY_SERVER = ExchangeRow.SENT_BY_SERVER;
const FIRST_BY_CLIENT = ExchangeRow.FIRST_BY_CLIENT;
const FIRST_BY_SERVER = ExchangeRow.FIRST_BY_SERVER;
const FIRST_TIME = ExchangeTime.FIRST_TIME;
const LAST_TIME = ExchangeTime.LAST_TIME;
const REQUEST_TIME = ExchangeTime.REQUEST_TIME;
const REPLY_TIME = ExchangeTime.REPLY_TIME;
const LAST_REQUEST_TIME = ExchangeTime.LAST_REQUEST_TIME;
const LAST_REPLY_TIME = ExchangeTime.LAST_REPLY_TIME;
const FIRST_REPLY_TIME = ExchangeTime.FIRST_REPLY_TIME;
const SYN_ACK_SEEN = ExchangeFlag.SYN_ACK_SEEN;
const SYN_ACK_ACKNOWLEDGED = ExchangeFlag.SYN_ACK_ACKNOWLEDGED;
const CLIENT_DATA = ExchangeFlag.CLIENT_DATA;
const SERVER_DATA = ExchangeFlag.SERVER_DATA;
const CLIENT_ACKED = ExchangeFlag.CLIENT_ACKED;
const SERVER_ACKED = ExchangeFlag.SERVER_ACKED;
const ACK_BY_CLIENT_SEEN = ExchangeFlag.ACK_BY_CLIENT_SEEN;
const ACK_BY_SERVER_SEEN = ExchangeFlag.ACK_BY_SERVER_SEEN;
const SENT_BY_CLIENT_SEEN = ExchangeFlag.SENT_BY_CLIENT_SEEN;
const SENT_BY_SERVER_SEEN = ExchangeFlag.SENT_BY_SERVER_SEEN;
const HAS_FORMS = ExchangeFlag.HAS_FORMS;
const HAS_BACKENDS = ExchangeFlag.HAS_BACKENDS;
const FORGETS = ExchangeFlag.FORGETS;
const MAY_LACK = ExchangeFlag.MAY_LACK;
const BACKEND = EntryKind.BACKEND;
const GAP = EntryKind.GAP;
const REPEAT = EntryKind.REPEAT;
const REQUEST_REACH = ReachPlace.REQUEST;
const REPLY_REACH = ReachPlace.REPLY;
const REACH = ReachPlace.MASK;
const PROTOCOL = ExchangeFlag.PROTOCOL;
const IS_UDP = Protocol.UDP;
const IS_TCP = Protocol.TCP;
const IS_DNS = Protocol.DNS;
const IS_ECHO = Protocol.ECHO;

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
  /** Of a SYN its timestamp, of a SYN,ACK the one that it echoes; 0 none. */
  readonly timestamp: number;
  readonly quote: Quote | null;
  readonly otherQuotes?: readonly Quote[];
  readonly forms?: readonly Form[];
  readonly firstTime: number;
  readonly lastTime: number;
}

/** Most datagrams of a direction whose times are remembered. */
const DATAGRAMS = 256;
/** Most gaps remembered of a connection; what falls into a forgotten one may have been sent before, or not. */
const GAPS = 64;
/** Octets before the first data told that may still be told. */
const BEFORE = 1 << 30;
/** Clocks that are compared agree to within this, nanoseconds, and nothing is sent again sooner (the least RTO is 200 ms). */
const LATER = 100e6;
/** Most repetitions remembered of a connection. */
const REPEATS = 256;
/** Most backends remembered of an exchange. */
const BACKENDS = 4;
/** Most forms remembered of a translated request: no box makes as many. */
const FORMS = 8;
/** Packets of one exchange that are looked at again in the end. */
const OPEN_LIMIT = 64;

/**
 * Adds a packet to its exchange. `ends`: its first time stands there at `place`, its last one behind: handed on as numbers they would
 * be objects. `last`: its form where it was last seen. `trail`: null for packets that passed every point of their way. `open`: not
 * known to have arrived.
 */
export function note(
  exchange: Exchange,
  direction: Direction,
  facts: PacketFacts,
  ends: Float64Array,
  place: number,
  last: Form,
  reach: number,
  lastPoint: number,
  trail: Trail | null,
  open: boolean,
): void {
  const { store, number } = exchange;
  const { rows, times } = store;
  const row = number << SHIFT;
  const at = number << TIME_SHIFT;
  const firstTime = ends[place]!;
  const lastTime = ends[place + 1]!;
  const isLater = firstTime > times[at + LAST_TIME]! + LATER;
  if (firstTime < times[at + FIRST_TIME]!) times[at + FIRST_TIME] = firstTime;
  if (lastTime > times[at + LAST_TIME]!) times[at + LAST_TIME] = lastTime;
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
  const protocol = rows[row + FLAGS]! & PROTOCOL;
  if (protocol === IS_TCP && !noteTcp(exchange, request, facts, trail, isLater)) return;
  if (protocol === IS_UDP) noteDatagram(exchange, request, facts);
  const flags = rows[row + FLAGS]!;
  if (request) {
    rows[row + REQUESTS]!++;
    if (lastTime > times[at + LAST_REQUEST_TIME]!) times[at + LAST_REQUEST_TIME] = lastTime;
    if (reach > ((flags >> REQUEST_REACH) & REACH) || rows[row + REQUEST_LAST]! < 0) {
      rows[row + FLAGS] = (flags & ~(REACH << REQUEST_REACH)) | (reach << REQUEST_REACH);
      rows[row + REQUEST_LAST] = lastPoint;
      rows[row + REQUEST_SRC] = last.src;
      rows[row + REQUEST_DST] = last.dst;
    }
  } else {
    rows[row + REPLIES]!++;
    if (lastTime > times[at + LAST_REPLY_TIME]!) times[at + LAST_REPLY_TIME] = lastTime;
    if (firstTime < times[at + FIRST_REPLY_TIME]!) times[at + FIRST_REPLY_TIME] = firstTime;
    if (reach > ((flags >> REPLY_REACH) & REACH) || rows[row + REPLY_LAST]! < 0) {
      rows[row + FLAGS] = (flags & ~(REACH << REPLY_REACH)) | (reach << REPLY_REACH);
      rows[row + REPLY_LAST] = lastPoint;
    }
    if (protocol === IS_DNS && (facts.b & DNS_RCODE) === DNS_REFUSED) exchange.refused = true;
  }
}

/** The time of the first datagram of each direction is in the row; nothing is rare of a question and its answer. */
function noteDatagram({ store, number }: Exchange, request: boolean, { firstTime }: PacketFacts): void {
  const before = store.rows[(number << SHIFT) + (request ? REQUESTS : REPLIES)]!;
  if (before >= DATAGRAMS) {
    store.forget(number);
    return;
  }
  if (before === 0) {
    store.times[(number << TIME_SHIFT) + (request ? REQUEST_TIME : REPLY_TIME)] = firstTime;
    return;
  }
  const place = store.placeOfTime(number, request);
  if (place >= 0) store.entries.times[place] = firstTime;
}

/** Notes what a request of an exchange is translated to on its way. */
export function noteForms({ store, number }: Exchange, forms: readonly Form[]): void {
  const { entries, rows } = store;
  rows[(number << SHIFT) + FLAGS]! |= forms.length > FORMS ? HAS_FORMS | MAY_LACK : HAS_FORMS;
  for (const { src, dst, sourcePort, destinationPort, echoId } of forms.slice(0, FORMS)) {
    const at = store.addEntry(number, EntryKind.FORM) << ENTRY_SHIFT;
    const { words } = entries;
    words[at + FormField.SRC] = src;
    words[at + FormField.DST] = dst;
    words[at + FormField.SOURCE_PORT] = sourcePort;
    words[at + FormField.DESTINATION_PORT] = destinationPort;
    words[at + FormField.ECHO_ID] = echoId;
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
  const protocol = exchange.store.rows[(exchange.number << SHIFT) + FLAGS]! & PROTOCOL;
  const isTcp = protocol === IS_TCP;
  if (quote !== null || kind < 0 || protocol === IS_ECHO || first.sourcePort < 0) return;
  const request = direction === 'request';
  // What else of a connection comes elsewhere was not sent there by the service
  const isOpening = !isTcp || (c & SYN) !== 0;
  const address = request ? last.dst : first.src;
  const port = request ? last.destinationPort : first.sourcePort;
  const { store, number } = exchange;
  let entry = NO_ENTRY;
  if ((store.rows[(number << SHIFT) + FLAGS]! & HAS_BACKENDS) !== 0) entry = findBackend(store, number, address, port);
  if (entry === NO_ENTRY) {
    const asked = request ? first.dst : last.src;
    const askedPort = request ? first.destinationPort : last.sourcePort;
    if (!isOpening || (asked === address && askedPort === port)) return;
    addBackend(store, number, address, port, request ? 0 : 1);
  } else if (!request) {
    const { words } = store.entries;
    const at = entry << ENTRY_SHIFT;
    if (isTcp && (c & RST) !== 0) words[at + BackendField.RESETS]!++;
    if (isOpening) words[at + BackendField.REPLIES]!++;
  }
}

function findBackend(store: ExchangeStore, number: number, address: number, port: number): number {
  const { entries } = store;
  const { words } = entries;
  const last = store.lastEntry(number);
  let entry = entries.firstOf(BACKEND, last);
  for (; entry !== NO_ENTRY; entry = entries.nextOf(BACKEND, entry, last)) {
    const at = entry << ENTRY_SHIFT;
    if (words[at + BackendField.ADDRESS] === address && words[at + BackendField.PORT] === port) break;
  }
  return entry;
}

function addBackend(store: ExchangeStore, number: number, address: number, port: number, replies: number): void {
  const { entries, rows } = store;
  if (entries.countOf(BACKEND, store.lastEntry(number)) >= BACKENDS) return;
  rows[(number << SHIFT) + FLAGS]! |= HAS_BACKENDS;
  const at = store.addEntry(number, BACKEND) << ENTRY_SHIFT;
  const { words } = entries;
  words[at + BackendField.ADDRESS] = address;
  words[at + BackendField.PORT] = port;
  words[at + BackendField.REPLIES] = replies;
  words[at + BackendField.RESETS] = 0;
}

/** Up to so many a list is no longer than what is in it: an array that grows makes room for sixteen more. */
const FEW = 6;

/** The list with one more; a long one is not made anew. */
function appended<T extends object>(list: readonly T[], item: T): readonly T[] {
  if (list.length < FEW) return list.concat(item);
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
function noteTcp(
  exchange: Exchange,
  request: boolean,
  facts: PacketFacts,
  trail: Trail | null,
  isLater: boolean,
): boolean {
  const flags = facts.c;
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
    const end = endOf(facts);
    exchange.synAckSeen = true;
    exchange.sequence = end;
    if (facts.timestamp !== 0 && exchange.echoed === -1) exchange.echoed = facts.timestamp;
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
  if ((flags & ACK) !== 0) noteAck(exchange, request, facts.b);
  if (acknowledgedOctets(facts) > 0) noteData(exchange, request, facts, isLater);
  return false;
}

function noteAck({ store, number }: Exchange, request: boolean, acknowledged: number): void {
  const { rows } = store;
  const row = number << SHIFT;
  const before = rows[row + FLAGS]!;
  let now = before;
  if (request) {
    if ((before & SYN_ACK_SEEN) !== 0) now |= SYN_ACK_ACKNOWLEDGED;
    if ((before & SERVER_DATA) !== 0) now |= SERVER_ACKED;
  } else if ((before & CLIENT_DATA) !== 0) {
    now |= CLIENT_ACKED;
  }
  const isFirst = (before & (request ? ACK_BY_CLIENT_SEEN : ACK_BY_SERVER_SEEN)) === 0;
  const at = row + (request ? HIGHEST_ACK_BY_CLIENT : HIGHEST_ACK_BY_SERVER);
  if (isFirst || ((acknowledged - rows[at]!) | 0) > 0) rows[at] = acknowledged;
  rows[row + FLAGS] = now | (request ? ACK_BY_CLIENT_SEEN : ACK_BY_SERVER_SEEN);
}

/** Notes data, or a FIN. `isLater`: it came after everything noted before. */
function noteData(exchange: Exchange, request: boolean, facts: PacketFacts, isLater: boolean): void {
  const { store, number } = exchange;
  const { rows } = store;
  const row = number << SHIFT;
  const end = endOf(facts);
  const wasSent = (rows[row + FLAGS]! & (request ? SENT_BY_CLIENT_SEEN : SENT_BY_SERVER_SEEN)) !== 0;
  const sent = row + (request ? SENT_BY_CLIENT : SENT_BY_SERVER);
  const furthest = rows[sent]!;
  if (!wasSent) rows[row + (request ? FIRST_BY_CLIENT : FIRST_BY_SERVER)] = facts.a;
  else if (((facts.a - furthest) | 0) > 0) addGap(exchange, request, furthest, facts.a);
  const isNew = !wasSent || ((end - furthest) | 0) > 0;
  if (isNew) rows[sent] = end;
  const wasAcknowledged = isLater && isNew && isAcknowledged(rows, row, request, end);
  // What waited for more sightings is told late, and is new all the same
  if (wasAcknowledged || (!isNew && !fillsGap(exchange, request, facts.a, end)))
    addRepeat(exchange, request, facts, wasAcknowledged);
  rows[row + FLAGS]! |= request ? SENT_BY_CLIENT_SEEN : SENT_BY_SERVER_SEEN;
  if (facts.payloadLength > 0) rows[row + FLAGS]! |= request ? CLIENT_DATA : SERVER_DATA;
}

/** True when the other side has acknowledged what comes before a sequence number of this one. */
function isAcknowledged(rows: Int32Array, row: number, request: boolean, end: number): boolean {
  if ((rows[row + FLAGS]! & (request ? ACK_BY_SERVER_SEEN : ACK_BY_CLIENT_SEEN)) === 0) return false;
  return ((rows[row + (request ? HIGHEST_ACK_BY_SERVER : HIGHEST_ACK_BY_CLIENT)]! - end) | 0) >= 0;
}

/** Sequence number behind a segment. */
function endOf({ a, payloadLength, c }: PacketFacts): number {
  return (a + payloadLength + ((c & (SYN | FIN)) !== 0 ? 1 : 0)) | 0;
}

/** Sequence space that an acknowledgement speaks for: data, and a FIN as one octet behind it. */
export function acknowledgedOctets({ payloadLength, c }: Pick<PacketFacts, 'payloadLength' | 'c'>): number {
  return payloadLength + ((c & FIN) !== 0 ? 1 : 0);
}

function addRepeat({ store, number }: Exchange, request: boolean, facts: PacketFacts, wasAcknowledged: boolean): void {
  const { entries, rows } = store;
  const before = entries.repeats(store.lastEntry(number));
  if (before >= REPEATS) {
    store.forget(number);
    return;
  }
  // It may fill a gap that is forgotten
  const isUnsure = wasAcknowledged || (rows[(number << SHIFT) + FLAGS]! & FORGETS) !== 0;
  const entry = store.addEntry(number, REPEAT);
  if (entry === NO_ENTRY) return;
  const at = entry << ENTRY_SHIFT;
  const { words } = entries;
  words[at + RepeatField.REQUEST] = request ? 1 : 0;
  words[at + RepeatField.SEQUENCE] = facts.a;
  words[at + RepeatField.LENGTH] = acknowledgedOctets(facts);
  words[at + RepeatField.IS_UNSURE] = isUnsure ? 1 : 0;
  words[at + RepeatField.ORDINAL] = before + 1;
}

function addGap({ store, number }: Exchange, request: boolean, from: number, to: number): void {
  const { entries } = store;
  if (entries.countOf(GAP, store.lastEntry(number)) >= GAPS) {
    store.forget(number);
    return;
  }
  const entry = store.addEntry(number, GAP);
  if (entry === NO_ENTRY) return;
  const at = entry << ENTRY_SHIFT;
  const { words } = entries;
  words[at + GapField.REQUEST] = request ? 1 : 0;
  words[at + GapField.FROM] = from;
  words[at + GapField.TO] = to;
}

/** True when no packet told so far had these octets. */
function fillsGap(exchange: Exchange, request: boolean, from: number, to: number): boolean {
  const { store, number } = exchange;
  const { entries } = store;
  const { words } = entries;
  const last = store.lastEntry(number);
  for (let gap = entries.firstOf(GAP, last); gap !== NO_ENTRY; gap = entries.nextOf(GAP, gap, last)) {
    const at = gap << ENTRY_SHIFT;
    const gapFrom = words[at + GapField.FROM]!;
    const gapTo = words[at + GapField.TO]!;
    if ((words[at + GapField.REQUEST] === 1) !== request) continue;
    if (((from - gapFrom) | 0) < 0 || ((gapTo - to) | 0) < 0) continue;
    if (gapFrom === from && gapTo === to) store.removeEntry(number, gap);
    else if (gapFrom === from) words[at + GapField.FROM] = to;
    else words[at + GapField.TO] = from;
    if (gapFrom !== from && gapTo !== to) addGap(exchange, request, to, gapTo);
    return true;
  }
  return comesBefore(exchange, request, from, to);
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
