import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AddressTable } from '../../src/net/address-table.js';
import { TunnelTable } from '../../src/trail/sightings.js';
import { TunnelReader } from '../../src/trail/tunnel-reader.js';
import { Layer } from '../../src/wire/layers.js';
import { PacketView } from '../../src/wire/packet.js';
import { asPayload, ethernet, gre, ipv4, ipv6, octetsOf, udp, view, vxlan } from '../support/packets.js';

const INNER_IP = ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(8)));
const INNER = ethernet({}, INNER_IP);

/** A frame in a tunnel; of its ends and its identifier one is any of many, so that tunnels meet in one place. */
const outer = fc.oneof(
  ...[0, 1, 2].map((many) => {
    const [src, dst, id] = [0, 1, 2].map((i) => fc.nat(i === many ? 65_535 : 1)) as [
      fc.Arbitrary<number>,
      fc.Arbitrary<number>,
      fc.Arbitrary<number>,
    ];
    const kind = fc.constantFrom('vxlan', 'vxlan6', 'gre', 'gre without key', 'ipip');
    // A key of all ones is not what a tunnel without one has
    const key = fc.oneof(id, fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff));
    return fc.record({ kind, src, dst, id, key, port: fc.constantFrom(4789, 8472) });
  }),
);
type Outer = typeof outer extends fc.Arbitrary<infer T> ? T : never;

function addressOf(node: number, isSix: boolean): string {
  return isSix ? `2001:db8::1:${node.toString(16)}` : `198.51.${node >> 8}.${node & 255}`;
}

function frameOf({ kind, src, dst, port, id, key }: Outer): Uint8Array {
  const isSix = kind === 'vxlan6';
  const ends = { src: addressOf(src, isSix), dst: addressOf(dst, isSix) };
  if (kind === 'ipip') return ethernet({}, ipv4(ends, asPayload(INNER_IP)));
  if (kind.startsWith('gre')) return ethernet({}, ipv4(ends, gre(kind === 'gre' ? { key } : {}, INNER)));
  const datagram = udp({ srcPort: 50_000, dstPort: port, checksum: 0 }, vxlan({ vni: id }, INNER));
  return ethernet({}, isSix ? ipv6(ends, datagram) : ipv4(ends, datagram));
}

it('tells a tunnel as its table does, whatever was read before', () => {
  fc.assert(
    fc.property(fc.array(outer, { minLength: 300, maxLength: 300 }), (tunnels) => {
      const table = new TunnelTable();
      const addresses = new AddressTable();
      const reader = new TunnelReader(addresses, table);
      const packet = new PacketView();
      for (const its of tunnels) {
        const octets = octetsOf(frameOf(its));
        packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length, 1);
        const { kind, src, dst, destinationPort, id } = table.get(reader.numberOf(packet))!;
        const isSix = its.kind === 'vxlan6';
        const isVxlan = isSix || its.kind === 'vxlan';
        expect(kind).toBe(isVxlan ? Layer.VXLAN : its.kind === 'ipip' ? Layer.IP : Layer.GRE);
        expect([addresses.text(src), addresses.text(dst)]).toEqual([
          addressOf(its.src, isSix),
          addressOf(its.dst, isSix),
        ]);
        expect(destinationPort).toBe(isVxlan ? its.port : 0);
        expect(id).toBe(isVxlan ? its.id : its.kind === 'gre' ? its.key : -1);
      }
    }),
    { numRuns: 10 },
  );
});
