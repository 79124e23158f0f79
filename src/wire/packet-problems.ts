import { bgpProblem } from './bgp.js';
import { DNS_HEADER_LENGTH, DNS_TCP_LENGTH, dnsProblem, dnsTcpBegins, dnsTcpEnd } from './dns.js';
import { Layer } from './layers.js';
import { MAX_PROBLEMS, type PacketView } from './packet.js';
import { PROBLEMS } from './problems.js';

export interface PacketProblem {
  readonly code: string;
  /** Offset in the frame of what shows it. */
  readonly at: number;
}

/** What is wrong with the octets of a frame, in its DNS and BGP messages too. */
export function problemsOf(packet: PacketView): PacketProblem[] {
  const problems: PacketProblem[] = [];
  for (let index = 0; index < packet.problemCount; index += 1) {
    problems.push({ code: PROBLEMS[packet.problemCodes[index]!]!, at: packet.problemAts[index]! });
  }
  const add = (found: number, from: number): void => {
    if (found !== -1 && problems.length < MAX_PROBLEMS)
      problems.push({ code: PROBLEMS[found & 0xff]!, at: (found >> 8) + from - packet.frameAt });
  };
  forEachDns(packet, (at, end, announcedEnd) => add(dnsProblem(packet.view, at, end, announcedEnd), at));
  if (packet.bgpAt !== -1) add(bgpProblem(packet.view, packet.bgpAt, packet.payloadEnd), packet.bgpAt);
  return problems;
}

/** Calls for each DNS message, over TCP for all that begin in the segment. `end` is captured, `announcedEnd` announced. */
export function forEachDns(packet: PacketView, use: (at: number, end: number, announcedEnd: number) => void): void {
  if (packet.dnsAt === -1) return;
  const { view, payloadAt, payloadEnd } = packet;
  if (packet.l4Kind !== Layer.TCP) {
    use(packet.dnsAt, payloadEnd, payloadAt + packet.payloadLength);
    return;
  }
  for (let at = payloadAt; payloadEnd - at > DNS_TCP_LENGTH + 2;) {
    const messageAt = at + DNS_TCP_LENGTH;
    const headerCaptured = payloadEnd - messageAt >= DNS_HEADER_LENGTH;
    if (headerCaptured && !dnsTcpBegins(view, at, payloadEnd)) return;
    const announcedEnd = dnsTcpEnd(view, at);
    use(messageAt, Math.min(payloadEnd, announcedEnd), announcedEnd);
    at = announcedEnd;
  }
}
