/** The packet as plain objects, for programs that prefer convenience to speed. PacketView's getters call these. */
import { arpOperation, arpSenderIpAt, arpSenderMacAt, arpTargetIpAt, arpTargetMacAt } from './arp.js';
import { formatIpv4, formatIpv6, formatMac } from './format.js';
import { icmpCode, icmpGatewayAt, icmpId, icmpIsEcho, icmpMtu, icmpSeq, icmpType } from './icmp.js';
import { icmpv6Code, icmpv6Id, icmpv6IsEcho, icmpv6Mtu, icmpv6Seq, icmpv6Type } from './icmpv6.js';
import { ipv4DontFragment, ipv4DstAt, ipv4Id, ipv4SrcAt, ipv4Tos, ipv4Ttl } from './ipv4.js';
import { ipv6DstAt, ipv6FragmentId, ipv6HopLimit, ipv6SrcAt, ipv6TrafficClass } from './ipv6.js';
import { LAYER_NAMES, Layer, type LayerName } from './layers.js';
import type { PacketView } from './packet.js';
import { PROBLEMS, type ProblemCode } from './problems.js';
import { tcpAck, tcpDstPort, tcpFlags, tcpSeq, tcpSrcPort, tcpWindow } from './tcp.js';
import { udpDstPort, udpSrcPort } from './udp.js';
import { undecodedName } from './undecoded.js';
import { vxlanFlags, vxlanVni } from './vxlan.js';

export interface IpObject {
  readonly version: 4 | 6;
  readonly src: string;
  readonly dst: string;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** Identification; null in IPv6 without a fragment header. */
  readonly id: number | null;
  /** ToS octet or traffic class. */
  readonly tos: number;
  /** After extension headers; null when the capture ends within them. */
  readonly protocol: number | null;
  /** Octets of header and payload, as announced. */
  readonly length: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** Octets. */
  readonly fragmentOffset: number;
}

export interface TcpObject {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly seq: number;
  /** Acknowledgment number. */
  readonly ack: number;
  /** All twelve, as in TcpFlag. */
  readonly flags: number;
  readonly fin: boolean;
  readonly syn: boolean;
  readonly rst: boolean;
  readonly psh: boolean;
  /** The ACK flag. */
  readonly acks: boolean;
  /** As sent, not scaled. */
  readonly window: number;
  /** Octets, as announced. */
  readonly payloadLength: number;
}

export interface UdpObject {
  readonly srcPort: number;
  readonly dstPort: number;
  /** Octets, as announced. */
  readonly payloadLength: number;
}

/** ICMP and ICMPv6 messages. */
export interface IcmpObject {
  readonly version: 4 | 6;
  readonly type: number;
  readonly code: number;
  /** Of an echo request or reply. */
  readonly id: number | null;
  readonly seq: number | null;
  /** Of "fragmentation needed" and "packet too big". */
  readonly mtu: number | null;
  /** Of a redirect. */
  readonly gateway: string | null;
  /** The packet that an error quotes. */
  readonly quoted: QuotedObject | null;
}

export interface QuotedObject {
  readonly src: string;
  readonly dst: string;
  readonly protocol: number | null;
  /** Of TCP and UDP. */
  readonly srcPort: number | null;
  readonly dstPort: number | null;
}

