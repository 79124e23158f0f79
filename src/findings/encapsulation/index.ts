import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { arpDuplicate } from './arp-duplicate.js';
import { clearText } from './clear-text.js';
import { datagramRefused } from './datagram-refused.js';
import { ecnCeDrop } from './ecn-ce-drop.js';
import { endpointUnreachable } from './endpoint-unreachable.js';
import { gatewayArp } from './gateway-arp.js';
import { hostFirewallReject } from './host-firewall-reject.js';
import { icmpRedirect } from './icmp-redirect.js';
import { innerChecksumBad } from './inner-checksum-bad.js';
import { macDuplicate } from './mac-duplicate.js';
import { macMismatch } from './mac-mismatch.js';
import { mtuBlackhole } from './mtu-blackhole.js';
import { mtuIcmp } from './mtu-icmp.js';
import { natReturn } from './nat-return.js';
import { nextHopMac } from './next-hop-mac.js';
import { outerFragments } from './outer-fragments.js';
import { podDuplicate } from './pod-duplicate.js';
import { podGone } from './pod-gone.js';
import { portMismatch } from './port-mismatch.js';
import { reservedBits } from './reserved-bits.js';
import { routeUnreachable } from './route-unreachable.js';
import { sourceMacSelf } from './source-mac-self.js';
import { sourceNated } from './source-nated.js';
import { ttlLoop } from './ttl-loop.js';
import { tunnelArp } from './tunnel-arp.js';
import { tunnelOneWay } from './tunnel-one-way.js';
import { udpChecksumBad } from './udp-checksum-bad.js';
import { underlaySilent } from './underlay-silent.js';
import { vniMismatch } from './vni-mismatch.js';

const CHECKS: readonly ((context: FindingContext) => Finding[])[] = [
  sourceNated,
  endpointUnreachable,
  hostFirewallReject,
  datagramRefused,
  portMismatch,
  udpChecksumBad,
  vniMismatch,
  macMismatch,
  reservedBits,
  ecnCeDrop,
  sourceMacSelf,
  macDuplicate,
  innerChecksumBad,
  tunnelArp,
  routeUnreachable,
  gatewayArp,
  podGone,
  ttlLoop,
  natReturn,
  underlaySilent,
  tunnelOneWay,
  clearText,
  mtuBlackhole,
  mtuIcmp,
  outerFragments,
  arpDuplicate,
  podDuplicate,
  nextHopMac,
  icmpRedirect,
];

/** Findings of one check at most; an address sweep has as many as a range has addresses. */
const LIMIT = 32;

/** Tunnels, routes, ARP and MTU: what the packets of several points show about them. */
export function encapsulationFindings(context: FindingContext): Finding[] {
  return CHECKS.flatMap((check) => bounded(check(context)));
}

/** The findings that count most; the last of them says how many are left out. */
function bounded(findings: Finding[]): Finding[] {
  if (findings.length <= LIMIT) return findings;
  const kept = findings.sort((a, b) => b.count - a.count).slice(0, LIMIT);
  const last = kept[LIMIT - 1]!;
  kept[LIMIT - 1] = { ...last, title: `${last.title} (and ${findings.length - LIMIT} more of this kind)` };
  return kept;
}
