import { CaptureError, type Capture } from './capture/capture.js';
import type { CaptureInterface, FrameBatch } from './capture/frame-batch.js';
import type { AddressTable } from './net/address-table.js';
import { relative } from './net/relative-time.js';
import { isCutTunnel, isUnicast } from './net/packet-addresses.js';
import type { TimeBounds } from './reading.js';
import { LEAST_L4_OCTETS } from './trail/evidence.js';
import { SightingBatch, SightingReader } from './trail/sighting-batch.js';
import type { TunnelTable } from './trail/sightings.js';
import type { PacketView } from './wire/packet.js';

/** What reading sightings needs to know of the run. */
export interface ReadingSettings {
  /** As the first reading found them. */
  readonly addresses: AddressTable;
  /** Octets of the L4 part that every capture kept. */
  readonly keyOctets: number;
  readonly bounds: TimeBounds;
  readonly base: number;
}

/** Reads the frames of one capture into batches of sightings, with times as the file says them: clocks are compared meanwhile. */
export class SightingDecoder {
  readonly #settings: ReadingSettings;
  readonly #view: PacketView;
  readonly #reader: SightingReader;
  /** Least time of each frame and all behind it in the batch that is being read. */
  #least = new Float64Array(4096);

  constructor(settings: ReadingSettings, view: PacketView, tunnels: TunnelTable) {
    this.#settings = settings;
    this.#view = view;
    this.#reader = new SightingReader(settings.addresses, tunnels, settings.keyOctets);
  }

  /** Appends the sightings of frames until the batch is full; returns the index of the first frame that was not read. */
  read(frames: FrameBatch, from: number, batch: SightingBatch): number {
    const { bounds, base } = this.#settings;
    const view = this.#view;
    const { seconds, nanoseconds, interfaceIds, count, firstFrame } = frames;
    if (from === 0) this.#noteOrder(frames);
    const least = this.#least;
    let i = from;
    for (; i < count && !batch.isFull; i++) {
      const second = seconds[i]!;
      const nanos = nanoseconds[i]!;
      const time = relative(second, nanos, base);
      if (time < bounds.since || time > bounds.until) continue;
      view.decodeAt(frames, i);
      if (!isUnicast(view) || isCutTunnel(view) || view.ipEnd - view.l4At < leastOctets(view)) continue;
      batch.times[batch.count] = time;
      batch.order[batch.count] = least[i]!;
      this.#reader.add(batch, view, firstFrame + i, second, nanos, interfaceIds[i]!);
    }
    return i;
  }

  /**
   * A frame stamped ahead of its time must not hold back those behind it: in order with the other captures comes each frame
   * when the least time of it and all behind it in its batch of frames does.
   */
  #noteOrder({ seconds, nanoseconds, count }: FrameBatch): void {
    if (this.#least.length < count) this.#least = new Float64Array(count);
    const { base } = this.#settings;
    let least = Infinity;
    for (let i = count - 1; i >= 0; i--) {
      const time = relative(seconds[i]!, nanoseconds[i]!, base);
      if (time < least) least = time;
      this.#least[i] = least;
    }
  }
}

/** Fewest octets of the L4 part from which a packet can be told from another. */
function leastOctets(view: PacketView): number {
  return Math.min(LEAST_L4_OCTETS, view.l4Length);
}

/** One capture, its sightings batch by batch. */
export interface SightingSource {
  /** The next batch, valid until the one after it is asked for; null at the end of the capture. */
  next(): Promise<SightingBatch | null>;
  /** Number in the run's table of tunnels of one that a batch has. */
  tunnelOf(number: number): number;
  readonly interfaces: readonly CaptureInterface[];
  readonly octetsRead: number;
  /** Frames read so far. */
  readonly frames: number;
  /** Why the capture could not be opened any more; null when it could. */
  readonly failure: CaptureError | null;
  close(): Promise<void>;
}

/** Reads in this thread; the capture is opened when its first batch is asked for. */
export class LocalSightings implements SightingSource {
  failure: CaptureError | null = null;
  readonly #open: () => Promise<Capture>;
  #capture: Capture | null = null;
  readonly #decoder: SightingDecoder;
  #batches: AsyncIterator<FrameBatch> | null = null;
  #frames: FrameBatch | null = null;
  #next = 0;
  #own: SightingBatch | null = null;
  readonly #most: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param most frames to read: a file that has grown since the first reading is read no further
   * @param signal ends the sightings, and throws nothing
   */
  constructor(open: () => Promise<Capture>, decoder: SightingDecoder, most: number, signal?: AbortSignal) {
    this.#open = open;
    this.#most = most;
    this.#decoder = decoder;
    this.#signal = signal;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#capture?.interfaces ?? [];
  }

  get octetsRead(): number {
    return this.#capture?.octetsRead ?? 0;
  }

  get frames(): number {
    return Math.min(this.#capture?.frames ?? 0, this.#most);
  }

  tunnelOf(number: number): number {
    return number;
  }

  async next(): Promise<SightingBatch | null> {
    const batch = (this.#own ??= new SightingBatch());
    return (await this.fill(batch)) ? batch : null;
  }

  /** Fills a batch; false at the end of the capture, when there is nothing more. */
  async fill(batch: SightingBatch): Promise<boolean> {
    batch.clear();
    this.#batches ??= await this.#begin();
    while (this.#batches !== null && this.#signal?.aborted !== true) {
      if (this.#frames !== null) {
        this.#next = this.#decoder.read(this.#frames, this.#next, batch);
        if (batch.isFull) return true;
      }
      // What was read of these frames must be used up before the buffer is
      const more = await this.#batches.next();
      this.#next = 0;
      if (more.done === true || more.value.firstFrame > this.#most) {
        this.#frames = null;
        break;
      }
      this.#frames = more.value;
      this.#frames.count = Math.min(this.#frames.count, this.#most - this.#frames.firstFrame + 1);
    }
    return batch.count > 0;
  }

  async #begin(): Promise<AsyncIterator<FrameBatch> | null> {
    if (this.failure !== null) return null;
    try {
      this.#capture = await this.#open();
      return this.#capture[Symbol.asyncIterator]();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.failure = error;
      return null;
    }
  }

  async close(): Promise<void> {
    await this.#capture?.close();
  }
}
