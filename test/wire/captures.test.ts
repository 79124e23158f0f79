import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';
import {
  ipChecksum,
  l4Checksum,
  outerIpChecksum,
  outerUdpChecksum,
  PacketView,
  type FrameSource,
} from '../../src/wire/index.js';
import { decodePrefix, prefixFault } from './snapshot.js';

/** Captures that are no part of the package: these tests run where they lie beside the repository. */
const FOLDER = join(import.meta.dirname, '../../../shared/captures');
const CAPTURES = existsSync(FOLDER) ? capturesIn(FOLDER) : [];

const SAMPLES = join(import.meta.dirname, '../../samples');
const SAMPLE_CAPTURES = capturesIn(SAMPLES);

function capturesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .sort();
}

async function forEachFrame(
  name: string,
  use: (batch: FrameSource, index: number) => void,
  folder = FOLDER,
): Promise<void> {
  for await (const batch of await openCapture(join(folder, name))) {
    for (let index = 0; index < batch.count; index++) use(batch, index);
  }
}

/** What the first octets of some frame give that the frame does not; the first ten such. */
async function prefixFaults(folder: string, names: readonly string[]): Promise<string[]> {
  const whole = new PacketView();
  const part = new PacketView();
  const faults: string[] = [];
  for (const name of names) {
    await forEachFrame(
      name,
      (batch, index) => {
        const from = batch.offsets[index]!;
        const captured = batch.capturedLengths[index]!;
        const length = batch.originalLengths[index]!;
        const { linkType } = batch.interfaces[batch.interfaceIds[index]!]!;
        const octets = batch.octets.subarray(from, from + captured);
        decodePrefix(whole, octets, captured, length, linkType);
        for (let cut = 0; cut <= captured; cut += cut < 400 ? 1 : 97) {
          decodePrefix(part, octets, cut, length, linkType);
          const fault = prefixFault(whole, part);
          if (fault !== null) faults.push(`${name} frame ${index + 1} cut at ${cut}: ${fault}`);
        }
      },
      folder,
    );
  }
  return faults.slice(0, 10);
}

it('every frame of the samples gives the same first layers when cut at any octet of its headers, and no problem', async () => {
  expect(SAMPLE_CAPTURES.length).toBeGreaterThan(40);
  expect(await prefixFaults(SAMPLES, SAMPLE_CAPTURES)).toEqual([]);
});

describe.skipIf(CAPTURES.length === 0)('every frame of the captures', () => {
  it('gives the same first layers when cut at any octet of its headers, and no problem', async () => {
    expect(await prefixFaults(FOLDER, CAPTURES)).toEqual([]);
  });

  it('has a bad checksum only where it was made with one', async () => {
    const packet = new PacketView();
    const bad = new Set<string>();
    for (const name of CAPTURES) {
      await forEachFrame(name, (batch, index) => {
        packet.decodeAt(batch, index);
        const states = [ipChecksum(packet), outerIpChecksum(packet), l4Checksum(packet), outerUdpChecksum(packet)];
        if (states.includes('bad')) bad.add(name.startsWith('public') ? `${name} ${index + 1}` : dirname(name));
      });
    }
    // The public ones are what tshark finds
    expect([...bad]).toEqual([
      'faults/craft-bad2',
      'faults/craft-badcsum',
      'faults/craft-badinnercsum',
      'public/dns-tcp-many-in-one-segment.pcap 4',
      'public/ipv4-udp-fragments.pcap 4',
      'public/ipv4-udp-fragments.pcap 5',
      'public/ipv4-udp-fragments.pcap 6',
      'public/ipv4-udp-fragments.pcap 7',
    ]);
  });

  it('tells what offload leaves in a healthy transfer', async () => {
    const packet = new PacketView();
    const states: Record<string, number> = {};
    await forEachFrame('faults/GSO/w3-eth0.pcap', (batch, index) => {
      packet.decodeAt(batch, index);
      if (packet.tunnelDepth === 0 || packet.tcp === null) return;
      const state = `${outerUdpChecksum(packet)} around ${l4Checksum(packet)}`;
      states[state] = (states[state] ?? 0) + 1;
    });
    // Eight data segments larger than the MTU; the last ACK is TIME_WAIT's, which has no socket and sums itself
    expect(states).toEqual({
      'local-checksum-offload around partial': 11,
      'partial around partial': 8,
      'partial around good': 1,
    });
  });
});
