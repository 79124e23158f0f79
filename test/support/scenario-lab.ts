/** Hand-written scenarios: two nodes, of flannel where a test does not ask for Calico, pods a (node1) and b (node2), and exactly the sightings that a test asks for. */
import type { ExchangeRow, TrailRow } from '../../src/report/report.js';
import { arp, icmpEcho, ipv4, tcp, udp, type Part, type Payload } from './packets.js';
import { writePcap, writePcapng, type WrittenFrame } from './capture-writer.js';
import { exchangesOf, rowsOf } from './scenario-check.js';
import { BEGINNING } from './scenario.js';
import { Network, type Endpoint, type Step } from './scenario-network.js';
import { ethernetOf, frameOf } from './scenario-traffic.js';

export const VETH_A = 'node1/veth10c0ffee';
export const CNI_A = 'node1/cni0';
export const FLANNEL_A = 'node1/flannel.1';
export const ETH_A = 'node1/eth0';
export const ETH_B = 'node2/eth0';
export const FLANNEL_B = 'node2/flannel.1';
export const CNI_B = 'node2/cni0';
export const VETH_B = 'node2/veth20c0ffee';
export const ALL = [VETH_A, CNI_A, FLANNEL_A, ETH_A, ETH_B, FLANNEL_B, CNI_B, VETH_B] as const;

const PING = 7;
const MICROSECOND = 1000;

export interface Passage {
  /** The last point that sees it; without it, it arrives. */
  readonly upTo?: string;
  /** Points that it passes and that do not show it. */
  readonly unseenAt?: readonly string[];
  /** Points that show it twice. */
  readonly twiceAt?: readonly string[];
}

interface Sent {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly id: number;
  readonly df?: boolean;
  readonly service?: 'request' | 'reply';
  /** Of a fragment; `protocol` where the payload does not tell it. */
  readonly fragmentOffset?: number;
  readonly mf?: boolean;
  readonly protocol?: number;
}

interface Frame {
  readonly time: number;
  readonly octets: Uint8Array;
}

export class Lab {
  readonly network: Network;
  readonly a: Endpoint;
  readonly b: Endpoint;
  readonly #frames = new Map<string, Frame[]>();

  constructor(podsPerNode = 2, cni: 'flannel' | 'calico' = 'flannel') {
    this.network = new Network({ cni, nodes: 2, podsPerNode, middle: 'none', promiscuous: true });
    this.a = this.network.podsOf('node1')[0]!;
    this.b = this.network.podsOf('node2')[0]!;
    for (const { name } of this.network.points) this.#frames.set(name, []);
  }

  /** Sends an L4 packet; a microsecond from point to point. */
  send(
    milliseconds: number,
    { from, to, id, df = true, service, ...fragment }: Sent,
    part: Payload,
    passage: Passage = {},
  ): void {
    const way = this.network.way(from, to, service ?? 'none');
    for (const [i, step] of way.entries()) {
      const src = step.src ?? from.address;
      const dst = step.dst ?? to.address;
      const packet = ipv4({ src, dst, id, df, ttl: 64 - step.hops, ...fragment }, part);
      this.put(step, milliseconds, i, packet, passage);
      if (step.point === passage.upTo) return;
    }
  }

  /** Puts a packet as it is at one step of a way. */
  put(step: Step, milliseconds: number, place: number, packet: Part, passage: Passage = {}): void {
    if (passage.unseenAt?.includes(step.point) === true) return;
    const time = Math.round(milliseconds * 1e6) + place * MICROSECOND;
    const frames = this.#frames.get(step.point)!;
    const octets = frameOf(step, packet, 40_000, 1 + (frames.length % 65_535));
    frames.push({ time, octets });
    if (passage.twiceAt?.includes(step.point) === true) frames.push({ time: time + 20 * MICROSECOND, octets });
  }

  /** Pings from a to b: request and, when it arrives, reply. */
  ping(seq: number, milliseconds: number, request: Passage = {}, reply: Passage | null = {}): void {
    const { a, b } = this;
    this.send(milliseconds, { from: a, to: b, id: 1000 + seq }, icmpEcho({ id: PING, seq }), request);
    if (request.upTo !== undefined || reply === null) return;
    const echo = icmpEcho({ reply: true, id: PING, seq });
    this.send(milliseconds + 0.1, { from: b, to: a, id: 5000 + seq, df: false }, echo, reply);
  }

  /** Pings with numbers from one to another, 100 ms apart, the first at 100 ms, with what is special about some of them. */
  pings(from: number, to: number, special: Readonly<Record<number, Passage>> = {}): void {
    for (let seq = from; seq <= to; seq++) this.ping(seq, seq * 100, special[seq] ?? {});
  }

