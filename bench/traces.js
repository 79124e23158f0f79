// The traces that are measured, kept in a folder of this one.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TRACE_VERSION } from './generate.js';
import { scriptPath } from './measure.js';

/** @typedef {import('./generate.js').TraceOptions} TraceOptions */
/** @typedef {import('./generate.js').Truth} Truth */

/**
 * The folder of a trace with these options, made when it is not there yet.
 * @param {TraceOptions} options
 * @returns {{ folder: string, truth: Truth }}
 */
export function traceOf(options) {
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

/** Says what is being done, to who waits at a terminal. @param {string} what */
export function progress(what) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}
