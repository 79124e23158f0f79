import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import type { IcmpError } from './facts.js';
import { errorGroups, quotesTunnel, type ErrorGroup } from './icmp-errors.js';
import { cause, shownBy } from './told.js';

const UDP = 17;
const DNS = 53;
/** Destination unreachable, and its codes: port (RFC 792), and prohibited for network, host and communication (RFC 1812). */
const UNREACHABLE = 3;
const PORT = 3;
const PROHIBITED: ReadonlySet<number> = new Set([9, 10, 13]);

/** Datagrams that somebody between the ends refuses: a firewall, or kube-proxy for a service without endpoints. */
export function datagramRefused(context: FindingContext): Finding[] {
  return errorGroups(context, isRefusal).map((group) => refusalFinding(context, group));
}

/** Of tunnels other checks tell, of questions those of DNS. What the destination itself refuses has no listener: that is an answer. */
function isRefusal(error: IcmpError): boolean {
  const { type, code, sender, outer, outerPort } = error;
  if (type !== UNREACHABLE || !(code === PORT || PROHIBITED.has(code))) return false;
  if (outer.protocol !== UDP || outerPort < 0 || outerPort === DNS || sender === outer.dst) return false;
  return !quotesTunnel(error);
}

function refusalFinding(context: FindingContext, { example, errors }: ErrorGroup): Finding {
  const { sender, outer, outerPort, code } = example;
  const text = (address: number): string => context.names.addresses.text(address);
  const [by, to] = [text(sender), `${text(outer.dst)}:${outerPort}`];
  // An address that sends packets of its own is no service's
  const isService = code === PORT && context.topology.homeOf(outer.dst).points.length === 0;
  const firewall = cause(
    'host-firewall-reject',
    isService ? 0.3 : 0.9,
    code === PORT
      ? `a firewall rule of ${by} that rejects without naming a type sends the same ICMP error`
      : `a rule of ${by} rejects it: ICMP type 3 code ${code} is sent by nothing else`,
    `iptables-save -c | grep REJECT; nft list ruleset | grep -n reject   # on the node with ${by}`,
  );
  const endpoints = cause(
    'svc-no-endpoints',
    0.65,
    `kube-proxy rejects what is sent to a service without endpoints with a port unreachable of the node (${by}), not of ${text(outer.dst)}`,
    `kubectl get service,endpointslice -A | grep -F '${text(outer.dst)}'; iptables-save -c | grep -E 'has no (local )?endpoints' | grep -F '${text(outer.dst)}'   # on the node with ${by}`,
  );
  const flow = context.exchanges.find(
    ({ exchange }) =>
      exchange.protocol === 'udp' &&
      exchange.client === outer.src &&
      exchange.server === outer.dst &&
      exchange.serverPort === outerPort,
  )?.flow;
  const frames = errors.map(({ kept }) => kept);
  return shownBy(context, frames, `ICMP type 3 code ${code} of ${by} quotes a datagram of ${text(outer.src)}`, {
    kind: isService ? 'svc-no-endpoints' : 'host-firewall-reject',
    severity: errors.length > 1 ? 'error' : 'warning',
    certainty: code === PORT ? 'likely' : 'shown',
    title: `${by} refuses ${errors.length} ${errors.length === 1 ? 'datagram' : 'datagrams'} ${text(outer.src)} > ${to} with ICMP ${code === PORT ? 'port unreachable' : 'prohibited'}`,
    flow: flow ?? null,
    causes: isService ? [endpoints, firewall] : [firewall],
  });
}