  datagram(milliseconds: number, id: number, text: string, passage: Passage = {}, reply = false): void {
    const [from, to] = reply ? [this.b, this.a] : [this.a, this.b];
    const ports = reply ? { srcPort: 9000, dstPort: 40_123 } : { srcPort: 40_123, dstPort: 9000 };
    this.send(milliseconds, { from, to, id }, udp(ports, new TextEncoder().encode(text)), passage);
  }

  /** A segment from a to b or back; sequence numbers are absolute. */
  segment(
    milliseconds: number,
    id: number,
    fields: { readonly seq: number; readonly ack: number; readonly flags: number; readonly length?: number },
    passage: Passage = {},
    reply = false,
  ): void {
    const [from, to] = reply ? [this.b, this.a] : [this.a, this.b];
    const ports = reply ? { srcPort: 8080, dstPort: 40_123 } : { srcPort: 40_123, dstPort: 8080 };
    const { seq, ack, flags, length = 0 } = fields;
    const payload = Uint8Array.from({ length }, (_, i) => (seq + i) & 255);
    this.send(milliseconds, { from, to, id }, tcp({ ...ports, seq, ack, flags }, payload), passage);
  }

  /** ARP at these points: no capture filter, and the capture runs at this moment. */
  noise(milliseconds: number, points: readonly string[] = this.network.points.map(({ name }) => name)): void {
    const octets = ethernetOf(
      '02:42:00:00:00:01',
      'ff:ff:ff:ff:ff:ff',
      arp({ senderIp: '0.0.0.0', targetIp: '10.9.9.9' }),
    );
    for (const point of points) this.#frames.get(point)!.push({ time: Math.round(milliseconds * 1e6), octets });
  }

  /** Drops frames of a point that a test does not want: those from a moment on or before one, milliseconds. */
  cut(point: string, from: number, until: number): void {
    const frames = this.#frames.get(point)!;
    const kept = frames.filter(({ time }) => time >= from * 1e6 && time < until * 1e6);
    this.#frames.set(point, kept);
  }

  /** Moves a point's capture to another time. */
  move(point: string, milliseconds: number): void {
    const frames = this.#frames.get(point)!;
    this.#frames.set(
      point,
      frames.map(({ time, octets }) => ({ time: time + milliseconds * 1e6, octets })),
    );
  }

  empty(point: string): void {
    this.#frames.set(point, []);
  }

  /** The rows of these points' captures. */
  rows(points: readonly string[] = ALL, special: Readonly<Record<string, CaptureHabit>> = {}): Promise<TrailRow[]> {
    return rowsOf(this.inputs(points, special));
  }

  exchanges(points: readonly string[] = ALL): Promise<ExchangeRow[]> {
    return exchangesOf(this.inputs(points));
  }

  /** The captures of these points. */
  inputs(points: readonly string[] = ALL, special: Readonly<Record<string, CaptureHabit>> = {}) {
    return points.map((point) => {
      const { snapLength = 0, dropped } = special[point] ?? {};
      const frames = [...this.#frames.get(point)!].sort((x, y) => x.time - y.time).map(written(snapLength));
      const source =
        dropped === undefined
          ? writePcap(frames, { snapLength: snapLength || 262_144 })
          : writePcapng(frames, { statistics: [{ received: BigInt(frames.length), dropped: BigInt(dropped) }] });
      return { source, point, file: `${point.replace('/', '__')}.pcap` };
    });
  }

  /** The one row with this summary. */
  async row(
    summary: string,
    points: readonly string[] = ALL,
    special: Readonly<Record<string, CaptureHabit>> = {},
  ): Promise<TrailRow> {
    const rows = await this.rows(points, special);
    const found = rows.filter((row) => row.summary === summary);
    if (found.length !== 1) {
      throw new Error(`${found.length} rows are "${summary}" among: ${rows.map((row) => row.summary).join('; ')}`);
    }
    return found[0]!;
  }
}

export interface CaptureHabit {
  readonly snapLength?: number;
  /** Frames that the statistics of the capture say were dropped; the file is pcapng then. */
  readonly dropped?: number;
}

function written(snapLength: number): (frame: Frame) => WrittenFrame {
  return ({ time, octets }) => ({
    seconds: BEGINNING + Math.floor(time / 1e9),
    nanoseconds: time % 1e9,
    octets: snapLength === 0 ? octets : octets.subarray(0, snapLength),
    originalLength: octets.length,
  });
}

export function echoRequest(seq: number): string {
  return `echo request id ${PING} seq ${seq}`;
}

export function echoReply(seq: number): string {
  return `echo reply id ${PING} seq ${seq}`;
}
