/** Ethernet, ARP, IP, TCP and ICMP headers at their edges: every option, every type, lengths and versions that cannot be. */
import {
  arp,
  asPayload,
  ethernet,
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
  onesSum,
  synOptions,
  tcp,
  udp,
  vxlan,
  type IcmpErrorFields,
  type Part,
  type Payload,
} from '../support/packets.js';
import { LINKTYPE_ETHERNET, message, NAME, v4, v6, type MadeFrame } from './made-parts.js';

type Case = readonly [name: string, octets: Uint8Array, ...problems: string[]];

const SYN = tcp({ srcPort: 40_000, dstPort: 80, seq: 0xfffffff0, flags: 2, options: synOptions(77) });
const ECHO = icmpEcho({ id: 0x1e17, seq: 3 });
const UDP = udp({ srcPort: 1000, dstPort: 2000 }, hex('0102030405'));
const HOSTS = { src: '10.0.0.1', dst: '10.0.0.2', id: 9 };
const HOSTS_6 = { src: 'fd00::1', dst: 'fd00::2' };

function as(number: number, octets: Uint8Array): Part {
  return { octets, number, checksumAt: -1, partial: false };
}

/** The same with these octets at an offset. */
function changed(octets: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = new Uint8Array(octets);
  copy.set(values, at);
  return copy;
}

function overEthernet(payload: Payload): Uint8Array {
  return ethernet({}, payload);
}

function typed(type: number, payload: Payload): Uint8Array {
  return ethernet({ type }, octetsOf(payload));
}

const IP_AT = 14;
const TCP_AT = 34;

function tcpOptions(options: string, srcPort = 7000): Uint8Array {
  return overEthernet(v4(tcp({ srcPort, dstPort: 40_000, options: hex(options) }, hex('01'))));
}

/** A segment with one octet of its header changed. */
function tcpWith(at: number, value: number): Uint8Array {
  return changed(overEthernet(v4(tcp({ srcPort: 1, dstPort: 2 }, hex('aabb')))), TCP_AT + at, value);
}

const TCP: readonly Case[] = [
  ['MSS of 0', tcpOptions('02040000')],
  ['MSS of 65535', tcpOptions('0204ffff')],
  ['MSS, twice', tcpOptions('020405b4 020405b5')],
  ['MSS of 6 octets', tcpOptions('020605b4 00000101'), 'tcp-option-length@54'],
  ['window scale of 255', tcpOptions('0303ff01')],
  ['window scale of 4 octets', tcpOptions('03040e01'), 'tcp-option-length@54'],
  ['SACK permitted, of 3 octets', tcpOptions('04030001'), 'tcp-option-length@54'],
  ['SACK of 2 blocks', tcpOptions('01010512 00000001 00000002 00000003 00000004')],
  ['SACK of 3 blocks and timestamps', tcpOptions(`0101080a0000000100000002 0101051a ${'00000001 00000002'.repeat(3)}`)],
  ['SACK, twice', tcpOptions('050a0000000a00000014 050a0000001a00000024')],
  ['SACK of 2 octets', tcpOptions('05020101'), 'tcp-option-length@54'],
  ['timestamps, twice', tcpOptions('080a0000000100000002 080a0000000300000004')],
  ['timestamps of 9 octets', tcpOptions('08090000000100000001'), 'tcp-option-length@54'],
  ['MD5 and timestamps', tcpOptions(`0101080a0000000100000002 01011312 ${'a5'.repeat(16)}`)],
  ['MD5 of 17 octets', tcpOptions(`1311 ${'a5'.repeat(15)} 010101`), 'tcp-option-length@54'],
  ['AO of 20 octets', tcpOptions(`1d14 0102 ${'5a'.repeat(16)}`)],
  ['AO of 4 octets', tcpOptions('1d04 0102')],
  ['AO of 2 octets', tcpOptions('1d02 0101'), 'tcp-option-length@54'],
  ['multipath', tcpOptions('1e0c 0081 0102030405060708')],
  ['fast open', tcpOptions('220a 0102030405060708 0101')],
  ['multipath, of 3 octets', tcpOptions('1e03 2001')],
  ['multipath, a sequence signal that is short', tcpOptions('1e04 203f')],
  ['multipath, an address and its echo', tcpOptions('1e08 3001 0a000001 1e08 3101 0a000001')],
  ['multipath, a fast close', tcpOptions('1e0c 7000 0102030405060708')],
  ['fast open, no cookie', tcpOptions('2202 0101')],
  ['accurate ECN', tcpOptions('ac0b 000001 000002 000003 01', 7001)],
  ['accurate ECN, of 2 octets', tcpOptions('ae02 0101', 7002)],
  ['SCPS', tcpOptions('1404 0000')],
  ['SCPS of 2 octets', tcpOptions('1402 0101')],
  ['user timeout', tcpOptions('1c04 8001')],
  ['an end before options', tcpOptions('00010101')],
  ['NOPs alone', tcpOptions('01'.repeat(40))],
  [
    'every flag',
    overEthernet(v4(tcp({ srcPort: 1, dstPort: 2, flags: 0xff, options: hex('01'.repeat(40)) }, hex('aa')))),
  ],
  ['no flag', overEthernet(v4(tcp({ srcPort: 1, dstPort: 2, flags: 0 }, hex('aa'))))],
  ['reserved flags', tcpWith(12, 0x5e)],
  ['the flag of accurate ECN', tcpWith(12, 0x51)],
  ['an urgent pointer', tcpWith(19, 1)],
  ['data offset 4', tcpWith(12, 0x40), 'tcp-data-offset@34'],
  ['data offset 0', tcpWith(12, 0), 'tcp-data-offset@34'],
  ['data offset beyond the packet', tcpWith(12, 0xf0), 'tcp-data-offset@46'],
  ['19 octets', overEthernet(v4(as(6, octetsOf(SYN).subarray(0, 19)))), 'tcp-truncated@34'],
];

