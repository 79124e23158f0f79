import type { ExchangeProtocol } from '../report/report.js';
import {
  BackendField,
  ENTRY_SHIFT,
  EntryKind,
  FormField,
  GapField,
  NO_ENTRY,
  RepeatField,
  WayField,
} from './exchange-entries.js';
import {
  EXCHANGE_SHIFT,
  ExchangeFlag,
  ExchangeRow,
  ExchangeTime,
  NONE,
  PROTOCOLS,
  ReachPlace,
  type Backend,
  type EarlyReset,
  type ExchangeStore,
  type Rare,
  type TunnelError,
} from './exchange-store.js';
import type { Stream } from './stream.js';
import type { Trail } from './trail.js';
import type { Form } from './trail-rows.js';

/** How far a packet was seen to come: 0 not at all, 1 lost or undecided, 2 at the last captured point of its way, 3 at home. */
export const Reach = { NONE: 0, OPEN: 1, END: 2, HOME: 3 } as const;

/**
 * A request and its reply: an echo, a DNS question, a TCP connection, or the datagrams of a UDP flow. A row of a store as an
 * object.
 */
export class Exchange {
  #store: ExchangeStore;
  #number: number;

  constructor(store: ExchangeStore, number = 0) {
    this.#store = store;
    this.#number = number;
  }

