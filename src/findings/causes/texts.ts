import { Layer } from '../../wire/layers.js';
import type { Break } from '../break.js';
import { inEachNamespace, onNode } from '../commands.js';
import { nodeName } from '../context.js';
import { macText } from '../encapsulation/facts.js';
import { exceedsPath, isIpv6, isProhibited, isUnreachable } from './conditions.js';
import { NAMELESS, WORKLOAD } from './roles.js';

interface CauseText {
  readonly why: (at: Break) => string;
  /** One command line, to be run on the node named behind the `#`. */
  readonly next: (at: Break) => string;
}

/** Rules are saved for each IP version apart. */
function savedRules({ destination }: Break): string {
  return isIpv6(destination) ? 'ip6tables-save -c' : 'iptables-save -c';
}

/** What is said of each cause. */
export const CAUSES = {
  'arp-gateway-unanswered': {
    why: (at) => `ARP for ${at.unresolved.join(', ')} is not answered at ${at.last.name}`,
    next: (at) =>
      `sysctl net.ipv4.conf.${sysctlName(at.last.interface)}.proxy_arp net.ipv4.conf.${sysctlName(at.last.interface)}.forwarding${onNode(at.node)}`,
  },
  'conntrack-invalid-drop': {
    why: () => 'a rule that drops what conntrack calls INVALID hits single packets of a flow',
    next: (at) => `conntrack -S; ${savedRules(at)} | grep INVALID${onNode(at.node)}`,
  },
  'forward-policy-drop': {
    why: () => 'a FORWARD chain whose policy is DROP gives the same silence',
    next: (at) => `${savedRules(at)} | grep -E '^:FORWARD|DROP'${onNode(at.node)}`,
  },
  'host-firewall-drop': {
    why: (at) => `a firewall rule of ${nodeName(at.node)} may drop ${carrierOf(at)} without an answer`,
    next: (at) =>
      `nft list ruleset | grep -nE '${at.outerPort ?? 'ipencap|gre|udp'}|reject|drop'; tcpdump -ni ${at.last.interface} '${isIpv6(at.outerDestination ?? '') ? 'icmp6[0]=1' : 'icmp[0]=3'}'${onNode(at.node)}`,
  },
  'host-firewall-reject': {
    why: (at) =>
      `${at.error?.sender} answers the tunnel packet with ICMP ${at.error?.type}/${at.error?.code} (prohibited), which only a firewall rule sends`,
    next: (at) => `nft list ruleset | grep -nE '${at.outerPort ?? 'ipencap|gre|udp'}|reject'${onNode(at.node)}`,
  },
  'inner-ip-checksum-bad': {
    why: () => 'the header checksum of the packet inside the tunnel is wrong, and the kernel drops such packets',
    next: (at) => `nstat -az IpInHdrErrors${onNode(at.node)}`,
  },
  'ip-forward-off': {
    why: (at) =>
      at.others > 0
        ? `other packets from ${at.last.name} do reach ${at.next.name}, so forwarding is on`
        : `nothing that enters ${nodeName(at.node)} by ${at.last.interface} comes out at ${at.next.node === at.node ? at.next.interface : at.next.name}, and no ICMP error is sent: the kernel drops so where forwarding is off on the interface by which a packet enters`,
    next: (at) => {
      const [family, counter] = isIpv6(at.destination) ? ['ipv6', 'Ip6InAddrErrors'] : ['ipv4', 'IpInAddrErrors'];
      const its = `net.${family}.conf.${sysctlName(at.last.interface)}.forwarding net.${family}.conf.all.forwarding`;
      const asked = NAMELESS.includes(at.last.role) ? `sysctl -ar '${family}.conf.*[.]forwarding'` : `sysctl ${its}`;
      return `${asked}; nstat -az ${counter}${onNode(at.node)}`;
    },
  },
  'mtu-blackhole-underlay': {
    why: (at) =>
      exceedsPath(at)
        ? tooBig(at)
        : `the outer packet has ${at.octets?.length} octets, and of this tunnel nothing longer than ${at.passedLength} arrives at ${at.next.name}`,
    next: (at) =>
      `ping -M do -s ${Math.max(0, (at.octets?.length ?? 1500) - 28)} ${at.outerDestination ?? at.destination}${onNode(at.node)}`,
  },
  'mtu-outer-fragments-lost': {
    why: () => 'the tunnel packet arrives in fragments, and all of them are needed',
    next: (at) => `nstat -az IpReasmFails IpReasmReqds${onNode(at.node)}`,
  },
  'mtu-pod-larger-than-tunnel': {
    why: tooBig,
    next: (at) => `${inEachNamespace(at.source, `ip route get ${at.destination}`)}${onNode(at.sourceNode ?? '')}`,
  },
  'nat-return-unroutable': {
    why: (at) =>
      `${nodeName(at.node)} translates the reply back to ${at.destination} and sends it out again by ${at.last.interface}, where it came from: it has no route to that address`,
    next: (at) => `ip route get ${at.destination}${onNode(at.node)}`,
  },
  'netpol-drop': {
    why: (at) =>
      isProhibited(at)
        ? `${at.error!.sender} answers with ICMP ${at.error!.type}/${at.error!.code} (prohibited), as a policy that rejects does`
        : at.others > 0
          ? `${at.others} other packets went from ${at.last.interface} to ${at.next.interface} at that time: what is dropped depends on address and port, as a policy does`
          : 'a policy of this workload would drop without an answer',
    next: (at) =>
      `${savedRules(at)} | grep -E '${filteredBy(at)}DROP|REJECT'; kubectl get networkpolicy -A${onNode(at.node)}`,
  },
  'pod-gone-arp-fail': {
    why: (at) =>
      at.unansweredArp > 0
        ? `${at.unansweredArp} ARP requests for ${at.destination} on ${nodeName(at.node)} are not answered`
        : at.error !== null
          ? `${at.error.sender} says "host unreachable" ${(at.error.delay / 1e9).toFixed(1)} s later, as after three ARP requests without an answer`
          : `${at.destination} may not answer ARP on ${at.last.interface}`,
    next: (at) => `ip neigh show | grep -w ${at.destination}${onNode(at.node)}`,
  },
  'route-blackhole': {
    why: (at) =>
      `${at.destination} sends nothing in any capture: perhaps no pod has this address any more, and the blackhole route of the node's block takes its packets`,
    next: (at) =>
      `ip route get ${at.destination}; kubectl get pod -A -o wide | grep -w ${at.destination}${onNode(at.node)}`,
  },
  'route-missing': {
    why: (at) => `${at.error?.sender} says that it has no route to ${at.destination}`,
    next: (at) => `ip route get ${at.destination}${onNode(at.node)}`,
  },
  'route-unreachable': {
    why: (at) =>
      `${at.error?.sender} says "host unreachable" at once, without asking ARP first: a route of type unreachable`,
    next: (at) => `ip route get ${at.destination}${onNode(at.node)}`,
  },
  'rp-filter-drop': {
    why: (at) => `the way back to ${at.source} may leave by another interface than ${at.last.interface}`,
    next: (at) => `nstat -az TcpExtIPReversePathFilter; ip route get ${at.source}${onNode(at.node)}`,
  },
  'ttl-expired-loop': {
    why: (at) =>
      at.passages.length >= 3
        ? `it passed ${at.last.name} with TTL ${at.passages.slice(0, 5).join(', ')}: a routing loop`
        : at.error?.type === 11
          ? `${at.error.sender} says that its TTL ran out`
          : 'its TTL is used up',
    next: (at) => `ip route get ${at.destination}${onNode(at.node, ' and on the routers behind it')}`,
  },
  'ipip-blocked': {
    why: () =>
      'many clouds and their security groups let TCP, UDP and ICMP pass between the nodes, and not IP protocol 4 (IPIP)',
    next: (at) => `tcpdump -ni ${at.next.interface} -c 5 'ip proto 4'${onNode(at.next.node)}`,
  },
  'ipip-source-not-allowed': {
    why: (at) =>
      `${at.strangeSource ? `its outer source ${at.outerSource} is no address that ${nodeName(at.node)} itself sends tunnel packets to${listOf(at.knownPeers)}` : `nothing shows that ${nodeName(at.node)} takes tunnel packets from ${at.outerSource}`}${at.rewritten ? `; it was ${at.rewritten} before a NAT box` : ''}. Calico's Felix drops IPIP from hosts that are not in its set`,
    next: (at) =>
      `ipset test cali40all-hosts-net ${at.outerSource}; iptables-save -c | grep -i 'ipip packets'${onNode(at.node)}`,
  },
  'underlay-blocks-tunnel': {
    why: (at) =>
      isProhibited(at)
        ? `${at.error!.sender} between the nodes answers with ICMP ${at.error!.type}/${at.error!.code} (prohibited)`
        : `a firewall or security group between the nodes may not let ${carrierOf(at)} pass`,
    next: (at) =>
      `tcpdump -ni ${at.next.interface} -c 5 '${at.outerPort === null ? `host ${at.outerSource}` : `udp port ${at.outerPort}`}'${onNode(at.next.node)}`,
  },
  'vtep-ip-wrong': {
    why: (at) =>
      `${at.error?.sender} says that ${at.outerDestination} cannot be reached: ${nodeName(at.node)} tunnels to an address that is not, or no longer, the other node's`,
    next: (at) => `bridge fdb show | grep ${at.outerDestination}; kubectl get node -o wide${onNode(at.node)}`,
  },
  'vtep-mac-mismatch': {
    why: (at) =>
      `its inner destination MAC address ${macText(at.octets!.destinationMac)} is not that of ${nodeName(at.node)}'s tunnel device (${[...at.vtepMacs].slice(0, 3).map(macText).join(', ')}), which drops what is meant for others`,
    next: (at) =>
      `ip -s -s link show ${at.last.role === 'tunnel' ? at.last.interface : 'type vxlan'}${onNode(at.node, ': the column otherhost counts them')}`,
  },
  'vtep-return-unroutable': {
    why: (at) =>
      isUnreachable(at) && at.error!.quotesTunnel
        ? `${at.error!.sender} says that ${at.outerDestination} cannot be reached${at.returnsElsewhere ? `; packets from there arrive with outer source ${at.outerReturn}` : ''}`
        : at.returnsElsewhere
          ? `it is sent to ${at.outerDestination}, while packets from there arrive with outer source ${at.outerReturn}: the underlay has no way back to the address behind the translation`
          : `the underlay may not know a way to ${at.outerDestination}`,
    next: (at) => `ip route get ${at.outerDestination}${onNode(at.node, ' and on the routers behind it')}`,
  },
  'vxlan-ecn-ce-drop': {
    why: () =>
      'the outer header is marked "congestion experienced" and the inner one does not take part in ECN: RFC 6040 has such packets dropped',
    next: (at) => `ip -s -s link show type vxlan | grep -A1 'RX errors'; dmesg | grep 'non-ECT from'${onNode(at.node)}`,
  },
  'vxlan-fdb-missing': {
    why: (at) =>
      at.unresolved.length > 0
        ? `ARP requests for ${at.unresolved.join(', ')} on the tunnel device: it knows no way to them`
        : `the tunnel device takes the packet and may have no remote address for ${at.destination}`,
    next: (at) => `bridge fdb show dev ${at.last.interface}; ip neigh show dev ${at.last.interface}${onNode(at.node)}`,
  },
  'vxlan-port-mismatch': {
    why: (at) =>
      at.error?.code === 3 && at.error.byOuterDestination
        ? `${at.error.sender} answers "port unreachable": no tunnel device of ${nodeName(at.node)} listens on UDP port ${at.outerPort}`
        : `it is sent to UDP port ${at.outerPort}${at.ports.size > 0 ? `, while ${nodeName(at.node)} itself sends to ${[...at.ports].join(', ')}` : ''}`,
    next: (at) => `ip -d link show type vxlan | grep dstport; ss -lun | grep ${at.outerPort}${onNode(at.node)}`,
  },
  'vxlan-reserved-bits': {
    why: (at) =>
      `the VXLAN header has flags 0x${at.octets!.outer!.flags.toString(16).padStart(2, '0')} or reserved bits set; Linux drops all but plain headers (flags 0x08) unless its device is set up for them`,
    next: (at) => `ip -d link show type vxlan | grep -oE 'gbp|gpe|remcsumrx'${onNode(at.node)}`,
  },
  'vxlan-source-not-allowed': {
    why: (at) =>
      at.strangeSource
        ? `its outer source ${at.outerSource} is no address that ${nodeName(at.node)} itself sends tunnel packets to${listOf(at.knownPeers)}${at.rewritten ? `; it was ${at.rewritten} before a NAT box` : ''}${ownView(at)}. Calico's Felix drops VXLAN from hosts that are not in its set`
        : `${at.isCalico ? "Calico's Felix accepts" : `${nodeName(at.node)} may accept`} tunnel packets from known hosts only, and nothing shows that ${at.outerSource} is one${at.rewritten ? `; it was ${at.rewritten} before a NAT box` : ''}`,
    next: (at) =>
      `ipset test cali40all-vxlan-net ${at.outerSource}; iptables-save -c | grep -i 'vxlan packets'${onNode(at.node)}`,
  },
  'vxlan-src-mac-self': {
    why: (at) =>
      `its inner source MAC address ${macText(at.octets!.sourceMac)} is the one of ${nodeName(at.node)}'s own tunnel device, to which it is addressed: dropped as a loop`,
    next: (at) => `ip link show type vxlan | grep ether${onNode(at.node, ' and on the sender')}`,
  },
  'vxlan-static-fdb-snoop': {
    why: (at) =>
      `a tunnel device that learns drops packets whose inner MAC address its table has fixed to another host than ${at.outerSource}`,
    next: (at) =>
      `ip -d link show type vxlan | grep -o 'nolearning\\|learning'; bridge fdb show | grep permanent${onNode(at.node)}`,
  },
  'vxlan-udp-checksum-bad': {
    why: (at) =>
      `the outer UDP checksum is wrong, and not in a way that checksum offload explains: ${nodeName(at.node)} drops it before it is unwrapped`,
    next: (at) => `nstat -az UdpInCsumErrors${onNode(at.node)}`,
  },
  'vxlan-vni-mismatch': {
    why: (at) =>
      at.vnis.size > 0
        ? `it has VNI ${at.tunnel?.id}, while ${nodeName(at.node)} itself sends with ${[...at.vnis].join(', ')}`
        : at.deviceVni !== null && at.deviceVni !== at.tunnel?.id
          ? `it has VNI ${at.tunnel?.id}, and the tunnel device of ${nodeName(at.node)} should have ${at.deviceVni}`
          : `perhaps no device of ${nodeName(at.node)} has VNI ${at.tunnel?.id ?? '?'}`,
    next: (at) => `ip -d link show type vxlan | grep -E 'vxlan id'${onNode(at.node)}`,
  },
} satisfies Record<string, CauseText>;

