import { isWorkload, rankOf, type CapturePoint } from '../net/points.js';
import { isInitialTtl, type Home, type Topology } from './topology.js';
import type { Ends, Hops } from './way-ends.js';
import type { WayOrder } from './way-order.js';

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

/** Points that have a bit of their own. */
const MASKED = 31;
/** Finds the captured points between two addresses: where packets between them were seen, and where they must pass. */
export class WayFinder {
  readonly #topology: Topology;
  readonly #points: readonly CapturePoint[];
  readonly #order: WayOrder;

  constructor(topology: Topology, order: WayOrder) {
    this.#topology = topology;
    this.#points = topology.points;
    this.#order = order;
  }

  /** The way between two ends. */
  find(ends: Ends): Way {
    const { src, dst, source, home, hops } = ends;
    const inferred = new Set<number>();
    const { addresses } = this.#topology.evidence;
    // What no router forwards goes no further than it was seen.
    const local = addresses.isLinkLocal(src) || addresses.isLinkLocal(dst);
    const byTheirRole = new Set<number>();
    if (!local && source.node !== null && home.node !== null && source.node !== home.node) {
      this.#addSide(src, source.node, hops, inferred);
      this.#addSide(dst, home.node, hops, inferred);
      const outward = [
        ...this.#outward(src, source, hops, this.#topology.isTunnelled(dst)),
        ...this.#outward(dst, home, hops, this.#topology.isTunnelled(src)),
      ];
      for (const point of outward) if (!inferred.has(point)) byTheirRole.add(point);
    }
    const points = this.#order.order([...hops.keys(), ...inferred, ...byTheirRole], ends);
    const byRole = local ? [] : this.#inward(points, ends);
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
      points: all,
      crossings,
      source: source.points,
      home: reached,
      endsAtHome,
      bits: all.every((point) => point < MASKED) ? all.reduce((bits, point) => bits | (1 << point), 0) : 0,
      isWhole: endsAtHome && reached.length > 0 && source.points.length > 0 && holds(source.points),
    };
  }

  /**
   * Points of the receiving node behind the last one, which a packet must pass by their role although nothing between these
   * addresses was ever seen there: the tunnel device behind the underlay of an encapsulated packet, the bridge behind it, the
   * one workload. Only where one point has the role is it known which.
   */
  #inward(points: readonly number[], ends: Ends): number[] {
    const { dst, source, home, hops } = ends;
    const from = points[points.length - 1];
    if (from === undefined) return [];
    const { node, role } = this.#points[from]!;
    if (source.node === node || (home.node !== null && home.node !== node) || home.points.includes(from)) return [];
    const outerTtl = hops.get(from)?.outerOut ?? 0;
    if (role === 'underlay' && outerTtl === 0) return [];
    // A tunnel's packet on an underlay may be on its way in or out: hops behind it, or other nodes, tell.
    const cameIn = outerTtl !== 0 && !isInitialTtl(outerTtl);
    const seenBefore = points.some(
      (point) => this.#points[point]!.node !== node && this.#order.isBefore(point, from, ends),
    );
    if (source.node === null && home.node === null && !cameIn && !seenBefore && !this.#order.isReceiver(node, hops))
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
}

/**
 * True where what the destination sends back leaves its home after a hop: a host gives its own address to what it forwards for a
 * workload, and the answers go on to that one, translated back.
 */
function isMasqueraded({ points }: Home, hops: ReadonlyMap<number, Hops>): boolean {
  return points.some((point) => isInitialTtl((hops.get(point)?.back ?? 0) + 1));
}
