import { CaptureError } from './capture/capture.js';
import { resolveInputs, type CaptureInput, type Source } from './inputs.js';
import { AddressTable } from './net/address-table.js';
import { isCutTunnel, isUnicast } from './net/packet-addresses.js';
import { PointTable } from './net/points.js';
import { OptionsError, type DiagnoseOptions } from './options.js';
import { filterOf, FrameCursor, inOrder, newView, openAll, PointResolver, relative, timeBounds } from './reading.js';
import { findSavedState, nameInterfaces, readSavedState, type StateRead } from './saved-state.js';
import type { Exchange } from './trail/exchange.js';
import { FlowTable } from './trail/flows.js';
import { Clock, estimateClocks } from './trail/clocks.js';
import { Evidence, type FileWindow, type PointEvidence } from './trail/evidence.js';
import { FrameStore } from './trail/frame-store.js';
import { KEY_OCTETS } from './trail/identity.js';
import { Judge } from './trail/judge.js';
import { Paths } from './trail/paths.js';
import { PointOrders } from './trail/point-orders.js';
import { Texts } from './trail/texts.js';
import { Topology } from './trail/topology.js';
import { Tracker } from './trail/tracker.js';
import { JOIN, PacketWindow } from './trail/window.js';
import { problemsOf } from './wire/packet-problems.js';
import { undecodedName } from './wire/undecoded.js';

const DEFAULT_MEMORY = 256 << 20;
/** What one open packet and one kept trail take of the memory given, octets, measured with room for all else. */
const PACKET_COST = 2048;
const TRAIL_COST = 8192;
/** A connection without an end is over when nothing of it was seen for this long, nanoseconds. */
const CONNECTION_IDLE = 300e9;
/** Captures up to this many octets together are kept in memory, so that every check can look at every frame. */
const SMALL = 32 << 20;
const STORE_LIMIT = 48 << 20;
/** Frames between two looks at the signal and at what can be closed. */
const STRIDE = 4096;
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
  readonly store: FrameStore;
  readonly window: PacketWindow;
  readonly tracker: Tracker;
  readonly judge: Judge;
  /** Exchanges counted so far: those that are over and settled. */
  readonly flows: FlowTable;
  /** What was saved beside the captures; null when nothing was. */
  readonly saved: StateRead | null;
}

/** First reading: what is in the captures, where addresses live, how clocks stand. `rows`: every packet will be told. */
export async function prepare(inputs: readonly CaptureInput[], options: DiagnoseOptions, rows: boolean): Promise<Run> {
  // Found first: what is named and not there should not cost a reading of all captures.
  const found = await findSavedState(inputs, options);
  const sources = await inOrder(await resolveInputs(inputs, options.signal), options.signal);
  const first = await gather(sources, options);
  const { evidence, points, addresses } = first;
  const saved = found === null ? null : await readSavedState(found, sources, options);
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
    keyOctets: evidence.keyOctets,
    limit: bounded(memory / PACKET_COST),
    settle: (group) => tracker.settle(group),
    close: (group) => tracker.close(group),
  });
  const tracker = new Tracker(window, paths, topology, rows || first.store.complete, bounded(memory / TRAIL_COST));
  const judge = new Judge({
    evidence,
    topology,
    misses: tracker.misses,
    points: points.points,
    paths,
    clocks,
  });
  return { ...first, sources, saved, topology, clocks, paths, texts, window, tracker, judge, flows: new FlowTable() };
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

type Gathered = Pick<Run, 'evidence' | 'points' | 'addresses' | 'base' | 'problems' | 'faults' | 'frames' | 'store'>;

