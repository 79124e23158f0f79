import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';

const SAMPLES = join(import.meta.dirname, '../../samples');
const FILES = readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.pcap(ng)?$/.test(name))
  .sort();

const PCAPNG = 0x0a0d0d0a;
const ENHANCED_PACKET = 6;
const SIMPLE_PACKET = 3;

/** Where the file may end, and how many frames it then has; little endian, as the samples are. */
function endsOf(octets: Uint8Array): Map<number, number> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const isPcapng = view.getUint32(0) === PCAPNG;
  let at = isPcapng ? view.getUint32(4, true) : 24;
  let frames = 0;
  const ends = new Map([[at, 0]]);
  while (at < octets.length) {
    const type = isPcapng ? view.getUint32(at, true) : ENHANCED_PACKET;
    at += isPcapng ? view.getUint32(at + 4, true) : 16 + view.getUint32(at + 8, true);
    if (type === ENHANCED_PACKET || type === SIMPLE_PACKET) frames++;
    ends.set(at, frames);
  }
  return ends;
}

it.for(FILES)('%s, cut at any octet, has the frames before the cut', async (name) => {
  const octets = new Uint8Array(readFileSync(join(SAMPLES, name)));
  const ends = endsOf(octets);
  const [headerEnd] = ends.keys();
  let whole = 0;
  let wholeEnd = headerEnd!;
  for (let length = headerEnd!; length <= octets.length; length += 1) {
    for (const [end, frames] of ends) {
      if (end > length) break;
      if (end < wholeEnd) continue;
      whole = frames;
      wholeEnd = end;
    }
    const capture = await openCapture(octets.subarray(0, length));
    let frames = 0;
    for await (const batch of capture) frames += batch.count;
    const damage = capture.damage === null ? null : `${capture.damage.code} after ${capture.damage.frame}`;
    // One assertion a length would take longer than the reading
    if (frames !== whole || damage !== (wholeEnd === length ? null : `cut after ${whole}`)) {
      expect([length, frames, damage]).toEqual([length, whole, wholeEnd === length ? null : `cut after ${whole}`]);
    }
  }
  expect(ends.size).toBeGreaterThan(0);
});
