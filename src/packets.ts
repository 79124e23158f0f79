import type { CaptureInterface, FrameBatch } from './capture/frame-batch.js';
import type { CaptureSource } from './capture/capture.js';
import { openCapture } from './capture/open.js';
import { checkOptions, type DiagnoseOptions } from './options.js';
import { newView } from './reading.js';
import type { PacketView } from './wire/packet.js';

/** A frame's place in its capture. */
export interface FrameInfo {
  /** Number in its file, from 1. */
  readonly number: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly interface: CaptureInterface;
}

/**
 * The packets of one capture, one at a time, for convenience: `packet` is reused, so `packet.copy()` what you keep.
 * For large captures take `openCapture` and decode in a plain loop. Throws CaptureError when the capture cannot be opened,
 * and at the place of its damage, after every frame before it.
 */
export async function* packets(
  source: CaptureSource,
  options: Pick<DiagnoseOptions, 'vxlanPorts' | 'signal'> = {},
): AsyncGenerator<{ readonly frame: FrameInfo; readonly packet: PacketView }> {
  checkOptions(options);
  const capture = await openCapture(source, options.signal === undefined ? {} : { signal: options.signal });
  const packet = newView(options);
  for await (const batch of capture) {
    while (batch.next()) {
      packet.decode(batch);
      yield { frame: frameInfo(batch), packet };
    }
  }
  if (capture.damage !== null) throw capture.damage;
}

function frameInfo(batch: FrameBatch): FrameInfo {
  const i = batch.index;
  return {
    number: batch.frame,
    seconds: batch.seconds[i]!,
    nanoseconds: batch.nanoseconds[i]!,
    capturedLength: batch.capturedLengths[i]!,
    originalLength: batch.originalLengths[i]!,
    interface: batch.interfaces[batch.interfaceIds[i]!]!,
  };
}
