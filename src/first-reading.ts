import { CaptureError, errorOf, failureOf, type Capture, type CaptureFailure } from './capture/capture.js';
import type { FrameBatch } from './capture/frame-batch.js';
import type { Source } from './inputs.js';
import { AddressTable, type AddressState } from './net/address-table.js';
import { relative } from './net/relative-time.js';
import { PointTable, type CapturePoint } from './net/points.js';
import { newView, PointResolver, timeBounds, type TimeBounds } from './reading.js';
import { Evidence, type EvidenceState, type FileWindow, type PointEvidence } from './trail/evidence.js';
import { FrameStore, type StoreState } from './trail/frame-store.js';
import { KEY_OCTETS } from './trail/identity.js';
import type { PacketView } from './wire/packet.js';
import { problemsOf } from './wire/packet-problems.js';
import { undecodedName } from './wire/undecoded.js';

/** Octets of frames that are kept at most. */
const STORE_LIMIT = 48 << 20;

/** How captures are read the first time. */
export interface FirstReadingOptions {
  readonly since?: bigint;
  readonly until?: bigint;
  readonly vxlanPorts?: readonly number[];
  /** Second since the epoch to which times are relative. */
  readonly base: number;
  /** The captures are small: every frame is kept. */
  readonly small: boolean;
}

/** What the first reading of one capture found, to hand to another thread. */
export interface FirstReadingState {
  readonly points: readonly Pick<CapturePoint, 'node' | 'interface' | 'role'>[];
  /** Numbers in `points`, by the key that the resolver gave them. */
  readonly resolved: ReadonlyMap<number, number>;
  readonly addresses: AddressState;
  readonly evidence: EvidenceState;
  readonly problems: ReadonlyMap<string, number>;
  readonly damage: CaptureFailure | null;
  readonly frames: number;
  readonly allFrames: number;
  readonly disorder: number;
  readonly kept: StoreState;
}

/** What was found in a capture, or why it could not be opened. */
export type CaptureRead = { readonly state: FirstReadingState } | { readonly failure: CaptureFailure };

/** Reads one capture on its own, to be put together with others in their order, see FirstReading.add. */
export async function readAlone(
  source: Pick<Source, 'file' | 'point'>,
  options: FirstReadingOptions,
  open: () => Promise<Capture>,
  onRead: (octets: number) => void,
): Promise<CaptureRead> {
  const reading = new FirstReading(options, 1);
  try {
    await reading.read(source, 0, await open(), onRead);
    return { state: reading.state };
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { failure: failureOf(error) };
  }
}

/** First reading: what is in the captures and where addresses live. */
export class FirstReading {
  readonly points = new PointTable();
  readonly addresses = new AddressTable();
  readonly evidence: Evidence;
  readonly problems = new Map<string, number>();
  /** Damage inside captures that could be opened. */
  readonly damages: CaptureError[] = [];
  readonly store: FrameStore;
  /** Frames within the bounds of time. */
  frames = 0;
  /** All frames of each source. */
  readonly frameCounts: number[];
  /** How far times go back in each source, nanoseconds. */
  readonly disorders: number[];
  /** What gave the frames of each source their points. */
  readonly resolvers: PointResolver[] = [];
  readonly #view: PacketView;
  readonly #bounds: TimeBounds;
  readonly #base: number;

  /** @param sources how many there are; each has its number */
  constructor(options: FirstReadingOptions, sources: number) {
    this.frameCounts = new Array<number>(sources).fill(0);
    this.disorders = new Array<number>(sources).fill(0);
    this.#view = newView(options);
    this.#bounds = timeBounds(options, options.base);
    this.#base = options.base;
    this.evidence = new Evidence(this.addresses, KEY_OCTETS, options.base);
    this.store = new FrameStore(options.small, STORE_LIMIT, options.vxlanPorts);
  }

  /** Reads one capture to its end. `onRead` is told the octets read so far. */
  async read(
    { file, point: given }: Pick<Source, 'file' | 'point'>,
    number: number,
    capture: Capture,
    onRead: (octets: number) => void,
  ): Promise<void> {
    const reading = new CaptureReading(file, number, new PointResolver({ file, point: given }, this.points));
    const { resolver, windows } = reading;
    this.resolvers[number] = resolver;
    for await (const batch of capture) {
      this.#readBatch(batch, reading);
      onRead(capture.octetsRead);
    }
    this.frameCounts[number] = capture.frames;
    this.disorders[number] = reading.disorder;
    for (const point of resolver.silent(capture)) reading.windowOf(this.evidence.at(point));
    if (capture.damage !== null) {
      this.damages.push(capture.damage);
      for (const window of windows.values()) window.isDamaged = true;
    }
    noteStatistics([...windows.keys()], capture.interfaces);
  }

