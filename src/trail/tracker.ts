import { Layer } from '../wire/layers.js';
import { ExchangeTable, note, Reach, type PacketFacts } from './exchanges.js';
import type { PacketGroup } from './packet-group.js';
import type { Path, Paths } from './paths.js';
import type { PacketWindow } from './window.js';
import { rangeOf, sightingsOf, type Form, type Rung, type Sighting, type Trail } from './trail.js';

/** Copies in one passage are recorded within this time of each other, nanoseconds. */
const COPY = 1e6;
const RST = 4;

/** Times at which a point, though on the way, did not show a packet that was seen before and behind it. */
export class Misses {
  readonly #times = new Map<number, number[]>();
  count = 0;

  add(point: number, time: number): void {
    let times = this.#times.get(point);
    if (times === undefined) this.#times.set(point, (times = []));
    // One in a hundred milliseconds says it all.
    if (times.length === 0 || Math.abs(times[times.length - 1]! - time) > 100e6) times.push(time);
    this.count++;
  }

  /** True when the point missed a packet within `span` nanoseconds of a time. */
  near(point: number, time: number, span: number): boolean {
    return this.#times.get(point)?.some((miss) => Math.abs(miss - time) <= span) ?? false;
  }
}

/** Makes trails of closed groups and gives each packet to its exchange. */
export class Tracker {
  readonly exchanges = new ExchangeTable();
  readonly misses = new Misses();
  /** Packets, however many points saw them. */
  packets = 0;
  readonly #window: PacketWindow;
  readonly #paths: Paths;
  readonly #keepAll: boolean;
  /** Trails kept: all where rows are wanted, else those not known to have arrived. */
  readonly trails: Trail[] = [];

  constructor(window: PacketWindow, paths: Paths, keepAll: boolean) {
    this.#window = window;
    this.#paths = paths;
    this.#keepAll = keepAll;
  }

  /** Takes a group that nothing can join any more, with all that belongs to the same packet. */
  close(group: PacketGroup): void {
    const path = this.#paths.of(group.src, group.dst);
    if (!this.#keepAll && this.#settled(group, path)) return;
    const trail = this.#build(group, path);
    if (trail === null) return;
    this.packets += trail.identical;
    const membership = this.exchanges.memberOf(trail, trail.first, trail.last);
    this.#noteMisses(trail);
    const arrived = this.#arrived(trail);
    const last = trail.sightings[trail.sightings.length - 1]!;
    if (membership !== null) {
      trail.exchange = membership.exchange;
      trail.direction = membership.direction;
      note(membership, trail, arrived ? Reach.HOME : Reach.OPEN, last.point, trail, !arrived || this.#keepAll);
    }
    if (this.#keepAll || !arrived) this.trails.push(trail);
  }

  /** The usual case without a trail: seen at every captured point of its way, home included. */
  #settled(group: PacketGroup, path: Path): boolean {
    if (path.home.length === 0 || path.source.length === 0 || group.count < path.points.length) return false;
    // Who made a refusal is read off its trail.
    if (group.quote !== null || (group.kind === Layer.TCP && (group.c & RST) !== 0)) return false;
    const store = this.#window.sightings;
    for (const point of path.points) {
      let at = group.head;
      while (at >= 0 && store.points[at] !== point) at = store.next[at]!;
      if (at < 0) return false;
    }
    // A packet that was not seen where its source lives may be a translated one; its first form is told with it.
    if (!path.home.every((point) => path.points.includes(point))) return false;
    if (!path.source.every((point) => path.points.includes(point))) return false;
    const form = formOf(group);
    this.packets++;
    const membership = this.exchanges.memberOf(group, form, form);
    if (membership !== null) {
      note(membership, group as PacketFacts, Reach.HOME, path.points[path.points.length - 1]!, null, false);
    }
    return true;
  }

  #arrived(trail: Trail): boolean {
    const { home } = trail.path;
    return home.length > 0 && home.every((point) => trail.sightings.some((sighting) => sighting.point === point));
  }

  /** A point between two that saw the packet was on the way, and did not show it. */
  #noteMisses(trail: Trail): void {
    const { points } = trail.path;
    let lastIndex = -1;
    for (const sighting of trail.sightings) lastIndex = Math.max(lastIndex, points.indexOf(sighting.point));
    let seenBefore = false;
    for (let i = 0; i < lastIndex; i++) {
      const point = points[i]!;
      if (trail.sightings.some((sighting) => sighting.point === point)) seenBefore = true;
      else if (seenBefore) this.misses.add(point, trail.firstTime);
    }
  }

