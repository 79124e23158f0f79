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
  /** Octets that it would give in all when it was opened, where that is known. */
  readonly size?: number | undefined;
  /** Puts octets at the beginning of `into` and says how many: at least one, or 0 at the end. Throws ReadFault. */
  read(into: Uint8Array): Promise<number>;
  /** Whether the source can be read again. */
  readonly rewindable: boolean;
  /** Goes back to the first octet of a source that is rewindable. */
  rewind(): void;
  close(): Promise<void>;
}

/** Fills `into` as far as the source goes; returns how many octets it put there. */
export async function readFully(reader: OctetReader, into: Uint8Array): Promise<number> {
  let had = 0;
  while (had < into.length) {
    const added = await reader.read(into.subarray(had));
    if (added === 0) break;
    had += added;
  }
  return had;
}

/** A reader from which some octets were read already, which it gives again. */
export class PeekedReader implements OctetReader {
  #head: Uint8Array;
  readonly #rest: OctetReader;

  constructor(head: Uint8Array, rest: OctetReader) {
    this.#head = head;
    this.#rest = rest;
  }

  get octetsRead(): number {
    return this.#rest.octetsRead;
  }

  get size(): number | undefined {
    return this.#rest.size;
  }

  async read(into: Uint8Array): Promise<number> {
    if (this.#head.length === 0) return this.#rest.read(into);
    const given = this.#head.subarray(0, into.length);
    into.set(given);
    this.#head = this.#head.subarray(given.length);
    return given.length;
  }

  get rewindable(): boolean {
    return this.#rest.rewindable;
  }

  rewind(): void {
    this.#rest.rewind();
    this.#head = new Uint8Array(0);
  }

  close(): Promise<void> {
    return this.#rest.close();
  }
}
