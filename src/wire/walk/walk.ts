/**
 * Walks the layers of a frame and keeps where they are in a view.
 *
 * What is listed, and when. A layer is listed when its fixed header was captured and passes its check. Octets that the capture
 * cut away (`cut` is 1) end the walk without a problem; octets that never were on the link are a problem. So decoding the first
 * octets of a frame gives the first of its layers, and each field is either what the whole frame gives or absent; a tunnel whose
 * header was cut away leaves its carrier as the packet.
 *
 * A header whose own length is impossible is not listed. A length that reaches beyond the link is a problem of a listed header,
 * and what is there is still decoded.
 */
import { arpIsEthernetIpv4, checkArp } from '../arp.js';
import { EthernetHeader } from '../ethernet.js';
import { checkIcmp, icmpIsError, icmpQuotedAt, icmpQuotedEnd } from '../icmp.js';
import { checkIcmpv6, icmpv6IsError, icmpv6QuotedAt, icmpv6QuotedEnd } from '../icmpv6.js';
import { checkIpv4, Ipv4Header } from '../ipv4.js';
import { checkIpv6 } from '../ipv6.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { problemNumber } from '../problems.js';
import { checkTcp, tcpBadOptionAt, TcpHeader } from '../tcp.js';
import { UdpHeader } from '../udp.js';
import { checkVlan, vlanType } from '../vlan.js';
import { VxlanHeader } from '../vxlan.js';
import { readIpv6 } from './ipv6.js';
import { layerOfProtocol, layerOfType } from './next-layer.js';
import { LEVEL_LAYERS, listLayer, MAX_LAYERS, nameLayer, refuse, report } from './note.js';
import { readTcpPayload, readUdpPayload } from './payload.js';
import { readQuoted } from './quoted.js';
import { enterTunnel, readGre } from './tunnel.js';

// Own constants, not imported ones: the compiler folds only the former
const LAYERS_AT_LEVEL = MAX_LAYERS - LEVEL_LAYERS;
const ETH = Layer.ETH;
const VLAN = Layer.VLAN;
const ARP = Layer.ARP;
const IP = Layer.IP;
const IPV6 = Layer.IPV6;
const ICMP = Layer.ICMP;
const ICMPV6 = Layer.ICMPV6;
const UDP = Layer.UDP;
const TCP = Layer.TCP;
const VXLAN = Layer.VXLAN;
const GRE = Layer.GRE;

const IPV4_TOTAL_LENGTH = problemNumber('ipv4-total-length');
const ETHERNET_TRUNCATED = problemNumber('ethernet-truncated');
const UDP_TRUNCATED = problemNumber('udp-truncated');
const UDP_LENGTH = problemNumber('udp-length');
const TCP_DATA_OFFSET = problemNumber('tcp-data-offset');
const TCP_OPTION_LENGTH = problemNumber('tcp-option-length');
const NESTING_TOO_DEEP = problemNumber('nesting-too-deep');

const ETHERNET_LENGTH = 14;
const VLAN_LENGTH = 4;
const ARP_LENGTH = 28;
const IPV4_LENGTH = 20;
const IPV6_LENGTH = 40;
const ICMP_LENGTH = 8;
const UDP_HEADER_LENGTH = 8;
const TCP_LENGTH = 20;
const VXLAN_LENGTH = 8;
const ETHERNET_TYPE = EthernetHeader.offsetOf('type');
const IPV4_VERSION_IHL = Ipv4Header.offsetOf('versionIhl');
const IPV4_TOTAL_LENGTH_AT = Ipv4Header.offsetOf('totalLength');
const IPV4_FRAGMENT = Ipv4Header.offsetOf('fragment');
const IPV4_PROTOCOL = Ipv4Header.offsetOf('protocol');
const UDP_LENGTH_AT = UdpHeader.offsetOf('length');
const SRC_PORT = UdpHeader.offsetOf('srcPort');
const DST_PORT = UdpHeader.offsetOf('dstPort');
const VXLAN_FLAGS = VxlanHeader.offsetOf('flags');
const VXLAN_VNI = VxlanHeader.offsetOf('vni');
const TCP_DATA_OFFSET_AT = TcpHeader.offsetOf('dataOffset');
/** The I flag alone, and reserved bits of zero. */
const VXLAN_PLAIN = 0x08000000;
/** NOP, NOP, timestamps: what every stack sends outside a SYN (RFC 7323 appendix A). */
const TIMESTAMPS = 0x0101080a;
const TIMESTAMPS_END = 32;
const DNS_PORT = 53;
const BGP_PORT = 179;

