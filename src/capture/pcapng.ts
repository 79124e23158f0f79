import type { CaptureInterface, FrameBatch } from './frame-batch.js';
import { capturedLimit, RECORD_LIMIT, type Fault, type FrameWalker } from './frame-walker.js';
import { formatIpv4, formatIpv6 } from './name-address.js';

// pcapng, draft-ietf-opsawg-pcapng: blocks, each with its length at both ends, in the byte order of the section they are in.
//
//    0                   1                   2                   3
//   +---------------------------------------------------------------+
//   |                          Block Type                           |
//   |                      Block Total Length                       |
//   /                          Block Body                           /
//   |                      Block Total Length                       |
//   +---------------------------------------------------------------+

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const NAME_RESOLUTION = 4;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

// Shortest blocks, with the type and both lengths.
const BLOCK_MIN = 12;
export const SECTION_HEADER_MIN = 28;
const INTERFACE_DESCRIPTION_MIN = 20;
const SIMPLE_PACKET_MIN = 16;
const INTERFACE_STATISTICS_MIN = 24;
const ENHANCED_PACKET_MIN = 32;
/** Offset of the packet data, the same in enhanced and obsolete packet blocks. */
const ENHANCED_PACKET_DATA = 28;
const SIMPLE_PACKET_DATA = 12;

const END_OF_OPTIONS = 0;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_FILTER = 11;
const IF_TSOFFSET = 14;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;
const ISB_OSDROP = 7;

const NAME_RECORD_IPV4 = 1;
const NAME_RECORD_IPV6 = 2;

// A file must not make memory grow without end: these are far beyond what any capture needs.
const INTERFACE_MAX = 65536;
const ADDRESS_NAME_MAX = 64;
const NAME_MAX = 65536;
const NAME_LENGTH_MAX = 255;
const FILTER_LENGTH_MAX = 1024;

const MAX_SECOND = 0xffffffff;

/** Whether the octets begin a pcapng file. Needs twelve octets. */
export function isPcapng(view: DataView, at: number): boolean {
  return view.getUint32(at) === SECTION_HEADER && sectionByteOrder(view, at) !== null;
}

/** Version of the section that begins here. Needs SECTION_HEADER_MIN octets. */
export function sectionVersion(view: DataView, at: number): { major: number; minor: number } {
  const littleEndian = sectionByteOrder(view, at) === true;
  return { major: view.getUint16(at + 12, littleEndian), minor: view.getUint16(at + 14, littleEndian) };
}

/** Whether a section is little endian; null when its byte-order magic is wrong. Needs twelve octets. */
function sectionByteOrder(view: DataView, at: number): boolean | null {
  if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(at + 8) === BYTE_ORDER_MAGIC ? false : null;
}

/** What a packet block of an interface needs to be read. */
interface Clock {
  readonly limit: number;
  /** Ticks in a second, for resolutions that are a power of ten no finer than nanoseconds; 0 for the others. */
  readonly ticks: number;
  readonly nanosecondsPerTick: number;
  /** Ticks in a second, for any resolution. */
  readonly exactTicks: bigint;
  /** Seconds to add. */
  readonly offset: number;
}

/**
 * Walks the blocks of a pcapng file. Only packets are frames and have numbers; Wireshark 4 also numbers custom blocks
 * and journal entries.
 */
export class PcapngWalker implements FrameWalker {
  readonly interfaces: CaptureInterface[] = [];
  readonly names = new Map<string, string[]>();
  fault: Fault | null = null;
  #littleEndian = true;
  /** Id, over all sections, of this section's first interface. */
  #firstInterface = 0;
  readonly #clocks: Clock[] = [];
  #nameCount = 0;
  // A block that nobody reads passes through the window without being held: its length, and how much is still to come.
  #skipTotal = 0;
  #skipLeft = 0;