  get #row(): number {
    return this.#number << EXCHANGE_SHIFT;
  }
  get #times(): number {
    return this.#number << (EXCHANGE_SHIFT - 1);
  }

  get store(): ExchangeStore {
    return this.#store;
  }
  get number(): number {
    return this.#number;
  }

  /** Makes this object another exchange of the store, for a caller who looks at many and keeps none. */
  moveTo(number: number): this {
    this.#number = number;
    return this;
  }

  /** Takes the exchange out of its store: it goes on alone. */
  detach(): void {
    [this.#store, this.#number] = this.#store.copyOut(this.#number);
  }

  /** The exchange as it is now, to be kept when it has left its store. */
  copy(): Exchange {
    return new Exchange(...this.#store.copyOut(this.#number));
  }

  get #rare(): Rare | undefined {
    return this.#is(ExchangeFlag.HAS_RARE) ? this.#store.rare[this.#number] : undefined;
  }

  get #flags(): number {
    return this.#store.rows[this.#row + ExchangeRow.FLAGS]!;
  }

  #is(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  #set(flag: number, is: boolean): void {
    const { rows } = this.#store;
    if (is) rows[this.#row + ExchangeRow.FLAGS]! |= flag;
    else rows[this.#row + ExchangeRow.FLAGS]! &= ~flag;
  }

  #timeAt(place: number): number {
    return this.#store.times[this.#times + place]!;
  }

  #setReach(place: number, value: number): void {
    this.#store.rows[this.#row + ExchangeRow.FLAGS] = (this.#flags & ~(ReachPlace.MASK << place)) | (value << place);
  }

  get protocol(): ExchangeProtocol {
    return PROTOCOLS[this.#flags & ExchangeFlag.PROTOCOL]!;
  }
  /** As the client sees them. */
  get client(): number {
    return this.#store.rows[this.#row + ExchangeRow.CLIENT]!;
  }
  set client(value: number) {
    this.#store.rows[this.#row + ExchangeRow.CLIENT] = value;
  }
  get server(): number {
    return this.#store.rows[this.#row + ExchangeRow.SERVER]!;
  }
  set server(value: number) {
    this.#store.rows[this.#row + ExchangeRow.SERVER] = value;
  }
  get clientPort(): number {
    return this.#store.rows[this.#row + ExchangeRow.CLIENT_PORT]!;
  }
  set clientPort(value: number) {
    this.#store.rows[this.#row + ExchangeRow.CLIENT_PORT] = value;
  }
  get serverPort(): number {
    return this.#store.rows[this.#row + ExchangeRow.SERVER_PORT]!;
  }
  set serverPort(value: number) {
    this.#store.rows[this.#row + ExchangeRow.SERVER_PORT] = value;
  }
  /** ICMP: identifier, sequence; DNS: id, type; TCP: initial sequence number of the client. */
  get id(): number {
    return this.#store.rows[this.#row + ExchangeRow.ID]!;
  }
  set id(value: number) {
    this.#store.rows[this.#row + ExchangeRow.ID] = value;
  }
  get sequence(): number {
    return this.#store.rows[this.#row + ExchangeRow.SEQUENCE]!;
  }
  set sequence(value: number) {
    this.#store.rows[this.#row + ExchangeRow.SEQUENCE] = value;
  }
  get nameId(): number {
    return this.#store.rows[this.#row + ExchangeRow.NAME_ID]!;
  }
  set nameId(value: number) {
    this.#store.rows[this.#row + ExchangeRow.NAME_ID] = value;
  }
  /** Of a connection, in the same place: the timestamp that the first SYN,ACK echoes; -1 none. */
  get echoed(): number {
    return this.#store.rows[this.#row + ExchangeRow.NAME_ID]!;
  }
  set echoed(value: number) {
    this.#store.rows[this.#row + ExchangeRow.NAME_ID] = value;
  }
  get ipVersion(): number {
    return this.#is(ExchangeFlag.IPV6) ? 6 : 4;
  }
  get requests(): number {
    return this.#store.rows[this.#row + ExchangeRow.REQUESTS]!;
  }
  set requests(value: number) {
    this.#store.rows[this.#row + ExchangeRow.REQUESTS] = value;
  }
  get replies(): number {
    return this.#store.rows[this.#row + ExchangeRow.REPLIES]!;
  }
  set replies(value: number) {
    this.#store.rows[this.#row + ExchangeRow.REPLIES] = value;
  }
  /** Furthest that any of them came, see Reach. */
  get requestReach(): number {
    return (this.#flags >> ReachPlace.REQUEST) & ReachPlace.MASK;
  }
  set requestReach(value: number) {
    this.#setReach(ReachPlace.REQUEST, value);
  }
  get replyReach(): number {
    return (this.#flags >> ReachPlace.REPLY) & ReachPlace.MASK;
  }
  set replyReach(value: number) {
    this.#setReach(ReachPlace.REPLY, value);
  }
  /** Last point of the packet that came furthest; -1 none. */
  get requestLast(): number {
    return this.#store.rows[this.#row + ExchangeRow.REQUEST_LAST]!;
  }
  set requestLast(value: number) {
    this.#store.rows[this.#row + ExchangeRow.REQUEST_LAST] = value;
  }
  get replyLast(): number {
    return this.#store.rows[this.#row + ExchangeRow.REPLY_LAST]!;
  }
  set replyLast(value: number) {
    this.#store.rows[this.#row + ExchangeRow.REPLY_LAST] = value;
  }
  /** Addresses under which that request was seen last. */
  get requestSrc(): number {
    return this.#store.rows[this.#row + ExchangeRow.REQUEST_SRC]!;
  }
  get requestDst(): number {
    return this.#store.rows[this.#row + ExchangeRow.REQUEST_DST]!;
  }
  /** Next sequence numbers that each side has acknowledged (of the other's). */
  get highestAckByClient(): number {
    return this.#store.rows[this.#row + ExchangeRow.HIGHEST_ACK_BY_CLIENT]!;
  }
  get highestAckByServer(): number {
    return this.#store.rows[this.#row + ExchangeRow.HIGHEST_ACK_BY_SERVER]!;
  }
  /** Sequence numbers behind all data and FINs told of each side. */
  get sentByClient(): number {
    return this.#store.rows[this.#row + ExchangeRow.SENT_BY_CLIENT]!;
  }
  get sentByServer(): number {
    return this.#store.rows[this.#row + ExchangeRow.SENT_BY_SERVER]!;
  }
  /** Sequence number of the first data or FIN told of each side. */
  get firstByClient(): number {
    return this.#store.rows[this.#row + ExchangeRow.FIRST_BY_CLIENT]!;
  }
  set firstByClient(value: number) {
    this.#store.rows[this.#row + ExchangeRow.FIRST_BY_CLIENT] = value;
  }
  get firstByServer(): number {
    return this.#store.rows[this.#row + ExchangeRow.FIRST_BY_SERVER]!;
  }
  set firstByServer(value: number) {
    this.#store.rows[this.#row + ExchangeRow.FIRST_BY_SERVER] = value;
  }
  /** Nanoseconds relative to the base. */
  get firstTime(): number {
    return this.#store.times[this.#times + ExchangeTime.FIRST_TIME]!;
  }
  get lastTime(): number {
    return this.#store.times[this.#times + ExchangeTime.LAST_TIME]!;
  }
  get lastRequestTime(): number {
    return this.#store.times[this.#times + ExchangeTime.LAST_REQUEST_TIME]!;
  }
  set lastRequestTime(value: number) {
    this.#store.times[this.#times + ExchangeTime.LAST_REQUEST_TIME] = value;
  }
  get lastReplyTime(): number {
    return this.#store.times[this.#times + ExchangeTime.LAST_REPLY_TIME]!;
  }
  set lastReplyTime(value: number) {
    this.#store.times[this.#times + ExchangeTime.LAST_REPLY_TIME] = value;
  }
  get firstReplyTime(): number {
    return this.#store.times[this.#times + ExchangeTime.FIRST_REPLY_TIME]!;
  }
  /** One of its packets is among those that the user's filter chooses. */
  get isChosen(): boolean {
    return this.#is(ExchangeFlag.IS_CHOSEN);
  }
  set isChosen(value: boolean) {
    this.#set(ExchangeFlag.IS_CHOSEN, value);
  }
  /** ICMP error that quotes the request and came back to the client, RST to a SYN, DNS REFUSED. */
  get refused(): boolean {
    return this.#is(ExchangeFlag.REFUSED);
  }
  set refused(value: boolean) {
    this.#set(ExchangeFlag.REFUSED, value);
  }
  get synSeen(): boolean {
    return this.#is(ExchangeFlag.SYN_SEEN);
  }
  set synSeen(value: boolean) {
    this.#set(ExchangeFlag.SYN_SEEN, value);
  }
  get synAckSeen(): boolean {
    return this.#is(ExchangeFlag.SYN_ACK_SEEN);
  }
  set synAckSeen(value: boolean) {
    this.#set(ExchangeFlag.SYN_ACK_SEEN, value);
  }
  get synAckAcknowledged(): boolean {
    return this.#is(ExchangeFlag.SYN_ACK_ACKNOWLEDGED);
  }
  get clientAcked(): boolean {
    return this.#is(ExchangeFlag.CLIENT_ACKED);
  }
  get serverAcked(): boolean {
    return this.#is(ExchangeFlag.SERVER_ACKED);
  }
  get resetSeen(): boolean {
    return this.#is(ExchangeFlag.RESET_SEEN);
  }
  set resetSeen(value: boolean) {
    this.#set(ExchangeFlag.RESET_SEEN, value);
  }
  get finSeen(): boolean {
    return this.#is(ExchangeFlag.FIN_SEEN);
  }
  set finSeen(value: boolean) {
    this.#set(ExchangeFlag.FIN_SEEN, value);
  }
  /** Something came back of which too little was captured to tell what it is. */
  get cutReplySeen(): boolean {
    return this.#is(ExchangeFlag.CUT_REPLY_SEEN);
  }
  set cutReplySeen(value: boolean) {
    this.#set(ExchangeFlag.CUT_REPLY_SEEN, value);
  }
  get ackByClientSeen(): boolean {
    return this.#is(ExchangeFlag.ACK_BY_CLIENT_SEEN);
  }
  get ackByServerSeen(): boolean {
    return this.#is(ExchangeFlag.ACK_BY_SERVER_SEEN);
  }
  /** Packets of it may have been told that it does not know of: it was made when there was no room for others, or translated too often. */
  get mayLack(): boolean {
    return this.#is(ExchangeFlag.MAY_LACK);
  }
  /** Not all of its datagrams, gaps and repetitions are remembered. */
  get forgets(): boolean {
    return this.#is(ExchangeFlag.FORGETS);
  }
  /** True when its requests were translated on their way. */
  get hasForms(): boolean {
    return this.#is(ExchangeFlag.HAS_FORMS);
  }
  /** What its requests were translated to on their way, in order, as they were sent first; empty where they were not. */
  get requestForms(): readonly Form[] {
    return this.#listOf(EntryKind.FORM, (words, row) => ({
      src: words[row + FormField.SRC]!,
      dst: words[row + FormField.DST]!,
      sourcePort: words[row + FormField.SOURCE_PORT]!,
      destinationPort: words[row + FormField.DESTINATION_PORT]!,
      echoId: words[row + FormField.ECHO_ID]!,
    }));
  }
  /** Points that showed most of the way of such a request, in order. */
  get requestWay(): readonly number[] {
    const { entries, ways } = this.#store;
    const entry = entries.firstOf(EntryKind.WAY, this.#lastEntry);
    return entry === NO_ENTRY ? NONE : ways.at(entries.words[(entry << ENTRY_SHIFT) + WayField.NUMBER]!);
  }
  set requestWay(value: readonly number[]) {
    const { entries, ways } = this.#store;
    const way = ways.numberOf(value);
    if (way < 0) return;
    let entry = entries.firstOf(EntryKind.WAY, this.#lastEntry);
    if (entry === NO_ENTRY) entry = this.#store.addEntry(this.#number, EntryKind.WAY);
    entries.words[(entry << ENTRY_SHIFT) + WayField.NUMBER] = way;
  }
  /** Where a translation sent its requests, as their packets show it. */
  get backends(): readonly Backend[] {
    if (!this.#is(ExchangeFlag.HAS_BACKENDS)) return NONE;
    return this.#listOf(EntryKind.BACKEND, (words, row) => ({
      address: words[row + BackendField.ADDRESS]!,
      port: words[row + BackendField.PORT]!,
      replies: words[row + BackendField.REPLIES]!,
      resets: words[row + BackendField.RESETS]!,
    }));
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
    if (this.requests === 0) return NONE;
    return [this.#timeAt(ExchangeTime.REQUEST_TIME), ...this.#store.entries.timesOf(true, this.#lastEntry)];
  }
  get replyTimes(): readonly number[] {
    if (this.replies === 0) return NONE;
    return [this.#timeAt(ExchangeTime.REPLY_TIME), ...this.#store.entries.timesOf(false, this.#lastEntry)];
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

  /** True when there is a gap in one direction's data from a sequence number on. */
  hasGapBehind(request: boolean, sequence: number): boolean {
    const row = this.#find(EntryKind.GAP, (words, row) => {
      const its = words[row + GapField.REQUEST] === 1;
      return its === request && ((words[row + GapField.FROM]! - sequence) | 0) >= 0;
    });
    return row >= 0;
  }

  /**
   * Whether data of one direction was sent more than once, so that its acknowledgement is nobody's in particular; 'unsure' where nothing
   * tells what was sent before.
   */
  repetitionOf(request: boolean, sequence: number, length: number): 'sure' | 'unsure' | null {
    const row = this.#find(EntryKind.REPEAT, (words, row) => {
      const ahead = (words[row + RepeatField.SEQUENCE]! - sequence) | 0;
      const its = words[row + RepeatField.REQUEST] === 1;
      return its === request && ahead < length && ahead + words[row + RepeatField.LENGTH]! > 0;
    });
    if (row < 0) return null;
    return this.#store.entries.words[row + RepeatField.IS_UNSURE] === 1 ? 'unsure' : 'sure';
  }

  get #lastEntry(): number {
    return this.#store.lastEntry(this.#number);
  }

  /** Where among the pool's words the first of its entries of a kind begins that passes a test; -1 when none does. */
  #find(kind: number, test: (words: Int32Array, row: number) => boolean): number {
    const { entries } = this.#store;
    const last = this.#lastEntry;
    for (let at = entries.firstOf(kind, last); at !== NO_ENTRY; at = entries.nextOf(kind, at, last))
      if (test(entries.words, at << ENTRY_SHIFT)) return at << ENTRY_SHIFT;
    return -1;
  }

  /** What its entries of a kind tell. */
  #listOf<T>(kind: number, read: (words: Int32Array, row: number) => T): readonly T[] {
    const { entries } = this.#store;
    return entries.allOf(kind, this.#lastEntry).map((entry) => read(entries.words, entry << ENTRY_SHIFT));
  }

  /** Makes the server the client of a datagram flow. */
  turn(): void {
    [this.client, this.server] = [this.server, this.client];
    [this.clientPort, this.serverPort] = [this.serverPort, this.clientPort];
    [this.requests, this.replies] = [this.replies, this.requests];
    [this.requestReach, this.replyReach] = [this.replyReach, this.requestReach];
    [this.requestLast, this.replyLast] = [this.replyLast, this.requestLast];
    [this.lastRequestTime, this.lastReplyTime] = [this.lastReplyTime, this.lastRequestTime];
    const { times } = this.#store;
    const [at, replyAt] = [this.#times + ExchangeTime.REQUEST_TIME, this.#times + ExchangeTime.REPLY_TIME];
    [times[at], times[replyAt]] = [times[replyAt]!, times[at]!];
    this.#store.entries.turnTimes(this.#lastEntry);
    for (const trail of this.open) trail.direction = trail.direction === 'request' ? 'reply' : 'request';
  }
}
