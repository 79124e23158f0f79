import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { clientView, type DnsTraffic, type Lookup } from './dns-lookups.js';
import { counted, findingOf, onNode, secondsBetween } from './finding.js';

const NXDOMAIN = 3;
/** The steps of one search follow each other within this time, seconds. */
const CHAIN = 5;
/** Labels of a search domain. */
const MOST_LABELS = 10;
/** Steps kept for one name: twice the search domains that resolvers take, for each of two types. */
const MOST_STEPS = 32;
/** Names that do not exist, before this becomes worth a word. */
const STEPS = 2;

/**
 * Names that a resolver tries in every search domain before it takes them as they are (ndots). It is how clusters are set up, and
 * only costs: so it is information.
 */
export function searchFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const steps = new Map<number, Map<string, Lookup[]>>();
  const wasted = new Set<Lookup>();
  const chains: Lookup[] = [];
  for (const lookup of traffic.lookups) {
    const view = clientView(lookup);
    const reply = view?.replies[0];
    if (view === null || reply === undefined) continue;
    let missing = steps.get(lookup.client);
    if (missing === undefined) steps.set(lookup.client, (missing = new Map()));
    const { kept } = view.queries[0]!;
    const before = (missing.get(lookup.name) ?? []).filter(
      (step) => secondsBetween(clientView(step)!.queries[0]!.kept, kept) < CHAIN,
    );
    if (new Set(before.map(({ name }) => name)).size >= STEPS) {
      chains.push(lookup);
      for (const step of before) wasted.add(step);
    }
    if (reply.rcode === NXDOMAIN) noteStep(missing, lookup);
  }
  const [first] = chains;
  if (first === undefined) return [];
  const { addresses } = context.names;
  const clients = new Set(chains.map(({ client }) => client));
  const names = new Set(chains.map(({ client, name }) => `${client} ${name}`)).size;
  const example = [...wasted].filter((step) => step.client === first.client && step.name.startsWith(`${first.name}.`));
  const perName = ((wasted.size + chains.length) / names).toFixed(1);
  const who = clients.size === 1 ? addresses.text(first.client) : `${clients.size} clients`;
  return [
    findingOf(context, {
      kind: 'dns-ndots-storm',
      severity: 'info',
      certainty: 'shown',
      title: `${wasted.size} of ${counted(traffic.lookups.length, 'DNS lookup')} of ${who} only try search domains: ${perName} lookups for each name`,
      flow: clients.size === 1 ? traffic.flowOf(first) : null,
      count: wasted.size,
      of: traffic.lookups.length,
      causes: [
        {
          kind: 'dns-ndots-storm',
          likelihood: 0.95,
          why: `names with fewer dots than ndots are tried in every search domain first; a dot at the end of the name, or a smaller ndots, saves it`,
          next: `kubectl get pod -A -o wide --field-selector status.podIP=${addresses.text(first.client)}; kubectl exec <that pod> -- cat /etc/resolv.conf${onNode(context, first.client)}`,
        },
      ],
      exhibits: [
        ...example.slice(0, 3).map((step) => ({
          kept: clientView(step)!.queries[0]!.kept,
          note: `${step.name}: does not exist`,
        })),
        { kept: clientView(first)!.queries[0]!.kept, note: `${first.name}: what was meant` },
      ],
    }),
  ];
}

/** A name that does not exist may be a step towards each name that it begins with. */
function noteStep(missing: Map<string, Lookup[]>, lookup: Lookup): void {
  let labels = 0;
  for (let dot = lookup.name.lastIndexOf('.'); dot > 0; dot = lookup.name.lastIndexOf('.', dot - 1)) {
    if (++labels > MOST_LABELS) return;
    const name = lookup.name.slice(0, dot);
    const list = missing.get(name);
    if (list === undefined) missing.set(name, [lookup]);
    else if (list.push(lookup) > MOST_STEPS) list.shift();
  }
}
