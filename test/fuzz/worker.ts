/** Makes inputs and checks them, round after round, until it is told to stop or finds something; see fuzz.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { readPool, type Pool } from './pool.js';
import { propertiesOf, type Files } from './properties.js';

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

async function round(seed: number, pool: Pool): Promise<Result['fault']> {
  let files: Files = {};
  const properties = propertiesOf(pool, (noted) => begin((files = noted)));
  const counts = { frame: FRAMES_A_ROUND, file: FILES_A_ROUND, run: RUNS_A_ROUND };
  for (const kind of ['frame', 'file', 'run'] as const) {
    const property = properties[kind] as fc.IAsyncProperty<unknown[]>;
    const result = await fc.check(property, {
      seed,
      numRuns: counts[kind],
      // Looking for a smaller input ends, too
      interruptAfterTimeLimit: MOST_TIME_OF_A_KIND,
    });
    if (!result.failed) continue;
    // The last input that was tried need not be the smallest one that failed
    const input = result.counterexample!;
    await property.run(input);
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
