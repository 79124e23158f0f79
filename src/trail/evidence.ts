import { AddressTable } from '../net/address-table.js';
import { PairIndex, doubled } from '../net/pair-index.js';
import type { CapturePoint } from '../net/points.js';
import { LAYER_NAMES, Layer } from '../wire/layers.js';
import type { PacketView } from '../wire/packet.js';
import { arpIsEthernetIpv4, arpSenderIpAt } from '../wire/arp.js';
import { destinationId, hopsLeft, isCutTunnel, isUnicast, sourceId } from '../net/packet-addresses.js';
import { exactHigh, exactLow, packetKeys } from './identity.js';

/** Most address pairs kept for one point; what is beyond has no path evidence and can never be called lost. */
const PAIR_LIMIT = 1 << 18;
/** Pairs that a point has room for at first: a file may describe 65,536 interfaces, of which few see packets. */
const FIRST_PAIRS = 16;
/** Sightings sampled for clocks and the order of points; when full, every second key is dropped and the rest go on. */
const SAMPLE_LIMIT = 1 << 16;
/** Octets of the L4 part that a sampled key covers, captured or not sampled. */
const SAMPLE_OCTETS = 12;
const TCP = 6;
/** Fewest octets of the L4 part from which a packet can be told from another. */
export const LEAST_L4_OCTETS = 8;

/** Columns of PairsAtPoint: what one point saw between two addresses, the lower address id first ("forward"). */
export class PairsAtPoint {
  readonly index = new PairIndex(PAIR_LIMIT, FIRST_PAIRS);
  forward: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  backward: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  /** Highest TTL seen forward in bits 0-7 and backward in 8-15, highest outer TTL in 16-23 and 24-31; 0 is none. */
  ttls: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  /** Outer source and destination around the last packet seen forward and backward; 0 is none. */
  forwardFrom: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  forwardTo: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  backwardFrom: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);
  backwardTo: Int32Array<ArrayBuffer> = new Int32Array(FIRST_PAIRS);

  add(
    low: number,
    high: number,
    isForward: boolean,
    ttl: number,
    outerTtl: number,
    outerFrom: number,
    outerTo: number,
  ): void {
    const at = this.index.get(low, high);
    if (at < 0) return;
    if (at >= this.forward.length) {
      this.forward = doubled(this.forward);
      this.backward = doubled(this.backward);
      this.ttls = doubled(this.ttls);
      this.forwardFrom = doubled(this.forwardFrom);
      this.forwardTo = doubled(this.forwardTo);
      this.backwardFrom = doubled(this.backwardFrom);
      this.backwardTo = doubled(this.backwardTo);
    }
    let ttls = this.ttls[at]!;
    if (isForward) {
      this.forward[at]!++;
      if (outerFrom !== 0) {
        this.forwardFrom[at] = outerFrom;
        this.forwardTo[at] = outerTo;
      }
      if (ttl > (ttls & 255)) ttls = (ttls & ~255) | ttl;
      if (outerTtl > ((ttls >>> 16) & 255)) ttls = (ttls & ~(255 << 16)) | (outerTtl << 16);
    } else {
      this.backward[at]!++;
      if (outerFrom !== 0) {
        this.backwardFrom[at] = outerFrom;
        this.backwardTo[at] = outerTo;
      }
      if (ttl > ((ttls >>> 8) & 255)) ttls = (ttls & ~(255 << 8)) | (ttl << 8);
      if (outerTtl > ttls >>> 24) ttls = (ttls & 0xffffff) | (outerTtl << 24);
    }
    this.ttls[at] = ttls;
  }
}

/** What one file holds of one point. Times are nanoseconds relative to the run's base second, uncorrected. */
export interface FileWindow {
  readonly file: string;
  frames: number;
  first: number;
  last: number;
  /** What came after the last frame is not known. */
  isDamaged: boolean;
}

/** What the first reading learnt of one point. */
export class PointEvidence {
  readonly point: CapturePoint;
  readonly windows: FileWindow[] = [];
  readonly pairs = new PairsAtPoint();
  frames = 0;
  /** Unicast IP packets. */
  packets = 0;
  /** Frames by innermost protocol (index: Layer). */
  readonly protocols = new Uint32Array(LAYER_NAMES.length);
  readonly undecoded = new Map<string, number>();
  tunnelled = 0;
  /** Frames captured shorter than they were. */
  cut = 0;
  /** Packets of which too little was captured to tell them from others. */
  unidentifiable = 0;
  /** TCP segments whose header was cut, so that their place in the stream is not known. */
  cutTcp = 0;
  /** Addresses that sent ARP here, with the frames counted. */
  readonly arpSenders = new Map<number, number>();
  readonly filter = new ApparentFilter();
  /** Frames that the interface or the kernel dropped, as pcapng statistics say; null when the file does not say. */
  dropped: number | null = null;

