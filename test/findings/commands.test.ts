import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { inEachNamespace } from '../../src/findings/commands.js';

const SAMPLES = join(import.meta.dirname, '../../samples');
const SHARED = '../shared/captures';

const FOLDERS = [
  ...readdirSync(SAMPLES)
    .filter((name) => existsSync(join(SAMPLES, name, 'README.md')))
    .map((name) => join(SAMPLES, name)),
  ...['faults', 'lab']
    .map((name) => join(SHARED, name))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => statSync(path).isDirectory()),
];

/** What is left where a value should be: `<pid of the pod>`, `${address}`, `undefined`. */
const PLACEHOLDER = /<[^>]+>|\$\{|\bundefined\b|\bnull\b|\bNaN\b|\[object/;

function isShell(command: string): boolean {
  try {
    execFileSync('sh', ['-n', '-c', command], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

describe('causes', () => {
  it.each(FOLDERS)('%s: ranked, with a reason and a command that is whole', async (folder) => {
    const { findings } = await diagnose([folder]);
    for (const { causes, title } of findings) {
      expect(title).not.toMatch(PLACEHOLDER);
      expect(causes.length).toBeLessThanOrEqual(3);
      const likelihoods = causes.map(({ likelihood }) => likelihood);
      expect(likelihoods).toEqual([...likelihoods].sort((a, b) => b - a));
      for (const { why, next } of causes) {
        expect(why).not.toMatch(PLACEHOLDER);
        expect(next).not.toMatch(PLACEHOLDER);
        expect(next).not.toContain('\n');
        expect([next, isShell(next)]).toEqual([next, true]);
      }
    }
  });

  it('have no placeholder in their source either', () => {
    const files = readdirSync('src/findings', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const open = files.flatMap((name) =>
      [...readFileSync(join('src/findings', name), 'utf8').matchAll(/`[^`\n]*(<[a-z][a-z ]*>)[^`\n]*`/g)].map(
        ([, found]) => `${name}: ${found}`,
      ),
    );
    expect(open).toEqual([]);
  });
});

describe('a command in the namespace of an address', () => {
  it('names the address whole: no other one that begins like it', () => {
    const address = '10.244.1.2';
    expect(inEachNamespace(address, 'true')).toContain(`grep -qwF ${address} `);
    const lines = ['inet 10.244.1.2/24', 'inet 10.244.1.23/24', 'inet 110.244.1.2/24', 'inet 10.244.112/32'];
    const found = execFileSync('grep', ['-wF', address], { input: lines.join('\n'), encoding: 'utf8' });
    expect(found.trim().split('\n')).toEqual([lines[0]]);
  });
});
