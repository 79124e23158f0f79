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
  frame('VXLAN, every bit set', inVxlan({ vni: 0xffffff, flags: 0xff, reserved1: 0xffffff, reserved2: 0xff }), [
    'vxlan-flags@42',
    'vxlan-reserved@43',
  ]),
  frame('Geneve with an option longer than the options', inGeneve('0102 80 1f 0000000f'), ['geneve-option-length@50']),
  frame('Geneve of version 1', geneveOfVersion(1), ['geneve-version@42']),
  frame('Geneve with options longer than the datagram', geneveWithLength(0x3f), ['geneve-truncated@42']),
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
