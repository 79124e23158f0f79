import { Network, SERVICES, serviceAddress } from './network.js';
import { Random } from './random.js';

/**
 * What the pods say to each other, a packet a tick: TCP connections with handshake, requests, answers, acknowledgements and
 * FINs, DNS questions, datagrams and pings. A packet that the network loses is sent again as its sender would: SYN after a
 * second, data and FIN after 200 ms, a DNS question after five seconds, all with a new IP ID; datagrams and pings are not.
 */

const TCP = 0;
const DNS = 1;
const UDP = 2;
const ICMP = 3;
export const KINDS = ['tcp', 'dns', 'udp', 'icmp'];

// Phases of a TCP connection: what is sent next. Clients send the even ones.
const SYN = 0;
const SYN_ACK = 1;
const HANDSHAKE_ACK = 2;
const REQUEST = 4;
const REQUEST_ACK = 5;
const ANSWER_ACK = 6;
const ANSWER = 7;
const CLIENT_FIN = 8;
const SERVER_FIN = 9;
const LAST_ACK = 10;

const FLAG_FIN = 1;
const FLAG_SYN = 2;
const FLAG_PUSH = 8;
const FLAG_ACK = 16;

/** Ticks of the wheel; no timer is longer. */
const WHEEL = 1 << 20;
const SLOTS = 1 << 16;
/** Pauses get shorter when nothing is to be sent, longer when more packets than this wait, by this share a tick. */
const BACKLOG = 16;
const REGULATION = 1e-4;
const MSS = 1398;
const PAYLOAD = 1 << 16;
const FIRST_PORT = 32_768;
const PORTS = 28_232;
// Ports that no decoder takes for a protocol of its own
const TCP_PORTS = [8000, 9443, 30_443, 15_000];
const VIP_PORTS = [8001, 8444, 8444, 15_001];
const NAMES = 512;

/** Columns of the packets on their way, and the octets of each: an IP packet with TTL 64. */
export class Packets {
  stride;
  octets;
  view;
  /** Octets of the IP packet; 0: no packet was sent in this tick. */
  length;
  /** Octets of it that are written, enough for the snap length. */
  written;
  source;
  destination;
  /** Outer UDP source port and IP ID. */
  outerPort;
  outerId;
  /** Translated: 0 no, 1 a request (its destination), 2 a reply (its source); and to which service (-1 DNS) and port. */
  translated;
  service;
  servicePort;
  lost;

  /**
   * @param {number} count a power of two
   * @param {number} stride
   */
  constructor(count, stride) {
    this.stride = stride;
    this.octets = new Uint8Array(count * stride);
    this.view = new DataView(this.octets.buffer);
    this.length = new Int32Array(count);
    this.written = new Int32Array(count);
    this.source = new Int32Array(count);
    this.destination = new Int32Array(count);
    this.outerPort = new Int32Array(count);
    this.outerId = new Int32Array(count);
    this.translated = new Uint8Array(count);
    this.service = new Int32Array(count);
    this.servicePort = new Int32Array(count);
    this.lost = new Uint8Array(count);
  }
}

export class Traffic {
  /** Conversations begun, by kind. */
  begun = new Float64Array(KINDS.length);
  packets = 0;
  lost = 0;
  started = 0;
  #network;
  #random;
  #options;
  #out;
  #ticksPerMs;
  #onTheWay;
  #lossTotal;
  #lossFrom;
  #lossUntil;
  #eligible = 0;

  #wheel = new Int32Array(WHEEL).fill(-1);
  #nextInWheel = new Int32Array(SLOTS);
  #ready = new Int32Array(SLOTS);
  #readyFrom = 0;
  #readyCount = 0;
  #freeSlots = new Int32Array(SLOTS);
  #freeCount = SLOTS;
  #committed = 0;
  #active;
  /** Ticks that a conversation pauses for each packet it sends. */
  #gap;

