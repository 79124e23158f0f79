import type { Exchange } from './exchange.js';
import type { PacketFacts } from './exchange-packets.js';
import type { Direction } from './trail.js';
import type { Form } from './trail-rows.js';

/** Packets in fragments that are remembered at a time. */
const MOST = 1 << 12;
/** A receiver waits no longer for the rest of a packet, nanoseconds (RFC 1122 section 3.3.2: 60 to 120 s; Linux: 30 s). */
const LONGEST = 30e9;

/** What a first fragment belongs to. */
interface FirstFragment {
  readonly exchange: Exchange;
  readonly direction: Direction;
  readonly time: number;
}

/**
 * The exchange of later fragments: they have no ports, but addresses, protocol and identification in common with their first
 * fragment (RFC 791 section 3.2, RFC 8200 section 4.5), which has.
 */
export class FragmentTable {
  readonly #firsts = new Map<string, FirstFragment>();

  /** Remembers a first fragment; of too many the oldest is forgotten. */
  remember(facts: PacketFacts, form: Form, exchange: Exchange, direction: Direction): void {
    const key = keyOf(facts, form);
    this.#firsts.delete(key);
    this.#firsts.set(key, { exchange, direction, time: facts.firstTime });
    if (this.#firsts.size > MOST) this.#firsts.delete(this.#firsts.keys().next().value!);
  }

  find(facts: PacketFacts, form: Form): FirstFragment | null {
    const first = this.#firsts.get(keyOf(facts, form));
    return first === undefined || Math.abs(facts.firstTime - first.time) > LONGEST ? null : first;
  }
}

function keyOf({ ipVersion, protocol, ipId }: PacketFacts, { src, dst }: Form): string {
  return `${ipVersion} ${protocol} ${ipId} ${src} ${dst}`;
}
