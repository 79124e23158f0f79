import { CaptureError } from './capture/capture.js';
import { resolveInputs, type CaptureInput, type Source } from './inputs.js';
import { AddressTable } from './net/address-table.js';
import { PointTable } from './net/points.js';
import { OptionsError, type DiagnoseOptions } from './options.js';
import { filterOf, firstSecond, inOrder, openAll, PointResolver, relative } from './reading.js';
import { FirstReading, type FirstReadingOptions, type FirstReadingState } from './first-reading.js';
import { threadPays } from './thread-pays.js';
import { openSightings } from './second-reading.js';
import type { SightingSource } from './sighting-source.js';
import { findSavedState, nameInterfaces, readSavedState, type StateRead } from './saved-state.js';
import type { Exchange } from './trail/exchange.js';
import { FlowTable } from './trail/flows.js';
import { Choice } from './trail/choice.js';
import { Clock, estimateClocks } from './trail/clocks.js';
import type { Evidence } from './trail/evidence.js';
import { FrameStore } from './trail/frame-store.js';
import { Row, ROW_SHIFT, RowFlag } from './trail/row.js';
import type { SightingBatch } from './trail/sighting-batch.js';
import { Judge } from './trail/judge.js';
import { Paths } from './trail/paths.js';
import { PointOrders } from './trail/point-orders.js';
import { ServiceBackends } from './trail/service-backends.js';
import { ServiceCounts } from './trail/service-counts.js';
import { Texts } from './trail/texts.js';
import { Topology } from './trail/topology.js';
import { Tracker } from './trail/tracker.js';
import { JOIN, PacketWindow } from './trail/window.js';
import { Layer } from './wire/layers.js';

// Own constants, not imported ones: the compiler folds only the former
const SOURCE_PORT = Row.SOURCE_PORT;
const DESTINATION_PORT = Row.DESTINATION_PORT;
const SRC = Row.SRC;
const DST = Row.DST;
const FLAGS = Row.FLAGS;
const FLAG_VERSION = RowFlag.VERSION;
const SECONDS = Row.SECONDS;
const NANOSECONDS = Row.NANOSECONDS;
const A = Row.A;
const C = Row.C;
const INTERFACE = Row.INTERFACE;
const INTERFACE_INDEX = Row.INTERFACE_INDEX;
const TUNNEL = Row.TUNNEL;
const KIND = Row.KIND;

const DEFAULT_MEMORY = 256 << 20;
/** What one open packet and one kept trail take of the memory given, octets, measured with room for all else. */
const PACKET_COST = 2048;
const TRAIL_COST = 8192;
/** A connection without an end is over when nothing of it was seen for this long, nanoseconds. */
const CONNECTION_IDLE = 300e9;
/** Captures up to this many octets together are kept in memory, so that every check can look at every frame. */
const SMALL = 32 << 20;
/** Frames between two looks at the signal and at what can be closed. */
const STRIDE = 4096;
/** FIN, SYN and RST. */
const TCP_EVENTS = 0x07;
const TCP = Layer.TCP;
const TCP_PROTOCOL = 6;
/** Times within a file go back by up to this, nanoseconds; captures of several interfaces do by more, and lose nothing by it. */
const DISORDER = 50e6;

/** All that one run learns; the report and the rows are read off it. */
export interface Run {
  readonly sources: readonly Source[];
  readonly points: PointTable;
  readonly addresses: AddressTable;
  readonly texts: Texts;
  readonly evidence: Evidence;
  readonly topology: Topology;
  readonly paths: Paths;
  readonly clocks: ReadonlyMap<string, Clock>;
  /** Second since the epoch to which times are relative. */
  readonly base: number;
  readonly problems: ReadonlyMap<string, number>;
  /** Captures that could not be opened, and damage inside those that could. */
  readonly faults: readonly CaptureError[];
  readonly frames: number;
  /** Frames of each source. */
  readonly frameCounts: readonly number[];
  readonly store: FrameStore;
  readonly services: ServiceCounts;
  readonly backends: ServiceBackends;
  readonly window: PacketWindow;
  readonly tracker: Tracker;
  readonly judge: Judge;
  /** Exchanges counted so far: those that are over and settled. */
  readonly flows: FlowTable;
  /** What was saved beside the captures; null when nothing was. */
  readonly saved: StateRead | null;
  /** What the user's filter is about; null without one. */
  readonly choice: Choice | null;
}

