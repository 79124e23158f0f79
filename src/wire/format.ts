/** Addresses as text. These allocate; the decoder never calls them. */

/** Dotted decimal of the 4 octets at `at`. */
export function formatIpv4(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}

/** The 16 octets at `at` as RFC 5952 section 4 wants them; IPv4-mapped addresses end in dotted decimal (section 5). */
export function formatIpv6(view: DataView, at: number): string {
  let longestAt = -1;
  let longest = 1;
  for (let word = 0; word < 8; word++) {
    let zeros = 0;
    while (word + zeros < 8 && view.getUint16(at + 2 * (word + zeros)) === 0) zeros++;
    if (zeros > longest) {
      longest = zeros;
      longestAt = word;
    }
    word += zeros;
  }
  if (longestAt === 0 && longest === 5 && view.getUint16(at + 10) === 0xffff) {
    return `::ffff:${formatIpv4(view, at + 12)}`;
  }
  let text = '';
  for (let word = 0; word < 8; word++) {
    if (word === longestAt) {
      text += '::';
      word += longest - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += view.getUint16(at + 2 * word).toString(16);
  }
  return text;
}

/** Six pairs of lower-case hexadecimal digits, with colons. */
export function formatMac(view: DataView, at: number): string {
  let text = '';
  for (let octet = 0; octet < 6; octet++) {
    text +=
      (octet === 0 ? '' : ':') +
      view
        .getUint8(at + octet)
        .toString(16)
        .padStart(2, '0');
  }
  return text;
}
