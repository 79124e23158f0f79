import { describe, expect, it } from 'vitest';
import { Layer, MAX_LAYERS, MAX_PROBLEMS, PacketView, undecodedName } from '../../src/wire/index.js';
import {
  arp,
  asPayload,
  cooked2,
  ethernet,
  geneve,
  gre,
  hex,
  icmpEcho,
  icmpError,
  ipv4,
  ipv6,
  join,
  octetsOf,
  overVxlan,
  tcp,
  udp,
  view as viewOf,
  vxlan,
} from '../support/packets.js';

const PODS = { src: '10.244.1.2', dst: '10.244.2.3' };
const NODES = { src: '192.0.2.1', dst: '192.0.2.2' };
const PODS_6 = { src: 'fd00:1::2', dst: 'fd00:2::3' };

const inner = ethernet({}, ipv4({ ...PODS, id: 9, ttl: 63 }, tcp({ srcPort: 40_000, dstPort: 80 }, hex('0102030405'))));

interface DecodeOptions {
  readonly linkType?: number;
  readonly captured?: number;
  readonly length?: number;
  readonly vxlanPorts?: readonly number[];
}

function decode(frame: Uint8Array, options: DecodeOptions = {}): PacketView {
  const packet = new PacketView(options.vxlanPorts === undefined ? {} : { vxlanPorts: options.vxlanPorts });
  const octets = frame.slice(0, options.captured ?? frame.length);
  packet.decodeFrame(octets, viewOf(octets), 0, octets.length, options.length ?? frame.length, options.linkType ?? 1);
  return packet;
}

function codes(packet: PacketView): string[] {
  return packet.problems.map(({ code }) => code);
}

describe('the innermost packet and its tunnel', () => {
  it('a bare packet', () => {
    const packet = decode(inner);
    expect(packet.protocols).toBe('eth:ip:tcp');
    expect([packet.ethAt, packet.ipAt, packet.l4At, packet.payloadAt, packet.payloadEnd]).toEqual([0, 14, 34, 54, 59]);
    expect([packet.ipVersion, packet.ipEnd, packet.ipLength, packet.protocol]).toEqual([4, 59, 45, 6]);
    expect([packet.l4Kind, packet.l4Length, packet.payloadLength]).toEqual([Layer.TCP, 25, 5]);
    expect([packet.tunnelKind, packet.tunnelAt, packet.tunnelDepth, packet.tunnelId]).toEqual([-1, -1, 0, -1]);
    expect([packet.outerIpAt, packet.outerIpVersion, packet.outerUdpAt, packet.outerEthAt]).toEqual([-1, 0, -1, -1]);
  });

  it('in VXLAN', () => {
    const packet = decode(overVxlan({ ...NODES, vni: 4096 }, inner));
    expect(packet.protocols).toBe('eth:ip:udp:vxlan:eth:ip:tcp');
    expect([packet.ethAt, packet.ipAt, packet.l4At, packet.payloadAt]).toEqual([50, 64, 84, 104]);
    expect([packet.outerEthAt, packet.outerIpAt, packet.outerIpVersion, packet.outerUdpAt]).toEqual([0, 14, 4, 34]);
    expect([packet.tunnelKind, packet.tunnelAt, packet.tunnelDepth, packet.tunnelId]).toEqual([
      Layer.VXLAN,
      42,
      1,
      4096,
    ]);
    expect(packet.tunnelByContent).toBe(0);
  });

  it('in VXLAN in VXLAN: the tunnel is the inner one', () => {
    const packet = decode(
      overVxlan({ ...NODES, vni: 5 }, overVxlan({ src: '203.0.113.1', dst: '203.0.113.2', vni: 6 }, inner)),
    );
    expect([packet.tunnelDepth, packet.tunnelId, packet.outerIpAt, packet.ipAt]).toEqual([2, 6, 64, 114]);
    expect(packet.tunnel).toMatchObject({ src: '203.0.113.1', dst: '203.0.113.2', depth: 2 });
  });

  it('in IP directly: the packet has no Ethernet header of its own', () => {
    const packet = decode(ethernet({}, ipv4(NODES, asPayload(ipv4(PODS, icmpEcho({ id: 1, seq: 1 }))))));
    expect(packet.protocols).toBe('eth:ip:ip:icmp');
    expect([packet.tunnelKind, packet.tunnelAt, packet.tunnelId]).toEqual([Layer.IP, -1, -1]);
    expect([packet.ethAt, packet.outerEthAt, packet.outerIpAt, packet.ipAt]).toEqual([-1, 0, 14, 34]);
    expect(packet.tunnel).toMatchObject({ kind: 'ip', id: null, ...NODES, srcPort: null });
  });

  it('in GRE with a key above 2^31', () => {
    const packet = decode(ethernet({}, ipv4(NODES, gre({ key: 4_000_000_000 }, inner))));
    expect([packet.tunnelKind, packet.tunnelId, packet.tunnelAt]).toEqual([Layer.GRE, 4_000_000_000, 34]);
  });

  it('in Geneve', () => {
    const packet = decode(ethernet({}, ipv4(NODES, udp({ srcPort: 1, dstPort: 6081 }, geneve({ vni: 77 }, inner)))));
    expect([packet.tunnelKind, packet.tunnelId, packet.tunnelAt]).toEqual([Layer.GENEVE, 77, 42]);
  });

  it('a tunnel whose inner Ethernet header was cut away: no packet, only its carrier', () => {
    const packet = decode(overVxlan(NODES, inner), { captured: 60 });
    expect(packet.protocols).toBe('eth:ip:udp:vxlan');
    expect([packet.ipAt, packet.ipVersion, packet.protocol, packet.l4At, packet.l4Kind]).toEqual([-1, 0, -1, -1, -1]);
    expect(packet.outerIpAt).toBe(14);
    expect(codes(packet)).toEqual([]);
  });

  it('an ICMP error is the packet, what it quotes is not', () => {
    const quoted = ipv4({ ...PODS, id: 77 }, udp({ srcPort: 1024, dstPort: 53 }, hex('00'.repeat(20))));
    const packet = decode(ethernet({}, ipv4(NODES, icmpError({ type: 3, code: 3 }, quoted))));
    expect(packet.protocols).toBe('eth:ip:icmp');
    expect(packet.ip).toMatchObject(NODES);
    expect([packet.quotedIpAt, packet.quotedIpVersion, packet.quotedProtocol, packet.quotedL4At]).toEqual([
      42, 4, 17, 62,
    ]);
    expect(packet.dnsAt).toBe(-1);
  });

  it('a quoted later fragment has no ports', () => {
    const quoted = ipv4({ ...PODS, protocol: 17, fragmentOffset: 1480 }, hex('0035003500350035'));
    const packet = decode(ethernet({}, ipv4(NODES, icmpError({ type: 11, code: 1 }, quoted))));
    expect([packet.quotedIpAt, packet.quotedProtocol, packet.quotedL4At]).toEqual([42, 17, -1]);
    expect(packet.icmp?.quoted).toMatchObject({ ...PODS, srcPort: null });
  });
});

