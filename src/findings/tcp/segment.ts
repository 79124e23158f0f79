import type { AddressTable } from '../../net/address-table.js';
import { destinationId, hopsLeft, sourceId } from '../../net/packet-addresses.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { ethernetSrcAt } from '../../wire/ethernet.js';
import { ipv4DontFragment, ipv4Id } from '../../wire/ipv4.js';
import { Layer } from '../../wire/layers.js';
import type { PacketView } from '../../wire/packet.js';
import {
  TcpFlag,
  tcpAck,
  tcpDstPort,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
  tcpSrcPort,
  tcpTimestampsAt,
  tcpWindow,
} from '../../wire/tcp.js';

/** A TCP segment at one point: the fields that tell who made it, and why. */
export interface Segment {
  readonly kept: KeptFrame;
  /** Nanoseconds since the first second of the frames kept, by the file's own clock. */
  readonly time: number;
  readonly src: number;
  readonly dst: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly ipVersion: number;
  readonly ttl: number;
  /** -1 for IPv6, which has none. */
  readonly ipId: number;
  readonly dontFragment: boolean;
  /** Unsigned, as are acknowledgements. */
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  /** Not scaled. */
  readonly window: number;
  /** Octets of the TCP header. */
  readonly headerLength: number;
  readonly payloadLength: number;
  readonly timestamps: boolean;
  /** Source of the innermost Ethernet header; -1 where there is none. */
  readonly mac: number;
  readonly tunnelled: boolean;
  /** TTLs of the same octets recorded again here within a millisecond: bridges, `-i any`. */
  readonly copies: number[];
}

/** From whom to whom a segment is. */
export function socketsOf(
  { view, ipAt, ipVersion, l4At }: PacketView,
  addresses: AddressTable,
): Pick<Segment, 'src' | 'dst' | 'sourcePort' | 'destinationPort'> {
  return {
    src: sourceId(view, ipAt, ipVersion, addresses),
    dst: destinationId(view, ipAt, ipVersion, addresses),
    sourcePort: tcpSrcPort(view, l4At),
    destinationPort: tcpDstPort(view, l4At),
  };
}

/** The segment in a decoded frame, or null where there is none. */
export function segmentOf(
  packet: PacketView,
  kept: KeptFrame,
  baseSecond: number,
  addresses: AddressTable,
): Segment | null {
  if (packet.l4Kind !== Layer.TCP) return null;
  const { view, ipAt, l4At, ethAt, ipVersion } = packet;
  const macAt = ethAt < 0 ? -1 : ethernetSrcAt(ethAt);
  return {
    kept,
    time: (kept.seconds - baseSecond) * 1e9 + kept.nanoseconds,
    ...socketsOf(packet, addresses),
    ipVersion,
    ttl: hopsLeft(view, ipAt, ipVersion),
    ipId: ipVersion === 4 ? ipv4Id(view, ipAt) : -1,
    dontFragment: ipVersion === 4 && ipv4DontFragment(view, ipAt),
    seq: tcpSeq(view, l4At),
    ack: tcpAck(view, l4At),
    flags: tcpFlags(view, l4At),
    window: tcpWindow(view, l4At),
    headerLength: tcpHeaderLength(view, l4At),
    payloadLength: packet.payloadLength,
    timestamps: tcpTimestampsAt(view, l4At, Math.min(packet.frameEnd, packet.ipEnd)) >= 0,
    mac: macAt < 0 ? -1 : view.getUint16(macAt) * 0x100000000 + view.getUint32(macAt + 2),
    tunnelled: packet.tunnelDepth > 0,
    copies: [],
  };
}

/** TTLs of packets that have passed no hop: Linux and BSD 64, Windows 128, routers 255. */
export const INITIAL_TTLS: ReadonlySet<number> = new Set([64, 128, 255]);

export function has(segment: Pick<Segment, 'flags'>, flag: number): boolean {
  return (segment.flags & flag) !== 0;
}

/** A SYN that opens a connection. */
export function isSyn({ flags }: Pick<Segment, 'flags'>): boolean {
  return (flags & (TcpFlag.SYN | TcpFlag.ACK)) === TcpFlag.SYN;
}

export function isSynAck({ flags }: Pick<Segment, 'flags'>): boolean {
  return (flags & (TcpFlag.SYN | TcpFlag.ACK)) === (TcpFlag.SYN | TcpFlag.ACK);
}

/** The sequence number after the segment; SYN and FIN take one each. */
export function endOf({ seq, payloadLength, flags }: Pick<Segment, 'seq' | 'payloadLength' | 'flags'>): number {
  const marks = ((flags & TcpFlag.SYN) !== 0 ? 1 : 0) + ((flags & TcpFlag.FIN) !== 0 ? 1 : 0);
  return (seq + payloadLength + marks) >>> 0;
}

/** True when `value` lies from `low` to `high` in the circle of sequence numbers. */
export function isWithin(value: number, low: number, high: number): boolean {
  return (value - low) >>> 0 <= (high - low) >>> 0;
}

/** How far `a` is ahead of `b`, negative when it is behind. */
export function ahead(a: number, b: number): number {
  return (a - b) | 0;
}

export function macText(mac: number): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');
}
