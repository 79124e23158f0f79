/** Fields of link, network, transport and tunnel headers for the verbose view. */
import { bit, flag, hexText, ipv4, ipv6, mac, putHeader, table, when, type Entry, type Put } from './field-table.js';
import type { PacketView } from '../wire/packet.js';
import {
  arpIsEthernetIpv4,
  arpOperation,
  ArpPacket,
  arpSenderIpAt,
  arpSenderMacAt,
  arpTargetIpAt,
  arpTargetMacAt,
} from '../wire/arp.js';
import {
  cooked2AddressAt,
  cooked2AddressLength,
  cooked2HardwareType,
  Cooked2Header,
  cooked2InterfaceIndex,
  cooked2PacketType,
  cooked2Protocol,
  cookedAddressAt,
  cookedAddressLength,
  cookedHardwareType,
  CookedHeader,
  cookedPacketType,
  cookedProtocol,
} from '../wire/cooked.js';
import { ethernetDstAt, EthernetHeader, ethernetSrcAt, ethernetType } from '../wire/ethernet.js';
import { formatIpv6, formatMac } from '../wire/format.js';
import {
  icmpChecksum,
  icmpCode,
  icmpGatewayAt,
  IcmpHeader,
  icmpHasId,
  icmpHasSeq,
  icmpId,
  icmpMtu,
  icmpSeq,
  icmpType,
  IcmpType,
} from '../wire/icmp.js';
import {
  icmpv6Checksum,
  icmpv6Code,
  Icmpv6Header,
  icmpv6Id,
  icmpv6IsEcho,
  icmpv6Mtu,
  icmpv6Seq,
  icmpv6Type,
  Icmpv6Type,
  neighborMacAt,
  neighborTargetAt,
} from '../wire/icmpv6.js';
import {
  ipv4Checksum,
  ipv4DontFragment,
  ipv4DstAt,
  ipv4Fragment,
  ipv4FragmentOffset,
  Ipv4Header,
  ipv4HeaderLength,
  ipv4Id,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4SrcAt,
  ipv4Tos,
  ipv4TotalLength,
  ipv4Ttl,
} from '../wire/ipv4.js';
import {
  ipv6DstAt,
  Ipv6Extension,
  ipv6ExtensionLength,
  ipv6FlowLabel,
  Ipv6FragmentHeader,
  ipv6FragmentId,
  ipv6FragmentOffset,
  Ipv6Header,
  ipv6HopLimit,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
  ipv6SrcAt,
  ipv6TrafficClass,
  isIpv6Extension,
} from '../wire/ipv6.js';
import { nullFamily, NullHeader } from '../wire/null-loopback.js';
import {
  tcpAck,
  tcpAoKeyId,
  tcpAoNextKeyId,
  tcpChecksum,
  tcpDstPort,
  TcpFlag,
  tcpFlags,
  TcpHeader,
  tcpHeaderLength,
  tcpMss,
  TcpOption,
  tcpOptionFits,
  tcpOptions,
  tcpSackBlocks,
  tcpSackLeft,
  tcpSackRight,
  tcpSeq,
  tcpSrcPort,
  tcpTimestampEcho,
  tcpTimestampValue,
  tcpUrgent,
  tcpWindow,
  tcpWindowScale,
} from '../wire/tcp.js';
import { udpChecksum, udpDstPort, UdpHeader, udpLength, udpSrcPort } from '../wire/udp.js';
import { vlanId, vlanPriority, VlanTag, vlanType } from '../wire/vlan.js';

export const ETHERNET = table(EthernetHeader, {
  dst: [['eth.dst', mac(ethernetDstAt)]],
  src: [['eth.src', mac(ethernetSrcAt)]],
  // IEEE 802.3 clause 3.2.6: below 1536 it is a length
  type: [
    ['eth.type', when((view, at) => ethernetType(view, at) >= 1536, ethernetType)],
    ['eth.len', when((view, at) => ethernetType(view, at) < 1536, ethernetType)],
  ],
});

