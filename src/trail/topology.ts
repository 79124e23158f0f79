import { isWorkload, rankOf, type CapturePoint } from '../net/points.js';
import type { Evidence, PairsAtPoint, PointEvidence } from './evidence.js';

/** What one point saw of one address. */
export interface AddressAtPoint {
  /** Packets from it, and the highest TTL among them. */
  sent: number;
  ttl: number;
  /** Packets to it. */
  received: number;
  /** Outer source around the packets it sent, and outer destination around those it received; 0 when they travel bare. */
  outerSource: number;
  outerDestination: number;
}

/** Where an address lives: the point where its own packets first appear. More than one where the packets do not decide. */
export interface Home {
  readonly points: readonly number[];
  /** The node all of them belong to, null when they disagree. */
  readonly node: string | null;
}

const NOWHERE: Home = { points: [], node: null };
// Initial TTLs in use (Linux and BSD 64, Windows 128, routers and ICMPv6 255): an address whose packets nowhere show one
// lives behind a hop that was not captured.
const INITIAL_TTLS = new Set([64, 128, 255]);

export function isInitialTtl(ttl: number): boolean {
  return INITIAL_TTLS.has(ttl);
}

/** Tells whether packets between two addresses were shown at one point of a node before another. */
export interface Orders {
  /** The others of which that can be told. */
  comparedWith(point: number): ReadonlySet<number>;
  passed(src: number, dst: number, first: number, second: number): boolean;
}

/** Which address lives behind which point, learnt from the packets. */
export class Topology {
  readonly evidence: Evidence;
  readonly points: readonly CapturePoint[];
  readonly #addresses = new Map<number, Map<number, AddressAtPoint>>();
  /** For a point at a workload (role pod or veth): the addresses that are the workload's. */
  readonly #owners = new Map<number, Set<number>>();
  readonly #homes = new Map<number, Home>();
  readonly #crossed = new Map<string, Set<number>>();
  readonly #hosts = new Map<number, number>();
  readonly #orders: Orders;
  #tunnelNodes: Map<number, Map<number, string>> | null = null;

  constructor(evidence: Evidence, points: readonly CapturePoint[], orders: Orders) {
    this.evidence = evidence;
    this.points = points;
    this.#orders = orders;
    for (const at of evidence.points) if (at !== undefined) this.#collect(at);
    for (const at of evidence.points) if (at !== undefined) inferRole(at, this.#addresses, points, evidence);
    for (const at of evidence.points) if (at !== undefined) this.#inferTunnel(at);
    this.#findOwners();
  }

  #collect(at: PointEvidence): void {
    const { pairs } = at;
    const { index } = pairs;
    const { id } = at.point;
    const entries = new Map<number, AddressAtPoint>();
    const entryOf = (address: number): AddressAtPoint => {
      let entry = entries.get(address);
      if (entry === undefined) entries.set(address, (entry = this.#entry(address, id)));
      return entry;
    };
    for (let i = 0; i < index.size; i++) {
      const low = entryOf(index.first(i));
      const high = entryOf(index.second(i));
      low.sent += pairs.forward(i);
      high.received += pairs.forward(i);
      high.sent += pairs.backward(i);
      low.received += pairs.backward(i);
      low.ttl = Math.max(low.ttl, pairs.ttls(i) & 255);
      high.ttl = Math.max(high.ttl, (pairs.ttls(i) >>> 8) & 255);
      low.outerSource ||= pairs.forwardFrom(i);
      high.outerSource ||= pairs.backwardFrom(i);
      high.outerDestination ||= pairs.forwardTo(i);
      low.outerDestination ||= pairs.backwardTo(i);
    }
  }

  #entry(address: number, point: number): AddressAtPoint {
    let points = this.#addresses.get(address);
    if (points === undefined) this.#addresses.set(address, (points = new Map()));
    let entry = points.get(point);
    if (entry === undefined)
      points.set(point, (entry = { sent: 0, ttl: 0, received: 0, outerSource: 0, outerDestination: 0 }));
    return entry;
  }

  /** What each point saw of an address; point number -> counts. */
  seenOf(address: number): ReadonlyMap<number, AddressAtPoint> {
    return this.#addresses.get(address) ?? new Map();
  }

  /**
   * An interface whose name says nothing (`if7` of a cooked capture) is a tunnel device when packets have the same TTL there,
   * bare, as inside the tunnel on the node's underlay: encapsulation is no hop, all other ways to the underlay are.
   */
  #inferTunnel(at: PointEvidence): void {
    const point = at.point;
    if (point.role !== 'unknown' || at.tunnelled > 0 || at.packets === 0) return;
    for (const other of this.evidence.points) {
      if (other === undefined || other.point.node !== point.node || other.tunnelled === 0) continue;
      const here = at.pairs;
      const there = other.pairs;
      for (let i = 0; i < here.index.size; i++) {
        const j = there.index.find(here.index.first(i), here.index.second(i));
        if (j >= 0 && (here.ttls(i) & 0xffff) === (there.ttls(j) & 0xffff) && there.ttls(j) >>> 16 !== 0) {
          point.role = 'tunnel';
          return;
        }
      }
    }
  }

