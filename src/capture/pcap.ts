import type { CaptureErrorCode } from './capture.js';
import type { CaptureInterface, FrameBatch } from './frame-batch.js';
import { capturedLimit, type FrameWalker } from './frame-walker.js';

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

/** Reads the magic number; null when the octets are no classic pcap file. Needs four octets. */
export function pcapByteOrder(view: DataView, at: number): { littleEndian: boolean; nanosecond: boolean } | null {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(at, littleEndian);
    if (magic === MAGIC_MICROSECONDS) return { littleEndian, nanosecond: false };
    if (magic === MAGIC_NANOSECONDS) return { littleEndian, nanosecond: true };
  }
  return null;
}

/** Reads the file header; null when the octets are no classic pcap file. Needs PCAP_HEADER octets. */
export function readPcapHeader(view: DataView, at: number): PcapHeader | null {
  const order = pcapByteOrder(view, at);
  if (order === null) return null;
  return {
    ...order,
    versionMajor: view.getUint16(at + 4, order.littleEndian),
    versionMinor: view.getUint16(at + 6, order.littleEndian),
    snapLength: view.getUint32(at + 16, order.littleEndian),
    // The upper half of the field holds the length of the frame check sequence and reserved bits.
    linkType: view.getUint32(at + 20, order.littleEndian) & 0xffff,
  };
}

export class PcapWalker implements FrameWalker {
  readonly interfaces: readonly CaptureInterface[];
  readonly names: ReadonlyMap<string, readonly string[]> = new Map();
  fault: { code: CaptureErrorCode; message: string } | null = null;
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
        this.fault = { code: 'bad-length', message };
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

  describeCut(view: DataView, at: number, end: number): string {
    const left = end - at;
    if (left < RECORD_HEADER) return `file ends after ${left} of the ${RECORD_HEADER} octets of a record header`;
    const captured = view.getUint32(at + 8, this.#littleEndian);
    return `file ends after ${left - RECORD_HEADER} of the ${captured} octets of a frame`;
  }
}
