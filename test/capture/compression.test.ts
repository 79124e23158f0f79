import { spawnSync } from 'node:child_process';
import { crc32, gzipSync, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureError } from '../../src/capture/capture.js';
import { StreamInflater } from '../../src/capture/gzip.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, hex, writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { collect, lines } from './collect.js';
import { runs } from '../support/runs.js';

const hasZstd = spawnSync('zstd', ['--version']).status === 0;

function zstd(octets: Uint8Array, ...options: string[]): Uint8Array {
  return spawnSync('zstd', ['-q', '-c', ...options], { input: octets, maxBuffer: 1 << 30 }).stdout;
}

/** Frames that do not compress well, so that the compressed octets of each are somewhere. */
function noise(count: number, length: number): WrittenFrame[] {
  let state = 1;
  return Array.from({ length: count }, (_, i) => ({
    seconds: 1795226754 + i,
    nanoseconds: 391232000,
    octets: Uint8Array.from({ length }, () => (state = (state * 48271) % 2147483647) & 0x3f),
  }));
}

const frames = noise(400, 100);
const pcap = writePcap(frames);

async function* chunksOf(octets: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

/** Milliseconds of the processor's time: a machine with other work to do stops a clock on the wall for no one. */
function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe('gzip', () => {
  it('is found by content and read from any source', async () => {
    const gz = gzipSync(pcap);
    for (const source of [gz, new Blob([gz]), chunksOf(gz, 1000)]) {
      const capture = await openCapture(source);
      expect(lines(await collect(capture))).toEqual(lines(frames));
      expect(capture).toMatchObject({ compression: 'gzip', format: 'pcap', damage: null, octetsRead: gz.length });
    }
  });

  it('is read with several members, header fields and padding', async () => {
    const named = hex('1f8b0818 00000000 0003 6e616d6500 636f6d6d656e7400'); // FNAME and FCOMMENT
    const half = pcap.length >> 1;
    const trailer = new DataView(new ArrayBuffer(8));
    trailer.setUint32(0, crc32(pcap.subarray(half)), true);
    trailer.setUint32(4, pcap.length - half, true);
    const second = concat([named, deflateRawSync(pcap.subarray(half)), new Uint8Array(trailer.buffer)]);
    const members = concat([gzipSync(pcap.subarray(0, half)), second, new Uint8Array(100_000)]);
    const capture = await openCapture(members);
    expect(lines(await collect(capture))).toEqual(lines(frames));
    expect(capture.damage).toBe(null);
  });

  // A stored block is its octets, so what is before a cut is known without inflating.
  const STORED_HEADER = 10 + 5;
  const stored = gzipSync(pcap, { level: 0 });

  it.each([
    STORED_HEADER + 24 + 116 * 100,
    STORED_HEADER + 24 + 116 * 100 + 50,
    20_000,
    stored.length - 8,
    stored.length - 1,
  ])('cut after %i octets gives every frame before the cut', async (length) => {
    for (const source of [stored.subarray(0, length), chunksOf(stored.subarray(0, length), 77)]) {
      const capture = await openCapture(source);
      const whole = Math.min(400, Math.floor((length - STORED_HEADER - 24) / 116));
      expect(lines(await collect(capture))).toEqual(lines(frames.slice(0, whole)));
      expect(capture.damage).toMatchObject({
        code: 'cut',
        frame: whole,
        message: 'file ends inside its gzip compressed octets',
      });
    }
  });

  it('damaged gives every frame before the damage', async () => {
    // Two stored blocks, then one of the reserved type 3.
    const blocks = [0, 1].map((i) => {
      const part = pcap.subarray(i * 20_000, (i + 1) * 20_000);
      return concat([hex('00 204e dfb1'), part]);
    });
    const broken = concat([hex('1f8b0800 00000000 0003'), ...blocks, hex('07'), pcap]);
    const whole = Math.floor((40_000 - 24) / 116);
    const capture = await openCapture(broken);
    expect(lines(await collect(capture))).toEqual(lines(frames.slice(0, whole)));
    expect(capture.damage).toMatchObject({ code: 'bad-compression', frame: whole, octet: 40_000 });
    // A stream cannot be read twice: a sixteenth may be missing.
    const streamed = await openCapture(chunksOf(broken, 1000));
    const count = (await collect(streamed)).length;
    expect(count).toBeLessThanOrEqual(whole);
    expect(count).toBeGreaterThan((whole * 15) / 16 - 1);
    expect(streamed.damage).toMatchObject({ code: 'bad-compression', frame: count });
  });

  it('with a wrong checksum gives all frames and says so', async () => {
    const gz = gzipSync(pcap);
    gz[gz.length - 8]! ^= 1;
    const capture = await openCapture(gz);
    expect(lines(await collect(capture))).toEqual(lines(frames));
    expect(capture.damage).toMatchObject({ code: 'bad-compression', frame: 400, octet: pcap.length });
  });

  it('damaged in its header is refused', async () => {
    await expect(openCapture(hex('1f8b08ff 00000000 0003 000000'))).rejects.toMatchObject({ code: 'bad-compression' });
    await expect(openCapture(hex('1f8b0800 00'))).rejects.toMatchObject({ code: 'cut' });
    await expect(openCapture(gzipSync(hex('68656c6c6f')))).rejects.toMatchObject({ code: 'not-a-capture' });
  });

  it('that expands a thousand times does so in bounded memory', async () => {
    const bomb = concat([gzipSync(writePcap([])), gzipSync(new Uint8Array(256 << 20))]);
    const capture = await openCapture(bomb);
    let largest = 0;
    let most = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const batch of capture) {
      largest = Math.max(largest, batch.octets.length);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // Zeros are records of no octets.
    expect(capture).toMatchObject({ frames: 16 << 20, damage: null });
    expect(largest).toBeLessThan(2 << 20);
    expect(most).toBeLessThan(64 << 20);
  });

  it('is read as browsers do too', async () => {
    const gz = gzipSync(pcap);
    const inflater = new StreamInflater();
    const out: Uint8Array[] = [];
    for await (const piece of chunksOf(gz, 500)) {
      await inflater.push(piece.slice());
      out.push(...inflater.take());
    }
    await inflater.finish();
    expect(concat([...out, ...inflater.take()])).toEqual(pcap);
    expect(inflater.fault).toBe(null);

    const cut = new StreamInflater();
    await cut.push(stored.slice(0, 10_000));
    await cut.finish();
    expect(concat(cut.take())).toEqual(pcap.slice(0, 10_000 - STORED_HEADER));
    expect(cut.fault?.code).toBe('bad-compression');
  });
});

describe.skipIf(!hasZstd)('zstd', () => {
  it.each([[[]], [['-19']], [['--no-check']], [['--fast=5']], [['--long=27']]])(
    'made with %j is read',
    async (options) => {
      const zst = zstd(pcap, ...options);
      for (const source of [zst, new Blob([zst.slice()]), chunksOf(zst, 1000)]) {
        const capture = await openCapture(source);
        expect(lines(await collect(capture))).toEqual(lines(frames));
        expect(capture).toMatchObject({ compression: 'zstd', damage: null, octetsRead: zst.length });
      }
    },
  );

  it('is read with many blocks, several frames and skippable ones', async () => {
    const many = noise(20_000, 100);
    const large = writePcap(many);
    const skippable = hex('5a2a4d18 05000000 0102030405');
    const half = large.length >> 1;
    const parts = [skippable, zstd(large.subarray(0, half)), skippable, zstd(large.subarray(half)), skippable];
    const capture = await openCapture(concat(parts));
    expect((await collect(capture)).at(-1)).toMatchObject(many.at(-1)!);
    expect(capture).toMatchObject({ frames: 20_000, damage: null });
  });

  it('of a capture without frames is read', async () => {
    const capture = await openCapture(zstd(writePcap([])));
    expect(await collect(capture)).toEqual([]);
    expect(capture.damage).toBe(null);
  });

  // Headers that repeat, text, zeros and noise: all kinds of blocks, literals and tables.
  const mixed = noise(6000, 150).map((frame, i) => {
    const { octets } = frame;
    if (i % 3 === 0) octets.fill(i >> 8, 0, 100);
    if (i % 3 === 1) octets.set(new TextEncoder().encode(`GET /pods/${i % 50}/status HTTP/1.1`));
    if (i > 4000) octets.fill(0);
    return frame;
  });
  const mixedPcap = writePcap(mixed);
  it.each([
    ['-1'],
    ['-9'],
    ['-18'],
    ['--fast=20'],
    ['--zstd=wlog=10'],
    ['--ultra', '-22', '--zstd=wlog=14'],
    ['-T2', '-B600KB'],
  ])('made with %s of mixed octets is read', async (...options) => {
    const capture = await openCapture(zstd(mixedPcap, ...options));
    expect(lines(await collect(capture))).toEqual(lines(mixed));
    expect(capture.damage).toBe(null);
  });

  it('mutated never throws, hangs or gives a frame outside its buffer', async () => {
    const compressed = ['-1', '-18'].map((level) => zstd(mixedPcap.subarray(0, 200_000), '--no-check', level));
    const change = fc.record({ at: fc.nat(), octet: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...compressed), fc.array(change, { minLength: 1 }), async (octets, changes) => {
        const copy = octets.slice();
        for (const { at, octet } of changes) copy[at % copy.length] = octet;
        const capture = await openCapture(copy).catch((error: unknown) => {
          expect(error).toBeInstanceOf(CaptureError);
        });
        if (capture) expect(await collect(capture)).toHaveLength(capture.frames);
      }),
      runs(200),
    );
  });

  it('cut gives what came before, whole blocks at least', async () => {
    const large = writePcap(noise(8000, 100));
    const zst = zstd(large);
    const capture = await openCapture(zst.subarray(0, zst.length - 6));
    const found = await collect(capture);
    expect(lines(found)).toEqual(lines(noise(8000, 100).slice(0, found.length)));
    expect(found.length).toBeGreaterThan(8000 - 131072 / 116 - 1);
    expect(capture.damage).toMatchObject({ code: 'cut', message: 'file ends inside its zstd compressed octets' });
  });
});

