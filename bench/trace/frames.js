import { STAGE_DELAY, STAGES, serviceAddress } from './network.js';
import { fold } from './traffic.js';

const ETHERNET = 14;
const OUTER = 50;
/** First two octets of the MAC addresses of pods, bridges and tunnel devices, and of nodes; the rest is their IPv4 address. */
const VIRTUAL = 0x0a58;
const PHYSICAL = 0x5254;
const TCP = 6;
const UDP = 17;
/** Part of a tick by which packets come later than its beginning. */
const JITTER = 0.55;

/** Shows the packets of a network at its capture points: headers, times and order as a capture there would have them. */
export class Frames {
  /** Frames of lost packets where they were seen last, as [point, frame]. @type {[number, number][]} */
  lostFrames = [];
  #options;
  #network;
  #packets;
  #writers;
  #tick;
  #mask;
  #ticks = new Int32Array(STAGES);
  #rest = new Float64Array(STAGES);
  #lastBeforeLoss;

  /**
   * @param {import('../generate.js').TraceOptions} options
   * @param {import('./network.js').Network} network
   * @param {import('./traffic.js').Packets} packets
   * @param {import('./pcap-writer.js').PcapWriter[]} writers one for each point of the network
   */
  constructor(options, network, packets, writers) {
    this.#options = options;
    this.#network = network;
    this.#packets = packets;
    this.#writers = writers;
    this.#tick = 1e9 / options.rate;
    this.#mask = packets.length.length - 1;
    this.#lastBeforeLoss = options.points === 2 ? 1 : 3;
    for (const [stage, delay] of STAGE_DELAY.entries()) {
      this.#ticks[stage] = ticksOf(delay, this.#tick);
      // Within a tick what leaves and what comes in must not be far apart, or frames would not be in order of time
      this.#rest[stage] = Math.max(delay - this.#ticks[stage] * this.#tick, 0);
    }
  }

  /** Writes all frames that points show in this tick. @param {number} tick */
  show(tick) {
    for (let out = 0; out < STAGES / 2; out++) {
      const into = STAGES - 1 - out;
      const leaves = this.#pointAt(tick, out);
      const enters = this.#pointAt(tick, into);
      if (leaves >= 0 && leaves === enters && this.#timeOf(tick, into) < this.#timeOf(tick, out)) {
        this.#write(tick, into, enters);
        this.#write(tick, out, leaves);
      } else {
        if (leaves >= 0) this.#write(tick, out, leaves);
        if (enters >= 0) this.#write(tick, into, enters);
      }
    }
  }

