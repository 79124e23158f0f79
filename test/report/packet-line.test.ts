import { describe, expect, it } from 'vitest';
import { packetLine } from '../../src/report/packet-line.js';
import { PacketView } from '../../src/wire/packet.js';
import { MADE_FRAMES } from '../oracle/made.js';
import { ethernet, hex, icmpError, ipv4, ipv6, join, overVxlan, tcp, udp, view } from '../support/packets.js';

// What these lines share with tcpdump's is compared with it in test/oracle/tcpdump.test.ts.

function line(octets: Uint8Array, linkType = 1, captured = octets.length, point = 'w2/eth0'): string {
  const packet = new PacketView();
  const kept = octets.slice(0, captured);
  packet.decodeFrame(kept, view(kept), 0, captured, octets.length, linkType);
  const meta = { point, file: 'f', frame: 1, seconds: 1_746_211_749, nanoseconds: 166_557_000, interfaceName: null };
  return packetLine(packet, meta);
}

/** Without time and point. */
function textOf(octets: Uint8Array, linkType = 1, captured = octets.length): string {
  return line(octets, linkType, captured).slice('18:49:09.166557 w2/eth0 '.length);
}

function made(name: string): string {
  const { octets, linkType } = MADE_FRAMES.find((frame) => frame.name === name)!;
  return textOf(octets, linkType);
}

const ADDRESSES = { src: '10.0.0.1', dst: '10.0.0.2' };