describe('zstd structure', () => {
  const raw = pcap.subarray(0, 24 + 116);
  const header = hex('28b52ffd 00 58'); // window of 2 MiB, no checksum, no size

  it('raw and run-length blocks are read', async () => {
    // 140 octets raw, then 16 zeros: a record of no octets
    const capture = await openCapture(concat([header, hex('600400'), raw, hex('830000 00')]));
    expect(await collect(capture)).toMatchObject([frames[0], { seconds: 0, capturedLength: 0 }]);
    expect(capture.damage).toBe(null);
  });

  it.each([
    ['a reserved block type', concat([header, hex('600400'), raw, hex('070000')]), 'zstd: impossible block'],
    ['a block of 2 MiB', concat([header, hex('600400'), raw, hex('fbffff 00')]), 'zstd: impossible block'],
    [
      'what is no frame after a frame',
      concat([header, hex('610400'), raw, hex('00000000')]),
      'zstd: what follows a frame is no frame',
    ],
  ])('%s is damage', async (_, octets, message) => {
    const capture = await openCapture(octets);
    expect(await collect(capture)).toMatchObject(frames.slice(0, 1));
    expect(capture.damage).toMatchObject({ code: 'bad-compression', message, frame: 1 });
  });

  /** Blocks whose headers are lawful; what is in them is anything. */
  function anyBlocks(): fc.Arbitrary<Uint8Array> {
    const octets = (maxLength: number) => fc.uint8Array({ maxLength });
    const count = fc.oneof(
      fc.nat(0x7f).map((n) => Uint8Array.of(n)),
      fc.nat(0x7eff).map((n) => Uint8Array.of(0x80 | (n >> 8), n)),
      fc.nat(0xffff).map((n) => Uint8Array.of(0xff, n, n >> 8)),
    );
    const code = (max: number) =>
      fc.oneof(
        fc.constant({ mode: 0, table: new Uint8Array(0) }),
        fc.integer({ min: 0, max }).map((symbol) => ({ mode: 1, table: Uint8Array.of(symbol) })),
        octets(12).map((table) => ({ mode: 2, table })),
      );
    const compressed = fc
      .tuple(octets(31), count, code(35), code(27), code(52), octets(60), fc.integer({ min: 1, max: 255 }))
      .map(([literals, sequences, literalCode, offsetCode, matchCode, bits, last]) => {
        const modes = (literalCode.mode << 6) | (offsetCode.mode << 4) | (matchCode.mode << 2);
        const tables = [literalCode.table, offsetCode.table, matchCode.table];
        const head = [Uint8Array.of(literals.length << 3), literals, sequences, Uint8Array.of(modes)];
        const content = concat([...head, ...tables, bits, Uint8Array.of(last)]);
        return { type: 2, size: content.length, content };
      });
    const repeated = fc.nat(131072).map((size) => ({ type: 1, size, content: Uint8Array.of(0) }));
    return fc
      .array(fc.oneof({ weight: 3, arbitrary: compressed }, repeated), { minLength: 1, maxLength: 6 })
      .map((blocks) =>
        concat(
          blocks.flatMap(({ type, size, content }, i) => {
            const word = (size << 3) | (type << 1) | Number(i === blocks.length - 1);
            return [Uint8Array.of(word, word >> 8, word >> 16), content];
          }),
        ),
      );
  }

  it('any blocks cost little and leave what came before them', async () => {
    await fc.assert(
      fc.asyncProperty(anyBlocks(), async (blocks) => {
        const capture = await openCapture(concat([header, hex('600400'), raw, blocks]));
        const started = spent();
        let first: unknown;
        for await (const batch of capture) {
          if (batch.count > 0) first ??= batch.octets.slice(batch.offsets[0]!, batch.offsets[0]! + 100);
        }
        expect(first).toEqual(frames[0]!.octets);
        expect(spent() - started).toBeLessThan(1000);
      }),
      runs(300),
    );
  });

  it.each([
    ['98,047 matches of 65,539 octets', '4d0000 00ffffff 54 000034 01'],
    ['as many with a table of literals lengths', '3d0000 00ffffff 04 34 01'],
    ['43,690 matches, which a block could hold', '4d0000 00ffaa2b 54 000034 01'],
  ])('%s are damage at once', async (_, block) => {
    const started = spent();
    const capture = await openCapture(concat([header, hex('600400'), raw, hex(block)]));
    expect(await collect(capture)).toMatchObject(frames.slice(0, 1));
    expect(capture.damage).toMatchObject({ code: 'bad-compression', message: 'zstd: impossible sequences', frame: 1 });
    expect(spent() - started).toBeLessThan(1000);
  });

  it('that expands thirty thousand times does so in bounded memory', async () => {
    const zeros = Array.from({ length: 2047 }, () => hex('020010 00')); // 128 KiB each
    const bomb = concat([header, hex('600400'), raw, ...zeros, hex('030010 00')]);
    const capture = await openCapture(bomb);
    let most = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const batch of capture) {
      expect(batch.octets.length).toBeLessThan(2 << 20);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // Zeros are records of no octets.
    expect(capture).toMatchObject({ frames: 1 + (16 << 20), damage: null });
    expect(most).toBeLessThan(64 << 20);
  });

  it.each([
    [
      'a window of 2 TiB',
      '28b52ffd 00 f8 010000',
      'zstd: needs a window of 2199023255552 octets, more than the 134217728 it may have',
    ],
    [
      'a content of 2^40 octets',
      '28b52ffd e0 0000000000010000 010000',
      'zstd: needs a window of 1099511627776 octets, more than the 134217728 it may have',
    ],
    ['a dictionary', '28b52ffd 01 58 07 010000', 'zstd: needs a dictionary'],
  ])('%s is refused', async (_, octets, message) => {
    await expect(openCapture(hex(octets))).rejects.toMatchObject({ code: 'bad-compression', message });
  });
});
