import type { AddressTable } from '../net/address-table.js';
import { Layer } from '../wire/layers.js';
import { PacketView } from '../wire/packet.js';
import { EqualPackets, RECORDED } from './equal-packets.js';
import { GroupIndex, JOIN, SETTLE } from './group-index.js';
import { GroupQueue } from './group-queue.js';
import {
  bitOf,
  copyDescription,
  copyPacket,
  GroupRow,
  GroupTable,
  GroupTime,
  TIME_SHIFT,
  TOLD,
  type PacketGroup,
} from './packet-group.js';
import { quoteOf } from './quote.js';
import { KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from './row.js';
import { OVERFLOW, type FileClock, type TunnelTable } from './sightings.js';
import type { SightingBatch } from './sighting-batch.js';
import type { Texts } from './texts.js';
import { COPIES, ToldKeys } from './told-keys.js';

/** Groups stamped ahead of all that is being read that are passed over at a time: as many as sightings come in meanwhile. */
const PASSED_OVER = 4096;
/** What is stamped this far ahead of all that is being read holds up nothing. */
const AHEAD = 1e9;
const EVICTED = 'it was given up for want of memory (--memory) before all sightings of it could be joined';
const CROWDED = 'more packets like it were on their way at the time than can be told apart';

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const EXACT_LOW = Row.EXACT_LOW;
const EXACT_HIGH = Row.EXACT_HIGH;
const BURST = Row.BURST;
const SRC = Row.SRC;
const DST = Row.DST;
const KIND = KIND_SHIFT;
const FLAGS = Row.FLAGS;
const NAME = Row.NAME;
const IP_ID = Row.IP_ID;
const DNS = RowFlag.DNS;
const ICMP_ERROR = RowFlag.ICMP_ERROR;
const TCP = Layer.TCP;
const HEAD = GroupRow.HEAD;
const SEEN = GroupRow.SEEN;
const NEED = GroupRow.NEED;
const FIRST_TIME = GroupTime.FIRST;
const LAST_TIME = GroupTime.LAST;

/** Everything that one run shares while packets are paired. */
export interface WindowContext {
  readonly addresses: AddressTable;
  readonly texts: Texts;
  readonly tunnels: TunnelTable;
  readonly vxlanPorts: readonly number[] | undefined;
  /** Of the captures, by number. */
  readonly clocks: readonly FileClock[];
  /** Most packets open at a time. */
  readonly limit: number;
  /** Points of which captures overlap. */
  readonly overlapping: ReadonlySet<number>;
  /** Takes the ends of a packet that another capture of the point has at the same time. */
  readonly recorded: (point: number, src: number, dst: number) => void;
  /** Number of the path of a new group, and the points that must see it before it can be told at once (see GroupRow.NEED). */
  readonly start: (group: number) => void;
  /** Takes a group that all those points have seen; false when it must wait after all. */
  readonly complete: (group: number) => boolean;
  /** Takes a group when it is complete; false when it should wait for more sightings. */
  readonly settle: (group: number) => boolean;
  /** Takes a group when nothing can join it any more. */
  readonly close: (group: PacketGroup) => void;
}

/** The packets being put together: sightings come in, in rough order of time, and complete groups go out. */
export class PacketWindow {
  readonly groups: GroupTable;
  readonly index: GroupIndex;
  readonly tunnels: TunnelTable;
  /** Groups closed before their time because the window was full, and sightings that could not be told from copies. */
  get evicted(): number {
    return this.#evicted + this.#told.refused;
  }
  #evicted = 0;
  readonly #context: WindowContext;
  readonly #view: PacketView;
  readonly #equal: EqualPackets;
  readonly #told = new ToldKeys();
  /** Open groups in order of their making, and those among them that did not settle. */
  readonly #fresh: GroupQueue;
  readonly #waiting: GroupQueue;

  constructor(context: WindowContext) {
    this.#context = context;
    this.tunnels = context.tunnels;
    this.groups = new GroupTable(context.clocks);
    this.index = new GroupIndex(this.groups);
    this.#fresh = new GroupQueue(this.groups);
    this.#waiting = new GroupQueue(this.groups);
    this.#equal = new EqualPackets(this.groups, this.index, context.overlapping);
    this.#view = new PacketView(context.vxlanPorts === undefined ? {} : { vxlanPorts: context.vxlanPorts });
  }

  /**
   * Adds a sighting of a batch. `tunnel`: number in `tunnels`. Times are handed on by their place: as a number with a fraction each
   * would be an object, two or three a packet.
   */
  add(batch: SightingBatch, index: number, point: number, file: number, tunnel: number): void {
    const from = batch.rows;
    const row = index << SHIFT;
    const time = batch.times[index]!;
    let group = this.#equal.find(batch, index, point, file, tunnel);
    if (group === RECORDED) {
      this.#context.recorded(point, from[row + SRC]!, from[row + DST]!);
      return;
    }
    if (group === 0) {
      if (this.#told.has(from[row + EXACT_LOW]!, from[row + EXACT_HIGH]!, batch.times, index)) return;
      const isAlone = this.#equal.count === 0;
      group = this.#start(batch, index);
      if (!isAlone && from[row + IP_ID] === 0) this.#equal.settle(group, point, time);
    } else if (this.#knowsMore(from, row, group)) this.#describe(batch, index, group);
    if (tunnel === OVERFLOW) this.tunnels.overflowed++;
    const { rows, times, sightings } = this.groups;
    const at = group << SHIFT;
    rows[at + HEAD] = sightings.add(batch, index, point, file, tunnel, rows[at + HEAD]!);
    rows[at + SEEN]! |= bitOf(point);
    const its = group << TIME_SHIFT;
    if (time < times[its + FIRST_TIME]!) times[its + FIRST_TIME] = time;
    if (time > times[its + LAST_TIME]!) times[its + LAST_TIME] = time;
    const need = rows[at + NEED]!;
    if (need === 0 || (rows[at + SEEN]! & need) !== need) return;
    // Told while it is still in the processor's cache: waiting with the others costs three times as much
    if (this.#context.complete(group)) {
      this.#told.add(rows[at + EXACT_LOW]!, rows[at + EXACT_HIGH]!, times, its + LAST_TIME);
      rows[at + NEED] = TOLD;
      this.#release(group);
    } else {
      rows[at + NEED] = 0;
    }
  }

  /** Another point may have kept more of a packet. */
  #knowsMore(from: Int32Array, row: number, group: number): boolean {
    const { rows } = this.groups;
    const at = group << SHIFT;
    if ((rows[at + FLAGS]! & DNS) !== 0 ? rows[at + NAME]! < 0 : (from[row + FLAGS]! & DNS) !== 0) return true;
    if (rows[at + FLAGS]! >> KIND === TCP) return rows[at + NAME] === 0 && from[row + NAME] !== 0;
    return rows[at + FLAGS]! >> KIND < 0 && from[row + FLAGS]! >> KIND >= 0;
  }

  #start(batch: SightingBatch, index: number): number {
    if (this.groups.open >= this.#context.limit) this.#evict();
    const { groups } = this;
    const group = groups.take();
    const { rows, times } = groups;
    const row = group << SHIFT;
    copyPacket(batch.rows, index << SHIFT, rows, row);
    const its = group << TIME_SHIFT;
    times[its + FIRST_TIME] = times[its + LAST_TIME] = batch.times[index]!;
    this.#readKept(batch, index, group);
    this.index.add(group);
    this.#fresh.push(group);
    this.#context.start(group);
    return group;
  }

  /** Makes room: tells the packet that has been open for longest, of which more may come. */
  #evict(): void {
    this.#evicted++;
    const oldest = this.#waiting.first || this.#fresh.first;
    if (this.groups.rows[(oldest << SHIFT) + NEED] !== TOLD) this.groups.view(oldest).resembles ??= EVICTED;
    this.#end(oldest);
  }

  /** Takes over what a sighting tells of a packet that the group's others did not. */
  #describe(batch: SightingBatch, index: number, group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
    copyDescription(batch.rows, index << SHIFT, rows, row);
    this.index.setBurst(group, batch.rows[(index << SHIFT) + BURST]!);
    this.#readKept(batch, index, group);
  }

  /** The name that a DNS message asks for, and the packet that an ICMP error quotes. */
  #readKept(batch: SightingBatch, index: number, group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
    if ((rows[row + FLAGS]! & (DNS | ICMP_ERROR)) === 0) {
      if (rows[row + FLAGS]! >> KIND !== TCP) rows[row + NAME] = -1;
      return;
    }
    const { texts, addresses } = this.#context;
    const view = this.#view;
    const hash = batch.rows[(index << SHIFT) + NAME]!;
    let name = -1;
    if (hash !== 0) {
      name = texts.find(hash);
      if (name < 0 && batch.decode(view, index)) name = texts.add(hash, view.view, view.dnsAt, view.payloadEnd);
    }
    rows[row + NAME] = name;
    if ((rows[row + FLAGS]! & ICMP_ERROR) !== 0 && batch.decode(view, index)) {
      this.groups.view(group).quote = quoteOf(view, addresses);
    }
  }

  /**
   * Tells what is complete, and what nothing can join any more; `readUpTo`: every capture has been read up to this time.
   * @param most groups to take at a time @returns true when there is nothing more to take
   */
  expire(readUpTo: number, most: number): boolean {
    const { groups } = this;
    let passed = 0;
    let taken = 0;
    for (;;) {
      const group = this.#fresh.first;
      if (group === 0) break;
      const last = groups.times[(group << TIME_SHIFT) + LAST_TIME]!;
      if (last + SETTLE >= readUpTo) {
        if (last < readUpTo + AHEAD || passed++ >= PASSED_OVER) break;
        this.#fresh.turn();
        continue;
      }
      // Only what is taken counts: else what is passed over would be passed over again and again, without end
      if (taken++ === most) return false;
      this.#fresh.shift();
      if (groups.rows[(group << SHIFT) + NEED] === TOLD || this.#context.settle(group)) this.#release(group);
      else this.#wait(group);
    }
    for (passed = 0; ;) {
      const group = this.#waiting.first;
      if (group === 0) break;
      const last = groups.times[(group << TIME_SHIFT) + LAST_TIME]!;
      if (last + JOIN >= readUpTo) {
        if (last < readUpTo + AHEAD || passed++ >= PASSED_OVER) break;
        this.#waiting.turn();
        continue;
      }
      if (taken++ === most) return false;
      this.#end(group);
    }
    this.#told.expire(readUpTo - COPIES);
    return true;
  }

  #wait(group: number): void {
    const number = this.groups.setApart(group);
    this.index.replace(group, number);
    this.#waiting.push(number);
  }

  #end(group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
    if (rows[row + NEED] !== TOLD) {
      const view = this.groups.view(group);
      if (this.index.isCrowded(group)) view.resembles ??= CROWDED;
      this.#context.close(view);
    }
    this.#release(group);
  }

  #release(group: number): void {
    this.index.remove(group);
    this.groups.free(group);
  }
}
