import { Layer } from '../../src/wire/layers.js';
import { describe, expect, it } from 'vitest';
import type { Break } from '../../src/findings/break.js';
import { CATALOGUE } from '../../src/findings/catalogue.js';
import { CAUSE_KINDS, causesOf } from '../../src/findings/causes/index.js';
import { weighed } from '../../src/findings/causes/confirm/index.js';
import { WITNESSES } from '../../src/findings/causes/confirm/table.js';
import type { StateEvidence } from '../../src/report/report.js';
import { readState, SavedState } from '../../src/state/read.js';
import { BETWEEN, BRIDGE, ETH, INWARD, OCTETS, OUTWARD, PLAIN, point, TUNNEL } from './break-support.js';

// Lines in the forms in which the tools print them (test/state/dumps, samples/*/state).

interface Case {
  readonly kind: string;
  readonly at?: Partial<Break>;
  /** State of the node that confirms the cause, and the beginning of the line that is quoted. */
  readonly confirms: string;
  readonly quotes: string;
  readonly refutes: string;
  /** State of the same node that is about something else: nothing is confirmed by it. */
  readonly aside: string;
}

function netconf(device: string, forwarding: string, filter = 'off'): string {
  return `inet ${device} forwarding ${forwarding} rp_filter ${filter} mc_forwarding off proxy_neigh off ignore_routes_with_linkdown off \n`;
}

function rules(...lines: readonly string[]): string {
  return `*filter\n${lines.join('\n')}\nCOMMIT\n`;
}

const ACCEPTING = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]'];
const NO_FORWARD = [':INPUT ACCEPT [0:0]'];

function vxlan(
  name: string,
  about: string,
  { mac = '66:e3:21:93:ef:a9', flags = 'BROADCAST,MULTICAST,UP,LOWER_UP', mtu = 1450 } = {},
): string {
  return `3: ${name}: <${flags}> mtu ${mtu} qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/ether ${mac} brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 
    vxlan ${about} srcport 0 0 ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64 
`;
}

function link(name: string, mtu: number): string {
  return `2: ${name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu ${mtu} qdisc noqueue state UP mode DEFAULT group default qlen 1000\n`;
}

const CALICO = 'id 4096 local 192.0.2.2 dev eth0 dstport 4789 nolearning';
const SET = 'Name: cali40all-vxlan-net\nType: hash:net\nRevision: 7\nMembers:\n';
const GUARDED = rules(
  ...ACCEPTING,
  ':cali-INPUT - [0:0]',
  '[17:2250] -A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT',
  '[4:534] -A cali-INPUT -p udp -m comment --comment "Allow IPv4 VXLAN packets from allowed hosts" -m multiport --dports 4789 -m set --match-set cali40all-vxlan-net src -m addrtype --dst-type LOCAL -j ACCEPT',
  '[11:1392] -A cali-INPUT -p udp -m comment --comment "Drop IPv4 VXLAN packets from non-allowed hosts" -m multiport --dports 4789 -m addrtype --dst-type LOCAL -j DROP',
);
const POD_CHAIN = [
  ...ACCEPTING,
  ':cali-FORWARD - [0:0]',
  ':cali-tw-cali1 - [0:0]',
  '[31:2275] -A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD',
];
const SYN: Partial<Break> = { ...INWARD, protocol: 6, sourcePort: 40_000, destinationPort: 8080, isOpening: true };
const MAC = { ...OCTETS, destinationMac: 0x66_e3_21_93_ef_a9, sourceMac: 0x66_52_14_8c_a8_c7 };
const OUT: Partial<Break> = {
  ...OUTWARD,
  last: TUNNEL,
  next: ETH,
  octets: { ...MAC, destinationMac: 0x66_52_14_8c_a8_c7 },
};
const LOST: Partial<Break> = {
  ...BETWEEN,
  outerDestination: '192.168.3.1',
  outerReturn: '192.0.2.9',
  returnsElsewhere: true,
};
const MAIN = 'default via 192.0.2.1 dev eth0 \n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2 \n';

