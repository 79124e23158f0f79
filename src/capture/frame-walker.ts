import type { CaptureErrorCode } from './capture.js';
import type { CaptureInterface, FrameBatch } from './frame-batch.js';

/** Most octets any record may have, whatever the file announces. */
export const RECORD_LIMIT = 16 << 20;

/** Most octets libpcap lets a frame have when a file announces less (its MAXIMUM_SNAPLEN). */
export const USUAL_LIMIT = 262144;

/** Most octets a frame may have in a capture that announces this snap length; 0 announces none. */
export function capturedLimit(snapLength: number): number {
  return Math.min(Math.max(snapLength, USUAL_LIMIT), RECORD_LIMIT);
}

/** Steps over the records of one file format. */
export interface FrameWalker {
  readonly interfaces: readonly CaptureInterface[];
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** What is wrong at the place where walk() stopped. */
  readonly fault: { code: CaptureErrorCode; message: string } | null;
  /**
   * Fills the columns of `batch` with the frames in octets `at` to `end` of its buffer and sets its count.
   * Returns where the first record begins that is not complete, does not fit in the batch, or has a fault.
   */
  walk(batch: FrameBatch, at: number, end: number): number;
  /** Says what is missing in the record that begins at `at`, when the file ends at `end`. */
  describeCut(view: DataView, at: number, end: number): string;
}