describe('packetLine', () => {
  it('begins with time and point, the packet first and its tunnel after it', () => {
    const { octets } = MADE_FRAMES.find((frame) => frame.name === 'VXLAN')!;
    expect(line(octets)).toBe(
      '18:49:09.166557 w2/eth0 10.244.1.7 > 10.244.2.9: ICMP echo request, id 7703, seq 3, length 64' +
        '  [vxlan 192.0.2.1.50000 > 192.0.2.2.4789 vni 4096]',
    );
  });

  it('lists tunnels from the innermost, and tags', () => {
    expect(made('VXLAN in VXLAN')).toMatch(
      / length 0 {2}\[vxlan 198\.51\.100\.1\.50000 > 198\.51\.100\.2\.4789 vni 9\] \[vxlan 192\.0\.2\.1\.50000 > 192\.0\.2\.2\.4789 vni 1\]$/,
    );
    expect(made('Geneve')).toMatch(/ {2}\[geneve 10\.244\.1\.7\.5000 > 10\.244\.2\.9\.6081 vni 11\]$/);
    expect(made('GRE')).toMatch(/ {2}\[gre 10\.244\.1\.7 > 10\.244\.2\.9 key 77\]$/);
    expect(made('IP in IP')).toMatch(/ {2}\[ip 10\.244\.1\.7 > 10\.244\.2\.9\]$/);
    expect(made('6in4')).toMatch(/^fd00:10:244:1::7\.40000 > .* {2}\[ip 10\.244\.1\.7 > 10\.244\.2\.9\]$/);
    expect(made('QinQ')).toMatch(/ {2}\[vlan 5\] \[vlan 4094\]$/);
  });

  it('does not take a GRE packet inside a tunnel for a tunnel', () => {
    const pptp = ipv4({ ...ADDRESSES, protocol: 47 }, hex('2001880b 0000 0000'));
    const carried = overVxlan({ src: '192.0.2.1', dst: '192.0.2.2' }, ethernet({}, pptp));
    expect(textOf(carried)).toBe('10.0.0.1 > 10.0.0.2: gre, length 8  [vxlan 192.0.2.1.50000 > 192.0.2.2.4789 vni 1]');
  });

  it('prints a DNS answer with its question', () => {
    expect(made('DNS answer')).toBe(
      '10.244.1.7.53 > 10.244.2.9.40000: 9609* q: A? web.shop.svc.cluster.local. 1/0/0 A 10.96.0.80 (60)',
    );
    expect(made('DNS, every record')).toContain(
      'unknown(19) q: ANY? web.shop.svc.cluster.local. 7/1/1 A 10.96.0.80, AAAA fd00:1000:9600::80, ' +
        'CNAME www.shop.svc.cluster.local., SRV www.shop.svc.cluster.local.:8080 10 20, ' +
        'MX www.shop.svc.cluster.local. 7, TXT "test" "abc", PTR www.shop.svc.cluster.local. (',
    );
  });

  it('does not take a name that is cut for a shorter one, or for the root', () => {
    const { octets, linkType } = MADE_FRAMES.find((frame) => frame.name === 'DNS name longer than its data')!;
    expect(textOf(octets, linkType)).toContain(' 1/0/0 CNAME [|domain] (');
  });

  it('prints BGP messages', () => {
    expect(made('BGP OPEN')).toMatch(/: BGP: OPEN as 4200000001 hold 90 id 10\.0\.0\.1$/);
    expect(made('BGP messages')).toMatch(
      /: BGP: KEEPALIVE; UPDATE withdraw 10\.244\.7\.0\/24 announce 10\.244\.6\.0\/26 10\.240\.0\.0\/13 192\.168\.3\.9\/32 via 192\.168\.3\.1 path 64512 4200000001; ROUTE-REFRESH ipv4 unicast$/,
    );
    expect(made('BGP IPv6')).toMatch(/: BGP: UPDATE announce fd00:10:244:6::\/64 via fd00::1$/);
    expect(made('BGP cease')).toMatch(
      /: BGP: NOTIFICATION Cease \(6\), Administrative Shutdown \(2\) "maintenance – retour à 18 h"$/,
    );
    const expired = tcp({ srcPort: 179, dstPort: 1 }, hex(`${'ff'.repeat(16)} 0015 03 0400`));
    expect(textOf(ethernet({}, ipv4(ADDRESSES, expired)))).toMatch(/NOTIFICATION Hold Timer Expired \(4\)$/);
  });

  it('prints what an ICMP error quotes', () => {
    expect(made('unreachable port')).toBe(
      '10.244.1.7 > 10.244.2.9: ICMP 10.244.2.9 udp port 53 unreachable, length 91, ' +
        'quoting (10.244.1.7.40000 > 10.244.2.9.53: 9609+ [1au] A? web.shop.svc.cluster.local. (55))',
    );
    expect(made('unreachable, 8 octets')).toMatch(
      /ICMP host 10\.244\.2\.9 unreachable, length 36, quoting \(10\.244\.1\.7\.40000 > 10\.244\.2\.9\.80: TCP, seq 4294967280 \[\|tcp\]\)$/,
    );
    expect(made('fragmentation needed')).toContain('ICMP 10.244.2.9 unreachable - need to frag (mtu 1400), length ');
    expect(made('unreachable tunnel')).toMatch(
      /ICMP net 10\.244\.2\.9 unreachable, length \d+, quoting \(10\.244\.1\.7 > 10\.244\.2\.9: ICMP echo request, id 7703, seq 3, length 64 \[vxlan 10\.244\.1\.7\.5000 > 10\.244\.2\.9\.4789 vni 7\]\)$/,
    );
    const empty = icmpError({ type: 3, code: 13, quote: 0 }, ipv4(ADDRESSES, tcp({ srcPort: 1, dstPort: 2 })));
    expect(textOf(ethernet({}, ipv4(ADDRESSES, empty)))).toBe(
      '10.0.0.1 > 10.0.0.2: ICMP host ? unreachable - admin prohibited filter, length 8',
    );
  });

  it('prints fragments', () => {
    expect(made('first fragment')).toMatch(/^10\.0\.0\.1\.40000 > 10\.0\.0\.2\.80: Flags \[S\].*\(frag 9:40@0\+\)$/);
    expect(made('later fragment')).toBe('10.0.0.1 > 10.0.0.2: udp, length 30 (frag 9:30@1480)');
    expect(made('IPv6 later fragment')).toBe('fe80::1 > fe80::2: udp, length 5 (frag 170:5@1448)');
  });

  it('prints protocols that are not decoded by name or number', () => {
    const packet = (protocol: number) => ethernet({}, ipv4({ ...ADDRESSES, protocol }, new Uint8Array(8)));
    expect(textOf(packet(2))).toBe('10.0.0.1 > 10.0.0.2: igmp, length 8');
    expect(textOf(packet(253))).toBe('10.0.0.1 > 10.0.0.2: ip-protocol-253, length 8');
    expect(textOf(ethernet({ type: 0x88cc }, new Uint8Array(50)))).toBe(
      '02:00:00:00:00:01 > 02:00:00:00:00:02, lldp (0x88cc), length 64',
    );
    expect(textOf(ethernet({ type: 40 }, new Uint8Array(50)))).toBe(
      '02:00:00:00:00:01 > 02:00:00:00:00:02, llc, length 64',
    );
    expect(textOf(new Uint8Array(20), 195)).toBe('wpan, length 20');
    expect(textOf(new Uint8Array(20), 147)).toBe('link-type-147, length 20');
    expect(textOf(ethernet({}, ipv4(ADDRESSES, udp({ srcPort: 1, dstPort: 5353 }, new Uint8Array(12)))))).toBe(
      '10.0.0.1.1 > 10.0.0.2.5353: UDP, length 12 (mdns)',
    );
  });

  it('says that a packet was cut, at any octet', () => {
    for (const { name, octets, linkType } of MADE_FRAMES) {
      for (let length = 0; length < octets.length; length += 1) {
        expect(textOf(octets, linkType, length), `${name}, ${length} octets`).not.toMatch(/undefined|NaN|[^a-z]-1\b/);
      }
    }
    const { octets } = MADE_FRAMES.find((frame) => frame.name === 'TCP SYN')!;
    expect(textOf(octets, 1, 36)).toBe('10.244.1.7 > 10.244.2.9: tcp, length 40 [|tcp]');
    expect(textOf(octets, 1, 40)).toBe('10.244.1.7.40000 > 10.244.2.9.80: TCP [|tcp]');
    expect(textOf(octets, 1, 44)).toBe('10.244.1.7.40000 > 10.244.2.9.80: TCP, seq 4294967280 [|tcp]');
    expect(textOf(octets, 1, 60)).toContain('options [mss 1460,sackOK,[|tcp]]');
  });

  it('says what is wrong, and where', () => {
    expect(
      textOf(ethernet({}, ipv4({ ...ADDRESSES, totalLength: 500 }, udp({ srcPort: 1, dstPort: 2 }, hex('00'))))),
    ).toMatch(/ {2}\[ipv4-total-length at octet 16\]/);
  });

  it('tells the direction of cooked captures', () => {
    const { octets, linkType } = MADE_FRAMES.find((frame) => frame.name === 'cooked v2')!;
    expect(line(octets, linkType)).toMatch(/^18:49:09\.166557 w2\/eth0 In 10\.244\.1\.7\.80 > /);
  });

  it('lets nothing of a packet or a file name act on a terminal', () => {
    const name = join(hex('07'), new TextEncoder().encode('\x1b[2Jevil'.slice(0, 7)), hex('00'));
    const query = join(hex('1234 0100 0001 0000 0000 0000'), name, hex('0001 0001'));
    expect(textOf(ethernet({}, ipv4(ADDRESSES, udp({ srcPort: 1, dstPort: 53 }, query))))).toContain('A? \\027[2Jevi.');
    const text = new TextEncoder().encode('\x1b]0;x\u202e\x07');
    const body = join(hex('0602'), new Uint8Array([text.length]), text);
    const cease = join(hex('ff'.repeat(16)), new Uint8Array([0, 19 + body.length, 3]), body);
    expect(
      textOf(ethernet({}, ipv6({ src: 'fe80::1', dst: 'fe80::2' }, tcp({ srcPort: 179, dstPort: 1 }, cease)))),
    ).toContain('"\\x1b]0;x\\u{202e}\\x07"');
    expect(line(ethernet({}, ipv4(ADDRESSES, new Uint8Array(1))), 1, 35, 'a\nb/\x1b[1m')).toContain(
      ' a\\x0ab/\\x1b[1m ',
    );
  });
});