describe('VXLAN is recognised', () => {
  const carried = (
    fields: { vni: number; flags?: number; reserved1?: number; reserved2?: number },
    frame = inner,
  ): Uint8Array => ethernet({}, ipv4(NODES, udp({ srcPort: 50_000, dstPort: 4789 }, vxlan(fields, frame))));

  it('on a port given, whatever is inside', () => {
    const frame = overVxlan({ ...NODES, dstPort: 12_345 }, ethernet({ type: 0x88b5 }, hex('0102')));
    expect(decode(frame, { vxlanPorts: [12_345] }).protocols).toBe('eth:ip:udp:vxlan:eth:ethertype-0x88b5');
    expect(decode(frame).protocols).toBe('eth:ip:udp');
    expect(decode(overVxlan(NODES, inner), { vxlanPorts: [12_345] }).tunnelDepth).toBe(1);
  });

  it.for([
    ['IPv4', inner],
    ['IPv6', ethernet({}, ipv6(PODS_6, udp({ srcPort: 1, dstPort: 2 }, hex('00'))))],
    ['ARP', ethernet({}, arp({ senderIp: '10.244.1.1', targetIp: '10.244.1.2' }))],
  ] as const)('on any port when %s is inside', ([, frame]) => {
    const packet = decode(overVxlan({ ...NODES, dstPort: 12_345, vni: 8 }, frame));
    expect(packet.tunnelByContent).toBe(1);
    expect([packet.tunnelKind, packet.tunnelId]).toEqual([Layer.VXLAN, 8]);
    expect(packet.layers.slice(3, 5)).toEqual(['vxlan', 'eth']);
  });

  it.for([
    ['a flag besides I', { vni: 1, flags: 0x88 }, inner],
    ['no I flag', { vni: 1, flags: 0 }, inner],
    ['reserved octets before the VNI', { vni: 1, reserved1: 1 }, inner],
    ['a reserved octet after the VNI', { vni: 1, reserved2: 1 }, inner],
    ['a wrong inner IPv4 checksum', { vni: 1 }, ethernet({}, ipv4({ ...PODS, checksum: 0x1234 }, hex('00')))],
    [
      'an inner packet longer than the datagram',
      { vni: 1 },
      ethernet({}, ipv4({ ...PODS, totalLength: 1500 }, hex('00'))),
    ],
    ['an unknown inner EtherType', { vni: 1 }, ethernet({ type: 0x88b5 }, new Uint8Array(40))],
    [
      'an inner ARP operation that does not exist',
      { vni: 1 },
      ethernet({}, arp({ operation: 9, senderIp: '1.1.1.1', targetIp: '1.1.1.2' })),
    ],
  ] as const)('but not on any port with %s', ([, fields, frame]) => {
    const octets = ethernet({}, ipv4(NODES, udp({ srcPort: 1, dstPort: 12_345 }, vxlan(fields, frame))));
    const packet = decode(octets);
    expect(packet.protocols).toBe('eth:ip:udp');
    expect(codes(packet)).toEqual([]);
  });

  it.for([
    ['group policy flag', { vni: 1, flags: 0x88, reserved1: 0x12 }, ['vxlan-flags@42', 'vxlan-reserved@43']],
    ['no I flag', { vni: 1, flags: 0 }, ['vxlan-flags@42']],
    ['reserved octet', { vni: 1, reserved2: 1 }, ['vxlan-reserved@43']],
  ] as const)('on its port with an odd header, and reported: %s', ([, fields, problems]) => {
    const packet = decode(carried(fields));
    expect(packet.problems.map(({ code, at }) => `${code}@${at}`)).toEqual(problems);
    expect(packet.protocols).toBe('eth:ip:udp:vxlan:eth:ip:tcp');
  });

  it('on port 4790 by the next protocol that it names (draft-ietf-nvo3-vxlan-gpe)', () => {
    const gpe = (flags: number, protocol: number, payload: Uint8Array): PacketView =>
      decode(
        ethernet(
          {},
          ipv4(NODES, udp({ srcPort: 5000, dstPort: 4790 }, vxlan({ vni: 7, flags, reserved1: protocol }, payload))),
        ),
      );
    const ip = inner.subarray(14);
    expect(gpe(0x0c, 3, inner).protocols).toBe('eth:ip:udp:vxlan:eth:ip:tcp');
    expect(gpe(0x0c, 1, ip).protocols).toBe('eth:ip:udp:vxlan:ip:tcp');
    expect(gpe(0x0d, 1, ip)).toMatchObject({ tunnelDepth: 1, tunnelId: 7, innerAt: 50 });
    for (const [protocol, name] of [
      [4, 'nsh'],
      [5, 'mpls'],
      [99, 'gpe-protocol-0x63'],
    ] as const) {
      const packet = gpe(0x0c, protocol, ip);
      expect([packet.tunnelDepth, undecodedName(packet.undecoded)]).toEqual([0, name]);
    }
    // Without the P flag or of another version it is none
    for (const [flags, protocol] of [
      [0x08, 1],
      [0x1c, 1],
    ] as const) {
      expect(gpe(flags, protocol, ip).protocols).toBe('eth:ip:udp');
    }
    // Bits kept for later are told, where the packet that it names is there
    expect(gpe(0x4c, 0x100 + 1, ip).protocols).toBe('eth:ip:udp:vxlan:ip:tcp');
    expect(codes(gpe(0x4c, 0x100 + 1, ip))).toEqual(['vxlan-flags', 'vxlan-reserved']);
    for (const [protocol, payload] of [
      [1, hex('0102'.repeat(30))],
      [2, ip],
      [3, ip],
      [99, ip],
    ] as const) {
      const packet = gpe(0x0c, 0x100 + protocol, payload);
      expect([packet.protocols, codes(packet)]).toEqual(['eth:ip:udp', []]);
    }
  });

  it('but an odd header on its port without a frame behind it is a UDP payload', () => {
    const packet = decode(carried({ vni: 1, flags: 0x0c }, hex('45000014'.repeat(10))));
    expect(packet.protocols).toBe('eth:ip:udp');
    expect(codes(packet)).toEqual(['vxlan-flags']);
    expect(packet.payloadAt).toBe(42);
  });
});

