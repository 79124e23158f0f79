import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchanges } from '../../src/diagnose.js';
import type { ExchangeRow } from '../../src/report/report.js';
import { SeenOctets } from '../../src/trail/stream.js';
import { exchangesOf } from '../support/scenario-check.js';
import { inputsOf, makeScenario, QUIET, type ScenarioOptions } from '../support/scenario.js';
import { runs } from './runs.js';

describe('octets seen of a stream', () => {
  it('each once, in any order, cut anyhow, over the end of the sequence space', () => {
    const part = fc.record({ from: fc.nat(4000), length: fc.integer({ min: 1, max: 700 }) });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 30 }), fc.nat(0xffff), (parts, start) => {
        const first = (0xffff_f000 + start) | 0;
        const seen = new SeenOctets(first);
        const marked = new Set<number>();
        for (const { from, length } of parts) {
          seen.add((first + from) | 0, length);
          for (let i = from; i < from + length; i++) marked.add(i);
        }
        expect(seen.octets).toBe(marked.size);
        expect(seen.highest).toBe(Math.max(...marked) + 1);
      }),
      runs(),
    );
  });

  it('more than the sequence space has numbers', () => {
    const seen = new SeenOctets(0);
    const length = 1 << 30;
    for (let i = 0; i < 6; i++) seen.add((i * length) | 0, length);
    expect(seen.octets).toBe(6 * length);
    expect(seen.highest).toBe(6 * length);
  });
});

const TRANSFER: ScenarioOptions = {
  ...QUIET,
  flows: [{ kind: 'tcp', seed: 7, from: 0, to: 1, start: 0, count: 5, size: 1000, habit: 'plain' }],
};

function streamOf(rows: readonly ExchangeRow[]): NonNullable<ExchangeRow['stream']> {
  return rows.find(({ protocol }) => protocol === 'tcp')!.stream!;
}

describe('stream in exchanges', () => {
  it('how far each point saw each direction, with offloads on and off', async () => {
    for (const resegment of [false, true]) {
      const scenario = makeScenario({ ...TRANSFER, resegment });
      const rows = await exchangesOf(inputsOf(scenario.files));
      expect(rows.map(({ verdict }) => verdict)).toEqual(['answered']);
      const { request, reply } = streamOf(rows);
      expect(request.map(({ point }) => point)).toEqual(scenario.packets[0]!.way.map(({ point }) => point));
      expect(new Set(request.map(({ octets, highest }) => `${octets} ${highest}`))).toEqual(new Set(['5000 5000']));
      expect(new Set(reply.map(({ octets, highest }) => `${octets} ${highest}`)).size).toBe(1);
      expect(reply[0]!.octets).toBe(reply[0]!.highest);
    }
  });

  it('a stall shows where it is', async () => {
    const scenario = makeScenario({ ...TRANSFER, outage: { link: 3, from: 1 } });
    const link = scenario.packets.find(({ droppedAfter }) => droppedAfter !== null)!;
    const rows: ExchangeRow[] = [];
    for await (const row of exchanges(inputsOf(scenario.files))) rows.push(row);
    const { request } = streamOf(rows);
    const way = link.way.map(({ point }) => point);
    const sent = new Map<string, Set<number>>();
    for (const { what, droppedAfter } of scenario.packets) {
      const data = /^tcp client \S*PSH\S* (\d+)-(\d+)/.exec(what);
      if (data === null) continue;
      for (const point of way.slice(0, droppedAfter === null ? undefined : droppedAfter + 1)) {
        const octets = sent.get(point) ?? new Set<number>();
        sent.set(point, octets);
        for (let i = Number(data[1]); i < Number(data[2]); i++) octets.add(i);
      }
    }
    expect(sent.get(way[0]!)!.size).toBeGreaterThan(sent.get(way[way.length - 1]!)!.size);
    expect(request.map(({ point, octets }) => [point, octets])).toEqual(
      way.flatMap((point) => (sent.has(point) ? [[point, sent.get(point)!.size]] : [])),
    );
    expect(request.length).toBeGreaterThan(0);
  });
});
