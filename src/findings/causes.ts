import type { Cause } from '../report/report.js';
import type { CapturePoint } from '../net/points.js';
import { sourceNode, type Break } from './break.js';

/**
 * What may keep a packet from coming from one point to the next, as a table: between which roles, on which side of the
 * underlay, in the order in which to test. A row applies when all its conditions hold; `unless` rows drop out.
 */
interface Row {
  readonly kind: string;
  /** Roles of the point where the packet was last seen, and of the one that it did not reach. */
  readonly last: readonly CapturePoint['role'][];
  readonly next: readonly CapturePoint['role'][];
  readonly side: 'sending' | 'receiving' | 'between';
  readonly likelihood: (at: Break) => number;
  readonly why: (at: Break) => string;
  readonly command: (at: Break) => string;
}

const INSIDE: readonly CapturePoint['role'][] = ['pod', 'veth', 'bridge'];

const TABLE: readonly Row[] = [
  {
    kind: 'ip-forward-off',
    last: ['pod', 'veth', 'bridge'],
    next: ['tunnel', 'underlay'],
    side: 'sending',
    likelihood: (at) => (at.others === 0 ? 0.75 : 0.1),
    why: (at) =>
      at.others === 0
        ? `nothing that enters ${at.node} by ${at.last.interface} comes out at ${at.next.interface}, and no ICMP error is sent: the kernel drops so where forwarding is off on the interface by which a packet enters`
        : `other packets from ${at.last.name} do reach ${at.next.name}, so forwarding is on`,
    command: (at) =>
      `sysctl net.ipv4.conf.${sysctlName(at.last.interface)}.forwarding net.ipv4.conf.all.forwarding   # on ${at.node}`,
  },
  {
    kind: 'forward-policy-drop',
    last: ['pod', 'veth', 'bridge'],
    next: ['tunnel', 'underlay'],
    side: 'sending',
    likelihood: (at) => (at.others === 0 ? 0.5 : 0.1),
    why: () => 'a FORWARD chain whose policy is DROP gives the same silence',
    command: (at) => `iptables-save -c | grep -E '^:FORWARD|DROP'   # on ${at.node}`,
  },
  {
    kind: 'netpol-drop',
    last: ['pod', 'veth', 'bridge'],
    next: ['tunnel', 'underlay'],
    side: 'sending',
    likelihood: (at) => (at.others === 0 ? 0.2 : 0.65),
    why: (at) =>
      at.others === 0
        ? 'an egress policy of this workload would drop without an answer'
        : 'other packets pass here at the same time: what is dropped depends on address and port, as a policy does',
    command: (at) =>
      `iptables-save -c | grep -E 'DROP|REJECT' | grep -v ' \\[0:0\\]'   # on ${at.node}; kubectl get networkpolicy -A`,
  },
  {
    kind: 'vxlan-fdb-missing',
    last: ['tunnel'],
    next: ['underlay'],
    side: 'sending',
    likelihood: () => 0.6,
    why: (at) => `the tunnel device takes the packet and has no remote address for ${at.destination}`,
    command: (at) =>
      `bridge fdb show dev ${at.last.interface}; ip neigh show dev ${at.last.interface}   # on ${at.node}`,
  },
  {
    kind: 'vtep-return-unroutable',
    last: ['underlay'],
    next: ['underlay'],
    side: 'between',
    likelihood: (at) => (at.tunnel === null ? 0 : at.returnsElsewhere ? 0.85 : 0.4),
    why: (at) =>
      at.returnsElsewhere
        ? `it is sent to ${at.outerDestination}, while packets from there arrive with outer source ${at.outerReturn}: the underlay has no way back to the address behind the translation`
        : `the underlay may not know a way to ${at.outerDestination}`,
    command: (at) => `ip route get ${at.outerDestination}   # on ${at.node} and on the routers behind it`,
  },
  {
    kind: 'underlay-blocks-tunnel',
    last: ['underlay'],
    next: ['underlay'],
    side: 'between',
    likelihood: (at) => (at.tunnel === null ? 0 : 0.5),
    why: (at) => `a firewall or security group between the nodes may not let UDP port ${at.outerPort} pass`,
    command: (at) => `tcpdump -ni ${at.next.interface} -c 5 'udp port ${at.outerPort}'   # on ${at.next.node}`,
  },
  {
    kind: 'vxlan-source-not-allowed',
    last: ['underlay'],
    next: ['tunnel', ...INSIDE],
    side: 'receiving',
    likelihood: (at) => (at.tunnel === null ? 0 : at.strangeSource ? (at.next.role === 'tunnel' ? 0.85 : 0.7) : 0.3),
    why: (at) =>
      at.strangeSource
        ? `its outer source ${at.outerSource} is no address that ${at.node} itself sends tunnel packets to${listOf(at.knownPeers)}${at.rewritten ? `; it was ${at.rewritten} before a NAT box` : ''}. Calico's Felix drops VXLAN from hosts that are not in its set`
        : `${at.node} may accept tunnel packets from known hosts only`,
    command: (at) =>
      `ipset test cali40all-vxlan-net ${at.outerSource}; iptables-save -c | grep -i 'vxlan packets'   # on ${at.node}`,
  },
  {
    kind: 'host-firewall-drop',
    last: ['underlay'],
    next: ['tunnel', ...INSIDE],
    side: 'receiving',
    likelihood: (at) => (at.strangeSource ? 0.1 : 0.4),
    why: (at) => `an INPUT rule of ${at.node} may drop UDP port ${at.outerPort ?? '?'} without an answer`,
    command: (at) =>
      `nft list ruleset | grep -nE '${at.outerPort ?? '4789|8472'}|reject|drop'; tcpdump -ni ${at.last.interface} 'icmp[0]=3'   # on ${at.node}`,
  },
  {
    kind: 'vxlan-vni-mismatch',
    last: ['underlay'],
    next: ['tunnel', ...INSIDE],
    side: 'receiving',
    likelihood: (at) => (at.tunnel === null || at.strangeSource ? 0.05 : 0.25),
    why: (at) => `no device of ${at.node} may have VNI ${at.tunnel?.id ?? '?'}`,
    command: (at) => `ip -d link show type vxlan | grep -E 'vxlan id'   # on ${at.node}`,
  },
  {
    kind: 'netpol-drop',
    last: ['tunnel', 'bridge', 'underlay'],
    next: ['bridge', 'veth', 'pod'],
    side: 'receiving',
    likelihood: (at) => (at.last.role === 'underlay' && at.tunnel !== null ? 0 : at.others > 0 ? 0.65 : 0.3),
    why: (at) =>
      at.others > 0
        ? `${at.others} other packets went from ${at.last.interface} to ${at.next.interface} at that time: what is dropped depends on address and port, as a policy does`
        : 'an ingress policy of this workload would drop without an answer',
    command: (at) =>
      `iptables-save -c | grep -E '${at.next.interface}|DROP'   # on ${at.node}; kubectl get networkpolicy -A`,
  },
  {
    kind: 'ip-forward-off',
    last: ['tunnel'],
    next: ['bridge', 'veth', 'pod'],
    side: 'receiving',
    likelihood: (at) => (at.others > 0 ? 0.05 : 0.5),
    why: (at) =>
      `nothing goes from ${at.last.interface} to ${at.next.interface}: forwarding may be off on ${at.last.interface}`,
    command: (at) =>
      `sysctl net.ipv4.conf.${sysctlName(at.last.interface)}.forwarding; nstat -az IpInAddrErrors   # on ${at.node}`,
  },
  {
    kind: 'forward-policy-drop',
    last: ['tunnel'],
    next: ['bridge', 'veth', 'pod'],
    side: 'receiving',
    likelihood: (at) => (at.others > 0 ? 0.05 : 0.45),
    why: () => 'a FORWARD chain whose policy is DROP gives the same silence',
    command: (at) => `iptables-save -c | grep -E '^:FORWARD|DROP'   # on ${at.node}`,
  },
  {
    kind: 'rp-filter-drop',
    last: ['tunnel'],
    next: ['bridge', 'veth', 'pod'],
    side: 'receiving',
    likelihood: (at) => (at.others > 0 ? 0.1 : 0.35),
    why: (at) => `the way back to ${at.source} may leave by another interface than ${at.last.interface}`,
    command: (at) => `nstat -az TcpExtIPReversePathFilter; ip route get ${at.source}   # on ${at.node}`,
  },
  {
    kind: 'pod-gone-arp-fail',
    last: ['bridge'],
    next: ['veth', 'pod'],
    side: 'receiving',
    likelihood: () => 0.4,
    why: (at) => `${at.destination} may not answer ARP on ${at.last.interface}`,
    command: (at) => `ip neigh show dev ${at.last.interface} | grep ${at.destination}   # on ${at.node}`,
  },
];

/** At most three causes, likeliest first, each with the one command that confirms or refutes it. */
export function causesOf(at: Break): Cause[] {
  const side = at.last.node !== at.next.node ? 'between' : at.last.node === sourceNode(at) ? 'sending' : 'receiving';
  return TABLE.filter((row) => row.side === side && row.last.includes(at.last.role) && row.next.includes(at.next.role))
    .map((row) => ({ kind: row.kind, likelihood: row.likelihood(at), why: row.why(at), next: row.command(at) }))
    .filter((cause) => cause.likelihood > 0)
    .sort((a, b) => b.likelihood - a.likelihood)
    .slice(0, 3);
}

function listOf(addresses: readonly string[]): string {
  return addresses.length === 0 ? '' : ` (${addresses.join(', ')})`;
}

/** An interface's name as sysctl wants it: dots stand as slashes. */
function sysctlName(name: string): string {
  return name.replaceAll('.', '/');
}