/** What a run is for: a report, a row for every packet, or rows of exchanges that tell their streams. */
export type Purpose = 'report' | 'packets' | 'streams';

/** First reading: what is in the captures, where addresses live, how clocks stand. */
export async function prepare(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions,
  purpose: Purpose,
): Promise<Run> {
  // Found first: what is named and not there should not cost a reading of all captures.
  const found = await findSavedState(inputs, options);
  const filter = options.filter === undefined ? null : filterOf(options.filter);
  const sources = await inOrder(await resolveInputs(inputs, options.signal), options.signal);
  const saved = found === null ? null : await readSavedState(found, sources, options);
  const first = await gather(sources, options);
  const { evidence, points, addresses } = first;
  if (saved !== null) nameInterfaces(points, saved.state);
  const orders = new PointOrders(evidence.samples, points.points);
  const topology = new Topology(evidence, points.points, orders);
  const clocks = estimateClocks(evidence.samples, points.points, topology, orders);
  for (const [name, offset] of Object.entries(options.clocks ?? {})) setClock(clocks, points, name, offset);
  const given = (options.order ?? []).map((name) => {
    const point = points.find(name);
    if (point === undefined) throw new OptionsError(`--order names ${name}, which is no point of these captures`);
    return point.id;
  });
  const paths = new Paths(topology, orders, clocks, given);
  const texts = new Texts();
  const memory = options.memory ?? DEFAULT_MEMORY;
  const window: PacketWindow = new PacketWindow({
    addresses,
    texts,
    vxlanPorts: options.vxlanPorts,
    limit: bounded(memory / PACKET_COST),
    start: (group) => tracker.start(group),
    complete: (group) => tracker.complete(group),
    settle: (group) => tracker.settle(group),
    close: (group) => tracker.close(group),
  });
  const choice = filter === null ? null : new Choice(filter, addresses);
  const tracker = new Tracker(window, paths, topology, {
    keepAll: purpose === 'packets' || first.store.complete,
    limit: bounded(memory / TRAIL_COST),
    choice,
    keepsOthers: choice !== null && purpose !== 'packets' && first.store.complete,
    followsStreams: purpose === 'streams',
  });
  const judge = new Judge({
    evidence,
    topology,
    misses: tracker.misses,
    points: points.points,
    paths,
    clocks,
  });
  return {
    ...first,
    sources,
    saved,
    choice,
    services: new ServiceCounts(),
    backends: new ServiceBackends(),
    topology,
    clocks,
    paths,
    texts,
    window,
    tracker,
    judge,
    flows: new FlowTable(),
  };
}

function bounded(count: number): number {
  return Math.max(1 << 10, Math.min(1 << 20, Math.floor(count)));
}

/** `--clock` names a point; all points of its node follow. */
function setClock(clocks: Map<string, Clock>, points: PointTable, name: string, offset: number): void {
  const point = points.find(name);
  if (point === undefined) throw new OptionsError(`--clock names ${name}, which is no point of these captures`);
  clocks.set(point.node, new Clock('given', offset));
}

type Gathered = Pick<
  Run,
  'evidence' | 'points' | 'addresses' | 'base' | 'problems' | 'faults' | 'frames' | 'frameCounts' | 'store'
>;

/**
 * First reading: what is in the captures, where addresses live, how clocks stand. A second thread reads captures from the end of
 * the list while this one reads them from its beginning; what it found is added in the order of the list.
 */
