import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrivalOf, wasSentAgain } from '../../src/trail/arrival.js';
import { Exchange } from '../../src/trail/exchange.js';
import { ENTRY_SHIFT, EntryKind, NO_ENTRY, RepeatField } from '../../src/trail/exchange-entries.js';
import { note, type PacketFacts } from '../../src/trail/exchange-packets.js';
import { ExchangeStore } from '../../src/trail/exchange-store.js';
import { ExchangeTable } from '../../src/trail/exchanges.js';
import type { Trail } from '../../src/trail/trail.js';
import type { Form } from '../../src/trail/trail-rows.js';
import { outcomeOf } from '../../src/trail/verdict.js';
import { Layer } from '../../src/wire/layers.js';

const SYN = 2;
const ACK = 16;
const PSH = 8;
const RST = 4;
const SECOND = 1e9;

function form(src: number, dst: number, sourcePort: number, destinationPort: number, echoId = -1): Form {
  return { src, dst, sourcePort, destinationPort, echoId };
}

function facts(kind: number, time: number, a: number, b: number, c: number, payloadLength = 0): PacketFacts {
  return {
    protocol: kind === Layer.TCP ? 6 : kind === Layer.ICMP ? 1 : 17,
    kind,
    ipVersion: 4,
    a,
    b,
    c,
    ipId: 1,
    fragmentOffset: 0,
    moreFragments: 0,
    payloadLength,
    isDns: false,
    nameId: -1,
    timestamp: 0,
    quote: null,
    firstTime: time,
    lastTime: time,
  };
}

/** Gives a packet to its exchange, as who tells packets does. */
function tell(table: ExchangeTable, packet: PacketFacts, way: Form): Exchange {
  const exchange = table.exchangeOf(packet, way, way)!;
  const ends = Float64Array.of(packet.firstTime, packet.lastTime);
  note(exchange, table.direction, packet, ends, 0, way, 3, 0, null, false);
  return exchange;
}

const ask = (table: ExchangeTable, client: number, time: number, seq = 1): Exchange =>
  tell(table, facts(Layer.ICMP, time, 8 << 8, 77, seq), form(client, 9, -1, -1, 77));
const answer = (table: ExchangeTable, client: number, time: number, seq = 1): Exchange =>
  tell(table, facts(Layer.ICMP, time, 0, 77, seq), form(9, client, -1, -1, 77));

describe('exchanges that were given away', () => {
  it('make room: later ones take their place, and who keeps one goes on to see what it was', () => {
    const table = new ExchangeTable();
    ask(table, 1, 0);
    const kept = table.keep(answer(table, 1, 5));
    ask(table, 2, 10);
    expect(table.all.map(({ client, requests, replies }) => [client, requests, replies])).toEqual([
      [1, 1, 1],
      [2, 1, 0],
    ]);
    table.sweep(3 * SECOND, ({ client }) => client === 1);
    expect(table.all.map(({ client }) => client)).toEqual([2]);
    // In the room of the first one
    ask(table, 3, 3 * SECOND);
    expect([kept.client, kept.requests, kept.replies, kept.lastTime]).toEqual([1, 1, 1, 5]);
    expect(table.all.map(({ client }) => client)).toEqual([2, 3]);
  });

  it('are asked about when nothing came for a while: the longer, the more may still come', () => {
    const table = new ExchangeTable();
    const [once, unasked, unanswered, late] = [1, 2, 3, 4];
    for (const client of [once, unanswered]) ask(table, client, 0);
    for (const client of [once, unasked]) answer(table, client, 0);
    ask(table, late, 0);
    answer(table, late, 0.1 * SECOND);
    const askedAt = (now: number): number[] => {
      const asked: number[] = [];
      table.sweep(now, ({ client }) => asked.push(client) < 0);
      return asked;
    };
    expect(askedAt(2 * SECOND)).toEqual([]);
    expect(askedAt(2 * SECOND + 1)).toEqual([once, unasked]);
    expect(askedAt(2.1 * SECOND + 1)).toEqual([once, unasked, late]);
    expect(askedAt(10 * SECOND)).not.toContain(unanswered);
    expect(askedAt(10 * SECOND + 1)).toContain(unanswered);
  });

  it('are not found any more: the same question later is another', () => {
    const table = new ExchangeTable();
    ask(table, 1, 0);
    answer(table, 1, 1);
    table.sweep(20 * SECOND, () => true);
    expect(table.all).toEqual([]);
    expect(ask(table, 1, 20 * SECOND).requests).toBe(1);
    expect(table.all).toHaveLength(1);
  });

  it('leave the others as they are, in any order and number', () => {
    const step = fc.record({ client: fc.integer({ min: 1, max: 12 }), sweep: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new ExchangeTable();
        const expected = new Map<number, number>();
        for (const [i, { client, sweep }] of steps.entries()) {
          ask(table, client, i * SECOND);
          expected.set(client, (expected.get(client) ?? 0) + 1);
          if (!sweep) continue;
          table.sweep(i * SECOND + 11 * SECOND, (exchange) => exchange.client % 2 === 0);
          for (const each of expected.keys()) if (each % 2 === 0) expected.delete(each);
          const told = new Map(table.all.map((exchange) => [exchange.client, exchange.requests]));
          if (told.size !== expected.size || table.all.length !== expected.size) return false;
          for (const [each, requests] of expected) if (told.get(each) !== requests) return false;
        }
        return true;
      }),
      { numRuns: 50 },
    );
  });
});

