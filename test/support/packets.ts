/**
 * Builds packets from the header structs of src/wire, inside out:
 *
 *   ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ srcPort: 1, dstPort: 4789 }, vxlan({ vni: 1 }, frame))))
 *
 * Protocol numbers, lengths and checksums are right unless a field says otherwise.
 */
import { ArpPacket } from '../../src/wire/arp.js';
import { Cooked2Header, CookedHeader } from '../../src/wire/cooked.js';
import { EthernetHeader } from '../../src/wire/ethernet.js';
import { GeneveHeader } from '../../src/wire/geneve.js';
import { GreHeader } from '../../src/wire/gre.js';
import { IcmpHeader } from '../../src/wire/icmp.js';
import { Ipv4Header } from '../../src/wire/ipv4.js';
import { Ipv6Header } from '../../src/wire/ipv6.js';
import { TcpHeader } from '../../src/wire/tcp.js';
import { UdpHeader } from '../../src/wire/udp.js';
import { VlanTag } from '../../src/wire/vlan.js';
import { VxlanHeader } from '../../src/wire/vxlan.js';

/** Octets that know how the layer below numbers them, and where their checksum over the pseudo-header goes (-1: nowhere). */
export interface Part {
  readonly octets: Uint8Array;
  /** IP protocol number or EtherType. */
  readonly number: number;
  readonly checksumAt: number;
  /** Leave the sum of the pseudo-header, as a sender does that offloads checksums. */
  readonly partial: boolean;
}

export type Payload = Part | Uint8Array;

/** `good` computes it; `partial` leaves the pseudo-header's sum, as checksum offload does; a number is written as it is. */
export type Checksum = 'good' | 'partial' | number;

const NOTHING = new Uint8Array(0);

export function octetsOf(payload: Payload): Uint8Array {
  return payload instanceof Uint8Array ? payload : payload.octets;
}

export function join(...parts: readonly Payload[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map(octetsOf)));
}

