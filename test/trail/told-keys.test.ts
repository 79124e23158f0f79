import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToldKeys } from '../../src/trail/told-keys.js';

describe('keys of packets that were told at once', () => {
  it('are known until nothing of them was seen for long enough', () => {
    const told = new ToldKeys();
    told.add(7, 8, 100);
    told.add(7, 9, 150);
    expect(told.has(7, 10, 160)).toBe(false);
    told.expire(120);
    expect(told.has(7, 8, 160)).toBe(false);
    expect(told.has(7, 9, 300)).toBe(true);
    // Seen again at 300
    told.expire(250);
    expect(told.has(7, 9, 310)).toBe(true);
    told.expire(311);
    expect(told.has(7, 9, 320)).toBe(false);
  });

  it('are those of a plain list, however many there are', () => {
    const key = fc.record({ low: fc.integer({ min: 0, max: 40 }), high: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 3000 }), fc.integer({ min: 1, max: 2000 }), (keys, kept) => {
        const told = new ToldKeys();
        for (const [time, { low, high }] of keys.entries()) {
          // Low bits that share a chain
          told.add(low << 16, high, time);
          told.expire(time - kept);
        }
        const last = keys.slice(Math.max(0, keys.length - 1 - kept));
        for (let low = 0; low <= 41; low++) {
          const expected = last.some((each) => each.low === low && each.high === 2);
          if (told.has(low << 16, 2, -1) !== expected) return false;
        }
        return true;
      }),
      { numRuns: 30 },
    );
  });
});
