#!/usr/bin/env node
// Measures the reader, the decoder and whole commands beside other programs on generated traces. README.md says what is what.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { DEFAULTS, TRACE_VERSION } from './generate.js';
import { EXECUTABLE } from './library.js';
import { measure, scriptPath, versionOf } from './measure.js';

/** @typedef {import('./generate.js').TraceOptions} TraceOptions */
/** @typedef {import('./generate.js').Truth} Truth */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} what
 * @property {(files: string[], folder: string) => string[][]} commands run one after the other; the figures are their sums
 * @property {string} [program] of others, that must be installed
 * @property {string} [peer] the case to which this one is compared
 * @property {boolean} [slow] measured on the small trace, unless all is asked for
 * @property {boolean} [keep] its output says how long the work took without the start of the process
 * @property {number[]} [exits]
 */

/** @param {string} name */
const worker = (name) => (/** @type {string[]} */ files) => [
  [process.execPath, scriptPath('worker.js'), name, ...files],
];
/** @param {string} name */
const lasthop = (name) => (/** @type {string[]} */ _files, /** @type {string} */ folder) => [
  [process.execPath, EXECUTABLE, name, '--quiet', '--format', 'ndjson', folder],
];
/** @param {(file: string) => string[]} command */
const each = (command) => (/** @type {string[]} */ files) => files.map(command);

const VERDICTS = [0, 1, 3];

/** @type {Case[]} */
const CASES = [
  { name: 'read', what: 'openCapture, every frame', commands: worker('read'), peer: 'tcpdump-write', keep: true },
  { name: 'decode', what: 'openCapture, PacketView', commands: worker('decode'), peer: 'tcpdump-write', keep: true },
  { name: 'points', what: 'lasthop points', commands: lasthop('points'), peer: 'tcpdump-print' },
  { name: 'exchanges', what: 'lasthop exchanges', commands: lasthop('exchanges'), peer: 'tcpdump-print' },
  { name: 'trails', what: 'lasthop trails', commands: lasthop('trails'), peer: 'tcpdump-print' },
  {
    name: 'diagnose',
    what: 'lasthop diagnose',
    commands: lasthop('diagnose'),
    peer: 'tcpdump-print',
    exits: VERDICTS,
  },
  {
    name: 'tcpdump-write',
    what: 'tcpdump -r F -w /dev/null',
    commands: each((file) => ['tcpdump', '-r', file, '-w', '/dev/null']),
    program: 'tcpdump',
  },
  {
    name: 'tcpdump-print',
    what: 'tcpdump -nn -q -r F',
    commands: each((file) => ['tcpdump', '-nn', '-q', '-r', file]),
    program: 'tcpdump',
  },
  {
    // Without TZ the C library looks at /etc/localtime for each line, which takes most of the time of the above
    name: 'tcpdump-tz',
    what: 'the same with TZ=UTC',
    commands: each((file) => ['env', 'TZ=UTC', 'tcpdump', '-nn', '-q', '-r', file]),
    program: 'tcpdump',
  },
  {
    name: 'capinfos',
    what: 'capinfos -c F',
    commands: each((file) => ['capinfos', '-c', file]),
    program: 'capinfos',
  },
  {
    name: 'tshark',
    what: 'tshark -T fields, three of IP',
    commands: each((file) => ['tshark', '-r', file, ...'-T fields -e ip.src -e ip.dst -e ip.id'.split(' ')]),
    program: 'tshark',
    slow: true,
  },
  { name: 'pcap-parser', what: 'npm pcap-parser', commands: worker('pcap-parser'), slow: true, keep: true },
];

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
  --json FILE    writes the figures there
