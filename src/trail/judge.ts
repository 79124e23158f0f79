import { rankOf, type CapturePoint } from '../net/points.js';
import { arrivalOf } from './arrival.js';
import type { Clock } from './clocks.js';
import type { Evidence, PointEvidence } from './evidence.js';
import type { Crossing, Path, Paths } from './paths.js';
import type { Topology } from './topology.js';
import type { Misses } from './misses.js';
import type { Judgement, Silence, Trail } from './trail.js';
import { JOIN } from './window.js';

/** A packet seen this long before the end of a file may still have been on its way to it, nanoseconds. */
const IN_FLIGHT = 10e6;
/** A capture that missed a packet this close in time may have missed this one too. */
const BLIND = 1e9;
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

/** A router that finds no neighbour says so after three seconds, nanoseconds (RFC 4861, and Linux for ARP). */
const ERROR_AFTER = 4e9;

/** Says whether a packet arrived, was lost, or cannot be placed. */
export class Judge {
  /** Places, with addresses, where packets were shown to be lost and none ever passed. */
  readonly #alwaysLost = new Set<string>();
  readonly #context: JudgeContext;
  /** Last time of the run, corrected. */
  readonly #runLast: number;

  /** Time up to which the captures were read, nanoseconds relative to the base. */
  #readUpTo = Infinity;

