/** Frames of every encapsulation and TCP option, and of those that lie about their lengths. */
import {
  asPayload,
  ethernet,
  geneve,
  gre,
  hex,
  icmpEcho,
  ipv4,
  join,
  octetsOf,
  overVxlan,
  tcp,
  timestampOptions,
  udp,
  vxlan,
  type Part,
  type VxlanFields,
} from '../support/packets.js';
import { LINKTYPE_ETHERNET, v4, v6, type MadeFrame } from './made-parts.js';

const DATA = tcp({ srcPort: 80, dstPort: 40_000, flags: 0x18, options: timestampOptions(5, 6) }, hex('48545450'));
const ECHO = icmpEcho({ id: 0x1e17, seq: 3 });
const INNER = ethernet({ src: '02:00:00:00:00:0a', dst: '02:00:00:00:00:0b' }, v4(ECHO));
const INNER_6 = ethernet({ src: '02:00:00:00:00:0a', dst: '02:00:00:00:00:0b' }, v6(DATA));
const NODES = { src: '192.0.2.1', dst: '192.0.2.2', id: 1 };

function inVxlan(fields: VxlanFields, frame = INNER, dstPort = 4789): Uint8Array {
  return ethernet({}, ipv4(NODES, udp({ srcPort: 50_000, dstPort, checksum: 0 }, vxlan(fields, frame))));
}

function inGpe(fields: VxlanFields, payload: Uint8Array): Uint8Array {
  return inVxlan(fields, payload, 4790);
}

function inGeneve(options: string, payload: Uint8Array | Part = INNER): Uint8Array {
  const carried = geneve({ vni: 11, options: hex(options) }, payload);
  return ethernet({}, ipv4(NODES, udp({ srcPort: 5000, dstPort: 6081 }, carried)));
}

function geneveOfVersion(version: number): Uint8Array {
  const carried = geneve({ vni: 11, version }, INNER);
  return ethernet({}, ipv4(NODES, udp({ srcPort: 5000, dstPort: 6081 }, carried)));
}

/** Geneve that announces this many words of options and has none. */
function geneveWithLength(words: number): Uint8Array {
  const carried = geneve({ vni: 11 }, hex('0102'));
  carried[0] = words;
  return ethernet({}, ipv4(NODES, udp({ srcPort: 5000, dstPort: 6081 }, carried)));
}

function withGreFlags(flags: number): Uint8Array {
  const packet = gre({}, v4(DATA));
  packet.octets.set([flags >> 8, flags & 0xff]);
  return ethernet({}, ipv4(NODES, packet));
}

function withOptions(options: string): Uint8Array {
  return ethernet({}, v4(tcp({ srcPort: 7000, dstPort: 40_000, options: hex(options) }, hex('01'))));
}

/** A label stack: 16 at the bottom under 1000 (RFC 3032). */
const LABELS = hex('003e8040 00010140');
const MPLS: Part = { octets: join(LABELS, v4(ECHO)), number: 0x8847, checksumAt: -1, partial: false };

/** An echo under this many labels. */
function labelled(labels: number): Part {
  const stack = Array.from({ length: labels }, (_, index) =>
    (((index + 100) << 12) | (index === labels - 1 ? 0x100 : 0) | 64).toString(16).padStart(8, '0'),
  );
  return number(0x8847, join(hex(stack.join('')), v4(ECHO)));
}

/** Octets that the layer before announces by this number. */
function number(value: number, octets: Uint8Array): Part {
  return { octets, number: value, checksumAt: -1, partial: false };
}

function nested(times: number, around: (inner: Part) => Part): Part {
  return times === 0 ? v4(DATA) : around(nested(times - 1, around));
}

