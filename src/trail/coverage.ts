import type { CapturePoint } from '../net/points.js';
import { GIVEN, type Clock } from './clocks.js';
import type { Evidence, PointEvidence } from './evidence.js';
import type { Misses } from './misses.js';
import type { Paths } from './paths.js';
import type { Crossing } from './ways.js';
import type { Topology } from './topology.js';
import type { Silence, Trail } from './trail.js';
import type { Form } from './trail-rows.js';

/** A packet seen this long before the end of a file may still have been on its way to it, nanoseconds. */
const IN_FLIGHT = 10e6;
/** A capture that missed a packet this close in time may have missed this one too. */
const BLIND = 1e9;
/** The rings of a busy host's captures overflow together, within this time, nanoseconds; of misses no finer times are kept. */
const HOST_BUSY = 200e6;
/** Captures further apart than this belong to different runs: one frame has no length in time. */
const APART = 1e9;
/** Clocks of nodes that cannot be compared are taken to agree to within this. */
const UNKNOWN_CLOCK = 1e9;
const TCP = 6;
/** With bpf_redirect_peer these interfaces see what a pod sends, and not what it gets. */
const CILIUM = /^lxc/;

/** Everything a verdict rests on. */
export interface JudgeContext {
  readonly evidence: Evidence;
  readonly topology: Topology;
  readonly misses: Misses;
  readonly points: readonly CapturePoint[];
  readonly paths: Paths;
  /** Clocks by node; what is not there could not be compared with others. */
  readonly clocks: ReadonlyMap<string, Clock>;
}

/** What of a packet tells whether a capture would show it. */
export type Passing = Pick<Trail, 'protocol' | 'kind' | 'payloadLength' | 'last'>;

/** Whether a point's silence is proof: certainty null, where it is not able, says it is none. */
export interface Ability extends Silence {
  readonly certainty: 'shown' | 'likely' | null;
  /** The frames whose lack alone speaks against it: those before or after the moment, or all of them; null when something else does. */
  readonly lacks: 'before' | 'after' | 'all' | null;
}

/** First and last time of one of a point's files, corrected. */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly isDamaged: boolean;
}

/** Whether a capture was able to show a packet that it does not have: without that nothing is lost. */
export class Coverage {
  readonly #context: JudgeContext;
  #end: number;
  /** By the point and the one where a packet was last seen. */
  readonly #inside: Partial<Record<Crossing, Ability>>[] = [];
  /** By point. */
  #spans: (readonly Span[] | undefined)[] = [];

  constructor(context: JudgeContext) {
    this.#context = context;
    this.#end = this.#findEnd();
  }

  /** Last moment of any capture, corrected. */
  get end(): number {
    return this.#end;
  }

  #findEnd(): number {
    let last = -Infinity;
    for (const at of this.#context.evidence.points) {
      for (const span of at === undefined ? [] : this.#spansOf(at)) last = Math.max(last, span.last);
    }
    return last;
  }

  /** To be called when the windows of files have changed. */
  forgetWindows(): void {
    this.#spans = [];
    this.#end = this.#findEnd();
  }

