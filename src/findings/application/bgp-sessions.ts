import { destinationId, hopsLeft, sourceId } from '../../net/packet-addresses.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { quoteOf } from '../../trail/quote.js';
import {
  BgpAttribute,
  bgpAttributes,
  BgpCapability,
  bgpCapabilities,
  bgpCommunication,
  bgpHasFixed,
  bgpLength,
  bgpNotificationCode,
  bgpNotificationSubcode,
  bgpOpenAs,
  bgpOpenHoldTime,
  bgpOpenIdentifierAt,
  bgpReachable,
  bgpRoutes,
  BgpType,
  bgpType,
  bgpUnreachable,
  bgpWithdrawn,
  checkBgp,
  isIpUnicast,
} from '../../wire/bgp.js';
import { type BgpPrefix, bgpPrefixes } from '../../wire/bgp-prefixes.js';
import { BgpSession } from '../../wire/bgp-session.js';
import { Layer } from '../../wire/layers.js';
import { BGP_FRAMING, MessageStream } from '../../wire/message-stream.js';
import { messagesOf, type Message } from '../../wire/messages.js';
import type { PacketView } from '../../wire/packet.js';
import {
  tcpAck,
  tcpAoAt,
  tcpDstPort,
  TcpFlag,
  tcpFlags,
  tcpMd5At,
  tcpSeq,
  tcpSrcPort,
  tcpTimestampsAt,
  tcpWindow,
} from '../../wire/tcp.js';
import type { FindingContext } from '../context.js';
import { byTime, secondsBetween } from './finding.js';

export const BGP_PORT = 179;
/** Connections looked at; a capture with more is no BGP speaker's. */
const MOST_VIEWS = 1 << 12;
/** Routes kept of one direction of a connection. */
const MOST_ROUTES = 1024;
/** Frames kept of a kind in one connection. */
const MOST_KEPT = 8;
/** Sightings of one connection at several points lie this close together, seconds; clocks of nodes may differ. */
const SAME_CONNECTION = 60;

/** What an OPEN says. */
export interface Open {
  readonly kept: KeptFrame;
  /** The four-octet number where the capability is there, else the header's. */
  readonly as: number;
  /** The two-octet field; 23456 stands for a number that does not fit. */
  readonly field: number;
  /** Seconds. */
  readonly holdTime: number;
  readonly identifier: string;
}

export interface Notification {
  readonly kept: KeptFrame;
  readonly code: number;
  readonly subcode: number;
  /** What the operator wrote (RFC 9003), else null. */
  readonly communication: string | null;
}

/** An IPv4 route that an UPDATE announces or withdraws. */
export interface Route {
  readonly kept: KeptFrame;
  /** The prefix's address as a signed 32-bit integer, bits beyond its length zero. */
  readonly prefix: number;
  readonly bits: number;
  /** Identifier of the path (RFC 7911); null where the session has none. */
  readonly path: number | null;
  readonly withdrawn: boolean;
}

/** A FIN or a RST. */
export interface End {
  readonly kept: KeptFrame;
  readonly reset: boolean;
  readonly ttl: number;
  /** The socket sent it: it has the connection's window or timestamps. A stack without the connection has neither. */
  readonly owned: boolean;
}

/** One direction of a connection, as a point saw it. */
export class Half {
  open: Open | null = null;
  notification: Notification | null = null;
  end: End | null = null;
  keepalives = 0;
  /** UPDATE and ROUTE-REFRESH. */
  updates = 0;
  /** In the order of their messages, the first of them. */
  readonly routes: Route[] = [];
  /** Payload octets, repetitions counted too. */
  octets = 0;
  last: KeptFrame | null = null;
  /** Highest TTL; 0 when nothing was seen. */
  ttl = 0;
  /** Option in the SYN or SYN,ACK; null when it was not seen. */
  signature: 'md5' | 'ao' | 'none' | null = null;
  /** Payload of the longest segment sent again, and the frame. */
  repeated: { readonly length: number; readonly kept: KeptFrame } | null = null;
  /** Sent something behind its SYN, so that the other side must have answered. */
  goesOn = false;
  /** Octets that the segments seen have between them and did not bring. */
  hole = false;
  readonly messages = new MessageStream(BGP_FRAMING, { spanned: 0, givenUp: 0 });
  #next = 0;
  #started = false;

