import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.js';
import { openOutput } from '../../src/cli/files.js';
import { UsageError } from '../../src/cli/options.js';
import { OutputError, Sink } from '../../src/cli/output.js';

function failing(code: string): Writable {
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error(`write ${code}`), { code }));
    },
  });
  return stream.on('error', () => {});
}

describe('sink', () => {
  it('gathers text and writes it in order', async () => {
    const chunks: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk.toString());
        done();
      },
    });
    const sink = new Sink(stream, 'x', false);
    let flushes = 0;
    for (let i = 0; i < 20_000; i++) {
      if (sink.add(`line ${i}\n`)) {
        await sink.flush();
        flushes++;
      }
    }
    await sink.end();
    expect(flushes).toBeGreaterThan(1);
    expect(chunks.length).toBe(flushes + 1);
    expect(chunks.join('')).toBe(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(''));
    expect(stream.writableEnded).toBe(false);
  });

  it('is quiet when the reader went away', async () => {
    const sink = new Sink(failing('EPIPE'), 'standard output', false);
    sink.add('x');
    await sink.flush();
    expect(sink.closed).toBe(true);
    sink.add('y');
    await sink.end();
  });

  it('says what else goes wrong', async () => {
    const sink = new Sink(failing('ENOSPC'), 'standard output', false);
    sink.add('x');
    await expect(sink.flush()).rejects.toThrow(new OutputError('cannot write standard output: write ENOSPC'));
  });
});

describe('--output', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lasthop-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes over an older report', async () => {
    const path = join(folder, 'report.json');
    writeFileSync(path, '{"schema":"lasthop.report/1"}');
    const { stream, clear } = await openOutput(path);
    const sink = new Sink(stream, path, true, clear);
    sink.add('new\n');
    await sink.end();
    expect(readFileSync(path, 'utf8')).toBe('new\n');
  });

  it('keeps an older report when the command line or the captures are no good', async () => {
    const path = join(folder, 'kept.json');
    const sample = 'samples/healthy-calico';
    const run = async (...argv: string[]): Promise<number> => {
      const stream = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
      const io = { stdout: stream(), stderr: stream(), stdin: Readable.from([]), env: {} };
      return main([...argv, '--output', path], io);
    };
    for (const argv of [
      ['nosuch.pcap'],
      [sample, '--filter', 'hst x'],
      [sample, '--order', 'a,b'],
      [sample, '--cluster', path],
    ]) {
      writeFileSync(path, '{"old":1}');
      expect(await run(...argv), argv.join(' ')).toBe(2);
      expect(readFileSync(path, 'utf8')).toBe('{"old":1}');
    }
    expect(await run(sample)).toBe(0);
    expect(readFileSync(path, 'utf8')).toMatch(/ captures, \d+ points/);
    // Nothing to write is something to write, too
    expect(await run('trails', sample, '--filter', 'host 192.0.2.77', '--format', 'ndjson')).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it.each(['d4c3b2a1', 'a1b2c3d4', '4d3cb2a1', 'a1b23c4d', '0a0d0d0a', '1f8b0800', '28b52ffd'])(
    'never writes over a capture (%s)',
    async (magic) => {
      const path = join(folder, 'capture');
      const octets = Buffer.from(`${magic}0000000000000000`, 'hex');
      writeFileSync(path, octets);
      await expect(openOutput(path)).rejects.toThrow(UsageError);
      expect(readFileSync(path)).toEqual(octets);
    },
  );

  const hasPipes = process.platform !== 'win32';

  it.skipIf(!hasPipes)('goes to a pipe, into which nothing looks before', async () => {
    const pipe = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const reader = spawn('cat', [pipe]);
    let text = '';
    reader.stdout.on('data', (octets: Buffer) => (text += octets.toString()));
    const { stream, clear } = await openOutput(pipe);
    const sink = new Sink(stream, pipe, true, clear);
    sink.add('x'.repeat(200_000));
    sink.begin();
    await sink.end();
    await new Promise((resolve) => reader.on('close', resolve));
    expect(text).toHaveLength(200_000);
  });

  it('says why a file cannot be written', async () => {
    await expect(openOutput(join(folder, 'none', 'report'))).rejects.toThrow(/^--output .*ENOENT/);
    await expect(openOutput(folder)).rejects.toThrow(UsageError);
  });
});
