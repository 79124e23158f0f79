import { CaptureError, type Capture, type CaptureErrorCode, type CaptureSource } from './capture.js';
import { FrameBatch, type CaptureInterface } from './frame-batch.js';
import type { FrameWalker } from './frame-walker.js';
import { MemoryWindow, ReadFault, ReadingWindow, type OctetWindow } from './octet-window.js';
import { PCAP_HEADER, PcapWalker, pcapByteOrder, readPcapHeader } from './pcap.js';
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

/**
 * Opens a capture and reads its header; the format is decided by content.
 * Throws CaptureError when nothing of it can be read. Iterate the capture, or close() it.
 */
export async function openCapture(source: CaptureSource, options: OpenOptions = {}): Promise<Capture> {
  const file = options.file ?? nameOf(source);
  options.signal?.throwIfAborted();
  const window = await openWindow(source, file, options);
  try {
    const walker = await readHeader(window, file);
    const batch = new FrameBatch(options.batchFrames);
    return new OpenedCapture(file, 'pcap', window, walker, batch, options.signal);
  } catch (error) {
    await window.close();
    throw error instanceof ReadFault ? new CaptureError(error.code, file, null, 0, error.message) : error;
  }
}

function nameOf(source: CaptureSource): string {
  if (typeof source === 'string') return source;
  if (typeof File !== 'undefined' && source instanceof File) return source.name;
  return source instanceof Uint8Array ? '(octets)' : '(stream)';
}

async function openWindow(source: CaptureSource, file: string, options: OpenOptions): Promise<OctetWindow> {
  if (source instanceof Uint8Array) return new MemoryWindow(source);
  return new ReadingWindow(await openSource(source, file, options.signal), options.chunk ?? DEFAULT_CHUNK);
}

/** Has `count` octets in the window, unless the source ends before. */
async function fill(window: OctetWindow, count: number): Promise<boolean> {
  while (window.end - window.at < count) {
    if (!(await window.refill())) return false;
  }
  return true;
}

async function readHeader(window: OctetWindow, file: string): Promise<FrameWalker> {
  function refuse(code: CaptureErrorCode, octet: number | null, message: string): CaptureError {
    return new CaptureError(code, file, octet, 0, message);
  }
  if (!(await fill(window, 4))) {
    const length = window.end - window.at;
    throw refuse('not-a-capture', 0, length === 0 ? 'is empty: it has no octets' : `has only ${length} octets`);
  }
  if (pcapByteOrder(window.view, window.at) === null) throw refuse('not-a-capture', 0, 'is no packet capture');
  if (!(await fill(window, PCAP_HEADER))) {
    const length = window.end - window.at;
    throw refuse('cut', length, `file ends after ${length} of the ${PCAP_HEADER} octets of a pcap header`);
  }
  const header = readPcapHeader(window.view, window.at)!;
  const { versionMajor: major, versionMinor: minor } = header;
  if (major !== 2 || minor !== 4) {
    throw refuse('unsupported-version', 4, `pcap version ${major}.${minor} is not supported, only 2.4 is`);
  }
  window.at += PCAP_HEADER;
  return new PcapWalker(header);
}

class OpenedCapture implements Capture {
  readonly file: string;
  readonly format: 'pcap' | 'pcapng';
  readonly compression: 'gzip' | 'zstd' | null = null;
  frames = 0;
  damage: CaptureError | null = null;
  readonly #window: OctetWindow;
  readonly #walker: FrameWalker;
  readonly #batch: FrameBatch;
  readonly #signal: AbortSignal | undefined;

  constructor(
    file: string,
    format: 'pcap' | 'pcapng',
    window: OctetWindow,
    walker: FrameWalker,
    batch: FrameBatch,
    signal: AbortSignal | undefined,
  ) {
    this.file = file;
    this.format = format;
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
    return this.#window.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FrameBatch> {
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
          this.#setDamage(walker.fault.code, walker.fault.message);
          return;
        }
        if (batch.count < batch.capacity && !(await window.refill())) {
          if (window.at < window.end) this.#setDamage('cut', walker.describeCut(window.view, window.at, window.end));
          return;
        }
      }
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!(error instanceof ReadFault)) throw error;
      this.#setDamage(error.code, error.message);
    } finally {
      await window.close();
    }
  }

  #setDamage(code: CaptureErrorCode, message: string): void {
    const octet = this.#window.base + this.#window.at;
    this.damage = new CaptureError(code, this.file, octet, this.frames, message);
  }
}
