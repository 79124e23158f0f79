import { absolute, assemble, namesOf } from './assemble.js';
import type { CaptureInput } from './inputs.js';
import type { DiagnoseOptions } from './options.js';
import type { ExchangeRow, Report, TrailRow } from './report/report.js';
import { pair, prepare, type Run } from './run.js';
import { exchangeRow } from './trail/exchange-rows.js';
import type { Exchange } from './trail/exchange.js';
import { trailRow } from './trail/rows.js';
import type { Trail } from './trail/trail.js';
import { outcomeOf } from './trail/verdict.js';

const SETTLED = new Set(['answered', 'refused']);

/** Reads captures and says, for every request and reply, where it was last seen. */
export async function diagnose(inputs: readonly CaptureInput[], options: DiagnoseOptions = {}): Promise<Report> {
  const run = await prepare(inputs, options, 'report');
  // What is answered and over is counted and forgotten; the rest waits for all the evidence.
  const retire = (exchange: Exchange): boolean => {
    if (run.choice !== null && !run.choice.isExchange(exchange)) return true;
    const outcome = outcomeOf(exchange, run.judge);
    if (!SETTLED.has(outcome.verdict)) return false;
    run.flows.count(exchange, outcome.verdict);
    run.backends.count(exchange, outcome, false);
    return true;
  };
  for await (const _ of pair(run, options, retire));
  return assemble(run);
}

/** What is in the captures: points, problems and counts; no pairing. */
export async function points(inputs: readonly CaptureInput[], options: DiagnoseOptions = {}): Promise<Report> {
  return assemble(await prepare(inputs, options, 'points'), 'points');
}

/** One row for each exchange, in order of time; of captures with very many, those that are over come first. */
export async function* exchanges(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions = {},
): AsyncGenerator<ExchangeRow> {
  const run = await prepare(inputs, options, 'streams');
  let over: Exchange[] = [];
  const retire = (exchange: Exchange): boolean => {
    over.push(exchange.copy());
    return true;
  };
  for await (const _ of pair(run, options, retire)) {
    yield* exchangeRows(run, over);
    over = [];
  }
  run.judge.learn(run.tracker.trails);
  yield* exchangeRows(run, over);
  yield* exchangeRows(run, run.tracker.exchanges.all);
}

function* exchangeRows(run: Run, list: Exchange[]): Generator<ExchangeRow> {
  const names = namesOf(run);
  const { choice } = run;
  const told = list.filter(
    (exchange) => exchange.requests + exchange.replies > 0 && (choice === null || choice.isExchange(exchange)),
  );
  told.sort((a, b) => a.firstTime - b.firstTime);
  for (const exchange of told) yield exchangeRow(names, exchange, run.judge, (time) => absolute(time, run.base));
}

/** One row for each packet, in order of time; of captures with very many, as far as there is room to wait for those told late. */
export async function* trails(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions = {},
): AsyncGenerator<TrailRow> {
  const run = await prepare(inputs, options, 'packets');
  const { tracker } = run;
  for await (const _ of pair(run, options, () => true)) {
    // The older half of those that there is room for
    if (tracker.trails.length > tracker.limit >> 1) yield* trailRows(run, tracker.trails.splice(0, tracker.limit >> 2));
  }
  yield* trailRows(run, tracker.trails);
  if (tracker.evicted > 0) options.onNotice?.(`${tracker.evicted} packets are not told: there was no room for them`);
}

function* trailRows(run: Run, list: Trail[]): Generator<TrailRow> {
  const names = namesOf(run);
  run.judge.learn(list);
  list.sort((a, b) => a.firstTime - b.firstTime);
  for (const trail of list) yield trailRow(names, trail, run.judge);
}