  /**
   * The point that shows a packet in this tick at this stage; -1 when none does.
   * @param {number} tick
   * @param {number} stage
   */
  #pointAt(tick, stage) {
    const sent = tick - this.#ticks[stage];
    if (sent < 0) return -1;
    const at = sent & this.#mask;
    const packets = this.#packets;
    if (packets.length[at] === 0 || (stage > 3 && packets.lost[at] === 1)) return -1;
    const network = this.#network;
    const pod = stage < 4 ? packets.source[at] : packets.destination[at];
    if (stage === 0 || stage === 7) return network.podPoint[pod];
    return network.nodePoint[network.node[pod] * 3 + (stage < 4 ? stage - 1 : 6 - stage)];
  }

  /**
   * Nanoseconds since the trace began, by a perfect clock.
   * @param {number} tick
   * @param {number} stage
   */
  #timeOf(tick, stage) {
    const sent = tick - this.#ticks[stage];
    const jitter = (Math.imul(sent * 2 + (stage >> 2), 0x9e3779b1) >>> 8) / 16_777_216;
    return (tick + jitter * JITTER) * this.#tick + this.#rest[stage];
  }

  /**
   * @param {number} tick
   * @param {number} stage
   * @param {number} point
   */
  #write(tick, stage, point) {
    const at = (tick - this.#ticks[stage]) & this.#mask;
    const { options, network, packets } = { options: this.#options, network: this.#network, packets: this.#packets };
    const writer = this.#writers[point];
    const view = writer.view;
    const source = packets.source[at];
    const destination = packets.destination[at];
    const from = network.node[source];
    const to = network.node[destination];
    const length = packets.length[at];
    let frame = writer.at;
    let total = length + ETHERNET;
    if (stage < 2) {
      ethernet(view, frame, VIRTUAL, network.bridgeAddress[from], network.podAddress[source]);
    } else if (stage > 5) {
      ethernet(view, frame, VIRTUAL, network.podAddress[destination], network.bridgeAddress[to]);
    } else {
      if (stage === 3 || stage === 4) {
        this.#encapsulate(view, frame, at, total, network.nodeAddress[from], network.nodeAddress[to]);
        frame += OUTER;
        total += OUTER;
      }
      ethernet(view, frame, VIRTUAL, network.tunnelAddress[to], network.tunnelAddress[from]);
    }
    frame += ETHERNET;

    const packet = at * packets.stride;
    const words = packets.view;
    const snap = options.checksums ? length : Math.min(length, writer.snapLength - (frame - writer.at));
    const ttl = stage < 2 ? 64 : stage < 6 ? 63 : 62;
    const protocol = packets.octets[packet + 9];
    let src = network.podAddress[source];
    let dst = network.podAddress[destination];
    let srcPort = -1;
    let dstPort = -1;
    if (packets.translated[at] === 1 && stage === 0) {
      dst = serviceAddress(packets.service[at]);
      dstPort = packets.servicePort[at];
    } else if (packets.translated[at] === 2 && stage > 5) {
      src = serviceAddress(packets.service[at]);
      srcPort = packets.servicePort[at];
    }
    const first = words.getInt32(packet);
    const second = words.getInt32(packet + 4);
    view.setInt32(frame, first);
    view.setInt32(frame + 4, second);
    ipTail(view, frame + 8, (ttl << 8) | protocol, 0x4500 + length + (second >>> 16) + (second & 0xffff), src, dst);
    // The last word may reach beyond the snap length; the next frame writes over it
    for (let i = 20; i < snap; i += 4) view.setInt32(frame + i, words.getInt32(packet + i));
    if (srcPort >= 0) view.setUint16(frame + 20, srcPort);
    if (dstPort >= 0) view.setUint16(frame + 22, dstPort);
    if (protocol === TCP || protocol === UDP) {
      const checksumAt = frame + 20 + (protocol === TCP ? 16 : 6);
      let sum = halves(src) + halves(dst) + protocol + length - 20;
      if (options.checksums) {
        const end = frame + length;
        view.setUint16(checksumAt, 0);
        for (let i = frame + 20; i + 1 < end; i += 2) sum += view.getUint16(i);
        if ((length & 1) === 1) sum += view.getUint8(end - 1) << 8;
        sum = ~fold(sum) & 0xffff;
        view.setUint16(checksumAt, protocol === UDP && sum === 0 ? 0xffff : sum);
      } else {
        // What a sender leaves to its network device: the sum of the pseudo-header
        view.setUint16(checksumAt, fold(sum));
      }
    }

    const node = stage < 4 ? from : to;
    const time = Math.floor((this.#timeOf(tick, stage) + options.skew * node) / 1000);
    const seconds = Math.floor(time / 1_000_000);
    writer.frame(options.start + seconds, time - seconds * 1_000_000, total);
    if (stage === this.#lastBeforeLoss && packets.lost[at] === 1) this.lostFrames.push([point, writer.frames]);
  }

  /**
   * Outer Ethernet, IP, UDP and VXLAN headers.
   * @param {DataView} view
   * @param {number} frame
   * @param {number} at
   * @param {number} inner octets of the frame inside
   * @param {number} src
   * @param {number} dst
   */
  #encapsulate(view, frame, at, inner, src, dst) {
    const packets = this.#packets;
    ethernet(view, frame, PHYSICAL, dst, src);
    const length = inner + OUTER - ETHERNET;
    const id = packets.outerId[at];
    view.setInt32(frame + 14, 0x45000000 | length);
    view.setInt32(frame + 18, id << 16);
    ipTail(view, frame + 22, 0x4000 | UDP, 0x4500 + length + id, src, dst);
    view.setInt32(frame + 34, (packets.outerPort[at] << 16) | this.#options.port);
    const udp = length - 20;
    view.setInt32(frame + 38, (udp << 16) | fold(halves(src) + halves(dst) + UDP + udp));
    view.setInt32(frame + 42, 0x08000000);
    view.setInt32(frame + 46, 1 << 8);
  }
}

/** Ticks that the slowest way through the network takes. @param {number} rate packets a second */
export function ticksOnTheWay(rate) {
  return ticksOf(STAGE_DELAY[STAGES - 1], 1e9 / rate);
}

/**
 * @param {number} delay
 * @param {number} tick nanoseconds
 */
function ticksOf(delay, tick) {
  return Math.floor(delay / tick + 0.6);
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {number} prefix
 * @param {number} destination
 * @param {number} source
 */
function ethernet(view, at, prefix, destination, source) {
  view.setUint16(at, prefix);
  view.setInt32(at + 2, destination);
  view.setUint16(at + 6, prefix);
  view.setInt32(at + 8, source);
  view.setUint16(at + 12, 0x0800);
}

/**
 * The last twelve octets of an IPv4 header.
 * @param {DataView} view
 * @param {number} at
 * @param {number} ttlAndProtocol
 * @param {number} sum of the words before them
 * @param {number} src
 * @param {number} dst
 */
function ipTail(view, at, ttlAndProtocol, sum, src, dst) {
  view.setUint16(at, ttlAndProtocol);
  view.setUint16(at + 2, ~fold(sum + ttlAndProtocol + halves(src) + halves(dst)));
  view.setInt32(at + 4, src);
  view.setInt32(at + 8, dst);
}

/** @param {number} word */
function halves(word) {
  return (word >>> 16) + (word & 0xffff);
}
