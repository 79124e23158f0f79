/**
 * Kinds of layer a packet can be made of, in no order. The names are Wireshark's protocol names, so that a list of kinds is
 * our frame.protocols. A kind that this library does not decode further ends the list (for example esp).
 */
export const LAYER_NAMES = [
  'eth',
  'vlan',
  'sll',
  'sll2',
  'null',
  'raw',
  'arp',
  'ip',
  'ipv6',
  'icmp',
  'icmpv6',
  'udp',
  'tcp',
  'vxlan',
  'geneve',
  'gre',
  'dns',
  'bgp',
  'esp',
  'mpls',
  'wireguard',
  'unknown',
  'mdns',
  'nflog',
] as const;

export type LayerName = (typeof LAYER_NAMES)[number];

export const Layer = {
  ETH: 0,
  VLAN: 1,
  SLL: 2,
  SLL2: 3,
  NULL: 4,
  RAW: 5,
  ARP: 6,
  IP: 7,
  IPV6: 8,
  ICMP: 9,
  ICMPV6: 10,
  UDP: 11,
  TCP: 12,
  VXLAN: 13,
  GENEVE: 14,
  GRE: 15,
  DNS: 16,
  BGP: 17,
  ESP: 18,
  MPLS: 19,
  WIREGUARD: 20,
  UNKNOWN: 21,
  MDNS: 22,
  NFLOG: 23,
} as const;
