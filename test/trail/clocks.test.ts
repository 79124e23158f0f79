import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose, points } from '../../src/diagnose.js';
import type { Report } from '../../src/report/report.js';
import { errorAt, fitLine } from '../../src/trail/clock-line.js';
import { inputsOf, makeScenario, scenarioOptions } from '../support/scenario.js';
import { holds } from '../support/scenario-clocks.js';
import { runs } from './runs.js';

describe('clocks of a generated network', () => {
  it('the true offset lies within the bound in 99 of 100 networks', async ({ annotate }) => {
    let networks = 0;
    let right = 0;
    const errors: number[] = [];
    await fc.assert(
      fc.asyncProperty(scenarioOptions({ from: 0, until: 1, cut: null }), async (options) => {
        const scenario = makeScenario(options);
        const report = await points(inputsOf(scenario.files), { memory: 8 << 20 });
        const compared = report.points.filter(({ clock, firstTime }) => clock !== null && firstTime !== null);
        if (compared.length === 0) return;
        networks++;
        if (compared.every((point) => holds(scenario, point))) right++;
        for (const { clock } of compared) errors.push(clock!.residualNs);
      }),
      runs(2),
    );
    const median = errors.sort((a, b) => a - b)[errors.length >> 1]!;
    await annotate(`${right} of ${networks} networks; half of the bounds are below ${Math.round(median / 1000)} µs`);
    expect(networks).toBeGreaterThan(30);
    expect(right / networks).toBeGreaterThanOrEqual(0.99);
  });
});

describe('a line between what delays allow', () => {
  const truth = fc.record({
    offset: fc.integer({ min: -3600e9, max: 3600e9 }),
    drift: fc.integer({ min: -200, max: 200 }),
    seed: fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 600e9 }),
        delay: fc.integer({ min: 20e3, max: 5e6 }),
        back: fc.boolean(),
      }),
      { minLength: 2, maxLength: 60 },
    ),
  });

  it('the true line is within the bound everywhere, also outside the time of the packets', () => {
    fc.assert(
      fc.property(truth, fc.integer({ min: -600e9, max: 1200e9 }), ({ offset, drift, seed }, at) => {
        const ahead = (x: number): number => offset + (drift * x) / 1e6;
        const side = (back: boolean): { x: number[]; y: number[] } => {
          const chosen = seed.filter((each) => each.back === back);
          const sign = back ? -1 : 1;
          return { x: chosen.map((each) => each.at), y: chosen.map((each) => ahead(each.at) + sign * each.delay) };
        };
        const [above, below] = [side(false), side(true)];
        if (above.x.length === 0 || below.x.length === 0) return;
        const line = fitLine(above, below);
        const off = Math.abs(line.offset + line.drift * at - ahead(at));
        expect(off).toBeLessThanOrEqual(errorAt(line.error, at) * (1 + 1e-9) + 1);
      }),
      runs(2),
    );
  });

  it('many packets both ways tell the drift to within a part per million', () => {
    const x = Array.from({ length: 200 }, (_, i) => i * 1e9);
    const line = fitLine(
      { x, y: x.map((at, i) => 5e9 + 80e-6 * at + 100e3 + ((i * 7919) % 900) * 1000) },
      { x, y: x.map((at, i) => 5e9 + 80e-6 * at - 100e3 - ((i * 104729) % 900) * 1000) },
    );
    expect(line.drift * 1e6).toBeGreaterThan(79);
    expect(line.drift * 1e6).toBeLessThan(81);
    expect(errorAt(line.error, 100e9)).toBeLessThan(250e3);
  });

  it('near miss: a packet that is another one, alike, moves nothing', () => {
    const x = Array.from({ length: 20 }, (_, i) => i * 1e9);
    const above = { x: [...x, 7.5e9], y: [...x.map(() => 300e3), -2e9] };
    const line = fitLine(above, { x, y: x.map(() => -300e3) });
    expect(line.offset).toBe(0);
    expect(line.drift).toBe(0);
    expect(errorAt(line.error, 10e9)).toBeLessThan(400e3);
  });
});

describe('a clock that the user gives', () => {
  const folder = 'samples/nat-return-unroutable';
  const clocksOf = ({ points }: Report): Map<string, number> =>
    new Map(points.flatMap(({ node, clock }) => (node === null || clock === null ? [] : [[node, clock.offsetNs]])));

  it('of the reference takes along those that were compared with it: what is told stays the same', async () => {
    const before = await diagnose([folder]);
    const reference = before.points.find(({ clock }) => clock !== null)!.clock!.reference;
    const { point } = before.points.find(({ node }) => node === reference)!;
    const after = await diagnose([folder], { clocks: { [point]: 5e9 } });
    for (const [node, offset] of clocksOf(before)) expect(clocksOf(after).get(node)).toBe(offset + 5e9);
    expect(clocksOf(after).get(reference)).toBe(5e9);
    expect(after.counts).toEqual(before.counts);
    expect(after.findings.map(({ title }) => title)).toEqual(before.findings.map(({ title }) => title));
  });

  it('of another node moves that one alone', async () => {
    const before = await diagnose([folder]);
    const { point, node, clock } = before.points.find(({ clock }) => clock !== null)!;
    const after = clocksOf(await diagnose([folder], { clocks: { [point]: 5e9 } }));
    expect(after.get(node!)).toBe(5e9);
    expect(after.get(clock!.reference)).toBeUndefined();
  });
});
