import { absolute, assemble, namesOf } from './assemble.js';
import type { CaptureInput } from './inputs.js';
import type { DiagnoseOptions } from './options.js';
import type { ExchangeRow, Report, TrailRow } from './report/report.js';
import { run } from './run.js';
import { exchangeRow } from './trail/exchange-rows.js';
import { trailRow } from './trail/rows.js';

/** Reads captures and says, for every request and reply, where it was last seen. */
export async function diagnose(inputs: readonly CaptureInput[], options: DiagnoseOptions = {}): Promise<Report> {
  return assemble(await run(inputs, options, 'verdicts'));
}

/** What is in the captures: points, problems and counts; no pairing. */
export async function points(inputs: readonly CaptureInput[], options: DiagnoseOptions = {}): Promise<Report> {
  return assemble(await run(inputs, options, 'points'));
}

/** One row for each exchange, in order of time. */
export async function* exchanges(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions = {},
): AsyncGenerator<ExchangeRow> {
  const result = await run(inputs, options, 'verdicts');
  const names = namesOf(result);
  const all = result.tracker!.exchanges.all.filter((exchange) => exchange.requests + exchange.replies > 0);
  all.sort((a, b) => a.firstTime - b.firstTime);
  for (const exchange of all) yield exchangeRow(names, exchange, result.judge!, (time) => absolute(time, result.base));
}

/** One row for each packet, in order of time. */
export async function* trails(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions = {},
): AsyncGenerator<TrailRow> {
  const result = await run(inputs, options, 'rows');
  const names = namesOf(result);
  const all = result.tracker!.trails;
  all.sort((a, b) => a.firstTime - b.firstTime);
  for (const trail of all) yield trailRow(names, trail, result.judge!);
}
