import { Layer } from '../../../src/wire/layers.js';
import type { PacketView } from '../../../src/wire/packet.js';
import { icmpEcho, ipv4 } from '../../support/packets.js';
import { Lab } from '../encapsulation-support.js';
import { anyOf, inputs, isIcmp, sample } from './captures.js';
import { CLIENT, HEALTHY, NODE, Wire, of, type Row } from './artefact.js';

/** One packet seen twice, or under other names. */
export const SIGHTINGS: readonly Row[] = [
  [
    'art-bridge-double',
    'a bridge shows a packet before and after routing',
    async () => {
      const wire = new Wire();
      wire.points.clear();
      for (let seq = 1; seq <= 5; seq++) {
        for (const reply of [false, true]) {
          const [src, dst] = reply ? ['10.244.1.3', CLIENT] : [CLIENT, '10.244.1.3'];
          const packet = (ttl: number) => ipv4({ src, dst, ttl, id: seq, df: true }, icmpEcho({ id: 7, seq, reply }));
          const time = seq * 1e5 + (reply ? 300 : 0);
          const [from, to] = reply ? ['node1/veth2', 'node1/veth1'] : ['node1/veth1', 'node1/veth2'];
          wire.at(from, time, packet(64)).at('node1/cni0', time + 2, packet(64));
          wire.at('node1/cni0', time + 9, packet(63)).at(to, time + 12, packet(63));
        }
      }
      return [of(wire.points, isIcmp)];
    },
  ],
  [
    'art-any-duplicate',
    '`-i any` has a packet once for each interface',
    () =>
      Promise.all(
        HEALTHY.map(async (name) => {
          const points = await sample(name);
          const nodes = [...new Set([...points.keys()].map((point) => point.split('/')[0]!))];
          return { inputs: nodes.map((node) => anyOf(points, node)), seen: points.size - nodes.length };
        }),
      ),
  ],
  [
    'art-two-files-same-point',
    'two captures of one interface that overlap',
    async () => {
      const points = await sample('healthy-flannel');
      return [...points].map(([point, frames]) => {
        const [again] = inputs(new Map([[point, frames.slice(3)]]));
        return { inputs: [...inputs(points), { ...again!, file: `${again!.file}1` }], seen: frames.length - 3 };
      });
    },
  ],
  [
    'art-nat-before-after',
    'the query to a pod, its answer from the service',
    async () => {
      const points = await sample('dns-listing');
      const bridge = new Map([['node1/cni0', points.get('node1/cni0')!]]);
      const isDns = ({ dnsAt }: PacketView): boolean => dnsAt >= 0;
      return [of(points, isDns), of(bridge, isDns)];
    },
  ],
  [
    'art-otherhost',
    'promiscuous: frames for another host, flooded by a switch',
    async () => {
      const lab = new Lab().healthy();
      const other = { dst: '192.0.2.30', frameDestination: '02:00:00:00:01:0c' };
      const frame = (ttl: number) =>
        ipv4({ src: '10.244.1.2', dst: '10.244.3.3', ttl, id: 900 }, icmpEcho({ id: 9, seq: 1 }));
      lab.send({ time: 1e6, packet: frame, outer: other, until: 'b/eth0', innerDestination: '66:00:00:00:00:0c' });
      return [of(lab.points, ({ view, outerIpAt }) => outerIpAt >= 0 && view.getUint8(outerIpAt + 19) === 30)];
    },
  ],
  [
    'art-echo-id',
    'source translation rewrites the identifier of an echo',
    async () => {
      const wire = new Wire();
      for (let seq = 1; seq <= 5; seq++) {
        const request = (src: string, id: number) => (ttl: number) =>
          ipv4({ src, dst: '198.51.100.7', ttl, id: 20 + seq, df: true }, icmpEcho({ id, seq }));
        const reply = (dst: string, id: number) => (ttl: number) =>
          ipv4({ src: '198.51.100.7', dst, ttl, id: 90 + seq }, icmpEcho({ id, seq, reply: true }));
        const time = seq * 1e5;
        wire.at('node1/veth1', time, request(CLIENT, 7)(64)).at('node1/eth0', time + 20, request(NODE, 4242)(63));
        wire.at('node1/eth0', time + 300, reply(NODE, 4242)(54)).at('node1/veth1', time + 320, reply(CLIENT, 7)(53));
      }
      wire.points.delete('node2/eth0');
      wire.points.delete('node2/veth2');
      return [of(wire.points, ({ view, l4At, l4Kind }) => l4Kind === Layer.ICMP && view.getUint16(l4At + 4) === 4242)];
    },
  ],
];
