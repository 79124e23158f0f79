/** The layers of a frame: one reused object, numbers only. walk() fills it. */
import { Layer, type LayerName } from './layers.js';
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
import { readLinkHeader } from './walk/link-header.js';
import { MAX_LAYERS, MAX_PROBLEMS } from './walk/note.js';
import { walk } from './walk/walk.js';

export { MAX_LAYERS, MAX_PROBLEMS };

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

/** No frame is longer; keeps offsets and lengths small integers. */
const LONGEST = 0x3fffffff;
/** Nothing is read behind it: offsets are int32. */
const LAST = 0x7fffffff;
const ETH = Layer.ETH;
const LINKTYPE_ETHERNET = 1;

/** A one for each UDP port that is VXLAN's. */
function portTable(more: readonly number[]): Uint8Array {
  const table = new Uint8Array(65_536);
  for (const port of [4789, 8472, ...more]) table[port] = 1;
  return table;
}

const USUAL_VXLAN_PORTS = portTable([]);

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

  /** Where the innermost packet begins, with its Ethernet header if it has one: after the tunnel or capture header. -1 when that is cut. */
  innerAt = -1;
  /** Innermost Ethernet header; -1 inside a tunnel that carries IP directly. */
  ethAt = -1;
  /** ARP for Ethernet and IPv4, when the innermost packet is one. */
  arpAt = -1;
  ipAt = -1;
  /** 0, 4 or 6. */
  ipVersion = 0;
  /** End of the IP packet as its header announces, at most `frameEnd`. */
  ipEnd = -1;
  /** Octets of the IP packet as announced, not limited by the capture; 0 of a jumbogram cut before the option that announces them. */
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
  /** One past the last captured octet of the quotation: extensions of the error may follow it (RFC 4884). */
  quotedEnd = -1;
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
  /** @internal Whether the walk set a field that few frames have, see #clearSeldom(). */
  seldomSet = false;

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
    // Not Math.min alone: the lengths may be beyond 31 bits, and what is compared with them would be floats
    let end = at + capturedLength;
    if (end > octets.length) end = Math.min(octets.length, LAST) | 0;
    const length = originalLength > LONGEST ? LONGEST : originalLength > 0 ? originalLength | 0 : 0;
    // Storing a reference costs more than comparing it: frames of one batch share these
    if (this.view !== view) this.view = view;
    if (this.octets !== octets) this.octets = octets;
    this.frameAt = at;
    this.frameEnd = end;
    this.originalLength = length > end - at ? length : end - at;
    this.linkType = linkType;
    this.cut = length > end - at ? 1 : 0;
    const announced = at + this.originalLength;
    this.problemCount = 0;
    this.undecoded = -1;
    this.tunnelDepth = 0;
    if (this.seldomSet) this.#clearSeldom();
    this.ethAt = -1;
    this.ipAt = -1;
    this.l4At = -1;
    this.l4Kind = -1;
    this.layerCount = 0;
    if (linkType === LINKTYPE_ETHERNET) {
      this.innerAt = at;
      walk(this, this.#vxlanPorts, view, at, end, announced, ETH);
    } else {
      this.innerAt = -1;
      const first = readLinkHeader(this, view, at, end, announced, linkType);
      walk(this, this.#vxlanPorts, view, this.innerAt, end, announced, first);
    }
    // Only what this frame did not set is cleared, and only now: most frames set it all
    if (this.tunnelDepth === 0 && this.tunnelKind >= 0) this.#clearTunnel();
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
    this.seldomSet = false;
    this.arpAt = -1;
    this.fragmentAt = -1;
    this.dnsAt = -1;
    this.bgpAt = -1;
    this.quotedIpAt = -1;
    this.quotedEnd = -1;
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
}
