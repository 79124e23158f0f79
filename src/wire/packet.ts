/**
 * Walks the layers of a frame and keeps where they are: one reused object, numbers only.
 *
 * What is listed, and when. A layer is listed when its fixed header was captured and passes its check. Octets that the capture
 * cut away (`cut` is 1) end the walk without a problem; octets that never were on the link are a problem. So decoding the first
 * octets of a frame gives the first of its layers, and each field is either what the whole frame gives or absent; a tunnel whose
 * header was cut away leaves its carrier as the packet.
 *
 * A header whose own length is impossible is not listed. A length that reaches beyond the link is a problem of a listed header,
 * and what is there is still decoded.
 */
import { arpIsEthernetIpv4, checkArp } from './arp.js';
import {
  checkCooked,
  checkCooked2,
  cooked2InterfaceIndex,
  cooked2PacketType,
  cooked2Protocol,
  cookedPacketType,
  cookedProtocol,
} from './cooked.js';
import { checkEthernet, ethernetType } from './ethernet.js';
import { checkGeneve, geneveHeaderLength, geneveType, geneveVni } from './geneve.js';
import { checkGre, greHeaderLength, greIsPlain, greKeyAt, greType } from './gre.js';
import { checkIcmp, icmpIsError, icmpQuotedAt } from './icmp.js';
import { checkIcmpv6, icmpv6IsError, icmpv6QuotedAt } from './icmpv6.js';
import { isEthernetFrame } from './inner-frame.js';
import { checkIpv4, ipv4Fragment, ipv4HeaderLength, ipv4Protocol, ipv4TotalLength } from './ipv4.js';
import {
  checkIpv6,
  ipv6ExtensionLength,
  ipv6FragmentOffset,
  ipv6JumboLength,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
  isIpv6Extension,
} from './ipv6.js';
import { Layer } from './layers.js';
import { checkNull, nullFamily } from './null-loopback.js';
import { problemNumber } from './problems.js';
import { checkTcp, tcpBadOptionAt, tcpDstPort, tcpHeaderLength, tcpSrcPort } from './tcp.js';
import { checkUdp, udpDstPort, udpLength, udpSrcPort } from './udp.js';
import { UNDECODED_IP_PROTOCOL, UNDECODED_LAYER, UNDECODED_LINK_TYPE, UNDECODED_LLC } from './undecoded.js';
import { checkVlan, vlanType } from './vlan.js';
import { checkVxlan, vxlanFlags, vxlanIsPlain, vxlanReserved, vxlanVni } from './vxlan.js';

/** Frames with offsets into one buffer; what `capture/` calls a batch. */
export interface FrameSource {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Index of the current frame in the columns. */
  readonly index: number;
  readonly offsets: Int32Array;
  readonly capturedLengths: Int32Array;
  readonly originalLengths: Uint32Array;
  readonly interfaceIds: Uint32Array;
  readonly interfaces: readonly { readonly linkType: number }[];
}

/** Most layers of one frame; a frame with more has the problem `nesting-too-deep`. */
export const MAX_LAYERS = 32;
/** Most problems kept of one frame. */
export const MAX_PROBLEMS = 8;

// Own constants, not imported ones: the compiler folds only the former
const LAYERS = MAX_LAYERS;
const PROBLEMS_KEPT = MAX_PROBLEMS;
const EXTENSIONS = 16;
/** No frame is longer; keeps offsets and lengths small integers. */
const LONGEST = 0x3fffffff;

const ETH = Layer.ETH;
const VLAN = Layer.VLAN;
const SLL = Layer.SLL;
const SLL2 = Layer.SLL2;
const NULL = Layer.NULL;
const RAW = Layer.RAW;
const ARP = Layer.ARP;
const IP = Layer.IP;
const IPV6 = Layer.IPV6;
const ICMP = Layer.ICMP;
const ICMPV6 = Layer.ICMPV6;
const UDP = Layer.UDP;
const TCP = Layer.TCP;
const VXLAN = Layer.VXLAN;
const GENEVE = Layer.GENEVE;
const GRE = Layer.GRE;
const DNS = Layer.DNS;
const BGP = Layer.BGP;
const ESP = Layer.ESP;
const MPLS = Layer.MPLS;
const WIREGUARD = Layer.WIREGUARD;
const UNKNOWN = Layer.UNKNOWN;
const MDNS = Layer.MDNS;

