import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  cpSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePcap } from '../support/capture-writer.js';
import { pings } from '../support/pings.js';
import { VERSION } from '../../src/version.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;

/** A build of its own, beside node_modules so that packages are found, away from dist/ so that tests can run at once. */
let built = '';

beforeAll(() => {
  mkdirSync('node_modules/.cache', { recursive: true });
  built = mkdtempSync('node_modules/.cache/lasthop-');
  execFileSync(process.execPath, ['build.js', join(built, 'dist')], { stdio: 'pipe' });
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  // Types are checked by `npm run typecheck`
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(built, 'dist')]);
  cpSync('bin', join(built, 'bin'), { recursive: true });
  cpSync('package.json', join(built, 'package.json'));
  // A program that depends on the package
  mkdirSync(join(built, 'node_modules'));
  symlinkSync('..', join(built, 'node_modules', manifest.name), 'dir');
}, 120_000);

afterAll(() => {
  if (built !== '') rmSync(built, { recursive: true, force: true });
});

function run(args: readonly string[]): string {
  return execFileSync(process.execPath, args, { encoding: 'utf8', cwd: built });
}

describe('package.json', () => {
  it('lists files that exist, or that the build makes', () => {
    for (const file of manifest.files) {
      if (file !== 'dist') expect(existsSync(file), file).toBe(true);
    }
    expect(existsSync(join(built, 'dist'))).toBe(true);
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) expect(existsSync(file), file).toBe(true);
  });

  it('has executables, of mode 755 in the repository, that begin with #!', () => {
    for (const file of Object.values(manifest.bin)) {
      // Those who check out choose whether their group may write
      expect((statSync(file).mode & 0o755).toString(8), file).toBe('755');
      expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
      const { stdout } = spawnSync('git', ['ls-files', '--stage', file], { encoding: 'utf8' });
      if (stdout) expect(stdout).toMatch(/^100755 /);
    }
  });

  it('has exports that a program can import, and a build that has their types', () => {
    for (const target of Object.values(manifest.exports)) {
      for (const file of typeof target === 'string' ? [target] : Object.values(target)) {
        expect(existsSync(join(built, file)), file).toBe(true);
      }
    }
    const names = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));
    const program = names.map((name, i) => `import * as m${i} from '${join(manifest.name, name)}';`).join('\n');
    const print = `console.log(JSON.stringify([${names.map((_, i) => `Object.keys(m${i})`).join(', ')}]));`;
    const [main, wire] = JSON.parse(run(['--input-type=module', '-e', `${program}\n${print}`])) as string[][];
    expect(main).toEqual(expect.arrayContaining(['diagnose', 'openCapture', 'packets', 'PacketView', 'CaptureError']));
    expect(wire).toEqual(expect.arrayContaining(['PacketView', 'tcpSeq', 'checkUdp']));
  });

  it('gives the schema and itself to programs that ask', () => {
    const json = Object.keys(manifest.exports).filter((name) => name.endsWith('.json'));
    const program = json
      .map((name) => `JSON.parse(require('node:fs').readFileSync(require.resolve('${join(manifest.name, name)}')))`)
      .join(';');
    expect(json).toEqual(['./report.schema.json', './package.json']);
    expect(() => run(['--input-type=commonjs', '-e', program])).not.toThrow();
  });

  it('has the version that the program says, and a changelog for the next one', () => {
    expect(VERSION).toBe(manifest.version);
    expect(run(['bin/lasthop.js', '--version']).trim()).toBe(manifest.version);
    expect(readFileSync('CHANGELOG.md', 'utf8')).toMatch(/^## Unreleased$/m);
  });

  it('runs scripts whose files exist, or are made first', () => {
    for (const script of Object.values(manifest.scripts)) {
      for (const [, file] of script.matchAll(/\bnode (\S+)/g)) {
        if (!/^(dist|coverage)\//.test(file!)) expect(existsSync(file!), file).toBe(true);
      }
    }
  });
});

