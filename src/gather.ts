import { errorOf, type Capture, CaptureError } from './capture/capture.js';
import { openCapture } from './capture/open.js';
import { FirstReading, readAlone, type CaptureRead, type FirstReadingOptions } from './first-reading.js';
import type { Source } from './inputs.js';
import type { DiagnoseOptions } from './options.js';
import { firstSecond, progressOf, type Progress } from './reading.js';
import type { ReadingThread } from './threads.js';

/** Captures up to this many octets together are kept in memory, so that every check can look at every frame. */
const SMALL = 32 << 20;

/** What the first reading of all captures found. */
export type Gathered = Pick<
  FirstReading,
  'evidence' | 'points' | 'addresses' | 'problems' | 'frames' | 'frameCounts' | 'disorders' | 'resolvers' | 'store'
> & {
  /** Second since the epoch to which times are relative. */
  readonly base: number;
  /** Captures that could not be opened, and damage inside those that could. */
  readonly faults: CaptureError[];
};

/** First of so many readings of all captures, by this thread and by another one where there is one. Throws where none could be opened. */
export async function gather(
  sources: readonly Source[],
  thread: ReadingThread | null,
  readings: 1 | 2,
  options: DiagnoseOptions,
): Promise<Gathered> {
  const base = await firstSecond(sources, options.signal);
  const { vxlanPorts, since, until, signal } = options;
  const settings: FirstReadingOptions = {
    base,
    small: sources.every(({ size }) => size !== null) && sources.reduce((sum, { size }) => sum + size!, 0) <= SMALL,
    ...(vxlanPorts === undefined ? {} : { vxlanPorts }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  const progress = progressOf(sources, options, 0, readings);
  const open = (source: Source): Promise<Capture> =>
    openCapture(source.open(), { file: source.file, ...(signal === undefined ? {} : { signal }) });
  const reading = new FirstReading(settings, sources.length);
  /** Why a source could not be opened, by its number. */
  const refused: CaptureError[] = [];
  if (thread === null) {
    for (const [number, source] of sources.entries()) {
      try {
        await reading.read(source, number, await open(source), progress);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        refused[number] = error;
      }
      progress.done(source.size ?? 0);
    }
  } else {
    // Put together in the order of the list, each as soon as those before it are there
    const parts = new Map<number, CaptureRead>();
    let added = 0;
    await readByTwo(sources, thread, settings, open, progress, signal, (number, read) => {
      parts.set(number, read);
      for (let part; (part = parts.get(added)) !== undefined; parts.delete(added++)) {
        if ('state' in part) reading.add(sources[added]!, added, part.state);
        else refused[added] = errorOf(part.failure);
      }
    });
  }
  const faults = [...refused.filter((fault) => fault !== undefined), ...reading.damages];
  if (reading.resolvers.length === 0) throw faults[0]!;
  for (const fault of faults) options.onNotice?.(`${fault.file}: ${fault.message}`);
  return { ...reading, base, faults };
}

/**
 * Reads each source on its own, this thread one and the other one another, the largest first, so that both end at about the same
 * time. `take`: what was found, by the number of the source.
 */
async function readByTwo(
  sources: readonly Source[],
  thread: ReadingThread,
  options: FirstReadingOptions,
  open: (source: Source) => Promise<Capture>,
  progress: Progress,
  signal: AbortSignal | undefined,
  take: (number: number, read: CaptureRead) => void,
): Promise<void> {
  const sizeOf = (number: number): number => sources[number]!.size ?? 0;
  const left = [...sources.keys()].sort((a, b) => sizeOf(b) - sizeOf(a));
  const readHere = async (): Promise<void> => {
    for (let number; (number = left.shift()) !== undefined; progress.done(sizeOf(number))) {
      const source = sources[number]!;
      take(number, await readAlone(source, options, () => open(source), progress));
    }
  };
  const readThere = async (): Promise<void> => {
    for (let number; (number = left.shift()) !== undefined; progress.done(sizeOf(number))) {
      const { file, point, path } = sources[number]!;
      const read = await thread.read({ path: path!, file, point, options }, signal);
      if (read === null) return void left.unshift(number);
      take(number, read);
    }
  };
  await Promise.all([readHere(), readThere()]);
  // What the thread did not read, because it is gone
  await readHere();
}
