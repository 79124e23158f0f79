import { CaptureError, type Capture } from './capture/capture.js';
import type { FrameBatch } from './capture/frame-batch.js';
import { openCapture } from './capture/open.js';
import type { Source } from './inputs.js';
import type { PacketFilter } from './net/filter.js';
import { parsePoint, pointFromPath, type PointName } from './net/point-name.js';
import type { CapturePoint, PointTable } from './net/points.js';
import { OptionsError, type DiagnoseOptions } from './options.js';
import { PacketView } from './wire/packet.js';

/** Octets to read at a time for the first frames of a capture, and how many frames. */
const PEEK = 1 << 16;
const PEEK_FRAMES = 16;
/** Captures open at a time for their first frames: a process may have 256 files open. */
export const AT_A_TIME = 16;
/** LINKTYPE_LINUX_SLL: of all interfaces, and no frame says of which. */
const COOKED_V1 = 113;
/** Digits of the largest number of seconds that a capture can hold. */
const SECONDS_DIGITS = 10;
/** LINKTYPE_LINUX_SLL2: each frame names its interface by number. */
const COOKED_V2 = 276;

/**
 * Sources by what is in them: times and lengths of their first frames; names decide only between equals. So neither the order
 * on the command line nor the names of files and nodes can change a result.
 */
export async function inOrder(sources: readonly Source[], signal: AbortSignal | undefined): Promise<Source[]> {
  const keys = await beginnings(sources, signal);
  return sources
    .map((source, i) => ({ source, key: keys[i]! }))
    .sort((a, b) => compare(a.key, b.key) || compare(a.source.file, b.source.file))
    .map(({ source }) => source);
}

/** Times of the first frames: seconds and nanoseconds; of what cannot be read or is empty, Infinity. */
export async function firstTimes(
  sources: readonly Source[],
  signal: AbortSignal | undefined,
): Promise<(readonly [seconds: number, nanoseconds: number])[]> {
  const keys = await beginnings(sources, signal);
  return keys.map((key) => {
    const [seconds, nanoseconds] = key.split(' ', 2).map(Number);
    return nanoseconds === undefined ? [Infinity, 0] : [seconds!, nanoseconds];
  });
}

