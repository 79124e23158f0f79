import { doubled } from '../net/doubled.js';
import type { PacketView } from '../wire/packet.js';

/** Fields of a kept frame, int32. */
const POINT = 0;
const FILE = 1;
const FRAME = 2;
const SECONDS = 3;
const NANOSECONDS = 4;
const ORIGINAL_LENGTH = 5;
const LINK_TYPE = 6;
/** Which piece of memory holds its octets, where in it, and how many. */
const PIECE = 7;
const AT = 8;
const LENGTH = 9;
/** What its owner says of it. */
const KIND = 10;
const WIDTH = 11;
/** What tells of a frame whoever keeps it. */
const DESCRIPTION = [FRAME, SECONDS, NANOSECONDS, ORIGINAL_LENGTH, LINK_TYPE, KIND];
const INITIAL = 1 << 8;
/** Octets of frames that one piece of memory holds; a longer frame has one of its own. */
const PIECE_OCTETS = 1 << 18;

/** A frame kept for the checks that look at its octets, with the time that its file gives. */
export interface KeptFrame {
  readonly point: number;
  /** Number of the file in the run. */
  readonly file: number;
  readonly frame: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly octets: Uint8Array;
  readonly originalLength: number;
  readonly linkType: number;
  /** Without an object for the octets: each check decodes all frames. */
  decodeInto(packet: PacketView): void;
}

/** The inside of FrameMemory, to hand to another thread. */
export interface FramesState {
  readonly rows: Int32Array<ArrayBuffer>;
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
  readonly count: number;
}

export function buffersOf({ rows, pieces }: FramesState): ArrayBuffer[] {
  return [rows.buffer, ...pieces.map(({ buffer }) => buffer)];
}

/**
 * Frames in rows, their octets one behind the other: 44 octets a frame besides its own. With an object and a buffer for each they
 * took 800, and another 700 on their way from one thread to another.
 */
export class FrameMemory {
  count: number;
  #rows: Int32Array<ArrayBuffer>;
  readonly #pieces: Uint8Array<ArrayBuffer>[];
  readonly #views: DataView[] = [];
  /** Octets used of the last piece. */
  #used = 0;

  constructor(state: FramesState = { rows: new Int32Array(INITIAL * WIDTH), pieces: [], count: 0 }) {
    const { rows, pieces, count } = state;
    this.#rows = rows;
    this.#pieces = [...pieces];
    this.count = count;
  }

  /** It shares the memory of this one. */
  get state(): FramesState {
    return { rows: this.#rows, pieces: this.#pieces, count: this.count };
  }

  /** Keeps the first `length` octets of the frame that a view has decoded. */
  add(
    packet: PacketView,
    length: number,
    kind: number,
    point: number,
    file: number,
    frame: number,
    seconds: number,
    nanoseconds: number,
  ): void {
    const row = this.#keep(packet.octets, packet.frameAt, length);
    const rows = this.#rows;
    rows[row + POINT] = point;
    rows[row + FILE] = file;
    rows[row + FRAME] = frame;
    rows[row + SECONDS] = seconds;
    rows[row + NANOSECONDS] = nanoseconds;
    rows[row + ORIGINAL_LENGTH] = packet.originalLength;
    rows[row + LINK_TYPE] = packet.linkType;
    rows[row + KIND] = kind;
  }

  /** Keeps a frame of another memory, as one of a point and a file here. */
  copy({ rows, pieces }: FramesState, number: number, point: number, file: number): void {
    const from = number * WIDTH;
    const row = this.#keep(pieces[rows[from + PIECE]!]!, rows[from + AT]!, rows[from + LENGTH]!);
    this.#rows[row + POINT] = point;
    this.#rows[row + FILE] = file;
    for (const field of DESCRIPTION) this.#rows[row + field] = rows[from + field]!;
  }

  /** Makes a row, and keeps octets. Returns where the row begins. */
  #keep(octets: Uint8Array, at: number, length: number): number {
    const row = this.count++ * WIDTH;
    if (row === this.#rows.length) this.#rows = doubled(this.#rows);
    let piece = this.#pieces[this.#pieces.length - 1];
    if (piece === undefined || this.#used + length > piece.length) {
      piece = new Uint8Array(Math.max(PIECE_OCTETS, length));
      this.#pieces.push(piece);
      this.#used = 0;
    }
    piece.set(octets.subarray(at, at + length), this.#used);
    this.#rows[row + PIECE] = this.#pieces.length - 1;
    this.#rows[row + AT] = this.#used;
    this.#rows[row + LENGTH] = length;
    this.#used += length;
    return row;
  }

  /** All of them, as objects. */
  get all(): KeptFrame[] {
    return Array.from({ length: this.count }, (_, number) => new StoredFrame(this, number));
  }

  /** One of the fields, as it is kept. */
  field(number: number, field: number): number {
    return this.#rows[number * WIDTH + field]!;
  }

  octets(number: number): Uint8Array {
    const at = this.field(number, AT);
    return this.#pieces[this.field(number, PIECE)]!.subarray(at, at + this.field(number, LENGTH));
  }

  decode(number: number, packet: PacketView): void {
    const its = this.field(number, PIECE);
    const piece = this.#pieces[its]!;
    const view = (this.#views[its] ??= new DataView(piece.buffer, piece.byteOffset, piece.length));
    const length = this.field(number, LENGTH);
    const originalLength = this.field(number, ORIGINAL_LENGTH) >>> 0;
    packet.decodeFrame(piece, view, this.field(number, AT), length, originalLength, this.field(number, LINK_TYPE));
  }
}

/** Octets kept of a frame of a memory, and what its owner said of it. */
export function keptLength({ rows }: FramesState, number: number): number {
  return rows[number * WIDTH + LENGTH]!;
}

export function keptKind({ rows }: FramesState, number: number): number {
  return rows[number * WIDTH + KIND]!;
}

export function keptPoint({ rows }: FramesState, number: number): number {
  return rows[number * WIDTH + POINT]!;
}

/** A row as an object. */
class StoredFrame implements KeptFrame {
  readonly #memory: FrameMemory;
  readonly #number: number;

  constructor(memory: FrameMemory, number: number) {
    this.#memory = memory;
    this.#number = number;
  }

  get point(): number {
    return this.#memory.field(this.#number, POINT);
  }
  get file(): number {
    return this.#memory.field(this.#number, FILE);
  }
  get frame(): number {
    return this.#memory.field(this.#number, FRAME) >>> 0;
  }
  get seconds(): number {
    return this.#memory.field(this.#number, SECONDS) >>> 0;
  }
  get nanoseconds(): number {
    return this.#memory.field(this.#number, NANOSECONDS);
  }
  get originalLength(): number {
    return this.#memory.field(this.#number, ORIGINAL_LENGTH) >>> 0;
  }
  get linkType(): number {
    return this.#memory.field(this.#number, LINK_TYPE);
  }
  get octets(): Uint8Array {
    return this.#memory.octets(this.#number);
  }

  decodeInto(packet: PacketView): void {
    this.#memory.decode(this.#number, packet);
  }
}
