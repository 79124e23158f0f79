import type { AddressTable } from '../net/address-table.js';
import { destinationId, hopsLeft, sourceId } from '../net/packet-addresses.js';
import { DNS_HEADER_LENGTH, dnsFlags, dnsId, dnsQuestionHash, dnsQuestionType } from '../wire/dns.js';
import { icmpCode, icmpId, icmpIsError, icmpSeq, icmpType } from '../wire/icmp.js';
import { icmpv6Code, icmpv6Id, icmpv6IsError, icmpv6Seq, icmpv6Type } from '../wire/icmpv6.js';
import { Layer } from '../wire/layers.js';
import type { PacketView } from '../wire/packet.js';
import { tcpAck, tcpFlags, tcpSeq, tcpTimestampsAt } from '../wire/tcp.js';
import {
  burstKey,
  burstKeyOf,
  exactHigh,
  exactKey,
  exactLow,
  invariantHigh,
  invariantKey,
  invariantLow,
  ipIdentity,
} from './identity.js';
import { PacketGroup } from './packet-group.js';
import { quoteOf } from './quote.js';
import { SightingStore, TunnelTable } from './sightings.js';
import type { Texts } from './texts.js';

/**
 * Two sightings of one packet at different points are at most this far apart, nanoseconds: a packet that waits for ARP or
 * neighbour discovery is held for up to three seconds. An IP ID comes round in 4.4 s at 15,000 packets/s.
 */
export const JOIN = 4e9;
/** At one and the same point, equal packets this far apart are copies or identical packets; further apart, repetitions. */
const JOIN_SAME = 100e6;
/** Packets with equal keys that are looked at: more are alike only in captures made to be so. */
const WALK = 256;
/** A packet seen wherever it must be is told this long after its last sighting; all others wait for as long as JOIN. */
const SETTLE = 20e6;
/** Octets of a DNS message that tell its id and whether it is a query. */
const DNS_LEAST = 4;
const TCP = 6;
const TCP_HEADER_LENGTH = 20;
const TCP_SYN = 2;
const UDP = Layer.UDP;
const BUCKETS = 1 << 16;
const MASK = BUCKETS - 1;
// Octets of the L4 part up to and with TCP timestamps in their usual place
const TIMESTAMPS_END = 32;

/** Everything that one run shares while packets are paired. */
export interface WindowContext {
  readonly addresses: AddressTable;
  readonly texts: Texts;
  readonly keyOctets: number;
  /** Most packets open at a time. */
  readonly limit: number;
  /** Takes a group when it is complete; false when it should wait for more sightings. */
  readonly settle: (group: PacketGroup) => boolean;
  /** Takes a group when nothing can join it any more. */
  readonly close: (group: PacketGroup) => void;
}

/** The packets being put together: sightings come in, in rough order of time, and complete groups go out. */
export class PacketWindow {
  readonly sightings = new SightingStore();
  readonly tunnels = new TunnelTable();
  /** Groups closed before their time because the window was full. */
  evicted = 0;
  readonly #context: WindowContext;
  readonly #exact: (PacketGroup | null)[] = new Array<PacketGroup | null>(BUCKETS).fill(null);
  readonly #invariant: (PacketGroup | null)[] = new Array<PacketGroup | null>(BUCKETS).fill(null);
  readonly #burst: (PacketGroup | null)[] = new Array<PacketGroup | null>(BUCKETS).fill(null);
  readonly #pool: PacketGroup[] = [];
  /** Open groups in order of their making, and those among them that did not settle. */
  readonly #fresh: GroupQueue;
  readonly #waiting: GroupQueue;

  constructor(context: WindowContext) {
    this.#context = context;
    this.#fresh = new GroupQueue(context.limit);
    this.#waiting = new GroupQueue(context.limit);
  }

