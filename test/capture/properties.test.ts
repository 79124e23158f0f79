import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CaptureError, type Capture } from '../../src/capture/capture.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, pcapngBlock, writePcap, writePcapng, type WrittenFrame } from '../support/capture-writer.js';
import { collect, lines } from './collect.js';
import { runs } from '../support/runs.js';

const frame = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffffffff }),
  nanoseconds: fc.integer({ min: 0, max: 999_999 }).map((microseconds) => microseconds * 1000),
  octets: fc.uint8Array({ maxLength: 60 }),
  originalLength: fc.integer({ min: 0, max: 0xffffffff }),
});

interface Written {
  readonly frames: readonly WrittenFrame[];
  readonly octets: Uint8Array;
  /** Where a file may end, and how many frames it then has: first after its header, then after every record. */
  readonly ends: ReadonlyMap<number, number>;
}

function join(
  frames: readonly WrittenFrame[],
  header: Uint8Array,
  records: readonly (readonly Uint8Array[])[],
): Written {
  let end = header.length;
  const ends = new Map([[end, 0]]);
  records.forEach((parts, i) => {
    parts.forEach((part, j) => {
      end += part.length;
      // The frame is the last part of its record.
      ends.set(end, j === parts.length - 1 ? i + 1 : i);
    });
  });
  return { frames, octets: concat([header, ...records.flat()]), ends };
}

const pcap = fc
  .record({ frames: fc.array(frame, { maxLength: 12 }), bigEndian: fc.boolean(), nanosecond: fc.boolean() })
  .map(({ frames, ...options }) => {
    const header = writePcap([], options);
    const records = frames.map((one) => [writePcap([one], options).subarray(header.length)]);
    return join(frames, header, records);
  });

const pcapng = fc
  .record({
    frames: fc.array(frame, { maxLength: 12 }),
    bigEndian: fc.boolean(),
    interfaces: fc.record({ resolution: fc.constantFrom(6, 9), name: fc.string() }).map((only) => [only]),
  })
  .map(({ frames, ...options }) => {
    const header = writePcapng([], options);
    // Before every packet a block that is skipped.
    const records = frames.map((one) => [
      pcapngBlock(0x0bad, one.octets, options.bigEndian),
      writePcapng([one], options).subarray(header.length),
    ]);
    return join(frames, header, records);
  });

const written: fc.Arbitrary<Written> = fc.oneof(pcap, pcapng);

/** The octets in pieces of the lengths given, over and over. */
async function* pieces(octets: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < octets.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield octets.subarray(at, at + length);
    at += length;
  }
}

it('chunking: any split of a file gives the same frames', async () => {
  const lengths = fc
    .array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 })
    .filter((some) => some.some((length) => length > 0));
  const sizes = fc.record({ chunk: fc.integer({ min: 1, max: 200 }), batchFrames: fc.integer({ min: 1, max: 5 }) });
  await fc.assert(
    fc.asyncProperty(written, lengths, sizes, fc.boolean(), async ({ octets, frames }, split, options, compress) => {
      const capture = await openCapture(pieces(compress ? gzipSync(octets) : octets, split), options);
      expect(lines(await collect(capture))).toEqual(lines(frames));
      expect(capture).toMatchObject({ damage: null, frames: frames.length });
    }),
    runs(),
  );
});

it('prefix: a file cut anywhere gives exactly the frames before the cut, and says that it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(written, fc.nat(), fc.boolean(), async ({ octets, frames, ends }, place, inMemory) => {
      const [headerEnd] = ends.keys();
      const length = headerEnd! + (place % (octets.length - headerEnd! + 1));
      const part = octets.slice(0, length);
      const capture = await openCapture(inMemory ? part : new Blob([part]), { chunk: 50 });
      const found = await collect(capture);
      const whole = Math.max(...[...ends].map(([end, count]) => (end <= length ? count : 0)));
      expect(lines(found)).toEqual(lines(frames.slice(0, whole)));
      if (ends.has(length)) expect(capture.damage).toBe(null);
      else expect(capture.damage).toMatchObject({ code: 'cut', frame: whole });
    }),
    runs(1000),
  );
});

