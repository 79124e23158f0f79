// All that the program is held to, measured in one run on one machine: node bench/run.js --bars
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES } from './cases.js';
import { framesOf, median, summaryOf, tableOf } from './figures.js';
import { DEFAULTS } from './generate.js';
import { ROOT } from './library.js';
import { headOf, machineOf, versionsOf } from './machine.js';
import { measure, measureCase } from './measure.js';
import { progress, traceOf } from './traces.js';

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {NonNullable<ReturnType<typeof summaryOf>>} Summary */
/** @typedef {ReturnType<typeof summaryOf> & { trace: string, collections: number | null }} Measured */
/** @typedef {(name: string, trace: string) => Measured | undefined} Find */

const MIB = 1048576;
/** What `lasthop` takes to start is measured on the largest sample, whose saved state is read too. */
const SAMPLE = 'samples/sopnode-broken-ping';
const COMMANDS = ['diagnose', 'exchanges', 'trails', 'points', 'packets'];

/**
 * Traces by name, and what runs on each. The ten times longer one and the one of sixteen points have conversations in
 * proportion; the two of many and of few conversations are equally long.
 * @param {boolean} quick
 */
export function plan(quick) {
  const scale = quick ? 0.05 : 1;
  /** @param {number} packets @param {Partial<import('./generate.js').TraceOptions>} rest */
  const options = (packets, rest = {}) => ({
    ...DEFAULTS,
    packets: packets * scale,
    flows: (packets * scale) / 50,
    ...rest,
  });
  const peers = ['tcpdump-write', 'tcpdump-print', 'tcpdump-tz', 'capinfos', 'tshark', 'tcptrace', 'pcap-parser'];
  return {
    'two points': { options: options(5e6), cases: ['read', 'decode', 'diagnose', ...peers] },
    'whole frames': { options: options(1e6, { snapLength: 0 }), cases: ['decode', 'diagnose', 'tcpdump-write'] },
    '1 x': { options: options(1e6), cases: ['diagnose'] },
    '10 x': { options: options(1e7), cases: ['diagnose'] },
    'sixteen points': { options: options(3e5, { points: 16 }), cases: ['diagnose'] },
    'few flows': { options: options(3e6, { flows: 1e3 * scale }), cases: ['diagnose'] },
    'many flows': { options: options(3e6, { flows: 1e6 * scale }), cases: ['diagnose'] },
  };
}

/**
 * The bars: what is asked, and what of a measurement answers it. `value` is undefined where something was not measured.
 * @param {Find} find
 * @param {Starts} starts
 */
export function barsOf(find, starts) {
  /** @param {string} peer @param {string} own @param {string} trace */
  const times = (peer, own, trace) => ratio(find(peer, trace)?.seconds, find(own, trace)?.seconds);
  /** @param {string} trace */
  const rate = (trace) => find('diagnose', trace)?.framesPerSecond;
  /** @param {string} trace */
  const peak = (trace) => find('diagnose', trace)?.peakOctets;
  const decode = find('decode', 'two points');
  const diagnose = find('diagnose', 'two points');
  const perMillion = ratio(decode?.collections, decode === undefined ? null : decode.frames / 1e6);
  return [
    atLeast('decode, to tcpdump -r F -w /dev/null', 2, times('tcpdump-write', 'decode', 'two points'), ' x'),
    atLeast('the same, whole frames', 2, times('tcpdump-write', 'decode', 'whole frames'), ' x'),
    atLeast('diagnose, to tcpdump -nn -q -r F', 5, times('tcpdump-print', 'diagnose', 'two points'), ' x'),
    atLeast('diagnose, to tshark with three fields', 80, times('tshark', 'diagnose', 'two points'), ' x'),
    {
      ...atLeast('diagnose, to capinfos -c F (an aim)', 1, times('capinfos', 'diagnose', 'two points'), ' x'),
      isAim: true,
    },
    atMost('memory of diagnose', 256, ratio(diagnose?.peakOctets, MIB), ' MiB'),
    atMost('memory, ten times as many packets', 1.1, ratio(peak('10 x'), peak('1 x')), ' x'),
    atMost('memory, a thousand times as many flows', 1.1, ratio(peak('many flows'), peak('few flows')), ' x'),
    atLeast('frames/s, ten times as many packets', 0.9, ratio(rate('10 x'), rate('1 x')), ' x'),
    atLeast('frames/s, sixteen points to two', 0.75, ratio(rate('sixteen points'), rate('1 x')), ' x'),
    atMost('start of lasthop --version, to node -e 0', 3, starts['--version'], ' x'),
    ...COMMANDS.map((name) => atMost(`start of lasthop ${name} ${SAMPLE}`, 5, starts[name], ' x')),
    atMost('collections of garbage while decoding, a million frames', 1, perMillion, ''),
    atMost('pauses of diagnose', 2, percent(diagnose?.gcSeconds, diagnose?.seconds), ' %'),
  ];
}

/**
 * @param {string} bar
 * @param {number} asked
 * @param {number | undefined} measured
 * @param {string} unit
 */
function atLeast(bar, asked, measured, unit) {
  return { bar, relation: '>=', asked, measured, unit, met: measured !== undefined && measured >= asked, isAim: false };
}

/**
 * @param {string} bar
 * @param {number} asked
 * @param {number | undefined} measured
 * @param {string} unit
 */
function atMost(bar, asked, measured, unit) {
  return { bar, relation: '<=', asked, measured, unit, met: measured !== undefined && measured <= asked, isAim: false };
}

/**
 * @param {number | null | undefined} a
 * @param {number | null | undefined} b
 */
function ratio(a, b) {
  return a == null || b == null || b === 0 ? undefined : a / b;
}

/**
 * @param {number | null | undefined} part
 * @param {number | null | undefined} whole
 */
function percent(part, whole) {
  const share = ratio(part, whole);
  return share === undefined ? undefined : 100 * share;
}

/** @typedef {Record<string, number | undefined>} Starts by command: how many times as long as Node's own start */

/**
 * Starts each command and Node alone in turn. Told is the middle one, and in user and system time, which a busy machine disturbs less.
 * @param {number} rounds
 */
async function measureStarts(rounds) {
  const lasthop = join(ROOT, 'bin/lasthop.js');
  const sample = join(ROOT, SAMPLE);
  /** @type {Record<string, string[]>} */
  const commands = { node: ['-e', '0'], '--version': [lasthop, '--version'] };
  for (const name of COMMANDS) commands[name] = [lasthop, name, sample];
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
