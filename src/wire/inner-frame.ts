/** Tells an encapsulated Ethernet frame from other octets, for tunnels that no port number announces. */
import { ARP_ETHERTYPE, ethernetType, IPV4_ETHERTYPE, IPV6_ETHERTYPE } from './ethernet.js';
import { arpIsEthernetIpv4, arpOperation } from './arp.js';
import { ipv4ChecksumIsGood } from './checksum.js';
import { checkIpv4, ipv4HeaderLength, ipv4TotalLength } from './ipv4.js';
import { checkIpv6, ipv6PayloadLength } from './ipv6.js';

const ETHERNET_LENGTH = 14;
const ARP_LENGTH = 28;
/** Shorter frames may have been padded to this length, without the frame check sequence. */
const LEAST_FRAME = 60;

/**
 * Whether an Ethernet frame begins at `at` whose network header proves itself: IPv4 with a right header checksum, IPv6 that
 * fills the frame, or ARP for IPv4. `end`: one past the last captured octet; `announced`: one past the last that was sent.
 */
export function isEthernetFrame(view: DataView, at: number, end: number, announced: number): boolean {
  const header = at + ETHERNET_LENGTH;
  if (end - header < 20) return false;
  const type = ethernetType(view, at);
  if (type === IPV4_ETHERTYPE) {
    if (checkIpv4(view, header, end) >= 0) return false;
    const headerLength = ipv4HeaderLength(view, header);
    const total = ipv4TotalLength(view, header);
    if (end - header < headerLength) return false;
    if (total !== 0 && (total < headerLength || total > announced - header)) return false;
    return ipv4ChecksumIsGood(view, header);
  }
  if (type === IPV6_ETHERTYPE) {
    if (checkIpv6(view, header, end) >= 0) return false;
    const length = ipv6PayloadLength(view, header);
    const rest = announced - header - 40 - length;
    return length === 0 || rest === 0 || (rest > 0 && announced - at <= LEAST_FRAME);
  }
  if (type !== ARP_ETHERTYPE || end - header < ARP_LENGTH || !arpIsEthernetIpv4(view, header)) return false;
  const operation = arpOperation(view, header);
  return operation === 1 || operation === 2;
}
