import type { FrameBatch, CaptureInterface } from './frame-batch.js';

/** Anything octets can be read from. A path is read with node:fs; the others need no file system. */
export type CaptureSource = string | Uint8Array | Blob | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Codes of CaptureError; the first group is about the source, the second about damage inside it. */
export type CaptureErrorCode =
  | 'not-found'
  | 'not-readable'
  | 'not-a-capture'
  | 'unsupported-format'
  | 'unsupported-version'
  | 'cut' // the file ends inside a record or block
  | 'bad-length' // a record or block announces an impossible length
  | 'bad-block' // a pcapng block contradicts itself
  | 'bad-compression';

/** A capture that could not be opened, or the place where a readable one is damaged. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code: CaptureErrorCode;
  /** File as the caller named it. */
  readonly file: string;
  /** Offset in the (decompressed) octets where reading stopped; null before the first octet. */
  readonly octet: number | null;
  /** Number of complete frames before that place. */
  readonly frame: number;

  constructor(code: CaptureErrorCode, file: string, octet: number | null, frame: number, message: string) {
    super(message);
    this.code = code;
    this.file = file;
    this.octet = octet;
    this.frame = frame;
  }
}

/** A CaptureError as it goes from one thread to another. */
export type CaptureFailure = Pick<CaptureError, 'code' | 'file' | 'octet' | 'frame' | 'message'>;

export function failureOf({ code, file, octet, frame, message }: CaptureError): CaptureFailure {
  return { code, file, octet, frame, message };
}

export function errorOf({ code, file, octet, frame, message }: CaptureFailure): CaptureError {
  return new CaptureError(code, file, octet, frame, message);
}

/** An opened capture: iterate it once for its frames. */
export interface Capture extends AsyncIterable<FrameBatch> {
  readonly file: string;
  readonly format: 'pcap' | 'pcapng';
  /** Compression found by content. */
  readonly compression: 'gzip' | 'zstd' | null;
  /** Interfaces met so far; complete when the iteration has ended. */
  readonly interfaces: readonly CaptureInterface[];
  /** Complete frames met so far. */
  readonly frames: number;
  /** Octets of the source consumed so far, before decompression (for progress). */
  readonly octetsRead: number;
  /** Set when the iteration ended before the end of a sound file: every frame before the damage was given. */
  readonly damage: CaptureError | null;
  /** Names from pcapng name resolution blocks: address -> names. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** Lets go of the source; iterating to the end, or leaving the loop, does so too. */
  close(): Promise<void>;
}