`;

/**
 * @typedef {object} Figures
 * @property {string} name
 * @property {string} what
 * @property {number} frames
 * @property {import('./measure.js').Measurement[]} rounds
 * @property {{ seconds: number, gcSeconds: number }[]} loops the work without the start of the process, a round each
 */

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
  const runnable = cases.filter(({ program }) => program === undefined || versions[program] !== null);
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
      const measurement = await measureAll(each, each.commands(files, folder));
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
  if (values.json !== undefined) {
    const result = { machine, trace: large.truth.options, figures: [...figures.values()].map(summaryOf) };
    writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  }
  return [...figures.values()].some(({ rounds }) => rounds.some(({ failure }) => failure !== null)) ? 1 : 0;
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

/** @param {Truth} truth */
function framesOf(truth) {
  return truth.points.reduce((sum, { frames }) => sum + frames, 0);
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

/** @param {Figures} figures */
function summaryOf({ name, what, frames, rounds, loops }) {
  const good = rounds.filter(({ failure }) => failure === null);
  /** @param {(each: import('./measure.js').Measurement) => number | null} of */
  const values = (of) => good.map(of).filter((value) => value !== null);
  const seconds = values((each) => each.seconds);
  const peaks = values((each) => each.peakOctets);
  const middle = median(seconds);
  return {
    name,
    what,
    frames,
    rounds: rounds.length,
    failure: rounds.find(({ failure }) => failure !== null)?.failure ?? null,
    seconds: middle,
    leastSeconds: seconds.length === 0 ? null : Math.min(...seconds),
    cpuSeconds: median(values((each) => each.cpuSeconds)),
    gcSeconds: median(values((each) => each.gcSeconds)),
    loopSeconds: median(loops.map(({ seconds }) => seconds)),
    loopGcSeconds: median(loops.map(({ gcSeconds }) => gcSeconds)),
    framesPerSecond: middle === null ? null : Math.round(frames / middle),
    peakOctets: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

/** @param {number[]} values */
function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Figures[]} all
 * @param {Truth} truth
 * @param {ReturnType<typeof machineOf> & { versions: Record<string, string | null> }} machine
 */
function reportOf(all, truth, machine) {
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node}, ` +
      `commit ${machine.commit}, ${machine.date}`,
    ...Object.values(machine.versions).filter((version) => version !== null),
    `trace: ${truth.points.length} points, ${truth.packets} packets of ${truth.flows} conversations, ` +
      `${framesOf(truth)} frames, ${truth.lost} packets lost, snap length ${truth.options.snapLength}`,
    '',
  ];
  const summaries = all.map(summaryOf);
  const head = [
    '',
    '',
    'frames',
    'median s',
    'least s',
    'CPU s',
    'frames/s',
    'peak MiB',
    'GC',
    'to its peer',
    'by CPU',
  ];
  const rows = summaries.map((each) => {
    const peer = summaries.find(({ name }) => name === CASES.find(({ name }) => name === each.name)?.peer);
    return [
      each.name,
      each.failure === null ? each.what : `FAILED: ${each.failure}`,
      String(each.frames),
      text(each.seconds, 2),
      text(each.leastSeconds, 2),
      text(each.cpuSeconds, 2),
      each.framesPerSecond === null ? '-' : `${(each.framesPerSecond / 1e6).toFixed(2)} M`,
      each.peakOctets === null ? '-' : (each.peakOctets / 1048576).toFixed(0),
      each.gcSeconds === null || each.cpuSeconds === null
        ? '-'
        : `${((100 * each.gcSeconds) / each.cpuSeconds).toFixed(1)} %`,
      times(peer?.seconds, each.seconds),
      times(peer?.cpuSeconds, each.cpuSeconds),
    ];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  for (const row of [head, ...rows]) {
    lines.push(
      row
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    );
  }
  lines.push('');
  for (const { name, loopSeconds, loopGcSeconds, frames } of summaries) {
    if (loopSeconds === null || loopGcSeconds === null) continue;
    const rate = (frames / loopSeconds / 1e6).toFixed(1);
    const gc = ((100 * loopGcSeconds) / loopSeconds).toFixed(1);
    lines.push(`${name}, without the start of the process: ${rate} M frames/s, garbage collection ${gc} % of the time`);
  }
  return lines.join('\n');
}

/**
 * @param {number | null} value
 * @param {number} digits
 */
function text(value, digits) {
  return value === null ? '-' : value.toFixed(digits);
}

/**
 * How many times as fast as its peer.
 * @param {number | null | undefined} peer
 * @param {number | null} own
 */
function times(peer, own) {
  return peer === null || peer === undefined || own === null || own === 0 ? '' : `${(peer / own).toFixed(2)} x`;
}

function machineOf() {
  const folder = dirname(EXECUTABLE);
  /** @param {string[]} args */
  const git = (args) => {
    try {
      return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return '';
    }
  };
  return {
    cpu: cpus()[0]?.model ?? 'unknown CPU',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1073741824),
    kernel: release(),
    node: process.versions.node,
    commit: `${git(['rev-parse', '--short', 'HEAD']) || 'unknown'}${git(['status', '--porcelain', '--', 'src', 'bin']) === '' ? '' : ' with changes'}`,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** @param {Case[]} cases */
async function versionsOf(cases) {
  /** @type {Record<string, string | null>} */
  const versions = {};
  for (const { program } of cases) {
    if (program !== undefined && !(program in versions)) versions[program] = await versionOf(program);
  }
  for (const [program, version] of Object.entries(versions)) {
    if (version === null) process.stderr.write(`${program} is not installed: left out\n`);
  }
  return versions;
}

/** @param {string} what */
function progress(what) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}
