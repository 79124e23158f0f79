/** What a capture file says about one of its interfaces. A classic pcap file has exactly one. */
export interface CaptureInterface {
  /** Index in the file, from 0, over all sections. */
  readonly id: number;
  /** LINKTYPE_ value, as registered at tcpdump.org. */
  readonly linkType: number;
  /** Most octets of a frame the capture kept; 0 means no limit. */
  readonly snapLength: number;
  /** pcapng if_name. */
  readonly name: string | null;
  /** pcapng if_filter, when the capturing program noted it. */
  readonly filter: string | null;
  /** pcapng Interface Statistics Block; null where the file has none. */
  statistics: { received: number | null; dropped: number | null; osDropped: number | null } | null;
}

/**
 * Some consecutive frames of one capture, as offsets into the reader's own buffer.
 * The reader reuses the batch and its buffer: both are valid until the next batch is asked for.
 * The columns are for hot loops (index 0 to count - 1); next() and the getters read the same columns one frame at a time.
 */
export class FrameBatch {
  octets: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Frames in this batch. */
  count = 0;
  /** Number of the first frame of this batch in its file; the first frame of a file is 1. */
  firstFrame = 1;
  interfaces: readonly CaptureInterface[] = [];

  /** Where the captured octets begin in `octets`. */
  readonly offsets: Int32Array;
  /** Octets captured. */
  readonly capturedLengths: Int32Array;
  /** Octets the frame had on the link. */
  readonly originalLengths: Uint32Array;
  /** Seconds since the epoch. */
  readonly seconds: Uint32Array;
  /** Nanoseconds within the second, 0 to 999,999,999. */
  readonly nanoseconds: Uint32Array;
  /** Index into `interfaces`. */
  readonly interfaceIds: Uint32Array;

  #at = -1;

  constructor(capacity = 4096) {
    this.offsets = new Int32Array(capacity);
    this.capturedLengths = new Int32Array(capacity);
    this.originalLengths = new Uint32Array(capacity);
    this.seconds = new Uint32Array(capacity);
    this.nanoseconds = new Uint32Array(capacity);
    this.interfaceIds = new Uint32Array(capacity);
  }

  get capacity(): number {
    return this.offsets.length;
  }

  /** Steps to the next frame; false after the last. */
  next(): boolean {
    return ++this.#at < this.count;
  }

  /** Puts the cursor before the first frame. */
  rewind(): void {
    this.#at = -1;
  }

  /** Index of the current frame in the columns. */
  get index(): number {
    return this.#at;
  }

  /** Number of the current frame in its file, from 1, as Wireshark counts. */
  get frame(): number {
    return this.firstFrame + this.#at;
  }
}