/** Octets written as hexadecimal digits; anything else between them is passed over. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/[^0-9a-f]/gi, ''), 'hex'));
}

export function view(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

export function macOctets(text: string): number[] {
  return text.split(':').map((pair) => parseInt(pair, 16));
}

export function ipv4Octets(text: string): number[] {
  return text.split('.').map(Number);
}

export function ipv6Octets(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => parseInt(word, 16)));
  const front = words(head);
  const back = words(tail ?? '');
  const middle = new Array<number>(8 - front.length - back.length).fill(0);
  return [...front, ...middle, ...back].flatMap((word) => [word >> 8, word & 0xff]);
}

/** One's complement sum of 16-bit words, not complemented. */
export function onesSum(...parts: readonly ArrayLike<number>[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) sum += at % 2 === 0 ? part[at]! * 256 : part[at]!;
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

function withChecksum(payload: Payload, pseudoHeader: number[]): Uint8Array {
  const octets = octetsOf(payload);
  if (payload instanceof Uint8Array || payload.checksumAt < 0) return octets;
  const sum = payload.partial ? onesSum(pseudoHeader) : 0xffff - onesSum(pseudoHeader, octets);
  const filled = new Uint8Array(octets);
  // RFC 768: a computed zero is sent as all ones; TCP never computes zero
  view(filled).setUint16(payload.checksumAt, sum === 0 && payload.number === 17 ? 0xffff : sum);
  return filled;
}

function part(header: Buffer, payload: Payload, number: number): Part {
  return { octets: join(new Uint8Array(header), payload), number, checksumAt: -1, partial: false };
}

function checked(header: Buffer, payload: Payload, number: number, checksumAt: number, checksum: Checksum): Part {
  const fixed = typeof checksum === 'number';
  const plain = part(header, payload, number);
  if (fixed) view(plain.octets).setUint16(checksumAt, checksum);
  return { ...plain, checksumAt: fixed ? -1 : checksumAt, partial: checksum === 'partial' };
}

export interface EthernetFields {
  readonly src?: string;
  readonly dst?: string;
  /** EtherType; by default what the payload is. */
  readonly type?: number;
  /** VLAN identifiers, outermost first; 0x88a8 before 0x8100 when there are two. */
  readonly vlans?: readonly number[];
}

export function ethernet(fields: EthernetFields, payload: Payload): Uint8Array {
  const type = fields.type ?? (payload instanceof Uint8Array ? 0x88b5 : payload.number);
  const vlans = fields.vlans ?? [];
  const types = vlans.map((_, index) => (index < vlans.length - 1 ? 0x88a8 : 0x8100));
  const header = Buffer.alloc(EthernetHeader.span);
  EthernetHeader.encode(
    {
      dst: macOctets(fields.dst ?? '02:00:00:00:00:02'),
      src: macOctets(fields.src ?? '02:00:00:00:00:01'),
      type: types[0] ?? type,
    },
    header,
    0,
  );
  const tags = vlans.map((tci, index) => {
    const tag = Buffer.alloc(VlanTag.span);
    VlanTag.encode({ tci, type: types[index + 1] ?? type }, tag, 0);
    return new Uint8Array(tag);
  });
  return join(new Uint8Array(header), ...tags, payload);
}

export interface CookedFields {
  readonly packetType?: number;
  readonly hardwareType?: number;
  readonly protocol?: number;
  readonly interfaceIndex?: number;
}

/** LINKTYPE_LINUX_SLL, 113. */
export function cooked(fields: CookedFields, payload: Part): Uint8Array {
  const header = Buffer.alloc(CookedHeader.span);
  CookedHeader.encode(
    {
      packetType: fields.packetType ?? 0,
      hardwareType: fields.hardwareType ?? 1,
      addressLength: 6,
      address: [2, 0, 0, 0, 0, 1, 0, 0],
      protocol: fields.protocol ?? payload.number,
    },
    header,
    0,
  );
  return join(new Uint8Array(header), payload);
}

/** LINKTYPE_LINUX_SLL2, 276. */
export function cooked2(fields: CookedFields, payload: Part): Uint8Array {
  const header = Buffer.alloc(Cooked2Header.span);
  Cooked2Header.encode(
    {
      protocol: fields.protocol ?? payload.number,
      reserved: 0,
      interfaceIndex: fields.interfaceIndex ?? 1,
      hardwareType: fields.hardwareType ?? 1,
      packetType: fields.packetType ?? 0,
      addressLength: 6,
      address: [2, 0, 0, 0, 0, 1, 0, 0],
    },
    header,
    0,
  );
  return join(new Uint8Array(header), payload);
}

export interface ArpFields {
  readonly operation?: number;
  readonly senderMac?: string;
  readonly senderIp: string;
  readonly targetMac?: string;
  readonly targetIp: string;
}

export function arp(fields: ArpFields): Part {
  const packet = Buffer.alloc(ArpPacket.span);
  ArpPacket.encode(
    {
      hardwareType: 1,
      protocolType: 0x0800,
      hardwareLength: 6,
      protocolLength: 4,
      operation: fields.operation ?? 1,
      senderMac: macOctets(fields.senderMac ?? '02:00:00:00:00:01'),
      senderIp: ipv4Octets(fields.senderIp),
      targetMac: macOctets(fields.targetMac ?? '00:00:00:00:00:00'),
      targetIp: ipv4Octets(fields.targetIp),
    },
    packet,
    0,
  );
  return part(packet, NOTHING, 0x0806);
}

export interface Ipv4Fields {
  readonly src: string;
  readonly dst: string;
  /** By default what the payload is. */
  readonly protocol?: number;
  readonly tos?: number;
  readonly id?: number;
  readonly ttl?: number;
  readonly df?: boolean;
  readonly mf?: boolean;
  /** Octets, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** Options, a multiple of 4 octets. */
  readonly options?: Uint8Array;
  readonly totalLength?: number;
  readonly checksum?: number;
}

export function ipv4(fields: Ipv4Fields, payload: Payload): Part {
  const src = ipv4Octets(fields.src);
  const dst = ipv4Octets(fields.dst);
  const protocol = fields.protocol ?? (payload instanceof Uint8Array ? 253 : payload.number);
  const length = octetsOf(payload).length;
  const body = withChecksum(payload, [...src, ...dst, 0, protocol, (length >> 8) & 0xff, length & 0xff]);
  const options = fields.options ?? NOTHING;
  const headerLength = Ipv4Header.span + options.length;
  const header = Buffer.alloc(headerLength);
  Ipv4Header.encode(
    {
      versionIhl: 0x40 | (headerLength / 4),
      tos: fields.tos ?? 0,
      totalLength: fields.totalLength ?? headerLength + length,
      id: fields.id ?? 0,
      fragment:
        (fields.df === true ? 0x4000 : 0) | (fields.mf === true ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) / 8),
      ttl: fields.ttl ?? 64,
      protocol,
      checksum: 0,
      src,
      dst,
    },
    header,
    0,
  );
  header.set(options, Ipv4Header.span);
  Ipv4Header.encode({ checksum: fields.checksum ?? 0xffff - onesSum(header) }, header, 0);
  return part(header, body, 0x0800);
}

