/** Frames of the link types that only captures have. */
import { cooked, cooked2, hex, join, octetsOf, tcp, type Part } from '../support/packets.js';
import { v4, v6, type MadeFrame } from './made-parts.js';

type Case = readonly [name: string, octets: Uint8Array, ...problems: string[]];

const DATA = tcp({ srcPort: 80, dstPort: 40_000, flags: 0x18 }, hex('48545450'));
const STP = hex(`424203 ${'00'.repeat(35)}`);

function as(number: number, octets: Uint8Array): Part {
  return { octets, number, checksumAt: -1, partial: false };
}

/** A part of an NFLOG header. */
function part(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array((value.length + 7) & ~3);
  const view = new DataView(octets.buffer);
  view.setUint16(0, value.length + 4, true);
  view.setUint16(2, type, true);
  octets.set(value, 4);
  return octets;
}

/** Octets of no version of IP. */
const NEITHER = hex('00112233445566778899aabbccddeeff00112233');

const RAW: readonly Case[] = [
  ['IPv4', octetsOf(v4(DATA))],
  ['IPv6', octetsOf(v6(DATA))],
  ['nothing', new Uint8Array(0), 'ipv4-truncated@0'],
  ['neither', NEITHER, 'ipv4-version@0'],
];

function loopback(family: number, littleEndian: boolean): Uint8Array {
  const header = new DataView(new ArrayBuffer(4));
  header.setUint32(0, family, littleEndian);
  return join(new Uint8Array(header.buffer), family === 2 ? v4(DATA) : v6(DATA));
}

const COOKED: readonly Case[] = [
  ...[0, 1, 2, 3, 4, 7].map((packetType): Case => [`packet type ${packetType}`, cooked({ packetType }, v4(DATA))]),
  ['loopback', cooked({ hardwareType: 772 }, v4(DATA))],
  ['a GRE device', cooked({ hardwareType: 778 }, v4(DATA))],
  ['an address of 4 octets', join(hex('0000 0300 0004 c0a8030100000000 0800'), v4(DATA))],
  ['an address of 20 octets', join(hex('0000 0020 0014 0102030405060708 0800'), v4(DATA))],
  ['a tag', cooked({ protocol: 0x8100 }, as(0, join(hex('0005 0800'), v4(DATA))))],
  ['LLC', cooked({ protocol: 4 }, as(0, STP))],
  ['CAN', cooked({ protocol: 12, hardwareType: 280 }, as(0, hex('00000123 04000000 0102030400000000')))],
  ['netlink', cooked({ protocol: 0, hardwareType: 824 }, as(0, hex(`1400000012000103 ${'00'.repeat(12)}`)))],
  ['15 octets', hex('0000 0001 0006 0200000000010000 08'), 'cooked-truncated@0'],
  ['a header alone', hex('0000 0001 0006 0200000000010000 0800'), 'ipv4-truncated@16'],
];

const COOKED_2: readonly Case[] = [
  ...[0, 1, 2, 3, 4, 7].map((packetType): Case => [`packet type ${packetType}`, cooked2({ packetType }, v6(DATA))]),
  ['the last interface', cooked2({ interfaceIndex: 0xffffffff }, v4(DATA))],
  ['a tag', cooked2({ protocol: 0x8100 }, as(0, join(hex('0005 0800'), v4(DATA))))],
  ['LLC', cooked2({ protocol: 4 }, as(0, STP))],
  ['netlink', cooked2({ protocol: 0, hardwareType: 824 }, as(0, hex(`1400000012000103 ${'00'.repeat(12)}`)))],
  ['19 octets', hex('0800 0000 00000001 0001 00 06 02000000000100'), 'cooked-truncated@0'],
];

const NFLOG: readonly Case[] = [
  ['IPv4', join(hex('02 00 0001'), part(1, hex('08000100')), part(10, hex('6800')), part(9, octetsOf(v4(DATA))))],
  ['IPv6', join(hex('0a 00 0001'), part(9, octetsOf(v6(DATA))))],
  ['no packet', join(hex('02 00 0001'), part(1, hex('08000100')))],
  ['a part of no length', hex('02 00 0001 0000 0900')],
  ['3 octets', hex('02 00 00'), 'nflog-truncated@0'],
];

const GROUPS: readonly (readonly [linkType: number, cases: readonly Case[]])[] = [
  [12, RAW],
  [14, RAW],
  [101, RAW],
  [
    228,
    [
      ['IPv4', octetsOf(v4(DATA))],
      ['IPv6', octetsOf(v6(DATA)), 'ipv4-version@0'],
      ['neither', NEITHER, 'ipv4-version@0'],
    ],
  ],
  [
    229,
    [
      ['IPv6', octetsOf(v6(DATA))],
      ['IPv4', octetsOf(v4(DATA)), 'ipv6-version@0'],
      ['neither', join(NEITHER, NEITHER), 'ipv6-version@0'],
    ],
  ],
  [
    0,
    [2, 24, 28, 30].flatMap((family): Case[] => [
      [`family ${family}, little endian`, loopback(family, true)],
      [`family ${family}, big endian`, loopback(family, false)],
    ]),
  ],
  [108, [2, 24, 28, 30].map((family): Case => [`family ${family}`, loopback(family, false)])],
  [113, COOKED],
  [276, COOKED_2],
  [239, NFLOG],
];

export const MADE_LINKS: readonly MadeFrame[] = GROUPS.flatMap(([linkType, cases]) =>
  cases.map(([name, octets, ...problems]) => ({ name: `link type ${linkType}: ${name}`, linkType, octets, problems })),
);
