import { ReadFault } from './octet-reader.js';

// Blocks of a Zstandard frame, RFC 8878 sections 3.1.1.2 to 3.1.1.5 and 4. A compressed block:
//
//   Literals_Section:   header (1-5) | Huffman_Tree_Description | Jump_Table (0 or 6) | 1 or 4 bit streams
//   Sequences_Section:  header (1-4) | up to 3 FSE tables | one bit stream
//
// Bit streams are read from their last bit to their first; tables from their first to their last.
//
// Not fzstd 0.1.1 behind a check of frame and block headers, because it executes sequences without asking whether their
// matches fit the block: 28b52ffd 0000 4d0000 00 ffffff 54 000034 01 (98,047 matches of 65,539 octets, in a window of
// 1 KiB) keeps a single push busy for more than a minute and is then taken for valid. Headers do not tell such octets
// from honest ones, only decoding the tables and bits of the sequences does, which is most of what is written here.

/** Most octets that a block becomes. */
export const BLOCK_MAX = 128 << 10;
/** Octets that must be readable after a block's content, whatever they are: bits are read four octets at a time. */
export const BLOCK_MARGIN = 4;

const RAW = 0;
const RLE = 1;
const TREELESS = 3;

const PREDEFINED_MODE = 0;
const RLE_MODE = 1;
const REPEAT_MODE = 3;

const HUFFMAN_BITS_MAX = 11;
const WEIGHT_LOG_MAX = 6;
/** A longer offset would reach out of the largest window. */
const OFFSET_CODE_MAX = 27;

