import type { AddressTable } from '../net/address-table.js';
import { destinationId, hopsLeft, sourceId } from '../net/packet-addresses.js';
import { DNS_HEADER_LENGTH, dnsFlags, dnsId, dnsQuestionHash, dnsQuestionType } from '../wire/dns.js';
import { icmpCode, icmpId, icmpIsError, icmpSeq, icmpType } from '../wire/icmp.js';
import { icmpv6Code, icmpv6Id, icmpv6IsError, icmpv6Seq, icmpv6Type } from '../wire/icmpv6.js';
import { Layer } from '../wire/layers.js';
import { PacketView } from '../wire/packet.js';
import { tcpAck, tcpFlags, tcpSeq, tcpTimestampEcho, tcpTimestampsAt, tcpTimestampValue } from '../wire/tcp.js';
import {
  burstKey,
  burstKeyOf,
  exactHigh,
  exactLow,
  invariantHigh,
  invariantLow,
  ipIdentity,
  packetKeys,
} from './identity.js';
import type { Clock } from './clocks.js';
import { KIND_SHIFT, Row, ROW_SHIFT, RowFlag } from './row.js';
import type { TunnelTable } from './sightings.js';
import { TunnelReader } from './tunnel-reader.js';

/** Sightings of a batch: the rows of so many stay in the processor's second cache until they are used. */
export const BATCH_SIGHTINGS = 1024;
/** Octets kept of one batch's frames; a frame longer than this is cut. */
const KEPT_OCTETS = 128 << 10;
/** Octets of the L4 part up to and with TCP timestamps in their usual place. */
const TIMESTAMPS_END = 32;
/** Octets of a DNS message that tell its id and whether it is a query. */
const DNS_LEAST = 4;
/** DNS questions remembered, so that the octets of each are handed over once. */
const QUESTIONS = 1 << 16;
const TCP = 6;
const TCP_HEADER_LENGTH = 20;
const TCP_SYN = 2;
const TCP_ACK = 16;

const SHIFT = ROW_SHIFT;
const KEPT_AT = Row.KEPT_AT;
const KEPT_LENGTH = Row.KEPT_LENGTH;
const ORIGINAL_LENGTH = Row.ORIGINAL_LENGTH;
const LINK_TYPE = Row.LINK_TYPE;
const EXACT_LOW = Row.EXACT_LOW;
const EXACT_HIGH = Row.EXACT_HIGH;
const INVARIANT_LOW = Row.INVARIANT_LOW;
const INVARIANT_HIGH = Row.INVARIANT_HIGH;
const SRC = Row.SRC;
const DST = Row.DST;
const PROTOCOL = Row.PROTOCOL;
const KIND = KIND_SHIFT;
const IP_ID = Row.IP_ID;
const FRAGMENT_OFFSET = Row.FRAGMENT_OFFSET;
const L4_LENGTH = Row.L4_LENGTH;
const PAYLOAD_LENGTH = Row.PAYLOAD_LENGTH;
const FRAME = Row.FRAME;
const SECONDS = Row.SECONDS;
const NANOSECONDS = Row.NANOSECONDS;
const INTERFACE = Row.INTERFACE;
const INTERFACE_INDEX = Row.INTERFACE_INDEX;
const FLAG_DNS = RowFlag.DNS;
const FLAG_ICMP_ERROR = RowFlag.ICMP_ERROR;
const SOURCE_PORT = Row.SOURCE_PORT;
const DESTINATION_PORT = Row.DESTINATION_PORT;
const A = Row.A;
const B = Row.B;
const C = Row.C;
const NAME = Row.NAME;
const FLAGS = Row.FLAGS;
const BURST = Row.BURST;
const TTLS = Row.TTLS;
const TUNNEL = Row.TUNNEL;
const MORE_FRAGMENTS = RowFlag.MORE_FRAGMENTS;
const KIND_TCP = Layer.TCP;
const KIND_UDP = Layer.UDP;
const KIND_ICMP = Layer.ICMP;
const KIND_ICMPV6 = Layer.ICMPV6;

/** The memory of a batch. */
export interface BatchMemory {
  readonly rows: ArrayBufferLike;
  readonly times: ArrayBufferLike;
  readonly order: ArrayBufferLike;
  readonly kept: ArrayBufferLike;
}

const ROW_OCTETS = Int32Array.BYTES_PER_ELEMENT << SHIFT;
const TIME_OCTETS = Float64Array.BYTES_PER_ELEMENT;

function ownMemory(): BatchMemory {
  return {
    rows: new ArrayBuffer(BATCH_SIGHTINGS * ROW_OCTETS),
    times: new ArrayBuffer(BATCH_SIGHTINGS * TIME_OCTETS),
    order: new ArrayBuffer(BATCH_SIGHTINGS * TIME_OCTETS),
    kept: new ArrayBuffer(KEPT_OCTETS),
  };
}

