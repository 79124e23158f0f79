import { destinationId, isUnicast, sourceId } from '../../net/packet-addresses.js';
import type { Evidence as Example } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import type { Trail } from '../../trail/trail.js';
import { arpIsEthernetIpv4, arpOperation, arpSenderIpAt, arpSenderMacAt, arpTargetIpAt } from '../../wire/arp.js';
import { ethernetDstAt, ethernetSrcAt } from '../../wire/ethernet.js';
import { formatMac } from '../../wire/format.js';
import { icmpCode, icmpMtu, icmpType } from '../../wire/icmp.js';
import { ipv4Id, ipv4TotalLength, ipv4Ttl } from '../../wire/ipv4.js';
import { Layer } from '../../wire/layers.js';
import { PacketView } from '../../wire/packet.js';
import { udpDstPort } from '../../wire/udp.js';
import { placeOf, type FindingContext } from '../context.js';

/** What is kept of each kind at most, so that hostile captures cannot make it grow without bound. */
const ERROR_LIMIT = 1 << 14;
const ERRORS_A_PAIR = 64;
const STREAM_LIMIT = 1 << 14;
const ARP_LIMIT = 1 << 14;
const ANSWER_LIMIT = 64;
const MAC_LIMIT = 64;
const SENDERS = 8;
const EXAMPLES = 5;
const RAW_IP = 101;
const VXLAN_DEFAULT_PORTS: ReadonlySet<number> = new Set([4789, 8472]);

/** A packet as an ICMP error quotes it. */
export interface QuotedPacket {
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  readonly ipId: number;
  /** Octets of the IP packet. */
  readonly length: number;
}

/** An ICMP error, at one point. */
export interface IcmpError {
  readonly kept: KeptFrame;
  /** Nanoseconds after the first frame of the captures, as its file says. */
  readonly time: number;
  readonly sender: number;
  readonly receiver: number;
  /** Hops that it may still make, where it was seen. */
  readonly ttl: number;
  readonly type: number;
  readonly code: number;
  /** Next-hop MTU, octets, of "fragmentation needed"; else 0. */
  readonly mtu: number;
  /** What it quotes: the outermost packet, and the packet inside when the quotation is of a tunnel's and reaches that far. */
  readonly outer: QuotedPacket;
  /** UDP destination port of the outermost quoted packet, -1 when it has none. */
  readonly outerPort: number;
  readonly inner: QuotedPacket | null;
}

/** Tunnelled packets of one kind at one point: from one endpoint to another, with one pair of inner MAC addresses. */
export interface TunnelStream {
  readonly point: number;
  readonly src: number;
  readonly dst: number;
  readonly port: number;
  readonly vni: number;
  readonly sourceMac: number;
  readonly destinationMac: number;
  frames: number;
  /** Shortest and longest of the outer packets, octets. */
  shortest: number;
  longest: number;
  readonly first: KeptFrame;
}

/** ARP at one point about one address. */
export interface ArpAbout {
  readonly point: number;
  readonly address: number;
  /** Who asked last (address, MAC address), and how often anybody did. */
  asker: number;
  askerMac: number;
  requests: number;
  firstRequest: number;
  lastRequest: number;
  /** Shortest time from a request to the answer, nanoseconds; Infinity when no answer followed a request. */
  delay: number;
  readonly examples: KeptFrame[];
  /** Answers and announcements: who says to have the address, in order of time. */
  readonly answers: ArpAnswer[];
}

export interface ArpAnswer {
  readonly mac: number;
  readonly time: number;
  readonly isReply: boolean;
  readonly kept: KeptFrame;
}

/** MAC address of the gateway on all workload interfaces of Calico: what bears it there comes from the node. */
export const CALICO_GATEWAY_MAC = 0xeeeeeeeeeeee;

/** A MAC address as an integer of 48 bits. */
export function macAt(view: DataView, at: number): number {
  return view.getUint16(at) * 0x100000000 + view.getUint32(at + 2);
}

export function macText(mac: number): string {
  const octets = new DataView(new ArrayBuffer(6));
  octets.setUint16(0, Math.floor(mac / 0x100000000));
  octets.setUint32(2, mac % 0x100000000);
  return formatMac(octets, 0);
}

/** What the frames kept say about tunnels, ARP and ICMP errors, gathered once for all checks. */
export class Facts {
  readonly errors: IcmpError[] = [];
  readonly streams: TunnelStream[] = [];
  readonly arp = new Map<string, ArpAbout>();
  readonly #context: FindingContext;
  readonly #base: number;
  readonly #errorsByPair = new Map<string, IcmpError[]>();
  readonly #streamIndex = new Map<number, TunnelStream[]>();
  /** For each point, source MAC addresses of the frames seen there, and whose packets had them (none for multicast and ARP). */
  readonly #sources = new Map<number, Map<number, Set<number>>>();
  /** MAC addresses of an IP address at a point, as ARP or its own frames say. */
  readonly #macs = new Map<string, Set<number>>();
  readonly #quoted = new PacketView();

