import type { Cause } from '../report/report.js';

/** Names of ICMP codes by which a firewall refuses (RFC 1812). */
export const PROHIBITIONS: Readonly<Record<number, string>> = {
  9: 'network prohibited',
  10: 'host prohibited',
  13: 'administratively prohibited',
};

/** What refuses with an ICMP error that somebody between the ends sent. */
export interface Refusal {
  /** Who sent it, and who was asked. */
  readonly by: string;
  readonly server: string;
  readonly code: number;
  /** Port unreachable, else prohibited. */
  readonly isPort: boolean;
  /** Who was asked may be the address of a service. */
  readonly isService: boolean;
}

/** A firewall refuses so, or kube-proxy for a service without endpoints. */
export function refusalCauses({ by, server, code, isPort, isService }: Refusal): Cause[] {
  const firewall = {
    kind: 'host-firewall-reject',
    likelihood: isService ? 0.3 : 0.9,
    why: isPort
      ? `a firewall rule of ${by} that rejects without naming a type sends the same ICMP error`
      : `a rule of ${by} rejects it: ${PROHIBITIONS[code] ?? 'prohibited'}`,
    next: `iptables-save -c | grep REJECT; nft list ruleset | grep -n reject   # on the node with ${by}`,
  };
  if (!isService) return [firewall];
  const endpoints = {
    kind: 'svc-no-endpoints',
    likelihood: 0.65,
    why: `kube-proxy rejects what is sent to a service without endpoints with a port unreachable of the node (${by}), not of ${server}`,
    next: `kubectl get service,endpointslice -A | grep -F '${server}'; iptables-save -c | grep -E 'has no (local )?endpoints' | grep -F '${server}'   # on the node with ${by}`,
  };
  return [endpoints, firewall];
}