function icmpOfType(type: number): Uint8Array {
  return changed(overEthernet(v4(ECHO)), TCP_AT, type);
}

function refused(fields: Partial<IcmpErrorFields>, quoted: Payload = v4(SYN)): Uint8Array {
  return overEthernet(v4(icmpError({ type: 3, code: 1, ...fields }, quoted)));
}

/** An answer longer than the 128 octets that an error with extensions quotes of it. */
const LONG_ANSWER = v4(
  udp(
    { srcPort: 53, dstPort: 40_000 },
    message(7, 0x8180, '0001 0008 0000 0000', `${NAME} 0001 0001 ${'c00c 0001 0001 0000001e 0004 0a600050'.repeat(8)}`),
  ),
);

/** RFC 4884: what is quoted, its length in words of 32 bits, and an MPLS label stack as the extension. */
function extended(words: number, quoted: Payload): Uint8Array {
  const body = hex('2000 0000 0008 0101 00064140');
  const sum = 0xffff - onesSum(body);
  const extension = changed(body, 2, sum >> 8, sum & 0xff);
  const quote = new Uint8Array(128);
  quote.set(octetsOf(quoted).subarray(0, 128));
  return changed(overEthernet(v4(icmpError({ type: 3, code: 3 }, join(quote, extension)))), TCP_AT + 5, words);
}

const IN_VXLAN = v4(udp({ srcPort: 5000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 7 }, overEthernet(v4(ECHO)))));

