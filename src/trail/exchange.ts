import type { ExchangeProtocol } from '../report/report.js';
import type { Stream } from './stream.js';
import type { Direction, Form, Trail } from './trail.js';

/** How far a packet was seen to come: 0 not at all, 1 lost or undecided, 2 at the last captured point of its way, 3 at home. */
export const Reach = { NONE: 0, OPEN: 1, END: 2, HOME: 3 } as const;

/** Shared by all that have none, most of them. */
export const NONE: readonly never[] = Object.freeze([]);

/** Sequence numbers of one direction, from and up to. */
export interface Gap {
  readonly request: boolean;
  readonly from: number;
  readonly to: number;
}

/** What a RST,ACK that was told before any SYN acknowledges, and itself. */
export interface EarlyReset {
  readonly acknowledged: number;
  readonly trail: Trail | null;
}

/** An ICMP error about a tunnel's packet with one of an exchange inside. */
export interface TunnelError {
  readonly direction: Direction;
  readonly time: number;
}

/** What a service address was translated to for an exchange: by retries it can be several. */
export interface Backend {
  readonly address: number;
  readonly port: number;
  /** Packets that decide the exchange; of a connection only SYNs and their answers. */
  replies: number;
  /** RSTs that it sent. */
  resets: number;
}

/** A part of one direction's data that was sent again. */
export interface Repeat {
  readonly request: boolean;
  readonly sequence: number;
  readonly length: number;
}

// Fields of an exchange's row, int32
const FLAGS = 0;
const CLIENT = 1;
const SERVER = 2;
const CLIENT_PORT = 3;
const SERVER_PORT = 4;
const ID = 5;
const SEQUENCE = 6;
const NAME_ID = 7;
const IP_VERSION = 8;
const REQUESTS = 9;
const REPLIES = 10;
const REQUEST_REACH = 11;
const REPLY_REACH = 12;
const REQUEST_LAST = 13;
const REPLY_LAST = 14;
const REQUEST_SRC = 15;
const REQUEST_DST = 16;
const HIGHEST_ACK_BY_CLIENT = 17;
const HIGHEST_ACK_BY_SERVER = 18;
const SENT_BY_CLIENT = 19;
const SENT_BY_SERVER = 20;
const FIRST_BY_CLIENT = 21;
const FIRST_BY_SERVER = 22;
const NEXT = 23;
const WIDTH = 24;
// Its times, float64
const FIRST_TIME = 0;
const LAST_TIME = 1;
const LAST_REQUEST_TIME = 2;
const LAST_REPLY_TIME = 3;
const FIRST_REPLY_TIME = 4;
const TIMES = 5;
// Bits of FLAGS; the lowest two are the protocol
const PROTOCOL = 3;
const IS_CHOSEN = 0x4;
const REFUSED = 0x8;
const SYN_SEEN = 0x10;
const SYN_ACK_SEEN = 0x20;
const SYN_ACK_ACKNOWLEDGED = 0x40;
const CLIENT_DATA = 0x80;
const SERVER_DATA = 0x100;
const CLIENT_ACKED = 0x200;
const SERVER_ACKED = 0x400;
const RESET_SEEN = 0x800;
const FIN_SEEN = 0x1000;
const CUT_REPLY_SEEN = 0x2000;
const ACK_BY_CLIENT_SEEN = 0x4000;
const ACK_BY_SERVER_SEEN = 0x8000;
const SENT_BY_CLIENT_SEEN = 0x10000;
const SENT_BY_SERVER_SEEN = 0x20000;
/** It has a Rare. */
const HAS_RARE = 0x40000;

const PROTOCOLS: readonly ExchangeProtocol[] = ['udp', 'tcp', 'dns', 'icmp-echo'];
const INITIAL = 1 << 8;

