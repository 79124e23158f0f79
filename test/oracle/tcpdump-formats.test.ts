// File formats that tcpdump's regression captures have, by their names there, in captures made here: libpcap takes and refuses the
// same files, and tshark has the same times.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureError } from '../../src/capture/capture.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, pcapngBlock, pcapngSection, writePcap, writePcapng } from '../support/capture-writer.js';
import { arp, ethernet, octetsOf, tcp } from '../support/packets.js';
import { v4, v6 } from './made-parts.js';

const isThere = ['tcpdump', 'tshark'].every((name) => spawnSync(name, ['--version']).status === 0);

const OCTETS = ethernet({}, arp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2' }));
const DATA = tcp({ srcPort: 80, dstPort: 40_000, flags: 0x18 }, new Uint8Array(4));

function at(seconds: number, nanoseconds = 0) {
  return { seconds, nanoseconds, octets: OCTETS };
}

const WHOLE = writePcap([at(1), at(2)]);
const WHOLE_NG = writePcapng([at(1), at(2)]);

function ofVersion(major: number, minor: number): Uint8Array {
  const octets = WHOLE.slice();
  octets.set([major, 0, minor, 0], 4);
  return octets;
}

/** Octets of the frame cut in its last record, or its last block. */
function cut(octets: Uint8Array, less: number): Uint8Array {
  return octets.subarray(0, octets.length - less);
}

const TAKEN: Readonly<Record<string, Uint8Array>> = {
  'empty-pcap': writePcap([]),
  'empty-pcapng': writePcapng([]),
  time_2038: writePcap([at(2_147_483_647, 1000)]),
  time_2038_max: writePcap([at(2_147_483_647, 999_999_000)]),
  time_2038_overflow: writePcap([at(2_147_483_648)]),
  'relts-0x80000000': writePcap([at(1), at(0x8000_0001), at(2)]),
  time_2039: writePcap([at(2_177_452_800)]),
  time_2106: writePcap([at(4_294_967_295)]),
  time_2106_max: writePcap([at(4_294_967_295, 999_999_000)]),
  'time_2106, big endian': writePcap([at(4_294_967_295, 999_999_000)], { bigEndian: true }),
  'time_2106, pcapng': writePcapng([at(4_294_967_295, 999_999_000)]),
  nanoseconds: writePcap([at(7, 123_456_789)], { nanosecond: true }),
  'nanoseconds, big endian': writePcap([at(7, 123_456_789)], { nanosecond: true, bigEndian: true }),
  LINKTYPE_RAW_ipv4: writePcap([{ ...at(1), octets: octetsOf(v4(DATA)) }], { linkType: 101 }),
  LINKTYPE_IPV4: writePcap([{ ...at(1), octets: octetsOf(v4(DATA)) }], { linkType: 228 }),
  LINKTYPE_IPV4_with_ipv6: writePcap([{ ...at(1), octets: octetsOf(v6(DATA)) }], { linkType: 228 }),
  LINKTYPE_IPV6: writePcap([{ ...at(1), octets: octetsOf(v6(DATA)) }], { linkType: 229 }),
  LINKTYPE_IPV6_with_ipv4: writePcap([{ ...at(1), octets: octetsOf(v4(DATA)) }], { linkType: 229 }),
  'a snap length of 0': writePcap([at(1)], { snapLength: 0 }),
  'a snap length below the frame': writePcap([{ ...at(1), octets: OCTETS.subarray(0, 20), originalLength: 42 }], {
    snapLength: 20,
  }),
  'hncp_dhcpv6data-oobr: cut after the first packet': cut(WHOLE, 10),
  'cut in a record header': cut(WHOLE, OCTETS.length + 10),
  'pcapng, cut in a block': cut(WHOLE_NG, 10),
  'pcapng, an unknown block': concat([writePcapng([at(1)]), pcapngBlock(0x0bad, new Uint8Array(20))]),
};

const REFUSED: Readonly<Record<string, Uint8Array>> = {
  'pcap-invalid-version-1': ofVersion(1, 4),
  'pcap-invalid-version-2': ofVersion(2, 5),
  'pcapng-invalid-vers-1': concat([pcapngSection(false, 0, 1), WHOLE_NG]),
  'pcapng-invalid-vers-2': concat([pcapngSection(false, 1, 1), WHOLE_NG]),
  'pcapng-invalid-vers-2, big endian': concat([pcapngSection(true, 1, 1), WHOLE_NG]),
  'no octet': new Uint8Array(0),
  'a header of 23 octets': WHOLE.subarray(0, 23),
  'no magic': new Uint8Array(40).fill(0x5a),
};

describe.skipIf(!isThere)("formats of tcpdump's regression captures", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lasthop-formats-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Whether tcpdump refuses the file at once. */
  function isRefused(octets: Uint8Array): boolean {
    const path = join(folder, 'capture');
    writeFileSync(path, octets);
    const { stderr } = spawnSync('tcpdump', ['-qttnr', path], { encoding: 'utf8' });
    return !stderr.startsWith('reading from file');
  }

  /** Times of the frames; tcpdump's own end in 2038. */
  function timesOf(octets: Uint8Array): string[] {
    const path = join(folder, 'capture');
    writeFileSync(path, octets);
    const tshark = spawnSync('tshark', ['-r', path, '-T', 'fields', '-e', 'frame.time_epoch'], { encoding: 'utf8' });
    return tshark.stdout.trimEnd().split('\n').filter(Boolean);
  }

  async function ours(octets: Uint8Array): Promise<{ times: string[]; isDamaged: boolean }> {
    const capture = await openCapture(octets);
    const times: string[] = [];
    for await (const { count, seconds, nanoseconds } of capture) {
      for (let i = 0; i < count; i++) {
        times.push(`${seconds[i]}.${String(nanoseconds[i]!).padStart(9, '0')}`);
      }
    }
    return { times, isDamaged: capture.damage !== null };
  }

  it.each(Object.entries(TAKEN))('%s', async (name, octets) => {
    const { times, isDamaged } = await ours(octets);
    expect(isRefused(octets)).toBe(false);
    expect(times).toEqual(timesOf(octets));
    expect(isDamaged).toBe(/cut (in|after)/.test(name));
  });

  it.each(Object.entries(REFUSED))('%s is refused', async (_, octets) => {
    await expect(openCapture(octets)).rejects.toBeInstanceOf(CaptureError);
    expect(isRefused(octets)).toBe(true);
  });

  it('time_2106_overflow and time_2107: times that a pcap file has no room for end at the last it has', async () => {
    // 2^32 s and 2107-01-01, in microseconds
    for (const seconds of [4_294_967_296n, 4_323_369_600n]) {
      const ticks = seconds * 1_000_000n;
      const word = (value: bigint): number[] => [0, 8, 16, 24].map((shift) => Number((value >> BigInt(shift)) & 0xffn));
      const header = [...word(0n), ...word(ticks >> 32n), ...word(ticks & 0xffff_ffffn), ...word(42n), ...word(42n)];
      const octets = concat([writePcapng([]), pcapngBlock(6, [...header, ...OCTETS])]);
      expect(timesOf(octets)).toEqual([`${seconds}.000000000`]);
      expect((await ours(octets)).times).toEqual(['4294967295.999999999']);
    }
  });
});
