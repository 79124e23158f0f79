import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/index.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { ipv4, tcp, type Payload } from '../support/packets.js';
import { BEGINNING } from '../support/scenario.js';
import { ethernetOf } from '../support/scenario-traffic.js';

const POD = '10.244.1.5';
const NODE = '192.0.2.11';
const OUTSIDE = '198.51.100.7';
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
/** Octets from which captures are no longer kept in memory, and usual packets are told without objects. */
const LARGE = 33 << 20;
const SEGMENTS = 40;

function frame(time: number, octets: Uint8Array): WrittenFrame & { time: number } {
  return { time, seconds: BEGINNING + Math.floor(time / 1e9), nanoseconds: time % 1e9, octets };
}

/** A connection of a masqueraded pod whose packets take `hold` nanoseconds between its two forms. */
function captures(hold: number, large: boolean) {
  const pod: ReturnType<typeof frame>[] = [];
  const wire: ReturnType<typeof frame>[] = [];
  const send = (time: number, isBack: boolean, id: number, part: Payload): void => {
    const at = (src: string, dst: string, ttl: number): Uint8Array =>
      ethernetOf(MACS[0], MACS[1], ipv4({ src, dst, ttl, id, df: true }, part));
    const [first, last] = isBack
      ? [at(OUTSIDE, NODE, 54), at(OUTSIDE, POD, 53)]
      : [at(POD, OUTSIDE, 64), at(NODE, OUTSIDE, 63)];
    (isBack ? wire : pod).push(frame(time, first));
    (isBack ? pod : wire).push(frame(time + hold, last));
  };
  const ports = { srcPort: 40_123, dstPort: 443 };
  const answer = { srcPort: 443, dstPort: 40_123 };
  const step = 2 * hold + 10e6;
  send(0, false, 1, tcp({ ...ports, seq: 100, ack: 0, flags: 2 }));
  send(step, true, 1000, tcp({ ...answer, seq: 500, ack: 101, flags: 18 }));
  for (let i = 0; i < SEGMENTS; i++) {
    const data = new Uint8Array(10).fill(i);
    send((2 + 2 * i) * step, false, 2 + i, tcp({ ...ports, seq: 101 + 10 * i, ack: 501 + i, flags: 24 }, data));
    const back = tcp({ ...answer, seq: 501 + i, ack: 111 + 10 * i, flags: 24 }, new Uint8Array(1));
    send((3 + 2 * i) * step, true, 1001 + i, back);
  }
  // What comes later shows that both captures went on
  const end = (2 + 2 * SEGMENTS) * step + 9e9;
  send(end, false, 901, tcp({ srcPort: 40_999, dstPort: 8443, seq: 7, ack: 0, flags: 2 }));
  const written = (frames: ReturnType<typeof frame>[]): Uint8Array => writePcap(frames.sort((a, b) => a.time - b.time));
  const files = [
    { file: 'node1__cali1.pcap', source: written(pod) },
    { file: 'node1__eth0.pcap', source: written(wire) },
  ];
  if (!large) return files;
  const octets = new Uint8Array(65_000);
  octets.set([0x88, 0xb5], 12);
  const count = Math.ceil(LARGE / octets.length);
  const filler = Array.from({ length: count }, (_, i) => frame(Math.floor((end * i) / count), octets));
  return [...files, { file: 'node3__eth9.pcap', source: written(filler) }];
}

describe('a packet whose other form is seen late', () => {
  it.each([1e6, 30e6, 200e6, 2e9])('%d ns, is told alike in small captures and in large ones', async (hold) => {
    for (const large of [false, true]) {
      const { flows, translations, findings, counts } = await diagnose(captures(hold, large));
      const opened = flows.find(({ clientPort }) => clientPort === 40_123);
      expect(opened).toMatchObject({ client: POD, server: OUTSIDE, verdicts: { answered: 1 } });
      const all = 2 + 2 * SEGMENTS + 1;
      expect(counts.trails).toBe(all);
      // Each packet shows how its connection is translated
      expect(translations.reduce((sum, { packets }) => sum + packets, 0)).toBe(all);
      expect(findings.filter(({ kind }) => kind.includes('lost') || kind.includes('loss'))).toEqual([]);
    }
  });
});
