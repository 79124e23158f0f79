import { AddressTable } from '../net/address-table.js';
import { PairIndex } from '../net/pair-index.js';
import { relative } from '../net/relative-time.js';
import type { CapturePoint } from '../net/points.js';
import { LAYER_NAMES, Layer } from '../wire/layers.js';
import type { PacketView } from '../wire/packet.js';
import { arpIsEthernetIpv4, arpSenderIpAt } from '../wire/arp.js';
import { destinationId, hopsLeft, isCutTunnel, isUnicast, sourceId } from '../net/packet-addresses.js';
import { exactHigh, exactLow, packetKeys, roughKey } from './identity.js';

/** Most address pairs kept for one point; what is beyond has no path evidence and can never be called lost. */
const PAIR_LIMIT = 1 << 18;
/** Pairs that a point has room for at first. */
const FIRST_PAIRS = 16;
/** Sightings sampled for clocks and the order of points; when full, every second key is dropped and the rest go on. */
export const SAMPLE_LIMIT = 1 << 16;
/** Octets of the L4 part that a sampled key covers, captured or not sampled. */
const SAMPLE_OCTETS = 12;
const TCP = 6;
/** Most addresses remembered that sent ARP at one point. */
const ARP_SENDERS = 4096;
/** Fewest octets of the L4 part from which a packet can be told from another. */
export const LEAST_L4_OCTETS = 8;

/** Frames of one interface are no further out of order than this, nanoseconds. */
const DISORDER = 1e9;

/** Int32 of a pair's row, behind its two addresses: TTLs, then for each way its packets and the outer source and destination. */
const TTLS = 2;
const FORWARD = 3;
const BACKWARD = 6;
const FROM = 1;
const TO = 2;
const PAIR_WIDTH = 9;

/** What one point saw between two addresses, the lower address id first ("forward"). A row a pair: a packet touches two lines of the cache. */
export class PairsAtPoint {
  readonly index = new PairIndex(PAIR_LIMIT, FIRST_PAIRS, PAIR_WIDTH);

  /** Counts packets that went from one address to another. */
  add(
    src: number,
    dst: number,
    packets: number,
    ttl: number,
    outerTtl: number,
    outerFrom: number,
    outerTo: number,
  ): void {
    const isForward = src <= dst;
    const at = isForward ? this.index.get(src, dst) : this.index.get(dst, src);
    if (at < 0) return;
    const { rows } = this.index;
    const row = at * PAIR_WIDTH;
    const way = row + (isForward ? FORWARD : BACKWARD);
    rows[way]! += packets;
    if (outerFrom !== 0) {
      rows[way + FROM] = outerFrom;
      rows[way + TO] = outerTo;
    }
    const shift = isForward ? 0 : 8;
    let ttls = rows[row + TTLS]!;
    if (ttl > ((ttls >>> shift) & 255)) ttls = (ttls & ~(255 << shift)) | (ttl << shift);
    if (outerTtl > ((ttls >>> (shift + 16)) & 255)) ttls = (ttls & ~(255 << (shift + 16))) | (outerTtl << (shift + 16));
    rows[row + TTLS] = ttls;
  }

  /** Packets from the first address of a pair to the second. */
  forward(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + FORWARD]!;
  }

  backward(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + BACKWARD]!;
  }

  /** Highest TTL seen forward in bits 0-7 and backward in 8-15, highest outer TTL in 16-23 and 24-31; 0 is none. */
  ttls(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + TTLS]!;
  }

  /** Outer source around the last packet seen forward in a tunnel; 0 is none. */
  forwardFrom(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + FORWARD + FROM]!;
  }

  forwardTo(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + FORWARD + TO]!;
  }

  backwardFrom(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + BACKWARD + FROM]!;
  }

  backwardTo(pair: number): number {
    return this.index.rows[pair * PAIR_WIDTH + BACKWARD + TO]!;
  }

  /** Takes back what a second capture of the point counted again. */
  uncount(src: number, dst: number): void {
    const at = this.#wayOf(src, dst);
    if (at >= 0) this.index.rows[at]!--;
  }

  /** Packets from one address to another. */
  count(src: number, dst: number): number {
    const at = this.#wayOf(src, dst);
    return at < 0 ? 0 : this.index.rows[at]!;
  }

  /** Where the packets from one address to another are counted; -1 when there were none between them. */
  #wayOf(src: number, dst: number): number {
    const at = src <= dst ? this.index.find(src, dst) : this.index.find(dst, src);
    return at < 0 ? -1 : at * PAIR_WIDTH + (src <= dst ? FORWARD : BACKWARD);
  }

  get state(): PairsState {
    const { rows, size, refused } = this.index;
    return { rows: rows.slice(0, size * PAIR_WIDTH), refused };
  }

  /** Takes over what another reading counted. `ids`: the ids here of its addresses. */
  merge({ rows, refused }: PairsState, ids: Int32Array): void {
    this.index.refused += refused;
    this.index.reserve(rows.length / PAIR_WIDTH);
    for (let row = 0; row < rows.length; row += PAIR_WIDTH) {
      const a = ids[rows[row]!]!;
      const b = ids[rows[row + 1]!]!;
      const ttls = rows[row + TTLS]!;
      this.#merge(a, b, rows, row + FORWARD, ttls, ids);
      this.#merge(b, a, rows, row + BACKWARD, ttls >>> 8, ids);
    }
  }

  #merge(src: number, dst: number, rows: Int32Array, way: number, ttls: number, ids: Int32Array): void {
    const packets = rows[way]!;
    if (packets === 0) return;
    this.add(src, dst, packets, ttls & 255, (ttls >>> 16) & 255, ids[rows[way + FROM]!]!, ids[rows[way + TO]!]!);
  }
}

