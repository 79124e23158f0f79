// What is kept while packets are paired has bounds: in memory, in numbers and in time.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import { FrameStore } from '../../src/trail/frame-store.js';
import { Misses } from '../../src/trail/misses.js';
import { OVERFLOW, TunnelTable } from '../../src/trail/sightings.js';
import { PacketView } from '../../src/wire/packet.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, icmpEcho, ipv4, overVxlan, udp } from '../support/packets.js';
import { at, CLIENT, pings } from '../support/pings.js';
import { runs } from '../support/runs.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const VXLAN = 1;

describe('times at which a point missed packets', () => {
  it('are kept in bounded memory, and none of them is forgotten', () => {
    const misses = new Misses();
    const before = heapUsed();
    const gap = 150e6;
    const count = 2_000_000;
    for (let i = 0; i < count; i++) misses.add(3, i * gap);
    // Each of them in a map of its own would be 60 MB and more
    expect(heapUsed() - before).toBeLessThan(8 << 20);
    expect(misses.count).toBe(count);
    for (let i = 0; i < count; i += 9973) expect(misses.near(3, i * gap, 1e6), `${i}`).toBe(true);
    expect(misses.near(4, 0, 1e9)).toBe(false);
    expect(misses.near(3, (count + 10_000) * gap, 1e6)).toBe(false);
    expect([misses.beyond(3, -1, 'after'), misses.beyond(3, 0, 'before')]).toEqual([true, false]);
  });

  it('few of them are told exactly', () => {
    const misses = new Misses();
    for (const time of [0, 50e6, 1e9]) misses.add(3, time);
    expect(misses.near(3, 900e6, 101e6)).toBe(true);
    expect(misses.near(3, 900e6, 99e6)).toBe(false);
  });
});

describe('the table of tunnels', () => {
  it('gives numbers up to its bound, and the same number to the same tunnel', () => {
    const table = new TunnelTable();
    const numbers = Array.from({ length: 70_000 }, (_, vni) => table.idOf(VXLAN, 1, 2, 4789, vni));
    const own = numbers.filter((number) => number !== OVERFLOW);
    expect(new Set(own).size).toBe(own.length);
    expect(own.length).toBeGreaterThan(60_000);
    expect(own.length).toBeLessThan(1 << 16);
    expect(table.get(OVERFLOW)).toBeNull();
    expect(table.get(own[5]!)).toMatchObject({ src: 1, dst: 2, destinationPort: 4789, id: 5 });
    expect(table.idOf(VXLAN, 1, 2, 4789, 5)).toBe(own[5]);
    // New ones have none, again and again
    expect(table.idOf(VXLAN, 1, 2, 4789, 80_000)).toBe(OVERFLOW);
    expect(table.idOf(VXLAN, 1, 2, 4789, 80_000)).toBe(OVERFLOW);
  });

  /** Pings that leave a node in tunnels, at its tunnel device and at its underlay. */
  const captures = (count: number, tunnel: (i: number) => { vni: number; srcPort?: number }) => {
    const sent = Array.from({ length: count }, (_, i) => i);
    const inner = (i: number): Uint8Array =>
      ethernet(
        {},
        ipv4(
          { src: '10.244.1.5', dst: '10.244.2.6', id: i & 0xffff, ttl: 63 },
          icmpEcho({ id: i >> 16, seq: i & 0xffff }, new Uint8Array(0)),
        ),
      );
    const bare = sent.map((i) => at(i * 1e5 - 1e4 + 1e6, inner(i)));
    const outer = sent.map((i) =>
      at(i * 1e5, overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', ...tunnel(i) }, inner(i))),
    );
    return [
      { point: 'node1/flannel.1', source: writePcap(bare, { nanosecond: true }) },
      { point: 'node1/eth0', source: writePcap(outer, { nanosecond: true }) },
    ];
  };

  it('full or not, packets in tunnels are paired, and what has no number is counted', async () => {
    const count = 66_000;
    const { counts } = await diagnose(
      captures(count, (i) => ({ vni: i })),
      { memory: 1 << 30 },
    );
    expect(counts.trails).toBe(count);
    // 65,536 numbers, of which two are taken: "none" and "one of too many"
    expect(counts.evicted).toBe(count - ((1 << 16) - 2));
  }, 60_000);

  it('is not filled by the flows of a few tunnels, each of which has a source port', async () => {
    const count = 66_000;
    const flows = (i: number) => ({ vni: i >> 16, srcPort: i & 0xffff });
    let seen = 0;
    for await (const { sightings } of trails(captures(count, flows), { memory: 1 << 30 })) {
      const { vni, srcPort } = flows(sightings[0]!.frame - 1);
      const text = `vxlan 192.0.2.1:${srcPort} > 192.0.2.2:4789 vni ${vni}`;
      expect(sightings.map(({ tunnel }) => tunnel)).toEqual([text, null]);
      seen++;
    }
    expect(seen).toBe(count);
  }, 60_000);
});

describe('flows', () => {
  it('beyond those that are told apart lose requests, too: of no flow, and of all exchanges that are in none', async () => {
    const asked = Array.from({ length: 1 << 16 }, (_, i) => {
      const dst = i === 0xffff ? '203.0.113.2' : '203.0.113.1';
      const body = udp({ srcPort: 40_000, dstPort: (i % 0xffff) + 1 }, new Uint8Array(8));
      return at(i * 1e4, ethernet({}, ipv4({ src: CLIENT, dst, id: i & 0xffff, ttl: 64 }, body)));
    });
    const { client, server } = pings({ count: 40, gap: 50e6, isLost: (request) => request === 20 });
    const later = (frames: typeof client): typeof client =>
      frames.map(({ seconds, ...frame }) => ({ ...frame, seconds: seconds + 2 }));
    const { flows, findings } = await diagnose([
      { point: 'node1/veth1', source: writePcap([...asked, ...later(client)], { nanosecond: true }) },
      { point: 'node2/veth2', source: writePcap(later(server), { nanosecond: true }) },
    ]);
    expect(flows).toHaveLength(1 << 16);
    expect(findings.filter(({ kind }) => kind === 'request-lost')).toMatchObject([{ flow: null, count: 1, of: 40 }]);
  }, 60_000);
});

describe('packets that are open', () => {
  /** Datagrams that wait for another point to show them. */
  const open = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      at(
        i * 1e5,
        ethernet(
          {},
          ipv4(
            { src: '10.244.1.5', dst: '10.244.2.6', id: i & 0xffff, ttl: 64 },
            udp({ srcPort: 4000, dstPort: 5000 }, new Uint8Array([i >> 16, i >> 8, i])),
          ),
        ),
      ),
    );

  it.each([1000, 40_000])('are all told or counted, %i of them, however few may be open', async (count) => {
    const sources = () => [
      { point: 'node1/veth1', source: writePcap(open(count), { nanosecond: true }) },
      { point: 'node2/veth2', source: writePcap(open(1), { nanosecond: true }) },
    ];
    // Room for 16,384 open packets and 4,096 rows that wait to be taken
    const memory = 32 << 20;
    let notTold = 0;
    const onNotice = (text: string): void => {
      notTold += Number(/^(\d+) packets are not told/.exec(text)?.[1] ?? 0);
    };
    let rows = 0;
    for await (const row of trails(sources(), { memory, onNotice })) if (row.sightings.length > 0) rows++;
    expect(rows + notTold).toBe(count);
    const { evicted } = (await diagnose(sources(), { memory })).counts;
    if (count > 16_384) expect(evicted).toBeGreaterThan(0);
    else expect([notTold, evicted]).toEqual([0, 0]);
  });
});

