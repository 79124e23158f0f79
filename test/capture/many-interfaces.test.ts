import { expect, it } from 'vitest';
import type { Capture } from '../../src/capture/capture.js';
import { FrameBatch, type CaptureInterface } from '../../src/capture/frame-batch.js';
import { openCapture } from '../../src/capture/open.js';
import { FirstReading } from '../../src/first-reading.js';
import { ethernet, hex, ipv4, udp } from '../support/packets.js';
import { writePcapng } from '../support/capture-writer.js';

const INTERFACES = 2000;
const OPTIONS = { base: 1_700_000_000, small: true };
const FRAME = ethernet(
  {},
  ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ srcPort: 1, dstPort: 2 }, hex('01020304'))),
);

function read(capture: Capture, reading: FirstReading): Promise<void> {
  return reading.read({ file: capture.file, point: null }, 0, capture, () => undefined);
}

it('looks at each interface of a file some few times, however many there are', async () => {
  let looks = 0;
  const interfaces = Array.from({ length: INTERFACES }, (_, id): CaptureInterface => {
    const seen = {
      id,
      linkType: 1,
      snapLength: 0,
      filter: null,
      statistics: { received: 9, dropped: id, osDropped: 1 },
    };
    return Object.defineProperty(seen as CaptureInterface, 'name', { get: () => (looks++, `veth${id}`) });
  });
  const batch = Object.assign(new FrameBatch(), { interfaces });
  const capture: Capture = {
    ...{ file: 'many.pcapng', format: 'pcapng', compression: null, interfaces, frames: 0, octetsRead: 0 },
    ...{ damage: null, names: new Map() },
    close: () => Promise.resolve(),
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve(batch);
    },
  };
  const reading = new FirstReading(OPTIONS, 1);
  await read(capture, reading);
  expect(reading.points.points).toHaveLength(INTERFACES);
  for (const at of reading.evidence.points) expect(at.dropped).toBe(Number(at.point.interface.slice(4)) + 1);
  expect(looks).toBeLessThan(5 * INTERFACES);
});

it('keeps no room for the packets of interfaces that saw none', async () => {
  const octets = writePcapng([{ seconds: 1_700_000_000, nanoseconds: 0, octets: FRAME, interfaceId: 3 }], {
    interfaces: Array.from({ length: INTERFACES }, (_, id) => ({ name: `veth${id}` })),
  });
  const reading = new FirstReading(OPTIONS, 1);
  await read(await openCapture(octets, { file: 'many.pcapng' }), reading);
  const pairs = reading.evidence.points.map((at) => at.pairs);
  expect(pairs).toHaveLength(INTERFACES);
  expect(new Set(pairs).size).toBe(2);
  expect(pairs.filter(({ index }) => index.size > 0)).toHaveLength(1);
});

it('gives drops of a file with one interface to its point, whatever its name', async () => {
  const octets = writePcapng([{ seconds: 1_700_000_000, nanoseconds: 0, octets: FRAME }], {
    interfaces: [{ name: 'other' }],
    statistics: [{ received: 9n, dropped: 4n, osDropped: 3n }],
  });
  const reading = new FirstReading(OPTIONS, 1);
  await read(await openCapture(octets, { file: 'node1__eth0.pcapng' }), reading);
  expect(reading.evidence.points.map(({ point, dropped }) => [point.name, dropped])).toEqual([['node1/eth0', 7]]);
});
