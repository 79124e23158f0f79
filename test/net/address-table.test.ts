import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../src/net/address-table.js';
import { runs } from '../support/runs.js';

/** Addresses of few different words, so that those of both families begin alike and are met again. */
const word = fc.constantFrom(0, 1, 0x0a000001, 0x0a000002, -1, -0x80000000);
const address = fc.oneof(
  fc.tuple(word),
  fc.tuple(fc.integer()),
  fc.tuple(word, word, word, word),
  fc.tuple(fc.integer(), fc.constant(0), fc.constant(0), fc.constant(0)),
);
const addresses = fc.array(address, { maxLength: 300 });

function idIn(table: AddressTable, words: readonly number[]): number {
  const view = new DataView(new ArrayBuffer(16));
  for (const [i, each] of words.entries()) view.setInt32(4 * i, each);
  return words.length === 1 ? table.idOfIpv4(view, 0) : table.idOfIpv6(view, 0);
}

/** Ids in the order in which addresses are first met. */
function expected(met: readonly (readonly number[])[]): number[] {
  const ids = new Map<string, number>();
  return met.map((words) => {
    const key = words.join();
    if (!ids.has(key)) ids.set(key, ids.size + 1);
    return ids.get(key)!;
  });
}

describe('numbers of addresses', () => {
  it('are the same for the same address, and of none other', () => {
    fc.assert(
      fc.property(addresses, (met) => {
        const table = new AddressTable();
        expect(met.map((words) => idIn(table, words))).toEqual(expected(met));
      }),
      runs(300),
    );
  });

  it('stay when the table grows, and are found in the table that another thread gets', () => {
    const table = new AddressTable();
    const met = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? [i, 0, 0, 0] : [i]));
    const ids = met.map((words) => idIn(table, words));
    expect(ids).toEqual(met.map((_, i) => i + 1));
    const known = AddressTable.of(table.state);
    expect(met.map((words) => idIn(known, words))).toEqual(ids);
    expect(idIn(known, [20_000])).toBe(AddressTable.OVERFLOW);
    expect(idIn(known, [1, 0, 0, 0])).toBe(AddressTable.OVERFLOW);
  });

  it('of one table are told in another', () => {
    fc.assert(
      fc.property(addresses, addresses, (first, second) => {
        const [a, b] = [new AddressTable(), new AddressTable()];
        for (const words of first) idIn(a, words);
        const own = second.map((words) => idIn(b, words));
        const ids = a.add(b.state);
        expect(own.map((id) => ids[id])).toEqual(second.map((words) => idIn(a, words)));
      }),
      runs(200),
    );
  });
});
