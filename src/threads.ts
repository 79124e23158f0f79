// The only file of this side that needs Node's threads: it is imported when files are large enough for one to pay.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { errorOf, type CaptureError } from './capture/capture.js';
import type { CaptureInterface } from './capture/frame-batch.js';
import type { CaptureRead } from './first-reading.js';
import type { SightingSource } from './sighting-source.js';
import type { BatchFilled, CaptureTask, CaptureToRead, SightingsTask, ThreadMessage } from './thread-messages.js';
import { SightingBatch } from './trail/sighting-batch.js';
import { OVERFLOW, type TunnelTable } from './trail/sightings.js';

/** Threads that can run at once. */
export function cores(): number {
  return availableParallelism();
}

// Started without the caller's own flags: `node --input-type=module -e ...` would have the thread refuse its file
const THREAD = new URL('./thread.js', import.meta.url);

/** MiB of new objects between two collections of a thread: it keeps hardly any, and with Node's own 48 MiB most of its memory was garbage. */
const YOUNG = 3;

/** Batches of one capture that are under way: one is used while the others are filled. */
const BATCHES = 4;
/** Sightings of a batch at most: a message costs as much as telling a hundred packets. */
const MOST_SIGHTINGS = 4096;
/** Sightings of all batches together: many captures share the memory that a few would have. */
const ALL_SIGHTINGS = 32 * MOST_SIGHTINGS;
const LEAST_SIGHTINGS = 256;

/**
 * A thread that reads captures: both times the same one, in which the second time all code is compiled already. It never fails
 * unheard, and when it ends everyone knows.
 */
export class ReadingThread {
  /** False where there was no room for it. */
  readonly hasStarted: Promise<boolean>;
  /** Null where it could not be made. */
  readonly #worker: Worker | null;
  #failure: Error | null = null;
  /** Who waits for what it says. */
  #onMessage: (message: never) => void = () => undefined;
  #onFailure: (error: Error) => void = () => undefined;

  constructor() {
    let worker: Worker;
    try {
      worker = new Worker(THREAD, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG } });
    } catch (error) {
      // ERR_WORKER_INIT_FAILED: the threads of a container may be counted
      this.#worker = null;
      this.#failure = error as Error;
      this.hasStarted = Promise.resolve(false);
      return;
    }
    this.#worker = worker;
    this.hasStarted = new Promise((resolve) => {
      worker.once('online', () => resolve(true));
      worker.once('error', () => resolve(false));
      worker.once('exit', () => resolve(false));
    });
    worker.on('message', (message) => this.#onMessage(message as never));
    worker.on('error', (error: Error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('the thread that reads captures has ended')));
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#onFailure(error);
  }

  /** False when it will say no more. */
  get isAlive(): boolean {
    return this.#failure === null;
  }

  /** What the thread finds in a capture, the first time; null when there is no thread any more, for want of memory or because the signal says so. */
  async read(capture: Omit<CaptureToRead, 'kind'>, signal: AbortSignal | undefined): Promise<CaptureRead | null> {
    if (!this.isAlive || signal?.aborted === true) return null;
    const stop = (): void => void this.end();
    signal?.addEventListener('abort', stop);
    const read = new Promise<CaptureRead | null>((resolve) => {
      this.#onMessage = resolve;
      this.#onFailure = () => resolve(null);
    });
    this.#post({ ...capture, kind: 'capture' });
    try {
      return await read;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** The sightings of captures, read ahead of who uses them. When nobody reads any more, the thread ends. */
  readSightings(
    task: Omit<SightingsTask, 'kind' | 'captures'>,
    captures: readonly Omit<CaptureTask, 'batches'>[],
    tunnels: TunnelTable,
    signal: AbortSignal | undefined,
  ): readonly SightingSource[] {
    const share = Math.floor(ALL_SIGHTINGS / (BATCHES * captures.length));
    const sightings = Math.max(LEAST_SIGHTINGS, Math.min(MOST_SIGHTINGS, share));
    const withBatches = captures.map((capture) => ({
      ...capture,
      batches: Array.from({ length: BATCHES }, () => SightingBatch.sharedMemory(sightings)),
    }));
    /** Numbers in `tunnels` of the thread's own. */
    const numbers: number[] = [0, OVERFLOW];
    let left = captures.length;
    const sources: RemoteSightings[] = withBatches.map(
      ({ batches }, capture) =>
        new RemoteSightings(
          batches.map((memory) => new SightingBatch(memory)),
          numbers,
          signal,
          (batch) => this.#post({ kind: 'free', capture, batch }),
          async () => {
            if (--left > 0) return;
            signal?.removeEventListener('abort', wake);
            await this.end();
          },
        ),
    );
    // One for all captures: Node warns of more than ten
    const wake = (): void => {
      for (const source of sources) source.wake();
    };
    signal?.addEventListener('abort', wake);
    this.#onMessage = (message: BatchFilled): void => {
      for (const { kind, src, dst, destinationPort, id } of message.tunnels)
        numbers.push(tunnels.idOf(kind, src, dst, destinationPort, id));
      sources[message.capture]!.take(message);
    };
    this.#onFailure = (error): void => {
      for (const source of sources) source.fail(error);
    };
    if (this.#failure !== null) this.#onFailure(this.#failure);
    this.#post({ ...task, kind: 'sightings', captures: withBatches });
    return sources;
  }

  #post(message: ThreadMessage): void {
    this.#worker?.postMessage(message);
  }

  async end(): Promise<void> {
    this.#fail(new Error('the thread that reads captures was ended'));
    await this.#worker?.terminate();
  }
}

