/**
 * Changes to frames that know where the headers are. A change is a few numbers, so that fast-check can take a failing list of them
 * apart; every number has a meaning for every frame.
 */
import fc from 'fast-check';
import { ArpPacket } from '../../src/wire/arp.js';
import { BgpHeader } from '../../src/wire/bgp.js';
import { Cooked2Header, CookedHeader } from '../../src/wire/cooked.js';
import { DnsHeader } from '../../src/wire/dns.js';
import { EthernetHeader } from '../../src/wire/ethernet.js';
import { GeneveHeader } from '../../src/wire/geneve.js';
import { GreHeader } from '../../src/wire/gre.js';
import { IcmpHeader } from '../../src/wire/icmp.js';
import { Ipv4Header } from '../../src/wire/ipv4.js';
import { Ipv6Header } from '../../src/wire/ipv6.js';
import { Layer, PacketView } from '../../src/wire/index.js';
import { NullHeader } from '../../src/wire/null-loopback.js';
import { TcpHeader } from '../../src/wire/tcp.js';
import { UdpHeader } from '../../src/wire/udp.js';
import { VlanTag } from '../../src/wire/vlan.js';
import { VxlanHeader } from '../../src/wire/vxlan.js';
import {
  asPayload,
  ethernet,
  geneve,
  gre,
  hex,
  icmpError,
  ipv4,
  ipv6,
  join,
  overVxlan,
  udp,
  view,
} from '../support/packets.js';
import { MADE_FRAMES } from '../oracle/made.js';
import type { PoolFrame } from './pool.js';

/** A frame that nothing need be right about. */
export interface FuzzFrame {
  readonly octets: Uint8Array;
  readonly originalLength: number;
  readonly linkType: number;
}

type Change =
  | { readonly kind: 'octet' | 'message'; readonly at: number; readonly value: number }
  | { readonly kind: 'field'; readonly layer: number; readonly field: number; readonly value: number }
  | { readonly kind: 'pointer'; readonly at: number; readonly target: number }
  | { readonly kind: 'cut' | 'announce'; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly octets: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly count: number; readonly times: number }
  | { readonly kind: 'splice'; readonly at: number; readonly frame: number; readonly from: number }
  | { readonly kind: 'wrap'; readonly tunnel: number }
  | { readonly kind: 'fit' }
  | { readonly kind: 'link-type'; readonly linkType: number };

/** A frame of the pool and what is done to it. */
export interface FrameRecipe {
  readonly frame: number;
  readonly changes: readonly Change[];
}

/** Values at which readers of lengths, counts and offsets go wrong; `~` values are relative to what is there. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 19, 20, 28, 40, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff, 0x7fff, 0x8000, 0xffff];
const STEP = 0x1_0000_0000;
const STEPS = [-8, -4, -1, 1, 4, 8].map((step) => STEP + 16 + step);

const value = fc.oneof(
  fc.constantFrom(...EDGES, 0xff_ffff, 0x7fff_ffff, 0xffff_ffff),
  fc.constantFrom(...STEPS),
  fc.nat(0xffff),
);
const octet = fc.oneof(fc.constantFrom(0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff), fc.nat(255));
const at = fc.nat(2000);
const LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 195, 228, 229, 276];

/** -1: the pointer itself. */
const pointerTarget = fc.oneof(fc.nat(400), fc.constant(-1));

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('field' as const), layer: fc.nat(15), field: fc.nat(15), value }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('octet' as const, 'message' as const), at, value: octet }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pointer' as const), at: fc.nat(300), target: pointerTarget }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'announce' as const), length: fc.nat(400) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      at: fc.nat(300),
      octets: fc.uint8Array({ maxLength: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat(300), count: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('repeat' as const),
      at: fc.nat(300),
      count: fc.integer({ min: 1, max: 60 }),
      times: fc.oneof(fc.nat(8), fc.nat(3000)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('splice' as const), at: fc.nat(300), frame: fc.nat(), from: fc.nat(300) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wrap' as const), tunnel: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fit' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('link-type' as const),
      linkType: fc.oneof(fc.constantFrom(...LINK_TYPES), fc.nat(65_535)),
    }),
  },
);

/** The pool begins with made frames, one of a kind; those of the samples are many and alike. */
export const frameRecipe: fc.Arbitrary<FrameRecipe> = fc.record({
  frame: fc.oneof(fc.nat(MADE_FRAMES.length - 1), fc.nat()),
  changes: fc.array(change, { maxLength: 6 }),
});

