import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.js';
import { CATALOGUE } from '../../src/findings/catalogue.js';

const readme = readFileSync('README.md', 'utf8');

/** Fenced blocks with their language. */
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}));
const samples = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);

/** What the samples take for granted. */
const AROUND = 'declare const stream: AsyncIterable<Uint8Array>; declare let count: number;\n';

/** Samples that must not pass, else the others are not checked either. */
const WRONG = ["import { diagnose } from 'lasthop';\nawait diagnose(1);", "import { nothing } from 'lasthop';"];

/** Type errors of modules that stand at the root of the repository. */
function errorsIn(modules: readonly string[]): string[][] {
  const root = process.cwd();
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      noUnusedLocals: false,
      paths: { lasthop: ['./src/index.ts'], 'lasthop/wire': ['./src/wire/index.ts'] },
    },
    root,
  );
  const files = new Map(modules.map((text, i) => [join(root, `readme-sample-${i}.mts`), text]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(path);
    return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].map((name) => {
    const file = program.getSourceFile(name)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ messageText }) =>
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    );
  });
}

describe('samples in the README', () => {
  it('type-check', () => {
    expect(samples.length).toBeGreaterThan(2);
    const errors = errorsIn([...samples.map((sample) => AROUND + sample), ...WRONG]);
    expect(errors.slice(0, samples.length).flat()).toEqual([]);
    for (const wrong of errors.slice(samples.length)) expect(wrong).not.toEqual([]);
  });
});

describe('the first command of the README', () => {
  const [command, output] = blocks;
  const words = /^npm ci && npx lasthop (.+)$/m.exec(command!.text)?.[1]?.split(' ');

  it('prints what stands below it, up to a line of dots', async () => {
    expect(words).toBeDefined();
    const shown = output!.text.trimEnd().split('\n');
    if (shown.join() === '@@OUTPUT@@') return;
    const cut = shown.findIndex((line) => /^\s*(?:\.\.\.|…)$/.test(line));
    const meant = (cut < 0 ? shown : shown.slice(0, cut)).map((line) => line.trimEnd());
    let text = '';
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done();
      },
    });
    const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
    await main(words!, { stdout, stderr, stdin: Readable.from([]), env: {} });
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd());
    expect(meant.length).toBeGreaterThan(5);
    expect(lines.slice(0, meant.length)).toEqual(meant);
  });

  it('names a sample that there is, and the package itself', () => {
    expect(words!.every((word) => readFileSync(join(word, 'truth.json'), 'utf8') !== '')).toBe(true);
  });
});

const GUIDE = '../shared/FIELD-GUIDE.md';

describe.skipIf(!existsSync(GUIDE))('failure modes of the field guide', () => {
  it('have an entry in the catalogue, or stand in the list of those without a finding', () => {
    // ### `one-id` / `another-id` (info) - what it is
    const headings = readFileSync(GUIDE, 'utf8').match(/^### `.*$/gm)!;
    const ids = headings.flatMap((line) =>
      [...line.split(/ \u2014 | \u00b7 /)[0]!.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id!),
    );
    expect(ids.length).toBeGreaterThan(100);
    const known = new Set(CATALOGUE.map(({ id }) => id));
    const list = /^\* \*\*No finding of their own\*\* have:\n((?: {2}\* .*\n)+)/m.exec(readme)![1]!;
    // Where a failure mode is told by another name, that one is in the list, too, and in the catalogue.
    const named = new Set([...list.matchAll(/`([a-z0-9]+(?:-[a-z0-9]+)+)`/g)].map(([, id]) => id!));
    expect([...named].filter((id) => !known.has(id)).sort()).toEqual(ids.filter((id) => !known.has(id)).sort());
  });
});
