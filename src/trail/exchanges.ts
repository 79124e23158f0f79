import { Layer } from '../wire/layers.js';
import type { ExchangeProtocol } from '../report/report.js';
import type { Direction, Form, Trail } from './trail.js';
import type { Quote } from './packet-group.js';
import { Stream } from './stream.js';

const TCP = 6;
const UDP = 17;
const DNS = 53;
const SYN = 2;
const RST = 4;
const ACK = 16;
const FIN = 1;
const DNS_RESPONSE = 0x8000;
const DNS_RCODE = 0x0f;
const DNS_REFUSED = 5;

/** How far a packet was seen to come: 0 not at all, 1 lost or undecided, 2 at the last captured point of its way, 3 at home. */
export const Reach = { NONE: 0, OPEN: 1, END: 2, HOME: 3 } as const;

/** A request and its reply: an echo, a DNS question, a TCP connection, or the datagrams of a UDP flow. */
export class Exchange {
  protocol: ExchangeProtocol = 'udp';
  /** As the client sees them. */
  client = 0;
  server = 0;
  clientPort = -1;
  serverPort = -1;
  /** ICMP: identifier, sequence; DNS: id, type; TCP: initial sequence number of the client. */
  id = 0;
  sequence = 0;
  nameId = -1;
  ipVersion = 4;

  firstTime = Infinity;
  lastTime = -Infinity;
  requests = 0;
  replies = 0;
  /** Furthest that any of them came, see Reach. */
  requestReach = 0;
  replyReach = 0;
  /** Last point of the packet that came furthest; -1 none. */
  requestLast = -1;
  replyLast = -1;
  lastRequestTime = -Infinity;
  lastReplyTime = -Infinity;
  /** Packets that are not known to have arrived. */
  readonly open: Trail[] = [];
  /** ICMP error that quotes the request and came back to the client, RST to a SYN, DNS REFUSED. */
  refused = false;
  refusedBy: Trail | null = null;

  /** TCP. */
  synSeen = false;
  synAckSeen = false;
  synAckAcknowledged = false;
  clientData = false;
  serverData = false;
  clientAcked = false;
  serverAcked = false;
  resetSeen = false;
  finSeen = false;
  /** Something came back of which too little was captured to tell what it is. */
  cutReplySeen = false;
  /** Next sequence numbers that each side has acknowledged (of the other's), and time; for arrival by acknowledgement. */
  highestAckByClient = 0;
  highestAckByServer = 0;
  ackByClientSeen = false;
  ackByServerSeen = false;
  /** End of the furthest data that each side has sent. */
  sentByClient = 0;
  sentByServer = 0;
  /** UDP: times of the first datagrams of each direction. */
  requestTimes: number[] = [];
  replyTimes: number[] = [];

  /** What each point saw of each direction of a connection, where rows will tell it. */
  requestStream: Stream | null = null;
  replyStream: Stream | null = null;

  /** Data that was sent more than once, so that an acknowledgement of it is nobody's in particular. */
  readonly repeats: Repeat[] = [];

  /** Makes the server the client of a datagram flow. */
  turn(): void {
    [this.client, this.server] = [this.server, this.client];
    [this.clientPort, this.serverPort] = [this.serverPort, this.clientPort];
    [this.requests, this.replies] = [this.replies, this.requests];
    [this.requestReach, this.replyReach] = [this.replyReach, this.requestReach];
    [this.requestLast, this.replyLast] = [this.replyLast, this.requestLast];
    [this.lastRequestTime, this.lastReplyTime] = [this.lastReplyTime, this.lastRequestTime];
    [this.requestTimes, this.replyTimes] = [this.replyTimes, this.requestTimes];
    for (const trail of this.open) trail.direction = trail.direction === 'request' ? 'reply' : 'request';
  }

  /** Chain of the table. */
  next: Exchange | null = null;
}

/** A part of one direction's data that was sent again. */
export interface Repeat {
  readonly request: boolean;
  readonly sequence: number;
  readonly length: number;
}

/** What a packet is to the exchange it belongs to. */
export interface Membership {
  readonly exchange: Exchange;
  readonly direction: Direction;
}

