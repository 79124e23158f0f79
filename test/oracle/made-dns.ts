/** DNS records of every type that is read, names as packets can have them, and lengths that lie. */
import { ethernet, tcp, udp } from '../support/packets.js';
import { dnsAnswer, LINKTYPE_ETHERNET, message, NAME, overTcp, v4, v6, type MadeFrame } from './made-parts.js';

type Case = readonly [name: string, octets: Uint8Array, ...problems: string[]];

const QUESTION = `${NAME} 0001 0001`;
const NUMBERS = '00000001 00000002 00000003 00000004 ffffffff';

function digits(value: number, octets: number): string {
  return value.toString(16).padStart(octets * 2, '0');
}

function text(value: string): string {
  return Buffer.from(value).toString('hex');
}

/** Strings behind their lengths: labels, or those of a TXT record. */
function strings(...parts: string[]): string {
  return parts.map((part) => digits(Buffer.byteLength(part), 1) + text(part)).join('');
}

function record(type: number, data: string, name = 'c00c', recordClass = 1): string {
  const length = data.replace(/\s/g, '').length / 2;
  return `${name} ${digits(type, 2)} ${digits(recordClass, 2)} 0000001e ${digits(length, 2)} ${data} `;
}

function answer(records: string, counts = '0001 0001 0000 0000'): Uint8Array {
  return dnsAnswer(message(0x0102, 0x8180, counts, `${QUESTION} ${records}`));
}

/** A query for this name, given as octets. */
function query(name: string): Uint8Array {
  return dnsAnswer(message(1, 0x0100, '0001 0000 0000 0000', `${name} 0001 0001`));
}

function additional(records: string, count = 1): Uint8Array {
  return answer(records, `0001 0000 0000 ${digits(count, 2)}`);
}

function authority(records: string): Uint8Array {
  return answer(records, '0001 0000 0001 0000');
}

const REVERSE = strings('80', '0', '96', '10', 'in-addr', 'arpa');

