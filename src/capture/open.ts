import { CaptureError, type Capture, type CaptureSource } from './capture.js';
import { compressionOf } from './compression.js';
import { FORMAT_MAGIC, formatOf } from './format.js';
import { FrameBatch, type CaptureInterface } from './frame-batch.js';
import type { Fault, FrameWalker } from './frame-walker.js';
import { ReadFault } from './octet-reader.js';
import { MemoryWindow, ReadingWindow, type OctetWindow } from './octet-window.js';
import { PCAP_HEADER, PcapWalker, readPcapHeader } from './pcap.js';
import { isSupportedVersion, PcapngWalker, SECTION_HEADER_MIN, sectionVersion, unsupportedVersion } from './pcapng.js';
import { openCompressed } from './sniff.js';
import { openSource } from './sources.js';

export interface OpenOptions {
  /** Name in errors; the path, or the name of the File, when it is left out. */
  readonly file?: string;
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Most frames of a batch. */
  readonly batchFrames?: number;
  /** Octets to read at a time. */
  readonly chunk?: number;
}

const DEFAULT_CHUNK = 1 << 20;
const DEFAULT_BATCH = 4096;

/**
 * Opens a capture and reads its header; format and compression are decided by content.
 * Throws CaptureError when nothing of it can be read. Iterate the capture, or close() it.
 */
export async function openCapture(source: CaptureSource, options: OpenOptions = {}): Promise<Capture> {
  const file = options.file ?? nameOf(source);
  options.signal?.throwIfAborted();
  const { window, compression } = await openWindow(source, file, options);
  try {
    const { format, walker } = await readHeader(window);
    const batch = new FrameBatch(atLeastOne(options.batchFrames ?? usualBatch(source)));
    return new OpenedCapture(file, format, compression, window, walker, batch, options.signal);
  } catch (error) {
    await window.close();
    options.signal?.throwIfAborted();
    if (!(error instanceof ReadFault)) throw error;
    throw new CaptureError(error.code, file, error.code === 'cut' ? window.base + window.end : 0, 0, error.message);
  }
}

/** No capture of a few octets fills a whole batch: a record has 16 at least. */
function usualBatch(source: CaptureSource): number {
  return source instanceof Uint8Array ? Math.min(DEFAULT_BATCH, source.length >> 4) : DEFAULT_BATCH;
}

function atLeastOne(count: number): number {
  return Math.max(Math.trunc(count) || 1, 1);
}

function nameOf(source: CaptureSource): string {
  if (typeof source === 'string') return source;
  if (typeof File !== 'undefined' && source instanceof File) return source.name;
  return source instanceof Uint8Array ? '(octets)' : '(stream)';
}

async function openWindow(
  source: CaptureSource,
  file: string,
  options: OpenOptions,
): Promise<{ window: OctetWindow; compression: 'gzip' | 'zstd' | null }> {
  if (source instanceof Uint8Array && compressionOf(source) === null) {
    return { window: new MemoryWindow(source), compression: null };
  }
  const raw = await openSource(source, file, options.signal);
  try {
    const { reader, compression } = await openCompressed(raw);
    return { window: new ReadingWindow(reader, atLeastOne(options.chunk ?? DEFAULT_CHUNK)), compression };
  } catch (error) {
    await raw.close();
    if (!(error instanceof ReadFault)) throw error;
    throw new CaptureError(error.code, file, null, 0, error.message);
  }
}

/** Has `count` octets in the window unless the source ends before; returns how many there are. */
async function fill(window: OctetWindow, count: number): Promise<number> {
  while (window.end - window.at < count && (await window.refill()));
  return window.end - window.at;
}

