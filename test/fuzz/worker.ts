/** Makes inputs and checks them, round after round, until it is told to stop or finds something; see fuzz.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { writePcap } from '../support/capture-writer.js';
import { fileFault } from './check-file.js';
import { frameFault } from './check-frame.js';
import { capturesOf, runFault, runRecipe } from './check-run.js';
import { fileOf, fileRecipe } from './file-changes.js';
import { frameOf, frameRecipe } from './frame-changes.js';
import { readPool } from './pool.js';

/** What the worker is started with. */
export interface WorkerData {
  readonly seed: number;
  /** Milliseconds after which no round begins any more. */
  readonly time: number;
  /** The input that is checked, as JSON, so that it is known when a check hangs or runs out of memory. */
  readonly current: SharedArrayBuffer;
  /** [0] inputs checked so far, [1] length of `current`. */
  readonly progress: SharedArrayBuffer;
}

export interface Files {
  /** File name to octets, in hexadecimal digits. */
  readonly [name: string]: string;
}

/** What the worker says at its end. */
export interface Result {
  readonly rounds: number;
  readonly fault: { readonly seed: number; readonly kind: string; readonly text: string; readonly files: Files } | null;
}

/** Inputs of each kind in a round; they take about as long. */
const FRAMES_A_ROUND = 3000;
const FILES_A_ROUND = 400;
const RUNS_A_ROUND = 6;

/** Milliseconds. */
const MOST_TIME_OF_A_KIND = 600_000;

const { seed, time, current, progress } = workerData as WorkerData;
const text = new Uint8Array(current);
const counters = new Int32Array(progress);
const encoder = new TextEncoder();

function begin(files: Files): void {
  const { written } = encoder.encodeInto(JSON.stringify(files), text);
  Atomics.store(counters, 1, written);
  Atomics.add(counters, 0, 1);
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

function frameFiles(...frames: readonly { octets: Uint8Array; originalLength: number; linkType: number }[]): Files {
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

async function round(seed: number, pool: Awaited<ReturnType<typeof readPool>>): Promise<Result['fault']> {
  let files: Files = {};
  const note = (noted: Files): void => begin((files = noted));
  const properties = {
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
  const counts = { frame: FRAMES_A_ROUND, file: FILES_A_ROUND, run: RUNS_A_ROUND };
  for (const kind of ['frame', 'file', 'run'] as const) {
    const result = await fc.check<unknown[]>(properties[kind] as fc.IAsyncProperty<unknown[]>, {
      seed,
      numRuns: counts[kind],
      // Looking for a smaller input ends, too
      interruptAfterTimeLimit: MOST_TIME_OF_A_KIND,
    });
    if (!result.failed) continue;
    // The last input that was tried need not be the smallest one that failed
    const input = result.counterexample!;
    await Promise.resolve(properties[kind].run(input as never)).catch(() => undefined);
    const error = result.errorInstance;
    const described = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, kind, text: `${described}\n${fc.stringify(input)}`, files };
  }
  return null;
}

const pool = await readPool('samples');
const started = performance.now();
let rounds = 0;
let fault: Result['fault'] = null;
do {
  fault = await round(seed + rounds, pool);
  rounds++;
} while (fault === null && performance.now() - started < time);
parentPort!.postMessage({ rounds, fault } satisfies Result);
