import { PairIndex } from '../../net/pair-index.js';
import type { Exchange } from '../../trail/exchange.js';
import type { FindingContext, Judged } from '../context.js';
import { Connections, otherSide, sideOf, type Connection, type Side } from './connections.js';
import { classifyReset, isAnswerTo, type Baseline, type ResetClass } from './reset-class.js';
import { has, isSyn, type Segment } from './segment.js';
import { TcpFlag } from '../../wire/tcp.js';

/** RSTs of one connection looked at, and RSTs with the same numbers compared. */
const RESETS = 64;
/** RSTs looked at. */
const EVENTS = 1 << 16;

/** A RST where one point saw it, with what led to it there. */
export interface ResetSighting {
  readonly connection: Connection;
  readonly reset: Segment;
  readonly sender: Side;
  readonly receiver: Side;
  readonly kind: ResetClass;
  /** The segment it answers; null where none of the receiver's has the right numbers. */
  readonly trigger: Segment | null;
  readonly before: Baseline;
  /** Silence of the connection before the trigger, nanoseconds; 0 where nothing came before, or not every segment was kept. */
  readonly gap: number;
  /** Segments of each side before the trigger, RST apart. */
  readonly fromSender: number;
  readonly fromReceiver: number;
  /** The sender had closed, or somebody had sent a RST, before the trigger. */
  readonly senderFin: Segment | null;
  readonly receiverFin: Segment | null;
  readonly earlierReset: boolean;
  /** Source MACs of what the sender's address sent before. */
  readonly macs: ReadonlySet<number>;
}

/** One RST, wherever it was seen; sent again in answer to the same segment it is the same one. */
export interface ResetEvent {
  readonly sightings: ResetSighting[];
}

/** What the checks on TCP share. */
export class TcpEvidence {
  readonly context: FindingContext;
  readonly connections: Connections;
  readonly resets: readonly ResetEvent[];
  #exchanges: ConnectionExchanges | null = null;

  constructor(context: FindingContext) {
    this.context = context;
    this.connections = new Connections(context);
    this.resets = resetsOf(this.connections, context.store.complete);
  }

  /** The exchange that a connection is, under whatever addresses; null where it is not among those kept. */
  exchangeOf(connection: Connection): Judged | null {
    this.#exchanges ??= exchangesOf(this.context, this.connections);
    const { client, server } = connection;
    if (client.isn >= 0) {
      const same = this.#exchanges.byNumber.get(client.isn | 0) ?? [];
      for (const judged of same) {
        const { exchange } = judged;
        if (exchange.client === client.address && exchange.clientPort === client.port) return judged;
        if (exchange.server === server.address && exchange.serverPort === server.port) return judged;
      }
    }
    return this.#exchanges.byPorts.get(portsKey(client.address, client.port, server.address, server.port)) ?? null;
  }

  /** Index of a connection's flow in the report; null where it has none. */
  flowOf(connection: Connection): number | null {
    const flow = this.exchangeOf(connection)?.flow ?? -1;
    return flow < 0 ? null : flow;
  }
}

/** Exchanges that may be a connection of the kept frames. */
interface ConnectionExchanges {
  /** By initial sequence number. */
  readonly byNumber: ReadonlyMap<number, readonly Judged[]>;
  readonly byPorts: ReadonlyMap<string, Judged>;
}

/** Kept are those that a connection will be looked up for: of large captures there are far more exchanges than connections. */
function exchangesOf(context: FindingContext, { all }: Connections): ConnectionExchanges {
  const clients = new PairIndex(all.length);
  const numbers = new Set<number>();
  for (const { client } of all) {
    clients.get(client.address, client.port);
    if (client.isn >= 0) numbers.add(client.isn | 0);
  }
  const isFrom = ({ client, clientPort }: Exchange): boolean => clients.find(client, clientPort) >= 0;
  const opensWith = ({ synSeen, id }: Exchange): boolean => synSeen && numbers.has(id);
  const byNumber = new Map<number, Judged[]>();
  const byPorts = new Map<string, Judged>();
  for (const judged of context.exchanges.ofProtocol('tcp', (exchange) => isFrom(exchange) || opensWith(exchange))) {
    const { exchange } = judged;
    const { id, client, clientPort, server, serverPort } = exchange;
    if (isFrom(exchange)) byPorts.set(portsKey(client, clientPort, server, serverPort), judged);
    if (!opensWith(exchange)) continue;
    const same = byNumber.get(id);
    if (same === undefined) byNumber.set(id, [judged]);
    else same.push(judged);
  }
  return { byNumber, byPorts };
}

function portsKey(client: number, clientPort: number, server: number, serverPort: number): string {
  return `${client}:${clientPort}>${server}:${serverPort}`;
}