/** The pairs of every point that saw no packet: a file may describe 65,536 interfaces, of which few see packets. */
const NO_PAIRS = new PairsAtPoint();

/** The inside of PairsAtPoint: its rows, in the order of its pairs. */
export interface PairsState {
  readonly rows: Int32Array;
  readonly refused: number;
}

/** What one file holds of one point. Times are nanoseconds relative to the run's base second, uncorrected. */
export interface FileWindow {
  /** Number of the source in the run: names need not differ. */
  source: number;
  readonly file: string;
  frames: number;
  first: number;
  last: number;
  /** What came after the last frame is not known. */
  isDamaged: boolean;
  /** Latest gap that is longer than frames get out of order. */
  gapFrom?: number;
  gapTo?: number;
  /** The last frame was before the latest one. */
  isBehind?: boolean;
  /** From and to between which times went back by more than that: any of them may be wrong. */
  unsteady?: readonly [number, number];
}

/** @param to end of what is not to be relied on; a frame that was stamped ahead made the gap, and came behind the one before it */
function noteStepBack(window: FileWindow, time: number, to: number): void {
  const { unsteady, gapFrom = time, gapTo = time, last } = window;
  const from = time > gapFrom && time < gapTo ? gapFrom : time;
  window.isBehind = to === last;
  if (unsteady === undefined) window.unsteady = [from, to];
  else if (from < unsteady[0] || to > unsteady[1])
    window.unsteady = [Math.min(unsteady[0], from), Math.max(unsteady[1], to)];
}

/** The inside of PointEvidence; `point` is the number that the reading gave it. */
export interface PointState {
  readonly point: number;
  readonly windows: readonly FileWindow[];
  readonly counts: Readonly<Record<'frames' | 'packets' | 'tunnelled' | 'cut' | 'unidentifiable' | 'cutTcp', number>>;
  readonly protocols: Uint32Array;
  readonly undecoded: ReadonlyMap<string, number>;
  readonly arpSenders: ReadonlyMap<number, number>;
  readonly dropped: number | null;
  readonly pairs: PairsState;
  readonly filter: FilterState;
}

/** What the first reading learnt of one point. */
export class PointEvidence {
  readonly point: CapturePoint;
  readonly windows: FileWindow[] = [];
  #pairs = NO_PAIRS;
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

  get pairs(): PairsAtPoint {
    return this.#pairs;
  }

  /** The same, to add to. */
  get ownPairs(): PairsAtPoint {
    return this.#pairs === NO_PAIRS ? (this.#pairs = new PairsAtPoint()) : this.#pairs;
  }

  get state(): PointState {
    const { point, windows, frames, packets, protocols, undecoded, tunnelled, cut, unidentifiable, cutTcp } = this;
    const { arpSenders, dropped, pairs, filter } = this;
    const counts = { frames, packets, tunnelled, cut, unidentifiable, cutTcp };
    const tables = { protocols, undecoded, arpSenders, dropped, pairs: pairs.state, filter: filter.state };
    return { point: point.id, windows, counts, ...tables };
  }

  /** Takes over what another reading found. `ids`: the ids here of its addresses. */
  merge(state: PointState, ids: Int32Array): void {
    this.windows.push(...state.windows);
    this.frames += state.counts.frames;
    this.packets += state.counts.packets;
    this.tunnelled += state.counts.tunnelled;
    this.cut += state.counts.cut;
    this.unidentifiable += state.counts.unidentifiable;
    this.cutTcp += state.counts.cutTcp;
    for (const [kind, count] of state.protocols.entries()) this.protocols[kind]! += count;
    for (const [name, count] of state.undecoded) this.undecoded.set(name, (this.undecoded.get(name) ?? 0) + count);
    for (const [id, count] of state.arpSenders) this.addArpSender(ids[id]!, count);
    if (state.dropped !== null) this.dropped = (this.dropped ?? 0) + state.dropped;
    if (state.pairs.rows.length > 0) this.ownPairs.merge(state.pairs, ids);
    this.filter.merge(state.filter, ids);
  }