  /**
   * Apart, so that it is compiled once: the whole of an asynchronous function is thrown away and made anew with each surprise. Nothing
   * follows the loop: code compiled while it ran for the first time would be thrown away at its end, with every batch.
   */
  #readBatch(batch: FrameBatch, reading: CaptureReading): void {
    const { evidence, problems, store } = this;
    const view = this.#view;
    const { since, until } = this.#bounds;
    const base = this.#base;
    const { number, resolver } = reading;
    const { count, seconds, nanoseconds, interfaceIds, firstFrame } = batch;
    let at: PointEvidence | null = null;
    let window: FileWindow | null = null;
    for (let i = 0; i < count; i++) {
      const second = seconds[i]!;
      const nanos = nanoseconds[i]!;
      const time = relative(second, nanos, base);
      if (time < since || time > until) continue;
      reading.note(time);
      view.decodeAt(batch, i);
      this.frames++;
      if (view.problemCount > 0 || view.dnsAt >= 0 || view.bgpAt >= 0) {
        for (const { code } of problemsOf(view)) problems.set(code, (problems.get(code) ?? 0) + 1);
      }
      const point = resolver.pointOf(batch, interfaceIds[i]!, view.interfaceIndex);
      if (at === null || window === null || at.point !== point) {
        at = evidence.at(point);
        window = reading.windowOf(at);
      }
      if (view.undecoded >= 0) {
        const name = undecodedName(view.undecoded);
        at.undecoded.set(name, (at.undecoded.get(name) ?? 0) + 1);
      }
      evidence.observe(view, at, window, second, nanos);
      store.offer(view, point.id, number, firstFrame + i, second, nanos);
    }
  }

  /** What this reading of one capture found. */
  get state(): FirstReadingState {
    const [damage = null] = this.damages;
    return {
      points: this.points.points.map(({ node, interface: name, role }) => ({ node, interface: name, role })),
      resolved: this.resolvers[0]?.resolved ?? new Map<number, number>(),
      addresses: this.addresses.state,
      evidence: this.evidence.state,
      problems: this.problems,
      damage: damage === null ? null : failureOf(damage),
      frames: this.frames,
      allFrames: this.frameCounts.reduce((sum, count) => sum + count, 0),
      disorder: Math.max(...this.disorders),
      kept: this.store.state,
    };
  }

  /** Takes over what another reading found in a capture, as if this one had read it now. */
  add(source: Pick<Source, 'file' | 'point'>, number: number, state: FirstReadingState): void {
    const points = state.points.map(({ node, interface: name, role }): CapturePoint => {
      const point = this.points.get(node === '' ? null : node, name, source.file);
      if (point.role === 'unknown') point.role = role;
      return point;
    });
    const resolver = new PointResolver(source, this.points);
    for (const [key, point] of state.resolved) resolver.set(key, points[point]!);
    this.resolvers[number] = resolver;
    for (const { windows } of state.evidence.points) for (const window of windows) window.source = number;
    this.evidence.add(state.evidence, points, this.addresses.add(state.addresses));
    for (const [code, count] of state.problems) this.problems.set(code, (this.problems.get(code) ?? 0) + count);
    if (state.damage !== null) this.damages.push(errorOf(state.damage));
    this.frames += state.frames;
    this.frameCounts[number] = state.allFrames;
    this.disorders[number] = state.disorder;
    const ids = points.map(({ id }) => id);
    this.store.add(state.kept, ids, number);
  }
}

/** One capture while it is read. */
class CaptureReading {
  readonly file: string;
  readonly number: number;
  readonly resolver: PointResolver;
  readonly windows = new Map<PointEvidence, FileWindow>();
  /** How far times go back, nanoseconds. */
  disorder = 0;
  #latest = -Infinity;

  constructor(file: string, number: number, resolver: PointResolver) {
    this.file = file;
    this.number = number;
    this.resolver = resolver;
  }

  note(time: number): void {
    if (time > this.#latest) this.#latest = time;
    else if (this.#latest - time > this.disorder) this.disorder = this.#latest - time;
  }

  /** The window of the capture at a point, made when it is the first frame there. */
  windowOf(at: PointEvidence): FileWindow {
    let window = this.windows.get(at);
    if (window === undefined) {
      window = { source: this.number, file: this.file, frames: 0, first: Infinity, last: -Infinity, isDamaged: false };
      this.windows.set(at, window);
      at.windows.push(window);
    }
    return window;
  }
}

/** What a file says its interfaces dropped goes to the points of their names; of one interface, to wherever its frames are. */
function noteStatistics(points: readonly PointEvidence[], interfaces: Capture['interfaces']): void {
  const byName = new Map<string | null, number>();
  for (const { name, statistics } of interfaces) {
    if (statistics === null) continue;
    byName.set(name, (byName.get(name) ?? 0) + (statistics.dropped ?? 0) + (statistics.osDropped ?? 0));
  }
  const [only] = interfaces.length === 1 ? byName.values() : [];
  for (const at of points) {
    const dropped = only ?? byName.get(at.point.interface);
    if (dropped !== undefined) at.dropped = (at.dropped ?? 0) + dropped;
  }
}
