import { JOIN, SETTLE, type GroupIndex } from './group-index.js';
import { isAnonymous } from './group-relations.js';
import { copyDescription, GroupRow, GroupTime, PacketGroup, TIME_SHIFT, type GroupTable } from './packet-group.js';
import { KIND_SHIFT, Row, ROW_SHIFT } from './row.js';
import type { SightingBatch } from './sighting-batch.js';

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
const ALIKE = 'equal packets were seen further on soon after it, and it may be one of those';
/** Instead of a group's number. */
export const RECORDED = -1;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const BURST = Row.BURST;
const KIND = KIND_SHIFT;
const FLAGS = Row.FLAGS;
const IP_ID = Row.IP_ID;
const TTLS = Row.TTLS;
const HEAD = GroupRow.HEAD;
const FIRST_TIME = GroupTime.FIRST;
const LAST_TIME = GroupTime.LAST;

/** Tells of which of several equal packets a sighting is, and which of them may be one another. */
export class EqualPackets {
  readonly #groups: GroupTable;
  readonly #index: GroupIndex;
  readonly #overlapping: ReadonlySet<number>;
  /** Any group, looked at for a moment. */
  readonly #any: PacketGroup;
  /** Open groups with the key that was looked for last. */
  count = 0;

  /** @param overlapping points of which captures overlap */
  constructor(groups: GroupTable, index: GroupIndex, overlapping: ReadonlySet<number>) {
    this.#groups = groups;
    this.#index = index;
    this.#overlapping = overlapping;
    this.#any = new PacketGroup(groups);
  }

  /**
   * The open group that a sighting belongs to, of several the nearest in time; 0 when there is none, RECORDED when another file
   * of its point has the same sighting.
   */
  find(batch: SightingBatch, index: number, point: number, file: number, tunnel: number): number {
    const groups = this.#groups;
    const { times } = groups;
    const from = index << SHIFT;
    const { rows } = batch;
    const ttls = rows[from + TTLS]!;
    const time = batch.times[index]!;
    const overlaps = this.#overlapping.size > 0 && this.#overlapping.has(point);
    let best = 0;
    let distance = Infinity;
    let equal = 0;
    let group = 0;
    while ((group = this.#index.nextEqual(rows, from, group)) !== 0) {
      equal++;
      const first = times[(group << TIME_SHIFT) + FIRST_TIME]!;
      const last = times[(group << TIME_SHIFT) + LAST_TIME]!;
      const away = time > last ? time - last : time < first ? first - time : 0;
      if (away >= distance && away > 0) continue;
      const isSeen = groups.hasSeen(group, point);
      if (overlaps && isSeen && away === 0 && this.#isRecorded(group, point, time, file, ttls, tunnel)) return RECORDED;
      if (away >= distance || away > (isSeen ? JOIN_SAME : JOIN)) continue;
      if (isSeen && !this.#mayRepeat(group, point, time)) continue;
      best = group;
      distance = away;
    }
    this.#index.noteLeftOut(rows, from, batch.times, index);
    this.count = equal;
    if (equal > 1) this.#doubt(rows, from, point, time, best, distance);
    return best;
  }

  /** True when another file of a point whose captures overlap has the sighting: the kernel gives a packet one time in all of them. */
  #isRecorded(group: number, point: number, time: number, file: number, ttls: number, tunnel: number): boolean {
    const { sightings } = this.#groups;
    for (let at = this.#groups.rows[(group << SHIFT) + HEAD]!; at >= 0; at = sightings.next(at)) {
      if (sightings.time(at) !== time || sightings.point(at) !== point || sightings.file(at) === file) continue;
      // Captures of one direction each: what comes back out is no copy of what went in
      if (sightings.ttls(at) === ttls && sightings.tunnel(at) === tunnel) return true;
    }
    return false;
  }

  /** True when a point that saw the group may show it once more. */
  #mayRepeat(group: number, point: number, time: number): boolean {
    const { sightings, rows } = this.#groups;
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
  #doubt(rows: Int32Array, from: number, point: number, time: number, best: number, distance: number): void {
    const groups = this.#groups;
    const { times } = groups;
    const isOneMore = best === 0 || groups.hasSeen(best, point);
    let group = 0;
    while ((group = this.#index.nextEqual(rows, from, group)) !== 0) {
      if (group === best) continue;
      const at = group << TIME_SHIFT;
      const away = Math.max(time - times[at + LAST_TIME]!, times[at + FIRST_TIME]! - time);
      if (away > (isOneMore ? JOIN : DELAY) || groups.hasSeen(group, point)) continue;
      // What is sent again of a connection is told by its numbers
      if (!this.#isAnonymous(group)) continue;
      if (isOneMore || groups.isRepeated(group) || away < NEARER * distance) groups.view(group).resembles ??= ALIKE;
    }
  }

  #isAnonymous(group: number): boolean {
    if (this.#groups.rows[(group << SHIFT) + IP_ID] !== 0) return false;
    this.#any.moveTo(group);
    return isAnonymous(this.#any);
  }

  /** Looks at a new group, without IP ID, of a packet that is equal to others: what `point` shows at `time` is its first sighting. */
  settle(group: number, point: number, time: number): void {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    for (let other = 0; (other = this.#index.nextEqual(rows, row, other)) !== 0;)
      if (other !== group && this.#groups.hasSeen(other, point)) this.#moveNearer(other, group, point, time);
    // What an equal packet was seen to do when this one was first seen, or later, may have been this one's: clocks may be off
    const { times } = this.#groups;
    for (let other = 0; (other = this.#index.nextEqual(rows, row, other)) !== 0;)
      if (other !== group && times[(other << TIME_SHIFT) + LAST_TIME]! >= time - SETTLE) {
        this.#groups.view(group).resembles ??= ALIKE;
        return;
      }
  }

  /**
   * Sightings that went to an equal packet, sent before, for want of a nearer one are the new one's: points stamp a packet alike to
   * the microsecond, and which is read first is chance. Moves what is far nearer to a moment than to all that `point`, which shows
   * both, showed of the earlier one.
   */
  #moveNearer(from: number, to: number, point: number, time: number): void {
    const groups = this.#groups;
    const { sightings, rows } = groups;
    const all = groups.chainOf(from);
    const shown = all.filter((at) => sightings.point(at) === point).map((at) => sightings.time(at));
    const isNearer = (at: number): boolean => {
      const its = sightings.time(at);
      return shown.every((other) => NEARER * Math.abs(its - time) < Math.abs(its - other));
    };
    const moved = all.filter(isNearer);
    if (moved.length === 0) return;
    groups.chain(
      from,
      all.filter((at) => !moved.includes(at)),
    );
    groups.chain(to, [...groups.chainOf(to), ...moved]);
    // Its own point may have kept too little to tell what it is
    const [row, its] = [to << SHIFT, from << SHIFT];
    if (rows[row + FLAGS]! >> KIND >= 0 || rows[its + FLAGS]! >> KIND < 0) return;
    copyDescription(rows, its, rows, row);
    this.#index.setBurst(to, rows[its + BURST]!);
  }
}
