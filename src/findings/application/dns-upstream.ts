import type { Cause, Finding } from '../../report/report.js';
import { dnsTypeName } from '../../wire/dns-names.js';
import type { FindingContext } from '../context.js';
import { clientView, latencyOf, serversOf, type DnsTraffic, type Lookup, type LookupView } from './dns-lookups.js';
import { onNodeOf, shellSafe } from '../commands.js';
import { counted, durationText, findingOf, secondsBetween, type FindingParts } from './finding.js';
import { groupBy } from './groups.js';

const SERVFAIL = 2;
/** An upstream server that takes longer than this is slow, seconds; the usual time-outs of forwarders are 2 s and 5 s. */
const SLOW = 1;
/** A question that was not answered for so long is taken as unanswered, seconds. */
const PATIENCE = 2;
/** The same question of one server looked at for each lookup. */
const MOST_TRIES = 32;
/** So many failures are no single broken domain any more. */
const MANY = 3;

/** A question of a client, and the question that the server asks its upstream for it. */
interface Forwarded {
  readonly lookup: Lookup;
  readonly upstream: Lookup;
  /** Both at a point that saw both: the server's. */
  readonly asked: LookupView;
  readonly passedOn: LookupView;
}

/** Names that a DNS server cannot get from its upstream, or gets late. */
export function upstreamFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const { lookups } = traffic;
  const forwarded = forwardedOf(lookups);
  const known = new Map(forwarded.map((pair) => [pair.lookup, pair]));
  const failed: Forwarded[] = [];
  const slow: Forwarded[] = [];
  for (const pair of forwarded) {
    const answer = pair.passedOn.replies[0];
    const late = answer === undefined ? isOverdue(pair.passedOn, traffic) : latencyOf(pair.passedOn)! > SLOW;
    const reply = pair.asked.replies[0];
    if (reply?.rcode === SERVFAIL && (late || answer?.rcode === SERVFAIL)) failed.push(pair);
    else if (late && (reply === undefined ? isOverdue(pair.asked, traffic) : latencyOf(pair.asked)! > SLOW))
      slow.push(pair);
  }
  // What a server asks its upstream is a lookup of its own, and is told with the client's
  const inner = new Set(forwarded.map(({ upstream }) => upstream));
  const unexplained = lookups.filter(
    (lookup) => !known.has(lookup) && !inner.has(lookup) && clientView(lookup)?.replies[0]?.rcode === SERVFAIL,
  );
  return [
    ...groupBy(failed, serversBoth).map((group) => upstreamFinding(context, traffic, 'dns-servfail-upstream', group)),
    ...groupBy(slow, serversBoth).map((group) => upstreamFinding(context, traffic, 'dns-slow-upstream', group)),
    ...groupBy(unexplained, (lookup) => String(clientView(lookup)!.queries[0]!.server)).map((group) =>
      servfailFinding(context, traffic, group as [Lookup, ...Lookup[]]),
    ),
  ];
}

/** Groups by the server that forwards and the one that it asks. */
function serversBoth({ upstream }: Forwarded): string {
  return `${upstream.client} ${[...serversOf(upstream)][0]}`;
}

/** Not answered, though the capture goes on. */
function isOverdue({ queries, replies }: LookupView, traffic: DnsTraffic): boolean {
  return replies.length === 0 && traffic.goesOnAfter(queries[0]!.kept) > PATIENCE;
}

function forwardedOf(lookups: readonly Lookup[]): Forwarded[] {
  const byQuestion = new Map<string, Lookup[]>();
  for (const lookup of lookups) {
    const key = `${lookup.client} ${lookup.type} ${lookup.name}`;
    const list = byQuestion.get(key);
    if (list === undefined) byQuestion.set(key, [lookup]);
    else list.push(lookup);
  }
  const taken = new Set<Lookup>();
  const found: Forwarded[] = [];
  for (const lookup of lookups) {
    for (const server of serversOf(lookup)) {
      const candidates = byQuestion.get(`${server} ${lookup.type} ${lookup.name}`) ?? [];
      const pair = firstOf(candidates, lookup, server, taken);
      if (pair === null) continue;
      taken.add(pair.upstream);
      found.push(pair);
      break;
    }
  }
  return found;
}

function firstOf(
  candidates: readonly Lookup[],
  lookup: Lookup,
  server: number,
  taken: ReadonlySet<Lookup>,
): Forwarded | null {
  let tries = 0;
  for (const upstream of candidates) {
    if (upstream === lookup || taken.has(upstream)) continue;
    const pair = atOnePoint(lookup, upstream, server);
    if (pair !== null || ++tries === MOST_TRIES) return pair;
  }
  return null;
}