/** Throws ReadFault when the octets begin no capture that can be read. */
async function readHeader(window: OctetWindow): Promise<{ format: 'pcap' | 'pcapng'; walker: FrameWalker }> {
  const length = await fill(window, FORMAT_MAGIC);
  if (length === 0) throw new ReadFault('not-a-capture', 'has no octets at all; even an empty capture has a header');
  const format = formatOf(window.view, window.at, window.end);
  switch (format.kind) {
    case 'pcap':
      return { format: 'pcap', walker: await readPcap(window) };
    case 'pcapng':
      return { format: 'pcapng', walker: await readPcapng(window) };
    case 'unsupported':
      throw new ReadFault('unsupported-format', `is ${format.name}, which is not supported`);
    case 'unknown':
      throw new ReadFault('not-a-capture', 'is neither a pcap nor a pcapng file');
  }
}

async function readPcap(window: OctetWindow): Promise<FrameWalker> {
  const length = await fill(window, PCAP_HEADER);
  if (length < PCAP_HEADER) {
    throw new ReadFault('cut', `file ends after ${length} of the ${PCAP_HEADER} octets of a pcap header`);
  }
  const header = readPcapHeader(window.view, window.at);
  const { versionMajor: major, versionMinor: minor } = header;
  if (major !== 2 || minor !== 4) {
    throw new ReadFault('unsupported-version', `pcap version ${major}.${minor} is not supported, only 2.4 is`);
  }
  window.at += PCAP_HEADER;
  return new PcapWalker(header);
}

async function readPcapng(window: OctetWindow): Promise<FrameWalker> {
  const length = await fill(window, SECTION_HEADER_MIN);
  if (length < SECTION_HEADER_MIN) {
    throw new ReadFault('cut', `file ends after ${length} of the ${SECTION_HEADER_MIN} octets of a section header`);
  }
  const { major, minor } = sectionVersion(window.view, window.at);
  if (!isSupportedVersion(major, minor)) throw new ReadFault('unsupported-version', unsupportedVersion(major, minor));
  return new PcapngWalker();
}

class OpenedCapture implements Capture {
  readonly file: string;
  readonly format: 'pcap' | 'pcapng';
  readonly compression: 'gzip' | 'zstd' | null;
  frames = 0;
  damage: CaptureError | null = null;
  readonly #window: OctetWindow;
  readonly #walker: FrameWalker;
  readonly #batch: FrameBatch;
  readonly #signal: AbortSignal | undefined;
  /** Or closed: there are no more frames. */
  #iterated = false;

  constructor(
    file: string,
    format: 'pcap' | 'pcapng',
    compression: 'gzip' | 'zstd' | null,
    window: OctetWindow,
    walker: FrameWalker,
    batch: FrameBatch,
    signal: AbortSignal | undefined,
  ) {
    this.file = file;
    this.format = format;
    this.compression = compression;
    this.#window = window;
    this.#walker = walker;
    this.#batch = batch;
    this.#signal = signal;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#walker.interfaces;
  }

  get names(): ReadonlyMap<string, readonly string[]> {
    return this.#walker.names;
  }

  get octetsRead(): number {
    return this.#window.octetsRead;
  }

  close(): Promise<void> {
    this.#iterated = true;
    return this.#window.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FrameBatch> {
    if (this.#iterated) return;
    this.#iterated = true;
    const window = this.#window;
    const walker = this.#walker;
    const batch = this.#batch;
    batch.interfaces = walker.interfaces;
    try {
      for (;;) {
        this.#signal?.throwIfAborted();
        batch.octets = window.octets;
        batch.view = window.view;
        window.at = walker.walk(batch, window.at, window.end);
        if (batch.count > 0) {
          batch.firstFrame = this.frames + 1;
          batch.rewind();
          this.frames += batch.count;
          yield batch;
        }
        if (walker.fault !== null) {
          this.#setDamage(walker.fault);
          return;
        }
        if (batch.count < batch.capacity && !(await window.refill())) {
          const fault = walker.faultAtEnd(window.view, window.at, window.end);
          if (fault !== null) this.#setDamage(fault);
          return;
        }
      }
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!(error instanceof ReadFault)) throw error;
      this.#setDamage({ code: error.code, message: error.message, at: window.end });
    } finally {
      await window.close();
    }
  }

  #setDamage(fault: Fault): void {
    const octet = this.#window.base + fault.at;
    this.damage = new CaptureError(fault.code, this.file, octet, this.frames, fault.message);
  }
}
