import { rankOf, type CapturePoint } from '../net/points.js';
import { Layer } from '../wire/layers.js';
import type { Choice } from './choice.js';
import { Reach, type Exchange } from './exchange.js';
import { note, streamOf } from './exchange-packets.js';
import { NONE } from './exchange-store.js';
import { ExchangeTable } from './exchanges.js';
import type { GroupIndex } from './group-index.js';
import { areTwo, covers, isAnonymous, isPiece, isSameFlow, isTranslation, overlaps } from './group-relations.js';
import { Misses } from './misses.js';
import { GroupRow, type PacketGroup, type GroupTable } from './packet-group.js';
import { countsAt, isRepeated, markCopies, wholeAt } from './passages.js';
import type { Paths } from './paths.js';
import type { Way } from './ways.js';
import { PlainPackets } from './plain-packets.js';
import { Row, ROW_SHIFT } from './row.js';
import { isInitialTtl, type Home, type Topology } from './topology.js';
import type { PacketWindow } from './window.js';
import { addSightings, echoIdOf, rangeOf, Trail } from './trail.js';
import { TrailRows, type Form, type Match, type Sighting } from './trail-rows.js';
import { Translations } from './translations.js';

const SHIFT = ROW_SHIFT;
const SRC = Row.SRC;
const DST = Row.DST;
const PATH = GroupRow.PATH;
const NEED = GroupRow.NEED;
const EXACT: Match = { rung: 'exact', range: null };
const NAT: Match = { rung: 'nat-invariant', range: null };
const NO_PIECES: readonly PacketGroup[] = [];
const TAKEN = 'another packet, alike, was told with a translation that may be of this one';

/** What is wanted of the packets of a run. */
export interface TrackerOptions {
  /** All trails are kept, not only those of packets that are not known to have arrived. */
  readonly keepAll: boolean;
  /** Most trails kept at a time. */
  readonly limit: number;
  /** What the user asks for; null for everything. What is not chosen is put together and does not count. */
  readonly choice: Choice | null;
  /** What is not chosen is kept, to compare with. */
  readonly keepsOthers: boolean;
  /** Rows will tell what each point saw of a connection's data. */
  readonly followsStreams: boolean;
}

/** Makes trails of groups and gives each packet to its exchange. */
export class Tracker {
  readonly exchanges: ExchangeTable;
  readonly misses = new Misses();
  readonly translations = new Translations();
  readonly #options: TrackerOptions;
  readonly #index: GroupIndex;
  readonly #groups: GroupTable;
  readonly #plain: PlainPackets;
  readonly #paths: Paths;
  readonly #topology: Topology;
  readonly #points: readonly CapturePoint[];
  /** Trails kept: all where rows are wanted, else those not known to have arrived. */
  trails: Trail[] = [];
  /** Trails not kept because there were too many. */
  evicted = 0;
  /** What is not chosen, where it is wanted to compare with. */
  readonly others: Trail[] = [];
  #packets = 0;
  /** Of the packet that is put together. */
  readonly #draft = new TrailRows();
  /** Its first and last time. */
  readonly #times = new Float64Array(2);
  /** Trails of which most are soon forgotten, and those that somebody keeps: else a few of these would hold the rows of many. */
  #passing = new TrailRows();
  #kept = new TrailRows();

  constructor(window: PacketWindow, paths: Paths, topology: Topology, options: TrackerOptions) {
    this.#options = options;
    this.exchanges = new ExchangeTable(options.keepAll);
    this.#index = window.index;
    this.#groups = window.groups;
    this.#paths = paths;
    this.#topology = topology;
    this.#points = topology.points;
    this.#plain = new PlainPackets(options, window, paths, topology.points, this.exchanges, this.translations);
  }

  /** Most trails kept at a time. */
  get limit(): number {
    return this.#options.limit;
  }

  /** Packets, however many points saw them. */
  get packets(): number {
    return this.#packets + this.#plain.packets;
  }

  /** Looks up the way of a new packet. */
  start(number: number): void {
    const { rows } = this.#groups;
    const row = number << SHIFT;
    const src = rows[row + SRC]!;
    const dst = rows[row + DST]!;
    const entry = this.#paths.entryOf(src, dst);
    const path = entry >> 1;
    rows[row + PATH] = path;
    const mayBeTold = path >= 0 && (entry & 1) !== 0 && !this.#options.keepAll && !this.#plain.leavesTrail(number);
    rows[row + NEED] = mayBeTold ? this.#paths.at(path).bits : 0;
  }