describe('a table that is full', () => {
  it('keeps what it has, counts what is beyond, and mixes none of it up', () => {
    const table = new ExchangeTable();
    const most = 1 << 18;
    for (let i = 1; i <= most; i++) ask(table, 1, i, i);
    expect([table.all.length, table.evicted]).toEqual([most, 0]);
    const beyond = table.keep(ask(table, 2, 1));
    const another = table.keep(ask(table, 3, 2));
    expect([beyond.client, another.client, table.evicted]).toEqual([2, 3, 2]);
    expect(answer(table, 1, most, 7)).toMatchObject({ client: 1, sequence: 7, requests: 1, replies: 1 });
    table.sweep(most + 11 * SECOND, ({ sequence }) => sequence > 3);
    ask(table, 4, 4);
    expect(table.all.map(({ client, sequence }) => [client, sequence])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [4, 1],
    ]);
  });
});

describe('a table that was full', () => {
  const most = 1 << 18;

  it('is swept again, tells what comes then, and of what may have begun in between says so', () => {
    const table = new ExchangeTable();
    for (let i = 1; i <= most; i++) ask(table, 1, 0, i);
    expect(table.isFull).toBe(true);
    table.sweep(11 * SECOND, () => false);
    expect(table.isFull).toBe(false);
    for (let i = 0; i < most >> 3; i++) ask(table, 2, 11 * SECOND, i);
    expect([table.isFull, table.evicted]).toEqual([true, most >> 3]);
    table.sweep(11 * SECOND, ({ sequence }) => sequence > 2);
    expect(table.isFull).toBe(false);
    ask(table, 2, 12 * SECOND, 7);
    ask(table, 3, 41 * SECOND, 8);
    expect(table.evicted).toBe(most >> 3);
    const all = table.all;
    expect(all.map(({ client, mayLack }) => [client, mayLack])).toEqual([
      [1, false],
      [1, false],
      [2, true],
      [3, false],
    ]);
    // Answered before it was told, perhaps: a request alone proves nothing
    const verdicts = all.map((exchange) => outcomeOf(exchange, undefined as never).verdict);
    expect(verdicts).toEqual(['unanswered', 'unanswered', 'unknown', 'unanswered']);
    answer(table, 2, 13 * SECOND, 7);
    expect(outcomeOf(all[2]!, undefined as never).verdict).toBe('answered');
  });

  it('is not full for ever because one frame is stamped far ahead', () => {
    const table = new ExchangeTable();
    for (let i = 1; i <= most; i++) ask(table, 1, 0, i);
    table.sweep(11 * SECOND, () => false);
    ask(table, 2, 1e6 * SECOND, 1);
    expect(table.evicted).toBe(1);
    table.sweep(12 * SECOND, ({ sequence }) => sequence > 2);
    ask(table, 3, 60 * SECOND, 1);
    ask(table, 4, 72 * SECOND, 1);
    expect(table.all.slice(2).map(({ client, mayLack }) => [client, mayLack])).toEqual([
      [3, true],
      [4, false],
    ]);
  });
});

