import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { namesOf } from '../../src/assemble.js';
import { pair, prepare, type Run } from '../../src/run.js';
import { Clock } from '../../src/trail/clocks.js';
import { GroupTable, type Quote } from '../../src/trail/packet-group.js';
import { markCopies, wholeAt } from '../../src/trail/passages.js';
import { KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from '../../src/trail/row.js';
import { trailRow } from '../../src/trail/rows.js';
import { SightingBatch } from '../../src/trail/sighting-batch.js';
import { TrailRows, type Form, type Match, type Sighting } from '../../src/trail/trail-rows.js';
import { addSightings, Trail, type RareFacts } from '../../src/trail/trail.js';
import type { Way } from '../../src/trail/ways.js';
import type { TrailRow } from '../../src/report/report.js';
import { Layer } from '../../src/wire/layers.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, icmpError, ipv4, tcp, udp } from '../support/packets.js';
import { at, CLIENT, pings, SERVER } from '../support/pings.js';
import { runs } from '../support/runs.js';

/** A second behind the base the clock is half a second ahead. */
const CLOCKS = [{ clock: new Clock('', 5e8, 1), base: 1_700_000_000 }];
const WAY: Way = {
  points: [1, 2, 3],
  crossings: ['pair', 'pair', 'pair'],
  source: [1],
  home: [3],
  endsAtHome: true,
  isWhole: true,
  bits: 14,
};
const EXACT: Match = { rung: 'exact', range: null };
const OUT: Form = { src: 11, dst: 22, sourcePort: 40_000, destinationPort: 80, echoId: -1 };
const TRANSLATED: Form = { src: 11, dst: 33, sourcePort: 40_000, destinationPort: 8080, echoId: -1 };

interface Seen {
  readonly point: number;
  /** Nanoseconds behind a second after the base. */
  readonly time?: number;
  readonly frame?: number;
  readonly form?: Form;
  readonly match?: Match;
  readonly ttl?: number;
  readonly outerTtl?: number;
  readonly outerSourcePort?: number;
  readonly tunnel?: number;
}

/** Words of a packet's row, by their names in Row. */
type Fields = Partial<Record<keyof typeof Row, number>>;

const PLAIN = { quote: null, otherQuotes: [], resembles: null, identical: 1 };

/** A packet as it was seen, in rows of that memory. */
function trailIn(
  memory: TrailRows,
  fields: Fields,
  seen: readonly Seen[],
  { quote, ...rare }: RareFacts = PLAIN,
  way = WAY,
): Trail {
  const table = new GroupTable(CLOCKS);
  const number = table.take();
  const row = number << ROW_SHIFT;
  for (const [name, value] of Object.entries(fields)) table.rows[row + Row[name as keyof typeof Row]] = value;
  const group = table.view(number);
  group.quote = quote;
  const batch = new SightingBatch();
  const draft = new TrailRows(1);
  const sightings = seen.map((each): Sighting => {
    batch.rows[Row.FRAME] = each.frame ?? 1;
    batch.rows[Row.SECONDS] = 1_700_000_001;
    batch.rows[Row.NANOSECONDS] = each.time ?? 0;
    batch.rows[Row.TTLS] = ((each.outerSourcePort ?? 0) << 16) | ((each.outerTtl ?? 0) << 8) | (each.ttl ?? 64);
    const at = table.sightings.add(batch, 0, each.point, 0, each.tunnel ?? 0, -1);
    return draft.addSighting(table.sightings, at, each.form ?? OUT, each.match ?? EXACT);
  });
  markCopies(sightings);
  return new Trail(memory, group, sightings, way, wholeAt(sightings, group.payloadLength), rare);
}

/** All that a trail and its sightings tell. */
function factsOf(trail: Trail): unknown {
  const getters = (object: object): Record<string, unknown> => {
    const its = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object) as object));
    const names = its.filter(([, { get }]) => get !== undefined).map(([name]) => name);
    return Object.fromEntries(names.map((name) => [name, object[name as keyof typeof object]]));
  };
  const { sightings, firstSighting, lastSighting, lastWhole, whole, ...facts } = getters(trail) as unknown as Trail;
  return {
    ...facts,
    whole: [...whole],
    sightings: sightings.map(getters),
    ends: [firstSighting, lastSighting, lastWhole].map((sighting) => sighting && getters(sighting)),
  };
}