  constructor(context: FindingContext) {
    this.#context = context;
    const { frames } = context.store;
    this.#base = frames.length === 0 ? 0 : frames[0]!.seconds;
    for (const kept of frames) this.#gather(kept, context.store.view(kept));
    for (const { answers } of this.arp.values()) answers.sort((a, b) => a.time - b.time);
  }

  timeOf(kept: { readonly seconds: number; readonly nanoseconds: number }): number {
    return (kept.seconds - this.#base) * 1e9 + kept.nanoseconds;
  }

  #gather(kept: KeptFrame, packet: PacketView): void {
    if (packet.layerCount > 0 && packet.layerKinds[0] === Layer.ETH) {
      this.#gatherSource(kept.point, packet);
    }
    if (packet.arpAt >= 0) this.#gatherArp(kept, packet);
    if (packet.tunnelKind === Layer.VXLAN && packet.outerIpAt >= 0) this.#gatherTunnel(kept, packet);
    if (packet.quotedIpAt >= 0 && packet.l4Kind === Layer.ICMP) this.#gatherError(kept, packet);
  }

  #gatherSource(point: number, packet: PacketView): void {
    let macs = this.#sources.get(point);
    if (macs === undefined) this.#sources.set(point, (macs = new Map()));
    const mac = macAt(packet.view, ethernetSrcAt(packet.frameAt));
    let senders = macs.get(mac);
    if (senders === undefined) {
      if (macs.size >= MAC_LIMIT) return;
      macs.set(mac, (senders = new Set()));
    }
    if (packet.tunnelDepth > 0 || senders.size >= SENDERS || !isUnicast(packet)) return;
    senders.add(sourceId(packet.view, packet.ipAt, packet.ipVersion, this.#context.names.addresses));
  }

  #gatherArp(kept: KeptFrame, packet: PacketView): void {
    const { view, arpAt } = packet;
    if (packet.tunnelDepth > 0 || !arpIsEthernetIpv4(view, arpAt)) return;
    const { addresses } = this.#context.names;
    const time = this.timeOf(kept);
    const mac = macAt(view, arpSenderMacAt(arpAt));
    const isReply = arpOperation(view, arpAt) === 2;
    const target = addresses.idOfIpv4(view, arpTargetIpAt(arpAt));
    const probe = view.getInt32(arpSenderIpAt(arpAt)) === 0; // RFC 5227
    const sender = probe ? 0 : addresses.idOfIpv4(view, arpSenderIpAt(arpAt));
    if (!probe) addTo(this.#macs, `${kept.point} ${sender}`, mac);
    if (isReply || (sender === target && !probe)) {
      const about = this.#arpAbout(kept.point, sender);
      if (about === null) return;
      if (about.answers.length < ANSWER_LIMIT) about.answers.push({ mac, time, isReply, kept });
      if (isReply && about.requests > 0 && time >= about.lastRequest) {
        about.delay = Math.min(about.delay, time - about.lastRequest);
      }
      return;
    }
    const about = this.#arpAbout(kept.point, target);
    if (about === null) return;
    if (about.requests === 0) about.firstRequest = time;
    about.requests++;
    about.asker = sender;
    about.askerMac = mac;
    about.lastRequest = time;
    if (about.examples.length < EXAMPLES) about.examples.push(kept);
  }

  #arpAbout(point: number, address: number): ArpAbout | null {
    const key = `${point} ${address}`;
    let about = this.arp.get(key);
    if (about !== undefined) return about;
    if (this.arp.size >= ARP_LIMIT) return null;
    about = {
      point,
      address,
      asker: 0,
      askerMac: 0,
      requests: 0,
      firstRequest: 0,
      lastRequest: 0,
      delay: Infinity,
      examples: [],
      answers: [],
    };
    this.arp.set(key, about);
    return about;
  }