/** A packet of one of few conversations, so that many share theirs, there and back. */
const packet = fc.record({
  kind: fc.constantFrom('tcp', 'syn', 'udp', 'dns', 'echo'),
  from: fc.integer({ min: 1, max: 4 }),
  to: fc.integer({ min: 1, max: 4 }),
  port: fc.integer({ min: 40_000, max: 40_002 }),
  isReply: fc.boolean(),
  id: fc.integer({ min: 0, max: 3 }),
  early: fc.boolean(),
});
type Packet = typeof packet extends fc.Arbitrary<infer T> ? T : never;

function tellPacket(table: ExchangeTable, { kind, from, to, port, isReply, id, early }: Packet, at: number): Exchange {
  const time = early ? at - 50 : at;
  const way = isReply ? form(to, from, 53, port, id) : form(from, to, port, 53, id);
  switch (kind) {
    case 'syn':
      return tell(table, facts(Layer.TCP, time, id, 0, SYN), way);
    case 'tcp':
      return tell(table, facts(Layer.TCP, time, id, 5, ACK), way);
    case 'udp':
      return tell(table, facts(Layer.UDP, time, 0, 0, 0), way);
    case 'dns':
      return tell(table, { ...facts(Layer.UDP, time, id, isReply ? 0x8000 : 0, 1), isDns: true, nameId: id - 1 }, way);
    default: {
      const echo = facts(Layer.ICMP, time, (isReply ? 0 : 8) << 8, id, id);
      return tell(table, echo, { ...way, sourcePort: -1, destinationPort: -1 });
    }
  }
}

describe('a segment between two sockets', () => {
  const [there, back] = [form(1, 9, 40_000, 50_000), form(9, 1, 50_000, 40_000)];
  const syn = (table: ExchangeTable, way: Form, a: number): Exchange =>
    table.keep(tell(table, facts(Layer.TCP, a, a, 0, SYN), way));
  const segment = (table: ExchangeTable, way: Form): [Exchange, string | null] => {
    const exchange = table.keep(tell(table, facts(Layer.TCP, 99, 500, 5, ACK), way));
    return [exchange, table.direction];
  };

  it('is of the latest connection between them, whichever way it goes', () => {
    const table = new ExchangeTable();
    const [first, second, third] = [syn(table, there, 1), syn(table, there, 2), syn(table, there, 3)];
    expect(new Set([first, second, third]).size).toBe(3);
    expect(segment(table, there)).toEqual([third, 'request']);
    expect(segment(table, back)).toEqual([third, 'reply']);
    // The chains are made anew: the latest is still the first
    for (let i = 0; i < 1000; i++) ask(table, 2, 1, i);
    expect(segment(table, there)[0]).toBe(third);
    expect(segment(table, back)[0]).toBe(third);
  });

  it('is of the one that its sender opened when both have opened one', () => {
    for (const ways of [[there, back] as const, [back, there] as const]) {
      const table = new ExchangeTable();
      const [mine, other] = [syn(table, ways[0], 1), syn(table, ways[1], 2)];
      expect(segment(table, ways[0])).toEqual([mine, 'request']);
      expect(segment(table, ways[1])).toEqual([other, 'request']);
    }
  });
});