  /** Adds a unicast IP packet seen at a point. `time`: corrected, nanoseconds relative to the base. */
  add(
    packet: PacketView,
    point: number,
    file: number,
    frame: number,
    seconds: number,
    nanoseconds: number,
    time: number,
  ): void {
    const { addresses, keyOctets } = this.#context;
    const view = packet.view;
    const src = sourceId(view, packet.ipAt, packet.ipVersion, addresses);
    const dst = destinationId(view, packet.ipAt, packet.ipVersion, addresses);
    exactKey(packet, src, dst, keyOctets);
    const group = this.#find(point, time) ?? this.#start(packet, src, dst, time);
    // Another point may have kept more of it.
    const knowsMore = group.isDns ? group.nameId < 0 : packet.dnsAt >= 0 && packet.l4Kind === UDP;
    if (knowsMore || (group.kind < 0 && packet.l4Kind >= 0)) this.#describe(group, packet);
    const sightings = this.sightings;
    const at = sightings.take();
    sightings.points[at] = point;
    sightings.files[at] = file;
    sightings.frames[at] = frame;
    sightings.seconds[at] = seconds;
    sightings.nanoseconds[at] = nanoseconds;
    sightings.times[at] = time;
    let ttls = hopsLeft(view, packet.ipAt, packet.ipVersion);
    let tunnel = 0;
    if (packet.outerIpAt >= 0) {
      const udpAt = packet.outerUdpAt;
      ttls |= hopsLeft(view, packet.outerIpAt, packet.outerIpVersion) << 8;
      tunnel = this.tunnels.idOf(
        packet.tunnelKind,
        sourceId(view, packet.outerIpAt, packet.outerIpVersion, addresses),
        destinationId(view, packet.outerIpAt, packet.outerIpVersion, addresses),
        udpAt < 0 ? 0 : view.getUint16(udpAt),
        udpAt < 0 ? 0 : view.getUint16(udpAt + 2),
        packet.tunnelId,
      );
    }
    sightings.ttls[at] = ttls;
    sightings.tunnels[at] = tunnel;
    sightings.next[at] = group.head;
    group.head = at;
    group.count++;
    if (time < group.firstTime) group.firstTime = time;
    if (time > group.lastTime) group.lastTime = time;
  }

  /** The open group that a sighting belongs to: of several the nearest in time. */
  #find(point: number, time: number): PacketGroup | null {
    let best: PacketGroup | null = null;
    let distance = Infinity;
    let walked = 0;
    for (let group = this.#exact[exactLow & MASK]!; group !== null && walked < WALK; group = group.nextExact!) {
      walked++;
      if (group.exactLow !== exactLow || group.exactHigh !== exactHigh || group.done) continue;
      const away = time > group.lastTime ? time - group.lastTime : time < group.firstTime ? group.firstTime - time : 0;
      if (away >= distance || away > (this.#hasSeen(group, point) ? JOIN_SAME : JOIN)) continue;
      best = group;
      distance = away;
    }
    return best;
  }

  #hasSeen(group: PacketGroup, point: number): boolean {
    const { points, next } = this.sightings;
    for (let at = group.head; at >= 0; at = next[at]!) if (points[at] === point) return true;
    return false;
  }