/** The fields of a packet from which its exchange follows. */
export interface PacketFacts {
  readonly protocol: number;
  readonly kind: number;
  readonly ipVersion: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly payloadLength: number;
  readonly isDns: boolean;
  readonly nameId: number;
  readonly quote: Quote | null;
  readonly otherQuotes?: readonly Quote[];
  readonly forms?: readonly Form[];
  readonly firstTime: number;
  readonly lastTime: number;
}

/** Most datagrams of a direction whose times are remembered. */
export const DATAGRAMS = 256;
/** Most repetitions remembered of a connection. */
const REPEATS = 256;
/** Packets of one exchange that are looked at again in the end. */
const OPEN_LIMIT = 64;
const BUCKETS = 1 << 16;
/** Most translated replies remembered whose request was not told yet. */
const ALIASES = 1 << 14;
/** Exchanges held before the settled ones among them are looked for. */
const SWEEP = 1 << 16;
/** Most exchanges held; what is beyond is counted and not told. */
const LIMIT = 1 << 18;
/** A settled exchange is over when nothing of it was seen for this long, nanoseconds. */
const IDLE = 10e9;
/** The last exchanges among which one socket's DNS questions are looked for when an ICMP error quotes it. */
const RECENT = 64;

/** All exchanges of a run, found by what requests and replies have in common. */
export class ExchangeTable {
  readonly #buckets: (Exchange | null)[] = new Array<Exchange | null>(BUCKETS).fill(null);
  /** In order of their making. */
  all: Exchange[] = [];
  /** Exchanges not told because the table was full. */
  evicted = 0;
  #sweepAt = SWEEP;
  /** Exchanges that a translated reply made before its request was told, by the request's other form. */
  readonly #aliases = new Map<string, Exchange>();