  /** Takes a packet that all points of its way have seen, and that has no other form. */
  complete(number: number): boolean {
    // A point with more captured of it may have told what it is
    if (this.#plain.leavesTrail(number) || this.#plain.mayBeSeveral(number)) return false;
    this.#plain.tell(number, this.#wayOf(number));
    return true;
  }

  #wayOf(number: number): Way {
    const { rows } = this.#groups;
    const row = number << SHIFT;
    const path = rows[row + PATH]!;
    return path >= 0 ? this.#paths.at(path) : this.#paths.of(rows[row + SRC]!, rows[row + DST]!);
  }

  /** Takes a packet that was seen wherever it must be; false when it should wait for more sightings. */
  settle(number: number): boolean {
    const way = this.#wayOf(number);
    if (!this.#options.keepAll && this.#plain.take(number, way)) return true;
    // Apart from the rest, whose closures would have room made for them with each packet
    return !this.#mustWait(number, way) && this.#settleAny(number);
  }

  /** A point is still to see it, and there is nothing to tell it with or to doubt: what is lost makes no objects until it is told. */
  #mustWait(number: number, { points, endsAtHome }: Way): boolean {
    return !(endsAtHome && this.#groups.hasSeenAll(number, points)) && this.#index.isAlone(number);
  }

  #settleAny(number: number): boolean {
    const group = this.#groups.view(number);
    const path = this.#paths.of(group.src, group.dst);
    const { members, pieces } = this.#component(group, path);
    const last = members[members.length - 1]!;
    const lastPath = members.length === 1 ? path : this.#paths.of(last.src, last.dst);
    if (
      !this.#isComplete([...members, ...pieces], lastPath) ||
      this.#mergedFrom(group, pieces, path).length > 0 ||
      members.some((member) => this.#plain.mayBeSeveral(member.number))
    ) {
      group.resembles ??= this.#resemblance(group, [...members, ...pieces]);
      return false;
    }
    this.#tell(group, path, members, pieces);
    return true;
  }

  /** Takes a packet that nothing can join any more, with all that belongs to it. */
  close(group: PacketGroup): void {
    const path = this.#paths.of(group.src, group.dst);
    if (this.#index.isAlone(group.number)) {
      // As of most lost packets, nothing is to be told with it: no lists are made to find that out
      group.done = true;
      this.#add(this.#trailOf([group], path, NO_PIECES, group.resembles));
      return;
    }
    const { members, pieces } = this.#component(group, path);
    this.#tell(group, path, members, pieces);
  }

  /** Every captured point of the way, the destination's home included, has seen one of the groups. */
  #isComplete(groups: readonly PacketGroup[], path: Way): boolean {
    return path.endsAtHome && path.points.every((point) => groups.some((group) => this.#sawAt(group, point)));
  }

  #sawAt(group: PacketGroup, point: number): boolean {
    return this.#groups.hasSeen(group.number, point);
  }

  /** What is the same packet: its forms under other addresses, or the pieces that it was cut into or merged from. */
  #component(group: PacketGroup, path: Way): { members: PacketGroup[]; pieces: PacketGroup[] } {
    const members = [group];
    for (const other of this.#index.translationsOf(group)) {
      if (areTwo(group, other, this.#groups.sightings)) continue;
      if (isTranslation(group, other) && this.#isNearest(group, other) && this.#isNearest(other, group))
        members.push(other);
    }
    if (group.burst === 0) return { members, pieces: [] };
    const pieces = this.#index
      .piecesOf(group)
      .filter(
        (other) =>
          !members.includes(other) &&
          isPiece(group, other) &&
          (isSameFlow(group, other) || isTranslation(group, other)),
      );
    pieces.sort((a, b) => this.#earliest(a, path) - this.#earliest(b, path));
    return { members, pieces };
  }

  /** The packets, still to be told, of which offload on the way made this one. */
  #mergedFrom(group: PacketGroup, pieces: readonly PacketGroup[], path: Way): PacketGroup[] {
    const earliest = this.#earliest(group, path);
    return pieces.filter((piece) => this.#earliest(piece, path) < earliest && !covers(piece, group));
  }

  #tell(group: PacketGroup, path: Way, members: readonly PacketGroup[], pieces: readonly PacketGroup[]): void {
    // The packet as it was sent is the one seen earliest on the way; what another covers is no packet of its own.
    const lead = pieces.find((piece) => this.#earliest(piece, path) < this.#earliest(group, path));
    if (lead !== undefined && covers(lead, group)) {
      const whole = this.#component(lead, path);
      for (const member of [group, ...whole.members]) member.done = true;
      this.#add(this.#trailOf(whole.members, path, whole.pieces, lead.resembles));
      return;
    }
    for (const piece of this.#mergedFrom(group, pieces, path)) {
      if (piece.done) continue;
      // What is told before its time takes its parts along
      piece.resembles ??= group.resembles;
      this.close(piece);
    }
    if (group.done) return;
    // One that has its own translation is none of those.
    const doubts = members.map(({ resembles }) => resembles).filter((why) => why !== TAKEN || members.length === 1);
    const resembles = doubts.find((why) => why !== null) ?? null;
    // Of packets alike, sent again without an IP ID, any may be the one that was translated.
    for (const other of members.length > 1 ? this.#index.translationsOf(group) : [])
      if (isSameFlow(group, other)) other.resembles ??= TAKEN;
    for (const member of members) member.done = true;
    this.#add(this.#trailOf(members, path, pieces, resembles ?? this.#resemblance(group, [...members, ...pieces])));
  }

  /** Of several packets of one form that could be the same (sent again with IP ID 0), only the nearest in time is. */
  #isNearest(group: PacketGroup, other: PacketGroup): boolean {
    const away = Math.abs(other.firstTime - group.firstTime);
    return this.#index
      .translationsOf(group)
      .every((third) => !isSameFlow(third, other) || Math.abs(third.firstTime - group.firstTime) >= away);
  }

  /** Names a packet that may be this one under other addresses, where too little speaks for it to tell them as one. */
  #resemblance(group: PacketGroup, members: readonly PacketGroup[]): string | null {
    const store = this.#groups.sightings;
    for (const other of this.#index.translationsOf(group)) {
      // Of packets alike that were all translated, this one has its own.
      if (isSameFlow(group, other) || members.some((member) => isSameFlow(member, other))) continue;
      if (areTwo(group, other, store)) continue;
      const name = this.#points[store.point(other.head)]!.name;
      return `a packet with the same content and other addresses is at ${name}: it may be this one, translated`;
    }
    // Octets of the same part of a stream at the same moment, in a packet that is not certain to be a piece of this one.
    for (const other of this.#index.piecesOf(group)) {
      if (members.includes(other) || !overlaps(group, other)) continue;
      const name = this.#points[store.point(other.head)]!.name;
      return `octets of the same part of the stream are at ${name} in other packets`;
    }
    return null;
  }

  #add(trail: Trail): void {
    const { keepAll, followsStreams } = this.#options;
    const { first } = trail;
    // By the same object who takes it sees that it has one form
    const last = trail.isTranslated ? trail.last : first;
    const found = this.exchanges.exchangeOf(trail, first, last);
    const exchange = found === null ? null : this.exchanges.keep(found);
    const isChosen = this.#isChosen(trail, exchange);
    if (isChosen) this.#packets += trail.identical;
    if (isChosen) this.translations.addTrail(trail);
    this.#noteMisses(trail);
    const arrived = trail.isAtHome;
    if (exchange !== null) {
      trail.exchange = exchange;
      if (isChosen) exchange.isChosen = true;
      trail.direction = this.exchanges.direction;
      if (first !== last && trail.direction === 'request' && trail.quote === null) {
        const way = new Set(trail.sightings.map(({ point }) => point));
        if (way.size > exchange.requestWay.length) exchange.requestWay = [...way];
      }
      const times = this.#times;
      trail.copyTimes(times);
      note(
        exchange,
        trail.direction,
        trail,
        times,
        0,
        last,
        this.#reachOf(trail, arrived),
        trail.lastSighting.point,
        trail,
        !arrived || keepAll,
      );
      if (followsStreams && trail.kind === Layer.TCP && trail.payloadLength > 0) {
        const stream = streamOf(exchange, trail.direction, trail.a);
        for (const { point, range } of trail.sightings) {
          const [from, to] = range ?? [0, trail.payloadLength];
          stream.add(point, (trail.a + from) | 0, to - from);
        }
      }
    }
    const isListed = this.#list(trail, isChosen, arrived);
    if (isListed || (exchange !== null && holds(exchange, trail)))
      trail.moveTo((this.#kept = this.#kept.withRoomFor(trail.size)));
  }

  /** Keeps a trail where it is wanted and there is room. */
  #list(trail: Trail, isChosen: boolean, arrived: boolean): boolean {
    const { keepAll, keepsOthers, limit } = this.#options;
    if (isChosen ? arrived && !keepAll : !keepsOthers) return false;
    const list = isChosen ? this.trails : this.others;
    if (list.length < limit) {
      list.push(trail);
      return true;
    }
    if (isChosen) this.evicted++;
    return false;
  }

  /** Among the addresses of a reply are those that it would have been translated back to. */
  #isChosen(trail: Trail, exchange: Exchange | null): boolean {
    const { choice } = this.#options;
    if (choice === null || choice.isTrail(trail)) return true;
    if (exchange === null || this.exchanges.direction !== 'reply' || !exchange.hasForms) return false;
    const forms = exchange.requestForms.map(({ src, dst, sourcePort, destinationPort, echoId }) => ({
      src: dst,
      dst: src,
      sourcePort: destinationPort,
      destinationPort: sourcePort,
      echoId,
    }));
    return choice.isPacket(trail.ipVersion, trail.protocol, forms);
  }

  #reachOf(trail: Trail, arrived: boolean): number {
    if (arrived) return Reach.HOME;
    const { points } = trail.path;
    return points.length > 0 && trail.isWholeAt(points) ? Reach.END : Reach.OPEN;
  }

  /** A point between two that saw the packet, or where its source lives, was on the way, and did not show it. */
  #noteMisses(trail: Trail): void {
    const { points, crossings } = trail.path;
    // Of what may be a piece of another packet, or another form of it, nothing tells where it began.
    const isPlain = !trail.isTranslated && trail.resembles === null && trail.kind >= 0;
    const source = isPlain && (trail.kind !== Layer.TCP || trail.payloadLength === 0) ? trail.path.source : [];
    const lastIndex = trail.reachOn(points);
    let seenBefore = false;
    for (let i = 0; i < lastIndex; i++) {
      const point = points[i]!;
      if (trail.passed(point)) seenBefore = true;
      else if (seenBefore && crossings[i] === 'role') this.misses.passBy(point);
      else if (seenBefore || source.includes(point)) this.misses.add(point, trail.firstTime);
    }
    const first = trail.firstSighting;
    const { node, role } = this.#points[first.point]!;
    if (first.outerTtl === 0 || role !== 'underlay') return;
    if (trail.sightingCount === 1 || !trail.sightings.some(({ point }) => this.#points[point]!.node !== node)) return;
    // What leaves a node in a tunnel came through its tunnel device.
    for (const { id } of this.#points.filter((point) => point.node === node && point.role === 'tunnel'))
      if (!trail.passed(id)) this.misses.passBy(id);
  }

  #earliest(group: PacketGroup, path: Way): number {
    const store = this.#groups.sightings;
    let earliest = path.points.length;
    for (let at = group.head; at >= 0; at = store.next(at)) {
      const index = path.points.indexOf(store.point(at));
      if (index >= 0 && index < earliest) earliest = index;
    }
    return earliest;
  }

  /** Path order: hops first, then away from the source's node and towards the destination's, then the path, then time. */
  #order(sightings: Sighting[], path: Way): void {
    const destination = this.#endOf(sightings, 'dst');
    let source = this.#endOf(sightings, 'src');
    if (source.node === null) source = { points: [], node: this.#firstNode(sightings, destination.node) };
    const overlap = source.points.some((point) => destination.points.includes(point));
    const place = (sighting: Sighting): number => {
      if (source.points.includes(sighting.point)) return 0;
      if (destination.points.includes(sighting.point)) return 99;
      const { node, role } = this.#points[sighting.point]!;
      if (source.node === destination.node || overlap) return 50;
      const rank = Math.max(1, rankOf(role));
      if (node === source.node || (source.node === null && destination.node !== node)) return 10 + rank;
      return node === destination.node || (destination.node === null && source.node !== node) ? 90 - rank : 50;
    };
    const index = (sighting: Sighting): number => path.points.indexOf(sighting.point);
    const nowhere = source.node === null && destination.node === null;
    sightings.sort(
      (x, y) =>
        y.ttl - x.ttl ||
        place(x) - place(y) ||
        (nowhere && this.#points[x.point]!.node === this.#points[y.point]!.node
          ? x.time - y.time || this.#compareRanks(x, y)
          : 0) ||
        (index(x) >= 0 && index(y) >= 0 ? index(x) - index(y) : 0) ||
        y.outerTtl - x.outerTtl ||
        x.time - y.time ||
        x.point - y.point ||
        x.frame - y.frame,
    );
    markCopies(sightings);
  }

  /** The node where a packet has the highest TTL, when it is one only and not the destination's: there it started, or came in. */
  #firstNode(sightings: readonly Sighting[], destination: string | null): string | null {
    const ttl = Math.max(...sightings.map((sighting) => sighting.ttl));
    const nodes = new Set(
      sightings.filter((sighting) => sighting.ttl === ttl).map(({ point }) => this.#points[point]!.node),
    );
    const [node] = nodes;
    return nodes.size === 1 && node !== destination && isInitialTtl(ttl) ? node! : null;
  }

  /** A packet with an undiminished TTL has passed no router: more likely it is on its way out of the node than into it. */
  #compareRanks(x: Sighting, y: Sighting): number {
    const outward = rankOf(this.#points[x.point]!.role) - rankOf(this.#points[y.point]!.role);
    return isInitialTtl(x.ttl) ? outward : -outward;
  }

  /** Where the packet starts or ends: of its addresses the one that lives at a workload's interface, else the first that lives anywhere. */
  #endOf(sightings: readonly Sighting[], end: 'src' | 'dst'): Home {
    let best: Home | null = null;
    for (const { form } of sightings) {
      const home = this.#topology.homeOf(form[end]);
      if (home.node === null || home.points.length === 0) continue;
      if (home.points.some((point) => this.#topology.ownersOf(point) !== null)) return home;
      best ??= home;
    }
    return best ?? { points: [], node: null };
  }

  #trailOf(
    members: readonly PacketGroup[],
    path: Way,
    pieces: readonly PacketGroup[],
    resembles: string | null = null,
  ): Trail {
    const store = this.#groups.sightings;
    const lead = members[0]!;
    const draft = this.#draft;
    draft.clear();
    const sightings: Sighting[] = [];
    for (const member of members)
      addSightings(sightings, draft, member, store, formOf(member), member === lead ? EXACT : NAT);
    const whole = rangeOf(lead);
    if (pieces.length > 0) this.#addPieces(sightings, lead, whole, path, pieces);
    if (sightings.length > 1) this.#order(sightings, path);
    const counts = isRepeated(sightings) ? countsAt(sightings) : null;
    const identical = counts === null ? 1 : Math.max(1, ...counts.values());
    let seenWhole = wholeAt(sightings, whole.length);
    if (counts !== null && identical > 1 && isAnonymous(lead)) {
      const shown = new Set(seenWhole);
      // Which of them a point did not show nothing tells, nor that it is none of the next group's: how many says more than any doubt
      let few: string | null = null;
      for (const [point, count] of counts) {
        if (count === identical) continue;
        shown.delete(point);
        few ??= `${this.#points[point]!.name} shows ${count} of ${identical} identical packets, and nothing tells which`;
      }
      resembles = few ?? resembles;
      seenWhole = shown;
    }
    const { src, dst } = sightings[sightings.length - 1]!.form;
    const otherQuotes = members.length === 1 ? NONE : members.slice(1).flatMap(({ quote }) => quote ?? []);
    const rare = { otherQuotes, resembles, identical };
    this.#passing = this.#passing.withRoomFor(1 + sightings.length);
    return new Trail(this.#passing, lead, sightings, this.#paths.of(src, dst), seenWhole, rare);
  }

  /** Adds what the parts of a packet, or what it is a part of, show at points that did not see it. */
  #addPieces(
    sightings: Sighting[],
    lead: PacketGroup,
    whole: { readonly from: number; readonly length: number },
    path: Way,
    pieces: readonly PacketGroup[],
  ): void {
    const seen = new Set(sightings.map(({ point }) => point));
    for (const piece of pieces) {
      const part = rangeOf(piece);
      const from = Math.max(0, (part.from - whole.from) | 0);
      const to = Math.min(whole.length, ((part.from - whole.from) | 0) + part.length);
      const form = formOf(isSameFlow(lead, piece) ? lead : piece);
      const match: Match = { rung: 'byte-range', range: [from, to] };
      addSightings(sightings, this.#draft, piece, this.#groups.sightings, form, match, seen);
      if (this.#earliest(lead, path) <= this.#earliest(piece, path)) {
        piece.told += to - from;
        if (piece.told >= part.length) piece.done = true;
      }
    }
  }
}

/** True when a packet that was given to an exchange is kept there. */
function holds({ open, refusedBy, earlyReset }: Exchange, trail: Trail): boolean {
  return open.at(-1) === trail || refusedBy === trail || earlyReset?.trail === trail;
}

function formOf(group: PacketGroup): Form {
  return {
    src: group.src,
    dst: group.dst,
    sourcePort: group.sourcePort,
    destinationPort: group.destinationPort,
    echoId: echoIdOf(group),
  };
}
