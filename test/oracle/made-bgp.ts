/** BGP messages of every type, path attributes and routes of the families that are read, and lengths that lie. */
import { ethernet, hex, join, tcp } from '../support/packets.js';
import { bgpFrame, LINKTYPE_ETHERNET, MARKER, v4, v6, type MadeFrame } from './made-parts.js';

type Case = readonly [name: string, octets: Uint8Array, ...problems: string[]];

function digits(value: number, octets: number): string {
  return value.toString(16).padStart(octets * 2, '0');
}

function lengthOf(text: string): number {
  return hex(text).length;
}

function bgp(type: number, body: string, length = 19 + lengthOf(body)): Uint8Array {
  return hex(`${MARKER} ${digits(length, 2)} ${digits(type, 1)} ${body}`);
}

function open(parameters: string): Uint8Array {
  return bgp(1, `04 5ba0 00b4 0a000001 ${digits(lengthOf(parameters), 1)} ${parameters}`);
}

/** An OPEN with these capabilities in one parameter. */
function capable(...capabilities: readonly (readonly [code: number, data: string])[]): Uint8Array {
  const parts = capabilities.map(([code, data]) => `${digits(code, 1)} ${digits(lengthOf(data), 1)} ${data}`).join(' ');
  return open(`02 ${digits(lengthOf(parts), 1)} ${parts}`);
}

function update(withdrawn: string, attributes: string, routes = ''): Uint8Array {
  return bgp(
    2,
    `${digits(lengthOf(withdrawn), 2)} ${withdrawn} ${digits(lengthOf(attributes), 2)} ${attributes} ${routes}`,
  );
}

function attribute(flags: number, code: number, data: string): string {
  const octets = (flags & 0x10) === 0 ? 1 : 2;
  return `${digits(flags, 1)} ${digits(code, 1)} ${digits(lengthOf(data), octets)} ${data} `;
}

function reach(family: string, nextHop: string, routes: string): string {
  return attribute(0x90, 14, `${family} ${digits(lengthOf(nextHop), 1)} ${nextHop} 00 ${routes}`);
}

function unreach(family: string, routes: string): string {
  return attribute(0x90, 15, `${family} ${routes}`);
}

function notification(codes: string, data = ''): Uint8Array {
  return bgp(3, `${codes} ${data}`);
}

function communication(text: string): string {
  const octets = Buffer.from(text);
  return `${digits(octets.length, 1)} ${octets.toString('hex')}`;
}

const ORIGIN = attribute(0x40, 1, '00');
const AS_PATH = attribute(0x40, 2, '0202 0000fc00 fa56ea01');
const NEXT_HOP = attribute(0x40, 3, 'c0a80301');
const ROUTE = '18 0af401';
const IPV4 = '0001 01';
const IPV6 = '0002 01';
const EVPN = '0019 46';
const ADDRESS_6 = 'fd000000000000000000000000000001';
const LINK_LOCAL = 'fe800000000000000000000000000001';
const ROUTE_6 = '40 fd00001002440006';
const RD = '0001 0a000001 0007';
const ESI = '01 0011223344550102 00';
const NO_ESI = '00'.repeat(10);
const MAC = '30 0a58c0a80101';

function evpnRoute(type: number, data: string): string {
  return `${digits(type, 1)} ${digits(lengthOf(data), 1)} ${data} `;
}

/** An UPDATE with one EVPN route. */
function evpn(type: number, data: string, nextHop = '0a000001'): Uint8Array {
  return update('', `${ORIGIN}${AS_PATH}${reach(EVPN, nextHop, evpnRoute(type, data))}`);
}

function withPath(path: string): Uint8Array {
  return update('', `${ORIGIN}${attribute(0x40, 2, path)}${NEXT_HOP}`, ROUTE);
}