it('prefix: a header cut anywhere is refused as cut or as no capture', async () => {
  for (const octets of [writePcap([]), writePcapng([])]) {
    for (let length = 0; length < Math.min(octets.length, 28); length++) {
      await expect(openCapture(octets.subarray(0, length))).rejects.toMatchObject({
        code: length >= (octets.length === 24 ? 4 : 12) ? 'cut' : 'not-a-capture',
      });
    }
  }
});

/** Reads any octets and checks what must hold of all; says how many frames there were. */
async function readAnything(octets: Uint8Array): Promise<number> {
  let capture: Capture;
  try {
    capture = await openCapture(new Blob([octets.slice()]), { chunk: 1000 });
  } catch (error) {
    expect(error).toBeInstanceOf(CaptureError);
    return 0;
  }
  let frames = 0;
  for await (const batch of capture) {
    expect(batch.firstFrame).toBe(frames + 1);
    frames += batch.count;
    expect(batch.octets.length).toBeLessThan(100_000);
    for (let i = 0; i < batch.count; i++) {
      expect(batch.offsets[i]! + batch.capturedLengths[i]!).toBeLessThanOrEqual(batch.octets.length);
      expect(batch.capturedLengths[i]).toBeGreaterThanOrEqual(0);
      expect(batch.nanoseconds[i]).toBeLessThan(1e9);
      expect(batch.interfaceIds[i]).toBeLessThan(capture.interfaces.length);
    }
  }
  expect(capture.frames).toBe(frames);
  if (capture.damage !== null) {
    expect(capture.damage.frame).toBe(frames);
    expect(capture.damage.message).toMatch(/^[^\n]{10,120}$/);
    expect(capture.damage.octet).toBeGreaterThanOrEqual(0);
  }
  return frames;
}

const mutation = fc.record({ at: fc.nat(), octet: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)) });

function mutate(octets: Uint8Array, mutations: readonly { at: number; octet: number }[]): Uint8Array {
  const copy = octets.slice();
  for (const { at, octet } of mutations) copy[at % copy.length] = octet;
  return copy;
}

it('mutation: damaged files never throw, hang or take memory that they do not fill', async () => {
  await fc.assert(
    fc.asyncProperty(
      written,
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('none', 'before gzip', 'after gzip'),
      async ({ octets }, mutations, compression) => {
        const part = compression === 'after gzip' ? gzipSync(octets) : octets;
        const mutated = mutate(part, mutations);
        await readAnything(compression === 'before gzip' ? gzipSync(mutated) : mutated);
      },
    ),
    runs(500),
  );
});

it('mutation: what comes before the first change is read as if there were none', async () => {
  await fc.assert(
    fc.asyncProperty(written, mutation, async ({ octets, frames, ends }, change) => {
      const [headerEnd] = ends.keys();
      const at = headerEnd! + (change.at % (octets.length - headerEnd! + 1));
      const mutated = mutate(concat([octets, new Uint8Array(1)]), [{ at, octet: change.octet }]);
      const capture = await openCapture(mutated);
      const before = Math.max(...[...ends].map(([end, count]) => (end <= at ? count : 0)));
      const found = await collect(capture);
      expect(lines(found.slice(0, before))).toEqual(lines(frames.slice(0, before)));
    }),
    runs(300),
  );
});

it('mutation: after any octets a good file is read well', async () => {
  const frames = [{ seconds: 1, nanoseconds: 0, octets: new Uint8Array(3) }];
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (octets) => {
      await readAnything(octets);
      expect(lines(await collect(await openCapture(writePcap(frames))))).toEqual(lines(frames));
    }),
    runs(),
  );
});