const ICMP: readonly Case[] = [
  ...Array.from({ length: 16 }, (_, code): Case => [
    `unreachable ${code}`,
    refused({ code, mtu: code === 4 ? 1400 : 0 }),
  ]),
  ['source quench', refused({ type: 4, code: 0 })],
  ['redirect that quotes TCP', refused({ type: 5, code: 0, gateway: '10.0.0.254' })],
  ['fragment that timed out', refused({ type: 11 })],
  ['parameter problem', changed(refused({ type: 12, code: 0 }), TCP_AT + 4, 20)],
  ['MTU of 0', refused({ code: 4, mtu: 0 })],
  ...[0, 19, 20, 24, 28, 32].map((quote): Case => [`a quotation of ${quote} octets`, refused({ quote })]),
  ['8 octets of UDP', refused({ code: 3, quote: 28 }, v4(UDP))],
  ['an error in an error', refused({}, v4(icmpError({ type: 3, code: 1 }, v4(SYN))))],
  ...[28, 36, 50, 70, 78].map((quote): Case => [
    `VXLAN cut after ${quote} octets`,
    refused({ code: 3, quote }, IN_VXLAN),
  ]),
  ['IP in IP', refused({ type: 11, code: 0 }, v4(asPayload(v4(SYN))))],
  ['GRE', refused({ type: 11, code: 0 }, v4(gre({ key: 1 }, v4(SYN))))],
  ['6in4', refused({ type: 11, code: 0 }, v4(asPayload(v6(SYN))))],
  ['a first fragment', refused({ type: 11 }, ipv4({ ...HOSTS, mf: true }, UDP))],
  [
    'a later fragment',
    refused({ type: 11 }, ipv4({ ...HOSTS, fragmentOffset: 1480, protocol: 17 }, new Uint8Array(30))),
  ],
  ['IP options', refused({}, ipv4({ ...HOSTS, options: hex('94040000') }, SYN))],
  ['extensions', extended(32, v4(SYN))],
  ['extensions after an answer that is longer', extended(32, LONG_ANSWER)],
  ['extensions whose place cannot be', extended(255, v4(SYN))],
  ...[9, 10, 13, 14, 15, 16, 17, 18, 30, 40, 42, 43, 253].map((type): Case => [`type ${type}`, icmpOfType(type)]),
  ['7 octets', overEthernet(v4(as(1, hex('08000000000000')))), 'icmp-truncated@34'],
  ['ICMP in IPv6', overEthernet(v6(as(1, octetsOf(ECHO))))],
  ['ICMPv6 in IPv4', overEthernet(v4(as(58, octetsOf(icmpv6({ type: 128 }, hex('01'))))))],
];

const TARGET = new Uint8Array(ipv6Octets('fe80::1'));

function neighbour(type: number, options: string): Uint8Array {
  return overEthernet(v6(icmpv6({ type, rest: 0x60000000 }, join(TARGET, hex(options)))));
}

function extensions(nextHeader: number, octets: string, payload: Payload = SYN): Uint8Array {
  return overEthernet(ipv6({ ...HOSTS_6, nextHeader, extensions: hex(octets) }, payload));
}

const ICMPV6: readonly Case[] = [
  ['MTU of 32 bits', overEthernet(v6(icmpv6({ type: 2, rest: 0xffffffff }, v6(SYN))))],
  ...[1, 3, 4].map((type): Case => [`type ${type}`, overEthernet(v6(icmpv6({ type, code: 1 }, v6(SYN))))]),
  [
    'quotes a fragment',
    overEthernet(
      v6(
        icmpv6({ type: 3, code: 1 }, ipv6({ ...HOSTS_6, nextHeader: 44, extensions: hex('06 00 0001 000000aa') }, SYN)),
      ),
    ),
  ],
  ['quotes 44 octets', overEthernet(v6(icmpv6({ type: 1, code: 4 }, octetsOf(v6(SYN)).subarray(0, 44))))],
  ['quotes 48 octets', overEthernet(v6(icmpv6({ type: 1, code: 4 }, octetsOf(v6(SYN)).subarray(0, 48))))],
  ['solicitation without an option', neighbour(135, '')],
  ['solicitation, a nonce first', neighbour(135, '0e01 010203040506 0101 020000000001')],
  ['solicitation, an option that lies', neighbour(135, '01ff 020000000001')],
  ['solicitation, an option of no length', neighbour(135, '0100 020000000001')],
  ['solicitation without a target', overEthernet(v6(icmpv6({ type: 135 }, hex('fe80'))))],
  ['advertisement', neighbour(136, '0201 020000000001')],
  [
    'listener report',
    extensions(0, '3a 00 0502 0000 0100', icmpv6({ type: 143, rest: 1 }, join(hex('04000000'), TARGET))),
  ],
  [
    'router advertisement',
    overEthernet(
      v6(
        icmpv6(
          { type: 134, rest: 0x40400708 },
          join(hex('00000000 00000000 1803 4000 00000e10 fd00001002440000 0000000000000000 0501 0000 000005dc')),
        ),
      ),
    ),
  ],
  [
    'router advertisement with a route',
    overEthernet(
      v6(icmpv6({ type: 134, rest: 0x40000708 }, hex('00000000 00000000 1802 4008 00000e10 fd00001002440000'))),
    ),
  ],
  [
    'router advertisement, a route of no length',
    overEthernet(v6(icmpv6({ type: 134 }, hex('00000000 00000000 1800')))),
  ],
  [
    'a node information query',
    overEthernet(v6(icmpv6({ type: 139, rest: 0x0003_0000 }, join(hex('0102030405060708'), TARGET)))),
  ],
  [
    'a node information query of 8 octets',
    overEthernet(v6(icmpv6({ type: 139, rest: 0x0002_0000 }, new Uint8Array(0)))),
  ],
  ['a mobile prefix', overEthernet(v6(icmpv6({ type: 147 }, hex('0304'))))],
  ['a type that is none', overEthernet(v6(icmpv6({ type: 200 }, hex('01'))))],
];

