import { CaptureError, type Capture } from './capture.js';
import { FrameBatch, type CaptureInterface } from './frame-batch.js';
import { RECORD_LIMIT } from './frame-walker.js';

/** What is used of a parser of the npm package pcap-parser 0.2. */
export interface PcapParser {
  on(event: 'globalHeader', listener: (header: PcapParserGlobalHeader) => void): unknown;
  on(event: 'packetHeader', listener: (header: PcapParserPacketHeader) => void): unknown;
  on(event: 'packet', listener: (packet: PcapParserPacket) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  /** The stream that it reads. */
  readonly stream: { pause(): unknown; resume(): unknown };
  /** Octets that it has not read yet. */
  readonly buffer?: { readonly length: number } | null;
}

export interface PcapParserGlobalHeader {
  readonly snapshotLength: number;
  readonly linkLayerType: number;
}

export interface PcapParserPacketHeader {
  readonly timestampSeconds: number;
  readonly timestampMicroseconds: number;
  readonly capturedLength: number;
  readonly originalLength: number;
}

export interface PcapParserPacket {
  readonly header: PcapParserPacketHeader;
  readonly data: Uint8Array;
}

/** Octets waiting to be iterated at which the parser is paused. */
const WAITING_MAX = 1 << 20;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/**
 * A capture of what a pcap-parser reads, for programs that are built on one; openCapture() is many times faster,
 * reads more formats and copies nothing. Call it before the parser's stream flows, that is in the same turn.
 * Throws CaptureError when the parser gives no file header.
 */
export function fromPcapParser(parser: PcapParser, file = '(pcap-parser)'): Promise<Capture> {
  return new Promise((resolve, reject) => {
    const capture = new ParsedCapture(parser, file);
    parser.on('globalHeader', (header) => {
      capture.setHeader(header);
      resolve(capture);
    });
    parser.on('error', (error) => {
      capture.fail(error);
      reject(new CaptureError('not-a-capture', file, 0, 0, error.message));
    });
    parser.on('end', () => {
      capture.end();
      reject(new CaptureError('not-a-capture', file, 0, 0, `file has no pcap header of ${FILE_HEADER} octets`));
    });
  });
}

class ParsedCapture implements Capture {
  readonly file: string;
  readonly format = 'pcap';
  readonly compression = null;
  readonly names: ReadonlyMap<string, readonly string[]> = new Map();
  interfaces: readonly CaptureInterface[] = [];
  frames = 0;
  octetsRead = FILE_HEADER;
  damage: CaptureError | null = null;
  readonly #parser: PcapParser;
  #waiting: PcapParserPacket[] = [];
  #waitingOctets = 0;
  /** Header of the packet whose octets have not come yet. */
  #unfinished: PcapParserPacketHeader | null = null;
  #error: Error | null = null;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(parser: PcapParser, file: string) {
    this.file = file;
    this.#parser = parser;
    parser.on('packetHeader', (header) => {
      this.#unfinished = header;
    });
    parser.on('packet', (packet) => {
      this.#unfinished = null;
      this.#waiting.push(packet);
      this.#waitingOctets += RECORD_HEADER + packet.data.length;
      if (this.#waitingOctets > WAITING_MAX) parser.stream.pause();
      this.#wake();
    });
  }

  setHeader({ linkLayerType, snapshotLength }: PcapParserGlobalHeader): void {
    const linkType = linkLayerType & 0xffff;
    this.interfaces = [{ id: 0, linkType, snapLength: snapshotLength, name: null, filter: null, statistics: null }];
  }

  fail(error: Error): void {
    this.#error = error;
    this.end();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async close(): Promise<void> {
    this.#parser.stream.pause();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FrameBatch> {
    const batch = new FrameBatch();
    batch.interfaces = this.interfaces;
    try {
      for (;;) {
        if (this.#waiting.length > 0) {
          this.#fill(batch);
          yield batch;
        } else if (this.#ended) {
          this.#setDamage();
          return;
        } else {
          this.#parser.stream.resume();
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      await this.close();
    }
  }

  #fill(batch: FrameBatch): void {
    const packets = this.#waiting.splice(0, batch.capacity);
    const length = packets.reduce((sum, { data }) => sum + data.length, 0);
    if (batch.octets.length < length) {
      batch.octets = new Uint8Array(length);
      batch.view = new DataView(batch.octets.buffer);
    }
    let at = 0;
    packets.forEach(({ header, data }, i) => {
      batch.octets.set(data, at);
      batch.offsets[i] = at;
      batch.capturedLengths[i] = data.length;
      batch.originalLengths[i] = header.originalLength;
      batch.seconds[i] = header.timestampSeconds + Math.floor(header.timestampMicroseconds / 1e6);
      batch.nanoseconds[i] = (header.timestampMicroseconds % 1e6) * 1000;
      at += data.length;
    });
    batch.count = packets.length;
    batch.firstFrame = this.frames + 1;
    batch.rewind();
    this.frames += packets.length;
    this.octetsRead += RECORD_HEADER * packets.length + length;
    this.#waitingOctets -= RECORD_HEADER * packets.length + length;
  }

  /** The parser says nothing of a last packet that is cut: its header without its octets does, or what is left of the header. */
  #setDamage(): void {
    const { octetsRead, frames } = this;
    const left = this.#parser.buffer?.length ?? 0;
    if (this.#error !== null) {
      this.damage = new CaptureError('not-readable', this.file, octetsRead, frames, this.#error.message);
    } else if (this.#unfinished !== null) {
      const { capturedLength } = this.#unfinished;
      const message = `file ends inside the ${capturedLength} octets of a frame`;
      const code = capturedLength > RECORD_LIMIT ? 'bad-length' : 'cut';
      this.damage = new CaptureError(code, this.file, octetsRead, frames, message);
    } else if (left > 0) {
      const message = `file ends after ${left} of the ${RECORD_HEADER} octets of a record header`;
      this.damage = new CaptureError('cut', this.file, octetsRead, frames, message);
    }
  }
}