/** Consecutive sightings of one capture, as rows. */
export class SightingBatch {
  readonly rows: Int32Array;
  /** Nanoseconds relative to the base: as the file says, until they are corrected. */
  readonly times: Float64Array;
  /** When each has its turn among the sightings of other captures, in the same terms; never falls within a batch of frames. */
  readonly order: Float64Array;
  /** Octets of frames that are looked at again: those of ICMP errors, and of the first packet with a DNS question. */
  readonly kept: Uint8Array;
  count = 0;
  keptLength = 0;

  constructor(memory: BatchMemory = ownMemory()) {
    this.rows = new Int32Array(memory.rows);
    this.times = new Float64Array(memory.times);
    this.order = new Float64Array(memory.order);
    this.kept = new Uint8Array(memory.kept);
  }

  /** Memory that two threads can see. */
  static sharedMemory(sightings: number): BatchMemory {
    return {
      rows: new SharedArrayBuffer(sightings * ROW_OCTETS),
      times: new SharedArrayBuffer(sightings * TIME_OCTETS),
      order: new SharedArrayBuffer(sightings * TIME_OCTETS),
      kept: new SharedArrayBuffer(KEPT_OCTETS),
    };
  }

  /** Corrects the times by the clock of the node where they were taken. */
  correct({ rate, offset }: Pick<Clock, 'rate' | 'offset'>): void {
    const { times, order, count } = this;
    for (let i = 0; i < count; i++) {
      times[i] = times[i]! * rate - offset;
      order[i] = order[i]! * rate - offset;
    }
  }

  clear(): void {
    this.count = 0;
    this.keptLength = 0;
  }

  get isFull(): boolean {
    return this.count === this.times.length || this.keptLength > KEPT_OCTETS / 2;
  }

  /** Decodes the kept frame of a sighting; false when it was not kept. */
  decode(view: PacketView, index: number): boolean {
    const row = index << SHIFT;
    const at = this.rows[row + KEPT_AT]!;
    if (at < 0) return false;
    const length = this.rows[row + KEPT_LENGTH]!;
    // A copy, since not everything reads shared memory
    const octets = this.kept.slice(at, at + length);
    const originalLength = this.rows[row + ORIGINAL_LENGTH]!;
    const linkType = this.rows[row + LINK_TYPE]!;
    view.decodeFrame(octets, new DataView(octets.buffer), 0, length, originalLength, linkType);
    return true;
  }
}

/** Reads decoded packets into batches of sightings. */
export class SightingReader {
  readonly #addresses: AddressTable;
  readonly #tunnels: TunnelReader;
  readonly #keyOctets: number;
  readonly #questions = new Set<number>();

  /** @param addresses as the first reading found them @param keyOctets of the L4 part, that all captures of the run kept */
  constructor(addresses: AddressTable, tunnels: TunnelTable, keyOctets: number) {
    this.#addresses = addresses;
    this.#tunnels = new TunnelReader(addresses, tunnels);
    this.#keyOctets = keyOctets;
  }

