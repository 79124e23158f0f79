import { closeSync, openSync, writeSync } from 'node:fs';

const BUFFER = 8 << 20;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Longest record: header, and the longest frame a capture keeps. */
const LONGEST = RECORD_HEADER + 65_536;
const ETHERNET = 1;
const NO_LIMIT = 262_144;

/** A classic pcap file, microseconds, little-endian, written in large pieces. */
export class PcapWriter {
  /** Where the next frame may be written in `octets`; frame() takes it from there. */
  at = FILE_HEADER + RECORD_HEADER;
  octets = Buffer.alloc(BUFFER);
  view = new DataView(this.octets.buffer, this.octets.byteOffset, BUFFER);
  frames = 0;
  size = 0;
  /** Most octets kept of a frame. */
  snapLength;
  #file;

  /**
   * @param {string} path
   * @param {number} snapLength 0: whole frames
   */
  constructor(path, snapLength) {
    this.#file = openSync(path, 'w');
    this.snapLength = snapLength || NO_LIMIT;
    const view = this.view;
    view.setUint32(0, 0xa1b2c3d4, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, this.snapLength, true);
    view.setUint32(20, ETHERNET, true);
  }

  /**
   * Ends the frame whose octets begin at `at`.
   * @param {number} seconds since the epoch
   * @param {number} microseconds
   * @param {number} length octets of the frame on the link, of which at least those within the snap length were written
   */
  frame(seconds, microseconds, length) {
    const captured = Math.min(length, this.snapLength);
    const view = this.view;
    const header = this.at - RECORD_HEADER;
    view.setUint32(header, seconds, true);
    view.setUint32(header + 4, microseconds, true);
    view.setUint32(header + 8, captured, true);
    view.setUint32(header + 12, length, true);
    this.frames++;
    this.at += captured + RECORD_HEADER;
    if (this.at + LONGEST > BUFFER) this.#flush();
  }

  #flush() {
    const end = this.at - RECORD_HEADER;
    for (let from = 0; from < end;) from += writeSync(this.#file, this.octets, from, end - from);
    this.size += end;
    this.at = RECORD_HEADER;
  }

  close() {
    this.#flush();
    closeSync(this.#file);
  }
}