  /**
   * True when two captures of the point share more than a moment, so that what both have is one and the same. Those of a
   * capture that was rotated do not: equal packets in them are two, whatever their times.
   */
  get overlaps(): boolean {
    const windows = this.windows.filter(({ frames }) => frames > 0).sort((a, b) => a.first - b.first);
    let end = -Infinity;
    for (const { first, last } of windows) {
      if (first < end) return true;
      end = Math.max(end, last);
    }
    return false;
  }

  addArpSender(sender: number, count: number): void {
    if (this.arpSenders.size < ARP_SENDERS || this.arpSenders.has(sender)) {
      this.arpSenders.set(sender, (this.arpSenders.get(sender) ?? 0) + count);
    }
  }
}

/** The inside of an ApparentFilter. */
export interface FilterState {
  readonly noise: number;
  readonly frames: number;
  readonly protocols: number;
  readonly hosts: readonly number[];
  readonly ports: readonly number[];
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
  /** Something is common still: of most captures nothing is after some packets, and then nothing more needs to be looked at. */
  #isOpen = true;

  /** Outermost addresses and ports (-1 where there are none). */
  add(src: number, dst: number, protocolBit: number, sport: number, dport: number): void {
    this.protocols |= protocolBit;
    if (this.frames++ === 0) {
      this.#hosts = [src, dst];
      this.#ports = [sport, dport];
    } else if (this.#isOpen) {
      const hosts = this.#hosts;
      if (hosts[0] !== src && hosts[0] !== dst) hosts[0] = 0;
      if (hosts[1] !== src && hosts[1] !== dst) hosts[1] = 0;
      const ports = this.#ports;
      if (ports[0] !== sport && ports[0] !== dport) ports[0] = -1;
      if (ports[1] !== sport && ports[1] !== dport) ports[1] = -1;
      this.#isOpen = hosts[0] !== 0 || hosts[1] !== 0 || ports[0] !== -1 || ports[1] !== -1;
    }
  }

