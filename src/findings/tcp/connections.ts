import { PairIndex } from '../../net/pair-index.js';
import { Layer } from '../../wire/layers.js';
import { TcpFlag } from '../../wire/tcp.js';
import type { FindingContext } from '../context.js';
import { ahead, endOf, has, isSyn, isSynAck, segmentOf, socketsOf, type Segment } from './segment.js';

/** Conversations told apart; the frames of further ones are passed over. */
const CONVERSATIONS = 1 << 18;
/** Room for both ends of as many connections as frames are kept at most. */
const ENDS = 1 << 20;
/** Segments of one conversation looked at. */
const SEGMENTS = 1 << 17;
/** The same octets within this time are copies of one packet, nanoseconds. */
const COPY = 1e6;
/** A connection this short is kept with all its segments. */
const SHORT = 16;

/** One end of a connection, as one point shows it. */
export interface Side {
  readonly address: number;
  readonly port: number;
  /** Segments without RST. */
  packets: number;
  /** Initial sequence number, -1 when its SYN was not seen. */
  isn: number;
  /** First and next sequence number of what was seen, -1 of nothing. */
  lowest: number;
  highest: number;
  syns: number;
  fin: Segment | null;
  resets: number;
  payload: number;
  /** Keep-alive probes since the other side was last heard, and the first of them. */
  probes: number;
  firstProbe: Segment | null;
}

/** A TCP connection at one capture point, under the addresses that it has there. */
export interface Connection {
  readonly point: number;
  readonly client: Side;
  readonly server: Side;
  readonly first: Segment;
  last: Segment;
  /** Null when it was not seen. */
  synAck: Segment | null;
  /** Connection of the same addresses and ports before this one, at this point. */
  readonly previous: Connection | null;
  /** In order of time, where there is something to look at; empty for a plain long connection. */
  segments: Segment[];
}

/** All TCP connections that the kept frames show, point by point. */
export class Connections {
  readonly all: Connection[] = [];
  /** Second since the epoch to which times of segments are relative. */
  readonly baseSecond: number;
  /** By address, and point with or without a tunnel. */
  readonly #ttlIndex = new PairIndex(ENDS);
  readonly #ttls: { low: number; high: number }[] = [];
  /** By address, and point and port. */
  readonly #endIndex = new PairIndex(ENDS);
  readonly #byEnd: Connection[][] = [];

  constructor(context: FindingContext) {
    const { frames } = context.store;
    this.baseSecond = frames.reduce((least, { seconds }) => Math.min(least, seconds), Infinity);
    if (frames.length === 0) return;
    const { heads, next } = conversationsOf(context);
    for (const head of heads) {
      const segments: Segment[] = [];
      for (let at = head; at >= 0 && segments.length < SEGMENTS; at = next[at]!) {
        const kept = frames[at]!;
        const segment = segmentOf(context.store.view(kept), kept, this.baseSecond, context.names.addresses);
        if (segment !== null) segments.push(segment);
      }
      if (!isInOrder(segments)) segments.sort(byTime);
      this.#split(withoutCopies(segments));
    }
  }

  #split(segments: readonly Segment[]): void {
    let current: Connection | null = null;
    for (const segment of segments) {
      if (current === null || opensAnother(segment, current)) {
        if (current !== null) this.#close(current);
        current = newConnection(segment, current);
        this.all.push(current);
      }
      add(current, segment);
      if (!has(segment, TcpFlag.RST)) this.#noteTtl(segment);
    }
    if (current !== null) this.#close(current);
  }

  #noteTtl({ kept, src, ttl, tunnelled }: Segment): void {
    const at = this.#ttlIndex.get(src, placeKey(kept.point, tunnelled));
    const range = this.#ttls[at];
    if (range === undefined) this.#ttls[at] = { low: ttl, high: ttl };
    else if (ttl < range.low) range.low = ttl;
    else if (ttl > range.high) range.high = ttl;
  }

  /** What is long and plain is kept as a summary. */
  #close(connection: Connection): void {
    if (connection.segments.length > SHORT && !isNotable(connection)) connection.segments = [];
    this.#noteEnd(connection, connection.client);
    this.#noteEnd(connection, connection.server);
  }

  #noteEnd(connection: Connection, { address, port }: Side): void {
    const at = this.#endIndex.get(address, endKey(connection.point, port));
    const list = this.#byEnd[at];
    if (list === undefined) this.#byEnd[at] = [connection];
    else list.push(connection);
  }

  /** TTLs of an address's segments at a point, RST apart; null when none were seen. */
  ttlOf(point: number, address: number, tunnelled: boolean): { readonly low: number; readonly high: number } | null {
    return this.#ttls[this.#ttlIndex.find(address, placeKey(point, tunnelled))] ?? null;
  }

  /** Connections of an address and port at a point. */
  ofEnd(point: number, address: number, port: number): readonly Connection[] {
    return this.#byEnd[this.#endIndex.find(address, endKey(point, port))] ?? [];
  }
}

function endKey(point: number, port: number): number {
  return (point << 16) | port;
}

function placeKey(point: number, tunnelled: boolean): number {
  return (point << 1) | (tunnelled ? 1 : 0);
}

function byTime(a: Segment, b: Segment): number {
  return a.time - b.time || a.kept.file - b.kept.file || a.kept.frame - b.kept.frame;
}

