import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';
import { diagnose } from '../../src/index.js';
import type { Report } from '../../src/report/report.js';
import { PacketView } from '../../src/wire/packet.js';
import { tcpFlags } from '../../src/wire/tcp.js';
import { writePcap } from '../support/capture-writer.js';

const SAMPLES = join(import.meta.dirname, '../../samples');
const SYN_ACK = 0x12;

const filesOf = (sample: string): string[] =>
  readdirSync(join(SAMPLES, sample))
    .filter((name) => name.endsWith('.pcap'))
    .map((name) => join(SAMPLES, sample, name));

async function timesOf(sample: string): Promise<bigint[]> {
  const times = new Set<bigint>();
  for (const path of filesOf(sample)) {
    for await (const { count, seconds, nanoseconds } of await openCapture(path))
      for (let i = 0; i < count; i++) times.add(BigInt(seconds[i]!) * 1_000_000_000n + BigInt(nanoseconds[i]!));
  }
  return [...times].sort((a, b) => (a < b ? -1 : 1));
}

const blamed = ({ findings }: Report): string[] =>
  findings.filter(({ severity }) => severity !== 'info').map(({ kind, title }) => `${kind}: ${title}`);

describe('a window of time out of healthy captures', () => {
  it.each(['healthy-flannel', 'healthy-calico', 'three-nodes'])(
    'blames nobody, wherever it begins and ends: %s',
    async (sample) => {
      const times = await timesOf(sample);
      for (let i = 1; i < times.length; i += 15) {
        expect(blamed(await diagnose([join(SAMPLES, sample)], { until: times[i]! })), `until ${times[i]}`).toEqual([]);
        expect(blamed(await diagnose([join(SAMPLES, sample)], { since: times[i]! })), `since ${times[i]}`).toEqual([]);
      }
    },
  );

  it.each<[string, { since?: bigint; until: bigint }]>([
    ['a request that is the last frame of all', { until: 1795234874578670000n }],
    ['a tunnel packet that is', { until: 1795234873949382000n }],
    [
      'a tunnel device that sent nothing, beside one that did',
      { since: 1795234874682649000n, until: 1795234874925056000n },
    ],
  ])('blames nobody for %s', async (_, window) => {
    expect(blamed(await diagnose([join(SAMPLES, 'healthy-flannel')], window))).toEqual([]);
  });

  it('still tells what nobody answers, wherever the clocks stand', async () => {
    const folder = join(SAMPLES, 'three-nodes');
    for (const offset of [-3600e9, 0, 3600e9]) {
      const { points } = await diagnose([folder]);
      const clocks = Object.fromEntries(
        points.filter(({ clock }) => clock === null).map(({ point }) => [point, offset]),
      );
      const told = await diagnose([folder], { clocks });
      expect(told.counts.verdicts, `${offset}`).toEqual((await diagnose([folder])).counts.verdicts);
    }
  });

  it('still tells a request that was sent again and never answered', async () => {
    const whole = await diagnose([join(SAMPLES, 'networkpolicy-drop')]);
    expect(blamed(whole).length).toBeGreaterThan(0);
  });
});

describe('a connection whose SYN,ACK no capture shows', () => {
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

  it.each(['healthy-flannel', 'healthy-calico'])('is answered by what both sides sent after it: %s', async (sample) => {
    const folder = mkdtempSync(join(tmpdir(), 'lasthop-edges-'));
    folders.push(folder);
    let left = 0;
    const view = new PacketView();
    for (const path of filesOf(sample)) {
      const capture = await openCapture(new Uint8Array(readFileSync(path)));
      const frames = [];
      for await (const batch of capture) {
        for (let i = 0; i < batch.count; i++) {
          view.decodeAt(batch, i);
          if (view.l4At >= 0 && view.protocol === 6 && (tcpFlags(view.view, view.l4At) & SYN_ACK) === SYN_ACK) {
            left++;
            continue;
          }
          const at = batch.offsets[i]!;
          frames.push({
            seconds: batch.seconds[i]!,
            nanoseconds: batch.nanoseconds[i]!,
            octets: batch.octets.slice(at, at + batch.capturedLengths[i]!),
            originalLength: batch.originalLengths[i]!,
          });
        }
      }
      const { linkType, snapLength } = capture.interfaces[0]!;
      writeFileSync(join(folder, path.slice(path.lastIndexOf('/') + 1)), writePcap(frames, { linkType, snapLength }));
    }
    expect(left).toBeGreaterThan(0);
    const [before, after] = [await diagnose([join(SAMPLES, sample)]), await diagnose([folder])];
    expect(blamed(after)).toEqual([]);
    expect(after.counts.verdicts.answered).toBe(before.counts.verdicts.answered);
  });
});

it('a loss over IPv6 is asked about by what knows IPv6', async () => {
  const { findings } = await diagnose([join(SAMPLES, 'equal-datagrams')]);
  const causes = findings.flatMap(({ causes }) => causes);
  expect(causes.map(({ kind }) => kind)).toContain('netpol-drop');
  expect(causes.map(({ kind }) => kind)).not.toContain('rp-filter-drop');
  expect(causes.filter(({ next }) => /(^|[ ;|])iptables-save|net\.ipv4|ReversePath/.test(next))).toEqual([]);
});

it('a time that no frame is of is no silence of the network: a notice says so', async () => {
  const notices: string[] = [];
  const onNotice = (text: string): number => notices.push(text);
  await diagnose([join(SAMPLES, 'healthy-calico')], { since: 1_900_000_000_000_000_000n, onNotice });
  expect(notices).toEqual([expect.stringContaining('--since')]);
  notices.length = 0;
  await diagnose([join(SAMPLES, 'healthy-calico')], { since: 0n, onNotice });
  expect(notices).toEqual([]);
});
