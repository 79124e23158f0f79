import type { CaptureSource } from './capture.js';
import { ReadFault, type OctetReader } from './octet-window.js';

function rethrow(error: unknown): never {
  throw new ReadFault('not-readable', `reading failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** A reader for any source but octets in memory. Throws CaptureError when a path cannot be opened. */
export async function openSource(
  source: Exclude<CaptureSource, Uint8Array>,
  file: string,
  signal: AbortSignal | undefined,
): Promise<OctetReader> {
  if (typeof source === 'string') {
    const { openFile } = await import('./node-files.js');
    return openFile(source, file);
  }
  if (source instanceof Blob) return new BlobReader(source);
  return new ChunkReader('getReader' in source ? fromWebStream(source) : source[Symbol.asyncIterator](), signal);
}

class BlobReader implements OctetReader {
  octetsRead = 0;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async read(into: Uint8Array): Promise<number> {
    const part = this.#blob.slice(this.octetsRead, this.octetsRead + into.length);
    const octets = new Uint8Array(await part.arrayBuffer().catch(rethrow));
    into.set(octets);
    this.octetsRead += octets.length;
    return octets.length;
  }

  async close(): Promise<void> {}
}

/** Reads an iterator of chunks of any size. */
export class ChunkReader implements OctetReader {
  octetsRead = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #waiting = false;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;

  constructor(chunks: AsyncIterator<Uint8Array>, signal?: AbortSignal) {
    this.#chunks = chunks;
    this.#signal = signal;
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#chunk.length === 0) {
      this.#waiting = true;
      const { done, value } = await orAborted(this.#chunks.next().catch(rethrow), this.#signal);
      this.#waiting = false;
      if (done) return 0;
      if (!(value instanceof Uint8Array)) {
        throw new ReadFault('not-readable', `the source gave a ${typeof value} instead of octets`);
      }
      this.octetsRead += value.length;
      this.#chunk = value;
    }
    const taken = this.#chunk.subarray(0, into.length);
    into.set(taken);
    this.#chunk = this.#chunk.subarray(taken.length);
    return taken.length;
  }

  async close(): Promise<void> {
    const returned = this.#chunks.return?.();
    // A generator that still waits for its next chunk would answer only after that.
    if (this.#waiting) returned?.catch(() => undefined);
    else await returned?.catch(() => undefined);
  }
}

function fromWebStream(stream: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** The promise's result, or the signal's reason when that comes first: a silent pipe must not hold up an abort. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