/** Nearly all are: to sort them would copy them. */
function isInOrder(segments: readonly Segment[]): boolean {
  for (let i = 1; i < segments.length; i++) if (byTime(segments[i - 1]!, segments[i]!) > 0) return false;
  return true;
}

/** Chains of frames that share point, addresses and ports, in the order of their frames. */
function conversationsOf(context: FindingContext): { heads: number[]; next: Int32Array } {
  const { store, names } = context;
  const next = new Int32Array(store.frames.length).fill(-1);
  const heads: number[] = [];
  const tails: number[] = [];
  const addresses = new PairIndex(CONVERSATIONS);
  const conversations = new PairIndex(CONVERSATIONS);
  const atPoints = new PairIndex(CONVERSATIONS);
  for (const [i, kept] of store.frames.entries()) {
    const packet = store.view(kept);
    if (packet.l4Kind !== Layer.TCP) continue;
    const { src, dst, sourcePort, destinationPort } = socketsOf(packet, names.addresses);
    const forward = src < dst || (src === dst && sourcePort < destinationPort);
    const pair = addresses.get(forward ? src : dst, forward ? dst : src);
    if (pair < 0) continue;
    const ports = forward ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    const conversation = conversations.get(pair, ports);
    if (conversation < 0) continue;
    const index = atPoints.get(conversation, kept.point);
    if (index < 0) continue;
    if (heads[index] === undefined) heads[index] = i;
    else next[tails[index]!] = i;
    tails[index] = i;
  }
  return { heads, next };
}

function withoutCopies(segments: readonly Segment[]): Segment[] {
  const kept: Segment[] = [];
  for (const segment of segments) {
    let copy = false;
    for (let i = kept.length - 1; i >= 0 && segment.time - kept[i]!.time < COPY; i--) {
      if (!isCopy(kept[i]!, segment)) continue;
      kept[i]!.copies.push(segment.ttl);
      copy = true;
      break;
    }
    if (!copy) kept.push(segment);
  }
  return kept;
}

function isCopy(a: Segment, b: Segment): boolean {
  return (
    a.seq === b.seq &&
    a.ack === b.ack &&
    a.flags === b.flags &&
    a.ipId === b.ipId &&
    a.payloadLength === b.payloadLength &&
    a.src === b.src &&
    a.sourcePort === b.sourcePort
  );
}

function opensAnother(segment: Segment, current: Connection): boolean {
  if (!isSyn(segment)) return false;
  const side = sideOf(current, segment);
  if (side.isn === segment.seq) return false;
  // Times within a file are not in order everywhere: the SYN,ACK may stand first.
  const { first } = current;
  return !(isSynAck(first) && first.ack === endOf(segment));
}

function newConnection(first: Segment, previous: Connection | null): Connection {
  const source = newSide(first.src, first.sourcePort);
  const destination = newSide(first.dst, first.destinationPort);
  const fromClient = isSyn(first) || (!isSynAck(first) && first.sourcePort >= first.destinationPort);
  return {
    point: first.kept.point,
    client: fromClient ? source : destination,
    server: fromClient ? destination : source,
    first,
    last: first,
    synAck: null,
    previous,
    segments: [],
  };
}

function newSide(address: number, port: number): Side {
  return {
    address,
    port,
    packets: 0,
    isn: -1,
    lowest: -1,
    highest: -1,
    syns: 0,
    fin: null,
    resets: 0,
    payload: 0,
    probes: 0,
    firstProbe: null,
  };
}

/** The side that sent a segment. */
export function sideOf(connection: Connection, { src, sourcePort }: Pick<Segment, 'src' | 'sourcePort'>): Side {
  const { client, server } = connection;
  return client.address === src && client.port === sourcePort ? client : server;
}

export function otherSide(connection: Connection, side: Side): Side {
  return side === connection.client ? connection.server : connection.client;
}

function add(connection: Connection, segment: Segment): void {
  const side = sideOf(connection, segment);
  connection.last = segment;
  connection.segments.push(segment);
  if (has(segment, TcpFlag.RST)) {
    side.resets++;
    return;
  }
  side.packets++;
  noteProbe(side, otherSide(connection, side), segment);
  if (has(segment, TcpFlag.SYN)) {
    side.syns++;
    if (side.isn < 0) side.isn = segment.seq;
    if (isSynAck(segment)) connection.synAck ??= segment;
  }
  if (has(segment, TcpFlag.FIN)) side.fin ??= segment;
  side.payload += segment.payloadLength;
  if (side.lowest < 0 || ahead(segment.seq, side.lowest) < 0) side.lowest = segment.seq;
  const end = endOf(segment);
  if (side.highest < 0 || ahead(end, side.highest) > 0) side.highest = end;
}

/** A keep-alive has at most one octet, and the number before the next one to be sent (RFC 9293 section 3.8.4). */
function noteProbe(side: Side, other: Side, segment: Segment): void {
  other.probes = 0;
  other.firstProbe = null;
  const marks = has(segment, TcpFlag.SYN | TcpFlag.FIN);
  if (marks || segment.payloadLength > 1 || side.highest < 0 || ahead(segment.seq, side.highest) !== -1) {
    side.probes = 0;
    side.firstProbe = null;
    return;
  }
  side.probes++;
  side.firstProbe ??= segment;
}

/** RST, closed windows and SYN,ACKs sent again are worth a second look. */
function isNotable({ client, server, segments }: Connection): boolean {
  return client.resets + server.resets > 0 || server.syns > 1 || segments.some((segment) => segment.window === 0);
}