async function gather(sources: readonly Source[], options: DiagnoseOptions): Promise<Gathered> {
  const faults: CaptureError[] = [];
  const base = await firstSecond(sources, options.signal);
  const { vxlanPorts, since, until } = options;
  const settings: FirstReadingOptions = {
    base,
    small: sources.every(({ size }) => size !== null) && sources.reduce((sum, { size }) => sum + size!, 0) <= SMALL,
    ...(vxlanPorts === undefined ? {} : { vxlanPorts }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  const opened = await openAll(sources, options.signal, faults);
  const reading = new FirstReading(settings, sources.length);
  const progress = progressOf(sources, options, 0);
  const parts: FirstReadingState[] = [];
  let next = 0;
  let last = opened.length;
  const thread =
    opened.length > 1 && (await threadPays(sources, options))
      ? new (await import('./threads.js')).FirstReadingThread(settings)
      : null;
  const help = async (): Promise<void> => {
    while (thread !== null && next < last) {
      const at = --last;
      const { source, capture } = opened[at]!;
      await capture.close();
      parts[at] = await thread.read(source.open() as string, source.file, source.point);
      progress.done(source.size ?? 0);
    }
  };
  const read = async (): Promise<void> => {
    while (next < last) {
      const { source, number, capture } = opened[next++]!;
      await reading.read(source, number, capture, progress);
      progress.done(source.size ?? 0);
    }
  };
  try {
    await Promise.all([help(), read()]);
  } finally {
    await thread?.end();
  }
  for (let at = last; at < opened.length; at++) {
    const { source, number } = opened[at]!;
    reading.add(source.file, number, parts[at]!);
  }
  faults.push(...reading.damages);
  for (const fault of faults) options.onNotice?.(`${fault.file}: ${fault.message}`);
  return { ...reading, base, faults };
}

/** Tells the caller the octets read over all sources and both readings; `reading`: 0 for the first. */
function progressOf(
  sources: readonly Source[],
  options: DiagnoseOptions,
  reading: 0 | 1,
): { (read: number): void; done(size: number): void } {
  const total = sources.every((source) => source.size !== null)
    ? sources.reduce((sum, source) => sum + source.size!, 0)
    : null;
  let before = reading * (total ?? 0);
  const progress = (read: number): void => options.onProgress?.(before + read, total === null ? null : 2 * total);
  progress.done = (size: number): void => {
    before += size;
  };
  return progress;
}

/**
 * Second reading: all captures in order of corrected time, packets paired, exchanges made. Yields now and then, so that a
 * caller who tells trails or exchanges one by one can take what is there; settled exchanges are handed to `retire` when they
 * are over and there are many.
 */
export async function* pair(
  run: Run,
  options: DiagnoseOptions,
  retire: (exchange: Exchange) => boolean,
): AsyncGenerator<void> {
  const { sources, points, evidence, addresses, clocks, base, window, tracker, judge, services, choice } = run;
  const progress = progressOf(sources, options, 1);
  const clockOf = ({ file }: Source): Clock | undefined => {
    const node = evidence.points.find((at) => at?.windows.some((window) => window.file === file))?.point.node;
    return node === undefined ? undefined : clocks.get(node);
  };
  const { frameCounts } = run;
  const first = {
    sources,
    addresses,
    keyOctets: evidence.keyOctets,
    base,
    frameCounts,
    clockOf,
    tunnels: window.tunnels,
  };
  const cursors: SightingCursor[] = [];
  for (const { source, number, sightings } of await openSightings(first, options)) {
    const cursor = new SightingCursor(number, source.size ?? 0, sightings, new PointResolver(source, points));
    if (await cursor.refill()) cursors.push(cursor);
  }
  const count = (rows: Int32Array, row: number, point: number): void => {
    const sourcePort = rows[row + SOURCE_PORT]!;
    const destinationPort = rows[row + DESTINATION_PORT]!;
    const flow = { src: rows[row + SRC]!, dst: rows[row + DST]!, sourcePort, destinationPort };
    if (choice !== null && !choice.isPacket(rows[row + FLAGS]! & FLAG_VERSION, TCP_PROTOCOL, [flow])) return;
    const time = relative(rows[row + SECONDS]! >>> 0, rows[row + NANOSECONDS]!, base);
    services.add(flow, rows[row + A]!, rows[row + C]!, point, time);
  };
  const take = (cursor: SightingCursor): void => {
    const { index, source } = cursor;
    const batch = cursor.batch!;
    const { rows } = batch;
    const row = index << ROW_SHIFT;
    const point = cursor.resolver.pointOf(source, rows[row + INTERFACE]!, rows[row + INTERFACE_INDEX]!);
    window.add(batch, index, point.id, cursor.number, rows[row + TUNNEL]!);
    if (rows[row + KIND] === TCP && (rows[row + C]! & TCP_EVENTS) !== 0) count(rows, row, point.id);
  };
  const stride = { left: STRIDE };
  while (cursors.length > 0) {
    const empty = pump(cursors, stride, take);
    if (empty !== null && !(await empty.refill())) {
      progress.done(empty.size);
      cursors.splice(cursors.indexOf(empty), 1);
    }
    // Not whenever a batch is used up: the size of batches must not show in the result
    if (stride.left > 0 || cursors.length === 0) continue;
    stride.left = STRIDE;
    const readUpTo = Math.min(...cursors.map(({ time }) => time)) - DISORDER;
    if (options.signal?.aborted === true) {
      if (options.partial !== true) options.signal.throwIfAborted();
      judge.stopAt(readUpTo);
      break;
    }
    window.expire(readUpTo);
    if (tracker.exchanges.isFull) {
      tracker.exchanges.sweep(readUpTo - JOIN, (exchange) => isOver(exchange, readUpTo) && retire(exchange));
    }
    progress(cursors.reduce((sum, { source }) => sum + source.octetsRead, 0));
    yield;
  }
  for (const { source } of cursors) await source.close();
  window.drain();
}

/** One capture being read sighting by sighting. */
class SightingCursor {
  readonly number: number;
  /** Octets of its file. */
  readonly size: number;
  readonly source: SightingSource;
  readonly resolver: PointResolver;
  batch: SightingBatch | null = null;
  index = 0;
  /** Corrected time of the current sighting, relative to the base. */
  time = -Infinity;

  constructor(number: number, size: number, source: SightingSource, resolver: PointResolver) {
    this.number = number;
    this.size = size;
    this.source = source;
    this.resolver = resolver;
  }

  /** Loads the next batch; false at the end of the capture. */
  async refill(): Promise<boolean> {
    this.batch = await this.source.next();
    if (this.batch === null) return false;
    this.index = 0;
    this.time = this.batch.times[0]!;
    return true;
  }

  /** Goes to the next sighting of the batch; false after its last. */
  step(): boolean {
    const batch = this.batch!;
    if (++this.index >= batch.count) return false;
    this.time = batch.times[this.index]!;
    return true;
  }
}

/**
 * Gives sightings of all captures to `take`, in order of corrected time, and counts down. Returns the capture whose batch is used
 * up, or null when the count is down to 0.
 */
function pump(
  cursors: readonly SightingCursor[],
  stride: { left: number },
  take: (cursor: SightingCursor) => void,
): SightingCursor | null {
  while (stride.left > 0) {
    let cursor = cursors[0]!;
    let second = Infinity;
    for (let i = 1; i < cursors.length; i++) {
      const other = cursors[i]!;
      if (other.time < cursor.time) {
        second = cursor.time;
        cursor = other;
      } else if (other.time < second) {
        second = other.time;
      }
    }
    // Sightings of one capture that come before those of all others need no further comparing.
    do {
      take(cursor);
      stride.left--;
      if (!cursor.step()) return cursor;
    } while (stride.left > 0 && cursor.time <= second);
  }
  return null;
}

/** A connection can go on after any silence; everything else is over when it has been idle. */
function isOver(exchange: Exchange, now: number): boolean {
  if (exchange.open.length > 0) return false;
  return (
    exchange.protocol !== 'tcp' || exchange.finSeen || exchange.resetSeen || exchange.lastTime + CONNECTION_IDLE < now
  );
}
