import type { Evidence, Finding } from '../report/report.js';
import type { Exchange } from '../trail/exchange.js';
import { endText, summaryOf } from '../trail/rows.js';
import type { Trail } from '../trail/trail.js';
import { Layer } from '../wire/layers.js';
import { TcpFlag } from '../wire/tcp.js';
import { inNamespaceOf } from './commands.js';
import { isNearEnd, placeOf, type FindingContext, type Judged } from './context.js';

const EXAMPLES = 5;
const OPENS_BACK = TcpFlag.SYN | TcpFlag.ACK;

/**
 * Requests that reached their destination and were answered by nobody: one finding for each flow. It gives way where an earlier
 * finding says what is wrong with the flow.
 */
export function unansweredFindings(context: FindingContext, earlier: readonly Finding[] = []): Finding[] {
  // A datagram needs no answer, and what only reached the last captured point may have been answered beyond it.
  const silent = [...context.exchanges.withVerdict('unanswered')].filter(
    ({ exchange, outcome }) => exchange.protocol !== 'udp' && outcome.request?.state === 'delivered',
  );
  if (silent.length === 0) return [];
  const explained = new Set(earlier.filter(({ severity }) => severity !== 'info').map(({ flow }) => flow));
  const unheard = new Set(silent.map(identityOf));
  // Only those that are asked for: of a million answered ones the texts took 30 MiB
  const answered = new Set<string>();
  for (const judged of context.exchanges) {
    if (judged.exchange.replies === 0) continue;
    const identity = identityOf(judged);
    if (unheard.has(identity)) answered.add(identity);
  }
  const acknowledged = acknowledgedIn(context);
  const groups = new Map<number, Judged[]>();
  for (const judged of silent) {
    // Under other addresses it may have been answered.
    if (explained.has(judged.flow) || answered.has(identityOf(judged))) continue;
    if (acknowledged.has(openingOf(judged.exchange)) || isHalfHairpin(context, judged)) continue;
    const list = groups.get(judged.flow);
    if (list === undefined) groups.set(judged.flow, [judged]);
    else list.push(judged);
  }
  for (const [flow, list] of groups)
    if (list.every(({ exchange }) => exchange.requests === 1 && isNearEnd(context, exchange.lastTime)))
      groups.delete(flow);
  const requests = requestsOf(context, groups);
  return [...groups].map(([flow, list]) => unansweredFinding(context, flow, list, requests));
}

/** The first request kept of each exchange. */
function requestsOf(context: FindingContext, groups: ReadonlyMap<number, readonly Judged[]>): Map<Exchange, Trail> {
  const wanted = new Set(
    [...groups.values()].flatMap((list) => list.slice(0, EXAMPLES).map(({ exchange }) => exchange)),
  );
  const requests = new Map<Exchange, Trail>();
  if (wanted.size === 0) return requests;
  for (const trail of context.trails) {
    const { exchange, direction, quote } = trail;
    if (exchange === null || direction !== 'request' || quote !== null || requests.has(exchange)) continue;
    if (wanted.has(exchange)) requests.set(exchange, trail);
  }
  return requests;
}

function unansweredFinding(
  context: FindingContext,
  flow: number,
  list: readonly Judged[],
  requests: ReadonlyMap<Exchange, Trail>,
): Finding {
  const { exchange, outcome } = list[0]!;
  const { names } = context;
  const client = endText(names, exchange.client, -1);
  const server = endText(names, exchange.server, exchange.serverPort);
  const last = names.points[outcome.request!.lastSeen]!;
  const of = Math.max(list.length, context.flows.exchangesOf(flow));
  return {
    kind: 'unanswered',
    severity: list.length * 2 < of ? 'warning' : 'error',
    certainty: 'likely',
    title: `${list.length} of ${of} ${of === 1 ? 'request' : 'requests'} ${client} > ${server} reached ${last.name} and no answer was seen anywhere`,
    flow: flow < 0 ? null : flow,
    count: list.length,
    of,
    firstTime: context.timeOf(list.reduce((least, judged) => Math.min(least, judged.exchange.firstTime), Infinity)),
    lastTime: context.timeOf(list.reduce((most, judged) => Math.max(most, judged.exchange.lastTime), -Infinity)),
    lastSeen: null,
    nextExpected: null,
    causes: [
      {
        kind: 'pod-silent',
        likelihood: 0.6,
        why: `the request is at ${last.name}, the interface of ${server}, and nothing comes back from there: no process, a firewall inside, or a full backlog`,
        next: inNamespaceOf(
          context,
          exchange.server,
          exchange.protocol === 'icmp-echo'
            ? 'sysctl net.ipv4.icmp_echo_ignore_all'
            : `ss -lntu 'sport = :${exchange.serverPort}'`,
        ),
      },
    ],
    evidence: list.flatMap((judged) => arrivalOf(context, judged, requests)).slice(0, EXAMPLES),
    trail: null,
  };
}

/** Where the request of an exchange was last seen. */
function arrivalOf(
  context: FindingContext,
  { exchange, outcome }: Judged,
  requests: ReadonlyMap<Exchange, Trail>,
): Evidence[] {
  const trail = requests.get(exchange);
  const sighting = trail?.lastAt(outcome.request!.lastSeen);
  if (trail === undefined || sighting === undefined) return [];
  return [{ ...placeOf(context, sighting), note: `${summaryOf(context.names, trail)}: arrived` }];
}

/** What SYN,ACKs acknowledge, whoever they are sent to: behind a translation they are an exchange of their own. */
function acknowledgedIn({ trails }: FindingContext): Set<string> {
  const acknowledged = new Set<string>();
  for (const { kind, b, c, forms } of trails) {
    if (kind !== Layer.TCP || (c & OPENS_BACK) !== OPENS_BACK) continue;
    for (const { src, sourcePort } of forms) acknowledged.add(`${src} ${sourcePort} ${b}`);
  }
  return acknowledged;
}

/** A bridge that is not promiscuous shows the request of a pod to itself, and never the answer. */
function isHalfHairpin({ names }: FindingContext, { exchange, outcome }: Judged): boolean {
  return exchange.client === exchange.server && names.points[outcome.request!.lastSeen]!.role === 'bridge';
}

function openingOf({ protocol, server, serverPort, id }: Exchange): string {
  return protocol === 'tcp' ? `${server} ${serverPort} ${(id + 1) | 0}` : '';
}

/** What translation leaves of an exchange. */
function identityOf({ exchange }: Judged): string {
  const { protocol, id, sequence, nameId, clientPort } = exchange;
  return `${protocol} ${id} ${protocol === 'tcp' ? '' : `${sequence} ${nameId}`} ${clientPort}`;
}
