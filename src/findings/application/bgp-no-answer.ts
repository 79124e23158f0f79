import type { Cause, Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { isEstablished, othersOf } from './bgp-pairs.js';
import { BGP_PORT, type Session, type View } from './bgp-sessions.js';
import { onNodeOf } from '../commands.js';
import { counted, findingOf, type FindingParts } from './finding.js';
import { groupBy } from './groups.js';

const TIME_EXCEEDED = 11;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
/** A peer that checks the distance sends with 255 itself (RFC 5082). */
const GTSM = 255;
const USUAL = 128;

const ICMP_TEXT: Readonly<Record<number, string>> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  9: 'network prohibited',
  10: 'host prohibited',
  13: 'administratively prohibited',
};

/** Calls to port 179 that nobody takes: no answer at all, or an ICMP error. A RST is the TCP checks' to tell. */
export function noAnswerFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const lost = lostFlows(context);
  const unanswered = sessions.filter(({ views, flow }) => {
    // A capture of one direction only has no answers either
    if (views.some((view) => view.refusal !== null || view.fromServer.ttl > 0 || view.fromClient.goesOn)) return false;
    if (errorOf(views) !== null) return true;
    // One SYN may wait for its answer, and of a SYN that was lost on the way the place is told
    return views.some((view) => view.syns.length > 1) && (flow === null || !lost.has(flow));
  });
  return groupBy(unanswered, ({ views: [view] }) => `${view.client} ${view.server}`).map((group) => {
    const error = group.map(({ views }) => errorOf(views)).find((found) => found !== null);
    return error === undefined
      ? silentFinding(context, group as [Session, ...Session[]])
      : refusedFinding(context, group as [Session, ...Session[]], error!);
  });
}

/** Flows of which a connection is known to have been lost on its way. */
function lostFlows(context: FindingContext): Set<number> {
  const flows = new Set<number>();
  for (const { flow } of context.exchanges.withVerdict('request-lost', 'reply-lost')) flows.add(flow);
  return flows;
}

type Refusal = { readonly view: View } & View['errors'][number];

/** The ICMP error that refuses the connection, seen nearest to the client. */
function errorOf(views: readonly View[]): Refusal | null {
  for (const view of [...views].sort((a, b) => b.fromClient.ttl - a.fromClient.ttl)) {
    for (const error of view.errors) {
      const refuses =
        error.type === TIME_EXCEEDED || (error.type === UNREACHABLE && error.code !== FRAGMENTATION_NEEDED);
      if (refuses) return { view, ...error };
    }
  }
  return null;
}

function refusedFinding(context: FindingContext, group: readonly [Session, ...Session[]], error: Refusal): Finding {
  const { addresses } = context.names;
  const { view } = error;
  const client = addresses.text(view.client);
  const server = addresses.text(view.server);
  const from = addresses.text(error.from);
  const syn = view.syns[0];
  const base = partsOf(group);
  if (error.type === TIME_EXCEEDED) {
    const ttl = view.fromClient.ttl;
    const single = ttl === 1;
    return findingOf(context, {
      ...base,
      kind: single ? 'bgp-ebgp-multihop-ttl1' : 'bgp-no-answer',
      severity: 'error',
      certainty: 'shown',
      title: single
        ? `${client} sends its BGP connection to ${server} with TTL 1, and ${from}, the first router, answers "time exceeded": the neighbour is more than one hop away`
        : `the BGP connection of ${client} to ${server} uses up its hops: ${from} answers "time exceeded"`,
      causes: [
        single
          ? {
              kind: 'bgp-ebgp-multihop-ttl1',
              likelihood: 0.95,
              why: `an external neighbour is given one hop unless it is configured as multihop, and ${from} is a hop on the way to ${server}`,
              next: `birdcl show protocols all | grep -A20 -F ${server}${onNodeOf(context, view.client)}`,
            }
          : {
              kind: 'ttl-expired-loop',
              likelihood: 0.8,
              why: `it was sent with more than one hop (TTL ${ttl} at ${context.names.points[view.point]!.name})`,
              next: `traceroute -n -T -p ${BGP_PORT} ${server}${onNodeOf(context, view.client)}`,
            },
      ],
      exhibits: [
        ...(syn === undefined ? [] : [{ kept: syn, note: `SYN ${client} > ${server}, TTL ${ttl}` }]),
        { kept: error.kept, note: `ICMP time exceeded from ${from} that quotes the SYN` },
      ],
    });
  }
  const text = ICMP_TEXT[error.code] ?? `destination unreachable, code ${error.code}`;
  const prohibited = error.code === 9 || error.code === 10 || error.code === 13;
  const noSocket = error.code === 3 || error.code === 2;
  return findingOf(context, {
    ...base,
    kind: 'bgp-no-answer',
    severity: 'error',
    certainty: 'shown',
    title: `the BGP connection of ${client} to ${server} is refused by ${from}: ICMP ${text}`,
    causes: [
      {
        kind: prohibited || noSocket ? 'host-firewall-reject' : 'route-unreachable',
        likelihood: 0.8,
        why: prohibited
          ? `${text} is what a firewall rule that rejects answers`
          : noSocket
            ? `TCP itself would answer with a RST: ${text} to a SYN comes from a rule that rejects`
            : `${from} has no way to ${server}`,
        next:
          prohibited || noSocket
            ? `nft list ruleset | grep -nE '${BGP_PORT}|reject'   # on ${from}`
            : `ip route get ${server}   # on ${from}`,
      },
    ],
    exhibits: [
      { kept: error.kept, note: `ICMP ${text} from ${from} that quotes the SYN` },
      ...(syn === undefined ? [] : [{ kept: syn, note: `SYN ${client} > ${server}` }]),
    ],
  });
}

