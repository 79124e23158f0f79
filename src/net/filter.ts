import { IPv4CidrRange, IPv6CidrRange } from 'ip-num';
import type { AddressTable } from './address-table.js';
import { arpSenderIpAt, arpTargetIpAt } from '../wire/arp.js';
import { ipv4DstAt, ipv4SrcAt } from '../wire/ipv4.js';
import { ipv6DstAt, ipv6SrcAt } from '../wire/ipv6.js';
import type { PacketView } from '../wire/packet.js';
import { udpDstPort, udpSrcPort } from '../wire/udp.js';

/** A filter that cannot be understood. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError';
  /** Where in the text, from 1. */
  readonly column: number;

  constructor(column: number, message: string) {
    super(`column ${column}: ${message}`);
    this.column = column;
  }
}

/** A compiled filter. It keeps no packet and makes no object when it is asked. */
export interface PacketFilter {
  /** Whether the workload's (innermost) packet satisfies the filter. */
  matches(packet: PacketView): boolean;
  /** Whether the headers quoted in an ICMP error do; false for every other packet. */
  matchesQuoted(packet: PacketView): boolean;
  /**
   * Whether a packet does that was seen under several addresses, as translation makes them: each `host`, `net` and `port` holds
   * where it holds for any of them.
   */
  matchesAny(version: number, protocol: number, tuples: readonly Tuple[], addresses: AddressTable): boolean;
}

/** Addresses (ids) and ports (-1 without) that a packet had somewhere. */
export interface Tuple {
  readonly src: number;
  readonly dst: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** The headers under test: those of the packet, or those that its ICMP error quotes. Offsets are -1 when absent. */
interface Subject {
  view: DataView;
  /** 4, 6, or 0 without IP. */
  version: number;
  srcAt: number;
  dstAt: number;
  protocol: number;
  /** Where both ports are, when the packet has them and they were captured. */
  portsAt: number;
  /** The same packet under other addresses. */
  others: readonly Subject[];
}

type Test = (subject: Subject) => boolean;
type Direction = 'src' | 'dst' | 'either';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const MAX_NESTING = 100;

/**
 * Compiles a filter on the inner packet: `host ADDRESS`, `net ADDRESS/LENGTH` and `port NUMBER`, each after `src` or `dst` if
 * wanted; `tcp`, `udp`, `icmp`, `icmp6`, the first two also before `port`; `and`, `or`, `not` and parentheses. As in
 * tcpdump, `and` and `or` bind equally and group from the left. ARP packets satisfy `host` and `net` by the IPv4 addresses they carry.
 * @throws FilterSyntaxError
 */
export function parseFilter(text: string): PacketFilter {
  const test = new Parser(text).parse();
  const subject: Subject = { view: EMPTY, version: 0, srcAt: -1, dstAt: -1, protocol: -1, portsAt: -1, others: [] };
  return {
    matchesAny(version, protocol, tuples, addresses) {
      const [first, ...others] = tuples.map((tuple) => subjectOf(version, protocol, tuple, addresses));
      return first !== undefined && test({ ...first, others });
    },
    matches(packet) {
      subject.view = packet.view;
      if (packet.arpAt >= 0) {
        subject.version = 4;
        subject.srcAt = arpSenderIpAt(packet.arpAt);
        subject.dstAt = arpTargetIpAt(packet.arpAt);
        subject.protocol = -1;
        subject.portsAt = -1;
        return test(subject);
      }
      const whole = packet.fragmentOffset === 0 && packet.l4At >= 0 && packet.ipEnd - packet.l4At >= 4;
      setIp(subject, packet.ipAt, packet.ipVersion, packet.protocol, whole ? packet.l4At : -1);
      return test(subject);
    },
    matchesQuoted(packet) {
      if (packet.quotedIpAt < 0) return false;
      subject.view = packet.view;
      setIp(subject, packet.quotedIpAt, packet.quotedIpVersion, packet.quotedProtocol, packet.quotedL4At);
      return test(subject);
    },
  };
}

const EMPTY = new DataView(new ArrayBuffer(0));
const ADDRESS_OCTETS = 16;

/** A packet of which only its addresses and ports are known. */
function subjectOf(version: number, protocol: number, tuple: Tuple, addresses: AddressTable): Subject {
  const view = new DataView(new ArrayBuffer(2 * ADDRESS_OCTETS + 4));
  addresses.copy(tuple.src, view, 0);
  addresses.copy(tuple.dst, view, ADDRESS_OCTETS);
  const hasPorts = (protocol === TCP || protocol === UDP) && tuple.sourcePort >= 0;
  if (hasPorts) {
    view.setUint16(2 * ADDRESS_OCTETS, tuple.sourcePort);
    view.setUint16(2 * ADDRESS_OCTETS + 2, tuple.destinationPort);
  }
  const portsAt = hasPorts ? 2 * ADDRESS_OCTETS : -1;
  return { view, version, srcAt: 0, dstAt: ADDRESS_OCTETS, protocol, portsAt, others: [] };
}

function setIp(subject: Subject, ipAt: number, version: number, protocol: number, l4At: number): void {
  subject.version = ipAt < 0 ? 0 : version;
  subject.srcAt = version === 4 ? ipv4SrcAt(ipAt) : ipv6SrcAt(ipAt);
  subject.dstAt = version === 4 ? ipv4DstAt(ipAt) : ipv6DstAt(ipAt);
  subject.protocol = protocol;
  subject.portsAt = protocol === TCP || protocol === UDP ? l4At : -1;
}

interface Token {
  readonly text: string;
  readonly column: number;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = [...text.matchAll(/[()!]|&&|\|\||[^\s()!&|]+|\S/g)].map((match) => ({
      text: match[0],
      column: match.index + 1,
    }));
    this.#end = text.length + 1;
  }

