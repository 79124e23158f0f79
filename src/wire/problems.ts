/**
 * Problems are octets that are wrong: a code, and the offset of the field that shows it, relative to the start of the frame.
 * They never stop the program and never void the layers before them.
 */
export const PROBLEMS = [
  'ethernet-truncated',
  'vlan-truncated',
  'cooked-truncated',
  'null-truncated',
  'arp-truncated',
  'ipv4-truncated',
  'ipv4-version',
  'ipv4-header-length',
  'ipv4-total-length',
  'ipv6-truncated',
  'ipv6-version',
  'ipv6-payload-length',
  'ipv6-extension-truncated',
  'icmp-truncated',
  'icmpv6-truncated',
  'udp-truncated',
  'udp-length',
  'tcp-truncated',
  'tcp-data-offset',
  'tcp-option-length',
  'vxlan-truncated',
  'vxlan-flags',
  'vxlan-reserved',
  'geneve-truncated',
  'geneve-version',
  'geneve-option-length',
  'gre-truncated',
  'gre-version',
  'nesting-too-deep',
  'dns-truncated',
  'dns-label',
  'dns-pointer-loop',
  'dns-count',
  'bgp-truncated',
  'bgp-marker',
  'bgp-length',
  'nflog-truncated',
] as const;

export type ProblemCode = (typeof PROBLEMS)[number];

/** Number of a problem, for columns and counters. */
export function problemNumber(code: ProblemCode): number {
  return PROBLEMS.indexOf(code);
}
