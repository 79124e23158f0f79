import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureSource } from '../../src/capture/capture.js';
import { fileSize, isFolder, listCaptureFiles, SmallFiles } from '../../src/capture/node-files.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, hex, pcapngSection, writePcap } from '../support/capture-writer.js';
import { collect, lines } from './collect.js';

const frames = Array.from({ length: 1000 }, (_, i) => ({
  seconds: 1795226754 + i,
  nanoseconds: 1000 * i,
  octets: new Uint8Array(i % 97).fill(i),
  originalLength: 1500,
}));
const pcap = writePcap(frames);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lasthop-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function* chunks(size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < pcap.length; at += size) yield pcap.subarray(at, at + size);
}

describe('a capture is read from', () => {
  async function check(source: CaptureSource, file: string): Promise<void> {
    const capture = await openCapture(source);
    expect(lines(await collect(capture))).toEqual(lines(frames));
    expect(capture).toMatchObject({ file, damage: null, frames: 1000, octetsRead: pcap.length });
  }

  it('a path', async () => {
    const path = join(folder, 'path.pcap');
    await writeFile(path, pcap);
    await check(path, path);
  });
  it('octets', () => check(pcap, '(octets)'));
  it('octets in the middle of a buffer', () =>
    check(concat([hex('ffff'), pcap, hex('ff')]).subarray(2, -1), '(octets)'));
  it('a Buffer', () => check(Buffer.from(pcap), '(octets)'));
  it('a Blob', () => check(new Blob([pcap.slice()]), '(stream)'));
  it('a File', () => check(new File([pcap.slice()], 'node1__cni0.pcap'), 'node1__cni0.pcap'));
  it('an iterable of chunks', () => check(chunks(1000), '(stream)'));
  it('an iterable of single octets', () => check(chunks(1), '(stream)'));
  it('a web stream', () => check(new Blob([pcap.slice()]).stream(), '(stream)'));
  it('a Node stream', async () => {
    const path = join(folder, 'stream.pcap');
    await writeFile(path, pcap);
    await check(createReadStream(path), '(stream)');
  });
});

it('octets are not copied', async () => {
  for await (const batch of await openCapture(pcap)) expect(batch.octets.buffer).toBe(pcap.buffer);
});

it('others have their turn while a file is read: timers and signals wait for no end of it', async () => {
  const path = join(folder, 'turns.pcap');
  await writeFile(path, pcap);
  const aborted = new AbortController();
  let batches = 0;
  const read = async (): Promise<void> => {
    // Pieces of 16 KiB, the least that a file is read in
    for await (const batch of await openCapture(path, { chunk: 1000, signal: aborted.signal }))
      if (batch.count > 0 && ++batches === 1) setImmediate(() => aborted.abort(new Error('enough')));
  };
  await expect(read()).rejects.toThrow('enough');
  expect(batches).toBeLessThan(pcap.length >> 14);
});

it('a batch has no more frames than asked for, and is walked with next()', async () => {
  const capture = await openCapture(pcap, { batchFrames: 7 });
  const seen: number[] = [];
  for await (const batch of capture) {
    expect(batch.count).toBeLessThanOrEqual(7);
    while (batch.next()) seen.push(batch.frame);
  }
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
});

it('a capture is iterated once; a second time there is nothing', async () => {
  const path = join(folder, 'twice.pcap');
  await writeFile(path, pcap);
  const capture = await openCapture(path);
  expect(await collect(capture)).toHaveLength(1000);
  expect(await collect(capture)).toEqual([]);
  expect(capture).toMatchObject({ frames: 1000, damage: null });
});

it('a record larger than the chunk grows the buffer, and only that', async () => {
  const large = [{ seconds: 1, nanoseconds: 0, octets: new Uint8Array(200_000).fill(7) }, ...frames];
  const capture = await openCapture(new Blob([writePcap(large).slice()]), { chunk: 1000 });
  expect(lines(await collect(capture))).toEqual(lines(large));
});

it('records of the most octets there may be are read, wherever a read ends', async () => {
  const large = [1, 2].map((seconds) => ({ seconds, nanoseconds: 0, octets: new Uint8Array(16 << 20).fill(seconds) }));
  const octets = writePcap([...large, ...frames], { snapLength: 0xffffffff });
  const recordEnd = 24 + 16 + (16 << 20);
  async function* allButOne(): AsyncGenerator<Uint8Array> {
    yield octets.subarray(0, recordEnd - 1);
    yield octets.subarray(recordEnd - 1);
  }
  const sources: [CaptureSource, number][] = [
    [new Blob([octets.slice()]), 1 << 20],
    [allButOne(), 20 << 20],
  ];
  for (const [source, chunk] of sources) {
    const lengths: number[] = [];
    const capture = await openCapture(source, { chunk });
    for await (const batch of capture) lengths.push(...batch.capturedLengths.subarray(0, batch.count));
    expect(lengths).toEqual([16 << 20, 16 << 20, ...frames.map(({ octets }) => octets.length)]);
    expect(capture.damage).toBe(null);
  }
});

