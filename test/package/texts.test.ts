import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

// What must not be in any file of the repository. The words are put together here so that this file may be searched too.

const SELF = 'test/package/texts.test.ts';

function tracked(): string[] {
  try {
    const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return list.split('\0').filter((path) => path !== '' && existsSync(path));
  } catch {
    return [];
  }
}

const texts = tracked()
  .map((path) => ({ path, octets: readFileSync(path) }))
  .filter(({ octets }) => !octets.subarray(0, 8192).includes(0))
  .map(({ path, octets }) => ({ path, text: octets.toString('utf8') }));

/** `path:line` of every match. */
function found(pattern: RegExp, paths: RegExp = /./): string[] {
  return texts
    .filter(({ path }) => paths.test(path))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 100)}`] : [])),
    );
}

describe.skipIf(texts.length === 0)('files of the repository', () => {
  it('are found', () => {
    expect(texts.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', SELF, 'src/index.ts']));
  });

  it('name no path of the machine they were written on', () => {
    const places = ['work', 'root', `home/${'user'}`].map((name) => `/${name}/`);
    const machine = new RegExp(`(?:^|[^.\\w/-])(?:${[...places, `/tmp/${'bash'}_jobs`].join('|')})`);
    // A sample's test lists such places to look for them
    expect(found(machine).filter((line) => !line.startsWith('test/samples/samples.test.ts:'))).toEqual([]);
  });

  it('look for captures beside the repository in tests only', () => {
    expect(found(new RegExp(`\\.\\./${'shared'}`)).filter((line) => !line.startsWith('test/'))).toEqual([]);
  });

  it('run all tests', () => {
    const marks = new RegExp(`\\.(?:${['only', 'skip', 'todo', 'fails'].join('|')})\\(`);
    expect(found(marks, /^test\/.*\.ts$/)).toEqual([]);
  });

  it('have nothing left to do in comments', () => {
    expect(
      found(
        new RegExp(`\\b(?:${['TO', 'FIX'].map((a, i) => a + ['DO', 'ME'][i]!).join('|')})\\b`),
        /^(src|bin|test)\//,
      ),
    ).toEqual([]);
  });
});
