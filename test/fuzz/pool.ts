/** Sound frames to begin from: made ones of every protocol, and those of the samples. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.js';
import { MADE_FRAMES } from '../oracle/made.js';

export interface PoolFrame {
  readonly octets: Uint8Array;
  readonly originalLength: number;
  readonly linkType: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** One capture of a sample. */
export interface PoolCapture {
  readonly file: string;
  readonly frames: readonly PoolFrame[];
}

/** Captures that belong together: what `lasthop FOLDER` would read. */
export type PoolSet = readonly PoolCapture[];

export interface Pool {
  readonly frames: readonly PoolFrame[];
  readonly sets: readonly PoolSet[];
}

/** Most frames that are taken from one capture of the samples. */
const MOST_FRAMES = 200;

export async function readPool(samples: string): Promise<Pool> {
  const made = MADE_FRAMES.map(({ octets, linkType }) => {
    return { octets, originalLength: octets.length, linkType, seconds: 1_795_226_754, nanoseconds: 0 };
  });
  const folders = new Map<string, PoolCapture[]>();
  for (const name of readdirSync(samples, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.pcap(ng)?$/.test(name)) continue;
    const folder = name.slice(0, name.lastIndexOf('/'));
    const captures = folders.get(folder) ?? [];
    captures.push({ file: name.slice(folder.length + 1), frames: await framesOf(join(samples, name)) });
    folders.set(folder, captures);
  }
  const sets = [...folders.values()];
  return { frames: [...made, ...sets.flat().flatMap(({ frames }) => frames)], sets };
}

async function framesOf(path: string): Promise<PoolFrame[]> {
  const frames: PoolFrame[] = [];
  for await (const batch of await openCapture(path)) {
    for (let index = 0; index < batch.count && frames.length < MOST_FRAMES; index++) {
      const from = batch.offsets[index]!;
      frames.push({
        octets: batch.octets.slice(from, from + batch.capturedLengths[index]!),
        originalLength: batch.originalLengths[index]!,
        linkType: batch.interfaces[batch.interfaceIds[index]!]!.linkType,
        seconds: batch.seconds[index]!,
        nanoseconds: batch.nanoseconds[index]!,
      });
    }
  }
  return frames;
}
