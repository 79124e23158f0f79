import { ReadFault, readFully, type OctetReader } from './octet-reader.js';
import { BLOCK_MARGIN, BLOCK_MAX, ZstdFrame } from './zstd-frame.js';

// Zstandard, RFC 8878 section 3. A frame:
//
//   Magic_Number (4) | Frame_Header (2-14) | Data_Block ... | Content_Checksum (0 or 4)
//
// and before each block's content three octets: Last_Block (1 bit), Block_Type (2 bits), Block_Size (21 bits).

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a5;
const HEADER_MAX = 18;
const BLOCK_HEADER = 3;
const RAW_BLOCK = 0;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
/** What zstd itself decompresses without being told that it may use more. */
const WINDOW_MAX = 128 << 20;

/**
 * Reads zstd, also several frames in a row; everything in the blocks before damage is given.
 * The content checksum is not verified.
 *
 * It is written out here because there was no library for it that can be trusted with any octets in a stream: Node has
 * its own only from version 22.15 on, and zstd-frame.ts says why it is not fzstd.
 */
export class UnzstdReader implements OctetReader {
  readonly rewindable = false;
  readonly #source: OctetReader;
  #frame: ZstdFrame | null = null;
  #checksum = 0;
  readonly #block = new Uint8Array(BLOCK_MAX + BLOCK_MARGIN);

  constructor(source: OctetReader) {
    this.#source = source;
  }

  get octetsRead(): number {
    return this.#source.octetsRead;
  }

  async read(into: Uint8Array): Promise<number> {
    for (;;) {
      const frame = this.#frame;
      if (frame === null) {
        if (!(await this.#readFrameHeader())) return 0;
      } else if (frame.given < frame.end) {
        const given = frame.history.subarray(frame.given, Math.min(frame.end, frame.given + into.length));
        into.set(given);
        frame.given += given.length;
        return given.length;
      } else if (frame.isLast) {
        this.#frame = null;
        await this.#need(this.#block.subarray(0, this.#checksum));
      } else {
        await this.#readBlock(frame);
      }
    }
  }

  rewind(): void {}

  close(): Promise<void> {
    return this.#source.close();
  }

  /** Section 3.1.1.1; false at the end of the source. */
  async #readFrameHeader(): Promise<boolean> {
    const header = new Uint8Array(HEADER_MAX);
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
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const sizeCode = descriptor >> 6;
    const sizeLength = sizeCode === 0 ? Number(isSingleSegment) : 1 << sizeCode;
    const dictionaryIdLength = [0, 1, 2, 4][descriptor & 3]!;
    if (dictionaryIdLength > 0) throw new ReadFault('bad-compression', 'zstd: needs a dictionary');
    await this.#need(header.subarray(5, 5 + Number(!isSingleSegment) + sizeLength));
    const window = isSingleSegment ? contentSize(header.subarray(5, 5 + sizeLength)) : windowSize(header[5]!);
    if (window > WINDOW_MAX) {
      const message = `zstd: needs a window of ${window} octets, more than the ${WINDOW_MAX} it may have`;
      throw new ReadFault('bad-compression', message);
    }
    this.#checksum = descriptor & 4;
    this.#frame = new ZstdFrame(window);
    return true;
  }

  async #readBlock(frame: ZstdFrame): Promise<void> {
    const block = this.#block;
    await this.#need(block.subarray(0, BLOCK_HEADER));
    const word = block[0]! | (block[1]! << 8) | (block[2]! << 16);
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === RESERVED_BLOCK || size > BLOCK_MAX) throw new ReadFault('bad-compression', 'zstd: impossible block');
    const content = block.subarray(0, type === RLE_BLOCK ? 1 : size);
    await this.#need(content);
    if (type === RAW_BLOCK) frame.addRaw(content);
    else if (type === RLE_BLOCK) frame.addRepeated(content[0]!, size);
    else frame.addCompressed(block, size);
    frame.isLast = (word & 1) !== 0;
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

function contentSize(field: Uint8Array): number {
  const size = field.reduceRight((sum, octet) => sum * 256 + octet, 0);
  return field.length === 2 ? size + 256 : size;
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function cut(): ReadFault {
  return new ReadFault('cut', 'file ends inside its zstd compressed octets');
}
