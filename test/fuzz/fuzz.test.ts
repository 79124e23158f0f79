import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';
import { fileOf, type FileRecipe } from './file-changes.js';
import { frameOf } from './frame-changes.js';
import { readPool, type Pool } from './pool.js';
import { jsonFault, lineFault, textFault } from './printed.js';
import { propertiesOf } from './properties.js';

let pool: Pool;
beforeAll(async () => {
  pool = await readPool('samples');
});

const nobody = (): void => undefined;

describe('a little of what `npm run fuzz` does all day', () => {
  it('frames', () => fc.assert(propertiesOf(pool, nobody).frame, { ...runs(500), seed: 1 }));
  it('files', async () => fc.assert(propertiesOf(pool, nobody).file, { ...runs(100), seed: 1 }));
  it('runs', async () => fc.assert(propertiesOf(pool, nobody).run, { numRuns: 3, seed: 1 }));
});

describe('the inputs', () => {
  it('are changed, fit, and point where they are told', () => {
    const query = pool.frames.findIndex(({ octets }) => octets.length > 42 && octets[23] === 17 && octets[37] === 53);
    const { octets } = pool.frames[query]!;
    const self = frameOf({ frame: query, changes: [{ kind: 'pointer', at: 12, target: -1 }] }, pool.frames);
    expect([...self.octets.subarray(54, 56)]).toEqual([0xc0, 12]);
    const field = { kind: 'field', layer: 1, field: 2, value: 0xffff } as const;
    expect([...frameOf({ frame: query, changes: [field] }, pool.frames).octets.subarray(16, 18)]).toEqual([0xff, 0xff]);
    const insert = { kind: 'insert', at: octets.length - 1, octets: new Uint8Array(10) } as const;
    const longer = frameOf({ frame: query, changes: [insert, { kind: 'fit' }] }, pool.frames);
    expect(longer.octets.length).toBe(octets.length + 10);
    expect([longer.octets[16], longer.octets[17]]).toEqual([
      (longer.octets.length - 14) >> 8,
      (longer.octets.length - 14) & 0xff,
    ]);
  });

  it('know which frames must survive', () => {
    const recipe: FileRecipe = {
      format: 'pcap',
      bigEndian: false,
      nanosecond: false,
      snapLength: 0,
      blocks: [],
      name: '',
      resolution: 6,
      changes: [{ kind: 'octet', at: 24 + 16 + 5, value: 1 }],
      compression: 'none',
      chunk: 1,
      batchFrames: 1,
    };
    const frame = { octets: new Uint8Array(5), originalLength: 5, linkType: 1 };
    expect(fileOf(recipe, [frame, frame]).sound).toHaveLength(1);
    expect(fileOf({ ...recipe, changes: [] }, [frame, frame]).sound).toHaveLength(2);
    expect(fileOf({ ...recipe, format: 'pcapng', changes: [{ kind: 'cut', at: 30 }] }, [frame]).sound).toHaveLength(0);
  });
});

it('what acts on a terminal is seen', () => {
  expect(lineFault('all is well – 10 µs → node')).toBeNull();
  for (const text of ['\u001b[2J', 'a\u0000', '\u009b1m', 'a\u202eb', '\u2028', '\u007f', '\u200b']) {
    expect([text, lineFault(text)]).not.toContain(null);
  }
  expect(lineFault('a\nb')).not.toBeNull();
  expect(textFault('a\nb')).toBeNull();
  expect(textFault('a\rb')).not.toBeNull();
  expect(jsonFault('"\\u001b"')).toBeNull();
  expect(jsonFault('"\u001b"')).not.toBeNull();
});