/** The two at a point where the server's own address is asked, when the one follows from the other. */
function atOnePoint(lookup: Lookup, upstream: Lookup, server: number): Forwarded | null {
  for (const asked of lookup.views) {
    const passedOn = upstream.views.find(({ point }) => point === asked.point);
    const query = asked.queries.find((message) => message.server === server);
    const onward = passedOn?.queries[0];
    if (passedOn === undefined || query === undefined || onward === undefined) continue;
    const delay = secondsBetween(query.kept, onward.kept);
    const reply = asked.replies[0];
    if (delay < 0 || delay > PATIENCE || (reply !== undefined && secondsBetween(onward.kept, reply.kept) < 0)) continue;
    return { lookup, upstream, asked, passedOn };
  }
  return null;
}

function upstreamFinding(
  context: FindingContext,
  traffic: DnsTraffic,
  kind: 'dns-servfail-upstream' | 'dns-slow-upstream',
  group: readonly Forwarded[],
): Finding {
  const { addresses, points } = context.names;
  const [{ lookup, upstream, asked, passedOn }] = group as [Forwarded, ...Forwarded[]];
  const server = addresses.text(upstream.client);
  const above = addresses.text(passedOn.queries[0]!.server);
  const unanswered = group.filter((pair) => pair.passedOn.replies.length === 0).length;
  const at = points[passedOn.point]!.name;
  const latency = latencyOf(passedOn);
  const how =
    unanswered === group.length
      ? `${above} does not answer it`
      : passedOn.replies[0]?.rcode === SERVFAIL
        ? `${above} answers SERVFAIL itself`
        : `${above} answers ${latency === null ? 'late or not at all' : `after ${durationText(latency)}`}`;
  const cause: Cause = {
    kind,
    likelihood: 0.9,
    why: `at ${at} the question of the client and the one to ${above} are both seen: ${how}`,
    next: `dig @${above} ${dnsTypeName(upstream.type)} '${shellSafe(upstream.name)}' +tries=1 +time=5${onNodeOf(context, upstream.client)}`,
  };
  const reply = asked.replies[0];
  return findingOf(context, {
    kind,
    severity: 'warning',
    certainty: 'shown',
    title:
      kind === 'dns-servfail-upstream'
        ? `${server} answers ${counted(group.length, 'DNS query', 'DNS queries')} with SERVFAIL: ${how}`
        : `the upstream server of ${server} keeps ${counted(group.length, 'DNS query', 'DNS queries')} waiting: ${how}`,
    flow: traffic.flowOf(lookup),
    count: group.length,
    of: group.length,
    causes: [cause],
    exhibits: [
      { kept: asked.queries[0]!.kept, note: `query of ${addresses.text(lookup.client)} for ${lookup.name}` },
      { kept: passedOn.queries[0]!.kept, note: `the same question, from ${server} to ${above}` },
      ...passedOn.replies.slice(0, 1).map(({ kept }) => ({ kept, note: `answer of ${above}` })),
      ...(reply === undefined ? [] : [{ kept: reply.kept, note: `answer of ${server} to its client` }]),
    ],
    span: group.map((pair) => pair.asked.queries[0]!.kept),
  });
}

/** SERVFAIL, and what the server asked for it was not captured. */
function servfailFinding(context: FindingContext, traffic: DnsTraffic, group: readonly [Lookup, ...Lookup[]]): Finding {
  const { addresses } = context.names;
  const server = clientView(group[0])!.queries[0]!.server;
  const names = new Set(group.map(({ name }) => name));
  const parts: FindingParts = {
    kind: 'dns',
    severity: names.size >= MANY ? 'warning' : 'info',
    certainty: 'shown',
    title: `${addresses.text(server)} answers ${counted(group.length, 'DNS query', 'DNS queries')} with SERVFAIL (${group[0].name}${names.size > 1 ? ` and ${counted(names.size - 1, 'more name')}` : ''})`,
    flow: traffic.flowOf(group[0]),
    count: group.length,
    of: traffic.answered.get(server) ?? group.length,
    causes: [
      {
        kind: 'dns-servfail-upstream',
        likelihood: 0.6,
        why: 'SERVFAIL mostly says that the server could not reach whom it asks itself, or did not trust the answer; what it asked is not in these captures',
        next: `kubectl -n kube-system logs -l k8s-app=kube-dns --tail 200 | grep -E 'i/o timeout|SERVFAIL|Loop'`,
      },
    ],
    exhibits: group.map((lookup) => ({
      kept: clientView(lookup)!.replies[0]!.kept,
      note: `SERVFAIL for ${dnsTypeName(lookup.type)} ${lookup.name}`,
    })),
  };
  return findingOf(context, parts);
}
