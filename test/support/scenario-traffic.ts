/**
 * Traffic over a generated network: workloads that ask, answer, retry and acknowledge as Linux ones do, and links that delay
 * and drop. What it records is the truth: every packet with its way, its times and where it ended.
 */
import {
  icmpEcho,
  icmpError,
  ipv4,
  join,
  octetsOf,
  synOptions,
  tcp,
  timestampOptions,
  udp,
  type Part,
} from './packets.js';
import type { Endpoint, Network, Step } from './scenario-network.js';
import { Random } from './scenario-random.js';

export type FlowKind = 'ping' | 'dns' | 'tcp' | 'udp';

export interface FlowOptions {
  readonly kind: FlowKind;
  readonly seed: number;
  /** Endpoints, counted over those that fit. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds after the beginning. */
  readonly start: number;
  /** Requests. */
  readonly count: number;
  /** Octets of payload a request. */
  readonly size: number;
  /**
   * `silent`: nobody answers; `refuse`: a closed port; `service`: by the service address where that fits;
   * `constant-id`: packets with IP ID 0 where Linux sends such (ping -M do, the last ACK of a connection)
   */
  readonly habit: 'plain' | 'silent' | 'refuse' | 'service' | 'constant-id';
}

/** A link on which packets are lost, from one point to the next, from a time on. */
export interface Outage {
  /** Counted over all links that the flows' ways have. */
  readonly link: number;
  /** Milliseconds after the beginning. */
  readonly from: number;
}

export interface LossOptions {
  /** Probability that a packet is lost somewhere on its way. */
  readonly loss: number;
  readonly outage: Outage | null;
  /** Segmentation offload: large segments up to the sender's underlay, small ones on the wire, merged again behind it. */
  readonly resegment: boolean;
}

export type Direction = 'request' | 'reply';

/** A packet and what became of it. Times are nanoseconds after the beginning. */
export interface TruthPacket {
  readonly number: number;
  readonly flow: number;
  readonly what: string;
  readonly protocol: 'icmp' | 'dns' | 'udp' | 'tcp';
  readonly direction: Direction;
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Its way, captured or not. */
  readonly way: readonly Step[];
  readonly times: readonly number[];
  /** Index of the last step that it passed; null when it arrived. */
  readonly droppedAfter: number | null;
  /** Other addresses at some steps than at others. */
  readonly translated: boolean;
  /** Frames at a step of the way: one, or the pieces it was cut into. */
  readonly frames: (step: number) => readonly Uint8Array[];
}

/** What belongs together: packets by number. */
export interface TruthExchange {
  readonly protocol: 'icmp-echo' | 'dns' | 'udp' | 'tcp';
  readonly client: string;
  readonly clientPort: number | null;
  readonly server: string;
  readonly serverPort: number | null;
  /** As in the exchange row; of a name and type only the id. */
  readonly id: string;
  readonly requests: number[];
  readonly replies: number[];
  readonly refusals: number[];
  readonly translated: boolean;
}

const MSS = 1398;
const MILLISECOND = 1e6;
const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;

interface Event {
  readonly time: number;
  readonly order: number;
  readonly action: (time: number) => void;
}

/** Octets of an L4 packet with the ports that a translation leaves; pieces of it where it can be cut. */
interface Message {
  readonly what: string;
  readonly protocol: TruthPacket['protocol'];
  readonly direction: Direction;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly id: number;
  readonly df: boolean;
  readonly tos?: number;
  readonly service: 'none' | 'request' | 'reply';
  readonly build: () => Part;
  /** The pieces of at most MSS octets of payload each; one for packets that are not cut. */
  readonly pieces?: readonly (() => Part)[];
  readonly arrive?: (time: number) => void;
}

export class Traffic {
  readonly packets: TruthPacket[] = [];
  readonly exchanges: TruthExchange[] = [];
  readonly #network: Network;
  readonly #options: LossOptions;
  readonly #events: Event[] = [];
  readonly #outage: string | null;
  #order = 0;

