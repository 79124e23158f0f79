#!/usr/bin/env node
// Measures the reader, the decoder and whole commands beside other programs on generated traces. README.md says what is what.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bars } from './bars.js';
import { build, differences } from './against.js';
import { CASES } from './cases.js';
import { comparisonOf, framesOf, reportOf, summaryOf } from './figures.js';
import { DEFAULTS } from './generate.js';
import { ROOT } from './library.js';
import { machineOf, versionsOf } from './machine.js';
import { measureCase } from './measure.js';
import { progress, traceOf } from './traces.js';

/** @typedef {import('./figures.js').Figures} Figures */
/** @typedef {import('./generate.js').TraceOptions} TraceOptions */

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
  --bars         measures all that the program is held to, and says what is met: exit code 1 when something is not
  --quick        with --bars: smaller traces, for a look in some minutes
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
      bars: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
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
  if (values.bars) return bars({ quick: values.quick, rounds: Number(values.rounds), json: values.json });
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
  const large = traceOf(options);
  const small = Number(values.small);
  const needsSmall = !values.full && cases.some(({ slow }) => slow === true);
  const slowTrace = needsSmall && small < options.packets ? traceOf({ ...options, packets: small }) : large;

  const versions = await versionsOf(cases);
  const missing = cases.filter(
    ({ name, program }) => values.only.includes(name) && program && versions[program] === null,
  );
  if (missing.length > 0) {
    process.stderr.write(`--only ${missing.map(({ name }) => name).join(' ')}: cannot be measured here\n`);
    return 1;
  }
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
      const commands = each.commands({ root: each.root, folder, files });
      const measurement = await measureCase(each, commands, framesOf(truth));
      figures.get(each.name)?.rounds.push(measurement);
      if (each.loop === true && measurement.failure === null) {
        figures.get(each.name)?.loops.push(JSON.parse(measurement.output));
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
