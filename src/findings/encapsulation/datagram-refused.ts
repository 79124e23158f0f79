import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { PROHIBITIONS, refusalCauses } from '../refusal-causes.js';
import type { IcmpError } from './facts.js';
import { errorGroups, quotesTunnel, type ErrorGroup } from './icmp-errors.js';
import { shownBy } from './told.js';

const UDP = 17;
const DNS = 53;
/** Destination unreachable, and its code for the port (RFC 792). */
const UNREACHABLE = 3;
const PORT = 3;

/** Datagrams that somebody between the ends refuses: a firewall, or kube-proxy for a service without endpoints. */
export function datagramRefused(context: FindingContext): Finding[] {
  return errorGroups(context, isRefusal).map((group) => refusalFinding(context, group));
}

/** Of tunnels other checks tell, of questions those of DNS. What the destination itself refuses has no listener: that is an answer. */
function isRefusal(error: IcmpError): boolean {
  const { type, code, sender, outer, outerPort } = error;
  if (type !== UNREACHABLE || !(code === PORT || code in PROHIBITIONS)) return false;
  if (outer.protocol !== UDP || outerPort < 0 || outerPort === DNS || sender === outer.dst) return false;
  return !quotesTunnel(error);
}

function refusalFinding(context: FindingContext, { example, errors }: ErrorGroup): Finding {
  const { sender, outer, outerPort, code } = example;
  const text = (address: number): string => context.names.addresses.text(address);
  const [by, to] = [text(sender), `${text(outer.dst)}:${outerPort}`];
  const isPort = code === PORT;
  // An address that sends packets of its own is no service's
  const isService = isPort && context.topology.homeOf(outer.dst).points.length === 0;
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
    certainty: isPort ? 'likely' : 'shown',
    title: `${by} refuses ${errors.length} ${errors.length === 1 ? 'datagram' : 'datagrams'} ${text(outer.src)} > ${to} with ICMP ${isPort ? 'port unreachable' : (PROHIBITIONS[code] ?? 'prohibited')}`,
    flow: flow ?? null,
    causes: refusalCauses({ by, server: text(outer.dst), code, isPort, isService }),
  });
}