  /**
   * Every packet at a workload's interface is from or to the workload, so its address is the one that most packets name.
   * Where several are named as often, other evidence must tell; what is left undecided is nobody's.
   */
  #findOwners(): void {
    const tied: [PointEvidence, number[]][] = [];
    const owned = new Set<number>();
    for (const at of this.evidence.points) {
      if (at === undefined || !isWorkload(at.point.role)) continue;
      const owners = new Set<number>();
      this.#owners.set(at.point.id, owners);
      for (const version of [4, 6]) {
        const named = this.#mostNamed(at, version);
        if (named.length === 1) owners.add(named[0]!);
        else if (named.length > 1) tied.push([at, named]);
      }
      // A bridge floods ARP requests: at its ports they may be another workload's.
      if (at.packets > 0 || /^veth/.test(at.point.interface)) continue;
      const senders = [...at.arpSenders.keys()].filter((address) => !isGateway(this.evidence, at, address));
      if (senders.length === 1) owners.add(senders[0]!);
    }
    for (const owners of this.#owners.values()) for (const owner of owners) owned.add(owner);
    // Whose one interface is tells that another is not.
    for (let decided = true; decided;) {
      decided = false;
      for (const [at, named] of tied) {
        const owners = this.#owners.get(at.point.id)!;
        const owner = named.some((address) => owners.has(address)) ? null : this.#decide(at, named, owned);
        if (owner === null) continue;
        owners.add(owner);
        owned.add(owner);
        decided = true;
      }
    }
  }