/** Longest frame that is made; repeated parts reach it. */
const LONGEST = 70_000;

export function frameOf(recipe: FrameRecipe, pool: readonly PoolFrame[]): FuzzFrame {
  let frame: FuzzFrame = pool[recipe.frame % pool.length]!;
  for (const one of recipe.changes) frame = changed(frame, one, pool);
  const octets = frame.octets.slice(0, LONGEST);
  return { octets, originalLength: Math.max(frame.originalLength, octets.length), linkType: frame.linkType };
}

/** The frame as if all of it had been captured, unless it was cut before. */
function resized(frame: FuzzFrame, octets: Uint8Array): FuzzFrame {
  const more = Math.max(frame.originalLength - frame.octets.length, 0);
  return { ...frame, octets, originalLength: octets.length + more };
}

function changed(frame: FuzzFrame, one: Change, pool: readonly PoolFrame[]): FuzzFrame {
  const { octets } = frame;
  const size = octets.length;
  const place = (wanted: number): number => (size === 0 ? 0 : wanted % size);
  switch (one.kind) {
    case 'octet':
      return { ...frame, octets: octets.map((before, index) => (index === place(one.at) ? one.value : before)) };
    case 'message':
      return { ...frame, octets: withMessageOctet(frame, one.at, () => [one.value]) };
    case 'pointer':
      return {
        ...frame,
        octets: withMessageOctet(frame, one.at, (from) => pointerTo(one.target < 0 ? from : one.target)),
      };
    case 'field':
      return { ...frame, octets: withField(frame, one.layer, one.field, one.value) };
    case 'cut':
      return { ...frame, octets: octets.slice(0, one.length) };
    case 'announce':
      return { ...frame, octets: octets.slice(0, one.length), originalLength: Math.min(one.length, size) };
    case 'insert':
      return resized(frame, join(octets.subarray(0, place(one.at)), one.octets, octets.subarray(place(one.at))));
    case 'remove':
      return resized(frame, join(octets.subarray(0, place(one.at)), octets.subarray(place(one.at) + one.count)));
    case 'repeat': {
      const from = place(one.at);
      const part = octets.subarray(from, from + one.count);
      const times = Math.min(one.times, Math.floor(LONGEST / Math.max(part.length, 1)));
      return resized(
        frame,
        join(octets.subarray(0, from), ...Array<Uint8Array>(times).fill(part), octets.subarray(from)),
      );
    }
    case 'splice': {
      const other = pool[one.frame % pool.length]!.octets;
      return resized(frame, join(octets.subarray(0, place(one.at)), other.subarray(one.from)));
    }
    case 'wrap':
      return { ...resized(frame, wrapped(octets, one.tunnel)), linkType: 1 };
    case 'fit':
      return { ...frame, octets: fitted(frame) };
    case 'link-type':
      return { ...frame, linkType: one.linkType };
  }
}

/** What is needed of a header's struct: how long its fields are, in their order. */
interface Spans {
  readonly fields: readonly { readonly span: number }[];
}

const STRUCTS: Readonly<Record<number, Spans>> = {
  [Layer.ETH]: EthernetHeader,
  [Layer.VLAN]: VlanTag,
  [Layer.SLL]: CookedHeader,
  [Layer.SLL2]: Cooked2Header,
  [Layer.NULL]: NullHeader,
  [Layer.ARP]: ArpPacket,
  [Layer.IP]: Ipv4Header,
  [Layer.IPV6]: Ipv6Header,
  [Layer.ICMP]: IcmpHeader,
  [Layer.ICMPV6]: IcmpHeader,
  [Layer.UDP]: UdpHeader,
  [Layer.TCP]: TcpHeader,
  [Layer.VXLAN]: VxlanHeader,
  [Layer.GENEVE]: GeneveHeader,
  [Layer.GRE]: GreHeader,
  [Layer.DNS]: DnsHeader,
  [Layer.BGP]: BgpHeader,
};

const packet = new PacketView();

function decoded({ octets, originalLength, linkType }: FuzzFrame): PacketView {
  packet.decodeFrame(octets, view(octets), 0, octets.length, originalLength, linkType);
  return packet;
}