  /**
   * Finds or makes the exchange of a packet; null when it belongs to none.
   * @param first its form where it was first seen, @param last where it was last seen
   */
  memberOf(facts: PacketFacts, first: Form, last: Form): Membership | null {
    if (facts.quote !== null) return this.#quoted(facts, facts.quote);
    switch (facts.kind) {
      case Layer.ICMP:
      case Layer.ICMPV6: {
        const type = facts.a >> 8;
        const request = facts.kind === Layer.ICMP ? type === 8 : type === 128;
        const reply = facts.kind === Layer.ICMP ? type === 0 : type === 129;
        if (!request && !reply) return null;
        // The client's own view: a request's first form, a reply's last.
        return request
          ? this.#member('request', 'icmp-echo', facts, first.src, first.dst, -1, -1, first.echoId, facts.c, -1)
          : this.#reply('icmp-echo', facts, first, last, facts.c, -1);
      }
      case Layer.UDP: {
        if (!facts.isDns) return this.#conversation('udp', facts, first, last);
        const { a: id, c: type, nameId } = facts;
        return (facts.b & DNS_RESPONSE) === 0
          ? this.#member(
              'request',
              'dns',
              facts,
              first.src,
              first.dst,
              first.sourcePort,
              first.destinationPort,
              id,
              type,
              nameId,
            )
          : this.#reply('dns', facts, first, last, type, nameId);
      }
      case Layer.TCP:
        return this.#conversation('tcp', facts, first, last);
      default:
        // Of a header cut short the ports are there, and tell the connection.
        return facts.protocol === TCP && first.sourcePort >= 0 ? this.#conversation('tcp', facts, first, last) : null;
    }
  }

  /** A reply belongs to the request to where it came from as the client sees it, or else as it was sent. */
  #reply(
    protocol: 'icmp-echo' | 'dns',
    facts: PacketFacts,
    first: Form,
    last: Form,
    sequence: number,
    nameId: number,
  ): Membership {
    const idOf = ({ echoId }: Form): number => (protocol === 'dns' ? facts.a : echoId);
    const find = (form: Form): Exchange | null =>
      this.#find(protocol, form.dst, form.src, form.destinationPort, form.sourcePort, idOf(form), sequence, nameId);
    const form = find(last) === null && find(first) !== null ? first : last;
    const id = idOf(form);
    const membership = this.#member(
      'reply',
      protocol,
      facts,
      form.dst,
      form.src,
      form.destinationPort,
      form.sourcePort,
      id,
      sequence,
      nameId,
    );
    if (first !== last && membership.exchange.requests === 0 && this.#aliases.size < ALIASES) {
      const key = aliasOf(protocol, first.dst, first.src, first.destinationPort, first.sourcePort, idOf(first));
      this.#aliases.set(key, membership.exchange);
    }
    return membership;
  }

  #conversation(protocol: 'tcp' | 'udp', facts: PacketFacts, first: Form, last: Form): Membership {
    const flags = protocol === 'tcp' ? facts.c : 0;
    const opening = (flags & (SYN | ACK)) === SYN;
    const forward = this.#findForm(protocol, first) ?? (first === last ? null : this.#findForm(protocol, last));
    // A SYN with another number opens a new connection on the same ports.
    if (forward !== null && !(opening && forward.synSeen && forward.id !== facts.a)) {
      return { exchange: forward, direction: 'request' };
    }
    if (forward === null && !opening) {
      // A bridge that translates before its tap shows the request to the pod and the reply from the service.
      // So does a hairpin, whose reply turns round in a form that is neither its first nor its last.
      let backward = this.#findForm(protocol, reversed(last));
      if (first !== last) {
        backward ??= this.#findForm(protocol, reversed(first));
        for (const form of facts.forms ?? []) backward ??= this.#findForm(protocol, reversed(form));
      }
      if (backward !== null) {
        // Packets that wait for more sightings are told late: whoever sent the first datagram is the client.
        if (protocol !== 'udp' || facts.firstTime >= backward.firstTime)
          return { exchange: backward, direction: 'reply' };
        this.#unlink(backward);
        backward.turn();
        this.#link(backward);
        return { exchange: backward, direction: 'request' };
      }
    }
    // A server is who answers a SYN; without one, who has the well-known or the lower port.
    const fromServer = protocol === 'tcp' && !opening && ((flags & (SYN | ACK)) === (SYN | ACK) || isServer(first));
    return fromServer
      ? {
          exchange: this.#make(protocol, facts, last.dst, last.src, last.destinationPort, last.sourcePort, 0, 0, -1),
          direction: 'reply',
        }
      : {
          exchange: this.#make(
            protocol,
            facts,
            first.src,
            first.dst,
            first.sourcePort,
            first.destinationPort,
            opening ? facts.a : 0,
            0,
            -1,
          ),
          direction: 'request',
        };
  }

  /** The exchange that an ICMP error is about; the error travels back to who sent the quoted packet. */
  #quoted(facts: PacketFacts, quote: Quote): Membership | null {
    // Of a tunnel's packet the flow inside is meant, which such an error refuses nothing of.
    if (quote.tunnel) return quote.inner === null ? null : this.#findQuoted(quote.inner);
    let found = this.#findQuoted(quote);
    for (const other of facts.otherQuotes ?? []) found ??= this.#findQuoted(other);
    return found ?? this.#announced(facts, quote);
  }

  #findQuoted(quote: Quote): Membership | null {
    const { src, dst, sourcePort, destinationPort } = quote;
    let forward: Exchange | null = null;
    let backward: Exchange | null = null;
    if (quote.protocol === 1 || quote.protocol === 58) {
      forward = this.#find('icmp-echo', src, dst, -1, -1, quote.icmpId, quote.icmpSeq, -1);
      backward = this.#find('icmp-echo', dst, src, -1, -1, quote.icmpId, quote.icmpSeq, -1);
    } else if (sourcePort >= 0) {
      const protocol = quote.protocol === 6 ? 'tcp' : 'udp';
      forward = this.#findConversation(protocol, src, dst, sourcePort, destinationPort);
      backward = this.#findConversation(protocol, dst, src, destinationPort, sourcePort);
      if (forward === null && backward === null && protocol === 'udp') {
        forward = this.#recentDns(src, sourcePort, dst);
        if (forward === null) backward = this.#recentDns(dst, destinationPort, src);
      }
    }
    if (forward !== null) return { exchange: forward, direction: 'reply' };
    return backward === null ? null : { exchange: backward, direction: 'request' };
  }

  /** Errors are told at once, the packet that they quote may still wait for more sightings. */
  #announced(facts: PacketFacts, quote: Quote): Membership | null {
    const { src, dst, sourcePort, destinationPort, icmpId, icmpSeq } = quote;
    const asked = quote.protocol === 1 ? quote.icmpType === 8 : quote.icmpType === 128;
    const exchange = asked
      ? this.#make('icmp-echo', facts, src, dst, -1, -1, icmpId, icmpSeq, -1)
      : quote.protocol === UDP && sourcePort >= 0 && sourcePort !== DNS && destinationPort !== DNS
        ? this.#make('udp', facts, src, dst, sourcePort, destinationPort, 0, 0, -1)
        : null;
    return exchange === null ? null : { exchange, direction: 'reply' };
  }

  /** DNS exchanges are keyed by their id, which a quotation may not hold: the last one of the socket is meant. */
  #recentDns(client: number, clientPort: number, server: number): Exchange | null {
    for (let i = this.all.length - 1; i >= 0 && i >= this.all.length - RECENT; i--) {
      const exchange = this.all[i]!;
      if (
        exchange.protocol === 'dns' &&
        exchange.client === client &&
        exchange.clientPort === clientPort &&
        exchange.server === server
      ) {
        return exchange;
      }
    }
    return null;
  }

  #member(
    direction: 'request' | 'reply',
    protocol: ExchangeProtocol,
    facts: PacketFacts,
    client: number,
    server: number,
    clientPort: number,
    serverPort: number,
    id: number,
    sequence: number,
    nameId: number,
  ): Membership {
    const exchange =
      this.#find(protocol, client, server, clientPort, serverPort, id, sequence, nameId) ??
      (direction === 'request' && this.#aliases.size > 0
        ? this.#aliases.get(aliasOf(protocol, client, server, clientPort, serverPort, id))
        : undefined) ??
      this.#make(protocol, facts, client, server, clientPort, serverPort, id, sequence, nameId);
    // A question that one packet was cut before, another shows.
    if (exchange.nameId < 0 && nameId >= 0) {
      exchange.nameId = nameId;
      exchange.sequence = sequence;
    }
    return { exchange, direction };
  }

  #find(
    protocol: ExchangeProtocol,
    client: number,
    server: number,
    clientPort: number,
    serverPort: number,
    id: number,
    sequence: number,
    nameId: number,
  ): Exchange | null {
    let exchange = this.#buckets[bucketOf(client, server, clientPort, serverPort)]!;
    for (; exchange !== null; exchange = exchange.next!) {
      if (
        exchange.id === id &&
        (nameId === exchange.nameId ? exchange.sequence === sequence : nameId < 0 || exchange.nameId < 0) &&
        isBetween(exchange, protocol, client, server, clientPort, serverPort)
      ) {
        return exchange;
      }
    }
    return null;
  }

  #findForm(protocol: ExchangeProtocol, { src, dst, sourcePort, destinationPort }: Form): Exchange | null {
    return this.#findConversation(protocol, src, dst, sourcePort, destinationPort);
  }

  /** The latest connection or datagram flow between two sockets. */
  #findConversation(
    protocol: ExchangeProtocol,
    client: number,
    server: number,
    clientPort: number,
    serverPort: number,
  ): Exchange | null {
    let exchange = this.#buckets[bucketOf(client, server, clientPort, serverPort)]!;
    while (exchange !== null && !isBetween(exchange, protocol, client, server, clientPort, serverPort)) {
      exchange = exchange.next!;
    }
    return exchange;
  }

  #make(
    protocol: ExchangeProtocol,
    facts: PacketFacts,
    client: number,
    server: number,
    clientPort: number,
    serverPort: number,
    id: number,
    sequence: number,
    nameId: number,
  ): Exchange {
    const exchange = new Exchange();
    exchange.protocol = protocol;
    exchange.client = client;
    exchange.server = server;
    exchange.clientPort = clientPort;
    exchange.serverPort = serverPort;
    exchange.id = id;
    exchange.sequence = sequence;
    exchange.nameId = nameId;
    exchange.ipVersion = facts.ipVersion;
    if (this.all.length >= LIMIT) {
      this.evicted++;
      return exchange;
    }
    this.#link(exchange);
    this.all.push(exchange);
    return exchange;
  }

  #link(exchange: Exchange): void {
    const bucket = bucketOf(exchange.client, exchange.server, exchange.clientPort, exchange.serverPort);
    exchange.next = this.#buckets[bucket]!;
    this.#buckets[bucket] = exchange;
  }

  /** True when it is time to look for exchanges that are over. */
  get isFull(): boolean {
    return this.all.length >= this.#sweepAt;
  }

  /**
   * Gives away the exchanges that are over: `retire` is asked about each that has been idle, and takes it or leaves it.
   * @param now time up to which packets were told
   */
  sweep(now: number, retire: (exchange: Exchange) => boolean): void {
    for (const [key, { lastTime }] of this.#aliases) if (lastTime + IDLE < now) this.#aliases.delete(key);
    const kept: Exchange[] = [];
    for (const exchange of this.all) {
      if (exchange.lastTime + IDLE < now && retire(exchange)) this.#unlink(exchange);
      else kept.push(exchange);
    }
    this.all = kept;
    this.#sweepAt = kept.length + SWEEP;
  }

  #unlink(exchange: Exchange): void {
    const bucket = bucketOf(exchange.client, exchange.server, exchange.clientPort, exchange.serverPort);
    let at = this.#buckets[bucket]!;
    if (at === exchange) {
      this.#buckets[bucket] = exchange.next;
      return;
    }
    while (at !== null && at.next !== exchange) at = at.next!;
    if (at !== null) at.next = exchange.next;
  }
}

