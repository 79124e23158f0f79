import type { CapturePoint } from '../net/points.js';
import type { Tunnel } from '../trail/sightings.js';
import type { Direction, Judgement, Trail } from '../trail/trail.js';
import type { Sighting } from '../trail/trail-rows.js';
import { ethernetDstAt, ethernetSrcAt } from '../wire/ethernet.js';
import { ipv4Fragment, ipv4Tos, ipv4TotalLength } from '../wire/ipv4.js';
import { Layer } from '../wire/layers.js';
import { ipChecksum, l4Checksum, outerUdpChecksum, type ChecksumState } from '../wire/packet-checksums.js';
import { TcpFlag } from '../wire/tcp.js';
import { vxlanFlags, vxlanIsPlain } from '../wire/vxlan.js';
import { evidenceAt, type FindingContext } from './context.js';
import { calicoVtepMac } from './encapsulation/calico-mac.js';
import {
  CALICO_GATEWAY_MAC,
  factsOf,
  macAt,
  type ArpAbout,
  type Facts,
  type IcmpError,
} from './encapsulation/facts.js';

/** The place where a packet vanished, and what the packets around it tell. */
export interface Break {
  readonly last: CapturePoint;
  readonly next: CapturePoint;
  /** Node of `last`. */
  readonly node: string;
  /** Node where the packet's source lives; null when not known. */
  readonly sourceNode: string | null;
  readonly source: string;
  readonly destination: string;
  readonly direction: Direction;
  readonly ttl: number;
  readonly protocol: number;
  /** TCP and UDP ports; null where there are none. */
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** It is the first packet of its connection: a SYN. */
  readonly isOpening: boolean;
  /** Other packets that go the same way from `last` to `next`. */
  readonly others: number;
  /** Tunnel around the packet at `last`, null when it is bare there. */
  readonly tunnel: Tunnel | null;
  readonly outerSource: string | null;
  readonly outerDestination: string | null;
  readonly outerSourcePort: number | null;
  readonly outerPort: number | null;
  /** The node never sends tunnel packets to the outer source, though it does send some elsewhere. */
  readonly strangeSource: boolean;
  /** Packets from the same outer source do come out of the tunnel. */
  readonly sourceAccepted: boolean;
  /** Outer destinations of what the node itself sends. */
  readonly knownPeers: readonly string[];
  /** Outer source where the packet was first seen in its tunnel, when it is another at `last`. */
  readonly rewritten: string | null;
  /** Packets of the other direction arrive from another outer address than this one is sent to. */
  readonly returnsElsewhere: boolean;
  readonly outerReturn: string | null;
  /** Outer address that packets to this one's source are sent to at `last`; null when none were seen. */
  readonly outerAway: string | null;
  /** The ICMP error that quotes it, or another packet of its flow; null when there is none. */
  readonly error: BreakError | null;
  /** Its octets at `last`; null when they were not kept. */
  readonly octets: Octets | null;
  /** MAC addresses, VNIs and UDP ports of the tunnel packets that the node itself sends; empty when it was not seen to send any. */
  readonly vtepMacs: ReadonlySet<number>;
  readonly vnis: ReadonlySet<number>;
  readonly ports: ReadonlySet<number>;
  /** VNI that the node's tunnel device has by its name (flannel.1) or by its maker's default (vxlan.calico); null when not known. */
  readonly deviceVni: number | null;
  /** A device of Calico is among the node's points. */
  readonly isCalico: boolean;
  /** Octets of the longest outer packet of this tunnel that `next` saw; 0 when it saw none. */
  readonly passedLength: number;
  /** The destination sends nothing in any capture, ARP and multicast included. */
  readonly destinationSilent: boolean;
  /** ARP requests for the destination on this node's points, without any answer. */
  readonly unansweredArp: number;
  /** Other unanswered ARP requests at `last`: addresses asked for. */
  readonly unresolved: readonly string[];
  /** The packet came back to `last` with its destination translated, one hop older. */
  readonly turnedBack: boolean;
  /** TTLs with which it passed `last`, in falling order. */
  readonly passages: readonly number[];
}

