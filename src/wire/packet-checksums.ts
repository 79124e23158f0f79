/**
 * What the checksums of a decoded packet say. A wrong checksum is seldom an error: a sender that leaves the sum to its network
 * card, or to nobody between two interfaces of one machine, is captured before the sum is finished.
 */
import { foldSum, ipv4ChecksumIsGood, sumOctets, sumPseudoHeader } from './checksum.js';
import { ipv4Fragment, ipv4HeaderLength } from './ipv4.js';
import { Ipv6Extension, ipv6ExtensionLength, ipv6NextHeader } from './ipv6.js';
import { Layer } from './layers.js';
import type { PacketView } from './packet.js';
import { udpChecksum, udpLength } from './udp.js';

/**
 * - `good`.
 * - `zero`: UDP without a checksum.
 * - `partial`: the sum of the pseudo-header only, not complemented, which is where a sender leaves it that offloads the rest.
 * - `local-checksum-offload`: the checksum of a UDP tunnel that is right once the inner checksum is (Linux: lco_csum).
 * - `unverifiable`: the capture or a fragment does not have all octets.
 * - `bad`: none of these.
 */
export type ChecksumState = 'good' | 'zero' | 'partial' | 'local-checksum-offload' | 'unverifiable' | 'bad';

const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;
const ICMP_CHECKSUM_AT = 2;

/** The innermost packet's IPv4 header checksum; null without IPv4. */
export function ipChecksum(packet: PacketView): ChecksumState | null {
  return packet.ipVersion === 4 ? headerChecksum(packet.view, packet.ipAt, packet.ipEnd) : null;
}

/** The IPv4 header checksum of what carries the innermost packet; null without IPv4. */
export function outerIpChecksum(packet: PacketView): ChecksumState | null {
  return packet.outerIpVersion === 4 ? headerChecksum(packet.view, packet.outerIpAt, packet.frameEnd) : null;
}

function headerChecksum(view: DataView, at: number, end: number): ChecksumState {
  if (at + ipv4HeaderLength(view, at) > end) return 'unverifiable';
  return ipv4ChecksumIsGood(view, at) ? 'good' : 'bad';
}

/** The innermost packet's TCP, UDP, ICMP or ICMPv6 checksum; null without one of these headers. */
export function l4Checksum(packet: PacketView): ChecksumState | null {
  if (packet.l4Kind < 0) return null;
  const { view, l4At, l4Kind } = packet;
  const checksumAt = innerChecksumAt(packet);
  const length = coveredLength(packet);
  const stored = view.getUint16(checksumAt);
  if (l4Kind === Layer.UDP && stored === 0) return 'zero';
  const pseudo =
    l4Kind === Layer.ICMP ? 0 : sumPseudoHeader(view, packet.ipAt, packet.ipVersion, packet.protocol, length);
  if (stored === pseudo && l4Kind !== Layer.ICMP) return 'partial';
  if (!isWhole(packet, length)) return 'unverifiable';
  return sumOctets(view, l4At, l4At + length, pseudo) === 0xffff ? 'good' : 'bad';
}

/** The UDP checksum of the innermost packet's tunnel; null without UDP around it. */
export function outerUdpChecksum(packet: PacketView): ChecksumState | null {
  const { view, outerUdpAt, outerIpAt, outerIpVersion } = packet;
  if (outerUdpAt < 0) return null;
  const stored = udpChecksum(view, outerUdpAt);
  if (stored === 0) return 'zero';
  const length = udpLength(view, outerUdpAt);
  const pseudo = sumPseudoHeader(view, outerIpAt, outerIpVersion, 17, length);
  if (stored === pseudo) return 'partial';
  if (length < 8 || outerUdpAt + length > packet.frameEnd) return 'unverifiable';
  if (outerIpVersion === 4 && (ipv4Fragment(view, outerIpAt) & 0x3fff) !== 0) return 'unverifiable';
  if (outerIpVersion === 6 && hasExtension(view, outerIpAt, outerUdpAt)) return 'unverifiable';
  const sum = sumOctets(view, outerUdpAt, outerUdpAt + length, pseudo);
  if (sum === 0xffff) return 'good';
  return sumWithRightInner(packet, sum) === 0xffff ? 'local-checksum-offload' : 'bad';
}

/** The outer sum as it would be with the right inner checksum. */
function sumWithRightInner(packet: PacketView, outerSum: number): number {
  if (packet.l4Kind !== Layer.TCP && packet.l4Kind !== Layer.UDP) return outerSum;
  const { view, l4At, outerUdpAt } = packet;
  const length = coveredLength(packet);
  if (!isWhole(packet, length)) return outerSum;
  const checksumAt = innerChecksumAt(packet);
  const stored = view.getUint16(checksumAt);
  const pseudo = sumPseudoHeader(view, packet.ipAt, packet.ipVersion, packet.protocol, length);
  const right = 0xffff - sumOctets(view, l4At, l4At + length, foldSum(pseudo + (0xffff - stored)));
  // RFC 1071 section 2 (B): words at odd offsets count with their octets swapped
  const odd = ((checksumAt - outerUdpAt) & 1) !== 0;
  return foldSum(outerSum + (odd ? swap(0xffff - stored) + swap(right) : 0xffff - stored + right));
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}

function innerChecksumAt(packet: PacketView): number {
  if (packet.l4Kind === Layer.TCP) return packet.l4At + TCP_CHECKSUM_AT;
  return packet.l4At + (packet.l4Kind === Layer.UDP ? UDP_CHECKSUM_AT : ICMP_CHECKSUM_AT);
}

/** Octets that the innermost packet's checksum covers. */
function coveredLength(packet: PacketView): number {
  if (packet.l4Kind !== Layer.UDP) return packet.l4Length;
  const length = udpLength(packet.view, packet.l4At);
  return length === 0 ? packet.l4Length : length;
}

function isWhole(packet: PacketView, length: number): boolean {
  if (packet.moreFragments !== 0 || packet.l4At + length > packet.ipEnd) return false;
  return packet.ipVersion !== 6 || !hasExtension(packet.view, packet.ipAt, packet.l4At);
}

/** Whether a routing header lies between; it changes the destination address that the checksum covers. Also for a fragment header. */
function hasExtension(view: DataView, ipAt: number, l4At: number): boolean {
  let kind = ipv6NextHeader(view, ipAt);
  let at = ipAt + 40;
  while (at < l4At) {
    if (kind === Ipv6Extension.ROUTING || kind === Ipv6Extension.FRAGMENT) return true;
    const length = ipv6ExtensionLength(view, at, kind);
    kind = view.getUint8(at);
    at += length;
  }
  return false;
}