describe('package-lock.json', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly version: string;
    readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>;
  };

  it('names no registry', () => {
    const resolved = Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined);
    expect(resolved.map(([name]) => name)).toEqual([]);
    expect(lock.version).toBe(manifest.version);
  });

  it('knows the contents of every package', () => {
    const without = Object.entries(lock.packages).filter(([name, { integrity }]) => name !== '' && !integrity);
    expect(without.map(([name]) => name)).toEqual([]);
  });
});

describe('npm pack', () => {
  it('takes the build, the executable and the papers, and nothing else', () => {
    cpSync('README.md', join(built, 'README.md'));
    cpSync('LICENSE', join(built, 'LICENSE'));
    cpSync('CHANGELOG.md', join(built, 'CHANGELOG.md'));
    // What must stay behind
    for (const folder of ['src', 'test', 'samples', 'bench']) {
      mkdirSync(join(built, folder));
      cpSync('LICENSE', join(built, folder, 'file.ts'));
    }
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      cwd: built,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(output) as [{ files: { path: string; mode: number }[] }];
    const paths = files.map(({ path }) => path);
    for (const path of ['README.md', 'LICENSE', 'package.json', 'bin/lasthop.js', 'dist/index.js', 'dist/index.d.ts']) {
      expect(paths).toContain(path);
    }
    expect(paths).toContain('dist/report/report.schema.json');
    const rest = paths.filter((path) => !/^(dist|bin)\/|^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path));
    expect(rest).toEqual([]);
    expect(paths.filter((path) => /test|\.ts$/.test(path) && !path.endsWith('.d.ts'))).toEqual([]);
  });

  it('tells the same with one thread and with two', () => {
    const folders = ['sopnode-broken-ping', 'networkpolicy-drop', 'any-interface'].map((name) =>
      resolve('samples', name),
    );
    const script = `
      import { diagnose, exchanges, trails } from 'lasthop';
      const rows = async (all) => { const list = []; for await (const row of all) list.push(row); return list; };
      for (const folder of ${JSON.stringify(folders)}) {
        const told = [1, 2].map(async (threads) => [
          await diagnose([folder], { threads }),
          await rows(exchanges([folder], { threads })),
          await rows(trails([folder], { threads })),
        ]);
        const [one, two] = (await Promise.all(told)).map((each) => JSON.stringify(each));
        console.log(one.length > 10000 && one === two);
      }`;
    expect(run(['--input-type=module', '-e', script])).toBe('true\ntrue\ntrue\n');
  }, 60_000);

  describe('two threads', () => {
    /** Eight captures, of which the one in the middle is none; and what runs over them ends by itself. */
    const capturesOf = (count: number): string[] => {
      const folder = mkdtempSync(join(built, 'captures-'));
      return Array.from({ length: 8 }, (_, i) => {
        const { client, server } = pings({ count, gap: 1e6 });
        const path = resolve(folder, `node${i}__veth${i}.pcap`);
        const frames = i === 0 ? client : i === 7 ? server : client.slice(0, 10);
        writeFileSync(path, i === 4 ? 'this is no capture' : writePcap(frames, { nanosecond: true }));
        return path;
      });
    };
    const ends = (script: string): string =>
      execFileSync(process.execPath, ['--input-type=module', '-e', `import * as lasthop from 'lasthop';\n${script}`], {
        encoding: 'utf8',
        cwd: built,
        timeout: 60_000,
      });

    it('tell of a file that is no capture, and of all others as one thread does', () => {
      const files = capturesOf(5000);
      const told = ends(`
        const [one, two] = await Promise.all([1, 2].map((threads) => lasthop.diagnose(${JSON.stringify(files)}, { threads })));
        console.log(JSON.stringify(one) === JSON.stringify(two), two.counts.frames, two.findings.map(({ kind }) => kind).join());`);
      expect(told).toMatch(/^true 20050 .*capture-damaged/);
    }, 90_000);

    it.each([
      [
        'cannot be made',
        `constructor() { throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }); }`,
      ],
      [
        'has no memory',
        `constructor() { super('', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 0.01 } }); }`,
      ],
    ])(
      'do without the second one where it %s',
      (_, constructor) => {
        const files = capturesOf(500);
        // As Node fails where the kernel refuses it a thread: in a control group of 11 processes, for one
        const told = ends(`
        import { syncBuiltinESMExports } from 'node:module';
        import workers from 'node:worker_threads';
        const files = ${JSON.stringify(files)};
        const rows = async (threads) => { const all = []; for await (const row of lasthop.trails(files, { threads })) all.push(row); return all; };
        const tell = async (threads) => JSON.stringify([await lasthop.diagnose(files, { threads }), await rows(threads)]);
        const one = await tell(1);
        let asked = 0;
        workers.Worker = class extends workers.Worker { ${constructor.replace('{ ', '{ asked++; ')} };
        syncBuiltinESMExports();
        console.log(one === await tell(2), asked, one.length > 1e5);`);
        expect(told).toBe('true 4 true\n');
      },
      90_000,
    );

    it('are one more for both readings, and it ends where nothing is paired', () => {
      const files = capturesOf(500);
      const told = ends(`
        import { syncBuiltinESMExports } from 'node:module';
        import workers from 'node:worker_threads';
        let [made, ended] = [0, 0];
        workers.Worker = class extends workers.Worker {
          constructor(...given) { super(...given); made++; this.once('exit', () => ended++); }
        };
        syncBuiltinESMExports();
        const files = ${JSON.stringify(files)};
        const { counts } = await lasthop.diagnose(files, { threads: 2 });
        console.log(made, ended, counts.frames);
        await lasthop.points(files, { threads: 2 });
        console.log(made, ended);
        await lasthop.diagnose(files, { threads: 2, order: ['nowhere'] }).catch(({ name }) => console.log(name));
        console.log(made, ended);`);
      expect(told).toBe('1 1 2050\n2 2\nOptionsError\n3 3\n');
    }, 90_000);

    it.skipIf(spawnSync('prlimit', ['--version']).status !== 0)(
      'read more captures than a process may have files open, and so does one',
      () => {
        // More than what is read at a time, so that a file that is opened stays open until it is used up
        const octets = new Uint8Array(1400);
        const { client } = pings({ count: 400, gap: 1e6 });
        const folder = mkdtempSync(join(built, 'captures-'));
        for (let i = 0; i < 130; i++) {
          const frames = client.map((frame) => ({ ...frame, seconds: frame.seconds + i }));
          const padded = frames.map((frame) => ({ ...frame, octets: Buffer.concat([frame.octets, octets]) }));
          writeFileSync(join(folder, `node${i}__veth${i}.pcap`), writePcap(padded, { nanosecond: true }));
        }
        // 100 files are enough for the modules that a thread loads at once
        const told = ends(`
          import { execFileSync } from 'node:child_process';
          await lasthop.diagnose(${JSON.stringify(capturesOf(10))}, { threads: 2 });
          execFileSync('prlimit', ['--nofile=100:100', '--pid', String(process.pid)]);
          for (const threads of [1, 2]) {
            const { points, counts } = await lasthop.diagnose([${JSON.stringify(resolve(folder))}], { threads });
            console.log(points.length, counts.frames);
          }`);
        expect(told).toBe('130 104000\n130 104000\n');
        const limited = ['--nofile=100:100', process.execPath, 'bin/lasthop.js', 'packets', resolve(folder)];
        const rows = spawnSync('prlimit', [...limited, '--format', 'ndjson'], { cwd: built, maxBuffer: 1 << 30 });
        expect(rows.stderr.toString()).toBe('');
        expect(rows.stdout.toString().split('\n')).toHaveLength(104_001);
      },
      120_000,
    );

    it('end when the signal says so, in either reading, and when nobody asks for more', () => {
      const files = capturesOf(5000);
      const told = ends(`
        const stopped = async (after) => {
          const controller = new AbortController();
          const onProgress = (done, total) => { if (done > after * total) controller.abort(); };
          const options = { threads: 2, signal: controller.signal, onProgress };
          return lasthop.diagnose(${JSON.stringify(files)}, options).then(() => 'done', ({ name }) => name);
        };
        console.log(await stopped(0.2), await stopped(0.7));
        for await (const row of lasthop.trails(${JSON.stringify(files)}, { threads: 2 })) { console.log(row.verdict !== ''); break; }`);
      expect(told).toBe('AbortError AbortError\ntrue\n');
    }, 90_000);
  });
});