function fragment(more: object, payload: Payload = UDP): Uint8Array {
  return overEthernet(ipv4({ ...HOSTS, mf: true, ...more }, payload));
}

const LONG_INNER = ipv4({ src: '10.1.0.1', dst: '10.1.0.2', totalLength: 1900 }, UDP);

/** RFC 1112, 2236 and 3376; DVMRP; a multicast traceroute. */
const IGMP: readonly (readonly [name: string, octets: string])[] = [
  ['version 1, a report', '12 00 0dfe e0000001'],
  ['version 2, a query', '11 64 ee9b 00000000'],
  ['version 2, a leave', '17 00 08fe e0000001'],
  ['version 3, a query of two sources', '11 64 0000 e0000009 02 7d 0002 0a000001 0a000002'],
  ['version 3, a report', '22 00 0000 0000 0001 04 00 0000 e0000009'],
  ['DVMRP', '13 05 0000 00000a03'],
  ['traceroute', '1f 0a 0000 e0000009 0a000001 0a000002 0a000003 40 000001'],
  ['of 4 octets', '11 64 ee9b'],
];

const IP: readonly Case[] = [
  ['octets after the packet', join(overEthernet(v4(ECHO)), hex('deadbeef'))],
  ['the reserved flag', changed(overEthernet(v4(ECHO)), IP_AT + 6, 0x80, 0)],
  ['every bit of flags and offset', changed(overEthernet(v4(UDP)), IP_AT + 6, 0xff, 0xff)],
  ['40 octets of options', overEthernet(ipv4({ ...HOSTS, options: new Uint8Array(40).fill(1) }, UDP))],
  ['record route', overEthernet(ipv4({ ...HOSTS, options: hex(`0727 04 ${'0a000001'.repeat(9)} 00`) }, UDP))],
  ['record route that lies', overEthernet(ipv4({ ...HOSTS, options: hex('07ff 04 00') }, UDP))],
  ['record route of no length', overEthernet(ipv4({ ...HOSTS, options: hex('0700 0400') }, UDP))],
  ['timestamps that lie', overEthernet(ipv4({ ...HOSTS, options: hex('440c ff 01 0a000001 00000001') }, UDP))],
  ['timestamps of 4 octets', overEthernet(ipv4({ ...HOSTS, options: hex('4404 0500') }, UDP))],
  ['source route', overEthernet(ipv4({ ...HOSTS, options: hex('8307 04 0a000003 00') }, UDP))],
  ['header of 4 words', changed(overEthernet(v4(ECHO)), IP_AT, 0x44), 'ipv4-header-length@14'],
  ['header of 0 words', changed(overEthernet(v4(ECHO)), IP_AT, 0x40), 'ipv4-header-length@14'],
  ['version 5', changed(overEthernet(v4(ECHO)), IP_AT, 0x55), 'ipv4-version@14'],
  ['version 6 announced as 4', typed(0x0800, v6(SYN)), 'ipv4-version@14'],
  ['version 4 announced as 6', typed(0x86dd, v4(SYN)), 'ipv6-version@14'],
  ['total length of the header alone', overEthernet(ipv4({ ...HOSTS, totalLength: 20 }, UDP)), 'udp-truncated@34'],
  ['total length of 10', overEthernet(ipv4({ ...HOSTS, totalLength: 10 }, UDP)), 'ipv4-total-length@16'],
  ['total length of 65535', overEthernet(ipv4({ ...HOSTS, totalLength: 65_535 }, UDP)), 'ipv4-total-length@16'],
  [
    'header longer than the packet',
    changed(overEthernet(ipv4({ ...HOSTS, totalLength: 33 }, UDP)), IP_AT, 0x4f),
    'ipv4-total-length@16',
  ],
  ['no octet', typed(0x0800, new Uint8Array(0)), 'ipv4-truncated@14'],
  ['UDP length of 0', overEthernet(v4(udp({ srcPort: 1, dstPort: 2, length: 0 }, hex('0102'))))],
  ['UDP length of 7', overEthernet(v4(udp({ srcPort: 1, dstPort: 2, length: 7 }, hex('0102')))), 'udp-length@38'],
  ['UDP length of 8', overEthernet(v4(udp({ srcPort: 1, dstPort: 2, length: 8 }, hex('0102'))))],
  [
    'UDP length beyond the packet',
    overEthernet(v4(udp({ srcPort: 1, dstPort: 2, length: 500 }, hex('0102')))),
    'udp-length@38',
  ],
  ['7 octets of UDP', overEthernet(v4(as(17, hex('00010002000800')))), 'udp-truncated@34'],
  ['first fragment of 8 octets', fragment({}, as(17, hex('03e807d000c80000')))],
  ['first fragment, 16 octets of TCP', fragment({}, as(6, octetsOf(SYN).subarray(0, 16)))],
  ['first fragment, 24 octets of TCP', fragment({}, as(6, octetsOf(SYN).subarray(0, 24)))],
  ['fragment in the middle', fragment({ fragmentOffset: 1480, protocol: 17 }, new Uint8Array(32))],
  ['fragment beyond 65535 octets', fragment({ mf: false, fragmentOffset: 65_528, protocol: 17 }, new Uint8Array(100))],
  ['first fragment, ICMP', fragment({}, ECHO)],
  [
    'first fragment, VXLAN',
    fragment(
      {},
      udp({ srcPort: 5, dstPort: 4789, checksum: 0, length: 2000 }, vxlan({ vni: 1 }, overEthernet(LONG_INNER))),
    ),
  ],
  ['first fragment, GRE', fragment({}, gre({}, LONG_INNER))],
  ['first fragment, IP in IP', fragment({}, asPayload(LONG_INNER))],
  [
    'fragment that begins in a TCP header',
    fragment({ mf: false, fragmentOffset: 8, protocol: 6 }, octetsOf(SYN).subarray(8)),
  ],
  ['IPv6 destination options', extensions(60, '06 00 0104 00000000')],
  ['IPv6 routing header', extensions(43, '06 02 00 01 00000000 fd000000000000000000000000000009')],
  ['IPv6 segment routing', extensions(43, '06 02 04 00 00 00 0000 fd000000000000000000000000000009')],
  [
    'IPv6, four extension headers',
    extensions(
      0,
      '3c00 0104 00000000 2b00 0104 00000000 2c02 0001 00000000 fd000000000000000000000000000009 0600 0000 000000aa',
    ),
  ],
  ['IPv6 atomic fragment', extensions(44, '06 00 0000 000000aa')],
  ['IPv6 fragment, reserved bits', extensions(44, '06 ff 0007 000000aa')],
  ['IPv6 later fragment', extensions(44, '06 00 05a9 000000aa')],
  ['IPv6 authentication header', extensions(51, `06 04 0000 00000001 00000001 ${'aa'.repeat(12)}`)],
  ['IPv6 mobility', extensions(135, '3b 00 0000 0000 0000', as(59, new Uint8Array(0)))],
  ['IPv6 mobility that lies', extensions(135, '3bff 0500 0000 0000', as(59, new Uint8Array(0)))],
  [
    'IPv6 fragment of 4 octets',
    overEthernet(ipv6({ ...HOSTS_6, nextHeader: 44 }, hex('06000000'))),
    'ipv6-extension-truncated@54',
  ],
  [
    'IPv6 routing header of 4 octets',
    overEthernet(ipv6({ ...HOSTS_6, nextHeader: 43 }, hex('06000000'))),
    'ipv6-extension-truncated@54',
  ],
  [
    'IPv6, a first fragment of extension headers alone',
    overEthernet(ipv6({ ...HOSTS_6, nextHeader: 44 }, hex('3c00 0001 000000aa 0600 0104 00000000'))),
  ],
  ['IPv6 of version 0', changed(typed(0x86dd, v6(SYN)), IP_AT, 0), 'ipv6-version@14'],
  ['IPv6 shim', extensions(140, '06 00 0000 0000 0000')],
  [
    'IPv6 segment routing before Ethernet',
    extensions(43, '8f 02 04 00 00 00 0000 fd000000000000000000000000000009', as(143, overEthernet(v4(ECHO)))),
  ],
  ['IPv6 segment routing, segments left', extensions(43, '06 02 04 01 00 00 0000 fd000000000000000000000000000009')],
  // RFC 2675
  ['IPv6 jumbogram', changed(extensions(0, '06 00 c204 00000030', SYN), IP_AT + 4, 0, 0)],
  ['IPComp of 1 octet', overEthernet(v4(as(108, hex('06'))))],
  ['ESP of 4 octets', overEthernet(v4(as(50, hex('00000101'))))],
  [
    'PGM in IP of another version',
    changed(overEthernet(v4(as(113, new Uint8Array(40)))), IP_AT, 0x35),
    'ipv4-version@14',
  ],
  ...IGMP.map(([name, octets]): Case => [
    `IGMP ${name}`,
    overEthernet(ipv4({ ...HOSTS, dst: '224.0.0.1', ttl: 1 }, as(2, hex(octets)))),
  ]),
  ['IPv6, 16 extension headers', extensions(60, `${'3c00 0104 00000000'.repeat(15)} 0600 0104 00000000`)],
  [
    'IPv6, 17 extension headers',
    extensions(60, `${'3c00 0104 00000000'.repeat(16)} 0600 0104 00000000`),
    'nesting-too-deep@182',
  ],
  ['IPv6, an extension header that lies', extensions(60, '06ff 0104 00000000'), 'ipv6-extension-truncated@54'],
  ['IPv6 payload length of 0', overEthernet(ipv6({ ...HOSTS_6, payloadLength: 0 }, SYN))],
  ['IPv6 nothing', overEthernet(ipv6({ ...HOSTS_6, nextHeader: 59 }, new Uint8Array(0)))],
  [
    'IPv6 payload length beyond the frame',
    overEthernet(ipv6({ ...HOSTS_6, payloadLength: 60_000 }, SYN)),
    'ipv6-payload-length@18',
  ],
  [
    'IPv6 payload length within a TCP header',
    overEthernet(ipv6({ ...HOSTS_6, payloadLength: 25 }, SYN)),
    'tcp-data-offset@66',
  ],
  ['IPv6 of 39 octets', typed(0x86dd, octetsOf(v6(SYN)).subarray(0, 39)), 'ipv6-truncated@14'],
  ['IPv6 class and flow', overEthernet(ipv6({ ...HOSTS_6, flowLabel: 0xfffff, trafficClass: 255 }, SYN))],
  ['IPv6 of no address', overEthernet(ipv6({ src: '::1', dst: '::' }, SYN))],
  [
    'IPv6 with IPv4 in it',
    overEthernet(
      as(
        0x86dd,
        join(hex('60000000 0028 06 40 00000000000000000000ffff0a000001 0064ff9b00000000000000000a000002'), SYN),
      ),
    ),
  ],
];

