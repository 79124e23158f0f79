import * as wire from '../../src/wire/index.js';
import { Layer, type PacketView } from '../../src/wire/index.js';

export type Fields = Record<string, (string | number)[]>;

/** Every field of every layer, through the accessors, under tshark's names. */
export function fieldsOf(packet: PacketView): Fields {
  const fields: Fields = {};
  const put = (name: string, value: string | number | boolean): void => {
    (fields[name] ??= []).push(typeof value === 'boolean' ? Number(value) : value);
  };
  const { view, frameEnd } = packet;
  for (let index = 0; index < packet.layerCount; index++) {
    const at = packet.layerAts[index]!;
    switch (packet.layerKinds[index]!) {
      case Layer.ETH:
        put('eth.dst', wire.formatMac(view, wire.ethernetDstAt(at)));
        put('eth.src', wire.formatMac(view, wire.ethernetSrcAt(at)));
        if (wire.ethernetType(view, at) > 1500) put('eth.type', wire.ethernetType(view, at));
        break;
      case Layer.VLAN:
        put('vlan.id', wire.vlanId(view, at));
        put('vlan.priority', wire.vlanPriority(view, at));
        break;
      case Layer.SLL:
        put('sll.pkttype', wire.cookedPacketType(view, at));
        put('sll.etype', wire.cookedProtocol(view, at));
        break;
      case Layer.SLL2:
        put('sll.pkttype', wire.cooked2PacketType(view, at));
        put('sll.ifindex', wire.cooked2InterfaceIndex(view, at));
        put('sll.etype', wire.cooked2Protocol(view, at));
        break;
      case Layer.NULL:
        put('null.family', wire.nullFamily(view, at));
        break;
      case Layer.ARP:
        put('arp.opcode', wire.arpOperation(view, at));
        put('arp.src.hw_mac', wire.formatMac(view, wire.arpSenderMacAt(at)));
        put('arp.src.proto_ipv4', wire.formatIpv4(view, wire.arpSenderIpAt(at)));
        put('arp.dst.hw_mac', wire.formatMac(view, wire.arpTargetMacAt(at)));
        put('arp.dst.proto_ipv4', wire.formatIpv4(view, wire.arpTargetIpAt(at)));
        break;
      case Layer.IP:
        put('ip.src', wire.formatIpv4(view, wire.ipv4SrcAt(at)));
        put('ip.dst', wire.formatIpv4(view, wire.ipv4DstAt(at)));
        put('ip.id', wire.ipv4Id(view, at));
        put('ip.ttl', wire.ipv4Ttl(view, at));
        put('ip.proto', wire.ipv4Protocol(view, at));
        put('ip.len', wire.ipv4TotalLength(view, at));
        put('ip.hdr_len', wire.ipv4HeaderLength(view, at));
        put('ip.dsfield', wire.ipv4Tos(view, at));
        put('ip.flags.df', wire.ipv4DontFragment(view, at));
        put('ip.flags.mf', wire.ipv4MoreFragments(view, at));
        put('ip.frag_offset', wire.ipv4FragmentOffset(view, at) / 8);
        put('ip.checksum', wire.ipv4Checksum(view, at));
        break;
      case Layer.IPV6:
        put('ipv6.src', wire.formatIpv6(view, wire.ipv6SrcAt(at)));
        put('ipv6.dst', wire.formatIpv6(view, wire.ipv6DstAt(at)));
        put('ipv6.plen', wire.ipv6PayloadLength(view, at));
        put('ipv6.nxt', wire.ipv6NextHeader(view, at));
        put('ipv6.hlim', wire.ipv6HopLimit(view, at));
        put('ipv6.tclass', wire.ipv6TrafficClass(view, at));
        put('ipv6.flow', wire.ipv6FlowLabel(view, at));
        if (packet.ipAt === at && packet.fragmentAt >= 0) {
          put('ipv6.fraghdr.offset', wire.ipv6FragmentOffset(view, packet.fragmentAt) / 8);
          put('ipv6.fraghdr.more', wire.ipv6MoreFragments(view, packet.fragmentAt));
          put('ipv6.fraghdr.ident', wire.ipv6FragmentId(view, packet.fragmentAt));
        }
        break;
      case Layer.UDP:
        put('udp.srcport', wire.udpSrcPort(view, at));
        put('udp.dstport', wire.udpDstPort(view, at));
        put('udp.length', wire.udpLength(view, at));
        put('udp.checksum', wire.udpChecksum(view, at));
        break;
      case Layer.TCP:
        putTcp(put, packet, at);
        break;
      case Layer.VXLAN:
        put('vxlan.vni', wire.vxlanVni(view, at));
        put('vxlan.flags', wire.vxlanFlags(view, at) << 8);
        break;
      case Layer.GENEVE:
        put('geneve.vni', wire.geneveVni(view, at));
        put('geneve.proto_type', wire.geneveType(view, at));
        break;
      case Layer.GRE: {
        put('gre.proto', wire.greType(view, at));
        const keyAt = wire.greKeyAt(view, at, frameEnd);
        if (keyAt >= 0) put('gre.key', view.getUint32(keyAt));
        const sequenceAt = wire.greSequenceAt(view, at, frameEnd);
        if (sequenceAt >= 0) put('gre.sequence_number', view.getUint32(sequenceAt));
        break;
      }
      case Layer.ICMP:
        put('icmp.type', wire.icmpType(view, at));
        put('icmp.code', wire.icmpCode(view, at));
        put('icmp.checksum', wire.icmpChecksum(view, at));
        if (wire.icmpIsEcho(view, at)) {
          put('icmp.ident', wire.icmpId(view, at));
          put('icmp.seq', wire.icmpSeq(view, at));
        }
        if (wire.icmpType(view, at) === 3 && wire.icmpCode(view, at) === 4) put('icmp.mtu', wire.icmpMtu(view, at));
        if (wire.icmpType(view, at) === 5) put('icmp.redir_gw', wire.formatIpv4(view, wire.icmpGatewayAt(at)));
        break;
      case Layer.ICMPV6: {
        const type = wire.icmpv6Type(view, at);
        put('icmpv6.type', type);
        put('icmpv6.code', wire.icmpv6Code(view, at));
        put('icmpv6.checksum', wire.icmpv6Checksum(view, at));
        if (wire.icmpv6IsEcho(view, at)) {
          put('icmpv6.echo.identifier', wire.icmpv6Id(view, at));
          put('icmpv6.echo.sequence_number', wire.icmpv6Seq(view, at));
        }
        if (type === 2) put('icmpv6.mtu', wire.icmpv6Mtu(view, at));
        const target = wire.neighborTargetAt(view, at, frameEnd);
        const field = type === 135 ? 'icmpv6.nd.ns.target_address' : 'icmpv6.nd.na.target_address';
        if (target >= 0) put(field, wire.formatIpv6(view, target));
        const mac = wire.neighborMacAt(view, at, frameEnd);
        if (mac >= 0) put('icmpv6.opt.linkaddr', wire.formatMac(view, mac));
        break;
      }
    }
  }
  return fields;
}