const CASES: readonly Case[] = [
  {
    kind: 'ip-forward-off',
    at: INWARD,
    confirms: netconf('vxlan.calico', 'off'),
    quotes: 'inet vxlan.calico forwarding off',
    refutes: netconf('vxlan.calico', 'on'),
    aside: netconf('cni0', 'off'),
  },
  {
    kind: 'ip-forward-off',
    at: { ...OUTWARD, last: BRIDGE },
    confirms: 'net.ipv4.conf.cni0.forwarding = 0\n',
    quotes: 'net.ipv4.conf.cni0.forwarding = 0',
    refutes: 'net.ipv4.conf.cni0.forwarding = 1\n',
    // IPv4 asks the interface; the value for all is only handed on when it is set.
    aside: 'net.ipv4.conf.all.forwarding = 0\nnet.ipv4.ip_forward = 0\n',
  },
  {
    kind: 'ip-forward-off',
    at: { ...INWARD, source: 'fd00:1::2', destination: 'fd00:2::2' },
    confirms: 'net.ipv6.conf.all.forwarding = 0\n',
    quotes: 'net.ipv6.conf.all.forwarding = 0',
    refutes: 'net.ipv6.conf.all.forwarding = 1\n',
    aside: 'net.ipv6.conf.vxlan/calico.forwarding = 0\nnet.ipv4.conf.all.forwarding = 0\n',
  },
  {
    kind: 'rp-filter-drop',
    at: INWARD,
    confirms: netconf('vxlan.calico', 'on', 'strict') + netconf('all', 'on') + MAIN,
    quotes: 'inet vxlan.calico forwarding on rp_filter strict',
    refutes:
      netconf('vxlan.calico', 'on', 'strict') +
      netconf('all', 'on') +
      MAIN +
      '10.244.1.0/24 via 10.244.1.0 dev vxlan.calico onlink \n',
    aside: netconf('eth0', 'on', 'strict') + netconf('all', 'on') + MAIN,
  },
  {
    kind: 'rp-filter-drop',
    at: { ...OUTWARD, last: point('w2', 'cali1', 'veth') },
    confirms:
      '*raw\n:PREROUTING ACCEPT [9:739]\n[7:420] -A PREROUTING -i cali+ -m rpfilter --validmark --invert -j DROP\nCOMMIT\n',
    quotes: '[7:420] -A PREROUTING -i cali+ -m rpfilter',
    refutes: 'TcpExtIPReversePathFilter       0                  0.0\n',
    aside:
      '*raw\n:PREROUTING ACCEPT [9:739]\n[7:420] -A PREROUTING -i eth+ -m rpfilter --validmark --invert -j DROP\nCOMMIT\n',
  },
  {
    kind: 'forward-policy-drop',
    at: INWARD,
    confirms: rules(':FORWARD DROP [5:300]'),
    quotes: ':FORWARD DROP [5:300]',
    refutes: rules(':FORWARD ACCEPT [5:300]'),
    aside: rules(':INPUT DROP [5:300]'),
  },
  {
    kind: 'forward-policy-drop',
    at: INWARD,
    confirms: rules(':FORWARD ACCEPT [0:0]', '[8:640] -A FORWARD -j REJECT --reject-with icmp-host-prohibited'),
    quotes: '[8:640] -A FORWARD -j REJECT',
    refutes: rules(':FORWARD DROP [5:300]', '[9:900] -A FORWARD -i vxlan.calico -j ACCEPT'),
    aside: rules(':FORWARD ACCEPT [0:0]', '[8:640] -A FORWARD -o docker0 -j DROP'),
  },
  {
    kind: 'netpol-drop',
    at: SYN,
    confirms: rules(
      ...POD_CHAIN,
      '[17:1175] -A cali-FORWARD -o cali1 -g cali-tw-cali1',
      '[11:791] -A cali-tw-cali1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '[3:180] -A cali-tw-cali1 -p tcp -m multiport --dports 8080 -m comment --comment "Drop if no policies passed packet" -j DROP',
    ),
    quotes: '[3:180] -A cali-tw-cali1',
    refutes: rules(
      ...POD_CHAIN,
      '[17:1175] -A cali-FORWARD -o cali1 -g cali-tw-cali1',
      '[9:540] -A cali-tw-cali1 -p tcp -m multiport --dports 80,8080 -j ACCEPT',
      '[3:180] -A cali-tw-cali1 -j DROP',
    ),
    aside: rules(
      ...POD_CHAIN,
      '[17:1175] -A cali-FORWARD -o cali2 -g cali-tw-cali1',
      '[3:180] -A cali-tw-cali1 -j DROP',
    ),
  },
  {
    kind: 'conntrack-invalid-drop',
    at: INWARD,
    confirms: rules(':FORWARD ACCEPT [0:0]', '[3:180] -A FORWARD -m conntrack --ctstate INVALID -j DROP'),
    quotes: '[3:180] -A FORWARD -m conntrack --ctstate INVALID',
    refutes: rules(':FORWARD ACCEPT [0:0]', '[0:0] -A FORWARD -m conntrack --ctstate INVALID -j DROP'),
    aside: rules(':FORWARD ACCEPT [0:0]', '[3:180] -A FORWARD -i cni0 -m conntrack --ctstate INVALID -j DROP'),
  },
  {
    kind: 'host-firewall-drop',
    confirms: rules(':INPUT DROP [9:900]'),
    quotes: ':INPUT DROP [9:900]',
    refutes: rules(':INPUT DROP [9:900]', '[5:100] -A INPUT -p udp -m udp --dport 4789 -j ACCEPT'),
    aside: rules(...ACCEPTING, '[9:900] -A INPUT -p udp -m udp --dport 8472 -j DROP'),
  },
  {
    kind: 'host-firewall-drop',
    confirms:
      'table inet firewalld {\n\tchain filter_INPUT {\n\t\ttype filter hook input priority filter + 10; policy accept;\n\t\tudp dport { 4789, 8472 } counter packets 9 bytes 900 drop\n\t}\n}\n',
    quotes: 'udp dport { 4789, 8472 } counter packets 9 bytes 900 drop',
    refutes:
      'table inet firewalld {\n\tchain filter_INPUT {\n\t\ttype filter hook input priority filter + 10; policy drop;\n\t\tip saddr 192.0.2.0/24 accept\n\t}\n}\n',
    aside:
      'table inet firewalld {\n\tchain filter_INPUT {\n\t\ttype filter hook input priority filter + 10; policy accept;\n\t\tiifname "eth1" udp dport 4789 counter packets 9 bytes 900 drop\n\t}\n}\n',
  },
  {
    kind: 'host-firewall-drop',
    at: OUT,
    confirms:
      vxlan('vxlan.calico', CALICO) +
      '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.0.2.3 self permanent\n' +
      rules(':OUTPUT ACCEPT [0:0]', '[2:200] -A OUTPUT -d 192.0.2.3/32 -p udp -m udp --dport 4789 -j DROP'),
    quotes: '[2:200] -A OUTPUT -d 192.0.2.3/32',
    refutes:
      vxlan('vxlan.calico', CALICO) +
      '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.0.2.3 self permanent\n' +
      rules(':OUTPUT ACCEPT [0:0]'),
    aside: rules(':OUTPUT ACCEPT [0:0]', '[2:200] -A OUTPUT -d 192.0.2.3/32 -p udp -m udp --dport 4789 -j DROP'),
  },
  {
    kind: 'host-firewall-reject',
    confirms: rules(
      ...ACCEPTING,
      '[4:200] -A INPUT -p udp -m udp --dport 4789 -j REJECT --reject-with icmp-host-prohibited',
    ),
    quotes: '[4:200] -A INPUT -p udp',
    refutes: rules(...ACCEPTING),
    aside: rules(...ACCEPTING, '[4:200] -A INPUT -s 192.0.2.77/32 -p udp -m udp --dport 4789 -j REJECT'),
  },
  {
    kind: 'vxlan-source-not-allowed',
    confirms: `${SET}192.168.3.1\n138.96.245.53\n\n${GUARDED}`,
    quotes: '[11:1392] -A cali-INPUT -p udp',
    refutes: `${SET}192.168.3.1\n192.0.2.3\n\n${GUARDED}`,
    aside: `${SET.replace('vxlan', 'hosts')}192.168.3.1\n\n${rules(...NO_FORWARD)}`,
  },
  {
    kind: 'ipip-source-not-allowed',
    at: {
      tunnel: { kind: Layer.IP, src: 1, dst: 2, destinationPort: -1, id: -1 },
      outerSourcePort: 0,
      outerPort: null,
    },
    confirms:
      rules(
        ':cali-INPUT - [0:0]',
        '[90:9000] -A INPUT -j cali-INPUT',
        '[0:0] -A cali-INPUT -p ipencap -m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT',
        '[11:1392] -A cali-INPUT -p ipencap -m comment --comment "Drop IPIP packets from non-Calico hosts" -j DROP',
      ) +
      SET.replace('vxlan', 'hosts') +
      '192.168.3.1\n',
    quotes: '[11:1392] -A cali-INPUT -p ipencap',
    refutes: `${SET.replace('vxlan', 'hosts')}192.168.3.1\n192.0.2.3\n`,
    aside: `${SET}192.168.3.1\n`,
  },
  {
    kind: 'vxlan-vni-mismatch',
    confirms: vxlan('flannel.1', 'id 1 local 192.0.2.2 dev eth0 dstport 8472 nolearning'),
    quotes: 'vxlan id 1 local 192.0.2.2',
    refutes: vxlan('vxlan.calico', CALICO),
    // It takes any number.
    aside: vxlan('vxext', 'external id 0 dstport 4789'),
  },
  {
    kind: 'vxlan-port-mismatch',
    confirms: vxlan('flannel.1', 'id 4096 local 192.0.2.2 dev eth0 dstport 8472 nolearning'),
    quotes: 'vxlan id 4096',
    refutes: vxlan('vxlan.calico', CALICO),
    aside: link('eth0', 1500),
  },
  {
    kind: 'vxlan-port-mismatch',
    confirms: vxlan('vxlan.calico', CALICO, { flags: 'BROADCAST,MULTICAST' }),
    quotes: '3: vxlan.calico: <BROADCAST,MULTICAST>',
    refutes: vxlan('vxlan.calico', CALICO),
    aside: link('vxlan.calico', 1450),
  },
  {
    kind: 'vxlan-reserved-bits',
    at: { octets: { ...OCTETS, outer: { ...OCTETS.outer!, flags: 0x88, isPlain: false } } },
    confirms: vxlan('vxlan.calico', CALICO),
    quotes: 'vxlan id 4096',
    refutes: vxlan('vxlan.calico', `${CALICO} gbp`),
    aside: vxlan('flannel.1', 'id 1 local 192.0.2.2 dev eth0 dstport 8472 nolearning'),
  },
  {
    kind: 'vxlan-src-mac-self',
    at: { octets: { ...OCTETS, sourceMac: 0x66_e3_21_93_ef_a9 } },
    confirms: vxlan('vxlan.calico', CALICO),
    quotes: 'link/ether 66:e3:21:93:ef:a9',
    refutes: vxlan('vxlan.calico', CALICO, { mac: '66:00:00:00:00:01' }),
    aside: vxlan('flannel.1', CALICO),
  },
  {
    kind: 'vxlan-static-fdb-snoop',
    at: { octets: MAC },
    confirms:
      vxlan('vxlan0', 'id 4096 local 192.0.2.2 dev eth0 dstport 4789') +
      '66:52:14:8c:a8:c7 dev vxlan0 dst 192.168.3.1 self permanent\n',
    quotes: '66:52:14:8c:a8:c7 dev vxlan0 dst 192.168.3.1',
    refutes: vxlan('vxlan.calico', CALICO),
    aside:
      vxlan('vxlan0', 'id 4096 local 192.0.2.2 dev eth0 dstport 4789') +
      '66:52:14:8c:a8:c7 dev vxlan9 dst 192.168.3.1 self permanent\n',
  },
  {
    kind: 'vxlan-fdb-missing',
    at: OUT,
    confirms: `${MAIN}10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \n10.244.2.0 dev vxlan.calico FAILED \n`,
    quotes: '10.244.2.0 dev vxlan.calico FAILED',
    refutes: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.0.2.3 self permanent\n',
    aside: `${MAIN}10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \n10.244.2.0 dev flannel.1 FAILED \n`,
  },
  {
    kind: 'vxlan-fdb-missing',
    at: OUT,
    confirms:
      `${MAIN}10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \n` +
      '10.244.2.0 dev vxlan.calico lladdr 66:52:14:8c:a8:c7 PERMANENT \n66:00:00:00:00:09 dev vxlan.calico dst 192.0.2.9 self permanent\n',
    quotes: '10.244.2.0 dev vxlan.calico lladdr 66:52:14:8c:a8:c7 PERMANENT',
    refutes:
      `${MAIN}10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \n` +
      '10.244.2.0 dev vxlan.calico lladdr 66:52:14:8c:a8:c7 PERMANENT \n66:52:14:8c:a8:c7 dev vxlan.calico dst 192.0.2.3 self permanent\n',
    // Without the table there is nothing to miss.
    aside: '10.244.2.0 dev vxlan.calico lladdr 66:52:14:8c:a8:c7 PERMANENT \n',
  },
  {
    kind: 'vtep-mac-mismatch',
    at: { ...INWARD, octets: { ...MAC, destinationMac: 0x66_00_00_00_00_01 } },
    confirms: vxlan('vxlan.calico', CALICO),
    quotes: 'link/ether 66:e3:21:93:ef:a9',
    refutes: vxlan('vxlan.calico', CALICO, { mac: '66:00:00:00:00:01' }),
    aside: vxlan('flannel.1', CALICO),
  },
  {
    kind: 'vtep-ip-wrong',
    at: LOST,
    confirms:
      '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1 self permanent\n' +
      '{"kind":"List","items":[{"kind":"Node","metadata":{"name":"n1"},"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.9"}]}}]}\n',
    quotes: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1',
    refutes:
      '{"kind":"List","items":[{"kind":"Node","metadata":{"name":"n1"},"status":{"addresses":[{"type":"InternalIP","address":"192.168.3.1"}]}}]}\n',
    aside: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1 self permanent\n',
  },
  {
    kind: 'vtep-return-unroutable',
    at: LOST,
    confirms: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1 self permanent\n',
    quotes: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1',
    refutes: '',
    aside: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.7 self permanent\n',
  },
  {
    kind: 'vtep-return-unroutable',
    at: { ...LOST, returnsElsewhere: false },
    confirms: `${MAIN}unreachable 192.168.3.0/24 \n`,
    quotes: 'unreachable 192.168.3.0/24',
    refutes: '',
    aside: '66:52:14:8c:a8:c7 dev vxlan.calico dst 192.168.3.1 self permanent\n',
  },
  {
    kind: 'route-missing',
    at: INWARD,
    confirms: '192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2 \n',
    quotes: '192.0.2.0/24 dev eth0',
    refutes: '10.244.2.2 dev cali1 scope link \n',
    aside: '10.244.9.0/24 dev eth0 table 100 \n',
  },
  {
    kind: 'route-unreachable',
    at: INWARD,
    confirms: `${MAIN}unreachable 10.244.2.0/24 metric 5 \n`,
    quotes: 'unreachable 10.244.2.0/24',
    refutes: `${MAIN}unreachable 10.244.2.0/24 metric 5 \n10.244.2.2 dev cali1 scope link \n`,
    aside: `${MAIN}unreachable 10.244.3.0/24 metric 5 \n`,
  },
  {
    kind: 'route-blackhole',
    at: INWARD,
    confirms: `${MAIN}blackhole 10.244.2.0/26 proto 80 \n`,
    quotes: 'blackhole 10.244.2.0/26',
    refutes: `${MAIN}blackhole 10.244.2.0/26 proto 80 \n10.244.2.2 dev cali1 scope link \n`,
    aside: `${MAIN}blackhole 10.244.2.64/26 proto 80 \n`,
  },
  {
    kind: 'pod-gone-arp-fail',
    at: INWARD,
    confirms: '10.244.2.2 dev cni0 FAILED \n',
    quotes: '10.244.2.2 dev cni0 FAILED',
    refutes: '10.244.2.2 dev cni0 lladdr b6:99:d3:16:9f:50 REACHABLE \n',
    aside: '10.244.2.3 dev cni0 FAILED \n',
  },
  {
    kind: 'pod-gone-arp-fail',
    at: INWARD,
    confirms:
      '{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"web","namespace":"shop"},"spec":{},"status":{"podIP":"10.244.2.9"}}]}\n',
    quotes: '{"kind":"List"',
    refutes:
      '{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"web","namespace":"shop"},"spec":{},"status":{"podIP":"10.244.2.2"}}]}\n',
    // No pods were listed.
    aside: '{"kind":"List","items":[]}\n',
  },
  {
    kind: 'nat-return-unroutable',
    at: { ...BETWEEN, last: ETH, tunnel: null, turnedBack: true },
    confirms: MAIN,
    quotes: 'default via 192.0.2.1 dev eth0',
    refutes: `${MAIN}10.244.0.0/16 via 198.51.100.2 dev eth1 \n`,
    aside: `${MAIN}10.244.0.0/16 proto static \n\tnexthop via 192.0.2.3 dev eth0 weight 1 \n\tnexthop via 192.0.3.3 dev eth1 weight 1 \n`,
  },
  {
    kind: 'ttl-expired-loop',
    at: INWARD,
    confirms: `${MAIN}10.244.0.0/16 via 10.244.1.0 dev vxlan.calico onlink \n`,
    quotes: '10.244.0.0/16 via 10.244.1.0 dev vxlan.calico',
    refutes: `${MAIN}10.244.2.2 dev cali1 scope link \n`,
    aside: '10.244.9.0/24 dev vxlan.calico table 100 \n',
  },
  {
    kind: 'arp-gateway-unanswered',
    at: { ...OUTWARD, last: point('w2', 'cali1', 'veth'), unresolved: ['169.254.1.1'] },
    confirms: 'net.ipv4.conf.cali1.proxy_arp = 0\n',
    quotes: 'net.ipv4.conf.cali1.proxy_arp = 0',
    refutes: 'net.ipv4.conf.cali1.proxy_arp = 1\nnet.ipv4.conf.cali1.forwarding = 1\n',
    aside: 'net.ipv4.conf.cali2.proxy_arp = 0\n',
  },
  {
    kind: 'mtu-blackhole-underlay',
    at: { ...BETWEEN, next: point('w2', 'eth9', 'underlay'), octets: { ...OCTETS, length: 60_000 } },
    confirms: link('eth9', 1450),
    quotes: '2: eth9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450',
    refutes: '',
    // Longer than both is what a card cuts.
    aside: link('eth0', 1450) + link('eth9', 1450),
  },
  {
    kind: 'mtu-pod-larger-than-tunnel',
    at: { ...OUTWARD, octets: { ...OCTETS, length: 1500 } },
    confirms: link('vxlan.calico', 1450),
    quotes: '2: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450',
    refutes: '',
    aside: link('vxlan.calico', 1500) + link('flannel.1', 1450),
  },
  ...[
    ['mtu-outer-fragments-lost', 'IpReasmFails'],
    ['vxlan-udp-checksum-bad', 'UdpInCsumErrors'],
    ['inner-ip-checksum-bad', 'IpInHdrErrors'],
  ].map(([kind, name]) => ({
    kind: kind!,
    confirms: `#kernel\n${name}                 13                 0.0\n`,
    quotes: `${name}    `,
    refutes: `#kernel\n${name}                 0                  0.0\n`,
    aside: '#kernel\nIpInReceives                    13                 0.0\n',
  })),
  {
    kind: 'nat-missing-masquerade',
    at: { ...BETWEEN, tunnel: null, destination: '198.51.100.1' },
    confirms: '*nat\n:POSTROUTING ACCEPT [3:208]\n[6:474] -A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE\nCOMMIT\n',
    quotes: ':POSTROUTING ACCEPT [3:208]',
    refutes:
      '*nat\n:POSTROUTING ACCEPT [3:208]\n[6:474] -A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE\nCOMMIT\n',
    aside: rules(...ACCEPTING),
  },
  {
    kind: 'vtep-source-nated',
    confirms:
      'udp      17 26 src=192.0.2.3 dst=192.0.2.2 sport=51664 dport=4789 [UNREPLIED] src=192.0.2.2 dst=203.0.113.9 sport=4789 dport=51664 mark=0 use=1\n',
    quotes: 'udp      17 26 src=192.0.2.3',
    refutes: '',
    aside:
      'udp      17 26 src=192.0.2.3 dst=192.0.2.2 sport=51664 dport=4789 [UNREPLIED] src=192.0.2.2 dst=192.0.2.3 sport=4789 dport=51664 mark=0 use=1\n',
  },
  {
    kind: 'conntrack-table-full',
    confirms: 'net.netfilter.nf_conntrack_count = 65500\nnet.netfilter.nf_conntrack_max = 65536\n',
    quotes: 'net.netfilter.nf_conntrack_count = 65500',
    refutes: 'net.netfilter.nf_conntrack_count = 500\nnet.netfilter.nf_conntrack_max = 65536\n',
    aside: 'net.netfilter.nf_conntrack_count = 65500\n',
  },
  {
    kind: 'svc-no-endpoints',
    at: { ...SYN, destination: '10.96.0.99', destinationPort: 80 },
    confirms: rules(
      ':OUTPUT ACCEPT [0:0]',
      '[2:120] -A OUTPUT -d 10.96.0.99/32 -p tcp -m comment --comment "default/web:http has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
    ),
    quotes: '[2:120] -A OUTPUT -d 10.96.0.99/32',
    refutes:
      'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\nTCP  10.96.0.99:80 rr\n  -> 10.244.1.9:8080              Masq    1      0          0\n',
    aside: rules(
      ':OUTPUT ACCEPT [0:0]',
      '[2:120] -A OUTPUT -d 10.96.0.98/32 -p tcp -m comment --comment "default/web:http has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
    ),
  },
  {
    kind: 'dns-conntrack-race-5s',
    confirms:
      'cpu=0   \tfound=0 invalid=0 insert=0 insert_failed=7 drop=0 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0 \n',
    quotes: 'cpu=0',
    refutes:
      'cpu=0   \tfound=0 invalid=0 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0 \n',
    aside: 'net.netfilter.nf_conntrack_max = 65536\n',
  },
  {
    kind: 'dns-stale-backend',
    at: { source: '10.244.1.2', destination: '10.244.2.2' },
    confirms:
      'udp      17 28 src=10.244.1.2 dst=10.96.0.10 sport=41234 dport=53 [UNREPLIED] src=10.244.2.2 dst=10.244.1.2 sport=53 dport=41234 mark=0 use=1\n',
    quotes: 'udp      17 28 src=10.244.1.2 dst=10.96.0.10',
    refutes:
      '{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"dns","namespace":"kube-system"},"spec":{},"status":{"podIP":"10.244.2.2"}}]}\n',
    aside:
      'udp      17 28 src=10.244.1.2 dst=10.96.0.10 sport=41234 dport=53 [UNREPLIED] src=10.244.2.9 dst=10.244.1.2 sport=53 dport=41234 mark=0 use=1\n',
  },
  {
    kind: 'dns-unexpected-source',
    confirms: 'net.bridge.bridge-nf-call-iptables = 0\n',
    quotes: 'net.bridge.bridge-nf-call-iptables = 0',
    refutes: 'net.bridge.bridge-nf-call-iptables = 1\n',
    aside: 'net.bridge.bridge-nf-call-ip6tables = 0\n',
  },
  {
    kind: 'hairpin-off',
    at: { ...INWARD, last: point('w2', 'veth1', 'veth') },
    confirms: `${link('veth1', 1450)}    bridge_slave state forwarding priority 32 cost 2 hairpin off guard off \n`,
    quotes: 'bridge_slave state forwarding',
    refutes: `${link('veth1', 1450)}    bridge_slave state forwarding priority 32 cost 2 hairpin on guard off \n`,
    aside: `${link('veth2', 1450)}    bridge_slave state forwarding priority 32 cost 2 hairpin off guard off \n`,
  },
  {
    kind: 'rst-firewall-reject',
    at: { ...SYN, outerSource: null },
    confirms: rules(
      ':FORWARD ACCEPT [0:0]',
      '[1:60] -A FORWARD -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset',
    ),
    quotes: '[1:60] -A FORWARD -p tcp',
    refutes: '',
    aside: rules(
      ':FORWARD ACCEPT [0:0]',
      '[1:60] -A FORWARD -p tcp -m tcp --dport 443 -j REJECT --reject-with tcp-reset',
    ),
  },
];