const IPV4_TRUNCATED = problemNumber('ipv4-truncated');
const IPV4_TOTAL_LENGTH = problemNumber('ipv4-total-length');
const IPV4_VERSION = problemNumber('ipv4-version');
const IPV6_PAYLOAD_LENGTH = problemNumber('ipv6-payload-length');
const IPV6_EXTENSION_TRUNCATED = problemNumber('ipv6-extension-truncated');
const UDP_LENGTH = problemNumber('udp-length');
const TCP_DATA_OFFSET = problemNumber('tcp-data-offset');
const TCP_OPTION_LENGTH = problemNumber('tcp-option-length');
const VXLAN_FLAGS = problemNumber('vxlan-flags');
const VXLAN_RESERVED = problemNumber('vxlan-reserved');
const GENEVE_TRUNCATED = problemNumber('geneve-truncated');
const GRE_TRUNCATED = problemNumber('gre-truncated');
const NESTING_TOO_DEEP = problemNumber('nesting-too-deep');

const UNDECODED_IP = UNDECODED_IP_PROTOCOL;
const UNDECODED_LINK = UNDECODED_LINK_TYPE;
const UNDECODED_KIND = UNDECODED_LAYER;
const LLC = UNDECODED_LLC;

const ETHERNET_LENGTH = 14;
const VLAN_LENGTH = 4;
const COOKED_LENGTH = 16;
const COOKED_2_LENGTH = 20;
const NULL_LENGTH = 4;
const ARP_LENGTH = 28;
const IPV4_LENGTH = 20;
const IPV6_LENGTH = 40;
const ICMP_LENGTH = 8;
const UDP_HEADER_LENGTH = 8;
const TCP_LENGTH = 20;
const VXLAN_LENGTH = 8;
const GENEVE_LENGTH = 8;
const GRE_LENGTH = 4;
const DNS_LENGTH = 12;
const BGP_LENGTH = 19;

const GENEVE_PORT = 6081;
const DNS_PORT = 53;
const MDNS_PORT = 5353;
const BGP_PORT = 179;
const IPSEC_PORT = 4500;
const WIREGUARD_PORT = 51820;

/** Kind of the layer that an EtherType announces; UNKNOWN for those not decoded and for lengths. */
function layerOfType(type: number): number {
  switch (type) {
    case 0x0800:
      return IP;
    case 0x86dd:
      return IPV6;
    case 0x0806:
      return ARP;
    case 0x8100:
    case 0x88a8:
    case 0x9100:
      return VLAN;
    case 0x8847:
    case 0x8848:
      return MPLS;
    default:
      return UNKNOWN;
  }
}

/** Kind of the layer that an IP protocol number announces; -1 for "no next header". */
function layerOfProtocol(protocol: number): number {
  switch (protocol) {
    case 6:
      return TCP;
    case 17:
      return UDP;
    case 1:
      return ICMP;
    case 58:
      return ICMPV6;
    case 4:
      return IP;
    case 41:
      return IPV6;
    case 47:
      return GRE;
    case 50:
      return ESP;
    case 59:
      return -1;
    case 137:
      return MPLS;
    default:
      return UNKNOWN;
  }
}

function min(a: number, b: number): number {
  return a < b ? a : b;
}

/** The layers of one frame at a time. All offsets are into `view`; -1 is absent; every field is set anew by each decode. */
export class PacketView {
  view: DataView = new DataView(new ArrayBuffer(0));
  octets: Uint8Array = new Uint8Array(0);
  /** Where the frame begins. */
  frameAt = 0;
  /** One past its last captured octet. */
  frameEnd = 0;
  /** Octets it had on the link, at least those captured. */
  originalLength = 0;
  linkType = 0;

  layerCount = 0;
  /** Every layer met, outermost first, as numbers of Layer. */
  readonly layerKinds = new Uint8Array(MAX_LAYERS);
  readonly layerAts = new Int32Array(MAX_LAYERS);
  /** Ends as announced, at most `frameEnd`. */
  readonly layerEnds = new Int32Array(MAX_LAYERS);

