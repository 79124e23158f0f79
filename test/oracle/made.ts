/** Frames of every kind that we decode, for comparing with other readers; DNS and BGP messages are those of their own tests. */
import {
  arp,
  asPayload,
  cooked,
  cooked2,
  ethernet,
  geneve,
  gre,
  hex,
  icmpEcho,
  icmpError,
  icmpv6,
  ipv4,
  ipv6,
  ipv6Octets,
  join,
  octetsOf,
  overVxlan,
  synOptions,
  tcp,
  timestampOptions,
  udp,
  vxlan,
} from '../support/packets.js';

import { MADE_BGP } from './made-bgp.js';
import { MADE_DNS } from './made-dns.js';
import { MADE_HEADERS } from './made-headers.js';
import { MADE_LINKS } from './made-links.js';
import { MADE_MESSAGES } from './made-messages.js';
import { bgpFrame, LINKTYPE_ETHERNET, MARKER, message, NAME, overTcp, v4, v6, type MadeFrame } from './made-parts.js';
import { MADE_TUNNELS } from './made-tunnels.js';

const LINKTYPE_NULL = 0;
const LINKTYPE_RAW = 101;
const LINKTYPE_COOKED = 113;
const LINKTYPE_COOKED_2 = 276;

const ANSWER_A = 'c00c 0001 0001 0000001e 0004 0a600050';
const QUERY = message(0x2589, 0x0120, '0001 0000 0000 0001', `${NAME} 0001 0001 00 0029 04d0 00000000 0000`);
export const ANSWER = message(0x2589, 0x8580, '0001 0001 0000 0000', `${NAME} 0001 0001 ${ANSWER_A}`);
export const EVERY_RECORD = message(
  0x0102,
  0x8183,
  '0001 0007 0001 0001',
  `${NAME} 00ff 0001 ${ANSWER_A}
   c00c 001c 0001 0000001e 0010 fd001000960000000000000000000080
   c00c 0005 0001 0000001e 0006 03777777 c010
   c00c 0021 0001 0000001e 000c 000a 0014 1f90 03777777 c010
   c00c 000f 0001 0000001e 0008 0007 03777777 c010
   c00c 0010 0001 0000001e 0009 0474657374 03616263
   c00c 000c 0001 0000001e 0006 03777777 c010
   c019 0006 0001 0000001e 001f 026e73 c019 0361646d c019 000007e8 00001c20 00000708 00015180 00000005
   00 0029 1000 01008000 000c 000a 0008 0102030405060708`,
);

export const BGP_OPEN = hex(
  `${MARKER} 0039 01 04 5ba0 005a 0a000001 1c 02 1a 010400010001 010400020001 0200 40024078 4104fa56ea01 4600`,
);
export const BGP_UPDATE = hex(
  `${MARKER} 0059 02 0004 180af407 0031 40010100 40020a02020000fc00fa56ea01 400304c0a80301 80040400000032
   40050400000064 c00808fc000064ffffff01 1a0af40600 0d0af0 20c0a80309`,
);
const BGP_UPDATE_6 = hex(
  `${MARKER} 0050 02 0000 0039 900e002e 0002 01 20 fd000000000000000000000000000001 fe800000000000000000000000000001
   00 40fd00001002440006 40010100 400200`,
);
const BGP_CEASE = hex(`${MARKER} 0034 03 0602 1e 6d61696e74656e616e636520e28093207265746f757220c3a02031382068`);
export const BGP_KEEPALIVE = hex(`${MARKER} 0013 04`);
const BGP_REFRESH = hex(`${MARKER} 0017 05 0001 00 01`);