describe('NFLOG', () => {
  // tcpdump.org: the parts are in the byte order of the host that captured
  it.each([
    ['little endian', '02 00 0001 0800 0100 08000100 0600 0a00 6800 0000 2800 0900'],
    ['big endian', '02 00 0001 0008 0001 08000100 0006 000a 6800 0000 0028 0009'],
  ])('is read, %s', (_, header) => {
    const octets = join(hex(header), ipv4(NODES, tcp({ srcPort: 1, dstPort: 2 })));
    const packet = new PacketView();
    packet.decodeFrame(octets, viewOf(octets), 0, octets.length, octets.length, 239);
    expect(packet.protocols).toBe('nflog:ip:tcp');
    expect([packet.innerAt, codes(packet)]).toEqual([24, []]);
  });
});

describe('fragments', () => {
  it('a later fragment has no transport header, though its octets look like one', () => {
    const frame = ethernet({}, ipv4({ ...NODES, id: 5, protocol: 17, fragmentOffset: 1480 }, overVxlan(NODES, inner)));
    const packet = decode(frame);
    expect(packet.protocols).toBe('eth:ip');
    expect([packet.l4Kind, packet.l4At, packet.fragmentOffset, packet.moreFragments]).toEqual([-1, 34, 1480, 0]);
    expect(codes(packet)).toEqual([]);
  });

  it('an outer first fragment carries a packet longer than itself, which is no problem', () => {
    const large = ethernet({}, ipv4({ ...PODS, id: 9 }, tcp({ srcPort: 1, dstPort: 2 }, new Uint8Array(1400))));
    const datagram = octetsOf(udp({ srcPort: 50_000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 1 }, large)));
    const first = ethernet({}, ipv4({ ...NODES, id: 5, protocol: 17, mf: true }, datagram.subarray(0, 800)));
    const packet = decode(first);
    expect(packet.protocols).toBe('eth:ip:udp:vxlan:eth:ip:tcp');
    expect([packet.ipLength, packet.payloadLength, packet.moreFragments]).toEqual([1440, 1400, 0]);
    expect(packet.ipEnd).toBe(first.length);
    expect(packet.payloadEnd).toBe(first.length);
    expect(codes(packet)).toEqual([]);
    expect(packet.cut).toBe(0);
  });

  it('an IPv6 fragment header is known, and forgotten inside a tunnel', () => {
    const fragmentHeader = hex('1100 0001 00000007');
    const datagram = octetsOf(udp({ srcPort: 50_000, dstPort: 4789, checksum: 0 }, vxlan({ vni: 1 }, inner)));
    const carrier = ipv6({ ...PODS_6, nextHeader: 44, extensions: fragmentHeader }, datagram);
    expect(decode(ethernet({}, carrier)).fragmentAt).toBe(-1);
    expect(decode(ethernet({}, carrier)).protocols).toBe('eth:ipv6:udp:vxlan:eth:ip:tcp');
    const bare = ipv6({ ...PODS_6, nextHeader: 44, extensions: fragmentHeader }, hex('000100020008000000'));
    expect(decode(ethernet({}, bare))).toMatchObject({ fragmentAt: 54, moreFragments: 1, protocol: 17, l4At: 62 });
  });
});