  /** Whether a point's silence is proof. */
  ableAt(trail: Passing, lastSeen: number, tunnel: number, time: number, point: number, crossing: Crossing): Ability {
    const { evidence, points, misses } = this.#context;
    const { last } = trail;
    const name = this.#name(point);
    const at = evidence.points[point];
    if (at === undefined) return no(point, `${name} was not read`);
    if (at.unidentifiable > 0) {
      return no(point, `${name} kept too few octets of ${at.unidentifiable} frames to recognise a packet`);
    }
    if (trail.protocol === TCP && at.cutTcp > 0 && (trail.kind < 0 || trail.payloadLength > 0)) {
      return no(point, `${name} kept too few octets of TCP segments to tell which part of the stream they hold`);
    }
    if (misses.goesAround(last.src, last.dst, point)) {
      return no(point, `what goes between these addresses in this direction passes by another way than ${name}`);
    }
    if (misses.near(point, time, BLIND)) {
      return no(point, `${name} missed other packets at that time that were seen before and behind it`);
    }
    if ((at.dropped ?? 0) > 0) return no(point, `the capture at ${name} dropped ${at.dropped} frames`);
    const filter = this.#hiddenByFilter(trail.protocol, last, at, tunnel);
    if (filter !== null) return no(point, filter);
    if (CILIUM.test(points[point]!.interface) && !this.#wasReached(last.dst, point)) {
      return no(point, `${name} shows nothing on its way to the pod: Cilium may take it past there`);
    }
    const error = this.#clockError(lastSeen, point, time);
    const margin = IN_FLIGHT + (error === Infinity ? UNKNOWN_CLOCK : error);
    const seenAt = evidence.points[lastSeen]!;
    const window = this.#window(at, time, margin, seenAt);
    if (window === 'damaged')
      return no(point, `the capture at ${name} is damaged, and what came after that is not known`);
    if (window === 'other-run') return no(point, `${name} was captured at another time`);
    const unsteady = this.#isUnsteady(at, time, margin) ? at : this.#isUnsteady(seenAt, time, margin) ? seenAt : null;
    if (unsteady !== null) {
      return no(
        point,
        `times in the file of ${unsteady.point.name} go back around this moment, and cannot be relied on`,
      );
    }
    if (time > this.#end - margin && this.hasCrossed(last, at)) {
      return no(point, `it was last seen at the end of the captures and may have been on its way to ${name}`);
    }
    if (window === 'inside') {
      const inside = this.#insideAt(lastSeen, point, crossing);
      const blind = inside.certainty === 'shown' ? this.#blindBeside(point, time) : null;
      if (blind === null) return inside;
      const note = `${inside.note}; but ${blind}, captured on the same node, missed packets at that moment`;
      return { ...inside, certainty: 'likely', note };
    }
    // A capture that saw something may have been started late or stopped early: files do not say. Whether one that
    // saw nothing was capturing, others must tell.
    if (at.frames > 0) {
      const had = window === 'after' ? 'ended' : 'begun later';
      const note = `the capture at ${name} has no frame ${window} this moment`;
      return this.#wasOff(at, window)
        ? no(point, `${note}: it had ${had}`)
        : no(point, `${note}: it may have ${had}`, window);
    }
    if (!this.#ranAt(at, time, margin))
      return no(point, `the file of ${name} has no frame of any interface around this moment`);
    if (misses.any(point))
      return no(point, `the capture at ${name} is empty, and missed packets that were seen before and behind it`);
    return no(
      point,
      `its capture is empty, while other captures of this run go on; ${this.#howIn(lastSeen, point, crossing)}`,
      'all',
    );
  }

  /** The name of another point of a node that missed packets around a moment: what keeps one capture of a host busy keeps all. */
  #blindBeside(point: number, time: number): string | null {
    const { evidence, points, misses } = this.#context;
    if (misses.count === 0) return null;
    const { node } = points[point]!;
    for (const { id, name, node: its } of points) {
      if (id === point || its !== node || !misses.near(id, time, HOST_BUSY)) continue;
      // Not one that had been stopped
      if (this.#spansOf(evidence.points[id]!).some(({ first, last }) => first <= time && time <= last)) return name;
    }
    return null;
  }

  /** Of most packets that are lost; the same object for all that are at the same place. */
  #insideAt(lastSeen: number, point: number, crossing: Crossing): Ability {
    const { points } = this.#context;
    const known = (this.#inside[point * points.length + lastSeen] ??= {});
    return (known[crossing] ??= {
      point,
      able: true,
      // Points without a node's name may be of several nodes
      certainty: crossing === 'role' || points[point]!.node === '' ? 'likely' : 'shown',
      note: `its capture has frames before and after this moment, and ${this.#howIn(lastSeen, point, crossing)}`,
      lacks: null,
    });
  }

  /** What shows that a point is on the way. */
  #howIn(lastSeen: number, point: number, crossing: Crossing): string {
    if (crossing === 'pair') return 'packets between these addresses crossed it';
    if (crossing === 'address') return 'other packets of these addresses crossed it';
    const { role } = this.#context.points[point]!;
    return `it is the ${role === 'veth' ? 'pod' : role} interface behind ${this.#name(lastSeen)}`;
  }