/** What few exchanges have. */
class Rare {
  requestForms: readonly Form[] = NONE;
  requestWay: readonly number[] = NONE;
  backends: readonly Backend[] = NONE;
  open: readonly Trail[] = NONE;
  refusedBy: Trail | null = null;
  earlyReset: EarlyReset | null = null;
  tunnelErrors: readonly TunnelError[] = NONE;
  requestTimes: readonly number[] = NONE;
  replyTimes: readonly number[] = NONE;
  requestStream: Stream | null = null;
  replyStream: Stream | null = null;
  gaps: readonly Gap[] = NONE;
  repeats: readonly Repeat[] = NONE;
}

/**
 * Exchanges in rows, with a free list. One takes 136 octets: as an object of its own it took five times as much, and the garbage
 * collector followed each of them. An exchange is its number.
 */
export class ExchangeStore {
  rows: Int32Array;
  times: Float64Array;
  readonly rare: (Rare | undefined)[] = [];
  readonly #views = new Map<number, Exchange>();
  #used = 0;
  #free = -1;

  constructor(capacity = INITIAL) {
    this.rows = new Int32Array(capacity * WIDTH);
    this.times = new Float64Array(capacity * TIMES);
  }

  /** A new exchange of which nothing is known. */
  take(): number {
    let number = this.#free;
    if (number >= 0) this.#free = this.next(number);
    else {
      number = this.#used++;
      if (number * TIMES === this.times.length) this.#grow();
    }
    this.clear(number);
    return number;
  }

  /** Forgets what is known of an exchange. */
  clear(number: number): void {
    const { rows, times } = this;
    const row = number * WIDTH;
    rows.fill(0, row, row + WIDTH);
    rows[row + CLIENT_PORT] = rows[row + SERVER_PORT] = rows[row + NAME_ID] = rows[row + NEXT] = -1;
    rows[row + REQUEST_LAST] = rows[row + REPLY_LAST] = -1;
    rows[row + IP_VERSION] = 4;
    const at = number * TIMES;
    times[at + FIRST_TIME] = times[at + FIRST_REPLY_TIME] = Infinity;
    times[at + LAST_TIME] = times[at + LAST_REQUEST_TIME] = times[at + LAST_REPLY_TIME] = -Infinity;
    if (number < this.rare.length) this.rare[number] = undefined;
  }

  /** Gives a number back. Who holds its view goes on to see what it was. */
  free(number: number): void {
    this.#views.get(number)?.detach();
    this.#views.delete(number);
    if (number < this.rare.length) this.rare[number] = undefined;
    this.setNext(number, this.#free);
    this.#free = number;
  }

  /** The exchange as an object, always the same one. */
  view(number: number): Exchange {
    let view = this.#views.get(number);
    if (view === undefined) this.#views.set(number, (view = new Exchange(this, number)));
    return view;
  }

  /** Next of the chain of the table, -1 at its end. */
  next(number: number): number {
    return this.rows[number * WIDTH + NEXT]!;
  }

  setNext(number: number, next: number): void {
    this.rows[number * WIDTH + NEXT] = next;
  }

  lastTime(number: number): number {
    return this.times[number * TIMES + LAST_TIME]!;
  }

  /** What is rare of an exchange, made when there is none. */
  rareOf(number: number): Rare {
    const flags = number * WIDTH + FLAGS;
    if ((this.rows[flags]! & HAS_RARE) === 0) {
      this.rows[flags]! |= HAS_RARE;
      while (this.rare.length <= number) this.rare.push(undefined);
      this.rare[number] = new Rare();
    }
    return this.rare[number]!;
  }

  /** A store that holds this exchange alone, as it is now. */
  copyOf(number: number): ExchangeStore {
    const copy = new ExchangeStore(1);
    copy.rows.set(this.rows.subarray(number * WIDTH, (number + 1) * WIDTH));
    copy.times.set(this.times.subarray(number * TIMES, (number + 1) * TIMES));
    copy.rare.push(this.rare[number]);
    return copy;
  }

  #grow(): void {
    const rows = new Int32Array(this.rows.length * 2);
    rows.set(this.rows);
    this.rows = rows;
    const times = new Float64Array(this.times.length * 2);
    times.set(this.times);
    this.times = times;
  }
}

