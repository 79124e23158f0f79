import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { icmpEcho, ipv4, tcp, udp } from '../support/packets.js';
import { BEGINNING } from '../support/scenario.js';
import { ethernetOf } from '../support/scenario-traffic.js';

const CLIENT = '10.244.1.5';
const SERVER = '10.244.2.6';
const POINTS = ['node1/veth1', 'node2/veth2'] as const;
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
const MS = 1e6;
/** Octets from which captures are no longer kept in memory, and packets are told as soon as every point has seen them. */
const LARGE = 33 << 20;

type Part = Parameters<typeof ipv4>[1];

interface Sent {
  /** Nanoseconds after the beginning. */
  readonly at: number;
  /** How long it was on its way; null when it was lost there. */
  readonly delay: number | null;
  readonly id?: number;
  readonly payload?: string;
}

interface Frame {
  readonly time: number;
  readonly octets: Uint8Array;
}

function written(frames: readonly Frame[]): Uint8Array {
  const sorted = [...frames].sort((a, b) => a.time - b.time);
  return writePcap(
    sorted.map(({ time, octets }): WrittenFrame => ({
      seconds: BEGINNING + Math.floor(time / 1e9),
      nanoseconds: Math.round(time % 1e9),
      octets,
    })),
  );
}

/** Two points, both of which show pings from before the first datagram until after the last. */
function inputs(sent: readonly Sent[], options: { large?: boolean; edit?: (frames: Frame[]) => Frame[] } = {}) {
  const end = Math.max(...sent.map(({ at, delay }) => at + (delay ?? 0))) + 10e9;
  const near: Frame[] = [];
  const far: Frame[] = [];
  const frame = (ttl: number, src: string, dst: string, id: number, part: Parameters<typeof ipv4>[1]): Uint8Array =>
    ethernetOf(MACS[0], MACS[1], ipv4({ src, dst, id, df: true, ttl }, part));
  for (let at = -5e9, seq = 1; at < end; at += 500 * MS, seq++) {
    const time = at + 5e9;
    const ask = icmpEcho({ id: 7, seq }, new Uint8Array(16));
    const answer = icmpEcho({ reply: true, id: 7, seq }, new Uint8Array(16));
    near.push({ time, octets: frame(64, CLIENT, SERVER, 1000 + seq, ask) });
    far.push({ time: time + 200e3, octets: frame(62, CLIENT, SERVER, 1000 + seq, ask) });
    far.push({ time: time + 250e3, octets: frame(64, SERVER, CLIENT, 3000 + seq, answer) });
    near.push({ time: time + 450e3, octets: frame(62, SERVER, CLIENT, 3000 + seq, answer) });
  }
  for (const { at, delay, id = 0, payload = 'heartbeat' } of sent) {
    const part = udp({ srcPort: 40_000, dstPort: 9000 }, new TextEncoder().encode(payload));
    near.push({ time: at + 5e9, octets: frame(64, CLIENT, SERVER, id, part) });
    if (delay !== null) far.push({ time: at + 5e9 + delay, octets: frame(62, CLIENT, SERVER, id, part) });
  }
  const edited = options.edit === undefined ? far : options.edit(far.sort((a, b) => a.time - b.time));
  const captures = [
    { file: 'node1__veth1.pcap', point: POINTS[0], source: written(near) },
    {
      file: 'node2__veth2.pcap',
      point: POINTS[1],
      source: options.edit === undefined ? written(far) : unsorted(edited),
    },
  ];
  if (options.large !== true) return captures;
  const filler = new Uint8Array(65_000);
  filler.set([0x88, 0xb5], 12);
  const count = Math.ceil(LARGE / filler.length);
  const frames = Array.from({ length: count }, (_, i) => ({ time: ((end + 5e9) * i) / count, octets: filler }));
  return [...captures, { file: 'node3__eth9.pcap', point: 'node3/eth9', source: written(frames) }];
}

/** As they are stamped, in the order in which they were recorded. */
function unsorted(frames: readonly Frame[]): Uint8Array {
  return writePcap(
    frames.map(({ time, octets }) => ({
      seconds: BEGINNING + Math.floor(time / 1e9),
      nanoseconds: Math.round(time % 1e9),
      octets,
    })),
  );
}

