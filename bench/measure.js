import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TIME = '/usr/bin/time';
const USAGE = new URL('usage.js', import.meta.url).href;

/**
 * @typedef {object} Measurement
 * @property {number} seconds from start to end of the process
 * @property {number | null} cpuSeconds user and system; null when it cannot be known here
 * @property {number | null} peakOctets most memory at a time
 * @property {number | null} gcSeconds null for programs of others
 * @property {number} [collections] how many there were, of programs of Node
 * @property {string} output what it wrote to standard output, when it was kept
 * @property {string | null} failure
 */

/**
 * Runs a program and measures it. Programs of Node report on themselves, others are run under GNU time where there is one.
 * @param {string[]} command
 * @param {{ keep?: boolean, exits?: number[], asIs?: boolean }} [options] keep: its output, which is thrown away otherwise;
 *   asIs: a program of Node is loaded with nothing besides, and reports nothing
 * @returns {Promise<Measurement>}
 */
export async function measure(command, { keep = false, exits = [0], asIs = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lasthop-bench-'));
  const file = join(folder, 'usage');
  const node = command[0] === process.execPath && !asIs;
  const timed = !node && existsSync(TIME);
  /** @type {string[]} */
  let args = command;
  if (node) args = [process.execPath, '--import', USAGE, ...command.slice(1)];
  else if (timed) args = [TIME, '-q', '-o', file, '-f', '%U %S %M', ...command];
  try {
    const began = process.hrtime.bigint();
    const { code, output, errors } = await exited(args, keep, { ...process.env, BENCH_USAGE: file });
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    const failure = exits.includes(code) ? null : `exit ${code}: ${errors.trim().split('\n').at(-1) ?? ''}`;
    /** @type {Measurement} */
    const measurement = { seconds, cpuSeconds: null, peakOctets: null, gcSeconds: null, output, failure };
    if (!existsSync(file)) return measurement;
    const text = readFileSync(file, 'utf8');
    if (node) return { ...measurement, ...JSON.parse(text) };
    const [user, system, kibibytes] = text.trim().split(' ').map(Number);
    return { ...measurement, cpuSeconds: user + system, peakOctets: kibibytes * 1024 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Runs the commands of a case one after the other.
 * @param {import('./cases.js').Case} each
 * @param {string[][]} commands
 * @param {number} frames that it has to read
 */
export async function measureCase({ framesIn, exits = [0] }, commands, frames) {
  /** @type {Measurement | null} */
  let total = null;
  for (const command of commands) {
    const one = await measure(command, { keep: framesIn !== undefined, exits });
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
  if (framesIn !== undefined && total.failure === null) {
    const read = framesIn(total.output);
    if (read !== frames) total.failure = `read ${read} frames of ${frames}`;
  }
  return total;
}

/**
 * @param {number | null} a
 * @param {number | null} b
 */
function add(a, b) {
  return a === null || b === null ? null : a + b;
}

/**
 * @param {string[]} command
 * @param {boolean} keep
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ code: number, output: string, errors: string }>}
 */
function exited([program = '', ...args], keep, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', keep ? 'pipe' : 'ignore', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout?.on('data', (octets) => (output += octets));
    child.stderr?.on('data', (octets) => (errors = (errors + octets).slice(-4096)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code: code ?? -1, output, errors: signal === null ? errors : `ended by ${signal}` });
    });
  });
}

/** The line that a program prints of its version; null when it is not installed. @param {string} program */
export async function versionOf(program) {
  try {
    const { output, errors } = await exited([program, '--version'], true, process.env);
    const lines = `${output}\n${errors}`.split('\n');
    return lines.find((line) => /\d\.\d/.test(line))?.trim() ?? 'of unknown version';
  } catch {
    return null;
  }
}

/** @param {string} script of this folder */
export function scriptPath(script) {
  return fileURLToPath(new URL(script, import.meta.url));
}