function withAttribute(flags: number, code: number, data: string): Uint8Array {
  return update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}${attribute(flags, code, data)}`, ROUTE);
}

const MESSAGES: readonly (readonly [name: string, message: Uint8Array, ...problems: string[]])[] = [
  ['OPEN, 4-octet AS', capable([65, 'fa56ea01'])],
  [
    'OPEN, many capabilities',
    capable(
      [1, '00010001'],
      [1, '00020001'],
      [1, '00190046'],
      [2, ''],
      [128, ''],
      [64, '0078'],
      [65, '0000fde8'],
      [69, '00010103'],
      [70, ''],
      [6, ''],
      [71, '00010180000e10'],
    ),
  ],
  ['OPEN, several labels and a domain name', capable([8, '000101 02'], [73, '03 776562 00'])],
  ['OPEN, filters and a role', capable([3, '0001 00 01 01 40 03'], [9, '00'])],
  ['OPEN, filters that lie', capable([3, '0001 00 01 ff 40'])],
  ['OPEN, no role', capable([9, ''])],
  ['OPEN, path identifiers', capable([69, '0001 01 03 0002 01 01'])],
  ['OPEN, a capability of restart that lies', capable([64, '00'], [71, '0001'])],
  ['OPEN, a parameter for authentication', open('01 03 000000')],
  ['OPEN, a parameter that is none', open('63 02 0000')],
  ['OPEN, long parameters', bgp(1, '04 5ba0 00b4 0a000001 ff ff 0009 02 0006 41 04 fa56ea01')],
  ['OPEN of version 3', bgp(1, '03 fde8 00b4 0a000001 00')],
  ['OPEN, hold time of a second', bgp(1, '04 fde8 0001 00000000 00')],
  ['OPEN, a family of two octets', capable([1, '0001'])],
  ['OPEN, an AS of two octets', capable([65, '0001']), 'bgp-length@85'],
  ['UPDATE that withdraws', update('18 0af407 00 20 0a000001 01 80', '')],
  [
    'UPDATE, every attribute',
    update(
      '180af407',
      [
        ORIGIN,
        AS_PATH,
        NEXT_HOP,
        attribute(0x80, 4, '00000032'),
        attribute(0x40, 5, '00000064'),
        attribute(0x40, 6, ''),
        attribute(0xc0, 7, '0000fc00 0a000001'),
        attribute(0xc0, 8, 'fc000064 ffffff01 ffffff02 ffff029a'),
        attribute(0x80, 9, '0a000009'),
        attribute(0x80, 10, '0a00000a 0a00000b'),
        attribute(0xc0, 16, '0002fc0000000064'),
        attribute(0xc0, 32, '0000fde8 00000001 00000002'),
        attribute(0xe0, 200, '0102'),
      ].join(''),
      `${ROUTE} 00 20 0a000001`,
    ),
  ],
  [
    'UPDATE, 2-octet AS and the 4-octet path',
    update('', `${ORIGIN}${attribute(0x40, 2, '0201 fc00')}${NEXT_HOP}${attribute(0xc0, 17, '0201 fa56ea01')}`, ROUTE),
  ],
  [
    'UPDATE, sets and confederations',
    withPath('0301 0000fc01 0402 0000fc02 0000fc03 0202 00000001 00000002 0101 00000009'),
  ],
  ['UPDATE, an empty path', withPath('')],
  ['UPDATE, a path of 2-octet AS', withPath('0202 0001 0002')],
  ['UPDATE, an extended length', update('', `${attribute(0x50, 1, '01')}${AS_PATH}${NEXT_HOP}`, ROUTE)],
  ['UPDATE, IPv4 in MP_REACH', update('', `${reach(IPV4, 'c0a80301', `${ROUTE} 20 0a000001`)}${ORIGIN}`)],
  ['UPDATE, IPv4 behind IPv6', update('', `${reach(IPV4, ADDRESS_6, ROUTE)}${ORIGIN}`)],
  ['UPDATE, IPv6', update('', `${reach(IPV6, ADDRESS_6, `${ROUTE_6} 00 80 ${ADDRESS_6} 31 fd000010024480`)}${ORIGIN}`)],
  ['UPDATE, IPv6, two next hops', update('', `${reach(IPV6, ADDRESS_6 + LINK_LOCAL, ROUTE_6)}${ORIGIN}`)],
  ['UPDATE, IPv6 behind IPv4', update('', `${reach(IPV6, '0a000001', ROUTE_6)}${ORIGIN}`), 'bgp-length@77'],
  ['UPDATE, IPv4 withdrawn', update('', unreach(IPV4, ROUTE))],
  ['UPDATE, IPv6 withdrawn', update('', unreach(IPV6, ROUTE_6))],
  ['UPDATE, IPv6, the end of the routes', update('', unreach(IPV6, ''))],
  [
    'UPDATE, VPN routes',
    update('', `${reach('0001 80', '0000000000000000 0a000001', `70 000011 0000fde800000007 0af401`)}${ORIGIN}`),
  ],
  ['UPDATE, labelled routes', update('', `${reach('0001 04', '0a000001', '30 000011 0af401')}${ORIGIN}`)],
  ['UPDATE, flow specification', update('', `${reach('0001 85', '', '04 01180af4')}${ORIGIN}`)],
  ['UPDATE, multicast', update('', `${reach('0001 02', '0a000001', ROUTE)}${ORIGIN}`)],
  ['UPDATE, AIGP', withAttribute(0x80, 26, '01 000b 0000000000000064')],
  ['UPDATE, AIGP of two parts', withAttribute(0x80, 26, '01 000b 0000000000000064 02 0004 00')],
  ['UPDATE, a validated origin', withAttribute(0xc0, 16, '4300 0000 0000 0001')],
  ['UPDATE, BGPsec', withAttribute(0x90, 33, '0008 01 00 0000fc00 ffff 01')],
  [
    'UPDATE, segment routing policy',
    update('', `${reach('0001 49', '0a000001', '60 00000001 00000064 0a000002')}${ORIGIN}`),
  ],
  ['UPDATE, AIGP whose parts lie', withAttribute(0x80, 26, '01 0000 ff ffff 01')],
  ['UPDATE, tunnel encapsulation', withAttribute(0xc0, 23, '0008 000a 01 04 12b50000 04 02 030c')],
  ['UPDATE, tunnel encapsulation that lies', withAttribute(0xc0, 23, '0008 ffff 01 ff')],
  ['UPDATE, attributes of a customer', withAttribute(0xc0, 128, '0000fde8 400101 00 40020602010000fc00')],
  ['UPDATE, attributes of a customer that lie', withAttribute(0xc0, 128, '0000fde8 4001ff 00')],
  ['UPDATE, a multicast tunnel', withAttribute(0xc0, 22, '00 06 000100 0a000001')],
  ['UPDATE, a multicast tunnel of an octet', withAttribute(0xc0, 22, '00')],
  ['UPDATE, link bandwidth', withAttribute(0xc0, 16, '4004 fc00 4cee6b28 030c 00000000 0008')],
  ['UPDATE, extended communities of 7 octets', withAttribute(0xc0, 16, '4004 fc00 4cee6b')],
  ['UPDATE, path identifiers', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '00000001 18 0af401 00000002 18 0af402')],
  ['UPDATE, one path identifier', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '00000001 18 0af401')],
  ['UPDATE, the identifier of a default route', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '00000001 00')],
  ['UPDATE, a path identifier of four octets', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '0a00000b 18 0af401')],
  ['UPDATE, a path identifier of ones', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, 'ffffffff 20 0a000001')],
  ['UPDATE, path identifiers withdrawn', update('00000001 18 0af407 00000002 18 0af408', '')],
  [
    'UPDATE, octets that both readings fit',
    update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '08 0a 08 0b 08 0c 08 0d 08 0e 08 0f 08 10'),
  ],
  ['UPDATE, octets that neither reading fits', update('', ORIGIN, '00000001 18 0af4'), 'bgp-length@86'],
  ['UPDATE, a default route among others', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '00 18 0af401 08 0a')],
  [
    'UPDATE, path identifiers before IPv6',
    update('', `${reach(IPV6, ADDRESS_6, `00000001 ${ROUTE_6} 00000002 80 ${ADDRESS_6}`)}${ORIGIN}`),
  ],
  ['UPDATE, path identifiers before IPv6, withdrawn', update('', unreach(IPV6, `00000001 ${ROUTE_6}`))],
  [
    'UPDATE, path identifiers before IPv4 in MP_REACH',
    update('', `${reach(IPV4, 'c0a80301', '00000001 18 0af401')}${ORIGIN}`),
  ],
  ['UPDATE, several labels', update('', `${reach('0001 04', '0a000001', '60 000010 000020 000031 0af401')}${ORIGIN}`)],
  ['UPDATE, labels without an end', update('', `${reach('0001 04', '0a000001', 'ff 000010 000020')}${ORIGIN}`)],
  ['UPDATE, route targets', update('', `${reach('0001 84', '0a000001', '60 0000fde8 0002 fde8 00000064')}${ORIGIN}`)],
  [
    'UPDATE, multicast VPN',
    update('', `${reach('0001 05', '0a000001', `06 16 ${RD} 0000fde8 20 0a000001 20 ef010101`)}${ORIGIN}`),
  ],
  ['UPDATE, multicast VPN that lies', update('', `${reach('0001 05', '0a000001', '07 ff 0001')}${ORIGIN}`)],
  [
    'UPDATE, VPN routes that lie',
    update('', `${reach('0001 80', '0000000000000000 0a000001', 'ff 000011 0000')}${ORIGIN}`),
  ],
  ['UPDATE, IPv6 by a link-local next hop', update('', `${reach(IPV6, LINK_LOCAL, ROUTE_6)}${ORIGIN}`)],
  [
    'UPDATE, IPv6 VPN by two next hops',
    update(
      '',
      `${reach('0002 80', `${'00'.repeat(8)}${ADDRESS_6}${'00'.repeat(8)}${LINK_LOCAL}`, `98 000011 ${RD} fd00001002440006`)}${ORIGIN}`,
    ),
  ],
  [
    'UPDATE, all families at once',
    update(
      '180af407',
      `${ORIGIN}${AS_PATH}${NEXT_HOP}${reach(IPV6, ADDRESS_6, ROUTE_6)}${unreach(IPV4, '180af409')}`,
      ROUTE,
    ),
  ],
  ['EVPN auto-discovery', evpn(1, `${RD} ${ESI} ffffffff 000000`)],
  ['EVPN MAC', evpn(2, `${RD} ${ESI} 00000000 ${MAC} 00 000100`)],
  ['EVPN MAC and IPv4', evpn(2, `${RD} ${NO_ESI} 00000000 ${MAC} 20 0a000005 000100`)],
  ['EVPN MAC and IPv6, two labels', evpn(2, `${RD} ${NO_ESI} 00000000 ${MAC} 80 ${ADDRESS_6} 000100 000200`)],
  ['EVPN multicast, AS in the distinguisher', evpn(3, '0002 fa56ea01 0007 00000000 20 0a000001')],
  ['EVPN multicast over IPv6', evpn(3, `${RD} 00000000 80 ${ADDRESS_6}`, ADDRESS_6)],
  ['EVPN segment over IPv6', evpn(4, `${RD} ${ESI} 80 ${ADDRESS_6}`, ADDRESS_6)],
  ['EVPN IPv4 prefix', evpn(5, `${RD} ${NO_ESI} 00000000 18 0af40100 0a000001 000100`)],
  [
    'EVPN IPv6 prefix',
    evpn(5, `${RD} ${NO_ESI} 00000000 40 fd001000244000060000000000000000 ${ADDRESS_6} 000100`, ADDRESS_6),
  ],
  ['EVPN, a type beyond 5', evpn(6, `${RD} 00000000 20 0a000001 20 ef010101 20 0a000001`)],
  ['EVPN, a type that is none', evpn(99, '010203')],
  [
    'EVPN withdrawn',
    update(
      '',
      unreach(
        EVPN,
        `${evpnRoute(2, `${RD} ${NO_ESI} 00000000 ${MAC} 20 0a000005 000100`)}${evpnRoute(5, `${RD} ${NO_ESI} 00000000 18 0af40100 00000000 000100`)}`,
      ),
    ),
  ],
  [
    'EVPN route longer than its attribute',
    update('', `${ORIGIN}${AS_PATH}${reach(EVPN, '0a000001', `03 ff ${RD} 00000000 20 0a000001`)}`),
    'bgp-length@107',
  ],
  ['EVPN MAC of 40 bits', evpn(2, `${RD} ${NO_ESI} 00000000 28 0a58c0a80101 00 000100`), 'bgp-length@107'],
  ['EVPN address of 31 bits', evpn(2, `${RD} ${NO_ESI} 00000000 ${MAC} 1f 0a000001 000100`), 'bgp-length@107'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 255].map(
    (code) => [`NOTIFICATION ${code}`, notification(`${digits(code, 1)} 01`)] as const,
  ),
  ['NOTIFICATION of a message that cannot be', notification('0701', '0017 05')],
  ['NOTIFICATION of a capability', notification('0207', '01 04 0001 00 01')],
  ['NOTIFICATION of an attribute', notification('0305', '400101 05')],
  ['NOTIFICATION of too many prefixes', notification('0601', '0001 01 00000064')],
  ['NOTIFICATION, a hard reset', notification('0609', `06 02 ${communication('abc')}`)],
  ['shutdown of 255 octets', notification('0602', communication('x'.repeat(255)))],
  ['shutdown of 128 octets', notification('0602', communication('y'.repeat(128)))],
  ['shutdown beyond ASCII', notification('0602', communication('Wartung \u2013 zur\u00fcck um 18h \u{1F680}'))],
  ['shutdown with a zero', notification('0602', '03 610062')],
  ['shutdown with octets after it', notification('0602', `${communication('abc')} 646566`), 'bgp-length@75'],
  ['reset by an administrator', notification('0604', communication('reset'))],
  ['no shutdown, though octets like one', notification('0603', communication('abc'))],
  ['ROUTE-REFRESH, its beginning', bgp(5, '0002 01 01')],
  ['ROUTE-REFRESH with filters', bgp(5, '0001 00 01 01 80 0001 80')],
  ['ROUTE-REFRESH of three octets', bgp(5, '0001 00'), 'bgp-length@70'],
  ['ROUTE-REFRESH before it was one', bgp(128, '0001 00 01')],
  ['type 6', bgp(6, '0001 00 01')],
  ['type 0', bgp(0, '')],
  ['type 255', bgp(255, '0102')],
  ['no marker', hex(`${'00'.repeat(16)} 0013 04`)],
  ['a message after which one has no marker', join(bgp(4, ''), hex(`${'ff'.repeat(15)}fe 0013 04`)), 'bgp-marker@73'],
  ['more than 4096 octets', update('', `${ORIGIN}${attribute(0xd0, 99, '00'.repeat(4100))}`)],
  ['octets after a KEEPALIVE', join(bgp(4, ''), hex('ffff'))],
  ['UPDATE, routes without attributes', update('', '', ROUTE)],
  [
    'UPDATE, ORIGIN of 2 octets',
    update('', `${attribute(0x40, 1, '0000')}${AS_PATH}${NEXT_HOP}`, ROUTE),
    'bgp-length@77',
  ],
  [
    'UPDATE, NEXT_HOP of 16 octets',
    update('', `${ORIGIN}${AS_PATH}${attribute(0x40, 3, ADDRESS_6)}`, ROUTE),
    'bgp-length@94',
  ],
  ['UPDATE, MULTI_EXIT_DISC of 3 octets', withAttribute(0x80, 4, '000001'), 'bgp-length@101'],
  ['UPDATE, COMMUNITIES of 5 octets', withAttribute(0xc0, 8, 'fc00006400'), 'bgp-length@101'],
  ['UPDATE, a path of more numbers than it has', withPath('02ff 0000fc00'), 'bgp-length@81'],
  ['UPDATE, a prefix with bits after it', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '17 0af4ff')],
  ['UPDATE, a route cut short', update('', `${ORIGIN}${AS_PATH}${NEXT_HOP}`, '20 0af4'), 'bgp-length@101'],
  [
    'UPDATE, an IPv6 prefix of 129 bits',
    update('', `${reach(IPV6, ADDRESS_6, `81 ${'00'.repeat(17)}`)}${ORIGIN}`),
    'bgp-length@102',
  ],
];

const CASES: readonly Case[] = [
  ...MESSAGES.map(([name, message, ...problems]): Case => [name, bgpFrame(message), ...problems]),
  ['over IPv6', ethernet({}, v6(tcp({ srcPort: 179, dstPort: 40_000, flags: 0x18 }, bgp(4, ''))))],
  ['on another port', ethernet({}, v4(tcp({ srcPort: 1790, dstPort: 40_000, flags: 0x18 }, bgp(4, ''))))],
];

export const MADE_BGP: readonly MadeFrame[] = CASES.map(([name, octets, ...problems]) => ({
  name: `BGP: ${name}`,
  linkType: LINKTYPE_ETHERNET,
  octets,
  problems,
}));