/** Another value in a field of one of the headers that are found. */
function withField(frame: FuzzFrame, layer: number, field: number, value: number): Uint8Array {
  const octets = new Uint8Array(frame.octets);
  const { layerCount, layerKinds, layerAts } = decoded(frame);
  if (layerCount === 0) return octets;
  const index = layer % layerCount;
  const struct = STRUCTS[layerKinds[index]!];
  if (struct === undefined) return octets;
  const chosen = field % struct.fields.length;
  let from = layerAts[index]!;
  for (const { span } of struct.fields.slice(0, chosen)) from += span;
  const { span } = struct.fields[chosen]!;
  let before = 0;
  for (let offset = 0; offset < span; offset++) before = before * 256 + (octets[from + offset] ?? 0);
  let left = value < STEP ? value : before + value - STEP - 16;
  for (let offset = span - 1; offset >= 0; offset--) {
    if (from + offset < octets.length) octets[from + offset] = left & 0xff;
    left = Math.floor(left / 256);
  }
  return octets;
}

/** A pointer of RFC 1035 section 4.1.4. */
function pointerTo(target: number): number[] {
  return [0xc0 | ((target >> 8) & 0x3f), target & 0xff];
}

/** Lengths in the IP and UDP headers as what follows them has: what was inserted counts. */
function fitted(frame: FuzzFrame): Uint8Array {
  const octets = new Uint8Array(frame.octets);
  const write = (at: number, length: number): void => {
    if (at + 2 <= octets.length) view(octets).setUint16(at, Math.min(length, 0xffff));
  };
  const { layerCount, layerKinds, layerAts } = decoded(frame);
  for (let index = 0; index < layerCount; index++) {
    const at = layerAts[index]!;
    const length = octets.length - at;
    if (layerKinds[index] === Layer.IP) write(at + Ipv4Header.offsetOf('totalLength'), length);
    if (layerKinds[index] === Layer.IPV6) write(at + Ipv6Header.offsetOf('payloadLength'), length - Ipv6Header.span);
    if (layerKinds[index] === Layer.UDP) write(at + UdpHeader.offsetOf('length'), length);
  }
  return octets;
}

/** Other octets in what the innermost transport header carries. */
function withMessageOctet(frame: FuzzFrame, at: number, values: (from: number) => readonly number[]): Uint8Array {
  const octets = new Uint8Array(frame.octets);
  const { l4Kind, payloadAt, payloadEnd } = decoded(frame);
  const size = l4Kind < 0 ? octets.length : payloadEnd - payloadAt;
  if (size <= 0) return octets;
  const from = (l4Kind < 0 ? 0 : payloadAt) + (at % size);
  values(at % size).forEach((one, index) => {
    if (from + index < octets.length) octets[from + index] = one;
  });
  return octets;
}

const V4 = { src: '192.0.2.1', dst: '192.0.2.2', id: 7 };
const V6 = { src: 'fd00::1', dst: 'fd00::2' };
const ERSPAN = 0x88be;

/** What has room in an IP packet, with the headers of a tunnel. */
const MOST_WRAPPED = 65_000;

/** The octets as what a tunnel, or an ICMP error, carries. */
function wrapped(frame: Uint8Array, tunnel: number): Uint8Array {
  const octets = frame.slice(0, MOST_WRAPPED);
  // The inner packet without its Ethernet header, if it has one
  const type = octets.length < 14 ? 0 : view(octets).getUint16(12);
  const isV6 = type === 0x86dd;
  const inner = { octets: octets.subarray(14), number: isV6 ? 0x86dd : 0x0800, checksumAt: -1, partial: false };
  const options = hex('0102 80 01 0000000f');
  switch (tunnel) {
    case 0:
      return overVxlan({ ...V4, vni: 0xabcdef }, octets);
    case 1:
      return overVxlan({ ...V4, dstPort: 8472 }, octets);
    case 2:
      return overVxlan({ ...V4, dstPort: 5555 }, octets);
    case 3:
      return ethernet({}, ipv6(V6, udp({ srcPort: 1, dstPort: 6081 }, geneve({ vni: 3, options }, octets))));
    case 4:
      return ethernet({}, ipv4(V4, udp({ srcPort: 1, dstPort: 6081 }, geneve({ vni: 3 }, inner))));
    case 5:
      return ethernet({}, ipv4(V4, gre({ key: 1, sequence: 2, checksum: 3 }, octets)));
    case 6:
      return ethernet({ vlans: [5, 6] }, ipv4(V4, gre({ type: ERSPAN }, octets)));
    case 7:
      return ethernet({}, ipv4(V4, asPayload(inner)));
    case 8:
      return ethernet({}, ipv6(V6, asPayload(inner)));
    default:
      return ethernet({}, ipv4(V4, icmpError({ type: 3, code: 4, mtu: 1400 }, inner)));
  }
}