const TCP_FIELDS: Fields = {
  PROTOCOL: 6,
  FLAGS: (Layer.TCP << KIND_SHIFT) | 4,
  IP_ID: 65_535,
  PAYLOAD_LENGTH: 100,
  A: -5,
  B: 0x7fffffff,
  C: 2,
  NAME: -77,
};

describe('a trail in rows', () => {
  it('tells what was known of its packet, and of its one sighting', () => {
    const seen = { point: 65_534, time: 999_999_999, frame: 4_000_000_000, ttl: 255, outerTtl: 254, tunnel: 65_535 };
    const form = { src: 1_000_000, dst: 2, sourcePort: 65_535, destinationPort: 1, echoId: -1 };
    const trail = trailIn(new TrailRows(), TCP_FIELDS, [{ ...seen, outerSourcePort: 65_535, form }]);
    const facts = [trail.protocol, trail.ipVersion, trail.kind, trail.ipId, trail.payloadLength, trail.isDns];
    expect(facts).toEqual([6, 4, Layer.TCP, 65_535, 100, false]);
    expect([trail.a, trail.b, trail.c, trail.timestamp, trail.nameId]).toEqual([-5, 0x7fffffff, 2, -77, -1]);
    expect([trail.fragmentOffset, trail.moreFragments, trail.identical, trail.quote]).toEqual([0, 0, 1, null]);
    expect([trail.first, trail.last, trail.forms, trail.isTranslated]).toEqual([form, form, [form], false]);
    // 1,999,999,999 ns behind the base, of a clock that is half a second ahead
    expect([trail.firstTime, trail.lastTime]).toEqual([1_499_999_999, 1_499_999_999]);
    const [sighting, ...others] = trail.sightings;
    expect(others).toEqual([]);
    const { point, file, frame, seconds, nanoseconds, time } = sighting!;
    expect([point, file, frame, seconds, nanoseconds]).toEqual([65_534, 0, 4_000_000_000, 1_700_000_001, 999_999_999]);
    expect(time).toBe(1_499_999_999);
    const { ttl, outerTtl, outerSourcePort, tunnel, rung, range, copy } = sighting!;
    expect([ttl, outerTtl, outerSourcePort, tunnel]).toEqual([255, 254, 65_535, 65_535]);
    expect([rung, range, copy]).toEqual(['exact', null, false]);
    expect([...trail.whole]).toEqual([65_534]);
    expect([trail.passed(65_534), trail.passed(1), trail.lastAt(1)]).toEqual([true, false, undefined]);
  });

  it('tells a question, a fragment and an echo as what they are', () => {
    const memory = new TrailRows();
    const flags = (Layer.UDP << KIND_SHIFT) | RowFlag.DNS | 6;
    const question = trailIn(memory, { PROTOCOL: 17, FLAGS: flags, A: 1, B: 2, C: 28, NAME: 9 }, [{ point: 1 }]);
    expect([question.isDns, question.ipVersion, question.nameId, question.timestamp]).toEqual([true, 6, 9, 0]);
    const unnamed = trailIn(memory, { PROTOCOL: 17, FLAGS: flags, NAME: -1 }, [{ point: 1 }]);
    expect(unnamed.nameId).toBe(-1);
    const cut = (-1 << KIND_SHIFT) | RowFlag.MORE_FRAGMENTS | 4;
    const fragment = trailIn(memory, { PROTOCOL: 17, FLAGS: cut, FRAGMENT_OFFSET: 1480 }, [{ point: 1 }]);
    expect([fragment.kind, fragment.moreFragments, fragment.fragmentOffset]).toEqual([-1, 1, 1480]);
    // A box gave the echo another identifier: it is told by the one that it was seen with first
    const [asked, rewritten] = [7, 9].map((echoId) => ({ ...OUT, sourcePort: -1, destinationPort: -1, echoId }));
    const echo = trailIn(memory, { PROTOCOL: 1, FLAGS: (Layer.ICMP << KIND_SHIFT) | 4, A: 8 << 8, B: 9, C: 3 }, [
      { point: 1, form: asked! },
      { point: 2, form: rewritten! },
    ]);
    expect([echo.b, echo.c, echo.isTranslated]).toEqual([7, 3, true]);
    expect(echo.forms).toEqual([asked, rewritten]);
  });

  it('tells its sightings in the order given, its forms once each, and the first and the last time of any', () => {
    const trail = trailIn(new TrailRows(), TCP_FIELDS, [
      { point: 1, time: 700, frame: 5 },
      { point: 2, time: 300, frame: 6 },
      { point: 2, time: 2e6, frame: 7, form: TRANSLATED, match: { rung: 'nat-invariant', range: null } },
      { point: 3, time: 900, frame: 8, form: TRANSLATED, match: { rung: 'nat-invariant', range: null } },
    ]);
    expect(trail.sightings.map(({ point, frame, rung }) => [point, frame, rung])).toEqual([
      [1, 5, 'exact'],
      [2, 6, 'exact'],
      [2, 7, 'nat-invariant'],
      [3, 8, 'nat-invariant'],
    ]);
    expect([trail.firstSighting.frame, trail.lastSighting.frame, trail.lastAt(2)!.frame]).toEqual([5, 8, 7]);
    expect([trail.first, trail.last, trail.isTranslated]).toEqual([OUT, TRANSLATED, true]);
    expect(trail.forms).toEqual([OUT, TRANSLATED]);
    const [a, b, c, d] = trail.sightings as [Sighting, Sighting, Sighting, Sighting];
    expect([a.hasFormOf(b), b.hasFormOf(c), c.hasFormOf(d)]).toEqual([true, false, true]);
    expect([trail.firstTime, trail.lastTime]).toEqual([500_000_300, 502_000_000]);
    expect([trail.isAtHome, trail.reachOn(WAY.points), trail.reachOn([2, 9]), trail.reachOn([9])]).toEqual([
      true,
      2,
      0,
      -1,
    ]);
  });

  it.each(['src', 'dst', 'sourcePort', 'destinationPort', 'echoId'] as const)(
    'is translated where its %s is',
    (end) => {
      const trail = trailIn(new TrailRows(), TCP_FIELDS, [{ point: 1 }, { point: 2, form: { ...OUT, [end]: 5 } }]);
      expect([trail.isTranslated, trail.forms.length, trail.last]).toEqual([true, 2, { ...OUT, [end]: 5 }]);
    },
  );

  it('tells which parts a point saw, and is whole only where they make all of it', () => {
    const part = (from: number, to: number): Match => ({ rung: 'byte-range', range: [from, to] });
    const trail = trailIn(new TrailRows(), TCP_FIELDS, [
      { point: 1, frame: 1 },
      { point: 2, frame: 2, match: part(0, 60) },
      { point: 2, frame: 3, match: part(60, 100) },
      { point: 3, frame: 4, match: part(0, 99) },
    ]);
    expect(trail.sightings.map(({ rung, range }) => [rung, range])).toEqual([
      ['exact', null],
      ['byte-range', [0, 60]],
      ['byte-range', [60, 100]],
      ['byte-range', [0, 99]],
    ]);
    expect([...trail.whole]).toEqual([1, 2]);
    expect([trail.lastWhole!.frame, trail.isWholeAt([1, 2]), trail.isWholeAt([1, 3]), trail.isAtHome]).toEqual([
      3,
      true,
      false,
      false,
    ]);
    const none = trailIn(new TrailRows(), TCP_FIELDS, [{ point: 3, match: part(1, 100) }]);
    expect([none.whole.size, none.lastWhole, none.isWholeAt([3]), none.isAtHome]).toEqual([0, undefined, false, false]);
  });

  it('keeps a copy apart from the tunnel that it is in', () => {
    const tunnel = { outerTtl: 64, outerSourcePort: 50_000, tunnel: 40_000 };
    const trail = trailIn(new TrailRows(), TCP_FIELDS, [
      { point: 1, ...tunnel },
      { point: 1, time: 1000, ...tunnel },
    ]);
    expect(trail.sightings.map(({ copy, tunnel, rung }) => [copy, tunnel, rung])).toEqual([
      [false, 40_000, 'exact'],
      [true, 40_000, 'exact'],
    ]);
    expect([...trail.whole]).toEqual([1]);
  });

  it('has what few have', () => {
    const quote = { src: 5, dst: 6 } as Quote;
    const rare = { quote, otherQuotes: [{ ...quote, dst: 7 }], resembles: 'another', identical: 3 };
    const trail = trailIn(new TrailRows(), TCP_FIELDS, [{ point: 1 }], rare);
    const { otherQuotes, resembles, identical } = trail;
    expect({ quote: trail.quote, otherQuotes, resembles, identical }).toEqual(rare);
    for (const one of ['quote', 'otherQuotes', 'resembles', 'identical'] as const) {
      const only = trailIn(new TrailRows(), TCP_FIELDS, [{ point: 1 }], { ...PLAIN, [one]: rare[one] });
      expect([one, only[one]]).toEqual([one, rare[one]]);
    }
  });

  it('is the same whatever comes after it, and wherever it is moved', () => {
    const form = fc.record({
      src: fc.nat(9),
      dst: fc.nat(9),
      sourcePort: fc.integer({ min: -1, max: 65_535 }),
      destinationPort: fc.integer({ min: -1, max: 65_535 }),
      echoId: fc.constantFrom(-1, 5, 65_535),
    });
    const seen = fc.record({
      point: fc.nat(4),
      time: fc.nat(1e9 - 1),
      frame: fc.nat(0xffffffff),
      form: fc.oneof(fc.constant(OUT), form),
      match: fc.oneof(
        fc.constant(EXACT),
        fc
          .tuple(fc.nat(50), fc.nat(60))
          .map(([from, more]): Match => ({ rung: 'byte-range', range: [from, from + more] })),
      ),
      ttl: fc.nat(255),
      outerTtl: fc.nat(255),
      outerSourcePort: fc.nat(65_535),
      tunnel: fc.nat(65_535),
    });
    const packets = fc.array(fc.array(seen, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(packets, (all) => {
        // Room for one row, so that it grows with nearly every trail
        const memory = new TrailRows(1);
        const trails: Trail[] = [];
        const told: unknown[] = [];
        const early: (readonly Sighting[])[] = [];
        for (const its of all) {
          const trail = trailIn(memory, TCP_FIELDS, its);
          trails.push(trail);
          told.push(factsOf(trail));
          early.push(trail.sightings);
        }
        expect(trails.map(factsOf)).toEqual(told);
        let kept = new TrailRows(1);
        for (const trail of trails) {
          kept = kept.withRoomFor(trail.size);
          trail.moveTo(kept);
        }
        expect(trails.map(factsOf)).toEqual(told);
        // And of those that were asked for before it was moved
        const frames = (list: readonly Sighting[]) => list.map(({ frame, time, form }) => [frame, time, form]);
        expect(early.map(frames)).toEqual(trails.map(({ sightings }) => frames(sightings)));
      }),
      runs(50),
    );
  });
});

describe('memory for trails', () => {
  it('takes a trail that has room in it, and for the next one there is new memory', () => {
    const memory = new TrailRows(4);
    memory.take(3);
    expect(memory.withRoomFor(1)).toBe(memory);
    const next = memory.withRoomFor(2);
    expect(next).not.toBe(memory);
    // As much as one trail takes, where that is more than a piece has
    const large = memory.withRoomFor(5000);
    large.take(5000);
    expect(large.rows.length).toBe(5000 << 4);
    expect(large.withRoomFor(1)).not.toBe(large);
  });

  it('copies the sightings that are asked for, and only those', () => {
    const table = new GroupTable(CLOCKS);
    const batch = new SightingBatch();
    const group = table.take();
    table.chain(
      group,
      [4, 5, 6].map((point) => table.sightings.add(batch, 0, point, 0, 0, -1)),
    );
    const sightings: Sighting[] = [];
    addSightings(sightings, new TrailRows(1), table.view(group), table.sightings, OUT, EXACT, new Set([5]));
    expect(sightings.map(({ point }) => point)).toEqual([6, 4]);
  });
});

const START = { point: 'node1/veth1' };
const END = { point: 'node2/veth2' };
const RST_ACK = 0x14;
const SYN = 2;

/** Captures of pings some of which are lost, of a connection refused by a RST, and of a datagram that an ICMP error refuses. */
function captures(count: number, isLarge: boolean): { source: Uint8Array; point: string }[] {
  const { client, server } = pings({ count, gap: 1e6, isLost: (i) => i % 10 === 3 });
  const both = (time: number, src: string, dst: string, id: number, part: Parameters<typeof ipv4>[1]): void => {
    const from = src === CLIENT ? client : server;
    const to = src === CLIENT ? server : client;
    from.push(at(time, ethernet({}, ipv4({ src, dst, id, ttl: 64 }, part))));
    to.push(at(time + 1e5, ethernet({}, ipv4({ src, dst, id, ttl: 62 }, part))));
  };
  const behind = count * 1e6;
  for (let i = 0; i < 20; i++) {
    const time = behind + i * 1e6;
    const ports = { srcPort: 40_000 + i, dstPort: 80 };
    both(time, CLIENT, SERVER, 100 + i, tcp({ ...ports, seq: 1000 * i, flags: SYN }));
    both(time + 3e5, SERVER, CLIENT, 0, tcp({ srcPort: 80, dstPort: 40_000 + i, ack: 1000 * i + 1, flags: RST_ACK }));
    const datagram = udp({ srcPort: 50_000 + i, dstPort: 9 }, Uint8Array.of(1, i));
    both(time + 5e5, CLIENT, SERVER, 200 + i, datagram);
    const quoted = ipv4({ src: CLIENT, dst: SERVER, id: 200 + i, ttl: 62 }, datagram);
    // Twice: the second refuses nothing that was not refused
    const refusal = icmpError({ type: 3, code: 3 }, ethernet({}, quoted).subarray(14));
    both(time + 8e5, SERVER, CLIENT, 300 + i, refusal);
    both(time + 9e5, SERVER, CLIENT, 400 + i, refusal);
  }
  const inputs = [
    { source: writePcap(client, { nanosecond: true }), ...START },
    { source: writePcap(server, { nanosecond: true }), ...END },
  ];
  if (!isLarge) return inputs;
  const octets = new Uint8Array(65_000);
  octets.set([0x88, 0xb5], 12);
  const filler = writePcap(Array.from({ length: 520 }, () => at(0, octets)));
  return [...inputs, { source: filler, point: 'node9/eth9' }];
}

async function paired(count: number, isLarge: boolean): Promise<Run> {
  const run = await prepare(captures(count, isLarge), {}, 'report');
  for await (const _ of pair(run, {}, () => false));
  run.judge.learn(run.tracker.trails);
  return run;
}

describe('the trails of a run', () => {
  it('are told the same before and after they are moved', async () => {
    const run = await paired(400, false);
    const { trails } = run.tracker;
    const names = namesOf(run);
    const rows = (): TrailRow[] =>
      trails.map((trail) => {
        trail.judgement = null;
        return trailRow(names, trail, run.judge);
      });
    const before = rows();
    expect(before.filter(({ state }) => state === 'lost')).toHaveLength(40);
    expect(trails).toHaveLength(400 + 360 + 100);
    const memory = new TrailRows(1);
    for (const trail of trails) trail.moveTo(memory);
    expect(rows()).toEqual(before);
  });

  it('of a large capture: those that somebody holds are out of the way of those that are forgotten', async () => {
    const moved = vi.spyOn(Trail.prototype, 'moveTo');
    const { tracker } = await paired(400, true);
    const trails = new Set(moved.mock.contexts as Trail[]);
    const calls = moved.mock.calls.length;
    moved.mockRestore();
    const held = new Set<Trail>(tracker.trails);
    for (const { open, refusedBy, earlyReset } of tracker.exchanges)
      for (const trail of [...open, refusedBy, earlyReset?.trail ?? null]) if (trail !== null) held.add(trail);
    expect(tracker.trails).toHaveLength(40);
    // Refusals have arrived, and are held by their exchanges alone
    expect(held.size).toBe(40 + 20 + 20);
    expect(trails).toEqual(held);
    expect(calls).toBe(held.size);
  });
});
