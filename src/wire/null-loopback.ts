// LINKTYPE_NULL (0) and LINKTYPE_LOOP (108), tcpdump.org: four octets of address family, in the byte order of the
// capturing host (0) or of the network (108), then the packet
import { struct, u32 } from './layout.js';
import { problemNumber } from './problems.js';

export const NullHeader = struct([u32('family')]);

const FAMILY = NullHeader.offsetOf('family');
const LENGTH = NullHeader.span;

const TRUNCATED = problemNumber('null-truncated');

/** -1 when the header lies between `at` and `end`, else the number of its problem. */
export function checkNull(_view: DataView, at: number, end: number): number {
  return end - at < LENGTH ? TRUNCATED : -1;
}

/** Address family, a small number; read in the byte order that makes it one. 2 is IPv4; 10, 24, 28 and 30 are IPv6. */
export function nullFamily(view: DataView, at: number): number {
  const family = view.getInt32(at + FAMILY);
  return family > 0 && family <= 0xffff ? family : view.getInt32(at + FAMILY, true);
}