/** An ICMP error about a lost packet. */
export interface BreakError {
  readonly type: number;
  readonly code: number;
  readonly mtu: number;
  readonly sender: string;
  /** It quotes the tunnel's packet, not the packet inside. */
  readonly quotesTunnel: boolean;
  /** The tunnel's own destination made it. */
  readonly byOuterDestination: boolean;
  /** An address of the node of `last` made it. */
  readonly byNode: boolean;
  /** Nanoseconds after the packet passed `last`, or after it was first seen at the point that shows the error; negative is unknown. */
  readonly delay: number;
  readonly error: IcmpError;
}

/** What the octets of a packet say at the point where it was last seen. */
export interface Octets {
  readonly innerChecksum: ChecksumState | null;
  /** Octets of the outermost IP packet; 0 when not known. */
  readonly length: number;
  /** Source and destination MAC address of the frame that a tunnel carries (at a tunnel device: of the frame), -1 without. */
  readonly sourceMac: number;
  readonly destinationMac: number;
  /** Destination MAC address of the frame itself. */
  readonly frameDestinationMac: number;
  /** ECN field (RFC 3168) of the packet. */
  readonly ecn: number;
  /** Of the VXLAN tunnel around it; null when it is bare. */
  readonly outer: {
    readonly checksum: ChecksumState | null;
    readonly ecn: number;
    readonly flags: number;
    readonly isPlain: boolean;
    readonly isFragment: boolean;
  } | null;
}

export function sourceNode(at: Break): string | null {
  return at.sourceNode;
}

/** Reads off the packets what tells the causes of a loss apart. */
export function breakOf(context: FindingContext, trail: Trail, judgement: Judgement): Break {
  const { names, topology } = context;
  const facts = factsOf(context);
  const last = names.points[judgement.lastSeen]!;
  const next = names.points[judgement.nextExpected!]!;
  const sighting = trail.lastAt(last.id)!;
  const tunnel = names.tunnels.get(sighting.tunnel);
  const text = (address: number): string => names.addresses.text(address);
  const home = topology.homeOf(trail.last.src).node;
  const node = last.node;
  const peers = tunnel === null ? NOBODY : peersOf(context, last);
  const firstTunnel = trail.sightings.map((s) => names.tunnels.get(s.tunnel)).find((t) => t !== null);
  const rewritten =
    tunnel !== null && firstTunnel !== undefined && firstTunnel !== null && firstTunnel.src !== tunnel.src;
  const back = tunnel === null ? 0 : (topology.seenOf(trail.last.dst).get(last.id)?.outerSource ?? 0);
  const away = tunnel === null ? 0 : (topology.seenOf(trail.last.src).get(last.id)?.outerDestination ?? 0);
  // Of what arrives, the outer destination is the node's; of what leaves, the outer source.
  const sent = sendingOf(context, facts, node, tunnel === null ? 0 : home === node ? tunnel.src : tunnel.dst);
  const octets = octetsOf(context, sighting);
  return {
    last,
    next,
    node,
    sourceNode: home,
    source: text(trail.last.src),
    destination: text(trail.last.dst),
    direction: trail.direction,
    ttl: sighting.ttl,
    protocol: trail.protocol,
    sourcePort: portOf(trail.last.sourcePort),
    destinationPort: portOf(trail.last.destinationPort),
    isOpening: trail.kind === Layer.TCP && (trail.c & (TcpFlag.SYN | TcpFlag.ACK)) === TcpFlag.SYN,
    others: crossings(context, trail, last.id, next.id),
    tunnel,
    outerSource: tunnel === null ? null : text(tunnel.src),
    outerDestination: tunnel === null ? null : text(tunnel.dst),
    outerSourcePort: tunnel === null ? null : sighting.outerSourcePort,
    outerPort: tunnel === null || tunnel.destinationPort <= 0 ? null : tunnel.destinationPort,
    strangeSource: tunnel !== null && peers.size > 0 && !peers.has(tunnel.src),
    sourceAccepted: tunnel !== null && acceptedAt(context, last.id, next.id).has(tunnel.src),
    knownPeers: [...peers].map(text).sort(),
    rewritten: rewritten ? text(firstTunnel.src) : null,
    returnsElsewhere: tunnel !== null && back !== 0 && back !== tunnel.dst,
    outerReturn: back === 0 ? null : text(back),
    outerAway: away === 0 ? null : text(away),
    error: errorOf(context, facts, trail, sighting, tunnel),
    octets,
    vtepMacs: sent.macs,
    vnis: sent.vnis,
    ports: sent.ports,
    deviceVni: deviceVniOf(context, node),
    isCalico: context.names.points.some((point) => point.node === node && CALICO_DEVICE.test(point.interface)),
    passedLength: tunnel === null ? 0 : passedLength(context, facts, next.id, tunnel),
    destinationSilent: isSilent(context, facts, trail.last.dst, next),
    unansweredArp: isAnswered(context, facts, node, trail.last.dst)
      ? 0
      : Math.max(0, ...arpOn(context, facts, node, trail.last.dst).map(({ requests }) => requests)),
    unresolved: unresolvedAt(context, facts, last.id)
      .filter((address) => address !== trail.last.dst)
      .map(text),
    turnedBack: trail.sightings.some(
      (other) =>
        other.point === last.id &&
        other.form.dst !== sighting.form.dst &&
        other.form.src === sighting.form.src &&
        Math.abs(other.ttl - sighting.ttl) === 1,
    ),
    passages: [...new Set(trail.sightings.filter(({ point }) => point === last.id).map(({ ttl }) => ttl))].sort(
      (a, b) => b - a,
    ),
  };
}

