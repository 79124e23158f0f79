/** What the OPENs of a BGP session agree on about its UPDATEs. */
import { bgpCapabilities, BgpCapability, BgpType, bgpType, checkBgp } from './bgp.js';
import { BgpPathFamily } from './bgp-prefixes.js';
import type { Message } from './messages.js';

/** RFC 7911 section 4: the four octets of a family in the ADD-PATH capability. */
const FAMILY_LENGTH = 4;
const RECEIVES = 1;
const SENDS = 2;
const BOTH = 3;
const UNICAST = 1;

interface Ability {
  sends: number;
  receives: number;
}

export class BgpSession {
  /** What the OPEN of each side says; null until all of it was seen. */
  readonly #sides: [Ability | null, Ability | null] = [null, null];

  /** Takes note of a message of one side; an UPDATE comes back with the families whose prefixes have path identifiers, if known. */
  read(side: 0 | 1, message: Message): Message {
    const { view, at, end, announcedEnd } = message;
    if (checkBgp(view, at, end) !== -1) return message;
    const type = bgpType(view, at);
    if (type === BgpType.OPEN && !message.goesOn) {
      this.#sides[side] = end < announcedEnd ? null : abilityOf(view, at, end);
    }
    const from = this.#sides[side];
    const to = this.#sides[side === 0 ? 1 : 0];
    if (type !== BgpType.UPDATE || from === null || to === null) return message;
    return { ...message, paths: from.sends & to.receives };
  }
}

function abilityOf(view: DataView, at: number, end: number): Ability {
  const ability = { sends: 0, receives: 0 };
  for (const { code, at: dataAt, end: dataEnd } of bgpCapabilities(view, at, end)) {
    if (code !== BgpCapability.ADD_PATH) continue;
    for (let octet = dataAt; octet + FAMILY_LENGTH <= dataEnd; octet += FAMILY_LENGTH) {
      const direction = view.getUint8(octet + 3);
      // RFC 7911 section 4: another value is to be ignored
      if (direction < RECEIVES || direction > BOTH) continue;
      const family = familyOf(view.getUint16(octet), view.getUint8(octet + 2));
      if ((direction & SENDS) !== 0) ability.sends |= family;
      if ((direction & RECEIVES) !== 0) ability.receives |= family;
    }
  }
  return ability;
}

function familyOf(afi: number, safi: number): number {
  if (safi !== UNICAST) return 0;
  return afi === 1 ? BgpPathFamily.IPV4 : afi === 2 ? BgpPathFamily.IPV6 : 0;
}