describe('lengths', () => {
  it('an IPv4 total length of 0 reaches to the end of the frame on the link', () => {
    const frame = ethernet(
      {},
      ipv4({ ...PODS, totalLength: 0 }, tcp({ srcPort: 1, dstPort: 2 }, new Uint8Array(70_000))),
    );
    const packet = decode(frame, { captured: 128 });
    expect(codes(packet)).toEqual([]);
    expect([packet.ipLength, packet.l4Length, packet.payloadLength]).toEqual([70_040, 70_020, 70_000]);
    expect([packet.ipEnd, packet.payloadEnd]).toEqual([128, 128]);
  });

  it('an IPv6 payload length of 0 does, too', () => {
    const frame = ethernet(
      {},
      ipv6({ ...PODS_6, payloadLength: 0 }, tcp({ srcPort: 1, dstPort: 2 }, new Uint8Array(70_000))),
    );
    expect(decode(frame, { captured: 128 })).toMatchObject({
      ipLength: 70_060,
      payloadLength: 70_000,
      problemCount: 0,
    });
  });

  it('an IPv6 jumbo payload option is the length', () => {
    // RFC 2675 section 2: hop-by-hop header with option 0xc2
    const extensions = hex('0600 c204 00011184');
    const payload = new Uint8Array(0x11184 - 8 - 20);
    const jumbo = ipv6(
      { ...PODS_6, payloadLength: 0, nextHeader: 0, extensions },
      tcp({ srcPort: 1, dstPort: 2 }, payload),
    );
    const packet = decode(ethernet({}, jumbo), { captured: 128 });
    expect(packet).toMatchObject({ ipLength: 0x11184 + 40, l4At: 62, l4Length: 0x11184 - 8, problemCount: 0 });
    // Of an option that was cut nothing tells the length
    for (const captured of [54, 55, 56, 61])
      expect(decode(ethernet({}, jumbo), { captured })).toMatchObject({ ipVersion: 6, ipLength: 0, l4At: -1 });
  });

  it('a payload length of 0 with no next header is an empty packet in a padded frame', () => {
    const frame = join(
      ethernet({}, ipv6({ ...PODS_6, nextHeader: 59, payloadLength: 0 }, hex(''))),
      new Uint8Array(20),
    );
    expect(decode(frame, { length: 74 })).toMatchObject({
      protocol: 59,
      l4At: 54,
      l4Length: 0,
      l4Kind: -1,
      problemCount: 0,
    });
  });

  it('padding after a short packet belongs to nothing', () => {
    const frame = join(ethernet({}, ipv4(PODS, tcp({ srcPort: 1, dstPort: 2 }))), hex('ffffffffffff'));
    expect(decode(frame)).toMatchObject({
      ipEnd: 54,
      payloadAt: 54,
      payloadEnd: 54,
      payloadLength: 0,
      problemCount: 0,
    });
  });

  it('a capture that cuts a packet is no problem, and keeps what was announced', () => {
    const frame = ethernet(
      {},
      ipv4(PODS, tcp({ srcPort: 1, dstPort: 2, options: hex('0101080a0000000100000002') }, new Uint8Array(1000))),
    );
    const packet = decode(frame, { captured: 60 });
    expect(codes(packet)).toEqual([]);
    // The options end after the last captured octet
    expect(packet).toMatchObject({ cut: 1, ipLength: 1052, payloadLength: 1000, payloadAt: 66, payloadEnd: 60 });
    expect(packet.payload).toHaveLength(0);
  });

  it('a total length beyond the link is a problem', () => {
    const packet = decode(
      ethernet({}, ipv4({ ...PODS, totalLength: 1500 }, tcp({ srcPort: 1, dstPort: 2 }, hex('00')))),
    );
    expect(packet.problems).toEqual([{ code: 'ipv4-total-length', at: 16 }]);
    expect(packet.protocols).toBe('eth:ip:tcp');
    expect(packet.ipLength).toBe(1500);
  });

  it('a total length shorter than the header is a problem', () => {
    const packet = decode(ethernet({}, ipv4({ ...PODS, totalLength: 19 }, tcp({ srcPort: 1, dstPort: 2 }))));
    expect(codes(packet)).toEqual(['ipv4-total-length']);
    expect(packet).toMatchObject({ ipAt: 14, l4At: -1, l4Kind: -1 });
  });

  it('an IPv6 payload length beyond the link is a problem', () => {
    const packet = decode(
      ethernet({}, ipv6({ ...PODS_6, payloadLength: 100 }, udp({ srcPort: 1, dstPort: 2 }, hex('00')))),
    );
    expect(packet.problems).toEqual([{ code: 'ipv6-payload-length', at: 18 }]);
  });

  it.for([
    [9, 1, []],
    [0, 5, []],
    [8, 0, []],
    [7, 0, ['udp-length']],
    [14, 6, ['udp-length']],
  ] as const)('a UDP length of %i gives a payload of %i octets', ([length, payloadLength, problems]) => {
    const packet = decode(ethernet({}, ipv4(PODS, udp({ srcPort: 1, dstPort: 2, length }, hex('0102030405')))));
    expect(packet.payloadLength).toBe(payloadLength);
    expect(codes(packet)).toEqual(problems);
    expect(packet.payloadEnd).toBeLessThanOrEqual(packet.frameEnd);
  });
});

