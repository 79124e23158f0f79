import type { Capture } from '../../src/capture/capture.js';

export interface CollectedFrame {
  readonly frame: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly interfaceId: number;
  readonly octets: Uint8Array;
}

/** Iterates a capture and keeps copies of its frames. */
export async function collect(capture: Capture): Promise<CollectedFrame[]> {
  const frames: CollectedFrame[] = [];
  for await (const batch of capture) {
    while (batch.next()) {
      const i = batch.index;
      const from = batch.offsets[i]!;
      const capturedLength = batch.capturedLengths[i]!;
      frames.push({
        frame: batch.frame,
        seconds: batch.seconds[i]!,
        nanoseconds: batch.nanoseconds[i]!,
        capturedLength,
        originalLength: batch.originalLengths[i]!,
        interfaceId: batch.interfaceIds[i]!,
        octets: batch.octets.slice(from, from + capturedLength),
      });
    }
  }
  return frames;
}

/** Frames as lines, which are much faster to compare than objects with octets. */
export function lines(
  frames: readonly { seconds: number; nanoseconds: number; octets: Uint8Array; originalLength?: number }[],
): string[] {
  return frames.map(({ seconds, nanoseconds, octets, originalLength }) => {
    const time = `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
    return `${time} ${originalLength ?? octets.length} ${Buffer.from(octets).toString('hex')}`;
  });
}