function aliasOf(
  protocol: ExchangeProtocol,
  client: number,
  server: number,
  clientPort: number,
  serverPort: number,
  id: number,
): string {
  return `${protocol} ${client} ${server} ${clientPort} ${serverPort} ${id}`;
}

function reversed({ src, dst, sourcePort, destinationPort }: Form): Form {
  return { src: dst, dst: src, sourcePort: destinationPort, destinationPort: sourcePort, echoId: -1 };
}

function bucketOf(client: number, server: number, clientPort: number, serverPort: number): number {
  let h =
    Math.imul(client, 0x9e3779b1) ^
    Math.imul(server, 0x85ebca6b) ^
    Math.imul((clientPort << 16) ^ serverPort, 0xc2b2ae35);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 16;
}

function isBetween(
  exchange: Exchange,
  protocol: ExchangeProtocol,
  client: number,
  server: number,
  clientPort: number,
  serverPort: number,
): boolean {
  return (
    exchange.client === client &&
    exchange.server === server &&
    exchange.clientPort === clientPort &&
    exchange.serverPort === serverPort &&
    exchange.protocol === protocol
  );
}

function isServer(form: Form): boolean {
  if (form.sourcePort < 1024 !== form.destinationPort < 1024) return form.sourcePort < 1024;
  return form.sourcePort < form.destinationPort;
}