  #gatherTunnel(kept: KeptFrame, packet: PacketView): void {
    const { view, outerIpAt, outerIpVersion, ethAt } = packet;
    const { addresses } = this.#context.names;
    const src = sourceId(view, outerIpAt, outerIpVersion, addresses);
    const dst = destinationId(view, outerIpAt, outerIpVersion, addresses);
    const port = packet.outerUdpAt < 0 ? -1 : udpDstPort(view, packet.outerUdpAt);
    const vni = packet.tunnelId;
    const sourceMac = ethAt < 0 ? -1 : macAt(view, ethernetSrcAt(ethAt));
    const destinationMac = ethAt < 0 ? -1 : macAt(view, ethernetDstAt(ethAt));
    const length = outerIpVersion === 4 ? ipv4TotalLength(view, outerIpAt) : 0;
    const hash = Math.imul(src, 0x9e3779b1) ^ Math.imul(dst, 0x85ebca6b) ^ Math.imul(kept.point, 0xc2b2ae35);
    let bucket = this.#streamIndex.get(hash);
    if (bucket === undefined) this.#streamIndex.set(hash, (bucket = []));
    for (const stream of bucket) {
      if (
        stream.point === kept.point &&
        stream.src === src &&
        stream.dst === dst &&
        stream.port === port &&
        stream.vni === vni &&
        stream.sourceMac === sourceMac &&
        stream.destinationMac === destinationMac
      ) {
        stream.frames++;
        if (length > stream.longest) stream.longest = length;
        if (length < stream.shortest) stream.shortest = length;
        return;
      }
    }
    // A bucket that grows is one endpoint pair with ever new numbers; a few tell as much.
    if (this.streams.length >= STREAM_LIMIT || bucket.length >= MAC_LIMIT) return;
    const point = kept.point;
    const stream: TunnelStream = {
      point,
      src,
      dst,
      port,
      vni,
      sourceMac,
      destinationMac,
      frames: 1,
      shortest: length,
      longest: length,
      first: kept,
    };
    bucket.push(stream);
    this.streams.push(stream);
    if (packet.outerEthAt >= 0 && packet.tunnelDepth === 1) {
      addTo(this.#macs, `${point} ${src}`, macAt(view, ethernetSrcAt(packet.outerEthAt)));
    }
  }

