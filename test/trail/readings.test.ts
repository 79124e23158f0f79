// Captures are read twice: what may go wrong in between and within, with the truth known.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnose, points, trails, type DiagnoseOptions, type Report } from '../../src/index.js';
import { pcapngBlock, pcapngSection, concat, writePcap, writePcapng } from '../support/capture-writer.js';
import { at, CLIENT, pings, SERVER } from '../support/pings.js';
import { ethernet, ipv4, udp } from '../support/packets.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lasthop-readings-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, octets: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, octets);
  return path;
}

function stream(octets: Uint8Array): ReadableStream<Uint8Array> {
  return new Blob([octets as Uint8Array<ArrayBuffer>]).stream();
}

const losses = ({ findings }: Report): string[] =>
  findings
    .filter(({ kind }) => /lost|loss/.test(kind))
    .map(({ kind, certainty, count }) => `${kind} ${certainty} ${count}`);

const frames = ({ points }: Report): Record<string, number> =>
  Object.fromEntries(points.map(({ point, frames }) => [point, frames]));

describe('a file that changes between the two readings', () => {
  const { client, server } = pings({ count: 600, gap: 10e6 });

  it.each([
    ['is cut', (path: string) => truncateSync(path, statSync(path).size >> 1)],
    ['goes away', (path: string) => rmSync(path)],
  ])('%s: nothing is lost, and it is said', async (_, harm) => {
    const first = save('node1__veth1.pcap', writePcap(client, { nanosecond: true }));
    const second = save('node2__veth2.pcap', writePcap(server, { nanosecond: true }));
    // Asked for between the readings
    const options: DiagnoseOptions = {
      get order() {
        harm(second);
        return [];
      },
    };
    const notices: string[] = [];
    const report = await diagnose(
      [first, second],
      Object.defineProperty(options, 'onNotice', { value: (text: string) => notices.push(text) }),
    );
    expect(losses(report)).toEqual([]);
    expect(report.findings.map(({ kind }) => kind)).toContain('capture-damaged');
    expect(notices.join()).toMatch(/node2__veth2\.pcap: has changed while it was read/);
  });

  it('is cut, and no answers show what arrived: lost is what it lacks where it can still be read', async () => {
    const all = pings({ count: 600, gap: 10e6, isLost: (request) => request === 100 });
    // Requests alone: at the client with the TTL that they were sent with, at the server two hops older
    const requests = (list: typeof client, ttl: number): typeof client =>
      list.filter(({ octets }) => octets[22] === ttl);
    const first = save('node1__veth1.pcap', writePcap(requests(all.client, 64), { nanosecond: true }));
    const second = save('node2__veth2.pcap', writePcap(requests(all.server, 62), { nanosecond: true }));
    const report = await diagnose([first, second], {
      // Asked for between the readings
      get order() {
        truncateSync(second, statSync(second).size >> 1);
        return [];
      },
    });
    expect(report.findings.map(({ kind }) => kind)).toContain('capture-damaged');
    expect(losses(report)).toEqual(['request-lost shown 1']);
  });

  it('stays as it is: all is answered', async () => {
    const inputs = [
      save('node1__veth1.pcap', writePcap(client, { nanosecond: true })),
      save('node2__veth2.pcap', writePcap(server, { nanosecond: true })),
    ];
    const report = await diagnose(inputs);
    expect(report.counts.verdicts!.answered).toBe(600);
    expect(report.findings).toEqual([]);
  });
});

describe('sources without names of their own', () => {
  it('have clocks of their own', async () => {
    const lost = 150;
    const { client, server } = pings({ count: 300, gap: 100e6, ahead: 30e9, isLost: (request) => request === lost });
    const octets = [client, server].map((list) => writePcap(list, { nanosecond: true }));
    const inputs = octets.map((each, i) => ({ source: stream(each), point: ['node1/veth1', 'node2/veth2'][i]! }));
    const report = await diagnose(inputs);
    expect(report.counts.verdicts).toMatchObject({ answered: 299, 'request-lost': 1 });
  });
});

describe('the point of a frame', () => {
  it('is the same in both readings, though further interfaces are described later', async () => {
    const { client, server } = pings({ count: 3000, gap: 10e6 });
    // Two sections, as when a capture is restarted: in each, the one interface has no name
    const half = server.length >> 1;
    const restarted = concat([writePcapng(server.slice(0, half)), writePcapng(server.slice(half))]);
    const report = await diagnose([
      save('node1__veth1.pcap', writePcap(client, { nanosecond: true })),
      save('node2__eth0.pcapng', restarted),
    ]);
    expect(frames(report)).toEqual({
      'node1/veth1': client.length,
      'node2/eth0': half,
      'node2/if1': server.length - half,
    });
    expect(losses(report)).toEqual([]);
  });

  it('of interfaces without a frame is told', async () => {
    const report = await points([
      { source: concat([pcapngSection(), pcapngBlock(1, [1, 0, 0, 0, 0, 0, 4, 0])]), file: 'node2__eth0.pcapng' },
    ]);
    expect(frames(report)).toEqual({ 'node2/eth0': 0 });
  });
});

describe('times that are wrong', () => {
  it('one frame stamped ahead does not hold back those behind it', async () => {
    const { client, server } = pings({ count: 600, gap: 10e6 });
    const wrong = server.map((frame, i) => (i === 700 ? { ...frame, seconds: frame.seconds + 3600 } : frame));
    const report = await diagnose([
      { source: writePcap(client, { nanosecond: true }), point: 'node1/veth1' },
      { source: writePcap(wrong, { nanosecond: true }), point: 'node2/veth2' },
    ]);
    expect(report.counts.verdicts!.answered).toBeGreaterThanOrEqual(599);
    expect(losses(report)).toEqual([]);
  });
});

describe('a pipe given by its path', () => {
  it.runIf(process.platform === 'linux')('is read like a file', async () => {
    const { client, server } = pings({ count: 20, gap: 10e6 });
    const file = save('node1__veth1.pcap', writePcap(client, { nanosecond: true }));
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', file, pipe], { stdio: 'ignore' });
    const report = await diagnose([
      { source: pipe, point: 'node1/veth1' },
      { source: writePcap(server, { nanosecond: true }), point: 'node2/veth2' },
    ]);
    writer.kill();
    expect(report.counts.verdicts!.answered).toBe(20);
  });
});

describe('rows of packets', () => {
  it('are all told, however many there are', async () => {
    const count = 6000;
    const datagram = (i: number, ttl: number): Uint8Array =>
      ethernet(
        {},
        ipv4(
          { src: CLIENT, dst: SERVER, id: i, ttl, df: true },
          udp({ srcPort: 40_000, dstPort: 9000 }, Uint8Array.of(i >> 8, i)),
        ),
      );
    const list = (delay: number, ttl: number) =>
      Array.from({ length: count }, (_, i) => at(i * 1e6 + delay, datagram(i, ttl)));
    const notices: string[] = [];
    let rows = 0;
    const inputs = [
      { source: writePcap(list(0, 64), { nanosecond: true }), point: 'node1/veth1' },
      { source: writePcap(list(200_000, 62), { nanosecond: true }), point: 'node2/veth2' },
    ];
    // Room for an eighth of them at a time
    for await (const row of trails(inputs, { memory: 6 << 20, onNotice: (text) => notices.push(text) })) {
      rows++;
      expect(row.sightings).toHaveLength(2);
    }
    expect(rows).toBe(count);
    expect(notices).toEqual([]);
  });
});
