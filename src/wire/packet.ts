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
  Ipv6Extension,
  ipv6ExtensionLength,
  ipv6FragmentOffset,
  ipv6JumboLength,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
  isIpv6Extension,
} from './ipv6.js';
import { Layer, type LayerName } from './layers.js';
import { checkNull, nullFamily } from './null-loopback.js';
import {
  arpObject,
  icmpObject,
  ipObject,
  layerNames,
  problemObjects,
  protocolsText,
  tcpObject,
  tunnelObject,
  udpObject,
  vxlanObject,
  type ArpObject,
  type IcmpObject,
  type IpObject,
  type ProblemObject,
  type TcpObject,
  type TunnelObject,
  type UdpObject,
  type VxlanObject,
} from './packet-objects.js';
import { problemNumber } from './problems.js';
import { checkTcp, tcpBadOptionAt, tcpDstPort, tcpHasOnlyTimestamps, tcpHeaderLength, tcpSrcPort } from './tcp.js';
import { checkUdp, udpDstPort, udpLength, udpSrcPort } from './udp.js';
import { UNDECODED_IP_PROTOCOL, UNDECODED_LAYER, UNDECODED_LINK_TYPE, UNDECODED_LLC } from './undecoded.js';
import { readUsualFrame } from './usual-frame.js';
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
/** Most extension headers of one packet. */
const EXTENSIONS = 16;
/** Most layers of one level besides VLAN tags: link, network, transport, tunnel or application. */
const LEVEL_LAYERS = 4;
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
/** Id and flags. */
const DNS_SHORTEST = 4;
const BGP_LENGTH = 19;
const BGP_MARKER_LENGTH = 16;
/** Octets of the quoted payload that RFC 792 promises. */
const QUOTED_LEAST = 8;
const NO_NEXT_HEADER = 59;
const FRAGMENT_HEADER = Ipv6Extension.FRAGMENT;

const GENEVE_PORT = 6081;
const DNS_PORT = 53;
const MDNS_PORT = 5353;
const BGP_PORT = 179;
const IPSEC_PORT = 4500;
const WIREGUARD_PORT = 51820;

/** A one for each UDP port that is VXLAN's. */
function portTable(more: readonly number[]): Uint8Array {
  const table = new Uint8Array(65_536);
  for (const port of [4789, 8472, ...more]) table[port] = 1;
  return table;
}

