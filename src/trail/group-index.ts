import { GroupRow, GroupTime, TIME_SHIFT, TOLD, type GroupTable, type PacketGroup } from './packet-group.js';
import { DESCRIPTION, Row, ROW_SHIFT } from './row.js';

/**
 * Two sightings of one packet at different points are at most this far apart, nanoseconds: a packet that waits for ARP or
 * neighbour discovery is held for up to three seconds. An IP ID comes round in 4.4 s at 15,000 packets/s.
 */
export const JOIN = 4e9;
/** Packets with equal keys that are looked at: more are alike only in captures made to be so. */
const WALK = 256;
/**
 * Packets in a bucket that are looked at for those with equal keys. Datagrams of one content without an IP ID are all in one, whoever
 * sends them to whom.
 */
const BUCKET_WALK = 4 * WALK;
/** A packet seen wherever it must be is told this long after its last sighting; all others wait for as long as JOIN. */
export const SETTLE = 20e6;
/** Rows that are touched at a time. */
export const AHEAD = 64;
/** Several times as many as packets wait at a time, so that most are alone in theirs. */
const BUCKETS = 1 << 17;
const MASK = BUCKETS - 1;

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const EXACT_LOW = Row.EXACT_LOW;
const EXACT_HIGH = Row.EXACT_HIGH;
const INVARIANT_LOW = Row.INVARIANT_LOW;
const INVARIANT_HIGH = Row.INVARIANT_HIGH;
const BURST = Row.BURST;
const PROTOCOL = Row.PROTOCOL;
const NEXT_INVARIANT = GroupRow.NEXT_INVARIANT;
const PREVIOUS_INVARIANT = GroupRow.PREVIOUS_INVARIANT;
const NEXT_BURST = GroupRow.NEXT_BURST;
const NEED = GroupRow.NEED;
const DESCRIPTION_AT = DESCRIPTION;
const FIRST_TIME = GroupTime.FIRST;
const LAST_TIME = GroupTime.LAST;

/**
 * Open groups by their keys (see identity.ts): chains of those that share a bucket. Those with one exact key have one invariant key,
 * too, so one table is for both.
 */
export class GroupIndex {
  readonly #groups: GroupTable;
  /** First group of each bucket, 0 none. */
  readonly #invariant = new Int32Array(BUCKETS);
  readonly #burst = new Int32Array(BUCKETS);
  /** Buckets of the invariant key in which groups that a sighting might have joined were not looked at. */
  readonly #crowded = new Uint8Array(BUCKETS);
  /** Of the packets that are touched. */
  readonly #first = new Int32Array(AHEAD);
  /** Means nothing: it is there so that the compiler does not leave the reading out. */
  touched = 0;
  #walked = 0;
  #equal = 0;
  /** Where the last walk over equal packets ended: 0 when all were looked at. */
  #leftAt = 0;

  constructor(groups: GroupTable) {
    this.#groups = groups;
  }