  constructor(point: CapturePoint) {
    this.point = point;
  }
}

/** What all frames of a capture have in common, as a capture filter would make them. */
export class ApparentFilter {
  /** Frames that no filter on hosts, ports or IP protocols would have let pass together with the rest: ARP, multicast, IPv6 noise. */
  noise = 0;
  frames = 0;
  /** Bit set of outermost IP protocols seen: 1 icmp, 2 tcp, 4 udp, 8 other. */
  protocols = 0;
  #hosts: [number, number] = [0, 0];
  #ports: [number, number] = [0, 0];

  /** Outermost addresses and ports (-1 where there are none). */
  add(src: number, dst: number, protocolBit: number, sport: number, dport: number): void {
    if (this.frames++ === 0) {
      this.#hosts = [src, dst];
      this.#ports = [sport, dport];
    } else {
      const hosts = this.#hosts;
      if (hosts[0] !== src && hosts[0] !== dst) hosts[0] = 0;
      if (hosts[1] !== src && hosts[1] !== dst) hosts[1] = 0;
      const ports = this.#ports;
      if (ports[0] !== sport && ports[0] !== dport) ports[0] = -1;
      if (ports[1] !== sport && ports[1] !== dport) ports[1] = -1;
    }
    this.protocols |= protocolBit;
  }

  get host(): number {
    return this.#hosts[0] || this.#hosts[1];
  }

  get port(): number {
    return Math.max(this.#ports[0], this.#ports[1]);
  }
}

/** Sampled sightings, the same packets at every point, for clocks and the order of points. */
export class Samples {
  count = 0;
  readonly keyLow = new Int32Array(SAMPLE_LIMIT);
  readonly keyHigh = new Int32Array(SAMPLE_LIMIT);
  readonly points = new Int32Array(SAMPLE_LIMIT);
  readonly times = new Float64Array(SAMPLE_LIMIT);
  readonly sources = new Int32Array(SAMPLE_LIMIT);
  readonly destinations = new Int32Array(SAMPLE_LIMIT);
  readonly ttls = new Uint8Array(SAMPLE_LIMIT);
  #mask = 0;