  constructor(context: JudgeContext) {
    this.#context = context;
    let last = -Infinity;
    for (const at of context.evidence.points) {
      for (const span of at === undefined ? [] : this.#spans(at)) last = Math.max(last, span.last);
    }
    this.#runLast = last;
  }

  /** Notes that reading stopped before the ends of the captures. */
  stopAt(time: number): void {
    this.#readUpTo = time;
  }

  /** The way between two addresses. */
  pathOf(src: number, dst: number): Path {
    return this.#context.paths.of(src, dst);
  }

  /**
   * Learns from data that was acknowledged though points on its way did not show it: it came by another way, or they missed it,
   * and of what else they do not show at that time nothing follows. To be called before anything is judged.
   */
  learn(trails: readonly Trail[]): void {
    for (const trail of trails) {
      if (trail.protocol !== TCP || trail.payloadLength === 0 || arrivalOf(trail, this.#context.topology) !== 'shown')
        continue;
      const { points } = trail.path;
      const last = Math.max(...trail.sightings.map(({ point }) => points.indexOf(point)));
      for (const point of points.slice(last + 1)) this.#context.misses.add(point, trail.firstTime);
    }
  }

  /** Judges a trail once; later calls give the same answer. */
  judge(trail: Trail): Judgement {
    return (trail.judgement ??= this.#judge(trail, true));
  }

  /** @param beyond whether what the exchange shows elsewhere may speak for times at which a capture has no frames */
  #judge(trail: Trail, beyond: boolean): Judgement {
    const seen = trail.whole;
    const lastSighting = trail.sightings.findLast(({ point }) => seen.has(point)) ?? trail.sightings[0]!;
    const lastSeen = lastSighting.point;
    const home = trail.path.home;
    const isBack = this.#isBack(trail);
    if (isBack && home.length > 0 && home.every((point) => seen.has(point))) {
      return { state: 'delivered', certainty: 'shown', lastSeen, nextExpected: null, reason: null, silent: [] };
    }
    const arrival = arrivalOf(trail, this.#context.topology);
    if (arrival === 'shown') {
      return { state: 'delivered', certainty: 'shown', lastSeen, nextExpected: null, reason: null, silent: [] };
    }
    const unknown = (reason: string, silent: readonly Silence[] = []): Judgement => ({
      state: 'unknown',
      certainty: 'unknown',
      lastSeen,
      nextExpected: null,
      reason,
      silent,
    });
    if (trail.lastTime > this.#readUpTo - JOIN) return unknown('reading was stopped while it was on its way');
    if (arrival === 'one-of-several') return unknown('an answer shows that one of several attempts arrived, not which');
    if (trail.protocol === TCP && trail.kind < 0 && trail.fragmentOffset === 0) {
      return unknown('too little of its TCP header was captured to tell its place in the stream');
    }
    if (trail.resembles !== null) return unknown(trail.resembles);
    const owners = this.#context.topology.ownersOf(lastSeen);
    if (owners !== null && !owners.has(trail.last.src)) {
      return unknown(`${this.#name(lastSeen)} may be the destination's own interface`);
    }
    const ahead = this.#ahead(trail, lastSeen, seen);
    if (ahead.length === 0 && !isBack) {
      const client = this.#context.evidence.addresses.text(trail.exchange!.client);
      return unknown(`it was not seen translated back to ${client}, which sent the request`);
    }
    if (ahead.length === 0) return unknown(`no capture point behind ${this.#name(lastSeen)} on its way`);
    const astray = trail.sightings.find(
      ({ point, ttl }) =>
        seen.has(point) && point !== lastSeen && ttl === lastSighting.ttl && !trail.path.before(point, lastSeen),
    );
    if (astray !== undefined) {
      return unknown(`nothing tells which of ${this.#name(astray.point)} and ${this.#name(lastSeen)} it passed first`);
    }
    const silent: Silence[] = [];
    let lost: { readonly point: number; readonly certainty: 'shown' | 'likely'; readonly inside: boolean } | null =
      null;
    // The first whose capture has no frames around the moment, though nothing shows that it had ended or not begun.
    let quiet: number | null = null;
    for (const { point, crossing } of ahead) {
      const able = this.#able(trail, lastSighting.point, lastSighting.tunnel, lastSighting.time, point, crossing);
      const { inside } = able;
      let { certainty, note } = able;
      if (certainty === null && !inside && beyond) {
        const against = this.#againstItsEnd(trail, lastSeen, point);
        if (against !== null) {
          certainty = 'likely';
          note = `${note}; but ${against}`;
        }
      }
      silent.push({ point, able: certainty !== null, note });
      if (certainty === null && !inside && lost === null) quiet ??= point;
      if (certainty === 'shown' && lost === null && quiet !== null)
        lost = { point: quiet, certainty: 'likely', inside: false };
      if (certainty !== null && lost === null) lost = { point, certainty, inside };
      // Whichever point shows that it is missing, it went missing before the first that must have captured it. Where that one has
      // no frames around the moment it may have passed there, and the place is as uncertain as before.
      if (certainty === 'shown' && lost?.inside === true) lost = { ...lost, certainty };
    }
    if (lost === null) return unknown(silent[0]!.note, silent);
    if (lost.certainty === 'likely' && this.#answeredLater(trail)) {
      return unknown('an answer came later, and may be to this packet', silent);
    }
    if (lost.certainty === 'shown' && !this.#hasCrossed(trail, this.#context.evidence.points[lost.point]!))
      this.#alwaysLost.add(placeOf(trail, lastSeen, lost.point));
    return { state: 'lost', certainty: lost.certainty, lastSeen, nextExpected: lost.point, reason: null, silent };
  }

  /** False for a reply that still has the address that its request was translated to: whose it is, is not where it ends. */
  #isBack({ exchange, direction, last, quote }: Trail): boolean {
    return (
      direction !== 'reply' ||
      exchange === null ||
      quote !== null ||
      !exchange.isTranslated ||
      exchange.client === last.dst
    );
  }

  /** What speaks against a capture without frames around the moment having ended, or not begun: then it was silent. */
  #againstItsEnd(trail: Trail, lastSeen: number, point: number): string | null {
    if (this.#sameWasLost(trail, lastSeen, point)) return 'the same, sent at another time, was lost before it';
    if (
      this.#alwaysLost.has(placeOf(trail, lastSeen, point)) &&
      !this.#hasCrossed(trail, this.#context.evidence.points[point]!)
    )
      return 'what went between these addresses before never crossed it, and was lost there';
    if (this.#wasSentBack(trail)) return 'an ICMP error about its tunnel came back';
    return null;
  }

  /** True when an ICMP error came back for the tunnel's packet that such a one was in. */
  #wasSentBack({ exchange, direction, lastTime }: Trail): boolean {
    return (
      exchange?.tunnelErrors.some((error) => error.direction !== direction && isSoonAfter(error.time, lastTime)) ??
      false
    );
  }

  /** True when the same was sent before or after, and was shown to be lost at this very place. */
  #sameWasLost(trail: Trail, lastSeen: number, point: number): boolean {
    const { exchange, direction } = trail;
    // Of datagrams each is another.
    if (exchange === null || exchange.protocol === 'udp') return false;
    return exchange.open.some((other) => {
      if (other === trail || other.direction !== direction) return false;
      const judgement = this.#judge(other, false);
      return (
        judgement.state === 'lost' &&
        judgement.certainty === 'shown' &&
        judgement.lastSeen === lastSeen &&
        judgement.nextExpected === point
      );
    });
  }

  /** True when the other side of the exchange was heard after the packet. */
  #answeredLater({ exchange, direction, firstTime }: Trail): boolean {
    if (exchange === null) return false;
    const { refusedBy, lastReplyTime } = exchange;
    if (direction === 'request') return Math.max(lastReplyTime, refusedBy?.lastTime ?? -Infinity) >= firstTime;
    // Of datagrams either side may be the one that answers.
    return exchange.protocol === 'udp' && exchange.lastRequestTime >= firstTime;
  }

  /**
   * True when a captured point may lie behind the last one on the way, though nothing shows it: no other workload's, on the
   * same node further out or further in, on another node when the destination may live there.
   */
  mayGoOn(lastSeen: number, src: number, dst: number, seen: ReadonlySet<number>): boolean {
    const { points, topology } = this.#context;
    const last = points[lastSeen]!;
    const start = topology.homeOf(src).node;
    const home = topology.homeOf(dst).node;
    const owners = topology.ownersOf(lastSeen);
    if (owners !== null && owners.size > 0 && !owners.has(src)) {
      // The destination's own interface: only what the two are known to pass can lie behind it.
      return this.pathOf(src, dst).points.some((point) => !seen.has(point));
    }
    return points.some((point) => {
      if (seen.has(point.id)) return false;
      const owners = topology.ownersOf(point.id);
      if (owners !== null && owners.size > 0 && !owners.has(dst)) return false;
      if (point.node !== last.node) return home === null || home === point.node;
      const [rank, lastRank] = [rankOf(point.role), rankOf(last.role)];
      if (rank < 0 || lastRank < 0) return true;
      if (start === null && home === null) return rank !== lastRank;
      return start === last.node ? rank > lastRank : rank < lastRank;
    });
  }

  /** Another workload's interface is not on the way, nor one whose workload is not known. */
  #mayBeHomeOf(point: number, address: number): boolean {
    const owners = this.#context.topology.ownersOf(point);
    return owners === null || owners.has(address);
  }

  /** Captured points that the packet had still to pass, nearest first. */
  #ahead(trail: Trail, lastSeen: number, seen: ReadonlySet<number>): { point: number; crossing: Crossing }[] {
    const { points, crossings } = trail.path;
    const from = points.indexOf(lastSeen);
    if (from < 0) return [];
    return points
      .map((point, i) => ({ point, crossing: crossings[i]! }))
      .slice(from + 1)
      .filter(
        ({ point, crossing }) =>
          !seen.has(point) &&
          (crossing === 'role' || (trail.path.before(lastSeen, point) && this.#mayBeHomeOf(point, trail.last.dst))),
      );
  }

  /** Whether a point's silence is proof: certainty null says it is none, and the note why. `inside`: its capture has frames around. */
  #able(
    trail: Trail,
    lastSeen: number,
    tunnel: number,
    time: number,
    point: number,
    crossing: Crossing,
  ): { certainty: 'shown' | 'likely' | null; note: string; inside: boolean } {
    const { evidence, points, misses } = this.#context;
    const no = (note: string, inside = true) => ({ certainty: null, note, inside });
    const name = this.#name(point);
    const at = evidence.points[point];
    if (at === undefined) return no(`${name} was not read`);
    if (at.unidentifiable > 0) {
      return no(`${name} kept too few octets of ${at.unidentifiable} frames to recognise a packet`);
    }
    if (trail.protocol === TCP && at.cutTcp > 0 && (trail.kind < 0 || trail.payloadLength > 0)) {
      return no(`${name} kept too few octets of TCP segments to tell which part of the stream they hold`);
    }
    if (misses.near(point, time, BLIND)) {
      return no(`${name} missed other packets at that time that were seen before and behind it`);
    }
    if ((at.dropped ?? 0) > 0) return no(`the capture at ${name} dropped ${at.dropped} frames`);
    const filter = this.#hiddenByFilter(trail, at, tunnel);
    if (filter !== null) return no(filter);
    if (CILIUM.test(points[point]!.interface) && !this.#wasReached(trail.last.dst, point)) {
      return no(`${name} shows nothing on its way to the pod: Cilium may take it past there`);
    }
    const error = this.#clockError(lastSeen, point, time);
    const margin = IN_FLIGHT + (error === Infinity ? UNKNOWN_CLOCK : error);
    const window = this.#window(at, time, margin, this.#context.evidence.points[lastSeen]!);
    if (window === 'damaged') return no(`the capture at ${name} is damaged, and what came after that is not known`);
    if (window === 'other-run') return no(`${name} was captured at another time`);
    const worked = this.#hasCrossed(trail, at);
    if (worked && time > this.#runLast - margin) {
      return no(`it was last seen at the end of the captures and may have been on its way to ${name}`);
    }
    const how =
      crossing === 'pair'
        ? 'packets between these addresses crossed it'
        : crossing === 'address'
          ? 'other packets of these addresses crossed it'
          : `it is the ${points[point]!.role === 'veth' ? 'pod' : points[point]!.role} interface behind ${this.#name(lastSeen)}`;
    if (window === 'inside') {
      return {
        // Points without a node's name may be of several nodes
        certainty: crossing === 'role' || points[point]!.node === '' ? 'likely' : 'shown',
        note: `its capture has frames before and after this moment, and ${how}`,
        inside: true,
      };
    }
    // A capture that saw something may have been started late or stopped early: files do not say. One that saw nothing went on to do so.
    if (at.frames > 0) {
      const had = window === 'after' ? 'ended' : 'begun later';
      const note = `the capture at ${name} has no frame ${window} this moment`;
      return this.#wasOff(at, window) ? no(`${note}: it had ${had}`) : no(`${note}: it may have ${had}`, false);
    }
    if (!this.#ranAt(at, time, margin))
      return no(`the file of ${name} has no frame of any interface around this moment`, false);
    if (misses.any(point))
      return no(`the capture at ${name} is empty, and missed packets that were seen before and behind it`);
    return {
      certainty: 'likely',
      note: `its capture is empty, while other captures of this run go on; ${how}`,
      inside: false,
    };
  }

  /** Whether a capture that shows nothing was running, as far as other interfaces in the same file tell. */
  #ranAt({ point, windows }: PointEvidence, time: number, margin: number): boolean {
    const files = new Set(windows.map(({ file }) => file));
    let first = Infinity;
    let last = -Infinity;
    for (const other of this.#context.evidence.points) {
      if (other === undefined || other.point.node !== point.node) continue;
      if (!other.windows.some(({ file, frames }) => frames > 0 && files.has(file))) continue;
      for (const span of this.#spans(other)) {
        first = Math.min(first, span.first);
        last = Math.max(last, span.last);
      }
    }
    return first === Infinity || (time >= first && time + margin <= last);
  }

  /** True when packets that a point ought to have shown went on beyond its frames: it was not capturing. */
  #wasOff(at: PointEvidence, side: 'before' | 'after'): boolean {
    const spans = this.#spans(at);
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
    for (const { first, last, isDamaged } of this.#spans(at)) {
      if (time >= first && time + margin <= last) return 'inside';
      if (isDamaged && time + margin > last) damaged = true;
      const near = this.#spans(seenAt).some(
        (span) => span.first <= time && time <= span.last && span.first <= last + APART && first <= span.last + APART,
      );
      if (!near) continue;
      together = true;
      if (time < first) before = true;
    }
    if (damaged) return 'damaged';
    if (!together) return 'other-run';
    return before ? 'before' : 'after';
  }

