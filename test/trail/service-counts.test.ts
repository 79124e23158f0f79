import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { Count, ServiceSeries } from '../../src/trail/service-counts.js';
import { runs } from '../support/runs.js';

const SAMPLES = join(import.meta.dirname, '../../samples');
const hasTcpdump = spawnSync('tcpdump', ['--version']).status === 0;

/** tcp[13] is the octet with the flags (RFC 9293 section 3.1). */
const FLAGS = {
  syn: 'tcp[13] & 18 == 2',
  synAck: 'tcp[13] & 18 == 18',
  fin: 'tcp[13] & 1 != 0',
  rst: 'tcp[13] & 4 != 0',
} as const;

function counted(file: string, filter: string): number {
  const { stdout } = spawnSync('tcpdump', ['-nr', file, filter], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return stdout.split('\n').filter((line) => line !== '').length;
}

describe('connections of services over time', () => {
  // Nothing in these is in a tunnel, where tcpdump would not look.
  it.skipIf(!hasTcpdump).each(['rst-backend-switched', 'ephemeral-port-exhaustion', 'bgp-unknown-peer-reset'])(
    '%s: as many of each flag at each point as tcpdump counts',
    async (sample) => {
      const { services } = await diagnose([join(SAMPLES, sample)]);
      for (const file of readdirSync(join(SAMPLES, sample)).filter((name) => name.endsWith('.pcap'))) {
        const point = file.replace('__', '/').replace('.pcap', '');
        const here = services.filter((service) => service.point === point);
        for (const [column, filter] of Object.entries(FLAGS) as [keyof typeof FLAGS, string][]) {
          const sum = here.reduce((total, service) => total + service[column], 0);
          expect([point, column, sum]).toEqual([point, column, counted(join(SAMPLES, sample, file), filter)]);
        }
        for (const { intervals, ...totals } of here) {
          for (const column of [...Object.keys(FLAGS), 'rstByService'] as 'rst'[]) {
            expect(intervals.reduce((sum, interval) => sum + interval[column], 0)).toBe(totals[column]);
          }
        }
      }
    },
  );

  it.skipIf(!hasTcpdump)('a director that sends on by the interface it gets from shows each segment once', async () => {
    const folder = join(SAMPLES, 'rst-one-way-conntrack');
    const { services } = await diagnose([folder]);
    const [director] = services.filter(({ point }) => point === 'compute1/po0');
    expect(counted(join(folder, 'compute1__po0.pcap'), FLAGS.syn)).toBe(2 * director!.syn);
    expect(counted(join(folder, 'client__eth0.pcap'), FLAGS.syn)).toBe(director!.syn);
  });

  it('the RSTs of a pulse stand in the second in which they came, and who sent them', async () => {
    const { services } = await diagnose([join(SAMPLES, 'rst-backend-switched')]);
    const client = services.find(({ point }) => point === 'client/eth0')!;
    // tcpdump -tt -nr client__eth0.pcap 'tcp[13] & 4 != 0 and src host 10.54.213.148': six, all in second 1795245159
    expect(client.intervals.filter(({ rstByService }) => rstByService > 0)).toEqual([
      { time: '1795245159.000000000', syn: 0, synAck: 0, fin: 0, rst: 6, rstByService: 6 },
    ]);
  });
});

describe('a series', () => {
  it('loses nothing, whatever the order and the span of its times, and stays bounded', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.integer({ min: 0, max: 4 })), { minLength: 1 }),
        (events) => {
          const series = new ServiceSeries(0, 1, 80);
          for (const [second, column] of events) series.add(second * 1e9, column);
          expect(series.length).toBeLessThanOrEqual(64);
          for (let column = 0; column < 5; column++) {
            const expected = new Map<number, number>();
            for (const [second, its] of events) {
              if (its !== column) continue;
              const interval = Math.floor((second * 1e9) / series.interval);
              expected.set(interval, (expected.get(interval) ?? 0) + 1);
            }
            const found = new Map<number, number>();
            for (let i = 0; i < series.length; i++) {
              if (series.at(i, column) > 0) found.set(series.first + i, series.at(i, column));
            }
            expect(found).toEqual(new Map([...expected].sort(([a], [b]) => a - b)));
          }
        },
      ),
      runs(300),
    );
  });

  it('keeps seconds as long as they fit', () => {
    const series = new ServiceSeries(0, 1, 80);
    for (const second of [10, 5, 68]) series.add(second * 1e9, Count.SYN);
    expect([series.interval, series.first, series.length]).toEqual([1e9, 5, 64]);
    series.add(69e9, Count.SYN);
    expect([series.interval, series.total(Count.SYN)]).toEqual([2e9, 4]);
  });
});
