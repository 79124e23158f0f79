import { Layer } from '../wire/layers.js';
import type { Exchange } from './exchange.js';
import type { PacketGroup, Quote } from './packet-group.js';
import { onlyAt } from './passages.js';
import { DESCRIPTION, KIND_SHIFT, Row, RowFlag } from './row.js';
import type { SightingStore } from './sightings.js';
import type { Way } from './ways.js';
import { Sighting, TRAIL_SHIFT, type Form, type Match, type TrailRows } from './trail-rows.js';

export type Direction = 'request' | 'reply' | null;

/** What judging found out. */
export interface Judgement {
  readonly state: 'delivered' | 'lost' | 'unknown';
  readonly certainty: 'shown' | 'likely' | 'unknown';
  readonly lastSeen: number;
  readonly nextExpected: number | null;
  readonly reason: string | null;
  /** For each point after lastSeen: why its silence is proof, or why it is not. */
  readonly silent: readonly Silence[];
}

/** A captured point on the way that did not see the packet. */
export interface Silence {
  readonly point: number;
  readonly able: boolean;
  readonly note: string;
}

/** What few trails have. */
export interface RareFacts {
  readonly quote: Quote | null;
  /** What it quotes under other addresses: a translation on the way translates the quotation, too. */
  readonly otherQuotes: readonly Quote[];
  /** Why another packet may be this one under other addresses, though nothing proves it; null when there is none. */
  readonly resembles: string | null;
  /** Identical packets that this trail stands for. */
  readonly identical: number;
}

/** Of a packet that is nothing but itself. */
const PLAIN: RareFacts = Object.freeze({ quote: null, otherQuotes: [], resembles: null, identical: 1 });

// Fields of a trail's row, int32: when it was seen, as float64, where a packet has its form, then the description of the packet
const FIRST_TIME = 0;
const LAST_TIME = 1;
const PROTOCOL = Row.PROTOCOL - DESCRIPTION;
const FLAGS = Row.FLAGS - DESCRIPTION;
const IP_ID = Row.IP_ID - DESCRIPTION;
const FRAGMENT_OFFSET = Row.FRAGMENT_OFFSET - DESCRIPTION;
const PAYLOAD_LENGTH = Row.PAYLOAD_LENGTH - DESCRIPTION;
const A = Row.A - DESCRIPTION;
const B = Row.B - DESCRIPTION;
const C = Row.C - DESCRIPTION;
const NAME = Row.NAME - DESCRIPTION;
/** How many sightings follow. */
const SIGHTINGS = 14;

const WIDTH = 1 << TRAIL_SHIFT;

/** One packet's way: its sightings in path order. An object over its rows, the same one for all who speak of the packet. */
export class Trail {
  #memory: TrailRows;
  #row: number;
  readonly path: Way;
  readonly #rare: RareFacts;
  direction: Direction = null;
  exchange: Exchange | null = null;
  judgement: Judgement | null = null;

  /** @param sightings in path order @param whole points that saw all of it */
  constructor(
    memory: TrailRows,
    lead: PacketGroup,
    sightings: readonly Sighting[],
    path: Way,
    whole: ReadonlySet<number>,
    { otherQuotes, resembles, identical }: Pick<RareFacts, 'otherQuotes' | 'resembles' | 'identical'>,
  ) {
    const row = memory.take(1 + sightings.length);
    const { rows, times } = memory;
    this.#memory = memory;
    this.#row = row;
    lead.describe(rows, row);
    const [{ form }] = sightings as [Sighting];
    if (form.echoId >= 0) rows[row + B] = form.echoId;
    rows[row + SIGHTINGS] = sightings.length;
    let first = Infinity;
    let last = -Infinity;
    for (let i = 0, at = row + WIDTH; i < sightings.length; i++, at += WIDTH) {
      sightings[i]!.copyTo(memory, at);
      if (whole.has(memory.pointAt(at))) memory.markWhole(at);
      first = Math.min(first, memory.timeAt(at));
      last = Math.max(last, memory.timeAt(at));
    }
    times[(row >> 1) + FIRST_TIME] = first;
    times[(row >> 1) + LAST_TIME] = last;
    this.path = path;
    const { quote } = lead;
    this.#rare =
      quote === null && otherQuotes.length === 0 && resembles === null && identical === 1
        ? PLAIN
        : { quote, otherQuotes, resembles, identical };
  }

  /** Rows that it takes. */
  get size(): number {
    return 1 + this.sightingCount;
  }

  /** Writes its first and its last time. */
  copyTimes(to: Float64Array): void {
    to[0] = this.firstTime;
    to[1] = this.lastTime;
  }

  /** Moves it to other memory. */
  moveTo(memory: TrailRows): void {
    const { size } = this;
    const row = memory.take(size);
    memory.copy(row, this.#memory, this.#row, size);
    this.#memory = memory;
    this.#row = row;
  }

  #at(field: number): number {
    return this.#memory.rows[this.#row + field]!;
  }