describe('problems', () => {
  const raw = (octets: string): PacketView => decode(hex(octets), { linkType: 101 });
  const ip = (protocol: number, payload: Uint8Array): PacketView =>
    decode(ethernet({}, ipv4({ ...PODS, protocol }, payload)));

  it.for([
    ['ethernet-truncated', decode(hex('0102'))],
    ['vlan-truncated', decode(ethernet({ type: 0x8100 }, hex('0001')))],
    ['arp-truncated', decode(ethernet({ type: 0x0806 }, hex('0001080006040001')))],
    ['cooked-truncated', decode(hex('0000'), { linkType: 113 })],
    ['cooked-truncated', decode(hex('0000'), { linkType: 276 })],
    ['null-truncated', decode(hex('020000'), { linkType: 0 })],
    ['ipv4-truncated', raw('4500')],
    ['ipv4-truncated', raw('')],
    ['ipv4-version', decode(ethernet({ type: 0x0800 }, hex(`65${'00'.repeat(19)}`)))],
    ['ipv4-header-length', raw(`44${'00'.repeat(19)}`)],
    ['ipv6-truncated', raw('6000')],
    ['ipv6-version', decode(ethernet({ type: 0x86dd }, hex(`45${'00'.repeat(39)}`)))],
    [
      'ipv6-extension-truncated',
      decode(ethernet({}, ipv6({ ...PODS_6, nextHeader: 0, extensions: hex('1101') }, hex('0000')))),
    ],
    ['icmp-truncated', ip(1, hex('0800'))],
    ['icmpv6-truncated', decode(ethernet({}, ipv6({ ...PODS_6, nextHeader: 58 }, hex('8000'))))],
    ['udp-truncated', ip(17, hex('0001'))],
    ['tcp-truncated', ip(6, hex('0001'))],
    ['tcp-data-offset', ip(6, hex('0001000200000000000000004010000000000000'))],
    ['tcp-data-offset', ip(6, hex('0001000200000000000000006010000000000000'))],
    ['tcp-option-length', ip(6, hex('0001000200000000000000006010000000000000 080a0000'))],
    ['tcp-option-length', ip(6, hex('0001000200000000000000006010000000000000 01010800'))],
    ['vxlan-truncated', ip(17, hex('000112b5000c0000 08000000'))],
    ['geneve-truncated', ip(17, hex('000117c1000c0000 00006558'))],
    ['geneve-truncated', ip(17, hex('000117c100100000 01006558 00000100'))],
    ['geneve-version', ip(17, octetsOf(udp({ srcPort: 1, dstPort: 6081 }, geneve({ vni: 1, version: 1 }, inner))))],
    [
      'geneve-option-length',
      ip(17, octetsOf(udp({ srcPort: 1, dstPort: 6081 }, geneve({ vni: 1, options: hex('0102 80 1f') }, inner)))),
    ],
    ['gre-truncated', ip(47, hex('0000'))],
    ['gre-truncated', ip(47, hex('20000800'))],
    ['gre-version', ip(47, hex('00050800'))],
  ] as const)('%s', ([code, packet]) => {
    expect(codes(packet)).toEqual([code]);
  });

  it('nesting-too-deep: VLAN tags, IP in IP, extension headers', () => {
    const tags = ethernet({ vlans: new Array<number>(40).fill(1) }, ipv4(PODS, icmpEcho({ id: 1, seq: 1 })));
    let packet = ipv4(PODS, icmpEcho({ id: 1, seq: 1 }));
    for (let depth = 0; depth < 40; depth++) packet = ipv4(NODES, asPayload(packet));
    const extensions = hex('0000010400000000'.repeat(17));
    const chained = ipv6({ ...PODS_6, nextHeader: 0, extensions }, hex('00'));
    for (const octets of [tags, ethernet({}, packet), ethernet({}, chained)]) {
      const deep = decode(octets);
      expect(codes(deep)).toEqual(['nesting-too-deep']);
      expect(deep.layerCount).toBeLessThanOrEqual(MAX_LAYERS);
    }
  });

  it('are kept up to a number', () => {
    // Each IP in IP header says it is longer than the one around it
    let packet = ipv4(PODS, hex('00'));
    for (let depth = 0; depth < 12; depth++) packet = ipv4({ ...NODES, totalLength: 1000 }, asPayload(packet));
    const { problemCount } = decode(ethernet({}, packet));
    expect(problemCount).toBe(MAX_PROBLEMS);
  });
});