  #start(packet: PacketView, src: number, dst: number, time: number): PacketGroup {
    if (this.#fresh.length + this.#waiting.length >= this.#context.limit) {
      this.evicted++;
      this.#end(this.#waiting.length > 0 ? this.#waiting.shift() : this.#fresh.shift());
    }
    const { keyOctets } = this.#context;
    const group = this.#pool.pop() ?? new PacketGroup();
    group.exactLow = exactLow;
    group.exactHigh = exactHigh;
    group.src = src;
    group.dst = dst;
    group.firstTime = time;
    group.lastTime = time;
    group.head = -1;
    group.count = 0;
    group.told = 0;
    group.resembles = null;
    group.done = false;
    this.#describe(group, packet);
    invariantKey(packet, keyOctets);
    group.invariantLow = invariantLow;
    group.invariantHigh = invariantHigh;
    const timestampsAt =
      packet.l4Kind === Layer.TCP && keyOctets >= TIMESTAMPS_END && packet.ipEnd - packet.l4At >= TIMESTAMPS_END
        ? tcpTimestampsAt(packet.view, packet.l4At, packet.ipEnd)
        : -1;
    burstKeyOf(packet, timestampsAt < 0 ? -1 : timestampsAt + 2);
    group.burst = burstKey;
    link(this.#exact, exactLow & MASK, group, 'nextExact', 'previousExact');
    link(this.#invariant, invariantLow & MASK, group, 'nextInvariant', 'previousInvariant');
    link(this.#burst, burstKey & MASK, group, 'nextBurst', 'previousBurst');
    this.#fresh.push(group);
    return group;
  }

  #describe(group: PacketGroup, packet: PacketView): void {
    const { view, l4At } = packet;
    group.ipVersion = packet.ipVersion;
    group.protocol = packet.protocol;
    group.ipId = ipIdentity(packet) & 0xffff;
    group.fragmentOffset = packet.fragmentOffset;
    group.moreFragments = packet.moreFragments;
    group.l4Length = packet.l4Length;
    group.kind = packet.l4Kind;
    group.payloadLength = packet.payloadLength;
    group.sourcePort = -1;
    group.destinationPort = -1;
    group.a = 0;
    group.b = 0;
    group.c = 0;
    group.nameId = -1;
    group.isDns = false;
    group.quote = null;
    switch (packet.l4Kind) {
      case Layer.TCP:
        group.sourcePort = view.getUint16(l4At);
        group.destinationPort = view.getUint16(l4At + 2);
        group.a = tcpSeq(view, l4At) | 0;
        group.b = tcpAck(view, l4At) | 0;
        group.c = tcpFlags(view, l4At);
        break;
      case Layer.UDP:
        group.sourcePort = view.getUint16(l4At);
        group.destinationPort = view.getUint16(l4At + 2);
        if (packet.dnsAt >= 0 && packet.frameEnd - packet.dnsAt >= DNS_LEAST) {
          group.isDns = true;
          group.a = dnsId(view, packet.dnsAt);
          group.b = dnsFlags(view, packet.dnsAt);
          if (packet.payloadEnd - packet.dnsAt < DNS_HEADER_LENGTH) break;
          const hash = dnsQuestionHash(view, packet.dnsAt, packet.payloadEnd);
          if (hash === 0) break;
          group.c = dnsQuestionType(view, packet.dnsAt, packet.payloadEnd);
          group.nameId = this.#context.texts.nameOf(hash, view, packet.dnsAt, packet.payloadEnd);
        }
        break;
      case Layer.ICMP:
        group.a = (icmpType(view, l4At) << 8) | icmpCode(view, l4At);
        group.b = icmpId(view, l4At);
        group.c = icmpSeq(view, l4At);
        if (icmpIsError(view, l4At)) group.quote = quoteOf(packet, this.#context.addresses);
        break;
      case Layer.ICMPV6:
        group.a = (icmpv6Type(view, l4At) << 8) | icmpv6Code(view, l4At);
        group.b = icmpv6Id(view, l4At);
        group.c = icmpv6Seq(view, l4At);
        if (icmpv6IsError(view, l4At)) group.quote = quoteOf(packet, this.#context.addresses);
        break;
      default:
        if (packet.protocol === TCP && packet.fragmentOffset === 0) describeCut(group, packet);
    }
  }

  /** Tells what is complete, and what nothing can join any more; `readUpTo`: every capture has been read up to this time. */
  expire(readUpTo: number): void {
    while (this.#fresh.length > 0 && this.#fresh.first.lastTime + SETTLE < readUpTo) {
      const group = this.#fresh.shift();
      if (group.done || this.#context.settle(group)) this.#release(group);
      else this.#waiting.push(group);
    }
    while (this.#waiting.length > 0 && this.#waiting.first.lastTime + JOIN < readUpTo) this.#end(this.#waiting.shift());
  }

  /** Closes everything. */
  drain(): void {
    this.expire(Infinity);
  }

  #end(group: PacketGroup): void {
    if (!group.done) this.#context.close(group);
    this.#release(group);
  }

  #release(group: PacketGroup): void {
    unlink(this.#exact, group.exactLow & MASK, group, 'nextExact', 'previousExact');
    unlink(this.#invariant, group.invariantLow & MASK, group, 'nextInvariant', 'previousInvariant');
    unlink(this.#burst, group.burst & MASK, group, 'nextBurst', 'previousBurst');
    for (let at = group.head; at >= 0;) {
      const next = this.sightings.next[at]!;
      this.sightings.free(at);
      at = next;
    }
    this.#pool.push(group);
  }

  /** Open groups with the same nat-invariant key and other addresses or ports, close in time. */
  translationsOf(group: PacketGroup): PacketGroup[] {
    const found: PacketGroup[] = [];
    let walked = 0;
    let other = this.#invariant[group.invariantLow & MASK]!;
    for (; other !== null && walked < WALK; other = other.nextInvariant!) {
      walked++;
      if (
        other !== group &&
        !other.done &&
        other.invariantLow === group.invariantLow &&
        other.invariantHigh === group.invariantHigh &&
        other.protocol === group.protocol &&
        near(group, other)
      ) {
        found.push(other);
      }
    }
    return found;
  }

  /**
   * Open groups that may be pieces of the same packet, or pieces of which it may be one, close in time; under the same
   * addresses or under others.
   */
  piecesOf(group: PacketGroup): PacketGroup[] {
    const found: PacketGroup[] = [];
    let walked = 0;
    let other = this.#burst[group.burst & MASK]!;
    for (; other !== null && walked < WALK; other = other.nextBurst!) {
      walked++;
      if (
        other !== group &&
        !other.done &&
        other.burst === group.burst &&
        other.protocol === group.protocol &&
        near(group, other)
      ) {
        found.push(other);
      }
    }
    return found;
  }
}

/** What the beginning of a TCP header tells: only a SYN acknowledges nothing and has options. */
function describeCut(group: PacketGroup, { view, l4At, ipEnd, l4Length }: PacketView): void {
  const octets = ipEnd - l4At;
  if (l4At < 0 || octets < 8) return;
  group.sourcePort = view.getUint16(l4At);
  group.destinationPort = view.getUint16(l4At + 2);
  group.a = view.getInt32(l4At + 4);
  if (octets < 12) return;
  group.b = view.getInt32(l4At + 8);
  if (group.b === 0 && l4Length > TCP_HEADER_LENGTH) group.c = TCP_SYN;
}

/** A ring of groups, first in first out. */
class GroupQueue {
  readonly #ring: (PacketGroup | null)[];
  #from = 0;
  length = 0;

  constructor(capacity: number) {
    this.#ring = new Array<PacketGroup | null>(capacity).fill(null);
  }

  get first(): PacketGroup {
    return this.#ring[this.#from]!;
  }

  push(group: PacketGroup): void {
    this.#ring[(this.#from + this.length++) % this.#ring.length] = group;
  }

  shift(): PacketGroup {
    const group = this.#ring[this.#from]!;
    this.#ring[this.#from] = null;
    this.#from = (this.#from + 1) % this.#ring.length;
    this.length--;
    return group;
  }
}

function near(a: PacketGroup, b: PacketGroup): boolean {
  return a.firstTime <= b.lastTime + JOIN && b.firstTime <= a.lastTime + JOIN;
}

type Next = 'nextExact' | 'nextInvariant' | 'nextBurst';
type Previous = 'previousExact' | 'previousInvariant' | 'previousBurst';

function link(table: (PacketGroup | null)[], slot: number, group: PacketGroup, next: Next, previous: Previous): void {
  const head = table[slot]!;
  group[next] = head;
  group[previous] = null;
  if (head !== null) head[previous] = group;
  table[slot] = group;
}

function unlink(table: (PacketGroup | null)[], slot: number, group: PacketGroup, next: Next, previous: Previous): void {
  const before = group[previous];
  const after = group[next];
  if (before === null) table[slot] = after;
  else before[next] = after;
  if (after !== null) after[previous] = before;
}
