// One measured piece of work in a process of its own: node bench/worker.js WORK FILE...
// Prints {"frames", "seconds", "gcSeconds", "collections"}: what was read, and what it took without the start of the process.
import { createReadStream } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

/** @type {Record<string, (file: string) => Promise<number>>} */
const WORKS = { read, decode, 'pcap-parser': parse };

const [work = '', ...files] = process.argv.slice(2);
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
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
addCollections(observer.takeRecords());
process.stdout.write(`${JSON.stringify({ frames, seconds, gcSeconds: gcMilliseconds / 1000, collections, sum })}\n`);

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