describe('a table that grows', () => {
  it('finds for each packet what one that stays small finds', () => {
    const steps = fc.array(fc.record({ packet, others: fc.constantFrom(0, 0, 1, 3, 100, 400) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (list) => {
        const [small, large] = [new ExchangeTable(), new ExchangeTable()];
        let others = 0;
        const found = list.map(({ packet, others: more }, i) => {
          for (let n = 0; n < more; n++) ask(large, 99, i, others++);
          return [small, large].map((table) => {
            const exchange = table.keep(tellPacket(table, packet, 100 * i));
            return { exchange, direction: table.direction };
          });
        });
        const numbersOf = (which: 0 | 1): unknown[] => {
          const seen: Exchange[] = [];
          return found.map((each) => {
            const { exchange, direction } = each[which]!;
            if (!seen.includes(exchange)) seen.push(exchange);
            return [seen.indexOf(exchange), direction];
          });
        };
        expect(numbersOf(1)).toEqual(numbersOf(0));
        const told = (table: ExchangeTable): unknown[] =>
          table.all.filter(({ client }) => client !== 99).map((exchange) => rowOf(exchange));
        expect(told(large)).toEqual(told(small));
        expect(large.all).toHaveLength(small.all.length + others);
      }),
      { numRuns: 60 },
    );
  });

  it('gives away and takes in again while it does', () => {
    const table = new ExchangeTable();
    for (let i = 0; i < 700; i++) ask(table, 1, i, i);
    table.sweep(11 * SECOND, ({ sequence }) => sequence % 3 !== 0);
    for (let i = 700; i < 5000; i++) ask(table, 1, 11 * SECOND, i);
    const left = Array.from({ length: 5000 }, (_, i) => i).filter((i) => i >= 700 || i % 3 === 0);
    expect(table.all.map(({ sequence }) => sequence)).toEqual(left);
    for (const i of left) expect(ask(table, 1, 11 * SECOND, i).requests).toBe(2);
    expect(table.all).toHaveLength(left.length);
  });
});

/** All that a row tells. */
function rowOf(exchange: Exchange): Record<string, unknown> {
  const getters = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(exchange) as object))
    .filter(([name, { get }]) => get !== undefined && !['store', 'number'].includes(name))
    .map(([name]) => name);
  return Object.fromEntries(getters.map((name) => [name, exchange[name as keyof Exchange]]));
}