  // Conversations
  #kind = new Uint8Array(SLOTS);
  #phase = new Uint8Array(SLOTS);
  #client = new Int32Array(SLOTS);
  #server = new Int32Array(SLOTS);
  #clientPort = new Int32Array(SLOTS);
  #serverPort = new Int32Array(SLOTS);
  #translated = new Uint8Array(SLOTS);
  #service = new Int32Array(SLOTS);
  #servicePort = new Int32Array(SLOTS);
  /** Next octet to send, by side. */
  #clientNext = new Int32Array(SLOTS);
  #serverNext = new Int32Array(SLOTS);
  /** Timestamp last received, by side. */
  #clientSaw = new Int32Array(SLOTS);
  #serverSaw = new Int32Array(SLOTS);
  #clientId = new Uint16Array(SLOTS);
  #serverId = new Uint16Array(SLOTS);
  /** Segments still to send in this burst, and sent since the last acknowledgement. */
  #left = new Int32Array(SLOTS);
  #unacknowledged = new Int32Array(SLOTS);
  #target = new Int32Array(SLOTS);
  #sent = new Int32Array(SLOTS);
  /** DNS: id, question; ICMP: identifier, sequence; UDP: 1 when each datagram is answered. */
  #a = new Int32Array(SLOTS);
  #b = new Int32Array(SLOTS);

  // Pods
  #ipId;
  #port;
  #clock;
  #outerId;

  #payload = new Uint8Array(PAYLOAD + 2048);
  /** @type {Uint8Array[]} */
  #names = [];

  /**
   * @param {import('../generate.js').TraceOptions} options
   * @param {Network} network
   * @param {Packets} out
   * @param {number} onTheWay ticks from sender to receiver
   */
  constructor(options, network, out, onTheWay) {
    const random = new Random(options.seed);
    this.#options = options;
    this.#network = network;
    this.#random = random;
    this.#out = out;
    this.#onTheWay = onTheWay;
    this.#ticksPerMs = options.rate / 1000;
    this.#lossTotal = Math.round(options.packets * options.loss);
    // Near the ends of a capture nothing can be shown to be lost
    const margin = Math.min(options.packets / 10, this.#ticksPerMs * 50);
    this.#lossFrom = margin;
    this.#lossUntil = options.packets - margin;
    this.#active = Math.min(Math.max(options.flows * 0.6, 50), 4000);
    this.#gap = this.#active;
    for (let i = 0; i < SLOTS; i++) this.#freeSlots[i] = SLOTS - 1 - i;
    const pods = network.node.length;
    this.#ipId = new Uint16Array(pods);
    this.#port = new Int32Array(pods);
    this.#clock = new Int32Array(pods);
    this.#outerId = new Uint16Array(network.nodes);
    for (let pod = 0; pod < pods; pod++) {
      this.#ipId[pod] = random.next();
      this.#port[pod] = random.below(PORTS);
      this.#clock[pod] = random.next();
    }
    for (let node = 0; node < network.nodes; node++) this.#outerId[node] = random.next();
    for (let i = 0; i < this.#payload.length; i++) this.#payload[i] = random.next() >>> 24;
    this.#payload.copyWithin(PAYLOAD, 0, 2048);
    for (let i = 0; i < NAMES; i++) this.#names.push(dnsName(`app-${i}.team-${i % 7}.svc.cluster.local`));
  }

  /**
   * Writes the packet that is sent in a tick to a place of `out`, of length 0 when none is.
   * @param {number} tick
   * @param {number} at
   */
  step(tick, at) {
    const bucket = tick & (WHEEL - 1);
    for (let slot = this.#wheel[bucket]; slot >= 0; slot = this.#nextInWheel[slot]) {
      this.#ready[(this.#readyFrom + this.#readyCount++) & (SLOTS - 1)] = slot;
    }
    this.#wheel[bucket] = -1;
    this.#out.length[at] = 0;
    if (this.packets >= this.#options.packets) return;
    let slot = -1;
    if (this.#readyCount > 0) {
      if (this.#readyCount > BACKLOG) this.#gap *= 1 + REGULATION;
      slot = this.#ready[this.#readyFrom];
      this.#readyFrom = (this.#readyFrom + 1) & (SLOTS - 1);
      this.#readyCount--;
    } else {
      slot = this.#begin();
      if (slot < 0) {
        this.#gap *= 1 - REGULATION;
        return;
      }
    }
    this.packets++;
    this.#sent[slot]++;
    const kind = this.#kind[slot];
    const delay =
      kind === TCP
        ? this.#stepTcp(slot, tick, at)
        : kind === DNS
          ? this.#stepDns(slot, at)
          : kind === UDP
            ? this.#stepUdp(slot, at)
            : this.#stepPing(slot, tick, at);
    if (delay < 0) this.#end(slot);
    else this.#wait(slot, tick, delay);
  }

  /**
   * @param {number} slot
   * @param {number} tick
   * @param {number} ticks
   */
  #wait(slot, tick, ticks) {
    const due = (tick + Math.min(Math.max(ticks | 0, 1), WHEEL - 1)) & (WHEEL - 1);
    this.#nextInWheel[slot] = this.#wheel[due];
    this.#wheel[due] = slot;
  }

  /** Ticks from a packet's sending to what its receiver sends in answer. */
  #answerDelay() {
    return this.#onTheWay + 1 + this.#random.exponential(this.#ticksPerMs * 0.05);
  }

  /** Ticks to the next segment of a burst. */
  #burstDelay() {
    return this.#ticksPerMs * (0.004 + this.#random.exponential(0.006));
  }

  #thinkDelay() {
    return this.#onTheWay + 1 + this.#random.exponential(this.#gap * 6);
  }

