/** DNS and BGP messages that are rare, and those that lie: names that go round, counts and lengths that promise too much. */
import { ethernet, hex, tcp } from '../support/packets.js';
import {
  bgpFrame,
  dnsAnswer,
  LINKTYPE_ETHERNET,
  MARKER,
  message,
  NAME,
  overTcp,
  v4,
  type MadeFrame,
} from './made-parts.js';

function frame(name: string, octets: Uint8Array, problems: readonly string[] = []): MadeFrame {
  return { name, linkType: LINKTYPE_ETHERNET, octets, problems };
}

const QUESTION = `${NAME} 0001 0001`;
/** Ethernet, IPv4 and UDP: where a DNS message begins. */
const RECORD = 'c00c 0001 0001 0000001e 0004 0a600050';
const HEADER_ONLY = message(1, 0x8180, '0000 0000 0000 0000', '');

function answer(records: string, counts = '0001 0001 0000 0000'): Uint8Array {
  return dnsAnswer(message(0x0102, 0x8180, counts, `${QUESTION} ${records}`));
}

function text(value: string): string {
  return Buffer.from(value).toString('hex');
}

function txt(...strings: string[]): string {
  const data = strings.map((one) => Buffer.of(Buffer.byteLength(one)).toString('hex') + text(one)).join('');
  return `c00c 0010 0001 00000000 ${(data.length / 2).toString(16).padStart(4, '0')} ${data}`;
}

const DNS: readonly MadeFrame[] = [
  frame('DNS of a header alone', dnsAnswer(HEADER_ONLY)),
  frame('DNS update', dnsAnswer(message(7, 0x2800, '0001 0000 0000 0000', '05 6c6f63616c 00 0006 0001'))),
  frame('DNS notify', dnsAnswer(message(7, 0x2400, '0001 0000 0000 0000', '05 6c6f63616c 00 0006 0001'))),
  frame(
    'DNS of another class',
    dnsAnswer(message(7, 0x0100, '0001 0000 0000 0000', '0776657273696f6e 0462696e64 00 0010 0003')),
  ),
  frame('DNS types without a name', answer('c00c fff0 0001 00000000 0003 010203')),
  frame('DNS SVCB, RRSIG, TSIG as data', answer('c00c 0040 0001 00000001 0003 000000', '0001 0001 0000 0000')),
  frame('DNS text for a terminal', answer(txt('\u001b]0;title\u0007', '<script>', 'a\r\nb', '\u202egnp'))),
  frame(
    'DNS name for a terminal',
    dnsAnswer(message(7, 0x0100, '0001 0000 0000 0000', '04 1b5b326a 03 3c623e 00 0001 0001')),
  ),
  frame('DNS extended rcode', answer('00 0029 04d0 01000000 0000', '0001 0000 0000 0001')),
  frame('DNS pointer to itself', answer('c02c 0001 0001 0000001e 0004 0a600050'), ['dns-pointer-loop@86']),
  frame('DNS pointer forward', answer('c02e 0001 0001 0000001e 0004 0a600050'), ['dns-pointer-loop@86']),
  frame('DNS pointers in a ring', answer('c02e c02c 0001 0001 0000001e 0004'), ['dns-pointer-loop@86']),
  frame('DNS pointer beyond the message', answer('ffff 0001 0001 0000001e 0004 0a600050'), ['dns-pointer-loop@86']),
  frame('DNS pointer into the header', answer('c004 0001 0001 0000001e 0004 0a600050'), ['dns-label@86']),
  frame('DNS label of a kind that is none', answer('41 61 00 0001 0001 0000001e 0004 0a600050'), ['dns-label@86']),
  frame(
    'DNS name of too many octets',
    answer(`${`3f${'61'.repeat(63)}`.repeat(4)} 00 0001 0001 0000001e 0004 0a600050`),
    ['dns-label@86'],
  ),
  frame('DNS counts that lie', answer(RECORD, '0001 ffff ffff ffff'), ['dns-count@48']),
  frame('DNS data longer than the message', answer('c00c 0001 0001 0000001e ffff 0a600050'), ['dns-truncated@96']),
  frame('DNS address of 3 octets', answer('c00c 0001 0001 0000001e 0003 0a6000'), ['dns-truncated@96']),
  frame('DNS name longer than its data', answer('c00c 0005 0001 0000001e 0002 0461'), ['dns-truncated@96']),
  frame(
    'DNS over TCP, many messages',
    ethernet(
      {},
      v4(
        tcp(
          { srcPort: 53, dstPort: 40_000, flags: 0x18 },
          overTcp(
            ...Array.from({ length: 12 }, (_, index) =>
              message(index, 0x8180, '0001 0001 0000 0000', `${QUESTION} ${RECORD}`),
            ),
          ),
        ),
      ),
    ),
  ),
];

