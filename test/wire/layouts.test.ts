import { expect, it } from 'vitest';
import {
  ArpPacket,
  Cooked2Header,
  CookedHeader,
  EthernetHeader,
  GeneveHeader,
  GreHeader,
  IcmpHeader,
  Icmpv6Header,
  Icmpv6PacketTooBig,
  Ipv4Header,
  Ipv6FragmentHeader,
  Ipv6Header,
  NeighborMessage,
  NullHeader,
  TcpHeader,
  UdpHeader,
  VlanTag,
  VxlanHeader,
} from '../../src/wire/index.js';

/**
 * Every header once more, typed from the figure in its specification and not from the struct: reader and packet builders share
 * the structs, so that a wrong one would pass every round trip. A row: the field, where it begins, where the next one does.
 */
type Figure = readonly (readonly [name: string, from: number, to: number])[];

const FIGURES: readonly [title: string, struct: Shape, figure: Figure][] = [
  [
    'IEEE 802.3',
    EthernetHeader,
    [
      ['dst', 0, 6],
      ['src', 6, 12],
      ['type', 12, 14],
    ],
  ],
  [
    'IEEE 802.1Q',
    VlanTag,
    [
      ['tci', 0, 2],
      ['type', 2, 4],
    ],
  ],
  [
    'LINKTYPE_LINUX_SLL',
    CookedHeader,
    [
      ['packetType', 0, 2],
      ['hardwareType', 2, 4],
      ['addressLength', 4, 6],
      ['address', 6, 14],
      ['protocol', 14, 16],
    ],
  ],
  [
    'LINKTYPE_LINUX_SLL2',
    Cooked2Header,
    [
      ['protocol', 0, 2],
      ['reserved', 2, 4],
      ['interfaceIndex', 4, 8],
      ['hardwareType', 8, 10],
      ['packetType', 10, 11],
      ['addressLength', 11, 12],
      ['address', 12, 20],
    ],
  ],
  ['LINKTYPE_NULL', NullHeader, [['family', 0, 4]]],
  [
    'RFC 826',
    ArpPacket,
    [
      ['hardwareType', 0, 2],
      ['protocolType', 2, 4],
      ['hardwareLength', 4, 5],
      ['protocolLength', 5, 6],
      ['operation', 6, 8],
      ['senderMac', 8, 14],
      ['senderIp', 14, 18],
      ['targetMac', 18, 24],
      ['targetIp', 24, 28],
    ],
  ],
  [
    'RFC 791 section 3.1',
    Ipv4Header,
    [
      ['versionIhl', 0, 1],
      ['tos', 1, 2],
      ['totalLength', 2, 4],
      ['id', 4, 6],
      ['fragment', 6, 8],
      ['ttl', 8, 9],
      ['protocol', 9, 10],
      ['checksum', 10, 12],
      ['src', 12, 16],
      ['dst', 16, 20],
    ],
  ],
  [
    'RFC 8200 section 3',
    Ipv6Header,
    [
      ['versionClassFlow', 0, 4],
      ['payloadLength', 4, 6],
      ['nextHeader', 6, 7],
      ['hopLimit', 7, 8],
      ['src', 8, 24],
      ['dst', 24, 40],
    ],
  ],
  [
    'RFC 8200 section 4.5',
    Ipv6FragmentHeader,
    [
      ['nextHeader', 0, 1],
      ['reserved', 1, 2],
      ['fragment', 2, 4],
      ['id', 4, 8],
    ],
  ],
  [
    'RFC 792, echo',
    IcmpHeader,
    [
      ['type', 0, 1],
      ['code', 1, 2],
      ['checksum', 2, 4],
      ['id', 4, 6],
      ['seq', 6, 8],
    ],
  ],
  [
    'RFC 4443 section 4.1',
    Icmpv6Header,
    [
      ['type', 0, 1],
      ['code', 1, 2],
      ['checksum', 2, 4],
      ['id', 4, 6],
      ['seq', 6, 8],
    ],
  ],
  [
    'RFC 4443 section 3.2',
    Icmpv6PacketTooBig,
    [
      ['type', 0, 1],
      ['code', 1, 2],
      ['checksum', 2, 4],
      ['mtu', 4, 8],
    ],
  ],
  [
    'RFC 4861 section 4.4',
    NeighborMessage,
    [
      ['type', 0, 1],
      ['code', 1, 2],
      ['checksum', 2, 4],
      ['flags', 4, 8],
      ['target', 8, 24],
    ],
  ],
  [
    'RFC 768',
    UdpHeader,
    [
      ['srcPort', 0, 2],
      ['dstPort', 2, 4],
      ['length', 4, 6],
      ['checksum', 6, 8],
    ],
  ],
  [
    'RFC 9293 section 3.1',
    TcpHeader,
    [
      ['srcPort', 0, 2],
      ['dstPort', 2, 4],
      ['seq', 4, 8],
      ['ack', 8, 12],
      ['dataOffset', 12, 13],
      ['flags', 13, 14],
      ['window', 14, 16],
      ['checksum', 16, 18],
      ['urgent', 18, 20],
    ],
  ],
  [
    'RFC 7348 section 5',
    VxlanHeader,
    [
      ['flags', 0, 1],
      ['reserved1', 1, 4],
      ['vni', 4, 7],
      ['reserved2', 7, 8],
    ],
  ],
  [
    'RFC 8926 section 3.4',
    GeneveHeader,
    [
      ['versionLength', 0, 1],
      ['flags', 1, 2],
      ['type', 2, 4],
      ['vni', 4, 7],
      ['reserved', 7, 8],
    ],
  ],
  [
    'RFC 2784 section 2',
    GreHeader,
    [
      ['flags', 0, 2],
      ['type', 2, 4],
    ],
  ],
];

interface Shape {
  readonly span: number;
  readonly fields: readonly { readonly property: string; readonly span: number }[];
  offsetOf(name: never): number;
}

it.for(FIGURES)('%s', ([, struct, figure]) => {
  let at = 0;
  const laidOut = struct.fields.map(({ property, span }) => {
    const from = at;
    at += span;
    return [property, from, at];
  });
  expect(laidOut).toEqual(figure);
  expect(struct.span).toBe(figure.at(-1)![2]);
  for (const [name, from] of figure) expect(struct.offsetOf(name as never)).toBe(from);
});

it('a misspelt field name does not compile, and has no offset', () => {
  // @ts-expect-error RFC 768 calls it the source port, the struct srcPort
  expect(UdpHeader.offsetOf('sourcePort')).toBeUndefined();
});