describe('the row of an exchange', () => {
  /** Fields that are set alone, what may be written to them, and where two are one. */
  const numbers = ['client', 'server', 'clientPort', 'serverPort', 'id', 'sequence', 'nameId', 'requests', 'replies'];
  const more = ['requestLast', 'replyLast', 'firstByClient', 'firstByServer', 'lastRequestTime', 'lastReplyTime'];
  const flags = ['isChosen', 'refused', 'synSeen', 'synAckSeen', 'resetSeen', 'finSeen', 'cutReplySeen'];
  const reaches = ['requestReach', 'replyReach'];
  const same: Record<string, string> = { nameId: 'echoed' };
  const field = fc.oneof(
    fc.tuple(fc.constantFrom(...numbers, ...more), fc.constantFrom(-1, 0, 1, 0x7fffffff, -0x80000000)),
    fc.tuple(fc.constantFrom(...flags), fc.boolean()),
    fc.tuple(fc.constantFrom(...reaches), fc.integer({ min: 0, max: 3 })),
  );

  it('has a place of its own for each field, within its bounds, also where rows are many', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), fc.constantFrom(2, 255, 256, 257, 300), (fields, at) => {
        const store = new ExchangeStore(400);
        for (let n = 1; n <= at + 1; n++) expect(store.take()).toBe(n);
        const [before, exchange, behind] = [at - 1, at, at + 1].map((n) => new Exchange(store, n));
        const expected = rowOf(exchange!);
        const untouched = rowOf(behind!);
        for (const [name, value] of fields) {
          Object.assign(exchange!, { [name]: value });
          expected[name] = value;
          if (name in same) expected[same[name]!] = value;
        }
        // They count as many as there were datagrams, none of which were noted here
        const told = rowOf(exchange!);
        for (const name of ['requestTimes', 'replyTimes']) told[name] = expected[name];
        expect(told).toEqual(expected);
        expect([rowOf(before!), rowOf(behind!)]).toEqual([untouched, untouched]);
        expect(rowOf(exchange!.copy())).toEqual(rowOf(exchange!));
      }),
      { numRuns: 60 },
    );
  });

  it('is kept when there is no more room for few', () => {
    const store = new ExchangeStore(1000);
    for (let n = 1; n <= 1000; n++) new Exchange(store, store.take()).client = n;
    for (let n = 1; n <= 1000; n++) expect(new Exchange(store, n).client).toBe(n);
    store.free(7);
    store.free(9);
    expect([store.take(), store.take()]).toEqual([9, 7]);
    expect(new Exchange(store, 7).client).toBe(0);
  });

  it('tells the times of datagrams when it has left, and its number and room are those of another', () => {
    const table = new ExchangeTable();
    const send = (way: Form, time: number): Exchange => table.keep(tell(table, facts(Layer.UDP, time, 0, 0, 0), way));
    const [there, back] = [form(1, 9, 40_000, 5000), form(9, 1, 5000, 40_000)];
    const kept = send(there, 0);
    for (let i = 1; i < 9; i++) send(i % 3 === 0 ? back : there, i);
    table.sweep(20 * SECOND, () => true);
    const other = form(2, 9, 40_000, 5000);
    const later = send(other, 20 * SECOND);
    for (let i = 1; i < 20; i++) send(other, 20 * SECOND + i);
    expect(table.all).toEqual([later]);
    expect([kept.requestTimes, kept.replyTimes]).toEqual([
      [0, 1, 2, 4, 5, 7, 8],
      [3, 6],
    ]);
    // Who keeps it may still be told of it
    note(kept, 'request', facts(Layer.UDP, 9, 0, 0, 0), Float64Array.of(9, 9), 0, there, 3, 0, null, false);
    expect(kept.requestTimes).toEqual([0, 1, 2, 4, 5, 7, 8, 9]);
    expect(later.requestTimes).toEqual(Array.from({ length: 20 }, (_, i) => 20 * SECOND + i));
  });

  it('tells to what and where requests were translated, and forgets none of it when it leaves', () => {
    const table = new ExchangeTable();
    const [asked, sent] = [form(1, 7, 40_000, 80), form(5, 9, 1024, 8080)];
    const request = facts(Layer.TCP, 0, 100, 0, SYN);
    const kept = table.keep(table.exchangeOf(request, asked, sent)!);
    kept.requestWay = [3, 1];
    kept.requestWay = [3, 1, 2];
    const again = { ...request, forms: [asked, sent] };
    table.exchangeOf(again, asked, sent);
    const other = form(5, 10, 1024, 8080);
    table.exchangeOf({ ...facts(Layer.TCP, 1, 100, 0, SYN) }, asked, other);
    const answered = facts(Layer.TCP, 2, 500, 101, SYN | ACK);
    table.exchangeOf(answered, form(10, 5, 8080, 1024), form(7, 1, 80, 40_000));
    table.exchangeOf(facts(Layer.TCP, 3, 0, 0, RST), form(10, 5, 8080, 1024), form(7, 1, 80, 40_000));
    const expected = {
      hasForms: true,
      requestForms: [asked, sent],
      requestWay: [3, 1, 2],
      backends: [
        { address: 9, port: 8080, replies: 0, resets: 0 },
        { address: 10, port: 8080, replies: 1, resets: 1 },
      ],
      mayLack: false,
    };
    expect(kept).toMatchObject(expected);
    table.sweep(20 * SECOND, () => true);
    for (let i = 0; i < 9; i++) table.exchangeOf(facts(Layer.TCP, 20 * SECOND, i, 0, SYN), form(i, 7, 1, 2), sent);
    expect(kept).toMatchObject(expected);
  });

  it('gives its entries back when it leaves, and when it is forgotten', () => {
    const store = new ExchangeStore(4);
    let room = 0;
    for (let i = 0; i < 1000; i++) {
      const [number, other] = [store.take(), store.take()];
      for (const each of [number, other]) for (let n = 0; n < 5; n++) store.addEntry(each, EntryKind.GAP);
      store.clear(other);
      expect(store.lastEntry(other)).toBe(NO_ENTRY);
      for (let n = 0; n < 5; n++) store.addEntry(other, EntryKind.REPEAT);
      expect(store.entries.countOf(EntryKind.GAP, store.lastEntry(number))).toBe(5);
      store.free(i % 2 === 0 ? number : other);
      store.free(i % 2 === 0 ? other : number);
      if (i === 0) room = store.entries.words.length;
    }
    expect(store.entries.words.length).toBe(room);
  });

  it('knows that it forgets when there is no room for an entry, which is counted', () => {
    const store = new ExchangeStore(4, 2);
    const [one, other] = [new Exchange(store, store.take()), new Exchange(store, store.take())];
    for (let n = 0; n < 2; n++) store.addEntry(one.number, EntryKind.GAP);
    expect([one.forgets, other.forgets, store.refused]).toEqual([false, false, 0]);
    expect(store.placeOfTime(other.number, true)).toBe(-1);
    expect([one.forgets, other.forgets, store.refused]).toEqual([false, true, 1]);
  });

  it('near miss: of a request with more forms than there is room for others may lack', () => {
    const forms = Array.from({ length: 9 }, (_, i) => form(1, 20 + i, 40_000, 80));
    for (const count of [8, 9]) {
      const table = new ExchangeTable();
      const exchange = table.exchangeOf(
        { ...facts(Layer.TCP, 0, 100, 0, SYN), forms: forms.slice(0, count) },
        forms[0]!,
        forms[count - 1]!,
      );
      expect(exchange).toMatchObject({ requestForms: forms.slice(0, 8), mayLack: count > 8 });
    }
  });

  it('tells the times of datagrams in order, the first of each direction, too, and turns them', () => {
    const table = new ExchangeTable();
    const [there, back] = [form(1, 9, 40_000, 5000), form(9, 1, 5000, 40_000)];
    const send = (way: Form, time: number): Exchange => tell(table, facts(Layer.UDP, time, 0, 0, 0), way);
    expect(send(there, 10)).toMatchObject({ requestTimes: [10], replyTimes: [] });
    expect(send(back, 20)).toMatchObject({ requestTimes: [10], replyTimes: [20] });
    for (const time of [30, 40]) send(there, time);
    expect(send(back, 50)).toMatchObject({ requestTimes: [10, 30, 40], replyTimes: [20, 50] });
    // Told late: the other side began
    expect(send(back, 5)).toMatchObject({ client: 9, requestTimes: [20, 50, 5], replyTimes: [10, 30, 40] });
    for (let i = 0; i < 300; i++) send(there, 60 + i);
    expect(table.all[0]!.replyTimes).toHaveLength(256);
    expect(table.all[0]).toMatchObject({ replies: 303, forgets: true });
  });

  it('says when it does not remember all datagrams: then an answer may be to any of them', () => {
    const [there, back] = [form(1, 9, 40_000, 5000), form(9, 1, 5000, 40_000)];
    for (const count of [256, 257]) {
      const table = new ExchangeTable();
      const send = (way: Form, time: number): Exchange => tell(table, facts(Layer.UDP, time, 0, 0, 0), way);
      for (let i = 0; i < count; i++) send(there, i);
      const exchange = table.keep(send(back, 1000));
      expect([exchange.requestTimes.length, exchange.forgets]).toEqual([256, count > 256]);
      const first = { exchange, quote: null, direction: 'request', firstTime: 0 } as unknown as Trail;
      expect(arrivalOf(first, undefined as never)).toBe(count > 256 ? 'one-of-several' : null);
    }
  });
});