  /** Whether a capture that shows nothing was running, as far as other interfaces in the same file tell. */
  #ranAt({ point, windows }: PointEvidence, time: number, margin: number): boolean {
    const files = new Set(windows.map(({ source }) => source));
    let first = Infinity;
    let last = -Infinity;
    for (const other of this.#context.evidence.points) {
      if (other === undefined || other.point.node !== point.node) continue;
      if (!other.windows.some(({ source, frames }) => frames > 0 && files.has(source))) continue;
      for (const span of this.#spansOf(other)) {
        first = Math.min(first, span.first);
        last = Math.max(last, span.last);
      }
    }
    return first === Infinity || (time >= first && time + margin <= last);
  }

  /** True when packets that a point ought to have shown went on beyond its frames: it was not capturing. */
  #wasOff(at: PointEvidence, side: 'before' | 'after'): boolean {
    const spans = this.#spansOf(at);
    const edge =
      side === 'after' ? Math.max(...spans.map(({ last }) => last)) : Math.min(...spans.map(({ first }) => first));
    return this.#context.misses.beyond(at.point.id, edge, side);
  }

  /** Where a moment lies in what a point captured, beside the capture that saw the packet last. */
  #window(
    at: PointEvidence,
    time: number,
    margin: number,
    seenAt: PointEvidence,
  ): 'inside' | 'before' | 'after' | 'damaged' | 'other-run' {
    let before = false;
    let together = at.frames === 0;
    let damaged = at.windows.some(({ frames, isDamaged }) => isDamaged && frames === 0);
    for (const span of this.#spansOf(at)) {
      if (time >= span.first && time + margin <= span.last) return 'inside';
      if (span.isDamaged && time + margin > span.last) damaged = true;
      if (!this.#wentOnBeside(span, seenAt, time)) continue;
      together = true;
      if (time < span.first) before = true;
    }
    if (damaged) return 'damaged';
    if (!together) return 'other-run';
    return before ? 'before' : 'after';
  }

  /** True when a point had frames around a moment, in the same run as a span of another. */
  #wentOnBeside({ first, last }: Span, at: PointEvidence, time: number): boolean {
    return this.#spansOf(at).some(
      (span) => span.first <= time && time <= span.last && span.first <= last + APART && first <= span.last + APART,
    );
  }

  /** True where the times of a file are not to be relied on. */
  #isUnsteady({ point, windows }: PointEvidence, time: number, margin: number): boolean {
    const clock = this.#context.clocks.get(point.node);
    for (const { unsteady } of windows) {
      if (unsteady === undefined) continue;
      const [from, to] = unsteady;
      if (time + margin >= correctedBy(clock, from) && time - margin <= correctedBy(clock, to)) return true;
    }
    return false;
  }

  #spansOf(at: PointEvidence): readonly Span[] {
    return (this.#spans[at.point.id] ??= this.#findSpans(at));
  }

  #findSpans({ point, windows }: PointEvidence): Span[] {
    const clock = this.#context.clocks.get(point.node);
    const full = windows.filter(({ frames }) => frames > 0);
    return full.map(({ first, last, isDamaged }) => ({
      first: correctedBy(clock, first),
      last: correctedBy(clock, last),
      isDamaged,
    }));
  }

  /** How far times at two points may be off each other; Infinity where nothing bounds it. */
  #clockError(a: number, b: number, time: number): number {
    const { points, clocks } = this.#context;
    const first = points[a]!.node;
    const second = points[b]!.node;
    if (first === second) return 0;
    const x = clocks.get(first);
    const y = clocks.get(second);
    if (x !== undefined && y !== undefined && x.reference === y.reference) return x.errorAt(time) + y.errorAt(time);
    return x?.reference === GIVEN || y?.reference === GIVEN ? 0 : Infinity;
  }

  /** True when packets of these addresses in this direction did cross the point. */
  hasCrossed({ src, dst }: Form, at: PointEvidence): boolean {
    return at.pairs.count(src, dst) > 0;
  }

  /** Why the capture's apparent filter may have hidden the packet, or null. */
  #hiddenByFilter(protocol: number, form: Form, at: PointEvidence, tunnel: number): string | null {
    const filter = at.filter;
    if (filter.noise > 0 || filter.frames === 0) return null;
    const name = at.point.name;
    const wrapped = at.tunnelled > 0 && (at.point.role === 'underlay' || tunnel !== 0);
    if (wrapped) return null;
    const bit = protocol === 1 || protocol === 58 ? 1 : protocol === 6 ? 2 : protocol === 17 ? 4 : 8;
    if ((filter.protocols & bit) === 0) {
      return `every frame at ${name} is ${protocolWords(filter.protocols)}: its capture filter may have hidden this packet`;
    }
    const { src, dst, sourcePort, destinationPort } = form;
    const host = filter.host;
    if (host !== 0 && host !== src && host !== dst) {
      return `every frame at ${name} is from or to ${this.#context.evidence.addresses.text(host)}: its capture filter may have hidden this packet`;
    }
    const port = filter.port;
    if (port > 0 && port !== sourcePort && port !== destinationPort) {
      return `every frame at ${name} has port ${port}: its capture filter may have hidden this packet`;
    }
    return null;
  }

  #wasReached(address: number, point: number): boolean {
    return (this.#context.topology.seenOf(address).get(point)?.received ?? 0) > 0;
  }

  #name(point: number): string {
    return this.#context.points[point]!.name;
  }
}

function no(point: number, note: string, lacks: Ability['lacks'] = null): Ability {
  return { point, able: false, certainty: null, note, lacks };
}

/** A time of a node's clock, where that could be compared with others. */
function correctedBy(clock: Clock | undefined, time: number): number {
  return clock === undefined ? time : clock.correct(time);
}

function protocolWords(protocols: number): string {
  const words = [];
  if ((protocols & 1) !== 0) words.push('ICMP');
  if ((protocols & 2) !== 0) words.push('TCP');
  if ((protocols & 4) !== 0) words.push('UDP');
  if ((protocols & 8) !== 0) words.push('another protocol');
  return words.join(' or ');
}
