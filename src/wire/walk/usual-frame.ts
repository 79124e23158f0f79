/**
 * The frame that most frames of an overlay are, read in one straight line: Ethernet, IPv4 and TCP, bare or in VXLAN, with nothing
 * odd about it. walk() gives the same for it; this is nearly twice as fast, which is all it is for.
 */
import { EthernetHeader } from '../ethernet.js';
import { Ipv4Header } from '../ipv4.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { TcpHeader } from '../tcp.js';
import { UdpHeader } from '../udp.js';
import { VxlanHeader } from '../vxlan.js';

const ETHERNET_TYPE = EthernetHeader.offsetOf('type');
const ETHERNET_LENGTH = EthernetHeader.span;
const IP_VERSION_IHL = Ipv4Header.offsetOf('versionIhl');
const IP_TOTAL_LENGTH = Ipv4Header.offsetOf('totalLength');
const IP_FRAGMENT = Ipv4Header.offsetOf('fragment');
const IP_PROTOCOL = Ipv4Header.offsetOf('protocol');
const IP_LENGTH = Ipv4Header.span;
const UDP_DST_PORT = UdpHeader.offsetOf('dstPort');
const UDP_LENGTH_AT = UdpHeader.offsetOf('length');
const UDP_LENGTH = UdpHeader.span;
const VXLAN_FLAGS = VxlanHeader.offsetOf('flags');
const VXLAN_VNI = VxlanHeader.offsetOf('vni');
const VXLAN_LENGTH = VxlanHeader.span;
const TCP_SRC_PORT = TcpHeader.offsetOf('srcPort');
const TCP_DST_PORT = TcpHeader.offsetOf('dstPort');
const TCP_DATA_OFFSET = TcpHeader.offsetOf('dataOffset');
const TCP_LENGTH = TcpHeader.span;
/** NOP, NOP, timestamps. */
const TIMESTAMPS = 0x0101080a;
const TIMESTAMPS_LENGTH = 12;

const ETH = Layer.ETH;
const IP = Layer.IP;
const UDP = Layer.UDP;
const TCP = Layer.TCP;
const VXLAN = Layer.VXLAN;

/**
 * Total length of the IPv4 packet in the Ethernet frame at `at`, when both headers were captured and it is whole on the link, not a
 * fragment and without options; else -1.
 */
function usualLength(view: DataView, at: number, end: number, announced: number): number {
  const ipAt = (at + ETHERNET_LENGTH) | 0;
  if (((end - ipAt) | 0) < IP_LENGTH || view.getUint16((at + ETHERNET_TYPE) | 0) !== 0x0800) return -1;
  if (view.getUint8((ipAt + IP_VERSION_IHL) | 0) !== 0x45) return -1;
  if ((view.getUint16((ipAt + IP_FRAGMENT) | 0) & 0x3fff) !== 0) return -1;
  const length = view.getUint16((ipAt + IP_TOTAL_LENGTH) | 0);
  return length < IP_LENGTH || length > ((announced - ipAt) | 0) ? -1 : length;
}

/**
 * Sets the fields of `packet` that a usual frame has, when the Ethernet frame at `frameAt` is one; else sets none of them and
 * returns false. `vxlanPorts` has a one for each UDP port that is VXLAN's.
 */