describe('applications', () => {
  const query = hex('1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001');

  it('DNS is where its port is and 12 octets are announced', () => {
    expect(decode(ethernet({}, ipv4(PODS, udp({ srcPort: 53, dstPort: 9 }, query)))).dnsAt).toBe(42);
    expect(decode(ethernet({}, ipv4(PODS, udp({ srcPort: 9, dstPort: 53 }, query.subarray(0, 11))))).dnsAt).toBe(-1);
    expect(decode(ethernet({}, ipv4(PODS, udp({ srcPort: 9, dstPort: 54 }, query)))).dnsAt).toBe(-1);
  });

  it('DNS of which only id and flags were captured has an offset but is not listed', () => {
    const frame = ethernet({}, ipv4(PODS, udp({ srcPort: 9, dstPort: 53 }, query)));
    expect(decode(frame, { captured: 46 })).toMatchObject({ dnsAt: 42, layerCount: 3 });
    expect(decode(frame, { captured: 45 })).toMatchObject({ dnsAt: -1, layerCount: 3 });
    expect(decode(frame, { captured: 54 }).protocols).toBe('eth:ip:udp:dns');
  });

  it('DNS over TCP begins after its length, unless the segment begins elsewhere', () => {
    const segment = (payload: Uint8Array): PacketView =>
      decode(ethernet({}, ipv4(PODS, tcp({ srcPort: 9, dstPort: 53 }, payload))));
    expect(segment(join(hex('001d'), query)).dnsAt).toBe(56);
    // A message that continues in the next segment
    expect(segment(join(hex('0400'), query)).dnsAt).toBe(56);
    expect(segment(join(hex('0003'), query)).dnsAt).toBe(-1);
    expect(segment(join(hex('001d 0000 7800'), query)).dnsAt).toBe(-1);
    expect(segment(hex('')).dnsAt).toBe(-1);
  });

  it('BGP is where its port and marker are', () => {
    const segment = (payload: Uint8Array, dstPort = 179): PacketView =>
      decode(ethernet({}, ipv4(PODS, tcp({ srcPort: 9, dstPort }, payload))));
    const keepalive = hex(`${'ff'.repeat(16)} 0013 04`);
    expect(segment(keepalive).bgpAt).toBe(54);
    expect(segment(keepalive).protocols).toBe('eth:ip:tcp:bgp');
    expect(segment(keepalive, 180).bgpAt).toBe(-1);
    expect(segment(keepalive.subarray(0, 18)).bgpAt).toBe(-1);
    expect(segment(join(keepalive.subarray(0, 15), hex('fe'), keepalive)).bgpAt).toBe(-1);
  });

  it.for([
    ['handshake on its port', 51_820, '01000000', 148, 'wireguard'],
    ['data on its port', 51_820, '04000000', 64, 'wireguard'],
    ['handshake elsewhere', 33_333, '01000000', 148, 'wireguard'],
    ['response elsewhere', 33_333, '02000000', 92, 'wireguard'],
    ['handshake of another length elsewhere', 33_333, '01000000', 147, null],
    ['unknown type', 51_820, '05000000', 148, null],
    ['reserved octets', 51_820, '01000001', 148, null],
  ] as const)('WireGuard: %s', ([, dstPort, start, length, name]) => {
    const payload = join(hex(start), new Uint8Array(length - 4));
    const packet = decode(ethernet({}, ipv4(NODES, udp({ srcPort: 9, dstPort }, payload))));
    expect(packet.layers[3] ?? null).toBe(name);
    expect(packet.undecoded < 0 ? null : undecodedName(packet.undecoded)).toBe(name);
  });

  it('IKE on the port of ESP is not ESP', () => {
    const ike = hex('00000000 0102030405060708');
    expect(decode(ethernet({}, ipv4(NODES, udp({ srcPort: 4500, dstPort: 4500 }, ike)))).protocols).toBe('eth:ip:udp');
  });
});

