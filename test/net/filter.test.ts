import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../src/net/address-table.js';
import { FilterSyntaxError, parseFilter } from '../../src/net/filter.js';
import { PacketView } from '../../src/wire/packet.js';
import { writePcap } from '../support/capture-writer.js';
import { runs } from '../support/runs.js';

const hasTcpdump = spawnSync('tcpdump', ['--version']).status === 0;

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function decoded(frame: Uint8Array): PacketView {
  const packet = new PacketView();
  packet.decodeFrame(
    frame,
    new DataView(frame.buffer, frame.byteOffset, frame.length),
    0,
    frame.length,
    frame.length,
    1,
  );
  return packet;
}

const u16 = (value: number) => value.toString(16).padStart(4, '0');
const MACS = '020000000001 020000000002';
const V4 = { a: '0af41301', b: '0af4069a', c: 'ffffff01' } as const;
const V6 = {
  a: 'fd000019000000000000000000000001',
  b: 'fd0000190000000080000000fffffffe',
  c: '20010db8000000000000000000000001',
} as const;
const TEXT4 = { a: '10.244.19.1', b: '10.244.6.154', c: '255.255.255.1' } as const;
const TEXT6 = { a: 'fd00:19::1', b: 'fd00:19::8000:0:ffff:fffe', c: '2001:db8::1' } as const;

function transport(protocol: number, src: number, dst: number): string {
  const ports = `${u16(src)} ${u16(dst)}`;
  if (protocol === 6) return `${ports} 00000001 00000000 5002 0400 0000 0000`;
  if (protocol === 17) return `${ports} 0008 0000`;
  return '0800 0000 050c 0001';
}

function ipv4(src: string, dst: string, protocol: number, payload: string, fragment = 0): string {
  const length = 20 + hex(payload).length;
  return `4500 ${u16(length)} 1234 ${u16(fragment)} 40 ${protocol.toString(16).padStart(2, '0')} 0000 ${src} ${dst} ${payload}`;
}

function ipv6(src: string, dst: string, protocol: number, payload: string): string {
  return `60000000 ${u16(hex(payload).length)} ${protocol.toString(16).padStart(2, '0')} 40 ${src} ${dst} ${payload}`;
}

/** Ethernet frames with every combination of what a filter can ask for. */
function everyKind(): Uint8Array[] {
  const frames: string[] = [];
  const keys = ['a', 'b', 'c'] as const;
  for (const src of keys) {
    for (const dst of keys) {
      for (const [from, to] of [
        [53, 80],
        [80, 53],
        [65535, 0],
      ] as const) {
        for (const protocol of [6, 17]) {
          const payload = transport(protocol, from, to);
          frames.push(`${MACS} 0800 ${ipv4(V4[src], V4[dst], protocol, payload)}`);
          frames.push(`${MACS} 86dd ${ipv6(V6[src], V6[dst], protocol, payload)}`);
        }
      }
      // More fragments follow; a later fragment whose octets look like ports; ICMP; a protocol without ports.
      frames.push(`${MACS} 0800 ${ipv4(V4[src], V4[dst], 17, transport(17, 53, 80), 0x2000)}`);
      frames.push(`${MACS} 0800 ${ipv4(V4[src], V4[dst], 17, transport(17, 53, 80), 0x0010)}`);
      frames.push(`${MACS} 0800 ${ipv4(V4[src], V4[dst], 1, transport(1, 0, 0))}`);
      frames.push(`${MACS} 86dd ${ipv6(V6[src], V6[dst], 58, '8000 0000 050c 0001')}`);
      frames.push(`${MACS} 0800 ${ipv4(V4[src], V4[dst], 50, '00350050 00000000')}`);
      frames.push(`${MACS} 0806 0001 0800 06 04 0001 020000000002 ${V4[src]} 000000000000 ${V4[dst]}`);
    }
  }
  frames.push(`${MACS} 88cc 0207 0400 0000 0000 0000`);
  return frames.map(hex);
}