  constructor(network: Network, flows: readonly FlowOptions[], options: LossOptions) {
    this.#network = network;
    this.#options = options;
    const chosen = flows.map((flow) => this.#ends(flow));
    this.#outage = this.#linkOf(chosen);
    flows.forEach((options, number) => {
      const { from, to } = chosen[number]!;
      const flow = new Flow(this, options, number, from, to, options.habit === 'service' && isService(from, to));
      this.at(options.start * MILLISECOND, (time) => flow.start(time));
    });
    this.#run();
  }

  get network(): Network {
    return this.#network;
  }

  get resegment(): boolean {
    return this.#options.resegment;
  }

  at(time: number, action: (time: number) => void): void {
    this.#events.push({ time, order: this.#order++, action });
  }

  /** Puts a packet on its way. `random`: decides its delays and its fate. */
  send(message: Message, flow: number, time: number, random: Random): number {
    const way = this.#network.way(message.from, message.to, message.service);
    const times = timesOf(way, time, random);
    const droppedAfter = this.#dropOf(way, times, random);
    const number = this.packets.length;
    const srcOf = (step: Step): string => step.src ?? message.from.address;
    const dstOf = (step: Step): string => step.dst ?? message.to.address;
    const sourcePort = random.between(32768, 60999);
    const outerId = random.between(1, 65535);
    const frames = (index: number): Uint8Array[] => {
      const step = way[index]!;
      const cut = this.#options.resegment && step.wire && message.pieces !== undefined;
      return (cut ? message.pieces! : [message.build]).map((build, i) =>
        frameOf(
          step,
          ipv4(
            {
              src: srcOf(step),
              dst: dstOf(step),
              // Segmentation counts the identification on from piece to piece.
              id: message.id === 0 ? 0 : (message.id + i) & 0xffff,
              df: message.df,
              ttl: 64 - step.hops,
              tos: message.tos ?? 0,
            },
            build(),
          ),
          sourcePort,
          (outerId + i) & 0xffff || 1,
        ),
      );
    };
    this.packets.push({
      number,
      flow,
      what: message.what,
      protocol: message.protocol,
      direction: message.direction,
      from: message.from,
      to: message.to,
      way,
      times,
      droppedAfter,
      translated: new Set(way.map((step) => `${srcOf(step)} ${dstOf(step)}`)).size > 1,
      frames,
    });
    if (droppedAfter === null && message.arrive !== undefined) {
      this.at(times[times.length - 1]! + random.between(1, 5) * 1000, message.arrive);
    }
    return number;
  }

  #ends(flow: FlowOptions): { from: Endpoint; to: Endpoint } {
    const { endpoints } = this.#network;
    const able = endpoints.filter((from) => endpoints.some((to) => this.#network.talks(from, to)));
    // Pods talk most.
    const pods = able.filter((from) => from.kind === 'pod');
    const from = flow.from % 4 === 3 ? able[flow.from % able.length]! : pods[flow.from % pods.length]!;
    const peers = endpoints.filter((to) => this.#network.talks(from, to));
    const remote = peers.filter((to) => to.kind === 'pod' && to.node !== from.node);
    const list = flow.to % 3 === 0 || remote.length === 0 ? peers : remote;
    return { from, to: list[flow.to % list.length]! };
  }

  /** The chosen outage as "point point". */
  #linkOf(ends: readonly { from: Endpoint; to: Endpoint }[]): string | null {
    if (this.#options.outage === null) return null;
    const links = new Set<string>();
    for (const { from, to } of ends) {
      for (const way of [this.#network.way(from, to), this.#network.way(to, from)]) {
        for (let i = 1; i < way.length; i++) links.add(`${way[i - 1]!.point} ${way[i]!.point}`);
      }
    }
    return links.size === 0 ? null : [...links][this.#options.outage.link % links.size]!;
  }

  #dropOf(way: readonly Step[], times: readonly number[], random: Random): number | null {
    const lost = random.chance(this.#options.loss);
    const where = random.next();
    for (let i = 0; i + 1 < way.length; i++) {
      const link = `${way[i]!.point} ${way[i + 1]!.point}`;
      if (link === this.#outage && times[i]! >= this.#options.outage!.from * MILLISECOND) return i;
    }
    return lost && way.length > 1 ? Math.floor(where * (way.length - 1)) : null;
  }

  #run(): void {
    for (;;) {
      let first: Event | null = null;
      for (const event of this.#events) {
        if (first === null || event.time < first.time || (event.time === first.time && event.order < first.order)) {
          first = event;
        }
      }
      if (first === null) return;
      this.#events.splice(this.#events.indexOf(first), 1);
      first.action(first.time);
    }
  }
}

function isService(from: Endpoint, to: Endpoint): boolean {
  return from.kind === 'pod' && to.kind === 'pod' && from.node !== to.node;
}

/** Most hops take microseconds, some none at all, a few milliseconds; received octets are stamped once for underlay and tunnel. */
function timesOf(way: readonly Step[], start: number, random: Random): number[] {
  const times = [start];
  for (let i = 1; i < way.length; i++) {
    const [before, here] = [way[i - 1]!, way[i]!];
    const sameNode = before.point.split('/')[0] === here.point.split('/')[0];
    let delay = sameNode ? random.between(200, 8000) : random.between(20_000, 150_000);
    if (sameNode && random.chance(0.18)) delay = 0;
    if (before.outer !== null && here.outer === null) delay = 0;
    if (random.chance(0.02)) delay += random.between(500_000, 2_500_000);
    times.push(times[i - 1]! + delay);
  }
  // What two ports of a bridge say to each other the bridge's own tap sees last.
  if (way.length === 3 && way.every(({ hops }) => hops === 0)) times[1] = times[2]! + 2000;
  return times;
}

/** The frame that a point shows. */
export function frameOf(step: Step, packet: Part, sourcePort: number, outerId: number): Uint8Array {
  const inner = ethernetOf(step.srcMac, step.dstMac, packet);
  const { outer } = step;
  if (outer === null) return inner;
  const header = Uint8Array.of(8, 0, 0, 0, outer.vni >> 16, (outer.vni >> 8) & 255, outer.vni & 255, 0);
  const carried = udp({ srcPort: sourcePort, dstPort: outer.port, checksum: 'partial' }, join(header, inner));
  return ethernetOf(
    outer.srcMac,
    outer.dstMac,
    ipv4({ src: outer.src, dst: outer.dst, id: outerId, ttl: outer.ttl }, carried),
  );
}

export function ethernetOf(srcMac: string, dstMac: string, packet: Part): Uint8Array {
  const macs = [dstMac, srcMac].flatMap((mac) => mac.split(':').map((pair) => parseInt(pair, 16)));
  return join(Uint8Array.of(...macs, packet.number >> 8, packet.number & 255), packet);
}

/** One workload's conversation with another. */
class Flow {
  readonly #traffic: Traffic;
  readonly #options: FlowOptions;
  readonly #number: number;
  readonly #client: Endpoint;
  readonly #server: Endpoint;
  readonly #service: boolean;
  readonly #random: Random;
  #sent = 0;

  constructor(
    traffic: Traffic,
    options: FlowOptions,
    number: number,
    client: Endpoint,
    server: Endpoint,
    service: boolean,
  ) {
    this.#traffic = traffic;
    this.#options = options;
    this.#number = number;
    this.#client = client;
    this.#server = server;
    this.#service = service;
    this.#random = new Random(options.seed, number, 1);
  }

  start(time: number): void {
    switch (this.#options.kind) {
      case 'ping':
        return this.#ping(time);
      case 'dns':
        return this.#dns(time);
      case 'tcp':
        return this.#tcp(time);
      case 'udp':
        // What an ICMP error quotes is translated too, which these networks do not model.
        return this.#options.habit === 'refuse' && this.#isPlain() ? this.#closedPort(time) : this.#datagrams(time);
    }
  }

  #isPlain(): boolean {
    const way = this.#traffic.network.way(this.#client, this.#server, this.#service ? 'request' : 'none');
    return way.every(({ src = this.#client.address, dst = this.#server.address }) => {
      return src === this.#client.address && dst === this.#server.address;
    });
  }

  #message(direction: Direction): Pick<Message, 'direction' | 'from' | 'to' | 'service'> {
    const request = direction === 'request';
    return {
      direction,
      from: request ? this.#client : this.#server,
      to: request ? this.#server : this.#client,
      service: this.#service ? direction : 'none',
    };
  }

  #send(message: Message, time: number): number {
    return this.#traffic.send(
      message,
      this.#number,
      time,
      new Random(this.#options.seed, this.#number, 2, this.#sent++),
    );
  }

  #exchange(
    protocol: TruthExchange['protocol'],
    clientPort: number | null,
    serverPort: number | null,
    id: string,
  ): TruthExchange {
    const { network } = this.#traffic;
    const request = network.way(this.#client, this.#server, this.#service ? 'request' : 'none');
    const reply = network.way(this.#server, this.#client, this.#service ? 'reply' : 'none');
    const own = [this.#client.address, this.#server.address, undefined];
    const same = [...request, ...reply].every(({ src, dst }) => own.includes(src) && own.includes(dst));
    const exchange: TruthExchange = {
      protocol,
      client: request[0]!.src ?? this.#client.address,
      clientPort,
      server: request[0]!.dst ?? this.#server.address,
      serverPort,
      id,
      requests: [],
      replies: [],
      refusals: [],
      translated: !same,
    };
    this.#traffic.exchanges.push(exchange);
    return exchange;
  }

  /** What an application takes to answer. */
  #thinking(): number {
    return this.#random.chance(0.05)
      ? this.#random.between(1_000_000, 30_000_000)
      : this.#random.between(5_000, 400_000);
  }

  #ping(time: number): void {
    const { count, size, habit } = this.#options;
    const random = this.#random;
    const id = random.between(1, 65535);
    const interval = random.between(10, 700) * MILLISECOND;
    let requestId = random.below(65536);
    let replyId = random.below(65536);
    const data = random.octets(size);
    for (let seq = 1; seq <= count; seq++) {
      this.#traffic.at(time + (seq - 1) * interval, (now) => {
        const exchange = this.#exchange('icmp-echo', null, null, JSON.stringify({ icmpId: id, icmpSeq: seq }));
        const payload = join(timestamp(now), data);
        const arrive = (at: number): void => {
          if (habit === 'silent') return;
          replyId = (replyId + 1) & 0xffff;
          exchange.replies.push(
            this.#send(
              {
                ...this.#message('reply'),
                what: `echo reply id ${id} seq ${seq}`,
                protocol: 'icmp',
                id: replyId,
                df: false,
                build: () => icmpEcho({ reply: true, id, seq }, payload),
              },
              at,
            ),
          );
        };
        requestId = (requestId + 1) & 0xffff;
        exchange.requests.push(
          this.#send(
            {
              ...this.#message('request'),
              what: `echo request id ${id} seq ${seq}`,
              protocol: 'icmp',
              id: habit === 'constant-id' ? 0 : requestId,
              df: true,
              build: () => icmpEcho({ id, seq }, payload),
              arrive,
            },
            now,
          ),
        );
      });
    }
  }

  /** Questions with retries: the same identifier and port, another IP ID, and with two types from one socket. */
  #dns(time: number): void {
    const random = this.#random;
    for (let i = 0; i < this.#options.count; i++) {
      const clientPort = random.between(32768, 60999);
      const name = `s${random.below(1000)}.demo.svc.cluster.local`;
      const both = random.chance(0.4);
      const ids = [random.below(65536), random.below(65536)];
      const start = time + i * random.between(5, 300) * MILLISECOND;
      for (const [n, type] of (both ? [1, 28] : [1]).entries()) this.#ask(start, clientPort, ids[n]!, name, type);
    }
  }

  #ask(start: number, clientPort: number, id: number, name: string, type: number): void {
    const { habit } = this.#options;
    const random = this.#random;
    const exchange = this.#exchange('dns', clientPort, 53, String(id));
    let answered = false;
    let ipId = random.below(65536);
    let replyId = random.below(65536);
    const attempt = (now: number, left: number): void => {
      if (answered || left === 0) return;
      ipId = (ipId + random.between(1, 9)) & 0xffff;
      exchange.requests.push(
        this.#send(
          {
            ...this.#message('request'),
            what: `dns query id ${id} type ${type}`,
            protocol: 'dns',
            id: ipId,
            df: false,
            build: () =>
              udp({ srcPort: clientPort, dstPort: 53, checksum: 'partial' }, dnsMessage(id, 0x0100, name, type)),
            arrive: (at) => this.#traffic.at(at + this.#thinking(), answer),
          },
          now,
        ),
      );
      this.#traffic.at(now + 1000 * MILLISECOND, (at) => attempt(at, left - 1));
    };
    const answer = (now: number): void => {
      if (habit === 'silent') return;
      replyId = (replyId + random.between(1, 9)) & 0xffff;
      const flags = habit === 'refuse' ? 0x8185 : 0x8180;
      exchange[habit === 'refuse' ? 'refusals' : 'replies'].push(
        this.#send(
          {
            ...this.#message('reply'),
            what: `dns response id ${id} type ${type}`,
            protocol: 'dns',
            id: replyId,
            df: true,
            build: () =>
              udp({ srcPort: 53, dstPort: clientPort, checksum: 'partial' }, dnsMessage(id, flags, name, type)),
            arrive: () => {
              answered = true;
            },
          },
          now,
        ),
      );
    };
    this.#traffic.at(start, (now) => attempt(now, 3));
  }

  #datagrams(time: number): void {
    const { count, size, habit } = this.#options;
    const random = this.#random;
    const clientPort = random.between(32768, 60999);
    const serverPort = random.between(7000, 9999);
    const exchange = this.#exchange('udp', clientPort, serverPort, '{}');
    let requestId = random.below(65536);
    let replyId = random.below(65536);
    const interval = random.between(1, 400) * MILLISECOND;
    for (let i = 0; i < count; i++) {
      this.#traffic.at(time + i * interval, (now) => {
        requestId = (requestId + 1) & 0xffff;
        const payload = random.octets(size);
        exchange.requests.push(
          this.#send(
            {
              ...this.#message('request'),
              what: `datagram ${i} to server`,
              protocol: 'udp',
              id: requestId,
              df: true,
              build: () => udp({ srcPort: clientPort, dstPort: serverPort, checksum: 'partial' }, payload),
              arrive: (at) => {
                if (habit === 'silent') return;
                replyId = (replyId + 1) & 0xffff;
                const answer = random.octets(random.between(0, 200));
                exchange.replies.push(
                  this.#send(
                    {
                      ...this.#message('reply'),
                      what: `datagram ${i} to client`,
                      protocol: 'udp',
                      id: replyId,
                      df: true,
                      build: () => udp({ srcPort: serverPort, dstPort: clientPort, checksum: 'partial' }, answer),
                    },
                    at + 5_000,
                  ),
                );
              },
            },
            now,
          ),
        );
      });
    }
  }

  /** A datagram to a closed port: the destination itself answers with an ICMP error. */
  #closedPort(time: number): void {
    const random = this.#random;
    const clientPort = random.between(32768, 60999);
    const serverPort = random.between(7000, 9999);
    const exchange = this.#exchange('udp', clientPort, serverPort, '{}');
    const payload = random.octets(this.#options.size);
    const id = random.below(65536);
    const build = (): Part => udp({ srcPort: clientPort, dstPort: serverPort, checksum: 'partial' }, payload);
    const hops = this.#traffic.network.way(this.#client, this.#server).at(-1)!.hops;
    const { address: src } = this.#client;
    const { address: dst } = this.#server;
    exchange.requests.push(
      this.#send(
        {
          ...this.#message('request'),
          what: 'datagram to a closed port',
          protocol: 'udp',
          id,
          df: true,
          build,
          arrive: (at) => {
            if (this.#options.habit === 'silent') return;
            const quoted = octetsOf(ipv4({ src, dst, id, df: true, ttl: 64 - hops }, build()));
            exchange.refusals.push(
              this.#send(
                {
                  ...this.#message('reply'),
                  what: 'port unreachable',
                  protocol: 'icmp',
                  id: random.below(65536),
                  df: false,
                  tos: 0xc0,
                  build: () => icmpError({ type: 3, code: 3, quote: 548 }, quoted),
                },
                at,
              ),
            );
          },
        },
        time,
      ),
    );
  }

  #tcp(time: number): void {
    const { habit, size } = this.#options;
    const random = this.#random;
    const isn = random.below(0x1_0000_0000);
    const ports = { client: random.between(32768, 60999), server: random.between(7000, 9999) };
    const exchange = this.#exchange('tcp', ports.client, ports.server, JSON.stringify({ isn }));
    const octets = { client: size * this.#options.count, server: random.chance(0.2) ? 0 : random.below(6000) };
    const content = { client: random.octets(octets.client), server: random.octets(octets.server) };
    const segmentSize = this.#traffic.resegment ? 4 * MSS : MSS;
    const make = (side: 'client' | 'server', isn: number): Socket =>
      new Socket({
        traffic: this.#traffic,
        random: new Random(this.#options.seed, this.#number, 3, side === 'client' ? 0 : 1),
        start: time,
        isn,
        content: content[side],
        segmentSize,
        isClient: side === 'client',
        zeroIds: habit === 'constant-id',
        refuses: habit === 'refuse' && side === 'server',
        silent: habit === 'silent' && side === 'server',
        srcPort: side === 'client' ? ports.client : ports.server,
        dstPort: side === 'client' ? ports.server : ports.client,
        send: (message, now, kind) => {
          const number = this.#send({ ...this.#message(side === 'client' ? 'request' : 'reply'), ...message }, now);
          if (kind === 'open') exchange[side === 'client' ? 'requests' : 'replies'].push(number);
          if (kind === 'refuse') exchange.refusals.push(number);
        },
      });
    const client = make('client', isn);
    const server = make('server', random.below(0x1_0000_0000));
    client.peer = server;
    server.peer = client;
    client.open(time);
  }
}