function portOf(port: number): number | null {
  return port < 0 ? null : port;
}

const NOBODY: ReadonlySet<number> = new Set();
/** 169.254.0.0/16, the first two octets. */
const LINK_LOCAL = 0xa9fe;
const CALICO_DEVICE = /^(cali[0-9a-f]|vxlan\.calico$|tunl0$)/;
const CALICO_VNI = 4096;

/** The octets of a sighting, decoded. */
export function octetsOf(context: FindingContext, sighting: Sighting): Octets | null {
  const kept = context.store.find(sighting.file, sighting.frame);
  if (kept === null) return null;
  const packet = context.store.view(kept);
  const { view, ethAt, ipAt, outerIpAt } = packet;
  const outermost = outerIpAt >= 0 ? outerIpAt : ipAt;
  const isVxlan = packet.tunnelKind === Layer.VXLAN && packet.outerIpVersion === 4;
  const isEthernet = packet.layerCount > 0 && packet.layerKinds[0] === Layer.ETH;
  return {
    innerChecksum: ipChecksum(packet),
    length: outermost >= 0 && view.getUint8(outermost) >> 4 === 4 ? ipv4TotalLength(view, outermost) : 0,
    sourceMac: ethAt < 0 ? -1 : macAt(view, ethernetSrcAt(ethAt)),
    destinationMac: ethAt < 0 ? -1 : macAt(view, ethernetDstAt(ethAt)),
    frameDestinationMac: isEthernet ? macAt(view, ethernetDstAt(packet.frameAt)) : -1,
    ecn:
      packet.ipVersion === 4
        ? ipv4Tos(view, ipAt) & 3
        : packet.ipVersion === 6
          ? (view.getUint8(ipAt + 1) >> 4) & 3
          : 0,
    outer: isVxlan
      ? {
          // With the inner sum left to a card, the packet has not left its machine yet, and translation on the way in
          // there (inet_proto_csum_replace4) takes the outer sum for an unfinished one, too.
          checksum: l4Checksum(packet) === 'partial' ? 'partial' : outerUdpChecksum(packet),
          ecn: ipv4Tos(view, outerIpAt) & 3,
          flags: vxlanFlags(view, packet.tunnelAt),
          isPlain: vxlanIsPlain(view, packet.tunnelAt),
          isFragment: (ipv4Fragment(view, outerIpAt) & 0x3fff) !== 0,
        }
      : null,
  };
}

function errorOf(
  context: FindingContext,
  facts: Facts,
  trail: Trail,
  sighting: Sighting,
  tunnel: Tunnel | null,
): BreakError | null {
  const node = context.names.points[sighting.point]!.node;
  let best: BreakError | null = null;
  for (const error of facts.errorsAbout(trail)) {
    const { outer, inner } = error;
    const quotesTunnel = inner !== null && !(outer.src === trail.last.src && outer.dst === trail.last.dst);
    const byOuterDestination = tunnel !== null && error.sender === tunnel.dst;
    const home = context.topology.homeOf(error.sender).node;
    // An error about the packet inside that is first seen on its way back out of the node was made there.
    const near = context.names.points[error.kept.point]!.node === node;
    const since = trail.lastAt(error.kept.point);
    const found: BreakError = {
      type: error.type,
      code: error.code,
      mtu: error.mtu,
      sender: context.names.addresses.text(error.sender),
      quotesTunnel,
      byOuterDestination,
      byNode: byOuterDestination || (home === null ? near : home === node),
      delay: since === undefined ? -1 : error.time - facts.timeOf(since),
      error,
    };
    if (best === null || (near && best.delay < 0)) best = found;
  }
  return best;
}