export const VLAN = table(VlanTag, {
  tci: [
    ['vlan.priority', vlanPriority],
    ['vlan.dei', (view, at) => (view.getUint16(at) >> 12) & 1],
    ['vlan.id', vlanId],
  ],
  type: [
    ['vlan.etype', when((view, at) => vlanType(view, at) >= 1536, vlanType)],
    ['vlan.len', when((view, at) => vlanType(view, at) < 1536, vlanType)],
  ],
});

function cookedAddress(addressAt: (at: number) => number, length: (view: DataView, at: number) => number): Entry[] {
  return [
    ['sll.src.eth', when((view, at) => length(view, at) === 6, mac(addressAt))],
    ['sll.src.ipv4', when((view, at) => length(view, at) === 4, ipv4(addressAt))],
  ];
}

/** Below 1536 it is a number of Linux. */
function cookedType(protocol: (view: DataView, at: number) => number): Entry[] {
  return [
    ['sll.etype', when((view, at) => protocol(view, at) >= 1536, protocol)],
    ['sll.ltype', when((view, at) => protocol(view, at) < 1536, protocol)],
  ];
}

export const COOKED = table(CookedHeader, {
  packetType: [['sll.pkttype', cookedPacketType]],
  hardwareType: [['sll.hatype', cookedHardwareType]],
  addressLength: [['sll.halen', cookedAddressLength]],
  address: cookedAddress(cookedAddressAt, cookedAddressLength),
  protocol: cookedType(cookedProtocol),
});

export const COOKED_2 = table(Cooked2Header, {
  protocol: cookedType(cooked2Protocol),
  reserved: [],
  interfaceIndex: [['sll.ifindex', (view, at) => cooked2InterfaceIndex(view, at) >>> 0]],
  hardwareType: [['sll.hatype', cooked2HardwareType]],
  packetType: [['sll.pkttype', cooked2PacketType]],
  addressLength: [['sll.halen', cooked2AddressLength]],
  address: cookedAddress(cooked2AddressAt, cooked2AddressLength),
});

export const NULL = table(NullHeader, { family: [['null.family', nullFamily]] });

export const ARP = table(ArpPacket, {
  hardwareType: [['arp.hw.type', (view, at) => view.getUint16(at + ArpPacket.offsetOf('hardwareType'))]],
  protocolType: [['arp.proto.type', (view, at) => view.getUint16(at + ArpPacket.offsetOf('protocolType'))]],
  hardwareLength: [['arp.hw.size', (view, at) => view.getUint8(at + ArpPacket.offsetOf('hardwareLength'))]],
  protocolLength: [['arp.proto.size', (view, at) => view.getUint8(at + ArpPacket.offsetOf('protocolLength'))]],
  operation: [['arp.opcode', arpOperation]],
  senderMac: [['arp.src.hw_mac', when(arpIsEthernetIpv4, mac(arpSenderMacAt))]],
  senderIp: [['arp.src.proto_ipv4', when(arpIsEthernetIpv4, ipv4(arpSenderIpAt))]],
  targetMac: [['arp.dst.hw_mac', when(arpIsEthernetIpv4, mac(arpTargetMacAt))]],
  targetIp: [['arp.dst.proto_ipv4', when(arpIsEthernetIpv4, ipv4(arpTargetIpAt))]],
});

/** Octets of an IPv4 packet that does not say: those on the link. Of what is between two tunnels only the captured ones are known. */
function lengthOnLink(
  { ipAt, ipLength, tunnelDepth, originalLength, frameAt }: PacketView,
  at: number,
  end: number,
): number {
  if (at === ipAt) return ipLength;
  return tunnelDepth === 1 ? originalLength - (at - frameAt) : end - at;
}

