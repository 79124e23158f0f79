/**
 * `npm run fuzz -- [--minutes N] [--seed S]` feeds changed frames and captures to the reader, the decoder and the whole program, and
 * checks what must hold of any octets: no exception, no hang, bounded memory, nothing lost before the damage, nothing left behind
 * after it, nothing printed that a terminal would act on. A seed gives the same inputs again. What fails is made as small as
 * fast-check can, written to a folder and named together with the seed of its round. Exit code 1 then.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Files } from './properties.js';
import type { Result, WorkerData } from './worker.js';

/** Milliseconds in which the next input must begin. */
const MOST_SILENCE = 120_000;
/** Octets of the process: the heap that the worker may have, and buffers. */
const MOST_MEMORY = 3 * 2 ** 30;
const HEAP_MEGABYTES = 1536;
const LARGEST_INPUT = 32 << 20;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isInteger(seed) || !(minutes >= 0)) throw new Error('--seed wants an integer, --minutes a number');

const current = new SharedArrayBuffer(LARGEST_INPUT);
const progress = new SharedArrayBuffer(8);
const counters = new Int32Array(progress);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(kind: string, text: string, files: Files): void {
  const folder = mkdtempSync(join(tmpdir(), 'lasthop-fuzz-'));
  for (const [name, hex] of Object.entries(files)) writeFileSync(join(folder, name), Buffer.from(hex, 'hex'));
  writeFileSync(join(folder, 'fault.txt'), `${text}\n`);
  print(`${kind}: ${text}`);
  print(`input: ${folder}`);
  process.exitCode = 1;
}

/** The input that the worker is busy with. */
function currentFiles(): Files {
  const length = Atomics.load(counters, 1);
  return JSON.parse(Buffer.from(new Uint8Array(current).slice(0, length)).toString()) as Files;
}

const workerData: WorkerData = { seed, time: minutes * 60_000, current, progress };
const worker = new Worker(new URL('worker.js', import.meta.url), {
  workerData,
  resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
});
let checked = 0;
let changedAt = performance.now();
const started = changedAt;
let mostMemory = 0;

const watch = setInterval(() => {
  const count = Atomics.load(counters, 0);
  const { rss } = process.memoryUsage();
  mostMemory = Math.max(mostMemory, rss);
  if (count !== checked) {
    checked = count;
    changedAt = performance.now();
  }
  const silence = performance.now() - changedAt;
  if (silence <= MOST_SILENCE && rss <= MOST_MEMORY) return;
  clearInterval(watch);
  fail(silence > MOST_SILENCE ? 'hang' : 'memory', `input ${count}, ${rss} octets of memory`, currentFiles());
  void worker.terminate();
}, 1000);

worker.on('message', ({ rounds, fault }: Result) => {
  clearInterval(watch);
  const took = ((performance.now() - started) / 60_000).toFixed(1);
  const megabytes = (mostMemory / (1 << 20)).toFixed(0);
  print(`${rounds} rounds from seed ${seed}, ${Atomics.load(counters, 0)} inputs, ${took} minutes, ${megabytes} MiB`);
  if (fault !== null) fail(`${fault.kind}, seed ${fault.seed}`, fault.text, fault.files);
});
worker.on('error', (error) => {
  clearInterval(watch);
  fail('worker', String(error), currentFiles());
});
