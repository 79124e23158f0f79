import { ipv4TotalLength } from '../../../src/wire/ipv4.js';
import { Layer } from '../../../src/wire/layers.js';
import { l4Checksum, outerUdpChecksum } from '../../../src/wire/packet-checksums.js';
import type { PacketView } from '../../../src/wire/packet.js';
import { udpDstPort, udpSrcPort } from '../../../src/wire/udp.js';
import { Lab } from '../encapsulation-support.js';
import { change, count, inputs, sample, tagged } from './captures.js';
import { Wire, of, opened, segment, type Artefact, type Row } from './artefact.js';

/** What cards and kernels do to octets, lengths and headers. */
export const OCTETS: readonly Row[] = [
  [
    'art-checksum-partial',
    'TCP and UDP sums left to the card',
    async () => [of(await sample('healthy-flannel'), (packet) => l4Checksum(packet) === 'partial')],
  ],
  [
    'art-checksum-lco',
    'the outer sum rests on an unfinished inner one',
    async () => [
      of(await sample('healthy-flannel'), (packet) =>
        ['partial', 'local-checksum-offload'].includes(outerUdpChecksum(packet) ?? ''),
      ),
    ],
  ],
  [
    'art-udp-zero-checksum',
    'VXLAN without an outer sum',
    async () => {
      const lab = new Lab().healthy();
      return [of(lab.points, (packet) => outerUdpChecksum(packet) === 'zero')];
    },
  ],
  [
    'art-gso-superframe',
    'one frame far above the MTU, cut on the wire',
    async () => [largeSegment(opened(new Wire()), ['node1/veth1', 'node1/eth0'], ['node2/eth0', 'node2/veth2'])],
  ],
  [
    'art-gro-merge',
    'segments of the wire merged on reception',
    async () => {
      const wire = opened(new Wire());
      for (let i = 0; i < 4; i++) {
        const fields = { seq: 1001 + i * 1400, ack: 9001, flags: 16, id: 10 + i, length: 1400 };
        for (const [hop, point] of ['node1/veth1', 'node1/eth0', 'node2/eth0'].entries()) {
          wire.at(point, 2000 + 20 * hop + i, segment(false, fields)(64 - Math.ceil(hop / 2)));
        }
      }
      wire.at('node2/veth2', 2100, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 10, length: 5600 })(62));
      wire.pass(3000, segment(true, { seq: 9001, ack: 6601, flags: 16, id: 50 }), true);
      return [of(wire.points, isLarge)];
    },
  ],
  [
    'art-vlan-stripped',
    'a VLAN tag at one end of the wire only',
    async () => {
      const points = change(
        await sample('healthy-calico'),
        (point) => point === 'w2/eth0',
        (frames) => frames.map(tagged),
      );
      return [of(points, ({ layerKinds, layerCount }) => layerKinds.subarray(0, layerCount).includes(Layer.VLAN))];
    },
  ],
  [
    'art-otv',
    'port 8472, which tcpdump calls OTV',
    async () => [
      of(
        await sample('healthy-flannel'),
        ({ view, outerUdpAt, tunnelKind }) =>
          outerUdpAt >= 0 && udpDstPort(view, outerUdpAt) === 8472 && tunnelKind === Layer.VXLAN,
      ),
    ],
  ],
  [
    'art-vxlan-sport',
    'outer source ports that are equal both ways, and that change within a flow',
    async () => {
      const lab = new Lab().healthy();
      const isVxlan = ({ outerUdpAt }: PacketView): boolean => outerUdpAt >= 0;
      const points = await sample('healthy-calico');
      const ports = new Set<number>();
      count(points, ({ view, outerUdpAt }) => outerUdpAt >= 0 && ports.add(udpSrcPort(view, outerUdpAt)).size > 0);
      return [of(lab.points, isVxlan), { inputs: inputs(points), seen: ports.size - 1 }];
    },
  ],
];

/** One packet of 5600 octets of data where it is not cut yet, four where it is. */
function largeSegment(wire: Wire, whole: readonly string[], parts: readonly string[]): Artefact {
  const [seq, ack, flags, size] = [1001, 9001, 16, 1400];
  for (const [i, point] of whole.entries()) {
    wire.at(point, 2000 + 20 * i, segment(false, { seq, ack, flags, id: 10, length: 4 * size })(64 - i));
  }
  for (const point of parts) {
    for (let i = 0; i < 4; i++) {
      const fields = { seq: seq + i * size, ack, flags, id: 10 + i, length: size };
      wire.at(point, 2100 + i, segment(false, fields)(point.includes('veth') ? 62 : 63));
    }
  }
  wire.pass(3000, segment(true, { seq: 9001, ack: seq + 4 * size, flags: 16, id: 50 }), true);
  return of(wire.points, isLarge);
}

function isLarge({ view, ipAt }: PacketView): boolean {
  return ipAt >= 0 && ipv4TotalLength(view, ipAt) > 1500;
}