it('a record that announces much and has little takes little memory', async () => {
  const header = hex('d4c3b2a1 0200 0400 00000000 00000000 ffffffff 01000000');
  const cut = concat([header, hex('82fc006b 00000000 00000001 00000001'), new Uint8Array(100_000)]);
  const before = process.memoryUsage().arrayBuffers;
  const capture = await openCapture(new Blob([cut]), { chunk: 4096 });
  expect(await collect(capture)).toEqual([]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
  expect(capture.damage).toMatchObject({
    code: 'cut',
    octet: 24,
    message: 'file ends after 100000 of the 16777216 octets of a frame',
  });
});

describe('a source that fails', () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield pcap.subarray(0, 10_000);
    throw new Error('connection reset');
  }

  it('at first is refused', async () => {
    const source = (async function* (): AsyncGenerator<Uint8Array> {
      throw new Error('connection reset');
    })();
    await expect(openCapture(source)).rejects.toMatchObject({
      code: 'not-readable',
      message: 'reading failed: connection reset',
    });
  });

  it('later is damage', async () => {
    const capture = await openCapture(failing());
    const found = await collect(capture);
    expect(lines(found)).toEqual(lines(frames.slice(0, found.length)));
    expect(capture.damage).toMatchObject({ code: 'not-readable', octet: 10_000, frame: found.length });
  });

  it('gives text instead of octets', async () => {
    const text = createReadStream(new URL(import.meta.url), { encoding: 'utf8' }) as AsyncIterable<never>;
    await expect(openCapture(text)).rejects.toMatchObject({
      code: 'not-readable',
      message: 'the source gave a string instead of octets',
    });
  });
});

describe('a source is let go of', () => {
  function watched(): { source: AsyncGenerator<Uint8Array>; closed: () => boolean } {
    let closed = false;
    async function* octets(): AsyncGenerator<Uint8Array> {
      try {
        yield* chunks(1000);
      } finally {
        closed = true;
      }
    }
    return { source: octets(), closed: () => closed };
  }

  it('at the end', async () => {
    const { source, closed } = watched();
    await collect(await openCapture(source));
    expect(closed()).toBe(true);
  });

  it('when the loop is left', async () => {
    const { source, closed } = watched();
    for await (const batch of await openCapture(source)) if (batch.count > 0) break;
    expect(closed()).toBe(true);
  });

  it('when it is no capture', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100)),
      cancel: () => void (cancelled = true),
    });
    await expect(openCapture(stream)).rejects.toMatchObject({ code: 'not-a-capture' });
    expect(cancelled).toBe(true);
  });

  it('has no more frames when it was closed before', async () => {
    const capture = await openCapture(pcap);
    await capture.close();
    expect(await collect(capture)).toEqual([]);
    expect(capture.damage).toBeNull();
  });

  it('by close()', async () => {
    const { source, closed } = watched();
    await (await openCapture(source)).close();
    expect(closed()).toBe(true);
  });
});

