// All that the program is held to, measured in one run on one machine: node bench/run.js --bars
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barsOf, COMMANDS, MIB, plan, ratio, SAMPLE } from './asked.js';
import { CASES } from './cases.js';
import { framesOf, median, summaryOf, tableOf } from './figures.js';
import { ROOT } from './library.js';
import { headOf, machineOf, versionsOf } from './machine.js';
import { measure, measureCase } from './measure.js';
import { progress, traceOf } from './traces.js';

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./asked.js').Measured} Measured */

/** @typedef {import('./asked.js').Starts} Starts */

/**
 * Starts each command and Node alone in turn. Told is the middle one, and in user and system time, which a busy machine disturbs less.
 * @param {number} rounds
 */
async function measureStarts(rounds) {
  const lasthop = join(ROOT, 'bin/lasthop.js');
  const sample = join(ROOT, SAMPLE);
  /** @type {Record<string, string[]>} */
  const commands = { node: ['-e', '0'], '--version': [lasthop, '--version'] };
  for (const name of COMMANDS) commands[name] = [lasthop, ...name.split(' '), sample];
  /** @type {Record<string, import('./measure.js').Measurement[]>} */
  const all = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, args] of Object.entries(commands)) {
      progress(`start ${round}: ${name}`);
      all[name].push(await measure([process.execPath, ...args], { asIs: true, exits: [0, 1, 3] }));
    }
  }
  const failure = Object.entries(all).flatMap(([name, list]) =>
    list.flatMap(({ failure }) => (failure === null ? [] : [`start of ${name}: ${failure}`])),
  )[0];
  const rows = Object.entries(all).map(([name, list]) => ({
    name,
    seconds: /** @type {number} */ (median(list.map(({ seconds }) => seconds))),
    leastSeconds: Math.min(...list.map(({ seconds }) => seconds)),
    cpuSeconds: median(list.flatMap(({ cpuSeconds }) => (cpuSeconds === null ? [] : [cpuSeconds]))),
  }));
  const [node] = rows;
  /** @type {Starts} */
  const starts = Object.fromEntries(rows.map(({ name, seconds }) => [name, ratio(seconds, node.seconds)]));
  return { rows, starts, failure };
}

/** Runs of each start: many, since one is short. */
const START_ROUNDS = 21;

/**
 * @param {{ quick: boolean, rounds: number, json: string | undefined }} options
 * @returns {Promise<number>} the exit code
 */
export async function bars({ quick, rounds, json }) {
  const traces = Object.entries(plan(quick)).map(([name, { options, cases }]) => ({
    name,
    ...traceOf(/** @type {import('./generate.js').TraceOptions} */ (options)),
    cases: CASES.filter((each) => cases.includes(each.name)),
  }));
  const versions = await versionsOf(traces.flatMap(({ cases }) => cases));
  const runs = traces.flatMap(({ name: trace, folder, truth, cases }) =>
    cases
      .filter(({ program }) => program === undefined || versions[program] !== null)
      .map((each) => ({
        each,
        trace,
        frames: framesOf(truth),
        commands: each.commands({ root: ROOT, folder, files: truth.points.map(({ file }) => join(folder, file)) }),
        /** @type {Figures} */
        figures: { name: each.name, what: each.what, frames: framesOf(truth), rounds: [], loops: [] },
      })),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const { each, trace, frames, commands, figures } of runs) {
      // The slow ones take as long as all others together
      if (each.slow === true && round > 1) continue;
      progress(`round ${round}: ${each.name}, ${trace}`);
      const measurement = await measureCase(each, commands, frames);
      figures.rounds.push(measurement);
      if (each.loop === true && measurement.failure === null) figures.loops.push(JSON.parse(measurement.output));
    }
  }
  const { rows: startRows, starts, failure: startFailure } = await measureStarts(quick ? 11 : START_ROUNDS);
  progress('');

  /** @type {Measured[]} */
  const measured = runs.map(({ trace, figures }) => ({
    ...summaryOf(figures),
    trace,
    collections: median(figures.loops.map(({ collections }) => collections)),
  }));
  const table = barsOf((name, trace) => measured.find((one) => one.name === name && one.trace === trace), starts);
  const machine = { ...machineOf(), versions };
  const failures = [
    ...Object.entries(versions).flatMap(([name, version]) => (version === null ? [`${name} is not installed`] : [])),
    ...measured.flatMap(({ name, trace, failure }) => (failure === null ? [] : [`${name}, ${trace}: ${failure}`])),
    ...(startFailure === undefined ? [] : [startFailure]),
  ];
  const lines = [
    ...headOf(machine),
    ...traces.map(
      ({ name, truth }) => `${name}: ${framesOf(truth)} frames of ${truth.points.length} points, ${truth.flows} flows`,
    ),
    ...(quick ? ['small traces (--quick): the start of processes weighs more here than the bars mean'] : []),
    '',
    ...tableOf(
      ['', '', 'median s', 'least s', 'CPU s', 'frames/s', 'peak MiB'],
      measured.map((one) => [
        one.name,
        one.trace,
        text(one.seconds, 2),
        text(one.leastSeconds, 2),
        text(one.cpuSeconds, 2),
        one.framesPerSecond === null ? '-' : `${(one.framesPerSecond / 1e6).toFixed(2)} M`,
        one.peakOctets === null ? '-' : (one.peakOctets / MIB).toFixed(0),
      ]),
    ),
    '',
    ...tableOf(
      ['start', 'median ms', 'least ms', 'CPU ms', 'to node', 'by CPU'],
      startRows.map((row) => [
        row.name,
        (1000 * row.seconds).toFixed(0),
        (1000 * row.leastSeconds).toFixed(0),
        row.cpuSeconds === null ? '-' : (1000 * row.cpuSeconds).toFixed(0),
        text(ratio(row.seconds, startRows[0].seconds), 2),
        text(ratio(row.cpuSeconds, startRows[0].cpuSeconds), 2),
      ]),
    ),
    '',
    ...tableOf(
      ['bar', 'asked', 'measured', ''],
      table.map(({ bar, relation, asked, measured, unit, met }) => [
        bar,
        `${relation} ${asked}${unit}`,
        measured === undefined ? '-' : `${measured.toFixed(2)}${unit}`,
        measured === undefined ? 'NOT MEASURED' : met ? 'met' : 'NOT MET',
      ]),
    ),
    ...failures.map((failure) => `FAILED: ${failure}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (json !== undefined) {
    const told = { machine, quick, bars: table, figures: measured, starts: startRows, failures };
    writeFileSync(json, `${JSON.stringify(told, null, 1)}\n`);
  }
  return failures.length > 0 || table.some(({ met, isAim }) => !met && !isAim) ? 1 : 0;
}

/**
 * @param {number | null | undefined} value
 * @param {number} digits
 */
function text(value, digits) {
  return value == null ? '-' : value.toFixed(digits);
}
