/** Captures made of frames, whole or damaged, with the blocks around them that a reader may meet. */
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  concat,
  pcapngBlock,
  pcapngOptions,
  pcapngSection,
  writePcap,
  writePcapng,
} from '../support/capture-writer.js';
import type { FuzzFrame } from './frame-changes.js';

type FileChange =
  | { readonly kind: 'octet'; readonly at: number; readonly value: number }
  | { readonly kind: 'word'; readonly at: number; readonly value: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly octets: Uint8Array };

export interface FileRecipe {
  readonly format: 'pcap' | 'pcapng';
  readonly bigEndian: boolean;
  readonly nanosecond: boolean;
  readonly snapLength: number;
  /** Before each frame of a pcapng file, by turns. */
  readonly blocks: readonly Block[];
  /** if_name of a pcapng file. */
  readonly name: string;
  readonly resolution: number;
  readonly changes: readonly FileChange[];
  readonly compression: 'none' | 'gzip' | 'damaged gzip' | 'stored zstd';
  /** Octets to read at a time, and most frames of a batch. */
  readonly chunk: number;
  readonly batchFrames: number;
}

type Block =
  | { readonly kind: 'none' }
  | { readonly kind: 'any'; readonly type: number; readonly octets: Uint8Array }
  | { readonly kind: 'names'; readonly type: number; readonly octets: Uint8Array }
  | { readonly kind: 'options'; readonly code: number; readonly octets: Uint8Array }
  | { readonly kind: 'section'; readonly bigEndian: boolean; readonly minor: number };

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('eth0', '\u001b]0;x\u0007', '<b>', '\u202e', '../a', ''),
);
const someOctets = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  text.map((one) => new TextEncoder().encode(one)),
);
const BLOCK_TYPES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x0bad, 0x4000_0bad, 0x8000_0001, 0xffff_ffff];
const at = fc.nat(4000);

export const fileRecipe: fc.Arbitrary<FileRecipe> = fc.record({
  format: fc.constantFrom('pcap' as const, 'pcapng' as const),
  bigEndian: fc.boolean(),
  nanosecond: fc.boolean(),
  snapLength: fc.constantFrom(0, 1, 64, 65_535, 262_144, 0xffff_ffff),
  blocks: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('none' as const) }),
      fc.record({ kind: fc.constant('any' as const), type: fc.constantFrom(...BLOCK_TYPES), octets: someOctets }),
      fc.record({ kind: fc.constant('names' as const), type: fc.nat(3), octets: someOctets }),
      fc.record({ kind: fc.constant('options' as const), code: fc.nat(20), octets: someOctets }),
      fc.record({ kind: fc.constant('section' as const), bigEndian: fc.boolean(), minor: fc.constantFrom(0, 2) }),
    ),
    { maxLength: 3 },
  ),
  name: text,
  resolution: fc.oneof(fc.constantFrom(6, 9), fc.nat(255)),
  changes: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('octet' as const), at, value: fc.nat(255) }),
      fc.record({
        kind: fc.constant('word' as const),
        at,
        value: fc.constantFrom(0, 1, 12, 0xffff, 0x10_0000, 0x7fff_fffc, 0x8000_0000, 0xffff_fffc, 0xffff_ffff),
      }),
      fc.record({ kind: fc.constant('cut' as const), at }),
      fc.record({ kind: fc.constant('insert' as const), at, octets: someOctets }),
    ),
    { maxLength: 3 },
  ),
  compression: fc.constantFrom('none', 'none', 'none', 'gzip', 'damaged gzip', 'stored zstd'),
  chunk: fc.integer({ min: 1, max: 3000 }),
  batchFrames: fc.integer({ min: 1, max: 5 }),
});

export interface FuzzFile {
  readonly octets: Uint8Array;
  /** Frames whose records lie wholly before the first change: these must all be read. */
  readonly sound: readonly FuzzFrame[];
  /** Octets after decompression, about. */
  readonly size: number;
}

export function fileOf(recipe: FileRecipe, frames: readonly FuzzFrame[]): FuzzFile {
  const { linkType } = frames[0] ?? { linkType: 1 };
  // One link type a file in pcap; the frames of others are left out
  const written = frames.filter((frame) => recipe.format === 'pcapng' || frame.linkType === linkType);
  const chunks = recipe.format === 'pcap' ? pcapChunks(recipe, written, linkType) : pcapngChunks(recipe, written);
  const whole = concat(chunks.map(({ octets }) => octets));
  const ends: number[] = [];
  let end = 0;
  let firstLie = Infinity;
  for (const { octets, kind } of chunks) {
    if (kind === 'lie') firstLie = Math.min(firstLie, end);
    end += octets.length;
    if (kind === 'frame') ends.push(end);
  }
  let { octets, firstChange } = changed(whole, recipe.changes);
  const size = octets.length;
  if (recipe.compression === 'stored zstd') octets = storedZstd(octets);
  if (recipe.compression === 'gzip') octets = gzipSync(octets);
  if (recipe.compression === 'damaged gzip') {
    const zipped = gzipSync(whole);
    const damaged = changed(zipped, recipe.changes);
    octets = damaged.octets;
    // What zlib can tell of the octets before the change does not depend on those after it
    const before = zipped.subarray(0, damaged.firstChange);
    const { firstChange: place } = damaged;
    if (place < GZIP_HEADER) firstChange = 0;
    else if (place === Infinity) firstChange = Infinity;
    else firstChange = gunzipSync(before, { finishFlush: constants.Z_SYNC_FLUSH }).length;
  }
  return { octets, size, sound: written.slice(0, ends.filter((one) => one <= Math.min(firstChange, firstLie)).length) };
}

