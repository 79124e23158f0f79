import type { AddressTable } from '../net/address-table.js';
import { PacketView } from '../wire/packet.js';
import { isAnonymous } from './group-relations.js';
import { copyDescription, copyPacket, bitOf, GroupRow, GroupTable, PacketGroup } from './packet-group.js';
import { quoteOf } from './quote.js';
import { Row, ROW_SHIFT, RowFlag } from './row.js';
import { OVERFLOW, SightingStore, TunnelTable } from './sightings.js';
import type { SightingBatch } from './sighting-batch.js';
import type { Texts } from './texts.js';
import { COPIES, ToldKeys } from './told-keys.js';

/**
 * Two sightings of one packet at different points are at most this far apart, nanoseconds: a packet that waits for ARP or
 * neighbour discovery is held for up to three seconds. An IP ID comes round in 4.4 s at 15,000 packets/s.
 */
export const JOIN = 4e9;
/**
 * What one and the same point shows of equal packets within this time of the first is one group, of copies or of identical
 * packets; what comes later is another, or a steady stream of them would be one packet from its beginning to its end.
 */
const JOIN_SAME = 100e6;
/** Most sightings of one group at one point: what is more begins another. */
const REPEATS = 128;
/** No queue on the way holds a packet for longer than this; what waits for a neighbour's address does, and then comes in a burst. */
const DELAY = 1e9;
/** So many times nearer is a packet of which a sighting is, than one of which it may be. */
const NEARER = 16;
/** Packets with equal keys that are looked at: more are alike only in captures made to be so. */
const WALK = 256;
/** A packet seen wherever it must be is told this long after its last sighting; all others wait for as long as JOIN. */
const SETTLE = 20e6;
/** Groups stamped ahead of all that is being read that are passed over at a time: as many as sightings come in meanwhile. */
const PASSED_OVER = 4096;
/** What is stamped this far ahead of all that is being read holds up nothing. */
const AHEAD = 1e9;
const ALIKE = 'equal packets were seen further on soon after it, and it may be one of those';
const EVICTED = 'it was given up for want of memory (--memory) before all sightings of it could be joined';
const CROWDED = 'more packets like it were on their way at the time than can be told apart';
/** Instead of a group's number. */
const RECORDED = -1;
const BUCKETS = 1 << 16;
const MASK = BUCKETS - 1;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const EXACT_LOW = Row.EXACT_LOW;
const EXACT_HIGH = Row.EXACT_HIGH;
const INVARIANT_LOW = Row.INVARIANT_LOW;
const INVARIANT_HIGH = Row.INVARIANT_HIGH;
const BURST = Row.BURST;
const PROTOCOL = Row.PROTOCOL;
const KIND = Row.KIND;
const FLAGS = Row.FLAGS;
const NAME = Row.NAME;
const IP_ID = Row.IP_ID;
const DNS = RowFlag.DNS;
const ICMP_ERROR = RowFlag.ICMP_ERROR;
const NEXT_EXACT = GroupRow.NEXT_EXACT;
const NEXT_INVARIANT = GroupRow.NEXT_INVARIANT;
const NEXT_BURST = GroupRow.NEXT_BURST;
const HEAD = GroupRow.HEAD;
const SERIAL = GroupRow.SERIAL;
const SEEN = GroupRow.SEEN;
const DONE = GroupRow.DONE;
const NEED = GroupRow.NEED;

/** Everything that one run shares while packets are paired. */
export interface WindowContext {
  readonly addresses: AddressTable;
  readonly texts: Texts;
  readonly vxlanPorts: readonly number[] | undefined;
  /** Most packets open at a time. */
  readonly limit: number;
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
  readonly sightings = new SightingStore();
  readonly groups = new GroupTable();
  readonly tunnels = new TunnelTable();
  /** Groups closed before their time because the window was full, and sightings that could not be told from copies. */
  get evicted(): number {
    return this.#evicted + this.#told.refused;
  }
  #evicted = 0;
  readonly #context: WindowContext;
  /** Any group, looked at for a moment. */
  readonly #any = new PacketGroup(this.groups);
  readonly #view: PacketView;
  /** First group of each bucket, 0 none. */
  readonly #exact = new Int32Array(BUCKETS);
  readonly #invariant = new Int32Array(BUCKETS);
  readonly #burst = new Int32Array(BUCKETS);
  /** Buckets of the exact key in which groups that a sighting might have joined were not looked at. */
  readonly #crowded = new Uint8Array(BUCKETS);
  /** Open groups with the key that was looked for last. */
  #equal = 0;
  readonly #told = new ToldKeys();
  /** Open groups in order of their making, and those among them that did not settle. */
  readonly #fresh = new GroupQueue();
  readonly #waiting = new GroupQueue();

