import { doubled } from '../net/doubled.js';
import { PairIndex } from '../net/pair-index.js';
import { isWorkload, rankOf, type CapturePoint } from '../net/points.js';
import type { Clock } from './clocks.js';
import type { PointOrders } from './point-orders.js';
import { isInitialTtl, type Home, type Topology } from './topology.js';

/** How a point is known to be on a way: packets between the two addresses crossed it, other packets of one of them did, or its role says so. */
export type Crossing = 'pair' | 'address' | 'role';

/** Captured points in the order in which a packet passes them. Most paths are one of some dozen ways. */
export interface Way {
  readonly points: readonly number[];
  /** For each point, how it is known to be on the way. */
  readonly crossings: readonly Crossing[];
  /** Where the source and the destination live; empty when not known. */
  readonly source: readonly number[];
  readonly home: readonly number[];
  /** There are points, and all where the destination lives are among them. */
  readonly endsAtHome: boolean;
  /** All points where source and destination live are known and captured: what is seen at all of them has no other form. */
  readonly isWhole: boolean;
  /** The points as bits, 0 when some have no bit of their own. */
  readonly bits: number;
}

/** The way between two addresses. */
export interface Path extends Way {
  readonly src: number;
  readonly dst: number;
}

/** TTLs that a pair showed at a point, 0 for none; `out` in the direction of the path, `back` against it. */
interface Hops {
  out: number;
  back: number;
  outerOut: number;
  outerBack: number;
  /** Outer addresses in the direction of the path, as a packet there or back showed them; 0 for none. */
  outerFrom: number;
  outerTo: number;
}

/** The two ends of a path, where they live, and what was seen between them at each point. */
interface Ends {
  readonly src: number;
  readonly dst: number;
  readonly source: Home;
  readonly home: Home;
  readonly hops: ReadonlyMap<number, Hops>;
}

/** Points that have a bit of their own. */
const MASKED = 31;

const WAITS = 1;
const AT_ONCE = 2;
/** Addresses with a number below this find their paths in a table, which one step leads to. */
const NEAR_BITS = 9;
const NEAR = 1 << NEAR_BITS;

/** Finds and remembers paths. */
export class Paths {
  readonly #topology: Topology;
  readonly #points: readonly CapturePoint[];
  readonly #index = new PairIndex(1 << 18);
  /** By number: that of its way + 1, above two bits that say when packets are told; 0 where it was not looked for yet. */
  #wayOf = new Int32Array(1 << 8);
  readonly #ways: Way[] = [];
  readonly #wayNumbers = new Map<string, number>();
  /** By number, those asked for with their addresses. */
  readonly #paths: Path[] = [];
  /** Entries by source and destination, 0 for none. */
  readonly #near = new Int32Array(NEAR * NEAR);
  /** Lists that many paths share. */
  readonly #lists = new Map<string, readonly (number | Crossing)[]>();
  /** Of the path that was asked about last. */
  #ends: Ends | null = null;
  readonly #given: readonly number[];
  readonly #orders: PointOrders;
  readonly #clocks: ReadonlyMap<string, Clock>;

  /** @param given points in path order as the user gave them; they win over what is found */
  constructor(
    topology: Topology,
    orders: PointOrders,
    clocks: ReadonlyMap<string, Clock>,
    given: readonly number[] = [],
  ) {
    this.#topology = topology;
    this.#points = topology.points;
    this.#orders = orders;
    this.#clocks = clocks;
    this.#given = given;
  }