function putTcp(put: (name: string, value: number) => void, packet: PacketView, at: number): void {
  const { view, frameEnd } = packet;
  put('tcp.srcport', wire.tcpSrcPort(view, at));
  put('tcp.dstport', wire.tcpDstPort(view, at));
  put('tcp.seq_raw', wire.tcpSeq(view, at));
  put('tcp.ack_raw', wire.tcpAck(view, at));
  put('tcp.flags', wire.tcpFlags(view, at));
  put('tcp.window_size_value', wire.tcpWindow(view, at));
  put('tcp.hdr_len', wire.tcpHeaderLength(view, at));
  put('tcp.len', packet.payloadLength);
  put('tcp.checksum', wire.tcpChecksum(view, at));
  put('tcp.urgent_pointer', wire.tcpUrgent(view, at));
  const mss = wire.tcpMssAt(view, at, frameEnd);
  if (mss >= 0) put('tcp.options.mss_val', wire.tcpMss(view, mss));
  const scale = wire.tcpWindowScaleAt(view, at, frameEnd);
  if (scale >= 0) put('tcp.options.wscale.shift', wire.tcpWindowScale(view, scale));
  const timestamps = wire.tcpTimestampsAt(view, at, frameEnd);
  if (timestamps >= 0) {
    put('tcp.options.timestamp.tsval', wire.tcpTimestampValue(view, timestamps));
    put('tcp.options.timestamp.tsecr', wire.tcpTimestampEcho(view, timestamps));
  }
  const sack = wire.tcpSackAt(view, at, frameEnd);
  for (let block = 0; sack >= 0 && block < wire.tcpSackBlocks(view, sack); block++) {
    put('tcp.options.sack_le', wire.tcpSackLeft(view, sack, block));
    put('tcp.options.sack_re', wire.tcpSackRight(view, sack, block));
  }
}