  #gatherError(kept: KeptFrame, packet: PacketView): void {
    if (this.errors.length >= ERROR_LIMIT || packet.ipVersion !== 4 || packet.quotedIpVersion !== 4) return;
    const { view, l4At, quotedIpAt } = packet;
    const { addresses } = this.#context.names;
    const outer = quotedAt(packet, quotedIpAt, addresses, packet.quotedProtocol);
    const outerPort = packet.quotedProtocol === 17 && packet.quotedL4At >= 0 ? udpDstPort(view, packet.quotedL4At) : -1;
    const type = icmpType(view, l4At);
    const code = icmpCode(view, l4At);
    const error: IcmpError = {
      kept,
      time: this.timeOf(kept),
      sender: addresses.idOfIpv4(view, packet.ipAt + 12),
      receiver: addresses.idOfIpv4(view, packet.ipAt + 16),
      ttl: ipv4Ttl(view, packet.ipAt),
      type,
      code,
      mtu: type === 3 && code === 4 ? icmpMtu(view, l4At) : 0,
      outer,
      outerPort,
      inner: this.#quotedInner(packet, outer.length),
    };
    this.errors.push(error);
    this.#addError(error.outer, error);
    if (error.inner !== null) this.#addError(error.inner, error);
  }

  #quotedInner(packet: PacketView, length: number): QuotedPacket | null {
    const quoted = this.#quoted;
    const captured = packet.quotedEnd - packet.quotedIpAt;
    quoted.decodeFrame(packet.octets, packet.view, packet.quotedIpAt, captured, Math.max(captured, length), RAW_IP);
    if (quoted.tunnelDepth === 0 || quoted.ipVersion !== 4 || quoted.ipAt <= quoted.outerIpAt) return null;
    return quotedAt(quoted, quoted.ipAt, this.#context.names.addresses, quoted.protocol);
  }

  #addError(quoted: QuotedPacket, error: IcmpError): void {
    const key = `${quoted.src}>${quoted.dst}`;
    const list = this.#errorsByPair.get(key);
    if (list === undefined) this.#errorsByPair.set(key, [error]);
    else if (list.length < ERRORS_A_PAIR) list.push(error);
  }

  /**
   * ICMP errors about a packet: those that quote this very packet, else those that quote another one of the same addresses,
   * as Linux sends at most about one a second to a host. In order of time, one for each point that saw it.
   */
  errorsAbout(trail: Trail): IcmpError[] {
    const found: IcmpError[] = [];
    for (const form of trail.forms) {
      for (const error of this.#errorsByPair.get(`${form.src}>${form.dst}`) ?? []) {
        const quoted = isAbout(error.outer, form) ? error.outer : error.inner;
        if (quoted !== null && quoted.protocol === trail.protocol && !found.includes(error)) found.push(error);
      }
    }
    const exact = found.filter(({ outer, inner }) => [outer, inner].some((quoted) => quoted?.ipId === trail.ipId));
    return (exact.length > 0 ? exact : found).sort((a, b) => a.time - b.time);
  }

  arpAbout(point: number, address: number): ArpAbout | null {
    return this.arp.get(`${point} ${address}`) ?? null;
  }

  /** MAC addresses that an IP address was seen to have at a point. */
  macsOf(point: number, address: number): ReadonlySet<number> {
    return this.#macs.get(`${point} ${address}`) ?? new Set();
  }

  /** Source MAC addresses of the frames at a point, and whose bare unicast packets had them. */
  sourcesAt(point: number): ReadonlyMap<number, ReadonlySet<number>> {
    return this.#sources.get(point) ?? new Map();
  }

  /**
   * MAC addresses of a node's own tunnel devices: inner sources of what its endpoints send, and at its tunnel devices the
   * sources of what its own addresses send and of multicast that did not come through the tunnel.
   */
  vtepMacsOf(node: string, endpoints: ReadonlySet<number>): ReadonlySet<number> {
    const { names, topology } = this.#context;
    const own = new Set(this.sentBy(endpoints).map(({ sourceMac }) => sourceMac));
    const foreign = new Set(this.streams.filter(({ src }) => !endpoints.has(src)).map(({ sourceMac }) => sourceMac));
    for (const { id, role } of names.points.filter((point) => point.node === node)) {
      if (role !== 'tunnel') continue;
      for (const [mac, senders] of this.sourcesAt(id)) {
        const homes = [...senders].map((address) => topology.homeOf(address).node);
        if (homes.length === 0 ? !foreign.has(mac) : homes.includes(node) && !foreign.has(mac)) own.add(mac);
      }
    }
    own.delete(-1);
    return own;
  }

  /** The tunnel endpoint addresses of a node: outer sources of what its own addresses send through its points. */
  endpointsOf(node: string): ReadonlySet<number> {
    let endpoints = this.#endpoints.get(node);
    if (endpoints !== undefined) return endpoints;
    endpoints = new Set();
    this.#endpoints.set(node, endpoints);
    const { evidence, topology } = this.#context;
    for (const at of evidence.points) {
      if (at === undefined || at.point.node !== node) continue;
      const { pairs } = at;
      const { index } = pairs;
      for (let i = 0; i < index.size; i++) {
        if (pairs.forwardFrom(i) !== 0 && topology.homeOf(index.first(i)).node === node)
          endpoints.add(pairs.forwardFrom(i));
        if (pairs.backwardFrom(i) !== 0 && topology.homeOf(index.second(i)).node === node)
          endpoints.add(pairs.backwardFrom(i));
      }
    }
    return endpoints;
  }

  readonly #endpoints = new Map<string, Set<number>>();

  /** The node whose tunnel endpoint an address is; null when none is known, or more than one. */
  nodeOfEndpoint(address: number): string | null {
    const nodes = new Set(this.#context.names.points.map(({ node }) => node).filter((node) => node !== ''));
    const owners = [...nodes].filter((node) => this.endpointsOf(node).has(address));
    return owners.length === 1 ? owners[0]! : null;
  }

  /** Tunnelled packets that these endpoints send, at any point. */
  sentBy(endpoints: ReadonlySet<number>): TunnelStream[] {
    return this.streams.filter(({ src }) => endpoints.has(src));
  }

  /** A frame as evidence. */
  example(kept: KeptFrame, note: string): Example {
    return { ...placeOf(this.#context, kept), note };
  }
}

const FACTS = new WeakMap<FindingContext, Facts>();

/** The facts of a run, gathered when they are first asked for. */
export function factsOf(context: FindingContext): Facts {
  let facts = FACTS.get(context);
  if (facts === undefined) FACTS.set(context, (facts = new Facts(context)));
  return facts;
}

/** Whether a port is one that VXLAN has by default. */
export function isVxlanPort(port: number): boolean {
  return VXLAN_DEFAULT_PORTS.has(port);
}

function isAbout(quoted: QuotedPacket, form: { readonly src: number; readonly dst: number }): boolean {
  return quoted.src === form.src && quoted.dst === form.dst;
}

function quotedAt(
  packet: PacketView,
  ipAt: number,
  addresses: FindingContext['names']['addresses'],
  protocol: number,
): QuotedPacket {
  const { view } = packet;
  return {
    src: sourceId(view, ipAt, 4, addresses),
    dst: destinationId(view, ipAt, 4, addresses),
    protocol,
    ipId: ipv4Id(view, ipAt),
    length: ipv4TotalLength(view, ipAt),
  };
}

function addTo<K>(sets: Map<K, Set<number>>, key: K, value: number): void {
  const set = sets.get(key);
  if (set !== undefined) {
    if (set.size < MAC_LIMIT) set.add(value);
  } else if (sets.size < ARP_LIMIT) {
    sets.set(key, new Set([value]));
  }
}
