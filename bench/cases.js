// What is measured, and beside what.
import { join } from 'node:path';

/**
 * @typedef {object} Inputs
 * @property {string} root of the lasthop that is measured
 * @property {string} folder of the trace
 * @property {string[]} files in it
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} what
 * @property {(inputs: Inputs) => string[][]} commands run one after the other; the figures are their sums
 * @property {string} [program] of others, that must be installed
 * @property {string} [peer] the case to which this one is compared
 * @property {boolean} [slow] measured on the small trace, unless all is asked for
 * @property {boolean} [loop] its output says how long the work took without the start of the process
 * @property {(output: string) => number} [framesIn] what its output says that it read, to be compared with the truth
 * @property {boolean} [own] lasthop itself, that can be measured beside another commit
 * @property {number[]} [exits]
 */

/** @param {string} name */
const worker =
  (name) =>
  (/** @type {Inputs} */ { root, files }) => [[process.execPath, join(root, 'bench/worker.js'), name, ...files]];
/** @param {string} name */
const lasthop =
  (name) =>
  (/** @type {Inputs} */ { root, folder }) => [
    [process.execPath, join(root, 'bin/lasthop.js'), name, '--quiet', '--format', 'ndjson', folder],
  ];
/** @param {(file: string) => string[]} command */
const each =
  (command) =>
  (/** @type {Inputs} */ { files }) =>
    files.map(command);

const VERDICTS = [0, 1, 3];

/** @param {string} output of a worker */
function framesOfJson(output) {
  return JSON.parse(output).frames;
}

/** @param {string} output a report */
function framesOfReport(output) {
  return JSON.parse(output).counts.frames;
}

/** @param {RegExp} count */
function sumOf(count) {
  return (/** @type {string} */ output) => [...output.matchAll(count)].reduce((sum, [, n]) => sum + Number(n), 0);
}

/** @type {Case[]} */
export const CASES = [
  {
    name: 'read',
    what: 'openCapture, every frame',
    commands: worker('read'),
    peer: 'tcpdump-write',
    loop: true,
    framesIn: framesOfJson,
    own: true,
  },
  {
    name: 'decode',
    what: 'openCapture, PacketView',
    commands: worker('decode'),
    peer: 'tcpdump-write',
    loop: true,
    framesIn: framesOfJson,
    own: true,
  },
  {
    name: 'decode-threads',
    what: 'the same, a thread for each file',
    commands: worker('decode-threads'),
    peer: 'tcpdump-write',
    loop: true,
    framesIn: framesOfJson,
    own: true,
  },
  {
    name: 'points',
    what: 'lasthop points',
    commands: lasthop('points'),
    peer: 'tcpdump-print',
    framesIn: framesOfReport,
    own: true,
  },
  { name: 'exchanges', what: 'lasthop exchanges', commands: lasthop('exchanges'), peer: 'tcpdump-print', own: true },
  { name: 'trails', what: 'lasthop trails', commands: lasthop('trails'), peer: 'tcpdump-print', own: true },
  {
    name: 'diagnose',
    what: 'lasthop diagnose',
    commands: lasthop('diagnose'),
    peer: 'tcpdump-print',
    exits: VERDICTS,
    framesIn: framesOfReport,
    own: true,
  },
  {
    name: 'tcpdump-write',
    what: 'tcpdump -r F -w /dev/null',
    commands: each((file) => ['tcpdump', '-r', file, '-w', '/dev/null']),
    program: 'tcpdump',
  },
  {
    name: 'tcpdump-print',
    what: 'tcpdump -nn -q -r F',
    commands: each((file) => ['tcpdump', '-nn', '-q', '-r', file]),
    program: 'tcpdump',
  },
  {
    // Without TZ the C library looks at /etc/localtime for each line, which takes most of the time of the above
    name: 'tcpdump-tz',
    what: 'the same with TZ=UTC',
    commands: each((file) => ['env', 'TZ=UTC', 'tcpdump', '-nn', '-q', '-r', file]),
    program: 'tcpdump',
  },
  {
    name: 'capinfos',
    what: 'capinfos -M -c F',
    commands: each((file) => ['capinfos', '-M', '-c', file]),
    program: 'capinfos',
    framesIn: sumOf(/^Number of packets: *(\d+)$/gm),
  },
  {
    name: 'tshark',
    what: 'tshark -T fields, three of IP',
    commands: each((file) => ['tshark', '-r', file, ...'-T fields -e ip.src -e ip.dst -e ip.id'.split(' ')]),
    program: 'tshark',
    slow: true,
  },
  {
    name: 'tcptrace',
    what: 'tcptrace -n -q F',
    commands: each((file) => ['tcptrace', '-n', '-q', file]),
    program: 'tcptrace',
    framesIn: sumOf(/^(\d+) packets seen/gm),
    slow: true,
  },
  {
    name: 'pcap-parser',
    what: 'npm pcap-parser',
    commands: worker('pcap-parser'),
    loop: true,
    framesIn: framesOfJson,
    slow: true,
  },
];
