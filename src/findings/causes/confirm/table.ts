import * as filters from './filters.js';
import * as routes from './routes.js';
import type { Witness } from './scene.js';
import * as services from './services.js';
import * as sizes from './sizes.js';
import * as switches from './switches.js';
import * as tunnels from './tunnels.js';

/**
 * Which saved state speaks for or against which cause. What is not here, no state of a node settles: it happens between the
 * nodes (underlay-blocks-tunnel, ipip-blocked), inside a program or its sockets (rst-app-close, tcp-syn-backlog-drop, pod-silent, bgp-*),
 * or is plain from the packets; vxlan-ecn-ce-drop shows in a counter of `ip -s -s link` that counts other errors, too.
 */
export const WITNESSES: Readonly<Record<string, readonly Witness[]>> = {
  // ip netconf, sysctl, nstat, ip route, ip addr
  'ip-forward-off': [switches.forwardOff],
  'rp-filter-drop': [switches.reversePath],
  'arp-gateway-unanswered': [switches.gatewayArp],
  // iptables-save -c, nft list ruleset, ipset list
  'forward-policy-drop': [filters.forwardPolicy],
  'netpol-drop': [filters.networkPolicy],
  'conntrack-invalid-drop': [filters.invalidDrop],
  'host-firewall-drop': [filters.hostFirewallDrop],
  'host-firewall-reject': [filters.hostFirewallReject],
  'rst-firewall-reject': [filters.hostFirewallReject],
  'vxlan-source-not-allowed': [filters.vxlanSourceNotAllowed],
  'ipip-source-not-allowed': [filters.ipipSourceNotAllowed],
  // ip -d link, bridge fdb, ip neigh
  'vxlan-vni-mismatch': [tunnels.networkNumber],
  'vxlan-port-mismatch': [tunnels.port],
  'vxlan-reserved-bits': [tunnels.extensions],
  'vxlan-src-mac-self': [tunnels.sourceMac],
  'vxlan-static-fdb-snoop': [tunnels.staticEntries],
  'vxlan-fdb-missing': [tunnels.forwardingEntry],
  'vtep-mac-mismatch': [tunnels.destinationMac],
  'vtep-ip-wrong': [tunnels.remoteAddress],
  'vtep-return-unroutable': [tunnels.returnAddress],
  // ip route, ip neigh, kubectl get pods
  'route-missing': [routes.missing],
  'route-unreachable': [routes.unreachable],
  'route-blackhole': [routes.blackhole],
  'pod-gone-arp-fail': [routes.neighbour],
  'nat-return-unroutable': [routes.returns],
  'ttl-expired-loop': [routes.turnsBack],
  // ip link, nstat
  'mtu-blackhole-underlay': [sizes.underlayMtu],
  'mtu-pod-larger-than-tunnel': [sizes.tunnelMtu],
  'mtu-outer-fragments-lost': [sizes.counter('IpReasmFails')],
  'vxlan-udp-checksum-bad': [sizes.counter('UdpInCsumErrors')],
  'inner-ip-checksum-bad': [sizes.counter('IpInHdrErrors')],
  // iptables-save -t nat, conntrack, ipvsadm, kubectl get services,endpointslices
  'nat-missing-masquerade': [services.masquerade],
  'vtep-source-nated': [services.tunnelTranslated],
  'conntrack-table-full': [services.tableFull],
  'svc-no-endpoints': [services.endpoints],
  'dns-conntrack-race-5s': [services.insertFailed],
  'dns-stale-backend': [services.staleBackend],
  'dns-unexpected-source': [services.bridgeFilter],
  'hairpin-off': [services.hairpin],
};
