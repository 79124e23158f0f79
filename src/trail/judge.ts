import { isWorkload, rankOf } from '../net/points.js';
import { arrivalOf, echoesTimestamp, wasSentAgain, type Arrival } from './arrival.js';
import { Coverage, type Ability, type JudgeContext, type Passing } from './coverage.js';
import { acknowledgedOctets, decides } from './exchange-packets.js';
import type { Crossing, Way } from './ways.js';
import type { Judgement, Silence, Trail } from './trail.js';
import type { Form, Sighting } from './trail-rows.js';
import { NONE } from './exchange-store.js';
import { JOIN } from './group-index.js';

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

  /** Last moment of any capture, nanoseconds relative to the base. */
  get end(): number {
    return this.#coverage.end;
  }

  /** To be called when less could be read of a file than before. */
  forgetWindows(): void {
    this.#coverage.forgetWindows();
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
        if (!this.#coverage.hasCrossed(trail.last, evidence.points[point]!)) {
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
    const lastSighting = trail.lastWhole ?? trail.firstSighting;
    const lastSeen = lastSighting.point;
    const isBack = this.#isBack(trail);
    const arrival = isBack && trail.isAtHome ? 'shown' : this.#arrivalOf(trail, lastSighting);
    if (arrival === 'shown') return this.#shared('delivered', 'shown', lastSeen, null, null, NONE);
    const doubt = this.#doubtAbout(trail, lastSeen, arrival);
    if (doubt !== null) return this.#unknown(lastSeen, doubt);
    const { protocol, kind, payloadLength, last } = trail;
    // As the points ahead would have shown it
    let awaited: Passing = { protocol, kind, payloadLength, last };
    let ahead = this.#ahead(trail, last, lastSeen);
    const comesBack = ahead.length === 0 && !isBack;
    if (comesBack) {
      awaited = { protocol, kind, payloadLength, last: translatedBack(trail) ?? last };
      ahead = this.#behindTheBox(awaited, trail.whole);
    }
    if (ahead.length === 0) {
      const { addresses } = this.#context.evidence;
      return this.#unknown(
        lastSeen,
        comesBack
          ? `it was not seen translated back to ${addresses.text(trail.exchange!.client)}, which sent the request`
          : `no capture point behind ${this.#name(lastSeen)} on its way${this.#unlessSilent(lastSeen)}`,
      );
    }
    const astray = trail.sightingCount > 1 ? this.#astray(trail, lastSighting) : undefined;
    if (astray !== undefined) {
      const [one, other] = [this.#name(astray.point), this.#name(lastSeen)];
      return this.#unknown(lastSeen, `nothing tells which of ${one} and ${other} it passed first`);
    }
    return this.#judgeSilence(trail, lastSighting, ahead, awaited, comesBack);
  }

  /** What shows that it arrived, or that one of several like it did. */
  #arrivalOf(trail: Trail, lastSighting: Sighting): Arrival | null {
    const arrival = arrivalOf(trail, this.#context.topology);
    if (arrival !== 'shown') return arrival;
    // The attempt that was answered may have been sent before the captures began.
    if (opensUnnamed(trail) && this.#isShownMissing(trail, lastSighting)) return 'one-of-several';
    // What was sent again may be forgotten
    return !decides(trail) && trail.exchange!.forgets ? 'one-of-several' : 'shown';
  }

  /** Why it cannot be placed, whatever lies ahead of it; null when nothing speaks against that. */
  #doubtAbout(trail: Trail, lastSeen: number, arrival: Arrival | null): string | null {
    if (trail.exchange?.mayLack === true) return MAY_LACK;
    if (trail.lastTime > this.#readUpTo - JOIN) return 'reading was stopped while it was on its way';
    if (arrival === 'one-of-several') return 'an answer shows that one of several attempts arrived, not which';
    if (trail.protocol === TCP && trail.kind < 0 && trail.fragmentOffset === 0) {
      return 'too little of its TCP header was captured to tell its place in the stream';
    }
    if (trail.resembles !== null) return trail.resembles;
    const owners = this.#context.topology.ownersOf(lastSeen);
    if (owners !== null && !owners.has(trail.last.src)) {
      return `${this.#name(lastSeen)} may be the destination's own interface`;
    }
    const partly = trail.sightingCount > 1 ? this.#partlySeen(trail, lastSeen) : undefined;
    if (partly !== undefined && this.#context.evidence.points[partly.point]!.cutTcp > 0)
      return `parts of it are at ${this.#name(partly.point)}, which kept too few octets to tell whether all are`;
    return null;
  }

  /** Where parts of it were seen, further on than all of it. */
  #partlySeen(trail: Trail, lastSeen: number): Sighting | undefined {
    const { last, whole } = trail;
    return trail.sightings.find(
      ({ point }) => !whole.has(point) && this.#context.paths.isBefore(last, lastSeen, point),
    );
  }

  /** Where all of it was seen with as many hops left as at the last point, though nothing tells that it passed there before. */
  #astray(trail: Trail, { point: lastSeen, ttl }: Sighting): Sighting | undefined {
    const { last, whole } = trail;
    return trail.sightings.find(
      (other) =>
        whole.has(other.point) &&
        other.point !== lastSeen &&
        other.ttl === ttl &&
        !this.#context.paths.isBefore(last, other.point, lastSeen),
    );
  }

  /** What follows from the silence of the points ahead. `comesBack`: they lie behind a box that had still to translate it back. */
  #judgeSilence(
    trail: Trail,
    { point: lastSeen, tunnel, time }: Sighting,
    ahead: readonly Ahead[],
    awaited: Passing,
    comesBack: boolean,
  ): Judgement {
    const abilities = ahead.map(({ point, crossing }) =>
      this.#coverage.ableAt(awaited, lastSeen, tunnel, time, point, crossing),
    );
    const silent =
      comesBack || abilities.some(isInDoubt)
        ? this.#weighed(trail, lastSeen, awaited, comesBack, abilities)
        : abilities;
    const lost = silent.find(isAble);
    if (lost === undefined) return this.#unknown(lastSeen, silent[0]!.note, silent);
    const { point, certainty, lacks } = lost;
    // Whichever point shows that it is missing, it went missing before the first that must have captured it. Where that one has
    // no frames around the moment it may have passed there, and the place is as uncertain as before.
    const isShown = certainty === 'shown' || (lacks === null && silent.some(isProof));
    if (!isShown && this.#answeredLater(trail)) {
      return this.#unknown(lastSeen, 'an answer came later, and may be to this packet', silent);
    }
    if (isShown && !this.#coverage.hasCrossed(awaited.last, this.#context.evidence.points[point]!))
      this.#rememberLost(placeOf(trail, lastSeen, point), trail.firstTime);
    return this.#shared('lost', isShown ? 'shown' : 'likely', lastSeen, point, null, silent);
  }

  /** What the silence of each point proves when the ends of captures, and what else is known of the packet, are taken into account. */
  #weighed(
    trail: Trail,
    lastSeen: number,
    awaited: Passing,
    comesBack: boolean,
    abilities: readonly Ability[],
  ): readonly Ability[] {
    const { points } = this.#context.evidence;
    return abilities.map((ability, i): Ability => {
      const { point, certainty, note, lacks } = ability;
      const against = lacks === null ? null : this.#againstItsEnd(trail, lastSeen, point, i, abilities);
      if (against !== null) return { point, able: true, certainty: 'likely', note: `${note}; but ${against}`, lacks };
      // Of what comes back translated the request alone does not show by which way.
      if (comesBack && certainty === 'shown' && !this.#coverage.hasCrossed(awaited.last, points[point]!))
        return { ...ability, certainty: 'likely' };
      return ability;
    });
  }

  #unknown(lastSeen: number, reason: string, silent: readonly Silence[] = NONE): Judgement {
    return this.#shared('unknown', 'unknown', lastSeen, null, reason, silent);
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
      !this.#coverage.hasCrossed(trail.last, this.#context.evidence.points[point]!)
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
    return this.#ahead(trail, trail.last, lastSeen).some(
      ({ point, crossing }) =>
        this.#coverage.ableAt(trail, lastSeen, tunnel, time, point, crossing).certainty === 'shown',
    );
  }

  /** Captured points that the packet had still to pass, nearest first. */
  #ahead({ path, whole }: Trail, last: Form, lastSeen: number): readonly Ahead[] {
    const { points, crossings } = path;
    let ahead: readonly Ahead[] = NONE;
    const from = points.indexOf(lastSeen);
    for (let i = from + 1; from >= 0 && i < points.length; i++) {
      const point = points[i]!;
      const crossing = crossings[i]!;
      if (whole.has(point)) continue;
      if (
        crossing === 'role' ||
        (this.#context.paths.isBefore(last, lastSeen, point) && this.#mayBeHomeOf(point, last.dst))
      )
        // Not pushed: the first push makes room for sixteen more
        ahead = ahead.concat({ point, crossing });
    }
    return ahead;
  }

  /** Captured points that a reply had still to pass under the addresses that it would have been translated back to. */
  #behindTheBox({ last }: Passing, seen: ReadonlySet<number>): readonly Ahead[] {
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

function isAble({ able }: Ability): boolean {
  return able;
}

function isProof({ certainty }: Ability): boolean {
  return certainty === 'shown';
}

function isInDoubt({ lacks }: Ability): boolean {
  return lacks !== null;
}

function isSame(some: readonly Silence[], others: readonly Silence[]): boolean {
  return (
    some.length === others.length &&
    some.every((silence, i) => {
      const other = others[i]!;
      if (silence === other) return true;
      return silence.point === other.point && silence.able === other.able && silence.note === other.note;
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
