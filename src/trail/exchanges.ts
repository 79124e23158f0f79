import { Layer } from '../wire/layers.js';
import type { ExchangeProtocol } from '../report/report.js';
import type { Direction, Form, Trail } from './trail.js';
import type { Quote } from './packet-group.js';

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
  /** Next sequence numbers that each side has acknowledged (of the other's), and time; for arrival by acknowledgement. */
  highestAckByClient = 0;
  highestAckByServer = 0;
  ackByClientSeen = false;
  ackByServerSeen = false;
  finished = false;
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
  readonly firstTime: number;
  readonly lastTime: number;
}

/** All exchanges of a run, found by what requests and replies have in common. */
export class ExchangeTable {
  readonly #exchanges = new Map<string, Exchange>();
  readonly #limit: number;
  /** In order of their making. */
  readonly all: Exchange[] = [];
  /** Exchanges not kept because the table was full. */
  evicted = 0;

  constructor(limit = 1 << 20) {
    this.#limit = limit;
  }

  /**
   * Finds or makes the exchange of a packet.
   * @param first its form where it was first seen, @param last where it was last seen
   */
  memberOf(facts: PacketFacts, first: Form, last: Form): Membership | null {
    if (facts.quote !== null) return this.#quoted(facts.quote);
    switch (facts.kind) {
      case Layer.ICMP:
      case Layer.ICMPV6: {
        const type = facts.a >> 8;
        const request = facts.kind === Layer.ICMP ? type === 8 : type === 128;
        const reply = facts.kind === Layer.ICMP ? type === 0 : type === 129;
        if (!request && !reply) return null;
        // The client's own view: a request's first form, a reply's last.
        const [client, server] = request ? [first.src, first.dst] : [last.dst, last.src];
        const exchange = this.#get(
          `i${client}>${server}:${facts.b}:${facts.c}`,
          'icmp-echo',
          facts,
          client,
          server,
          -1,
          -1,
        );
        exchange.id = facts.b;
        exchange.sequence = facts.c;
        return { exchange, direction: request ? 'request' : 'reply' };
      }
      case Layer.UDP: {
        if (!facts.isDns) return this.#conversation('udp', facts, first, last);
        const request = (facts.b & DNS_RESPONSE) === 0;
        const [client, server, clientPort, serverPort] = request
          ? [first.src, first.dst, first.sourcePort, first.destinationPort]
          : [last.dst, last.src, last.destinationPort, last.sourcePort];
        const key = `d${client}:${clientPort}>${server}:${serverPort}:${facts.a}:${facts.c}:${facts.nameId}`;
        const exchange = this.#get(key, 'dns', facts, client, server, clientPort, serverPort);
        exchange.id = facts.a;
        exchange.sequence = facts.c;
        exchange.nameId = facts.nameId;
        return { exchange, direction: request ? 'request' : 'reply' };
      }
      case Layer.TCP:
        return this.#conversation('tcp', facts, first, last);
      default:
        return null;
    }
  }

  #conversation(protocol: 'tcp' | 'udp', facts: PacketFacts, first: Form, last: Form): Membership {
    const forward = conversationKey(protocol, first.src, first.sourcePort, first.dst, first.destinationPort);
    const backward = conversationKey(protocol, last.dst, last.destinationPort, last.src, last.sourcePort);
    const flags = protocol === 'tcp' ? facts.c : 0;
    const opening = (flags & (SYN | ACK)) === SYN;
    let exchange = this.#exchanges.get(forward);
    if (exchange !== undefined) {
      // A SYN with another number opens a new connection on the same ports.
      if (!(opening && exchange.synSeen && exchange.id !== facts.a)) return { exchange, direction: 'request' };
      this.#exchanges.delete(forward);
    } else if ((exchange = this.#exchanges.get(backward)) !== undefined && !opening) {
      return { exchange, direction: 'reply' };
    }
    // A server is who answers a SYN; without one, who has the well-known or the lower port.
    const fromServer = protocol === 'tcp' && !opening && ((flags & (SYN | ACK)) === (SYN | ACK) || isServer(first));
    if (fromServer) {
      exchange = this.#get(backward, protocol, facts, last.dst, last.src, last.destinationPort, last.sourcePort);
      return { exchange, direction: 'reply' };
    }
    exchange = this.#get(forward, protocol, facts, first.src, first.dst, first.sourcePort, first.destinationPort);
    if (opening) exchange.id = facts.a;
    return { exchange, direction: 'request' };
  }

  /** The exchange that an ICMP error is about; the error travels back to who sent the quoted packet. */
  #quoted(quote: Quote): Membership | null {
    if (quote.tunnel) return null;
    const found = this.#findQuoted(quote);
    return found === null
      ? null
      : { exchange: found.exchange, direction: found.direction === 'request' ? 'reply' : 'request' };
  }

  #findQuoted(quote: Quote): Membership | null {
    const { src, dst, sourcePort, destinationPort } = quote;
    if (quote.protocol === 1 || quote.protocol === 58) {
      const request = this.#exchanges.get(`i${src}>${dst}:${quote.icmpId}:${quote.icmpSeq}`);
      if (request !== undefined) return { exchange: request, direction: 'request' };
      const reply = this.#exchanges.get(`i${dst}>${src}:${quote.icmpId}:${quote.icmpSeq}`);
      return reply === undefined ? null : { exchange: reply, direction: 'reply' };
    }
    if (sourcePort < 0) return null;
    const protocol = quote.protocol === 6 ? 'tcp' : 'udp';
    const forward = this.#exchanges.get(conversationKey(protocol, src, sourcePort, dst, destinationPort));
    if (forward !== undefined) return { exchange: forward, direction: 'request' };
    const backward = this.#exchanges.get(conversationKey(protocol, dst, destinationPort, src, sourcePort));
    if (backward !== undefined) return { exchange: backward, direction: 'reply' };
    // DNS exchanges are keyed by their id, which a quotation may not hold: the last one of that socket is meant.
    for (let i = this.all.length - 1; i >= 0 && i >= this.all.length - 64; i--) {
      const exchange = this.all[i]!;
      if (exchange.protocol !== 'dns') continue;
      if (exchange.client === src && exchange.clientPort === sourcePort && exchange.server === dst) {
        return { exchange, direction: 'request' };
      }
      if (exchange.client === dst && exchange.clientPort === destinationPort && exchange.server === src) {
        return { exchange, direction: 'reply' };
      }
    }
    return null;
  }

  #get(
    key: string,
    protocol: ExchangeProtocol,
    facts: PacketFacts,
    client: number,
    server: number,
    clientPort: number,
    serverPort: number,
  ): Exchange {
    let exchange = this.#exchanges.get(key);
    if (exchange === undefined) {
      exchange = new Exchange();
      exchange.protocol = protocol;
      exchange.client = client;
      exchange.server = server;
      exchange.clientPort = clientPort;
      exchange.serverPort = serverPort;
      exchange.ipVersion = facts.ipVersion;
      this.#exchanges.set(key, exchange);
      if (this.all.length < this.#limit) this.all.push(exchange);
      else this.evicted++;
    }
    return exchange;
  }
}

function conversationKey(
  protocol: string,
  client: number,
  clientPort: number,
  server: number,
  serverPort: number,
): string {
  return `${protocol}${client}:${clientPort}>${server}:${serverPort}`;
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
  if (trail !== null && open) exchange.open.push(trail);
  const request = direction === 'request';
  let counts = true;
  if (exchange.protocol === 'tcp') counts = noteTcp(exchange, request, facts, trail);
  if (!counts) return;
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
  if (refusal && direction === 'reply') {
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
    if (request) exchange.clientData = true;
    else exchange.serverData = true;
  }
  return false;
}