  /**
   * Which of the addresses that a workload's interface names equally often is the workload's.
   * @param owned addresses that are known to be a workload's
   */
  #decide(at: PointEvidence, named: readonly number[], owned: ReadonlySet<number>): number | null {
    const seen = (address: number): AddressAtPoint => this.seenOf(address).get(at.point.id)!;
    const free = named.filter((address) => !owned.has(address));
    const others = free.filter((address) => !free.some((other) => this.#wentOn(other, address, at)));
    if (others.length === 1) return others[0]!;
    const shown = free.filter((address) => free.some((other) => this.#livesAt(address, other, at.point)));
    if (shown.length === 1) return shown[0]!;
    // Whoever sends with a diminished TTL has passed a router, and is none.
    const near = free.filter((address) => seen(address).sent === 0 || INITIAL_TTLS.has(seen(address).ttl));
    if (near.length === 1) return near[0]!;
    // A bridge floods ARP requests to all its ports, and a port shows its neighbours with undiminished TTLs
    if (/^veth/.test(at.point.interface)) return null;
    const resolving = near.filter((address) => at.arpSenders.has(address) && !isGateway(this.evidence, at, address));
    if (resolving.length === 1) return resolving[0]!;
    // Behind a router only the workload itself sends with an undiminished TTL
    const sending = near.filter((address) => seen(address).sent > 0);
    return sending.length === 1 ? sending[0]! : null;
  }

  /**
   * True when a point shows packets from src to dst as they were sent and another one after hops: they went on from there, so dst does
   * not live behind it.
   */
  #wentOn(src: number, dst: number, { point, pairs }: PointEvidence): boolean {
    const sent = ttlOf(pairs, src, dst);
    if (!INITIAL_TTLS.has(sent)) return false;
    return this.evidence.points.some((other) => {
      if (other === undefined || other.point === point) return false;
      const ttl = ttlOf(other.pairs, src, dst);
      return ttl > 0 && ttl < sent;
    });
  }

  /**
   * True when packets between two addresses show by their order that one of them lives at a workload's interface: the node's bridge
   * passed them on to it, or they left it for another workload's, or came from there.
   */
  #livesAt(address: number, peer: number, { id, node, role }: CapturePoint): boolean {
    return [...this.#orders.comparedWith(id)].some((compared) => {
      const other = this.points[compared]!;
      if (other.node !== node) return false;
      if (other.role === 'bridge') return this.#orders.passed(peer, address, other.id, id);
      // Of the two sides of one interface neither is another workload's.
      return (
        other.role === role &&
        (this.#orders.passed(peer, address, other.id, id) || this.#orders.passed(address, peer, id, other.id))
      );
    });
  }

  #mostNamed(at: PointEvidence, version: number): number[] {
    let best: number[] = [];
    let bestCount = 0;
    const { index } = at.pairs;
    const ends = new Set<number>();
    for (let i = 0; i < index.size; i++) ends.add(index.first(i)).add(index.second(i));
    for (const address of ends) {
      if (this.evidence.addresses.version(address) !== version) continue;
      const entry = this.seenOf(address).get(at.point.id)!;
      const count = entry.sent + entry.received;
      if (count < bestCount) continue;
      if (count > bestCount) best = [];
      best.push(address);
      bestCount = count;
    }
    return best;
  }

  /** The workload's own addresses at a point of role pod or veth; null for other points. */
  ownersOf(point: number): ReadonlySet<number> | null {
    return this.#owners.get(point) ?? null;
  }

  /** Points of a node, workloads' apart, that its workloads' packets cross on their way from or to other nodes. */
  crossedFrom(node: string): ReadonlySet<number> {
    let crossed = this.#crossed.get(node);
    if (crossed === undefined) this.#crossed.set(node, (crossed = this.#findCrossed(node)));
    return crossed;
  }

  #findCrossed(node: string): Set<number> {
    const crossed = new Set<number>();
    for (const [workload, owners] of this.#owners) {
      if (this.points[workload]!.node !== node) continue;
      for (const owner of owners) {
        const seen = [...this.seenOf(owner).keys()];
        if (!seen.some((point) => this.points[point]!.node !== node)) continue;
        for (const point of seen) if (this.points[point]!.node === node && !this.#owners.has(point)) crossed.add(point);
      }
    }
    return crossed;
  }

  /** True when packets from or to an address were seen inside a tunnel anywhere. */
  isTunnelled(address: number): boolean {
    return [...this.seenOf(address).values()].some((seen) => seen.outerSource !== 0 || seen.outerDestination !== 0);
  }

  /**
   * The only captured interface of a node's workloads, when it showed no packet and nothing tells whose it is; null for a port of a
   * bridge, behind which any of them may be.
   */
  silentWorkload(node: string): CapturePoint | null {
    const [workload, ...others] = this.points.filter((point) => point.node === node && isWorkload(point.role));
    if (workload === undefined || others.length > 0 || /^veth/.test(workload.interface)) return null;
    const isOwned = (this.ownersOf(workload.id)?.size ?? 0) > 0;
    return isOwned || (this.evidence.points[workload.id]?.packets ?? 0) > 0 ? null : workload;
  }

