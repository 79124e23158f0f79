import { destinationId, hopsLeft, isUnicast, sourceId } from '../../net/packet-addresses.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import {
  checkDns,
  dnsAnswerCount,
  dnsId,
  dnsIsResponse,
  dnsQuestions,
  dnsRcode,
  dnsTruncated,
} from '../../wire/dns.js';
import { Layer } from '../../wire/layers.js';
import type { FindingContext } from '../context.js';
import { byTime, secondsBetween } from './finding.js';

export const DNS_PORT = 53;
/** Messages looked at, over all points; what comes after them is not judged. */
const MOST_MESSAGES = 1 << 17;
/** Messages kept of one lookup at one point, in each direction. */
const MOST_KEPT = 16;
/** No resolver asks again so soon, seconds: the frame was recorded twice. */
const COPY = 0.1;
/** The same client, id and question after this many seconds is another lookup. */
const SAME_LOOKUP = 30;

/** A query or a response over UDP, as one point saw it. */
export interface DnsMessage {
  readonly kept: KeptFrame;
  readonly server: number;
  readonly ttl: number;
  readonly rcode: number;
  readonly truncated: boolean;
  readonly answers: number;
}

/** What one point saw of a lookup, in order of time. */
export interface LookupView {
  readonly point: number;
  readonly queries: DnsMessage[];
  readonly replies: DnsMessage[];
}

/** One question of one client, with every repetition of it. Servers may differ by point: translation is not the client's business. */
export interface Lookup {
  readonly client: number;
  readonly clientPort: number;
  readonly id: number;
  readonly type: number;
  /** Lower case. */
  readonly name: string;
  /** The point nearest to the client first: where its queries have the highest TTL. */
  readonly views: LookupView[];
}

/** All lookups in the frames kept, in order of time. */
function readLookups(context: FindingContext): Lookup[] {
  const { store, names } = context;
  const current = new Map<string, Lookup>();
  const all: Lookup[] = [];
  const frames: KeptFrame[] = [];
  for (const kept of store.frames) {
    const packet = store.view(kept);
    if (packet.dnsAt < 0 || packet.l4Kind !== Layer.UDP || !isUnicast(packet)) continue;
    if (frames.push(kept) === MOST_MESSAGES) break;
  }
  for (const kept of frames.sort(byTime)) {
    const packet = store.view(kept);
    const { view, dnsAt, payloadEnd } = packet;
    if (checkDns(view, dnsAt, payloadEnd) !== -1) continue;
    const [question] = dnsQuestions(view, dnsAt, payloadEnd);
    if (question === undefined) continue;
    const response = dnsIsResponse(view, dnsAt);
    const src = sourceId(view, packet.ipAt, packet.ipVersion, names.addresses);
    const dst = destinationId(view, packet.ipAt, packet.ipVersion, names.addresses);
    const [client, server] = response ? [dst, src] : [src, dst];
    const clientPort = view.getUint16(packet.l4At + (response ? 2 : 0));
    const name = question.name.toLowerCase();
    const id = dnsId(view, dnsAt);
    const key = `${client}:${clientPort} ${id} ${question.type} ${name}`;
    let lookup = current.get(key);
    if (lookup === undefined || secondsBetween(lastOf(lookup), kept) > SAME_LOOKUP) {
      lookup = { client, clientPort, id, type: question.type, name, views: [] };
      current.set(key, lookup);
      all.push(lookup);
    }
    let at = lookup.views.find(({ point }) => point === kept.point);
    if (at === undefined) lookup.views.push((at = { point: kept.point, queries: [], replies: [] }));
    const list = response ? at.replies : at.queries;
    const last = list[list.length - 1];
    const copy = last !== undefined && last.server === server && secondsBetween(last.kept, kept) < COPY;
    if (copy || list.length === MOST_KEPT) continue;
    list.push({
      kept,
      server,
      ttl: hopsLeft(view, packet.ipAt, packet.ipVersion),
      rcode: dnsRcode(view, dnsAt),
      truncated: dnsTruncated(view, dnsAt),
      answers: dnsAnswerCount(view, dnsAt),
    });
  }
  for (const { views } of all) views.sort((a, b) => (b.queries[0]?.ttl ?? -1) - (a.queries[0]?.ttl ?? -1));
  return all;
}

function lastOf({ views }: Lookup): KeptFrame {
  const last = views[views.length - 1]!;
  return (last.replies[last.replies.length - 1] ?? last.queries[last.queries.length - 1])!.kept;
}

/** The view nearest to the client, when the query was seen there. */
export function clientView({ views: [view] }: Lookup): LookupView | null {
  return view === undefined || view.queries.length === 0 ? null : view;
}

export function isAnswered({ views }: Lookup): boolean {
  return views.some(({ replies }) => replies.length > 0);
}

/** Seconds from the first query to the first reply at one point; null without a reply. */
export function latencyOf({ queries, replies }: LookupView): number | null {
  const [query] = queries;
  const [reply] = replies;
  return query === undefined || reply === undefined ? null : secondsBetween(query.kept, reply.kept);
}

/** All addresses that any point saw it asked at. */
export function serversOf({ views }: Lookup): Set<number> {
  return new Set(views.flatMap(({ queries }) => queries.map(({ server }) => server)));
}

/** DNS over UDP as the frames kept show it. */
export class DnsTraffic {
  readonly lookups: readonly Lookup[];
  /** For each server as its clients name it, how many lookups it was asked, and how many it answered. */
  readonly asked = new Map<number, number>();
  readonly answered = new Map<number, number>();
  /** For each point, the last frame kept of it. */
  readonly ends = new Map<number, KeptFrame>();
  readonly #context: FindingContext;
  /** By the addresses of client and server, found when it is asked for one. */
  #flows: ReadonlyMap<string, number> | null = null;

  constructor(context: FindingContext) {
    this.#context = context;
    this.lookups = readLookups(context);
    for (const lookup of this.lookups) {
      const server = clientView(lookup)?.queries[0]!.server;
      if (server === undefined) continue;
      this.asked.set(server, (this.asked.get(server) ?? 0) + 1);
      if (isAnswered(lookup)) this.answered.set(server, (this.answered.get(server) ?? 0) + 1);
    }
    for (const kept of context.store.frames) {
      const end = this.ends.get(kept.point);
      if (end === undefined || byTime(end, kept) < 0) this.ends.set(kept.point, kept);
    }
  }

  /** Index into the report's flows, null when there is none. */
  flowOf(lookup: Lookup | undefined): number | null {
    const server = lookup?.views[0]?.queries[0]?.server;
    if (server === undefined) return null;
    this.#flows ??= flowsOf(this.#context);
    return this.#flows.get(endsKey(lookup!.client, server)) ?? null;
  }

  /** Seconds for which the point's capture goes on. */
  goesOnAfter(kept: KeptFrame): number {
    return secondsBetween(kept, this.ends.get(kept.point)!);
  }
}

/** Flows of the DNS exchanges by client and server. */
function flowsOf(context: FindingContext): Map<string, number> {
  const flows = new Map<string, number>();
  for (const { exchange, flow } of context.exchanges.ofProtocol('dns'))
    flows.set(endsKey(exchange.client, exchange.server), flow);
  return flows;
}

function endsKey(client: number, server: number): string {
  return `${client} ${server}`;
}