/**
 * Each turn of the loop is one level: link, network and transport header, up to a tunnel header that leads to the next level.
 * `end`: one past the last captured octet of what encloses the next header; `announced`: one past the last octet it had on the
 * link. Both shrink inwards. What every packet in an overlay has is here, so that it is compiled as one, and is read without the
 * accessors of the protocols: with them the compiler runs out of what it inlines (55 instead of 42 ns a frame). The rest is apart.
 */
export function walk(
  packet: PacketView,
  vxlanPorts: Uint8Array,
  view: DataView,
  from: number,
  frameEnd: number,
  frameAnnounced: number,
  first: number,
): void {
  const kinds = packet.layerKinds;
  const ats = packet.layerAts;
  const ends = packet.layerEnds;
  // `| 0` tells the compiler that these stay small integers
  let count = packet.layerCount | 0;
  let at = from | 0;
  let end = frameEnd | 0;
  let announced = frameAnnounced | 0;
  let next = first | 0;
  // In the first fragment of an IP packet the lengths inside it count octets that follow in other fragments
  let fragmented = false;

  for (;;) {
    if (count > LAYERS_AT_LEVEL) {
      packet.layerCount = count;
      report(packet, NESTING_TOO_DEEP, at);
      return;
    }

    if (next === ETH) {
      if (((end - at) | 0) < ETHERNET_LENGTH) {
        refuse(packet, ETHERNET_TRUNCATED, at, ETHERNET_LENGTH, end, announced, fragmented);
        break;
      }
      kinds[count] = ETH;
      ats[count] = at;
      ends[count] = end;
      count = (count + 1) | 0;
      packet.ethAt = at;
      const type = view.getUint16((at + ETHERNET_TYPE) | 0);
      at = (at + ETHERNET_LENGTH) | 0;
      next = type === 0x0800 ? IP : layerOfType(packet, type) | 0;
    }

    if (next === VLAN) {
      packet.layerCount = count;
      next = readVlans(packet, view, at, end, announced, fragmented) | 0;
      at = (at + VLAN_LENGTH * (packet.layerCount - count)) | 0;
      count = packet.layerCount | 0;
    }

    let l4Length = 0;
    if (next === IP) {
      const versionIhl = ((end - at) | 0) < IPV4_LENGTH ? 0 : view.getUint8((at + IPV4_VERSION_IHL) | 0);
      // Version 4, and a header of five words or more
      if (versionIhl < 0x45 || versionIhl > 0x4f) {
        refuse(packet, checkIpv4(view, at, end), at, IPV4_LENGTH, end, announced, fragmented);
        break;
      }
      if (packet.ipAt >= 0) enterTunnel(packet, IP, -1, -1, 0, at);
      const headerLength = (versionIhl & 15) << 2;
      const total = view.getUint16((at + IPV4_TOTAL_LENGTH_AT) | 0);
      const sent = (announced - at) | 0;
      const length = total === 0 ? sent : total;
      if (length < headerLength || (length > sent && !fragmented)) report(packet, IPV4_TOTAL_LENGTH, at + 2);
      if (length < sent) {
        announced = (at + length) | 0;
        if (announced < end) end = announced;
      }
      kinds[count] = IP;
      ats[count] = at;
      ends[count] = end;
      count = (count + 1) | 0;
      const protocol = view.getUint8((at + IPV4_PROTOCOL) | 0);
      const fragment = view.getUint16((at + IPV4_FRAGMENT) | 0);
      packet.ipAt = at;
      packet.ipVersion = 4;
      packet.ipLength = length;
      packet.ipEnd = end;
      packet.protocol = protocol;
      packet.fragmentOffset = (fragment & 0x1fff) << 3;
      packet.moreFragments = (fragment >> 13) & 1;
      at = (at + headerLength) | 0;
      if (at > end) break;
      l4Length = (length - headerLength) | 0;
      packet.l4At = at;
      packet.l4Length = l4Length;
      if ((fragment & 0x1fff) !== 0) break;
      if ((fragment & 0x2000) !== 0) fragmented = true;
      if (protocol === 6) next = TCP;
      else if (protocol === 17) next = UDP;
      else next = layerOfProtocol(packet, protocol) | 0;
    } else if (next === IPV6) {
      const problem = checkIpv6(view, at, end);
      if (problem >= 0) {
        refuse(packet, problem, at, IPV6_LENGTH, end, announced, fragmented);
        break;
      }
      packet.layerCount = count;
      next = readIpv6(packet, view, at, end, announced, fragmented) | 0;
      count = packet.layerCount | 0;
      announced = Math.min(announced, at + packet.ipLength) | 0;
      end = packet.ipEnd | 0;
      at = packet.l4At | 0;
      l4Length = packet.l4Length | 0;
      if (packet.moreFragments !== 0) fragmented = true;
    }

    if (next === UDP) {
      if (((end - at) | 0) < UDP_HEADER_LENGTH) {
        refuse(packet, UDP_TRUNCATED, at, UDP_HEADER_LENGTH, end, announced, fragmented);
        break;
      }
      const written = view.getUint16((at + UDP_LENGTH_AT) | 0);
      const sent = (announced - at) | 0;
      const length = written === 0 ? l4Length : written;
      if (length < UDP_HEADER_LENGTH || (length > sent && !fragmented)) report(packet, UDP_LENGTH, at + 4);
      if (length < sent) {
        announced = (at + length) | 0;
        if (announced < end) end = announced;
      }
      kinds[count] = UDP;
      ats[count] = at;
      ends[count] = end;
      count = (count + 1) | 0;
      const srcPort = view.getUint16((at + SRC_PORT) | 0);
      const dstPort = view.getUint16((at + DST_PORT) | 0);
      at = (at + UDP_HEADER_LENGTH) | 0;
      packet.l4Kind = UDP;
      packet.payloadAt = at;
      packet.payloadLength = length < UDP_HEADER_LENGTH ? 0 : (length - UDP_HEADER_LENGTH) | 0;
      packet.payloadEnd = end;
      if (
        vxlanPorts[dstPort] === 1 &&
        ((end - at) | 0) >= VXLAN_LENGTH &&
        view.getInt32((at + VXLAN_FLAGS) | 0) === VXLAN_PLAIN &&
        (view.getInt32((at + VXLAN_VNI) | 0) & 0xff) === 0
      ) {
        kinds[count] = VXLAN;
        ats[count] = at;
        ends[count] = end;
        count = (count + 1) | 0;
        const inner = (at + VXLAN_LENGTH) | 0;
        enterTunnel(packet, VXLAN, at, view.getInt32((at + VXLAN_VNI) | 0) >>> 8, 0, inner);
        at = inner;
        next = ETH;
        continue;
      }
      packet.layerCount = count;
      next = readUdpPayload(packet, vxlanPorts, view, srcPort, dstPort, at, end, announced, fragmented) | 0;
      if (next < 0) return;
      at = packet.innerAt | 0;
      count = packet.layerCount | 0;
      continue;
    }

    if (next === TCP) {
      const headerLength = ((end - at) | 0) < TCP_LENGTH ? 0 : (view.getUint8((at + TCP_DATA_OFFSET_AT) | 0) >> 4) << 2;
      if (headerLength < TCP_LENGTH) {
        refuse(packet, checkTcp(view, at, end), at, TCP_LENGTH, end, announced, fragmented);
        break;
      }
      if (headerLength > announced - at && !fragmented) {
        report(packet, TCP_DATA_OFFSET, at + 12);
        break;
      }
      kinds[count] = TCP;
      ats[count] = at;
      ends[count] = end;
      count = (count + 1) | 0;
      if (
        headerLength > TCP_LENGTH &&
        !(
          headerLength === TIMESTAMPS_END &&
          ((end - at) | 0) >= TIMESTAMPS_END &&
          view.getInt32((at + TCP_LENGTH) | 0) === TIMESTAMPS
        )
      ) {
        const bad = tcpBadOptionAt(view, at, end);
        if (bad >= 0) report(packet, TCP_OPTION_LENGTH, bad);
      }
      const length = (l4Length - headerLength) | 0;
      const srcPort = view.getUint16((at + SRC_PORT) | 0);
      const dstPort = view.getUint16((at + DST_PORT) | 0);
      at = (at + headerLength) | 0;
      packet.l4Kind = TCP;
      packet.payloadAt = at;
      packet.payloadLength = length < 0 ? 0 : length;
      packet.payloadEnd = end;
      if (at < end && (dstPort === DNS_PORT || srcPort === DNS_PORT || dstPort === BGP_PORT || srcPort === BGP_PORT)) {
        packet.layerCount = count;
        readTcpPayload(packet, view, at, end, dstPort === DNS_PORT || srcPort === DNS_PORT);
        return;
      }
      break;
    }

    if (next < 0) break;
    // IP directly in IP: the next turn sees the IP header before
    if (next === IP || next === IPV6) continue;
    packet.layerCount = count;
    next = readOther(packet, view, next, at, end, announced, fragmented) | 0;
    if (next < 0) return;
    at = packet.innerAt | 0;
    count = packet.layerCount | 0;
  }
  packet.layerCount = count;
}