  get protocol(): number {
    return this.#at(PROTOCOL);
  }
  get ipVersion(): number {
    return this.#at(FLAGS) & RowFlag.VERSION;
  }
  get kind(): number {
    return this.#at(FLAGS) >> KIND_SHIFT;
  }
  get isDns(): boolean {
    return (this.#at(FLAGS) & RowFlag.DNS) !== 0;
  }
  get moreFragments(): number {
    return (this.#at(FLAGS) & RowFlag.MORE_FRAGMENTS) === 0 ? 0 : 1;
  }
  get a(): number {
    return this.#at(A);
  }
  get b(): number {
    return this.#at(B);
  }
  get c(): number {
    return this.#at(C);
  }
  get ipId(): number {
    return this.#at(IP_ID);
  }
  get fragmentOffset(): number {
    return this.#at(FRAGMENT_OFFSET);
  }
  get payloadLength(): number {
    return this.#at(PAYLOAD_LENGTH);
  }
  get nameId(): number {
    return this.kind === Layer.TCP ? -1 : this.#at(NAME);
  }
  /** Of a SYN its timestamp, of a SYN,ACK the one that it echoes; 0 none. */
  get timestamp(): number {
    return this.kind === Layer.TCP ? this.#at(NAME) : 0;
  }
  get firstTime(): number {
    return this.#memory.times[(this.#row >> 1) + FIRST_TIME]!;
  }
  get lastTime(): number {
    return this.#memory.times[(this.#row >> 1) + LAST_TIME]!;
  }
  get quote(): Quote | null {
    return this.#rare.quote;
  }
  get otherQuotes(): readonly Quote[] {
    return this.#rare.otherQuotes;
  }
  get resembles(): string | null {
    return this.#rare.resembles;
  }
  get identical(): number {
    return this.#rare.identical;
  }

  // Rows of the first and of the last sighting
  get #start(): number {
    return this.#row + WIDTH;
  }
  get #end(): number {
    return this.#row + this.sightingCount * WIDTH;
  }

  get sightings(): readonly Sighting[] {
    // Of its length at once: the first push would make room for sixteen more
    const sightings = new Array<Sighting>(this.sightingCount);
    for (let i = 0, row = this.#start; i < sightings.length; i++, row += WIDTH)
      sightings[i] = new Sighting(this.#memory, row);
    return sightings;
  }
  get sightingCount(): number {
    return this.#at(SIGHTINGS);
  }
  get firstSighting(): Sighting {
    return new Sighting(this.#memory, this.#start);
  }
  get lastSighting(): Sighting {
    return new Sighting(this.#memory, this.#end);
  }
  /** As first and as last seen. */
  get first(): Form {
    return this.#memory.formAt(this.#start);
  }
  get last(): Form {
    return this.#memory.formAt(this.#end);
  }
  /** It was last seen under other addresses or ports than first. */
  get isTranslated(): boolean {
    return !this.#memory.haveOneForm(this.#start, this.#end);
  }
  /** All its forms, in path order. */
  get forms(): readonly Form[] {
    const first = this.sightings.filter(
      (sighting, i, all) => all.findIndex((other) => other.hasFormOf(sighting)) === i,
    );
    return first.map(({ form }) => form);
  }
  /** Points that saw all of it; a segment can be seen in part. */
  get whole(): ReadonlySet<number> {
    const memory = this.#memory;
    if (this.#start === this.#end && memory.isWholeAt(this.#start)) return onlyAt(memory.pointAt(this.#start));
    const points = new Set<number>();
    for (let row = this.#start; row <= this.#end; row += WIDTH)
      if (memory.isWholeAt(row)) points.add(memory.pointAt(row));
    return points;
  }

  /** Its sighting at a point, of several the last one on its way. */
  lastAt(point: number): Sighting | undefined {
    const row = this.#lastRow(point);
    return row < 0 ? undefined : new Sighting(this.#memory, row);
  }

  /** Its last sighting at a point that saw all of it. */
  get lastWhole(): Sighting | undefined {
    const memory = this.#memory;
    for (let row = this.#end; row >= this.#start; row -= WIDTH)
      if (memory.isWholeAt(row)) return new Sighting(memory, row);
    return undefined;
  }

  /** True when it was seen at a point. */
  passed(point: number): boolean {
    return this.#lastRow(point) >= 0;
  }

  /** True when all of it was seen at all of some points. */
  isWholeAt(points: readonly number[]): boolean {
    return points.every((point) => {
      const row = this.#lastRow(point);
      return row >= 0 && this.#memory.isWholeAt(row);
    });
  }

  /** It came where its destination lives. */
  get isAtHome(): boolean {
    const { home } = this.path;
    return home.length > 0 && this.isWholeAt(home);
  }

  /** How far it came on a way: the place of the last of some points that saw it, -1 when none did. */
  reachOn(points: readonly number[]): number {
    return points.findLastIndex((point) => this.passed(point));
  }

  #lastRow(point: number): number {
    for (let row = this.#end; row >= this.#start; row -= WIDTH) if (this.#memory.pointAt(row) === point) return row;
    return -1;
  }
}

/** Octets of sequence space or of an IP packet that a group covers: from, and how many. */
export function rangeOf(group: PacketGroup): { from: number; length: number } {
  if (group.protocol === 6 && group.fragmentOffset === 0 && group.moreFragments === 0) {
    return { from: group.a, length: group.payloadLength };
  }
  return { from: group.fragmentOffset, length: group.l4Length };
}

/** Copies the chain of a group out of the window, behind what is in the list; not what some points saw. */
export function addSightings(
  sightings: Sighting[],
  memory: TrailRows,
  group: PacketGroup,
  store: SightingStore,
  form: Form,
  match: Match,
  except: ReadonlySet<number> | null = null,
): void {
  for (let at = group.head; at >= 0; at = store.next(at))
    if (except === null || !except.has(store.point(at))) sightings.push(memory.addSighting(store, at, form, match));
}

/** Identifier of an ICMP echo, -1 for everything else. */
export function echoIdOf({ kind, a, b }: PacketGroup): number {
  const type = a >> 8;
  const isEcho =
    kind === Layer.ICMP ? type === 8 || type === 0 : kind === Layer.ICMPV6 && (type === 128 || type === 129);
  return isEcho ? b : -1;
}
