import type { CaptureErrorCode } from './capture.js';
import type { CaptureInterface, FrameBatch } from './frame-batch.js';

/** Most octets any record may have, whatever the file announces. */
export const RECORD_LIMIT = 16 << 20;

/** Most octets libpcap lets a frame have (MAXIMUM_SNAPLEN in pcap-int.h); files that announce less do not always keep to it. */
const USUAL_LIMIT = 262144;

/** Most octets a frame may have in a capture that announces this snap length; 0 announces none. */
export function capturedLimit(snapLength: number): number {
  return Math.min(Math.max(snapLength, USUAL_LIMIT), RECORD_LIMIT);
}

/** What is wrong with a file. */
export interface Fault {
  readonly code: CaptureErrorCode;
  readonly message: string;
  /** Index of the broken record, counted as the window counts when the fault is found; negative for a record that began before it. */
  readonly at: number;
}

/** Steps over the records of one file format. */
export interface FrameWalker {
  readonly interfaces: readonly CaptureInterface[];
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** Set when walk() stopped because of what it found. */
  readonly fault: Fault | null;
  /**
   * Fills the columns of `batch` with the frames in octets `at` to `end` of its buffer and sets its count.
   * Returns where the first record begins that is not complete, does not fit in the batch, or has a fault.
   */
  walk(batch: FrameBatch, at: number, end: number): number;
  /** What is wrong when the file ends at `end` and the record at `at` was not complete; null when nothing is. */
  faultAtEnd(view: DataView, at: number, end: number): Fault | null;
}
