import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENTRY_SHIFT, EntryKind, EntryPool, NO_ENTRY, RepeatField } from '../../src/trail/exchange-entries.js';

const { FORM, WAY, BACKEND, GAP, REPEAT, DATAGRAMS } = EntryKind;
/** First of the fields that a kind has, and how many there are. */
const VALUES = 2;
const WIDTH = 6;

/** A chain of a pool, and what it must hold. */
class Chain {
  readonly pool: EntryPool;
  last = NO_ENTRY;
  readonly values = new Map<number, number[]>();
  requests: number[] = [];
  replies: number[] = [];

  constructor(pool: EntryPool) {
    this.pool = pool;
  }

  add(kind: number, value: number): void {
    const entry = this.pool.add(kind, this.last);
    expect(entry).not.toBe(NO_ENTRY);
    this.last = this.pool.lastWith(entry, this.last);
    const at = (entry << ENTRY_SHIFT) + VALUES;
    for (let i = 0; i < WIDTH; i++) this.pool.words[at + i] = value + i;
    this.values.set(kind, [...this.of(kind), value]);
  }

  addTime(request: boolean, time: number): void {
    let entry = this.last;
    if (entry === NO_ENTRY || !this.pool.takesTime(entry)) {
      entry = this.pool.add(DATAGRAMS, this.last);
      this.last = this.pool.lastWith(entry, this.last);
    }
    this.pool.times[this.pool.placeOfTime(entry, request)] = time;
    (request ? this.requests : this.replies).push(time);
  }

  remove(kind: number, which: number): void {
    const values = this.of(kind);
    if (values.length === 0) return;
    const at = which % values.length;
    this.last = this.pool.remove(this.pool.allOf(kind, this.last)[at]!, this.last);
    this.values.set(kind, values.toSpliced(at, 1));
  }

  turn(): void {
    this.pool.turnTimes(this.last);
    [this.requests, this.replies] = [this.replies, this.requests];
  }

  free(): void {
    this.pool.free(this.last);
    this.last = NO_ENTRY;
    this.values.clear();
    this.requests = [];
    this.replies = [];
  }

  copyTo(pool: EntryPool): Chain {
    const copy = new Chain(pool);
    copy.last = this.pool.copyTo(pool, this.last);
    for (const [kind, values] of this.values) copy.values.set(kind, values);
    copy.requests = [...this.requests];
    copy.replies = [...this.replies];
    return copy;
  }

  of(kind: number): number[] {
    return this.values.get(kind) ?? [];
  }

  check(): void {
    const { pool, last } = this;
    for (const kind of [FORM, WAY, BACKEND, GAP, REPEAT]) {
      const told = pool.allOf(kind, last).map((entry) => {
        const at = (entry << ENTRY_SHIFT) + VALUES;
        return [...pool.words.subarray(at, at + WIDTH)].map((value, i) => value - i);
      });
      expect(told).toEqual(this.of(kind).map((value) => Array.from({ length: WIDTH }, () => value)));
      expect(pool.countOf(kind, last)).toBe(told.length);
    }
    expect([pool.timesOf(true, last), pool.timesOf(false, last)]).toEqual([this.requests, this.replies]);
    const areMany: boolean[] = [];
    for (let at = pool.first(last); at !== NO_ENTRY; at = pool.after(at, last)) areMany.push(pool.kind(at) > GAP);
    // Those of which there are many come last
    expect(areMany).toEqual(areMany.toSorted((a, b) => Number(a) - Number(b)));
  }
}

describe('entries of exchanges', () => {
  const which = fc.nat({ max: 3 });
  const few = fc.constantFrom(FORM, WAY, BACKEND, GAP);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), which, kind: few }) },
    // A connection has repetitions, a datagram flow has datagrams: the latter are told by the chain's number
    { weight: 4, arbitrary: fc.record({ do: fc.constant('many' as const), which, request: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which, kind: few, at: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('free' as const, 'turn' as const, 'copy' as const), which }),
    },
  );

  it('are told in order of their making, whatever is added, taken away, given back and copied in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const pool = new EntryPool(1 << 10);
        const left = new EntryPool(1 << 10);
        const chains = Array.from({ length: 4 }, () => new Chain(pool));
        const copies: Chain[] = [];
        for (const [i, its] of steps.entries()) {
          const chain = chains[its.which]!;
          if (its.do === 'add') chain.add(its.kind, 10 * i);
          else if (its.do === 'many' && its.which < 2) chain.add(REPEAT, 10 * i);
          else if (its.do === 'many') chain.addTime(its.request, i + 0.5);
          else if (its.do === 'remove') chain.remove(its.kind, its.at);
          else if (its.do === 'free') chain.free();
          else if (its.do === 'turn') chain.turn();
          else copies.push(chain.copyTo(left));
          for (const each of [...chains, ...copies]) each.check();
        }
      }),
      { numRuns: 150 },
    );
  });

  it('stay what they are when there is more room made for others', () => {
    const pool = new EntryPool(1 << 12);
    const [one, other] = [new Chain(pool), new Chain(pool)];
    for (let i = 0; i < 1000; i++) {
      one.addTime(i % 3 === 0, i / 3);
      other.add(i % 5 === 0 ? GAP : REPEAT, 10 * i);
    }
    one.check();
    other.check();
    expect(pool.times.buffer).toBe(pool.words.buffer);
  });

  it('take the room of those that were given back', () => {
    const pool = new EntryPool(1 << 12);
    const chain = new Chain(pool);
    const fill = (): void => {
      for (let i = 0; i < 40; i++) chain.add(i % 2 === 0 ? GAP : REPEAT, i);
      for (let i = 0; i < 20; i++) chain.remove(GAP, i);
    };
    fill();
    chain.free();
    const room = pool.words.length;
    for (let n = 0; n < 100; n++) {
      fill();
      chain.check();
      chain.free();
    }
    expect(pool.words.length).toBe(room);
  });

  it('of many packets are bounded for all exchanges together, and of what each has few there is room', () => {
    const pool = new EntryPool(5);
    const [full, other] = [new Chain(pool), new Chain(pool)];
    for (let i = 0; i < 5; i++) full.add(REPEAT, i);
    for (const kind of [GAP, REPEAT, DATAGRAMS]) expect(pool.add(kind, other.last)).toBe(NO_ENTRY);
    for (const kind of [FORM, WAY, BACKEND]) other.add(kind, 7);
    full.check();
    other.check();
    full.free();
    for (let i = 0; i < 5; i++) other.add(GAP, i);
    expect(pool.add(GAP, other.last)).toBe(NO_ENTRY);
    other.check();
  });

  it('tell how many repetitions there are without a look at each', () => {
    const pool = new EntryPool(10);
    const chain = new Chain(pool);
    expect(pool.repeats(chain.last)).toBe(0);
    chain.add(GAP, 3);
    expect(pool.repeats(chain.last)).toBe(0);
    for (let n = 1; n <= 3; n++) {
      chain.add(REPEAT, n);
      pool.words[(chain.last << ENTRY_SHIFT) + RepeatField.ORDINAL] = n;
      chain.add(GAP, n);
      expect(pool.repeats(chain.last)).toBe(n);
    }
  });
});
