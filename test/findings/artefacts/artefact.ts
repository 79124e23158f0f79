import type { PacketView } from '../../../src/wire/packet.js';
import { ethernet, ipv4, synOptions, tcp, timestampOptions, type Part } from '../../support/packets.js';
import { count, inputs, type Input, type Points } from './captures.js';

/** What an artefact is seen in, and how often it is there. */
export interface Artefact {
  readonly inputs: readonly Input[];
  readonly seen: number;
  /** Behind the end of a file a loss may be likely, never shown. */
  readonly mayBeLikely?: boolean;
}

export type Row = readonly [id: string, what: string, make: () => Promise<Artefact[]>];

export const HEALTHY = ['healthy-flannel', 'healthy-calico'] as const;
export const CLIENT = '10.244.1.2';
export const SERVER = '10.244.2.2';
export const NODE = '192.0.2.10';
const START = 1_795_000_000;

export const everywhere = (): boolean => true;

export function of(points: Points, predicate: (packet: PacketView) => boolean): Artefact {
  return { inputs: inputs(points), seen: count(points, predicate) };
}

export function segment(
  back: boolean,
  fields: { seq: number; ack: number; flags: number; id: number; length?: number },
) {
  return (ttl: number): Part => {
    const { seq, ack, flags, id, length = 0 } = fields;
    const [src, dst] = back ? [SERVER, CLIENT] : [CLIENT, SERVER];
    const ports = back ? { srcPort: 80, dstPort: 40_000 } : { srcPort: 40_000, dstPort: 80 };
    const options = (flags & 2) === 0 ? timestampOptions(id, 1) : synOptions(id);
    return ipv4(
      { src, dst, ttl, id, df: true },
      tcp({ ...ports, seq, ack, flags, window: 500, options }, new Uint8Array(length)),
    );
  };
}

/** Two nodes that route between their pods without a tunnel: each packet at four points, one hop less at each router. */
export class Wire {
  readonly points: Points = new Map(
    ['node1/veth1', 'node1/eth0', 'node2/eth0', 'node2/veth2'].map((name) => [name, []]),
  );

  /** @param microseconds after the start */
  at(point: string, microseconds: number, packet: Part): this {
    const frames = this.points.get(point) ?? [];
    this.points.set(point, frames);
    const seconds = Math.floor(microseconds / 1e6);
    const nanoseconds = Math.round((microseconds - seconds * 1e6) * 1000);
    frames.push({ seconds: START + seconds, nanoseconds, octets: ethernet({}, packet) });
    return this;
  }

  /** A packet all the way, from node 1 to node 2 or back. */
  pass(microseconds: number, packet: (ttl: number) => Part, back = false): this {
    const names = [...this.points.keys()].slice(0, 4);
    for (const [hop, point] of (back ? names.toReversed() : names).entries()) {
      this.at(point, microseconds + 20 * hop, packet(64 - Math.ceil(hop / 2)));
    }
    return this;
  }
}

/** A connection that is open after 2 ms: 1001 and 9001 are the next numbers. */
export function opened(wire: Wire): Wire {
  return wire
    .pass(0, segment(false, { seq: 1000, ack: 0, flags: 2, id: 1 }))
    .pass(500, segment(true, { seq: 9000, ack: 1001, flags: 18, id: 0 }), true)
    .pass(1000, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 2 }));
}
