import { destinationId, sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { endText } from '../../trail/rows.js';
import { checkDns, dnsQuestions } from '../../wire/dns.js';
import { dnsTypeName } from '../../wire/dns-names.js';
import { ipv4Id } from '../../wire/ipv4.js';
import { Layer } from '../../wire/layers.js';
import type { PacketView } from '../../wire/packet.js';
import { tcpDstPort, TcpFlag, tcpFlags, tcpSrcPort } from '../../wire/tcp.js';
import { udpSrcPort } from '../../wire/udp.js';
import { evidenceAt, placeOf, type FindingContext } from '../context.js';
import { clientView, DNS_PORT, type DnsTraffic, type Lookup } from './dns-lookups.js';
import { onNodeOf, shellSafe } from '../commands.js';
import { counted, byTime, findingOf, secondsBetween } from './finding.js';
import { groupBy } from './groups.js';

/** A client that wants the whole answer asks again over TCP at once; it had this long, seconds. */
const RETRY = 2;
/** A SYN that was not answered for so long, seconds. */
const UNANSWERED = 1;
/** Connections looked at after an answer. */
const MOST_TRIES = 8;
/** Bit of UDP among the protocols of an apparent filter. */
const UDP_ONLY = 4;

interface TcpTry {
  readonly syn: KeptFrame;
  syns: number;
  answered: boolean;
}

/** Answers that do not fit UDP, whose clients do not come to TCP. */
export function truncatedFindings(context: FindingContext, traffic: DnsTraffic): Finding[] {
  const truncated = traffic.lookups.filter((lookup) => clientView(lookup)?.replies[0]?.truncated === true);
  if (truncated.length === 0) return [];
  const tries = tcpTriesOf(context);
  const silent: Lookup[] = [];
  const stuck: { lookup: Lookup; tried: TcpTry }[] = [];
  for (const lookup of truncated) {
    const view = clientView(lookup)!;
    const { kept, server } = view.replies[0]!;
    const own = triesAfter(tries.get(`${lookup.client} ${server}`) ?? [], kept);
    if (own.some(({ answered }) => answered)) continue;
    const tried = own.find(({ syn, syns }) => syns > 1 || traffic.goesOnAfter(syn) > UNANSWERED);
    if (tried !== undefined) stuck.push({ lookup, tried });
    else if (own.length === 0 && wouldShowTcp(context, view.point) && traffic.goesOnAfter(kept) > RETRY) {
      silent.push(lookup);
    }
  }
  const { names } = context;
  const asked = (lookup: Lookup): string => endText(names, clientView(lookup)!.replies[0]!.server, DNS_PORT);
  const shown = (lookup: Lookup) => ({
    kept: clientView(lookup)!.replies[0]!.kept,
    note: `truncated answer for ${dnsTypeName(lookup.type)} ${lookup.name}, ${clientView(lookup)!.replies[0]!.answers} records`,
  });
  return [
    ...groupBy(stuck, ({ lookup }) => `${lookup.client} ${asked(lookup)}`).map((group) => {
      const [{ lookup, tried }] = group as [(typeof group)[number], ...typeof group];
      return findingOf(context, {
        kind: 'dns-truncated-no-tcp',
        severity: 'warning',
        certainty: 'likely',
        title: `${asked(lookup)} truncates ${counted(group.length, 'answer')} to ${names.addresses.text(lookup.client)}, and the TCP connection to fetch them whole is not answered`,
        flow: traffic.flowOf(lookup),
        count: group.length,
        of: truncated.length,
        causes: [
          {
            kind: 'netpol-drop',
            likelihood: 0.7,
            why: `UDP port ${DNS_PORT} is answered and TCP port ${DNS_PORT} of the same server is not: a policy or security group names UDP only`,
            next: `kubectl get networkpolicy -A -o yaml | grep -B3 -A3 'port: ${DNS_PORT}'`,
          },
        ],
        exhibits: [shown(lookup), { kept: tried.syn, note: `SYN to TCP port ${DNS_PORT}, not answered` }],
      });
    }),
    ...groupBy(silent, (lookup) => `${lookup.client} ${asked(lookup)}`).map((group) => {
      const [lookup] = group as [Lookup, ...Lookup[]];
      const empty = group.some((other) => clientView(other)!.replies[0]!.answers === 0);
      return findingOf(context, {
        kind: 'dns-truncated-no-tcp',
        // Part of an answer is enough for many a client
        severity: empty ? 'warning' : 'info',
        certainty: 'likely',
        title: `${asked(lookup)} truncates ${counted(group.length, 'answer')} to ${names.addresses.text(lookup.client)}, which does not ask again over TCP`,
        flow: traffic.flowOf(lookup),
        count: group.length,
        of: truncated.length,
        causes: [
          {
            kind: 'dns-truncated-no-tcp',
            likelihood: 0.8,
            why: `no SYN to TCP port ${DNS_PORT} leaves the client: its resolver does not use TCP (musl before 1.2.4 does not), or a filter inside it stops it`,
            next: `dig @${names.addresses.text(clientView(lookup)!.replies[0]!.server)} +tcp ${dnsTypeName(lookup.type)} '${shellSafe(lookup.name)}'${onNodeOf(context, lookup.client)}`,
          },
        ],
        exhibits: group.map(shown),
      });
    }),
  ];
}

/** The first connections that begin after an answer, or a little before it where another one was truncated too. */
function triesAfter(tries: readonly TcpTry[], answer: KeptFrame): TcpTry[] {
  let low = 0;
  let high = tries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (secondsBetween(answer, tries[middle]!.syn) < -RETRY) low = middle + 1;
    else high = middle;
  }
  return tries.slice(low, low + MOST_TRIES);
}

