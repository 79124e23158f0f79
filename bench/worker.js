// One measured piece of work in a process of its own: node bench/worker.js WORK FILE..., `decode-threads` in several threads
// Prints {"frames", "seconds", "gcSeconds", "collections"}: what was read, and what it took without the start of the process.
import { createReadStream } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

/** @type {Record<string, (file: string) => Promise<number>>} */
const WORKS = { read, decode, 'pcap-parser': parse };

const [name = '', ...allFiles] = process.argv.slice(2);
const isThreaded = name === 'decode-threads';
const work = isThreaded ? 'decode' : name;
// Each capture but the first has a thread of its own, which runs this file, too
const files = isThreaded ? allFiles.slice(0, 1) : allFiles;
const threads = isThreaded ? allFiles.slice(1).map((file) => startThread(work, file)) : [];
const { openCapture, PacketView } = await import('./library.js');
const view = new PacketView();
/** Keeps the compiler from leaving the work out. */
let sum = 0;

const run = WORKS[work];
if (run === undefined) throw new Error(`no such work: ${work}`);
let frames = 0;
let gcMilliseconds = 0;
let collections = 0;
const observer = new PerformanceObserver((list) => addCollections(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });
const began = process.hrtime.bigint();
for (const file of files) frames += await run(file);
for (const read of await Promise.all(threads)) {
  frames += read.frames;
  collections += read.collections;
  gcMilliseconds += 1000 * read.gcSeconds;
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
addCollections(observer.takeRecords());
const told = { frames, seconds, gcSeconds: gcMilliseconds / 1000, collections, sum };
if (isMainThread) process.stdout.write(`${JSON.stringify(told)}\n`);
else parentPort?.postMessage(told);

/**
 * What a thread of its own tells of a file.
 * @param {string} work
 * @param {string} file
 * @returns {Promise<{ frames: number, collections: number, gcSeconds: number }>}
 */
function startThread(work, file) {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { argv: [work, file] });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

/** @param {import('node:perf_hooks').PerformanceEntry[]} entries */
function addCollections(entries) {
  collections += entries.length;
  for (const { duration } of entries) gcMilliseconds += duration;
}

/**
 * Steps over all frames.
 * @param {string} file
 */
async function read(file) {
  let count = 0;
  for await (const batch of await openCapture(file)) {
    const { capturedLengths } = batch;
    for (let i = 0; i < batch.count; i++) sum = (sum + capturedLengths[i]) | 0;
    count += batch.count;
  }
  return count;
}

/**
 * Decodes every header of all frames.
 * @param {string} file
 */
async function decode(file) {
  let count = 0;
  for await (const batch of await openCapture(file)) {
    for (let i = 0; i < batch.count; i++) {
      view.decodeAt(batch, i);
      sum = (sum + view.payloadAt) | 0;
    }
    count += batch.count;
  }
  return count;
}

/**
 * The same as read(), with the npm package pcap-parser.
 * @param {string} file
 */
async function parse(file) {
  // @ts-expect-error it has no types
  const { default: pcapParser } = await import('pcap-parser');
  let count = 0;
  const parser = pcapParser.parse(createReadStream(file, { highWaterMark: 1 << 20 }));
  parser.on('packet', () => count++);
  await new Promise((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
  });
  return count;
}
