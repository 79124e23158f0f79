import { IPv4, IPv6 } from 'ip-num';

interface Prefix {
  readonly version: 4 | 6;
  readonly value: bigint;
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
  const bits = version === 6 ? 128 : 32;
  const given = slash < 0 ? bits : /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : -1;
  if (given < 0 || given > bits || !/^[0-9a-fA-F:.]+$/.test(address)) return null;
  try {
    const parsed = version === 6 ? IPv6.fromString(address) : IPv4.fromString(address);
    return { version, value: parsed.getValue(), length: given };
  } catch {
    return null;
  }
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
  if (prefix.version !== one.version) return false;
  const rest = BigInt((prefix.version === 6 ? 128 : 32) - prefix.length);
  return prefix.value >> rest === one.value >> rest;
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