/** A BGP message of a type; its length is right unless one is given. */
function bgp(type: number, body: string, length?: number): Uint8Array {
  const octets = hex(body);
  const announced = length ?? 19 + octets.length;
  return hex(`${MARKER} ${announced.toString(16).padStart(4, '0')} 0${type} ${body}`);
}

/** An UPDATE with these path attributes and IPv4 routes. */
function update(attributes: string, routes = ''): Uint8Array {
  return bgp(2, `0000 ${hex(attributes).length.toString(16).padStart(4, '0')} ${attributes} ${routes}`);
}

function evpn(...routes: string[]): string {
  const octets = routes.map((route) => hex(route));
  const parts = octets.map((one) => Buffer.from(one).toString('hex')).join('');
  const value = `0019 46 04 0a000001 00 ${parts}`;
  return `900e ${hex(value).length.toString(16).padStart(4, '0')} ${value}`;
}

const RD = '0001 0a000001 0007';
const ESI = '00 000000000000000000';
const EVPN_ROUTES = [
  `01 19 ${RD} ${ESI} 00000005 000010`,
  `02 21 ${RD} ${ESI} 00000000 30 66d1b24a0ce1 00 000064`,
  `02 25 ${RD} ${ESI} 00000000 30 66d1b24a0ce1 20 0af40105 000064`,
  `03 11 ${RD} 00000000 20 0a000001`,
  `04 17 ${RD} ${ESI} 20 0a000001`,
  `05 22 ${RD} ${ESI} 00000000 18 0af40100 00000000 000064`,
];
const END_OF_RIB = '0000 0000';
const ORIGIN = '400101 00';
const KEEPALIVE = hex(`${MARKER} 0013 04`);

const BGP: readonly MadeFrame[] = [
  frame('BGP EVPN routes', bgpFrame(update(`${ORIGIN} 400200 ${evpn(...EVPN_ROUTES)}`))),
  frame('BGP EVPN route withdrawn', bgpFrame(update(`900f 0016 0019 46 ${EVPN_ROUTES[3]}`))),
  frame('BGP end of the routes', bgpFrame(bgp(2, END_OF_RIB))),
  frame('BGP type without a name', bgpFrame(bgp(9, '00010203'))),
  frame('BGP administrative reset', bgpFrame(bgp(3, `0604 05 ${text('\u001b[2J!')}`))),
  frame('BGP shutdown of no words', bgpFrame(bgp(3, '0602 00'))),
  frame('BGP hold timer', bgpFrame(bgp(3, '0400'))),
  frame('BGP bad peer AS', bgpFrame(bgp(3, '0202 fc01'))),
  frame('BGP OPEN without parameters', bgpFrame(bgp(1, '04 5ba0 00b4 0a000001 00'))),
  frame(
    'BGP OPEN with other capabilities',
    bgpFrame(bgp(1, '04 5ba0 00b4 0a000001 18 02 16 4002 4078 0600 4600 4504 00010103 4906 03776562 0100')),
  ),
  frame('BGP keepalives', bgpFrame(...Array<Uint8Array>(20).fill(KEEPALIVE))),
  frame('BGP length of 0', bgpFrame(KEEPALIVE, bgp(2, END_OF_RIB, 0)), ['bgp-length@89']),
  frame('BGP length of 18', bgpFrame(bgp(4, '', 18)), ['bgp-length@70']),
  frame('BGP keepalive with a body', bgpFrame(bgp(4, '00')), ['bgp-length@70']),
  frame('BGP withdrawn routes longer than the message', bgpFrame(bgp(2, 'ffff 0000')), ['bgp-length@73']),
  frame('BGP attributes longer than the message', bgpFrame(bgp(2, '0000 ffff')), ['bgp-length@75']),
  frame('BGP attribute longer than the attributes', bgpFrame(update('4001ff 00')), ['bgp-length@77']),
  frame('BGP attributes of no length, again and again', bgpFrame(update('c0ff00'.repeat(100)))),
  frame('BGP reachable routes of no length', bgpFrame(update('800e 00')), ['bgp-length@77']),
  frame('BGP next hop longer than its attribute', bgpFrame(update('800e 05 0001 01 ff 00')), ['bgp-length@77']),
  frame('BGP prefix of 33 bits', bgpFrame(update(ORIGIN, '21 0a00000000')), ['bgp-length@81']),
  frame('BGP words longer than the message', bgpFrame(bgp(3, '0602 ff 61')), ['bgp-length@75']),
  frame('BGP capability longer than its parameter', bgpFrame(bgp(1, '04 5ba0 00b4 0a000001 04 02 02 01ff')), [
    'bgp-length@85',
  ]),
];

export const MADE_MESSAGES: readonly MadeFrame[] = [...DNS, ...BGP];
