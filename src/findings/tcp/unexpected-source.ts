import { destinationId, hopsLeft, sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { endText } from '../../trail/rows.js';
import { dnsId, dnsIsResponse } from '../../wire/dns.js';
import { Layer } from '../../wire/layers.js';
import { udpDstPort, udpSrcPort } from '../../wire/udp.js';
import { onNodeOf } from '../commands.js';
import type { FindingContext } from '../context.js';
import { findingOf, grouped, type Occurrence } from './groups.js';
import { INITIAL_TTLS } from './segment.js';
import { plural, proof } from './texts.js';

/** Questions told apart. */
const QUESTIONS = 1 << 17;

interface Message {
  readonly kept: KeptFrame;
  readonly server: number;
  readonly port: number;
  readonly ttl: number;
}

/** The queries and replies of one question at one point. */
interface Question {
  readonly point: number;
  readonly client: number;
  readonly clientPort: number;
  readonly id: number;
  readonly queries: Message[];
  readonly replies: Message[];
}

interface Strange extends Occurrence {
  readonly question: Question;
  readonly asked: Message;
  readonly reply: Message;
  readonly isRefused: boolean;
}

/** DNS replies from another address than the one asked, where the client itself is. */
export function unexpectedSourceFindings(context: FindingContext): Finding[] {
  // Of large captures the queries are not kept.
  if (!context.store.complete) return [];
  const refusals = new Set<string>();
  const found: [string, Strange][] = [];
  const flows = new Map<string, number>();
  for (const { exchange, flow } of context.exchanges.ofProtocol('dns'))
    if (flow >= 0) flows.set(flowKey(exchange.client, exchange.server), flow);
  const questions = [...questionsOf(context, refusals)];
  // Where the answer is seen from the server that was asked, the translation is undone, and other points lie before that
  const answers = new Set(questions.flatMap((each) => each.replies.map(({ server }) => answerKey(each, server))));
  for (const question of questions) {
    if (question.queries.some(({ server }) => answers.has(answerKey(question, server)))) continue;
    const strange = strangeIn(context, question, refusals, flows);
    if (strange === null) continue;
    const { client, point } = question;
    found.push([`${point} ${client} ${strange.asked.server} ${strange.reply.server}`, strange]);
  }
  return grouped(found).map(({ list }) => strangeFinding(context, list));
}

function answerKey({ client, clientPort, id }: Question, server: number): string {
  return `${client} ${clientPort} ${id} ${server}`;
}

function flowKey(client: number, server: number): string {
  return `${client} ${server}`;
}

function questionsOf(context: FindingContext, refusals: Set<string>): Iterable<Question> {
  const { store, names } = context;
  const questions = new Map<string, Question>();
  for (const kept of store.frames) {
    const packet = store.view(kept);
    const { view, ipAt, ipVersion, l4At } = packet;
    if (packet.quotedL4At >= 0 && packet.quotedProtocol === 17) {
      const from = sourceId(view, packet.quotedIpAt, packet.quotedIpVersion, names.addresses);
      const to = destinationId(view, packet.quotedIpAt, packet.quotedIpVersion, names.addresses);
      const ports = `${udpSrcPort(view, packet.quotedL4At)} ${udpDstPort(view, packet.quotedL4At)}`;
      if (refusals.size < QUESTIONS) refusals.add(`${kept.point} ${from} ${to} ${ports}`);
      continue;
    }
    if (packet.dnsAt < 0 || packet.l4Kind !== Layer.UDP) continue;
    const src = sourceId(view, ipAt, ipVersion, names.addresses);
    const dst = destinationId(view, ipAt, ipVersion, names.addresses);
    const isReply = dnsIsResponse(view, packet.dnsAt);
    const client = isReply ? dst : src;
    const clientPort = isReply ? udpDstPort(view, l4At) : udpSrcPort(view, l4At);
    const id = dnsId(view, packet.dnsAt);
    const key = `${kept.point} ${client} ${clientPort} ${id}`;
    let question = questions.get(key);
    if (question === undefined) {
      if (questions.size >= QUESTIONS) continue;
      questions.set(key, (question = { point: kept.point, client, clientPort, id, queries: [], replies: [] }));
    }
    const list = isReply ? question.replies : question.queries;
    if (list.length >= 16) continue;
    list.push({
      kept,
      server: isReply ? src : dst,
      port: isReply ? udpSrcPort(view, l4At) : udpDstPort(view, l4At),
      ttl: hopsLeft(view, ipAt, ipVersion),
    });
  }
  return questions.values();
}

/**
 * Only at the client's own interface is it wrong: on a bridge a query is already translated and its reply is so again, or both
 * forms of one packet are seen (br_netfilter translates before that tap).
 */
function strangeIn(
  context: FindingContext,
  question: Question,
  refusals: ReadonlySet<string>,
  flows: ReadonlyMap<string, number>,
): Strange | null {
  const { queries, replies, client, clientPort, point } = question;
  const [asked] = queries;
  if (asked === undefined || !isAtHome(context, client, point) || !queries.every(({ ttl }) => INITIAL_TTLS.has(ttl))) {
    return null;
  }
  const servers = new Set(queries.map(({ server }) => server));
  const reply = replies.find(({ server }) => !servers.has(server));
  if (reply === undefined || replies.some(({ server }) => servers.has(server))) return null;
  const { addresses } = context.names;
  const base = context.store.frames[0]!.seconds;
  const isRefused = refusals.has(`${point} ${reply.server} ${client} ${reply.port} ${clientPort}`);
  return {
    at: { kept: reply.kept, time: (reply.kept.seconds - base) * 1e9 + reply.kept.nanoseconds },
    question,
    asked,
    reply,
    isRefused,
    flow: flows.get(flowKey(client, asked.server)) ?? null,
    evidence: [
      proof(context, asked, `query to ${addresses.text(asked.server)}, TTL ${asked.ttl}`),
      proof(
        context,
        reply,
        `reply from ${addresses.text(reply.server)}, TTL ${reply.ttl}${isRefused ? ', which the client refuses with ICMP port unreachable' : ''}`,
      ),
    ],
  };
}

/** The point is the interface of the client's workload, or the one where its packets start. */
function isAtHome({ topology, names }: FindingContext, client: number, point: number): boolean {
  const { role } = names.points[point]!;
  if (role === 'bridge' || role === 'tunnel' || role === 'cooked') return false;
  const owners = topology.ownersOf(point);
  return owners === null ? topology.homeOf(client).points.includes(point) : owners.has(client);
}

function strangeFinding(context: FindingContext, list: readonly Strange[]): Finding {
  const { question, asked, reply } = list[0]!;
  const { addresses } = context.names;
  const client = addresses.text(question.client);
  const service = endText(context.names, asked.server, asked.port);
  const pod = endText(context.names, reply.server, reply.port);
  // A reply that has passed no hop was bridged: the query was routed, and translated, on its way.
  const isBridged = INITIAL_TTLS.has(reply.ttl);
  return findingOf(context, list, {
    kind: 'dns-unexpected-source',
    severity: 'error',
    certainty: 'shown',
    title: `${plural(list.length, 'question')} of ${client} to ${service} answered from ${pod}: the translation is not undone on the way back`,
    causes: [
      {
        kind: 'dns-unexpected-source',
        likelihood: isBridged ? 0.85 : 0.4,
        why: isBridged
          ? `the reply has passed no hop (TTL ${reply.ttl}): client and server are on one bridge, and bridged packets are translated back only where bridge-nf-call-iptables is on`
          : 'replies that are bridged are translated back only where bridge-nf-call-iptables is on',
        next: `sysctl net.bridge.bridge-nf-call-iptables; lsmod | grep br_netfilter${onNodeOf(context, question.client)}`,
      },
      {
        kind: 'asymmetric-return',
        likelihood: isBridged ? 0.1 : 0.5,
        why: 'a reply that does not pass the node that translated the query keeps its own address',
        next: `ip route get ${client} from ${addresses.text(reply.server)}${onNodeOf(context, reply.server)}`,
      },
    ],
  });
}
