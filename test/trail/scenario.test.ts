import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  describe as describePacket,
  issuesOf,
  packetsOfRow,
  provableLosses,
  rowsOf,
  rowText,
  sightingsInOrder,
  viewOf,
  type Fault,
  type Issue,
} from '../support/scenario-check.js';
import { inputsOf, makeScenario, QUIET, scenarioOptions, type ScenarioOptions } from '../support/scenario.js';
import { runs } from './runs.js';

const known = new Map<string, Issue[]>();

/** All properties draw the same scenarios, so each is made and read once. */
async function issuesIn(options: ScenarioOptions): Promise<Issue[]> {
  const key = JSON.stringify(options);
  let issues = known.get(key);
  if (issues === undefined) {
    const scenario = makeScenario(options);
    issues = issuesOf(viewOf(scenario), await rowsOf(inputsOf(scenario.files)));
    known.set(key, issues);
  }
  return issues;
}

function expectNone(issues: readonly Issue[], ...faults: readonly Fault[]): void {
  const found = issues.filter(({ fault }) => faults.includes(fault));
  if (found.length > 0) throw new Error(`${found.length} packets, the first:\n${found[0]!.text}`);
}

const WHOLE = { from: 0, until: 1, cut: null } as const;

// Each promise has a property of its own, so that a failure shrinks to the smallest network that breaks this one.
const PROMISES: readonly (readonly [string, readonly Fault[]])[] = [
  ['nothing that arrived is lost', ['false-lost']],
  ['what is lost was last seen where it was', ['wrong-place']],
  ['the next point expected is the next captured one that could show it', ['skipped-point']],
  ['nothing that was dropped is delivered', ['false-delivered']],
  ['what was seen where its destination lives is delivered', ['not-delivered']],
  ['a row has one packet, or identical ones', ['mispaired']],
  ['a packet has one row, with all its frames', ['no-row', 'split']],
  ['between pods the sightings are in path order', ['disordered']],
];

describe('a generated network, captured from before its traffic until after it', () => {
  for (const [promise, faults] of PROMISES) {
    it(promise, async () => {
      await fc.assert(
        fc.asyncProperty(scenarioOptions(WHOLE), async (options) => expectNone(await issuesIn(options), ...faults)),
        runs(),
      );
    });
  }

  it('losses that captures prove are told', async ({ annotate }) => {
    let provable = 0;
    const missed: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(scenarioOptions({ ...WHOLE, loss: 0.2 }), async (options) => {
        const scenario = makeScenario(options);
        const view = viewOf(scenario);
        const rows = await rowsOf(inputsOf(scenario.files));
        const losses = provableLosses(view);
        provable += losses.length;
        for (const { packet } of losses) {
          const row = rows.find((each) => packetsOfRow(view, each).includes(packet.number));
          if (row?.state === 'lost') continue;
          const why = `${row?.state ?? 'no row'}: ${row?.reason?.replace(/\S*[\d/]\S*/g, '…') ?? 'no reason'}`;
          missed[why] = (missed[why] ?? 0) + 1;
        }
      }),
      runs(),
    );
    const told = 1 - Object.values(missed).reduce((sum, count) => sum + count, 0) / provable;
    await annotate(
      `${(100 * told).toFixed(1)} % of ${provable} provable losses are told; else ${JSON.stringify(missed)}`,
    );
    expect(provable).toBeGreaterThan(50);
    expect(told, JSON.stringify(missed)).toBeGreaterThan(0.98);
  });

  it('sightings are in path order whoever talks', async ({ annotate }) => {
    let ordered = 0;
    let all = 0;
    const wrong: Record<string, string> = {};
    await fc.assert(
      fc.asyncProperty(scenarioOptions({ ...WHOLE, middle: 'none' }), async (options) => {
        const scenario = makeScenario(options);
        const view = viewOf(scenario);
        for (const { said, inOrder, from, to } of sightingsInOrder(view, await rowsOf(inputsOf(scenario.files)))) {
          all++;
          if (inOrder) ordered++;
          else wrong[`${from} > ${to}`] ??= said;
        }
      }),
      runs(),
    );
    await annotate(`${ordered} of ${all} rows are in path order; else ${JSON.stringify(wrong)}`);
    expect(ordered / all, JSON.stringify(wrong, null, 1)).toBeGreaterThan(0.97);
  });
});

describe('a generated network, captured amid its traffic', () => {
  for (const certainty of ['shown', 'likely']) {
    it(`nothing that arrived is lost with certainty ${certainty}`, async () => {
      await fc.assert(
        fc.asyncProperty(scenarioOptions(), async (options) => {
          const issues = await issuesIn(options);
          expectNone(
            issues.filter(({ text }) => text.includes(`said: lost ${certainty}`)),
            'false-lost',
          );
        }),
        runs(),
      );
    });
  }
});

// Networks that were told wrongly once, with the reason.
const ONCE_WRONG = JSON.parse(readFileSync('test/trail/scenarios.json', 'utf8')) as {
  readonly what: string;
  readonly options: ScenarioOptions;
}[];

describe('a generated network once told wrongly', () => {
  it.each(ONCE_WRONG)('$what', async ({ options }) => {
    expect(await issuesIn(options)).toEqual([]);
  });
});

/** Options of a scenario as a failing property prints them; the report tells what was said of it. */
const GIVEN = process.env['LASTHOP_SCENARIO'];

describe.skipIf(GIVEN === undefined)('the scenario of LASTHOP_SCENARIO', () => {
  it('is told as it was', async ({ annotate }) => {
    const scenario = makeScenario({ ...QUIET, ...(JSON.parse(GIVEN!) as Partial<ScenarioOptions>) });
    const rows = await rowsOf(inputsOf(scenario.files));
    const view = viewOf(scenario);
    await annotate(`captured: ${scenario.points.join(' ')}`);
    await annotate(view.visible.map(describePacket).join('\n'));
    await annotate(rows.map((row) => `${row.time} ${row.src} > ${row.dst} ${rowText(row)}`).join('\n'));
    expect(issuesOf(view, rows).map(({ fault, text }) => `${fault}: ${text}`)).toEqual([]);
  });
});