function arpOf(octets: string): Uint8Array {
  return typed(0x0806, hex(octets));
}

const LINK: readonly Case[] = [
  ['ARP, gratuitous', arpOf('0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000001')],
  ['ARP, a probe', arpOf('0001 0800 06 04 0001 020000000001 00000000 000000000000 0a000001')],
  ['ARP, padded', join(overEthernet(arp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2' })), new Uint8Array(18))],
  ['ARP over InfiniBand', arpOf(`0020 0800 14 04 0001 ${'01'.repeat(20)} 0a000001 ${'02'.repeat(20)} 0a000002`)],
  ['ARP of IPv6', arpOf(`0001 86dd 06 10 0001 020000000001 ${'fd'.repeat(16)} 020000000002 ${'fe'.repeat(16)}`)],
  [
    'ARP of hardware addresses of 255 octets',
    arpOf('0001 0800 ff 04 0001 020000000001 0a000001 000000000000 0a000002'),
  ],
  ['ARP of no addresses', arpOf('0001 0800 00 00 0001'), 'arp-truncated@14'],
  ['ARP cut short', arpOf('0001 0800 06 04 0001 020000000001'), 'arp-truncated@14'],
  ['RARP', typed(0x8035, hex('0001 0800 06 04 0003 020000000001 00000000 020000000001 00000000'))],
  ['spanning tree', typed(38, hex(`424203 ${'00'.repeat(35)}`))],
  ['IP over LLC', typed(64, join(hex('aaaa03 000000 0800'), v4(ECHO)))],
  ['a length of 1500', typed(1500, new Uint8Array(46))],
  ['a type of 1536', typed(1536, new Uint8Array(46))],
  ['13 octets', hex('020000000002 02000000000108'), 'ethernet-truncated@0'],
  ['nothing', new Uint8Array(0), 'ethernet-truncated@0'],
  ['a tag of 3 octets', typed(0x8100, hex('000508')), 'vlan-truncated@14'],
  ['a priority tag', typed(0x8100, join(hex('f000 0800'), v4(ECHO)))],
  ['a tag before a length', typed(0x8100, hex(`0007 0026 424203 ${'00'.repeat(35)}`))],
  ['a tag before IPv6', ethernet({ vlans: [7] }, v6(SYN))],
  ['a tag before ARP', ethernet({ vlans: [7] }, arp({ senderIp: '10.0.0.1', targetIp: '10.0.0.2' }))],
  ['tags of 9100', typed(0x9100, join(hex('0005 8100 0006 0800'), v4(ECHO)))],
  ['MACsec', typed(0x88e5, hex(`2e10 00000001 ${'a5'.repeat(40)}`))],
  ['PPPoE', typed(0x8864, join(hex('11 00 0001 0040 0021'), v4(ECHO)))],
  ['a loop of Ethernet', typed(0x9000, hex(`0000 0100 0000 ${'00'.repeat(40)}`))],
  ...[0x8809, 0x8808, 0x88a2, 0x888e, 0x88f7, 0x88ca, 0x886f, 0x4305, 0x8947, 0x9003].map((type): Case => [
    `a type of 0x${type.toString(16)}`,
    typed(type, new Uint8Array(46)),
  ]),
  // CDP, DTP, UDLD and VTP
  ...[0x2000, 0x2004, 0x0111, 0x2003].map((type): Case => [
    `SNAP of 0x${type.toString(16)}`,
    typed(46, join(hex('aaaa03 00000c'), new Uint8Array([type >> 8, type & 0xff]), new Uint8Array(38))),
  ]),
  ['a type of a maker', typed(0xd28b, hex(`0001 0010 ${'00'.repeat(42)}`))],
  ['ten tags', typed(0x8100, join(hex(`${'0005 8100'.repeat(9)} 0006 0800`), v4(ECHO)))],
];

export const MADE_HEADERS: readonly MadeFrame[] = Object.entries({ TCP, ICMP, ICMPv6: ICMPV6, IP, Link: LINK }).flatMap(
  ([group, cases]) =>
    cases.map(([name, octets, ...problems]) => ({
      name: `${group}: ${name}`,
      linkType: LINKTYPE_ETHERNET,
      octets,
      problems,
    })),
);
