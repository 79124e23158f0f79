// EVPN routes: RFC 7432 section 7, IP prefixes RFC 9136 section 3.1
//
//                                  RD (8)  ESI (10)  tag (4)  MAC (1 + 6)  IP (1 + 0, 4 or 16)  gateway  label (3)
//  1 Ethernet auto-discovery         x        x         x                                                   x
//  2 MAC/IP advertisement            x        x         x          x               x                        x
//  3 inclusive multicast             x                  x                          x
//  4 Ethernet segment                x        x                                    x
//  5 IP prefix                       x        x         x                 length (1), 4 or 16       x       x
import type { BgpItem } from './bgp.js';

/** Where the fields of a route are; -1 for one that its type does not have, or that is not there. */
export interface EvpnRoute {
  readonly distinguisherAt: number;
  readonly segmentAt: number;
  readonly tagAt: number;
  readonly macAt: number;
  readonly ipAt: number;
  /** Octets of the address, 0 without one. */
  readonly ipOctets: number;
  /** Bits of the prefix, or of the address. */
  readonly ipBits: number;
  /** As long as the address. */
  readonly gatewayAt: number;
}

const AUTO_DISCOVERY = 1;
const MAC_IP = 2;
const MULTICAST = 3;
const SEGMENT = 4;
const PREFIX = 5;

const MAC_BITS = 48;
/** All of a prefix route of IPv4, and of IPv6 (RFC 9136 section 3.1). */
const PREFIX_LENGTH = 34;
const PREFIX_LENGTH_6 = 58;

/** The fields of a route that bgpEvpnRoutes() found; null for another type, and when its length does not fit its fields. */
export function evpnRoute(view: DataView, { code, at, end }: BgpItem): EvpnRoute | null {
  if (code < AUTO_DISCOVERY || code > PREFIX || end - at < 8) return null;
  let octet = at + 8;
  const take = (length: number, has: boolean): number => {
    if (!has) return -1;
    const from = octet;
    octet += length;
    return from;
  };
  const segmentAt = take(10, code !== MULTICAST);
  const tagAt = take(4, code !== SEGMENT);
  const macLengthAt = take(1, code === MAC_IP);
  const macAt = take(6, code === MAC_IP);
  const ipBitsAt = take(1, code !== AUTO_DISCOVERY);
  if (octet > end || (macLengthAt !== -1 && view.getUint8(macLengthAt) !== MAC_BITS)) return null;
  const ipBits = ipBitsAt === -1 ? 0 : view.getUint8(ipBitsAt);
  let ipOctets = ipBits === 32 ? 4 : ipBits === 128 ? 16 : 0;
  if (code !== PREFIX && ipOctets === 0 && ipBits !== 0) return null;
  if (code === PREFIX) ipOctets = end - at === PREFIX_LENGTH ? 4 : end - at === PREFIX_LENGTH_6 ? 16 : 0;
  const ipAt = take(ipOctets, ipOctets > 0);
  const gatewayAt = take(ipOctets, code === PREFIX && ipOctets > 0);
  if (octet > end) return null;
  return { distinguisherAt: at, segmentAt, tagAt, macAt, ipAt, ipOctets, ipBits, gatewayAt };
}