/** How many datagrams of each state the rows stand for, as the first point saw them. */
async function statesOf(captures: ReturnType<typeof inputs>): Promise<Record<string, number>> {
  const states: Record<string, number> = {};
  for await (const { protocol, state, sightings } of trails(captures)) {
    if (protocol !== 'udp') continue;
    const count = sightings.filter(({ point }) => point === POINTS[0]).length;
    states[state] = (states[state] ?? 0) + count;
  }
  return states;
}

async function lostOf(captures: ReturnType<typeof inputs>, memory?: number): Promise<number> {
  const { findings } = await diagnose(captures, memory === undefined ? {} : { memory });
  return findings
    .filter(({ kind }) => kind === 'partial-loss' || kind === 'request-lost')
    .reduce((sum, { count }) => sum + count, 0);
}

const stream = (count: number, gap: number, delayOf: (i: number) => number | null): Sent[] =>
  Array.from({ length: count }, (_, i) => ({ at: i * gap, delay: delayOf(i) }));

describe('a steady stream of equal packets', () => {
  it.each([false, true])('is lost from where it is no longer seen on (large: %s)', async (large) => {
    const sent = stream(400, 50 * MS, (i) => (i < 200 ? 200e3 : null));
    const lost = await lostOf(inputs(sent, { large }));
    // Of the group in which it begins, three at most, nothing tells which were lost
    expect(lost).toBeGreaterThan(194);
    expect(lost).toBeLessThanOrEqual(200);
  });

  it.each([
    [1 * MS, 200e3],
    [1 * MS, 400 * MS],
    [7 * MS, 900 * MS],
    [50 * MS, 300 * MS],
    [200 * MS, 500 * MS],
  ])('every %d ns, delayed by %d ns, loses nothing', async (gap, delay) => {
    const sent = stream(1500, gap, () => delay);
    expect((await statesOf(inputs(sent)))['lost']).toBeUndefined();
    expect(await lostOf(inputs(sent, { large: true }))).toBe(0);
  });

  it('held until a neighbour is known, and then sent at once, loses nothing', async () => {
    const sent = stream(4, 700 * MS, (i) => 2500 * MS - i * 700 * MS + i * 1000);
    expect((await statesOf(inputs(sent)))['lost']).toBeUndefined();
  });

  it('is n of m where some are missing, and never one of them', async () => {
    const sent = stream(300, 1 * MS, (i) => (i === 150 ? null : 200e3));
    const rows = [];
    for await (const row of trails(inputs(sent))) if (row.protocol === 'udp') rows.push(row);
    expect(rows.filter(({ state }) => state === 'lost')).toEqual([]);
    const [some] = rows.filter(({ state }) => state === 'unknown');
    expect(some!.reason).toMatch(/^node2\/veth2 shows \d+ of \d+ identical packets, and nothing tells which$/);
  });

  it('is made of groups of a bounded size, however long it is', async () => {
    const sizes = [];
    for await (const { protocol, sightings } of trails(inputs(stream(3000, 20e3, () => 5e3))))
      if (protocol === 'udp') sizes.push(sightings.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(6000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 128);
  });

  it('of heartbeats seconds apart is told packet by packet, in a large capture, too', async () => {
    const sent = stream(60, 5e9, (i) => (i < 40 ? 200e3 : null));
    expect(await lostOf(inputs(sent, { large: true }))).toBe(20);
  });
});

// A pod's interface and its bridge give a packet one time, and either file may be read first.
describe('SYN,ACKs sent again, stamped alike at several points', () => {
  /**
   * Captures of pings and of SYN,ACKs a second apart: the last arrives, each before it is seen at so many points.
   * @param order the captures in the order in which they are read
   */
  async function told(order: readonly string[], reached: readonly number[], delay: number): Promise<string[]> {
    const frames: Record<string, Frame[]> = { veth1: [], cni0: [], veth2: [] };
    const add = (point: string, time: number, src: string, ttl: number, id: number, part: Part): void => {
      const dst = src === CLIENT ? SERVER : CLIENT;
      frames[point]!.push({
        time: time + MS,
        octets: ethernetOf(...MACS, ipv4({ src, dst, id, df: true, ttl }, part)),
      });
    };
    const ask = (time: number, id: number, part: Part): void => {
      add('veth1', time, CLIENT, 64, id, part);
      add('cni0', time + 200e3, CLIENT, 62, id, part);
      add('veth2', time + 200e3, CLIENT, 62, id, part);
    };
    const answer = (time: number, id: number, part: Part, points = 3): void => {
      add('veth2', time, SERVER, 64, id, part);
      if (points > 1) add('cni0', time, SERVER, 64, id, part);
      if (points > 2) add('veth1', time + delay, SERVER, 62, id, part);
    };
    for (let seq = 0; seq < 20; seq++) {
      ask(seq * 500 * MS, 1000 + seq, icmpEcho({ id: 7, seq }, new Uint8Array(16)));
      answer(seq * 500 * MS + 300e3, 3000 + seq, icmpEcho({ reply: true, id: 7, seq }, new Uint8Array(16)));
    }
    const synAck = tcp({ srcPort: 80, dstPort: 40_000, seq: 7, ack: 1001, flags: 18 });
    ask(3001 * MS, 51, tcp({ srcPort: 40_000, dstPort: 80, seq: 1000, flags: 2 }));
    for (const [i, points] of [...reached, 3].entries()) answer((3002 + 1000 * i) * MS, 0, synAck, points);
    // The capture that begins first is read first
    for (const [i, point] of order.entries())
      add(point, (i - 9) * 1e3, CLIENT, 62, 900 + i, icmpEcho({ id: 7, seq: 90 + i }, new Uint8Array(16)));
    const rows: string[] = [];
    const nodes: Record<string, string> = { veth1: 'node1', cni0: 'node2', veth2: 'node2' };
    const captures = order.map((point) => ({ point: `${nodes[point]}/${point}`, source: written(frames[point]!) }));
    for await (const { summary, state, certainty, lastSeen, nextExpected } of trails(captures))
      if (/^SYN,ACK/.test(summary)) rows.push(`${state} ${certainty} ${lastSeen} ${nextExpected}`);
    return rows;
  }

  it.each([[['veth2', 'cni0', 'veth1']], [['cni0', 'veth2', 'veth1']], [['veth1', 'cni0', 'veth2']]])(
    'leave the first one lost where it was, when %s are read in this order',
    async (order) => {
      const lost = 'lost shown node2/veth2 node2/cni0';
      expect(await told(order, [1], 200e3)).toEqual([lost, 'delivered shown node1/veth1 null']);
    },
  );

  it.each([[['veth2', 'cni0', 'veth1']], [['veth1', 'cni0', 'veth2']]])(
    'give back what went to several, when %s are read in this order',
    async (order) => {
      expect(await told(order, [1, 2], 0)).toEqual([
        'lost shown node2/veth2 node2/cni0',
        'lost shown node2/cni0 node1/veth1',
        'delivered shown node1/veth1 null',
      ]);
    },
  );
});

describe('a packet that is given up for want of memory', () => {
  it('is not lost where it was seen later', async () => {
    const sent = Array.from({ length: 6000 }, (_, i) => ({
      at: i * 200e3,
      delay: 400 * MS,
      id: i + 1,
      payload: `datagram ${i}`,
    }));
    expect(await lostOf(inputs(sent), 2 << 20)).toBe(0);
    const { counts } = await diagnose(inputs(sent), { memory: 2 << 20 });
    expect(counts.evicted).toBeGreaterThan(0);
  });
});

describe('a frame with a wrong time', () => {
  const sent = Array.from({ length: 1000 }, (_, i) => ({
    at: i * 20 * MS,
    delay: i === 700 ? null : 200e3,
    id: i + 1,
    payload: `datagram ${i}`,
  }));
  /** The far capture's `nth` frame stamped ahead. */
  const ahead = (nth: number, by: number) => (frames: Frame[]) =>
    frames.map((frame, i) => (i === nth ? { ...frame, time: frame.time + by } : frame));

  it.each([
    [6e9, 0],
    [-6e9, 1],
    [0, 1],
    [20e6, 1],
  ])('by %d ns makes its packet nobody’s loss, and hides what its times leave open: %d told', async (by, told) => {
    // Its true time is 10.7 s, that of the lost one 14 s
    expect(await lostOf(inputs(sent, { edit: ahead(600, by) }))).toBe(told);
  });
});
