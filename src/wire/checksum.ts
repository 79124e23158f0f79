// RFC 1071: the Internet checksum

/** One's complement sum of the octets from `at` to `end`, added to `sum` and folded to 16 bits; an odd last octet is the high one. */
export function sumOctets(view: DataView, at: number, end: number, sum: number): number {
  let total = sum;
  const even = end - ((end - at) & 1);
  // 32,768 words of 16 bits stay below 2^31
  for (let from = at; from < even; from += 65_536) {
    const to = Math.min(even, from + 65_536);
    for (let word = from; word < to; word += 2) total += view.getUint16(word);
    total = (total & 0xffff) + (total >>> 16);
  }
  if (even < end) total += view.getUint8(even) << 8;
  return foldSum(total);
}

/** Folds the carries of a one's complement sum below 2^32 into 16 bits. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Whether the IPv4 header checksum is right. The whole header must be in bounds. */
export function ipv4ChecksumIsGood(view: DataView, at: number): boolean {
  return sumOctets(view, at, at + ((view.getUint8(at) & 15) << 2), 0) === 0xffff;
}
