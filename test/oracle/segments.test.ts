import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, hex, ipv4, join, tcp } from '../support/packets.js';
import { Agreement } from './agreement.js';
import { ANSWER, BGP_KEEPALIVE, BGP_OPEN, BGP_UPDATE, EVERY_RECORD } from './made.js';
import { MARKER, overTcp } from './made-parts.js';
import { ourRows } from './rows.js';
import { knownFields, tsharkFrames, tsharkVersion } from './tshark.js';

/** An UPDATE of 10.244.1.0/24 by paths 1 and 2 (RFC 7911). */
const BGP_PATHS = hex(`${MARKER} 002b 02 0000 0004 40010100 00000001 180af401 00000002 180af401`);

const version = await tsharkVersion();

/** A connection whose octets from the server's port go in segments of `size`. */
function connection(port: number, clientPort: number, octets: Uint8Array, size: number): Uint8Array[] {
  const from = (flags: number, seq: number, payload: Uint8Array) =>
    ethernet(
      {},
      ipv4({ src: '10.0.0.2', dst: '10.0.0.1' }, tcp({ srcPort: port, dstPort: clientPort, flags, seq }, payload)),
    );
  const frames = [from(0x12, 999, new Uint8Array(0))];
  for (let at = 0; at < octets.length; at += size) frames.push(from(0x18, 1000 + at, octets.subarray(at, at + size)));
  return frames;
}

describe.skipIf(version === null)('messages over several segments agree with tshark', () => {
  it.for([1, 2, 7, 19, 23, 60, 100, 200, 1000])('segments of %i octets', async (size) => {
    const folder = mkdtempSync(pathOf(tmpdir(), 'lasthop-oracle-'));
    try {
      const path = pathOf(folder, 'segments.pcap');
      const frames = [
        ...connection(179, 40_000, join(BGP_OPEN, BGP_KEEPALIVE, BGP_UPDATE, BGP_PATHS, BGP_KEEPALIVE), size),
        ...connection(53, 40_001, overTcp(ANSWER, EVERY_RECORD, ANSWER), size),
      ];
      writeFileSync(path, writePcap(frames.map((octets, index) => ({ seconds: index, nanoseconds: 0, octets }))));
      const { rows } = await ourRows(path);
      const oracle = await tsharkFrames(path, await knownFields());
      expect(rows.length).toBe(oracle.length);
      const agreement = new Agreement();
      rows.forEach((row, index) => agreement.add(row, oracle[index]!, `frame ${index + 1}`));
      expect(agreement.unexplained).toEqual([]);
      expect(agreement.fields.get('bgp.type')!.compared).toBeGreaterThan(0);
      expect(agreement.fields.get('dns.id')!.compared).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
