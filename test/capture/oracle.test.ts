// Other readers of the same files: pcap-parser for classic microsecond files, tshark and capinfos for all.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromPcapParser, type PcapParser } from '../../src/capture/from-pcap-parser.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, pcapngBlock, writePcap, writePcapng, type WrittenFrame } from '../support/capture-writer.js';
import { collect, lines } from './collect.js';
import { withEveryOption } from './every-option.js';

const pcapParser = createRequire(import.meta.url)('pcap-parser') as { parse(path: string): PcapParser };
const shared = fileURLToPath(new URL('../../../shared/captures', import.meta.url));
const sharedFiles = existsSync(shared)
  ? readdirSync(shared, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.pcap(ng)?$/.test(name))
      .sort()
  : [];

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const hasCapinfos = spawnSync('capinfos', ['--version']).status === 0;

function isMicrosecond(path: string): boolean {
  return ['a1b2c3d4', 'd4c3b2a1'].includes(readFileSync(path).subarray(0, 4).toString('hex'));
}

/** Number, time, length, captured length and interface of every frame, as tshark prints them. */
function tshark(path: string): string[] {
  const fields = ['frame.number', 'frame.time_epoch', 'frame.len', 'frame.cap_len', 'frame.interface_id'];
  const { stdout, status, stderr } = spawnSync(
    'tshark',
    ['-r', path, '-T', 'fields', '-E', 'separator= ', ...fields.flatMap((field) => ['-e', field])],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  expect(status, stderr).toBe(0);
  return stdout.trimEnd().split('\n').filter(Boolean);
}

/** The same lines from our reader. */
async function ours(path: string): Promise<string[]> {
  const capture = await openCapture(path);
  const found = await collect(capture);
  expect(capture.damage).toBe(null);
  return found.map((frame) => {
    const time = `${frame.seconds}.${String(frame.nanoseconds).padStart(9, '0')}`;
    const start = `${frame.frame} ${time} ${frame.originalLength} ${frame.capturedLength}`;
    return `${start} ${frame.interfaceId}`;
  });
}

describe.skipIf(sharedFiles.length === 0)('the captures beside the repository', () => {
  it('are as pcap-parser reads them', async () => {
    let compared = 0;
    for (const name of sharedFiles) {
      const path = join(shared, name);
      if (!isMicrosecond(path)) continue;
      const [theirs, capture] = await Promise.all([fromPcapParser(pcapParser.parse(path)), openCapture(path)]);
      expect(lines(await collect(capture)), name).toEqual(lines(await collect(theirs)));
      expect(capture.damage, name).toBe(null);
      expect(capture.interfaces[0]).toEqual(theirs.interfaces[0]);
      compared++;
    }
    expect(compared).toBeGreaterThan(100);
  });

  it.skipIf(!hasTshark).each(sharedFiles.filter((name) => name.startsWith('public/')))(
    '%s is as tshark reads it',
    async (name) => {
      const path = join(shared, name);
      expect(await ours(path)).toEqual(withInterface(tshark(path)));
    },
  );
});

/** tshark gives classic files no interface, or 0. */
function withInterface(rows: string[]): string[] {
  return rows.map((row) => (row.trimEnd().split(' ').length === 4 ? `${row.trimEnd()} 0` : row));
}

describe.skipIf(!hasTshark)('generated captures are as tshark reads them', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lasthop-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const times: readonly [seconds: number, nanoseconds: number][] = [
    [1795226754, 391232017],
    [1795226754, 999999999],
    [1795226755, 0],
    [1, 1],
    [2147483648, 123456789],
  ];
  const frames: WrittenFrame[] = times.map(([seconds, nanoseconds], i) => ({
    seconds,
    nanoseconds,
    octets: new Uint8Array(60 + i).fill(i),
    originalLength: 1000 + i,
    interfaceId: i % 2,
  }));
  const resolutions = [0, 3, 6, 7, 8, 9, 0x80, 0x8a, 0x9e];
  const files: Record<string, Uint8Array> = {
    'micro.pcap': writePcap(frames),
    'micro-big.pcap': writePcap(frames, { bigEndian: true }),
    'nano.pcap': writePcap(frames, { nanosecond: true }),
    'nano-big.pcap': writePcap(frames, { nanosecond: true, bigEndian: true }),
    'sections.pcapng': concat([
      writePcapng(frames, { interfaces: [{ name: 'cni0', resolution: 9 }, { name: 'eth0' }] }),
      pcapngBlock(0x0a, new Uint8Array(1000)),
      writePcapng(frames, { bigEndian: true, interfaces: [{ name: 'x' }, { resolution: 9, offset: 1n }] }),
    ]),
    'resolutions.pcapng': writePcapng(
      resolutions.flatMap((_, interfaceId) => frames.map((frame) => ({ ...frame, interfaceId }))),
      { interfaces: resolutions.map((resolution) => ({ resolution })) },
    ),
  };

  for (const bigEndian of [false, true]) {
    files[`options-${bigEndian ? 'big' : 'little'}.pcapng`] = withEveryOption(frames[0]!.octets, bigEndian);
  }

  it.each(Object.entries(files))('%s', async (name, octets) => {
    const path = join(folder, name);
    await writeFile(path, octets);
    const rows = withInterface(tshark(path));
    expect(rows.length).toBeGreaterThan(0);
    // tshark begins again with interface 0 in every section.
    const interfacesOfSection = name === 'sections.pcapng' ? 2 : Infinity;
    const mine = await ours(path);
    expect(mine.map((row) => row.replace(/\d+$/, (id) => String(Number(id) % interfacesOfSection)))).toEqual(rows);
  });

  it.skipIf(!hasCapinfos)('interfaces and statistics', async () => {
    const path = join(folder, 'interfaces.pcapng');
    const interfaces = [
      { name: 'cni0', filter: 'udp port 53', snapLength: 96 },
      { name: 'flannel.1', snapLength: 262144, resolution: 9 },
    ];
    const statistics = [
      { received: 100n, dropped: 7n },
      { received: 0n, dropped: 0n, osDropped: 3n },
    ];
    await writeFile(path, writePcapng(frames, { interfaces, statistics }));
    const { stdout } = spawnSync('capinfos', [path], { encoding: 'utf8' });
    // capinfos prints "Name = cni0" and so on for each interface.
    const names = [...stdout.matchAll(/Name = (.*)/g)].map((match) => match[1]);
    const snapLengths = [...stdout.matchAll(/Capture length = (\d+)/g)].map((match) => Number(match[1]));
    const filters = [...stdout.matchAll(/Filter string = (.*)/g)].map((match) => match[1]);
    const capture = await openCapture(path);
    await collect(capture);
    expect(capture.interfaces.map(({ name }) => name)).toEqual(names);
    expect(capture.interfaces.map(({ snapLength }) => snapLength)).toEqual(snapLengths);
    expect(capture.interfaces.flatMap(({ filter }) => filter ?? [])).toEqual(filters);
    expect(capture.interfaces.map((of) => of.statistics)).toEqual([
      { received: 100, dropped: 7, osDropped: null },
      { received: 0, dropped: 0, osDropped: 3 },
    ]);
  });
});