  /** The whole packet: its group, the pieces it was cut into or merged from, and its translated forms. */
  #build(group: PacketGroup, path: Path): Trail | null {
    const translated = this.#withTranslations(group);
    const lead = translated.length === 1 ? this.#wholeOf(group, path) : group;
    if (lead !== group && !lead.done) {
      // Another group is the packet as it was sent; this one is a piece of it and is told with it.
      lead.done = true;
      group.done = true;
      return this.#trailOf([lead], path);
    }
    if (lead !== group) return null;
    for (const member of translated) member.done = true;
    return this.#trailOf(translated, path);
  }

  /** The group and the groups that are the same packet under other addresses. */
  #withTranslations(group: PacketGroup): PacketGroup[] {
    const members = [group];
    for (const other of this.#window.translationsOf(group)) {
      if (!other.done && isTranslation(group, other)) members.push(other);
    }
    return members;
  }

  /**
   * Segmentation offload makes one large packet here of what is several there. The packet as sent is the one seen earliest
   * on the way; pieces that are covered by it are no packets of their own.
   */
  #wholeOf(group: PacketGroup, path: Path): PacketGroup {
    if (!mayHavePieces(group)) return group;
    let lead = group;
    for (const other of this.#window.piecesOf(group)) {
      if (overlaps(group, other) && this.#earliest(other, path) < this.#earliest(lead, path)) lead = other;
    }
    return lead;
  }

  #earliest(group: PacketGroup, path: Path): number {
    const store = this.#window.sightings;
    let earliest = path.points.length;
    for (let at = group.head; at >= 0; at = store.next[at]!) {
      const index = path.points.indexOf(store.points[at]!);
      if (index >= 0 && index < earliest) earliest = index;
    }
    return earliest;
  }

  #trailOf(members: readonly PacketGroup[], path: Path): Trail {
    const store = this.#window.sightings;
    const lead = members[0]!;
    const forms = new Map<string, Form>();
    const sightings: Sighting[] = [];
    for (const member of members) {
      const form = formOf(member);
      const key = `${form.src} ${form.sourcePort} ${form.dst} ${form.destinationPort}`;
      if (!forms.has(key)) forms.set(key, form);
      const rung: Rung = members.length > 1 && member !== lead ? 'nat-invariant' : 'exact';
      sightings.push(...sightingsOf(member, store, forms.get(key)!, rung, null));
    }
    const seen = new Set(sightings.map((sighting) => sighting.point));
    if (members.length === 1 && mayHavePieces(lead)) {
      const whole = rangeOf(lead);
      for (const other of this.#window.piecesOf(lead)) {
        if (!overlaps(lead, other)) continue;
        const part = rangeOf(other);
        const from = Math.max(0, (part.from - whole.from) | 0);
        const to = Math.min(whole.length, ((part.from - whole.from) | 0) + part.length);
        const pieces = sightingsOf(other, store, forms.values().next().value!, 'byte-range', [from, to]);
        const news = pieces.filter((piece) => !seen.has(piece.point));
        if (news.length > 0 && this.#earliest(lead, path) <= this.#earliest(other, path)) {
          sightings.push(...news);
          if (covers(lead, other)) other.done = true;
        }
      }
    }
    const ordered = order(sightings, path);
    const first = ordered[0]!;
    const last = ordered[ordered.length - 1]!;
    const times = ordered.map((sighting) => sighting.time);
    return {
      protocol: lead.protocol,
      ipVersion: lead.ipVersion,
      kind: lead.kind,
      a: lead.a,
      b: lead.b,
      c: lead.c,
      ipId: lead.ipId,
      payloadLength: lead.payloadLength,
      fragmentOffset: lead.fragmentOffset,
      moreFragments: lead.moreFragments,
      nameId: lead.nameId,
      isDns: lead.isDns,
      quote: lead.quote,
      first: first.form,
      last: last.form,
      path: members.length === 1 ? path : this.#paths.of(last.form.src, last.form.dst),
      sightings: ordered,
      firstTime: Math.min(...times),
      lastTime: Math.max(...times),
      identical: identicalOf(ordered),
      direction: null,
      exchange: null,
      judgement: null,
    };
  }
}

function formOf(group: PacketGroup): Form {
  return {
    src: group.src,
    dst: group.dst,
    sourcePort: group.sourcePort,
    destinationPort: group.destinationPort,
  };
}

/** One address at least stays the same, and an IP ID or TCP numbers speak for the rest. */
function isTranslation(a: PacketGroup, b: PacketGroup): boolean {
  if (a.src === b.src && a.dst === b.dst && a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort) {
    return false;
  }
  if (a.ipId === 0 && a.kind !== Layer.TCP) return false;
  return a.src === b.src || a.dst === b.dst;
}

/** Segments with payload, and packets that are or may become fragments. */
function mayHavePieces(group: PacketGroup): boolean {
  if (group.fragmentOffset > 0 || group.moreFragments !== 0) return true;
  if (group.kind === Layer.TCP) return group.payloadLength > 0;
  return group.l4Length > 1200;
}

function overlaps(a: PacketGroup, b: PacketGroup): boolean {
  if (!mayHavePieces(b)) return false;
  const whole = rangeOf(a);
  const part = rangeOf(b);
  const from = (part.from - whole.from) | 0;
  return from < whole.length && from + part.length > 0;
}

function covers(whole: PacketGroup, part: PacketGroup): boolean {
  const a = rangeOf(whole);
  const b = rangeOf(part);
  const from = (b.from - a.from) | 0;
  return from >= 0 && from + b.length <= a.length;
}

/** Path order: hops first, then the path, then time. */
function order(sightings: Sighting[], path: Path): Sighting[] {
  const place = (sighting: Sighting): number => {
    const index = path.points.indexOf(sighting.point);
    return index < 0 ? path.points.length : index;
  };
  sightings.sort(
    (x, y) => y.ttl - x.ttl || place(x) - place(y) || x.time - y.time || x.point - y.point || x.frame - y.frame,
  );
  return sightings.map((sighting, i) => {
    const before = sightings[i - 1];
    const copy =
      before !== undefined &&
      before.point === sighting.point &&
      before.ttl === sighting.ttl &&
      before.tunnel === sighting.tunnel &&
      before.range === null &&
      sighting.range === null &&
      before.form === sighting.form &&
      sighting.time - before.time < COPY;
    return copy ? { ...sighting, copy: true } : sighting;
  });
}

/** Identical packets are as many as the point that saw most of them saw, copies apart. */
function identicalOf(sightings: readonly Sighting[]): number {
  const counts = new Map<string, number>();
  for (const { point, ttl, copy, range } of sightings) {
    if (copy || range !== null) continue;
    const key = `${point} ${ttl}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Math.max(1, ...counts.values());
}