export type CauseKind = keyof typeof CAUSES;

/** What firewalls see of a tunnel. */
function carrierOf({ outerPort, tunnel }: Break): string {
  if (outerPort !== null) return `UDP port ${outerPort}`;
  if (tunnel?.kind === Layer.IP) return 'IP protocol 4 (IPIP)';
  return tunnel?.kind === Layer.GRE ? 'IP protocol 47 (GRE)' : 'the tunnel';
}

/** Where the node itself looks for the packet's source, if not where the packet comes from. */
function ownView(at: Break): string {
  if (at.outerAway === null || at.outerAway === at.outerSource) return '';
  return `; what is for ${at.source} goes from ${nodeName(at.node)} to ${at.outerAway}`;
}

/** The interface by whose name rules about the workload are found, with a bar behind it. */
function filteredBy({ last, next }: Break): string {
  const named = [next, last].find(({ role }) => WORKLOAD.includes(role)) ?? last;
  return NAMELESS.includes(named.role) ? '' : `${named.interface}|`;
}

function tooBig(at: Break): string {
  const { sender, mtu } = at.error!;
  return `${sender} says that it is too big${mtu > 0 ? `: ${mtu} octets would fit` : ''}`;
}

/** Every cause that a loss can have. */
export const CAUSE_KINDS: readonly string[] = Object.keys(CAUSES);

function listOf(addresses: readonly string[]): string {
  return addresses.length === 0 ? '' : ` (${addresses.join(', ')})`;
}

/** An interface's name as sysctl wants it: dots stand as slashes. */
function sysctlName(name: string): string {
  return name.replaceAll('.', '/');
}