function heard({ kind, at = {} }: Case, node: string, text: string): { likelihood: number; evidence: StateEvidence[] } {
  const saved = new SavedState();
  readState(saved, text, `${node}/dump.txt`, node, (about) => expect(about).toBe(''));
  return weighed(kind, 0.5, { ...PLAIN, ...at }, saved);
}

describe.each(CASES.map((one) => [one.kind, one] as const))('%s', (_, one) => {
  it('is confirmed by the line that says so', () => {
    const { likelihood, evidence } = heard(one, 'w2', one.confirms);
    expect(evidence[0]).toMatchObject({ says: 'confirms', file: 'w2/dump.txt' });
    expect(evidence[0]!.text.slice(0, one.quotes.length)).toBe(one.quotes);
    expect(one.confirms.split('\n')[evidence[0]!.line - 1]!.trim()).toBe(evidence[0]!.text);
    expect(likelihood).toBeGreaterThan(0.7);
  });

  it.skipIf(one.refutes === '')('is refuted by the line that says the contrary', () => {
    const { likelihood, evidence } = heard(one, 'w2', one.refutes);
    expect(evidence[0]).toMatchObject({ says: 'refutes' });
    expect(evidence.map(({ says }) => says)).not.toContain('confirms');
    expect(likelihood).toBeLessThan(0.3);
  });

  // What of the whole cluster there is to know, all nodes may tell.
  const anywhere = one.confirms.startsWith('{') || ['vtep-source-nated', 'svc-no-endpoints'].includes(one.kind);
  it.skipIf(anywhere)('is left alone by the state of another node', () => {
    expect(heard(one, 'w9', one.confirms)).toEqual({ likelihood: 0.5, evidence: [] });
  });

  it('is not confirmed by what is about something else', () => {
    const { likelihood, evidence } = heard(one, 'w2', one.aside);
    expect(evidence.filter(({ says }) => says === 'confirms')).toEqual([]);
    expect(likelihood).toBeLessThanOrEqual(0.5);
  });
});

