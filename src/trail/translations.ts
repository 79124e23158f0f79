import type { Trail } from './trail.js';
import type { Form, Sighting } from './trail-rows.js';

/** Rewrites told apart at most; packets of others are counted as refused. */
const LIMIT = 1 << 14;
const SLOTS = 2 * LIMIT;

export type TranslationKind = 'snat' | 'dnat' | 'both';

/** A rewrite that packets showed. */
export interface Translation {
  readonly kind: TranslationKind;
  /** The rewritten end, before and after: the destination of a DNAT, else the source. Port -1: none. */
  readonly from: { readonly address: number; readonly port: number };
  readonly to: { readonly address: number; readonly port: number };
  /** Points that saw the packets before and after it. */
  readonly between: readonly [number, number];
  packets: number;
}

/** Counts the packets that showed each rewrite: the same packet under other addresses from one point to the next. */
export class Translations {
  /** In the order in which they were seen first. */
  readonly all: Translation[] = [];
  /** Packets whose rewrite no longer fitted. */
  refused = 0;
  readonly #slots = new Int32Array(SLOTS).fill(-1);

  /** Counts a packet that went from one form at a point to another form at the next. */
  add(from: Form, to: Form, before: number, after: number, packets = 1): void {
    const source = from.src !== to.src || from.sourcePort !== to.sourcePort;
    const destination = from.dst !== to.dst || from.destinationPort !== to.destinationPort;
    const kind = source && destination ? 'both' : source ? 'snat' : 'dnat';
    if (kind === 'dnat')
      this.#add(kind, from.dst, from.destinationPort, to.dst, to.destinationPort, before, after, packets);
    else this.#add(kind, from.src, from.sourcePort, to.src, to.sourcePort, before, after, packets);
  }

  /** Counts all rewrites on a packet's way. */
  addTrail(trail: Trail): void {
    if (!trail.isTranslated) return;
    const { sightings } = trail;
    for (let i = 1; i < sightings.length; i++) {
      const [before, sighting] = [sightings[i - 1]!, sightings[i]!];
      if (before.hasFormOf(sighting)) continue;
      this.add(before.form, sighting.form, before.point, sighting.point, packetsAs(sightings, sighting));
    }
  }

  #add(
    kind: TranslationKind,
    fromAddress: number,
    fromPort: number,
    toAddress: number,
    toPort: number,
    before: number,
    after: number,
    packets: number,
  ): void {
    let slot = hash(fromAddress, fromPort, toAddress, toPort, (before << 16) | after);
    for (; ; slot = (slot + 1) & (SLOTS - 1)) {
      const number = this.#slots[slot]!;
      if (number < 0) break;
      const known = this.all[number]!;
      if (
        known.to.port === toPort &&
        known.to.address === toAddress &&
        known.from.port === fromPort &&
        known.from.address === fromAddress &&
        known.kind === kind &&
        known.between[0] === before &&
        known.between[1] === after
      ) {
        known.packets += packets;
        return;
      }
    }
    if (this.all.length === LIMIT) {
      this.refused += packets;
      return;
    }
    this.#slots[slot] = this.all.length;
    const from = { address: fromAddress, port: fromPort };
    const to = { address: toAddress, port: toPort };
    this.all.push({ kind, from, to, between: [before, after], packets });
  }
}

/** How many of the equal packets that a trail stands for were seen there in that form. */
function packetsAs(sightings: readonly Sighting[], sighting: Sighting): number {
  if (sighting.range !== null) return 1;
  return sightings.filter((other) => other.point === sighting.point && other.hasFormOf(sighting) && !other.copy).length;
}

function hash(a: number, b: number, c: number, d: number, e: number): number {
  let h =
    Math.imul(a, 0x9e3779b1) ^
    Math.imul(b, 0x85ebca6b) ^
    Math.imul(c, 0xc2b2ae35) ^
    Math.imul(d, 0x27d4eb2f) ^
    Math.imul(e, 0x165667b1);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 13)) & (SLOTS - 1);
}
