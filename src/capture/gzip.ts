import { ReadFault, type OctetReader } from './octet-reader.js';

/** Undoes deflate piece by piece. */
export interface Inflater {
  /** Takes a piece, which it may use until the promise is kept. */
  push(piece: Uint8Array): Promise<void>;
  /** Says that the last piece was pushed. */
  finish(): Promise<void>;
  /** Takes what came out so far. */
  take(): Uint8Array[];
  /** Why it stopped; what came out before is in take(). */
  readonly fault: ReadFault | null;
  /** Whether it saw the end of the compressed octets and wants no more. */
  readonly ended: boolean;
}

/** Largest piece: deflate makes at most 1032 octets of one, so that what a piece becomes stays below 17 MB. */
const PIECE = 16 << 10;
/** Smallest piece of a source that cannot be read again. */
const LEAST_PIECE = 64;

/**
 * Reads gzip (RFC 1952), also several members in a row.
 *
 * zlib throws away what it made of a piece when it finds damage in it. So that everything before the damage is
 * given, the source is read a second time, with that piece in pieces of one octet. Where there is no second time,
 * pieces are at most a sixteenth of what came before them.
 */
export class GunzipReader implements OctetReader {
  readonly rewindable = false;
  readonly #source: OctetReader;
  #inflater: Inflater | null = null;
  #out: Uint8Array[] = [];
  #consumed = 0;
  #produced = 0;
  /** Octets given in the first reading, not to be given again. */
  #repeated = 0;
  /** Where pieces become single octets in the second reading. */
  #fineFrom = Infinity;
  #done = false;
  readonly #piece = new Uint8Array(PIECE);

  constructor(source: OctetReader) {
    this.#source = source;
  }

  get octetsRead(): number {
    return this.#source.octetsRead;
  }

  async read(into: Uint8Array): Promise<number> {
    for (;;) {
      const first = this.#out[0];
      if (first !== undefined) {
        const given = first.subarray(0, into.length);
        into.set(given);
        if (given.length === first.length) this.#out.shift();
        else this.#out[0] = first.subarray(given.length);
        return given.length;
      }
      const fault = this.#inflater?.fault;
      if (fault) throw fault;
      if (this.#done) return 0;
      await this.#inflate();
    }
  }

  rewind(): void {}

  close(): Promise<void> {
    return this.#source.close();
  }

  async #inflate(): Promise<void> {
    const inflater = (this.#inflater ??= await createInflater());
    const from = this.#consumed;
    const size = await this.#source.read(this.#piece.subarray(0, this.#pieceSize()));
    this.#consumed += size;
    if (size > 0) await inflater.push(this.#piece.subarray(0, size));
    else await inflater.finish();
    this.#done = size === 0 || inflater.ended;
    for (const octets of inflater.take()) {
      const repeated = Math.min(Math.max(this.#repeated - this.#produced, 0), octets.length);
      this.#produced += octets.length;
      if (repeated < octets.length) this.#out.push(octets.subarray(repeated));
    }
    const again = this.#source.rewindable && this.#fineFrom === Infinity;
    if (inflater.fault?.code === 'bad-compression' && size > 1 && again) {
      this.#source.rewind();
      this.#inflater = null;
      this.#fineFrom = from;
      this.#repeated = this.#produced;
      this.#produced = 0;
      this.#consumed = 0;
    }
  }

  #pieceSize(): number {
    const toFine = this.#fineFrom - this.#consumed;
    if (toFine > 0 && this.#source.rewindable) return Math.min(toFine, PIECE);
    if (toFine > 0) return Math.min(Math.max(this.#consumed >> 4, LEAST_PIECE), PIECE);
    return toFine > -PIECE ? 1 : PIECE;
  }
}

async function createInflater(): Promise<Inflater> {
  if (typeof process === 'undefined' || process.versions?.node === undefined) return new StreamInflater();
  const { NodeInflater } = await import('./node-files.js');
  return new NodeInflater();
}

/** For browsers. Their streams refuse a second member, and what they drop at damage cannot be had. */
export class StreamInflater implements Inflater {
  fault: ReadFault | null = null;
  readonly ended = false;
  #out: Uint8Array[] = [];
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #reading: Promise<void>;

  constructor() {
    const { readable, writable } = new DecompressionStream('gzip');
    this.#writer = writable.getWriter();
    // What a failed stream says is the same for writing and closing, and reading is where it is noted.
    this.#writer.closed.catch(() => undefined);
    this.#reading = this.#read(readable.getReader());
  }

  async push(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writer.write(piece).catch(() => this.#reading);
    await settled();
  }

  async finish(): Promise<void> {
    await this.#writer.close().catch(() => undefined);
    await this.#reading;
  }

  take(): Uint8Array[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#out.push(value);
      }
    } catch (error) {
      this.fault = new ReadFault('bad-compression', `gzip: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** A turn of the event loop: what a stream has ready was read after it. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