interface Segment {
  /** Sequence numbers relative to the sender's initial one: 0 is the SYN, data from 1 on. */
  readonly from: number;
  readonly to: number;
  readonly flags: number;
  /** Relative to the receiver's initial one. */
  readonly ack: number;
}

/** A segment on the wire, with the timestamp of its sending. */
interface Stamped extends Segment {
  readonly stamp: number;
}

interface SocketOptions {
  readonly traffic: Traffic;
  readonly random: Random;
  readonly start: number;
  readonly isn: number;
  readonly content: Uint8Array;
  readonly segmentSize: number;
  readonly isClient: boolean;
  readonly zeroIds: boolean;
  readonly refuses: boolean;
  readonly silent: boolean;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly send: (
    message: Omit<Message, 'direction' | 'from' | 'to' | 'service'>,
    time: number,
    kind: 'open' | 'refuse' | 'other',
  ) => void;
}

/** One end of a TCP connection: sends, acknowledges, sends again; the client asks, the server answers, the client closes first. */
class Socket {
  peer!: Socket;
  readonly #options: SocketOptions;
  /** First octet not acknowledged, next to send, and how far the application lets it send. */
  #una = 0;
  #next = 0;
  #limit = 0;
  #received = 0;
  readonly #early: Segment[] = [];
  readonly #unacknowledged: Segment[] = [];
  #finSent = false;
  #finReceived = false;
  #retries = 0;
  #timer = 0;
  /** The peer's timestamp that is echoed. */
  #recent = 0;
  #ipId: number;
  readonly #clock: number;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#ipId = options.random.below(65536);
    this.#clock = options.random.below(0x8000_0000);
  }

  get isn(): number {
    return this.#options.isn;
  }

  get #end(): number {
    return 1 + this.#options.content.length;
  }

  open(time: number): void {
    this.#limit = 1;
    this.#pump(time);
  }

  #receive(segment: Stamped, time: number): void {
    const { flags } = segment;
    // As in Linux, where a SYN that comes again is answered with the timestamp of the first.
    if ((flags & SYN) !== 0 ? this.#received === 0 : segment.from <= this.#received) this.#recent = segment.stamp;
    if ((flags & RST) !== 0 || this.#options.silent) {
      this.#timer++;
      return;
    }
    if (this.#options.refuses) {
      this.#transmit({ from: 0, to: 0, flags: RST | ACK, ack: 1 }, time);
      return;
    }
    if ((flags & ACK) !== 0 && segment.ack > this.#una) {
      this.#una = segment.ack;
      this.#retries = 0;
      while (this.#unacknowledged.length > 0 && this.#unacknowledged[0]!.to <= this.#una) this.#unacknowledged.shift();
      this.#startTimer(time);
    }
    const opening = (flags & SYN) !== 0 && !this.#options.isClient;
    if (segment.to > segment.from) {
      this.#accept(segment);
      // The SYN,ACK acknowledges the SYN, again when the SYN comes again.
      if (opening && this.#next === 0) this.#limit = 1;
      else if (opening) this.#again(time);
      else this.#acknowledge(time);
    }
    this.#act();
    this.#pump(time);
  }

  #accept(segment: Segment): void {
    this.#early.push(segment);
    for (let grown = true; grown;) {
      grown = false;
      for (const { from, to, flags } of this.#early) {
        if (from > this.#received || to <= this.#received) continue;
        this.#received = to;
        if ((flags & FIN) !== 0) this.#finReceived = true;
        grown = true;
      }
    }
  }

  /** What the application does with what it has now. */
  #act(): void {
    const { isClient } = this.#options;
    const asked = this.#received >= this.peer.#end;
    if (this.#una < 1) return;
    if (isClient) {
      this.#limit = this.#end;
      if (this.#una >= this.#end && asked) this.#limit = this.#end + 1;
    } else {
      if (asked) this.#limit = this.#end;
      if (this.#finReceived) this.#limit = this.#end + 1;
    }
  }

  #pump(time: number): void {
    const window = 4 * this.#options.segmentSize;
    let at = time;
    while (this.#next < this.#limit && this.#next - this.#una < window) {
      const from = this.#next;
      const last = Math.min(this.#end, from === 0 ? 1 : from + this.#options.segmentSize);
      let to = Math.min(last, this.#limit);
      let flags = from === 0 ? SYN | (this.#options.isClient ? 0 : ACK) : ACK | PSH;
      if (from >= 1 && to === this.#end && this.#limit > this.#end) {
        to = this.#end + 1;
        flags = ACK | FIN | (to - from > 1 ? PSH : 0);
        this.#finSent = true;
      }
      const segment = { from, to, flags, ack: this.#received };
      this.#next = to;
      this.#unacknowledged.push(segment);
      this.#transmit(segment, at);
      at += 1_000;
      this.#startTimer(time);
    }
  }

  #acknowledge(time: number): void {
    this.#transmit({ from: this.#next, to: this.#next, flags: ACK, ack: this.#received }, time);
  }

  #again(time: number): void {
    const segment = this.#unacknowledged[0];
    if (segment !== undefined) this.#transmit({ ...segment, ack: this.#received }, time);
  }

  #startTimer(time: number): void {
    const timer = ++this.#timer;
    if (this.#unacknowledged.length === 0) return;
    const wait = (this.#unacknowledged[0]!.from === 0 ? 1000 : 200) * MILLISECOND * 2 ** this.#retries;
    this.#options.traffic.at(time + wait, (now) => {
      if (timer !== this.#timer || ++this.#retries > 3) return;
      this.#again(now);
      this.#startTimer(now);
    });
  }

  #transmit(segment: Segment, time: number): void {
    const { from, to, flags, ack } = segment;
    const { isn, content, srcPort, dstPort, zeroIds, isClient } = this.#options;
    const timeWait = zeroIds && isClient && this.#finSent && this.#finReceived && to === from;
    const noId = (flags & RST) !== 0 || (flags & (SYN | ACK)) === (SYN | ACK) || timeWait;
    const data = from === 0 ? new Uint8Array(0) : content.subarray(from - 1, Math.min(to, this.#end) - 1);
    const now = (this.#clock + Math.floor((time - this.#options.start) / MILLISECOND)) >>> 0;
    const echo = (flags & ACK) === 0 ? 0 : this.#recent;
    const opening = (flags & SYN) !== 0;
    const part = (at: number, end: number, last: boolean) => (): Part =>
      tcp(
        {
          srcPort,
          dstPort,
          // A RST to a SYN that nobody waits for has sequence number 0 (RFC 9293 section 3.10.7.1).
          seq: (flags & RST) !== 0 ? 0 : (isn + from + at) >>> 0,
          ack: (flags & ACK) === 0 ? 0 : (this.peer.isn + ack) >>> 0,
          flags: last ? flags : flags & ~(FIN | PSH),
          window: 501,
          checksum: (flags & RST) !== 0 ? 'good' : 'partial',
          ...((flags & RST) !== 0
            ? {}
            : { options: opening ? synOptions(now, 1460, echo) : timestampOptions(now, echo) }),
        },
        data.subarray(at, end),
      );
    const pieces: (() => Part)[] = [];
    for (let at = 0; at === 0 || at < data.length; at += MSS) {
      pieces.push(part(at, Math.min(at + MSS, data.length), at + MSS >= data.length));
    }
    const id = noId ? 0 : this.#ipId;
    if (!noId) this.#ipId = (this.#ipId + pieces.length) & 0xffff;
    this.#options.send(
      {
        what: `tcp ${isClient ? 'client' : 'server'} ${flagText(flags)} ${from}-${to} ack ${ack}`,
        protocol: 'tcp',
        id,
        df: true,
        build: part(0, data.length, true),
        ...(pieces.length > 1 ? { pieces } : {}),
        arrive: (at) => this.peer.#receive({ ...segment, stamp: now }, at),
      },
      time,
      opening ? 'open' : (flags & RST) !== 0 ? 'refuse' : 'other',
    );
  }
}

function flagText(flags: number): string {
  return ['FIN', 'SYN', 'RST', 'PSH', 'ACK'].filter((_, bit) => (flags & (1 << bit)) !== 0).join(',');
}

/** The time of sending that ping puts at the beginning of its data. */
function timestamp(time: number): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  view.setUint32(0, Math.floor(time / 1e9));
  view.setUint32(8, Math.floor(time / 1000) % 1e6);
  return octets;
}

/** A DNS message with one question and no records, which is all that its identity rests on (RFC 1035 section 4.1). */
export function dnsMessage(id: number, flags: number, name: string, type: number): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return Uint8Array.of(
    ...[id >> 8, id & 255, flags >> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, 0],
    ...labels,
    ...[0, type >> 8, type & 255, 0, 1],
  );
}
