/** ICMP and ICMPv6 messages as tcpdump prints them, without what they quote. */
import { formatIpv4, formatIpv6, formatMac } from '../wire/format.js';
import { icmpCode, icmpGatewayAt, icmpId, icmpMtu, icmpSeq, icmpType, IcmpType } from '../wire/icmp.js';
import {
  icmpv6Code,
  icmpv6Id,
  icmpv6Mtu,
  icmpv6Seq,
  icmpv6Type,
  Icmpv6Type,
  neighborMacAt,
  neighborTargetAt,
} from '../wire/icmpv6.js';

/** Where the packet quoted by an error went: address, and protocol and port when it has one. */
export interface QuotedDestination {
  readonly address: string;
  /** Name, else number. */
  readonly protocol: string;
  readonly port: number | null;
}

/** RFC 1122 section 3.2.2.1 and RFC 1812 section 5.2.7.1. */
const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'net %a unreachable',
  1: 'host %a unreachable',
  2: '%a protocol %p unreachable',
  3: '%a %p port %n unreachable',
  4: '%a unreachable - need to frag (mtu %m)',
  5: '%a unreachable - source route failed',
  6: 'net %a unreachable - unknown',
  7: 'host %a unreachable - unknown',
  8: '%a unreachable - source host isolated',
  9: 'net %a unreachable - admin prohibited',
  10: 'host %a unreachable - admin prohibited',
  11: 'net %a unreachable - tos prohibited',
  12: 'host %a unreachable - tos prohibited',
  13: 'host %a unreachable - admin prohibited filter',
  14: 'host %a unreachable - host precedence violation',
  15: 'host %a unreachable - precedence cutoff',
};

const REDIRECT: Readonly<Record<number, string>> = {
  0: 'redirect %a to net',
  1: 'redirect %a to host',
  2: 'redirect-tos %a to net',
  3: 'redirect-tos %a to host',
};

const NOWHERE: QuotedDestination = { address: '?', protocol: '?', port: null };

export function icmpText(view: DataView, at: number, quoted: QuotedDestination | null): string {
  const { address, protocol, port } = quoted ?? NOWHERE;
  const type = icmpType(view, at);
  const code = icmpCode(view, at);
  const fill = (text: string | undefined): string =>
    (text ?? `type ${type} code ${code}, %a`).replace(/%[apnm]/g, (part) => {
      if (part === '%a') return address;
      if (part === '%p') return protocol;
      return part === '%n' ? String(port ?? '?') : String(icmpMtu(view, at));
    });
  switch (type) {
    case IcmpType.ECHO_REQUEST:
      return `ICMP echo request, id ${icmpId(view, at)}, seq ${icmpSeq(view, at)}`;
    case IcmpType.ECHO_REPLY:
      return `ICMP echo reply, id ${icmpId(view, at)}, seq ${icmpSeq(view, at)}`;
    case IcmpType.UNREACHABLE:
      return `ICMP ${fill(UNREACHABLE[code])}`;
    case IcmpType.REDIRECT:
      return `ICMP ${fill(REDIRECT[code])} ${formatIpv4(view, icmpGatewayAt(at))}`;
    case IcmpType.TIME_EXCEEDED:
      return `ICMP ${code === 1 ? 'ip reassembly time exceeded' : 'time exceeded in-transit'}`;
    case IcmpType.PARAMETER_PROBLEM:
      return `ICMP parameter problem - octet ${view.getUint8(at + 4)}`;
    case IcmpType.SOURCE_QUENCH:
      return 'ICMP source quench';
    default:
      return `ICMP type ${type} code ${code}`;
  }
}

const ICMPV6_NAMES: Readonly<Record<number, string>> = {
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  137: 'redirect',
  143: 'multicast listener report v2',
};

const UNREACHABLE_6: Readonly<Record<number, string>> = {
  0: 'unreachable route %a',
  1: 'unreachable prohibited %a',
  2: 'beyond scope %a',
  3: 'unreachable address %a',
  4: '%a unreachable port, %p port %n',
  5: 'unreachable, %a source address failed policy',
  6: 'unreachable, reject route to %a',
};

/** `end`: one past the last captured octet. */
export function icmpv6Text(view: DataView, at: number, end: number, quoted: QuotedDestination | null): string {
  const { address, protocol, port } = quoted ?? NOWHERE;
  const type = icmpv6Type(view, at);
  const code = icmpv6Code(view, at);
  switch (type) {
    case Icmpv6Type.ECHO_REQUEST:
      return `ICMP6, echo request, id ${icmpv6Id(view, at)}, seq ${icmpv6Seq(view, at)}`;
    case Icmpv6Type.ECHO_REPLY:
      return `ICMP6, echo reply, id ${icmpv6Id(view, at)}, seq ${icmpv6Seq(view, at)}`;
    case Icmpv6Type.UNREACHABLE: {
      const text = UNREACHABLE_6[code] ?? `unreachable code ${code}, %a`;
      return `ICMP6, ${text
        .replace('%a', address)
        .replace('%p', protocol)
        .replace('%n', String(port ?? '?'))}`;
    }
    case Icmpv6Type.PACKET_TOO_BIG:
      return `ICMP6, packet too big, mtu ${icmpv6Mtu(view, at)}`;
    case Icmpv6Type.TIME_EXCEEDED:
      return `ICMP6, time exceeded ${code === 1 ? '(reassembly)' : 'in-transit'} for ${address}`;
    case Icmpv6Type.PARAMETER_PROBLEM:
      return `ICMP6, parameter problem, code ${code}`;
    case Icmpv6Type.NEIGHBOR_SOLICITATION:
      return `ICMP6, neighbor solicitation, who has ${targetText(view, at, end)}`;
    case Icmpv6Type.NEIGHBOR_ADVERTISEMENT:
      return `ICMP6, neighbor advertisement, tgt is ${targetText(view, at, end)}`;
    default:
      return `ICMP6, ${ICMPV6_NAMES[type] ?? `type ${type} code ${code}`}`;
  }
}

function targetText(view: DataView, at: number, end: number): string {
  const targetAt = neighborTargetAt(view, at, end);
  const macAt = neighborMacAt(view, at, end);
  if (targetAt === -1) return '?';
  const target = formatIpv6(view, targetAt);
  return macAt === -1 || end - macAt < 6 ? target : `${target} (${formatMac(view, macAt)})`;
}