describe('filter against tcpdump', () => {
  const directions = ['', 'src ', 'dst '];
  const address = fc.constantFrom(...Object.values(TEXT4), ...Object.values(TEXT6), '10.244.19.2', '::');
  const network = fc.constantFrom(
    '10.244.0.0/16',
    '10.244.6.0/25',
    '10.244.6.128/25',
    '0.0.0.0/0',
    '255.255.255.1/32',
    'fd00:19::/32',
    'fd00:19::8000:0:0:0/65',
    '2001:db8::1/128',
    '2000::/3',
  );
  const primitive = fc.oneof(
    fc.tuple(fc.constantFrom(...directions), fc.constant('host '), address).map((parts) => parts.join('')),
    fc.tuple(fc.constantFrom(...directions), fc.constant('net '), network).map((parts) => parts.join('')),
    fc
      .tuple(
        fc.constantFrom('', 'tcp ', 'udp '),
        fc.constantFrom(...directions),
        fc.constantFrom('port 53', 'port 80', 'port 65535', 'port 0'),
      )
      .map((parts) => parts.join('')),
    fc.constantFrom('tcp', 'udp', 'icmp', 'icmp6'),
  );
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      primitive,
      fc
        .tuple(tie('expression'), fc.constantFrom('and', 'or', '&&', '||'), tie('expression'))
        .map((parts) => parts.join(' ')),
      tie('expression').map((inner) => `not (${inner})`),
      primitive.map((inner) => `! ${inner}`),
      tie('expression').map((inner) => `(${inner})`),
    ),
  }));

  it.skipIf(!hasTcpdump)('takes the same packets', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lasthop-'));
    try {
      const frames = everyKind();
      const path = join(folder, 'every-kind.pcap');
      // The second of a frame's time is its index.
      writeFileSync(path, writePcap(frames.map((octets, index) => ({ seconds: index, nanoseconds: 0, octets }))));
      const packets = frames.map(decoded);
      fc.assert(
        fc.property(expression, (text) => {
          const run = spawnSync('tcpdump', ['-ntt', '-r', path, text], { encoding: 'utf8' });
          // A filter that nothing can satisfy is an error to tcpdump.
          if (run.status !== 0 && !run.stderr.includes('rejects all packets')) throw new Error(run.stderr);
          const expected = [...run.stdout.matchAll(/^(\d+)\.000000 /gm)].map((match) => Number(match[1]));
          const filter = parseFilter(text);
          const found = packets.flatMap((packet, index) => (filter.matches(packet) ? [index] : []));
          expect(found).toEqual(expected);
        }),
        runs(100),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('filter', () => {
  const inner = ipv4(V4.a, V4.b, 6, transport(6, 40000, 80));
  const vxlan = (payload: string) =>
    hex(
      `${MACS} 0800 ${ipv4('c0a80301', 'c0a80302', 17, `d001 12b5 ${u16(16 + 14 + hex(payload).length)} 0000 08000000 00100000 ${MACS} 0800 ${payload}`)}`,
    );

  it('asks the inner packet, not its tunnel', () => {
    const packet = decoded(vxlan(inner));
    expect(packet.tunnelDepth).toBe(1);
    expect(parseFilter('tcp and src host 10.244.19.1 and dst port 80').matches(packet)).toBe(true);
    for (const text of ['udp', 'port 4789', 'host 192.168.3.1', 'net 192.168.0.0/16']) {
      expect(parseFilter(text).matches(packet)).toBe(false);
    }
  });

  it('takes an address without a word before it for a host', () => {
    const packet = decoded(hex(`${MACS} 0800 ${inner}`));
    expect(parseFilter('10.244.19.1').matches(packet)).toBe(true);
    expect(parseFilter('src 10.244.19.1 and dst 10.244.6.154').matches(packet)).toBe(true);
    expect(parseFilter('dst 10.244.19.1').matches(packet)).toBe(false);
    expect(parseFilter('host 192.0.2.1 or 10.244.6.154').matches(packet)).toBe(true);
  });

  it('groups and and or from the left, as tcpdump does', () => {
    const packet = decoded(hex(`${MACS} 0800 ${inner}`));
    expect(parseFilter('tcp or udp and port 53').matches(packet)).toBe(false);
    expect(parseFilter('tcp or (udp and port 53)').matches(packet)).toBe(true);
    expect(parseFilter('not udp and port 80').matches(packet)).toBe(true);
  });

  it('knows which ICMP errors quote a packet that it takes', () => {
    const quoting = decoded(hex(`${MACS} 0800 ${ipv4(V4.c, V4.a, 1, `0303 0000 00000000 ${inner}`)}`));
    const filter = parseFilter('tcp and host 10.244.6.154 and port 80');
    expect(filter.matches(quoting)).toBe(false);
    expect(filter.matchesQuoted(quoting)).toBe(true);
    expect(parseFilter('udp').matchesQuoted(quoting)).toBe(false);
    expect(filter.matchesQuoted(decoded(hex(`${MACS} 0800 ${inner}`)))).toBe(false);
    // Eight octets of TCP are what routers must quote (RFC 792).
    const short = hex(inner).subarray(0, 28);
    const cut = decoded(
      hex(`${MACS} 0800 ${ipv4(V4.c, V4.a, 1, `0303 0000 00000000 ${Buffer.from(short).toString('hex')}`)}`),
    );
    expect(filter.matchesQuoted(cut)).toBe(true);
  });

  it('does not see ports that were cut away', () => {
    const frame = hex(`${MACS} 0800 ${inner}`);
    const filter = parseFilter('dst port 80');
    const view = new DataView(frame.buffer);
    const packet = new PacketView();
    packet.decodeFrame(frame, view, 0, 14 + 20 + 3, frame.length, 1);
    expect(filter.matches(packet)).toBe(false);
    packet.decodeFrame(frame, view, 0, 14 + 20 + 4, frame.length, 1);
    expect(filter.matches(packet)).toBe(true);
  });

  it('never throws at match time', () => {
    const filter = parseFilter('not ((host 10.0.0.1 or net fd00::/8) and port 53 or tcp src port 1)');
    const packet = new PacketView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 12, 101, 113, 276), (octets, linkType) => {
        packet.decodeFrame(
          octets,
          new DataView(octets.buffer, octets.byteOffset, octets.length),
          0,
          octets.length,
          300,
          linkType,
        );
        filter.matches(packet);
        filter.matchesQuoted(packet);
      }),
      runs(),
    );
  });

  it.each([
    ['', 1, 'expected host, net, port, tcp, udp, icmp, not or (, not the end'],
    ['tcp and', 8, 'expected host, net, port, tcp, udp, icmp, not or (, not the end'],
    ['tcp port', 9, 'expected a port from 0 to 65535, not the end'],
    ['port http', 6, 'expected a port from 0 to 65535, not "http"'],
    ['port 65536', 6, 'expected a port from 0 to 65535, not "65536"'],
    ['port 80 or 443', 12, 'expected host, net, port, tcp, udp, icmp, not or (, not "443"'],
    ['host 10.0.0.256', 6, '"10.0.0.256" is no IPv4 address'],
    ['net 10.0.0.0/33', 5, '"10.0.0.0/33" is no IPv4 network'],
    ['host fd00::g', 6, '"fd00::g" is no IPv6 address'],
    ['host 10.0.0.0/8', 6, 'write net 10.0.0.0/8'],
    ['net', 4, 'expected a network such as 10.244.0.0/16, not the end'],
    ['(tcp or udp', 12, 'expected )'],
    ['tcp udp', 5, 'expected and or or, not "udp"'],
    ['tcp)', 4, 'expected and or or, not ")"'],
    ['tcp src host 10.0.0.1', 9, 'expected port, not "host"'],
    ['tcp & udp', 5, 'expected and or or, not "&"'],
    ['('.repeat(101) + 'tcp', 101, 'too many parentheses'],
  ])('refuses %j', (text, column, message) => {
    let error: unknown;
    try {
      parseFilter(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FilterSyntaxError);
    expect((error as FilterSyntaxError).column).toBe(column);
    expect((error as FilterSyntaxError).message).toBe(`column ${column}: ${message}`);
  });

  it('refuses or compiles any text', () => {
    const token = fc.constantFrom(
      'host',
      'net',
      'port',
      'src',
      'not',
      '!',
      '(',
      ')',
      'and',
      '||',
      '::1',
      '1.2.3.4',
      '80',
      'x',
      '/',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(token).map((tokens) => tokens.join(' ')),
        ),
        (text) => {
          try {
            parseFilter(text);
          } catch (error) {
            expect(error).toBeInstanceOf(FilterSyntaxError);
          }
        },
      ),
      runs(),
    );
  });
});