  parse(): Test {
    const test = this.#expression();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new FilterSyntaxError(rest.column, `expected and or or, not "${rest.text}"`);
    return test;
  }

  #expression(): Test {
    let left = this.#operand();
    for (;;) {
      if (this.#take('and', '&&') !== null) left = both(left, this.#operand());
      else if (this.#take('or', '||') !== null) left = either(left, this.#operand());
      else return left;
    }
  }

  #operand(): Test {
    let negated = false;
    while (this.#take('not', '!') !== null) negated = !negated;
    const open = this.#take('(');
    let test;
    if (open === null) test = this.#primitive();
    else {
      if (++this.#depth > MAX_NESTING) throw new FilterSyntaxError(open.column, 'too many parentheses');
      test = this.#expression();
      if (this.#take(')') === null) throw new FilterSyntaxError(this.#column, 'expected )');
      this.#depth--;
    }
    return negated ? not(test) : test;
  }

  #primitive(): Test {
    const protocol = this.#take('tcp', 'udp', 'icmp', 'icmp6');
    if (protocol !== null) {
      const first = protocolTest(protocol.text);
      if (protocol.text.startsWith('icmp') || !this.#ahead('src', 'dst', 'port')) return first;
      const direction = this.#direction();
      if (this.#take('port') === null) throw this.#unexpected('port');
      return both(first, this.#port(direction));
    }
    const direction = this.#direction();
    const kind = this.#take('host', 'net', 'port')?.text ?? 'host';
    if (kind === 'port') return this.#port(direction);
    const value = this.#tokens[this.#at];
    // As in tcpdump, an address without a word before it is a host.
    if (value === undefined || !/^[0-9a-f.:/]*[.:]/i.test(value.text)) {
      throw this.#unexpected(
        kind === 'net' ? 'a network such as 10.244.0.0/16' : 'host, net, port, tcp, udp, icmp, not or (',
      );
    }
    this.#at++;
    if (kind === 'host' && value.text.includes('/'))
      throw new FilterSyntaxError(value.column, `write net ${value.text}`);
    return addressTest(value, direction);
  }

  #port(direction: Direction): Test {
    const token = this.#tokens[this.#at];
    const port = token !== undefined && /^\d{1,5}$/.test(token.text) ? Number(token.text) : 65536;
    if (port > 65535) throw this.#unexpected('a port from 0 to 65535');
    this.#at++;
    return portTest(port, direction);
  }

  #direction(): Direction {
    return (this.#take('src', 'dst')?.text as Direction | undefined) ?? 'either';
  }

  #take(...texts: readonly string[]): Token | null {
    if (!this.#ahead(...texts)) return null;
    return this.#tokens[this.#at++]!;
  }

  #ahead(...texts: readonly string[]): boolean {
    const token = this.#tokens[this.#at];
    return token !== undefined && texts.includes(token.text);
  }

  get #column(): number {
    return this.#tokens[this.#at]?.column ?? this.#end;
  }

  #unexpected(expected: string): FilterSyntaxError {
    const token = this.#tokens[this.#at];
    return new FilterSyntaxError(
      this.#column,
      `expected ${expected}, not ${token === undefined ? 'the end' : `"${token.text}"`}`,
    );
  }
}