  get state(): FilterState {
    const { noise, frames, protocols } = this;
    return { noise, frames, protocols, hosts: [...this.#hosts], ports: [...this.#ports] };
  }

  /** Takes over what another reading found: common is what is common to both. */
  merge({ noise, frames, protocols, hosts, ports }: FilterState, ids: Int32Array): void {
    this.noise += noise;
    this.protocols |= protocols;
    if (frames === 0) return;
    const theirs = hosts.map((host) => ids[host]!);
    if (this.frames === 0) {
      this.#hosts = [theirs[0]!, theirs[1]!];
      this.#ports = [ports[0]!, ports[1]!];
    } else {
      for (const i of [0, 1]) {
        if (!theirs.includes(this.#hosts[i]!)) this.#hosts[i] = 0;
        if (!ports.includes(this.#ports[i]!)) this.#ports[i] = -1;
      }
    }
    this.frames += frames;
  }

  get host(): number {
    return this.#hosts[0] || this.#hosts[1];
  }

  get port(): number {
    return Math.max(this.#ports[0], this.#ports[1]);
  }
}

/** The inside of Samples. */
export interface SamplesState {
  readonly columns: readonly Int32Array[];
  readonly times: Float64Array;
  readonly ttls: Uint8Array;
  readonly mask: number;
}

/** All bits of a rough key. */
const ALL_ROUGH = (1 << 24) - 1;

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
  /** By which samples are chosen, the same at every point (see roughKey). */
  readonly #rough = new Int32Array(SAMPLE_LIMIT);
  #mask = 0;

  /** False for a packet that is none of those chosen: it does not need a key. */
  takes(rough: number): boolean {
    return (rough & this.#mask) === 0;
  }

  /** Adds a sample that is taken. */
  add(
    rough: number,
    low: number,
    high: number,
    point: number,
    time: number,
    src: number,
    dst: number,
    ttl: number,
  ): void {
    if (this.count === SAMPLE_LIMIT) {
      this.#halve();
      if (!this.takes(rough) || this.count === SAMPLE_LIMIT) return;
    }
    const at = this.count++;
    this.#rough[at] = rough;
    this.keyLow[at] = low;
    this.keyHigh[at] = high;
    this.points[at] = point;
    this.times[at] = time;
    this.sources[at] = src;
    this.destinations[at] = dst;
    this.ttls[at] = ttl;
  }

  get state(): SamplesState {
    const { count, keyLow, keyHigh, points, times, sources, destinations, ttls } = this;
    const columns = [this.#rough, keyLow, keyHigh, points, sources, destinations].map((column) =>
      column.slice(0, count),
    );
    return { columns, times: times.slice(0, count), ttls: ttls.slice(0, count), mask: this.#mask };
  }

  /** Takes over the samples of another reading. `points` and `ids`: those here for its own. */
  merge({ columns, times, ttls, mask }: SamplesState, points: readonly CapturePoint[], ids: Int32Array): void {
    const [rough, keyLow, keyHigh, point, sources, destinations] = columns;
    while (this.#mask < mask) this.#halveOnce();
    for (let i = 0; i < times.length; i++) {
      if (!this.takes(rough![i]!)) continue;
      const at = points[point![i]!]!.id;
      const src = ids[sources![i]!]!;
      const dst = ids[destinations![i]!]!;
      this.add(rough![i]!, keyLow![i]!, keyHigh![i]!, at, times[i]!, src, dst, ttls[i]!);
    }
  }

  #halve(): void {
    // Of samples that are all alike none can be left out
    while (this.count === SAMPLE_LIMIT && this.#mask < ALL_ROUGH) this.#halveOnce();
  }

  #halveOnce(): void {
    this.#mask = (this.#mask << 1) | 1;
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      if (!this.takes(this.#rough[i]!)) continue;
      this.#rough[kept] = this.#rough[i]!;
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

/** The inside of Evidence. */
export interface EvidenceState {
  readonly points: readonly PointState[];
  readonly samples: SamplesState;
  readonly keyOctets: number;
}

/** Everything the first reading of all captures learns. */
export class Evidence {
  readonly addresses: AddressTable;
  readonly points: PointEvidence[] = [];
  readonly samples = new Samples();
  /** Octets of the L4 part that every cut frame of the run still has. */
  keyOctets: number;
  readonly #base: number;

  /** @param base second since the epoch to which times are relative */
  constructor(addresses: AddressTable, keyOctets: number, base: number) {
    this.addresses = addresses;
    this.keyOctets = keyOctets;
    this.#base = base;
  }

  /** Points of which captures overlap. To be asked when all were read. */
  get overlapping(): ReadonlySet<number> {
    return (this.#overlapping ??= new Set(this.points.flatMap((at) => (at?.overlaps === true ? [at.point.id] : []))));
  }
  #overlapping: ReadonlySet<number> | null = null;

  at(point: CapturePoint): PointEvidence {
    return (this.points[point.id] ??= new PointEvidence(point));
  }

  get state(): EvidenceState {
    return { points: this.points.flatMap((at) => at.state), samples: this.samples.state, keyOctets: this.keyOctets };
  }

  /** Takes over what another reading found. `points` and `ids`: the points here for its own, and the ids of its addresses. */
  add({ points: states, samples, keyOctets }: EvidenceState, points: readonly CapturePoint[], ids: Int32Array): void {
    for (const state of states) this.at(points[state.point]!).merge(state, ids);
    this.samples.merge(samples, points, ids);
    this.keyOctets = Math.min(this.keyOctets, keyOctets);
  }

  /** Notes one decoded frame. Its time in two small integers: a number beyond 31 bits would be an object when it is handed over. */
  observe(packet: PacketView, at: PointEvidence, window: FileWindow, seconds: number, nanoseconds: number): void {
    const time = relative(seconds, nanoseconds, this.#base);
    at.frames++;
    window.frames++;
    if (time < window.first) window.first = time;
    if (time > window.last) {
      if (time - window.last > DISORDER && window.frames > 1) {
        window.gapFrom = window.last;
        window.gapTo = time;
      }
      // What was stamped behind its time came after the last frame, and before this one
      if (window.isBehind === true) noteStepBack(window, time, time);
      window.last = time;
    } else if (window.last - time > DISORDER) {
      noteStepBack(window, time, window.last);
    }
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
    if (packet.outerIpAt >= 0) this.#observeFilter(packet, at.filter, outerFrom, outerTo);
    else this.#observeFilter(packet, at.filter, src, dst);
    at.ownPairs.add(src, dst, 1, ttl, outerTtl, outerFrom, outerTo);
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
    const rough = roughKey(packet);
    if (!this.samples.takes(rough)) return;
    packetKeys(packet, SAMPLE_OCTETS);
    this.samples.add(rough, exactLow, exactHigh, at.point.id, time, src, dst, ttl);
  }

  #observeArp(packet: PacketView, at: PointEvidence): void {
    if (!arpIsEthernetIpv4(packet.view, packet.arpAt)) return;
    const senderAt = arpSenderIpAt(packet.arpAt);
    if (packet.view.getInt32(senderAt) === 0) return; // a probe (RFC 5227)
    const sender = this.addresses.idOfIpv4(packet.view, senderAt);
    at.addArpSender(sender, 1);
  }

  /** @param src of the outermost packet, @param dst as well */
  #observeFilter(packet: PacketView, filter: ApparentFilter, src: number, dst: number): void {
    const view = packet.view;
    if (packet.outerIpAt >= 0) {
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
