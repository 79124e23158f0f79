// The only file of this side that needs Node's threads: it is imported when files are large enough for one to pay.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { CaptureInterface } from './capture/frame-batch.js';
import type { SightingSource } from './sighting-source.js';
import type { FirstReadingOptions, FirstReadingState } from './first-reading.js';
import type {
  BatchFilled,
  BatchFree,
  CaptureRead,
  CaptureTask,
  CaptureToRead,
  FirstReadingTask,
  SightingsTask,
} from './thread-messages.js';
import { Row, ROW_SHIFT } from './trail/row.js';
import { SightingBatch } from './trail/sighting-batch.js';
import { OVERFLOW, type TunnelTable } from './trail/sightings.js';

/** Threads that can run at once. */
export function cores(): number {
  return availableParallelism();
}

// Started without the caller's own flags: `node --input-type=module -e ...` would have the thread refuse its file
const THREAD = new URL('./thread.js', import.meta.url);

/** Batches of one capture that are under way: one is used while the others are filled. */
const BATCHES = 4;

/** Reads captures the first time in another thread, one after the other. */
export class FirstReadingThread {
  readonly #worker: Worker;

  constructor(options: FirstReadingOptions) {
    const workerData: FirstReadingTask = { kind: 'first-reading', options };
    this.#worker = new Worker(THREAD, { workerData, execArgv: [] });
  }

  async read(path: string, file: string, point: string | null): Promise<FirstReadingState> {
    this.#worker.postMessage({ path, file, point } satisfies CaptureToRead);
    const { state } = await new Promise<CaptureRead>((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
    });
    this.#worker.removeAllListeners();
    return state;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Reads the sightings of captures in another thread, ahead of who uses them. */
export class SightingsThread {
  readonly sources: readonly SightingSource[];
  readonly #worker: Worker;
  readonly #captures: RemoteSightings[];
  readonly #tunnels: TunnelTable;
  /** Numbers in `tunnels` of the thread's own. */
  readonly #numbers: number[] = [0, OVERFLOW];

  constructor(
    task: Omit<SightingsTask, 'kind' | 'captures'>,
    captures: readonly Omit<CaptureTask, 'batches'>[],
    tunnels: TunnelTable,
  ) {
    this.#tunnels = tunnels;
    const withBatches = captures.map((capture) => ({
      ...capture,
      batches: Array.from({ length: BATCHES }, () => SightingBatch.sharedMemory()),
    }));
    const workerData: SightingsTask = { ...task, kind: 'sightings', captures: withBatches };
    this.#worker = new Worker(THREAD, { workerData, execArgv: [] });
    this.#captures = withBatches.map(
      ({ batches }, capture) =>
        new RemoteSightings(
          batches.map((memory) => new SightingBatch(memory)),
          (batch) => this.#worker.postMessage({ capture, batch } satisfies BatchFree),
          () => this.#end(),
        ),
    );
    this.sources = this.#captures;
    this.#worker.on('message', (message: BatchFilled) => this.#take(message));
    this.#worker.on('error', (error) => {
      for (const capture of this.#captures) capture.fail(error);
    });
  }

  #take(message: BatchFilled): void {
    const { tunnels, capture, batch, count } = message;
    for (const { kind, src, dst, sourcePort, destinationPort, id } of tunnels) {
      this.#numbers.push(this.#tunnels.idOf(kind, src, dst, sourcePort, destinationPort, id));
    }
    const source = this.#captures[capture]!;
    if (batch >= 0) {
      const { rows } = source.batches[batch]!;
      const numbers = this.#numbers;
      for (let row = Row.TUNNEL; row < count << ROW_SHIFT; row += 1 << ROW_SHIFT) rows[row] = numbers[rows[row]!]!;
    }
    source.take(message);
  }

  #ended = 0;

  /** When nobody reads any more, the thread ends. */
  #end(): void {
    if (++this.#ended === this.#captures.length) void this.#worker.terminate();
  }
}

class RemoteSightings implements SightingSource {
  interfaces: readonly CaptureInterface[] = [];
  octetsRead = 0;
  readonly batches: readonly SightingBatch[];
  readonly #giveBack: (batch: number) => void;
  readonly #onEnd: () => void;
  readonly #filled: BatchFilled[] = [];
  #inUse = -1;
  #isEnded = false;
  #error: Error | null = null;
  #wake: () => void = () => undefined;

  constructor(batches: readonly SightingBatch[], giveBack: (batch: number) => void, onEnd: () => void) {
    this.batches = batches;
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

  async next(): Promise<SightingBatch | null> {
    if (this.#inUse >= 0) this.#giveBack(this.#inUse);
    this.#inUse = -1;
    while (this.#filled.length === 0) {
      if (this.#error !== null) throw this.#error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const { batch, count, keptLength, octetsRead, interfaces } = this.#filled.shift()!;
    if (batch < 0) {
      await this.close();
      return null;
    }
    if (interfaces !== null) this.interfaces = interfaces;
    this.octetsRead = octetsRead;
    this.#inUse = batch;
    const filled = this.batches[batch]!;
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