  walk(batch: FrameBatch, at: number, end: number): number {
    const { view, offsets, capturedLengths, originalLengths, seconds, nanoseconds, interfaceIds, capacity } = batch;
    let littleEndian = this.#littleEndian;
    let firstInterface = this.#firstInterface;
    let interfaceId = -1;
    let clock: Clock | undefined;
    let count = 0;
    batch.count = 0;
    if (this.#skipTotal > 0) {
      at = this.#skip(view, at, end);
      if (this.#skipTotal > 0) return at;
    }
    while (count < capacity && at + BLOCK_MIN <= end) {
      const type = view.getInt32(at, littleEndian);
      if (type !== ENHANCED_PACKET && type !== OBSOLETE_PACKET) {
        batch.count = count;
        const next = this.#readBlock(batch, type, at, end);
        count = batch.count;
        littleEndian = this.#littleEndian;
        firstInterface = this.#firstInterface;
        interfaceId = -1;
        if (next === at) break;
        at = next;
        if (this.#skipTotal > 0) break;
        continue;
      }
      const total = view.getInt32(at + 4, littleEndian);
      if (total < ENHANCED_PACKET_MIN || (total & 3) !== 0 || total > RECORD_LIMIT) {
        this.#checkTotal(total >>> 0, ENHANCED_PACKET_MIN, at);
        break;
      }
      const next = at + total;
      if (at + ENHANCED_PACKET_DATA > end) break;
      const id =
        firstInterface +
        (type === OBSOLETE_PACKET ? view.getUint16(at + 8, littleEndian) : view.getUint32(at + 8, littleEndian));
      if (id !== interfaceId || clock === undefined) {
        clock = this.#clocks[id];
        if (clock === undefined) {
          this.#refuseInterface(id - firstInterface, at);
          break;
        }
        interfaceId = id;
      }
      const captured = view.getInt32(at + 20, littleEndian);
      if (captured < 0 || captured > clock.limit) {
        const message = `packet block announces ${captured >>> 0} octets, more than the ${clock.limit} this capture can hold`;
        this.fault = { code: 'bad-length', message, at };
        break;
      }
      if (captured > total - ENHANCED_PACKET_MIN) {
        this.#refuse(`packet block of ${total} octets announces ${captured} octets of packet`, at);
        break;
      }
      if (next > end) break;
      if (view.getInt32(next - 4, littleEndian) !== total) {
        this.#refuseTrailer(view, total, next, at);
        break;
      }
      const high = view.getUint32(at + 12, littleEndian);
      const low = view.getUint32(at + 16, littleEndian);
      let second: number;
      let nanosecond: number;
      const ticks = clock.ticks;
      if (ticks !== 0) {
        // The quotient of rounded numbers is wrong by one at most; the rest is exact modulo 2^32 and shows it.
        second = Math.floor((high * 4294967296 + low) / ticks);
        let rest = (low - Math.imul(second, ticks)) | 0;
        if (rest < 0) {
          second--;
          rest += ticks;
        } else if (rest >= ticks) {
          second++;
          rest -= ticks;
        }
        nanosecond = rest * clock.nanosecondsPerTick;
      } else {
        const ticksSinceEpoch = (BigInt(high) << 32n) | BigInt(low);
        const time = (ticksSinceEpoch * 1_000_000_000n) / clock.exactTicks;
        second = Number(time / 1_000_000_000n);
        nanosecond = Number(time % 1_000_000_000n);
      }
      second += clock.offset;
      if (second < 0) {
        second = 0;
        nanosecond = 0;
      } else if (second > MAX_SECOND) {
        second = MAX_SECOND;
        nanosecond = 999_999_999;
      }
      offsets[count] = at + ENHANCED_PACKET_DATA;
      capturedLengths[count] = captured;
      originalLengths[count] = view.getUint32(at + 24, littleEndian);
      seconds[count] = second;
      nanoseconds[count] = nanosecond;
      interfaceIds[count] = id;
      count++;
      at = next;
    }
    batch.count = count;
    return at;
  }

  faultAtEnd(view: DataView, at: number, end: number): Fault | null {
    const left = end - at;
    if (this.#skipTotal > 0) {
      const had = this.#skipTotal - this.#skipLeft;
      const message = `file ends after ${had + left} of the ${this.#skipTotal} octets of a block`;
      return { code: 'cut', message, at: at - had };
    }
    if (left === 0) return null;
    const message =
      left < BLOCK_MIN
        ? `file ends after ${left} octets of a block, which has at least ${BLOCK_MIN}`
        : `file ends after ${left} of the ${this.#totalLength(view, at)} octets of a block`;
    return { code: 'cut', message, at };
  }

  /** Reads, or begins to skip, a block that is no enhanced or obsolete packet; returns `at` when it cannot go on. */
  #readBlock(batch: FrameBatch, type: number, at: number, end: number): number {
    const { view } = batch;
    if (type === SECTION_HEADER) {
      const order = sectionByteOrder(view, at);
      if (order === null) return this.#refuse('section header has no byte-order magic', at);
      this.#littleEndian = order;
    }
    const total = this.#totalLength(view, at);
    const least = leastLength(type);
    if (least === 0) {
      if (total < BLOCK_MIN || (total & 3) !== 0) return this.#checkTotal(total, BLOCK_MIN, at);
      this.#skipTotal = total;
      this.#skipLeft = total;
      return this.#skip(view, at, end);
    }
    if (total < least || (total & 3) !== 0 || total > RECORD_LIMIT) return this.#checkTotal(total, least, at);
    const next = at + total;
    if (next > end) return at;
    if (view.getUint32(next - 4, this.#littleEndian) !== total) return this.#refuseTrailer(view, total, next, at);
    switch (type) {
      case SECTION_HEADER:
        this.#readSection(view, at);
        break;
      case INTERFACE_DESCRIPTION:
        this.#readInterface(view, at, next - 4);
        break;
      case SIMPLE_PACKET:
        this.#readSimplePacket(batch, at, next);
        break;
      case NAME_RESOLUTION:
        this.#readNames(view, at, next - 4);
        break;
      case INTERFACE_STATISTICS:
        this.#readStatistics(view, at, next - 4);
        break;
    }
    return this.fault === null ? next : at;
  }

  #totalLength(view: DataView, at: number): number {
    return view.getUint32(at + 4, this.#littleEndian);
  }

  /** Passes octets of the block being skipped; its last four, the second length, are kept until all are there. */
  #skip(view: DataView, at: number, end: number): number {
    const passed = Math.min(this.#skipLeft - 4, end - at);
    this.#skipLeft -= passed;
    at += passed;
    if (this.#skipLeft > 4 || at + 4 > end) return at;
    const total = this.#skipTotal;
    if (view.getUint32(at, this.#littleEndian) !== total) {
      this.#refuseTrailer(view, total, at + 4, at + 4 - total);
      return at;
    }
    this.#skipTotal = 0;
    this.#skipLeft = 0;
    return at + 4;
  }

  #readSection(view: DataView, at: number): void {
    const { major, minor } = sectionVersion(view, at);
    if (!isSupportedVersion(major, minor)) {
      this.fault = { code: 'unsupported-version', message: unsupportedVersion(major, minor), at };
      return;
    }
    this.#firstInterface = this.interfaces.length;
  }

  #readInterface(view: DataView, at: number, end: number): void {
    if (this.interfaces.length === INTERFACE_MAX) {
      this.#refuse(`file has more than ${INTERFACE_MAX} interfaces`, at);
      return;
    }
    const littleEndian = this.#littleEndian;
    const linkType = view.getUint16(at + 8, littleEndian);
    const snapLength = view.getUint32(at + 12, littleEndian);
    let name: string | null = null;
    let filter: string | null = null;
    let resolution = 6;
    let offset = 0;
    this.#readOptions(view, at, at + 16, end, (code, from, length) => {
      if (code === IF_NAME) name = text(view, from, Math.min(length, NAME_LENGTH_MAX));
      else if (code === IF_FILTER && length > 0) filter = readFilter(view, from, length);
      else if (code === IF_TSRESOL && length === 1) resolution = view.getUint8(from);
      else if (code === IF_TSOFFSET && length === 8) offset = signed64(view, from, littleEndian);
    });
    this.interfaces.push({ id: this.interfaces.length, linkType, snapLength, name, filter, statistics: null });
    this.#clocks.push(clockOf(resolution, offset, capturedLimit(snapLength)));
  }

  #readSimplePacket(batch: FrameBatch, at: number, next: number): void {
    const { view, count } = batch;
    const id = this.#firstInterface;
    const from = this.interfaces[id];
    if (from === undefined) {
      this.#refuseInterface(0, at);
      return;
    }
    const original = view.getUint32(at + 8, this.#littleEndian);
    const captured = from.snapLength === 0 ? original : Math.min(original, from.snapLength);
    const room = next - at - SIMPLE_PACKET_MIN;
    if (captured > room) {
      this.#refuse(`simple packet block of ${next - at} octets announces ${captured} octets of packet`, at);
      return;
    }
    batch.offsets[count] = at + SIMPLE_PACKET_DATA;
    batch.capturedLengths[count] = captured;
    batch.originalLengths[count] = original;
    batch.seconds[count] = 0;
    batch.nanoseconds[count] = 0;
    batch.interfaceIds[count] = id;
    batch.count = count + 1;
  }

  #readStatistics(view: DataView, at: number, end: number): void {
    const littleEndian = this.#littleEndian;
    const id = view.getUint32(at + 8, littleEndian);
    const about = this.interfaces[this.#firstInterface + id];
    if (about === undefined) {
      this.#refuseInterface(id, at);
      return;
    }
    const statistics = { received: null, dropped: null, osDropped: null } as NonNullable<
      CaptureInterface['statistics']
    >;
    this.#readOptions(view, at, at + 20, end, (code, from, length) => {
      if (length !== 8) return;
      if (code === ISB_IFRECV) statistics.received = unsigned64(view, from, littleEndian);
      else if (code === ISB_IFDROP) statistics.dropped = unsigned64(view, from, littleEndian);
      else if (code === ISB_OSDROP) statistics.osDropped = unsigned64(view, from, littleEndian);
    });
    about.statistics = statistics;
  }

  #readNames(view: DataView, at: number, end: number): void {
    // Name records have the layout of options: a type, a length, the value, padding; type 0 ends them.
    this.#readOptions(view, at, at + 8, end, (type, from, length) => {
      const addressLength = type === NAME_RECORD_IPV4 ? 4 : type === NAME_RECORD_IPV6 ? 16 : 0;
      if (addressLength === 0 || length < addressLength) return;
      const address = type === NAME_RECORD_IPV4 ? formatIpv4(view, from) : formatIpv6(view, from);
      let names = this.names.get(address);
      for (const name of text(view, from + addressLength, length - addressLength).split('\0')) {
        if (name === '' || name.length > NAME_LENGTH_MAX || names?.includes(name)) continue;
        if (this.#nameCount === NAME_MAX || names?.length === ADDRESS_NAME_MAX) return;
        this.#nameCount++;
        if (names === undefined) this.names.set(address, (names = []));
        names.push(name);
      }
    });
  }

  /** Calls `use` with the code, place and length of every option from `from` on, to the end of options or of the block. */
  #readOptions(
    view: DataView,
    block: number,
    from: number,
    end: number,
    use: (code: number, from: number, length: number) => void,
  ): void {
    while (from + 4 <= end) {
      const code = view.getUint16(from, this.#littleEndian);
      const length = view.getUint16(from + 2, this.#littleEndian);
      if (code === END_OF_OPTIONS) return;
      from += 4;
      if (from + length > end) {
        this.#refuse(`option ${code} announces ${length} octets where its block has ${end - from}`, block);
        return;
      }
      use(code, from, length);
      from += (length + 3) & ~3;
    }
  }

  #checkTotal(total: number, least: number, at: number): number {
    if (total >= least && (total & 3) === 0) {
      const message = `block announces ${total} octets, more than the ${RECORD_LIMIT} a block may have`;
      this.fault = { code: 'bad-length', message, at };
      return at;
    }
    if (total < least) return this.#refuse(`block announces ${total} octets, its kind has at least ${least}`, at);
    return this.#refuse(`block announces ${total} octets, which is no multiple of 4`, at);
  }

  #refuseTrailer(view: DataView, total: number, next: number, at: number): number {
    const trailer = view.getUint32(next - 4, this.#littleEndian);
    return this.#refuse(`block announces ${total} octets at its beginning and ${trailer} at its end`, at);
  }

  #refuseInterface(id: number, at: number): number {
    const known = this.interfaces.length - this.#firstInterface;
    return this.#refuse(`block is about interface ${id} of its section, which describes ${known}`, at);
  }

  #refuse(message: string, at: number): number {
    this.fault = { code: 'bad-block', message, at };
    return at;
  }
}

