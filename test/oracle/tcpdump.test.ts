import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';
import { packetLine } from '../../src/report/packet-line.js';
import { PacketView } from '../../src/wire/packet.js';
import { writePcap } from '../support/capture-writer.js';
import { USUAL_FRAMES } from './made.js';

const run = promisify(execFile);
const isThere = await run('tcpdump', ['--version']).then(
  () => true,
  () => false,
);

/** Folders whose frames travel bare, in part at least. */
const FOLDERS = ['lab/flannel-ok', 'lab/service-dnat', 'faults/TTL1', 'faults/R2b', 'faults/M1', 'public'].map((name) =>
  join(import.meta.dirname, '../../../shared/captures', name),
);

/** One line for each frame, from tcpdump: absolute sequence numbers, no names. */
async function tcpdumpLines(path: string): Promise<string[]> {
  const { stdout } = await run('tcpdump', ['-nSttr', path], { maxBuffer: 1 << 26 });
  // A line without a time goes on from the one before: the packet in a tunnel, an HTTP header.
  return stdout.split('\n').flatMap((line) => /^\d+\.\d{6} (.*)/.exec(line)?.[1] ?? []);
}

async function ourLines(path: string): Promise<{ text: string; compared: boolean }[]> {
  const capture = await openCapture(path);
  const packet = new PacketView();
  const lines: { text: string; compared: boolean }[] = [];
  for await (const batch of capture) {
    while (batch.next()) {
      packet.decode(batch);
      const meta = { point: '', file: path, frame: batch.frame, seconds: 0, nanoseconds: 0, interfaceName: null };
      const text = packetLine(packet, meta).slice('00:00:00.000000  '.length);
      lines.push({ text, compared: packet.linkType === 1 && isPlain(packet) });
    }
  }
  return lines;
}

/** Whether the packet is ARP or IP without a tunnel, fragments, extension headers or a length of 0: lines that have one form. */
function isPlain(packet: PacketView): boolean {
  if (packet.tunnelDepth > 0 || packet.moreFragments === 1 || packet.fragmentOffset > 0) return false;
  if (packet.arpAt !== -1) return true;
  if (packet.ipVersion === 6) return packet.l4At === packet.ipAt + 40;
  return packet.ipVersion === 4 && packet.view.getUint16(packet.ipAt + 2) !== 0;
}

/** What only tcpdump says (families, HTTP and other applications, names of ports), taken away. */
function theirs(line: string): string {
  return line
    .replace(/^(vlan \d+, p \d+, (ethertype [^,]+, )?)+/, '')
    .replace(/^IP6? /, '')
    .replace(/^ARP, .*?(Request|Reply)/, 'ARP, $1')
    .replace(/^(ARP, .*), length \d+$/, '$1')
    .replace(/(Flags .*, length \d+)\D.*/, '$1')
    .replace(/ igmp .*/, ' igmp')
    .replace(/ Resp(\d+)/, ' unknown($1)')
    .trimEnd();
}

/** What only we say, taken away. */
function ours(line: string): string {
  return line
    .replace(/ {2}\[vlan.*/, '')
    .replace(/(who has \S+) \(\S+\)/, '$1')
    .replace(/ igmp, length \d+/, ' igmp')
    .replace(/, quoting \(.*\)$/, '')
    .replace(/(Flags .*, length \d+): .*/, '$1')
    .replace(/ q: [A-Z0-9]+\? \S+/, '');
}

describe.skipIf(!isThere)('lines say what tcpdump says', () => {
  let folder: string;
  let linesCompared = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lasthop-tcpdump-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function differences(path: string): Promise<string[]> {
    const [left, right] = await Promise.all([ourLines(path), tcpdumpLines(path)]);
    expect(left.length).toBe(right.length);
    linesCompared += left.filter(({ compared }) => compared).length;
    return left.flatMap(({ text, compared }, index) => {
      const [mine, other] = [ours(text), theirs(right[index]!)];
      return !compared || mine === other ? [] : [`ours: ${mine} | tcpdump: ${other}`];
    });
  }

  it('of made frames', async () => {
    const frames = USUAL_FRAMES.filter(({ linkType }) => linkType === 1);
    const path = join(folder, 'made.pcap');
    writeFileSync(path, writePcap(frames.map(({ octets }) => ({ seconds: 0, nanoseconds: 0, octets }))));
    expect(await differences(path)).toEqual([]);
    expect(linesCompared).toBeGreaterThan(20);
  });

  it.skipIf(!existsSync(FOLDERS[0]!))('of captures', async () => {
    for (const name of FOLDERS) {
      const captures = readdirSync(name).filter((file) => file.endsWith('.pcap'));
      for (const capture of captures) expect(await differences(join(name, capture)), capture).toEqual([]);
    }
    expect(linesCompared).toBeGreaterThan(500);
  });
});
