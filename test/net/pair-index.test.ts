import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PairIndex } from '../../src/net/pair-index.js';
import { runs } from '../support/runs.js';

const LIMIT = 100;
const WIDTH = 3;
const number = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer());
const pair = fc.record({ a: number, b: number });
const reservation = fc.record({ count: fc.integer({ min: 0, max: 2 * LIMIT }) });

it('numbers pairs in the order in which they are first met, up to its limit, wherever room is made', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 20, arbitrary: pair }, { weight: 1, arbitrary: reservation })), (steps) => {
      const index = new PairIndex(LIMIT, 4, WIDTH);
      const known = new Map<string, number>();
      for (const step of steps) {
        if ('count' in step) {
          index.reserve(step.count);
          continue;
        }
        const { a, b } = step;
        const key = `${a} ${b}`;
        if (!known.has(key) && known.size < LIMIT) known.set(key, known.size);
        expect(index.get(a, b)).toBe(known.get(key) ?? -1);
      }
      expect(index.size).toBe(known.size);
      for (const [key, at] of known) {
        expect([index.first(at), index.second(at)].join(' ')).toBe(key);
        expect(index.find(index.first(at), index.second(at))).toBe(at);
        // What its owner keeps behind the pair is there
        expect(index.rows[at * WIDTH + 2]).toBe(0);
      }
    }),
    runs(200),
  );
});
