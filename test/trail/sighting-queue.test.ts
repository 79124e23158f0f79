import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PointTable } from '../../src/net/points.js';
import { PointResolver } from '../../src/reading.js';
import { SightingCursor, SightingQueue } from '../../src/sighting-queue.js';
import type { SightingSource } from '../../src/sighting-source.js';
import { Clock } from '../../src/trail/clocks.js';
import { SightingBatch } from '../../src/trail/sighting-batch.js';

/** A capture of sightings at these times, in batches of so many. */
function captureOf(number: number, times: readonly number[], size: number, clock = new Clock('')): SightingCursor {
  let next = 0;
  const batch = new SightingBatch();
  const source: SightingSource = {
    next: () => {
      if (next >= times.length) return Promise.resolve(null);
      batch.clear();
      for (const time of times.slice(next, next + size)) {
        batch.times[batch.count] = time;
        batch.order[batch.count++] = time;
      }
      next += batch.count;
      return Promise.resolve(batch);
    },
    tunnelOf: (number) => number,
    interfaces: [],
    octetsRead: 0,
    frames: 0,
    failure: null,
    close: () => Promise.resolve(),
  };
  const resolver = new PointResolver({ file: `${number}.pcap`, point: null }, new PointTable());
  return new SightingCursor(number, 0, source, resolver, 0, clock.correct(times[0]!), 0, clock);
}

/** Reads all; a pair [number of the capture, time] for each sighting. */
async function readAll(cursors: readonly SightingCursor[], stride: number): Promise<[number, number][]> {
  const queue = new SightingQueue(cursors);
  const told: [number, number][] = [];
  const left = { left: stride };
  while (queue.length > 0) {
    const empty = queue.pump(left, (cursor) => {
      expect(cursor.time).toBeGreaterThanOrEqual(queue.readUpTo);
      told.push([cursor.number, cursor.time]);
    });
    if (empty !== null && !(await empty.refill())) queue.shift();
    if (left.left === 0) left.left = stride;
  }
  return told;
}

describe('sightings of several captures', () => {
  it('come in order of time, each once, whatever the sizes of batches', async () => {
    const times = fc
      .array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 })
      .map((list) => list.sort((a, b) => a - b));
    const captures = fc.array(times, { minLength: 1, maxLength: 20 });
    const sizes = fc.integer({ min: 1, max: 10 });
    await fc.assert(
      fc.asyncProperty(captures, sizes, sizes, async (lists, size, stride) => {
        const told = await readAll(
          lists.map((list, number) => captureOf(number, list, size)),
          stride,
        );
        const expected = lists.flatMap((list, number) => list.map((time): [number, number] => [number, time]));
        // Of equal times in the order of the captures
        expect(told).toEqual(expected.sort(([a, x], [b, y]) => x - y || a - b));
      }),
      { numRuns: 100 },
    );
  });

  it('come in order of corrected time: clocks that are ahead, and that run fast', async () => {
    // What the second capture says is 100 more than twice what the first one's clock says
    const clock = new Clock('', 100, 2);
    const [first, second] = [captureOf(0, [1, 4, 6], 2), captureOf(1, [104, 106, 110], 2, clock)];
    const times: number[] = [];
    const queue = new SightingQueue([first, second]);
    while (queue.length > 0) {
      const empty = queue.pump({ left: 1 }, ({ batch, index, time }) => {
        expect(batch!.times[index]).toBe(time);
        times.push(time);
      });
      if (empty !== null && !(await empty.refill())) queue.shift();
    }
    expect(times).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('of one capture keep their order, though its times go back', async () => {
    const told = await readAll([captureOf(0, [5, 9, 3, 7], 2), captureOf(1, [4, 6, 8], 2)], 1);
    expect(told.filter(([number]) => number === 0).map(([, time]) => time)).toEqual([5, 9, 3, 7]);
    expect(told).toHaveLength(7);
  });
});