const SYN = tcp({ srcPort: 40_000, dstPort: 80, seq: 0xfffffff0, flags: 2, options: synOptions(77) });
const DATA = tcp(
  { srcPort: 80, dstPort: 40_000, seq: 7, ack: 9, flags: 0x18, options: timestampOptions(5, 6) },
  hex('48545450 2f312e31'),
);
const SACK = tcp({
  srcPort: 80,
  dstPort: 40_000,
  options: hex('0101050a0000000a00000014 0101080a0000000100000002'),
});
const ODD_FLAGS = tcp({ srcPort: 80, dstPort: 40_000, flags: 0xe9, window: 0 }, hex('00'));
const ECHO = icmpEcho({ id: 0x1e17, seq: 3 });
const INNER = ethernet({ src: '02:00:00:00:00:0a', dst: '02:00:00:00:00:0b' }, v4(ECHO));
const TARGET = join(new Uint8Array(ipv6Octets('fe80::1')), hex('0101 020000000001'));

const ETHERNET: Readonly<Record<string, Uint8Array>> = {
  'echo request': ethernet({}, v4(ECHO, { df: true, tos: 0xb9 })),
  'echo reply': ethernet({}, v4(icmpEcho({ id: 1, seq: 65_535, reply: true }))),
  'TCP SYN': ethernet({}, v4(SYN)),
  'TCP data': ethernet({}, v4(DATA)),
  'TCP SACK': ethernet({}, v4(SACK)),
  'TCP odd flags': ethernet({}, v4(ODD_FLAGS)),
  UDP: ethernet({}, v4(udp({ srcPort: 1000, dstPort: 2000 }, hex('0102030405')))),
  'IP options': ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', options: hex('9404 0000') }, SYN)),
  'first fragment': ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', id: 9, mf: true }, SYN)),
  'later fragment': ethernet(
    {},
    ipv4({ src: '10.0.0.1', dst: '10.0.0.2', id: 9, fragmentOffset: 1480, protocol: 17 }, new Uint8Array(30)),
  ),
  'total length 0': ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', totalLength: 0 }, DATA)),
  'total length 0, in VXLAN and around it': ethernet(
    {},
    ipv4(
      { src: '192.0.2.1', dst: '192.0.2.2', totalLength: 0, protocol: 17 },
      udp(
        { srcPort: 4000, dstPort: 4789 },
        vxlan({ vni: 1 }, ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', totalLength: 0 }, DATA))),
      ),
    ),
  ),
  'ARP request': ethernet({ dst: 'ff:ff:ff:ff:ff:ff' }, arp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2' })),
  'ARP reply': ethernet({}, arp({ operation: 2, senderIp: '10.0.0.1', targetIp: '10.0.0.2' })),
  VLAN: ethernet({ vlans: [798] }, v4(ECHO)),
  QinQ: ethernet({ vlans: [5, 4094] }, v4(ECHO)),
  'IPv6 TCP': ethernet({}, v6(SYN)),
  'IPv6 echo': ethernet({}, v6(icmpv6({ type: 128, rest: 0x00070001 }, new Uint8Array(20)))),
  'IPv6 neighbour solicitation': ethernet({}, v6(icmpv6({ type: 135 }, TARGET))),
  'IPv6 packet too big': ethernet({}, v6(icmpv6({ type: 2, rest: 1280 }, v6(SYN)))),
  'IPv6 hop-by-hop': ethernet(
    {},
    ipv6({ src: 'fe80::1', dst: 'ff02::16', nextHeader: 0, extensions: hex('06 00 0502 0000 0100') }, SYN),
  ),
  'IPv6 first fragment': ethernet(
    {},
    ipv6({ src: 'fe80::1', dst: 'fe80::2', nextHeader: 44, extensions: hex('06 00 0001 000000aa') }, SYN),
  ),
  'IPv6 later fragment': ethernet(
    {},
    ipv6({ src: 'fe80::1', dst: 'fe80::2', nextHeader: 44, extensions: hex('11 00 05a8 000000aa') }, hex('0102030405')),
  ),
  'unreachable port': ethernet(
    {},
    v4(icmpError({ type: 3, code: 3 }, v4(udp({ srcPort: 40_000, dstPort: 53 }, QUERY)))),
  ),
  'unreachable, 8 octets': ethernet({}, v4(icmpError({ type: 3, code: 1, quote: 28 }, v4(SYN)))),
  'fragmentation needed': ethernet({}, v4(icmpError({ type: 3, code: 4, mtu: 1400 }, v4(DATA)))),
  'time exceeded': ethernet({}, v4(icmpError({ type: 11, code: 0 }, v4(ECHO)))),
  redirect: ethernet({}, v4(icmpError({ type: 5, code: 1, gateway: '10.0.0.254' }, v4(ECHO)))),
  'unreachable tunnel': ethernet(
    {},
    v4(
      icmpError({ type: 3, code: 0 }, v4(udp({ srcPort: 5000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 7 }, INNER)))),
    ),
  ),
  VXLAN: overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', vni: 4096 }, INNER),
  'VXLAN of flannel': overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', dstPort: 8472 }, ethernet({}, v4(DATA))),
  'VXLAN in VXLAN': overVxlan(
    { src: '192.0.2.1', dst: '192.0.2.2' },
    overVxlan({ src: '198.51.100.1', dst: '198.51.100.2', vni: 9 }, ethernet({}, v4(SYN))),
  ),
  Geneve: ethernet(
    {},
    v4(udp({ srcPort: 5000, dstPort: 6081 }, geneve({ vni: 11, options: hex('0102 80 01 0000000f') }, INNER))),
  ),
  GRE: ethernet({}, v4(gre({ key: 77, sequence: 5 }, v4(DATA)))),
  'GRE with Ethernet': ethernet({}, v4(gre({}, INNER))),
  'IP in IP': ethernet({}, v4(asPayload(v4(DATA)))),
  '6in4': ethernet({}, v4(asPayload(v6(SYN)))),
  'DNS query': ethernet({}, v4(udp({ srcPort: 40_000, dstPort: 53 }, QUERY))),
  'DNS answer': ethernet({}, v4(udp({ srcPort: 53, dstPort: 40_000 }, ANSWER))),
  'DNS, every record': ethernet({}, v4(udp({ srcPort: 53, dstPort: 40_000 }, EVERY_RECORD))),
  'DNS over TCP': ethernet({}, v4(tcp({ srcPort: 53, dstPort: 40_000, flags: 0x18 }, overTcp(ANSWER, EVERY_RECORD)))),
  'BGP OPEN': bgpFrame(BGP_OPEN),
  'BGP messages': bgpFrame(BGP_KEEPALIVE, BGP_UPDATE, BGP_REFRESH),
  'BGP IPv6': bgpFrame(BGP_UPDATE_6),
  'BGP cease': ethernet({}, v4(tcp({ srcPort: 179, dstPort: 40_000, flags: 0x18 }, BGP_CEASE))),
};

/** What networks are full of: other readers' lines about it have one form. */
export const USUAL_FRAMES: readonly MadeFrame[] = [
  ...Object.entries(ETHERNET).map(([name, octets]) => ({ name, linkType: LINKTYPE_ETHERNET, octets })),
  { name: 'raw IPv4', linkType: LINKTYPE_RAW, octets: octetsOf(v4(DATA)) },
  { name: 'raw IPv6', linkType: LINKTYPE_RAW, octets: octetsOf(v6(SYN)) },
  { name: 'loopback', linkType: LINKTYPE_NULL, octets: join(hex('02000000'), v4(DATA)) },
  { name: 'cooked', linkType: LINKTYPE_COOKED, octets: cooked({}, v4(DATA)) },
  { name: 'cooked v2', linkType: LINKTYPE_COOKED_2, octets: cooked2({ interfaceIndex: 10 }, v4(DATA)) },
];

export const MADE_FRAMES: readonly MadeFrame[] = [
  ...USUAL_FRAMES,
  ...MADE_TUNNELS,
  ...MADE_MESSAGES,
  ...MADE_DNS,
  ...MADE_BGP,
  ...MADE_HEADERS,
  ...MADE_LINKS,
];
