import { ipv4TotalLength } from '../wire/ipv4.js';
import { Ipv6Header, ipv6PayloadLength } from '../wire/ipv6.js';
import { Layer, LAYER_NAMES } from '../wire/layers.js';
import { messagesOf, type Message } from '../wire/messages.js';
import { problemsOf } from '../wire/packet-problems.js';
import { PacketView } from '../wire/packet.js';
import { TcpHeader, tcpHeaderLength } from '../wire/tcp.js';
import { undecodedName } from '../wire/undecoded.js';
import { putBgp } from './bgp-fields.js';
import { DNS_MESSAGE } from './dns-fields.js';
import { putHeader, type LayerTable, type Put, type Value } from './field-table.js';
import { ARP, COOKED, COOKED_2, ETHERNET, ICMP, ICMPV6, IPV4, IPV6, NULL, TCP, UDP, VLAN } from './header-fields.js';
import { GENEVE, GRE, VXLAN } from './tunnel-fields.js';

/** Where a frame comes from. */
export interface PacketMeta {
  readonly point: string;
  readonly file: string;
  /** Number in its file, from 1. */
  readonly frame: number;
  /** Seconds since the epoch. */
  readonly seconds: number;
  /** Nanoseconds within the second. */
  readonly nanoseconds: number;
  /** pcapng if_name; null where the file has none. */
  readonly interfaceName: string | null;
}

/** The headers that have a table each; DNS and BGP messages may be several in a layer and are put by functions of their own. */
const LAYER_TABLES: ReadonlyMap<number, LayerTable> = new Map([
  [Layer.ETH, ETHERNET],
  [Layer.VLAN, VLAN],
  [Layer.SLL, COOKED],
  [Layer.SLL2, COOKED_2],
  [Layer.NULL, NULL],
  [Layer.ARP, ARP],
  [Layer.IP, IPV4],
  [Layer.IPV6, IPV6],
  [Layer.ICMP, ICMP],
  [Layer.ICMPV6, ICMPV6],
  [Layer.UDP, UDP],
  [Layer.TCP, TCP],
  [Layer.VXLAN, VXLAN],
  [Layer.GENEVE, GENEVE],
  [Layer.GRE, GRE],
]);

/** Layers whose name in frame.protocols is not ours. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = { [Layer.SLL2]: 'sll', [Layer.WIREGUARD]: 'wg' };

const TCP_PROTOCOL = 6;

const L4_OF_PROTOCOL: Readonly<Record<number, number>> = {
  1: Layer.ICMP,
  6: Layer.TCP,
  17: Layer.UDP,
  58: Layer.ICMPV6,
};

/** LINKTYPE_IPV4 and LINKTYPE_IPV6: what is quoted begins with an IP header. */
const LINKTYPE_IPV4 = 228;
const LINKTYPE_IPV6 = 229;

/**
 * A frame as `packets --format ndjson -v` prints it: Wireshark's display-field names; a value that occurs in several layers
 * is an array, outermost first. `messages`: those that MessageStreams put together, where there is more than one segment to read.
 */
export function packetRow(
  packet: PacketView,
  meta: PacketMeta,
  messages: readonly Message[] = messagesOf(packet),
): Record<string, unknown> {
  const row: Record<string, unknown> = {
    point: meta.point,
    file: meta.file,
    'frame.number': meta.frame,
    'frame.time_epoch': `${meta.seconds}.${String(meta.nanoseconds).padStart(9, '0')}`,
    'frame.cap_len': packet.frameEnd - packet.frameAt,
    'frame.len': packet.originalLength,
    'frame.protocols': '',
  };
  if (meta.interfaceName !== null) row['frame.interface_name'] = meta.interfaceName;
  row['frame.protocols'] = putLayers(row, packet, messages);
  const quoted = quotedRow(packet, 0);
  if (quoted !== null) row['quoted'] = quoted;
  const problems = problemsOf(packet, messages);
  if (problems.length > 0) row['problems'] = problems;
  return row;
}