describe('what is not decoded is named', () => {
  it.for([
    ['lldp', ethernet({ type: 0x88cc }, hex('00')), 1],
    ['ethertype-0x88b5', ethernet({ type: 0x88b5 }, hex('00')), 1],
    ['llc', ethernet({ type: 38 }, hex('424203')), 1],
    ['mpls', ethernet({ type: 0x8847 }, hex('00')), 1],
    ['ospf', ethernet({}, ipv4({ ...PODS, protocol: 89 }, hex('00'))), 1],
    ['ip-protocol-253', ethernet({}, ipv4({ ...PODS, protocol: 253 }, hex('00'))), 1],
    ['esp', ethernet({}, ipv4({ ...PODS, protocol: 50 }, hex('00'))), 1],
    ['erspan', ethernet({}, ipv4(NODES, gre({ type: 0x88be }, hex('00')))), 1],
    ['ppp', ethernet({}, ipv4(NODES, gre({ type: 0x880b, version: 1 }, hex('00')))), 1],
    ['wpan', hex('0102'), 195],
    ['link-type-147', hex('0102'), 147],
    ['link-type-0', hex('63000000'), 0],
    ['arp', ethernet({ type: 0x0806 }, hex(`0020 0800 14 04 0001 ${'00'.repeat(48)}`)), 1],
  ] as const)('%s', ([name, octets, linkType]) => {
    const packet = decode(octets, { linkType });
    expect(undecodedName(packet.undecoded)).toBe(name);
    expect(codes(packet)).toEqual([]);
  });

  it('nothing is named where all was decoded', () => {
    expect(decode(overVxlan(NODES, inner)).undecoded).toBe(-1);
  });

  it('a tunnel that carries what is not decoded leaves its carrier as the packet', () => {
    const packet = decode(ethernet({}, ipv4(NODES, gre({ type: 0x88be }, inner))));
    expect(packet.ip).toMatchObject(NODES);
    expect(packet.tunnelDepth).toBe(0);
  });
});

describe('link layers', () => {
  it('cooked 2 knows the interface and the direction, inside tunnels too', () => {
    const carrier = ipv4(NODES, udp({ srcPort: 5, dstPort: 8472 }, vxlan({ vni: 1 }, inner)));
    const packet = decode(cooked2({ interfaceIndex: 17, packetType: 4 }, carrier), { linkType: 276 });
    expect(packet).toMatchObject({ interfaceIndex: 17, packetType: 4, tunnelDepth: 1, outerEthAt: -1 });
    expect(decode(inner)).toMatchObject({ interfaceIndex: -1, packetType: -1 });
  });

  it('a tag after a cooked header', () => {
    const tagged = join(hex('00070800'), ipv4(PODS, icmpEcho({ id: 1, seq: 2 })));
    const part = { octets: tagged, number: 0x8100, checksumAt: -1, partial: false };
    expect(decode(cooked2({}, part), { linkType: 276 }).protocols).toBe('sll2:vlan:ip:icmp');
  });

  it.for([
    ['02000000', 'null:ip:icmp'],
    ['00000002', 'null:ip:icmp'],
  ] as const)('null and loop in both byte orders: %s', ([family, protocols]) => {
    const frame = join(hex(family), ipv4(PODS, icmpEcho({ id: 1, seq: 2 })));
    for (const linkType of [0, 108]) expect(decode(frame, { linkType }).protocols).toBe(protocols);
  });

  it('raw IP by its version; link types 12 and 14 too', () => {
    const packet4 = octetsOf(ipv4(PODS, icmpEcho({ id: 1, seq: 2 })));
    const packet6 = octetsOf(ipv6(PODS_6, udp({ srcPort: 1, dstPort: 2 }, hex('00'))));
    for (const linkType of [12, 14, 101]) {
      expect(decode(packet4, { linkType }).protocols).toBe('raw:ip:icmp');
      expect(decode(packet6, { linkType }).protocols).toBe('raw:ipv6:udp');
    }
  });
});

