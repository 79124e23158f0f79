import { Layer } from '../wire/layers.js';
import type { Exchange } from './exchange.js';
import type { PacketGroup, Quote } from './packet-group.js';
import type { Path } from './paths.js';
import type { SightingStore } from './sightings.js';

export type Rung = 'exact' | 'nat-invariant' | 'byte-range' | 'transaction' | 'repetition';
export type Direction = 'request' | 'reply' | null;

/** One sighting, out of the window. */
export interface Sighting {
  readonly point: number;
  readonly file: number;
  readonly frame: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Corrected, nanoseconds relative to the base. */
  readonly time: number;
  readonly ttl: number;
  readonly outerTtl: number;
  /** Number in the tunnel table, 0 for a bare packet. */
  readonly tunnel: number;
  /** Source port of the tunnel's UDP, 0 without. */
  readonly outerSourcePort: number;
  readonly rung: Rung;
  /** Octets of the packet that this frame holds, where it holds only some: from and to, relative to its first. */
  readonly range: readonly [number, number] | null;
  /** Unchanged octets recorded again in the same passage. */
  readonly copy: boolean;
  /** Addresses and ports here; the same object for all sightings of one form. */
  readonly form: Form;
}

/** Addresses and ports of a packet; a translation gives a packet a second form. */
export interface Form {
  readonly src: number;
  readonly dst: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Identifier of an ICMP echo, which masquerading may rewrite; -1 for everything else. */
  readonly echoId: number;
}

/** What judging found out. */
export interface Judgement {
  readonly state: 'delivered' | 'lost' | 'unknown';
  readonly certainty: 'shown' | 'likely' | 'unknown';
  readonly lastSeen: number;
  readonly nextExpected: number | null;
  readonly reason: string | null;
  /** For each point after lastSeen: why its silence is proof, or why it is not. */
  readonly silent: readonly Silence[];
}

/** A captured point on the way that did not see the packet. */
export interface Silence {
  readonly point: number;
  readonly able: boolean;
  readonly note: string;
}

/** One packet's way: its sightings in path order. */
export interface Trail {
  readonly protocol: number;
  readonly ipVersion: number;
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly ipId: number;
  readonly payloadLength: number;
  readonly fragmentOffset: number;
  readonly moreFragments: number;
  readonly nameId: number;
  /** Of a SYN its timestamp, of a SYN,ACK the one that it echoes; 0 none. */
  readonly timestamp: number;
  readonly isDns: boolean;
  readonly quote: Quote | null;
  /** What it quotes under other addresses: a translation on the way translates the quotation, too. */
  readonly otherQuotes: readonly Quote[];
  /** As first and as last seen. */
  readonly first: Form;
  readonly last: Form;
  /** All its forms, in path order. */
  readonly forms: readonly Form[];
  readonly path: Path;
  readonly sightings: readonly Sighting[];
  /** Points that saw all of it; a segment can be seen in part. */
  readonly whole: ReadonlySet<number>;
  readonly firstTime: number;
  readonly lastTime: number;
  /** Why another packet may be this one under other addresses, though nothing proves it; null when there is none. */
  readonly resembles: string | null;
  /** Identical packets that this trail stands for. */
  readonly identical: number;
  direction: Direction;
  exchange: Exchange | null;
  judgement: Judgement | null;
}

/** Octets of sequence space or of an IP packet that a group covers: from, and how many. */
export function rangeOf(group: PacketGroup): { from: number; length: number } {
  if (group.protocol === 6 && group.fragmentOffset === 0 && group.moreFragments === 0) {
    return { from: group.a, length: group.payloadLength };
  }
  return { from: group.fragmentOffset, length: group.l4Length };
}

/** Copies the chain of a group out of the window. */
export function sightingsOf(
  group: PacketGroup,
  store: SightingStore,
  form: Form,
  rung: Rung,
  range: readonly [number, number] | null,
): Sighting[] {
  const sightings: Sighting[] = [];
  for (let at = group.head; at >= 0; at = store.next(at)) {
    const ttls = store.ttls(at);
    sightings.push({
      point: store.point(at),
      file: store.file(at),
      frame: store.frame(at),
      seconds: store.seconds(at),
      nanoseconds: store.nanoseconds(at),
      time: store.time(at),
      ttl: ttls & 255,
      outerTtl: (ttls >>> 8) & 255,
      tunnel: store.tunnel(at),
      outerSourcePort: ttls >>> 16,
      rung,
      range,
      copy: false,
      form,
    });
  }
  return sightings;
}

/** Identifier of an ICMP echo, -1 for everything else. */
export function echoIdOf({ kind, a, b }: PacketGroup): number {
  const type = a >> 8;
  const isEcho =
    kind === Layer.ICMP ? type === 8 || type === 0 : kind === Layer.ICMPV6 && (type === 128 || type === 129);
  return isEcho ? b : -1;
}
