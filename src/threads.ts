// The only file of this side that needs Node's threads: it is imported when files are large enough for one to pay.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { errorOf, type CaptureError } from './capture/capture.js';
import type { CaptureInterface } from './capture/frame-batch.js';
import type { SightingSource } from './sighting-source.js';
import type { FirstReadingOptions } from './first-reading.js';
import type {
  BatchFilled,
  BatchFree,
  CaptureRead,
  CaptureTask,
  CaptureToRead,
  FirstReadingTask,
  SightingsTask,
  ThreadTask,
} from './thread-messages.js';
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

/** A thread, and who waits for it: it never fails unheard, and when it ends everyone knows. */
class Thread<Message> {
  /** False where there was no room for it. */
  readonly hasStarted: Promise<boolean>;
  /** Null where it could not be made. */
  readonly #worker: Worker | null;
  #failure: Error | null = null;

  /** @param onFailure it will say no more, without having been asked to end */
  constructor(workerData: ThreadTask, onMessage: (message: Message) => void, onFailure: (error: Error) => void) {
    let worker: Worker;
    try {
      worker = new Worker(THREAD, { workerData, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG } });
    } catch (error) {
      // ERR_WORKER_INIT_FAILED: the threads of a container may be counted
      this.#worker = null;
      this.hasStarted = Promise.resolve(false);
      onFailure(error as Error);
      return;
    }
    this.#worker = worker;
    this.hasStarted = new Promise((resolve) => {
      worker.once('online', () => resolve(true));
      worker.once('error', () => resolve(false));
      worker.once('exit', () => resolve(false));
    });
    const fail = (error: Error): void => {
      if (this.#failure !== null) return;
      this.#failure = error;
      onFailure(error);
    };
    worker.on('message', onMessage);
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the thread that reads captures has ended')));
  }

  post(message: CaptureToRead | BatchFree): void {
    this.#worker?.postMessage(message);
  }

  async end(): Promise<void> {
    this.#failure ??= new Error('ended');
    await this.#worker?.terminate();
  }
}

/** Reads captures the first time in another thread, one after the other. */
export class FirstReadingThread {
  readonly #thread: Thread<CaptureRead>;
  #isGone = false;
  #settle: (read: CaptureRead | null) => void = () => undefined;

  constructor(options: FirstReadingOptions) {
    const workerData: FirstReadingTask = { kind: 'first-reading', options };
    this.#thread = new Thread(
      workerData,
      (read: CaptureRead) => this.#settle(read),
      () => this.#leave(),
    );
  }

  /** What the thread found in a capture; null when there is no thread any more, for want of memory or because the signal says so. */
  async read(capture: CaptureToRead, signal: AbortSignal | undefined): Promise<CaptureRead | null> {
    if (this.#isGone || signal?.aborted === true) return null;
    const leave = (): void => this.#leave();
    signal?.addEventListener('abort', leave);
    const read = new Promise<CaptureRead | null>((resolve) => (this.#settle = resolve));
    this.#thread.post(capture);
    try {
      return await read;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #leave(): void {
    this.#isGone = true;
    this.#settle(null);
  }

  end(): Promise<void> {
    return this.#thread.end();
  }
}

/** Reads the sightings of captures in another thread, ahead of who uses them. */
export class SightingsThread {
  readonly sources: readonly SightingSource[];
  readonly hasStarted: Promise<boolean>;
  readonly #thread: Thread<BatchFilled>;
  readonly #captures: RemoteSightings[];
  readonly #tunnels: TunnelTable;
  /** Numbers in `tunnels` of the thread's own. */
  readonly #numbers: number[] = [0, OVERFLOW];
  #ended = 0;
  readonly #signal: AbortSignal | undefined;
  // One for all captures: Node warns of more than ten
  readonly #onAbort = (): void => {
    for (const capture of this.#captures) capture.wake();
  };

  constructor(
    task: Omit<SightingsTask, 'kind' | 'captures'>,
    captures: readonly Omit<CaptureTask, 'batches'>[],
    tunnels: TunnelTable,
    signal: AbortSignal | undefined,
  ) {
    this.#tunnels = tunnels;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
    const share = Math.floor(ALL_SIGHTINGS / (BATCHES * captures.length));
    const sightings = Math.max(LEAST_SIGHTINGS, Math.min(MOST_SIGHTINGS, share));
    const withBatches = captures.map((capture) => ({
      ...capture,
      batches: Array.from({ length: BATCHES }, () => SightingBatch.sharedMemory(sightings)),
    }));
    const workerData: SightingsTask = { ...task, kind: 'sightings', captures: withBatches };
    this.#captures = withBatches.map(
      ({ batches }, capture) =>
        new RemoteSightings(
          batches.map((memory) => new SightingBatch(memory)),
          this.#numbers,
          signal,
          (batch) => this.#thread.post({ capture, batch }),
          () => this.#end(),
        ),
    );
    this.sources = this.#captures;
    this.#thread = new Thread(
      workerData,
      (message: BatchFilled) => this.#take(message),
      (error) => {
        for (const capture of this.#captures) capture.fail(error);
      },
    );
    this.hasStarted = this.#thread.hasStarted;
  }

  #take(message: BatchFilled): void {
    const { tunnels, capture } = message;
    for (const { kind, src, dst, destinationPort, id } of tunnels) {
      this.#numbers.push(this.#tunnels.idOf(kind, src, dst, destinationPort, id));
    }
    this.#captures[capture]!.take(message);
  }

  /** When nobody reads any more, the thread ends. */
  #end(): void {
    if (++this.#ended < this.#captures.length) return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    void this.#thread.end();
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
  readonly #onEnd: () => void;
  readonly #filled: BatchFilled[] = [];
  #inUse = -1;
  #isEnded = false;
  #error: Error | null = null;
  #wake = (): void => undefined;

  /** @param tunnels numbers here of the thread's own @param signal ends the sightings, and throws nothing */
  constructor(
    batches: readonly SightingBatch[],
    tunnels: readonly number[],
    signal: AbortSignal | undefined,
    giveBack: (batch: number) => void,
    onEnd: () => void,
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
      await this.close();
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

  async close(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
  }
}
