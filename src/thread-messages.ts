import type { CaptureFailure } from './capture/capture.js';
import type { CaptureInterface } from './capture/frame-batch.js';
import type { FirstReadingOptions } from './first-reading.js';
import type { AddressState } from './net/address-table.js';
import type { TimeBounds } from './reading.js';
import type { BatchMemory } from './trail/sighting-batch.js';
import type { Tunnel } from './trail/sightings.js';

/** To the thread: captures for the first reading, one after the other; then, for the second one, all at once. */
export type ThreadMessage = CaptureToRead | SightingsTask | BatchFree;

/** A capture for the first reading. */
export interface CaptureToRead {
  readonly kind: 'capture';
  readonly options: FirstReadingOptions;
  readonly path: string;
  readonly file: string;
  readonly point: string | null;
}

/** What a thread needs to read the sightings of captures. */
export interface SightingsTask {
  readonly kind: 'sightings';
  readonly addresses: AddressState;
  readonly keyOctets: number;
  readonly vxlanPorts: readonly number[] | null;
  readonly bounds: TimeBounds;
  readonly base: number;
  readonly captures: readonly CaptureTask[];
}

export interface CaptureTask {
  readonly path: string;
  readonly file: string;
  /** Frames that the first reading found: a file that has grown since is read no further. */
  readonly frames: number;
  /** Batches that go to and fro; both sides see the same memory, and only one of them uses a batch at a time. */
  readonly batches: readonly BatchMemory[];
}

/** A batch is filled, or the capture has ended (`batch` -1). */
export interface BatchFilled {
  readonly capture: number;
  readonly batch: number;
  readonly count: number;
  readonly keptLength: number;
  readonly octetsRead: number;
  /** All interfaces met so far, when there are more than the last message said. */
  readonly interfaces: readonly CaptureInterface[] | null;
  /** Tunnels that got the next numbers. */
  readonly tunnels: readonly Tunnel[];
  /** At the end: frames read, and what ended it before its time. */
  readonly frames: number;
  readonly failure: CaptureFailure | null;
}

/** A batch is used up and can be filled again. */
export interface BatchFree {
  readonly kind: 'free';
  readonly capture: number;
  readonly batch: number;
}