describe('pings of one pair', () => {
  it('take time that grows as their number', async () => {
    const spent = async (count: number): Promise<number> => {
      const { client, server } = pings({ count, gap: 1e6 });
      const inputs = () => [
        { point: 'node1/veth1', source: writePcap(client, { nanosecond: true }) },
        { point: 'node2/veth2', source: writePcap(server, { nanosecond: true }) },
      ];
      const captures = inputs();
      const before = process.cpuUsage();
      const { counts } = await diagnose(captures);
      const { user, system } = process.cpuUsage(before);
      expect(counts.verdicts!.answered).toBe(count);
      return user + system;
    };
    await spent(2000);
    const [one, four] = [await spent(15_000), await spent(60_000)];
    // Four times the work: four where it is linear, sixteen where it is quadratic
    expect(four / one).toBeLessThan(9);
  }, 120_000);
});

describe('frames that are kept', () => {
  // Of DNS a thousand frames are kept of each point
  const burst = fc.record({ count: fc.nat(700), port: fc.constantFrom(53, 9000), point: fc.nat(1) });
  const captures = fc.array(fc.array(burst, { maxLength: 4 }), { minLength: 1, maxLength: 4 });
  const limit = 48 << 20;
  const packets = new Map(
    [53, 9000].map((port) => {
      const packet = new PacketView();
      const datagram = udp({ srcPort: 40_000, dstPort: port }, new Uint8Array(20));
      const octets = ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, datagram));
      packet.decodeFrame(octets, new DataView(octets.buffer), 0, octets.length, octets.length, 1);
      return [port, packet];
    }),
  );

  it('are the same, whether one thread reads all captures or another one some of them', () => {
    fc.assert(
      fc.property(captures, fc.nat(4), fc.boolean(), (list, mine, all) => {
        const offer = (file: number, store: FrameStore): void => {
          let frame = 0;
          for (const { count, port, point } of list[file]!) {
            for (let i = 0; i < count; i++) store.offer(packets.get(port)!, point, file, ++frame, 0, 0);
          }
        };
        const one = new FrameStore(all, limit);
        const two = new FrameStore(all, limit);
        for (const file of list.keys()) {
          offer(file, one);
          if (file < mine) offer(file, two);
          else {
            const other = new FrameStore(all, limit);
            offer(file, other);
            two.add(other.state, [...Array(16).keys()], file);
          }
        }
        const named = ({ frames }: FrameStore) => frames.map(({ file, frame, point }) => `${file} ${frame} ${point}`);
        expect(named(two)).toEqual(named(one));
        expect(two.complete).toBe(one.complete);
      }),
      runs(30),
    );
  });
});