  /** Innermost Ethernet header; -1 inside a tunnel that carries IP directly. */
  ethAt = -1;
  /** ARP for Ethernet and IPv4, when the innermost packet is one. */
  arpAt = -1;
  ipAt = -1;
  /** 0, 4 or 6. */
  ipVersion = 0;
  /** End of the IP packet as its header announces, at most `frameEnd`. */
  ipEnd = -1;
  /** Octets of the IP packet as announced, not limited by the capture. */
  ipLength = 0;
  /** Protocol number after the extension headers; -1 without IP and when the capture ends within the extension headers. */
  protocol = -1;
  /** Octets. */
  fragmentOffset = 0;
  moreFragments = 0;
  /** IPv6 fragment header. */
  fragmentAt = -1;
  /** First octet after the IP headers, whatever follows; -1 without IP and when the capture ends before it. */
  l4At = -1;
  /** Octets from l4At to the announced end of the packet; 0 when l4At is -1. */
  l4Length = 0;
  /** Layer.TCP, UDP, ICMP or ICMPV6 when its fixed header was captured and checked, else -1. */
  l4Kind = -1;
  /** After the L4 header; beyond frameEnd (and payloadEnd) when the capture ends within TCP options. -1 when l4Kind is -1. */
  payloadAt = -1;
  /** Octets, as announced. */
  payloadLength = 0;
  /** At most `frameEnd`. */
  payloadEnd = -1;
  /**
   * DNS header (over TCP: after the length field), when at least 12 octets are announced and at least 4 (id and flags)
   * were captured. The layer is listed when all 12 were.
   */
  dnsAt = -1;
  /** BGP marker, when it was captured and at least 19 octets are announced. The layer is listed when all 19 were captured. */
  bgpAt = -1;

  /** IP header quoted by an ICMP error, when its fixed part was captured. */
  quotedIpAt = -1;
  /** 0, 4 or 6. */
  quotedIpVersion = 0;
  quotedProtocol = -1;
  /** The first 8 octets after the quoted IP headers; -1 when they are not all there, or belong to a later fragment. */
  quotedL4At = -1;

  /** Layer.VXLAN, GENEVE, GRE, or IP where an IP header follows another; -1 when the packet travels bare. */
  tunnelKind = -1;
  /** VXLAN, Geneve or GRE header; -1 for IP in IP. */
  tunnelAt = -1;
  /** How many tunnels. */
  tunnelDepth = 0;
  /** VNI or GRE key, else -1. */
  tunnelId = -1;
  outerIpAt = -1;
  outerIpVersion = 0;
  outerUdpAt = -1;
  outerEthAt = -1;
  /** 1 when VXLAN was recognised by its octets, not by its port. */
  tunnelByContent = 0;

  /** Linux interface index of cooked v2 captures. */
  interfaceIndex = -1;
  /** Packet type of cooked captures: 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us. */
  packetType = -1;

  problemCount = 0;
  readonly problemCodes = new Uint8Array(MAX_PROBLEMS);
  /** Relative to frameAt. */
  readonly problemAts = new Int32Array(MAX_PROBLEMS);
  /** 1 when the frame was captured shorter than it was. */
  cut = 0;
  /** What was named and not decoded, for undecodedName(); -1 when all was decoded. */
  undecoded = -1;

  readonly #vxlanPorts = new Uint8Array(65_536);

  /** `vxlanPorts`: UDP destination ports to take as VXLAN besides 4789 and 8472. */
  constructor(options: { readonly vxlanPorts?: readonly number[] } = {}) {
    this.#vxlanPorts[4789] = 1;
    this.#vxlanPorts[8472] = 1;
    for (const port of options.vxlanPorts ?? []) this.#vxlanPorts[port] = 1;
  }

  /** Decodes the current frame of a batch. */
  decode(batch: FrameSource): void {
    this.decodeAt(batch, batch.index);
  }

  /** Decodes the frame at an index of a batch's columns. */
  decodeAt(batch: FrameSource, index: number): void {
    const origin = batch.interfaces[batch.interfaceIds[index]!];
    this.decodeFrame(
      batch.octets,
      batch.view,
      batch.offsets[index]!,
      batch.capturedLengths[index]!,
      batch.originalLengths[index]!,
      origin === undefined ? -1 : origin.linkType,
    );
  }

