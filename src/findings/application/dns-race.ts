import type { Finding } from '../../report/report.js';
import { endText } from '../../trail/rows.js';
import { DnsType } from '../../wire/dns.js';
import type { FindingContext } from '../context.js';
import {
  clientView,
  latencyOf,
  type DnsMessage,
  type DnsTraffic,
  type Lookup,
  type LookupView,
} from './dns-lookups.js';
import { onNodeOf } from '../commands.js';
import { counted, durationText, findingOf, secondsBetween } from './finding.js';
import { groupBy } from './groups.js';

/** A resolver sends both questions of a pair within this time, seconds. */
const TOGETHER = 1e-3;
/** What resolvers wait before they ask again: glibc 5 s, musl half of it; each may be multiplied, seconds. */
const WAITS = [2.5, 5, 10];
const WAIT_ERROR = 0.1;
/** The one of the pair that came through is answered by then, seconds. */
const PROMPT = 1;
const INITIAL_TTLS = new Set([64, 128, 255]);

interface Race {
  readonly lookup: Lookup;
  readonly view: LookupView;
  readonly again: DnsMessage;
  readonly partnerView: LookupView;
  /** Seconds until the client asked again. */
  readonly wait: number;
  /** The first point that saw the partner's query and not the lost one; null when no other point was captured. */
  readonly missingAt: number | null;
}

/** Questions for A and AAAA sent at once from one socket, of which one is lost, as two packets that race through DNAT are. */
export function raceFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const pairs = pairsOf(traffic.lookups);
  return groupBy(pairs, ([{ client }]) => String(client)).flatMap((group) => {
    const races = group.map(raceOf).filter((race) => race !== null);
    const bothLost = group.filter(([a, b]) => isLate(a) && isLate(b)).length;
    // Where whole pairs get lost the network loses more than one packet of two
    if (races.length === 0 || bothLost >= races.length) return [];
    const { names } = context;
    const [{ lookup, view, again, partnerView, wait, missingAt }] = races as [Race, ...Race[]];
    const client = names.addresses.text(lookup.client);
    const server = endText(names, view.queries[0]!.server, 53);
    const here = names.points[view.point]!.name;
    return [
      findingOf(context, {
        kind: 'dns-conntrack-race-5s',
        severity: 'error',
        certainty: 'likely',
        title: `${races.length} of ${counted(group.length, 'pair')} of DNS questions (A and AAAA) of ${client} to ${server} lost one of the two, which was asked again after ${durationText(wait)}`,
        flow: traffic.flowOf(lookup),
        count: races.length,
        of: group.length,
        causes: [
          {
            kind: 'dns-conntrack-race-5s',
            likelihood: missingAt === null ? 0.7 : 0.85,
            why: `both questions leave port ${lookup.clientPort} within a millisecond; ${missingAt === null ? 'one is answered at once, the other one never' : `one comes to ${names.points[missingAt]!.name}, the other one does not`}: two packets of one socket race for one entry of the connection table, and the loser is dropped`,
            next: `conntrack -S | grep -o 'insert_failed=[0-9]*'${onNodeOf(context, lookup.client)}`,
          },
        ],
        exhibits: [
          { kept: view.queries[0]!.kept, note: `question for ${lookup.name}, port ${lookup.clientPort}: not answered` },
          { kept: partnerView.queries[0]!.kept, note: `the other one of the pair, from the same port` },
          { kept: partnerView.replies[0]!.kept, note: `its answer at ${here}` },
          { kept: again.kept, note: `the first one asked again after ${durationText(wait)}` },
        ],
        span: races.flatMap((race) => [race.view.queries[0]!.kept, race.again.kept]),
      }),
    ];

    function raceOf([a, b]: readonly [Lookup, Lookup]): Race | null {
      return lossOf(a, b) ?? lossOf(b, a);
    }
  });
}

/** Questions for both families of one name, from one socket, at once. */
function pairsOf(lookups: readonly Lookup[]): [Lookup, Lookup][] {
  const waiting = new Map<string, Lookup>();
  const pairs: [Lookup, Lookup][] = [];
  for (const lookup of lookups) {
    if (lookup.type !== DnsType.A && lookup.type !== DnsType.AAAA) continue;
    const key = `${lookup.client}:${lookup.clientPort} ${lookup.name}`;
    const other = waiting.get(key);
    if (other !== undefined && other.type !== lookup.type && areTogether(other, lookup)) {
      pairs.push([other, lookup]);
      waiting.delete(key);
    } else {
      waiting.set(key, lookup);
    }
  }
  return pairs;
}

function areTogether(a: Lookup, b: Lookup): boolean {
  const first = clientView(a);
  const second = clientView(b);
  if (first === null || second === null || first.point !== second.point) return false;
  return Math.abs(secondsBetween(first.queries[0]!.kept, second.queries[0]!.kept)) < TOGETHER;
}

/** Not answered before the client asked again. */
function isLate(lookup: Lookup): boolean {
  const view = clientView(lookup);
  if (view === null) return false;
  const latency = latencyOf(view);
  return latency === null || latency > WAITS[0]! - WAIT_ERROR;
}

/** The pair seen as one that lost `lookup` and kept `partner`; null when it is not one. */
function lossOf(lookup: Lookup, partner: Lookup): Race | null {
  const view = clientView(lookup);
  const partnerView = clientView(partner);
  const first = view?.queries[0];
  // On a bridge the translated query comes right behind the first one
  const again = view?.queries.find(({ kept }) => secondsBetween(first!.kept, kept) > PROMPT);
  if (!view || partnerView === null || first === undefined || again === undefined) return null;
  const prompt = latencyOf(partnerView);
  if (prompt === null || prompt > PROMPT || !isLate(lookup) || !INITIAL_TTLS.has(first.ttl)) return null;
  const wait = secondsBetween(first.kept, again.kept);
  if (!WAITS.some((usual) => Math.abs(wait - usual) < WAIT_ERROR)) return null;
  // Points behind the client that saw the partner, and whether the lost one was there before it was asked again
  const behind = partner.views.filter(({ point, queries }) => point !== view.point && queries.length > 0);
  const missing = behind.filter(({ point }) => {
    const there = lookup.views.find((other) => other.point === point)?.queries[0];
    return (
      there === undefined ||
      secondsBetween(partner.views.find((v) => v.point === point)!.queries[0]!.kept, there.kept) > PROMPT
    );
  });
  if (behind.length > 0 && missing.length === 0) return null;
  return { lookup, view, again, partnerView, wait, missingAt: missing[0]?.point ?? null };
}
