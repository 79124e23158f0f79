#!/usr/bin/env node
// Measures the reader, the decoder and whole commands beside other programs on generated traces. README.md says what is what.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { build, differences } from './against.js';
import { CASES } from './cases.js';
import { comparisonOf, framesOf, reportOf, summaryOf } from './figures.js';
import { DEFAULTS, TRACE_VERSION } from './generate.js';
import { ROOT } from './library.js';
import { machineOf, versionsOf } from './machine.js';
import { measure, scriptPath } from './measure.js';

/** @typedef {import('./cases.js').Case} Case */
/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./generate.js').TraceOptions} TraceOptions */
/** @typedef {import('./generate.js').Truth} Truth */

const HELP = `usage: npm run bench -- [options]

  --packets N    packets of the trace (1000000)
  --flows N      conversations (${DEFAULTS.flows})
  --points 2|16  capture points (2)
  --snaplen N    octets kept of a frame, 0 for all (${DEFAULTS.snapLength})
  --nat SHARE    conversations that go to a service's address (${DEFAULTS.nat})
  --rounds N     how often each is run, in turn (3)
  --only NAME    repeatable: ${CASES.map(({ name }) => name).join(' ')}
  --small N      packets of the trace for the slow ones (100000)
  --full         5 million packets, the slow ones too
  --against REV  builds that commit too, and runs both in turn; exit code 1 when this one is slower
  --json FILE    writes the figures there
`;

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} argv */
async function main(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      packets: { type: 'string' },
      flows: { type: 'string' },
      points: { type: 'string' },
      snaplen: { type: 'string' },
      nat: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true, default: [] },
      small: { type: 'string', default: '100000' },
      full: { type: 'boolean', default: false },
      against: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = values.only.filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such measurement: ${unknown.join(' ')}\n`);
    return 2;
  }
  /** @type {TraceOptions} */
  const options = {
    ...DEFAULTS,
    points: values.points === '16' ? 16 : 2,
    packets: Number(values.packets ?? (values.full ? 5_000_000 : 1_000_000)),
    flows: Number(values.flows ?? DEFAULTS.flows),
    snapLength: Number(values.snaplen ?? DEFAULTS.snapLength),
    nat: Number(values.nat ?? DEFAULTS.nat),
  };
  const cases = CASES.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  const large = trace(options);
  const small = Number(values.small);
  const needsSmall = !values.full && cases.some(({ slow }) => slow === true);
  const slowTrace = needsSmall && small < options.packets ? trace({ ...options, packets: small }) : large;

  const versions = await versionsOf(cases);
  const other = values.against === undefined ? null : build(values.against);
  const runnable = cases
    .filter(({ program }) => program === undefined || versions[program] !== null)
    .flatMap((each) => [
      { ...each, root: ROOT },
      ...(other !== null && each.own === true
        ? [{ ...each, name: `${each.name}@${other.commit}`, root: other.root }]
        : []),
    ]);
  /** @type {Map<string, Figures>} */
  const figures = new Map();
  for (const { name, what, slow } of runnable) {
    const frames = framesOf(slow === true ? slowTrace.truth : large.truth);
    figures.set(name, { name, what, frames, rounds: [], loops: [] });
  }
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const each of runnable) {
      progress(`round ${round}: ${each.name}`);
      const { folder, truth } = each.slow === true ? slowTrace : large;
      const files = truth.points.map(({ file }) => join(folder, file));
      const measurement = await measureAll(each, each.commands({ root: each.root, folder, files }));
      figures.get(each.name)?.rounds.push(measurement);
      if (each.keep === true && measurement.failure === null) {
        const { frames, ...loop } = JSON.parse(measurement.output);
        if (frames !== framesOf(truth)) measurement.failure = `read ${frames} frames of ${framesOf(truth)}`;
        figures.get(each.name)?.loops.push(loop);
      }
    }
  }
  progress('');
  const machine = { ...machineOf(), versions };
  process.stdout.write(`${reportOf([...figures.values()], large.truth, machine)}\n`);
  let slower = 0;
  if (other !== null) {
    const comparison = comparisonOf([...figures.values()], other.commit);
    slower = comparison.slower;
    const changed = differences(other);
    const output = changed.length === 0 ? 'the same output on all samples' : `other output: ${changed.join(', ')}`;
    process.stdout.write(`\n${[...comparison.lines, output].join('\n')}\n`);
  }
  if (values.json !== undefined) {
    const result = { machine, trace: large.truth.options, figures: [...figures.values()].map(summaryOf) };
    writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  }
  const failed = [...figures.values()].some(({ rounds }) => rounds.some(({ failure }) => failure !== null));
  return failed || slower > 0 ? 1 : 0;
}

/**
 * The folder of a trace with these options, made when it is not there yet.
 * @param {TraceOptions} options
 * @returns {{ folder: string, truth: Truth }}
 */
function trace(options) {
  const { points, packets, flows, snapLength, nat, seed } = options;
  const name = `p${points}-n${packets}-f${flows}-s${snapLength}-nat${nat}-seed${seed}`;
  const folder = scriptPath(join('traces', name));
  const file = join(folder, 'truth.json');
  const read = () => /** @type {Truth} */ (JSON.parse(readFileSync(file, 'utf8')));
  if (existsSync(file)) {
    const truth = read();
    if (truth.version === TRACE_VERSION && isDeepStrictEqual(truth.options, options)) return { folder, truth };
  }
  progress(`making ${name}`);
  const flags = ['points', points, 'packets', packets, 'flows', flows, 'snaplen', snapLength, 'nat', nat].map(String);
  const args = flags.map((flag, i) => (i % 2 === 0 ? `--${flag}` : flag));
  execFileSync(process.execPath, [scriptPath('generate.js'), folder, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  return { folder, truth: read() };
}

/**
 * @param {Case} each
 * @param {string[][]} commands
 */
async function measureAll({ keep = false, exits = [0] }, commands) {
  /** @type {import('./measure.js').Measurement | null} */
  let total = null;
  for (const command of commands) {
    const one = await measure(command, { keep, exits });
    total =
      total === null
        ? one
        : {
            seconds: total.seconds + one.seconds,
            cpuSeconds: add(total.cpuSeconds, one.cpuSeconds),
            peakOctets: Math.max(total.peakOctets ?? 0, one.peakOctets ?? 0) || null,
            gcSeconds: add(total.gcSeconds, one.gcSeconds),
            output: total.output + one.output,
            failure: total.failure ?? one.failure,
          };
  }
  if (total === null) throw new Error('no command');
  return total;
}

/**
 * @param {number | null} a
 * @param {number | null} b
 */
function add(a, b) {
  return a === null || b === null ? null : a + b;
}

/** @param {string} what */
function progress(what) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}