export interface Ipv6Fields {
  readonly src: string;
  readonly dst: string;
  /** By default what the payload is. */
  readonly nextHeader?: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly payloadLength?: number;
  /** Extension headers, chained by hand; `nextHeader` is then the number of the first. */
  readonly extensions?: Uint8Array;
}

export function ipv6(fields: Ipv6Fields, payload: Payload): Part {
  const src = ipv6Octets(fields.src);
  const dst = ipv6Octets(fields.dst);
  const upper = payload instanceof Uint8Array ? 253 : payload.number;
  const length = octetsOf(payload).length;
  const body = withChecksum(payload, [...src, ...dst, 0, length >> 16, (length >> 8) & 0xff, length & 0xff, 0, upper]);
  const extensions = fields.extensions ?? NOTHING;
  const header = Buffer.alloc(Ipv6Header.span);
  Ipv6Header.encode(
    {
      versionClassFlow: 0x60000000 + (fields.trafficClass ?? 0) * 0x100000 + (fields.flowLabel ?? 0),
      payloadLength: fields.payloadLength ?? extensions.length + length,
      nextHeader: fields.nextHeader ?? upper,
      hopLimit: fields.hopLimit ?? 64,
      src,
      dst,
    },
    header,
    0,
  );
  return part(header, join(extensions, body), 0x86dd);
}

export interface UdpFields {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly length?: number;
  readonly checksum?: Checksum;
}

export function udp(fields: UdpFields, payload: Payload): Part {
  const header = Buffer.alloc(UdpHeader.span);
  const { srcPort, dstPort } = fields;
  const length = fields.length ?? UdpHeader.span + octetsOf(payload).length;
  UdpHeader.encode({ srcPort, dstPort, length, checksum: 0 }, header, 0);
  return checked(header, payload, 17, 6, fields.checksum ?? 'good');
}

export interface TcpFields {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly seq?: number;
  readonly ack?: number;
  /** As in TcpFlag; by default ACK. */
  readonly flags?: number;
  readonly window?: number;
  readonly checksum?: Checksum;
  /** Options; padded to a multiple of 4 octets with END. */
  readonly options?: Uint8Array;
}

export function tcp(fields: TcpFields, payload: Payload = NOTHING): Part {
  const options = fields.options ?? NOTHING;
  const headerLength = TcpHeader.span + 4 * Math.ceil(options.length / 4);
  const header = Buffer.alloc(headerLength);
  TcpHeader.encode(
    {
      srcPort: fields.srcPort,
      dstPort: fields.dstPort,
      seq: fields.seq ?? 0,
      ack: fields.ack ?? 0,
      dataOffset: (headerLength / 4) << 4,
      flags: fields.flags ?? 16,
      window: fields.window ?? 65_535,
      checksum: 0,
      urgent: 0,
    },
    header,
    0,
  );
  header.set(options, TcpHeader.span);
  return checked(header, payload, 6, 16, fields.checksum ?? 'good');
}

/** MSS 1460, SACK permitted, timestamps, window scale 7: what Linux sends in a SYN. */
export function synOptions(timestamp = 0, mss = 1460, echo = 0): Uint8Array {
  const options = hex('020405b4 0402 080a 00000000 00000000 01 030307');
  view(options).setUint16(2, mss);
  view(options).setUint32(8, timestamp);
  view(options).setUint32(12, echo);
  return options;
}

/** NOP, NOP, timestamps. */
export function timestampOptions(value: number, echo: number): Uint8Array {
  const options = hex('0101080a 00000000 00000000');
  view(options).setUint32(4, value);
  view(options).setUint32(8, echo);
  return options;
}

function icmpMessage(type: number, code: number, rest: number, payload: Payload, checksum: number | undefined): Part {
  const header = Buffer.alloc(IcmpHeader.span);
  IcmpHeader.encode({ type, code, checksum: 0, id: Math.floor(rest / 0x10000), seq: rest % 0x10000 }, header, 0);
  IcmpHeader.encode({ checksum: checksum ?? 0xffff - onesSum(header, octetsOf(payload)) }, header, 0);
  return part(header, payload, 1);
}

export interface EchoFields {
  readonly reply?: boolean;
  readonly id: number;
  readonly seq: number;
  readonly checksum?: number;
}

export function icmpEcho(fields: EchoFields, payload: Payload = new Uint8Array(56)): Part {
  return icmpMessage(fields.reply === true ? 0 : 8, 0, fields.id * 0x10000 + fields.seq, payload, fields.checksum);
}

