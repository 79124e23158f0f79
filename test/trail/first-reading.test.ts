import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';
import { FirstReading } from '../../src/first-reading.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, ipv4, octetsOf, udp } from '../support/packets.js';
import { SAMPLES, filesOf } from '../support/sample-files.js';

const OPTIONS = { base: 1_795_000_000, small: true };

/** All that a reading found, addresses by their octets' order of appearance, as text. */
function contentOf(reading: FirstReading): string {
  const { points, evidence, problems, frames, frameCounts, disorders, damages, store, addresses } = reading;
  const plain = (value: unknown): unknown =>
    value instanceof Map ? [...value] : ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value;
  const texts = Array.from({ length: addresses.size }, (_, id) => addresses.text(id));
  const kept = store.frames.map(({ point, file, frame, octets }) => [point, file, frame, octets.length]);
  const counts = { frames, frameCounts, disorders };
  const all = { points: points.points, evidence: evidence.state, problems, ...counts, damages, kept, texts };
  return JSON.stringify(all, (_, value: unknown) => plain(value));
}

describe('captures read apart and put together', () => {
  it.each(SAMPLES)('%s: the same as read one after the other', async (sample) => {
    const files = filesOf(sample);
    const together = new FirstReading(OPTIONS, files.length);
    const added = new FirstReading(OPTIONS, files.length);
    for (const [number, { name: file, octets }] of files.entries()) {
      const source = { file, point: null };
      await together.read(source, number, await openCapture(octets, { file }), () => undefined);
      const apart = new FirstReading(OPTIONS, 1);
      await apart.read(source, 0, await openCapture(octets, { file }), () => undefined);
      // As it goes from one thread to another
      added.add(source, number, structuredClone(apart.state));
    }
    expect(together.frames).toBeGreaterThan(0);
    expect(contentOf(added)).toBe(contentOf(together));
  });
});

describe('a packet without an L4 part', () => {
  it('since its total length ends within its header, is counted and has no sample that could be read', async () => {
    const octets = octetsOf(
      ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(20)))),
    );
    octets.set([0, 1], 16);
    const reading = new FirstReading(OPTIONS, 1);
    const capture = await openCapture(writePcap([{ seconds: OPTIONS.base, nanoseconds: 0, octets }]), { file: 'a' });
    await reading.read({ file: 'a', point: null }, 0, capture, () => undefined);
    expect(reading.frames).toBe(1);
    expect(reading.problems.size).toBe(1);
  });
});

describe('how far times go back in a capture', () => {
  it.each([
    [[0, 10, 20, 30], 0],
    [[0, 30, 10, 35], 20],
    [[0, 30, 10, 35, 1, 90], 34],
    [[5], 0],
  ])('%j ms: %d ms', async (milliseconds, most) => {
    const octets = new Uint8Array(60);
    const frames = milliseconds.map((ms) => ({ octets, seconds: OPTIONS.base, nanoseconds: ms * 1e6 }));
    const reading = new FirstReading(OPTIONS, 1);
    const capture = await openCapture(writePcap(frames, { nanosecond: true }), { file: 'a.pcap' });
    await reading.read({ file: 'a.pcap', point: null }, 0, capture, () => undefined);
    expect(reading.disorders).toEqual([most * 1e6]);
  });
});