/** First reading: what is in the captures, where addresses live, how clocks stand. */
async function gather(sources: readonly Source[], options: DiagnoseOptions): Promise<Gathered> {
  const faults: CaptureError[] = [];
  const points = new PointTable();
  const addresses = new AddressTable();
  const evidence = new Evidence(addresses, KEY_OCTETS);
  const problems = new Map<string, number>();
  const view = newView(options);
  const opened = await openAll(sources, options.signal, faults);
  const progress = progressOf(sources, options, 0);
  const small =
    sources.every(({ size }) => size !== null) && sources.reduce((sum, { size }) => sum + size!, 0) <= SMALL;
  const store = new FrameStore(small, STORE_LIMIT, options.vxlanPorts);
  let base = -1;
  let frames = 0;
  for (const { source, number, capture } of opened) {
    const resolver = new PointResolver(source, points);
    const windows = new Map<PointEvidence, FileWindow>();
    const windowOf = (at: PointEvidence): FileWindow => {
      let window = windows.get(at);
      if (window === undefined) {
        window = { file: source.file, frames: 0, first: Infinity, last: -Infinity, isDamaged: false };
        windows.set(at, window);
        at.windows.push(window);
      }
      return window;
    };
    let at: PointEvidence | null = null;
    for await (const batch of capture) {
      if (base < 0) base = batch.seconds[0]!;
      const bounds = timeBounds(options, base);
      for (let i = 0; i < batch.count; i++) {
        const time = relative(batch.seconds[i]!, batch.nanoseconds[i]!, base);
        if (time < bounds.since || time > bounds.until) continue;
        view.decodeAt(batch, i);
        frames++;
        if (view.problemCount > 0 || view.dnsAt >= 0 || view.bgpAt >= 0) {
          for (const { code } of problemsOf(view)) problems.set(code, (problems.get(code) ?? 0) + 1);
        }
        const point = resolver.pointOf(batch, batch.interfaceIds[i]!, view.interfaceIndex);
        if (at === null || at.point !== point) at = evidence.at(point);
        if (view.undecoded >= 0) {
          const name = undecodedName(view.undecoded);
          at.undecoded.set(name, (at.undecoded.get(name) ?? 0) + 1);
        }
        evidence.observe(view, at, windowOf(at), time);
        store.offer(view, point.id, number, batch.firstFrame + i, batch.seconds[i]!, batch.nanoseconds[i]!);
      }
      progress(capture.octetsRead);
    }
    if (capture.damage !== null) faults.push(capture.damage);
    for (const point of resolver.silent(capture)) windowOf(evidence.at(point));
    if (capture.damage !== null) for (const window of windows.values()) window.isDamaged = true;
    for (const [at] of windows) noteStatistics(at, capture.interfaces);
    progress.done(source.size ?? 0);
  }
  for (const fault of faults) options.onNotice?.(`${fault.file}: ${fault.message}`);
  return { evidence, points, addresses, base: Math.max(base, 0), problems, faults, frames, store };
}

function noteStatistics(
  at: PointEvidence,
  interfaces: readonly {
    name: string | null;
    statistics: { dropped: number | null; osDropped: number | null } | null;
  }[],
): void {
  for (const { name, statistics } of interfaces) {
    if (statistics === null || (interfaces.length > 1 && name !== at.point.interface)) continue;
    const dropped = (statistics.dropped ?? 0) + (statistics.osDropped ?? 0);
    at.dropped = (at.dropped ?? 0) + dropped;
  }
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
  const { sources, points, evidence, clocks, base, window, tracker, judge } = run;
  const filter = options.filter === undefined ? null : filterOf(options.filter);
  const view = newView(options);
  const bounds = timeBounds(options, base);
  const cursors: FrameCursor[] = [];
  const progress = progressOf(sources, options, 1);
  const signal = options.partial === true ? undefined : options.signal;
  const take = (cursor: FrameCursor): void => {
    if (cursor.ownTime < bounds.since || cursor.ownTime > bounds.until) return;
    const batch = cursor.batch!;
    const i = cursor.index;
    view.decodeAt(batch, i);
    if (!isUnicast(view) || isCutTunnel(view) || view.ipEnd - view.l4At < leastOctets(view)) return;
    if (filter !== null && !filter.matches(view) && !filter.matchesQuoted(view)) return;
    const point = cursor.resolver.pointOf(batch, batch.interfaceIds[i]!, view.interfaceIndex);
    const seconds = batch.seconds[i]!;
    const nanoseconds = batch.nanoseconds[i]!;
    window.add(view, point.id, cursor.number, batch.firstFrame + i, seconds, nanoseconds, cursor.time);
  };
  for (const { source, number, capture } of await openAll(sources, signal, [])) {
    const resolver = new PointResolver(source, points);
    const node = evidence.points.find((at) => at?.windows.some(({ file }) => file === source.file))?.point.node;
    const clock = node === undefined ? undefined : clocks.get(node);
    const cursor = new FrameCursor(source, number, capture, resolver, base, clock);
    if (await cursor.refill()) cursors.push(cursor);
  }
  while (cursors.length > 0) {
    const empty = pump(cursors, STRIDE, take);
    if (empty !== null && !(await empty.refill())) {
      progress.done(empty.source.size ?? 0);
      cursors.splice(cursors.indexOf(empty), 1);
      continue;
    }
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
    progress(cursors.reduce((sum, { capture }) => sum + capture.octetsRead, 0));
    yield;
  }
  for (const { capture } of cursors) await capture.close();
  window.drain();
}

/**
 * Gives up to `count` frames of all captures to `take`, in order of corrected time. Returns the capture whose batch is used
 * up, or null when the count is reached.
 */
function pump(cursors: readonly FrameCursor[], count: number, take: (cursor: FrameCursor) => void): FrameCursor | null {
  while (count > 0) {
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
    // Frames of one capture that come before those of all others need no further comparing.
    do {
      take(cursor);
      if (!cursor.step()) return cursor;
    } while (--count > 0 && cursor.time <= second);
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

/** What a packet must have to be told from others: eight octets of its L4 part, or all of it when it has fewer. */
function leastOctets(view: { readonly l4Length: number }): number {
  return Math.min(8, view.l4Length);
}
