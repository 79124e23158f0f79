import { rankOf, type CapturePoint } from '../net/points.js';
import type { Clock } from './clocks.js';
import type { PointOrders } from './point-orders.js';
import { isInitialTtl, type Topology } from './topology.js';
import type { Ends, Hops } from './way-ends.js';

/** Tells which of two points a packet passes first: by TTLs, by where its ends live, by the roles of interfaces, by times. */
export class WayOrder {
  readonly #topology: Topology;
  readonly #points: readonly CapturePoint[];
  readonly #orders: PointOrders;
  readonly #clocks: ReadonlyMap<string, Clock>;
  readonly #given: readonly number[];

  /** @param given points in path order as the user gave them; they win over what is found */
  constructor(topology: Topology, orders: PointOrders, clocks: ReadonlyMap<string, Clock>, given: readonly number[]) {
    this.#topology = topology;
    this.#points = topology.points;
    this.#orders = orders;
    this.#clocks = clocks;
    this.#given = given;
  }

  /** True when it is known that a packet passes the first point before the second. */
  isBefore(first: number, second: number, ends: Ends): boolean {
    return this.#compare(first, second, ends) < 0;
  }

  /** Points in the order in which a packet passes them. */
  order(points: number[], ends: Ends): number[] {
    // They nearly always are: to sort makes two lists
    if (points.some((point, i) => i > 0 && points[i - 1]! > point)) points.sort((x, y) => x - y);
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
    const receivers = [...nodes].filter((each) => this.isReceiver(each, hops));
    if (receivers.length !== 1) return 0;
    return receivers[0] === node ? 1 : -1;
  }

  /** True for the node where the tunnel ends. */
  isReceiver(node: string, hops: ReadonlyMap<number, Hops>): boolean {
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