export const IPV4 = table(Ipv4Header, {
  versionIhl: [
    ['ip.version', () => 4],
    ['ip.hdr_len', ipv4HeaderLength],
  ],
  tos: [
    ['ip.dsfield', ipv4Tos],
    ['ip.dsfield.dscp', (view, at) => ipv4Tos(view, at) >> 2],
    ['ip.dsfield.ecn', (view, at) => ipv4Tos(view, at) & 3],
  ],
  // A packet too long for the field has 0 there; like Wireshark, say how long it is.
  totalLength: [['ip.len', (view, at, end, packet) => ipv4TotalLength(view, at) || lengthOnLink(packet, at, end)]],
  id: [['ip.id', ipv4Id]],
  fragment: [
    ['ip.flags.rb', (view, at) => ipv4Fragment(view, at) >> 15],
    ['ip.flags.df', bit(ipv4DontFragment)],
    ['ip.flags.mf', bit(ipv4MoreFragments)],
    ['ip.frag_offset', ipv4FragmentOffset],
  ],
  ttl: [['ip.ttl', ipv4Ttl]],
  protocol: [['ip.proto', ipv4Protocol]],
  checksum: [['ip.checksum', ipv4Checksum]],
  src: [['ip.src', ipv4(ipv4SrcAt)]],
  dst: [['ip.dst', ipv4(ipv4DstAt)]],
});

export const IPV6 = table(
  Ipv6Header,
  {
    versionClassFlow: [
      ['ipv6.version', () => 6],
      ['ipv6.tclass', ipv6TrafficClass],
      ['ipv6.flow', ipv6FlowLabel],
    ],
    payloadLength: [['ipv6.plen', ipv6PayloadLength]],
    nextHeader: [['ipv6.nxt', ipv6NextHeader]],
    hopLimit: [['ipv6.hlim', ipv6HopLimit]],
    src: [['ipv6.src', ipv6(ipv6SrcAt)]],
    dst: [['ipv6.dst', ipv6(ipv6DstAt)]],
  },
  (put, view, at, end, packet) => {
    let protocol = ipv6NextHeader(view, at);
    let header = at + Ipv6Header.span;
    while (isIpv6Extension(protocol) && header + 8 <= end) {
      if (protocol === Ipv6Extension.FRAGMENT) {
        putHeader(put, IPV6_FRAGMENT, view, header, end, packet);
        if (ipv6FragmentOffset(view, header) !== 0) return;
      }
      const next = header + ipv6ExtensionLength(view, header, protocol);
      protocol = view.getUint8(header);
      header = next;
    }
  },
);

const IPV6_FRAGMENT = table(Ipv6FragmentHeader, {
  nextHeader: [['ipv6.fraghdr.nxt', (view, at) => view.getUint8(at)]],
  reserved: [],
  fragment: [
    ['ipv6.fraghdr.offset', ipv6FragmentOffset],
    ['ipv6.fraghdr.more', bit(ipv6MoreFragments)],
  ],
  id: [['ipv6.fraghdr.ident', ipv6FragmentId]],
});

export const ICMP = table(IcmpHeader, {
  type: [['icmp.type', icmpType]],
  code: [['icmp.code', icmpCode]],
  checksum: [['icmp.checksum', icmpChecksum]],
  id: [['icmp.ident', when(icmpHasId, icmpId)]],
  seq: [
    ['icmp.seq', when(icmpHasSeq, icmpSeq)],
    ['icmp.mtu', when((view, at) => icmpType(view, at) === IcmpType.UNREACHABLE && icmpCode(view, at) === 4, icmpMtu)],
    ['icmp.redir_gw', when((view, at) => icmpType(view, at) === IcmpType.REDIRECT, ipv4(icmpGatewayAt))],
  ],
});