  constructor(context: WindowContext) {
    this.#context = context;
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
    let group = this.#find(batch, index, point, file);
    if (group === RECORDED) return;
    if (group === 0) {
      if (this.#told.has(from[row + EXACT_LOW]!, from[row + EXACT_HIGH]!, batch.times, index)) return;
      const isAlone = this.#equal === 0;
      group = this.#start(batch, index);
      if (!isAlone && this.groups.rows[(group << SHIFT) + IP_ID] === 0) this.#doubtNew(group, time);
    } else if (this.#knowsMore(from, row, group)) this.#describe(batch, index, group);
    if (tunnel === OVERFLOW) this.tunnels.overflowed++;
    const { rows, times } = this.groups;
    const at = group << SHIFT;
    rows[at + HEAD] = this.sightings.add(batch, index, point, file, tunnel, rows[at + HEAD]!);
    rows[at + SEEN]! |= bitOf(point);
    if (time < times[group << 1]!) times[group << 1] = time;
    if (time > times[(group << 1) + 1]!) times[(group << 1) + 1] = time;
    const need = rows[at + NEED]!;
    if (need === 0 || (rows[at + SEEN]! & need) !== need) return;
    // Told while it is still in the processor's cache: waiting with the others costs three times as much
    if (this.#context.complete(group)) {
      this.#told.add(rows[at + EXACT_LOW]!, rows[at + EXACT_HIGH]!, times, (group << 1) + 1);
      rows[at + DONE] = 1;
      this.#release(group);
    } else {
      rows[at + NEED] = 0;
    }
  }

  /**
   * The open group that a sighting belongs to, of several the nearest in time; 0 when there is none, RECORDED when another file
   * of its point has the same sighting.
   */
  #find(batch: SightingBatch, index: number, point: number, file: number): number {
    const low = batch.rows[(index << SHIFT) + EXACT_LOW]!;
    const high = batch.rows[(index << SHIFT) + EXACT_HIGH]!;
    const time = batch.times[index]!;
    const { rows, times } = this.groups;
    let best = 0;
    let distance = Infinity;
    let equal = 0;
    let walked = 0;
    let group = this.#exact[low & MASK]!;
    for (; group !== 0 && walked < WALK; group = rows[(group << SHIFT) + NEXT_EXACT]!) {
      walked++;
      const row = group << SHIFT;
      if (rows[row + EXACT_LOW] !== low || rows[row + EXACT_HIGH] !== high || rows[row + DONE] !== 0) continue;
      equal++;
      const first = times[group << 1]!;
      const last = times[(group << 1) + 1]!;
      const away = time > last ? time - last : time < first ? first - time : 0;
      if (away >= distance && away > 0) continue;
      const isSeen = this.hasSeen(group, point);
      if (isSeen && away === 0 && this.#isRecorded(group, point, time, file)) return RECORDED;
      if (away >= distance || away > (isSeen ? JOIN_SAME : JOIN)) continue;
      if (isSeen && !this.#mayRepeat(group, point, time)) continue;
      best = group;
      distance = away;
    }
    if (group !== 0 && time - times[(group << 1) + 1]! <= JOIN) this.#crowded[low & MASK] = 1;
    this.#equal = equal;
    if (equal > 1) this.#doubt(low, high, point, time, best, distance);
    return best;
  }

  /** True when another file of the point has a sighting of the group at this time: two captures of one interface overlap. */
  #isRecorded(group: number, point: number, time: number, file: number): boolean {
    const { sightings } = this;
    for (let at = this.groups.rows[(group << SHIFT) + HEAD]!; at >= 0; at = sightings.next(at)) {
      if (sightings.time(at) === time && sightings.point(at) === point && sightings.file(at) !== file) return true;
    }
    return false;
  }

  /**
   * What an equal packet, sent before, was seen to do when this one was first seen, or later, may have been this one's: clocks may
   * be off.
   */
  #doubtNew(group: number, time: number): void {
    const { rows, times } = this.groups;
    const row = group << SHIFT;
    let walked = 0;
    for (
      let other = rows[row + NEXT_EXACT]!;
      other !== 0 && walked < WALK;
      other = rows[(other << SHIFT) + NEXT_EXACT]!
    ) {
      walked++;
      const its = other << SHIFT;
      const isEqual =
        rows[its + EXACT_LOW] === rows[row + EXACT_LOW] && rows[its + EXACT_HIGH] === rows[row + EXACT_HIGH];
      if (isEqual && rows[its + DONE] === 0 && times[(other << 1) + 1]! >= time - SETTLE) {
        this.groups.view(group).resembles ??= ALIKE;
        return;
      }
    }
  }

  #isAnonymous(group: number): boolean {
    if (this.groups.rows[(group << SHIFT) + IP_ID] !== 0) return false;
    this.#any.moveTo(group);
    return isAnonymous(this.#any);
  }

  /** True when a point that saw the group may show it once more. */
  #mayRepeat(group: number, point: number, time: number): boolean {
    const { sightings } = this;
    const { rows } = this.groups;
    // What is one packet may come by again; what has no IP ID may be sent again (a SYN,ACK), equal in every octet
    const longest = rows[(group << SHIFT) + IP_ID] === 0 ? JOIN_SAME : DELAY;
    let repeats = 0;
    for (let at = rows[(group << SHIFT) + HEAD]!; at >= 0; at = sightings.next(at)) {
      if (sightings.point(at) !== point) continue;
      if (++repeats === REPEATS || Math.abs(sightings.time(at) - time) > longest) return false;
    }
    return true;
  }

