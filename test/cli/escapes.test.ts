import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.js';
import { jsonFault, textFault } from '../fuzz/printed.js';
import { bgpFrame, dnsAnswer, MARKER, message } from '../oracle/made-parts.js';
import { concat, pcapngBlock, pcapngOptions, pcapngSection, writePcap } from '../support/capture-writer.js';
import { hex } from '../support/packets.js';

// Wherever a capture, a name or a dump of state can put octets into what is printed: ESC [ 2 J (clear the screen), the C1
// octet CSI in UTF-8 and bare, U+202E (writes backwards), a line end before a forged line, HTML.
const HOSTILE = '\x1b[2J\u009b31m\u202e\n\x07FORGED<b>';
const AS_TEXT = '\\x1b[2J\\x9b31m\\u{202e}\\x0a\\x07FORGED<b>';
const AS_JSON = '\\u001b[2J\\u009b31m\\u202e\\n\\u0007FORGED\\u003cb>';
/** The same, as a name of a file may be. */
const FILE = HOSTILE.replace('\n', '\r');

const utf8 = [...Buffer.from(HOSTILE)];

function counted(octets: readonly number[]): string {
  return Buffer.from([octets.length, ...octets]).toString('hex');
}

const QUESTION = `${counted([...utf8, 0x9b])} 00 0001 0001`;
const DNS = dnsAnswer(
  message(
    7,
    0x8180,
    '0001 0002 0000 0000',
    `${QUESTION} c00c 0010 0001 00000001 ${txt()} c00c 0005 0001 00000001 0002 c00c`,
  ),
);
const BGP = bgpFrame(hex(`${MARKER} 00${(21 + utf8.length + 1).toString(16)} 03 0602 ${counted(utf8)}`));

function txt(): string {
  return `00${(utf8.length + 1).toString(16)} ${counted(utf8)}`;
}

/** A capture whose every text is hostile: comments, names of interfaces, filters, programs, addresses and of their server. */
function hostileCapture(): Uint8Array {
  const section = pcapngSection();
  const comment = (code: number): [number, number[]] => [code, utf8];
  const description = [
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...pcapngOptions([1, 2, 3, 12, 13].map(comment).concat([[11, [0, ...utf8]]])),
  ];
  const names = [
    1,
    0,
    4 + utf8.length,
    0,
    10,
    244,
    1,
    7,
    ...utf8,
    ...Array<number>(-utf8.length & 3).fill(0),
    0,
    0,
    0,
    0,
  ];
  const packet = (octets: Uint8Array, low: number) =>
    pcapngBlock(6, [
      ...[0, 0, 0, 0, 0x0a, 0xa4, 0x05, 0, low, 0, 0, 0, octets.length & 255, octets.length >> 8, 0, 0],
      ...[octets.length & 255, octets.length >> 8, 0, 0],
      ...octets,
      ...Array<number>(-octets.length & 3).fill(0),
      ...pcapngOptions([comment(1)]),
    ]);
  return concat([
    section,
    pcapngBlock(1, description),
    pcapngBlock(1, description),
    pcapngBlock(4, [...names, ...pcapngOptions([2, 1].map(comment))]),
    packet(DNS, 1),
    packet(BGP, 2),
  ]);
}

const RULES = `*filter\n:FORWARD ACCEPT [0:0]\n[3:180] -A FORWARD -m comment --comment "${FILE}" -j DROP\nCOMMIT\n`;

const POD = {
  kind: 'Pod',
  metadata: { name: HOSTILE, namespace: HOSTILE },
  spec: { nodeName: HOSTILE },
  status: { podIP: '10.244.1.7', podIPs: [{ ip: '10.244.1.7' }], phase: 'Running' },
};

let folder: string;
let captures: string;