  add(point: number, time: number, src: number, dst: number, ttl: number): void {
    if ((exactHigh & this.#mask) !== 0) return;
    if (this.count === SAMPLE_LIMIT) {
      this.#halve();
      if ((exactHigh & this.#mask) !== 0) return;
    }
    const at = this.count++;
    this.keyLow[at] = exactLow;
    this.keyHigh[at] = exactHigh;
    this.points[at] = point;
    this.times[at] = time;
    this.sources[at] = src;
    this.destinations[at] = dst;
    this.ttls[at] = ttl;
  }

  #halve(): void {
    while (this.count === SAMPLE_LIMIT) {
      this.#mask = (this.#mask << 1) | 1;
      let kept = 0;
      for (let i = 0; i < this.count; i++) {
        if ((this.keyHigh[i]! & this.#mask) !== 0) continue;
        this.keyLow[kept] = this.keyLow[i]!;
        this.keyHigh[kept] = this.keyHigh[i]!;
        this.points[kept] = this.points[i]!;
        this.times[kept] = this.times[i]!;
        this.sources[kept] = this.sources[i]!;
        this.destinations[kept] = this.destinations[i]!;
        this.ttls[kept] = this.ttls[i]!;
        kept++;
      }
      this.count = kept;
    }
  }
}

/** Everything the first reading of all captures learns. */
export class Evidence {
  readonly addresses: AddressTable;
  readonly points: PointEvidence[] = [];
  readonly samples = new Samples();
  /** Octets of the L4 part that every cut frame of the run still has. */
  keyOctets: number;

  constructor(addresses: AddressTable, keyOctets: number) {
    this.addresses = addresses;
    this.keyOctets = keyOctets;
  }

  at(point: CapturePoint): PointEvidence {
    return (this.points[point.id] ??= new PointEvidence(point));
  }

  /** Notes one decoded frame. `time`: nanoseconds relative to the base. */
  observe(packet: PacketView, at: PointEvidence, window: FileWindow, time: number): void {
    at.frames++;
    window.frames++;
    if (time < window.first) window.first = time;
    if (time > window.last) window.last = time;
    const innermost = packet.layerCount > 0 ? packet.layerKinds[packet.layerCount - 1]! : Layer.UNKNOWN;
    at.protocols[innermost]!++;
    if (packet.cut !== 0) at.cut++;
    if (packet.arpAt >= 0) this.#observeArp(packet, at);
    // First: of a packet whose addresses were cut away nothing says that it is no packet of a flow
    if (isCutTunnel(packet)) {
      at.packets++;
      at.unidentifiable++;
      return;
    }
    if (!isUnicast(packet)) {
      at.filter.noise++;
      return;
    }
    at.packets++;
    const view = packet.view;
    const src = sourceId(view, packet.ipAt, packet.ipVersion, this.addresses);
    const dst = destinationId(view, packet.ipAt, packet.ipVersion, this.addresses);
    const ttl = hopsLeft(view, packet.ipAt, packet.ipVersion);
    let outerTtl = 0;
    let outerFrom = 0;
    let outerTo = 0;
    if (packet.outerIpAt >= 0) {
      at.tunnelled++;
      outerTtl = hopsLeft(view, packet.outerIpAt, packet.outerIpVersion);
      outerFrom = sourceId(view, packet.outerIpAt, packet.outerIpVersion, this.addresses);
      outerTo = destinationId(view, packet.outerIpAt, packet.outerIpVersion, this.addresses);
    }
    this.#observeFilter(packet, at.filter, src, dst);
    if (src <= dst) at.pairs.add(src, dst, true, ttl, outerTtl, outerFrom, outerTo);
    else at.pairs.add(dst, src, false, ttl, outerTtl, outerFrom, outerTo);
    if (packet.cut !== 0 && packet.protocol === TCP && packet.l4Kind !== Layer.TCP && packet.fragmentOffset === 0)
      at.cutTcp++;
    const octets = packet.ipEnd - packet.l4At;
    if (packet.cut !== 0 && octets < packet.l4Length) {
      if (octets < LEAST_L4_OCTETS) {
        at.unidentifiable++;
        return;
      }
      if (octets < this.keyOctets) this.keyOctets = octets;
      if (octets < SAMPLE_OCTETS) return;
    }
    packetKeys(packet, SAMPLE_OCTETS);
    this.samples.add(at.point.id, time, src, dst, ttl);
  }

  #observeArp(packet: PacketView, at: PointEvidence): void {
    if (!arpIsEthernetIpv4(packet.view, packet.arpAt)) return;
    const senderAt = arpSenderIpAt(packet.arpAt);
    if (packet.view.getInt32(senderAt) === 0) return; // a probe (RFC 5227)
    const sender = this.addresses.idOfIpv4(packet.view, senderAt);
    if (at.arpSenders.size < 4096 || at.arpSenders.has(sender)) {
      at.arpSenders.set(sender, (at.arpSenders.get(sender) ?? 0) + 1);
    }
  }

  #observeFilter(packet: PacketView, filter: ApparentFilter, src: number, dst: number): void {
    const view = packet.view;
    if (packet.outerIpAt >= 0) {
      src = sourceId(view, packet.outerIpAt, packet.outerIpVersion, this.addresses);
      dst = destinationId(view, packet.outerIpAt, packet.outerIpVersion, this.addresses);
      const udpAt = packet.outerUdpAt;
      if (udpAt >= 0) filter.add(src, dst, 4, view.getUint16(udpAt), view.getUint16(udpAt + 2));
      else filter.add(src, dst, 8, -1, -1);
      return;
    }
    const hasPorts = packet.l4Kind === Layer.TCP || packet.l4Kind === Layer.UDP;
    const bit =
      packet.protocol === 1 || packet.protocol === 58 ? 1 : packet.protocol === 6 ? 2 : packet.protocol === 17 ? 4 : 8;
    filter.add(
      src,
      dst,
      bit,
      hasPorts ? view.getUint16(packet.l4At) : -1,
      hasPorts ? view.getUint16(packet.l4At + 2) : -1,
    );
  }
}