  /**
   * Of several groups of equal packets a sighting went to the nearest. Those that its point has not shown may be its own all the
   * same: of those that were held for as long as a queue holds them, or for longer where several came at once. Not those of a
   * slow stream, with a packet so much nearer that it is this one.
   */
  #doubt(low: number, high: number, point: number, time: number, best: number, distance: number): void {
    const { rows, times } = this.groups;
    const isOneMore = best === 0 || this.hasSeen(best, point);
    let walked = 0;
    let group = this.#exact[low & MASK]!;
    for (; group !== 0 && walked < WALK; group = rows[(group << SHIFT) + NEXT_EXACT]!) {
      walked++;
      const row = group << SHIFT;
      if (group === best || rows[row + EXACT_LOW] !== low || rows[row + EXACT_HIGH] !== high || rows[row + DONE] !== 0)
        continue;
      const away = Math.max(time - times[(group << 1) + 1]!, times[group << 1]! - time);
      if (away > (isOneMore ? JOIN : DELAY) || this.hasSeen(group, point)) continue;
      // What is sent again of a connection is told by its numbers
      if (!this.#isAnonymous(group)) continue;
      if (isOneMore || this.isRepeated(group) || away < NEARER * distance) this.groups.view(group).resembles ??= ALIKE;
    }
  }

  /** True when a point saw the group. */
  hasSeen(group: number, point: number): boolean {
    const { rows } = this.groups;
    const row = group << SHIFT;
    if ((rows[row + SEEN]! & bitOf(point)) === 0) return false;
    if (point < 31) return true;
    const { sightings } = this;
    for (let at = rows[row + HEAD]!; at >= 0; at = sightings.next(at)) if (sightings.point(at) === point) return true;
    return false;
  }

  /** True when a point saw the group more than once, or a group has lost count of who saw it. */
  isRepeated(group: number): boolean {
    const row = group << SHIFT;
    const { rows } = this.groups;
    return this.sightings.chained(rows[row + HEAD]!) > bitsOf(rows[row + SEEN]!);
  }