describe('saved state', () => {
  it('speaks of causes that there are', () => {
    const known = new Set(CATALOGUE.map(({ id }) => id));
    expect(Object.keys(WITNESSES).filter((kind) => !known.has(kind))).toEqual([]);
    expect(CASES.map(({ kind }) => kind)).toEqual(expect.arrayContaining(Object.keys(WITNESSES)));
    // Told of in the comment beside the table.
    expect(CAUSE_KINDS.filter((kind) => !(kind in WITNESSES))).toEqual([
      'ipip-blocked',
      'underlay-blocks-tunnel',
      'vxlan-ecn-ce-drop',
    ]);
  });

  function saved(text: string): SavedState {
    const state = new SavedState();
    readState(state, text, 'w2/dump.txt', 'w2', () => undefined);
    return state;
  }

  it('adds no cause, and takes none of the first three away without naming the line', () => {
    const at = { ...PLAIN, ...INWARD };
    const kinds = (causes: readonly { kind: string }[]) => causes.map(({ kind }) => kind).sort();
    const before = causesOf(at);
    const after = causesOf(at, saved(netconf('vxlan.calico', 'off')));
    expect(kinds(after)).toEqual(kinds(before));
    expect(after[0]).toMatchObject({ kind: 'ip-forward-off', likelihood: 0.97 });
    const refuted = causesOf(at, saved(netconf('vxlan.calico', 'on')));
    expect(refuted.map(({ kind }) => kind)).not.toContain('ip-forward-off');
    expect(refuted.length).toBe(3);
  });

  it('brings up what these packets show no sign of, where a line settles it', () => {
    // Others crossed before the rule was there.
    const at = { ...PLAIN, ...INWARD, others: 9 };
    expect(causesOf(at).map(({ kind }) => kind)).not.toContain('forward-policy-drop');
    const [first, second] = causesOf(at, saved(rules(':FORWARD DROP [5:300]')));
    expect(first).toMatchObject({ kind: 'forward-policy-drop', likelihood: 0.9 });
    expect(first!.why).toBe('these packets alone do not tell it, but what was saved of w2 does');
    expect(second!.likelihood).toBeLessThan(0.3);
    // What only speaks for it does not.
    const unsure = saved(rules(':FORWARD DROP [5:300]', '[9:900] -A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT'));
    expect(causesOf(at, unsure).map(({ kind }) => kind)).not.toContain('forward-policy-drop');
  });

  it('does not speak of FORWARD before the packet is out of its tunnel', () => {
    const policy = saved(rules(':FORWARD DROP [5:300]') + netconf('eth0', 'off'));
    expect(causesOf(PLAIN, policy)).toEqual(causesOf(PLAIN));
    const behind = { ...PLAIN, next: BRIDGE };
    expect(causesOf(behind, policy).map(({ kind }) => kind)).not.toContain('ip-forward-off');
  });

  it('does not take an address that is translated for the one that is routed', () => {
    const at = { ...PLAIN, ...OUTWARD, last: BRIDGE, destination: '10.96.0.10', protocol: 17, destinationPort: 53 };
    const drop = rules(':FORWARD DROP [5:300]', '[9:900] -A FORWARD -d 10.244.0.0/16 -j ACCEPT');
    const nat =
      '*nat\n:PREROUTING ACCEPT [0:0]\n[7:420] -A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.244.2.2:53\nCOMMIT\n';
    const weight = (text: string) => weighed('forward-policy-drop', 0.5, at, saved(text)).evidence.length;
    expect(weight(drop)).toBe(1);
    expect(weight(drop + nat)).toBe(0);
    expect(weight(`${drop}${nat.replaceAll('10.96.0.10', '10.96.0.11')}`)).toBe(1);
    expect(
      weight(
        `${drop}{"kind":"List","items":[{"kind":"Service","metadata":{"name":"dns"},"spec":{"clusterIP":"10.96.0.10"}}]}\n`,
      ),
    ).toBe(0);
  });

  it('does not bring up what the packets themselves rule out', () => {
    const kinds = (at: Break, text: string) => causesOf(at, saved(text)).map(({ kind }) => kind);
    // A plain header needs no extension, one end's card cuts long packets, and the tunnel device sees any MAC address.
    expect(kinds(PLAIN, vxlan('vxlan.calico', CALICO))).not.toContain('vxlan-reserved-bits');
    const long = { ...OCTETS, length: 60_000 };
    expect(kinds({ ...PLAIN, ...OUTWARD, octets: long }, link('vxlan.calico', 1450))).not.toContain(
      'mtu-pod-larger-than-tunnel',
    );
    const mac = vxlan('vxlan.calico', CALICO, { mac: '66:00:00:00:00:01' });
    expect(kinds({ ...PLAIN, octets: MAC }, mac)).not.toContain('vtep-mac-mismatch');
  });

  it('does not take a route by the same interface for a packet that comes back', () => {
    // Nodes that route to one another without a tunnel.
    const at = { ...PLAIN, ...BETWEEN, tunnel: null, destination: '10.244.2.2' };
    const text = `${MAIN}10.244.2.0/24 via 192.0.2.3 dev eth0 \n`;
    expect(causesOf(at, saved(text))).toEqual(causesOf(at));
  });

  it('brings up a cause that stood fourth', () => {
    const at = { ...PLAIN, ...INWARD };
    expect(causesOf(at).map(({ kind }) => kind)).not.toContain('netpol-drop');
    const policy = rules(
      ...POD_CHAIN,
      '[9:9] -A cali-FORWARD -o cali1 -g cali-tw-cali1',
      '[3:180] -A cali-tw-cali1 -j DROP',
    );
    expect(causesOf(at, saved(policy))[0]).toMatchObject({ kind: 'netpol-drop', likelihood: 0.97 });
  });

  it('that contradicts itself is quoted and changes nothing', () => {
    const one: Case = { ...CASES[0]!, at: INWARD };
    const { likelihood, evidence } = heard(one, 'w2', netconf('vxlan.calico', 'on') + netconf('vxlan.calico', 'off'));
    expect([likelihood, evidence.map(({ says }) => says)]).toEqual([0.5, ['refutes', 'confirms']]);
  });

  it('is quoted in lines of a sane length', () => {
    const comment = 'x'.repeat(5000);
    const text = rules(':FORWARD ACCEPT [0:0]', `[8:640] -A FORWARD -m comment --comment "${comment}" -j DROP`);
    const [evidence] = heard({ ...CASES[0]!, kind: 'forward-policy-drop', at: INWARD }, 'w2', text).evidence;
    expect(evidence!.text).toMatch(/^\[8:640\] -A FORWARD .*…$/);
    expect(evidence!.text.length).toBeLessThan(400);
  });
});
