import type { AddressTable } from '../net/address-table.js';
import { destinationId, hopsLeft, sourceId } from '../net/packet-addresses.js';
import { DNS_HEADER_LENGTH, dnsFlags, dnsId, dnsQuestionHash, dnsQuestionType } from '../wire/dns.js';
import { icmpCode, icmpId, icmpIsError, icmpSeq, icmpType } from '../wire/icmp.js';
import { icmpv6Code, icmpv6Id, icmpv6IsError, icmpv6Seq, icmpv6Type } from '../wire/icmpv6.js';
import { Layer } from '../wire/layers.js';
import { PacketView } from '../wire/packet.js';
import { tcpAck, tcpFlags, tcpSeq, tcpTimestampsAt } from '../wire/tcp.js';
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
import { Row, ROW_SHIFT, RowFlag } from './row.js';
import type { TunnelTable } from './sightings.js';

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

const SHIFT = ROW_SHIFT;
const MORE_FRAGMENTS = RowFlag.MORE_FRAGMENTS;
const KIND_TCP = Layer.TCP;
const KIND_UDP = Layer.UDP;
const KIND_ICMP = Layer.ICMP;
const KIND_ICMPV6 = Layer.ICMPV6;

/** The memory of a batch. */
export interface BatchMemory {
  readonly rows: ArrayBufferLike;
  readonly times: ArrayBufferLike;
  readonly kept: ArrayBufferLike;
}

const ROWS_OCTETS = (BATCH_SIGHTINGS << SHIFT) * Int32Array.BYTES_PER_ELEMENT;
const TIMES_OCTETS = BATCH_SIGHTINGS * Float64Array.BYTES_PER_ELEMENT;

function ownMemory(): BatchMemory {
  return {
    rows: new ArrayBuffer(ROWS_OCTETS),
    times: new ArrayBuffer(TIMES_OCTETS),
    kept: new ArrayBuffer(KEPT_OCTETS),
  };
}

/** Consecutive sightings of one capture, as rows. */
export class SightingBatch {
  readonly rows: Int32Array;
  /** Corrected times, nanoseconds relative to the base. */
  readonly times: Float64Array;
  /** Octets of frames that are looked at again: those of ICMP errors, and of the first packet with a DNS question. */
  readonly kept: Uint8Array;
  count = 0;
  keptLength = 0;

  constructor(memory: BatchMemory = ownMemory()) {
    this.rows = new Int32Array(memory.rows);
    this.times = new Float64Array(memory.times);
    this.kept = new Uint8Array(memory.kept);
  }

  /** Memory that two threads can see. */
  static sharedMemory(): BatchMemory {
    return {
      rows: new SharedArrayBuffer(ROWS_OCTETS),
      times: new SharedArrayBuffer(TIMES_OCTETS),
      kept: new SharedArrayBuffer(KEPT_OCTETS),
    };
  }

  clear(): void {
    this.count = 0;
    this.keptLength = 0;
  }

  get isFull(): boolean {
    return this.count === BATCH_SIGHTINGS || this.keptLength > KEPT_OCTETS / 2;
  }

  /** Decodes the kept frame of a sighting; false when it was not kept. */
  decode(view: PacketView, index: number): boolean {
    const row = index << SHIFT;
    const at = this.rows[row + Row.KEPT_AT]!;
    if (at < 0) return false;
    const length = this.rows[row + Row.KEPT_LENGTH]!;
    // A copy, since not everything reads shared memory
    const octets = this.kept.slice(at, at + length);
    const originalLength = this.rows[row + Row.ORIGINAL_LENGTH]!;
    const linkType = this.rows[row + Row.LINK_TYPE]!;
    view.decodeFrame(octets, new DataView(octets.buffer), 0, length, originalLength, linkType);
    return true;
  }
}

/** Reads decoded packets into batches of sightings. */
export class SightingReader {
  readonly #addresses: AddressTable;
  readonly #tunnels: TunnelTable;
  readonly #keyOctets: number;
  readonly #questions = new Set<number>();

  /** @param addresses as the first reading found them @param keyOctets of the L4 part, that all captures of the run kept */
  constructor(addresses: AddressTable, tunnels: TunnelTable, keyOctets: number) {
    this.#addresses = addresses;
    this.#tunnels = tunnels;
    this.#keyOctets = keyOctets;
  }

