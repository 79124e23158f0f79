import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ipChecksum,
  l4Checksum,
  outerIpChecksum,
  outerUdpChecksum,
  PacketView,
  sumOctets,
} from '../../src/wire/index.js';
import {
  ethernet,
  hex,
  icmpEcho,
  icmpv6,
  ipv4,
  ipv6,
  onesSum,
  octetsOf,
  tcp,
  udp,
  view as viewOf,
  vxlan,
  type Checksum,
  type Payload,
} from '../support/packets.js';
import { FRAME_CASES } from './frame-cases.js';
import { runs } from '../support/runs.js';

const PODS = { src: '10.244.1.2', dst: '10.244.2.3' };
const NODES = { src: '192.0.2.1', dst: '192.0.2.2' };
const PODS_6 = { src: 'fd00:1::2', dst: 'fd00:2::3' };
const DATA = hex('0102030405');

function decode(octets: Uint8Array, captured = octets.length): PacketView {
  const packet = new PacketView();
  packet.decodeFrame(octets, viewOf(octets), 0, captured, octets.length, 1);
  return packet;
}

function segment(checksum: Checksum): Payload {
  return tcp({ srcPort: 40_000, dstPort: 80, seq: 1, checksum }, DATA);
}

function datagram(checksum: Checksum): Payload {
  return udp({ srcPort: 40_000, dstPort: 81, checksum }, DATA);
}

function carried(inner: Uint8Array, checksum: Checksum): Uint8Array {
  return ethernet({}, ipv4(NODES, udp({ srcPort: 50_000, dstPort: 4789, checksum }, vxlan({ vni: 1 }, inner))));
}

describe('sums', () => {
  it('the example of RFC 1071 section 3', () => {
    expect(sumOctets(viewOf(hex('0001 f203 f4f5 f6f7')), 0, 8, 0)).toBe(0xddf2);
  });

  it('any octets, also more than 2^31 would hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(0xffff), (octets, start) => {
        expect(sumOctets(viewOf(octets), 0, octets.length, start)).toBe(onesSum(octets, [start >> 8, start & 255]));
      }),
      runs(),
    );
    const ones = new Uint8Array(200_001).fill(0xff);
    expect(sumOctets(viewOf(ones), 0, ones.length, 0)).toBe(onesSum(ones));
  });
});

describe('one packet', () => {
  it.for([
    ['TCP good', ipv4(PODS, segment('good')), 'good'],
    ['TCP partial', ipv4(PODS, segment('partial')), 'partial'],
    ['TCP bad', ipv4(PODS, segment(0x1234)), 'bad'],
    ['TCP over IPv6 good', ipv6(PODS_6, segment('good')), 'good'],
    ['TCP over IPv6 partial', ipv6(PODS_6, segment('partial')), 'partial'],
    ['UDP good', ipv4(PODS, datagram('good')), 'good'],
    ['UDP partial', ipv4(PODS, datagram('partial')), 'partial'],
    ['UDP without', ipv4(PODS, datagram(0)), 'zero'],
    ['UDP bad', ipv6(PODS_6, datagram(0x1234)), 'bad'],
    ['ICMP good', ipv4(PODS, icmpEcho({ id: 1, seq: 2 }, DATA)), 'good'],
    ['ICMP bad', ipv4(PODS, icmpEcho({ id: 1, seq: 2, checksum: 1 }, DATA)), 'bad'],
    ['ICMPv6 good', ipv6(PODS_6, icmpv6({ type: 128 }, DATA)), 'good'],
    ['ICMPv6 bad', ipv6(PODS_6, icmpv6({ type: 128, checksum: 1 }, DATA)), 'bad'],
    ['TCP with zero', ipv4(PODS, segment(0)), 'bad'],
    ['a first fragment', ipv4({ ...PODS, mf: true }, datagram('good')), 'unverifiable'],
    ['behind a routing header', routed(), 'unverifiable'],
    ['no header to check', ipv4({ ...PODS, protocol: 89 }, DATA), null],
  ] as const)('%s', ([, packet, state]) => {
    expect(l4Checksum(decode(ethernet({}, packet)))).toBe(state);
  });

  function routed(): Payload {
    const extensions = hex('0600 0300 00000000');
    return ipv6({ ...PODS_6, nextHeader: 43, extensions }, tcp({ srcPort: 1, dstPort: 2, checksum: 7 }));
  }

  it('a cut packet cannot be verified, but partial and zero are seen', () => {
    const cut = (packet: Payload): unknown => l4Checksum(decode(ethernet({}, octetsAsIp(packet)), 56));
    expect(cut(ipv4(PODS, segment('good')))).toBe('unverifiable');
    expect(cut(ipv4(PODS, segment('partial')))).toBe('partial');
    expect(cut(ipv4(PODS, udp({ srcPort: 1, dstPort: 2, checksum: 0 }, new Uint8Array(100))))).toBe('zero');
  });

  function octetsAsIp(packet: Payload): Payload {
    return { octets: octetsOf(packet), number: 0x0800, checksumAt: -1, partial: false };
  }

  it('IPv4 headers', () => {
    const good = ethernet({}, ipv4({ ...PODS, options: hex('94040000') }, DATA));
    expect(ipChecksum(decode(good))).toBe('good');
    expect(ipChecksum(decode(good, 36))).toBe('unverifiable');
    expect(ipChecksum(decode(ethernet({}, ipv4({ ...PODS, checksum: 0 }, DATA))))).toBe('bad');
    expect(ipChecksum(decode(ethernet({}, ipv6(PODS_6, DATA))))).toBeNull();
    expect(outerIpChecksum(decode(good))).toBeNull();
  });
});

