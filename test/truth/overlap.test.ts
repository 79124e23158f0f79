import { describe, expect, it } from 'vitest';
import { diagnose, exchanges, trails } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { ipv4, udp } from '../support/packets.js';
import { filesOf, framesOf, SAMPLES } from '../support/sample-files.js';
import { BEGINNING } from '../support/scenario.js';
import { ethernetOf } from '../support/scenario-traffic.js';

// Two captures of one point that overlap: what both have was seen once. The kernel gives a packet one
// time in both.

type Cut = (octets: Uint8Array) => Promise<Uint8Array[]>;

const overlapping: Cut = async (octets) => {
  const frames = await framesOf(octets);
  const [from, to] = [Math.floor(frames.length * 0.3), Math.ceil(frames.length * 0.7)];
  return [writePcap(frames.slice(0, to)), writePcap(frames.slice(from))];
};

/** A short capture within a long one. */
const within: Cut = async (octets) => {
  const frames = await framesOf(octets);
  return [octets, writePcap(frames.slice(frames.length >> 2, frames.length - (frames.length >> 2)))];
};

async function toldOf(inputs: readonly CaptureInput[]) {
  const { findings, flows, counts, translations, services, backends } = await diagnose(inputs);
  const rows = [];
  for await (const row of exchanges(inputs)) rows.push(row);
  const packets = [];
  for await (const { time, summary, src, dst, state, certainty, lastSeen, nextExpected, sightings } of trails(inputs)) {
    const at = [...new Set(sightings.map(({ point }) => point))];
    packets.push({ time, summary, src, dst, state, certainty, lastSeen, nextExpected, at });
  }
  return {
    findings: findings.map(({ kind, severity, certainty, count, of, lastSeen, nextExpected, title, causes }) => ({
      kind,
      severity,
      certainty,
      count,
      of,
      lastSeen: lastSeen?.point,
      nextExpected,
      title,
      causes: causes.map(({ kind, likelihood }) => ({ kind, likelihood })),
    })),
    services,
    backends,
    flows,
    exchanges: counts.exchanges,
    translations,
    rows,
    packets,
  };
}

describe('captures of one point that overlap tell what one of them tells', () => {
  for (const sample of SAMPLES) {
    const files = filesOf(sample);
    const whole = toldOf(files.map(({ name, octets }) => ({ file: name, source: octets })));

    it.each([
      ['from beginning to end', overlapping],
      ['one within the other', within],
    ])(`${sample}: %s`, async (_, cut) => {
      const inputs: CaptureInput[] = [];
      for (const { name, octets } of files) {
        const parts = await cut(octets);
        inputs.push(...parts.map((source, at) => ({ file: `${name}${at || ''}`, source })));
      }
      expect(await toldOf(inputs)).toEqual(await whole);
    });
  }

  // Of large captures packets are told as soon as every point has seen them.
  it.each([
    ['from beginning to end', overlapping],
    ['one within the other', within],
  ])(
    'some-of-many, large: %s',
    async (_, cut) => {
      const files = filesOf('some-of-many');
      const whole: CaptureInput[] = files.map(({ name, octets }) => ({ file: name, source: octets }));
      const inputs: CaptureInput[] = [];
      for (const { name, octets } of files) {
        const parts = await cut(octets);
        inputs.push(...parts.map((source, at) => ({ file: `${name}${at || ''}`, source })));
      }
      const [{ seconds }] = (await framesOf(files[0]!.octets)) as [WrittenFrame];
      const octets = new Uint8Array(65_000);
      octets.set([0x88, 0xb5], 12);
      const source = writePcap(Array.from({ length: 520 }, () => ({ seconds, nanoseconds: 0, octets })));
      const filler = { file: 'node9__eth9.pcap', source };
      const told = await toldOf([...inputs, filler]);
      expect(told.findings.filter(({ of }) => of !== null && of !== undefined).length).toBeGreaterThan(0);
      expect(told).toEqual(await toldOf([...whole, filler]));
    },
    60_000,
  );
});

const CLIENT = '10.244.1.5';
const SERVER = '10.244.2.6';
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

function frameAt(at: number, ip: Parameters<typeof ipv4>[0], part: Parameters<typeof ipv4>[1]): WrittenFrame {
  const octets = ethernetOf(...MACS, ipv4(ip, part));
  return { seconds: BEGINNING + Math.floor(at / 1e9), nanoseconds: at % 1e9, octets };
}

describe('captures of one point that follow on each other', () => {
  // Nothing but its time tells the second heartbeat from the first.
  const part = udp({ srcPort: 40_000, dstPort: 9000 }, new TextEncoder().encode('heartbeat'));
  const sent = (at: number): WrittenFrame => frameAt(at, { src: CLIENT, dst: SERVER, id: 0, df: true, ttl: 64 }, part);
  const packetsIn = async (...parts: readonly number[][]): Promise<number> => {
    const inputs = parts.map((times, i) => ({
      file: `node1__veth1.pcap${i || ''}`,
      source: writePcap(times.map(sent)),
    }));
    let packets = 0;
    for await (const { sightings } of trails(inputs)) packets += sightings.length;
    return packets;
  };
  const MOMENT = 5e9;

  it('have what is equal at the moment when one ends and the next begins twice', async () => {
    expect(await packetsIn([0, MOMENT], [MOMENT, 9e9])).toBe(4);
    expect(await packetsIn([0, MOMENT, MOMENT], [MOMENT, 9e9])).toBe(5);
  });

  it('and once where they overlap', async () => {
    expect(await packetsIn([0, 4e9, MOMENT], [4e9, MOMENT, 9e9])).toBe(4);
    expect(await packetsIn([0, 4e9, MOMENT, MOMENT], [4e9, MOMENT, MOMENT, 9e9])).toBe(5);
  });
});