/** Connections to TCP port 53 by client and server, in order of time. */
function tcpTriesOf(context: FindingContext): Map<string, TcpTry[]> {
  const { store, names } = context;
  const tries = new Map<string, TcpTry[]>();
  const byConnection = new Map<string, TcpTry>();
  for (const kept of store.frames) {
    const packet = store.view(kept);
    if (packet.l4Kind !== Layer.TCP) continue;
    const { view, l4At } = packet;
    const toServer = tcpDstPort(view, l4At) === DNS_PORT;
    if (!toServer && tcpSrcPort(view, l4At) !== DNS_PORT) continue;
    const flags = tcpFlags(view, l4At);
    const src = sourceId(view, packet.ipAt, packet.ipVersion, names.addresses);
    const dst = destinationId(view, packet.ipAt, packet.ipVersion, names.addresses);
    const [client, server] = toServer ? [src, dst] : [dst, src];
    const port = toServer ? tcpSrcPort(view, l4At) : tcpDstPort(view, l4At);
    const key = `${kept.point} ${client}:${port}>${server}`;
    let tried = byConnection.get(key);
    if (tried === undefined) {
      tried = { syn: kept, syns: 0, answered: false };
      byConnection.set(key, tried);
      const list = tries.get(`${client} ${server}`);
      if (list === undefined) tries.set(`${client} ${server}`, [tried]);
      else list.push(tried);
    }
    if (toServer && (flags & TcpFlag.SYN) !== 0) tried.syns++;
    // Anything from the server, and anything that is not a SYN, shows that there is an answer
    else tried.answered = true;
  }
  for (const list of tries.values()) list.sort((a, b) => byTime(a.syn, b.syn));
  return tries;
}

/** Whether a SYN would have been captured here: something else than UDP was, or noise that no filter on UDP lets pass. */
function wouldShowTcp(context: FindingContext, point: number): boolean {
  const { filter, tunnelled } = evidenceAt(context, point);
  return filter.noise > 0 || filter.protocols !== UDP_ONLY || tunnelled > 0;
}