const CASES: readonly Case[] = [
  ['three A records', answer([1, 2, 3].map((host) => record(1, `0a60000${host}`)).join(''), '0001 0003 0000 0000')],
  ['AAAA, IPv4-mapped', answer(record(28, '00000000000000000000ffff0a600050'))],
  ['AAAA, IPv4-compatible', answer(record(28, '00000000000000000000000001020304'))],
  ['AAAA, all zero', answer(record(28, '00'.repeat(16)))],
  ['AAAA, two runs of zeros', answer(record(28, '20010db8000000000001000000000001'))],
  ['AAAA, one zero', answer(record(28, '20010db8000000010001000100010001'))],
  ['CNAME of the root', answer(record(5, '00'))],
  ['CNAME, a pointer alone', answer(record(5, 'c010'))],
  [
    'CNAMEs in a chain of pointers',
    answer(
      `${record(5, '0161c00c')}${record(5, '0162c038')}${record(5, '0163c048')}${record(5, '0164c058')}`,
      '0001 0004 0000 0000',
    ),
  ],
  ['CNAME, a pointer forward', answer(record(5, '0161 c0ff')), 'dns-pointer-loop@98'],
  ['NS', authority(record(2, `${strings('ns1')}c010`))],
  ['NS of the root', authority(record(2, `${strings('a', 'root-servers', 'net')}00`, '00'))],
  [
    'PTR',
    dnsAnswer(message(9, 0x8180, '0001 0001 0000 0000', `${REVERSE}00 000c 0001 ${record(12, `${strings('web')}00`)}`)),
  ],
  [
    'PTR, a pointer',
    dnsAnswer(message(9, 0x8180, '0001 0001 0000 0000', `${REVERSE}00 000c 0001 ${record(12, 'c00c')}`)),
  ],
  ['SRV', answer(record(33, `0001 0002 0050 ${strings('web')}c010`))],
  [
    'SRV of a service',
    answer(record(33, `0001 0002 0050 ${strings('web')}c010`, `${strings('_http', '_tcp', 'web')}00`)),
  ],
  ['SRV of nothing', answer(record(33, '0000 0000 0000 00'))],
  ['SOA', authority(record(6, `${strings('ns')}c010 ${strings('admin')}c010 ${NUMBERS}`))],
  ['SOA of root names', authority(record(6, `00 00 ${NUMBERS}`))],
  ['MX', answer(record(15, `000a ${strings('mail')}c010`))],
  ['TXT without a string', answer(record(16, ''))],
  ['TXT of an empty string', answer(record(16, '00'))],
  ['TXT of several strings', answer(record(16, strings('abc', '', 'x'.repeat(255))))],
  ['TXT beyond ASCII', answer(record(16, strings('caf\u00e9')))],
  ['TXT that is no UTF-8', answer(record(16, '03 61ff62'))],
  ['TXT with a tab', answer(record(16, '03 610962'))],
  ['TXT with a zero', answer(record(16, '03 610062'))],
  ['TXT with a backslash', answer(record(16, '03 615c62'))],
  ['TXT longer than its record', answer(record(16, 'ff 61')), 'dns-truncated@96'],
  ['OPT', additional('00 0029 04d0 00000000 0000')],
  ['OPT, DNSSEC', additional('00 0029 04d0 00008000 0000')],
  ['OPT, bad version', additional('00 0029 1000 01010000 0000')],
  ['OPT, client subnet', additional('00 0029 04d0 00000000 000b 0008 0007 0001 18 00 0a6000')],
  ['OPT, two options', additional('00 0029 04d0 00000000 0014 000a 0008 0102030405060708 000c 0004 00000000')],
  ['OPT, an option longer than it', additional('00 0029 04d0 00000000 0004 000a 00ff'), 'dns-truncated@95'],
  ['OPT with another name', additional('c00c 0029 04d0 00000000 0000')],
  ['OPT among the answers', answer('00 0029 04d0 00000000 0000')],
  ['two OPT', additional('00 0029 04d0 00000000 0000 00 0029 1000 00000000 0000', 2)],
  ['A of another class', answer(record(1, '0a600050', 'c00c', 3))],
  ['A that flushes a cache', answer(record(1, '0a600050', 'c00c', 0x8001))],
  ['A of class ANY, no data', answer(record(1, '', 'c00c', 255))],
  ['A of five octets', answer(record(1, '0a60005001'))],
  ['CAA', answer(record(257, '00 05 6973737565 61'))],
  ['DNAME', answer(record(39, `${strings('x')}00`))],
  ['HTTPS', answer(record(65, '0001 00 0001 0003 026832'))],
  ['DS', answer(record(43, `0001 0801 ${'00'.repeat(20)}`))],
  ['NSEC3', answer(record(50, `01 00 0000 00 14 ${'00'.repeat(20)} 0006 40`))],
  ['a bad cookie', dnsAnswer(message(7, 0x8187, '0001 0000 0000 0001', `${QUESTION} 00 0029 04d0 01000000 0000`))],
  ['URI', answer(record(256, `000a 0001 ${text('https://web.shop/')}`))],
  ['URI of 3 octets', answer(record(256, '000a 00'))],
  [
    'OPT, every option',
    additional(
      `00 0029 04d0 00008000 0042 0003 0000 0005 0003 080a0d 0006 0001 02 0007 0001 01 0008 0007 0001 18 00 0a6000
       0009 0000 000a 0008 0102030405060708 000b 0000 000e 0002 4f66 fde9 0000 ffff 0000`,
    ),
  ],
  ['OPT, a client subnet that lies', additional('00 0029 04d0 00000000 0008 0008 0004 0001 ff ff')],
  ['RRSIG', answer(record(46, `0001 08 04 0000001e 65000000 64000000 1234 00 ${'5a'.repeat(16)}`))],
  ['DNSKEY', answer(record(48, `0101 03 08 ${'5a'.repeat(16)}`))],
  ['NSEC', authority(record(47, '00 0006 40000000 0003'))],
  ['two questions', dnsAnswer(message(1, 0x0100, '0002 0000 0000 0000', `${NAME} 0001 0001 c00c 001c 0001`))],
  ['a question for the root', query('00')],
  ['a name of mixed case', query(`${strings('WeB', 'Shop')}00`)],
  ['a label with a dot', query(`${strings('a.b', 'c')}00`)],
  ['a label with a backslash', query(`${strings('a\\b', 'c')}00`)],
  ['a label with a space', query(`${strings('a b', 'c')}00`)],
  ['a label beyond ASCII', query('02c3a9 00')],
  ['a label that is no UTF-8', query('01ff 00')],
  ['a label with a zero', query('03610062 00')],
  ['a label of 63 octets', query(`${strings('a'.repeat(63), 'b')}00`)],
  ['a name of 127 labels', query(`${'0161'.repeat(127)}00`)],
  ['a name of 128 labels', query(`${'0161'.repeat(128)}00`), 'dns-label@54'],
  ['a bit-string label', query('41 08 ff 00'), 'dns-label@54'],
  ['an inverse query', dnsAnswer(message(1, 0x0900, '0000 0000 0000 0000', ''))],
  ['an opcode that is none', dnsAnswer(message(1, 0x7800, '0000 0000 0000 0000', ''))],
  ['every flag', dnsAnswer(message(1, 0xffff, '0000 0000 0000 0000', ''))],
  ['octets after the message', answer(`${record(1, '0a600050')}deadbeef`)],
  ['eleven octets', dnsAnswer(message(1, 0x0203, '0405 0607 0809 10', ''))],
  ['no octet', dnsAnswer(new Uint8Array(0))],
  [
    'on port 8053',
    ethernet({}, v4(udp({ srcPort: 8053, dstPort: 40_000 }, message(1, 0x8180, '0001 0000 0000 0000', QUESTION)))),
  ],
  [
    'on port 8053, over TCP',
    ethernet(
      {},
      v4(
        tcp(
          { srcPort: 8053, dstPort: 40_000, flags: 0x18 },
          overTcp(message(1, 0x8180, '0001 0000 0000 0000', QUESTION)),
        ),
      ),
    ),
  ],
  [
    'DNS over IPv6',
    ethernet(
      {},
      v6(
        udp(
          { srcPort: 53, dstPort: 40_000 },
          message(1, 0x8180, '0001 0001 0000 0000', `${QUESTION} ${record(28, `fd00${'00'.repeat(14)}`)}`),
        ),
      ),
    ),
  ],
];

export const MADE_DNS: readonly MadeFrame[] = CASES.map(([name, octets, ...problems]) => ({
  name: `DNS: ${name}`,
  linkType: LINKTYPE_ETHERNET,
  octets,
  problems,
}));
