// Two nodes of an overlay, written frame by frame: what each capture point sees of packets between their pods.
import { diagnose } from '../../src/diagnose.js';
import type { Finding, Report } from '../../src/report/report.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import {
  arp,
  ethernet,
  icmpEcho,
  ipv4,
  udp,
  vxlan,
  type ArpFields,
  type Checksum,
  type Part,
} from '../support/packets.js';

const START = 1_795_000_000;

export const POINTS = ['a/cali1', 'a/vxlan.calico', 'a/eth0', 'b/eth0', 'b/vxlan.calico', 'b/cali2'] as const;
export type Point = (typeof POINTS)[number];

const VTEP_MAC = { a: '66:00:00:00:00:0a', b: '66:00:00:00:00:0b' } as const;
const HOST_MAC = { a: '02:00:00:00:01:0a', b: '02:00:00:00:01:0b' } as const;
const POD_MAC = { a: '0a:00:00:00:00:0a', b: '0a:00:00:00:00:0b' } as const;
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';
export const ENDPOINT = { a: '192.0.2.10', b: '192.0.2.20' } as const;
export const POD = { a: '10.244.1.2', b: '10.244.2.2' } as const;

export interface Outer {
  readonly src?: string;
  readonly dst?: string;
  readonly tos?: number;
  readonly vni?: number;
  readonly port?: number;
  readonly flags?: number;
  readonly checksum?: Checksum;
  readonly frameDestination?: string;
}

export interface Sending {
  readonly from?: 'a' | 'b';
  /** Microseconds after the start. */
  readonly time: number;
  /** The packet with the TTL that it has where it is seen. */
  readonly packet: (ttl: number) => Part;
  /** Last point that sees it; by default the other pod's. */
  readonly until?: Point;
  readonly outer?: Outer;
  /** Outer fields from the other node's underlay on, where something between the nodes changes them. */
  readonly arriving?: Outer;
  readonly innerSource?: string;
  readonly innerDestination?: string;
}

/** Captures under construction. */
export class Lab {
  readonly #frames = new Map<string, WrittenFrame[]>(POINTS.map((point) => [point, []]));

  at(point: string, microseconds: number, octets: Uint8Array): this {
    const frames = this.#frames.get(point) ?? [];
    this.#frames.set(point, frames);
    const seconds = Math.floor(microseconds / 1e6);
    frames.push({ seconds: START + seconds, nanoseconds: (microseconds - seconds * 1e6) * 1000, octets });
    return this;
  }

  /** Takes a point out. */
  without(...points: readonly string[]): this {
    for (const point of points) this.#frames.delete(point);
    return this;
  }

  /** A packet from one pod to the other, at every point up to the last. */
  send({
    from = 'a',
    time,
    packet,
    until,
    outer = {},
    arriving = outer,
    innerSource,
    innerDestination,
  }: Sending): this {
    const to = from === 'a' ? 'b' : 'a';
    const way = from === 'a' ? POINTS : [...POINTS].reverse();
    const inner = {
      src: innerSource ?? VTEP_MAC[from],
      dst: innerDestination ?? VTEP_MAC[to],
    };
    const frames: Uint8Array[] = [
      ethernet({ src: POD_MAC[from], dst: GATEWAY_MAC }, packet(64)),
      ethernet(inner, packet(63)),
      wrapped(from, to, outer, 64, ethernet(inner, packet(63))),
      wrapped(from, to, arriving, 63, ethernet(inner, packet(63))),
      ethernet(inner, packet(63)),
      ethernet({ src: GATEWAY_MAC, dst: POD_MAC[to] }, packet(62)),
    ];
    for (const [i, point] of way.entries()) {
      this.at(point, time + i * 20, frames[i]!);
      if (point === until) break;
    }
    return this;
  }

  /** An echo request and its reply between the pods. */
  ping(time: number, id: number, request: Partial<Sending> = {}, reply: Partial<Sending> | null = {}): this {
    const { a, b } = POD;
    const [client, server] = request.from === 'b' ? [b, a] : [a, b];
    this.send({
      time,
      packet: (ttl) => ipv4({ src: client, dst: server, ttl, id, df: true }, icmpEcho({ id, seq: 1 })),
      ...request,
    });
    if (request.until !== undefined || reply === null) return this;
    return this.send({
      from: request.from === 'b' ? 'a' : 'b',
      time: time + 300,
      packet: (ttl) => ipv4({ src: server, dst: client, ttl, id: id + 1 }, icmpEcho({ reply: true, id, seq: 1 })),
      ...reply,
    });
  }

  /** Pings both ways that work, before and after what a test is about. */
  healthy(): this {
    for (const [i, time] of [0, 100e3, 200e3, 5e6, 5.1e6, 60e6].entries()) {
      this.ping(time, 100 + 4 * i).ping(time + 50e3, 102 + 4 * i, { from: 'b' });
    }
    return this;
  }

  arp(point: string, time: number, fields: ArpFields): this {
    const src = fields.senderMac ?? '02:00:00:00:00:01';
    return this.at(point, time, ethernet({ src, dst: 'ff:ff:ff:ff:ff:ff' }, arp(fields)));
  }

  /** Frames by point, in order of time. */
  get points(): Map<string, WrittenFrame[]> {
    return new Map(
      [...this.#frames].map(([point, frames]) => [
        point,
        [...frames].sort((a, b) => a.seconds - b.seconds || a.nanoseconds - b.nanoseconds),
      ]),
    );
  }

  async diagnose(): Promise<Report> {
    return diagnose(
      [...this.points].map(([point, frames]) => ({
        point,
        file: `${point.replace('/', '__')}.pcap`,
        source: writePcap(frames),
      })),
    );
  }

  /** Findings of one kind. */
  async findings(kind: string): Promise<Finding[]> {
    return (await this.diagnose()).findings.filter((finding) => finding.kind === kind);
  }
}

/** A frame in the tunnel from one node to the other. */
export function wrapped(from: 'a' | 'b', to: 'a' | 'b', outer: Outer, ttl: number, frame: Uint8Array): Uint8Array {
  const { src = ENDPOINT[from], dst = ENDPOINT[to], tos = 0, vni = 4096, port = 4789, flags = 8, checksum = 0 } = outer;
  const carried = vxlan({ vni, flags }, frame);
  return ethernet(
    { src: HOST_MAC[from], dst: outer.frameDestination ?? HOST_MAC[to] },
    ipv4({ src, dst, tos, ttl, id: 7 }, udp({ srcPort: 40_000, dstPort: port, checksum }, carried)),
  );
}

export function echo(id: number, size = 56, tos = 0): (ttl: number) => Part {
  return (ttl) =>
    ipv4({ src: POD.a, dst: POD.b, ttl, id, tos, df: true }, icmpEcho({ id, seq: 1 }, new Uint8Array(size)));
}
