import type { CaptureSource } from './capture.js';
import { ReadFault, type OctetReader } from './octet-reader.js';

/** A reader for any source. Throws CaptureError when a path cannot be opened. */
export async function openSource(
  source: CaptureSource,
  file: string,
  signal: AbortSignal | undefined,
): Promise<OctetReader> {
  if (typeof source === 'string') {
    // Loaded only here, so that everything else runs where there is no file system.
    const { openFile } = await import('./node-files.js');
    return openFile(source, file);
  }
  if (source instanceof Uint8Array) return new OctetsReader(source);
  if (source instanceof Blob) return new BlobReader(source);
  return new ChunkReader('getReader' in source ? fromWebStream(source) : source[Symbol.asyncIterator](), signal);
}

export class OctetsReader implements OctetReader {
  readonly rewindable = true;
  octetsRead = 0;
  readonly #octets: Uint8Array;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  async read(into: Uint8Array): Promise<number> {
    const given = this.#octets.subarray(this.octetsRead, this.octetsRead + into.length);
    into.set(given);
    this.octetsRead += given.length;
    return given.length;
  }

  rewind(): void {
    this.octetsRead = 0;
  }

  async close(): Promise<void> {}
}

class BlobReader implements OctetReader {
  readonly rewindable = true;
  octetsRead = 0;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async read(into: Uint8Array): Promise<number> {
    const part = this.#blob.slice(this.octetsRead, this.octetsRead + into.length);
    const octets = new Uint8Array(await part.arrayBuffer().catch(refuse));
    into.set(octets);
    this.octetsRead += octets.length;
    return octets.length;
  }

  rewind(): void {
    this.octetsRead = 0;
  }

  async close(): Promise<void> {}
}

/** Reads an iterator of chunks of any size. */
class ChunkReader implements OctetReader {
  readonly rewindable = false;
  octetsRead = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #waiting = false;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;

  constructor(chunks: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = chunks;
    this.#signal = signal;
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#chunk.length === 0) {
      this.#waiting = true;
      const { done, value } = await orAborted(this.#chunks.next().catch(refuse), this.#signal);
      this.#waiting = false;
      if (done) return 0;
      if (!(value instanceof Uint8Array)) {
        throw new ReadFault('not-readable', `the source gave a ${typeof value} instead of octets`);
      }
      this.octetsRead += value.length;
      this.#chunk = value;
    }
    const given = this.#chunk.subarray(0, into.length);
    into.set(given);
    this.#chunk = this.#chunk.subarray(given.length);
    return given.length;
  }

  rewind(): void {}

  async close(): Promise<void> {
    const returned = this.#chunks.return?.().catch(() => undefined);
    // A generator that waits for its next chunk would answer only after that.
    if (!this.#waiting) await returned;
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

function refuse(error: unknown): never {
  if (error instanceof ReadFault) throw error;
  throw new ReadFault('not-readable', `reading failed: ${error instanceof Error ? error.message : String(error)}`);
}
