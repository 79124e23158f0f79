import { ipv4DontFragment, ipv4Id } from '../wire/ipv4.js';
import { ipv6FragmentId } from '../wire/ipv6.js';
import type { PacketView } from '../wire/packet.js';

/**
 * What makes two sightings the same packet. Three keys, each a hash of 64 bits in two int32 lanes:
 *
 * exact      addresses, protocol, IP ID, DF, fragment fields, L4 length, the L4 header and the payload that every capture kept
 * invariant  the same without addresses, ports and ICMP identifier: what a translation keeps
 * burst      what the pieces of one packet share: TCP (ack, timestamps), else the IP ID
 *
 * Not in any key, since hops change them: MACs, TTL, ToS, checksums, the options of a SYN (MSS clamping), anything of a tunnel.
 */

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;

/** Octets from the L4 header on that the exact key covers where no capture cut them. */
export const KEY_OCTETS = 64;
// A SYN is compared up to its window: its options may be rewritten on the way (MSS clamping).
const SYN_OCTETS = 16;
const SYN_FLAG = 0x02;

/** Results of the last call; module state instead of an object per packet. */
export let exactLow = 0;
export let exactHigh = 0;
export let invariantLow = 0;
export let invariantHigh = 0;
export let burstKey = 0;

/** Words of one packet's keys, gathered before they are mixed: there are 31 at most. */
const words = new Int32Array(KEY_OCTETS);
let low = 0;
let high = 0;

/** Mixes in the words from one place to another. */
function mix(from: number, to: number): void {
  // `| 0`: else the compiler adds to the state of the module as to floats (285 instead of 195 ns a sighting in a tunnel)
  let l = low | 0;
  let h = high | 0;
  for (let i = from; i < to; i++) {
    const word = words[i]!;
    l = Math.imul(l ^ word, 0x85ebca6b);
    l ^= l >>> 13;
    h = Math.imul(h + word + 0x165667b1, 0xc2b2ae35) ^ l;
    h ^= h >>> 16;
  }
  low = l;
  high = h;
}

/** Octets of the L4 part that can be compared: what is there, and what every capture of the run kept of such frames. */
function comparableOctets(packet: PacketView, keyOctets: number): number {
  const present = Math.min(packet.ipEnd - packet.l4At, packet.l4Length);
  let octets = Math.min(present, keyOctets);
  if (
    octets > SYN_OCTETS &&
    packet.protocol === TCP &&
    packet.fragmentOffset === 0 &&
    (packet.view.getUint8(packet.l4At + 13) & SYN_FLAG) !== 0
  ) {
    octets = SYN_OCTETS;
  }
  return octets < 0 ? 0 : octets;
}

/** IPv4 ID with DF; of IPv6, which has an identification in fragments only, its lower half, else 0. */
export function ipIdentity(packet: PacketView): number {
  if (packet.ipVersion !== 4)
    return packet.fragmentAt < 0 ? 0 : ipv6FragmentId(packet.view, packet.fragmentAt) & 0xffff;
  return ipv4Id(packet.view, packet.ipAt) | (ipv4DontFragment(packet.view, packet.ipAt) ? 0x10000 : 0);
}

/**
 * A hash of 32 bits of what a packet keeps on its way without a translation, far from telling it from all others: by it a part of
 * the packets is chosen, the same at every point, before their keys are made, which takes longer.
 */
export function roughKey(packet: PacketView): number {
  const { view, l4At, protocol } = packet;
  // At most the first 12 count: what comparableOctets leaves out is behind them
  const octets = Math.min(packet.ipEnd - l4At, packet.l4Length);
  let h = Math.imul(ipIdentity(packet) + packet.l4Length, 0x9e3779b1);
  // Of UDP the ports, since the checksum may not be made yet; then the first data
  if (octets >= 8) h = Math.imul(h ^ view.getInt32(protocol === UDP ? l4At : l4At + 4), 0x85ebca6b);
  if (octets >= 12) h = Math.imul(h ^ (h >>> 15) ^ view.getInt32(l4At + 8), 0xc2b2ae35);
  return Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 8;
}