describe('sources', () => {
  const frames = [inner, overVxlan(NODES, inner), octetsOf(ipv4(PODS, icmpEcho({ id: 3, seq: 4 })))];
  const octets = join(hex('ffff'), ...frames);
  const batch = {
    octets,
    view: viewOf(octets),
    index: 1,
    offsets: Int32Array.of(2, 2 + frames[0]!.length, 2 + frames[0]!.length + frames[1]!.length),
    capturedLengths: Int32Array.from(frames, (frame) => frame.length),
    originalLengths: Uint32Array.from(frames, (frame) => frame.length),
    interfaceIds: Uint32Array.of(0, 0, 1),
    interfaces: [{ linkType: 1 }, { linkType: 101 }],
  };

  it('the current frame of a batch, or any', () => {
    const packet = new PacketView();
    packet.decode(batch);
    expect(packet.protocols).toBe('eth:ip:udp:vxlan:eth:ip:tcp');
    expect(packet.frameAt).toBe(batch.offsets[1]);
    packet.decodeAt(batch, 2);
    expect(packet.protocols).toBe('raw:ip:icmp');
    expect(packet.linkType).toBe(101);
    packet.decodeAt({ ...batch, interfaces: [] }, 0);
    expect(undecodedName(packet.undecoded)).toMatch(/^link-type-/);
  });

  it('copy() keeps the packet when the buffer goes on', () => {
    const packet = new PacketView({ vxlanPorts: [999] });
    const buffer = Buffer.from(overVxlan({ ...NODES, dstPort: 999 }, ethernet({ type: 0x88b5 }, hex('01'))));
    packet.decodeFrame(buffer, viewOf(buffer), 0, buffer.length, 4000, 1);
    const copy = packet.copy();
    buffer.fill(0);
    expect(copy.protocols).toBe('eth:ip:udp:vxlan:eth:ethertype-0x88b5');
    expect(copy.tunnel).toMatchObject({ dstPort: 999 });
    expect([copy.originalLength, copy.cut]).toEqual([4000, 1]);
  });

  it('more octets captured than the frame had are all its octets', () => {
    expect(decode(inner, { length: 20 })).toMatchObject({ originalLength: inner.length, cut: 0, problemCount: 0 });
  });
});

describe('objects', () => {
  it('tcp, ip and the tunnel', () => {
    const rst = ethernet(
      {},
      ipv4({ ...PODS, id: 7, ttl: 62, df: true }, tcp({ srcPort: 80, dstPort: 9, seq: 4_294_967_295, flags: 0x14 })),
    );
    const packet = decode(overVxlan({ ...NODES, vni: 5, srcPort: 44_444 }, rst));
    expect(packet.tcp).toEqual({
      srcPort: 80,
      dstPort: 9,
      seq: 4_294_967_295,
      ack: 0,
      flags: 0x14,
      fin: false,
      syn: false,
      rst: true,
      psh: false,
      acks: true,
      window: 65_535,
      payloadLength: 0,
    });
    expect(packet.ip).toEqual({
      version: 4,
      ...PODS,
      ttl: 62,
      id: 7,
      tos: 0,
      protocol: 6,
      length: 40,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
    });
    expect(packet.vxlan).toEqual({ vni: 5, flags: 8 });
    expect(packet.tunnel).toEqual({
      kind: 'vxlan',
      id: 5,
      ...NODES,
      srcPort: 44_444,
      dstPort: 4789,
      depth: 1,
      byContent: false,
    });
    expect([packet.udp, packet.icmp, packet.arp]).toEqual([null, null, null]);
  });

  it('arp', () => {
    const fields = {
      operation: 2,
      senderMac: '02:42:0a:00:00:01',
      senderIp: '10.0.0.1',
      targetMac: '02:42:0a:00:00:02',
      targetIp: '10.0.0.2',
    };
    const packet = decode(ethernet({}, arp(fields)));
    expect(packet.arp).toEqual(fields);
    expect([packet.ip, packet.tcp, packet.tunnel, packet.vxlan, packet.payload]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it('icmp', () => {
    const echo = decode(ethernet({}, ipv4(PODS, icmpEcho({ id: 4660, seq: 9, reply: true }))));
    expect(echo.icmp).toMatchObject({ version: 4, type: 0, code: 0, id: 4660, seq: 9, mtu: null, quoted: null });
    const quoted = ipv4(PODS, tcp({ srcPort: 1025, dstPort: 443 }));
    const error = decode(ethernet({}, ipv4(NODES, icmpError({ type: 3, code: 4, mtu: 1450 }, quoted))));
    expect(error.icmp).toMatchObject({
      id: null,
      seq: null,
      mtu: 1450,
      quoted: { ...PODS, protocol: 6, srcPort: 1025, dstPort: 443 },
    });
    const redirect = decode(ethernet({}, ipv4(NODES, icmpError({ type: 5, code: 1, gateway: '192.0.2.254' }, quoted))));
    expect(redirect.icmp).toMatchObject({ gateway: '192.0.2.254', mtu: null });
  });

  it('udp and payload', () => {
    const packet = decode(ethernet({}, ipv6(PODS_6, udp({ srcPort: 1, dstPort: 2 }, hex('aabbcc')))));
    expect(packet.udp).toEqual({ srcPort: 1, dstPort: 2, payloadLength: 3 });
    expect(packet.payload).toEqual(hex('aabbcc'));
    expect(packet.ip).toMatchObject({ version: 6, ...PODS_6, id: null, protocol: 17 });
  });
});