function partsOf(group: readonly [Session, ...Session[]]): Pick<FindingParts, 'flow' | 'count' | 'of' | 'span'> {
  return {
    flow: group[0].flow,
    count: group.length,
    of: group.length,
    span: group.flatMap(({ views: [view] }) => [view.first, view.syns[view.syns.length - 1] ?? view.first]),
  };
}

/** What the packets of both speakers tell about signatures and hop limits. */
interface Habits {
  readonly clientSigns: boolean;
  /** Null when no SYN or SYN,ACK of it was captured. */
  readonly serverSigns: boolean | null;
  /** Highest TTL among BGP packets that each has sent; 0 when none were captured. */
  readonly clientTtl: number;
  readonly serverTtl: number;
}

function habitsOf(session: Session, others: readonly Session[]): Habits {
  const { client, server } = session.views[0];
  const clientHalves = halvesOf([session, ...others], client);
  const serverHalves = halvesOf(others, server);
  const signed = (signature: string | null): boolean => signature === 'md5' || signature === 'ao';
  const known = serverHalves.filter(({ signature }) => signature !== null);
  return {
    clientSigns: clientHalves.some(({ signature }) => signed(signature)),
    serverSigns: known.length === 0 ? null : known.some(({ signature }) => signed(signature)),
    clientTtl: Math.max(0, ...clientHalves.map(({ ttl }) => ttl)),
    serverTtl: Math.max(0, ...serverHalves.map(({ ttl }) => ttl)),
  };
}

/** What an address sent, whether it called or was called. */
function halvesOf(sessions: readonly Session[], address: number): View['fromClient'][] {
  return sessions.flatMap(({ views }) =>
    views.flatMap((view) => [
      ...(view.client === address ? [view.fromClient] : []),
      ...(view.server === address ? [view.fromServer] : []),
    ]),
  );
}

function silentFinding(context: FindingContext, group: readonly [Session, ...Session[]]): Finding {
  const { addresses, points } = context.names;
  const [session] = group;
  const [view] = session.views;
  const client = addresses.text(view.client);
  const server = addresses.text(view.server);
  const others = othersOf(session);
  const habits = habitsOf(session, others);
  const differ = habits.serverSigns !== null && habits.serverSigns !== habits.clientSigns;
  const distance = habits.serverTtl === GTSM && habits.clientTtl > 0 && habits.clientTtl <= USUAL;
  const tries = group.reduce((sum, { views }) => sum + Math.max(...views.map(({ syns }) => syns.length)), 0);
  const translated = session.views.some((other) => other.client !== view.client || other.server !== view.server);
  const works = others.some(isEstablished);
  const sign = (signs: boolean): string => (signs ? 'signs' : 'does not sign');
  const ttl = `TTL ${view.fromClient.ttl} at ${points[view.point]!.name}`;
  const md5: Cause = {
    kind: 'bgp-md5-mismatch',
    likelihood: differ ? 0.8 : habits.clientSigns ? (translated ? 0.7 : 0.4) : 0.3,
    why: differ
      ? `${client} ${sign(habits.clientSigns)} its segments (TCP option 19 or 29), ${server} ${sign(habits.serverSigns!)}`
      : habits.clientSigns
        ? `the SYN is signed (TCP option 19 or 29): a different password${translated ? ', and the translation on the way, which breaks every signature,' : ''} is answered with silence`
        : 'the SYN is not signed: a peer that wants a signature (TCP option 19) drops it in silence',
    next: `nstat -az | grep TCPMD5${onNodeOf(context, view.server)}`,
  };
  const gtsm: Cause = {
    kind: 'bgp-ttl-security',
    likelihood: distance ? 0.8 : view.fromClient.ttl === GTSM ? 0.02 : 0.25,
    why: distance
      ? `${server} itself sends with TTL 255, as who checks the distance does; the SYN has ${ttl}`
      : `the SYN has ${ttl}: a peer with TTL security wants nearly 255 and drops the rest in silence`,
    next: `nstat -az TcpExtTCPMinTTLDrop${onNodeOf(context, view.server)}`,
  };
  const filtered: Cause = {
    kind: 'bgp-no-answer',
    likelihood: differ || distance ? 0.2 : 0.45,
    why: `a firewall on the way or on ${server} may drop TCP port ${BGP_PORT} without an answer, or nothing routes back to ${client}`,
    next: `nft list ruleset | grep -nE 'dport (bgp|${BGP_PORT})|drop'; ss -lnt sport = :${BGP_PORT}${onNodeOf(context, view.server)}`,
  };
  const oneHop: Cause = {
    kind: 'bgp-ebgp-multihop-ttl1',
    likelihood: 0.5,
    why: `the SYN has ${ttl}: it does not get past a router`,
    next: `birdcl show protocols all | grep -A20 -F ${server}${onNodeOf(context, view.client)}`,
  };
  const kind = differ ? 'bgp-md5-mismatch' : distance ? 'bgp-ttl-security' : 'bgp-no-answer';
  return findingOf(context, {
    ...partsOf(group),
    kind,
    severity: works ? 'info' : 'error',
    certainty: 'likely',
    title: `${server} does not answer ${counted(tries, 'SYN')} of ${client} to the BGP port${differ ? ': only one of the two signs its segments' : distance ? ': they arrive from further away than it seems to allow' : ''}`,
    causes: [filtered, md5, gtsm, ...(view.fromClient.ttl === 1 ? [oneHop] : [])],
    exhibits: group
      .flatMap(({ views: [first] }) => first.syns)
      .map((kept, i) => ({ kept, note: i === 0 ? `SYN to port ${BGP_PORT}, ${ttl}` : 'sent again' })),
  });
}
