import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/trail/exchange.js';
import { note, type PacketFacts } from '../../src/trail/exchange-packets.js';
import { ExchangeTable } from '../../src/trail/exchanges.js';
import type { Form } from '../../src/trail/trail.js';
import { Layer } from '../../src/wire/layers.js';

const SYN = 2;
const ACK = 16;
const PSH = 8;
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

  it('are asked about when nothing came for two seconds if their answer arrived, for ten if it did not', () => {
    const table = new ExchangeTable();
    ask(table, 1, 0);
    answer(table, 1, 0);
    ask(table, 2, 0);
    const asked: number[] = [];
    const note = ({ client }: Exchange): boolean => asked.push(client) < 0;
    table.sweep(2 * SECOND, note);
    expect(asked).toEqual([]);
    table.sweep(2 * SECOND + 1, note);
    expect(asked).toEqual([1]);
    table.sweep(10 * SECOND + 1, note);
    expect(asked).toEqual([1, 1, 2]);
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

describe('data of a connection that is told in another order than it was sent', () => {
  const CLIENT = form(1, 9, 40000, 80);

  /** Tells a SYN and segments of 10 octets by their numbers; returns what counts as sent again. */
  function repeats(order: readonly number[]): number[] {
    const table = new ExchangeTable();
    tell(table, facts(Layer.TCP, 0, 999, 0, SYN), CLIENT);
    let exchange: Exchange | null = null;
    for (const [i, n] of order.entries())
      exchange = tell(table, facts(Layer.TCP, i + 1, 1000 + 10 * n, 5, PSH | ACK, 10), CLIENT);
    return exchange!.repeats.map(({ sequence }) => (sequence - 1000) / 10);
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