/** Sets the exact and the invariant key. One pass over the octets: the exact key is the invariant one with what it leaves out. */
export function packetKeys(packet: PacketView, keyOctets: number): void {
  const { view, ipAt } = packet;
  const at = packet.l4At;
  const octets = comparableOctets(packet, keyOctets);
  const protocol = packet.fragmentOffset === 0 ? packet.protocol : -1;
  words[0] = packet.fragmentOffset | (packet.moreFragments << 31);
  words[1] = ipIdentity(packet);
  words[2] = packet.l4Length;
  let count = 3;
  /** How many words the invariant key is made of, when it ends before the octets do. */
  let invariant = -1;
  // What a translation changes in this packet: ports, or the identifier of an echo
  let changing = 0;
  let i = 0;
  if (octets >= 8) {
    if (protocol === TCP) {
      changing = view.getInt32(at);
      words[count++] = view.getInt32(at + 4);
      i = 8;
      if (octets >= 16) {
        words[count++] = view.getInt32(at + 8);
        words[count++] = view.getInt32(at + 12);
        i = octets >= 20 ? 20 : 16; // past the checksum
      }
    } else if (protocol === UDP) {
      changing = view.getInt32(at);
      words[count++] = view.getUint16(at + 4);
      i = 8;
    } else if (protocol === ICMP || protocol === ICMPV6) {
      const type = view.getUint8(at);
      words[count++] = view.getUint16(at);
      i = 8;
      if (protocol === ICMP ? type === 8 || type === 0 : type === 128 || type === 129) {
        changing = view.getUint16(at + 4);
        words[count++] = view.getUint16(at + 6);
      } else {
        changing = view.getInt32(at + 4);
        count = addQuoted(packet, octets, count);
        invariant = count;
      }
    }
  }
  for (; i + 4 <= octets; i += 4) words[count++] = view.getInt32(at + i);
  for (; i < octets; i++) words[count++] = view.getUint8(at + i) + 0x100;
  if (invariant < 0) invariant = count;
  words[count++] = changing;
  // The octets of the addresses, not their ids: readings that number addresses apart make the same keys
  if (packet.ipVersion === 4) {
    words[count++] = view.getInt32(ipAt + 12);
    words[count++] = view.getInt32(ipAt + 16);
  } else {
    for (let octet = 8; octet < 40; octet += 4) words[count++] = view.getInt32(ipAt + octet);
  }
  low = 0x1b873593;
  high = packet.protocol;
  mix(0, invariant);
  invariantLow = low;
  invariantHigh = high;
  mix(invariant, count);
  exactLow = low;
  exactHigh = high;
}

/**
 * What an ICMP error quotes is translated along with it, but for the quoted packet's length, IP ID and numbers.
 * @returns how many words there are then
 */
function addQuoted(
  { view, l4At, quotedIpAt, quotedIpVersion, quotedL4At, quotedProtocol }: PacketView,
  octets: number,
  count: number,
): number {
  if (quotedIpAt < 0 || quotedIpVersion !== 4 || l4At + octets < quotedIpAt + 8) return count;
  words[count++] = view.getInt32(quotedIpAt + 2);
  words[count++] = quotedProtocol;
  if (quotedL4At < 0 || l4At + octets < quotedL4At + 8) return count;
  // Past the ports, or the checksum and identifier of an echo.
  if (quotedProtocol === TCP) words[count++] = view.getInt32(quotedL4At + 4);
  else if (quotedProtocol === UDP) words[count++] = view.getUint16(quotedL4At + 4);
  else if (quotedProtocol === ICMP) words[count++] = view.getUint16(quotedL4At + 6);
  return count;
}

/**
 * Sets burstKey: what a packet's pieces share, also under other addresses. `timestampsAt`: offset of the TCP timestamps
 * value, or -1.
 */
export function burstKeyOf(packet: PacketView, timestampsAt: number): void {
  let count = 1;
  if (packet.protocol === TCP && packet.fragmentOffset === 0 && packet.moreFragments === 0) {
    const view = packet.view;
    const at = packet.l4At;
    words[0] = packet.ipEnd - at >= 12 ? view.getInt32(at + 8) : 0;
    if (timestampsAt >= 0) {
      words[count++] = view.getInt32(timestampsAt);
      words[count++] = view.getInt32(timestampsAt + 4);
    }
  } else {
    words[0] = ipIdentity(packet) & 0xffff;
  }
  low = packet.protocol;
  high = 0;
  mix(0, count);
  burstKey = (low ^ Math.imul(high, 0x9e3779b1)) | 0;
}
