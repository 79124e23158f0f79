import { diagnose } from '../../src/diagnose.js';
import type { Finding, Report } from '../../src/report/report.js';
import { writePcap, type WrittenFrame } from '../support/capture-writer.js';
import { ethernet, icmpError, ipv4, synOptions, tcp, timestampOptions, type Part } from '../support/packets.js';

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, '.': 16 };
const START = 1_795_226_754;
const IP_DF = true;

/** `10.0.0.1:80` */
type End = string;

export interface SegmentOptions {
  readonly seq?: number;
  readonly ack?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly window?: number;
  readonly length?: number;
  readonly mac?: string;
  /** Without the options that Linux sends: as a stack without a socket does. */
  readonly bare?: boolean;
}

/** Captures written packet by packet: a frame at each point named. */
export class Captures {
  readonly #frames = new Map<string, WrittenFrame[]>();

  constructor(...points: readonly string[]) {
    for (const point of points) this.#frames.set(point, []);
  }

  /** Any packet at a point, seconds after the beginning. */
  packet(point: string, time: number, packet: Part, mac?: string): void {
    const octets = ethernet(mac === undefined ? {} : { src: mac }, packet);
    const seconds = START + Math.floor(time);
    const list = this.#frames.get(point) ?? [];
    this.#frames.set(point, list);
    list.push({ seconds, nanoseconds: Math.round((time - Math.floor(time)) * 1e6) * 1000, octets });
  }

  /** A segment; flags as tcpdump prints them (`S`, `S.`, `P.`, `R`). */
  segment(point: string, time: number, from: End, to: End, flags: string, options: SegmentOptions = {}): Part {
    const packet = segment(from, to, flags, options);
    this.packet(point, time, packet, options.mac);
    return packet;
  }

  get inputs(): { point: string; source: Uint8Array; file: string }[] {
    return [...this.#frames].map(([point, frames]) => ({
      point,
      source: writePcap(frames),
      file: `${point.replace('/', '__')}.pcap`,
    }));
  }

  report(): Promise<Report> {
    return diagnose(this.inputs);
  }

  async findings(): Promise<readonly Finding[]> {
    return (await this.report()).findings;
  }

  async kinds(): Promise<string[]> {
    return (await this.findings()).map(({ kind }) => kind);
  }
}

export function segment(from: End, to: End, flags: string, options: SegmentOptions = {}): Part {
  const [src = '', srcPort = ''] = from.split(':');
  const [dst = '', dstPort = ''] = to.split(':');
  const { seq = 0, ack = 0, ttl = 64, id = 0, length = 0, bare = false } = options;
  const bits = [...flags].reduce((sum, flag) => sum | FLAGS[flag]!, 0);
  const tcpOptions = bare ? undefined : (bits & 2) !== 0 ? synOptions(1) : timestampOptions(2, 1);
  const fields = {
    srcPort: Number(srcPort),
    dstPort: Number(dstPort),
    seq,
    ack,
    flags: bits,
    window: options.window ?? (bare ? 0 : 502),
    ...(tcpOptions === undefined ? {} : { options: tcpOptions }),
  };
  return ipv4({ src, dst, ttl, id, df: IP_DF }, tcp(fields, new Uint8Array(length)));
}

/** An ICMP error of an address, about a packet of this client. */
export function refusal(by: string, client: string, code: number, quoted: Part): Part {
  return ipv4({ src: by, dst: client, tos: 0xc0, id: 77 }, icmpError({ type: 3, code }, quoted));
}

export interface OpenedOptions {
  readonly at?: number;
  readonly isn?: number;
  readonly peer?: number;
  readonly clientTtl?: number;
  readonly serverTtl?: number;
  readonly clientMac?: string;
  readonly serverMac?: string;
}

/** SYN, SYN,ACK, ACK, ten octets each way, acknowledged: 11 octets of sequence space are used on each side. */
export function opened(captures: Captures, point: string, client: End, server: End, options: OpenedOptions = {}): void {
  const { at = 0, isn = 1000, peer = 9000, clientTtl = 64, serverTtl = 63, clientMac, serverMac } = options;
  const c = { ttl: clientTtl, ...(clientMac === undefined ? {} : { mac: clientMac }) };
  const s = { ttl: serverTtl, ...(serverMac === undefined ? {} : { mac: serverMac }) };
  captures.segment(point, at, client, server, 'S', { ...c, seq: isn, id: 100 });
  captures.segment(point, at + 0.001, server, client, 'S.', { ...s, seq: peer, ack: isn + 1 });
  captures.segment(point, at + 0.002, client, server, '.', { ...c, seq: isn + 1, ack: peer + 1, id: 101 });
  captures.segment(point, at + 0.003, client, server, 'P.', { ...c, seq: isn + 1, ack: peer + 1, id: 102, length: 10 });
  captures.segment(point, at + 0.004, server, client, '.', { ...s, seq: peer + 1, ack: isn + 11, id: 500 });
  captures.segment(point, at + 0.005, server, client, 'P.', {
    ...s,
    seq: peer + 1,
    ack: isn + 11,
    id: 501,
    length: 10,
  });
  captures.segment(point, at + 0.006, client, server, '.', { ...c, seq: isn + 11, ack: peer + 11, id: 103 });
}