// Section 3.1.1.3.2.1.1: how many bits follow a code, and what they are added to.
const LITERALS_BITS = Uint8Array.of(...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
const LITERALS_BASE = Uint32Array.of(
  ...[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024,
  ],
  ...[2048, 4096, 8192, 16384, 32768, 65536],
);
const MATCH_BITS = Uint8Array.of(
  ...[...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
const MATCH_BASE = Uint32Array.of(
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32],
  ...[33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539],
);

/** A finite state entropy decoding table: in state s, symbols[s] is meant, and the next state is base[s] + bits[s] bits. */
interface FseTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly base: Uint16Array;
}

interface HuffmanTable {
  readonly maxBits: number;
  /** For every maxBits bits, the symbol they begin with (upper octet) and its length in bits. */
  readonly entries: Uint16Array;
}

/** What one of the three codes of sequences may be. */
interface Code {
  readonly name: string;
  readonly logMax: number;
  readonly symbolMax: number;
  readonly predefined: FseTable;
}

// Section 3.1.1.3.2.2: the predefined distributions.
const LITERALS_CODE: Code = {
  name: 'literals length',
  logMax: 9,
  symbolMax: 35,
  predefined: buildFseTable(
    Int16Array.of(4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1), // prettier-ignore
    6,
  ),
};
const OFFSET_CODE: Code = {
  name: 'offset',
  logMax: 8,
  symbolMax: 31,
  predefined: buildFseTable(
    Int16Array.of(1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1),
    5,
  ),
};
const MATCH_CODE: Code = {
  name: 'match length',
  logMax: 9,
  symbolMax: 52,
  predefined: buildFseTable(
    Int16Array.of(
      ...[1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      ...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1],
    ),
    6,
  ),
};

/**
 * Decompresses the blocks of one frame into `history`, whose octets from `given` to `end` are new to its user.
 * Any octets are safe: the work for a block is bounded by its length and BLOCK_MAX. Throws ReadFault.
 */
export class ZstdFrame {
  history: Uint8Array;
  given = 0;
  end = 0;
  /** Whether the last block of the frame was added. */
  isLast = false;
  readonly #window: number;
  /** Room that is made behind the window, so that it need not be moved for every block. */
  readonly #slack: number;
  readonly #literals = new Uint8Array(BLOCK_MAX);
  #literalsLength = 0;
  #huffman: HuffmanTable | null = null;
  #literalsTable: FseTable | null = null;
  #offsetTable: FseTable | null = null;
  #matchTable: FseTable | null = null;
  readonly #offsets = Uint32Array.of(1, 4, 8);

  /** `window`: how many octets back a match may reach. */
  constructor(window: number) {
    this.#window = window;
    this.#slack = Math.max(window >> 3, 1 << 20);
    this.history = new Uint8Array(4 * BLOCK_MAX);
  }

  addRaw(block: Uint8Array): void {
    this.#makeRoom(block.length);
    this.history.set(block, this.end);
    this.end += block.length;
  }

  addRepeated(octet: number, count: number): void {
    this.#makeRoom(count);
    this.history.fill(octet, this.end, this.end + count);
    this.end += count;
  }

  /** The block's content is the octets of `block` before `size`; BLOCK_MARGIN follow them. */
  addCompressed(block: Uint8Array, size: number): void {
    this.#makeRoom(BLOCK_MAX);
    const sequences = this.#readLiterals(block, size);
    this.#readSequences(block, sequences, size);
  }

  /** Everything before `end` was given when this is called. */
  #makeRoom(count: number): void {
    const { history, end } = this;
    if (end + count <= history.length) return;
    const most = this.#window + this.#slack;
    if (history.length < most) {
      this.history = new Uint8Array(Math.min(2 * history.length, most));
      this.history.set(history.subarray(0, end));
      if (end + count <= this.history.length) return;
    }
    const kept = Math.min(this.#window, end);
    this.history.copyWithin(0, end - kept, end);
    this.end = kept;
    this.given = kept;
  }

  /** Returns where the sequences section begins. */
  #readLiterals(block: Uint8Array, size: number): number {
    const first = block[0]!;
    const type = first & 3;
    const format = (first >> 2) & 3;
    let at: number;
    let length: number;
    if (type === RAW || type === RLE) {
      at = format === 1 ? 2 : format === 3 ? 3 : 1;
      length = at === 1 ? first >> 3 : (first >> 4) | (block[1]! << 4) | (at === 3 ? block[2]! << 12 : 0);
      const held = type === RAW ? length : 1;
      if (length > BLOCK_MAX || at + held > size) throw corrupt('literals');
      if (type === RAW) this.#literals.set(block.subarray(at, at + length));
      else this.#literals.fill(block[at]!, 0, length);
      this.#literalsLength = length;
      return at + held;
    }
    at = format < 2 ? 3 : format + 2;
    const lengthBits = [10, 10, 14, 18][format]!;
    length = bitsAt(block, 4, lengthBits);
    const compressed = bitsAt(block, 4 + lengthBits, lengthBits);
    const end = at + compressed;
    if (length > BLOCK_MAX || end > size) throw corrupt('literals');
    if (type !== TREELESS) at = this.#readHuffman(block, at, end);
    if (this.#huffman === null) throw corrupt('literals without a Huffman table');
    this.#literalsLength = length;
    if (format === 0) {
      decodeHuffman(this.#huffman, block, at, end, this.#literals, 0, length);
      return end;
    }
    const quarter = (length + 3) >> 2;
    let from = at + 6;
    for (let i = 0; i < 4; i++) {
      const to = i === 3 ? end : from + (block[at + 2 * i]! | (block[at + 2 * i + 1]! << 8));
      if (to > end) throw corrupt('literals');
      const outEnd = i === 3 ? length : (i + 1) * quarter;
      decodeHuffman(this.#huffman, block, from, to, this.#literals, i * quarter, outEnd);
      from = to;
    }
    return end;
  }

  /** Section 4.2.1: reads the weights of a Huffman tree; returns where they end. */
  #readHuffman(block: Uint8Array, at: number, end: number): number {
    const weights = new Uint8Array(256);
    const first = block[at++]!;
    let count: number;
    let next: number;
    if (first < 128) {
      next = at + first;
      if (next > end) throw corrupt('Huffman table');
      count = readWeights(block, at, next, weights);
    } else {
      count = first - 127;
      next = at + ((count + 1) >> 1);
      if (next > end) throw corrupt('Huffman table');
      for (let i = 0; i < count; i++) weights[i] = (block[at + (i >> 1)]! >> (i & 1 ? 0 : 4)) & 15;
    }
    this.#huffman = buildHuffmanTable(weights, count);
    return next;
  }

  #readSequences(block: Uint8Array, at: number, size: number): void {
    let count = at < size ? block[at++]! : 0;
    if (count === 255) {
      count = 0x7f00 + block[at]! + (block[at + 1]! << 8);
      at += 2;
    } else if (count > 127) {
      count = ((count - 128) << 8) + block[at++]!;
    }
    if (count === 0) {
      if (at !== size) throw corrupt('sequences');
      this.addRaw(this.#literals.subarray(0, this.#literalsLength));
      return;
    }
    const modes = block[at++]!;
    if ((modes & 3) !== 0) throw corrupt('sequences');
    const reader = { at };
    this.#literalsTable = readTable(LITERALS_CODE, modes >> 6, this.#literalsTable, block, reader, size);
    this.#offsetTable = readTable(OFFSET_CODE, (modes >> 4) & 3, this.#offsetTable, block, reader, size);
    this.#matchTable = readTable(MATCH_CODE, (modes >> 2) & 3, this.#matchTable, block, reader, size);
    if (reader.at >= size) throw corrupt('sequences');
    this.#execute(block, reader.at, size, count);
  }

  /** Section 3.1.1.4: each sequence copies literals, then octets that came before. */
  #execute(block: Uint8Array, from: number, size: number, count: number): void {
    const { history } = this;
    const literals = this.#literals;
    const literalsLength = this.#literalsLength;
    const literalsTable = this.#literalsTable!;
    const offsetTable = this.#offsetTable!;
    const matchTable = this.#matchTable!;
    const window = this.#window;
    const firstBit = 8 * from;
    let bit = lastBit(block, from, size);
    let literalsState = bitsAt(block, (bit -= literalsTable.log), literalsTable.log);
    let offsetState = bitsAt(block, (bit -= offsetTable.log), offsetTable.log);
    let matchState = bitsAt(block, (bit -= matchTable.log), matchTable.log);
    let [offset1, offset2, offset3] = this.#offsets as unknown as [number, number, number];
    let literal = 0;
    let end = this.end;
    const endMax = end + BLOCK_MAX;
    while (true) {
      const offsetBits = offsetTable.symbols[offsetState]!;
      const matchCode = matchTable.symbols[matchState]!;
      const literalsCode = literalsTable.symbols[literalsState]!;
      if (offsetBits > OFFSET_CODE_MAX || bit < firstBit) throw corrupt('sequences');
      let offset = 1 << offsetBits;
      if (offsetBits > 16) {
        offset += bitsAt(block, (bit -= offsetBits - 16), offsetBits - 16) << 16;
        offset += bitsAt(block, (bit -= 16), 16);
      } else {
        offset += bitsAt(block, (bit -= offsetBits), offsetBits);
      }
      const matchBits = MATCH_BITS[matchCode]!;
      const matchLength = MATCH_BASE[matchCode]! + bitsAt(block, (bit -= matchBits), matchBits);
      const literalBits = LITERALS_BITS[literalsCode]!;
      const literalLength = LITERALS_BASE[literalsCode]! + bitsAt(block, (bit -= literalBits), literalBits);
      if (offset > 3) {
        offset -= 3;
        offset3 = offset2;
        offset2 = offset1;
        offset1 = offset;
      } else {
        const recent = literalLength === 0 ? offset + 1 : offset;
        if (recent > 1) {
          offset = recent === 2 ? offset2 : recent === 3 ? offset3 : offset1 - 1;
          if (recent > 2) offset3 = offset2;
          offset2 = offset1;
          offset1 = offset;
        } else {
          offset = offset1;
        }
      }
      const matchAt = end + literalLength;
      if (bit < firstBit || literal + literalLength > literalsLength || matchAt + matchLength > endMax) {
        throw corrupt('sequences');
      }
      if (offset === 0 || offset > matchAt || offset > window) throw corrupt('offset');
      for (let i = 0; i < literalLength; i++) history[end + i] = literals[literal + i]!;
      literal += literalLength;
      end = matchAt + matchLength;
      if (offset >= matchLength && matchLength > 32) {
        history.copyWithin(matchAt, matchAt - offset, end - offset);
      } else {
        for (let to = matchAt; to < end; to++) history[to] = history[to - offset]!;
      }
      if (--count === 0) break;
      const nextLiterals = literalsTable.bits[literalsState]!;
      literalsState = literalsTable.base[literalsState]! + bitsAt(block, (bit -= nextLiterals), nextLiterals);
      const nextMatch = matchTable.bits[matchState]!;
      matchState = matchTable.base[matchState]! + bitsAt(block, (bit -= nextMatch), nextMatch);
      const nextOffset = offsetTable.bits[offsetState]!;
      offsetState = offsetTable.base[offsetState]! + bitsAt(block, (bit -= nextOffset), nextOffset);
    }
    const rest = literalsLength - literal;
    if (bit !== firstBit || end + rest > endMax) throw corrupt('sequences');
    history.set(literals.subarray(literal, literalsLength), end);
    this.end = end + rest;
    this.#offsets.set([offset1, offset2, offset3]);
  }
}

function corrupt(what: string): ReadFault {
  return new ReadFault('bad-compression', `zstd: impossible ${what}`);
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

/** `count` bits, 24 at most, from bit `at` of the octets on; a negative place gives anything, to be found out later. */
function bitsAt(octets: Uint8Array, at: number, count: number): number {
  const i = at >> 3;
  const word = octets[i]! | (octets[i + 1]! << 8) | (octets[i + 2]! << 16) | (octets[i + 3]! << 24);
  return (word >>> (at & 7)) & ((1 << count) - 1);
}

/** Where a bit stream that is read backwards begins: at its highest bit that is set, which only marks the place. */
function lastBit(octets: Uint8Array, from: number, end: number): number {
  if (end <= from || octets[end - 1] === 0) throw corrupt('bit stream');
  return 8 * end - Math.clz32(octets[end - 1]!) + 23;
}

function readTable(
  code: Code,
  mode: number,
  previous: FseTable | null,
  block: Uint8Array,
  reader: { at: number },
  size: number,
): FseTable {
  if (mode === PREDEFINED_MODE) return code.predefined;
  if (mode === REPEAT_MODE) {
    if (previous === null) throw corrupt(`${code.name} table`);
    return previous;
  }
  if (mode === RLE_MODE) {
    const symbol = block[reader.at++]!;
    if (symbol > code.symbolMax) throw corrupt(`${code.name} table`);
    return { log: 0, symbols: Uint8Array.of(symbol), bits: Uint8Array.of(0), base: Uint16Array.of(0) };
  }
  return readFseTable(block, reader, size, code.logMax, code.symbolMax);
}

/** Section 4.1.1. */
function readFseTable(
  block: Uint8Array,
  reader: { at: number },
  end: number,
  logMax: number,
  symbolMax: number,
): FseTable {
  let bit = 8 * reader.at;
  const log = bitsAt(block, bit, 4) + 5;
  bit += 4;
  if (log > logMax) throw corrupt('table');
  const counts = new Int16Array(symbolMax + 1);
  let symbol = 0;
  /** One more than what is left of the table's 2^log states. */
  let left = (1 << log) + 1;
  while (left > 1) {
    if (symbol > symbolMax || bit > 8 * end) throw corrupt('table');
    // Values up to `left` take this many bits, or, for the lowest of them, one less.
    const bits = 32 - Math.clz32(left);
    const short = (1 << bits) - 1 - left;
    let value = bitsAt(block, bit, bits - 1);
    if (value < short) {
      bit += bits - 1;
    } else {
      value = bitsAt(block, bit, bits);
      if (value >= 1 << (bits - 1)) value -= short;
      bit += bits;
    }
    const count = value - 1;
    counts[symbol++] = count;
    left -= Math.abs(count);
    if (count === 0) {
      let repeated: number;
      do {
        repeated = bitsAt(block, bit, 2);
        bit += 2;
        symbol += repeated;
      } while (repeated === 3 && symbol <= symbolMax);
    }
  }
  reader.at = (bit + 7) >> 3;
  if (left < 1 || symbol > symbolMax + 1 || reader.at > end) throw corrupt('table');
  return buildFseTable(counts, log);
}

/** Section 4.1.1: spreads symbols over the states by their counts, which fill the table exactly; -1 is "less than 1". */
function buildFseTable(counts: Int16Array, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  const next = Uint16Array.from(counts, Math.abs);
  let high = size - 1;
  counts.forEach((count, symbol) => {
    if (count === -1) symbols[high--] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let state = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      symbols[state] = symbol;
      do state = (state + step) & (size - 1);
      while (state > high);
    }
  });
  for (let i = 0; i < size; i++) {
    const number = next[symbols[i]!]!++;
    bits[i] = log - (31 - Math.clz32(number));
    base[i] = (number << bits[i]!) - size;
  }
  return { log, symbols, bits, base };
}

/** Section 4.2.1.2: weights written by two states of one table in turn, until their bits run out; returns how many. */
function readWeights(block: Uint8Array, at: number, end: number, weights: Uint8Array): number {
  const reader = { at };
  const table = readFseTable(block, reader, end, WEIGHT_LOG_MAX, HUFFMAN_BITS_MAX);
  const firstBit = 8 * reader.at;
  let bit = lastBit(block, reader.at, end);
  let state = bitsAt(block, (bit -= table.log), table.log);
  let other = bitsAt(block, (bit -= table.log), table.log);
  if (bit < firstBit) throw corrupt('Huffman table');
  for (let count = 0; count < 254;) {
    weights[count++] = table.symbols[state]!;
    bit -= table.bits[state]!;
    if (bit < firstBit) {
      weights[count++] = table.symbols[other]!;
      return count;
    }
    const next = table.base[state]! + bitsAt(block, bit, table.bits[state]!);
    state = other;
    other = next;
  }
  throw corrupt('Huffman table');
}

/** Section 4.2.1: the weight of the last symbol is what is missing to a power of two. */
function buildHuffmanTable(weights: Uint8Array, count: number): HuffmanTable {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    if (weights[i]! > HUFFMAN_BITS_MAX) throw corrupt('Huffman table');
    sum += (1 << weights[i]!) >> 1;
  }
  const maxBits = 32 - Math.clz32(sum);
  const missing = (1 << maxBits) - sum;
  if (sum === 0 || maxBits > HUFFMAN_BITS_MAX || (missing & (missing - 1)) !== 0) throw corrupt('Huffman table');
  weights[count] = 32 - Math.clz32(missing);
  const entries = new Uint16Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++) {
    for (let symbol = 0; symbol <= count; symbol++) {
      if (weights[symbol] !== weight) continue;
      const to = at + (1 << (weight - 1));
      entries.fill((symbol << 8) | (maxBits + 1 - weight), at, to);
      at = to;
    }
  }
  return { maxBits, entries };
}

/** Section 4.2.2. */
function decodeHuffman(
  { maxBits, entries }: HuffmanTable,
  block: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  outAt: number,
  outEnd: number,
): void {
  // Bits before the first one count as zeros.
  const firstBit = 8 * from;
  let bit = lastBit(block, from, end);
  for (; outAt < outEnd; outAt++) {
    const at = bit - maxBits;
    const index =
      at >= firstBit
        ? bitsAt(block, at, maxBits)
        : (bitsAt(block, firstBit, maxBits) << (firstBit - at)) & ((1 << maxBits) - 1);
    const entry = entries[index]!;
    out[outAt] = entry >> 8;
    bit -= entry & 255;
  }
  if (bit !== firstBit) throw corrupt('literals');
}
