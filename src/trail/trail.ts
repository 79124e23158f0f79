import { Layer } from '../wire/layers.js';
import type { Exchange } from './exchange.js';
import type { PacketGroup, Quote } from './packet-group.js';
import type { Path } from './paths.js';
import type { SightingStore } from './sightings.js';

export type Rung = 'exact' | 'nat-invariant' | 'byte-range' | 'transaction' | 'repetition';
export type Direction = 'request' | 'reply' | null;

/** How a sighting came to be one of its packet's; the same object for nearly all. */
export interface Match {
  readonly rung: Rung;
  /** Octets of the packet that this frame holds, where it holds only some: from and to, relative to its first. */
  readonly range: readonly [number, number] | null;
}

/** Beside the number of a tunnel: see Sighting.copy. */
const COPY = 1 << 31;

/** One sighting, out of the window. Tens of thousands are kept: what is short shares a word. */
export class Sighting {
  /** Point and file; both TTLs and the outer source port; and the tunnel, as the store has them. */
  readonly #place: number;
  readonly #ttls: number;
  #tunnel: number;
  readonly frame: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Corrected, nanoseconds relative to the base. */
  readonly time: number;
  readonly #match: Match;
  /** Addresses and ports here; the same object for all sightings of one form. */
  readonly form: Form;

  constructor(store: SightingStore, at: number, form: Form, match: Match) {
    this.#place = (store.point(at) << 16) | store.file(at);
    this.#ttls = store.ttls(at);
    this.frame = store.frame(at);
    this.seconds = store.seconds(at);
    this.nanoseconds = store.nanoseconds(at);
    this.time = store.time(at);
    this.#tunnel = store.tunnel(at);
    this.#match = match;
    this.form = form;
  }

