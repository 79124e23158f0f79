/** The three kinds of input, and the check of each: frames, capture files, whole runs. */
import fc from 'fast-check';
import { writePcap } from '../support/capture-writer.js';
import { fileFault } from './check-file.js';
import { frameFault } from './check-frame.js';
import { capturesOf, runFault, runRecipe } from './check-run.js';
import { fileOf, fileRecipe } from './file-changes.js';
import { frameOf, frameRecipe, type FuzzFrame } from './frame-changes.js';
import type { Pool } from './pool.js';

export interface Files {
  /** File name to octets, in hexadecimal digits. */
  readonly [name: string]: string;
}

/** The properties; `note` is told the files of each input before it is checked. */
export function propertiesOf(pool: Pool, note: (files: Files) => void) {
  return {
    frame: fc.property(frameRecipe, fc.nat(), fc.nat(), (recipe, goodNumber, cut) => {
      const frame = frameOf(recipe, pool.frames);
      const good = pool.frames[goodNumber % pool.frames.length]!;
      note(frameFiles(frame, good));
      refuse(frameFault(frame, good, cut));
    }),
    file: fc.asyncProperty(fileRecipe, fc.array(frameRecipe, { maxLength: 6 }), async (recipe, frames) => {
      const file = fileOf(
        recipe,
        frames.map((one) => frameOf(one, pool.frames)),
      );
      note({ 'file.pcap': hexOf(file.octets) });
      refuse(await fileFault(file, recipe));
    }),
    run: fc.asyncProperty(runRecipe, async (recipe) => {
      const captures = capturesOf(recipe, pool);
      note(Object.fromEntries(captures.map(({ file, source }) => [file, hexOf(source)])));
      refuse(await runFault(captures));
    }),
  };
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

function frameFiles(...frames: readonly FuzzFrame[]): Files {
  const files = frames.map((frame, index) => {
    const { linkType } = frame;
    return [`frame-${index}.pcap`, hexOf(writePcap([{ ...frame, seconds: 1, nanoseconds: 0 }], { linkType }))] as const;
  });
  return Object.fromEntries(files);
}

/** Throws what the check found, so that fast-check looks for a smaller input. */
function refuse(fault: string | null): void {
  if (fault !== null) throw new Error(fault);
}
