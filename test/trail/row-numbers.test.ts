import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowNumbers } from '../../src/trail/row-numbers.js';

const CHUNK = 1024;

describe('numbers of rows', () => {
  it('are given to one at a time, whatever is taken and given back', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 400 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('apart' as const), count: fc.integer({ min: 1, max: 400 }) }),
      },
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('free' as const), count: fc.integer({ min: 1, max: 500 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (steps, choice) => {
        const numbers = new RowNumbers();
        const taken: number[] = [];
        const isTaken = new Set<number>();
        let most = 0;
        let highest = 0;
        for (const { kind, count } of steps) {
          for (let i = 0; i < count; i++) {
            if (kind === 'free') {
              if (taken.length === 0) break;
              const at = choice.next().value % taken.length;
              const number = taken[at]!;
              taken[at] = taken.at(-1)!;
              taken.pop();
              isTaken.delete(number);
              numbers.free(number);
            } else {
              const number = kind === 'take' ? numbers.take() : numbers.takeApart();
              expect(number).toBeGreaterThan(0);
              expect(isTaken.has(number)).toBe(false);
              isTaken.add(number);
              taken.push(number);
              highest = Math.max(highest, number);
            }
            most = Math.max(most, taken.length);
          }
        }
        // An eighth is kept free, and each kind has a chunk that is not full
        expect(highest).toBeLessThan((most * 8) / 7 + 3 * CHUNK);
      }),
      { numRuns: 50 },
    );
  });

  it('that are given back in the order of taking come in the order of memory, however long', () => {
    const numbers = new RowNumbers();
    const open: number[] = [];
    let turns = 0;
    let last = 0;
    for (let i = 0; i < 100_000; i++) {
      const number = numbers.take();
      if (number < last) turns++;
      last = number;
      open.push(number);
      if (open.length > 800) numbers.free(open.shift()!);
    }
    expect(turns).toBe(Math.floor(100_000 / (CHUNK - 1)));
  });

  it('that stay are apart: the others close up', () => {
    const numbers = new RowNumbers();
    const stays = new Set<number>();
    let highest = 0;
    for (let i = 0; i < 50_000; i++) {
      const number = numbers.take();
      highest = Math.max(highest, number);
      if (i % 100 === 0) stays.add(numbers.takeApart());
      numbers.free(number);
    }
    expect(stays.size).toBe(500);
    expect(highest).toBeLessThan(CHUNK);
    for (const number of stays) expect(number).toBeGreaterThanOrEqual(CHUNK);
  });
});
