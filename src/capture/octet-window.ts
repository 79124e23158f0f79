import type { CaptureErrorCode } from './capture.js';

/** Why a source could not give its next octets; becomes a CaptureError once the place is known. */
export class ReadFault extends Error {
  readonly code: CaptureErrorCode;

  constructor(code: CaptureErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Octets pulled from a source into memory of the caller's. */
export interface OctetReader {
  /** Octets taken from the source so far, before decompression. */
  readonly octetsRead: number;
  /** Puts octets at the beginning of `into` and says how many: at least one, or 0 at the end. Throws ReadFault. */
  read(into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** The part of a source that is in memory: `octets` from `at` to `end` are not used yet. */
export interface OctetWindow {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Where the first unused octet is; the user moves it. */
  at: number;
  readonly end: number;
  /** Offset of octets[0] in the source. */
  readonly base: number;
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

/** A window that reads into one buffer, moving the unused octets to its front; grows only when it is full of them. */
export class ReadingWindow implements OctetWindow {
  octets: Uint8Array;
  view: DataView;
  at = 0;
  end = 0;
  base = 0;
  readonly #reader: OctetReader;

  constructor(reader: OctetReader, size: number) {
    this.#reader = reader;
    this.octets = new Uint8Array(size);
    this.view = viewOf(this.octets);
  }

  get octetsRead(): number {
    return this.#reader.octetsRead;
  }

  async refill(): Promise<boolean> {
    const unused = this.end - this.at;
    if (unused === this.octets.length) {
      const larger = new Uint8Array(2 * unused);
      larger.set(this.octets);
      this.octets = larger;
      this.view = viewOf(larger);
    } else {
      this.octets.copyWithin(0, this.at, this.end);
    }
    this.base += this.at;
    this.at = 0;
    this.end = unused;
    const added = await this.#reader.read(this.octets.subarray(unused));
    this.end += added;
    return added > 0;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