async function beginnings(sources: readonly Source[], signal: AbortSignal | undefined): Promise<string[]> {
  const keys: string[] = [];
  for (let at = 0; at < sources.length; at += AT_A_TIME) {
    const some = sources.slice(at, at + AT_A_TIME);
    keys.push(...(await Promise.all(some.map((source) => beginning(source, signal)))));
  }
  return keys;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Second of the first frame of all captures that are in order; 0 when there is no frame. */
export async function firstSecond(sources: readonly Source[], signal: AbortSignal | undefined): Promise<number> {
  const [first] = sources;
  const seconds = first === undefined ? NaN : Number((await beginning(first, signal)).slice(0, SECONDS_DIGITS));
  return Number.isNaN(seconds) ? 0 : seconds;
}

/** Times and lengths of the first frames, as text that sorts; what cannot be read or is empty comes last. */
async function beginning(source: Source, signal: AbortSignal | undefined): Promise<string> {
  const frames: string[] = [];
  try {
    const options = { chunk: PEEK, batchFrames: PEEK_FRAMES, ...(signal === undefined ? {} : { signal }) };
    const capture = await openCapture(source.open(), options);
    for await (const { count, seconds, nanoseconds, originalLengths } of capture) {
      for (let i = 0; i < count && frames.length < PEEK_FRAMES; i++) {
        frames.push(
          [seconds[i]!, nanoseconds[i]!, originalLengths[i]!]
            .map((n) => String(n).padStart(SECONDS_DIGITS, '0'))
            .join(' '),
        );
      }
      if (frames.length === PEEK_FRAMES) break;
    }
    await capture.close();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
  }
  return frames.length === 0 ? '~' : frames.join(',');
}

/** Anything that tells the interfaces of a capture met so far. */
type WithInterfaces = Pick<FrameBatch, 'interfaces'>;

/** What tells the point of a capture. */
type NamedSource = Pick<Source, 'file' | 'point'>;

/** More interfaces than a capture can describe. */
const INTERFACES = 1 << 20;

function keyOf(interfaceId: number, interfaceIndex: number): number {
  return interfaceIndex * INTERFACES + interfaceId;
}

/** Gives every frame of one capture its point: one a file, one an interface (pcapng), or one an interface index (cooked v2). */
export class PointResolver {
  readonly #table: PointTable;
  readonly #source: NamedSource;
  readonly #name: PointName;
  readonly #points = new Map<number, CapturePoint>();
  #lastId = -1;
  #lastIndex = -1;
  #last: CapturePoint | null = null;

  constructor(source: NamedSource, table: PointTable) {
    this.#source = source;
    this.#table = table;
    this.#name = source.point === null ? pointFromPath(source.file) : parsePoint(source.point);
  }

  /** @param interfaceIndex of a cooked v2 frame, else -1 */
  pointOf(of: WithInterfaces, interfaceId: number, interfaceIndex: number): CapturePoint {
    // Nearly all frames are of the same interface as the one before
    if (interfaceId === this.#lastId && interfaceIndex === this.#lastIndex) return this.#last!;
    const key = keyOf(interfaceId, interfaceIndex);
    let point = this.#points.get(key);
    // Once found it stays: a file may describe further interfaces later, and is read twice
    if (point === undefined) {
      point = this.#resolve(of, interfaceId, interfaceIndex);
      if (point.role === 'unknown' && of.interfaces[interfaceId]?.linkType === COOKED_V1) point.role = 'cooked';
      this.#points.set(key, point);
    }
    this.#lastId = interfaceId;
    this.#lastIndex = interfaceIndex;
    this.#last = point;
    return point;
  }

  /** The points found so far, by key. */
  get resolved(): ReadonlyMap<number, number> {
    return new Map([...this.#points].map(([key, { id }]) => [key, id]));
  }

  /** Takes over a point that another resolver found for the same source. */
  set(key: number, point: CapturePoint): void {
    this.#points.set(key, point);
  }

  #resolve({ interfaces }: WithInterfaces, interfaceId: number, interfaceIndex: number): CapturePoint {
    const { node, interface: name, wholeNode } = this.#name;
    const file = this.#source.file;
    if (interfaceIndex >= 0) return this.#table.get(node, `if${interfaceIndex}`, file);
    const own = interfaces[interfaceId]?.name ?? null;
    if (this.#source.point === null && (wholeNode || interfaces.length > 1)) {
      return this.#table.get(node, own ?? (interfaceId > 0 ? `if${interfaceId}` : name), file);
    }
    return this.#table.get(node, name, file);
  }

  /** Points of a file that has been read and of which no frame tells: all of its interfaces, or the file's own. */
  silent(capture: Capture): CapturePoint[] {
    const { node, interface: name } = this.#name;
    // Cooked captures of all interfaces name only those that saw something.
    const cooked = capture.interfaces.some(({ linkType }) => linkType === COOKED_V2);
    if (cooked && this.#points.size > 0) return [];
    if (this.#source.point !== null || capture.interfaces.length === 0)
      return [this.#table.get(node, name, this.#source.file)];
    return capture.interfaces.map(({ id }) => this.#points.get(keyOf(id, -1)) ?? this.#resolve(capture, id, -1));
  }
}

/** Bounds on the frames to read, as `--since` and `--until` give them. */
export interface TimeBounds {
  readonly since: number;
  readonly until: number;
}

export function timeBounds(options: Pick<DiagnoseOptions, 'since' | 'until'>, base: number): TimeBounds {
  const of = (time: bigint | undefined, otherwise: number): number =>
    time === undefined ? otherwise : Number(time - BigInt(base) * 1000000000n);
  return { since: of(options.since, -Infinity), until: of(options.until, Infinity) };
}

/** One capture being read frame by frame. */
export class FrameCursor {
  readonly source: Source;
  readonly number: number;
  readonly resolver: PointResolver;
  /** Time of the current frame; before the capture is opened, of its first one. */
  seconds: number;
  nanoseconds: number;
  batch: FrameBatch | null = null;
  index = 0;
  /** Why the capture could not be opened, or what is damaged in it. */
  fault: CaptureError | null = null;
  #capture: Capture | null = null;
  #batches: AsyncIterator<FrameBatch> | null = null;

  constructor(source: Source, number: number, resolver: PointResolver, seconds: number, nanoseconds: number) {
    this.source = source;
    this.number = number;
    this.resolver = resolver;
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
  }

  /** Opens the capture and loads its first frames; false when it cannot be opened. */
  async open(signal: AbortSignal | undefined): Promise<boolean> {
    const { file } = this.source;
    try {
      this.#capture = await openCapture(this.source.open(), signal === undefined ? { file } : { file, signal });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.fault = error;
      return false;
    }
    this.#batches = this.#capture[Symbol.asyncIterator]();
    await this.refill();
    return true;
  }

  /** Loads the next batch; false at the end of the capture. */
  async refill(): Promise<boolean> {
    for (;;) {
      const next = await this.#batches!.next();
      if (next.done === true) {
        this.batch = null;
        this.fault = this.#capture!.damage;
        return false;
      }
      if (next.value.count === 0) continue;
      this.batch = next.value;
      this.index = -1;
      return this.step();
    }
  }

  /** Goes to the next frame of the batch; false after its last. */
  step(): boolean {
    const { seconds, nanoseconds, count } = this.batch!;
    if (++this.index >= count) return false;
    this.seconds = seconds[this.index]!;
    this.nanoseconds = nanoseconds[this.index]!;
    return true;
  }
}

export function newView(options: Pick<DiagnoseOptions, 'vxlanPorts'>): PacketView {
  return new PacketView(options.vxlanPorts === undefined ? {} : { vxlanPorts: options.vxlanPorts });
}

/**
 * Loaded when there is a filter: ip-num, which it needs, takes as long to load as Node itself.
 * @throws OptionsError when the text is no filter
 */
export async function filterOf(text: string): Promise<PacketFilter> {
  const { FilterSyntaxError, parseFilter } = await import('./net/filter.js');
  try {
    return parseFilter(text);
  } catch (error) {
    if (error instanceof FilterSyntaxError) throw new OptionsError(`--filter: ${error.message}`);
    throw error;
  }
}

/** Is told the octets read of a source so far, and of those that are done their size. */
export interface Progress {
  (read: number): void;
  done(size: number): void;
}

/** Tells the caller the octets read over all sources and readings; `reading`: 0 for the first of so many. */
export function progressOf(
  sources: readonly Source[],
  options: DiagnoseOptions,
  reading: 0 | 1,
  readings: 1 | 2,
): Progress {
  const total = sources.every((source) => source.size !== null)
    ? sources.reduce((sum, source) => sum + source.size!, 0)
    : null;
  let before = reading * (total ?? 0);
  const progress = (read: number): void =>
    options.onProgress?.(before + read, total === null ? null : readings * total);
  progress.done = (size: number): void => {
    before += size;
    progress(0);
  };
  return progress;
}