/** `complete`: whether every segment was kept, so that silences are known. */
function resetsOf(connections: Connections, complete: boolean): ResetEvent[] {
  const events: ResetEvent[] = [];
  const index = new Map<string, ResetEvent[]>();
  for (const connection of connections.all) {
    if (connection.client.resets + connection.server.resets === 0) continue;
    if (events.length >= EVENTS) break;
    for (const sighting of sightingsOf(connection, connections, complete)) {
      const { seq, ack, flags } = sighting.reset;
      const key = `${seq} ${ack} ${flags & TcpFlag.ACK}`;
      const same = index.get(key);
      const event = same?.find((other) => other.sightings.some((seen) => shareEnd(seen, sighting)));
      if (event !== undefined) {
        event.sightings.push(sighting);
        continue;
      }
      const made = { sightings: [sighting] };
      events.push(made);
      if (same === undefined) index.set(key, [made]);
      else if (same.length < RESETS) same.push(made);
    }
  }
  return events;
}

/** Translation leaves one end as it is, and the numbers of both. */
function shareEnd(a: ResetSighting, b: ResetSighting): boolean {
  if (!isSameNumber(a.sender, b.sender) || !isSameNumber(a.receiver, b.receiver)) return false;
  return isSame(a.sender, b.sender) || isSame(a.receiver, b.receiver);
}

function isSameNumber(a: Side, b: Side): boolean {
  return a.isn < 0 || b.isn < 0 || a.isn === b.isn;
}

function isSame(a: Side, b: Side): boolean {
  return a.address === b.address && a.port === b.port;
}

function sightingsOf(connection: Connection, connections: Connections, complete: boolean): ResetSighting[] {
  const sightings: ResetSighting[] = [];
  const { segments } = connection;
  for (const [i, reset] of segments.entries()) {
    if (!has(reset, TcpFlag.RST)) continue;
    if (sightings.length >= RESETS) break;
    const sender = sideOf(connection, reset);
    const receiver = otherSide(connection, sender);
    const triggerAt = triggerOf(segments, i);
    const trigger = triggerAt < 0 ? null : segments[triggerAt]!;
    const earlier = segments.slice(0, triggerAt < 0 ? i : triggerAt);
    const own = earlier.filter((segment) => isFrom(segment, sender) && !has(segment, TcpFlag.RST));
    const last = earlier[earlier.length - 1];
    const before = baselineOf(connections, connection, reset, own);
    sightings.push({
      connection,
      reset,
      sender,
      receiver,
      trigger,
      before,
      kind: classifyReset(reset, before, trigger),
      gap: !complete || last === undefined || trigger === null ? 0 : trigger.time - last.time,
      fromSender: own.length,
      fromReceiver: earlier.filter((segment) => isFrom(segment, receiver) && !has(segment, TcpFlag.RST)).length,
      senderFin: own.find((segment) => has(segment, TcpFlag.FIN)) ?? null,
      receiverFin: earlier.find((segment) => isFrom(segment, receiver) && has(segment, TcpFlag.FIN)) ?? null,
      earlierReset: earlier.some((segment) => has(segment, TcpFlag.RST)),
      macs: new Set(
        own.filter(({ mac, tunnelled }) => mac >= 0 && tunnelled === reset.tunnelled).map(({ mac }) => mac),
      ),
    });
  }
  return sightings;
}

function isFrom({ src, sourcePort }: Segment, side: Side): boolean {
  return src === side.address && sourcePort === side.port;
}

/** Index of the last segment of the other side that the RST answers, or -1. */
function triggerOf(segments: readonly Segment[], resetAt: number): number {
  const reset = segments[resetAt]!;
  for (let i = resetAt - 1; i >= 0; i--) {
    const segment = segments[i]!;
    if (segment.src === reset.src && segment.sourcePort === reset.sourcePort) continue;
    if (!has(segment, TcpFlag.RST) && isAnswerTo(reset, segment)) return i;
  }
  return -1;
}

/** What is known of the sender at this point: from the connection itself, and its distance from all its connections. */
function baselineOf(
  connections: Connections,
  connection: Connection,
  reset: Segment,
  own: readonly Segment[],
): Baseline {
  const numbered = own.filter(({ ipId }) => ipId > 0);
  const [syn, synAck] = [connection.segments.find(isSyn), own.find((segment) => has(segment, TcpFlag.SYN))];
  return {
    packets: own.length,
    ttl: connections.ttlOf(connection.point, reset.src, reset.tunnelled),
    ipId: numbered.length === 0 ? -1 : numbered[numbered.length - 1]!.ipId,
    timestamps: syn === undefined || synAck === undefined ? null : syn.timestamps && synAck.timestamps,
  };
}
