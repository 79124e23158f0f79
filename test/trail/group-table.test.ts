import { describe, expect, it } from 'vitest';
import { GroupIndex, JOIN } from '../../src/trail/group-index.js';
import { GroupTable, GroupTime, TIME_SHIFT } from '../../src/trail/packet-group.js';
import { Clock } from '../../src/trail/clocks.js';
import { Row, ROW_SHIFT } from '../../src/trail/row.js';
import { SightingBatch } from '../../src/trail/sighting-batch.js';

const KEYS = [Row.EXACT_LOW, Row.EXACT_HIGH, Row.INVARIANT_LOW, Row.INVARIANT_HIGH, Row.BURST];

/** Groups with the same keys, each seen at points 1 to `points`, at times of their own. */
function tableOf(count: number, points: number): { table: GroupTable; index: GroupIndex; groups: number[] } {
  const table = new GroupTable([{ clock: new Clock('', 5e8, 1), base: 100 }]);
  const index = new GroupIndex(table);
  const batch = new SightingBatch();
  const groups: number[] = [];
  for (let i = 0; i < count; i++) {
    const group = table.take();
    const row = group << ROW_SHIFT;
    for (const key of KEYS) table.rows[row + key] = 7;
    for (let point = 1; point <= points; point++) {
      batch.rows[Row.FRAME] = 10 * i + point;
      batch.rows[Row.SECONDS] = 101;
      batch.rows[Row.NANOSECONDS] = i;
      table.chain(group, [...table.chainOf(group), table.sightings.add(batch, 0, point, 0, 0, -1)]);
    }
    index.add(group);
    groups.push(group);
  }
  return { table, index, groups };
}

/** One group more, seen at one point in frame 123. */
function addOne(table: GroupTable): number {
  const batch = new SightingBatch();
  batch.rows[Row.FRAME] = 123;
  const group = table.take();
  table.rows[(group << ROW_SHIFT) + Row.EXACT_LOW] = 9;
  table.chain(group, [table.sightings.add(batch, 0, 1, 0, 0, -1)]);
  return group;
}

describe('a group that is set apart', () => {
  it('has all that it had, under another number', () => {
    const { table, index, groups } = tableOf(3, 3);
    const group = groups[1]!;
    const view = table.view(group);
    view.resembles = 'another';
    const [first, last] = [view.firstTime, view.lastTime];
    const frames = table.chainOf(group).map((at) => table.sightings.frame(at));
    const number = table.setApart(group);
    index.replace(group, number);
    expect(number).not.toBe(group);
    expect(table.view(number)).toBe(view);
    expect(table.viewed(group)).toBeUndefined();
    expect([view.number, view.firstTime, view.lastTime, view.resembles]).toEqual([number, first, last, 'another']);
    expect(table.chainOf(number).map((at) => table.sightings.frame(at))).toEqual(frames);
    expect(table.open).toBe(3);
    // 1 s and 1 ns behind the base, of a clock that is half a second ahead
    expect(table.times[(number << TIME_SHIFT) + GroupTime.FIRST]).toBe(5e8 + 1);
  });

  it.each([890, 1000, 1790, 2500])('has it where the table grows for it: with %i others', (others) => {
    const { table } = tableOf(others, 1);
    const number = table.setApart(addOne(table));
    expect(table.chainOf(number).map((at) => table.sightings.frame(at))).toEqual([123]);
    expect(table.rows[(number << ROW_SHIFT) + Row.EXACT_LOW]).toBe(9);
  });

  it.each([0, 1, 2])('keeps its place among those with its keys: group %i of 3', (which) => {
    const { table, index, groups } = tableOf(3, 1);
    const equal = (): number[] => {
      const found: number[] = [];
      const of = groups[0]! << ROW_SHIFT;
      for (let at = 0; (at = index.nextEqual(table.rows, of, at)) !== 0;) found.push(at);
      return found;
    };
    expect(equal()).toEqual([...groups].reverse());
    const group = groups[which]!;
    const number = table.setApart(group);
    index.replace(group, number);
    groups[which] = number;
    expect(equal()).toEqual([...groups].reverse());
    const pieces = index.piecesOf(table.view(groups[(which + 1) % 3]!)).map((piece) => piece.number);
    expect(pieces).toContain(number);
    index.remove(number);
    table.free(number);
    groups.splice(which, 1);
    expect(equal()).toEqual([...groups].reverse());
  });
});

describe('a packet', () => {
  it('is alone where no other has its content or is a piece of it', () => {
    const { table, index, groups } = tableOf(2, 1);
    const [one, other] = groups as [number, number];
    const [row, its] = [one << ROW_SHIFT, other << ROW_SHIFT];
    expect(index.isAlone(one)).toBe(false);
    // A piece of another content
    index.remove(other);
    table.rows[its + Row.INVARIANT_LOW] = 8;
    index.add(other);
    expect(index.isAlone(one)).toBe(false);
    // The same content, which is no piece
    index.remove(other);
    table.rows[its + Row.INVARIANT_LOW] = table.rows[row + Row.INVARIANT_LOW]!;
    table.rows[its + Row.BURST] = 8;
    index.add(other);
    expect(index.isAlone(one)).toBe(false);
    table.view(other).done = true;
    expect(index.isAlone(one)).toBe(true);
    table.view(other).done = false;
    // No sighting of one packet is so long behind
    table.times[(other << TIME_SHIFT) + GroupTime.FIRST]! += 2 * JOIN;
    table.times[(other << TIME_SHIFT) + GroupTime.LAST]! += 2 * JOIN;
    expect(index.isAlone(one)).toBe(true);
  });
});

describe('packets of one content that go from anyone to anyone', () => {
  /** As many groups with one invariant key; those of `equal` have the exact key of the first as well. */
  function crowd(count: number, equal: boolean): { table: GroupTable; index: GroupIndex; first: number } {
    const table = new GroupTable([]);
    const index = new GroupIndex(table);
    let first = 0;
    for (let i = 0; i < count; i++) {
      const group = table.take();
      const row = group << ROW_SHIFT;
      for (const key of KEYS) table.rows[row + key] = 7;
      if (!equal) table.rows[row + Row.EXACT_LOW] = 1000 + i;
      index.add(group);
      first ||= group;
    }
    return { table, index, first };
  }

  it('are told apart though they share a bucket: 1,000 of them do not hide one', () => {
    const { table, index, first } = crowd(1000, false);
    expect(index.nextEqual(table.rows, first << ROW_SHIFT, 0)).toBe(first);
    expect(index.nextEqual(table.rows, first << ROW_SHIFT, first)).toBe(0);
    index.noteLeftOut(table.rows, first << ROW_SHIFT, Float64Array.of(0), 0);
    expect(index.isCrowded(first)).toBe(false);
  });

  it.each([
    [300, true],
    [1100, false],
  ])('are looked at up to a bound: %i, equal %s', (count, equal) => {
    const { table, index, first } = crowd(count, equal);
    let found = 0;
    for (let at = 0; (at = index.nextEqual(table.rows, first << ROW_SHIFT, at)) !== 0;) found++;
    expect(found).toBe(equal ? 256 : 0);
    index.noteLeftOut(table.rows, first << ROW_SHIFT, Float64Array.of(0), 0);
    expect(index.isCrowded(first)).toBe(true);
  });
});