describe('a packet seen under several addresses', () => {
  const addresses = new AddressTable();
  const id = (text: string): number => {
    const view = new DataView(Uint8Array.from(text.split('.').map(Number)).buffer);
    return addresses.idOfIpv4(view, 0);
  };
  // A question to a service, and the same behind its translation
  const forms = [
    { src: id('10.244.1.5'), dst: id('10.96.0.10'), sourcePort: 4000, destinationPort: 53 },
    { src: id('10.244.1.5'), dst: id('10.244.2.7'), sourcePort: 4000, destinationPort: 5353 },
  ];
  const matches = (filter: string, which = forms): boolean => parseFilter(filter).matchesAny(4, 17, which, addresses);

  it.each([
    ['host 10.96.0.10', true],
    ['host 10.244.2.7', true],
    ['net 10.244.2.0/24', true],
    ['src host 10.244.2.7', false],
    ['port 5353', true],
    ['tcp port 53', false],
    ['host 10.96.0.10 and port 5353', true],
    ['not host 10.96.0.10', false],
    ['not host 10.244.2.8', true],
    ['src host 10.244.1.5 and dst host 10.244.2.7', true],
    ['host fd00::1', false],
  ])('%s: %s', (filter, expected) => {
    expect(matches(filter)).toBe(expected);
  });

  it('each form by itself is as a packet with it', () => {
    expect(forms.map((form) => matches('host 10.96.0.10', [form]))).toEqual([true, false]);
    expect(forms.map((form) => matches('not port 53', [form]))).toEqual([false, true]);
    expect(matches('udp', [])).toBe(false);
  });

  it('without ports it has none', () => {
    const [bare] = forms.map((form) => ({ ...form, sourcePort: -1, destinationPort: -1 }));
    expect(matches('port 53', [bare!])).toBe(false);
    expect(matches('host 10.96.0.10', [bare!])).toBe(true);
  });
});
