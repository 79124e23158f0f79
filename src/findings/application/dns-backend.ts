import { sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { quoteOf } from '../../trail/quote.js';
import { endText } from '../../trail/rows.js';
import { Layer } from '../../wire/layers.js';
import { subjectAt } from '../causes/confirm/flow.js';
import { confirmed } from '../causes/confirm/index.js';
import type { FindingContext } from '../context.js';
import { clientView, DNS_PORT, isAnswered, serversOf, type DnsTraffic, type Lookup } from './dns-lookups.js';
import { onNodeOf } from '../commands.js';
import { counted, byTime, findingOf, secondsBetween } from './finding.js';
import { groupBy } from './groups.js';

const UDP = 17;
/** Destination unreachable, port unreachable. */
const PORT_UNREACHABLE = 3;
const UNREACHABLE = 3;
/** A socket is stuck when what it asks stays unanswered for this long, seconds. */
const STUCK = 1;

/** Clients whose socket stays bound to a server that does not answer any more, while other sockets reach others. */
export function staleBackendFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const alive = new Set<number>();
  const answering = new Map<number, Set<number>>();
  const translated: { lookup: Lookup; service: number; backend: number }[] = [];
  for (const lookup of traffic.lookups) {
    for (const { replies } of lookup.views) for (const { server } of replies) alive.add(server);
    const service = clientView(lookup)?.queries[0]?.server;
    const [backend, ...more] = [...serversOf(lookup)].filter((server) => server !== service);
    if (service === undefined || backend === undefined || more.length > 0) continue;
    translated.push({ lookup, service, backend });
    if (!isAnswered(lookup)) continue;
    let backends = answering.get(service);
    if (backends === undefined) answering.set(service, (backends = new Set()));
    backends.add(backend);
  }
  const { names } = context;
  const sockets = groupBy(translated, ({ lookup, service }) => `${lookup.client}:${lookup.clientPort} ${service}`);
  return sockets.flatMap((group) => {
    const [{ lookup, service, backend }] = group as [(typeof group)[number], ...typeof group];
    if (alive.has(backend) || group.some((other) => other.backend !== backend || isAnswered(other.lookup))) return [];
    // One socket after the other for one question each, all sent there: it is the service that still sends there.
    const alike = sockets.filter(
      (other) =>
        other.length === 1 &&
        other[0]!.lookup.client === lookup.client &&
        other[0]!.service === service &&
        other[0]!.backend === backend,
    );
    if (group.length === 1 && alike.length > 1) return [];
    const others = [...(answering.get(service) ?? [])].filter((other) => other !== backend);
    const queries = group.flatMap(({ lookup: { views } }) => views[0]!.queries.map(({ kept }) => kept)).sort(byTime);
    if (others.length === 0 || secondsBetween(queries[0]!, queries[queries.length - 1]!) < STUCK) return [];
    const dead = names.addresses.text(backend);
    const asked = endText(names, service, DNS_PORT);
    const client = endText(names, lookup.client, lookup.clientPort);
    const list = others
      .map((other) => names.addresses.text(other))
      .sort()
      .slice(0, 3)
      .join(', ');
    return [
      findingOf(context, {
        kind: 'dns-stale-backend',
        severity: 'error',
        certainty: 'likely',
        title: `${counted(queries.length, 'DNS query', 'DNS queries')} of ${client} to ${asked} all go to ${dead}, which answers nobody; other sockets are sent to ${list} and get answers`,
        flow: traffic.flowOf(lookup),
        count: group.length,
        of: group.length,
        causes: confirmed(
          [
            {
              kind: 'dns-stale-backend',
              likelihood: 0.85,
              why: `the connection table still holds the translation of this socket to ${dead}, and each query keeps it alive; the server has moved or is gone`,
              next: `conntrack -L -p udp --orig-src ${names.addresses.text(lookup.client)} --orig-dst ${names.addresses.text(service)} --dport ${DNS_PORT} | grep UNREPLIED${onNodeOf(context, lookup.client)}`,
            },
          ],
          subjectAt(names.points[lookup.views[0]!.queries[0]!.kept.point]!, {
            source: names.addresses.text(lookup.client),
            destination: names.addresses.text(backend),
          }),
          context.saved,
        ),
        exhibits: group.slice(0, 3).flatMap(({ lookup: { views, name } }) => [
          { kept: views[0]!.queries[0]!.kept, note: `query for ${name} to ${asked}` },
          ...views
            .flatMap(({ queries }) => queries)
            .filter(({ server }) => server === backend)
            .slice(0, 1)
            .map(({ kept }) => ({ kept, note: `the same, to ${dead}` })),
        ]),
        span: queries,
      }),
    ];
  });
}