describe('data of a connection that is told in another order than it was sent', () => {
  const CLIENT = form(1, 9, 40000, 80);

  /** Tells a SYN and segments of 10 octets by their numbers; returns what counts as sent again. */
  function repeats(order: readonly number[]): number[] {
    const table = new ExchangeTable();
    tell(table, facts(Layer.TCP, 0, 999, 0, SYN), CLIENT);
    let exchange: Exchange | null = null;
    for (const [i, n] of order.entries())
      exchange = tell(table, facts(Layer.TCP, i + 1, 1000 + 10 * n, 5, PSH | ACK, 10), CLIENT);
    const { store, number } = exchange!;
    const { entries } = store;
    return entries
      .allOf(EntryKind.REPEAT, store.lastEntry(number))
      .map((entry) => (entries.words[(entry << ENTRY_SHIFT) + RepeatField.SEQUENCE]! - 1000) / 10);
  }

  it('is new as long as nothing told has the same octets, before the first ones told, too', () => {
    expect(repeats([0, 1, 2])).toEqual([]);
    expect(repeats([2, 1, 0])).toEqual([]);
    expect(repeats([2, 0, 1])).toEqual([]);
    expect(repeats([1, 1])).toEqual([1]);
    expect(repeats([2, 0, 0, 1, 1])).toEqual([0, 1]);
  });

  it('is sent again when it was told before, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 }), (order) => {
        const told = new Set<number>();
        const again = order.filter((n) => told.has(n) || !told.add(n));
        expect(repeats(order)).toEqual(again);
      }),
    );
  });
});