/** MAC addresses of a node's tunnel devices: those seen, and Calico's where the files bear the nodes' names in the cluster. */
function knownMacs(
  context: FindingContext,
  facts: Facts,
  node: string,
  endpoints: ReadonlySet<number>,
): ReadonlySet<number> {
  const macs = new Set(facts.vtepMacsOf(node, endpoints));
  const seen = new Set(facts.streams.flatMap(({ sourceMac, destinationMac }) => [sourceMac, destinationMac]));
  const nodes = new Set(context.names.points.map((point) => point.node));
  if ([...nodes].some((name) => seen.has(calicoVtepMac(name)))) macs.add(calicoVtepMac(node));
  return macs;
}

function deviceVniOf(context: FindingContext, node: string): number | null {
  for (const { node: owner, interface: name } of context.names.points) {
    if (owner !== node) continue;
    const flannel = /^flannel\.([0-9]+)$/.exec(name);
    if (flannel !== null) return Number(flannel[1]);
    if (name === 'vxlan.calico') return CALICO_VNI;
  }
  return null;
}

/** Nothing of an address anywhere: no packet, no ARP, and no frame of a workload at the interface it should have. */
function isSilent(context: FindingContext, facts: Facts, address: number, next: CapturePoint): boolean {
  for (const { sent } of context.topology.seenOf(address).values()) if (sent > 0) return false;
  for (const at of context.evidence.points) if (at?.arpSenders.has(address) === true) return false;
  if (next.role !== 'veth') return true;
  return [...facts.sourcesAt(next.id).keys()].every((mac) => mac === CALICO_GATEWAY_MAC);
}

/** What each point of a node shows of ARP for an address: a bridge floods a request to all of its ports. */
function arpOn({ names }: FindingContext, facts: Facts, node: string, address: number): ArpAbout[] {
  return names.points
    .filter((point) => point.node === node)
    .map((point) => facts.arpAbout(point.id, address))
    .filter((about) => about !== null);
}

function isAnswered(context: FindingContext, facts: Facts, node: string, address: number): boolean {
  return arpOn(context, facts, node, address).some(({ answers }) => answers.length > 0);
}

function unresolvedAt(context: FindingContext, facts: Facts, point: number): readonly number[] {
  return remembered(placesOf(context).unresolved, point, () => {
    const addresses: number[] = [];
    for (const about of facts.arp.values()) {
      if (about.point !== point || about.requests === 0 || about.answers.length > 0) continue;
      // On a bridge one port shows the request and another one the answer; each routed veth has a gateway of its own.
      const { node } = context.names.points[point]!;
      const isOwn = context.names.addresses.word(about.address) >>> 16 === LINK_LOCAL;
      if (isOwn || !isAnswered(context, facts, node, about.address)) addresses.push(about.address);
      if (addresses.length >= 8) break;
    }
    return addresses;
  });
}

function passedLength(context: FindingContext, facts: Facts, next: number, tunnel: Tunnel): number {
  return remembered(placesOf(context).passed, `${next} ${tunnel.src} ${tunnel.dst}`, () =>
    facts.streams
      .filter(({ point, src, dst }) => point === next && src === tunnel.src && dst === tunnel.dst)
      .reduce((longest, stream) => Math.max(longest, stream.longest), 0),
  );
}

/** MAC addresses that a node's tunnel devices are known to have; empty when none is known. */
export function vtepMacsAt(context: FindingContext, node: string): ReadonlySet<number> {
  return sendingOf(context, factsOf(context), node, 0).macs;
}

/** What a node puts on the tunnel packets that it sends. */
interface Sending {
  readonly macs: ReadonlySet<number>;
  readonly vnis: ReadonlySet<number>;
  readonly ports: ReadonlySet<number>;
}