interface Chunk {
  readonly octets: Uint8Array;
  /** `lie`: a block of a type that is read, with anything in it. */
  readonly kind: 'frame' | 'other' | 'lie';
}

/** Types of blocks that are read: what is in others is nobody's business. */
const READ_TYPES: readonly number[] = [1, 2, 3, 4, 5, 6];

const GZIP_HEADER = 10;
const SECONDS = 1_795_226_754;

function pcapChunks(recipe: FileRecipe, frames: readonly FuzzFrame[], linkType: number): Chunk[] {
  const options = { ...recipe, linkType };
  const header = writePcap([], options);
  const records = frames.map((frame, index) =>
    writePcap([{ ...frame, seconds: SECONDS + index, nanoseconds: 0 }], options).subarray(header.length),
  );
  return [{ octets: header, kind: 'other' }, ...records.map((octets): Chunk => ({ octets, kind: 'frame' }))];
}

/** An interface a frame, so that each may have its own link type. */
function pcapngChunks(recipe: FileRecipe, frames: readonly FuzzFrame[]): Chunk[] {
  const { bigEndian, blocks, snapLength, name } = recipe;
  const resolution = recipe.nanosecond ? 9 : recipe.resolution;
  const chunks: Chunk[] = [{ octets: pcapngSection(bigEndian), kind: 'other' }];
  // A section that follows has interfaces of its own, and perhaps another byte order
  let interfaceId = 0;
  let order = bigEndian;
  frames.forEach((frame, index) => {
    const block = blocks.length === 0 ? { kind: 'none' as const } : blocks[index % blocks.length]!;
    const octets = blockOctets(block, order);
    const lies = block.kind === 'any' && READ_TYPES.includes(block.type);
    if (octets !== null) chunks.push({ octets, kind: lies ? 'lie' : 'other' });
    if (block.kind === 'section') {
      interfaceId = 0;
      order = block.bigEndian;
    }
    const description = { linkType: frame.linkType, snapLength, name, resolution };
    const interfaces = Array.from({ length: interfaceId + 1 }, () => description);
    const options = { bigEndian: order, interfaces };
    const one = { ...frame, seconds: SECONDS + index, nanoseconds: 0, interfaceId };
    const section = pcapngSection(order).length;
    const before = writePcapng([], options).length;
    const each = (before - section) / interfaces.length;
    const written = writePcapng([one], options);
    chunks.push({ octets: written.subarray(before - each, before), kind: 'other' });
    chunks.push({ octets: written.subarray(before), kind: 'frame' });
    interfaceId++;
  });
  return chunks;
}

/** Blocks that are sound as far as any reader need care; those of known types may lie about what is in them. */
function blockOctets(block: Block, bigEndian: boolean): Uint8Array | null {
  switch (block.kind) {
    case 'none':
      return null;
    case 'any':
      return pcapngBlock(block.type, block.octets, bigEndian);
    case 'names':
      return pcapngBlock(4, pcapngOptions([[block.type, [10, 0, 0, 1, ...block.octets]]], bigEndian), bigEndian);
    case 'options':
      return pcapngBlock(0x0bad, pcapngOptions([[block.code, [...block.octets]]], bigEndian), bigEndian);
    case 'section':
      return pcapngSection(block.bigEndian, 1, block.minor);
  }
}

function changed(whole: Uint8Array, changes: readonly FileChange[]): { octets: Uint8Array; firstChange: number } {
  let octets: Uint8Array = whole.slice();
  let firstChange = Infinity;
  for (const change of changes) {
    const place = octets.length === 0 ? 0 : change.at % octets.length;
    firstChange = Math.min(firstChange, place);
    switch (change.kind) {
      case 'octet':
        if (octets.length > 0) octets[place] = change.value;
        break;
      case 'word': {
        const word = [change.value >>> 24, change.value >>> 16, change.value >>> 8, change.value].map(
          (one) => one & 0xff,
        );
        octets.set(word.slice(0, octets.length - place), place);
        break;
      }
      case 'cut':
        octets = octets.slice(0, place);
        break;
      case 'insert':
        octets = concat([octets.subarray(0, place), change.octets, octets.subarray(place)]);
        break;
    }
  }
  return { octets, firstChange };
}

const MOST_RAW = 1 << 17;

/** A zstd frame of raw blocks (RFC 8878 section 3.1.1.2.2), with a window of 2 MiB. */
function storedZstd(octets: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58)];
  let from = 0;
  do {
    const part = octets.subarray(from, from + MOST_RAW);
    from += part.length;
    const word = (part.length << 3) | (from >= octets.length ? 1 : 0);
    chunks.push(Uint8Array.of(word, word >> 8, word >> 16), part);
  } while (from < octets.length);
  return concat(chunks);
}
