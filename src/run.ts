import { CaptureError } from './capture/capture.js';
import { gather, type Gathered } from './gather.js';
import { resolveInputs, type CaptureInput, type Source } from './inputs.js';
import type { PacketFilter } from './net/filter.js';
import type { PointTable } from './net/points.js';
import { relative } from './net/relative-time.js';
import { checkOptions, OptionsError, type DiagnoseOptions } from './options.js';
import { filterOf, inOrder, progressOf } from './reading.js';
import { threadPays } from './thread-pays.js';
import { openSightings } from './second-reading.js';
import type { SightingSource } from './sighting-source.js';
import type { ReadingThread } from './threads.js';
import { SightingCursor, SightingQueue } from './sighting-queue.js';
import { findSavedState, nameInterfaces, readSavedState, type StateRead } from './saved-state.js';
import type { Exchange } from './trail/exchange.js';
import { FlowTable } from './trail/flows.js';
import { Choice } from './trail/choice.js';
import { Clock, estimateClocks, takeGiven } from './trail/clocks.js';
import type { Evidence, FileWindow, PointEvidence } from './trail/evidence.js';
import { KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from './trail/row.js';
import { AHEAD, JOIN } from './trail/group-index.js';
import { Judge } from './trail/judge.js';
import { Paths } from './trail/paths.js';
import { WayOrder } from './trail/way-order.js';
import { PointOrders } from './trail/point-orders.js';
import { groupsOf } from './trail/sample-groups.js';
import { ServiceBackends } from './trail/service-backends.js';
import { ServiceCounts } from './trail/service-counts.js';
import { TunnelTable } from './trail/sightings.js';
import { Texts } from './trail/texts.js';
import { Topology } from './trail/topology.js';
import { Tracker } from './trail/tracker.js';
import { PacketWindow } from './trail/window.js';
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
const KIND = KIND_SHIFT;

const DEFAULT_MEMORY = 256 << 20;
/** What one open packet and one kept trail take of the memory given, octets, measured with room for all else. */
const PACKET_COST = 2048;
const TRAIL_COST = 8192;
/** A connection without an end is over when nothing of it was seen for this long, nanoseconds. */
const CONNECTION_IDLE = 300e9;
/** Frames between two looks at the signal and at what can be closed. */
const STRIDE = 4096;
/** FIN, SYN and RST. */
const TCP_EVENTS = 0x07;
const TCP = Layer.TCP;
const TCP_PROTOCOL = 6;
/**
 * Of a file whose times go back all that come later are waited for, but for no longer than this, nanoseconds: captures of several
 * interfaces go back by more, and lose nothing by it.
 */
const DISORDER = 50e6;

/** All that one run learns; the report and the rows are read off it. */
export interface Run extends Gathered {
  readonly sources: readonly Source[];
  readonly texts: Texts;
  readonly topology: Topology;
  readonly paths: Paths;
  readonly clocks: ReadonlyMap<string, Clock>;
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
  /** Captures that have frames, being read for the second time, until `pair` or `end` is done with them. */
  readonly captures: readonly OpenedCapture[];
}

interface OpenedCapture {
  /** Of its source. */
  readonly number: number;
  readonly sightings: SightingSource;
}

/** What a run is for: what is in the captures, a report, a row for every packet, or rows of exchanges that tell their streams. */
export type Purpose = 'points' | 'report' | 'packets' | 'streams';

/**
 * First reading: what is in the captures, where addresses live, how clocks stand. Begins the second one, unless only the points are
 * wanted: then `pair`.
 */
export async function prepare(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions,
  purpose: Purpose,
): Promise<Run> {
  checkOptions(options);
  // Found first: what is named and not there should not cost a reading of all captures.
  const found = await findSavedState(inputs, options);
  const filter = options.filter === undefined ? null : await filterOf(options.filter);
  const sources = await inOrder(await resolveInputs(inputs, options), options.signal);
  const saved = found === null ? null : await readSavedState(found, sources, options);
  const thread =
    sources.length > 1 && (await threadPays(sources, options))
      ? new (await import('./threads.js')).ReadingThread()
      : null;
  let captures: readonly OpenedCapture[] = [];
  try {
    const first = await gather(sources, thread, purpose === 'points' ? 1 : 2, options);
    if (first.frames === 0 && first.frameCounts.some((count) => count > 0))
      options.onNotice?.('no frame of the captures is within the time that was asked for (--since, --until)');
    const tunnels = new TunnelTable();
    if (purpose === 'points') await thread?.end();
    // While clocks are compared here, the other thread reads the first sightings
    else captures = await openAll(first, sources, tunnels, thread, options);
    return arrange(first, sources, captures, tunnels, saved, filter, options, purpose);
  } catch (error) {
    await closeAll(captures);
    await thread?.end();
    throw error;
  }
}

async function openAll(
  { evidence, addresses, base, frameCounts }: Gathered,
  sources: readonly Source[],
  tunnels: TunnelTable,
  thread: ReadingThread | null,
  options: DiagnoseOptions,
): Promise<OpenedCapture[]> {
  const numbers = [...sources.keys()].filter((number) => shownBy(evidence, number).length > 0);
  const captures = numbers.map((number) => ({ source: sources[number]!, frames: frameCounts[number]! }));
  const found = { captures, addresses, keyOctets: evidence.keyOctets, base, tunnels };
  const opened = await openSightings(found, options, thread);
  return numbers.map((number, i) => ({ number, sightings: opened[i]! }));
}

async function closeAll(captures: readonly OpenedCapture[]): Promise<void> {
  for (const { sightings } of captures) await sightings.close();
}

/** What pairs and judges, made of what the first reading found. */
function arrange(
  first: Gathered,
  sources: readonly Source[],
  captures: readonly OpenedCapture[],
  tunnels: TunnelTable,
  saved: StateRead | null,
  filter: PacketFilter | null,
  options: DiagnoseOptions,
  purpose: Purpose,
): Run {
  const { evidence, points, addresses } = first;
  first.store.dropCopies(evidence.overlapping);
  if (saved !== null) nameInterfaces(points, saved.state);
  const groups = groupsOf(evidence.samples);
  const orders = new PointOrders(evidence.samples, groups, points.points);
  const topology = new Topology(evidence, points.points, orders);
  const clocks = estimateClocks(evidence.samples, groups, points.points, topology, orders);
  takeGiven(clocks, givenClocks(points, options));
  const given = (options.order ?? []).map((name) => {
    const point = points.find(name);
    if (point === undefined) throw new OptionsError(`--order names ${name}, which is no point of these captures`);
    return point.id;
  });
  const paths = new Paths(topology, new WayOrder(topology, orders, clocks, given));
  const texts = new Texts();
  const memory = options.memory ?? DEFAULT_MEMORY;
  const window: PacketWindow = new PacketWindow({
    addresses,
    texts,
    tunnels,
    vxlanPorts: options.vxlanPorts,
    clocks: sources.map((_, number) => ({ clock: clockOf(clocks, evidence, number), base: first.base })),
    limit: bounded(memory / PACKET_COST),
    overlapping: evidence.overlapping,
    recorded: (point, src, dst) => evidence.points[point]!.pairs.uncount(src, dst),
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
    captures,
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

/** Offsets by node: `--clock` names a point; all points of its node follow. */
function givenClocks(points: PointTable, { clocks = {} }: DiagnoseOptions): Map<string, number> {
  const given = new Map<string, number>();
  for (const [name, offset] of Object.entries(clocks)) {
    const point = points.find(name);
    if (point === undefined) throw new OptionsError(`--clock names ${name}, which is no point of these captures`);
    given.set(point.node, offset);
  }
  return given;
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
  const { sources, evidence, clocks, base, window, paths, tracker, judge, services, choice } = run;
  const progress = progressOf(sources, options, 1, 2);
  const cursors = run.captures.map(({ number, sightings }) => {
    const clock = clockOf(clocks, evidence, number);
    const windows = shownBy(evidence, number).flatMap((at) => windowsOf(at, number));
    const first = clock.correct(Math.min(...windows.map((its) => its.first)));
    const disorder = Math.min(DISORDER, run.disorders[number]! * clock.rate);
    const size = sources[number]!.size ?? 0;
    return new SightingCursor(number, size, sightings, run.resolvers[number]!, base, first, disorder, clock);
  });
  const queue = new SightingQueue(cursors);
  // Reused: a tenth of all frames are counted
  const flow = { src: 0, dst: 0, sourcePort: -1, destinationPort: -1 };
  const count = (rows: Int32Array, row: number, point: number): void => {
    flow.src = rows[row + SRC]!;
    flow.dst = rows[row + DST]!;
    flow.sourcePort = rows[row + SOURCE_PORT]!;
    flow.destinationPort = rows[row + DESTINATION_PORT]!;
    if (choice !== null && !choice.isPacket(rows[row + FLAGS]! & FLAG_VERSION, TCP_PROTOCOL, [flow])) return;
    const time = relative(rows[row + SECONDS]! >>> 0, rows[row + NANOSECONDS]!, base);
    services.add(flow, rows[row + A]!, rows[row + C]!, point, time);
  };
  const touch = (rows: Int32Array, from: number, to: number): void => {
    window.index.touch(rows, from, to);
    paths.touch(rows, from, to);
  };
  const take = (cursor: SightingCursor): void => {
    const { index, source } = cursor;
    const batch = cursor.batch!;
    const { rows } = batch;
    const row = index << ROW_SHIFT;
    if ((index & (AHEAD - 1)) === 0) touch(rows, index, Math.min(index + AHEAD, batch.count));
    const point = cursor.resolver.pointOf(source, rows[row + INTERFACE]!, rows[row + INTERFACE_INDEX]!);
    window.add(batch, index, point.id, cursor.number, source.tunnelOf(rows[row + TUNNEL]!));
    if (rows[row + FLAGS]! >> KIND === TCP && (rows[row + C]! & TCP_EVENTS) !== 0) count(rows, row, point.id);
  };
  const stride = { left: STRIDE };
  const step = Math.min(STRIDE, tracker.limit >> 2);
  try {
    while (queue.length > 0) {
      const empty = queue.pump(stride, take);
      const goesOn = empty === null || (await empty.refill());
      const { readUpTo } = queue;
      if (options.signal?.aborted === true) {
        if (options.partial !== true) options.signal.throwIfAborted();
        judge.stopAt(readUpTo);
        break;
      }
      if (!goesOn) {
        progress.done(empty.size);
        noteChange(run, empty, options);
        queue.shift();
      }
      // Not whenever a batch is used up: the size of batches must not show in the result
      if (stride.left > 0 || queue.length === 0) continue;
      stride.left = STRIDE;
      while (!window.expire(readUpTo, step)) yield;
      if (tracker.exchanges.isFull) {
        tracker.exchanges.sweep(readUpTo - JOIN, (exchange) => isOver(exchange, readUpTo) && retire(exchange));
      }
      progress(queue.octetsRead);
      yield;
    }
  } finally {
    await closeAll(run.captures);
  }
  while (!window.expire(Infinity, step)) yield;
}

/** Points of which a source has frames. */
function shownBy({ points }: Evidence, source: number): PointEvidence[] {
  return points.filter((at) => at?.windows.some((its) => its.source === source && its.frames > 0));
}

/** Clock of the node where a source was captured. */
function clockOf(clocks: ReadonlyMap<string, Clock>, evidence: Evidence, source: number): Clock {
  const [first] = shownBy(evidence, source);
  return (first && clocks.get(first.point.node)) ?? new Clock('');
}

function windowsOf(at: PointEvidence | undefined, source: number): FileWindow[] {
  return at?.windows.filter((window) => window.source === source) ?? [];
}

/** A capture of which less could be read than the first time proves nothing from there on. */
function noteChange(run: Run, { number, source, lastTime }: SightingCursor, options: DiagnoseOptions): void {
  const before = run.frameCounts[number]!;
  if (source.frames >= before) return;
  const { file } = run.sources[number]!;
  const { failure, frames, octetsRead } = source;
  const message =
    failure === null
      ? `has changed while it was read: ${before} frames at first, then ${frames}`
      : `has changed while it was read: ${failure.message}`;
  run.faults.push(new CaptureError(failure?.code ?? 'cut', file, octetsRead, frames, message));
  options.onNotice?.(`${file}: ${message}`);
  for (const at of run.evidence.points) {
    for (const window of windowsOf(at, number)) {
      window.isDamaged = true;
      if (lastTime < window.first) window.frames = 0;
      else window.last = Math.min(window.last, lastTime);
    }
  }
  run.judge.forgetWindows();
}

/** A connection can go on after any silence; everything else is over when it has been idle. */
function isOver(exchange: Exchange, now: number): boolean {
  if (exchange.open.length > 0) return false;
  return (
    exchange.protocol !== 'tcp' || exchange.finSeen || exchange.resetSeen || exchange.lastTime + CONNECTION_IDLE < now
  );
}