  /** A new conversation's slot; -1 when it is too early for one, or there is no room. */
  #begin() {
    const { packets, flows, nat } = this.#options;
    if (this.#freeCount === 0) return -1;
    const due = (flows * this.packets) / packets + this.#active;
    if (this.started >= due || (this.started >= flows && this.#freeCount < SLOTS)) return -1;
    const random = this.#random;
    const slot = this.#freeSlots[--this.#freeCount];
    // What is left to send, divided by the conversations left
    const mean = Math.max(packets - this.#committed, 1) / Math.max(flows - this.started, 1);
    this.started++;
    const share = Math.min(Math.max((mean - 2.6) / 9.4, 0.02), 0.4);
    const draw = random.fraction();
    const kind =
      draw < share ? TCP : draw < share + (1 - share) * 0.65 ? DNS : draw < share + (1 - share) * 0.85 ? UDP : ICMP;
    this.#kind[slot] = kind;
    this.begun[kind]++;
    this.#phase[slot] = 0;
    this.#sent[slot] = 0;
    this.#left[slot] = 0;
    this.#unacknowledged[slot] = 0;
    this.#chooseEnds(slot, kind);
    const client = this.#client[slot];
    this.#clientPort[slot] = FIRST_PORT + ((Math.imul(this.#port[client]++, 7919) >>> 0) % PORTS);
    this.#translated[slot] = kind !== ICMP && random.fraction() < nat ? 1 : 0;
    this.#service[slot] = kind === DNS ? -1 : (this.#server[slot] % this.#network.podsPerNode) % SERVICES;
    switch (kind) {
      case TCP: {
        const which = this.#server[slot] & 3;
        this.#serverPort[slot] = TCP_PORTS[which];
        this.#servicePort[slot] = VIP_PORTS[which];
        this.#clientNext[slot] = random.next();
        this.#serverNext[slot] = random.next();
        this.#clientSaw[slot] = 0;
        this.#serverSaw[slot] = 0;
        this.#clientId[slot] = random.next();
        this.#serverId[slot] = random.next();
        this.#target[slot] = 10 + random.exponential(Math.max((mean - (1 - share) * 2.6) / share - 10, 1));
        break;
      }
      case DNS:
        this.#serverPort[slot] = 53;
        this.#servicePort[slot] = 53;
        this.#a[slot] = random.next() & 0xffff;
        this.#b[slot] = random.below(NAMES * 2);
        this.#target[slot] = 2;
        break;
      case UDP:
        this.#a[slot] = random.next() & 1;
        this.#serverPort[slot] = this.#a[slot] === 1 ? 14_000 : 8125;
        this.#servicePort[slot] = this.#serverPort[slot];
        this.#target[slot] = (1 + random.below(3)) * 2;
        break;
      default:
        this.#a[slot] = random.next() & 0xffff;
        this.#b[slot] = 1;
        this.#target[slot] = (1 + random.below(3)) * 2;
    }
    this.#committed += this.#target[slot];
    return slot;
  }

  /** @param {number} slot */
  #end(slot) {
    this.#committed += this.#sent[slot] - this.#target[slot];
    this.#freeSlots[this.#freeCount++] = slot;
  }

  /**
   * @param {number} slot
   * @param {number} kind
   */
  #chooseEnds(slot, kind) {
    const random = this.#random;
    const { nodes, podsPerNode } = this.#network;
    let from = 0;
    let to = 1;
    if (nodes > 2) {
      const draw = random.below(10);
      from = draw < 8 ? 0 : 1;
      to = draw < 6 ? 1 : 2;
    }
    if (random.below(10) < 3) [from, to] = [to, from];
    this.#client[slot] = from * podsPerNode + this.#choosePod(from, podsPerNode);
    // Each node has one pod of CoreDNS, the second
    this.#server[slot] = to * podsPerNode + (kind === DNS ? 1 % podsPerNode : this.#choosePod(to, podsPerNode));
  }

  /**
   * @param {number} node
   * @param {number} podsPerNode
   */
  #choosePod(node, podsPerNode) {
    const random = this.#random;
    // With a capture at every pod most traffic is between captured pods
    const busy = this.#network.nodes > 2 ? (node < 2 ? 3 : 1) : 0;
    return busy > 0 && random.below(10) < 8 ? random.below(busy) : random.below(podsPerNode);
  }