/** What a response answers, as dig takes it; the root where the capture has cut it away. */
function questionOf({ view, dnsAt, payloadEnd }: PacketView): string {
  const [question] = dnsAt < 0 || checkDns(view, dnsAt, payloadEnd) !== -1 ? [] : dnsQuestions(view, dnsAt, payloadEnd);
  return question === undefined ? '.' : `${dnsTypeName(question.type)} '${shellSafe(question.name.toLowerCase())}'`;
}

/** Large answers of which some fragments are lost on the way. */
export function fragmentFindings(context: FindingContext): Finding[] {
  const { store, names } = context;
  const answers = new Map<string, KeptFrame>();
  const between = new Map<string, number>();
  for (const kept of store.frames) {
    const packet = store.view(kept);
    if (packet.ipVersion !== 4 || packet.moreFragments === 0 || packet.fragmentOffset !== 0) continue;
    if (packet.l4Kind !== Layer.UDP || udpSrcPort(packet.view, packet.l4At) !== DNS_PORT) continue;
    const src = sourceId(packet.view, packet.ipAt, 4, names.addresses);
    const dst = destinationId(packet.view, packet.ipAt, 4, names.addresses);
    const key = `${src} ${dst} ${ipv4Id(packet.view, packet.ipAt)}`;
    if (answers.has(key)) continue;
    answers.set(key, kept);
    between.set(`${src} ${dst}`, (between.get(`${src} ${dst}`) ?? 0) + 1);
  }
  if (answers.size === 0) return [];
  const lost = context.trails.flatMap((trail) => {
    const { src, dst } = trail.first;
    const first = trail.protocol === 17 ? answers.get(`${src} ${dst} ${trail.ipId}`) : undefined;
    if (first === undefined || (trail.fragmentOffset === 0 && trail.moreFragments === 0)) return [];
    const judgement = context.judge.judge(trail);
    return judgement.state === 'lost' ? [{ trail, judgement, first }] : [];
  });
  const place = ({ trail, judgement }: (typeof lost)[number]): string =>
    `${trail.first.src} ${trail.first.dst} ${judgement.lastSeen} ${judgement.nextExpected}`;
  return groupBy(lost, place).map((group) => {
    const [{ trail, judgement, first }] = group as [(typeof group)[number], ...typeof group];
    const server = names.addresses.text(trail.first.src);
    const client = names.addresses.text(trail.first.dst);
    const last = names.points[judgement.lastSeen]!.name;
    const next = names.points[judgement.nextExpected!]!.name;
    const whole = new Set(group.map((one) => one.trail.ipId)).size;
    const finding = findingOf(context, {
      kind: 'dns-big-answer-fragment-lost',
      severity: 'warning',
      certainty: judgement.certainty,
      title: `${counted(whole, 'large DNS answer')} of ${server} to ${client} in fragments, of which some are last seen at ${last} and never at ${next}`,
      flow: null,
      count: whole,
      of: Math.max(whole, between.get(`${trail.first.src} ${trail.first.dst}`) ?? 0),
      causes: [
        {
          kind: 'dns-big-answer-fragment-lost',
          likelihood: 0.8,
          why: `the answer is larger than the path, and what lies between ${last} and ${next} does not let fragments pass; answers up to 1232 octets need none`,
          next: `dig @${server} +bufsize=1232 +ignore ${questionOf(store.view(first))}${onNodeOf(context, trail.first.dst)}`,
        },
      ],
      exhibits: [
        { kept: first, note: `first fragment of the answer, packet ${trail.ipId}` },
        ...group.flatMap(({ trail: { lastSighting: sighting, fragmentOffset, ipId } }) => {
          const kept = store.find(sighting.file, sighting.frame);
          return kept === null
            ? []
            : [{ kept, note: `fragment of packet ${ipId} at octet ${fragmentOffset}: last seen here` }];
        }),
      ],
    });
    const sighting = trail.lastAt(judgement.lastSeen)!;
    return { ...finding, lastSeen: placeOf(context, sighting), nextExpected: next };
  });
}