describe('data of a connection with very many gaps or repetitions', () => {
  const [CLIENT, SERVER] = [form(1, 9, 40_000, 80), form(9, 1, 80, 40_000)];

  /** A connection with segments of 10 octets, by their numbers. */
  function told(order: readonly number[]): { exchange: Exchange; gaps: number } {
    const table = new ExchangeTable();
    let exchange = tell(table, facts(Layer.TCP, 0, 999, 0, SYN), CLIENT);
    for (const n of order) exchange = tell(table, facts(Layer.TCP, 1, 1000 + 10 * n, 5, PSH | ACK, 10), CLIENT);
    const { store, number } = exchange;
    return { exchange, gaps: store.entries.countOf(EntryKind.GAP, store.lastEntry(number)) };
  }
  const range = (count: number, step = 1, from = 0): number[] =>
    Array.from({ length: count }, (_, i) => from + i * step);
  /** What is known of the n-th segment: see Exchange.repetitionOf. */
  const of = (exchange: Exchange, n: number): unknown => exchange.repetitionOf(true, 1000 + 10 * n, 10);

  it('is told as it is up to the bounds', () => {
    const gaps = told(range(65, 2));
    expect([gaps.gaps, gaps.exchange.forgets]).toEqual([64, false]);
    expect(gaps.exchange.hasGapBehind(true, 1000 + 10 * 127)).toBe(true);
    expect(gaps.exchange.hasGapBehind(true, 1000 + 10 * 127 + 1)).toBe(false);
    expect(gaps.exchange.hasGapBehind(false, 1000)).toBe(false);
    const again = told([...range(300), ...range(256)]);
    expect(again.exchange.forgets).toBe(false);
    expect([of(again.exchange, 0), of(again.exchange, 255), of(again.exchange, 256)]).toEqual(['sure', 'sure', null]);
    expect(again.exchange.repetitionOf(false, 1000, 10)).toBe(null);
  });

  it('beyond them is known to be forgotten; what may fill a forgotten gap is not known to be sent again', () => {
    const gaps = told([...range(66, 2), 129, 128, 1]);
    expect([gaps.gaps, gaps.exchange.forgets]).toEqual([63, true]);
    expect([of(gaps.exchange, 129), of(gaps.exchange, 128), of(gaps.exchange, 1)]).toEqual(['unsure', 'unsure', null]);
    // Of neither it is said that it was sent again
    const segment = (n: number): Trail =>
      ({ direction: 'request', a: 1000 + 10 * n, payloadLength: 10, c: PSH | ACK }) as unknown as Trail;
    expect([129, 1].map((n) => wasSentAgain(segment(n), gaps.exchange))).toEqual([false, false]);
    const again = told([...range(300), ...range(257)]);
    expect([0, 255, 256].map((n) => wasSentAgain(segment(n), again.exchange))).toEqual([true, true, false]);
    expect([of(again.exchange, 255), of(again.exchange, 256), again.exchange.forgets]).toEqual(['sure', null, true]);
  });

  it('are those of one direction', () => {
    const table = new ExchangeTable();
    tell(table, facts(Layer.TCP, 0, 999, 0, SYN), CLIENT);
    const send = (way: Form, n: number): Exchange =>
      tell(table, facts(Layer.TCP, 1, 1000 + 10 * n, 5, PSH | ACK, 10), way);
    for (const n of [0, 2]) send(CLIENT, n);
    for (const n of [0, 1, 2, 1]) send(SERVER, n);
    const exchange = send(CLIENT, 1);
    expect([of(exchange, 1), exchange.repetitionOf(false, 1010, 10)]).toEqual([null, 'sure']);
  });

  it('does not make ever more gaps of one', () => {
    const { exchange, gaps } = told([0, 1000, ...range(400, 2, 2)]);
    expect([gaps, exchange.forgets]).toEqual([64, true]);
  });

  it('is acknowledged to its sender alone', () => {
    const table = new ExchangeTable();
    tell(table, facts(Layer.TCP, 0, 999, 0, SYN), CLIENT);
    for (const n of [0, 1, 0]) tell(table, facts(Layer.TCP, 1, 5000 + 10 * n, 5, PSH | ACK, 10), SERVER);
    const [exchange] = table.all;
    expect(exchange!.repetitionOf(false, 5000, 10)).toBe('sure');
    expect(exchange!.repetitionOf(true, 5000, 10)).toBe(null);
  });
});