  /** First and last times of a point's files, corrected. */
  #spans(at: PointEvidence): { first: number; last: number; isDamaged: boolean }[] {
    const clock = this.#context.clocks.get(at.point.node);
    const full = at.windows.filter(({ frames }) => frames > 0);
    if (clock === undefined) return full;
    return full.map(({ first, last, isDamaged }) => ({
      first: clock.correct(first),
      last: clock.correct(last),
      isDamaged,
    }));
  }

  /** How far times at two points may be off each other; Infinity where nothing bounds it. */
  #clockError(a: number, b: number, time: number): number {
    const { points, clocks } = this.#context;
    const [first, second] = [points[a]!.node, points[b]!.node];
    if (first === second) return 0;
    const [x, y] = [clocks.get(first), clocks.get(second)];
    if (x?.reference === 'given' || y?.reference === 'given') return 0;
    if (x === undefined || y === undefined || x.reference !== y.reference) return Infinity;
    return x.errorAt(time) + y.errorAt(time);
  }

  /** True when packets of these addresses in this direction did cross the point. */
  #hasCrossed(trail: Trail, at: PointEvidence): boolean {
    const { src, dst } = trail.last;
    const index = at.pairs.index.find(Math.min(src, dst), Math.max(src, dst));
    if (index < 0) return false;
    return (src <= dst ? at.pairs.forward[index]! : at.pairs.backward[index]!) > 0;
  }

  /** Why the capture's apparent filter may have hidden the packet, or null. */
  #hiddenByFilter(trail: Trail, at: PointEvidence, tunnel: number): string | null {
    const filter = at.filter;
    if (filter.noise > 0 || filter.frames === 0) return null;
    const name = at.point.name;
    const wrapped = at.tunnelled > 0 && (at.point.role === 'underlay' || tunnel !== 0);
    if (wrapped) return null;
    const bit =
      trail.protocol === 1 || trail.protocol === 58 ? 1 : trail.protocol === 6 ? 2 : trail.protocol === 17 ? 4 : 8;
    if ((filter.protocols & bit) === 0) {
      return `every frame at ${name} is ${protocolWords(filter.protocols)}: its capture filter may have hidden this packet`;
    }
    const { src, dst, sourcePort, destinationPort } = trail.last;
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

function protocolWords(protocols: number): string {
  const words = [];
  if ((protocols & 1) !== 0) words.push('ICMP');
  if ((protocols & 2) !== 0) words.push('TCP');
  if ((protocols & 4) !== 0) words.push('UDP');
  if ((protocols & 8) !== 0) words.push('another protocol');
  return words.join(' or ');
}

function placeOf({ last }: Trail, lastSeen: number, point: number): string {
  return `${last.src} ${last.dst} ${lastSeen} ${point}`;
}

function isSoonAfter(error: number, time: number): boolean {
  return error >= time && error - time <= ERROR_AFTER;
}