const USUAL_VXLAN_PORTS = portTable([]);

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

  #vxlanPorts: Uint8Array;
  /** Whether a field that few frames have was set, see #clearSeldom(). */
  #seldomSet = false;
  /** Where the header begins that a reading method's result names. */
  #nextAt = 0;

  /** `vxlanPorts`: UDP destination ports to take as VXLAN besides 4789 and 8472. */
  constructor(options: { readonly vxlanPorts?: readonly number[] } = {}) {
    this.#vxlanPorts = options.vxlanPorts === undefined ? USUAL_VXLAN_PORTS : portTable(options.vxlanPorts);
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
    const end = min(at + capturedLength, octets.length);
    const length = min(originalLength, LONGEST);
    this.octets = octets;
    this.view = view;
    this.frameAt = at;
    this.frameEnd = end;
    this.originalLength = length > end - at ? length : end - at;
    this.linkType = linkType;
    this.cut = length > end - at ? 1 : 0;
    const announced = at + this.originalLength;
    this.problemCount = 0;
    this.undecoded = -1;
    this.tunnelDepth = 0;
    if (this.#seldomSet) this.#clearSeldom();
    if (linkType !== 1 || !readUsualFrame(this, this.#vxlanPorts, view, at, end, announced)) {
      this.ethAt = -1;
      this.ipAt = -1;
      this.l4At = -1;
      this.l4Kind = -1;
      this.layerCount = 0;
      this.#nextAt = at;
      const first = linkType === 1 ? ETH : this.#readLinkHeader(view, at, end, announced, linkType);
      this.#walk(view, this.#nextAt, end, announced, first);
    }
    // Only what this frame did not set is cleared, and only now: most frames set it all
    if (this.tunnelDepth === 0) this.#clearTunnel();
    if (this.l4Kind < 0) this.#clearPayload();
  }

  /** The innermost packet's IP header. This getter and those below make a new object each time. */
  get ip(): IpObject | null {
    return ipObject(this);
  }

  get tcp(): TcpObject | null {
    return tcpObject(this);
  }

  get udp(): UdpObject | null {
    return udpObject(this);
  }

  /** ICMP or ICMPv6. */
  get icmp(): IcmpObject | null {
    return icmpObject(this);
  }

  get arp(): ArpObject | null {
    return arpObject(this);
  }

  /** The innermost tunnel, when it is VXLAN. */
  get vxlan(): VxlanObject | null {
    return vxlanObject(this);
  }

  /** The innermost tunnel. */
  get tunnel(): TunnelObject | null {
    return tunnelObject(this);
  }

  /** The payload of the innermost TCP, UDP or ICMP header as far as it was captured, not copied. */
  get payload(): Uint8Array | null {
    if (this.l4Kind < 0) return null;
    return this.octets.subarray(this.payloadAt, this.payloadEnd < this.payloadAt ? this.payloadAt : this.payloadEnd);
  }

  /** Names of the layers, outermost first. */
  get layers(): LayerName[] {
    return layerNames(this);
  }

  /** The layers as one text: `eth:ip:udp:vxlan:eth:ip:icmp`. */
  get protocols(): string {
    return protocolsText(this);
  }

  get problems(): ProblemObject[] {
    return problemObjects(this);
  }

  /** The same packet over octets of its own, to keep while this view goes on to the next frame. */
  copy(): PacketView {
    // Not slice(): a Buffer's does not copy
    const octets = new Uint8Array(this.octets.subarray(this.frameAt, this.frameEnd));
    const copy = new PacketView();
    copy.#vxlanPorts = this.#vxlanPorts;
    copy.decodeFrame(octets, new DataView(octets.buffer), 0, octets.length, this.originalLength, this.linkType);
    return copy;
  }

  #clearSeldom(): void {
    this.#seldomSet = false;
    this.arpAt = -1;
    this.fragmentAt = -1;
    this.dnsAt = -1;
    this.bgpAt = -1;
    this.quotedIpAt = -1;
    this.quotedIpVersion = 0;
    this.quotedProtocol = -1;
    this.quotedL4At = -1;
    this.interfaceIndex = -1;
    this.packetType = -1;
  }

  #clearTunnel(): void {
    this.tunnelKind = -1;
    this.tunnelAt = -1;
    this.tunnelId = -1;
    this.tunnelByContent = 0;
    this.outerIpAt = -1;
    this.outerIpVersion = 0;
    this.outerUdpAt = -1;
    this.outerEthAt = -1;
  }

  #clearPayload(): void {
    this.payloadAt = -1;
    this.payloadLength = 0;
    this.payloadEnd = -1;
    if (this.l4At >= 0) return;
    this.l4Length = 0;
    if (this.ipAt >= 0) return;
    this.ipVersion = 0;
    this.ipEnd = -1;
    this.ipLength = 0;
    this.protocol = -1;
    this.fragmentOffset = 0;
    this.moreFragments = 0;
  }

  /**
   * Each turn of the loop is one level: link, network and transport header, up to a tunnel header that leads to the next level.
   * `end`: one past the last captured octet of what encloses the next header; `announced`: one past the last octet it had on the
   * link. Both shrink inwards. What every packet in an overlay has is here, so that it is compiled as one; the rest is apart.
   */
  #walk(view: DataView, from: number, frameEnd: number, frameAnnounced: number, first: number): void {
    const kinds = this.layerKinds;
    const ats = this.layerAts;
    const ends = this.layerEnds;
    // `| 0` tells the compiler that these stay small integers
    let count = this.layerCount | 0;
    let at = from | 0;
    let end = frameEnd | 0;
    let announced = frameAnnounced | 0;
    let next = first | 0;
    // In the first fragment of an IP packet the lengths inside it count octets that follow in other fragments
    let fragmented = false;

    for (;;) {
      if (count > LAYERS - LEVEL_LAYERS) {
        this.layerCount = count;
        this.#report(NESTING_TOO_DEEP, at);
        return;
      }

      if (next === ETH) {
        const problem = checkEthernet(view, at, end);
        if (problem >= 0) {
          this.#refuse(problem, at, ETHERNET_LENGTH, end, announced, fragmented);
          break;
        }
        kinds[count] = ETH;
        ats[count] = at;
        ends[count] = end;
        count = (count + 1) | 0;
        this.ethAt = at;
        const type = ethernetType(view, at);
        at = (at + ETHERNET_LENGTH) | 0;
        next = type === 0x0800 ? IP : this.#layerOfType(type) | 0;
      }

      if (next === VLAN) {
        this.layerCount = count;
        next = this.#readVlans(view, at, end, announced, fragmented) | 0;
        at = (at + VLAN_LENGTH * (this.layerCount - count)) | 0;
        count = this.layerCount | 0;
      }

      let l4Length = 0;
      if (next === IP) {
        const problem = checkIpv4(view, at, end);
        if (problem >= 0) {
          this.#refuse(problem, at, IPV4_LENGTH, end, announced, fragmented);
          break;
        }
        if (this.ipAt >= 0) this.#enterTunnel(IP, -1, -1, 0);
        const headerLength = ipv4HeaderLength(view, at);
        const total = ipv4TotalLength(view, at);
        const sent = (announced - at) | 0;
        const length = total === 0 ? sent : total;
        if (length < headerLength || (length > sent && !fragmented)) this.#report(IPV4_TOTAL_LENGTH, at + 2);
        if (length < sent) {
          announced = (at + length) | 0;
          if (announced < end) end = announced;
        }
        kinds[count] = IP;
        ats[count] = at;
        ends[count] = end;
        count = (count + 1) | 0;
        const protocol = ipv4Protocol(view, at);
        const fragment = ipv4Fragment(view, at);
        this.ipAt = at;
        this.ipVersion = 4;
        this.ipLength = length;
        this.ipEnd = end;
        this.protocol = protocol;
        this.fragmentOffset = (fragment & 0x1fff) << 3;
        this.moreFragments = (fragment >> 13) & 1;
        at = (at + headerLength) | 0;
        if (at > end) break;
        l4Length = (length - headerLength) | 0;
        this.l4At = at;
        this.l4Length = l4Length;
        if ((fragment & 0x1fff) !== 0) break;
        if ((fragment & 0x2000) !== 0) fragmented = true;
        if (protocol === 6) next = TCP;
        else if (protocol === 17) next = UDP;
        else next = this.#layerOfProtocol(protocol) | 0;
      } else if (next === IPV6) {
        const problem = checkIpv6(view, at, end);
        if (problem >= 0) {
          this.#refuse(problem, at, IPV6_LENGTH, end, announced, fragmented);
          break;
        }
        this.layerCount = count;
        next = this.#readIpv6(view, at, end, announced, fragmented) | 0;
        count = this.layerCount | 0;
        announced = min(announced, at + this.ipLength) | 0;
        end = this.ipEnd | 0;
        at = this.l4At | 0;
        l4Length = this.l4Length | 0;
        if (this.moreFragments !== 0) fragmented = true;
      }

      if (next === UDP) {
        const problem = checkUdp(view, at, end);
        if (problem >= 0) {
          this.#refuse(problem, at, UDP_HEADER_LENGTH, end, announced, fragmented);
          break;
        }
        const written = udpLength(view, at);
        const sent = (announced - at) | 0;
        const length = written === 0 ? l4Length : written;
        if (length < UDP_HEADER_LENGTH || (length > sent && !fragmented)) this.#report(UDP_LENGTH, at + 4);
        if (length < sent) {
          announced = (at + length) | 0;
          if (announced < end) end = announced;
        }
        kinds[count] = UDP;
        ats[count] = at;
        ends[count] = end;
        count = (count + 1) | 0;
        const dstPort = udpDstPort(view, at);
        const srcPort = udpSrcPort(view, at);
        at = (at + UDP_HEADER_LENGTH) | 0;
        this.l4Kind = UDP;
        this.payloadAt = at;
        this.payloadLength = length < UDP_HEADER_LENGTH ? 0 : (length - UDP_HEADER_LENGTH) | 0;
        this.payloadEnd = end;
        if (this.#vxlanPorts[dstPort] === 1 && end - at >= VXLAN_LENGTH && vxlanIsPlain(view, at)) {
          kinds[count] = VXLAN;
          ats[count] = at;
          ends[count] = end;
          count = (count + 1) | 0;
          this.#enterTunnel(VXLAN, at, vxlanVni(view, at), 0);
          at = (at + VXLAN_LENGTH) | 0;
          next = ETH;
          continue;
        }
        this.layerCount = count;
        next = this.#readUdpPayload(view, srcPort, dstPort, at, end, announced, fragmented) | 0;
        if (next < 0) return;
        at = this.#nextAt | 0;
        count = this.layerCount | 0;
        continue;
      }

      if (next === TCP) {
        const problem = checkTcp(view, at, end);
        if (problem >= 0) {
          this.#refuse(problem, at, TCP_LENGTH, end, announced, fragmented);
          break;
        }
        const headerLength = tcpHeaderLength(view, at);
        if (headerLength > announced - at && !fragmented) {
          this.#report(TCP_DATA_OFFSET, at + 12);
          break;
        }
        kinds[count] = TCP;
        ats[count] = at;
        ends[count] = end;
        count = (count + 1) | 0;
        if (headerLength > TCP_LENGTH && !tcpHasOnlyTimestamps(view, at, end)) {
          const bad = tcpBadOptionAt(view, at, end);
          if (bad >= 0) this.#report(TCP_OPTION_LENGTH, bad);
        }
        const length = (l4Length - headerLength) | 0;
        const dstPort = tcpDstPort(view, at);
        const srcPort = tcpSrcPort(view, at);
        at = (at + headerLength) | 0;
        this.l4Kind = TCP;
        this.payloadAt = at;
        this.payloadLength = length < 0 ? 0 : length;
        this.payloadEnd = end;
        if (
          at < end &&
          (dstPort === DNS_PORT || srcPort === DNS_PORT || dstPort === BGP_PORT || srcPort === BGP_PORT)
        ) {
          this.layerCount = count;
          this.#readTcpPayload(view, at, end, dstPort === DNS_PORT || srcPort === DNS_PORT);
          return;
        }
        break;
      }

      if (next < 0) break;
      this.layerCount = count;
      next = this.#readOther(view, next, at, end, announced, fragmented) | 0;
      if (next < 0) return;
      at = this.#nextAt | 0;
      count = this.layerCount | 0;
    }
    this.layerCount = count;
  }

  /** Kind of the first layer of a link type, after the headers that only captures have; -1 when they are cut. */
  #readLinkHeader(view: DataView, at: number, end: number, announced: number, linkType: number): number {
    let kind: number = ETH;
    let next: number = ETH;
    let length = 0;
    let problem = -1;
    switch (linkType) {
      case 113:
        kind = SLL;
        length = COOKED_LENGTH;
        problem = checkCooked(view, at, end);
        if (problem < 0) {
          this.packetType = cookedPacketType(view, at);
          next = this.#layerOfType(cookedProtocol(view, at));
        }
        break;
      case 276:
        kind = SLL2;
        length = COOKED_2_LENGTH;
        problem = checkCooked2(view, at, end);
        if (problem < 0) {
          this.packetType = cooked2PacketType(view, at);
          this.interfaceIndex = cooked2InterfaceIndex(view, at);
          next = this.#layerOfType(cooked2Protocol(view, at));
        }
        break;
      case 0:
      case 108:
        kind = NULL;
        length = NULL_LENGTH;
        problem = checkNull(view, at, end);
        if (problem < 0) next = this.#layerOfFamily(nullFamily(view, at), linkType);
        break;
      case 12:
      case 14:
      case 101:
        kind = RAW;
        if (end === at) {
          this.#refuse(IPV4_TRUNCATED, at, 1, end, announced, false);
          return -1;
        }
        next = view.getUint8(at) >> 4 === 6 ? IPV6 : IP;
        break;
      case 228:
        return IP;
      case 229:
        return IPV6;
      default:
        this.undecoded = UNDECODED_LINK + (linkType & 0xffff);
        return UNKNOWN;
    }
    if (problem >= 0) {
      this.#refuse(problem, at, length, end, announced, false);
      return -1;
    }
    this.#seldomSet = true;
    this.#list(kind, at, end);
    this.#nextAt = at + length;
    return next;
  }

  /** Kind of the layer that an EtherType announces, noting one that is not decoded. */
  #layerOfType(type: number): number {
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
        this.undecoded = type < 1536 ? LLC : type;
        return UNKNOWN;
    }
  }

  /** Kind of the layer that an address family of the BSDs, Darwin or Linux announces. */
  #layerOfFamily(family: number, linkType: number): number {
    switch (family) {
      case 2:
        return IP;
      case 10:
      case 24:
      case 28:
      case 30:
        return IPV6;
      default:
        this.undecoded = UNDECODED_LINK + linkType;
        return UNKNOWN;
    }
  }

  /** Kind of the layer that an IP protocol number announces, noting one that is not decoded; -1 for "no next header". */
  #layerOfProtocol(protocol: number): number {
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
        this.undecoded = UNDECODED_IP + protocol;
        return UNKNOWN;
    }
  }

  /** Kind of the layer in a Geneve or GRE tunnel; -1, with a note, for one that is not decoded: its carrier stays the packet. */
  #layerInTunnel(type: number): number {
    if (type === 0x6558) return ETH;
    if (type === 0x0800) return IP;
    if (type === 0x86dd) return IPV6;
    this.undecoded = type;
    return -1;
  }

  /** Reads VLAN tags. Returns the kind of the next layer, -1 for none. */
  #readVlans(view: DataView, from: number, end: number, announced: number, fragmented: boolean): number {
    let at = from;
    let next: number = VLAN;
    while (next === VLAN) {
      const problem = checkVlan(view, at, end);
      if (problem >= 0) return this.#refuse(problem, at, VLAN_LENGTH, end, announced, fragmented);
      if (this.layerCount > LAYERS - LEVEL_LAYERS) return this.#report(NESTING_TOO_DEEP, at);
      this.#list(VLAN, at, end);
      next = this.#layerOfType(vlanType(view, at));
      at += VLAN_LENGTH;
    }
    return next;
  }

  /** Reads what the ports or the first octets of a UDP payload announce. Returns the kind of a tunnel's first layer, else -1. */
  #readUdpPayload(
    view: DataView,
    srcPort: number,
    dstPort: number,
    at: number,
    end: number,
    announced: number,
    fragmented: boolean,
  ): number {
    const captured = end - at;
    if (this.#vxlanPorts[dstPort] === 1) return this.#readOddVxlan(view, at, end, announced, fragmented);
    if (dstPort === GENEVE_PORT) return this.#readGeneve(view, at, end, announced, fragmented);
    if (dstPort === DNS_PORT || srcPort === DNS_PORT) return this.#readDns(at, end, this.payloadLength);
    if (captured < 8) return -1;
    if (vxlanIsPlain(view, at) && isEthernetFrame(view, at + VXLAN_LENGTH, end, announced)) {
      return this.#readVxlan(view, at, end, 1);
    }
    if (dstPort === MDNS_PORT || srcPort === MDNS_PORT) return this.#name(MDNS, at, end);
    // RFC 3948 section 2: the first four octets are zero for IKE, and never in ESP
    if (dstPort === IPSEC_PORT || srcPort === IPSEC_PORT) {
      return view.getInt32(at) === 0 ? -1 : this.#name(ESP, at, end);
    }
    if ((view.getInt32(at) & 0x00ffffff) !== 0) return -1;
    const onPort = dstPort === WIREGUARD_PORT || srcPort === WIREGUARD_PORT;
    return isWireguard(view.getUint8(at), this.payloadLength, onPort) ? this.#name(WIREGUARD, at, end) : -1;
  }

  #readVxlan(view: DataView, at: number, end: number, byContent: number): number {
    this.#list(VXLAN, at, end);
    this.#enterTunnel(VXLAN, at, vxlanVni(view, at), byContent);
    this.#nextAt = at + VXLAN_LENGTH;
    return ETH;
  }

  /** A header on a VXLAN port that is cut or not plain: it is one when a frame follows it nevertheless. */
  #readOddVxlan(view: DataView, at: number, end: number, announced: number, fragmented: boolean): number {
    const problem = checkVxlan(view, at, end);
    if (problem >= 0) return this.#refuse(problem, at, VXLAN_LENGTH, end, announced, fragmented);
    if (vxlanFlags(view, at) !== 0x08) this.#report(VXLAN_FLAGS, at);
    if (vxlanReserved(view, at) !== 0) this.#report(VXLAN_RESERVED, at + 1);
    return isEthernetFrame(view, at + VXLAN_LENGTH, end, announced) ? this.#readVxlan(view, at, end, 0) : -1;
  }

  #readGeneve(view: DataView, at: number, end: number, announced: number, fragmented: boolean): number {
    const problem = checkGeneve(view, at, end);
    if (problem >= 0) return this.#refuse(problem, at, GENEVE_LENGTH, end, announced, fragmented);
    this.#list(GENEVE, at, end);
    const next = this.#layerInTunnel(geneveType(view, at));
    if (next < 0) return next;
    this.#enterTunnel(GENEVE, at, geneveVni(view, at), 0);
    const headerLength = geneveHeaderLength(view, at);
    this.#nextAt = at + headerLength;
    return end - at < headerLength
      ? this.#refuse(GENEVE_TRUNCATED, at, headerLength, end, announced, fragmented)
      : next;
  }

  #readGre(view: DataView, at: number, end: number, announced: number, fragmented: boolean): number {
    const problem = checkGre(view, at, end);
    if (problem >= 0) return this.#refuse(problem, at, GRE_LENGTH, end, announced, fragmented);
    this.#list(GRE, at, end);
    if (!greIsPlain(view, at)) {
      this.undecoded = greType(view, at);
      return -1;
    }
    const next = this.#layerInTunnel(greType(view, at));
    if (next < 0) return next;
    const keyAt = greKeyAt(view, at, end);
    this.#enterTunnel(GRE, at, keyAt < 0 ? -1 : view.getUint32(keyAt), 0);
    const headerLength = greHeaderLength(view, at);
    this.#nextAt = at + headerLength;
    return end - at < headerLength ? this.#refuse(GRE_TRUNCATED, at, headerLength, end, announced, fragmented) : next;
  }

  /** Reads the layers that few packets have. Returns the kind of a tunnel's first layer, else -1. */
  #readOther(view: DataView, kind: number, at: number, end: number, announced: number, fragmented: boolean): number {
    switch (kind) {
      case ICMP: {
        const problem = checkIcmp(view, at, end);
        if (problem >= 0) return this.#refuse(problem, at, ICMP_LENGTH, end, announced, fragmented);
        this.#readMessage(ICMP, at, end);
        if (icmpIsError(view, at)) this.#findQuoted(view, icmpQuotedAt(at), end);
        return -1;
      }
      case ICMPV6: {
        const problem = checkIcmpv6(view, at, end);
        if (problem >= 0) return this.#refuse(problem, at, ICMP_LENGTH, end, announced, fragmented);
        this.#readMessage(ICMPV6, at, end);
        if (icmpv6IsError(view, at)) this.#findQuoted(view, icmpv6QuotedAt(at), end);
        return -1;
      }
      case ARP: {
        const problem = checkArp(view, at, end);
        if (problem >= 0) return this.#refuse(problem, at, ARP_LENGTH, end, announced, fragmented);
        if (!arpIsEthernetIpv4(view, at)) return this.#name(ARP, at, end);
        this.#list(ARP, at, at + ARP_LENGTH);
        this.#seldomSet = true;
        this.arpAt = at;
        return -1;
      }
      case IP:
      case IPV6:
        // IP directly in IP: the next turn sees the IP header before
        this.#nextAt = at;
        return kind;
      case GRE:
        return this.#readGre(view, at, end, announced, fragmented);
      default:
        return this.#name(kind, at, end);
    }
  }

  /** Lists a layer that is named and not decoded. */
  #name(kind: number, at: number, end: number): -1 {
    this.#list(kind, at, end);
    if (this.undecoded < 0) this.undecoded = UNDECODED_KIND + kind;
    return -1;
  }

  #readTcpPayload(view: DataView, at: number, end: number, isDns: boolean): void {
    if (isDns) {
      // RFC 1035 section 4.2.2: two octets of length before each message. A segment may begin in the middle of one: then the
      // length is often too short for a header, or the opcode was never assigned
      if (end - at < DNS_SHORTEST + 2) return;
      if (view.getUint16(at) < DNS_LENGTH || ((view.getUint8(at + 4) >> 3) & 15) > 6) return;
      this.#readDns(at + 2, end, this.payloadLength - 2);
      return;
    }
    if (this.payloadLength < BGP_LENGTH || end - at < BGP_MARKER_LENGTH || !bgpMarkerIsGood(view, at)) return;
    this.#seldomSet = true;
    this.bgpAt = at;
    if (end - at >= BGP_LENGTH) this.#list(BGP, at, end);
  }

  #readDns(at: number, end: number, length: number): -1 {
    if (length >= DNS_LENGTH && end - at >= DNS_SHORTEST) {
      this.#seldomSet = true;
      this.dnsAt = at;
      if (end - at >= DNS_LENGTH) this.#list(DNS, at, end);
    }
    return -1;
  }

  /** Lists a layer that was read. Its level has room for it, see LEVEL_LAYERS. */
  #list(kind: number, at: number, end: number): void {
    const count = this.layerCount;
    this.layerKinds[count] = kind;
    this.layerAts[count] = at;
    this.layerEnds[count] = end;
    this.layerCount = count + 1;
  }

  #report(problem: number, at: number): -1 {
    const count = this.problemCount;
    if (count < PROBLEMS_KEPT) {
      this.problemCodes[count] = problem;
      this.problemAts[count] = at - this.frameAt;
      this.problemCount = count + 1;
    }
    return -1;
  }

  /** A header failed its check: the walk ends. One that only the capture or a fragment cut is no problem. */
  #refuse(problem: number, at: number, length: number, end: number, announced: number, fragmented: boolean): -1 {
    if (end - at < length && (fragmented || announced - at >= length)) return -1;
    return this.#report(problem, at);
  }

  /** What was the packet becomes the carrier. */
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
    this.ethAt = -1;
    this.ipAt = -1;
    this.l4At = -1;
    this.l4Kind = -1;
    if (this.fragmentAt >= 0) this.fragmentAt = -1;
  }

  #readMessage(kind: number, at: number, end: number): void {
    const length = this.l4Length - ICMP_LENGTH;
    this.#list(kind, at, end);
    this.l4Kind = kind;
    this.payloadAt = at + ICMP_LENGTH;
    this.payloadLength = length < 0 ? 0 : length;
    this.payloadEnd = end;
  }

  /** Reads an IPv6 header that was checked, and the extension headers. Returns the kind of the next layer. */
  #readIpv6(view: DataView, at: number, end: number, announced: number, fragmented: boolean): number {
    if (this.ipAt >= 0) this.#enterTunnel(IP, -1, -1, 0);
    const sent = announced - at;
    const firstHeader = ipv6NextHeader(view, at);
    let length = IPV6_LENGTH + ipv6PayloadLength(view, at);
    if (length === IPV6_LENGTH && firstHeader !== NO_NEXT_HEADER) {
      const jumbo = firstHeader === 0 ? ipv6JumboLength(view, at + IPV6_LENGTH, end) : -1;
      length = jumbo > 0 ? min(jumbo, LONGEST) + IPV6_LENGTH : sent;
    }
    const packetEnd = min(end, at + length);
    this.#list(IPV6, at, packetEnd);
    this.ipAt = at;
    this.ipVersion = 6;
    this.ipLength = length;
    this.ipEnd = packetEnd;
    this.protocol = -1;
    this.fragmentOffset = 0;
    this.moreFragments = 0;
    if (length > sent && !fragmented) this.#report(IPV6_PAYLOAD_LENGTH, at + 4);
    if (
      !this.#readExtensions(view, at + IPV6_LENGTH, packetEnd, min(announced, at + length), fragmented, firstHeader)
    ) {
      return -1;
    }
    this.l4Length = length - (this.l4At - at);
    return this.fragmentOffset !== 0 ? -1 : this.#layerOfProtocol(this.protocol);
  }

  /** Steps over extension headers to l4At; false when it is not there. Sets protocol, the fragment fields and l4At. */
  #readExtensions(
    view: DataView,
    from: number,
    end: number,
    announced: number,
    fragmented: boolean,
    firstHeader: number,
  ): boolean {
    let at = from;
    let protocol = firstHeader;
    let fragmentAt = -1;
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
      const later = protocol === FRAGMENT_HEADER && ipv6FragmentOffset(view, at) !== 0;
      if (protocol === FRAGMENT_HEADER) fragmentAt = at;
      protocol = view.getUint8(at);
      at += length;
      // What follows the header of a later fragment is payload, whatever its number says
      if (later) break;
    }
    if (fragmentAt >= 0) {
      this.#seldomSet = true;
      this.fragmentAt = fragmentAt;
      this.fragmentOffset = ipv6FragmentOffset(view, fragmentAt);
      this.moreFragments = ipv6MoreFragments(view, fragmentAt) ? 1 : 0;
    }
    this.protocol = protocol;
    this.l4At = at;
    return true;
  }

  #findQuoted(view: DataView, at: number, end: number): void {
    if (checkIpv4(view, at, end) < 0) {
      this.#seldomSet = true;
      this.quotedIpAt = at;
      this.quotedIpVersion = 4;
      this.quotedProtocol = ipv4Protocol(view, at);
      const l4At = at + ipv4HeaderLength(view, at);
      if (end - l4At >= QUOTED_LEAST && (ipv4Fragment(view, at) & 0x1fff) === 0) this.quotedL4At = l4At;
      return;
    }
    if (checkIpv6(view, at, end) >= 0) return;
    this.#seldomSet = true;
    this.quotedIpAt = at;
    this.quotedIpVersion = 6;
    let protocol = ipv6NextHeader(view, at);
    let l4At = at + IPV6_LENGTH;
    let later = false;
    for (let count = 0; !later && isIpv6Extension(protocol); count++) {
      if (count === EXTENSIONS || end - l4At < 8) return;
      later = protocol === FRAGMENT_HEADER && ipv6FragmentOffset(view, l4At) !== 0;
      const length = ipv6ExtensionLength(view, l4At, protocol);
      protocol = view.getUint8(l4At);
      l4At += length;
    }
    this.quotedProtocol = protocol;
    if (!later && end - l4At >= QUOTED_LEAST) this.quotedL4At = l4At;
  }
}

/** RFC 4271 section 4.1: 16 octets of ones. */
function bgpMarkerIsGood(view: DataView, at: number): boolean {
  return (view.getInt32(at) & view.getInt32(at + 4) & view.getInt32(at + 8) & view.getInt32(at + 12)) === -1;
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