export interface ArpObject {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

export interface VxlanObject {
  readonly vni: number;
  readonly flags: number;
}

/** What carries the innermost packet. */
export interface TunnelObject {
  /** `ip` where an IP header follows another. */
  readonly kind: LayerName;
  /** VNI or GRE key. */
  readonly id: number | null;
  readonly src: string;
  readonly dst: string;
  /** Of a tunnel over UDP. */
  readonly srcPort: number | null;
  readonly dstPort: number | null;
  /** Tunnels around the packet, this one included. */
  readonly depth: number;
  /** Recognised by its octets, not by its port. */
  readonly byContent: boolean;
}

export interface ProblemObject {
  readonly code: ProblemCode;
  /** Offset in the frame, from 0. */
  readonly at: number;
}

function src(view: DataView, at: number, version: number): string {
  return version === 4 ? formatIpv4(view, ipv4SrcAt(at)) : formatIpv6(view, ipv6SrcAt(at));
}

function dst(view: DataView, at: number, version: number): string {
  return version === 4 ? formatIpv4(view, ipv4DstAt(at)) : formatIpv6(view, ipv6DstAt(at));
}

export function ipObject(packet: PacketView): IpObject | null {
  const { view, ipAt, ipVersion } = packet;
  if (ipAt < 0) return null;
  const fields = {
    src: src(view, ipAt, ipVersion),
    dst: dst(view, ipAt, ipVersion),
    protocol: packet.protocol < 0 ? null : packet.protocol,
    length: packet.ipLength,
    moreFragments: packet.moreFragments !== 0,
    fragmentOffset: packet.fragmentOffset,
  };
  if (ipVersion === 4) {
    return {
      ...fields,
      version: 4,
      ttl: ipv4Ttl(view, ipAt),
      id: ipv4Id(view, ipAt),
      tos: ipv4Tos(view, ipAt),
      dontFragment: ipv4DontFragment(view, ipAt),
    };
  }
  return {
    ...fields,
    version: 6,
    ttl: ipv6HopLimit(view, ipAt),
    id: packet.fragmentAt < 0 ? null : ipv6FragmentId(view, packet.fragmentAt),
    tos: ipv6TrafficClass(view, ipAt),
    // RFC 8200 section 4.5: only a source may fragment
    dontFragment: true,
  };
}

export function tcpObject(packet: PacketView): TcpObject | null {
  if (packet.l4Kind !== Layer.TCP) return null;
  const { view, l4At } = packet;
  const flags = tcpFlags(view, l4At);
  return {
    srcPort: tcpSrcPort(view, l4At),
    dstPort: tcpDstPort(view, l4At),
    seq: tcpSeq(view, l4At),
    ack: tcpAck(view, l4At),
    flags,
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    rst: (flags & 4) !== 0,
    psh: (flags & 8) !== 0,
    acks: (flags & 16) !== 0,
    window: tcpWindow(view, l4At),
    payloadLength: packet.payloadLength,
  };
}

export function udpObject(packet: PacketView): UdpObject | null {
  if (packet.l4Kind !== Layer.UDP) return null;
  const { view, l4At, payloadLength } = packet;
  return { srcPort: udpSrcPort(view, l4At), dstPort: udpDstPort(view, l4At), payloadLength };
}

export function icmpObject(packet: PacketView): IcmpObject | null {
  const { view, l4At } = packet;
  const quoted = quotedObject(packet);
  if (packet.l4Kind === Layer.ICMP) {
    const type = icmpType(view, l4At);
    const code = icmpCode(view, l4At);
    const echo = icmpIsEcho(view, l4At);
    return {
      version: 4,
      type,
      code,
      id: echo ? icmpId(view, l4At) : null,
      seq: echo ? icmpSeq(view, l4At) : null,
      mtu: type === 3 && code === 4 ? icmpMtu(view, l4At) : null,
      gateway: type === 5 ? formatIpv4(view, icmpGatewayAt(l4At)) : null,
      quoted,
    };
  }
  if (packet.l4Kind !== Layer.ICMPV6) return null;
  const type = icmpv6Type(view, l4At);
  const echo = icmpv6IsEcho(view, l4At);
  return {
    version: 6,
    type,
    code: icmpv6Code(view, l4At),
    id: echo ? icmpv6Id(view, l4At) : null,
    seq: echo ? icmpv6Seq(view, l4At) : null,
    mtu: type === 2 ? icmpv6Mtu(view, l4At) : null,
    gateway: null,
    quoted,
  };
}

function quotedObject(packet: PacketView): QuotedObject | null {
  const { view, quotedIpAt, quotedIpVersion, quotedProtocol, quotedL4At } = packet;
  if (quotedIpAt < 0) return null;
  const hasPorts = quotedL4At >= 0 && (quotedProtocol === 6 || quotedProtocol === 17);
  return {
    src: src(view, quotedIpAt, quotedIpVersion),
    dst: dst(view, quotedIpAt, quotedIpVersion),
    protocol: quotedProtocol < 0 ? null : quotedProtocol,
    srcPort: hasPorts ? udpSrcPort(view, quotedL4At) : null,
    dstPort: hasPorts ? udpDstPort(view, quotedL4At) : null,
  };
}

export function arpObject(packet: PacketView): ArpObject | null {
  const { view, arpAt } = packet;
  if (arpAt < 0) return null;
  return {
    operation: arpOperation(view, arpAt),
    senderMac: formatMac(view, arpSenderMacAt(arpAt)),
    senderIp: formatIpv4(view, arpSenderIpAt(arpAt)),
    targetMac: formatMac(view, arpTargetMacAt(arpAt)),
    targetIp: formatIpv4(view, arpTargetIpAt(arpAt)),
  };
}

export function vxlanObject(packet: PacketView): VxlanObject | null {
  const { view, tunnelAt } = packet;
  if (packet.tunnelKind !== Layer.VXLAN) return null;
  return { vni: vxlanVni(view, tunnelAt), flags: vxlanFlags(view, tunnelAt) };
}

export function tunnelObject(packet: PacketView): TunnelObject | null {
  const { view, tunnelKind, outerIpAt, outerIpVersion, outerUdpAt } = packet;
  const kind = LAYER_NAMES[tunnelKind];
  if (kind === undefined) return null;
  return {
    kind,
    id: packet.tunnelId < 0 ? null : packet.tunnelId,
    src: src(view, outerIpAt, outerIpVersion),
    dst: dst(view, outerIpAt, outerIpVersion),
    srcPort: outerUdpAt < 0 ? null : udpSrcPort(view, outerUdpAt),
    dstPort: outerUdpAt < 0 ? null : udpDstPort(view, outerUdpAt),
    depth: packet.tunnelDepth,
    byContent: packet.tunnelByContent !== 0,
  };
}

export function layerNames(packet: PacketView): LayerName[] {
  return Array.from(packet.layerKinds.subarray(0, packet.layerCount), (kind) => LAYER_NAMES[kind]!);
}

/** frame.protocols: the names of the layers, with that of an undecoded one where there is a name for it. */
export function protocolsText(packet: PacketView): string {
  return layerNames(packet)
    .map((name) => (name === 'unknown' ? undecodedName(packet.undecoded) : name))
    .join(':');
}

export function problemObjects(packet: PacketView): ProblemObject[] {
  return Array.from(packet.problemCodes.subarray(0, packet.problemCount), (code, index) => ({
    code: PROBLEMS[code]!,
    at: packet.problemAts[index]!,
  }));
}