/** Puts the fields of every layer, and of the messages that do not go on, into `row`; the names of the layers, as frame.protocols. */
function putLayers(row: Record<string, unknown>, packet: PacketView, messages: readonly Message[]): string {
  const { view } = packet;
  const put: Put = (name, value) => {
    const before = row[name] as Value | Value[] | undefined;
    if (before === undefined) row[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else row[name] = [before, value];
  };
  const shown = messages.filter(({ goesOn }) => !goesOn);
  const protocols: string[] = [];
  for (let index = 0; index < packet.layerCount; index += 1) {
    const kind = packet.layerKinds[index]!;
    const name = layerName(packet, kind);
    if (name !== '' && (shown.length > 0 || !isApplication(kind))) protocols.push(name);
    const from = LAYER_TABLES.get(kind);
    if (from !== undefined) putHeader(put, from, view, packet.layerAts[index]!, packet.layerEnds[index]!, packet);
  }
  const cutKind = cutTransport(packet);
  if (cutKind !== -1) {
    protocols.push(LAYER_NAMES[cutKind]!);
    putHeader(put, LAYER_TABLES.get(cutKind)!, view, packet.l4At, cutTransportEnd(packet), packet);
  }
  for (const message of shown) {
    if (message.protocol === Layer.DNS) putHeader(put, DNS_MESSAGE, message.view, message.at, message.end, packet);
    else putBgp(put, message, packet);
    const name = LAYER_NAMES[message.protocol]!;
    if (message.spans && protocols.at(-1) !== name) protocols.push(name);
  }
  return protocols.join(':');
}

function isApplication(kind: number): boolean {
  return kind === Layer.DNS || kind === Layer.BGP;
}

/** Empty for a protocol that has only a number; Wireshark calls it `data`. */
function layerName(packet: PacketView, kind: number): string {
  if (kind !== Layer.UNKNOWN) return PROTOCOL_NAMES[kind] ?? LAYER_NAMES[kind]!;
  const name = undecodedName(packet.undecoded);
  return name.includes('-') ? '' : name;
}

/**
 * Kind of a transport header that is not whole, or no header after its ports and sequence number, of which at least the ports (or
 * type and code) are there; else -1.
 */
export function cutTransport(packet: PacketView): number {
  const kind = L4_OF_PROTOCOL[packet.protocol] ?? -1;
  if (kind === -1 || packet.l4Kind !== -1 || packet.l4At === -1 || packet.fragmentOffset !== 0) return -1;
  const captured = packet.ipEnd - packet.l4At;
  return captured >= 4 && (captured < LAYER_TABLES.get(kind)!.span || kind === Layer.TCP) ? kind : -1;
}

/** Where what can be read of a transport header ends: before a data offset that cannot be, whatever of the header was captured. */
function cutTransportEnd(packet: PacketView): number {
  const { view, l4At, l4Length, ipEnd } = packet;
  const offsetAt = l4At + TcpHeader.offsetOf('dataOffset');
  if (packet.protocol !== TCP_PROTOCOL || offsetAt >= ipEnd) return ipEnd;
  const length = tcpHeaderLength(view, l4At);
  const isBad = length < TcpHeader.span || (length > l4Length && packet.moreFragments === 0);
  return isBad ? offsetAt : ipEnd;
}

/** Views for quotations, by depth: an error about a tunnel can quote a tunnelled error. */
const quotedViews: PacketView[] = [];
const MAX_QUOTED_DEPTH = 4;

/**
 * The packet quoted in an ICMP error, decoded as what it is, a packet that was cut; null when errors quote errors beyond all
 * sense. `depth` is 0 for a frame's own error. The view is valid until the next call with this depth.
 */
export function quotedView(packet: PacketView, depth: number): PacketView | null {
  if (packet.quotedIpAt === -1 || depth >= MAX_QUOTED_DEPTH) return null;
  const quoted = (quotedViews[depth] ??= new PacketView());
  const at = packet.quotedIpAt;
  const captured = packet.quotedEnd - at;
  const isV4 = packet.quotedIpVersion === 4;
  const announced = isV4 ? ipv4TotalLength(packet.view, at) : Ipv6Header.span + ipv6PayloadLength(packet.view, at);
  const linkType = isV4 ? LINKTYPE_IPV4 : LINKTYPE_IPV6;
  quoted.decodeFrame(packet.octets, packet.view, at, captured, Math.max(announced, captured), linkType);
  return quoted;
}

/** Headers quoted in an ICMP error, under the names they have anywhere. */
function quotedRow(packet: PacketView, depth: number): Record<string, unknown> | null {
  const quoted = quotedView(packet, depth);
  if (quoted === null) return null;
  const row: Record<string, unknown> = { 'frame.protocols': '' };
  row['frame.protocols'] = putLayers(row, quoted, messagesOf(quoted));
  const deeper = quotedRow(quoted, depth + 1);
  if (deeper !== null) row['quoted'] = deeper;
  return row;
}