/**
 * A request and its reply: an echo, a DNS question, a TCP connection, or the datagrams of a UDP flow. A row of a store as an
 * object.
 */
export class Exchange {
  #store: ExchangeStore;
  #number: number;
  #row: number;
  #times: number;

  constructor(store: ExchangeStore, number = 0) {
    this.#store = store;
    this.#number = number;
    this.#row = number * WIDTH;
    this.#times = number * TIMES;
  }

  get number(): number {
    return this.#number;
  }

  /** Makes this object another exchange of the store, for a caller who looks at many and keeps none. */
  moveTo(number: number): this {
    this.#number = number;
    this.#row = number * WIDTH;
    this.#times = number * TIMES;
    return this;
  }

  /** Takes the exchange out of its store: it goes on alone. */
  detach(): void {
    this.#store = this.#store.copyOf(this.#number);
    this.moveTo(0);
  }

  /** The exchange as it is now, to be kept when it has left its store. */
  copy(): Exchange {
    return new Exchange(this.#store.copyOf(this.#number));
  }

  get #rare(): Rare | undefined {
    const store = this.#store;
    return (store.rows[this.#row + FLAGS]! & HAS_RARE) === 0 ? undefined : store.rare[this.#number];
  }

  #is(flag: number): boolean {
    return (this.#store.rows[this.#row + FLAGS]! & flag) !== 0;
  }

  #set(flag: number, is: boolean): void {
    const { rows } = this.#store;
    if (is) rows[this.#row + FLAGS]! |= flag;
    else rows[this.#row + FLAGS]! &= ~flag;
  }

  get protocol(): ExchangeProtocol {
    return PROTOCOLS[this.#store.rows[this.#row + FLAGS]! & PROTOCOL]!;
  }
  set protocol(protocol: ExchangeProtocol) {
    const { rows } = this.#store;
    rows[this.#row + FLAGS] = (rows[this.#row + FLAGS]! & ~PROTOCOL) | PROTOCOLS.indexOf(protocol);
  }
  /** As the client sees them. */
  get client(): number {
    return this.#store.rows[this.#row + CLIENT]!;
  }
  set client(value: number) {
    this.#store.rows[this.#row + CLIENT] = value;
  }
  get server(): number {
    return this.#store.rows[this.#row + SERVER]!;
  }
  set server(value: number) {
    this.#store.rows[this.#row + SERVER] = value;
  }
  get clientPort(): number {
    return this.#store.rows[this.#row + CLIENT_PORT]!;
  }
  set clientPort(value: number) {
    this.#store.rows[this.#row + CLIENT_PORT] = value;
  }
  get serverPort(): number {
    return this.#store.rows[this.#row + SERVER_PORT]!;
  }
  set serverPort(value: number) {
    this.#store.rows[this.#row + SERVER_PORT] = value;
  }
  /** ICMP: identifier, sequence; DNS: id, type; TCP: initial sequence number of the client. */
  get id(): number {
    return this.#store.rows[this.#row + ID]!;
  }
  set id(value: number) {
    this.#store.rows[this.#row + ID] = value;
  }
  get sequence(): number {
    return this.#store.rows[this.#row + SEQUENCE]!;
  }
  set sequence(value: number) {
    this.#store.rows[this.#row + SEQUENCE] = value;
  }
  get nameId(): number {
    return this.#store.rows[this.#row + NAME_ID]!;
  }
  set nameId(value: number) {
    this.#store.rows[this.#row + NAME_ID] = value;
  }
  get ipVersion(): number {
    return this.#store.rows[this.#row + IP_VERSION]!;
  }
  set ipVersion(value: number) {
    this.#store.rows[this.#row + IP_VERSION] = value;
  }
  get requests(): number {
    return this.#store.rows[this.#row + REQUESTS]!;
  }
  set requests(value: number) {
    this.#store.rows[this.#row + REQUESTS] = value;
  }
  get replies(): number {
    return this.#store.rows[this.#row + REPLIES]!;
  }
  set replies(value: number) {
    this.#store.rows[this.#row + REPLIES] = value;
  }
  /** Furthest that any of them came, see Reach. */
  get requestReach(): number {
    return this.#store.rows[this.#row + REQUEST_REACH]!;
  }
  set requestReach(value: number) {
    this.#store.rows[this.#row + REQUEST_REACH] = value;
  }
  get replyReach(): number {
    return this.#store.rows[this.#row + REPLY_REACH]!;
  }
  set replyReach(value: number) {
    this.#store.rows[this.#row + REPLY_REACH] = value;
  }
  /** Last point of the packet that came furthest; -1 none. */
  get requestLast(): number {
    return this.#store.rows[this.#row + REQUEST_LAST]!;
  }
  set requestLast(value: number) {
    this.#store.rows[this.#row + REQUEST_LAST] = value;
  }
  get replyLast(): number {
    return this.#store.rows[this.#row + REPLY_LAST]!;
  }
  set replyLast(value: number) {
    this.#store.rows[this.#row + REPLY_LAST] = value;
  }
  /** Addresses under which that request was seen last. */
  get requestSrc(): number {
    return this.#store.rows[this.#row + REQUEST_SRC]!;
  }
  set requestSrc(value: number) {
    this.#store.rows[this.#row + REQUEST_SRC] = value;
  }
  get requestDst(): number {
    return this.#store.rows[this.#row + REQUEST_DST]!;
  }
  set requestDst(value: number) {
    this.#store.rows[this.#row + REQUEST_DST] = value;
  }
  /** Next sequence numbers that each side has acknowledged (of the other's). */
  get highestAckByClient(): number {
    return this.#store.rows[this.#row + HIGHEST_ACK_BY_CLIENT]!;
  }
  set highestAckByClient(value: number) {
    this.#store.rows[this.#row + HIGHEST_ACK_BY_CLIENT] = value;
  }
  get highestAckByServer(): number {
    return this.#store.rows[this.#row + HIGHEST_ACK_BY_SERVER]!;
  }
  set highestAckByServer(value: number) {
    this.#store.rows[this.#row + HIGHEST_ACK_BY_SERVER] = value;
  }
  /** End of the furthest data or FIN that each side has sent. */
  get sentByClient(): number {
    return this.#store.rows[this.#row + SENT_BY_CLIENT]!;
  }
  set sentByClient(value: number) {
    this.#store.rows[this.#row + SENT_BY_CLIENT] = value;
  }
  get sentByServer(): number {
    return this.#store.rows[this.#row + SENT_BY_SERVER]!;
  }
  set sentByServer(value: number) {
    this.#store.rows[this.#row + SENT_BY_SERVER] = value;
  }
  /** Sequence number of the first data or FIN told of each side. */
  get firstByClient(): number {
    return this.#store.rows[this.#row + FIRST_BY_CLIENT]!;
  }
  set firstByClient(value: number) {
    this.#store.rows[this.#row + FIRST_BY_CLIENT] = value;
  }
  get firstByServer(): number {
    return this.#store.rows[this.#row + FIRST_BY_SERVER]!;
  }
  set firstByServer(value: number) {
    this.#store.rows[this.#row + FIRST_BY_SERVER] = value;
  }
  /** Nanoseconds relative to the base. */
  get firstTime(): number {
    return this.#store.times[this.#times + FIRST_TIME]!;
  }
  set firstTime(value: number) {
    this.#store.times[this.#times + FIRST_TIME] = value;
  }
  get lastTime(): number {
    return this.#store.times[this.#times + LAST_TIME]!;
  }
  set lastTime(value: number) {
    this.#store.times[this.#times + LAST_TIME] = value;
  }
  get lastRequestTime(): number {
    return this.#store.times[this.#times + LAST_REQUEST_TIME]!;
  }
  set lastRequestTime(value: number) {
    this.#store.times[this.#times + LAST_REQUEST_TIME] = value;
  }
  get lastReplyTime(): number {
    return this.#store.times[this.#times + LAST_REPLY_TIME]!;
  }
  set lastReplyTime(value: number) {
    this.#store.times[this.#times + LAST_REPLY_TIME] = value;
  }
  get firstReplyTime(): number {
    return this.#store.times[this.#times + FIRST_REPLY_TIME]!;
  }
  set firstReplyTime(value: number) {
    this.#store.times[this.#times + FIRST_REPLY_TIME] = value;
  }
  /** One of its packets is among those that the user's filter chooses. */
  get isChosen(): boolean {
    return this.#is(IS_CHOSEN);
  }
  set isChosen(value: boolean) {
    this.#set(IS_CHOSEN, value);
  }
  /** ICMP error that quotes the request and came back to the client, RST to a SYN, DNS REFUSED. */
  get refused(): boolean {
    return this.#is(REFUSED);
  }
  set refused(value: boolean) {
    this.#set(REFUSED, value);
  }
  get synSeen(): boolean {
    return this.#is(SYN_SEEN);
  }
  set synSeen(value: boolean) {
    this.#set(SYN_SEEN, value);
  }
  get synAckSeen(): boolean {
    return this.#is(SYN_ACK_SEEN);
  }
  set synAckSeen(value: boolean) {
    this.#set(SYN_ACK_SEEN, value);
  }
  get synAckAcknowledged(): boolean {
    return this.#is(SYN_ACK_ACKNOWLEDGED);
  }
  set synAckAcknowledged(value: boolean) {
    this.#set(SYN_ACK_ACKNOWLEDGED, value);
  }
  get clientData(): boolean {
    return this.#is(CLIENT_DATA);
  }
  set clientData(value: boolean) {
    this.#set(CLIENT_DATA, value);
  }
  get serverData(): boolean {
    return this.#is(SERVER_DATA);
  }
  set serverData(value: boolean) {
    this.#set(SERVER_DATA, value);
  }
  get clientAcked(): boolean {
    return this.#is(CLIENT_ACKED);
  }
  set clientAcked(value: boolean) {
    this.#set(CLIENT_ACKED, value);
  }
  get serverAcked(): boolean {
    return this.#is(SERVER_ACKED);
  }
  set serverAcked(value: boolean) {
    this.#set(SERVER_ACKED, value);
  }
  get resetSeen(): boolean {
    return this.#is(RESET_SEEN);
  }
  set resetSeen(value: boolean) {
    this.#set(RESET_SEEN, value);
  }
  get finSeen(): boolean {
    return this.#is(FIN_SEEN);
  }
  set finSeen(value: boolean) {
    this.#set(FIN_SEEN, value);
  }
  /** Something came back of which too little was captured to tell what it is. */
  get cutReplySeen(): boolean {
    return this.#is(CUT_REPLY_SEEN);
  }
  set cutReplySeen(value: boolean) {
    this.#set(CUT_REPLY_SEEN, value);
  }
  get ackByClientSeen(): boolean {
    return this.#is(ACK_BY_CLIENT_SEEN);
  }
  set ackByClientSeen(value: boolean) {
    this.#set(ACK_BY_CLIENT_SEEN, value);
  }
  get ackByServerSeen(): boolean {
    return this.#is(ACK_BY_SERVER_SEEN);
  }
  set ackByServerSeen(value: boolean) {
    this.#set(ACK_BY_SERVER_SEEN, value);
  }
  get sentByClientSeen(): boolean {
    return this.#is(SENT_BY_CLIENT_SEEN);
  }
  set sentByClientSeen(value: boolean) {
    this.#set(SENT_BY_CLIENT_SEEN, value);
  }
  get sentByServerSeen(): boolean {
    return this.#is(SENT_BY_SERVER_SEEN);
  }
  set sentByServerSeen(value: boolean) {
    this.#set(SENT_BY_SERVER_SEEN, value);
  }
  /** What its requests were translated to on their way, in order, as they were sent first; empty where they were not. */
  get requestForms(): readonly Form[] {
    return this.#rare?.requestForms ?? NONE;
  }
  set requestForms(value: readonly Form[]) {
    this.#store.rareOf(this.#number).requestForms = value;
  }
  /** Points that showed most of the way of such a request, in order. */
  get requestWay(): readonly number[] {
    return this.#rare?.requestWay ?? NONE;
  }
  set requestWay(value: readonly number[]) {
    this.#store.rareOf(this.#number).requestWay = value;
  }
  /** Where a translation sent its requests, as their packets show it. */
  get backends(): readonly Backend[] {
    return this.#rare?.backends ?? NONE;
  }
  set backends(value: readonly Backend[]) {
    this.#store.rareOf(this.#number).backends = value;
  }
  /** Packets that are not known to have arrived. */
  get open(): readonly Trail[] {
    return this.#rare?.open ?? NONE;
  }
  set open(value: readonly Trail[]) {
    this.#store.rareOf(this.#number).open = value;
  }
  get refusedBy(): Trail | null {
    return this.#rare?.refusedBy ?? null;
  }
  set refusedBy(value: Trail | null) {
    this.#store.rareOf(this.#number).refusedBy = value;
  }
  /** A RST,ACK of the server that was told before any SYN. */
  get earlyReset(): EarlyReset | null {
    return this.#rare?.earlyReset ?? null;
  }
  set earlyReset(value: EarlyReset | null) {
    this.#store.rareOf(this.#number).earlyReset = value;
  }
  /** ICMP errors that quote a tunnel's packet with one of these inside; they travel against it. */
  get tunnelErrors(): readonly TunnelError[] {
    return this.#rare?.tunnelErrors ?? NONE;
  }
  set tunnelErrors(value: readonly TunnelError[]) {
    this.#store.rareOf(this.#number).tunnelErrors = value;
  }
  /** UDP: times of the first datagrams of each direction. */
  get requestTimes(): readonly number[] {
    return this.#rare?.requestTimes ?? NONE;
  }
  set requestTimes(value: readonly number[]) {
    this.#store.rareOf(this.#number).requestTimes = value;
  }
  get replyTimes(): readonly number[] {
    return this.#rare?.replyTimes ?? NONE;
  }
  set replyTimes(value: readonly number[]) {
    this.#store.rareOf(this.#number).replyTimes = value;
  }
  /** What each point saw of each direction of a connection, where rows will tell it. */
  get requestStream(): Stream | null {
    return this.#rare?.requestStream ?? null;
  }
  set requestStream(value: Stream | null) {
    this.#store.rareOf(this.#number).requestStream = value;
  }
  get replyStream(): Stream | null {
    return this.#rare?.replyStream ?? null;
  }
  set replyStream(value: Stream | null) {
    this.#store.rareOf(this.#number).replyStream = value;
  }
  /** Parts of the sequence space of which no packet was told yet, though later ones were. */
  get gaps(): readonly Gap[] {
    return this.#rare?.gaps ?? NONE;
  }
  set gaps(value: readonly Gap[]) {
    this.#store.rareOf(this.#number).gaps = value;
  }
  /** Data that was sent more than once, so that an acknowledgement of it is nobody's in particular. */
  get repeats(): readonly Repeat[] {
    return this.#rare?.repeats ?? NONE;
  }
  set repeats(value: readonly Repeat[]) {
    this.#store.rareOf(this.#number).repeats = value;
  }

  /** Makes the server the client of a datagram flow. */
  turn(): void {
    [this.client, this.server] = [this.server, this.client];
    [this.clientPort, this.serverPort] = [this.serverPort, this.clientPort];
    [this.requests, this.replies] = [this.replies, this.requests];
    [this.requestReach, this.replyReach] = [this.replyReach, this.requestReach];
    [this.requestLast, this.replyLast] = [this.replyLast, this.requestLast];
    [this.lastRequestTime, this.lastReplyTime] = [this.lastReplyTime, this.lastRequestTime];
    [this.requestTimes, this.replyTimes] = [this.replyTimes, this.requestTimes];
    for (const trail of this.open) trail.direction = trail.direction === 'request' ? 'reply' : 'request';
  }
}