  /**
   * Decodes one frame. `octets` and `view` must be over the same octets; `at` and `capturedLength` say where in them the frame
   * lies, `originalLength` how long it was on the link, `linkType` is a LINKTYPE_ value.
   */
  decodeFrame(
    octets: Uint8Array,
    view: DataView,
    at: number,
    capturedLength: number,
    originalLength: number,
    linkType: number,
  ): void {
    const end = min(at + capturedLength, view.byteLength);
    const length = min(originalLength, LONGEST);
    this.octets = octets;
    this.view = view;
    this.frameAt = at;
    this.frameEnd = end;
    this.originalLength = length > end - at ? length : end - at;
    this.linkType = linkType;
    this.cut = length > end - at ? 1 : 0;
    this.layerCount = 0;
    this.problemCount = 0;
    this.undecoded = -1;
    this.interfaceIndex = -1;
    this.packetType = -1;
    this.tunnelKind = -1;
    this.tunnelAt = -1;
    this.tunnelDepth = 0;
    this.tunnelId = -1;
    this.tunnelByContent = 0;
    this.outerIpAt = -1;
    this.outerIpVersion = 0;
    this.outerUdpAt = -1;
    this.outerEthAt = -1;
    this.#forgetPacket();
    this.#walk(view, at, end, at + this.originalLength, this.#firstLayer(linkType));
  }

