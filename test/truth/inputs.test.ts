import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CaptureError,
  diagnose,
  OptionsError,
  points,
  type CaptureInput,
  type DiagnoseOptions,
} from '../../src/index.js';

const FOLDER = join(import.meta.dirname, '../../samples/networkpolicy-drop');
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.pcap'))
  .sort();
const octetsOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(FOLDER, name)));
const first = octetsOf(FILES[0]!);

async function* chunks(octets: Uint8Array, fault?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += 1000) yield octets.subarray(at, at + 1000);
  if (fault !== undefined) throw fault;
}

describe('captures that nothing names', () => {
  it.each([
    ['octets', (octets: Uint8Array): CaptureInput => octets],
    ['blobs', (octets: Uint8Array) => new Blob([octets as Uint8Array<ArrayBuffer>])],
    ['streams', (octets: Uint8Array) => chunks(octets)],
  ])('are points of their own, and a notice says so: %s', async (_, inputOf) => {
    const notices: string[] = [];
    const inputs = FILES.map((name) => inputOf(octetsOf(name)));
    const report = await diagnose(inputs, { onNotice: (notice) => notices.push(notice) });
    expect(report.points).toHaveLength(FILES.length);
    expect(report.findings.filter(({ kind }) => kind === 'ttl-expired-loop')).toEqual([]);
    expect(notices.filter((notice) => notice.includes('without a name'))).toHaveLength(1);
  });

  it('have the name that they had where there is one', async () => {
    expect((await points([first])).points.map(({ point }) => point)).toEqual(['capture']);
    expect((await points([chunks(first)])).points.map(({ point }) => point)).toEqual(['-']);
  });
});

describe('a stream', () => {
  it('that fails counts up to there, and its failure is a finding', async () => {
    const cut = first.subarray(0, 700);
    const told = await diagnose([
      { source: octetsOf(FILES[1]!), point: 'a/eth0' },
      { source: chunks(cut, new Error('boom')), point: 'b/eth0', file: 'b.pcap' },
    ]);
    const whole = await points([{ source: cut, point: 'b/eth0' }]);
    const framesAt = (report: typeof told) => report.points.find(({ point }) => point === 'b/eth0')!.frames;
    expect(framesAt(told)).toBe(framesAt(whole));
    expect(framesAt(told)).toBeGreaterThan(0);
    expect(told.findings.find(({ kind }) => kind === 'capture-damaged')?.title).toContain('boom');
    expect(JSON.stringify(told)).not.toContain('failed: reading failed');
  });

  it('that gives nothing is a CaptureError of its own, and no end of the others', async () => {
    const broken = { source: chunks(new Uint8Array(0), new Error('boom')), point: 'b/eth0' };
    await expect(points([broken])).rejects.toThrow(CaptureError);
    const again = { source: chunks(new Uint8Array(0), new Error('boom')), point: 'b/eth0' };
    expect((await points([first, again])).counts.frames).toBe((await points([first])).counts.frames);
  });

  it('that is silent does not hold up an abort', async () => {
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield first;
      await new Promise((resolve) => setTimeout(resolve, 20_000).unref());
    }
    const start = performance.now();
    await expect(diagnose([silent()], { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

it('a folder without captures is told of, and no end of the others', async () => {
  const empty = join(import.meta.dirname, '../support');
  const report = await diagnose([FOLDER, empty]);
  expect(report.counts.frames).toBe((await diagnose([FOLDER])).counts.frames);
  expect(report.findings.find(({ kind }) => kind === 'capture-damaged')?.title).toContain('holds no capture file');
  await expect(diagnose([empty])).rejects.toMatchObject({ code: 'not-a-capture', message: 'holds no capture file' });
});

it('a file given bare and with the point that its name says is read once', async () => {
  const path = join(FOLDER, FILES[0]!);
  const [point] = (await points([path])).points;
  const twice = await points([path, { source: path, point: point!.point }]);
  expect(twice.counts.frames).toBe(point!.frames);
});

describe('options that cannot be honoured', () => {
  it.each<[string, Record<string, unknown>]>([
    ['memory', { memory: NaN }],
    ['memory', { memory: '256M' }],
    ['memory', { memory: 0 }],
    ['threads', { threads: 3 }],
    ['vxlanPorts', { vxlanPorts: [70000] }],
    ['vxlanPorts', { vxlanPorts: [NaN] }],
    ['clocks', { clocks: { 'a/eth0': NaN } }],
    ['clocks', { clocks: { 'a/eth0': 1n } }],
    ['since', { since: 1796e6 }],
    ['until', { until: '2026' }],
  ])('are named: %s %o', async (name, options) => {
    const refused = await diagnose([first], options as DiagnoseOptions).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OptionsError);
    expect(String(refused)).toContain(name);
  });
});

describe('progress', () => {
  it.each([
    ['diagnose', diagnose],
    ['points', points],
  ])('ends at the total: %s', async (_, command) => {
    const told: [number, number | null][] = [];
    await command([FOLDER], { onProgress: (read, total) => told.push([read, total]) });
    const [read, total] = told.at(-1)!;
    expect(read).toBe(total);
    expect(told.map(([read]) => read)).toEqual(told.map(([read]) => read).sort((a, b) => a - b));
  });
});
