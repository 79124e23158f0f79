import { Decompress } from 'fzstd';
import { ReadFault, readFully, type OctetReader } from './octet-reader.js';

// Zstandard, RFC 8878 section 3. A frame:
//
//   Magic_Number (4) | Frame_Header (2-14) | Data_Block ... | Content_Checksum (0 or 4)
//
// and before each block's content three octets: Last_Block (1 bit), Block_Type (2 bits), Block_Size (21 bits).

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a5;
const BLOCK_HEADER = 3;
const BLOCK_MAX = 128 << 10;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const CHECKSUM_FLAG = 4;
/** What zstd itself decompresses without being told that it may use more. */
const WINDOW_MAX = 128 << 20;
/** fzstd reads no frame header before it has this many octets. */
const FZSTD_HEAD = 18;

/**
 * Reads zstd, also several frames in a row. The content checksum is not verified.
 *
 * fzstd hands out what it makes in the middle of a push, and takes frame headers at their word. So this reads the
 * structure, pushes one block at a time (no more than 128 KiB comes of one), and refuses windows that are too large.
 */
export class UnzstdReader implements OctetReader {
  readonly rewindable = false;
  readonly #source: OctetReader;
  #frame: Decompress | null = null;
  #hasChecksum = false;
  #out: Uint8Array[] = [];
  readonly #block = new Uint8Array(BLOCK_HEADER + BLOCK_MAX);

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
      if (this.#frame !== null) await this.#readBlock(this.#frame);
      else if (!(await this.#readFrameHeader())) return 0;
    }
  }

  rewind(): void {}

  close(): Promise<void> {
    return this.#source.close();
  }

  /** False at the end of the source. */
  async #readFrameHeader(): Promise<boolean> {
    const header = new Uint8Array(FZSTD_HEAD + 14);
    const view = new DataView(header.buffer);
    const had = await readFully(this.#source, header.subarray(0, 4));
    if (had === 0) return false;
    if (had < 4) throw cut();
    const magic = view.getUint32(0, true);
    if (magic >>> 4 === SKIPPABLE_MAGIC) {
      await this.#need(header.subarray(4, 8));
      await this.#skip(view.getUint32(4, true));
      return true;
    }
    if (magic !== MAGIC) throw new ReadFault('bad-compression', 'zstd: what follows a frame is no frame');
    await this.#need(header.subarray(4, 5));
    const descriptor = header[4]!;
    const singleSegment = (descriptor & 0x20) !== 0;
    const sizeCode = descriptor >> 6;
    const contentSizeLength = sizeCode === 0 ? Number(singleSegment) : 1 << sizeCode;
    const dictionaryIdLength = [0, 1, 2, 4][descriptor & 3]!;
    const windowLength = Number(!singleSegment);
    const length = 5 + windowLength + dictionaryIdLength + contentSizeLength;
    await this.#need(header.subarray(5, length));
    if (dictionaryIdLength > 0) throw new ReadFault('bad-compression', 'zstd: needs a dictionary');
    let window = 0;
    if (singleSegment) {
      for (let i = contentSizeLength - 1; i >= 0; i--) window = window * 256 + header[5 + i]!;
      if (contentSizeLength === 2) window += 256;
    } else {
      const base = 2 ** (10 + (header[5]! >> 3));
      window = base + (base / 8) * (header[5]! & 7);
    }
    if (window > WINDOW_MAX) {
      const message = `zstd: needs ${window} octets of memory, more than the ${WINDOW_MAX} it may have`;
      throw new ReadFault('bad-compression', message);
    }
    this.#hasChecksum = (descriptor & CHECKSUM_FLAG) !== 0;
    header[4] = descriptor & ~CHECKSUM_FLAG;
    this.#frame = new Decompress((octets) => {
      if (octets.length > 0) this.#out.push(octets);
    });
    // Zeros are empty raw blocks: with them the header is long enough for fzstd to read it now.
    const emptyBlocks = Math.ceil((FZSTD_HEAD - length) / BLOCK_HEADER) * BLOCK_HEADER;
    this.#push(this.#frame, header.subarray(0, length + Math.max(emptyBlocks, 0)), false);
    return true;
  }

  async #readBlock(frame: Decompress): Promise<void> {
    const head = this.#block.subarray(0, BLOCK_HEADER);
    await this.#need(head);
    const word = head[0]! | (head[1]! << 8) | (head[2]! << 16);
    const isLast = (word & 1) !== 0;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === RESERVED_BLOCK || size > BLOCK_MAX) throw new ReadFault('bad-compression', 'zstd: impossible block');
    const length = BLOCK_HEADER + (type === RLE_BLOCK ? 1 : size);
    const block = this.#block.subarray(0, length);
    await this.#need(block.subarray(BLOCK_HEADER));
    // In two parts, because fzstd keeps, for the rest of the frame, every part that ends where a block does.
    this.#push(frame, block.slice(0, length - 1), false);
    this.#push(frame, block.slice(length - 1), isLast);
    if (!isLast) return;
    this.#frame = null;
    if (this.#hasChecksum) await this.#need(new Uint8Array(4));
  }

  #push(frame: Decompress, octets: Uint8Array, isLast: boolean): void {
    try {
      frame.push(octets, isLast);
    } catch (error) {
      throw new ReadFault('bad-compression', `zstd: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #need(into: Uint8Array): Promise<void> {
    if ((await readFully(this.#source, into)) < into.length) throw cut();
  }

  async #skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const part = this.#block.subarray(0, Math.min(left, this.#block.length));
      await this.#need(part);
      left -= part.length;
    }
  }
}

function cut(): ReadFault {
  return new ReadFault('cut', 'file ends inside its zstd compressed octets');
}
