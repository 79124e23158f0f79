/**
 * `npm run scenarios -- [--runs N] [--seed S] [--fixed JSON] [--examples N]` makes N generated networks (200), has them told
 * and compares what is said with their truth: what is called lost and was not, what the captures prove to be lost and is not
 * told, clocks outside their bound. The options of the first networks of each kind of fault (2) are printed, for
 * LASTHOP_SCENARIO of test/trail/scenario.test.ts. Exit code 1 when a bar is missed.
 */
import fc from 'fast-check';
import { parseArgs } from 'node:util';
import { scenarioOptions, type ScenarioOptions } from '../support/scenario.js';
import { measure } from './measure.js';

/** Nothing that arrived may be called lost; of the losses that captures prove this part must be told. */
const LEAST_RECALL = 0.98;
const LEAST_CLOCKS = 0.99;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    /** Options to fix, as JSON. */
    fixed: { type: 'string', default: '{}' },
    /** How many networks of each kind of fault are printed. */
    examples: { type: 'string', default: '2' },
  },
});
const runs = Number(values.runs);
const seed = Number(values.seed);
const examplesPrinted = Number(values.examples);
if (!(runs >= 1) || !Number.isInteger(seed)) throw new Error('--runs wants a number, --seed an integer');
const fixed = JSON.parse(values.fixed) as Partial<ScenarioOptions>;

/** Counts over networks. */
class Tally {
  networks = 0;
  shown = 0;
  likely = 0;
  provable = 0;
  missed = 0;
  clocks = 0;
  clocksHold = 0;
  readonly faults = new Map<string, number>();

  add(result: Awaited<ReturnType<typeof measure>>): void {
    this.networks++;
    this.shown += result.lost.shown;
    this.likely += result.lost.likely;
    this.provable += result.provable;
    this.missed += result.missed.length;
    if (result.clocksHold !== null) this.clocks++;
    if (result.clocksHold === true) this.clocksHold++;
    for (const { fault, certainty } of result.wrong) count(this.faults, `${fault} (${certainty})`);
  }

  get recall(): number {
    return this.provable === 0 ? 1 : 1 - this.missed / this.provable;
  }

  get falseLosses(): number {
    return (this.faults.get('false-lost (shown)') ?? 0) + (this.faults.get('false-lost (likely)') ?? 0);
  }

  print(what: string): void {
    const percent = (part: number, of: number): string => (of === 0 ? '-' : `${((100 * part) / of).toFixed(2)} %`);
    print(`${what}: ${this.networks} networks`);
    print(`  losses told: ${this.shown} shown, ${this.likely} likely`);
    print(`  false losses: ${this.falseLosses}`);
    print(
      `  provable losses told: ${this.provable - this.missed} of ${this.provable}, ${percent(this.provable - this.missed, this.provable)}`,
    );
    print(
      `  clocks within their bound: ${this.clocksHold} of ${this.clocks} networks, ${percent(this.clocksHold, this.clocks)}`,
    );
    const faults = [...this.faults].sort().map(([fault, times]) => `${fault} ${times}`);
    print(`  other faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const all = new Tally();
const usual = new Tally();
const examples = new Map<string, { times: number; networks: number; texts: string[] }>();

function example(kind: string, text: string, options: ScenarioOptions, isNew: boolean): void {
  let found = examples.get(kind);
  if (found === undefined) examples.set(kind, (found = { times: 0, networks: 0, texts: [] }));
  found.times++;
  if (!isNew) return;
  found.networks++;
  if (found.texts.length < examplesPrinted)
    found.texts.push(`${text}\n  LASTHOP_SCENARIO='${JSON.stringify(options)}'`);
}

const started = performance.now();
for (const options of fc.sample(scenarioOptions(fixed), { numRuns: runs, seed })) {
  const result = await measure(options);
  all.add(result);
  if (result.points >= 5 && result.points <= 12) usual.add(result);
  const kinds = new Set<string>();
  const note = (kind: string, text: string): void => {
    example(kind, text, options, !kinds.has(kind));
    kinds.add(kind);
  };
  for (const { fault, certainty, text } of result.wrong) note(`${fault} (${certainty})`, text);
  for (const { why, text } of result.missed) note(`not told: ${why}`, text);
  if (result.clocksHold === false) note('clock outside its bound', '');
  if (all.networks % 500 === 0) all.print(`after ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
}
for (const [kind, { times, networks, texts }] of [...examples].sort((a, b) => b[1].times - a[1].times)) {
  print(`${kind}: ${times} in ${networks} networks, for example`);
  for (const text of texts) print(text.replace(/^/gm, '  '));
}
all.print(`seed ${seed}, ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
usual.print('of these, with 5 to 12 captured points');
const holds = all.falseLosses === 0 && all.recall >= LEAST_RECALL && all.clocksHold >= LEAST_CLOCKS * all.clocks;
if (!holds) process.exitCode = 1;