/** Section 4.1: another minor version may have what a reader of this one cannot read; 2 was written for 0. */
export function isSupportedVersion(major: number, minor: number): boolean {
  return major === 1 && (minor === 0 || minor === 2);
}

export function unsupportedVersion(major: number, minor: number): string {
  return `pcapng version ${major}.${minor} is not supported, only 1.0 is`;
}

/** Shortest length of a block that is read; 0 for a block that is skipped. */
function leastLength(type: number): number {
  switch (type) {
    case SECTION_HEADER:
      return SECTION_HEADER_MIN;
    case INTERFACE_DESCRIPTION:
      return INTERFACE_DESCRIPTION_MIN;
    case SIMPLE_PACKET:
      return SIMPLE_PACKET_MIN;
    case NAME_RESOLUTION:
      return BLOCK_MIN;
    case INTERFACE_STATISTICS:
      return INTERFACE_STATISTICS_MIN;
    default:
      return 0;
  }
}

/** `resolution` is if_tsresol: a negative power of 2 when its highest bit is set, else of 10. */
function clockOf(resolution: number, offset: number, limit: number): Clock {
  const exponent = resolution & 0x7f;
  const exactTicks = (resolution & 0x80 ? 2n : 10n) ** BigInt(exponent);
  const decimal = (resolution & 0x80) === 0 && exponent <= 9;
  return {
    limit,
    ticks: decimal ? 10 ** exponent : 0,
    nanosecondsPerTick: decimal ? 10 ** (9 - exponent) : 0,
    exactTicks,
    offset,
  };
}

/** if_filter: a code, then for code 0 the text of a filter, for code 1 a compiled one. */
function readFilter(view: DataView, from: number, length: number): string {
  if (view.getUint8(from) !== 0) return '(compiled filter)';
  return text(view, from + 1, Math.min(length - 1, FILTER_LENGTH_MAX));
}

const utf8 = new TextDecoder();

/** UTF-8 text; some writers end it with a zero although its length is given. */
function text(view: DataView, from: number, length: number): string {
  while (length > 0 && view.getUint8(from + length - 1) === 0) length--;
  return utf8.decode(new Uint8Array(view.buffer, view.byteOffset + from, length));
}

function unsigned64(view: DataView, at: number, littleEndian: boolean): number {
  return Number(view.getBigUint64(at, littleEndian));
}

function signed64(view: DataView, at: number, littleEndian: boolean): number {
  return Number(view.getBigInt64(at, littleEndian));
}
