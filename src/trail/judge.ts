import { isWorkload, rankOf } from '../net/points.js';
import { arrivalOf, echoesTimestamp, wasSentAgain } from './arrival.js';
import { Coverage, type Ability, type JudgeContext, type Passing } from './coverage.js';
import { acknowledgedOctets, decides } from './exchange-packets.js';
import type { Crossing, Way } from './ways.js';
import type { Judgement, Silence, Trail } from './trail.js';
import type { Form, Sighting } from './trail-rows.js';
import { NONE } from './exchange-store.js';
import { JOIN } from './group-index.js';

type Lack = Ability['lacks'];

/** A captured point that a packet had still to pass. */
interface Ahead {
  readonly point: number;
  readonly crossing: Crossing;
}

const TCP = 6;
const SYN = 2;
const ACK = 16;
/** A router that finds no neighbour says so after three seconds, nanoseconds (RFC 4861, and Linux for ARP). */
const ERROR_AFTER = 4e9;
/** Of packets in an exchange of which others may not have been told. */
export const MAY_LACK = 'there was no room for all exchanges: other packets of this one may not have been told';
/** Most places remembered where packets were always lost. */
const PLACES = 1 << 16;
/** Most judgements of packets last seen at one point that are looked through for the same one. */
const SHARED = 64;

/** Says whether a packet arrived, was lost, or cannot be placed. */
export class Judge {
  /** Places, with addresses, where packets were shown to be lost and none ever passed; when the first was lost. */
  readonly #alwaysLost = new Map<string, number>();
  /** Such places not remembered because there were too many. */
  refused = 0;
  /** By the point where packets were last seen. */
  readonly #judgements: Judgement[][] = [];
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
  pathOf(src: number, dst: number): Way {
    return this.#context.paths.of(src, dst);
  }