  get point(): number {
    return this.#place >>> 16;
  }
  get file(): number {
    return this.#place & 0xffff;
  }
  get ttl(): number {
    return this.#ttls & 255;
  }
  get outerTtl(): number {
    return (this.#ttls >>> 8) & 255;
  }
  /** Source port of the tunnel's UDP, 0 without. */
  get outerSourcePort(): number {
    return this.#ttls >>> 16;
  }
  /** Number in the tunnel table, 0 for a bare packet. */
  get tunnel(): number {
    return this.#tunnel & ~COPY;
  }
  get rung(): Rung {
    return this.#match.rung;
  }
  get range(): readonly [number, number] | null {
    return this.#match.range;
  }
  /** Unchanged octets recorded again in the same passage. */
  get copy(): boolean {
    return this.#tunnel < 0;
  }

  markCopy(): void {
    this.#tunnel |= COPY;
  }
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

/** What few trails have. */
export interface RareFacts {
  readonly fragmentOffset: number;
  readonly moreFragments: number;
  readonly nameId: number;
  /** Of a SYN its timestamp, of a SYN,ACK the one that it echoes; 0 none. */
  readonly timestamp: number;
  readonly quote: Quote | null;
  /** What it quotes under other addresses: a translation on the way translates the quotation, too. */
  readonly otherQuotes: readonly Quote[];
  /** Why another packet may be this one under other addresses, though nothing proves it; null when there is none. */
  readonly resembles: string | null;
  /** Identical packets that this trail stands for. */
  readonly identical: number;
}

/** Of a packet that is nothing but itself. */
const PLAIN: RareFacts = Object.freeze({
  fragmentOffset: 0,
  moreFragments: 0,
  nameId: -1,
  timestamp: 0,
  quote: null,
  otherQuotes: [],
  resembles: null,
  identical: 1,
});

/**
 * One packet's way: its sightings in path order. Tens of thousands are kept, most of them with one sighting: as an object with all of
 * this in fields, and lists, one took 600 octets; so it takes half as much.
 */
export class Trail {
  readonly protocol: number;
  readonly ipVersion: number;
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly ipId: number;
  readonly payloadLength: number;
  readonly isDns: boolean;
  readonly path: Path;
  /** Points that saw all of it; a segment can be seen in part. */
  readonly whole: ReadonlySet<number>;
  readonly #rare: RareFacts;
  /** All of them, or the only one. */
  readonly #way: Sighting | readonly Sighting[];
  direction: Direction = null;
  exchange: Exchange | null = null;
  judgement: Judgement | null = null;

  /** @param sightings in path order */
  constructor(
    lead: PacketGroup,
    sightings: readonly Sighting[],
    path: Path,
    whole: ReadonlySet<number>,
    rare: Pick<RareFacts, 'otherQuotes' | 'resembles' | 'identical'>,
  ) {
    const { fragmentOffset, moreFragments, nameId, timestamp, quote } = lead;
    const first = sightings[0]!;
    this.protocol = lead.protocol;
    this.ipVersion = lead.ipVersion;
    this.kind = lead.kind;
    this.a = lead.a;
    this.b = first.form.echoId < 0 ? lead.b : first.form.echoId;
    this.c = lead.c;
    this.ipId = lead.ipId;
    this.payloadLength = lead.payloadLength;
    this.isDns = lead.isDns;
    this.path = path;
    this.whole = whole;
    const isPlain = fragmentOffset === 0 && moreFragments === 0 && nameId < 0 && timestamp === 0 && quote === null;
    const { otherQuotes, resembles, identical } = rare;
    this.#rare =
      isPlain && otherQuotes.length === 0 && resembles === null && identical === 1
        ? PLAIN
        : { fragmentOffset, moreFragments, nameId, timestamp, quote, otherQuotes, resembles, identical };
    this.#way = sightings.length === 1 ? first : sightings;
  }

  get sightings(): readonly Sighting[] {
    return this.#way instanceof Sighting ? [this.#way] : this.#way;
  }
  /** As first and as last seen. */
  get first(): Form {
    return (this.#way instanceof Sighting ? this.#way : this.#way[0]!).form;
  }
  get last(): Form {
    return (this.#way instanceof Sighting ? this.#way : this.#way[this.#way.length - 1]!).form;
  }
  /** All its forms, in path order. */
  get forms(): readonly Form[] {
    return this.#way instanceof Sighting ? [this.#way.form] : [...new Set(this.#way.map(({ form }) => form))];
  }
  get firstTime(): number {
    if (this.#way instanceof Sighting) return this.#way.time;
    return this.#way.reduce((least, { time }) => Math.min(least, time), Infinity);
  }
  get lastTime(): number {
    if (this.#way instanceof Sighting) return this.#way.time;
    return this.#way.reduce((most, { time }) => Math.max(most, time), -Infinity);
  }
  get fragmentOffset(): number {
    return this.#rare.fragmentOffset;
  }
  get moreFragments(): number {
    return this.#rare.moreFragments;
  }
  get nameId(): number {
    return this.#rare.nameId;
  }
  get timestamp(): number {
    return this.#rare.timestamp;
  }
  get quote(): Quote | null {
    return this.#rare.quote;
  }
  get otherQuotes(): readonly Quote[] {
    return this.#rare.otherQuotes;
  }
  get resembles(): string | null {
    return this.#rare.resembles;
  }
  get identical(): number {
    return this.#rare.identical;
  }
}

/** Octets of sequence space or of an IP packet that a group covers: from, and how many. */
export function rangeOf(group: PacketGroup): { from: number; length: number } {
  if (group.protocol === 6 && group.fragmentOffset === 0 && group.moreFragments === 0) {
    return { from: group.a, length: group.payloadLength };
  }
  return { from: group.fragmentOffset, length: group.l4Length };
}

/** Copies the chain of a group out of the window, behind what is in the list; not what some points saw. */
export function addSightings(
  sightings: Sighting[],
  group: PacketGroup,
  store: SightingStore,
  form: Form,
  match: Match,
  except: ReadonlySet<number> | null = null,
): void {
  for (let at = group.head; at >= 0; at = store.next(at))
    if (except === null || !except.has(store.point(at))) sightings.push(new Sighting(store, at, form, match));
}

/** Identifier of an ICMP echo, -1 for everything else. */
export function echoIdOf({ kind, a, b }: PacketGroup): number {
  const type = a >> 8;
  const isEcho =
    kind === Layer.ICMP ? type === 8 || type === 0 : kind === Layer.ICMPV6 && (type === 128 || type === 129);
  return isEcho ? b : -1;
}