function both(a: Test, b: Test): Test {
  return (subject) => a(subject) && b(subject);
}

function either(a: Test, b: Test): Test {
  return (subject) => a(subject) || b(subject);
}

function not(a: Test): Test {
  return (subject) => !a(subject);
}

function forAny(test: Test): Test {
  return (subject) => test(subject) || subject.others.some(test);
}

function protocolTest(name: string): Test {
  if (name === 'icmp') return ({ version, protocol }) => version === 4 && protocol === ICMP;
  if (name === 'icmp6') return ({ version, protocol }) => version === 6 && protocol === ICMPV6;
  const number = name === 'tcp' ? TCP : UDP;
  return ({ protocol }) => protocol === number;
}

function portTest(port: number, direction: Direction): Test {
  const src = direction !== 'dst';
  const dst = direction !== 'src';
  // TCP has its ports where UDP has them.
  return forAny(
    ({ view, portsAt }) =>
      portsAt >= 0 && ((src && udpSrcPort(view, portsAt) === port) || (dst && udpDstPort(view, portsAt) === port)),
  );
}

function addressTest({ text, column }: Token, direction: Direction): Test {
  const { version, words, masks } = prefix(text, column);
  const src = direction !== 'dst';
  const dst = direction !== 'src';
  const [a, b, c, d] = words;
  const [ma, mb, mc, md] = masks;
  const within =
    version === 4
      ? (view: DataView, at: number) => (view.getInt32(at) & ma) === a
      : (view: DataView, at: number) =>
          (view.getInt32(at) & ma) === a &&
          (view.getInt32(at + 4) & mb) === b &&
          (view.getInt32(at + 8) & mc) === c &&
          (view.getInt32(at + 12) & md) === d;
  return forAny(
    (subject) =>
      subject.version === version &&
      ((src && within(subject.view, subject.srcAt)) || (dst && within(subject.view, subject.dstAt))),
  );
}

type Words = readonly [number, number, number, number];

function prefix(text: string, column: number): { version: 4 | 6; words: Words; masks: Words } {
  const version = text.includes(':') ? 6 : 4;
  const bits = version === 4 ? 32 : 128;
  const cidr = text.includes('/') ? text : `${text}/${bits}`;
  let first: bigint;
  let length: number;
  try {
    const range = version === 4 ? IPv4CidrRange.fromCidr(cidr) : IPv6CidrRange.fromCidr(cidr);
    first = range.getFirst().getValue();
    length = Number(range.getPrefix().getValue());
  } catch {
    throw new FilterSyntaxError(column, `"${text}" is no IPv${version} ${text.includes('/') ? 'network' : 'address'}`);
  }
  const mask = (1n << BigInt(bits)) - (1n << BigInt(bits - length));
  return { version, words: signedWords(first & mask, bits), masks: signedWords(mask, bits) };
}

/** The first `bits` of an address as signed 32-bit words, as DataView.getInt32 gives them. */
function signedWords(value: bigint, bits: number): Words {
  const word = (index: number) => Number(BigInt.asIntN(32, value >> BigInt(Math.max(0, bits - 32 * (index + 1)))));
  return [word(0), word(1), word(2), word(3)];
}
