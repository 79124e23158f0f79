import type { CaptureInterface, FrameBatch } from './frame-batch.js';
import { capturedLimit, type Fault, type FrameWalker } from './frame-walker.js';

// Classic pcap, draft-ietf-opsawg-pcap. A file header, then records:
//
//    0                   1                   2                   3
//   +---------------------------------------------------------------+
//   |                      Timestamp (Seconds)                      |
//   |            Timestamp (Microseconds or nanoseconds)            |
//   |                    Captured Packet Length                     |
//   |                    Original Packet Length                     |
//   /                          Packet Data                          /

export const PCAP_HEADER = 24;
const RECORD_HEADER = 16;

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;

export interface PcapHeader {
  readonly littleEndian: boolean;
  readonly nanosecond: boolean;
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly snapLength: number;
  readonly linkType: number;
}

/** Whether the octets begin a classic pcap file. Needs four octets. */
export function isPcap(view: DataView, at: number): boolean {
  const big = view.getUint32(at);
  const little = view.getUint32(at, true);
  return [big, little].some((magic) => magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS);
}

/** Reads the header of a file that isPcap() knows. Needs PCAP_HEADER octets. */
export function readPcapHeader(view: DataView, at: number): PcapHeader {
  const littleEndian = view.getUint8(at) !== 0xa1;
  return {
    littleEndian,
    nanosecond: view.getUint32(at, littleEndian) === MAGIC_NANOSECONDS,
    versionMajor: view.getUint16(at + 4, littleEndian),
    versionMinor: view.getUint16(at + 6, littleEndian),
    snapLength: view.getUint32(at + 16, littleEndian),
    // The upper half of the field holds the length of the frame check sequence and reserved bits.
    linkType: view.getUint32(at + 20, littleEndian) & 0xffff,
  };
}

export class PcapWalker implements FrameWalker {
  readonly interfaces: readonly CaptureInterface[];
  readonly names: ReadonlyMap<string, readonly string[]> = new Map();
  fault: Fault | null = null;
  readonly #littleEndian: boolean;
  readonly #nanosecond: boolean;
  readonly #limit: number;

  constructor(header: PcapHeader) {
    const { linkType, snapLength } = header;
    this.interfaces = [{ id: 0, linkType, snapLength, name: null, filter: null, statistics: null }];
    this.#littleEndian = header.littleEndian;
    this.#nanosecond = header.nanosecond;
    this.#limit = capturedLimit(snapLength);
  }

  walk(batch: FrameBatch, at: number, end: number): number {
    const { view, offsets, capturedLengths, originalLengths, seconds, nanoseconds, capacity } = batch;
    const littleEndian = this.#littleEndian;
    const nanosecond = this.#nanosecond;
    const limit = this.#limit;
    const lastStart = end - RECORD_HEADER;
    let count = 0;
    while (count < capacity && at <= lastStart) {
      const captured = view.getInt32(at + 8, littleEndian);
      if (captured < 0 || captured > limit) {
        const message = `record announces ${captured >>> 0} octets, more than the ${limit} this capture can hold`;
        this.fault = { code: 'bad-length', message, at };
        break;
      }
      const next = at + RECORD_HEADER + captured;
      if (next > end) break;
      let second = view.getUint32(at, littleEndian);
      let nanos = view.getUint32(at + 4, littleEndian);
      if (!nanosecond) nanos *= 1000;
      if (nanos > 999_999_999) {
        second += Math.floor(nanos / 1e9);
        nanos %= 1e9;
      }
      offsets[count] = at + RECORD_HEADER;
      capturedLengths[count] = captured;
      originalLengths[count] = view.getUint32(at + 12, littleEndian);
      seconds[count] = second;
      nanoseconds[count] = nanos;
      count++;
      at = next;
    }
    batch.count = count;
    return at;
  }

  faultAtEnd(view: DataView, at: number, end: number): Fault | null {
    const left = end - at;
    if (left === 0) return null;
    if (left < RECORD_HEADER) {
      return { code: 'cut', message: `file ends after ${left} of the ${RECORD_HEADER} octets of a record header`, at };
    }
    const captured = view.getUint32(at + 8, this.#littleEndian);
    return { code: 'cut', message: `file ends after ${left - RECORD_HEADER} of the ${captured} octets of a frame`, at };
  }
}