describe('an abort', () => {
  it('before opening throws its reason', async () => {
    await expect(openCapture(pcap, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('between batches throws its reason', async () => {
    const control = new AbortController();
    const capture = await openCapture(pcap, { signal: control.signal, batchFrames: 10 });
    const reading = async (): Promise<void> => {
      for await (const batch of capture) if (batch.firstFrame > 50) control.abort(new Error('enough'));
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(capture).toMatchObject({ frames: 60, damage: null });
  });

  it('while a source is silent throws its reason', async () => {
    const control = new AbortController();
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield pcap.subarray(0, 5000);
      setTimeout(() => control.abort(new Error('enough')), 10);
      await new Promise(() => undefined);
    }
    const capture = await openCapture(silent(), { signal: control.signal });
    await expect(collect(capture)).rejects.toThrow('enough');
    expect(capture.frames).toBeGreaterThan(0);
  });
});

describe('a path that cannot be read', () => {
  it('is named', async () => {
    const missing = join(folder, 'missing.pcap');
    await expect(openCapture(missing)).rejects.toMatchObject({
      name: 'CaptureError',
      code: 'not-found',
      file: missing,
      octet: null,
      message: 'no such file',
    });
    await expect(openCapture(folder, { file: 'x' })).rejects.toMatchObject({
      code: 'not-readable',
      file: 'x',
      message: 'is a folder, not a file',
    });
    await expect(openCapture(join(folder, 'path.pcap', 'x'))).rejects.toMatchObject({ code: 'not-readable' });
  });

  it('for want of permission says so, and is listed all the same', async () => {
    const root = join(folder, 'forbidden');
    await mkdir(join(root, 'inner'), { recursive: true });
    await writeFile(join(root, 'secret.pcap'), pcap);
    await chmod(folder, 0o755);
    await chmod(join(root, 'secret.pcap'), 0);
    await chmod(join(root, 'inner'), 0);
    const isRoot = process.geteuid!() === 0;
    // Nothing is forbidden to root.
    if (isRoot) process.seteuid!(65534);
    try {
      const found = await listCaptureFiles(root);
      expect(found.map(({ name }) => name)).toEqual(['inner', 'secret.pcap']);
      for (const { path } of found) {
        await expect(openCapture(path)).rejects.toMatchObject({
          code: 'not-readable',
          message: 'cannot be opened: permission denied',
        });
      }
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(join(root, 'inner'), 0o755);
    }
  });
});

describe('a folder', () => {
  it('is listed by content, deep, in order of names', async () => {
    const root = join(folder, 'captures');
    await mkdir(join(root, 'node2', 'deep'), { recursive: true });
    await mkdir(join(root, 'empty'));
    const files: Record<string, Uint8Array> = {
      'node2/eth0.pcap': pcap,
      'node2/deep/cni0': pcap,
      'node1__cni0.pcap': gzipSync(pcap),
      'Node3.pcapng': pcapngSection(true),
      'node2-eth0.pcap': writePcap([]),
      'old.cap': hex('34cdb2a1 0200 0400 00000000'),
      'cut.pcap': hex('d4c3b2a1'),
      'README.md': new TextEncoder().encode('# Captures\n'),
      'empty.pcap': new Uint8Array(0),
      'notes.gz': gzipSync(new TextEncoder().encode('only some notes, and no capture')),
      'broken.gz': hex('1f8b08ff'),
    };
    for (const [name, octets] of Object.entries(files)) await writeFile(join(root, name), octets);
    await symlink(join(root, 'node1__cni0.pcap'), join(root, 'linked.pcap'));
    await symlink(root, join(root, 'loop'));
    await symlink(join(root, 'nowhere'), join(root, 'dangling.pcap'));
    expect(spawnSync('mkfifo', [join(root, 'pipe.pcap')]).status).toBe(0);

    const found = await listCaptureFiles(root);
    expect(found.map(({ name }) => name)).toEqual([
      'Node3.pcapng',
      'cut.pcap',
      'linked.pcap',
      'node1__cni0.pcap',
      'node2-eth0.pcap',
      'node2/deep/cni0',
      'node2/eth0.pcap',
      'old.cap',
    ]);
    const { octets, ...file } = found.at(-2)!;
    expect(file).toEqual({ name: 'node2/eth0.pcap', path: join(root, 'node2', 'eth0.pcap'), size: pcap.length });
    expect(Buffer.compare(octets!, pcap)).toBe(0);
  });

  it('gives what is in small captures, as far as there is room', async () => {
    const root = join(folder, 'sizes');
    await mkdir(root);
    await writeFile(join(root, 'a.pcap'), pcap);
    await writeFile(
      join(root, 'large.pcap'),
      writePcap([{ seconds: 0, nanoseconds: 0, octets: new Uint8Array(65_536) }]),
    );
    const held = async (small?: SmallFiles) =>
      (await listCaptureFiles(root, small)).map(({ octets }) => octets !== null);
    expect(await held()).toEqual([true, false]);
    const full = new SmallFiles();
    for (let i = 0; i < 256; i++) await full.read(join(root, 'a.pcap'), 65_536);
    expect(await held(full)).toEqual([false, false]);
  });

  it('that is none is refused', async () => {
    await expect(listCaptureFiles(join(folder, 'missing'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(listCaptureFiles(join(folder, 'path.pcap'))).rejects.toMatchObject({ code: 'not-readable' });
  });

  it('and a file tell what they are', async () => {
    const path = join(folder, 'path.pcap');
    expect([await isFolder(folder), await isFolder(path), await isFolder(join(folder, 'no'))]).toEqual([
      true,
      false,
      false,
    ]);
    expect([await fileSize(path), await fileSize(folder), await fileSize(join(folder, 'no'))]).toEqual([
      pcap.length,
      null,
      null,
    ]);
  });

  it('has its named pipes left alone, and a pipe that is named is read', async () => {
    const pipe = join(folder, 'named.pcap');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const [capture] = await Promise.all([openCapture(pipe), writeFile(pipe, pcap)]);
    expect(lines(await collect(capture))).toEqual(lines(frames));
  });
});