export interface IcmpErrorFields {
  readonly type: number;
  readonly code: number;
  /** Octets, for type 3 code 4. */
  readonly mtu?: number;
  /** For redirects. */
  readonly gateway?: string;
  /** Octets to quote, by default all. */
  readonly quote?: number;
  readonly checksum?: number;
}

/** An ICMP error that quotes this IP packet. */
export function icmpError(fields: IcmpErrorFields, quoted: Payload): Part {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4Octets(fields.gateway ?? '0.0.0.0');
  const rest = fields.gateway === undefined ? (fields.mtu ?? 0) : a * 0x1000000 + b * 0x10000 + c * 0x100 + d;
  return icmpMessage(fields.type, fields.code, rest, octetsOf(quoted).subarray(0, fields.quote), fields.checksum);
}

export interface Icmpv6Fields {
  readonly type: number;
  readonly code?: number;
  /** The 32 bits after the checksum: identifier and sequence number, MTU, flags. */
  readonly rest?: number;
  readonly checksum?: Checksum;
}

/** Any ICMPv6 message: its body is what follows the first 8 octets. */
export function icmpv6(fields: Icmpv6Fields, body: Payload = NOTHING): Part {
  const rest = fields.rest ?? 0;
  const header = Buffer.alloc(IcmpHeader.span);
  const { type, code } = { type: fields.type, code: fields.code ?? 0 };
  IcmpHeader.encode({ type, code, checksum: 0, id: Math.floor(rest / 0x10000), seq: rest % 0x10000 }, header, 0);
  return checked(header, body, 58, 2, fields.checksum ?? 'good');
}

export interface VxlanFields {
  readonly vni: number;
  readonly flags?: number;
  readonly reserved1?: number;
  readonly reserved2?: number;
}

export function vxlan(fields: VxlanFields, frame: Uint8Array): Uint8Array {
  const header = Buffer.alloc(VxlanHeader.span);
  const { vni, flags = 8, reserved1 = 0, reserved2 = 0 } = fields;
  VxlanHeader.encode({ flags, reserved1, vni, reserved2 }, header, 0);
  return join(new Uint8Array(header), frame);
}

/** VXLAN with everything around it: the frame a node sends. */
export function overVxlan(
  fields: { src: string; dst: string; vni?: number; srcPort?: number; dstPort?: number; ttl?: number; id?: number },
  frame: Uint8Array,
): Uint8Array {
  const { src, dst, vni = 1, srcPort = 50_000, dstPort = 4789, ttl = 64, id = 1 } = fields;
  const carried = vxlan({ vni }, frame);
  return ethernet({}, ipv4({ src, dst, ttl, id }, udp({ srcPort, dstPort, checksum: 0 }, carried)));
}

export interface GeneveFields {
  readonly vni: number;
  /** A multiple of 4 octets. */
  readonly options?: Uint8Array;
  readonly version?: number;
}

/** Geneve around an Ethernet frame or an IP packet. */
export function geneve(fields: GeneveFields, payload: Payload): Uint8Array {
  const options = fields.options ?? NOTHING;
  const header = Buffer.alloc(GeneveHeader.span);
  GeneveHeader.encode(
    {
      versionLength: ((fields.version ?? 0) << 6) | (options.length / 4),
      flags: 0,
      type: payload instanceof Uint8Array ? 0x6558 : payload.number,
      vni: fields.vni,
      reserved: 0,
    },
    header,
    0,
  );
  return join(new Uint8Array(header), options, payload);
}

export interface GreFields {
  readonly type?: number;
  readonly checksum?: number;
  readonly key?: number;
  readonly sequence?: number;
  readonly version?: number;
}

/** GRE around an Ethernet frame or an IP packet. */
export function gre(fields: GreFields, payload: Payload): Part {
  const words: Uint8Array[] = [];
  const word = (value: number): Uint8Array => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
  let flags = fields.version ?? 0;
  if (fields.checksum !== undefined) {
    flags |= 0x8000;
    words.push(word(fields.checksum * 0x10000));
  }
  if (fields.key !== undefined) {
    flags |= 0x2000;
    words.push(word(fields.key));
  }
  if (fields.sequence !== undefined) {
    flags |= 0x1000;
    words.push(word(fields.sequence));
  }
  const header = Buffer.alloc(GreHeader.span);
  const type = fields.type ?? (payload instanceof Uint8Array ? 0x6558 : payload.number);
  GreHeader.encode({ flags, type }, header, 0);
  return part(header, join(...words, payload), 47);
}

/** An IP packet as the payload of another: IP in IP, 6in4, 4in6. */
export function asPayload(packet: Part): Part {
  return { ...packet, number: packet.number === 0x86dd ? 41 : 4 };
}
