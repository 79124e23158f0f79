interface Prefix {
  readonly version: 4 | 6;
  /** A number of 32 bits for IPv4, of which there may be very many in a dump of rules. */
  readonly value: number | bigint;
  /** Bits that count. */
  readonly length: number;
}

/** The longest text of an IPv6 address with its prefix length. */
const LONGEST = 50;

function prefixOf(text: string): Prefix | null {
  if (text.length > LONGEST) return null;
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = address.includes(':') ? 6 : 4;
  const value = version === 6 ? ipv6Of(address) : ipv4Of(address);
  if (value === null) return null;
  const bits = version === 6 ? 128 : 32;
  const length = slash < 0 ? bits : numberOf(text.slice(slash + 1), bits);
  return length < 0 ? null : { version, value, length };
}

function ipv4Of(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    const octet = numberOf(part, 255);
    if (octet < 0) return null;
    value = value * 256 + octet;
  }
  return value;
}

/** RFC 4291, section 2.2. Dumps are full of these, and ip-num takes as long to load as Node itself, so it is not asked. */
function ipv6Of(text: string): bigint | null {
  const last = text.slice(text.lastIndexOf(':') + 1);
  let hexadecimal = text;
  if (last.includes('.')) {
    const ipv4 = ipv4Of(last);
    if (ipv4 === null) return null;
    hexadecimal = `${text.slice(0, -last.length)}${(ipv4 >>> 16).toString(16)}:${(ipv4 & 0xffff).toString(16)}`;
  }
  const sides = hexadecimal.split('::').map((side) => (side === '' ? [] : side.split(':')));
  const [left = [], right = []] = sides;
  const zeros = 8 - left.length - right.length;
  if (sides.length > 2 || (sides.length === 2 ? zeros < 1 : zeros !== 0)) return null;
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`);
}

/** One to three digits, up to `most`; -1 for anything else. */
function numberOf(text: string, most: number): number {
  if (!/^\d{1,3}$/.test(text)) return -1;
  const value = Number(text);
  return value <= most ? value : -1;
}

/** The address, prefix or range `FROM-TO` holds the address; null when one of them is none. */
export function holds(text: string, address: string): boolean | null {
  if (text === address) return true;
  const one = prefixOf(address);
  if (one === null) return null;
  const dash = text.indexOf('-');
  if (dash > 0) {
    const from = prefixOf(text.slice(0, dash));
    const to = prefixOf(text.slice(dash + 1));
    if (from === null || to === null) return null;
    return from.version === one.version && from.value <= one.value && one.value <= to.value;
  }
  const prefix = prefixOf(text);
  if (prefix === null) return null;
  return prefix.version === one.version && network(prefix.value, prefix) === network(one.value, prefix);
}

/** An address without the bits that do not count. */
function network(value: number | bigint, { length }: Prefix): number | bigint {
  return typeof value === 'number' ? Math.floor(value / 2 ** (32 - length)) : value >> BigInt(128 - length);
}

/** Bits of a prefix that count; -1 when it is none. */
export function lengthOf(text: string): number {
  return prefixOf(text)?.length ?? -1;
}

export function isAddress(text: string): boolean {
  return !text.includes('/') && prefixOf(text) !== null;
}

/** An address or a prefix. */
export function isPrefix(text: string): boolean {
  return prefixOf(text) !== null;
}

export function versionOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

export function isMac(text: string): boolean {
  return MAC.test(text);
}