describe('tunnels', () => {
  const inner = (checksum: Checksum): Uint8Array => ethernet({}, ipv4(PODS, segment(checksum)));

  it.for([
    ['good around good', carried(inner('good'), 'good'), 'good', 'good'],
    ['good around partial', carried(inner('partial'), 'good'), 'good', 'partial'],
    ['zero', carried(inner('partial'), 0), 'zero', 'partial'],
    ['partial around partial', carried(inner('partial'), 'partial'), 'partial', 'partial'],
    ['bad', carried(inner('good'), 0x1234), 'bad', 'good'],
    ['bad around partial', carried(inner('partial'), 0x1234), 'bad', 'partial'],
    ['bad around ICMP', carried(ethernet({}, ipv4(PODS, icmpEcho({ id: 1, seq: 1 }))), 0x1234), 'bad', 'good'],
    ['offloaded', offloaded(), 'local-checksum-offload', 'partial'],
  ] as const)('%s', ([, octets, outer, state]) => {
    const packet = decode(octets);
    expect(outerUdpChecksum(packet)).toBe(outer);
    expect(l4Checksum(packet)).toBe(state);
  });

  /** The outer checksum as it is right when the inner one has been finished, around one that has not. */
  function offloaded(): Uint8Array {
    const finished = carried(inner('good'), 'good');
    const octets = carried(inner('partial'), 0);
    viewOf(octets).setUint16(40, viewOf(finished).getUint16(40));
    return octets;
  }

  it('a cut tunnel cannot be verified', () => {
    const octets = carried(inner('good'), 'good');
    expect(outerUdpChecksum(decode(octets, octets.length - 1))).toBe('unverifiable');
    expect(outerUdpChecksum(decode(ethernet({}, ipv4(PODS, segment('good')))))).toBeNull();
  });

  it('the carrier’s IPv4 header', () => {
    expect(outerIpChecksum(decode(carried(inner('good'), 0)))).toBe('good');
    const bad = carried(inner('good'), 0);
    bad[24]! ^= 1;
    expect(outerIpChecksum(decode(bad))).toBe('bad');
  });
});

describe('frames that Linux sent', () => {
  const whole = FRAME_CASES.filter(({ origin, octets, length }) => origin === 'captured' && octets.length === length);

  it.for(whole)('$name', ({ octets, linkType }) => {
    const packet = new PacketView();
    packet.decodeFrame(octets, viewOf(octets), 0, octets.length, octets.length, linkType);
    // veth pairs never finish a sum that they can leave
    expect([null, 'good', 'partial']).toContain(l4Checksum(packet));
    expect([null, 'good', 'zero', 'partial', 'local-checksum-offload']).toContain(outerUdpChecksum(packet));
    expect([null, 'good']).toContain(ipChecksum(packet));
    expect([null, 'good']).toContain(outerIpChecksum(packet));
  });
});