/** Adds a packet to its exchange. `trail`: null for packets that passed every point of their way. `open`: not known to have arrived. */
export function note(
  { exchange, direction }: Membership,
  facts: PacketFacts,
  reach: number,
  lastPoint: number,
  trail: Trail | null,
  open: boolean,
): void {
  exchange.firstTime = Math.min(exchange.firstTime, facts.firstTime);
  exchange.lastTime = Math.max(exchange.lastTime, facts.lastTime);
  if (facts.quote !== null) {
    noteError(exchange, direction, facts, trail);
    return;
  }
  if (trail !== null && open && decides(trail) && exchange.open.length < OPEN_LIMIT) exchange.open.push(trail);
  const request = direction === 'request';
  if (facts.kind < 0 && !request) exchange.cutReplySeen = true;
  let counts = true;
  if (exchange.protocol === 'tcp') {
    counts = noteTcp(exchange, request, facts, trail);
  }
  if (!counts) return;
  if (exchange.protocol === 'udp') {
    const times = request ? exchange.requestTimes : exchange.replyTimes;
    if (times.length < DATAGRAMS) times.push(facts.firstTime);
  }
  if (request) {
    exchange.requests++;
    exchange.lastRequestTime = Math.max(exchange.lastRequestTime, facts.lastTime);
    if (reach > exchange.requestReach || exchange.requestLast < 0) {
      exchange.requestReach = reach;
      exchange.requestLast = lastPoint;
    }
  } else {
    exchange.replies++;
    exchange.lastReplyTime = Math.max(exchange.lastReplyTime, facts.lastTime);
    if (reach > exchange.replyReach || exchange.replyLast < 0) {
      exchange.replyReach = reach;
      exchange.replyLast = lastPoint;
    }
    if (exchange.protocol === 'dns' && (facts.b & DNS_RCODE) === DNS_REFUSED) exchange.refused = true;
  }
}

