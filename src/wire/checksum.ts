// RFC 1071: the Internet checksum; pseudo-headers of RFC 768, RFC 9293 section 3.1 and RFC 8200 section 8.1

/**
 * One's complement sum of the octets from `at` to `end`, added to `sum` and folded to 16 bits. Not complemented. An odd last
 * octet counts as the high one of a word. The octets must be in bounds.
 */
export function sumOctets(view: DataView, at: number, end: number, sum: number): number {
  let total = sum;
  const even = end - ((end - at) & 1);
  for (let word = at; word < even; word += 2) {
    total += view.getUint16(word);
    // 2^31 less one word: stays a small integer
    if (total > 0x7ffe0000) total = foldSum(total);
  }
  if (even < end) total += view.getUint8(even) << 8;
  return foldSum(total);
}

/** Folds the carries of a one's complement sum below 2^32 into 16 bits. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Sum of a pseudo-header: the addresses of the IP header at `ipAt` (version 4 or 6), the protocol and the length of what it carries. */
export function sumPseudoHeader(
  view: DataView,
  ipAt: number,
  ipVersion: number,
  protocol: number,
  length: number,
): number {
  const sum = protocol + (length >>> 16) + (length & 0xffff);
  return ipVersion === 4 ? sumOctets(view, ipAt + 12, ipAt + 20, sum) : sumOctets(view, ipAt + 8, ipAt + 40, sum);
}

/** Whether the IPv4 header checksum is right. The whole header must be in bounds. */
export function ipv4ChecksumIsGood(view: DataView, at: number): boolean {
  return sumOctets(view, at, at + ((view.getUint8(at) & 15) << 2), 0) === 0xffff;
}