  /** Whether the network loses the packet now sent. The packets lost are spread evenly, and exactly as many as asked for. */
  #loses(/** @type {number} */ source) {
    // Between two points only what leaves the first can be missing at the second
    if (this.#network.nodes === 2 && this.#network.node[source] !== 0) return 0;
    this.#eligible++;
    const wanted = this.#lossTotal - this.lost;
    if (wanted <= 0 || this.packets < this.#lossFrom) return 0;
    const left = Math.max(((this.#lossUntil - this.packets) * this.#eligible) / this.packets, 1);
    if (this.#random.fraction() * left >= wanted) return 0;
    this.lost++;
    return 1;
  }

  /**
   * Writes the IP header and the columns of the packet; returns whether it will be lost.
   * @param {number} at
   * @param {number} slot
   * @param {number} protocol
   * @param {number} fromServer 1 or 0
   * @param {number} length octets after the IP header
   * @param {number} id
   * @param {number} fragment flags and fragment offset
   */
  #send(at, slot, protocol, fromServer, length, id, fragment) {
    const out = this.#out;
    const network = this.#network;
    const source = fromServer === 1 ? this.#server[slot] : this.#client[slot];
    const destination = fromServer === 1 ? this.#client[slot] : this.#server[slot];
    const total = length + 20;
    out.length[at] = total;
    out.written[at] = Math.min(total, out.stride);
    out.source[at] = source;
    out.destination[at] = destination;
    const mixed = Math.imul(this.#clientPort[slot] + fromServer * 77 + destination * 131, 0x85ebca6b);
    out.outerPort[at] = FIRST_PORT + ((mixed >>> 8) % PORTS);
    out.outerId[at] = ++this.#outerId[network.node[source]];
    out.translated[at] = this.#translated[slot] === 0 ? 0 : 1 + fromServer;
    out.service[at] = this.#service[slot];
    out.servicePort[at] = this.#servicePort[slot];
    const view = out.view;
    const to = at * out.stride;
    view.setInt32(to, 0x45000000 | total);
    view.setInt32(to + 4, (id << 16) | fragment);
    view.setInt32(to + 8, 0x40000000 | (protocol << 16));
    view.setInt32(to + 12, network.podAddress[source]);
    view.setInt32(to + 16, network.podAddress[destination]);
    const lost = this.#loses(source);
    out.lost[at] = lost;
    return lost;
  }

  /** @param {number} pod */
  #nextId(pod) {
    const id = ++this.#ipId[pod];
    return id === 0 ? (this.#ipId[pod] = 1) : id;
  }

  /**
   * @param {number} to
   * @param {number} length octets
   * @param {number} from place in the pool; equal places give equal octets
   * @param {number} end of what is written of this packet
   */
  #fill(to, length, from, end) {
    const octets = this.#out.octets;
    const payload = this.#payload;
    const last = Math.min(to + length, end);
    let source = from & (PAYLOAD - 1);
    for (let i = to; i < last; i++) octets[i] = payload[source++];
  }

  /**
   * @param {number} slot
   * @param {number} tick
   * @param {number} at
   * @param {number} fromServer
   * @param {number} flags
   * @param {number} length octets of payload
   */
  #segment(slot, tick, at, fromServer, flags, length) {
    const opening = (flags & FLAG_SYN) !== 0;
    const header = opening ? 40 : 32;
    const id = opening && fromServer === 1 ? 0 : fromServer === 1 ? ++this.#serverId[slot] : ++this.#clientId[slot];
    const lost = this.#send(at, slot, 6, fromServer, header + length, id & 0xffff, 0x4000);
    const out = this.#out;
    const view = out.view;
    const to = at * out.stride + 20;
    const ports =
      fromServer === 1
        ? (this.#serverPort[slot] << 16) | this.#clientPort[slot]
        : (this.#clientPort[slot] << 16) | this.#serverPort[slot];
    const seq = fromServer === 1 ? this.#serverNext[slot] : this.#clientNext[slot];
    const acknowledged = fromServer === 1 ? this.#clientNext[slot] : this.#serverNext[slot];
    const pod = fromServer === 1 ? this.#server[slot] : this.#client[slot];
    const clock = (this.#clock[pod] + Math.floor(tick / this.#ticksPerMs)) | 0;
    const saw = fromServer === 1 ? this.#serverSaw[slot] : this.#clientSaw[slot];
    const window = opening ? (fromServer === 1 ? 64_308 : 64_860) : fromServer === 1 ? 503 : 507;
    view.setInt32(to, ports);
    view.setInt32(to + 4, seq);
    view.setInt32(to + 8, (flags & FLAG_ACK) !== 0 ? acknowledged : 0);
    view.setInt32(to + 12, (header << 26) | (flags << 16) | window);
    view.setInt32(to + 16, 0);
    if (opening) {
      // MSS 1410, SACK permitted, timestamps, NOP, window scale 7
      view.setInt32(to + 20, 0x02040582);
      view.setInt32(to + 24, 0x0402080a);
      view.setInt32(to + 28, clock);
      view.setInt32(to + 32, saw);
      view.setInt32(to + 36, 0x01030307);
    } else {
      view.setInt32(to + 20, 0x0101080a);
      view.setInt32(to + 24, clock);
      view.setInt32(to + 28, saw);
      if (length > 0) this.#fill(to + header, length, seq, at * out.stride + out.written[at]);
    }
    if (lost === 0) {
      if (fromServer === 1) this.#clientSaw[slot] = clock;
      else this.#serverSaw[slot] = clock;
    }
    return lost;
  }

  /**
   * @param {number} slot
   * @param {number} tick
   * @param {number} at
   * @returns ticks to the next packet, negative at the end
   */
  #stepTcp(slot, tick, at) {
    const random = this.#random;
    const retransmit = this.#ticksPerMs * (200 + random.exponential(4));
    switch (this.#phase[slot]) {
      case SYN:
        if (this.#segment(slot, tick, at, 0, FLAG_SYN, 0)) return this.#ticksPerMs * 1000;
        this.#clientNext[slot]++;
        this.#phase[slot] = SYN_ACK;
        return this.#answerDelay();

      case SYN_ACK:
        if (this.#segment(slot, tick, at, 1, FLAG_SYN | FLAG_ACK, 0)) return this.#ticksPerMs * 1000;
        this.#serverNext[slot]++;
        this.#phase[slot] = HANDSHAKE_ACK;
        return this.#answerDelay();

      case HANDSHAKE_ACK:
        this.#segment(slot, tick, at, 0, FLAG_ACK, 0);
        this.#phase[slot] = REQUEST;
        this.#left[slot] = random.below(10) === 0 ? 2 + random.below(7) : 1;
        return this.#burstDelay() * 3;

      case REQUEST: {
        const last = this.#left[slot] === 1;
        const length = last ? 60 + spread(this.#clientNext[slot], 600) : MSS;
        if (this.#segment(slot, tick, at, 0, last ? FLAG_PUSH | FLAG_ACK : FLAG_ACK, length)) return retransmit;
        this.#clientNext[slot] += length;
        this.#left[slot]--;
        if (!last && ++this.#unacknowledged[slot] < 2) return this.#burstDelay();
        this.#unacknowledged[slot] = 0;
        this.#phase[slot] = last && random.below(2) === 0 ? this.#answer(slot) : REQUEST_ACK;
        return this.#answerDelay();
      }

      case REQUEST_ACK: {
        this.#segment(slot, tick, at, 1, FLAG_ACK, 0);
        const more = this.#left[slot] > 0;
        this.#phase[slot] = more ? REQUEST : this.#answer(slot);
        return more ? this.#answerDelay() : this.#burstDelay() * 10;
      }

      case ANSWER: {
        const last = this.#left[slot] === 1;
        const length = last ? 80 + spread(this.#serverNext[slot], MSS - 80) : MSS;
        if (this.#segment(slot, tick, at, 1, last ? FLAG_PUSH | FLAG_ACK : FLAG_ACK, length)) return retransmit;
        this.#serverNext[slot] += length;
        this.#left[slot]--;
        if (!last && ++this.#unacknowledged[slot] < 2) return this.#burstDelay();
        this.#unacknowledged[slot] = 0;
        this.#phase[slot] = ANSWER_ACK;
        return this.#answerDelay();
      }

      case ANSWER_ACK:
        this.#segment(slot, tick, at, 0, FLAG_ACK, 0);
        if (this.#left[slot] > 0) {
          this.#phase[slot] = ANSWER;
          return this.#answerDelay();
        }
        if (this.#sent[slot] >= this.#target[slot] - 3) {
          this.#phase[slot] = CLIENT_FIN;
          return this.#burstDelay() * 10;
        }
        this.#phase[slot] = REQUEST;
        this.#left[slot] = random.below(10) === 0 ? 2 + random.below(7) : 1;
        return this.#thinkDelay();

      case CLIENT_FIN:
        if (this.#segment(slot, tick, at, 0, FLAG_FIN | FLAG_ACK, 0)) return retransmit;
        this.#clientNext[slot]++;
        this.#phase[slot] = SERVER_FIN;
        return this.#answerDelay();

      case SERVER_FIN:
        if (this.#segment(slot, tick, at, 1, FLAG_FIN | FLAG_ACK, 0)) return retransmit;
        this.#serverNext[slot]++;
        this.#phase[slot] = LAST_ACK;
        return this.#answerDelay();

      default:
        if (!this.#segment(slot, tick, at, 0, FLAG_ACK, 0)) return -1;
        this.#serverNext[slot]--;
        this.#phase[slot] = SERVER_FIN;
        return retransmit;
    }
  }

  /** The phase after a request: how long the answer is. @param {number} slot */
  #answer(slot) {
    this.#left[slot] = 1 + Math.floor(this.#random.exponential(2));
    return ANSWER;
  }

  /**
   * @param {number} slot
   * @param {number} at
   * @param {number} fromServer
   * @param {number} length octets of payload
   * @param {number} id
   * @param {number} fragment
   */
  #datagram(slot, at, fromServer, length, id, fragment) {
    const lost = this.#send(at, slot, 17, fromServer, 8 + length, id, fragment);
    const view = this.#out.view;
    const to = at * this.#out.stride + 20;
    view.setUint16(to, fromServer === 1 ? this.#serverPort[slot] : this.#clientPort[slot]);
    view.setUint16(to + 2, fromServer === 1 ? this.#clientPort[slot] : this.#serverPort[slot]);
    view.setInt32(to + 4, (8 + length) << 16);
    return lost;
  }

  /**
   * @param {number} slot
   * @param {number} at
   */
  #stepDns(slot, at) {
    const { octets, view, stride, written } = this.#out;
    const fromServer = this.#phase[slot];
    const question = this.#b[slot];
    const name = this.#names[question >> 1];
    const ipv6 = question & 1;
    // A service has no IPv6 address here: its AAAA answer is empty
    const answers = fromServer === 1 && ipv6 === 0 ? 1 : 0;
    const length = 12 + name.length + 4 + answers * 16;
    const pod = fromServer === 1 ? this.#server[slot] : this.#client[slot];
    const lost = this.#datagram(slot, at, fromServer, length, this.#nextId(pod), 0x4000);
    const to = at * stride + 28;
    const end = at * stride + written[at];
    view.setInt32(to, (this.#a[slot] << 16) | (fromServer === 1 ? 0x8580 : 0x0100));
    view.setInt32(to + 4, 0x00010000 | answers);
    view.setInt32(to + 8, 0);
    for (let i = 0; i < name.length && to + 12 + i < end; i++) octets[to + 12 + i] = name[i];
    this.#tail(to + 12 + name.length, end, ((ipv6 === 1 ? 28 : 1) << 16) | 1);
    if (answers === 1) {
      const from = to + 16 + name.length;
      this.#tail(from, end, 0xc00c0001);
      this.#tail(from + 4, end, 0x00010000);
      this.#tail(from + 8, end, 0x001e0004);
      this.#tail(from + 12, end, serviceAddress((question >> 1) % SERVICES));
    }
    if (fromServer === 1) return lost === 0 ? -1 : this.#questionAgain(slot);
    if (lost === 1) return this.#questionAgain(slot);
    this.#phase[slot] = 1;
    return this.#answerDelay() * 2;
  }

  /** The resolver asks again with the same id from the same port. @param {number} slot */
  #questionAgain(slot) {
    this.#phase[slot] = 0;
    return this.#ticksPerMs * 5000;
  }

  /**
   * Writes a word of which the snap length may cut off some octets.
   * @param {number} to
   * @param {number} end
   * @param {number} word
   */
  #tail(to, end, word) {
    const octets = this.#out.octets;
    for (let i = 0; i < 4 && to + i < end; i++) octets[to + i] = word >>> (24 - 8 * i);
  }

  /**
   * @param {number} slot
   * @param {number} at
   */
  #stepUdp(slot, at) {
    const answered = this.#a[slot] === 1;
    const fromServer = answered ? this.#phase[slot] : 0;
    const length = 24 + this.#random.below(answered ? 700 : 200);
    const pod = fromServer === 1 ? this.#server[slot] : this.#client[slot];
    const lost = this.#datagram(slot, at, fromServer, length, this.#nextId(pod), 0x4000);
    const { stride, written } = this.#out;
    this.#fill(at * stride + 28, length, this.#random.next(), at * stride + written[at]);
    if (answered && fromServer === 0 && lost === 0) {
      this.#phase[slot] = 1;
      return this.#answerDelay();
    }
    this.#phase[slot] = 0;
    return this.#sent[slot] >= this.#target[slot] ? -1 : this.#thinkDelay();
  }

  /**
   * @param {number} slot
   * @param {number} tick
   * @param {number} at
   */
  #stepPing(slot, tick, at) {
    const { view, stride, written } = this.#out;
    const fromServer = this.#phase[slot];
    const pod = fromServer === 1 ? this.#server[slot] : this.#client[slot];
    // ping sets DF on requests; replies go without
    const lost = this.#send(at, slot, 1, fromServer, 64, this.#nextId(pod), fromServer === 1 ? 0 : 0x4000);
    const to = at * stride + 20;
    const end = at * stride + written[at];
    view.setInt32(to, fromServer === 1 ? 0 : 0x08000000);
    view.setInt32(to + 4, (this.#a[slot] << 16) | this.#b[slot]);
    // The reply returns the octets of the request, its time among them
    if (fromServer === 0) this.#clientNext[slot] = tick;
    const sent = this.#clientNext[slot];
    const ms = Math.floor(sent / this.#ticksPerMs);
    const words = [littleEndian(this.#options.start + Math.floor(ms / 1000)), 0, littleEndian(sent), 0];
    for (let i = 0x10; i < 0x38; i += 4) words.push((i << 24) | ((i + 1) << 16) | ((i + 2) << 8) | (i + 3));
    let sum = view.getUint16(to) + this.#a[slot] + this.#b[slot];
    for (let i = 0; i < words.length; i++) {
      sum += (words[i] >>> 16) + (words[i] & 0xffff);
      this.#tail(to + 8 + 4 * i, end, words[i]);
    }
    view.setUint16(to + 2, ~fold(sum));
    if (fromServer === 0 && lost === 0) {
      this.#phase[slot] = 1;
      return this.#answerDelay();
    }
    this.#phase[slot] = 0;
    this.#b[slot]++;
    return this.#b[slot] > this.#target[slot] / 2 ? -1 : this.#ticksPerMs * 200;
  }
}

/** @param {number} sum of 16-bit words */
export function fold(sum) {
  sum = (sum & 0xffff) + (sum >>> 16);
  return ((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}

/**
 * An integer of [0, n) that is the same whenever a segment is sent.
 * @param {number} seq
 * @param {number} n
 */
function spread(seq, n) {
  return Math.floor(((Math.imul(seq, 0x9e3779b1) >>> 0) * n) / 4294967296);
}

/** @param {number} word */
function littleEndian(word) {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** @param {string} name */
function dnsName(name) {
  const octets = [];
  for (const label of name.split('.')) octets.push(label.length, ...Buffer.from(label, 'latin1'));
  return Uint8Array.from([...octets, 0]);
}
