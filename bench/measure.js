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
 * @property {string} output what it wrote to standard output, when it was kept
 * @property {string | null} failure
 */

/**
 * Runs a program and measures it. Programs of Node report on themselves, others are run under GNU time where there is one.
 * @param {string[]} command
 * @param {{ keep?: boolean, exits?: number[] }} [options] keep: its output, which is thrown away otherwise
 * @returns {Promise<Measurement>}
 */
export async function measure(command, { keep = false, exits = [0] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lasthop-bench-'));
  const file = join(folder, 'usage');
  const node = command[0] === process.execPath;
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

/** The first line that a program prints of its version; null when it is not installed. @param {string} program */
export async function versionOf(program) {
  try {
    const { output, errors } = await exited([program, '--version'], true, process.env);
    return (output || errors).split('\n')[0]?.trim() ?? null;
  } catch {
    return null;
  }
}

/** @param {string} script of this folder */
export function scriptPath(script) {
  return fileURLToPath(new URL(script, import.meta.url));
}
