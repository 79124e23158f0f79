import { withRoom, newRows, timesOf } from '../net/row-memory.js';
import { Layer } from '../wire/layers.js';
import { RowNumbers } from './row-numbers.js';
import { DESCRIPTION, DESCRIPTION_END, KEYS, KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from './row.js';
import { SightingStore, type FileClock } from './sightings.js';

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const SRC = Row.SRC;
const DST = Row.DST;
const SOURCE_PORT = Row.SOURCE_PORT;
const DESTINATION_PORT = Row.DESTINATION_PORT;
const PROTOCOL = Row.PROTOCOL;
const FLAG_VERSION = RowFlag.VERSION;
const FLAG_DNS = RowFlag.DNS;
const FLAG_MORE_FRAGMENTS = RowFlag.MORE_FRAGMENTS;
const IP_ID = Row.IP_ID;
const FRAGMENT_OFFSET = Row.FRAGMENT_OFFSET;
const L4_LENGTH = Row.L4_LENGTH;
const PAYLOAD_LENGTH = Row.PAYLOAD_LENGTH;
const A = Row.A;
const B = Row.B;
const C = Row.C;
const NAME = Row.NAME;
const TCP = Layer.TCP;
const FIRST = DESCRIPTION;
const END = DESCRIPTION_END;
const KEY_FIELDS = KEYS;
const EXACT_LOW = Row.EXACT_LOW;
const INVARIANT_LOW = Row.INVARIANT_LOW;
const INVARIANT_HIGH = Row.INVARIANT_HIGH;
const BURST = Row.BURST;
const FLAGS = Row.FLAGS;
const KIND = KIND_SHIFT;

/** What a group has besides its packet. Chains of the two key tables run both ways: a hostile capture can put all packets into one. */
export const GroupRow = {
  /** Tells a group from those that had its number before. */
  SERIAL: 5,
  // 6 to 9 are its times, see GroupTime
  NEXT_INVARIANT: 10,
  PREVIOUS_INVARIANT: 11,
  NEXT_BURST: 12,
  PREVIOUS_BURST: 13,
  /** First sighting of the chain, -1 none. */
  HEAD: 14,
  /** Points that saw it, a bit for each of the first 31; bit 31 for all others. */
  SEEN: 15,
  /** Bits of the points that, once they all have seen it, leave nothing to wait for; 0 when it must wait, TOLD when it is told. */
  NEED: 30,
  /** Number of its path. */
  PATH: 31,
} as const;
/** GroupRow.NEED of a group that is told: with another one, or on its own. */
export const TOLD = -1;

/** First and last time of a group, in its row as a float64. */
export const GroupTime = { FIRST: 3, LAST: 4 } as const;
/** Float64 of a row, as a power of two. */
export const TIME_SHIFT = ROW_SHIFT - 1;

const HEAD = GroupRow.HEAD;
const SERIAL = GroupRow.SERIAL;
const SEEN = GroupRow.SEEN;
const NEED = GroupRow.NEED;
const FIRST_TIME = GroupTime.FIRST;
const LAST_TIME = GroupTime.LAST;

const INITIAL = 1 << 10;

/** Bit of a point in GroupRow.SEEN. */
export function bitOf(point: number): number {
  return point < 31 ? 1 << point : 1 << 31;
}

/** The groups of a window in rows, and their sightings. A group is its number, from 1; 0 is none. */
export class GroupTable {
  rows = newRows(INITIAL << SHIFT);
  /** The same memory. Times of groups, nanoseconds relative to the base: see GroupTime. */
  times = timesOf(this.rows);
  readonly sightings: SightingStore;
  readonly #numbers = new RowNumbers();
  readonly #views: (PacketGroup | undefined)[] = [];
  #serial = 0;
  /** Groups that are open. */
  open = 0;

  /** @param clocks of the captures, by number */
  constructor(clocks: readonly FileClock[]) {
    this.sightings = new SightingStore(clocks);
  }

  /** A free number; the caller fills the row. */
  take(): number {
    this.open++;
    const group = this.#numbers.take();
    this.#makeRoom(group);
    const { rows } = this;
    const row = group << SHIFT;
    rows[row + HEAD] = -1;
    rows[row + SERIAL] = this.#serial = (this.#serial + 1) | 0;
    rows[row + SEEN] = 0;
    rows[row + NEED] = 0;
    return group;
  }

  /** Gives a group that stays for long a number apart from the others, and its sightings, too. Its chains still lead to the old one. */
  setApart(group: number): number {
    const { sightings } = this;
    const number = this.#numbers.takeApart();
    this.#makeRoom(number);
    const { rows } = this;
    rows.copyWithin(number << SHIFT, group << SHIFT, (group + 1) << SHIFT);
    rows[(number << SHIFT) + HEAD] = sightings.setApart(rows[(group << SHIFT) + HEAD]!);
    const view = this.viewed(group);
    if (view !== undefined) {
      view.moveTo(number);
      this.#views[number] = view;
    }
    this.#giveBack(group);
    return number;
  }

  /** Gives a group and its sightings up. */
  free(group: number): void {
    const { sightings } = this;
    sightings.freeAll(this.rows[(group << SHIFT) + HEAD]!);
    this.open--;
    this.#giveBack(group);
  }

  #giveBack(group: number): void {
    this.rows[(group << SHIFT) + SERIAL] = this.#serial = (this.#serial + 1) | 0;
    this.#numbers.free(group);
    // An array that has never had this place does not get it now
    if (group < this.#views.length && this.#views[group] !== undefined) this.#views[group] = undefined;
  }

  /** The group as an object: the same one as long as the group is open. */
  view(group: number): PacketGroup {
    return (this.#views[group] ??= new PacketGroup(this, group));
  }

  /** The object of a group that has one. */
  viewed(group: number): PacketGroup | undefined {
    return group < this.#views.length ? this.#views[group] : undefined;
  }

  /** True when a point saw the group. */
  hasSeen(group: number, point: number): boolean {
    const { rows, sightings } = this;
    const row = group << SHIFT;
    if ((rows[row + SEEN]! & bitOf(point)) === 0) return false;
    if (point < 31) return true;
    for (let at = rows[row + HEAD]!; at >= 0; at = sightings.next(at)) if (sightings.point(at) === point) return true;
    return false;
  }

  /** True when all of some points saw the group. */
  hasSeenAll(group: number, points: readonly number[]): boolean {
    // A loop, since it is asked about every packet
    for (let i = 0; i < points.length; i++) if (!this.hasSeen(group, points[i]!)) return false;
    return true;
  }

  /** True when a point saw the group more than once, or a group has lost count of who saw it. */
  isRepeated(group: number): boolean {
    const row = group << SHIFT;
    return this.sightings.chained(this.rows[row + HEAD]!) > bitsOf(this.rows[row + SEEN]!);
  }

  /** Numbers of the sightings of a group. */
  chainOf(group: number): number[] {
    const chain: number[] = [];
    for (let at = this.rows[(group << SHIFT) + HEAD]!; at >= 0; at = this.sightings.next(at)) chain.push(at);
    return chain;
  }

  /** Makes sightings the only ones of a group. */
  chain(group: number, chain: readonly number[]): void {
    const { rows, times, sightings } = this;
    const row = group << SHIFT;
    const its = chain.map((at) => sightings.time(at));
    times[(group << TIME_SHIFT) + FIRST_TIME] = Math.min(...its);
    times[(group << TIME_SHIFT) + LAST_TIME] = Math.max(...its);
    rows[row + HEAD] = sightings.link(chain);
    rows[row + SEEN] = chain.reduce((bits, at) => bits | bitOf(sightings.point(at)), 0);
  }

  #makeRoom(group: number): void {
    if (group << SHIFT < this.rows.length) return;
    this.rows = withRoom(this.rows, (group + 1) << SHIFT);
    this.times = timesOf(this.rows);
  }
}

function bitsOf(word: number): number {
  let bits = 0;
  for (; word !== 0; word &= word - 1) bits++;
  return bits;
}

/** Copies the fields of a packet from a row of sightings, all but the keys. */
export function copyDescription(from: Int32Array, fromRow: number, to: Int32Array, toRow: number): void {
  for (let i = FIRST; i < END; i++) to[toRow + i] = from[fromRow + i]!;
}

/** Copies the fields of a packet with its keys. */
export function copyPacket(from: Int32Array, fromRow: number, to: Int32Array, toRow: number): void {
  for (let i = 0; i < KEY_FIELDS; i++) to[toRow + i] = from[fromRow + i]!;
  copyDescription(from, fromRow, to, toRow);
}

/**
 * The sightings of one packet so far, all with the same exact key and close in time: a row of the group table as an object, for
 * what is seldom. Valid as long as its group is open.
 */
export class PacketGroup {
  readonly #table: GroupTable;
  #row: number;
  number: number;
  /** ICMP error: the packet it quotes. */
  quote: Quote | null = null;
  /** Why another packet may be this one; null when there is none. */
  resembles: string | null = null;
  /** Octets of it that were told with the packets it was merged from. */
  told = 0;

  constructor(table: GroupTable, number = 0) {
    this.#table = table;
    this.number = number;
    this.#row = number << SHIFT;
  }

  /** Makes this object another group's, for a caller who looks at many and keeps none. */
  moveTo(number: number): void {
    this.number = number;
    this.#row = number << SHIFT;
  }

  /** Copies the fields that describe the packet, the first of them to `at`. */
  describe(to: Int32Array, at: number): void {
    copyDescription(this.#table.rows, this.#row, to, at - FIRST);
  }

  get exactLow(): number {
    return this.#table.rows[this.#row + EXACT_LOW]!;
  }
  get invariantLow(): number {
    return this.#table.rows[this.#row + INVARIANT_LOW]!;
  }
  get invariantHigh(): number {
    return this.#table.rows[this.#row + INVARIANT_HIGH]!;
  }
  get burst(): number {
    return this.#table.rows[this.#row + BURST]!;
  }
  get src(): number {
    return this.#table.rows[this.#row + SRC]!;
  }
  get dst(): number {
    return this.#table.rows[this.#row + DST]!;
  }
  get sourcePort(): number {
    return this.#table.rows[this.#row + SOURCE_PORT]!;
  }
  get destinationPort(): number {
    return this.#table.rows[this.#row + DESTINATION_PORT]!;
  }
  get protocol(): number {
    return this.#table.rows[this.#row + PROTOCOL]!;
  }
  get kind(): number {
    return this.#table.rows[this.#row + FLAGS]! >> KIND;
  }
  get ipVersion(): number {
    return this.#table.rows[this.#row + FLAGS]! & FLAG_VERSION;
  }
  get isDns(): boolean {
    return (this.#table.rows[this.#row + FLAGS]! & FLAG_DNS) !== 0;
  }
  get moreFragments(): number {
    return (this.#table.rows[this.#row + FLAGS]! & FLAG_MORE_FRAGMENTS) === 0 ? 0 : 1;
  }
  get ipId(): number {
    return this.#table.rows[this.#row + IP_ID]!;
  }
  get fragmentOffset(): number {
    return this.#table.rows[this.#row + FRAGMENT_OFFSET]!;
  }
  get l4Length(): number {
    return this.#table.rows[this.#row + L4_LENGTH]!;
  }
  get payloadLength(): number {
    return this.#table.rows[this.#row + PAYLOAD_LENGTH]!;
  }
  get a(): number {
    return this.#table.rows[this.#row + A]!;
  }
  get b(): number {
    return this.#table.rows[this.#row + B]!;
  }
  get c(): number {
    return this.#table.rows[this.#row + C]!;
  }
  get nameId(): number {
    return this.kind === TCP ? -1 : this.#table.rows[this.#row + NAME]!;
  }
  /** Of a SYN its timestamp, of a SYN,ACK the one that it echoes; 0 none. */
  get timestamp(): number {
    return this.kind === TCP ? this.#table.rows[this.#row + NAME]! : 0;
  }
  get head(): number {
    return this.#table.rows[this.#row + HEAD]!;
  }
  get firstTime(): number {
    return this.#table.times[(this.number << TIME_SHIFT) + FIRST_TIME]!;
  }
  get lastTime(): number {
    return this.#table.times[(this.number << TIME_SHIFT) + LAST_TIME]!;
  }
  get done(): boolean {
    return this.#table.rows[this.#row + NEED] === TOLD;
  }
  set done(done: boolean) {
    this.#table.rows[this.#row + NEED] = done ? TOLD : 0;
  }
}

/** The flow that an ICMP error quotes. */
export interface Quote {
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** ICMP: type, and of an echo the identifier and sequence; -1 where it is none. */
  readonly icmpType: number;
  readonly icmpId: number;
  readonly icmpSeq: number;
  /** The quoted packet is a tunnel's: the error is about the underlay. */
  readonly tunnel: boolean;
  /** The flow inside the tunnel, where the quotation shows it. */
  readonly inner: Quote | null;
}
