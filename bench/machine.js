// Where a measurement is made, and with which programs.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { ROOT } from './library.js';
import { versionOf } from './measure.js';

/** @typedef {Omit<ReturnType<typeof machineOf>, never> & { versions: Record<string, string | null> }} Machine */

export function machineOf() {
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

/** @param {string[]} args */
function git(args) {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

/**
 * Versions of the programs that the cases need; null where one is not installed.
 * @param {import('./cases.js').Case[]} cases
 */
export async function versionsOf(cases) {
  /** @type {Record<string, string | null>} */
  const versions = {};
  for (const { program } of cases) {
    if (program !== undefined && !(program in versions)) versions[program] = await versionOf(program);
  }
  for (const [program, version] of Object.entries(versions)) {
    if (version === null) process.stderr.write(`${program} is not installed\n`);
  }
  return versions;
}

/** What stands above a table. @param {Machine} machine */
export function headOf(machine) {
  const { cpu, cores, memoryGib, kernel, node, commit, date, versions } = machine;
  return [
    `${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, commit ${commit}, ${date}`,
    ...Object.values(versions).filter((version) => version !== null),
  ];
}
