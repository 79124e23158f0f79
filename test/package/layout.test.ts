import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

// Which way imports run in src/. Types count like everything else, but for those of the report, which everyone may name.

interface Import {
  readonly from: string;
  /** Path below src/, or the specifier of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Files directly in src/, lowest first: each may import those below it, and what their folders may. */
const ROOT = [
  ['version.ts', 'options.ts'],
  ['inputs.ts'],
  ['saved-state.ts'],
  ['reading.ts'],
  ['first-reading.ts', 'sighting-source.ts'],
  ['thread-messages.ts'],
  ['thread.ts', 'threads.ts'],
  ['thread-pays.ts'],
  ['gather.ts', 'second-reading.ts', 'sighting-queue.ts'],
  ['run.ts'],
  ['assemble.ts'],
  ['diagnose.ts', 'packets.ts'],
  ['index.ts'],
];

/** Folder -> what its files may import besides their own folder. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  capture: [],
  net: ['wire'],
  state: [],
  trail: ['net', 'wire'],
  findings: ['trail', 'net', 'wire', 'state'],
  report: ['wire'],
  cli: ['report', 'index.ts'],
};
const BELOW_ROOT = ['findings', 'trail', 'net', 'wire', 'capture', 'state'];

/** What the command line takes from below the public surface: `packets` reads frames, `explain` and `--only` know the kinds. */
const CLI_BELOW = [
  'inputs.ts',
  'net/filter.ts',
  'net/points.ts',
  'options.ts',
  'reading.ts',
  'version.ts',
  'findings/catalogue.ts',
  'wire/message-streams.ts',
  'wire/messages.ts',
];

const REPORT = 'report/report.ts';
const NODE_FILES = {
  capture: ['node:fs', 'node:fs/promises', 'node:zlib', 'node:path'],
  cli: ['node:fs', 'node:util'],
  'thread.ts': ['node:worker_threads'],
  'threads.ts': ['node:os', 'node:worker_threads'],
};

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .sort();

function importsOf(from: string): Import[] {
  const text = readFileSync(join('src', from), 'utf8');
  const types = new Set<string>();
  const values = new Set<string>();
  const file = ts.createSourceFile(from, text, ts.ScriptTarget.Latest);
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) continue;
    const clause = ts.isImportDeclaration(statement) ? statement.importClause : statement;
    const typeOnly =
      clause !== undefined &&
      (ts.isImportClause(clause) ? clause.phaseModifier === ts.SyntaxKind.TypeKeyword : clause.isTypeOnly);
    (typeOnly ? types : values).add(specifier.text);
  }
  // import() of values and of types
  for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
    if (!types.has(fileName)) values.add(fileName);
  }
  return [...new Set([...types, ...values])].map((specifier) => ({
    from,
    to: specifier.startsWith('.')
      ? join(dirname(from), specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts')
      : specifier,
    typeOnly: !values.has(specifier),
  }));
}

function areaOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

function rankOf(file: string): number {
  return ROOT.findIndex((files) => files.includes(file));
}

function isRight({ from, to, typeOnly }: Import): boolean {
  if (to.startsWith('node:')) {
    const area = areaOf(from) as keyof typeof NODE_FILES;
    return (NODE_FILES[area] ?? []).includes(to);
  }
  if (!sources.includes(to)) return true;
  if (to === REPORT) return typeOnly;
  const area = areaOf(from);
  const target = areaOf(to);
  if (area === 'cli' && CLI_BELOW.includes(to)) return true;
  if (area === target) return true;
  if (area !== from) return EDGES[area]?.includes(target) ?? false;
  return to === target ? rankOf(to) < rankOf(from) : BELOW_ROOT.includes(target);
}

const imports = sources.flatMap(importsOf);

describe('imports in src/', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports).toContainEqual({ from: 'trail/arrival.ts', to: 'trail/exchange.ts', typeOnly: false });
    expect(imports).toContainEqual({ from: 'net/points.ts', to: REPORT, typeOnly: true });
  });

  it('come from files that have a place here', () => {
    for (const file of sources) {
      const known = file.includes('/') ? areaOf(file) in EDGES : rankOf(file) >= 0;
      expect(known, file).toBe(true);
    }
  });

  it('run downwards only', () => {
    const wrong = imports.filter((edge) => !isRight(edge));
    expect(wrong.map(({ from, to, typeOnly }) => `${from} -> ${to}${typeOnly ? ' (type)' : ''}`)).toEqual([]);
  });

  it('name files that there are', () => {
    const paths = new Set(
      readdirSync('src', { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/')),
    );
    const missing = imports.filter(({ to }) => /\.(ts|json)$/.test(to) && !paths.has(to));
    expect(missing).toEqual([]);
  });

  it('touch files of the machine in one file of capture/ and one of cli/, and its threads in a file for each side', () => {
    const ofMachine = imports.filter(({ to }) => to.startsWith('node:') && to !== 'node:util');
    const users = new Set(ofMachine.map(({ from }) => from));
    expect([...users].filter((file) => areaOf(file) === 'capture')).toEqual(['capture/node-files.ts']);
    expect([...users].filter((file) => areaOf(file) !== 'capture')).toEqual([
      'cli/files.ts',
      'thread.ts',
      'threads.ts',
    ]);
  });

  it('name packages that package.json lists', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const named = new Set(
      imports
        .map(({ to }) => to)
        .filter((to) => !to.endsWith('.ts') && !to.endsWith('.json') && !to.startsWith('node:')),
    );
    expect([...named].sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('take only types from the report, which has nothing else', () => {
    const file = ts.createSourceFile(REPORT, readFileSync(join('src', REPORT), 'utf8'), ts.ScriptTarget.Latest);
    const kinds = [ts.SyntaxKind.InterfaceDeclaration, ts.SyntaxKind.TypeAliasDeclaration];
    expect(file.statements.filter(({ kind }) => !kinds.includes(kind)).map(({ kind }) => ts.SyntaxKind[kind])).toEqual(
      [],
    );
  });
});
