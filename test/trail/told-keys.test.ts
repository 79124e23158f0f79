import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToldKeys } from '../../src/trail/told-keys.js';

const add = (told: ToldKeys, low: number, high: number, time: number): void =>
  told.add(low, high, Float64Array.of(time), 0);
const has = (told: ToldKeys, low: number, high: number, time: number): boolean =>
  told.has(low, high, Float64Array.of(time), 0);

describe('keys of packets that were told at once', () => {
  it('are known until they are forgotten', () => {
    const told = new ToldKeys();
    add(told, 7, 8, 100);
    add(told, 7, 9, 150);
    expect(has(told, 7, 10, 160)).toBe(false);
    told.expire(120);
    expect(has(told, 7, 8, 160)).toBe(false);
    expect(has(told, 7, 9, 300)).toBe(true);
    told.expire(151);
    expect(has(told, 7, 9, 310)).toBe(false);
  });

  it('are those of copies for 50 ms from the telling, however often they come, and whether or not they were forgotten', () => {
    const told = new ToldKeys();
    add(told, 7, 8, 0);
    for (let time = 0; time <= 50e6; time += 10e6) expect(has(told, 7, 8, time)).toBe(true);
    expect(has(told, 7, 8, 60e6)).toBe(false);
    expect(has(told, 7, 8, 300e9)).toBe(false);
  });

  it('in a chain that was made too long are taken for known, and counted', () => {
    const told = new ToldKeys();
    for (let i = 0; i < 100; i++) add(told, i << 16, 1, i);
    expect([has(told, 99 << 16, 1, 100), told.refused]).toEqual([true, 0]);
    expect([has(told, 7 << 16, 2, 100), told.refused]).toEqual([true, 1]);
    // Of what is long over none is looked at
    expect([has(told, 7 << 16, 2, 2e9), told.refused]).toEqual([false, 1]);
  });

  it('are those of a plain list, however many there are', () => {
    const key = fc.record({ low: fc.integer({ min: 0, max: 40 }), high: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 3000 }), fc.integer({ min: 1, max: 2000 }), (keys, kept) => {
        const told = new ToldKeys();
        for (const [time, { low, high }] of keys.entries()) {
          // Low bits that share a chain
          add(told, low << 16, high, time);
          told.expire(time - kept);
        }
        const last = keys.slice(Math.max(0, keys.length - 1 - kept));
        for (let low = 0; low <= 41; low++) {
          const expected = last.some((each) => each.low === low && each.high === 2);
          if (has(told, low << 16, 2, -1) !== expected) return false;
        }
        return true;
      }),
      { numRuns: 30 },
    );
  });
});
