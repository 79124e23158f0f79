import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';

const captures = new URL('../../../shared/captures/public/', import.meta.url);

describe('x', () => {
  it.skipIf(!existsSync(captures))('reads', async () => {
    const capture = await openCapture(new URL('vxlan-tcp-dns.pcap', captures).pathname);
    for await (const batch of capture) expect(batch.count).toBeGreaterThan(0);
    expect(capture.damage).toBe(null);
    expect(capture.frames).toBeGreaterThan(10);
  });
});
