import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.js';
import type { WrittenFrame } from './capture-writer.js';

/** Samples of one file a point. */
export const SAMPLES = readdirSync('samples')
  .filter((name) => existsSync(join('samples', name, 'truth.json')))
  .filter((name) => readdirSync(join('samples', name)).some((file) => file.endsWith('.pcap')));

export interface SampleFile {
  readonly name: string;
  readonly octets: Uint8Array;
}

export function filesOf(sample: string): SampleFile[] {
  return filesIn(join('samples', sample));
}

/** Captures of a folder; an empty list where there is none. */
export function filesIn(folder: string): SampleFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.pcap'))
    .map((name) => ({ name, octets: new Uint8Array(readFileSync(join(folder, name))) }));
}

export async function framesOf(octets: Uint8Array): Promise<WrittenFrame[]> {
  const frames: WrittenFrame[] = [];
  for await (const batch of await openCapture(octets)) {
    for (let i = 0; i < batch.count; i++) {
      frames.push({
        seconds: batch.seconds[i]!,
        nanoseconds: batch.nanoseconds[i]!,
        octets: batch.octets.slice(batch.offsets[i]!, batch.offsets[i]! + batch.capturedLengths[i]!),
        originalLength: batch.originalLengths[i]!,
      });
    }
  }
  return frames;
}