class RemoteSightings implements SightingSource {
  interfaces: readonly CaptureInterface[] = [];
  octetsRead = 0;
  frames = 0;
  failure: CaptureError | null = null;
  readonly #batches: readonly SightingBatch[];
  readonly #tunnels: readonly number[];
  readonly #signal: AbortSignal | undefined;
  readonly #giveBack: (batch: number) => void;
  readonly #onEnd: () => Promise<void>;
  readonly #filled: BatchFilled[] = [];
  #inUse = -1;
  #ended: Promise<void> | null = null;
  #error: Error | null = null;
  #wake = (): void => undefined;

  /** @param tunnels numbers here of the thread's own @param signal ends the sightings, and throws nothing */
  constructor(
    batches: readonly SightingBatch[],
    tunnels: readonly number[],
    signal: AbortSignal | undefined,
    giveBack: (batch: number) => void,
    onEnd: () => Promise<void>,
  ) {
    this.#batches = batches;
    this.#tunnels = tunnels;
    this.#signal = signal;
    this.#giveBack = giveBack;
    this.#onEnd = onEnd;
  }

  take(message: BatchFilled): void {
    this.#filled.push(message);
    this.#wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  tunnelOf(number: number): number {
    return this.#tunnels[number]!;
  }

  /** Lets who waits look at the signal. */
  wake(): void {
    this.#wake();
  }

  async next(): Promise<SightingBatch | null> {
    if (this.#inUse >= 0) this.#giveBack(this.#inUse);
    this.#inUse = -1;
    while (this.#filled.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#signal?.aborted === true) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const { batch, count, keptLength, octetsRead, interfaces, frames, failure } = this.#filled.shift()!;
    this.frames = frames;
    if (batch < 0) {
      if (failure !== null) this.failure = errorOf(failure);
      // Who reads others need not wait until the thread has ended
      void this.close();
      return null;
    }
    if (interfaces !== null) this.interfaces = interfaces;
    this.octetsRead = octetsRead;
    this.#inUse = batch;
    const filled = this.#batches[batch]!;
    filled.count = count;
    filled.keptLength = keptLength;
    return filled;
  }

  close(): Promise<void> {
    return (this.#ended ??= this.#onEnd());
  }
}
