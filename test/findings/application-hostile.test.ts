import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/findings/catalogue.js';
import { diagnose } from '../../src/diagnose.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, ipv4, tcp, udp, type Part } from '../support/packets.js';
import { keepalive, notification, open, update } from './application-support.js';
import { runs } from '../support/runs.js';

/** Octets of a good message with some of them changed. */
function damaged(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  return fc.tuple(good, changes, fc.nat()).map(([octets, list, cut]) => {
    const copy = new Uint8Array(octets);
    for (const [at, value] of list) copy[at % copy.length] = value;
    return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
  });
}

const BGP = damaged(
  fc.constantFrom(
    open({ as: 64512, identifier: [1, 2, 3, 4], as4: 70_000 }),
    keepalive(),
    update(64),
    notification(2, 2),
    notification(4, 0),
    notification(6, 2, [3, 97, 98, 99]),
  ),
);
const DNS = damaged(
  fc.constantFrom(
    Uint8Array.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 1, 98, 0, 0, 1, 0, 1]),
    Uint8Array.from([0, 1, 0x83, 0x82, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 1, 98, 0, 0, 28, 0, 1]),
  ),
);

const segment = fc
  .record({
    fromClient: fc.boolean(),
    payload: BGP,
    flags: fc.constantFrom(2, 0x12, 0x10, 0x18, 0x14, 0x04, 0x11),
    seq: fc.integer({ min: 0, max: 0xffffffff }),
    port: fc.constantFrom(179, 40_000, 40_001),
  })
  .map(({ fromClient, payload, flags, seq, port }): Part => {
    const ports = fromClient ? { srcPort: port, dstPort: 179 } : { srcPort: 179, dstPort: port };
    const [src, dst] = fromClient ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
    return ipv4({ src: src!, dst: dst! }, tcp({ ...ports, seq, flags }, payload));
  });
const datagram = fc.tuple(fc.boolean(), DNS, fc.boolean()).map(([fromClient, payload, mf]): Part => {
  const ports = fromClient ? { srcPort: 40_000, dstPort: 53 } : { srcPort: 53, dstPort: 40_000 };
  const [src, dst] = fromClient ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
  return ipv4({ src: src!, dst: dst!, mf }, udp(ports, payload));
});

describe('BGP and DNS that nobody should send', () => {
  it('ends in a report, the same one twice', async () => {
    const packets = fc.array(fc.tuple(fc.oneof(segment, datagram), fc.nat(3_000_000)), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(packets, async (list) => {
        let time = 0;
        const frames = list.map(([packet, pause]) => {
          time += pause;
          const [seconds, rest] = [1_700_000_000 + Math.floor(time / 1e6), time % 1e6];
          return { seconds, nanoseconds: rest * 1000, octets: ethernet({}, packet) };
        });
        const source = writePcap(frames);
        const report = await diagnose([{ point: 'node1/eth0', source }]);
        expect(await diagnose([{ point: 'node1/eth0', source }])).toEqual(report);
        for (const finding of report.findings) {
          expect(finding.causes.length).toBeLessThanOrEqual(3);
          expect(finding.evidence.length).toBeLessThanOrEqual(5);
          expect(finding.count).toBeLessThanOrEqual(finding.of);
        }
      }),
      runs(60),
    );
  });

  it('takes time in proportion', async () => {
    const count = 10_000;
    const name = (i: number): number[] => [...`${i}`.split('').flatMap((digit) => [1, digit.charCodeAt(0)]), 0];
    const frames = Array.from({ length: count }, (_, i) => {
      const flags = i % 2 === 0 ? [1, 0] : [0x83, 0x83];
      const payload = Uint8Array.from([0, i & 1, ...flags, 0, 1, 0, 0, 0, 0, 0, 0, ...name(i >> 1), 0, 1, 0, 1]);
      const packet =
        i % 4 < 2
          ? ipv4(
              i % 2 === 0 ? { src: '10.0.0.1', dst: '10.0.0.2' } : { src: '10.0.0.2', dst: '10.0.0.1' },
              udp(i % 2 === 0 ? { srcPort: 9999, dstPort: 53 } : { srcPort: 53, dstPort: 9999 }, payload),
            )
          : ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ srcPort: i & 0xffff, dstPort: 179, seq: i, flags: 2 }));
      return { seconds: 1_700_000_000 + i, nanoseconds: 0, octets: ethernet({}, packet) };
    });
    const before = performance.now();
    await diagnose([{ point: 'node1/eth0', source: writePcap(frames) }]);
    // Takes a second where a square would take minutes
    expect(performance.now() - before).toBeLessThan(20_000);
  });
});

describe('kinds in src/findings/application', () => {
  it('are in the catalogue', () => {
    const folder = 'src/findings/application';
    const kinds = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/'((?:bgp|dns)-[a-z0-9-]+)'/g)].map(([, kind]) => kind!),
    );
    const known = CATALOGUE.map(({ id }) => id);
    expect(kinds).toEqual(expect.arrayContaining(['bgp-unknown-peer-reset', 'dns-conntrack-race-5s']));
    expect(kinds.filter((kind) => !known.includes(kind))).toEqual([]);
  });
});
