import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExchangeAliases } from '../../src/trail/exchange-aliases.js';
import type { Key } from '../../src/trail/exchange-key.js';
import { NO_EXCHANGE } from '../../src/trail/exchange-store.js';

function key(values: readonly number[]): Key {
  const [protocol, client, server, clientPort, serverPort, id, sequence] = values as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { protocol, client, server, clientPort, serverPort, id, sequence, nameId: 5 };
}

const of = (id: number): Key => key([0, 1, 2, 3, 4, id, 0]);

describe('further keys of exchanges', () => {
  // So few that keys differ by one field often
  const number = fc.constantFrom(-1, 0x7fffffff);
  const keys = fc.tuple(fc.integer({ min: 0, max: 3 }), number, number, number, number, number, number);
  const step = fc.record({ key: keys, number: fc.integer({ min: 1, max: 1 << 18 }), forget: fc.nat({ max: 40 }) });

  it('lead to what was set last, each field of them counts, and those that are over lead to none', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const aliases = new ExchangeAliases();
        const expected = new Map<string, number>();
        for (const { key: values, number, forget } of steps) {
          expect(aliases.find(key(values))).toBe(expected.get(values.join()) ?? NO_EXCHANGE);
          aliases.set(key(values), number);
          expected.set(values.join(), number);
          if (forget > 0) continue;
          aliases.forgetAll((its) => its % 2 === 0);
          for (const [text, its] of expected) if (its % 2 === 0) expected.delete(text);
        }
        for (const { key: values } of steps)
          expect(aliases.find(key(values))).toBe(expected.get(values.join()) ?? NO_EXCHANGE);
      }),
      { numRuns: 100 },
    );
  });

  it('are at most 65,535: then the older half is forgotten, and counted', () => {
    const aliases = new ExchangeAliases();
    const most = (1 << 16) - 1;
    for (let id = 0; id < most; id++) aliases.set(of(id), id + 1);
    const told = (): number[] => Array.from({ length: most + 1 }, (_, id) => aliases.find(of(id)));
    const ids = Array.from({ length: most }, (_, id) => id + 1);
    expect(told()).toEqual([...ids, NO_EXCHANGE]);
    aliases.set(of(7), 8);
    expect(aliases.forgotten).toBe(0);
    aliases.set(of(most), most + 1);
    expect(aliases.forgotten).toBe(most >> 1);
    expect(told()).toEqual([...ids.map((its) => (its <= most >> 1 ? NO_EXCHANGE : its)), most + 1]);
  });
});