/** Reads VLAN tags. Returns the kind of the next layer, -1 for none. */
function readVlans(
  packet: PacketView,
  view: DataView,
  from: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  let at = from;
  let next: number = VLAN;
  while (next === VLAN) {
    const problem = checkVlan(view, at, end);
    if (problem >= 0) return refuse(packet, problem, at, VLAN_LENGTH, end, announced, fragmented);
    if (packet.layerCount > LAYERS_AT_LEVEL) return report(packet, NESTING_TOO_DEEP, at);
    listLayer(packet, VLAN, at, end);
    next = layerOfType(packet, vlanType(view, at));
    at += VLAN_LENGTH;
  }
  return next;
}

/** Reads the layers that few packets have. Returns the kind of a tunnel's first layer, else -1. */
function readOther(
  packet: PacketView,
  view: DataView,
  kind: number,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  switch (kind) {
    case ICMP: {
      const problem = checkIcmp(view, at, end);
      if (problem >= 0) return refuse(packet, problem, at, ICMP_LENGTH, end, announced, fragmented);
      readMessage(packet, ICMP, at, end);
      if (icmpIsError(view, at)) readQuoted(packet, view, icmpQuotedAt(at), icmpQuotedEnd(view, at, end));
      return -1;
    }
    case ICMPV6: {
      const problem = checkIcmpv6(view, at, end);
      if (problem >= 0) return refuse(packet, problem, at, ICMP_LENGTH, end, announced, fragmented);
      readMessage(packet, ICMPV6, at, end);
      if (icmpv6IsError(view, at)) readQuoted(packet, view, icmpv6QuotedAt(at), icmpv6QuotedEnd(view, at, end));
      return -1;
    }
    case ARP: {
      const problem = checkArp(view, at, end);
      if (problem >= 0) return refuse(packet, problem, at, ARP_LENGTH, end, announced, fragmented);
      if (!arpIsEthernetIpv4(view, at)) return nameLayer(packet, ARP, at, end);
      listLayer(packet, ARP, at, at + ARP_LENGTH);
      packet.seldomSet = true;
      packet.arpAt = at;
      return -1;
    }
    case GRE:
      return readGre(packet, view, at, end, announced, fragmented);
    default:
      return nameLayer(packet, kind, at, end);
  }
}

function readMessage(packet: PacketView, kind: number, at: number, end: number): void {
  const length = packet.l4Length - ICMP_LENGTH;
  listLayer(packet, kind, at, end);
  packet.l4Kind = kind;
  packet.payloadAt = at + ICMP_LENGTH;
  packet.payloadLength = length < 0 ? 0 : length;
  packet.payloadEnd = end;
}