const SOUND: Readonly<Record<string, Uint8Array>> = {
  'Geneve with options': inGeneve('0102 80 01 0000000f 0103 01 00 ffff 7f 02 0001020304050607'),
  'Geneve with the most options': inGeneve(`0102 00 1f ${'00'.repeat(124)} 0103 00 1e ${'11'.repeat(120)}`),
  'Geneve with IPv6': inGeneve('', v6(DATA)),
  'GRE with a checksum': ethernet({}, v4(gre({ checksum: 0x1234 }, v4(DATA)))),
  'GRE with everything': ethernet({}, v4(gre({ checksum: 0x1234, key: 0xffffffff, sequence: 5 }, INNER))),
  'GRE in IPv6': ethernet({}, v6(gre({ key: 0 }, v6(DATA)))),
  '4in6': ethernet({}, v6(asPayload(v4(DATA)))),
  '6in6': ethernet({}, v6(asPayload(v6(DATA)))),
  'IPv6 in VXLAN': inVxlan({ vni: 0xffffff }, INNER_6),
  'VLAN in VXLAN': inVxlan({ vni: 5 }, ethernet({ vlans: [7] }, v4(ECHO))),
  'VXLAN in GRE in IP in IP': ethernet(
    {},
    v4(asPayload(v4(gre({}, overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', vni: 9 }, INNER))))),
  ),
  'Geneve in VXLAN': inVxlan({ vni: 6 }, inGeneve('0102 80 00')),
  MPLS: ethernet({}, MPLS),
  'MPLS in GRE': ethernet({}, v4(gre({}, MPLS))),
  'MPLS in IP': ethernet({}, ipv4({ ...NODES, protocol: 137 }, MPLS)),
  ESP: ethernet({}, ipv4({ ...NODES, protocol: 50 }, hex(`00000101 00000001 ${'a5'.repeat(40)}`))),
  'ESP over UDP': ethernet({}, v4(udp({ srcPort: 4500, dstPort: 4500 }, hex(`00000101 00000001 ${'a5'.repeat(40)}`)))),
  'WireGuard data': ethernet(
    {},
    v4(udp({ srcPort: 51820, dstPort: 51820 }, hex(`04000000 00000001 0000000000000000 ${'a5'.repeat(32)}`))),
  ),
  'MPLS, three labels': ethernet({}, labelled(3)),
  'MPLS in Geneve': inGeneve('', labelled(1)),
  'MPLS in VXLAN': inVxlan({ vni: 5 }, ethernet({}, labelled(1))),
  'MPLS in GRE, multicast': ethernet({}, v4(gre({ type: 0x8848 }, labelled(1)))),
  'MPLS over UDP': ethernet({}, v4(udp({ srcPort: 50_000, dstPort: 6635 }, octetsOf(labelled(1))))),
  'GRE over UDP': ethernet({}, v4(udp({ srcPort: 50_000, dstPort: 4754 }, octetsOf(gre({}, v4(DATA)))))),
  'GRE with a sequence': ethernet({}, v4(gre({ sequence: 5 }, v4(DATA)))),
  'GRE with a key': ethernet({}, v4(gre({ key: 5 }, v4(DATA)))),
  'GRE with a checksum and a key': ethernet({}, v4(gre({ checksum: 0xbeef, key: 5 }, v4(DATA)))),
  'GRE with a checksum and a sequence': ethernet({}, v4(gre({ checksum: 0xbeef, sequence: 5 }, INNER))),
  'GRE with reserved bits': withGreFlags(0x0ff8),
  'GRE with ARP': ethernet(
    {},
    v4(gre({ type: 0x0806 }, hex('0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002'))),
  ),
  'GRE keepalive': ethernet({}, v4(gre({ type: 0 }, new Uint8Array(0)))),
  'GRE with a tag': ethernet({}, v4(gre({ type: 0x8100 }, join(hex('0005 0800'), v4(ECHO))))),
  'ERSPAN of type I': ethernet({}, v4(gre({ type: 0x88be }, INNER))),
  'ERSPAN of type II': ethernet({}, v4(gre({ type: 0x88be, sequence: 1 }, join(hex('1001 0000 00000000'), INNER)))),
  'ERSPAN of type III': ethernet(
    {},
    v4(gre({ type: 0x22eb, sequence: 1 }, join(hex('2001 0000 00000000 0000 0000'), INNER))),
  ),
  GUE: ethernet({}, v4(udp({ srcPort: 5000, dstPort: 6080 }, join(hex('00 04 0000'), octetsOf(v4(ECHO)))))),
  'Geneve with ARP': inGeneve(
    '',
    number(0x0806, hex('0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002')),
  ),
  'Geneve with a protocol that is none': inGeneve('', number(0x88b5, hex('01020304'))),
  'Geneve with a tag': inGeneve('', ethernet({ vlans: [7] }, v4(ECHO))),
  'Geneve with an option of OVN': inGeneve('0102 80 01 00010002'),
  'Geneve with reserved bits in an option': inGeneve('0102 80 e1 00010002'),
  'Geneve from its port': ethernet({}, v4(udp({ srcPort: 6081, dstPort: 5000 }, geneve({ vni: 11 }, INNER)))),
  'VXLAN on another port': inVxlan({ vni: 3 }, INNER, 9999),
  'VXLAN on the port of GPE': inVxlan({ vni: 3 }, INNER, 4790),
  'VXLAN over IPv6': ethernet({}, v6(udp({ srcPort: 50_000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 3 }, INNER)))),
  'VXLAN with two tags, behind a tag': ethernet(
    { vlans: [9] },
    v4(udp({ srcPort: 50_000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 3 }, ethernet({ vlans: [5, 6] }, v4(ECHO))))),
  ),
  'VXLAN with LLDP': inVxlan({ vni: 3 }, ethernet({ type: 0x88cc }, hex('0207040200000000010000'))),
  'VXLAN-GPE with NSH': inGpe({ vni: 1, flags: 0x0c, reserved1: 4 }, hex(`0fc60103 00000100 ${'00'.repeat(16)}`)),
  NSH: ethernet({ type: 0x894f }, number(0, join(hex(`0fc60103 00000100 ${'00'.repeat(16)}`), INNER))),
  'MPLS without a bottom': ethernet({}, number(0x8847, hex('00064040 00065040'))),
  'MPLS of 3 octets': ethernet({}, number(0x8847, hex('000640'))),
  'GRE of PPTP, with everything': ethernet({}, v4(number(47, hex('3081 880b 0004 0001 00000005 00000003 00210000')))),
  'Ethernet in IPv6': ethernet({}, v6(number(143, INNER))),
  L2TP: ethernet({}, v4(udp({ srcPort: 1701, dstPort: 1701 }, hex('c802 000c 0000 0000 0000 0000')))),
  LISP: ethernet({}, v4(udp({ srcPort: 5000, dstPort: 4341 }, join(hex('80000000 00000001'), octetsOf(v4(ECHO)))))),
  OTV: ethernet({}, v4(udp({ srcPort: 5000, dstPort: 8472 }, vxlan({ vni: 7 }, INNER)))),
  IPComp: ethernet({}, v4(number(108, hex('06 00 0002 0102')))),
  'VXLAN-GPE of version 1': inGpe({ vni: 1, flags: 0x1c, reserved1: 1 }, octetsOf(v4(DATA))),
  'IP in IP, 20 times': ethernet(
    {},
    nested(20, (inner) => v4(asPayload(inner))),
  ),
  'GRE, ten times': ethernet(
    {},
    nested(10, (inner) => v4(gre({}, inner))),
  ),
  EtherIP: ethernet({}, v4(number(97, join(hex('3000'), INNER)))),
  'authentication header': ethernet(
    {},
    v4(number(51, join(hex(`06 04 0000 00000001 00000001 ${'aa'.repeat(12)}`), DATA))),
  ),
  SCTP: ethernet({}, v4(number(132, hex('0050 9c40 00000000 00000000 01000014 00000001 00010000 000a000a 00000001')))),
  DCCP: ethernet({}, v4(number(33, hex('0050 9c40 04 00 0000 01 000000 00000000')))),
  'UDP-Lite': ethernet({}, v4(number(136, hex('0050 9c40 0008 1234 0102')))),
  OSPF: ethernet(
    {},
    v4(
      number(
        89,
        hex('02 01 002c 0a000001 00000000 0000 0000 0000000000000000 ffffff00 000a 02 01 00000028 00000000 00000000'),
      ),
    ),
  ),
  VRRP: ethernet({}, v4(number(112, hex('21 01 64 01 00 01 ba52 0a0000fe 0000000000000000')))),
  PIM: ethernet({}, v4(number(103, hex('20 00 dff0 0001 0002 0069')))),
  'a protocol that is none': ethernet({}, v4(number(253, hex('0102')))),
  IKE: ethernet(
    {},
    v4(
      udp(
        { srcPort: 4500, dstPort: 4500 },
        hex(`00000000 ${'11'.repeat(8)} ${'00'.repeat(8)} 2120220800000000 0000001c`),
      ),
    ),
  ),
  'WireGuard keepalive': ethernet({}, v4(udp({ srcPort: 1, dstPort: 51820 }, hex(`04000000 ${'a5'.repeat(28)}`)))),
  'TCP MD5': withOptions(`0101 1312 ${'a5'.repeat(16)}`),
  'TCP AO': withOptions(`1d10 0102 ${'5a'.repeat(12)}`),
  'TCP AO and timestamps': withOptions(`0101 080a 00000001 00000002 1d10 0304 ${'5a'.repeat(12)}`),
  'TCP SACK of 4 blocks': withOptions(`0101 0522 ${[1, 2, 3, 4].map((n) => `0000000${n} 0000001${n}`).join(' ')}`),
  'TCP SACK permitted': withOptions('0402 0101'),
  'TCP options after the end': withOptions('00 020405b4 000000'),
  'TCP unknown options': withOptions('c804 0102 fe04 f989 2204 aabb'),
};

const ODD: readonly MadeFrame[] = [
  frame('VXLAN with a group policy', inVxlan({ vni: 1, flags: 0x88, reserved1: 0x12 }), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  frame('VXLAN with a group policy, applied, not learnt', inVxlan({ vni: 1, flags: 0x88, reserved1: 0x48abcd }), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  // draft-ietf-nvo3-vxlan-gpe: the next protocol is Ethernet
  frame('VXLAN of the generic protocol extension', inVxlan({ vni: 1, flags: 0x0c, reserved1: 3 }), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  frame('VXLAN without the I flag', inVxlan({ vni: 1, flags: 0 }), ['vxlan-flags@42']),
  frame('VXLAN-GPE with Ethernet', inGpe({ vni: 1, flags: 0x0c, reserved1: 3 }, INNER)),
  frame('VXLAN-GPE with IPv4', inGpe({ vni: 4096, flags: 0x0c, reserved1: 1 }, octetsOf(v4(DATA)))),
  frame('VXLAN-GPE with IPv6', inGpe({ vni: 1, flags: 0x0d, reserved1: 2 }, octetsOf(v6(DATA)))),
  frame('VXLAN-GPE with a protocol that is none', inGpe({ vni: 1, flags: 0x0c, reserved1: 0x7f }, hex('01020304'))),
  frame('VXLAN-GPE with reserved bits', inGpe({ vni: 1, flags: 0x4c, reserved1: 0x010201 }, octetsOf(v4(DATA))), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  frame('VXLAN-GPE without its packet', inGpe({ vni: 1, flags: 0x0c, reserved1: 1 }, new Uint8Array(0)), [
    'ipv4-truncated@50',
  ]),
  frame(
    'VXLAN of 7 octets',
    ethernet({}, v4(udp({ srcPort: 5, dstPort: 4789, checksum: 0 }, hex('08000000 000003')))),
    ['vxlan-truncated@42'],
  ),
  frame('VXLAN without a frame', inVxlan({ vni: 3 }, new Uint8Array(0)), ['ethernet-truncated@50']),
  frame('VXLAN, the last octet set', inVxlan({ vni: 3, reserved2: 1 }), ['vxlan-reserved@43']),
  frame('Geneve of 7 octets', ethernet({}, v4(udp({ srcPort: 5, dstPort: 6081 }, hex('00006558000001')))), [
    'geneve-truncated@42',
  ]),
  frame('GRE that announces another version', ethernet({}, v4(gre({ type: 0x86dd }, octetsOf(v4(DATA))))), [
    'ipv6-version@38',
  ]),
  frame('IP in IP of zeros', ethernet({}, v4(number(4, new Uint8Array(40)))), ['ipv4-version@34']),
  frame(
    'IP in IP, 40 times',
    ethernet(
      {},
      nested(40, (inner) => v4(asPayload(inner))),
    ),
    ['nesting-too-deep@714'],
  ),
  frame('VXLAN, every bit set', inVxlan({ vni: 0xffffff, flags: 0xff, reserved1: 0xffffff, reserved2: 0xff }), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  frame('Geneve with an option longer than the options', inGeneve('0102 80 1f 0000000f'), ['geneve-option-length@50']),
  frame('Geneve of version 1', geneveOfVersion(1), ['geneve-version@42']),
  frame('Geneve with options longer than the datagram', geneveWithLength(0x3f), ['geneve-truncated@42']),
  frame(
    'GRE with a source route that lies',
    ethernet({}, v4(number(47, hex('4000 0800 0000 0000 0800 00 ff 0a000001')))),
  ),
  frame('GRE with source routes', withGreFlags(0x4000)),
  frame('GRE of PPTP', withGreFlags(0x2001)),
  frame('GRE of version 5', withGreFlags(0x0005), ['gre-version@34']),
  frame('GRE with a key that was not sent', ethernet({}, ipv4({ ...NODES, protocol: 47 }, hex('2000 0800 0000'))), [
    'gre-truncated@34',
  ]),
  frame('TCP option of length 0', withOptions('0101 0500'), ['tcp-option-length@56']),
  frame('TCP option of length 1', withOptions('0501 0000'), ['tcp-option-length@54']),
  frame('TCP option beyond the header', withOptions('0101 080a'), ['tcp-option-length@56']),
  frame('TCP option without a length', withOptions('010101 02'), ['tcp-option-length@57']),
];

function frame(name: string, octets: Uint8Array, problems: readonly string[] = []): MadeFrame {
  return { name, linkType: LINKTYPE_ETHERNET, octets, problems };
}

export const MADE_TUNNELS: readonly MadeFrame[] = [
  ...Object.entries(SOUND).map(([name, octets]) => frame(name, octets)),
  ...ODD,
];
