import { Layer } from '../wire/layers.js';
import type { PacketGroup } from './packet-group.js';
import type { SightingStore } from './sightings.js';
import { rangeOf } from './trail.js';

const SYN = 2;
/** Pieces of one packet are seen this close to each other; what is sent again comes later (the least RTO is 200 ms). */
const PIECE = 150e6;
/** Octets of a datagram without IP ID from which its payload tells it from others. */
const TELLING = 32;
/** A translating box holds a packet for less than this, nanoseconds. */
const AT_ONCE = 200e6;
/** Octets of the smallest segment that offload makes (RFC 1122 4.2.2.6). */
const LEAST_SEGMENT = 536;
const ECHO = 8;
const ECHO_REPLY = 0;
const ECHO_V6 = 128;
const ECHO_REPLY_V6 = 129;

export function isSameFlow(a: PacketGroup, b: PacketGroup): boolean {
  return a.src === b.src && a.dst === b.dst && a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort;
}

/**
 * An IP ID, TCP numbers or enough payload speak for it. Where neither address stays the same (hairpins, two boxes in a row)
 * all that there is must, at the same time.
 */
export function isTranslation(a: PacketGroup, b: PacketGroup): boolean {
  if (isSameFlow(a, b)) return false;
  if (a.ipId === 0 && a.kind !== Layer.TCP && a.l4Length < TELLING) return false;
  if (a.src === b.src || a.dst === b.dst) return true;
  const telling = a.kind === Layer.TCP || (a.ipId !== 0 && a.l4Length >= TELLING);
  return telling && a.firstTime <= b.lastTime + AT_ONCE && b.firstTime <= a.lastTime + AT_ONCE;
}

/**
 * True for a packet without anything that tells it from the next: a datagram without an IP ID, an acknowledgement. What of other
 * packets is seen again within a group is a copy.
 */
export function isAnonymous({ ipId, kind, a, c, payloadLength }: PacketGroup): boolean {
  if (ipId !== 0) return false;
  if (kind === Layer.TCP) return payloadLength === 0 && (c & SYN) === 0;
  if (kind === Layer.ICMP) return a >> 8 !== ECHO && a >> 8 !== ECHO_REPLY;
  return kind !== Layer.ICMPV6 || (a >> 8 !== ECHO_V6 && a >> 8 !== ECHO_REPLY_V6);
}

/**
 * True for two packets that are alike only by what they hold, of two flows: some point shows both after as many hops. Of one packet a
 * point shows two forms where it comes back translated, after a hop or from a bridge that sends it back to its sender.
 */
export function areTwo(a: PacketGroup, b: PacketGroup, store: SightingStore): boolean {
  if (a.ipId !== 0 || a.kind === Layer.TCP || a.src === b.dst || a.dst === b.src) return false;
  for (let x = a.head; x >= 0; x = store.next(x)) {
    for (let y = b.head; y >= 0; y = store.next(y))
      if (store.point(x) === store.point(y) && (store.ttls(x) & 255) === (store.ttls(y) & 255)) return true;
  }
  return false;
}

/**
 * True when one of two groups may be a part of the other, or both parts of a third: they overlap, close in time, with the
 * IP IDs that segmentation gives (the first piece has the ID of the whole, each further one the next). What is sent again has
 * a later ID, or comes later.
 */
export function isPiece(a: PacketGroup, b: PacketGroup): boolean {
  if (!overlaps(a, b)) return false;
  const whole = rangeOf(a);
  const part = rangeOf(b);
  const from = (part.from - whole.from) | 0;
  if (a.kind !== Layer.TCP || a.fragmentOffset > 0 || a.moreFragments !== 0) return true;
  if (from === 0 && part.length === whole.length && a.ipId === b.ipId) return true;
  const [first, second, ahead] = from >= 0 ? [a, b, from] : [b, a, -from];
  const step = (second.ipId - first.ipId) & 0xffff;
  return ahead === 0 ? step === 0 : step <= ahead / LEAST_SEGMENT;
}

/** True when two groups hold octets of the same place in a stream or packet, close in time. */
export function overlaps(a: PacketGroup, b: PacketGroup): boolean {
  if (b.burst === 0 || Math.abs(a.firstTime - b.firstTime) > PIECE) return false;
  const whole = rangeOf(a);
  const part = rangeOf(b);
  const from = (part.from - whole.from) | 0;
  return from < whole.length && from + part.length > 0;
}

export function covers(whole: PacketGroup, part: PacketGroup): boolean {
  const a = rangeOf(whole);
  const b = rangeOf(part);
  const from = (b.from - a.from) | 0;
  return from >= 0 && from + b.length <= a.length;
}