  #forgetPacket(): void {
    this.ethAt = -1;
    this.arpAt = -1;
    this.ipAt = -1;
    this.ipVersion = 0;
    this.ipEnd = -1;
    this.ipLength = 0;
    this.protocol = -1;
    this.fragmentOffset = 0;
    this.moreFragments = 0;
    this.fragmentAt = -1;
    this.l4At = -1;
    this.l4Length = 0;
    this.l4Kind = -1;
    this.payloadAt = -1;
    this.payloadLength = 0;
    this.payloadEnd = -1;
    this.dnsAt = -1;
    this.bgpAt = -1;
    this.quotedIpAt = -1;
    this.quotedIpVersion = 0;
    this.quotedProtocol = -1;
    this.quotedL4At = -1;
  }

  #firstLayer(linkType: number): number {
    switch (linkType) {
      case 1:
        return ETH;
      case 113:
        return SLL;
      case 276:
        return SLL2;
      case 0:
      case 108:
        return NULL;
      case 12:
      case 14:
      case 101:
        return RAW;
      case 228:
        return IP;
      case 229:
        return IPV6;
      default:
        this.undecoded = UNDECODED_LINK + (linkType & 0xffff);
        return UNKNOWN;
    }
  }

  /**
   * `end`: one past the last captured octet of what encloses the next header; `announced`: one past the last octet it had on the
   * link. Both shrink inwards.
   */
  #walk(view: DataView, from: number, frameEnd: number, frameAnnounced: number, first: number): void {
    let at = from;
    let end = frameEnd;
    let announced = frameAnnounced;
    // In the first fragment of an IP packet the lengths inside it count octets that follow in other fragments
    let fragmented = false;
    let next = first;
    // What carries IP directly: the IP header before, if any
    let inIp = false;
    let problem = 0;

    for (;;) {
      switch (next) {
        case ETH: {
          problem = checkEthernet(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, ETHERNET_LENGTH, end, announced, fragmented);
          if (!this.#push(ETH, at, end)) return;
          this.ethAt = at;
          const type = ethernetType(view, at);
          at += ETHERNET_LENGTH;
          next = type < 1536 ? this.#undecodedAs(LLC) : this.#typeLayer(type);
          break;
        }

        case VLAN: {
          problem = checkVlan(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, VLAN_LENGTH, end, announced, fragmented);
          if (!this.#push(VLAN, at, end)) return;
          const type = vlanType(view, at);
          at += VLAN_LENGTH;
          next = type < 1536 ? this.#undecodedAs(LLC) : this.#typeLayer(type);
          break;
        }

        case SLL: {
          problem = checkCooked(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, COOKED_LENGTH, end, announced, fragmented);
          this.#push(SLL, at, end);
          this.packetType = cookedPacketType(view, at);
          const type = cookedProtocol(view, at);
          at += COOKED_LENGTH;
          next = type < 1536 ? this.#undecodedAs(LLC) : this.#typeLayer(type);
          break;
        }

        case SLL2: {
          problem = checkCooked2(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, COOKED_2_LENGTH, end, announced, fragmented);
          this.#push(SLL2, at, end);
          this.packetType = cooked2PacketType(view, at);
          this.interfaceIndex = cooked2InterfaceIndex(view, at);
          const type = cooked2Protocol(view, at);
          at += COOKED_2_LENGTH;
          next = type < 1536 ? this.#undecodedAs(LLC) : this.#typeLayer(type);
          break;
        }

        case NULL: {
          problem = checkNull(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, NULL_LENGTH, end, announced, fragmented);
          this.#push(NULL, at, end);
          const family = nullFamily(view, at);
          at += NULL_LENGTH;
          if (family === 2) next = IP;
          else if (family === 24 || family === 28 || family === 30 || family === 10) next = IPV6;
          else next = this.#undecodedAs(UNDECODED_LINK + (this.linkType & 0xffff));
          break;
        }

        case RAW: {
          if (end === at) return this.#refuse(IPV4_TRUNCATED, at, 1, end, announced, fragmented);
          const version = view.getUint8(at) >> 4;
          if (version !== 4 && version !== 6) return this.#report(IPV4_VERSION, at);
          this.#push(RAW, at, end);
          next = version === 4 ? IP : IPV6;
          break;
        }

        case ARP: {
          problem = checkArp(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, ARP_LENGTH, end, announced, fragmented);
          if (!this.#push(ARP, at, at + ARP_LENGTH)) return;
          if (arpIsEthernetIpv4(view, at)) this.arpAt = at;
          else this.undecoded = UNDECODED_KIND + ARP;
          return;
        }

        case IP: {
          problem = checkIpv4(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, IPV4_LENGTH, end, announced, fragmented);
          if (inIp) this.#enterTunnel(IP, -1, -1, 0);
          const headerLength = ipv4HeaderLength(view, at);
          const total = ipv4TotalLength(view, at);
          const length = total === 0 ? announced - at : total;
          const beyond = length > announced - at && !fragmented;
          announced = min(announced, at + length);
          end = min(end, announced);
          if (!this.#push(IP, at, end)) return;
          this.ipAt = at;
          this.ipVersion = 4;
          this.ipLength = length;
          this.ipEnd = end;
          const protocol = ipv4Protocol(view, at);
          const fragment = ipv4Fragment(view, at);
          this.protocol = protocol;
          this.fragmentOffset = (fragment & 0x1fff) << 3;
          this.moreFragments = (fragment >> 13) & 1;
          if (beyond || length < headerLength) this.#report(IPV4_TOTAL_LENGTH, at + 2);
          if (at + headerLength > end) return;
          at += headerLength;
          this.l4At = at;
          this.l4Length = length - headerLength;
          if ((fragment & 0x1fff) !== 0) return;
          if ((fragment & 0x2000) !== 0) fragmented = true;
          inIp = true;
          next = layerOfProtocol(protocol);
          if (next === UNKNOWN) this.undecoded = UNDECODED_IP + protocol;
          break;
        }

        case IPV6: {
          problem = checkIpv6(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, IPV6_LENGTH, end, announced, fragmented);
          if (inIp) this.#enterTunnel(IP, -1, -1, 0);
          let length = IPV6_LENGTH + ipv6PayloadLength(view, at);
          const nextHeader = ipv6NextHeader(view, at);
          if (length === IPV6_LENGTH && nextHeader !== 59) {
            const jumbo = nextHeader === 0 ? ipv6JumboLength(view, at + IPV6_LENGTH, end) : -1;
            length = jumbo > 0 ? min(jumbo, LONGEST) + IPV6_LENGTH : announced - at;
          }
          const beyond = length > announced - at && !fragmented;
          announced = min(announced, at + length);
          end = min(end, announced);
          if (!this.#push(IPV6, at, end)) return;
          this.ipAt = at;
          this.ipVersion = 6;
          this.ipLength = length;
          this.ipEnd = end;
          if (beyond) this.#report(IPV6_PAYLOAD_LENGTH, at + 4);
          if (!this.#walkExtensions(view, at + IPV6_LENGTH, end, announced, fragmented, nextHeader)) return;
          this.l4Length = length - (this.l4At - at);
          at = this.l4At;
          if (this.fragmentOffset !== 0) return;
          if (this.moreFragments !== 0) fragmented = true;
          inIp = true;
          next = layerOfProtocol(this.protocol);
          if (next === UNKNOWN) this.undecoded = UNDECODED_IP + this.protocol;
          break;
        }

        case TCP: {
          problem = checkTcp(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, TCP_LENGTH, end, announced, fragmented);
          const headerLength = tcpHeaderLength(view, at);
          if (headerLength > announced - at && !fragmented) return this.#report(TCP_DATA_OFFSET, at + 12);
          if (!this.#push(TCP, at, end)) return;
          this.l4Kind = TCP;
          this.#setPayload(at + headerLength, this.l4Length - headerLength, end);
          if (headerLength > TCP_LENGTH) {
            const bad = tcpBadOptionAt(view, at, end);
            if (bad >= 0) this.#report(TCP_OPTION_LENGTH, bad);
          }
          const srcPort = tcpSrcPort(view, at);
          const dstPort = tcpDstPort(view, at);
          if (dstPort === DNS_PORT || srcPort === DNS_PORT) this.#findTcpDns(view);
          else if (dstPort === BGP_PORT || srcPort === BGP_PORT) this.#findBgp(view);
          return;
        }

        case UDP: {
          problem = checkUdp(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, UDP_HEADER_LENGTH, end, announced, fragmented);
          const written = udpLength(view, at);
          const length = written === 0 ? this.l4Length : written;
          const wrong = length < UDP_HEADER_LENGTH || (length > announced - at && !fragmented);
          announced = min(announced, at + length);
          end = min(end, announced);
          if (!this.#push(UDP, at, end)) return;
          this.l4Kind = UDP;
          this.#setPayload(at + UDP_HEADER_LENGTH, length - UDP_HEADER_LENGTH, end);
          if (wrong) {
            this.#report(UDP_LENGTH, at + 4);
            if (length < UDP_HEADER_LENGTH) return;
          }
          const dstPort = udpDstPort(view, at);
          const srcPort = udpSrcPort(view, at);
          at += UDP_HEADER_LENGTH;
          if (this.#vxlanPorts[dstPort] === 1) {
            next = VXLAN;
          } else if (dstPort === GENEVE_PORT) {
            next = GENEVE;
          } else if (dstPort === DNS_PORT || srcPort === DNS_PORT) {
            return this.#findUdpDns(end);
          } else if (
            end - at >= VXLAN_LENGTH &&
            vxlanIsPlain(view, at) &&
            isEthernetFrame(view, at + VXLAN_LENGTH, end, announced)
          ) {
            if (!this.#push(VXLAN, at, end)) return;
            this.#enterTunnel(VXLAN, at, vxlanVni(view, at), 1);
            inIp = false;
            at += VXLAN_LENGTH;
            next = ETH;
          } else {
            return this.#nameUdpPayload(view, srcPort, dstPort);
          }
          break;
        }

        case VXLAN: {
          problem = checkVxlan(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, VXLAN_LENGTH, end, announced, fragmented);
          if (!vxlanIsPlain(view, at)) {
            if (vxlanFlags(view, at) !== 0x08) this.#report(VXLAN_FLAGS, at);
            if (vxlanReserved(view, at) !== 0) this.#report(VXLAN_RESERVED, at);
            if (!isEthernetFrame(view, at + VXLAN_LENGTH, end, announced)) return;
          }
          if (!this.#push(VXLAN, at, end)) return;
          this.#enterTunnel(VXLAN, at, vxlanVni(view, at), 0);
          inIp = false;
          at += VXLAN_LENGTH;
          next = ETH;
          break;
        }

        case GENEVE: {
          problem = checkGeneve(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, GENEVE_LENGTH, end, announced, fragmented);
          if (!this.#push(GENEVE, at, end)) return;
          const headerLength = geneveHeaderLength(view, at);
          const type = geneveType(view, at);
          next = type === 0x6558 ? ETH : this.#typeLayer(type);
          if (next === UNKNOWN || next === MPLS) return;
          this.#enterTunnel(GENEVE, at, geneveVni(view, at), 0);
          inIp = false;
          if (at + headerLength > end) {
            return this.#refuse(GENEVE_TRUNCATED, at, headerLength, end, announced, fragmented);
          }
          at += headerLength;
          break;
        }

        case GRE: {
          problem = checkGre(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, GRE_LENGTH, end, announced, fragmented);
          if (!this.#push(GRE, at, end)) return;
          const type = greType(view, at);
          if (!greIsPlain(view, at)) {
            this.undecoded = type;
            return;
          }
          const headerLength = greHeaderLength(view, at);
          next = type === 0x6558 ? ETH : this.#typeLayer(type);
          if (next === UNKNOWN || next === MPLS) return;
          const keyAt = greKeyAt(view, at, end);
          this.#enterTunnel(GRE, at, keyAt < 0 ? -1 : view.getUint32(keyAt), 0);
          inIp = false;
          if (at + headerLength > end) {
            return this.#refuse(GRE_TRUNCATED, at, headerLength, end, announced, fragmented);
          }
          at += headerLength;
          break;
        }

        case ICMP: {
          problem = checkIcmp(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, ICMP_LENGTH, end, announced, fragmented);
          if (!this.#push(ICMP, at, end)) return;
          this.l4Kind = ICMP;
          this.#setPayload(at + ICMP_LENGTH, this.l4Length - ICMP_LENGTH, end);
          if (icmpIsError(view, at)) this.#findQuoted(view, icmpQuotedAt(at), end);
          return;
        }

        case ICMPV6: {
          problem = checkIcmpv6(view, at, end);
          if (problem >= 0) return this.#refuse(problem, at, ICMP_LENGTH, end, announced, fragmented);
          if (!this.#push(ICMPV6, at, end)) return;
          this.l4Kind = ICMPV6;
          this.#setPayload(at + ICMP_LENGTH, this.l4Length - ICMP_LENGTH, end);
          if (icmpv6IsError(view, at)) this.#findQuoted(view, icmpv6QuotedAt(at), end);
          return;
        }

        case ESP:
        case MPLS:
          if (this.#push(next, at, end)) this.undecoded = UNDECODED_KIND + next;
          return;

        case UNKNOWN:
          this.#push(UNKNOWN, at, end);
          return;

        default:
          return;
      }
    }
  }

  /** Kind of the layer that an EtherType announces, noting one that is not decoded. */
  #typeLayer(type: number): number {
    const kind = layerOfType(type);
    if (kind === UNKNOWN) this.undecoded = type;
    return kind;
  }

  #undecodedAs(code: number): number {
    this.undecoded = code;
    return UNKNOWN;
  }

  /** False when the frame has more layers than are kept. */
  #push(kind: number, at: number, end: number): boolean {
    const count = this.layerCount;
    if (count >= LAYERS) {
      this.#report(NESTING_TOO_DEEP, at);
      return false;
    }
    this.layerKinds[count] = kind;
    this.layerAts[count] = at;
    this.layerEnds[count] = end;
    this.layerCount = count + 1;
    return true;
  }

  #report(problem: number, at: number): void {
    const count = this.problemCount;
    if (count >= PROBLEMS_KEPT) return;
    this.problemCodes[count] = problem;
    this.problemAts[count] = at - this.frameAt;
    this.problemCount = count + 1;
  }

  /** A header failed its check. One that only the capture or a fragment cut is no problem. */
  #refuse(problem: number, at: number, length: number, end: number, announced: number, fragmented: boolean): void {
    if (end - at < length && (fragmented || announced - at >= length)) return;
    this.#report(problem, at);
  }

  #enterTunnel(kind: number, at: number, id: number, byContent: number): void {
    this.outerEthAt = this.ethAt;
    this.outerIpAt = this.ipAt;
    this.outerIpVersion = this.ipVersion;
    this.outerUdpAt = this.l4Kind === UDP ? this.l4At : -1;
    this.tunnelKind = kind;
    this.tunnelAt = at;
    this.tunnelId = id;
    this.tunnelByContent = byContent;
    this.tunnelDepth++;
    this.#forgetPacket();
  }

  #setPayload(at: number, length: number, end: number): void {
    this.payloadAt = at;
    this.payloadLength = length < 0 ? 0 : length;
    this.payloadEnd = min(at + this.payloadLength, end);
  }

  /** Steps over extension headers to l4At; false when it is not there. Sets protocol, fragment fields and l4At. */
  #walkExtensions(
    view: DataView,
    from: number,
    end: number,
    announced: number,
    fragmented: boolean,
    firstHeader: number,
  ): boolean {
    let at = from;
    let protocol = firstHeader;
    for (let count = 0; isIpv6Extension(protocol); count++) {
      if (count === EXTENSIONS) {
        this.#report(NESTING_TOO_DEEP, at);
        return false;
      }
      const length = end - at < 2 ? 8 : ipv6ExtensionLength(view, at, protocol);
      if (end - at < length) {
        this.#refuse(IPV6_EXTENSION_TRUNCATED, at, length, end, announced, fragmented);
        return false;
      }
      if (protocol === 44) {
        this.fragmentAt = at;
        this.fragmentOffset = ipv6FragmentOffset(view, at);
        this.moreFragments = ipv6MoreFragments(view, at) ? 1 : 0;
      }
      protocol = view.getUint8(at);
      at += length;
      // What follows the header of a later fragment is payload, whatever its number says
      if (this.fragmentOffset !== 0) break;
    }
    this.protocol = protocol;
    this.l4At = at;
    return true;
  }

  #findQuoted(view: DataView, at: number, end: number): void {
    if (checkIpv4(view, at, end) < 0) {
      this.quotedIpAt = at;
      this.quotedIpVersion = 4;
      this.quotedProtocol = ipv4Protocol(view, at);
      const l4At = at + ipv4HeaderLength(view, at);
      if (end - l4At >= 8 && (ipv4Fragment(view, at) & 0x1fff) === 0) this.quotedL4At = l4At;
      return;
    }
    if (checkIpv6(view, at, end) >= 0) return;
    this.quotedIpAt = at;
    this.quotedIpVersion = 6;
    let protocol = ipv6NextHeader(view, at);
    let l4At = at + IPV6_LENGTH;
    let first = true;
    for (let count = 0; first && isIpv6Extension(protocol); count++) {
      if (count === EXTENSIONS || end - l4At < 8) return;
      if (protocol === 44) first = ipv6FragmentOffset(view, l4At) === 0;
      const length = ipv6ExtensionLength(view, l4At, protocol);
      protocol = view.getUint8(l4At);
      l4At += length;
    }
    this.quotedProtocol = protocol;
    if (first && end - l4At >= 8) this.quotedL4At = l4At;
  }

  #findUdpDns(end: number): void {
    const at = this.payloadAt;
    if (this.payloadLength < DNS_LENGTH || end - at < 4) return;
    this.dnsAt = at;
    if (end - at >= DNS_LENGTH) this.#push(DNS, at, end);
  }

  /** RFC 1035 section 4.2.2: two octets of length before each message; a segment may begin in the middle of one. */
  #findTcpDns(view: DataView): void {
    const at = this.payloadAt;
    const end = this.payloadEnd;
    if (this.payloadLength < DNS_LENGTH + 2 || end - at < 6) return;
    // A length too short for a header, or an opcode never assigned: not the beginning of a message
    if (view.getUint16(at) < DNS_LENGTH || ((view.getUint8(at + 4) >> 3) & 15) > 6) return;
    this.dnsAt = at + 2;
    if (end - at >= DNS_LENGTH + 2) this.#push(DNS, at + 2, end);
  }

  #findBgp(view: DataView): void {
    const at = this.payloadAt;
    const end = this.payloadEnd;
    if (this.payloadLength < BGP_LENGTH || end - at < 16) return;
    if ((view.getInt32(at) & view.getInt32(at + 4) & view.getInt32(at + 8) & view.getInt32(at + 12)) !== -1) return;
    this.bgpAt = at;
    if (end - at >= BGP_LENGTH) this.#push(BGP, at, end);
  }

  /** Names encrypted and link-local payloads that are not decoded. */
  #nameUdpPayload(view: DataView, srcPort: number, dstPort: number): void {
    const at = this.payloadAt;
    const end = this.payloadEnd;
    let kind = -1;
    if (dstPort === MDNS_PORT || srcPort === MDNS_PORT) {
      if (end - at >= DNS_LENGTH) kind = MDNS;
    } else if (dstPort === IPSEC_PORT || srcPort === IPSEC_PORT) {
      // RFC 3948 section 2: the first four octets are zero for IKE, and never in ESP
      if (end - at >= 8 && view.getInt32(at) !== 0) kind = ESP;
    } else if (end - at >= 4 && (view.getInt32(at) & 0x00ffffff) === 0) {
      const onPort = dstPort === WIREGUARD_PORT || srcPort === WIREGUARD_PORT;
      if (isWireguard(view.getUint8(at), this.payloadLength, onPort)) kind = WIREGUARD;
    }
    if (kind >= 0 && this.#push(kind, at, end)) this.undecoded = UNDECODED_KIND + kind;
  }
}

/**
 * Whether a message type and the length of the payload are WireGuard's (whitepaper section 5.4); on other ports than its own the
 * lengths must be exact.
 */
function isWireguard(type: number, length: number, onPort: boolean): boolean {
  switch (type) {
    case 1:
      return onPort || length === 148;
    case 2:
      return onPort || length === 92;
    case 3:
      return onPort || length === 64;
    case 4:
      return onPort || (length >= 32 && (length & 15) === 0);
    default:
      return false;
  }
}
