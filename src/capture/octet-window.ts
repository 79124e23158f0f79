import { RECORD_LIMIT } from './frame-walker.js';
import type { OctetReader } from './octet-reader.js';

/** The part of a source that is in memory: `octets` from `at` to `end` are not used yet. */
export interface OctetWindow {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Where the first unused octet is; the user moves it. */
  at: number;
  readonly end: number;
  /** What to add to an index into `octets` to get the offset in the source. */
  readonly base: number;
  /** Octets taken from the source so far, before decompression. */
  readonly octetsRead: number;
  /** Keeps the unused octets, moves them, and adds at least one; false at the end of the source. Throws ReadFault. */
  refill(): Promise<boolean>;
  close(): Promise<void>;
}

/** Batches hold offsets as 32-bit integers, so octets in memory are walked in windows of this size. */
const MEMORY_WINDOW = 1 << 30;

/** A window onto octets that are in memory already: nothing is copied. */
export class MemoryWindow implements OctetWindow {
  octets: Uint8Array;
  view: DataView;
  at = 0;
  base = 0;
  readonly #source: Uint8Array;

  constructor(source: Uint8Array) {
    this.#source = source;
    this.octets = source.subarray(0, MEMORY_WINDOW);
    this.view = viewOf(this.octets);
  }

  get end(): number {
    return this.octets.length;
  }

  get octetsRead(): number {
    return this.base + this.at;
  }

  async refill(): Promise<boolean> {
    if (this.base + this.end === this.#source.length) return false;
    this.base += this.at;
    this.at = 0;
    this.octets = this.#source.subarray(this.base, this.base + MEMORY_WINDOW);
    this.view = viewOf(this.octets);
    return true;
  }

  async close(): Promise<void> {}
}

/** Most octets of a cut record that a window makes room for at first; it makes more when a record is larger. */
const USUAL_HEADROOM = 256 << 10;
/** Small files get small buffers, since clearing those of a dozen took longer than all else; but a file may grow while it is read. */
const LEAST_CHUNK = 16 << 10;

/**
 * A window that reads: while one buffer is used, the next chunk is read into the other one, behind a headroom into
 * which the unused octets are copied when the buffers change places.
 */
export class ReadingWindow implements OctetWindow {
  octets = new Uint8Array(0);
  view = new DataView(new ArrayBuffer(0));
  at = 0;
  end = 0;
  base = 0;
  #spare = new Uint8Array(0);
  #headroom: number;
  #ahead: Promise<number> | null = null;
  readonly #chunk: number;
  readonly #reader: OctetReader;

  constructor(reader: OctetReader, chunk: number) {
    this.#reader = reader;
    this.#chunk = Math.min(chunk, Math.max(reader.size ?? chunk, LEAST_CHUNK));
    this.#headroom = Math.min(this.#chunk, USUAL_HEADROOM);
  }

  get octetsRead(): number {
    return this.#reader.octetsRead;
  }

  async refill(): Promise<boolean> {
    const added = await (this.#ahead ?? this.#readAhead());
    if (added === 0) return false;
    const unused = this.end - this.at;
    let next = this.#spare;
    if (unused > this.#headroom) {
      // Doubles for octets that are there, not for what they announce; no record is much longer than RECORD_LIMIT.
      const headroom = Math.max(Math.min(2 * unused, RECORD_LIMIT), unused);
      next = new Uint8Array(headroom + this.#chunk);
      next.set(this.#spare.subarray(this.#headroom, this.#headroom + added), headroom);
      this.#headroom = headroom;
      this.#spare = new Uint8Array(0);
    } else {
      this.#spare = this.octets;
    }
    const at = this.#headroom - unused;
    next.set(this.octets.subarray(this.at, this.end), at);
    this.base += this.at - at;
    this.at = at;
    this.end = this.#headroom + added;
    this.octets = next;
    this.view = viewOf(next);
    this.#ahead = this.#readAhead();
    return true;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  #readAhead(): Promise<number> {
    const size = this.#headroom + this.#chunk;
    if (this.#spare.length !== size) this.#spare = new Uint8Array(size);
    const reading = this.#reader.read(this.#spare.subarray(this.#headroom));
    // The one who asks for it will see the failure; until then it is nobody's.
    reading.catch(() => undefined);
    return reading;
  }
}

function viewOf<T extends ArrayBufferLike>(octets: Uint8Array<T>): DataView<T> {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
