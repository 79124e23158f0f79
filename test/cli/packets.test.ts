import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetFrames } from '../../src/cli/packets.js';
import { OptionsError, type DiagnoseOptions } from '../../src/options.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { runs } from '../support/runs.js';

/** An Ethernet frame of a UDP packet to the given port. */
function udp(port: number): Uint8Array {
  const hex =
    '020000000001020000000002' +
    '0800' +
    '4500001c0001000040110000' +
    '0a0000010a000002' +
    `9c40${port.toString(16).padStart(4, '0')}00080000`;
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function at(seconds: number, nanoseconds: number, port = 53): WrittenFrame {
  return { seconds, nanoseconds, octets: udp(port) };
}

/** The frames that come out, as `point#frame@time`. */
async function read(captures: Readonly<Record<string, readonly WrittenFrame[]>>, options: DiagnoseOptions = {}) {
  const inputs = Object.entries(captures).map(([file, frames]) => ({
    source: writePcap(frames, { nanosecond: true }),
    file,
  }));
  const found: string[] = [];
  for await (const { packet, meta } of packetFrames(inputs, options)) {
    expect(packet.ipVersion).toBe(4);
    found.push(`${meta.point}#${meta.frame}@${meta.seconds}.${String(meta.nanoseconds).padStart(9, '0')}`);
  }
  return found;
}

describe('packets', () => {
  it('merges captures by time and keeps each in its order', async () => {
    const captures = {
      'n1__eth0.pcap': [at(10, 5), at(12, 0), at(11, 0), at(13, 0)],
      'n2__eth0.pcap': [at(10, 4), at(11, 999_999_999), at(12, 1)],
    };
    expect(await read(captures)).toEqual([
      'n2/eth0#1@10.000000004',
      'n1/eth0#1@10.000000005',
      'n2/eth0#2@11.999999999',
      'n1/eth0#2@12.000000000',
      'n1/eth0#3@11.000000000',
      'n2/eth0#3@12.000000001',
      'n1/eth0#4@13.000000000',
    ]);
  });

  it('gives every frame once, whatever the times', async () => {
    const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 })), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(frames, frames, async (one, two) => {
        const captures = { 'a.pcap': one.map(([s, ns]) => at(s, ns)), 'b.pcap': two.map(([s, ns]) => at(s, ns)) };
        const found = (await read(captures)).map((text) => text.slice(0, text.indexOf('@')));
        for (const [point, frames] of [['a', one] as const, ['b', two] as const]) {
          expect(found.filter((text) => text.startsWith(point))).toEqual(frames.map((_, i) => `${point}#${i + 1}`));
        }
        expect(found.length).toBe(one.length + two.length);
      }),
      runs(),
    );
  });

  it('takes both bounds in', async () => {
    const captures = { 'eth0.pcap': [at(9, 999_999_999), at(10, 5), at(10, 6), at(11, 5), at(11, 6)] };
    expect(await read(captures, { since: 10_000_000_006n, until: 11_000_000_005n })).toEqual([
      'eth0#3@10.000000006',
      'eth0#4@11.000000005',
    ]);
    expect(await read(captures, { until: 0n })).toEqual([]);
    expect((await read(captures, { since: 0n })).length).toBe(5);
  });

  it('filters', async () => {
    const captures = { 'eth0.pcap': [at(1, 0, 53), at(2, 0, 80)] };
    expect(await read(captures, { filter: 'port 80' })).toEqual(['eth0#2@2.000000000']);
    await expect(read(captures, { filter: 'port x' })).rejects.toThrow(
      new OptionsError('--filter: column 6: expected a port from 0 to 65535, not "x"'),
    );
  });

  it('merges many captures in the order of their times, of equal times the one given first', async () => {
    const captures: Record<string, WrittenFrame[]> = {};
    const expected: { time: number; text: string }[] = [];
    for (let i = 0; i < 60; i++) {
      // Begins late or early, and goes on for three seconds
      const begin = (i * 37) % 50;
      captures[`p${i}.pcap`] = [0, 1, 3].map((second) => at(begin + second, 0));
      for (const [frame, second] of [0, 1, 3].entries())
        expected.push({ time: begin + second, text: `p${i}#${frame + 1}@${begin + second}.000000000` });
    }
    expected.sort((a, b) => a.time - b.time);
    expect(await read(captures)).toEqual(expected.map(({ text }) => text));
  });

  it('tells of damage and goes on', async () => {
    const whole = writePcap([at(1, 0), at(2, 0)]);
    const inputs = [
      { source: whole.subarray(0, whole.length - 1), file: 'cut.pcap' },
      { source: Uint8Array.from([1, 2, 3]), file: 'none.pcap' },
      { source: whole, file: 'whole.pcap' },
    ];
    const notices: string[] = [];
    let frames = 0;
    for await (const _ of packetFrames(inputs, { onNotice: (notice) => notices.push(notice) })) frames++;
    expect(frames).toBe(3);
    expect(notices.length).toBe(2);
    expect(notices.join('\n')).toMatch(/^cut\.pcap: .*\nnone\.pcap: /);
  });
});
