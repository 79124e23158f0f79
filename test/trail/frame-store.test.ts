import { describe, expect, it } from 'vitest';
import { FrameStore } from '../../src/trail/frame-store.js';
import { PointEvidence } from '../../src/trail/evidence.js';
import { PacketView } from '../../src/wire/index.js';

describe('memory of a capture that compresses well', () => {
  it('frames without octets are kept up to a bound', () => {
    const store = new FrameStore(true, 48 << 20);
    const packet = new PacketView();
    packet.decodeFrame(new Uint8Array(0), new DataView(new ArrayBuffer(0)), 0, 0, 0, 1);
    for (let frame = 1; frame <= 600_000; frame++) store.offer(packet, 0, 0, frame, 0, 0);
    expect(store.frames.length).toBe(1 << 19);
    expect(store.complete).toBe(false);
  });

  it('a point without packets holds little: a pcapng file may describe 65,536', () => {
    const { pairs } = new PointEvidence({} as ConstructorParameters<typeof PointEvidence>[0]);
    const { byteLength } = pairs.index.rows;
    expect(byteLength).toBeGreaterThan(0);
    expect(byteLength).toBeLessThan(1024);
  });
});