export const ICMPV6 = table(
  Icmpv6Header,
  {
    type: [['icmpv6.type', icmpv6Type]],
    code: [['icmpv6.code', icmpv6Code]],
    checksum: [['icmpv6.checksum', icmpv6Checksum]],
    id: [['icmpv6.echo.identifier', when(icmpv6IsEcho, icmpv6Id)]],
    seq: [
      ['icmpv6.echo.sequence_number', when(icmpv6IsEcho, icmpv6Seq)],
      ['icmpv6.mtu', when((view, at) => icmpv6Type(view, at) === Icmpv6Type.PACKET_TOO_BIG, icmpv6Mtu)],
    ],
  },
  (put, view, at, end) => {
    const targetAt = neighborTargetAt(view, at, end);
    if (targetAt === -1) return;
    const kind = icmpv6Type(view, at) === Icmpv6Type.NEIGHBOR_SOLICITATION ? 'ns' : 'na';
    put(`icmpv6.nd.${kind}.target_address`, formatIpv6(view, targetAt));
    const macAt = neighborMacAt(view, at, end);
    if (macAt !== -1) put('icmpv6.opt.linkaddr', formatMac(view, macAt));
  },
);

export const UDP = table(UdpHeader, {
  srcPort: [['udp.srcport', udpSrcPort]],
  dstPort: [['udp.dstport', udpDstPort]],
  length: [['udp.length', udpLength]],
  checksum: [['udp.checksum', udpChecksum]],
});

export const TCP = table(
  TcpHeader,
  {
    srcPort: [['tcp.srcport', tcpSrcPort]],
    dstPort: [['tcp.dstport', tcpDstPort]],
    seq: [['tcp.seq_raw', tcpSeq]],
    ack: [['tcp.ack_raw', tcpAck]],
    dataOffset: [['tcp.hdr_len', tcpHeaderLength]],
    flags: [
      ['tcp.flags', tcpFlags],
      ['tcp.flags.ae', flag(tcpFlags, TcpFlag.AE)],
      ['tcp.flags.cwr', flag(tcpFlags, TcpFlag.CWR)],
      ['tcp.flags.ece', flag(tcpFlags, TcpFlag.ECE)],
      ['tcp.flags.urg', flag(tcpFlags, TcpFlag.URG)],
      ['tcp.flags.ack', flag(tcpFlags, TcpFlag.ACK)],
      ['tcp.flags.push', flag(tcpFlags, TcpFlag.PSH)],
      ['tcp.flags.reset', flag(tcpFlags, TcpFlag.RST)],
      ['tcp.flags.syn', flag(tcpFlags, TcpFlag.SYN)],
      ['tcp.flags.fin', flag(tcpFlags, TcpFlag.FIN)],
    ],
    window: [['tcp.window_size_value', tcpWindow]],
    checksum: [['tcp.checksum', tcpChecksum]],
    urgent: [['tcp.urgent_pointer', tcpUrgent]],
  },
  (put, view, at, end, packet) => {
    if (packet.l4At === at) put('tcp.len', packet.payloadLength);
    for (const option of tcpOptions(view, at, end)) putTcpOption(put, view, option);
  },
);

function putTcpOption(
  put: Put,
  view: DataView,
  { kind, at, length }: { kind: number; at: number; length: number },
): void {
  put('tcp.option_kind', kind);
  if (!tcpOptionFits(kind, length)) return;
  switch (kind) {
    case TcpOption.MSS:
      put('tcp.options.mss_val', tcpMss(view, at));
      return;
    case TcpOption.WINDOW_SCALE:
      put('tcp.options.wscale.shift', tcpWindowScale(view, at));
      return;
    case TcpOption.TIMESTAMPS:
      put('tcp.options.timestamp.tsval', tcpTimestampValue(view, at));
      put('tcp.options.timestamp.tsecr', tcpTimestampEcho(view, at));
      return;
    case TcpOption.SACK:
      for (let block = 0; block < tcpSackBlocks(view, at); block += 1) {
        put('tcp.options.sack_le', tcpSackLeft(view, at, block));
        put('tcp.options.sack_re', tcpSackRight(view, at, block));
      }
      return;
    case TcpOption.MD5:
      put('tcp.options.md5.digest', hexText(view, at + 2, 16));
      return;
    case TcpOption.AO:
      put('tcp.options.ao.keyid', tcpAoKeyId(view, at));
      put('tcp.options.ao.rnextkeyid', tcpAoNextKeyId(view, at));
      return;
  }
}
