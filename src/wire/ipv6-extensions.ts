/** Steps over the extension headers of IPv6 (RFC 8200 section 4). */
import { Ipv6Extension, ipv6ExtensionLength, ipv6FragmentOffset, isIpv6Extension } from './ipv6.js';

/** Most extension headers of one packet. */
const MOST = 16;
const FRAGMENT = Ipv6Extension.FRAGMENT;

/** Where walkIpv6Extensions() stopped: one object, written anew by each walk. */
export const ipv6Chain = {
  /** Protocol number of what is at `at`. */
  protocol: -1,
  /** First octet after the headers that were stepped over. */
  at: -1,
  /** Octets of the header at `at` when it is cut, as far as it announces them. */
  length: 0,
  /** The last fragment header; -1 without one. */
  fragmentAt: -1,
  /** Octets. Of a later fragment nothing after its fragment header is read: it is payload, whatever its number says. */
  fragmentOffset: 0,
};

/** Steps from the header at `from`, of kind `protocol`, over all extension headers before `end`. */
export function walkIpv6Extensions(
  view: DataView,
  from: number,
  end: number,
  protocol: number,
): 'whole' | 'cut' | 'too-many' {
  const chain = ipv6Chain;
  chain.protocol = protocol;
  chain.at = from;
  chain.fragmentAt = -1;
  chain.fragmentOffset = 0;
  for (let count = 0; chain.fragmentOffset === 0 && isIpv6Extension(chain.protocol); count++) {
    const at = chain.at;
    if (count === MOST) return 'too-many';
    chain.length = end - at < 2 ? 8 : ipv6ExtensionLength(view, at, chain.protocol);
    if (end - at < chain.length) return 'cut';
    if (chain.protocol === FRAGMENT) {
      chain.fragmentAt = at;
      chain.fragmentOffset = ipv6FragmentOffset(view, at);
    }
    chain.protocol = view.getUint8(at);
    chain.at = at + chain.length;
  }
  return 'whole';
}