/** An ICMP error that says that the request was not delivered or not wanted. */
function noteError(exchange: Exchange, direction: Direction, facts: PacketFacts, trail: Trail | null): void {
  const type = facts.a >> 8;
  const code = facts.a & 255;
  const refusal =
    facts.kind === Layer.ICMP
      ? (type === 3 && code !== 4) || type === 11 || type === 12
      : type === 1 || type === 3 || type === 4;
  if (refusal && direction === 'reply' && facts.quote?.tunnel !== true) {
    exchange.refused = true;
    exchange.refusedBy ??= trail;
  }
}

/** True when the packet is one of those that decide the exchange: SYN, SYN,ACK, or a RST to a SYN. */
function noteTcp(exchange: Exchange, request: boolean, facts: PacketFacts, trail: Trail | null): boolean {
  const flags = facts.c;
  const end = (facts.a + facts.payloadLength + ((flags & (SYN | FIN)) !== 0 ? 1 : 0)) | 0;
  if ((flags & FIN) !== 0) exchange.finSeen = true;
  if (request && (flags & (SYN | ACK)) === SYN) {
    exchange.synSeen = true;
    exchange.id = facts.a;
    return true;
  }
  if (!request && (flags & (SYN | ACK)) === (SYN | ACK)) {
    exchange.synAckSeen = true;
    exchange.sequence = end;
    return true;
  }
  if ((flags & RST) !== 0) {
    exchange.resetSeen = true;
    if (
      !request &&
      exchange.synSeen &&
      !exchange.synAckSeen &&
      (flags & ACK) !== 0 &&
      facts.b === ((exchange.id + 1) | 0)
    ) {
      exchange.refused = true;
      exchange.refusedBy ??= trail;
      return true;
    }
    return false;
  }
  if ((flags & ACK) !== 0) {
    if (request) {
      if (exchange.synAckSeen) exchange.synAckAcknowledged = true;
      if (exchange.serverData) exchange.serverAcked = true;
      if (!exchange.ackByClientSeen || ((facts.b - exchange.highestAckByClient) | 0) > 0)
        exchange.highestAckByClient = facts.b;
      exchange.ackByClientSeen = true;
    } else {
      if (exchange.clientData) exchange.clientAcked = true;
      if (!exchange.ackByServerSeen || ((facts.b - exchange.highestAckByServer) | 0) > 0)
        exchange.highestAckByServer = facts.b;
      exchange.ackByServerSeen = true;
    }
  }
  if (facts.payloadLength > 0) {
    const before = request ? exchange.clientData : exchange.serverData;
    const furthest = request ? exchange.sentByClient : exchange.sentByServer;
    if (before && ((end - furthest) | 0) <= 0) {
      if (exchange.repeats.length < REPEATS) {
        exchange.repeats.push({ request, sequence: facts.a, length: facts.payloadLength });
      }
    } else if (request) {
      exchange.sentByClient = end;
    } else {
      exchange.sentByServer = end;
    }
    if (request) exchange.clientData = true;
    else exchange.serverData = true;
  }
  return false;
}

/** The stream of one direction of a connection, begun with a segment when there is none. */
export function streamOf(exchange: Exchange, direction: Direction, sequence: number): Stream {
  if (direction === 'request') return (exchange.requestStream ??= new Stream(sequence));
  return (exchange.replyStream ??= new Stream(sequence));
}

/** What decides an exchange: of a connection the SYN and the SYN,ACK; of everything else each packet but ICMP errors. */
export function decides(trail: Trail): boolean {
  if (trail.quote !== null) return false;
  return trail.protocol !== TCP || (trail.c & SYN) !== 0;
}