interface Refusal {
  readonly kept: KeptFrame;
  readonly from: number;
  readonly server: number;
  readonly client: number;
  readonly clientPort: number;
}

/** DNS queries that are answered with ICMP port unreachable. What clients answer to late replies quotes a reply, and is none. */
export function serverRefusedFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const { store, names } = context;
  const refusals: Refusal[] = [];
  for (const kept of store.frames) {
    const packet = store.view(kept);
    if (packet.quotedL4At < 0 || packet.quotedProtocol !== UDP || packet.l4Kind !== Layer.ICMP) continue;
    const { view, l4At } = packet;
    if (view.getUint8(l4At) !== UNREACHABLE || view.getUint8(l4At + 1) !== PORT_UNREACHABLE) continue;
    const quote = quoteOf(packet, names.addresses);
    if (quote === null || quote.destinationPort !== DNS_PORT || quote.sourcePort === DNS_PORT) continue;
    const from = sourceId(view, packet.ipAt, packet.ipVersion, names.addresses);
    refusals.push({ kept, from, server: quote.dst, client: quote.src, clientPort: quote.sourcePort });
  }
  const asking = new Map(traffic.lookups.map((lookup) => [`${lookup.client}:${lookup.clientPort}`, lookup]));
  // At each point on its way, before and after translation, the same error is seen; the point that saw most of them counts
  const atPoint = groupBy(refusals, ({ kept, from, server }) => `${kept.point} ${from === server} ${server}`);
  const told = new Set<string>();
  return atPoint
    .sort((a, b) => b.length - a.length || byTime(a[0]!.kept, b[0]!.kept))
    .filter((group) => {
      const keys = group.map(({ client, clientPort }) => `${client}:${clientPort}`);
      if (keys.every((key) => told.has(key))) return false;
      for (const key of keys) told.add(key);
      return true;
    })
    .map((group) => {
      const [{ from, server, client, clientPort }] = group as [Refusal, ...Refusal[]];
      const own = from === server;
      const asked = endText(names, server, DNS_PORT);
      const sender = names.addresses.text(from);
      return findingOf(context, {
        kind: 'dns-server-refused',
        severity: 'warning',
        certainty: 'shown',
        title: own
          ? `${asked} answers ${counted(group.length, 'DNS query', 'DNS queries')} with ICMP port unreachable`
          : `${sender} answers ${counted(group.length, 'DNS query', 'DNS queries')} to ${asked} with ICMP port unreachable`,
        flow: traffic.flowOf(asking.get(`${client}:${clientPort}`)),
        count: group.length,
        of: Math.max(group.length, traffic.asked.get(server) ?? 0),
        causes: own
          ? [
              {
                kind: 'dns-server-refused',
                likelihood: 0.85,
                why: `the host answers and no process listens on port ${DNS_PORT}: the DNS server is stopping, or has not started yet`,
                next: `kubectl get pod -A -o wide --field-selector status.podIP=${sender}`,
              },
            ]
          : [
              {
                kind: 'svc-no-endpoints',
                likelihood: 0.75,
                why: `the error comes from ${sender} and not from the address asked, as a node answers for a service that has no ready endpoint`,
                next: `kubectl get svc,endpointslice -A -o wide | grep -F ${names.addresses.text(server)}; kubectl -n kube-system get pod -l k8s-app=kube-dns -o wide`,
              },
              {
                kind: 'host-firewall-reject',
                likelihood: 0.2,
                why: `a rule on ${sender} that rejects gives the same answer`,
                next: `nft list ruleset | grep -nE 'reject|dport 53'   # on ${sender}`,
              },
            ],
        exhibits: group.map(({ kept, client: to, clientPort: port }) => ({
          kept,
          note: `ICMP port unreachable to ${endText(names, to, port)}`,
        })),
      });
    });
}
