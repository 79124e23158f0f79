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
    const columns = Object.values(pairs).filter((value) => value instanceof Int32Array);
    expect(columns.length).toBeGreaterThan(0);
    expect(columns.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(1024);
  });
});
