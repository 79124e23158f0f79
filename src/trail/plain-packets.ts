import { PairIndex } from '../net/pair-index.js';
import type { CapturePoint } from '../net/points.js';
import { Layer } from '../wire/layers.js';
import { Reach } from './exchange.js';
import { note, streamOf } from './exchange-packets.js';
import type { ExchangeTable } from './exchanges.js';
import type { GroupIndex } from './group-index.js';
import { isAnonymous, isTranslation } from './group-relations.js';
import { GroupRow, GroupTime, PacketGroup, TIME_SHIFT, TOLD, type GroupTable } from './packet-group.js';
import type { Paths } from './paths.js';
import type { Way } from './ways.js';
import { KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from './row.js';
import type { TrackerOptions } from './tracker.js';
import { echoIdOf } from './trail.js';
import { type Form } from './trail-rows.js';
import type { Translations } from './translations.js';
import type { PacketWindow } from './window.js';

const RST = 4;
const SHIFT = ROW_SHIFT;
const SRC = Row.SRC;
const DST = Row.DST;
const FLAGS = Row.FLAGS;
const FLAG_ICMP_ERROR = RowFlag.ICMP_ERROR;
const KIND = KIND_SHIFT;
const C = Row.C;
const SOURCE_PORT = Row.SOURCE_PORT;
const DESTINATION_PORT = Row.DESTINATION_PORT;
const PAYLOAD_LENGTH = Row.PAYLOAD_LENGTH;
const A = Row.A;
const IP_ID = Row.IP_ID;
const HEAD = GroupRow.HEAD;
const SEEN = GroupRow.SEEN;
const NEED = GroupRow.NEED;
const FIRST_TIME = GroupTime.FIRST;
const PATH = GroupRow.PATH;
const TCP = Layer.TCP;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The usual packets, which need no trail: seen at every captured point of their way, under one address or on both sides of one
 * translation. They go to their exchange straight from the rows.
 */
export class PlainPackets {
  /** Packets told so far. */
  packets = 0;
  readonly #translations: Translations;
  /** Ways before and after a translation that a packet has shown, by their numbers. */
  readonly #known = new PairIndex(1 << 16);
  readonly #options: TrackerOptions;
  readonly #index: GroupIndex;
  readonly #groups: GroupTable;
  readonly #paths: Paths;
  readonly #exchanges: ExchangeTable;
  /** Tunnel interfaces on the node of each underlay interface. */
  readonly #tunnels: readonly (readonly number[])[];
  /** Of the packet that is being looked at; reused. */
  readonly #group: PacketGroup;
  readonly #other: PacketGroup;
  readonly #form: Writable<Form> = { src: 0, dst: 0, sourcePort: -1, destinationPort: -1, echoId: -1 };
  readonly #otherForm: Writable<Form> = { ...this.#form };

  constructor(
    options: TrackerOptions,
    window: PacketWindow,
    paths: Paths,
    points: readonly CapturePoint[],
    exchanges: ExchangeTable,
    translations: Translations,
  ) {
    this.#translations = translations;
    this.#options = options;
    this.#index = window.index;
    this.#groups = window.groups;
    this.#paths = paths;
    this.#exchanges = exchanges;
    this.#group = new PacketGroup(this.#groups);
    this.#other = new PacketGroup(this.#groups);
    this.#tunnels = points.map(({ node, role }) =>
      role === 'underlay'
        ? points.filter((other) => other.node === node && other.role === 'tunnel').map(({ id }) => id)
        : [],
    );
  }

  /** Who made a refusal, and which way it came, is read off its trail. */
  leavesTrail(number: number): boolean {
    const { rows } = this.#groups;
    const row = number << SHIFT;
    if ((rows[row + FLAGS]! & FLAG_ICMP_ERROR) !== 0) return true;
    return rows[row + FLAGS]! >> KIND === TCP && (rows[row + C]! & RST) !== 0;
  }

  /** True where identical packets may be in one group, of which a trail counts how many each point saw. */
  mayBeSeveral(number: number): boolean {
    if (this.#groups.rows[(number << SHIFT) + IP_ID] !== 0 || !this.#groups.isRepeated(number)) return false;
    this.#group.moveTo(number);
    return isAnonymous(this.#group);
  }

  /** Takes a packet if it is a usual one. */
  take(number: number, path: Way): boolean {
    if (!path.endsAtHome || this.leavesTrail(number) || this.mayBeSeveral(number)) return false;
    // A packet that was not seen where its source lives may be a translated one; its first form is told with it.
    const other = path.isWhole ? 0 : this.#index.onlyTranslation(number);
    if (other === 0) {
      if (!this.#groups.hasSeenAll(number, path.points)) return false;
      this.tell(number, path);
      return true;
    }
    return other > 0 && this.#takeTranslated(number, other, path);
  }

  /** Gives a packet of one form to its exchange. */
  tell(number: number, path: Way): void {
    const { rows } = this.#groups;
    const row = number << SHIFT;
    const isTcp = rows[row + FLAGS]! >> KIND === TCP;
    const { points } = path;
    const group = this.#group;
    group.moveTo(number);
    const form = this.#form;
    setForm(form, rows, row);
    form.echoId = isTcp ? -1 : echoIdOf(group);
    const { choice, followsStreams } = this.#options;
    if (choice === null || choice.isPacket(group.ipVersion, group.protocol, [form])) this.packets++;
    const exchange = this.#exchanges.exchangeOf(group, form, form);
    if (exchange === null) return;
    const { direction } = this.#exchanges;
    const reach = path.home.length > 0 ? Reach.HOME : Reach.END;
    const { times } = this.#groups;
    const at = (number << TIME_SHIFT) + FIRST_TIME;
    note(exchange, direction, group, times, at, form, reach, points[points.length - 1]!, null, false);
    const length = rows[row + PAYLOAD_LENGTH]!;
    if (followsStreams && isTcp && length > 0) {
      const { sightings } = this.#groups;
      const sequence = rows[row + A]!;
      const stream = streamOf(exchange, direction, sequence);
      for (let its = rows[row + HEAD]!; its >= 0; its = sightings.next(its))
        stream.add(sightings.point(its), sequence, length);
    }
  }

  /**
   * Takes a packet in its two forms when all captured points of both ways have seen one of them, each point once, and the TTL
   * tells which came first.
   */
  #takeTranslated(number: number, other: number, path: Way): boolean {
    const { choice, followsStreams } = this.#options;
    if (choice !== null || followsStreams) return false;
    if (this.#index.onlyTranslation(other) !== number || this.leavesTrail(other)) return false;
    const groups = this.#groups;
    // An object keeps why another packet resembles it, and how much of it was told
    if (groups.viewed(number) !== undefined || groups.viewed(other) !== undefined) return false;
    const [group, its] = [this.#group, this.#other];
    group.moveTo(number);
    its.moveTo(other);
    if (!isTranslation(group, its)) return false;
    const otherPath = this.#paths.at(groups.rows[(other << SHIFT) + PATH]!);
    if (otherPath === undefined || !otherPath.endsAtHome) return false;
    if (!this.#areSeen(number, other, path.points) || !this.#areSeen(number, other, otherPath.points)) return false;
    const { rows } = groups;
    const seen = rows[(number << SHIFT) + SEEN]!;
    const otherSeen = rows[(other << SHIFT) + SEEN]!;
    if (seen < 0 || otherSeen < 0 || (seen & otherSeen) !== 0) return false;
    const hops = this.#hops(number);
    const otherHops = this.#hops(other);
    if (hops === 0 || otherHops === 0) return false;
    if (hops >> 8 > otherHops >> 8 && (hops & 255) > (otherHops & 255)) {
      return this.#tellTranslated(number, other, otherPath);
    }
    if (otherHops >> 8 > hops >> 8 && (otherHops & 255) > (hops & 255))
      return this.#tellTranslated(other, number, path);
    return false;
  }

  /** Gives a packet to its exchange that was translated once, from one group's form to the other's. */
  #tellTranslated(from: number, to: number, path: Way): boolean {
    const { rows } = this.#groups;
    const [row, itsRow] = [from << SHIFT, to << SHIFT];
    const way = rows[row + PATH]!;
    const itsWay = rows[itsRow + PATH]!;
    // There are too many to number them all
    if (way < 0 || itsWay < 0) return false;
    // The first one of each way shows in full how it is translated
    if (this.#known.find(way, itsWay) < 0) {
      this.#known.get(way, itsWay);
      return false;
    }
    const [group, its] = [this.#group, this.#other];
    group.moveTo(from);
    its.moveTo(to);
    if (!this.#passedTunnels(group)) return false;
    const before = lastOf(this.#paths.at(way).points, rows[row + SEEN]!);
    const after = firstOf(path.points, rows[itsRow + SEEN]!);
    const last = lastOf(path.points, rows[itsRow + SEEN]!);
    if (before < 0 || after < 0) return false;
    const [form, itsForm] = [this.#form, this.#otherForm];
    setForm(form, rows, row);
    setForm(itsForm, rows, itsRow);
    form.echoId = echoIdOf(group);
    itsForm.echoId = echoIdOf(its);
    // Told as one packet, from the first sighting of either form to the last
    const { times } = this.#groups;
    const [at, itsAt] = [(from << TIME_SHIFT) + FIRST_TIME, (to << TIME_SHIFT) + FIRST_TIME];
    times[at] = Math.min(times[at]!, times[itsAt]!);
    times[at + 1] = Math.max(times[at + 1]!, times[itsAt + 1]!);
    rows[row + NEED] = TOLD;
    rows[itsRow + NEED] = TOLD;
    this.packets++;
    this.#translations.add(form, itsForm, before, after);
    const exchange = this.#exchanges.exchangeOf(group, form, itsForm);
    if (exchange === null) return true;
    if (this.#exchanges.direction === 'request' && exchange.requestWay.length === 0) {
      const [seen, itsSeen] = [rows[row + SEEN]!, rows[itsRow + SEEN]!];
      const start = this.#paths.at(way).points.filter((point) => (seen & (1 << point)) !== 0);
      exchange.requestWay = [...start, ...path.points.filter((point) => (itsSeen & (1 << point)) !== 0)];
    }
    const reach = path.home.length > 0 ? Reach.HOME : Reach.END;
    note(exchange, this.#exchanges.direction, group, times, at, itsForm, reach, last, null, false);
    return true;
  }

  /** What leaves a node in a tunnel came through its tunnel device: false where that device did not show it. */
  #passedTunnels(group: PacketGroup): boolean {
    const { sightings } = this.#groups;
    for (let at = group.head; at >= 0; at = sightings.next(at)) {
      if (((sightings.ttls(at) >>> 8) & 255) === 0) continue;
      for (const tunnel of this.#tunnels[sightings.point(at)]!)
        if (!this.#groups.hasSeen(group.number, tunnel)) return false;
    }
    return true;
  }

  #areSeen(a: number, b: number, points: readonly number[]): boolean {
    for (let i = 0; i < points.length; i++)
      if (!this.#groups.hasSeen(a, points[i]!) && !this.#groups.hasSeen(b, points[i]!)) return false;
    return true;
  }

  /** Highest TTL of a group << 8 | its lowest; 0 when a point saw it twice. */
  #hops(number: number): number {
    const { sightings } = this.#groups;
    let highest = 0;
    let lowest = 255;
    let seen = 0;
    for (let at = this.#groups.rows[(number << SHIFT) + HEAD]!; at >= 0; at = sightings.next(at)) {
      const bit = 1 << sightings.point(at);
      if ((seen & bit) !== 0) return 0;
      seen |= bit;
      const ttl = sightings.ttls(at) & 255;
      if (ttl > highest) highest = ttl;
      if (ttl < lowest) lowest = ttl;
    }
    return (highest << 8) | lowest;
  }
}

function setForm(form: Writable<Form>, rows: Int32Array, row: number): void {
  form.src = rows[row + SRC]!;
  form.dst = rows[row + DST]!;
  form.sourcePort = rows[row + SOURCE_PORT]!;
  form.destinationPort = rows[row + DESTINATION_PORT]!;
}

/** The last of a way's points that is among the seen ones (bits), -1 none. */
function lastOf(points: readonly number[], seen: number): number {
  for (let i = points.length - 1; i >= 0; i--) if ((seen & (1 << points[i]!)) !== 0) return points[i]!;
  return -1;
}

/** The first of a way's points that is among the seen ones (bits), -1 none. */
function firstOf(points: readonly number[], seen: number): number {
  for (let i = 0; i < points.length; i++) if ((seen & (1 << points[i]!)) !== 0) return points[i]!;
  return -1;
}