  /** The path from one address to another. */
  of(src: number, dst: number): Path {
    const number = this.#numberOf(src, dst);
    if (number < 0) return { src, dst, ...this.#find(src, dst) };
    return (this.#paths[number] ??= { src, dst, ...this.at(number) });
  }

  /**
   * Number of that path << 1, and 1 where a packet can be told as soon as all points of the way have seen it: it has no other form, no
   * more points to come, and neither have its answers. Below 0 when there are too many to remember.
   */
  entryOf(src: number, dst: number): number {
    // Of a table with keys the slot and the pair would be two waits for memory
    const isNear = src < NEAR && dst < NEAR;
    const known = isNear ? this.#near[(src << NEAR_BITS) | dst]! : 0;
    if (known !== 0) return known - 1;
    const number = this.#numberOf(src, dst);
    if (number < 0) return -1;
    const entry = (number << 1) | (this.#isToldAtOnce(number, src, dst) ? 1 : 0);
    if (isNear) this.#near[(src << NEAR_BITS) | dst] = entry + 1;
    return entry;
  }

  #numberOf(src: number, dst: number): number {
    const number = this.#index.get(src, dst);
    if (number >= this.#wayOf.length) this.#wayOf = doubled(this.#wayOf);
    if (number >= 0 && this.#wayOf[number] === 0)
      this.#wayOf[number] = (this.#wayNumber(this.#find(src, dst)) + 1) << 2;
    return number;
  }

  /** The way of the path of a number. */
  at(number: number): Way {
    return this.#ways[(this.#wayOf[number]! >> 2) - 1]!;
  }

  #wayNumber(way: Way): number {
    const { points, crossings, source, home, endsAtHome, isWhole } = way;
    const key = [points, crossings, source, home, [endsAtHome, isWhole]].map((list) => list.join(' ')).join();
    let number = this.#wayNumbers.get(key);
    if (number === undefined) {
      number = this.#ways.push(way) - 1;
      this.#wayNumbers.set(key, number);
    }
    return number;
  }

  #isToldAtOnce(number: number, src: number, dst: number): boolean {
    if ((this.#wayOf[number]! & 3) === 0) {
      const { bits, isWhole } = this.at(number);
      // Before the array is taken: to find the way back may make a larger one
      const isAtOnce = bits !== 0 && isWhole && this.of(dst, src).isWhole;
      this.#wayOf[number]! |= isAtOnce ? AT_ONCE : WAITS;
    }
    return (this.#wayOf[number]! & 3) === AT_ONCE;
  }

  /** True when it is known that a packet on a path passes the first point before the second. */
  isBefore({ src, dst }: Path, first: number, second: number): boolean {
    if (this.#ends?.src !== src || this.#ends.dst !== dst) this.#ends = this.#endsOf(src, dst);
    return this.#compare(first, second, this.#ends) < 0;
  }

  #endsOf(src: number, dst: number): Ends {
    const hops = new Map<number, Hops>();
    const [low, high] = src <= dst ? [src, dst] : [dst, src];
    for (const at of this.#topology.evidence.points) {
      const i = at === undefined ? -1 : at.pairs.index.find(low, high);
      if (i < 0) continue;
      const { pairs } = at!;
      const ttls = pairs.ttls(i);
      const forward = {
        ttl: ttls & 255,
        outer: (ttls >>> 16) & 255,
        from: pairs.forwardFrom(i),
        to: pairs.forwardTo(i),
      };
      const backward = {
        ttl: (ttls >>> 8) & 255,
        outer: ttls >>> 24,
        from: pairs.backwardFrom(i),
        to: pairs.backwardTo(i),
      };
      const [out, back] = src <= dst ? [forward, backward] : [backward, forward];
      hops.set(at!.point.id, {
        out: out.ttl,
        back: back.ttl,
        outerOut: out.outer,
        outerBack: back.outer,
        outerFrom: out.from || back.to,
        outerTo: out.to || back.from,
      });
    }
    return { src, dst, source: this.#topology.homeOf(src), home: this.#topology.homeOf(dst), hops };
  }

  #find(src: number, dst: number): Way {
    const ends = this.#endsOf(src, dst);
    const { source, home, hops } = ends;
    const inferred = new Set<number>();
    const { addresses } = this.#topology.evidence;
    // What no router forwards goes no further than it was seen.
    const local = addresses.isLinkLocal(src) || addresses.isLinkLocal(dst);
    if (!local && source.node !== null && home.node !== null && source.node !== home.node) {
      this.#addSide(src, source.node, hops, inferred);
      this.#addSide(dst, home.node, hops, inferred);
    }
    const byTheirRole = new Set<number>();
    if (!local && source.node !== null && home.node !== null && source.node !== home.node) {
      for (const point of this.#outward(src, source, hops, this.#topology.isTunnelled(dst)))
        if (!inferred.has(point)) byTheirRole.add(point);
    }
    if (!local && home.node !== null && source.node !== home.node && source.node !== null) {
      for (const point of this.#outward(dst, home, hops, this.#topology.isTunnelled(src)))
        if (!inferred.has(point)) byTheirRole.add(point);
    }
    const points = this.#order([...hops.keys(), ...inferred, ...byTheirRole], ends);
    const before = (first: number, second: number): boolean => this.#compare(first, second, ends) < 0;
    const byRole = local ? [] : this.#inward(points, ends, before);
    const all = [...points, ...byRole];
    const holds = (where: readonly number[]): boolean => where.every((point) => all.includes(point));
    // A bridge passes on what it has for its ports: behind one that is captured and nobody's the destination may live.
    const reached = this.#topology.mayLiveAtPort(home) || isMasqueraded(home, hops) ? [] : home.points;
    const endsAtHome = all.length > 0 && holds(reached);
    const crossings = [
      ...points.map((point): Crossing => (byTheirRole.has(point) ? 'role' : inferred.has(point) ? 'address' : 'pair')),
      ...byRole.map((): Crossing => 'role'),
    ];
    return {
      points: this.#shared(all),
      crossings: this.#shared(crossings),
      source: this.#shared(source.points),
      home: this.#shared(reached),
      endsAtHome,
      bits: all.every((point) => point < MASKED) ? all.reduce((bits, point) => bits | (1 << point), 0) : 0,
      isWhole: endsAtHome && reached.length > 0 && source.points.length > 0 && holds(source.points),
    };
  }

  /** The same list for all paths that have it. */
  #shared<T extends number | Crossing>(list: readonly T[]): readonly T[] {
    const key = list.join(' ');
    const known = this.#lists.get(key) as readonly T[] | undefined;
    if (known === undefined) this.#lists.set(key, list);
    return known ?? list;
  }

  /**
   * Points of the receiving node behind the last one, which a packet must pass by their role although nothing between these
   * addresses was ever seen there: the tunnel device behind the underlay of an encapsulated packet, the bridge behind it, the
   * one workload. Only where one point has the role is it known which.
   */
  #inward(
    points: readonly number[],
    { dst, source, home, hops }: Ends,
    before: (first: number, second: number) => boolean,
  ): number[] {
    const from = points[points.length - 1];
    if (from === undefined) return [];
    const { node, role } = this.#points[from]!;
    if (source.node === node || (home.node !== null && home.node !== node) || home.points.includes(from)) return [];
    const outerTtl = hops.get(from)?.outerOut ?? 0;
    if (role === 'underlay' && outerTtl === 0) return [];
    // A tunnel's packet on an underlay may be on its way in or out: hops behind it, or other nodes, tell.
    const cameIn = outerTtl !== 0 && !isInitialTtl(outerTtl);
    const seenBefore = points.some((point) => this.#points[point]!.node !== node && before(point, from));
    if (source.node === null && home.node === null && !cameIn && !seenBefore && !this.#isReceiver(node, hops))
      return [];
    const inward: number[] = [];
    const pod = home.points.some((point) => this.#topology.ownersOf(point) !== null);
    for (const wanted of ['tunnel', 'bridge'] as const) {
      // The bridge is on the way to a pod, not to an address of the node itself.
      if (wanted === 'bridge' && !pod) continue;
      const candidates = this.#points.filter(
        (point) =>
          point.node === node &&
          !points.includes(point.id) &&
          rankOf(point.role) < rankOf(role) &&
          point.role === wanted &&
          this.#topology.mayCarry(point.id, dst),
      );
      if (candidates.length > 1) return inward;
      if (candidates.length === 1) inward.push(candidates[0]!.id);
    }
    const bridged = [from, ...inward].some((point) => this.#points[point]!.role === 'bridge');
    const tunnel = [from, ...inward].some((point) => this.#points[point]!.role === 'tunnel');
    const workload = bridged || !tunnel ? null : this.#onlyWorkload(node, dst);
    if (workload !== null && !points.includes(workload)) inward.push(workload);
    const stop = inward.findIndex((point) => home.points.includes(point));
    return stop < 0 ? inward : inward.slice(0, stop + 1);
  }

  /**
   * The one workload's interface captured on a node, when it is known to be the destination's, or when nothing was seen there and the
   * captures were made for these packets: of this node, and with no other destination.
   */
  #onlyWorkload(node: string, dst: number): number | null {
    const workloads = this.#points.filter(({ role, node: its }) => its === node && isWorkload(role));
    const owner = workloads.find(({ id }) => this.#topology.ownersOf(id)?.has(dst) === true);
    if (owner !== undefined) return owner.id;
    // Whoever captures one node, and where packets come to it from, chose its interfaces for their way.
    const elsewhere = this.#points.filter((point) => point.node !== node);
    if (elsewhere.length > 1 || !this.#topology.isOnlyReceiver(dst)) return null;
    return this.#topology.silentWorkload(node)?.id ?? null;
  }

  /**
   * Points of a workload's own node that its packets must pass by their role: those that other workloads of the node cross
   * on their way to other nodes, and the bridge that a veth is a port of.
   */
  #outward(address: number, home: Home, hops: ReadonlyMap<number, Hops>, tunnelled: boolean): number[] {
    const node = home.node!;
    const workload = home.points[0];
    if (workload === undefined) return [];
    const isWorkload = this.#topology.ownersOf(workload) !== null;
    if (!isWorkload && this.#points[workload]!.role !== 'bridge') return [];
    const found = new Set<number>(isWorkload ? this.#topology.crossedFrom(node) : []);
    if (/^veth/.test(this.#points[workload]!.interface)) {
      const bridges = this.#points.filter((point) => point.node === node && point.role === 'bridge');
      if (bridges.length === 1) found.add(bridges[0]!.id);
    }
    // The tunnel device and what is under it are on the way when the other end's packets travel in tunnels.
    if (tunnelled) {
      for (const role of ['tunnel', 'underlay'] as const) {
        const devices = this.#points.filter((point) => point.node === node && point.role === role);
        if (devices.length === 1) found.add(devices[0]!.id);
      }
    }
    return [...found].filter((point) => !hops.has(point) && this.#topology.mayCarry(point, address));
  }

  /** Points of an address's own node that its other traffic with other nodes crossed. */
  #addSide(address: number, node: string, hops: ReadonlyMap<number, Hops>, inferred: Set<number>): void {
    const wire = [...this.#topology.seenOf(address).keys()].some((point) => this.#points[point]!.node !== node);
    if (!wire) return;
    for (const point of this.#topology.seenOf(address).keys()) {
      if (this.#points[point]!.node !== node || hops.has(point)) continue;
      const owners = this.#topology.ownersOf(point);
      if (owners === null || owners.has(address)) inferred.add(point);
    }
  }

  #order(points: number[], ends: Ends): number[] {
    points.sort((x, y) => x - y);
    const ordered: number[] = [];
    const left = [...points];
    while (left.length > 0) {
      // The first point that no other must precede; a contradiction falls back to the first of the list.
      let at = left.findIndex((x) => left.every((y) => y === x || this.#compare(y, x, ends) >= 0));
      if (at < 0) at = 0;
      ordered.push(left[at]!);
      left.splice(at, 1);
    }
    return ordered;
  }

  /** Below 0 when x comes before y on the way, 0 when nothing tells. */
  #compare(x: number, y: number, ends: Ends): number {
    const { source, home, hops } = ends;
    const given = this.#given.indexOf(x) - this.#given.indexOf(y);
    if (given !== 0 && this.#given.includes(x) && this.#given.includes(y)) return given;
    const a = hops.get(x);
    const b = hops.get(y);
    const inner = a === undefined || b === undefined ? 0 : byInnerHops(a, b);
    if (inner !== 0) return inner;
    const nodeX = this.#points[x]!.node;
    const nodeY = this.#points[y]!.node;
    if (nodeX !== nodeY) {
      if (nodeX === source.node || nodeY === home.node) return -1;
      if (nodeY === source.node || nodeX === home.node) return 1;
    } else if (source.node !== home.node) {
      const rankX = rankOf(this.#points[x]!.role);
      const rankY = rankOf(this.#points[y]!.role);
      if (rankX >= 0 && rankY >= 0 && rankX !== rankY) {
        if (nodeX === source.node || (source.node === null && home.node !== null && nodeX !== home.node))
          return rankX - rankY;
        if (nodeX === home.node || (home.node === null && source.node !== null && nodeX !== source.node))
          return rankY - rankX;
      }
    } else if (source.node === null && this.#comesIn(x, y, hops)) {
      const rankX = rankOf(this.#points[x]!.role);
      const rankY = rankOf(this.#points[y]!.role);
      if (rankX >= 0 && rankY >= 0 && rankX !== rankY) return rankY - rankX;
    } else {
      // Two workloads of one node: away from the one, towards the other.
      if (source.points.some((point) => home.points.includes(point)))
        return this.#orders.compare(ends.src, ends.dst, x, y, this.#clocks);
      if (source.points.includes(x) || home.points.includes(y)) return -1;
      if (source.points.includes(y) || home.points.includes(x)) return 1;
    }
    if (a !== undefined && b !== undefined) {
      const outer = byOuterHops(a, b);
      if (outer !== 0) return outer;
      const end = nodeX === nodeY ? 0 : this.#endAt(x, a) - this.#endAt(y, b);
      if (end !== 0) return end;
      const [sideX, sideY] = [this.#sideOf(x, a), this.#sideOf(y, b)];
      if (nodeX !== nodeY && sideX !== 0 && sideY !== 0 && sideX !== sideY) return sideX - sideY;
      const [rankX, rankY] = [rankOf(this.#points[x]!.role), rankOf(this.#points[y]!.role)];
      if (nodeX === nodeY && sideX + sideY !== 0 && rankX >= 0 && rankY >= 0 && rankX !== rankY)
        return sideX + sideY < 0 ? rankX - rankY : rankY - rankX;
    }
    if (nodeX !== nodeY && a !== undefined && b !== undefined) {
      const received = this.#reception(nodeX, hops) - this.#reception(nodeY, hops);
      if (received !== 0) return received;
    }
    const order = this.#orders.compare(ends.src, ends.dst, x, y, this.#clocks);
    if (order !== 0) return order;
    if (nodeX === nodeY) return this.#byNeighbours(x, y, ends) || this.#byOtherPackets(x, y, ends);
    // Whatever else of the two nodes shows which of them comes first: a packet does not come back to a node that it has left.
    let sum = 0;
    for (const [first, its] of hops) {
      if (this.#points[first]!.node !== nodeX) continue;
      for (const [second, others] of hops) {
        if (this.#points[second]!.node !== nodeY) continue;
        const order =
          byInnerHops(its, others) ||
          byOuterHops(its, others) ||
          this.#orders.compare(ends.src, ends.dst, first, second, this.#clocks);
        sum += Math.sign(order);
      }
    }
    return sum || this.#byTunnelEnds(x, y, ends);
  }

  /** Of one node: what is known to go on to other nodes is on its way out of the node, what came from one on its way in. */
  #byNeighbours(x: number, y: number, ends: Ends): number {
    const { node, role } = this.#points[x]!;
    const outward = rankOf(role) - rankOf(this.#points[y]!.role);
    if (outward === 0 || rankOf(role) < 0 || rankOf(this.#points[y]!.role) < 0) return 0;
    let before = false;
    let behind = false;
    for (const other of ends.hops.keys()) {
      if (this.#points[other]!.node === node) continue;
      for (const own of [x, y]) {
        const order = this.#compare(own, other, ends);
        if (order < 0) behind = true;
        if (order > 0) before = true;
      }
    }
    return before === behind ? 0 : behind ? outward : -outward;
  }

  /** What the ends send to whomever has fewer hops left the further it came. */
  #byOtherPackets(x: number, y: number, { src, dst }: Ends): number {
    const hopsOf = (address: number, point: number): number => this.#topology.seenOf(address).get(point)?.ttl ?? 0;
    const [fromX, fromY] = [hopsOf(src, x), hopsOf(src, y)];
    if (fromX !== 0 && fromY !== 0 && fromX !== fromY) return fromY - fromX;
    const [toX, toY] = [hopsOf(dst, x), hopsOf(dst, y)];
    return toX !== 0 && toY !== 0 ? toX - toY : 0;
  }

  /** A packet passes the tunnel device of the node that sends it in a tunnel before it is in it anywhere, that of the other end after. */
  #byTunnelEnds(x: number, y: number, ends: Ends): number {
    const { hops } = ends;
    const isInside = (point: number): boolean => {
      const { outerOut = 0, outerBack = 0 } = hops.get(point) ?? {};
      return outerOut + outerBack !== 0;
    };
    const isDevice = (point: number): boolean => this.#points[point]!.role === 'tunnel' && !isInside(point);
    if (isDevice(y) && isInside(x)) return -this.#byTunnelEnds(y, x, ends);
    if (!isDevice(x) || !isInside(y)) return 0;
    const { node } = this.#points[x]!;
    if (ends.home.node !== null || ends.source.node !== null)
      return node === ends.home.node || (ends.home.node === null && node !== ends.source.node) ? 1 : -1;
    const nodes = new Set([...hops.keys()].map((point) => this.#points[point]!.node));
    const receivers = [...nodes].filter((each) => this.#isReceiver(each, hops));
    if (receivers.length !== 1) return 0;
    return receivers[0] === node ? 1 : -1;
  }

  /** True for the node where the tunnel ends. */
  #isReceiver(node: string, hops: ReadonlyMap<number, Hops>): boolean {
    return this.#reception(node, hops) > 0;
  }

  /**
   * How much says that the tunnel ends at a node: its underlay shows the tunnel's packets to itself, or with a TTL counted down before
   * its tunnel device has them bare. Behind a router's interface all packets can be one host's, too, but it has no tunnel device, and
   * where two of its interfaces show that it counts the tunnel's TTL down, it passes them on.
   */
  #reception(node: string, hops: ReadonlyMap<number, Hops>): number {
    let ends = false;
    let comesIn = false;
    let isAddressed = false;
    let outerTtl = 0;
    for (const [point, its] of hops) {
      const { node: at, role } = this.#points[point]!;
      if (at !== node) continue;
      if (its.outerOut !== 0 && outerTtl !== 0 && its.outerOut !== outerTtl) return 0;
      outerTtl ||= its.outerOut;
      if (role === 'tunnel' && its.out !== 0 && its.outerOut === 0) ends = true;
      if (role !== 'underlay') continue;
      if (this.#sideOf(point, its) > 0 || this.#endAt(point, its) > 0) isAddressed = true;
      if (its.outerOut !== 0 && !isInitialTtl(its.outerOut)) comesIn = true;
    }
    return Number(isAddressed) + Number(ends && (comesIn || isAddressed));
  }

  /** -1 on the underlay of the node that sends in the tunnel, 1 on that of the one it sends to, 0 where nothing tells. */
  #sideOf(point: number, { outerFrom, outerTo }: Hops): number {
    if (outerFrom === 0 || this.#points[point]!.role !== 'underlay') return 0;
    const host = this.#topology.hostAt(point);
    return Number(host === outerTo) - Number(host === outerFrom);
  }

  /** -1 on the node that sends in the tunnel, 1 on the one it sends to, as addresses that live there show; 0 elsewhere. */
  #endAt(point: number, { outerFrom, outerTo }: Hops): number {
    const { node } = this.#points[point]!;
    if (this.#topology.nodeInTunnel(point, outerTo) === node) return 1;
    return this.#topology.nodeInTunnel(point, outerFrom) === node ? -1 : 0;
  }

  /** An outer TTL that was counted down at an underlay interface: what it carries comes from another node. */
  #comesIn(x: number, y: number, hops: ReadonlyMap<number, Hops>): boolean {
    return [x, y].some((point) => {
      const outer = this.#points[point]!.role === 'underlay' ? (hops.get(point)?.outerOut ?? 0) : 0;
      return outer !== 0 && !isInitialTtl(outer);
    });
  }
}

/**
 * True where what the destination sends back leaves its home after a hop: a host gives its own address to what it forwards for a
 * workload, and the answers go on to that one, translated back.
 */
function isMasqueraded({ points }: Home, hops: ReadonlyMap<number, Hops>): boolean {
  return points.some((point) => isInitialTtl((hops.get(point)?.back ?? 0) + 1));
}

/** Below 0 when the packets' own TTLs show that the first comes earlier, 0 when they do not tell. */
function byInnerHops(a: Hops, b: Hops): number {
  if (a.out !== 0 && b.out !== 0 && a.out !== b.out) return b.out - a.out;
  return a.back !== 0 && b.back !== 0 ? a.back - b.back : 0;
}

/** The same of the TTLs of the tunnels that they are in. */
function byOuterHops(a: Hops, b: Hops): number {
  if (a.outerOut !== 0 && b.outerOut !== 0 && a.outerOut !== b.outerOut) return b.outerOut - a.outerOut;
  return a.outerBack !== 0 && b.outerBack !== 0 ? a.outerBack - b.outerBack : 0;
}
