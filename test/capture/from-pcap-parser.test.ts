import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { fromPcapParser, type PcapParser } from '../../src/capture/from-pcap-parser.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, hex, writePcap } from '../support/capture-writer.js';
import { collect, lines } from './collect.js';

// The package has no types.
const pcapParser = createRequire(import.meta.url)('pcap-parser') as { parse(input: Readable): PcapParser };

function parse(octets: Uint8Array, size = 1000): PcapParser {
  const chunks = Array.from({ length: Math.ceil(octets.length / size) }, (_, i) =>
    Buffer.from(octets.subarray(i * size, (i + 1) * size)),
  );
  return pcapParser.parse(Readable.from(chunks, { objectMode: false }));
}

const frames = Array.from({ length: 10_000 }, (_, i) => ({
  seconds: 1795226754 + i,
  nanoseconds: 1000 * i,
  octets: new Uint8Array(i % 97).fill(i),
  originalLength: 1500,
}));
const pcap = writePcap(frames, { linkType: 113, snapLength: 96 });

describe('fromPcapParser', () => {
  it('gives what the parser reads', async () => {
    const capture = await fromPcapParser(parse(pcap), 'a.pcap');
    expect(lines(await collect(capture))).toEqual(lines(frames));
    expect(capture).toMatchObject({
      file: 'a.pcap',
      format: 'pcap',
      frames: 10_000,
      damage: null,
      octetsRead: pcap.length,
    });
    expect(capture.interfaces).toEqual([
      { id: 0, linkType: 113, snapLength: 96, name: null, filter: null, statistics: null },
    ]);
  });

  it('takes no more from the parser than it is asked for', async () => {
    const large = Array.from({ length: 40 }, () => ({ seconds: 1, nanoseconds: 0, octets: new Uint8Array(100_000) }));
    const octets = writePcap(large);
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (; taken < octets.length; taken += 65536) yield Buffer.from(octets.subarray(taken, taken + 65536));
      })(),
      { objectMode: false },
    );
    const capture = await fromPcapParser(pcapParser.parse(source));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(taken).toBeLessThan(2_000_000);
    expect(await collect(capture)).toHaveLength(40);
  });

  it('notices the cut record of which the parser says nothing', async () => {
    const capture = await fromPcapParser(parse(pcap.subarray(0, -5)));
    expect(lines(await collect(capture))).toEqual(lines(frames.slice(0, -1)));
    const octet = pcap.length - 16 - frames.at(-1)!.octets.length;
    expect(capture.damage).toMatchObject({ code: 'cut', frame: 9999, octet });
  });

  it('tells of a file that ends anywhere in its last record what openCapture tells', async () => {
    const last = 16 + frames.at(-1)!.octets.length;
    for (let left = 0; left <= last; left++) {
      const cut = pcap.subarray(0, pcap.length - last + left);
      const [parsed, opened] = [await fromPcapParser(parse(cut)), await openCapture(cut)];
      expect(await collect(parsed)).toHaveLength((await collect(opened)).length);
      const { code, octet, frame } = opened.damage ?? {};
      expect(parsed.damage ?? {}, `${left} octets of it`).toMatchObject(
        opened.damage === null ? {} : { code, octet, frame },
      );
      expect(parsed.damage === null).toBe(opened.damage === null);
    }
  });

  it('refuses what the parser refuses', async () => {
    await expect(
      fromPcapParser(parse(hex('4d3cb2a1 0200 0400 00000000 00000000 60000000 01000000'))),
    ).rejects.toMatchObject({ code: 'not-a-capture', message: 'unknown magic number: 4d3cb2a1' });
    await expect(fromPcapParser(parse(pcap.subarray(0, 20)))).rejects.toMatchObject({ code: 'not-a-capture' });
  });

  it('carries a fraction of a second or more into the seconds', async () => {
    const odd = concat([writePcap([]), hex('0a000000 a0252600 00000000 00000000')]);
    expect(await collect(await fromPcapParser(parse(odd)))).toMatchObject([{ seconds: 12, nanoseconds: 500000000 }]);
  });
});
