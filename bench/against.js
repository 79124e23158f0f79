// Another commit of lasthop, built to be measured beside this one.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './library.js';
import { scriptPath } from './measure.js';

/** @typedef {{ commit: string, root: string }} Other */

const COMMANDS = ['diagnose', 'exchanges', 'trails', 'points', 'packets'];

/**
 * The commit in a folder of its own, with its packages, built; made when it is not there yet.
 * @param {string} revision
 * @returns {Other}
 */
export function build(revision) {
  const commit = execFileSync('git', ['rev-parse', '--short', '--verify', `${revision}^{commit}`], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
  const root = scriptPath(join('traces', `commit-${commit}`));
  if (existsSync(join(root, 'dist/index.js'))) return { commit, root };
  const unfinished = `${root}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 1 << 29 });
  execFileSync('tar', ['-x', '-C', unfinished], { input: archive });
  // The package's prepare script builds it
  execFileSync('npm', ['ci', '--silent'], { cwd: unfinished, stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(root, { recursive: true, force: true });
  renameSync(unfinished, root);
  return { commit, root };
}

/**
 * Commands whose output on a sample is not the other commit's, octet by octet.
 * @param {Other} other
 * @returns {string[]}
 */
export function differences({ root }) {
  const samples = readdirSync(join(ROOT, 'samples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'lab' && existsSync(join(root, 'samples', entry.name)))
    .map(({ name }) => name);
  return samples.flatMap((sample) =>
    COMMANDS.filter((command) => outputOf(ROOT, command, sample) !== outputOf(root, command, sample)).map(
      (command) => `${command} samples/${sample}`,
    ),
  );
}

/**
 * @param {string} root of the lasthop that runs
 * @param {string} command
 * @param {string} sample of this commit, by the same path for both
 */
function outputOf(root, command, sample) {
  const args = [join(root, 'bin/lasthop.js'), command, '--quiet', '--format', 'ndjson', join('samples', sample)];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 29 }).stdout;
}