  add(group: number): void {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    link(this.#invariant, rows[row + INVARIANT_LOW]! & MASK, rows, group, NEXT_INVARIANT);
    if (rows[row + BURST] !== 0) link(this.#burst, rows[row + BURST]! & MASK, rows, group, NEXT_BURST);
  }

  remove(group: number): void {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    unlink(this.#invariant, rows[row + INVARIANT_LOW]! & MASK, rows, group, NEXT_INVARIANT);
    if (rows[row + BURST] !== 0) unlink(this.#burst, rows[row + BURST]! & MASK, rows, group, NEXT_BURST);
  }

  /** Puts a group, which has its row and its links, in the place of the one that it was copied from. */
  replace(group: number, copy: number): void {
    const { rows } = this.#groups;
    const row = copy << SHIFT;
    relink(this.#invariant, rows[row + INVARIANT_LOW]! & MASK, rows, group, copy, NEXT_INVARIANT);
    if (rows[row + BURST] !== 0) relink(this.#burst, rows[row + BURST]! & MASK, rows, group, copy, NEXT_BURST);
  }

  /** Gives a group its burst key when it has none yet: its first sighting may have shown too little. */
  setBurst(group: number, burst: number): void {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    if (rows[row + BURST] !== 0 || burst === 0) return;
    rows[row + BURST] = burst;
    link(this.#burst, burst & MASK, rows, group, NEXT_BURST);
  }

  /**
   * The next open group with the keys of a packet behind `after` (0: the first); the youngest come first. One walk at a time.
   * @param of rows that hold the packet's keys from `at` on
   */
  nextEqual(of: Int32Array, at: number, after: number): number {
    const { rows } = this.#groups;
    if (after === 0) this.#walked = this.#equal = 0;
    let group =
      after === 0 ? this.#invariant[of[at + INVARIANT_LOW]! & MASK]! : rows[(after << SHIFT) + NEXT_INVARIANT]!;
    const low = of[at + EXACT_LOW]!;
    const high = of[at + EXACT_HIGH]!;
    for (; group !== 0 && this.#walked < BUCKET_WALK; group = rows[(group << SHIFT) + NEXT_INVARIANT]!) {
      this.#walked++;
      const row = group << SHIFT;
      if (rows[row + EXACT_LOW] !== low || rows[row + EXACT_HIGH] !== high) continue;
      if (this.#equal++ === WALK) break;
      if (rows[row + NEED] !== TOLD) return group;
    }
    this.#leftAt = group;
    return 0;
  }

  /**
   * Reads what the walks for the packets of the next rows begin with, and keeps nothing of it: so their waits for memory overlap, which
   * one walk after the other would not let them. Adding a sighting takes 14 % less time where others use the processor's cache, 3 %
   * where nobody does.
   */
  touch(of: Int32Array, from: number, to: number): void {
    const { rows } = this.#groups;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const at = i << SHIFT;
      this.#first[i - from] = this.#invariant[of[at + INVARIANT_LOW]! & MASK]! << SHIFT;
      sum ^= this.#burst[of[at + BURST]! & MASK]! ^ of[at + DESCRIPTION_AT]!;
    }
    for (let i = 0; i < to - from; i++) sum ^= rows[this.#first[i]!]! ^ rows[this.#first[i]! + DESCRIPTION_AT]!;
    this.touched = sum;
  }

  /**
   * Remembers that the walk that has just ended left packets out which a sighting might have been of.
   * @param times the sighting's time stands there, at `index`: handed on as a number it would be an object for every sighting
   */
  noteLeftOut(of: Int32Array, at: number, times: Float64Array, index: number): void {
    const left = this.#leftAt;
    if (left !== 0 && times[index]! - this.#groups.times[(left << TIME_SHIFT) + LAST_TIME]! <= JOIN)
      this.#crowded[of[at + INVARIANT_LOW]! & MASK] = 1;
  }

  /** True when there were more packets with the key of a group than could be told apart. */
  isCrowded(group: number): boolean {
    return this.#crowded[this.#groups.rows[(group << SHIFT) + INVARIANT_LOW]! & MASK] !== 0;
  }

  /** The one open group with the same nat-invariant key, close in time: 0 there is none, -1 there are several. */
  onlyTranslation(group: number): number {
    // Nearly always it is alone in its bucket, which its own row tells
    const { rows } = this.#groups;
    const row = group << SHIFT;
    if (rows[row + NEXT_INVARIANT] === 0 && rows[row + PREVIOUS_INVARIANT] === 0) return 0;
    const other = this.#nextTranslation(group, 0);
    return other === 0 || this.#nextTranslation(group, other) === 0 ? other : -1;
  }

  /** Open groups with the same nat-invariant key and other addresses or ports, close in time. */
  translationsOf(group: PacketGroup): PacketGroup[] {
    const found: PacketGroup[] = [];
    for (let other = 0; (other = this.#nextTranslation(group.number, other)) !== 0;)
      found.push(this.#groups.view(other));
    return found;
  }

  /** The next one behind `after` (0: the first) in the chain. */
  #nextTranslation(group: number, after: number): number {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    const low = rows[row + INVARIANT_LOW]!;
    if (after === 0) this.#walked = 0;
    let other = after === 0 ? this.#invariant[low & MASK]! : rows[(after << SHIFT) + NEXT_INVARIANT]!;
    for (; other !== 0 && this.#walked < WALK; other = rows[(other << SHIFT) + NEXT_INVARIANT]!) {
      this.#walked++;
      const its = other << SHIFT;
      if (
        rows[its + INVARIANT_LOW] === low &&
        rows[its + INVARIANT_HIGH] === rows[row + INVARIANT_HIGH] &&
        this.#mayGoWith(group, other)
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
    for (let other = 0; (other = this.#nextPiece(group.number, other)) !== 0;) found.push(this.#groups.view(other));
    return found;
  }

  /** True where no other open group may be another form or a piece of the packet. */
  isAlone(group: number): boolean {
    return this.onlyTranslation(group) === 0 && this.#nextPiece(group, 0) === 0;
  }

  /** The next one behind `after` (0: the first) in its chain. */
  #nextPiece(group: number, after: number): number {
    const { rows } = this.#groups;
    const row = group << SHIFT;
    const burst = rows[row + BURST]!;
    if (burst === 0) return 0;
    if (after === 0) this.#walked = 0;
    let other = after === 0 ? this.#burst[burst & MASK]! : rows[(after << SHIFT) + NEXT_BURST]!;
    for (; other !== 0 && this.#walked < WALK; other = rows[(other << SHIFT) + NEXT_BURST]!) {
      this.#walked++;
      if (rows[(other << SHIFT) + BURST] === burst && this.#mayGoWith(group, other)) return other;
    }
    return 0;
  }

  /** True for another packet of the same protocol that is not told yet, close in time. */
  #mayGoWith(group: number, other: number): boolean {
    const { rows } = this.#groups;
    const [row, its] = [group << SHIFT, other << SHIFT];
    return (
      other !== group &&
      rows[its + NEED] !== TOLD &&
      rows[its + PROTOCOL] === rows[row + PROTOCOL] &&
      this.#near(group, other)
    );
  }

  #near(a: number, b: number): boolean {
    const { times } = this.#groups;
    const [at, its] = [a << TIME_SHIFT, b << TIME_SHIFT];
    return (
      times[at + FIRST_TIME]! <= times[its + LAST_TIME]! + JOIN &&
      times[its + FIRST_TIME]! <= times[at + LAST_TIME]! + JOIN
    );
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

function relink(table: Int32Array, slot: number, rows: Int32Array, group: number, copy: number, next: number): void {
  const before = rows[(copy << SHIFT) + next + 1]!;
  const after = rows[(copy << SHIFT) + next]!;
  if (before !== 0) rows[(before << SHIFT) + next] = copy;
  else if (table[slot] === group) table[slot] = copy;
  if (after !== 0) rows[(after << SHIFT) + next + 1] = copy;
}

function unlink(table: Int32Array, slot: number, rows: Int32Array, group: number, next: number): void {
  const before = rows[(group << SHIFT) + next + 1]!;
  const after = rows[(group << SHIFT) + next]!;
  if (before === 0) table[slot] = after;
  else rows[(before << SHIFT) + next] = after;
  if (after !== 0) rows[(after << SHIFT) + next + 1] = before;
}