beforeAll(() => {
  folder = mkdtempSync(pathOf(tmpdir(), 'lasthop-escapes-'));
  captures = pathOf(folder, `captures${FILE}`);
  mkdirSync(pathOf(captures, 'state'), { recursive: true });
  writeFileSync(pathOf(captures, `node1${FILE}__any.pcapng`), hostileCapture());
  writeFileSync(pathOf(captures, `node1${FILE}__eth0.pcap`), writePcap([{ seconds: 1, nanoseconds: 0, octets: DNS }]));
  writeFileSync(
    pathOf(captures, `node2${FILE}__eth0.pcap`),
    writePcap([{ seconds: 1, nanoseconds: 9, octets: DNS }]).subarray(0, 90),
  );
  writeFileSync(pathOf(captures, `broken${FILE}.pcap`), hex('d4c3b2a1 0200'));
  writeFileSync(pathOf(captures, `state/node1${FILE}-iptables-save.txt`), RULES);
  writeFileSync(pathOf(folder, `rules${FILE}.txt`), RULES);
  writeFileSync(pathOf(folder, `cluster${FILE}.json`), JSON.stringify({ kind: 'List', items: [POD] }, null, 2));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(argv: readonly string[], env = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        said[name] += chunk.toString();
        done();
      },
    });
  const io = { stdout: into('stdout'), stderr: into('stderr'), stdin: Readable.from([]), env };
  return { code: await main(argv, io), ...said };
}

/** Nothing acts on a terminal, and no line was begun by what was read. */
function expectHarmless(text: string): void {
  expect(textFault(text)).toBeNull();
  expect(text).not.toMatch(/^(\x07|\\x07)?FORGED/m);
}

describe.each(['packets', 'points', 'exchanges', 'trails', 'diagnose'])(
  'lasthop %s of hostile names and texts',
  (command) => {
    const more = command === 'packets' ? ['-v'] : [];
    const state = () =>
      command === 'diagnose'
        ? ['--state', pathOf(folder, `rules${FILE}.txt`), '--cluster', pathOf(folder, `cluster${FILE}.json`)]
        : [];

    it('as text', async () => {
      const { code, stdout, stderr } = await run([command, captures, ...more, ...state()]);
      expect(code).not.toBe(2);
      expectHarmless(stdout);
      expectHarmless(stderr);
      expect(stdout).toContain('\\x1b[2J\\x9b31m\\u{202e}');
      expect(stdout).not.toContain('internal error');
      if (command === 'packets') expect(stdout).toContain(AS_TEXT);
    });

    it.each(['json', 'ndjson'])('as %s', async (format) => {
      const { code, stdout, stderr } = await run([command, captures, `--format=${format}`, ...state()]);
      expect(code).not.toBe(2);
      for (const line of stdout.split('\n')) expect(jsonFault(line)).toBeNull();
      expectHarmless(stderr);
      expect(stdout).not.toContain('<');
      expect(stdout).toContain('\\u001b[2J\\u009b31m\\u202e');
      if (command === 'packets') expect(stdout).toContain(AS_JSON);
      if (format === 'json') expect(() => JSON.parse(stdout) as unknown).not.toThrow();
      else
        for (const line of stdout.split('\n')) if (line !== '') expect(() => JSON.parse(line) as unknown).not.toThrow();
    });
  },
);

it.each([
  ['a capture that is not there', ['points', `/nowhere${HOSTILE}`]],
  ['a kind', ['explain', HOSTILE]],
  ['an option', [`--${HOSTILE}`, 'samples/healthy-flannel']],
  ['a value', ['points', 'samples/healthy-flannel', `--format=${HOSTILE}`]],
  ['a filter', ['points', 'samples/healthy-flannel', '--filter', HOSTILE]],
  ['a time', ['points', 'samples/healthy-flannel', '--since', HOSTILE]],
  ['an order', ['points', 'samples/healthy-flannel', '--order', HOSTILE]],
  ['a clock', ['points', 'samples/healthy-flannel', '--clock', HOSTILE]],
  ['a finding', ['diagnose', 'samples/healthy-flannel', '--only', HOSTILE]],
  ['state that is not there', ['diagnose', 'samples/healthy-flannel', '--state', `/nowhere${HOSTILE}`]],
  ['a place for the output', ['points', 'samples/healthy-flannel', '--output', `/nowhere/${HOSTILE}/x`]],
])('%s is quoted harmlessly, with LASTHOP_DEBUG too', async (_, argv) => {
  for (const env of [{}, { LASTHOP_DEBUG: '1' }]) {
    const { code, stdout, stderr } = await run(argv, env);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expectHarmless(stderr);
  }
});
