/** Which layer a number in the header before announces, and the note of one that is not decoded. */
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import {
  UNDECODED_GPE,
  UNDECODED_IP_PROTOCOL,
  UNDECODED_LINK_TYPE,
  UNDECODED_LINUX,
  UNDECODED_LLC,
} from '../undecoded.js';

const LINKTYPE_NETLINK = 253;

/** Kind of the layer that an EtherType announces, noting one that is not decoded. */
export function layerOfType(packet: PacketView, type: number): number {
  switch (type) {
    case 0x0800:
      return Layer.IP;
    case 0x86dd:
      return Layer.IPV6;
    case 0x0806:
      return Layer.ARP;
    case 0x8100:
    case 0x88a8:
    case 0x9100:
      return Layer.VLAN;
    case 0x8847:
    case 0x8848:
      return Layer.MPLS;
    default:
      packet.undecoded = type < 1536 ? UNDECODED_LLC : type;
      return Layer.UNKNOWN;
  }
}

/** ARPHRD_NETLINK: no network device, the protocol is a netlink family. */
const NETLINK = 824;

/** The same for the protocol of a cooked header: below 1536 it is a number of Linux (ETH_P_). */
export function layerOfCooked(packet: PacketView, hardwareType: number, protocol: number): number {
  if (hardwareType !== NETLINK && protocol >= 1536) return layerOfType(packet, protocol);
  packet.undecoded = hardwareType === NETLINK ? UNDECODED_LINK_TYPE + LINKTYPE_NETLINK : UNDECODED_LINUX + protocol;
  return Layer.UNKNOWN;
}

/** Kind of the layer that an address family of the BSDs, Darwin or Linux announces. */
export function layerOfFamily(packet: PacketView, family: number, linkType: number): number {
  switch (family) {
    case 2:
      return Layer.IP;
    case 10:
    case 24:
    case 28:
    case 30:
      return Layer.IPV6;
    default:
      packet.undecoded = UNDECODED_LINK_TYPE + linkType;
      return Layer.UNKNOWN;
  }
}

/** Kind of the layer that an IP protocol number announces, noting one that is not decoded; -1 for "no next header". */
export function layerOfProtocol(packet: PacketView, protocol: number): number {
  switch (protocol) {
    case 6:
      return Layer.TCP;
    case 17:
      return Layer.UDP;
    case 1:
      return Layer.ICMP;
    case 58:
      return Layer.ICMPV6;
    case 4:
      return Layer.IP;
    case 41:
      return Layer.IPV6;
    case 47:
      return Layer.GRE;
    case 50:
      return Layer.ESP;
    case 59:
      return -1;
    case 137:
      return Layer.MPLS;
    default:
      packet.undecoded = UNDECODED_IP_PROTOCOL + protocol;
      return Layer.UNKNOWN;
  }
}

/** Kind of the layer in a Geneve or GRE tunnel, noting one that is not decoded: UNKNOWN or MPLS. */
export function layerInTunnel(packet: PacketView, type: number): number {
  if (type === 0x6558) return Layer.ETH;
  if (type === 0x0800) return Layer.IP;
  if (type === 0x86dd) return Layer.IPV6;
  packet.undecoded = type;
  return type === 0x8847 || type === 0x8848 ? Layer.MPLS : Layer.UNKNOWN;
}

/** The same for the next protocol of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe section 3.2). */
export function layerInGpe(packet: PacketView, protocol: number): number {
  switch (protocol) {
    case 1:
      return Layer.IP;
    case 2:
      return Layer.IPV6;
    case 3:
      return Layer.ETH;
    case 4:
      packet.undecoded = 0x894f;
      return Layer.UNKNOWN;
    case 5:
      packet.undecoded = 0x8847;
      return Layer.MPLS;
    default:
      packet.undecoded = UNDECODED_GPE + protocol;
      return Layer.UNKNOWN;
  }
}