  /**
   * True when all captures show packets of one sender to this address only, the tunnel's own packets apart, and none of its own: then
   * they were made for these packets. Of more traffic nothing tells which pods of a node it is for.
   */
  isOnlyReceiver(address: number): boolean {
    // A block begins with the node's own address on its tunnel device (flannel x.x.x.0, Calico the first of a /26), and a
    // bridge has the one after it.
    const last = this.evidence.addresses.word(address) & 63;
    if (this.evidence.addresses.version(address) === 4 && last <= 1) return false;
    const ends = new Set(this.#addresses.keys());
    for (const points of this.#addresses.values())
      for (const { outerSource, outerDestination } of points.values()) {
        ends.delete(outerSource);
        ends.delete(outerDestination);
      }
    return ends.size === 2 && [...this.seenOf(address).values()].every(({ sent }) => sent === 0);
  }

  /** False for a point whose packets are all of the other IP version. */
  mayCarry(point: number, address: number): boolean {
    if (this.evidence.points[point]!.packets === 0) return true;
    const version = this.evidence.addresses.version(address);
    for (let other = 0; other < this.evidence.addresses.size; other++) {
      if (this.evidence.addresses.version(other) === version && this.seenOf(other).has(point)) return true;
    }
    return false;
  }

  homeOf(address: number): Home {
    let home = this.#homes.get(address);
    if (home === undefined) this.#homes.set(address, (home = this.#findHome(address)));
    return home;
  }

  /** True for a home on a bridge of whose captured ports one is nobody's as far as its capture shows. */
  mayLiveAtPort({ points, node }: Home): boolean {
    if (points.length === 0 || points.some((point) => this.points[point]!.role !== 'bridge')) return false;
    return [...this.#owners].some(([port, owners]) => owners.size === 0 && this.points[port]!.node === node);
  }

  /** Points where the address's packets show an undiminished TTL, or its workload's interface. */
  #candidates(address: number): number[] {
    const owned = [...this.#owners].filter(([, owners]) => owners.has(address)).map(([point]) => point);
    if (owned.length > 0) return owned;
    let ttl = 0;
    let candidates: number[] = [];
    for (const [point, entry] of this.seenOf(address)) {
      if (entry.sent === 0 || this.#owners.has(point)) continue;
      // On the wire only the host itself is at home, and nothing inside a tunnel.
      if (
        this.points[point]!.role === 'underlay' &&
        (this.hostAt(point) !== address || this.#isForwarded(address, point))
      )
        continue;
      if (entry.ttl > ttl) {
        ttl = entry.ttl;
        candidates = [point];
      } else if (entry.ttl === ttl) {
        candidates.push(point);
      }
    }
    // What an undecided workload's interface shows first is not at home behind it, on the bridge.
    const undecided = [...this.#owners].some(
      ([point, owners]) => owners.size === 0 && this.seenOf(address).get(point)?.ttl === ttl,
    );
    return INITIAL_TTLS.has(ttl) && !undecided ? candidates : [];
  }

  /**
   * True when another underlay interface of the node shows packets of an address with another TTL: the node counts it down between the
   * two, and passes on what a host sends and gets that lives behind it.
   */
  #isForwarded(address: number, point: number): boolean {
    const own = this.evidence.points[point]!.pairs;
    const { index } = own;
    const { node } = this.points[point]!;
    const others = this.evidence.points.filter(
      (other) => other !== undefined && other.point.id !== point && other.point.node === node,
    );
    return others.some((other) => {
      if (other!.point.role !== 'underlay') return false;
      const { pairs } = other!;
      for (let i = 0; i < index.size; i++) {
        if (index.first(i) !== address && index.second(i) !== address) continue;
        const j = pairs.index.find(index.first(i), index.second(i));
        if (j >= 0 && (differ(own.ttls(i), pairs.ttls(j), 0) || differ(own.ttls(i), pairs.ttls(j), 8))) return true;
      }
      return false;
    });
  }

  /** The address that is an end of every outermost packet at an underlay point; 0 when there is none or more than one. */
  hostAt(point: number): number {
    let host = this.#hosts.get(point);
    if (host !== undefined) return host;
    host = endOfAll(this.evidence.points[point]!);
    this.#hosts.set(point, host);
    return host;
  }

  #findHome(address: number): Home {
    let candidates = this.#candidates(address);
    if (candidates.length === 0) return NOWHERE;
    if (candidates.every((point) => this.points[point]!.role === 'tunnel')) {
      // Of a tunnel device both ends show the same TTL: whose it is, the outer addresses must tell.
      const node = this.#nodeByTunnel(address, candidates);
      candidates = candidates.filter((point) => this.points[point]!.node === node);
      if (candidates.length === 0) return NOWHERE;
    }
    const nodes = new Set(candidates.map((point) => this.points[point]!.node));
    if (nodes.size > 1) {
      const node = this.#nodeByTunnel(address, candidates);
      if (node !== null) candidates = candidates.filter((point) => this.points[point]!.node === node);
    }
    // Of one node's points the one nearest to the pod is first on the way out.
    const perNode = new Map<string, number[]>();
    for (const point of candidates) {
      const node = this.points[point]!.node;
      perNode.set(node, [...(perNode.get(node) ?? []), point]);
    }
    return this.#home([...perNode.values()].flatMap((points) => nearest(points, this.points)));
  }

  #home(points: readonly number[]): Home {
    const nodes = new Set(points.map((point) => this.points[point]!.node));
    return { points, node: nodes.size === 1 ? [...nodes][0]! : null };
  }

  /**
   * Encapsulation does not change the TTL, so a node's own tunnel address looks at home on both ends. Its packets leave in
   * the outer source that, at the same point, other addresses of the node send from or receive at.
   */
  #nodeByTunnel(address: number, candidates: readonly number[]): string | null {
    for (const [point, { outerSource }] of this.seenOf(address)) {
      const node = this.nodeInTunnel(point, outerSource);
      if (node !== null && candidates.some((candidate) => this.points[candidate]!.node === node)) return node;
    }
    return null;
  }

  /** The node whose own addresses travel in an outer one, as seen at a point; null when nothing shows it. */
  nodeInTunnel(point: number, outer: number): string | null {
    this.#tunnelNodes ??= this.#findTunnelNodes();
    return (outer === 0 ? null : this.#tunnelNodes.get(point)?.get(outer)) ?? null;
  }

  /** For each point, the nodes of the outer addresses seen there, as the addresses inside tell that live on one node only. */
  #findTunnelNodes(): Map<number, Map<number, string>> {
    const tunnelNodes = new Map<number, Map<number, string>>();
    for (const [address, seen] of this.#addresses) {
      const candidates = this.#candidates(address).filter((point) => this.points[point]!.role !== 'tunnel');
      const nodes = new Set(candidates.map((point) => this.points[point]!.node));
      if (nodes.size !== 1) continue;
      const [node] = nodes as Set<string> & Iterable<string>;
      for (const [point, { outerSource, outerDestination }] of seen) {
        let at = tunnelNodes.get(point);
        if (at === undefined) tunnelNodes.set(point, (at = new Map()));
        for (const outer of [outerSource, outerDestination]) if (outer !== 0) at.set(outer, node!);
      }
    }
    return tunnelNodes;
  }
}

/** Highest TTL of packets from src to dst at a point, 0 when it saw none. */
function ttlOf(pairs: PairsAtPoint, src: number, dst: number): number {
  const i = pairs.index.find(Math.min(src, dst), Math.max(src, dst));
  return i < 0 ? 0 : (pairs.ttls(i) >>> (src < dst ? 0 : 8)) & 255;
}

/** The address that is an end of every outermost packet at a point; 0 when there is none or more than one. */
function endOfAll({ pairs, packets }: PointEvidence): number {
  /** Ends that all packets so far have in common; -1 for none. */
  let [one, other] = [-1, -1];
  let left = packets;
  const narrow = (first: number, second: number, times: number): void => {
    if (times === 0) return;
    if (left === packets) [one, other] = [first, second === first ? -1 : second];
    if (one !== first && one !== second) one = -1;
    if (other !== first && other !== second) other = -1;
    left -= times;
  };
  for (let i = 0; i < pairs.index.size && (left === packets || one >= 0 || other >= 0); i++) {
    const first = pairs.index.first(i);
    const second = pairs.index.second(i);
    if (pairs.forwardFrom(i) === 0) narrow(first, second, pairs.forward(i));
    else narrow(pairs.forwardFrom(i), pairs.forwardTo(i), pairs.forward(i));
    if (pairs.backwardFrom(i) === 0) narrow(first, second, pairs.backward(i));
    else narrow(pairs.backwardFrom(i), pairs.backwardTo(i), pairs.backward(i));
  }
  // Of packets that were not counted, for want of room, nothing is known
  return left > 0 || (one >= 0 && other >= 0) ? 0 : Math.max(one, other, 0);
}

/** True when both of two words have a TTL at this bit, and not the same. */
function differ(x: number, y: number, shift: number): boolean {
  const [first, second] = [(x >>> shift) & 255, (y >>> shift) & 255];
  return first !== 0 && second !== 0 && first !== second;
}

/** An address that answers ARP at more than one point is a gateway (169.254.1.1, a bridge), not a workload. */
function isGateway(evidence: Evidence, at: PointEvidence, address: number): boolean {
  if (evidence.addresses.isLinkLocal(address)) return true;
  return evidence.points.some((other) => other !== undefined && other !== at && other.arpSenders.has(address));
}

/** The points of lowest rank; points without a rank only where no other is there. */
function nearest(points: readonly number[], table: readonly CapturePoint[]): number[] {
  let best = 9;
  for (const point of points) {
    const rank = rankOf(table[point]!.role);
    if (rank >= 0 && rank < best) best = rank;
  }
  return best === 9 ? [...points] : points.filter((point) => rankOf(table[point]!.role) === best);
}

/**
 * An interface named eth0 is a pod's when all its packets are bare and one address's, and that address is seen inside a tunnel
 * or behind a veth elsewhere. An interface whose name says nothing is the underlay's when it carries tunnels.
 */
function inferRole(
  at: PointEvidence,
  addresses: ReadonlyMap<number, ReadonlyMap<number, AddressAtPoint>>,
  points: readonly CapturePoint[],
  evidence: Evidence,
): void {
  const point = at.point;
  if (point.role === 'unknown' && at.tunnelled > 0) point.role = 'underlay';
  if (point.role !== 'underlay' || at.tunnelled > 0 || at.packets === 0) return;
  for (const seen of addresses.values()) {
    const here = seen.get(point.id);
    if (here === undefined || here.sent + here.received !== at.packets) continue;
    // A peer may be in all packets, too: it has passed routers, or is not known to have passed none.
    if (!INITIAL_TTLS.has(here.ttl)) continue;
    for (const [elsewhere, entry] of seen) {
      if (elsewhere === point.id) continue;
      const other = evidence.points[elsewhere]!;
      const veth =
        points[elsewhere]!.role === 'veth' && entry.sent + entry.received === other.packets && sharePackets(at, other);
      if ((veth || entry.outerSource !== 0) && here.ttl >= entry.ttl) {
        point.role = 'pod';
        return;
      }
    }
  }
}

/** True when packets between the same two addresses were seen at both points, as at both ends of one interface. */
function sharePackets({ pairs: { index } }: PointEvidence, { pairs: { index: other } }: PointEvidence): boolean {
  for (let i = 0; i < index.size; i++) if (other.find(index.first(i), index.second(i)) >= 0) return true;
  return false;
}