  /** Appends a unicast IP packet. `time`: corrected, nanoseconds relative to the base. */
  add(
    batch: SightingBatch,
    packet: PacketView,
    frame: number,
    seconds: number,
    nanoseconds: number,
    interfaceId: number,
    time: number,
  ): void {
    const { view, ipAt, ipVersion } = packet;
    const addresses = this.#addresses;
    const rows = batch.rows;
    const row = batch.count << SHIFT;
    batch.times[batch.count++] = time;
    const kind = packet.l4Kind;
    const payloadLength = packet.payloadLength;
    packetKeys(packet, this.#keyOctets);
    rows[row + Row.EXACT_LOW] = exactLow;
    rows[row + Row.EXACT_HIGH] = exactHigh;
    rows[row + Row.INVARIANT_LOW] = invariantLow;
    rows[row + Row.INVARIANT_HIGH] = invariantHigh;
    rows[row + Row.SRC] = sourceId(view, ipAt, ipVersion, addresses);
    rows[row + Row.DST] = destinationId(view, ipAt, ipVersion, addresses);
    rows[row + Row.PROTOCOL] = packet.protocol;
    rows[row + Row.KIND] = kind;
    rows[row + Row.IP_ID] = ipIdentity(packet) & 0xffff;
    rows[row + Row.FRAGMENT_OFFSET] = packet.fragmentOffset;
    rows[row + Row.L4_LENGTH] = packet.l4Length;
    rows[row + Row.PAYLOAD_LENGTH] = payloadLength;
    rows[row + Row.FRAME] = frame;
    rows[row + Row.SECONDS] = seconds;
    rows[row + Row.NANOSECONDS] = nanoseconds;
    rows[row + Row.INTERFACE] = interfaceId;
    rows[row + Row.INTERFACE_INDEX] = packet.interfaceIndex;
    rows[row + Row.KEPT_AT] = -1;
    let flags = ipVersion | (packet.moreFragments === 0 ? 0 : MORE_FRAGMENTS);
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
    } else if (kind === KIND_UDP) {
      sourcePort = view.getUint16(at);
      destinationPort = view.getUint16(at + 2);
      const { dnsAt } = packet;
      if (dnsAt >= 0 && packet.frameEnd - dnsAt >= DNS_LEAST) {
        flags |= RowFlag.DNS;
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
      if (icmpIsError(view, at) && keep(batch, row, packet)) flags |= RowFlag.ICMP_ERROR;
    } else if (kind === KIND_ICMPV6) {
      a = (icmpv6Type(view, at) << 8) | icmpv6Code(view, at);
      b = icmpv6Id(view, at);
      c = icmpv6Seq(view, at);
      if (icmpv6IsError(view, at) && keep(batch, row, packet)) flags |= RowFlag.ICMP_ERROR;
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
    rows[row + Row.SOURCE_PORT] = sourcePort;
    rows[row + Row.DESTINATION_PORT] = destinationPort;
    rows[row + Row.A] = a;
    rows[row + Row.B] = b;
    rows[row + Row.C] = c;
    rows[row + Row.NAME] = name;
    rows[row + Row.FLAGS] = flags;
    let burst = 0;
    if (mayHavePieces(kind, payloadLength, packet.l4Length, packet.fragmentOffset, packet.moreFragments)) {
      const timestampsAt =
        kind === KIND_TCP && this.#keyOctets >= TIMESTAMPS_END && packet.ipEnd - at >= TIMESTAMPS_END
          ? tcpTimestampsAt(view, at, packet.ipEnd)
          : -1;
      burstKeyOf(packet, timestampsAt < 0 ? -1 : timestampsAt + 2);
      burst = burstKey || 1;
    }
    rows[row + Row.BURST] = burst;
    let ttls = hopsLeft(view, ipAt, ipVersion);
    let tunnel = 0;
    const { outerIpAt } = packet;
    if (outerIpAt >= 0) {
      const udpAt = packet.outerUdpAt;
      ttls |= hopsLeft(view, outerIpAt, packet.outerIpVersion) << 8;
      tunnel = this.#tunnels.idOf(
        packet.tunnelKind,
        sourceId(view, outerIpAt, packet.outerIpVersion, addresses),
        destinationId(view, outerIpAt, packet.outerIpVersion, addresses),
        udpAt < 0 ? 0 : view.getUint16(udpAt),
        udpAt < 0 ? 0 : view.getUint16(udpAt + 2),
        packet.tunnelId,
      );
    }
    rows[row + Row.TTLS] = ttls;
    rows[row + Row.TUNNEL] = tunnel;
  }
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
  rows[row + Row.KEPT_AT] = at;
  rows[row + Row.KEPT_LENGTH] = length;
  rows[row + Row.ORIGINAL_LENGTH] = packet.originalLength;
  rows[row + Row.LINK_TYPE] = packet.linkType;
  return true;
}