  /** Notes a segment's octets; false when all of them were seen before. */
  advance(seq: number, length: number, kept: KeptFrame): boolean {
    const end = (seq + length) | 0;
    if (!this.#started) {
      this.#started = true;
      this.#next = end;
      return true;
    }
    if (((seq - this.#next) | 0) > 0) this.hole = true;
    if (((end - this.#next) | 0) <= 0) {
      if (this.hole) {
        // What was missing came late, or again
        this.hole = false;
        return true;
      }
      if (this.repeated === null || length > this.repeated.length) this.repeated = { length, kept };
      return false;
    }
    this.#next = end;
    return true;
  }
}

/** A TCP connection to port 179 as one point saw it. */
export class View {
  readonly point: number;
  readonly client: number;
  readonly server: number;
  readonly clientPort: number;
  readonly fromClient = new Half();
  readonly fromServer = new Half();
  readonly agreed = new BgpSession();
  /** The client's initial sequence number; null when the SYN was not captured. */
  isn: number | null = null;
  syns: KeptFrame[] = [];
  synAck: KeptFrame | null = null;
  synAckTtl = 0;
  /** RST that answers the SYN. */
  refusal: KeptFrame | null = null;
  /** ICMP errors that quote the client's packets. */
  readonly errors: { readonly kept: KeptFrame; readonly type: number; readonly code: number; readonly from: number }[] =
    [];
  frames = 0;
  first: KeptFrame;

  constructor(point: number, client: number, server: number, clientPort: number, first: KeptFrame) {
    this.point = point;
    this.client = client;
    this.server = server;
    this.clientPort = clientPort;
    this.first = first;
  }

  get established(): boolean {
    return (
      this.fromClient.keepalives + this.fromClient.updates > 0 &&
      this.fromServer.keepalives + this.fromServer.updates > 0
    );
  }

  /** First FIN or RST, and who sent it. */
  get ending(): { readonly end: End; readonly by: 'client' | 'server' } | null {
    const client = this.fromClient.end;
    const server = this.fromServer.end;
    if (client === null && server === null) return null;
    if (server === null || (client !== null && byTime(client.kept, server.kept) < 0)) {
      return { end: client!, by: 'client' };
    }
    return { end: server, by: 'server' };
  }
}

/** One connection, with all points that saw it. */
export interface Session {
  /** The best one to tell the story first: nearest to the server. */
  readonly views: readonly [View, ...View[]];
  /** Index into the report's flows, null when there is none. */
  readonly flow: number | null;
  /** For each two addresses that a point saw it between, all sessions between these, whoever called. */
  readonly pairs: readonly (readonly Session[])[];
}

/** All connections to port 179 in the frames kept, in order of time. */
export function bgpSessions(context: FindingContext): Session[] {
  const views = readViews(context);
  if (views.length === 0) return [];
  const flows = new Map<string, number>();
  for (const { exchange, flow } of context.exchanges.ofProtocol('tcp')) {
    if (exchange.serverPort === BGP_PORT) {
      flows.set(`${exchange.client}:${exchange.clientPort}>${exchange.server}`, flow);
    }
  }
  const byPair = new Map<string, Session[]>();
  return mergeViews(views).map((list) => {
    const [first, ...rest] = list.sort(
      (a, b) => b.fromServer.ttl - a.fromServer.ttl || b.frames - a.frames || a.point - b.point,
    );
    const flow = list.map((view) => flows.get(`${view.client}:${view.clientPort}>${view.server}`));
    const pairs: Session[][] = [];
    const session = { views: [first!, ...rest] as const, flow: flow.find((f) => f !== undefined) ?? null, pairs };
    for (const pair of new Set(list.map(pairOf))) {
      let sessions = byPair.get(pair);
      if (sessions === undefined) byPair.set(pair, (sessions = []));
      sessions.push(session);
      pairs.push(sessions);
    }
    return session;
  });
}

function pairOf({ client, server }: View): string {
  return `${Math.min(client, server)} ${Math.max(client, server)}`;
}

function readViews(context: FindingContext): View[] {
  const { store, names } = context;
  const frames = store.frames.filter((kept) => {
    const packet = store.view(kept);
    return (
      (packet.l4Kind === Layer.TCP &&
        toOrFromBgp(tcpSrcPort(packet.view, packet.l4At), tcpDstPort(packet.view, packet.l4At))) ||
      (packet.quotedL4At >= 0 &&
        packet.quotedProtocol === 6 &&
        packet.view.getUint16(packet.quotedL4At + 2) === BGP_PORT)
    );
  });
  frames.sort((a, b) => a.point - b.point || byTime(a, b));
  const all: View[] = [];
  const current = new Map<string, View>();
  for (const kept of frames) {
    const packet = store.view(kept);
    const quote = quoteOf(packet, names.addresses);
    if (quote !== null) {
      const view = current.get(`${kept.point} ${quote.src}:${quote.sourcePort}>${quote.dst}`);
      if (view !== undefined && view.errors.length < MOST_KEPT) {
        view.errors.push({
          kept,
          type: packet.view.getUint8(packet.l4At),
          code: packet.view.getUint8(packet.l4At + 1),
          from: sourceId(packet.view, packet.ipAt, packet.ipVersion, names.addresses),
        });
      }
      continue;
    }
    const src = sourceId(packet.view, packet.ipAt, packet.ipVersion, names.addresses);
    const dst = destinationId(packet.view, packet.ipAt, packet.ipVersion, names.addresses);
    const fromClient = tcpDstPort(packet.view, packet.l4At) === BGP_PORT;
    const port = fromClient ? tcpSrcPort(packet.view, packet.l4At) : tcpDstPort(packet.view, packet.l4At);
    const [client, server] = fromClient ? [src, dst] : [dst, src];
    const key = `${kept.point} ${client}:${port}>${server}`;
    let view = current.get(key);
    const opens = (tcpFlags(packet.view, packet.l4At) & (TcpFlag.SYN | TcpFlag.ACK)) === TcpFlag.SYN && fromClient;
    const isn = tcpSeq(packet.view, packet.l4At);
    if (view === undefined || (opens && view.isn !== isn)) {
      if (all.length >= MOST_VIEWS) continue;
      view = new View(kept.point, client, server, port, kept);
      if (opens) view.isn = isn;
      current.set(key, view);
      all.push(view);
    }
    note(view, packet, kept, fromClient);
  }
  return all;
}

function toOrFromBgp(source: number, destination: number): boolean {
  return source === BGP_PORT || destination === BGP_PORT;
}

function note(session: View, packet: PacketView, kept: KeptFrame, fromClient: boolean): void {
  const { view, l4At } = packet;
  const half = fromClient ? session.fromClient : session.fromServer;
  const flags = tcpFlags(view, l4At);
  const ttl = hopsLeft(view, packet.ipAt, packet.ipVersion);
  const optionsEnd = Math.min(packet.payloadAt, packet.frameEnd);
  session.frames++;
  if (ttl > half.ttl) half.ttl = ttl;
  if ((flags & TcpFlag.SYN) !== 0) {
    half.signature =
      tcpMd5At(view, l4At, optionsEnd) >= 0 ? 'md5' : tcpAoAt(view, l4At, optionsEnd) >= 0 ? 'ao' : 'none';
    half.advance(tcpSeq(view, l4At), 1, kept);
    half.messages.begin((tcpSeq(view, l4At) + 1) | 0);
    if (fromClient) {
      if (session.syns.length < MOST_KEPT) session.syns.push(kept);
    } else {
      session.synAck ??= kept;
      session.synAckTtl = ttl;
    }
    return;
  }
  const reset = (flags & TcpFlag.RST) !== 0;
  if (!reset) half.goesOn = true;
  if (reset && !fromClient && session.synAck === null && session.isn !== null) {
    if (((tcpAck(view, l4At) - session.isn) | 0) === 1) session.refusal ??= kept;
  }
  if (packet.payloadLength > 0 && !reset) {
    half.octets += packet.payloadLength;
    const seq = tcpSeq(view, l4At);
    if (half.advance(seq, packet.payloadLength, kept)) {
      const { payloadAt: at, payloadEnd: end, payloadLength: length } = packet;
      const messages = half.messages.add({ view, at, end, length, seq }) ?? messagesOf(packet);
      for (const message of messages)
        if (!message.goesOn) readMessage(half, session.agreed.read(fromClient ? 0 : 1, message), kept);
    }
  }
  if (reset || (flags & TcpFlag.FIN) !== 0) {
    const owned = tcpWindow(view, l4At) !== 0 || tcpTimestampsAt(view, l4At, optionsEnd) >= 0;
    half.end ??= { kept, reset, ttl, owned };
  }
}

function readMessage(half: Half, message: Message, kept: KeptFrame): void {
  const { view, at, end, announcedEnd } = message;
  if (checkBgp(view, at, end) !== -1) return;
  half.last = kept;
  switch (bgpType(view, at)) {
    case BgpType.KEEPALIVE:
      half.keepalives++;
      break;
    case BgpType.OPEN:
      // What follows an OPEN that is not all there may be read wrong
      if (announcedEnd === end) half.open ??= readOpen(view, at, end, kept);
      break;
    case BgpType.NOTIFICATION:
      if (bgpHasFixed(view, at, end)) half.notification ??= readNotification(view, at, end, kept);
      break;
    case BgpType.UPDATE:
      half.updates++;
      readRoutes(half, message, kept);
      break;
    default:
      half.updates++;
  }
}

function readRoutes({ routes }: Half, { view, at, end, paths }: Message, kept: KeptFrame): void {
  // Half of the routes of a message that the capture cut would be half the truth
  if (at + bgpLength(view, at) > end) return;
  const add = (list: Iterable<BgpPrefix>, withdrawn: boolean): void => {
    for (const { at: octetsAt, bits, path } of list) {
      if (routes.length === MOST_ROUTES) return;
      let prefix = 0;
      for (let i = 0; i < (bits + 7) >> 3; i++) prefix |= view.getUint8(octetsAt + i) << (24 - 8 * i);
      routes.push({ kept, prefix: networkOf(prefix, bits), bits, path, withdrawn });
    }
  };
  add(bgpWithdrawn(view, at, end, paths), true);
  add(bgpRoutes(view, at, end, paths), false);
  for (const { code, at: dataAt, end: dataEnd } of bgpAttributes(view, at, end)) {
    const withdrawn = code === BgpAttribute.MP_UNREACH;
    if (!withdrawn && code !== BgpAttribute.MP_REACH) continue;
    const family = withdrawn ? bgpUnreachable(view, dataAt, dataEnd) : bgpReachable(view, dataAt, dataEnd);
    if (family !== null && family.afi === 1 && isIpUnicast(family)) {
      add(bgpPrefixes(view, family.at, family.end, 32, paths), withdrawn);
    }
  }
}

/** The first `bits` bits of an IPv4 address. */
export function networkOf(address: number, bits: number): number {
  return bits === 0 ? 0 : address & (-1 << (32 - bits));
}

function readOpen(view: DataView, at: number, end: number, kept: KeptFrame): Open {
  const field = bgpOpenAs(view, at);
  let as = field;
  for (const capability of bgpCapabilities(view, at, end)) {
    if (capability.code === BgpCapability.AS4 && capability.end - capability.at === 4)
      as = view.getUint32(capability.at);
  }
  const identifierAt = bgpOpenIdentifierAt(at);
  const identifier = [0, 1, 2, 3].map((i) => view.getUint8(identifierAt + i)).join('.');
  return { kept, as, field, holdTime: bgpOpenHoldTime(view, at), identifier };
}

function readNotification(view: DataView, at: number, end: number, kept: KeptFrame): Notification {
  const text = bgpCommunication(view, at, end);
  return {
    kept,
    code: bgpNotificationCode(view, at),
    subcode: bgpNotificationSubcode(view, at),
    communication:
      text === null || text.end === text.at
        ? null
        : new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + text.at, text.end - text.at)),
  };
}

/** Views of one connection: the same ends, or across a translation the same initial sequence number. */
function mergeViews(views: readonly View[]): View[][] {
  const groups: View[][] = [];
  const index = new Map<string, View[][]>();
  for (const view of views) {
    const key = view.isn === null ? `${view.client}:${view.clientPort}>${view.server}` : `isn ${view.isn}`;
    const candidates = index.get(key) ?? [];
    let group = candidates.find(([first]) => isSameConnection(first!, view));
    if (group === undefined) {
      group = [];
      groups.push(group);
      if (candidates.length < MOST_KEPT) index.set(key, [...candidates, group]);
    }
    group.push(view);
  }
  return groups.sort((a, b) => byTime(a[0]!.first, b[0]!.first));
}

function isSameConnection(a: View, b: View): boolean {
  if (a.isn === null) return a.point !== b.point;
  return (
    Math.abs(secondsBetween(a.first, b.first)) < SAME_CONNECTION &&
    (a.clientPort === b.clientPort || a.server === b.server || a.client === b.client)
  );
}
