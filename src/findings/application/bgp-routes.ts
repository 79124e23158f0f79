import type { Finding } from '../../report/report.js';
import { timeText } from '../../trail/rows.js';
import type { FindingContext, Judged } from '../context.js';
import { networkOf, type Route, type Session } from './bgp-sessions.js';
import { onNodeOf } from '../commands.js';
import { counted, byTime, findingOf } from './finding.js';
import { groupBy } from './groups.js';

/** Failing exchanges looked at. */
const MOST_FAILED = 1 << 12;
/** Changes of routes looked at. */
const MOST_CHANGES = 1 << 12;

interface Change extends Route {
  readonly speaker: number;
}

/** Destinations that fail while the route to them is withdrawn and no other one captured covers them. */
export function routeFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const changes = changesOf(sessions);
  if (!changes.some(({ withdrawn }) => withdrawn)) return [];
  const { names } = context;
  const failed: { judged: Judged; change: Change }[] = [];
  for (const judged of [...context.exchanges.withVerdict('refused', 'request-lost', 'unanswered')]
    .filter(isFailed)
    .slice(0, MOST_FAILED)) {
    const { exchange } = judged;
    const change = withdrawnAt(changes, names.addresses.word(exchange.server), context.timeOf(exchange.firstTime));
    if (change !== null) failed.push({ judged, change });
  }
  return groupBy(failed, ({ change: { speaker, prefix, bits } }) => `${speaker} ${prefix} ${bits}`).map((group) => {
    const [{ judged, change }] = group as [(typeof group)[number], ...typeof group];
    const route = `${addressText(change.prefix)}/${change.bits}`;
    const speaker = names.addresses.text(change.speaker);
    const server = names.addresses.text(judged.exchange.server);
    return findingOf(context, {
      kind: 'bgp-route-not-announced',
      severity: 'warning',
      certainty: 'likely',
      title: `${speaker} withdrew the route to ${route}, and ${counted(group.length, 'exchange')} with addresses in it failed afterwards (first ${server})`,
      flow: judged.flow,
      count: group.length,
      of: group.length,
      causes: [
        {
          kind: 'bgp-route-not-announced',
          likelihood: 0.75,
          why: `at that moment no captured UPDATE announces ${route} or a larger network around it`,
          next: `birdcl show route for ${server} all${onNodeOf(context, change.speaker)}`,
        },
      ],
      exhibits: [{ kept: change.kept, note: `UPDATE of ${speaker} that withdraws ${route}` }],
    });
  });
}

/** Routes in order of time; one UPDATE seen at several points counts once or more, which changes nothing. */
function changesOf(sessions: readonly Session[]): Change[] {
  const changes: Change[] = [];
  for (const { views } of sessions) {
    for (const { client, server, fromClient, fromServer } of views) {
      for (const route of fromClient.routes) changes.push({ ...route, speaker: client });
      for (const route of fromServer.routes) changes.push({ ...route, speaker: server });
      if (changes.length >= MOST_CHANGES) break;
    }
  }
  return changes.slice(0, MOST_CHANGES).sort((a, b) => byTime(a.kept, b.kept));
}

/** Not answered as far as the captures tell; a RST comes from whom the route leads to. */
function isFailed({ exchange, outcome: { verdict } }: Judged): boolean {
  if (exchange.ipVersion !== 4) return false;
  return verdict !== 'refused' || (exchange.refusedBy !== null && exchange.refusedBy.quote !== null);
}

/** The withdrawal that leaves an address without a route at a time, if there is one. */
function withdrawnAt(changes: readonly Change[], address: number, time: string): Change | null {
  const routes = new Map<string, Change>();
  for (const change of changes) {
    if (isAfter(timeText(change.kept.seconds, change.kept.nanoseconds), time)) break;
    if (networkOf(address, change.bits) !== change.prefix) continue;
    routes.set(`${change.speaker} ${change.prefix} ${change.bits} ${change.path ?? ''}`, change);
  }
  const covering = [...routes.values()];
  return covering.some(({ withdrawn }) => !withdrawn) ? null : (covering.pop() ?? null);
}

/** Both with nine digits after the point. */
function isAfter(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

function addressText(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
}