  /**
   * Learns from data that was acknowledged though points on its way did not show it: it came by another way, or they missed it,
   * and of what else they do not show at that time nothing follows. Where nothing went that way past a point that was able to
   * show it, nothing ever does. To be called before anything is judged.
   */
  learn(trails: readonly Trail[]): void {
    for (const trail of trails) {
      if (trail.protocol !== TCP || acknowledgedOctets(trail) === 0) continue;
      if (arrivalOf(trail, this.#context.topology) !== 'shown') continue;
      const { points, crossings } = trail.path;
      const { misses, evidence } = this.#context;
      const last = trail.reachOn(points);
      if (last < 0) continue;
      const { point: lastSeen, tunnel, time } = trail.sightings.find(({ point }) => point === points[last])!;
      for (const [i, point] of points.entries()) {
        if (i <= last) continue;
        if (!this.#coverage.hasCrossed(trail, evidence.points[point]!)) {
          const { certainty } = this.#coverage.ableAt(trail, lastSeen, tunnel, time, point, crossings[i]!);
          if (certainty === 'shown') misses.goAround(trail.last.src, trail.last.dst, point);
        }
        misses.add(point, trail.firstTime);
      }
    }
  }

  /** Judges a trail once; later calls give the same answer. */
  judge(trail: Trail): Judgement {
    return (trail.judgement ??= this.#judge(trail));
  }

  #judge(trail: Trail): Judgement {
    const seen = trail.whole;
    const lastSighting = trail.lastWhole ?? trail.firstSighting;
    const lastSeen = lastSighting.point;
    const isBack = this.#isBack(trail);
    const delivered = (): Judgement => this.#shared('delivered', 'shown', lastSeen, null, null, NONE);
    if (isBack && trail.isAtHome) return delivered();
    let arrival = arrivalOf(trail, this.#context.topology);
    // The attempt that was answered may have been sent before the captures began.
    if (arrival === 'shown' && opensUnnamed(trail) && this.#isShownMissing(trail, lastSighting))
      arrival = 'one-of-several';
    // What was sent again may be forgotten
    if (arrival === 'shown' && !decides(trail) && trail.exchange!.forgets) arrival = 'one-of-several';
    if (arrival === 'shown') return delivered();
    const unknown = (reason: string, silent: readonly Silence[] = NONE): Judgement =>
      this.#shared('unknown', 'unknown', lastSeen, null, reason, silent);
    if (trail.exchange?.mayLack === true) return unknown(MAY_LACK);
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
    const partly = trail.sightings.find(
      ({ point }) => !seen.has(point) && this.#context.paths.isBefore(trail.last, lastSeen, point),
    );
    if (partly !== undefined && this.#context.evidence.points[partly.point]!.cutTcp > 0)
      return unknown(
        `parts of it are at ${this.#name(partly.point)}, which kept too few octets to tell whether all are`,
      );
    let ahead = this.#ahead(trail, lastSeen, seen);
    // As the points ahead would have shown it
    let awaited: Passing = trail;
    if (ahead.length === 0 && !isBack) {
      const { protocol, kind, payloadLength, last } = trail;
      awaited = { protocol, kind, payloadLength, last: translatedBack(trail) ?? last };
      ahead = this.#behindTheBox(awaited, seen);
    }
    if (ahead.length === 0 && !isBack) {
      const client = this.#context.evidence.addresses.text(trail.exchange!.client);
      return unknown(`it was not seen translated back to ${client}, which sent the request`);
    }
    if (ahead.length === 0)
      return unknown(`no capture point behind ${this.#name(lastSeen)} on its way${this.#unlessSilent(lastSeen)}`);
    const astray = trail.sightings.find(
      ({ point, ttl }) =>
        seen.has(point) &&
        point !== lastSeen &&
        ttl === lastSighting.ttl &&
        !this.#context.paths.isBefore(trail.last, point, lastSeen),
    );
    if (astray !== undefined) {
      return unknown(`nothing tells which of ${this.#name(astray.point)} and ${this.#name(lastSeen)} it passed first`);
    }
    const { tunnel, time } = lastSighting;
    const abilities = ahead.map(({ point, crossing }) =>
      this.#coverage.ableAt(awaited, lastSeen, tunnel, time, point, crossing),
    );
    const silent: Silence[] = [];
    let lost: { readonly point: number; readonly certainty: 'shown' | 'likely'; readonly lacks: Lack } | null = null;
    for (const [i, { point }] of ahead.entries()) {
      const { lacks } = abilities[i]!;
      let { certainty, note } = abilities[i]!;
      const against = lacks === null ? null : this.#againstItsEnd(trail, lastSeen, point, i, abilities);
      if (against !== null) {
        certainty = 'likely';
        note = `${note}; but ${against}`;
      }
      // Of what comes back translated the request alone does not show by which way.
      if (
        awaited !== trail &&
        certainty === 'shown' &&
        !this.#coverage.hasCrossed(awaited, this.#context.evidence.points[point]!)
      )
        certainty = 'likely';
      silent.push({ point, able: certainty !== null, note });
      if (certainty !== null && lost === null) lost = { point, certainty, lacks };
      // Whichever point shows that it is missing, it went missing before the first that must have captured it. Where that one has
      // no frames around the moment it may have passed there, and the place is as uncertain as before.
      if (certainty === 'shown' && lost?.lacks === null) lost = { ...lost, certainty };
    }
    if (lost === null) return unknown(silent[0]!.note, silent);
    if (lost.certainty === 'likely' && this.#answeredLater(trail)) {
      return unknown('an answer came later, and may be to this packet', silent);
    }
    if (lost.certainty === 'shown' && !this.#coverage.hasCrossed(awaited, this.#context.evidence.points[lost.point]!))
      this.#rememberLost(placeOf(trail, lastSeen, lost.point), trail.firstTime);
    return this.#shared('lost', lost.certainty, lastSeen, lost.point, null, silent);
  }

  /** The same object for packets of which the same is known: each of tens of thousands had one of its own, with lists and texts. */
  #shared(
    state: Judgement['state'],
    certainty: Judgement['certainty'],
    lastSeen: number,
    nextExpected: number | null,
    reason: string | null,
    silent: readonly Silence[],
  ): Judgement {
    const known = (this.#judgements[lastSeen] ??= []);
    for (const judgement of known) {
      if (
        judgement.state === state &&
        judgement.certainty === certainty &&
        judgement.nextExpected === nextExpected &&
        judgement.reason === reason &&
        isSame(judgement.silent, silent)
      )
        return judgement;
    }
    const judgement = { state, certainty, lastSeen, nextExpected, reason, silent };
    if (known.length < SHARED) known.push(judgement);
    return judgement;
  }

  #rememberLost(place: string, time: number): void {
    const first = this.#alwaysLost.get(place);
    if (first === undefined && this.#alwaysLost.size >= PLACES) this.refused++;
    else this.#alwaysLost.set(place, Math.min(time, first ?? Infinity));
  }

  /** False for a reply that still has the address that its request was translated to: whose it is, is not where it ends. */
  #isBack({ exchange, direction, last, quote }: Trail): boolean {
    return (
      direction !== 'reply' || exchange === null || quote !== null || !exchange.hasForms || exchange.client === last.dst
    );
  }

  /** What speaks against the i-th capture ahead having ended, or not begun, or been emptied: then it was silent. */
  #againstItsEnd(
    trail: Trail,
    lastSeen: number,
    point: number,
    i: number,
    abilities: readonly Ability[],
  ): string | null {
    if (this.#wasSentBack(trail)) return 'an ICMP error about its tunnel came back';
    const { lacks } = abilities[i]!;
    const missed = wasMissed(trail);
    if (missed === null) return null;
    if (lacks === 'all') {
      // At a workload's interface there is nothing else to capture. One that is empty elsewhere may be broken, two are not by chance.
      const isQuiet = isWorkload(this.#context.points[point]!.role);
      const agrees = abilities.some((other, at) => at !== i && other.lacks === 'all');
      return isQuiet || agrees ? missed : null;
    }
    if (lacks === 'before') return null;
    const place = placeOf(trail, lastSeen, point);
    if (
      (this.#alwaysLost.get(place) ?? Infinity) < trail.firstTime &&
      !this.#coverage.hasCrossed(trail, this.#context.evidence.points[point]!)
    )
      return `what went between these addresses before never crossed it, and ${missed}`;
    return null;
  }

  /** True when an ICMP error came back for the tunnel's packet that such a one was in. */
  #wasSentBack({ exchange, direction, lastTime }: Trail): boolean {
    return (
      exchange?.tunnelErrors.some((error) => error.direction !== direction && isSoonAfter(error.time, lastTime)) ??
      false
    );
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

  /** True when a point ahead must have captured it, and did not. */
  #isShownMissing(trail: Trail, { point: lastSeen, tunnel, time }: Sighting): boolean {
    return this.#ahead(trail, lastSeen, trail.whole).some(
      ({ point, crossing }) =>
        this.#coverage.ableAt(trail, lastSeen, tunnel, time, point, crossing).certainty === 'shown',
    );
  }

  /** Captured points that the packet had still to pass, nearest first. */
  #ahead(trail: Trail, lastSeen: number, seen: ReadonlySet<number>): Ahead[] {
    const { points, crossings } = trail.path;
    const ahead: Ahead[] = [];
    const from = points.indexOf(lastSeen);
    for (let i = from + 1; from >= 0 && i < points.length; i++) {
      const point = points[i]!;
      const crossing = crossings[i]!;
      if (seen.has(point)) continue;
      if (
        crossing === 'role' ||
        (this.#context.paths.isBefore(trail.last, lastSeen, point) && this.#mayBeHomeOf(point, trail.last.dst))
      )
        ahead.push({ point, crossing });
    }
    return ahead;
  }

  /** Captured points that a reply had still to pass under the addresses that it would have been translated back to. */
  #behindTheBox({ last }: Passing, seen: ReadonlySet<number>): Ahead[] {
    const { points, crossings } = this.pathOf(last.src, last.dst);
    const from = points.findLastIndex((point) => seen.has(point));
    return points
      .map((point, i) => ({ point, crossing: crossings[i]! }))
      .slice(from + 1)
      .filter(({ point }) => this.#mayBeHomeOf(point, last.dst));
  }

  /** Behind a tunnel device the one captured interface of a pod, where nothing was seen, may be the destination's or another's. */
  #unlessSilent(lastSeen: number): string {
    const { points, topology } = this.#context;
    const { node, role } = points[lastSeen]!;
    const workload = role === 'tunnel' ? topology.silentWorkload(node) : null;
    return workload === null ? '' : `, unless ${workload.name}, where nothing was seen, is its destination's`;
  }

  #name(point: number): string {
    return this.#context.points[point]!.name;
  }
}

function isSame(some: readonly Silence[], others: readonly Silence[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ point, able, note }, i) => {
      const other = others[i]!;
      return point === other.point && able === other.able && note === other.note;
    })
  );
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

/** What the ends of an exchange did as if a packet had not arrived: who had got it would have answered, or not asked again. */
function wasMissed(trail: Trail): string | null {
  const { exchange, direction, lastTime } = trail;
  if (exchange === null || exchange.protocol === 'udp') return null;
  if (exchange.protocol === 'tcp' && !decides(trail)) return wasSentAgain(trail, exchange) ? 'it was sent again' : null;
  if (direction === 'request')
    return exchange.replies === 0 && exchange.refusedBy === null ? 'nothing answered it' : null;
  if (exchange.protocol === 'tcp') return exchange.synAckAcknowledged ? null : 'nothing acknowledged it';
  return exchange.lastRequestTime > lastTime ? 'what it answers was sent again after it' : null;
}

/** A SYN of which nothing tells whether it is the one that was answered. */
function opensUnnamed(trail: Trail): boolean {
  const { protocol, c, exchange } = trail;
  return protocol === TCP && (c & (SYN | ACK)) === SYN && echoesTimestamp(trail, exchange!) === null;
}

function isSoonAfter(error: number, time: number): boolean {
  return error >= time && error - time <= ERROR_AFTER;
}
