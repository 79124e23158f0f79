import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AddressTable } from '../../src/net/address-table.js';
import { TunnelTable } from '../../src/trail/sightings.js';
import { TunnelReader } from '../../src/trail/tunnel-reader.js';
import { Layer } from '../../src/wire/layers.js';
import { PacketView } from '../../src/wire/packet.js';
import { ethernet, gre, ipv4, ipv6, octetsOf, udp, view, vxlan } from '../support/packets.js';

const INNER = ethernet(
  {},
  ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(8))),
);

/** A frame in a tunnel between two of many nodes. */
const outer = fc.record({
  kind: fc.constantFrom('vxlan', 'vxlan6', 'gre'),
  src: fc.nat(15),
  dst: fc.nat(15),
  port: fc.constantFrom(4789, 8472),
  id: fc.nat(3),
});
type Outer = typeof outer extends fc.Arbitrary<infer T> ? T : never;

function frameOf({ kind, src, dst, port, id }: Outer): Uint8Array {
  const ends = { src: `192.0.2.${src}`, dst: `192.0.2.${dst}` };
  if (kind === 'gre') return ethernet({}, ipv4(ends, gre({ key: id }, INNER)));
  const datagram = udp({ srcPort: 50_000, dstPort: port, checksum: 0 }, vxlan({ vni: id }, INNER));
  if (kind === 'vxlan') return ethernet({}, ipv4(ends, datagram));
  return ethernet({}, ipv6({ src: `2001:db8::${src.toString(16)}`, dst: `2001:db8::${dst.toString(16)}` }, datagram));
}

it('tells a tunnel as its table does, whatever was read before', () => {
  fc.assert(
    fc.property(fc.array(outer, { maxLength: 200 }), (tunnels) => {
      const table = new TunnelTable();
      const addresses = new AddressTable();
      const reader = new TunnelReader(addresses, table);
      const packet = new PacketView();
      for (const its of tunnels) {
        const octets = octetsOf(frameOf(its));
        packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length, 1);
        const { kind, src, dst, destinationPort, id } = table.get(reader.numberOf(packet))!;
        const isSix = its.kind === 'vxlan6';
        const text = (node: number): string => (isSix ? `2001:db8::${node.toString(16)}` : `192.0.2.${node}`);
        expect(kind).toBe(its.kind === 'gre' ? Layer.GRE : Layer.VXLAN);
        expect(addresses.text(src)).toBe(isSix && its.src === 0 ? '2001:db8::' : text(its.src));
        expect(addresses.text(dst)).toBe(isSix && its.dst === 0 ? '2001:db8::' : text(its.dst));
        expect([destinationPort, id]).toEqual([its.kind === 'gre' ? 0 : its.port, its.id]);
      }
    }),
  );
});