/** @param endpoint an outer address that must be the node's, 0 for none */
function sendingOf(context: FindingContext, facts: Facts, node: string, endpoint: number): Sending {
  // Points without a known node may be anybody's.
  if (node === '') return { macs: new Set(), vnis: new Set(), ports: new Set() };
  return remembered(placesOf(context).sending, `${endpoint} ${node}`, () => {
    const endpoints = new Set(facts.endpointsOf(node));
    if (endpoint !== 0) endpoints.add(endpoint);
    const sent = facts.sentBy(endpoints);
    return {
      macs: knownMacs(context, facts, node, endpoints),
      vnis: new Set(sent.map(({ vni }) => vni)),
      ports: new Set(sent.map(({ port }) => port)),
    };
  });
}

/** What several breaks at one place share. */
class Places {
  readonly peers = new Map<number, ReadonlySet<number>>();
  readonly accepted = new Map<string, ReadonlySet<number>>();
  readonly crossings = new Map<string, number>();
  readonly unresolved = new Map<number, readonly number[]>();
  readonly passed = new Map<string, number>();
  readonly sending = new Map<string, Sending>();
}

const PLACES = new WeakMap<FindingContext, Places>();

function placesOf(context: FindingContext): Places {
  let places = PLACES.get(context);
  if (places === undefined) PLACES.set(context, (places = new Places()));
  return places;
}

function remembered<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** Outer destinations of the tunnel packets that a node sends: those whose inner source lives there. */
function peersOf(context: FindingContext, at: CapturePoint): ReadonlySet<number> {
  return remembered(placesOf(context).peers, at.id, () => {
    const { pairs } = evidenceAt(context, at.id);
    const peers = new Set<number>();
    for (let i = 0; i < pairs.index.size; i++) {
      const low = context.topology.homeOf(pairs.index.first(i)).node === at.node;
      const high = context.topology.homeOf(pairs.index.second(i)).node === at.node;
      if (low && pairs.forwardTo(i) !== 0) peers.add(pairs.forwardTo(i));
      if (high && pairs.backwardTo(i) !== 0) peers.add(pairs.backwardTo(i));
    }
    return peers;
  });
}

/** Outer sources of packets at one point that were seen bare at another one, too. */
function acceptedAt(context: FindingContext, last: number, next: number): ReadonlySet<number> {
  return remembered(placesOf(context).accepted, `${last} ${next}`, () => {
    const here = evidenceAt(context, last).pairs;
    const there = evidenceAt(context, next).pairs;
    const sources = new Set<number>();
    for (let i = 0; i < there.index.size; i++) {
      const j = here.index.find(there.index.first(i), there.index.second(i));
      if (j < 0) continue;
      if (there.forward(i) > 0 && here.forwardFrom(j) !== 0) sources.add(here.forwardFrom(j));
      if (there.backward(i) > 0 && here.backwardFrom(j) !== 0) sources.add(here.backwardFrom(j));
    }
    return sources;
  });
}

/** Packets of other address pairs, or of this pair and direction, that were seen at both points, going the same way. */
function crossings(context: FindingContext, trail: Trail, last: number, next: number): number {
  const node = context.names.points[last]!.node;
  const { src, dst } = trail.last;
  const outward = context.topology.homeOf(src).node === node;
  // Through a router or a NAT box others go both ways: only what has the same way counts
  if (!outward && context.topology.homeOf(dst).node !== node)
    return Math.min(...[last, next].map((point) => evidenceAt(context, point).pairs.count(src, dst)));
  return remembered(placesOf(context).crossings, `${last} ${next} ${outward}`, () => {
    const here = evidenceAt(context, last).pairs;
    const there = evidenceAt(context, next).pairs;
    let count = 0;
    for (let i = 0; i < there.index.size; i++) {
      const low = there.index.first(i);
      const high = there.index.second(i);
      const j = here.index.find(low, high);
      if (j < 0) continue;
      // Outward of a node is what one of its addresses sends, inward what it receives.
      const lowHere = context.topology.homeOf(low).node === node;
      const highHere = context.topology.homeOf(high).node === node;
      const forward = outward ? lowHere && !highHere : highHere && !lowHere;
      const backward = outward ? highHere && !lowHere : lowHere && !highHere;
      if (forward) count += Math.min(there.forward(i), here.forward(j));
      if (backward) count += Math.min(there.backward(i), here.backward(j));
    }
    return count;
  });
}
