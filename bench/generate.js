#!/usr/bin/env node
// Makes a trace: what capture points of a cluster's network would have recorded, and the truth about it.
// The same options give the same octets on every machine.
import { mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Frames, ticksOnTheWay } from './trace/frames.js';
import { Network } from './trace/network.js';
import { PcapWriter } from './trace/pcap-writer.js';
import { KINDS, Packets, Traffic } from './trace/traffic.js';

/** Goes up when the same options give other octets than before. */
export const TRACE_VERSION = 1;

/** Frames of lost packets are listed in the truth up to this many. */
const LISTED = 10_000;
const MTU = 1450;

/**
 * @typedef {object} TraceOptions
 * @property {2 | 16} points 2: cni0 of node1 and eth0 of node2; 16: every interface on the way, three nodes, seven pods
 * @property {number} packets sent through the network; with two points each passes both, unless it is lost
 * @property {number} flows conversations, each of two directions
 * @property {number} snapLength octets kept of each frame, 0: all
 * @property {number} loss share of the packets that the network loses between two nodes
 * @property {number} nat share of the conversations that go to the address of a service
 * @property {number} rate packets a second
 * @property {number} port UDP port of VXLAN
 * @property {number} skew nanoseconds that the clock of each node is ahead of the one before
 * @property {boolean} checksums finished TCP and UDP checksums; otherwise as offload leaves them
 * @property {number} start seconds since the epoch
 * @property {number} seed
 */

/** @type {TraceOptions} */
export const DEFAULTS = {
  points: 2,
  packets: 5_000_000,
  flows: 100_000,
  snapLength: 128,
  loss: 0.01,
  nat: 0.2,
  rate: 200_000,
  port: 4789,
  skew: 1_700_000,
  checksums: false,
  start: 1_795_226_400,
  seed: 1,
};

/**
 * @typedef {object} Truth
 * @property {number} version
 * @property {TraceOptions} options
 * @property {number} packets
 * @property {number} lost
 * @property {number} flows conversations begun
 * @property {Record<string, number>} kinds of the conversations
 * @property {{ point: string, file: string, frames: number, octets: number }[]} points
 * @property {{ point: string, frame: number }[] | null} lostFrames where each lost packet was seen last; null when they are many
 */

/**
 * Writes NODE__INTERFACE.pcap for each point, and truth.json last, to a folder that it makes anew.
 * @param {string} folder
 * @param {TraceOptions} options
 * @returns {Truth}
 */
export function generate(folder, options) {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  // A node has at most 110 pods unless told otherwise
  const network = new Network(options.points, Math.min(Math.max(Math.round(options.flows / 1000), 16), 110));
  const onTheWay = ticksOnTheWay(options.rate);
  const kept = options.checksums || options.snapLength === 0 ? MTU : Math.min(options.snapLength, MTU);
  // Columns of four octets: the last word of a packet is copied whole
  const packets = new Packets(2 ** Math.ceil(Math.log2(onTheWay + 2)), (kept + 7) & ~3);
  const names = network.points.map((point) => `${point.replace('/', '__')}.pcap`);
  const writers = names.map((name) => new PcapWriter(join(unfinished, name), options.snapLength));
  const traffic = new Traffic(options, network, packets, onTheWay);
  const frames = new Frames(options, network, packets, writers);
  const mask = packets.length.length - 1;
  let tick = 0;
  for (let after = 0; after <= onTheWay; tick++) {
    traffic.step(tick, tick & mask);
    frames.show(tick);
    if (traffic.packets >= options.packets) after++;
  }
  for (const writer of writers) writer.close();
  const { lostFrames } = frames;
  /** @type {Truth} */
  const truth = {
    version: TRACE_VERSION,
    options,
    packets: traffic.packets,
    lost: traffic.lost,
    flows: traffic.started,
    kinds: Object.fromEntries(KINDS.map((kind, i) => [kind, traffic.begun[i]])),
    points: network.points.map((point, i) => ({
      point,
      file: names[i],
      frames: writers[i].frames,
      octets: writers[i].size,
    })),
    lostFrames:
      lostFrames.length > LISTED ? null : lostFrames.map(([point, frame]) => ({ point: network.points[point], frame })),
  };
  writeFileSync(join(unfinished, 'truth.json'), `${JSON.stringify(truth, null, 1)}\n`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  return truth;
}

const HELP = `usage: node bench/generate.js FOLDER [options]

  --points 2|16     capture points: node1/cni0 and node2/eth0, or all of three nodes (${DEFAULTS.points})
  --packets N       packets sent (${DEFAULTS.packets})
  --flows N         conversations (${DEFAULTS.flows})
  --snaplen N       octets kept of a frame, 0 for all (${DEFAULTS.snapLength})
  --loss SHARE      packets lost between two nodes (${DEFAULTS.loss})
  --nat SHARE       conversations that go to a service's address (${DEFAULTS.nat})
  --rate N          packets a second (${DEFAULTS.rate})
  --port N          UDP port of VXLAN (${DEFAULTS.port})
  --skew NS         each node's clock is ahead of the one before (${DEFAULTS.skew})
  --checksums       finish TCP and UDP checksums (they are left as offload leaves them)
  --seed N          (${DEFAULTS.seed})
`;

/** @param {string[]} argv */
function main(argv) {
  /** @type {Record<string, { type: 'string' | 'boolean' }>} */
  const numbers = {};
  for (const name of ['points', 'packets', 'flows', 'snaplen', 'loss', 'nat', 'rate', 'port', 'skew', 'seed']) {
    numbers[name] = { type: 'string' };
  }
  const { values, positionals } = parseArgs({
    args: argv,
    options: { ...numbers, checksums: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [folder] = positionals;
  if (values['help'] === true || folder === undefined || positionals.length > 1) {
    process.stdout.write(HELP);
    return values['help'] === true ? 0 : 2;
  }
  /** @type {TraceOptions} */
  const options = { ...DEFAULTS, checksums: values['checksums'] === true };
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'string') continue;
    const number = Number(value);
    if (!Number.isFinite(number) || number < 0 || (name === 'points' && number !== 2 && number !== 16)) {
      process.stderr.write(`--${name} ${value} is not possible\n`);
      return 2;
    }
    Object.assign(options, { [name === 'snaplen' ? 'snapLength' : name]: number });
  }
  const began = process.hrtime.bigint();
  const truth = generate(folder, options);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const octets = truth.points.reduce((sum, { octets }) => sum + octets, 0);
  process.stderr.write(
    `${truth.packets} packets, ${truth.lost} lost, ${truth.flows} conversations ${JSON.stringify(truth.kinds)}\n`,
  );
  for (const { file, frames } of truth.points) process.stderr.write(`${file}: ${frames} frames\n`);
  process.stderr.write(`${Math.round(octets / 1e6)} MB in ${seconds.toFixed(1)} s\n`);
  return 0;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2));
}
