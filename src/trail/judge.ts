import { rankOf } from '../net/points.js';
import { arrivalOf } from './arrival.js';
import { Coverage, type JudgeContext } from './coverage.js';
import type { Crossing, Path } from './paths.js';
import type { Form, Judgement, Silence, Trail } from './trail.js';
import { JOIN } from './window.js';

const TCP = 6;
/** A router that finds no neighbour says so after three seconds, nanoseconds (RFC 4861, and Linux for ARP). */
const ERROR_AFTER = 4e9;
/** Most places remembered where packets were always lost. */
const PLACES = 1 << 16;

/** Says whether a packet arrived, was lost, or cannot be placed. */
export class Judge {
  /** Places, with addresses, where packets were shown to be lost and none ever passed. */
  readonly #alwaysLost = new Set<string>();
  /** Such places not remembered because there were too many. */
  refused = 0;
  readonly #context: JudgeContext;
  readonly #coverage: Coverage;

  /** Time up to which the captures were read, nanoseconds relative to the base. */
  #readUpTo = Infinity;

  constructor(context: JudgeContext) {
    this.#context = context;
    this.#coverage = new Coverage(context);
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
    let ahead = this.#ahead(trail, lastSeen, seen);
    // As the points ahead would have shown it
    let awaited = trail;
    if (ahead.length === 0 && !isBack) {
      awaited = { ...trail, last: translatedBack(trail) ?? trail.last };
      ahead = this.#behindTheBox(awaited, seen);
    }
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
      const able = this.#coverage.ableAt(
        awaited,
        lastSighting.point,
        lastSighting.tunnel,
        lastSighting.time,
        point,
        crossing,
      );
      const { inside } = able;
      let { certainty, note } = able;
      if (certainty === null && !inside && beyond) {
        const against = this.#againstItsEnd(trail, lastSeen, point);
        if (against !== null) {
          certainty = 'likely';
          note = `${note}; but ${against}`;
        }
      }
      // Of what comes back translated the request alone does not show by which way.
      if (
        awaited !== trail &&
        certainty === 'shown' &&
        !this.#coverage.hasCrossed(awaited, this.#context.evidence.points[point]!)
      )
        certainty = 'likely';
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
    if (lost.certainty === 'shown' && !this.#coverage.hasCrossed(awaited, this.#context.evidence.points[lost.point]!))
      this.#rememberLost(placeOf(trail, lastSeen, lost.point));
    return { state: 'lost', certainty: lost.certainty, lastSeen, nextExpected: lost.point, reason: null, silent };
  }

  #rememberLost(place: string): void {
    if (this.#alwaysLost.size < PLACES) this.#alwaysLost.add(place);
    else if (!this.#alwaysLost.has(place)) this.refused++;
  }

  /** False for a reply that still has the address that its request was translated to: whose it is, is not where it ends. */
  #isBack({ exchange, direction, last, quote }: Trail): boolean {
    return (
      direction !== 'reply' ||
      exchange === null ||
      quote !== null ||
      exchange.requestForms.length === 0 ||
      exchange.client === last.dst
    );
  }

  /** What speaks against a capture without frames around the moment having ended, or not begun: then it was silent. */
  #againstItsEnd(trail: Trail, lastSeen: number, point: number): string | null {
    if (this.#sameWasLost(trail, lastSeen, point)) return 'the same, sent at another time, was lost before it';
    if (
      this.#alwaysLost.has(placeOf(trail, lastSeen, point)) &&
      !this.#coverage.hasCrossed(trail, this.#context.evidence.points[point]!)
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

  /** Captured points that a reply had still to pass under the addresses that it would have been translated back to. */
  #behindTheBox({ last }: Trail, seen: ReadonlySet<number>): { point: number; crossing: Crossing }[] {
    const { points, crossings } = this.pathOf(last.src, last.dst);
    const from = points.findLastIndex((point) => seen.has(point));
    return points
      .map((point, i) => ({ point, crossing: crossings[i]! }))
      .slice(from + 1)
      .filter(({ point }) => this.#mayBeHomeOf(point, last.dst));
  }

  #name(point: number): string {
    return this.#context.points[point]!.name;
  }
}

/** The addresses that a reply would have next: those of its request before it was translated to what the reply is for. */
function translatedBack({ exchange, last }: Trail): Form | null {
  const { requestForms } = exchange!;
  const at = requestForms.findIndex(({ src, sourcePort }) => src === last.dst && sourcePort === last.destinationPort);
  if (at < 1) return null;
  const { src, dst, sourcePort, destinationPort, echoId } = requestForms[at - 1]!;
  return { src: dst, dst: src, sourcePort: destinationPort, destinationPort: sourcePort, echoId };
}

function placeOf({ last }: Trail, lastSeen: number, point: number): string {
  return `${last.src} ${last.dst} ${lastSeen} ${point}`;
}

function isSoonAfter(error: number, time: number): boolean {
  return error >= time && error - time <= ERROR_AFTER;
}