  /** Another point may have kept more of a packet. */
  #knowsMore(from: Int32Array, row: number, group: number): boolean {
    const { rows } = this.groups;
    const at = group << SHIFT;
    if ((rows[at + FLAGS]! & DNS) !== 0 ? rows[at + NAME]! < 0 : (from[row + FLAGS]! & DNS) !== 0) return true;
    return rows[at + KIND]! < 0 && from[row + KIND]! >= 0;
  }

  #start(batch: SightingBatch, index: number): number {
    if (this.groups.open >= this.#context.limit) this.#evict();
    const { groups } = this;
    const group = groups.take();
    const { rows, times } = groups;
    const row = group << SHIFT;
    copyPacket(batch.rows, index << SHIFT, rows, row);
    times[group << 1] = times[(group << 1) + 1] = batch.times[index]!;
    if ((rows[row + FLAGS]! & (DNS | ICMP_ERROR)) !== 0) this.#readKept(batch, index, group);
    else rows[row + NAME] = -1;
    link(this.#exact, rows[row + EXACT_LOW]! & MASK, rows, group, NEXT_EXACT);
    link(this.#invariant, rows[row + INVARIANT_LOW]! & MASK, rows, group, NEXT_INVARIANT);
    if (rows[row + BURST] !== 0) link(this.#burst, rows[row + BURST]! & MASK, rows, group, NEXT_BURST);
    this.#enqueue(this.#fresh, group);
    this.#context.start(group);
    return group;
  }

  /** Makes room: tells the packet that has been open for longest, of which more may come. */
  #evict(): void {
    this.#evicted++;
    const oldest = this.#firstOf(this.#waiting) || this.#firstOf(this.#fresh);
    if (this.groups.rows[(oldest << SHIFT) + DONE] === 0) this.groups.view(oldest).resembles ??= EVICTED;
    this.#end(oldest);
  }

  /** Takes over what a sighting tells of a packet that the group's others did not. */
  #describe(batch: SightingBatch, index: number, group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
    copyDescription(batch.rows, index << SHIFT, rows, row);
    const burst = batch.rows[(index << SHIFT) + BURST]!;
    if (rows[row + BURST] === 0 && burst !== 0) {
      rows[row + BURST] = burst;
      link(this.#burst, burst & MASK, rows, group, NEXT_BURST);
    }
    this.#readKept(batch, index, group);
  }

  /** The name that a DNS message asks for, and the packet that an ICMP error quotes. */
  #readKept(batch: SightingBatch, index: number, group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
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
    const { rows, times } = this.groups;
    let passed = 0;
    let taken = 0;
    for (;;) {
      const group = this.#firstOf(this.#fresh);
      if (taken++ === most) return false;
      if (group === 0) break;
      const last = times[(group << 1) + 1]!;
      if (last + SETTLE >= readUpTo) {
        if (last < readUpTo + AHEAD || passed++ >= PASSED_OVER) break;
        this.#fresh.turn();
        continue;
      }
      this.#fresh.shift();
      const row = group << SHIFT;
      if (rows[row + DONE] !== 0 || this.#context.settle(group)) this.#release(group);
      else this.#enqueue(this.#waiting, group);
    }
    for (passed = 0; ;) {
      const group = this.#firstOf(this.#waiting);
      if (taken++ === most) return false;
      if (group === 0) break;
      const last = times[(group << 1) + 1]!;
      if (last + JOIN >= readUpTo) {
        if (last < readUpTo + AHEAD || passed++ >= PASSED_OVER) break;
        this.#waiting.turn();
        continue;
      }
      this.#end(group);
    }
    this.#told.expire(readUpTo - COPIES);
    return true;
  }

  #enqueue(queue: GroupQueue, group: number): void {
    queue.push(group, this.groups.rows[(group << SHIFT) + SERIAL]!, this.groups);
  }

  /** The group that has been in a queue for longest, 0 when there is none; those that were told meanwhile leave the queue. */
  #firstOf(queue: GroupQueue): number {
    const { rows } = this.groups;
    for (; queue.length > 0; queue.shift())
      if (rows[(queue.first << SHIFT) + SERIAL] === queue.firstSerial) return queue.first;
    return 0;
  }

  #end(group: number): void {
    const { rows } = this.groups;
    const row = group << SHIFT;
    if (rows[row + DONE] === 0) {
      const view = this.groups.view(group);
      if (this.#crowded[rows[row + EXACT_LOW]! & MASK] !== 0) view.resembles ??= CROWDED;
      this.#context.close(view);
    }
    this.#release(group);
  }

  #release(group: number): void {
    const { groups, sightings } = this;
    const { rows } = groups;
    const row = group << SHIFT;
    unlink(this.#exact, rows[row + EXACT_LOW]! & MASK, rows, group, NEXT_EXACT);
    unlink(this.#invariant, rows[row + INVARIANT_LOW]! & MASK, rows, group, NEXT_INVARIANT);
    if (rows[row + BURST] !== 0) unlink(this.#burst, rows[row + BURST]! & MASK, rows, group, NEXT_BURST);
    for (let at = rows[row + HEAD]!; at >= 0;) {
      const next = sightings.next(at);
      sightings.free(at);
      at = next;
    }
    groups.free(group);
  }

  /** The one open group with the same nat-invariant key, close in time: 0 there is none, -1 there are several. */
  onlyTranslation(group: number): number {
    const other = this.#nextTranslation(group, 0);
    return other === 0 || this.#nextTranslation(group, other) === 0 ? other : -1;
  }

  /** Open groups with the same nat-invariant key and other addresses or ports, close in time. */
  translationsOf(group: PacketGroup): PacketGroup[] {
    const found: PacketGroup[] = [];
    for (let other = 0; (other = this.#nextTranslation(group.number, other)) !== 0;)
      found.push(this.groups.view(other));
    return found;
  }

  #walked = 0;

  /** The next one behind `after` (0: the first) in the chain. */
  #nextTranslation(group: number, after: number): number {
    const { rows } = this.groups;
    const row = group << SHIFT;
    const low = rows[row + INVARIANT_LOW]!;
    if (after === 0) this.#walked = 0;
    let other = after === 0 ? this.#invariant[low & MASK]! : rows[(after << SHIFT) + NEXT_INVARIANT]!;
    for (; other !== 0 && this.#walked < WALK; other = rows[(other << SHIFT) + NEXT_INVARIANT]!) {
      this.#walked++;
      const its = other << SHIFT;
      if (
        other !== group &&
        rows[its + DONE] === 0 &&
        rows[its + INVARIANT_LOW] === low &&
        rows[its + INVARIANT_HIGH] === rows[row + INVARIANT_HIGH] &&
        rows[its + PROTOCOL] === rows[row + PROTOCOL] &&
        this.#near(group, other)
      ) {
        return other;
      }
    }
    return 0;
  }

  /**
   * Open groups that may be pieces of the same packet, or pieces of which it may be one, close in time; under the same
   * addresses or under others.
   */
  piecesOf(group: PacketGroup): PacketGroup[] {
    const found: PacketGroup[] = [];
    const { rows } = this.groups;
    const { burst, number } = group;
    if (burst === 0) return found;
    let walked = 0;
    let other = this.#burst[burst & MASK]!;
    for (; other !== 0 && walked < WALK; other = rows[(other << SHIFT) + NEXT_BURST]!) {
      walked++;
      const its = other << SHIFT;
      if (
        other !== number &&
        rows[its + DONE] === 0 &&
        rows[its + BURST] === burst &&
        rows[its + PROTOCOL] === group.protocol &&
        this.#near(number, other)
      ) {
        found.push(this.groups.view(other));
      }
    }
    return found;
  }

  #near(a: number, b: number): boolean {
    const { times } = this.groups;
    return times[a << 1]! <= times[(b << 1) + 1]! + JOIN && times[b << 1]! <= times[(a << 1) + 1]! + JOIN;
  }
}

/** A ring of groups, first in first out, each with its serial number. */
class GroupQueue {
  #ring = new Int32Array(2 << 12);
  #from = 0;
  length = 0;

  get first(): number {
    return this.#ring[this.#from << 1]!;
  }

  get firstSerial(): number {
    return this.#ring[(this.#from << 1) + 1]!;
  }

  push(group: number, serial: number, groups: GroupTable): void {
    if (this.length === this.#ring.length >> 1) this.#makeRoom(groups);
    this.#append(group, serial);
  }

  #append(group: number, serial: number): void {
    const at = (this.#from + this.length++) & ((this.#ring.length >> 1) - 1);
    this.#ring[at << 1] = group;
    this.#ring[(at << 1) + 1] = serial;
  }

  shift(): void {
    this.#from = (this.#from + 1) & ((this.#ring.length >> 1) - 1);
    this.length--;
  }

  /** Puts the first behind the last. */
  turn(): void {
    const { first, firstSerial } = this;
    this.shift();
    this.#append(first, firstSerial);
  }

  /** Drops what is over, and grows when that is less than half. */
  #makeRoom({ rows }: GroupTable): void {
    const { length } = this;
    for (let i = 0; i < length; i++) {
      const { first, firstSerial } = this;
      this.shift();
      if (rows[(first << SHIFT) + SERIAL] === firstSerial) this.#append(first, firstSerial);
    }
    if (this.length <= length >> 1) return;
    const ring = new Int32Array(this.#ring.length * 2);
    const size = this.#ring.length >> 1;
    for (let i = 0; i < this.length; i++) {
      const at = (this.#from + i) & (size - 1);
      ring[i << 1] = this.#ring[at << 1]!;
      ring[(i << 1) + 1] = this.#ring[(at << 1) + 1]!;
    }
    this.#ring = ring;
    this.#from = 0;
  }
}

/** Puts a group before a chain. `next`: field of the chain's next; its previous is the field behind. */
function link(table: Int32Array, slot: number, rows: Int32Array, group: number, next: number): void {
  const head = table[slot]!;
  rows[(group << SHIFT) + next] = head;
  rows[(group << SHIFT) + next + 1] = 0;
  if (head !== 0) rows[(head << SHIFT) + next + 1] = group;
  table[slot] = group;
}

function unlink(table: Int32Array, slot: number, rows: Int32Array, group: number, next: number): void {
  const before = rows[(group << SHIFT) + next + 1]!;
  const after = rows[(group << SHIFT) + next]!;
  if (before === 0) table[slot] = after;
  else rows[(before << SHIFT) + next] = after;
  if (after !== 0) rows[(after << SHIFT) + next + 1] = before;
}

function bitsOf(word: number): number {
  let bits = 0;
  for (; word !== 0; word &= word - 1) bits++;
  return bits;
}
