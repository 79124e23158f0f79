import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { clientView, type DnsTraffic, type Lookup } from './dns-lookups.js';
import { inPod } from '../commands.js';
import { counted, findingOf, secondsBetween } from './finding.js';

const NXDOMAIN = 3;
/** The steps of one search follow each other within this time, seconds. */
const CHAIN = 5;
/** Labels of a name that are compared. */
const MOST_LABELS = 24;
/** A search domain that others extend has at least these labels: `cluster.local`. */
const DOMAIN_LABELS = 2;
/** Latest names that do not exist, kept for a client: several searches at once, for each of two types. */
const MOST_STEPS = 128;
/** Names that do not exist, before this becomes worth a word. */
const STEPS = 2;

/** A name that does not exist, and the lookup that showed it. */
interface Step {
  readonly labels: readonly string[];
  readonly lookup: Lookup;
}

/**
 * Names that a resolver tries in search domains before it finds them in another, or takes them as they are (ndots). It is how
 * clusters are set up, and only costs: so it is information.
 */
export function searchFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const steps = new Map<number, Step[]>();
  const wasted = new Set<Lookup>();
  const chains: Lookup[] = [];
  for (const lookup of traffic.lookups) {
    const view = clientView(lookup);
    const reply = view?.replies[0];
    if (view === null || reply === undefined) continue;
    let missing = steps.get(lookup.client);
    if (missing === undefined) steps.set(lookup.client, (missing = []));
    const { kept } = view.queries[0]!;
    const labels = lookup.name.split('.', MOST_LABELS);
    const before = missing
      .filter((step) => isStepTo(step.labels, labels, reply.rcode !== NXDOMAIN))
      .map((step) => step.lookup)
      .filter((step) => secondsBetween(clientView(step)!.queries[0]!.kept, kept) < CHAIN);
    if (new Set(before.map(({ name }) => name)).size >= STEPS) {
      chains.push(lookup);
      for (const step of before) wasted.add(step);
    }
    if (reply.rcode === NXDOMAIN && missing.push({ labels, lookup }) > MOST_STEPS) missing.shift();
  }
  const [first] = chains;
  if (first === undefined) return [];
  const { addresses } = context.names;
  const clients = new Set(chains.map(({ client }) => client));
  const names = new Set(chains.map(({ client, name }) => `${client} ${name}`)).size;
  const meant = first.name.split('.', MOST_LABELS);
  const example = [...wasted].filter(
    (step) => step.client === first.client && isStepTo(step.name.split('.'), meant, true),
  );
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
          next: inPod(context, first.client, 'cat /etc/resolv.conf'),
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

/**
 * True when the name is the other one in a search domain: with more labels behind it, or where the other was itself found in a
 * search domain, with more labels before the domain that both have.
 */
function isStepTo(name: readonly string[], other: readonly string[], found: boolean): boolean {
  if (name.length <= other.length) return false;
  let start = 0;
  while (start < other.length && name[start] === other[start]) start++;
  if (start === other.length || !found) return start === other.length;
  let end = 0;
  while (end < other.length && name[name.length - 1 - end] === other[other.length - 1 - end]) end++;
  return start >= 1 && end >= DOMAIN_LABELS && start + end >= other.length;
}