describe('replies to echoes that are translated on their way, told before their requests', () => {
  it('each are of one exchange with their own request', () => {
    const table = new ExchangeTable();
    const [asked, back] = [form(1, 9, -1, -1, 77), form(9, 1, -1, -1, 77)];
    const reply = (seq: number): Exchange => {
      const packet = facts(Layer.ICMP, seq, 0, 77, seq);
      return table.keep(table.exchangeOf(packet, back, form(7, 1, -1, -1, 77))!);
    };
    const [one, two] = [reply(1), reply(2)];
    const request = (seq: number): Exchange =>
      table.keep(table.exchangeOf(facts(Layer.ICMP, seq, 8 << 8, 77, seq), asked, asked)!);
    expect(request(1)).toBe(one);
    expect(request(2)).toBe(two);
    // Of a third one no reply was told
    expect([one, two]).not.toContain(request(3));
  });

  it.each([
    ['an answer to a question', 28, 3],
    ['an answer that was cut before the name and type of its question', 0, -1],
  ])('so is %s', (_, type, nameId) => {
    const table = new ExchangeTable();
    const dns = (flags: number, type: number, nameId: number): PacketFacts => ({
      ...facts(Layer.UDP, 0, 4711, flags, type, 40),
      isDns: true,
      nameId,
    });
    const [asked, back, translated] = [form(1, 9, 40_000, 53), form(9, 1, 53, 40_000), form(7, 1, 53, 40_000)];
    const reply = table.keep(table.exchangeOf(dns(0x8000, type, nameId), back, translated)!);
    expect(table.keep(table.exchangeOf(dns(0, 28, 3), asked, asked)!)).toBe(reply);
    expect(table.direction).toBe('request');
  });
});

describe('an answer that a service translates, told before the SYN', () => {
  const [CLIENT, POD, SERVICE] = [1, 9, 7];
  const synAck = facts(Layer.TCP, 5, 500, 101, SYN | ACK);
  const syn = facts(Layer.TCP, 0, 100, 0, SYN);
  const asked = form(CLIENT, POD, 40_123, 8080);
  const answered = form(POD, CLIENT, 8080, 40_123);
  const translated = form(SERVICE, CLIENT, 80, 40_123);

  it('is of one connection with what bridges show translated, there and back', () => {
    const table = new ExchangeTable();
    const { number } = table.exchangeOf(synAck, answered, translated)!;
    expect(table.direction).toBe('reply');
    expect(table.exchangeOf(syn, asked, asked)!.number).toBe(number);
    expect(table.direction).toBe('request');
    expect(table.exchangeOf(facts(Layer.TCP, 6, 501, 101, ACK | PSH, 10), answered, answered)!.number).toBe(number);
    expect(table.direction).toBe('reply');
    expect(table.all).toHaveLength(1);
  });

  it("near miss: the SYN is another client's", () => {
    const table = new ExchangeTable();
    const { number } = table.exchangeOf(synAck, answered, translated)!;
    const other = form(CLIENT, POD, 40_124, 8080);
    expect(table.exchangeOf(syn, other, other)!.number).not.toBe(number);
    expect(table.all).toHaveLength(2);
  });
});