  /** Appends a unicast IP packet, of which the batch has the time already: handed on it would be an object for every packet. */
  add(
    batch: SightingBatch,
    packet: PacketView,
    frame: number,
    seconds: number,
    nanoseconds: number,
    interfaceId: number,
  ): void {
    const { view, ipAt, ipVersion } = packet;
    const addresses = this.#addresses;
    const rows = batch.rows;
    const row = batch.count++ << SHIFT;
    const kind = packet.l4Kind;
    const payloadLength = packet.payloadLength;
    packetKeys(packet, this.#keyOctets);
    rows[row + EXACT_LOW] = exactLow;
    rows[row + EXACT_HIGH] = exactHigh;
    rows[row + INVARIANT_LOW] = invariantLow;
    rows[row + INVARIANT_HIGH] = invariantHigh;
    rows[row + SRC] = sourceId(view, ipAt, ipVersion, addresses);
    rows[row + DST] = destinationId(view, ipAt, ipVersion, addresses);
    rows[row + PROTOCOL] = packet.protocol;
    rows[row + IP_ID] = ipIdentity(packet) & 0xffff;
    rows[row + FRAGMENT_OFFSET] = packet.fragmentOffset;
    rows[row + L4_LENGTH] = packet.l4Length;
    rows[row + PAYLOAD_LENGTH] = payloadLength;
    rows[row + FRAME] = frame;
    rows[row + SECONDS] = seconds;
    rows[row + NANOSECONDS] = nanoseconds;
    rows[row + INTERFACE] = interfaceId;
    rows[row + INTERFACE_INDEX] = packet.interfaceIndex;
    rows[row + KEPT_AT] = -1;
    let flags = (kind << KIND) | ipVersion | (packet.moreFragments === 0 ? 0 : MORE_FRAGMENTS);
    let sourcePort = -1;
    let destinationPort = -1;
    let a = 0;
    let b = 0;
    let c = 0;
    let name = 0;
    const at = packet.l4At;
    if (kind === KIND_TCP) {
      sourcePort = view.getUint16(at);
      destinationPort = view.getUint16(at + 2);
      a = tcpSeq(view, at) | 0;
      b = tcpAck(view, at) | 0;
      c = tcpFlags(view, at);
      if ((c & TCP_SYN) !== 0) name = synTimestamp(packet);
    } else if (kind === KIND_UDP) {
      sourcePort = view.getUint16(at);
      destinationPort = view.getUint16(at + 2);
      const { dnsAt } = packet;
      if (dnsAt >= 0 && packet.frameEnd - dnsAt >= DNS_LEAST) {
        flags |= FLAG_DNS;
        a = dnsId(view, dnsAt);
        b = dnsFlags(view, dnsAt);
        const end = packet.payloadEnd;
        if (end - dnsAt >= DNS_HEADER_LENGTH) name = dnsQuestionHash(view, dnsAt, end);
        if (name !== 0) {
          c = dnsQuestionType(view, dnsAt, end);
          if (!this.#questions.has(name) && this.#questions.size < QUESTIONS && keep(batch, row, packet))
            this.#questions.add(name);
        }
      }
    } else if (kind === KIND_ICMP) {
      a = (icmpType(view, at) << 8) | icmpCode(view, at);
      b = icmpId(view, at);
      c = icmpSeq(view, at);
      if (icmpIsError(view, at) && keep(batch, row, packet)) flags |= FLAG_ICMP_ERROR;
    } else if (kind === KIND_ICMPV6) {
      a = (icmpv6Type(view, at) << 8) | icmpv6Code(view, at);
      b = icmpv6Id(view, at);
      c = icmpv6Seq(view, at);
      if (icmpv6IsError(view, at) && keep(batch, row, packet)) flags |= FLAG_ICMP_ERROR;
    } else if (packet.protocol === TCP && packet.fragmentOffset === 0) {
      // What the beginning of a TCP header tells: only a SYN acknowledges nothing and has options.
      const octets = packet.ipEnd - at;
      if (at >= 0 && octets >= 8) {
        sourcePort = view.getUint16(at);
        destinationPort = view.getUint16(at + 2);
        a = view.getInt32(at + 4);
        if (octets >= 12) {
          b = view.getInt32(at + 8);
          if (b === 0 && packet.l4Length > TCP_HEADER_LENGTH) c = TCP_SYN;
        }
      }
    }
    rows[row + SOURCE_PORT] = sourcePort;
    rows[row + DESTINATION_PORT] = destinationPort;
    rows[row + A] = a;
    rows[row + B] = b;
    rows[row + C] = c;
    rows[row + NAME] = name;
    rows[row + FLAGS] = flags;
    let burst = 0;
    if (mayHavePieces(kind, payloadLength, packet.l4Length, packet.fragmentOffset, packet.moreFragments)) {
      const timestampsAt =
        kind === KIND_TCP && this.#keyOctets >= TIMESTAMPS_END && packet.ipEnd - at >= TIMESTAMPS_END
          ? tcpTimestampsAt(view, at, packet.ipEnd)
          : -1;
      burstKeyOf(packet, timestampsAt < 0 ? -1 : timestampsAt + 2);
      burst = burstKey || 1;
    }
    rows[row + BURST] = burst;
    let ttls = hopsLeft(view, ipAt, ipVersion);
    let tunnel = 0;
    const { outerIpAt } = packet;
    if (outerIpAt >= 0) {
      const udpAt = packet.outerUdpAt;
      ttls |= hopsLeft(view, outerIpAt, packet.outerIpVersion) << 8;
      if (udpAt >= 0) ttls |= view.getUint16(udpAt) << 16;
      tunnel = this.#tunnels.numberOf(packet);
    }
    rows[row + TTLS] = ttls;
    rows[row + TUNNEL] = tunnel;
  }
}

/** Timestamp of a SYN, the one that a SYN,ACK echoes, 0 where there is none. */
function synTimestamp({ view, l4At, ipEnd }: PacketView): number {
  const at = tcpTimestampsAt(view, l4At, ipEnd);
  if (at < 0) return 0;
  const isAnswer = (tcpFlags(view, l4At) & TCP_ACK) !== 0;
  return (isAnswer ? tcpTimestampEcho(view, at) : tcpTimestampValue(view, at)) | 0;
}

/** Segments with payload, and packets that are or may become fragments. */
export function mayHavePieces(
  kind: number,
  payloadLength: number,
  l4Length: number,
  fragmentOffset: number,
  moreFragments: number,
): boolean {
  if (fragmentOffset > 0 || moreFragments !== 0) return true;
  if (kind === KIND_TCP) return payloadLength > 0;
  return l4Length > 1200;
}

/** Keeps the octets of a frame with its sighting; false when there is no room. */
function keep(batch: SightingBatch, row: number, packet: PacketView): boolean {
  const at = batch.keptLength;
  const length = Math.min(packet.frameEnd - packet.frameAt, KEPT_OCTETS - at);
  if (length <= 0) return false;
  batch.kept.set(packet.octets.subarray(packet.frameAt, packet.frameAt + length), at);
  batch.keptLength += length;
  const { rows } = batch;
  rows[row + KEPT_AT] = at;
  rows[row + KEPT_LENGTH] = length;
  rows[row + ORIGINAL_LENGTH] = packet.originalLength;
  rows[row + LINK_TYPE] = packet.linkType;
  return true;
}