export function readUsualFrame(
  packet: PacketView,
  vxlanPorts: Uint8Array,
  view: DataView,
  frameAt: number,
  frameEnd: number,
  frameAnnounced: number,
): boolean {
  let ethAt = frameAt | 0;
  let end = frameEnd | 0;
  let announced = frameAnnounced | 0;
  let length = usualLength(view, ethAt, end, announced);
  if (length < 0) return false;
  let ipAt = (ethAt + ETHERNET_LENGTH) | 0;
  let ipEnd = (ipAt + length) | 0;
  let protocol = view.getUint8((ipAt + IP_PROTOCOL) | 0);

  const udpAt = (ipAt + IP_LENGTH) | 0;
  const vxlanAt = (udpAt + UDP_LENGTH) | 0;
  const outerEnd = ipEnd < end ? ipEnd : end;
  const isCarried = protocol === 17;
  if (isCarried) {
    if (((outerEnd - vxlanAt) | 0) < VXLAN_LENGTH) return false;
    if (vxlanPorts[view.getUint16((udpAt + UDP_DST_PORT) | 0)] !== 1) return false;
    if (view.getUint16((udpAt + UDP_LENGTH_AT) | 0) !== ((length - IP_LENGTH) | 0)) return false;
    if (view.getInt32((vxlanAt + VXLAN_FLAGS) | 0) !== 0x08000000) return false;
    if ((view.getInt32((vxlanAt + VXLAN_VNI) | 0) & 0xff) !== 0) return false;
    announced = ipEnd;
    end = outerEnd;
    ethAt = (vxlanAt + VXLAN_LENGTH) | 0;
    length = usualLength(view, ethAt, end, announced);
    if (length < 0) return false;
    ipAt = (ethAt + ETHERNET_LENGTH) | 0;
    ipEnd = (ipAt + length) | 0;
    protocol = view.getUint8((ipAt + IP_PROTOCOL) | 0);
  }
  if (protocol !== 6) return false;

  const tcpAt = (ipAt + IP_LENGTH) | 0;
  if (ipEnd < end) end = ipEnd;
  if (((end - tcpAt) | 0) < TCP_LENGTH) return false;
  const l4Length = (length - IP_LENGTH) | 0;
  const headerLength = (view.getUint8((tcpAt + TCP_DATA_OFFSET) | 0) >> 4) << 2;
  if (headerLength !== TCP_LENGTH) {
    if (headerLength !== TCP_LENGTH + TIMESTAMPS_LENGTH || ((end - tcpAt) | 0) < headerLength) return false;
    if (view.getInt32((tcpAt + TCP_LENGTH) | 0) !== TIMESTAMPS) return false;
  }
  const srcPort = view.getUint16((tcpAt + TCP_SRC_PORT) | 0);
  const dstPort = view.getUint16((tcpAt + TCP_DST_PORT) | 0);
  if (srcPort === 53 || dstPort === 53 || srcPort === 179 || dstPort === 179) return false;

  const kinds = packet.layerKinds;
  const ats = packet.layerAts;
  const ends = packet.layerEnds;
  let count = 0;
  if (isCarried) {
    kinds[0] = ETH;
    ats[0] = frameAt;
    ends[0] = frameEnd;
    kinds[1] = IP;
    ats[1] = (frameAt + ETHERNET_LENGTH) | 0;
    ends[1] = outerEnd;
    kinds[2] = UDP;
    ats[2] = udpAt;
    ends[2] = outerEnd;
    kinds[3] = VXLAN;
    ats[3] = vxlanAt;
    ends[3] = outerEnd;
    count = 4;
    packet.tunnelKind = VXLAN;
    packet.tunnelAt = vxlanAt;
    packet.tunnelDepth = 1;
    packet.tunnelId = view.getInt32((vxlanAt + VXLAN_VNI) | 0) >>> 8;
    packet.tunnelByContent = 0;
    packet.outerEthAt = frameAt;
    packet.outerIpAt = (frameAt + ETHERNET_LENGTH) | 0;
    packet.outerIpVersion = 4;
    packet.outerUdpAt = udpAt;
  }
  kinds[count] = ETH;
  ats[count] = ethAt;
  ends[count] = isCarried ? outerEnd : frameEnd;
  kinds[count + 1] = IP;
  ats[count + 1] = ipAt;
  ends[count + 1] = end;
  kinds[count + 2] = TCP;
  ats[count + 2] = tcpAt;
  ends[count + 2] = end;
  packet.layerCount = count + 3;
  packet.innerAt = ethAt;
  packet.ethAt = ethAt;
  packet.ipAt = ipAt;
  packet.ipVersion = 4;
  packet.ipEnd = end;
  packet.ipLength = length;
  packet.protocol = 6;
  packet.fragmentOffset = 0;
  packet.moreFragments = 0;
  packet.l4At = tcpAt;
  packet.l4Length = l4Length;
  packet.l4Kind = TCP;
  packet.payloadAt = (tcpAt + headerLength) | 0;
  packet.payloadLength = (l4Length - headerLength) | 0;
  packet.payloadEnd = end;
  return true;
}
