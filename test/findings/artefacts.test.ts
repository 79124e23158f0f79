import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import type { Finding } from '../../src/report/report.js';
import { ipv4Id, ipv4TotalLength } from '../../src/wire/ipv4.js';
import { Layer } from '../../src/wire/layers.js';
import { l4Checksum, outerUdpChecksum } from '../../src/wire/packet-checksums.js';
import type { PacketView } from '../../src/wire/packet.js';
import { udpDstPort, udpSrcPort } from '../../src/wire/udp.js';
import type { WrittenFrame } from '../support/capture-writer.js';
import { icmpEcho, ipv4, synOptions, tcp, timestampOptions, type Part } from '../support/packets.js';
import { Lab } from './encapsulation-support.js';
import {
  anyOf,
  change,
  count,
  cut,
  inputs,
  isIcmp,
  kept,
  moved,
  read,
  sample,
  tagged,
  Wire,
  withDrops,
  type Input,
  type Points,
} from './artefacts-support.js';

// What capturing itself does to a healthy network. Nothing of it may raise an error or a warning, and nothing may be said to be
// lost. Each row has the captures and a count that shows that the artefact is in them.

const SHARED = '../shared/captures';
const HEALTHY = ['healthy-flannel', 'healthy-calico'] as const;
const CLIENT = '10.244.1.2';
const SERVER = '10.244.2.2';
const NODE = '192.0.2.10';
const everywhere = (): boolean => true;

interface Artefact {
  readonly inputs: readonly Input[];
  /** How often it is there. */
  readonly seen: number;
  /** Behind the end of a file a loss may be likely, never shown. */
  readonly mayBeLikely?: boolean;
}

function of(points: Points, predicate: (packet: PacketView) => boolean): Artefact {
  return { inputs: inputs(points), seen: count(points, predicate) };
}

function segment(back: boolean, fields: { seq: number; ack: number; flags: number; id: number; length?: number }) {
  return (ttl: number): Part => {
    const { seq, ack, flags, id, length = 0 } = fields;
    const [src, dst] = back ? [SERVER, CLIENT] : [CLIENT, SERVER];
    const ports = back ? { srcPort: 80, dstPort: 40_000 } : { srcPort: 40_000, dstPort: 80 };
    const options = (flags & 2) === 0 ? timestampOptions(id, 1) : synOptions(id);
    return ipv4(
      { src, dst, ttl, id, df: true },
      tcp({ ...ports, seq, ack, flags, window: 500, options }, new Uint8Array(length)),
    );
  };
}

/** A connection that is open after 2 ms: 1001 and 9001 are the next numbers. */
function opened(wire: Wire): Wire {
  return wire
    .pass(0, segment(false, { seq: 1000, ack: 0, flags: 2, id: 1 }))
    .pass(500, segment(true, { seq: 9000, ack: 1001, flags: 18, id: 0 }), true)
    .pass(1000, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 2 }));
}

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
  return of(wire.points, ({ view, ipAt }) => ipAt >= 0 && ipv4TotalLength(view, ipAt) > 1500);
}

/** All healthy samples with a change to the frames of one point, one point after the other. */
async function eachPoint(how: (frames: readonly WrittenFrame[], point: string) => WrittenFrame[]): Promise<Artefact[]> {
  const artefacts: Artefact[] = [];
  for (const name of HEALTHY) {
    const points = await sample(name);
    for (const point of points.keys()) {
      const changed = change(
        points,
        (other) => other === point,
        (frames) => how(frames, point),
      );
      const before = points.get(point)!.length;
      artefacts.push({ inputs: inputs(changed), seen: before - changed.get(point)!.length });
    }
  }
  return artefacts;
}

function pings(options: { id?: number } = {}): Wire {
  const wire = new Wire();
  for (let seq = 1; seq <= 20; seq++) {
    const id = options.id ?? 100 + seq;
    const data = icmpEcho({ id: 7, seq });
    const answer = icmpEcho({ id: 7, seq, reply: true });
    wire.pass(seq * 1e5, (ttl) => ipv4({ src: CLIENT, dst: SERVER, ttl, id, df: true }, data));
    wire.pass(seq * 1e5 + 300, (ttl) => ipv4({ src: SERVER, dst: CLIENT, ttl, id }, answer), true);
  }
  return wire;
}

const ARTEFACTS: readonly (readonly [id: string, what: string, make: () => Promise<Artefact[]>])[] = [
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
      return [largeSegment(wire, [], [])].map(() => {
        wire.at('node2/veth2', 2100, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 10, length: 5600 })(62));
        return of(wire.points, ({ view, ipAt }) => ipAt >= 0 && ipv4TotalLength(view, ipAt) > 1500);
      });
    },
  ],
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
    'art-truncated',
    'a snap length that cuts inner headers',
    async () => {
      const artefacts: Artefact[] = [];
      for (const name of HEALTHY) {
        const points = await sample(name);
        for (const length of [64, 96, 128]) {
          const short = change(points, everywhere, (frames) => frames.map((frame) => cut(frame, length)));
          const seen = [...short.values()]
            .flat()
            .filter(({ octets, originalLength = 0 }) => octets.length < originalLength);
          artefacts.push({ inputs: inputs(short, length), seen: seen.length });
        }
      }
      return artefacts;
    },
  ],
  [
    'art-kernel-drops',
    'a capture that says it dropped frames, and lacks every third',
    async () => {
      const artefacts: Artefact[] = [];
      for (const name of HEALTHY) {
        const points = await sample(name);
        for (const [point, frames] of points) {
          const others = inputs(new Map([...points].filter(([other]) => other !== point)));
          for (const lacking of [0, 1, 2]) {
            const rest = frames.filter((_, i) => i % 3 !== lacking);
            const dropped = frames.length - rest.length;
            artefacts.push({ inputs: [...others, withDrops(point, rest, BigInt(dropped))], seen: dropped });
          }
        }
      }
      return artefacts;
    },
  ],
  [
    'art-start-skew',
    'captures that begin late and end early',
    async () =>
      [
        ...(await eachPoint((frames) => frames.slice(Math.floor(frames.length / 3)))),
        ...(await eachPoint((frames) => frames.slice(0, Math.ceil((2 * frames.length) / 3)))),
      ].map((artefact) => ({ ...artefact, mayBeLikely: true })),
  ],
  [
    'art-clock-skew',
    'clocks of the nodes 1.7 s and an hour apart',
    async () => {
      const artefacts: Artefact[] = [];
      for (const name of HEALTHY) {
        const points = await sample(name);
        const [first] = points.keys();
        const node = first!.split('/')[0]!;
        for (const skew of [1.7e9, -3600e9]) {
          const skewed = change(
            points,
            (point) => point.startsWith(node),
            (frames) => frames.map((frame) => moved(frame, skew)),
          );
          artefacts.push({ inputs: inputs(skewed), seen: 1 });
        }
      }
      return artefacts;
    },
  ],
  [
    'art-filter-hides',
    'a capture filter that lets only ICMP, or only the tunnel, pass',
    async () => [
      ...(await eachPoint((frames) => kept(frames, isIcmp))),
      ...(await eachPoint((frames, point) =>
        point.endsWith('eth0')
          ? kept(frames, ({ tunnelDepth }) => tunnelDepth > 0)
          : kept(frames, ({ dnsAt }) => dnsAt >= 0),
      )),
    ],
  ],
  [
    'art-ebpf-bypass',
    'packets to a pod go past its interface on the node, as bpf_redirect_peer takes them',
    async () => {
      const artefacts: Artefact[] = [];
      const points = await sample('healthy-calico');
      const cilium = new Map([...points].map(([point, frames]) => [point.replace('/cali', '/lxc'), frames]));
      for (const point of [...cilium.keys()].filter((name) => name.includes('/lxc'))) {
        const frames = cilium.get(point)!;
        // What the node sends to the pod has the gateway's MAC address.
        const rest = frames.filter(({ octets }) => octets[6] !== 0xee);
        const changed = change(
          cilium,
          (other) => other === point,
          () => rest,
        );
        artefacts.push({ inputs: inputs(changed), seen: frames.length - rest.length });
      }
      return artefacts;
    },
  ],
  [
    'art-hw-offload',
    'a flow leaves the interface after its first packets',
    () =>
      eachPoint((frames, point) => (point.endsWith('eth0') ? firstOfEach(frames, 2) : [...frames])).then((all) =>
        all.filter(({ seen }) => seen > 0),
      ),
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
    'art-ipid-zero',
    'every packet has identification 0',
    async () => [of(pings({ id: 0 }).points, ({ view, ipAt }) => ipAt >= 0 && ipv4Id(view, ipAt) === 0)],
  ],
  [
    'art-retransmit',
    'the same segment again, with a new identification',
    async () => {
      const wire = opened(new Wire());
      const data = { seq: 1001, ack: 9001, flags: 24, length: 100 };
      wire.pass(2000, segment(false, { ...data, id: 10 })).pass(202_000, segment(false, { ...data, id: 11 }));
      wire.pass(202_500, segment(true, { seq: 9001, ack: 1101, flags: 16, id: 60 }), true);
      return [of(wire.points, ({ payloadLength }) => payloadLength === 100)];
    },
  ],
  [
    'art-icmp-embedded',
    'an ICMP error quotes a packet, which is no packet',
    async () => {
      const artefact = of(await sample('healthy-calico'), ({ quotedIpAt }) => quotedIpAt >= 0);
      const { flows } = await diagnose([...artefact.inputs]);
      // truth.json: pings one way, the other way and from the node; DNS to one server from two pods, HTTP, a refused port, a closed port.
      expect(flows.filter(({ serverPort, protocol }) => protocol === 'udp' || serverPort === 5353)).toHaveLength(1);
      return [artefact];
    },
  ],
  [
    'art-syn-linear',
    'SYN sent again every second, as newer kernels do',
    async () => {
      const wire = new Wire();
      for (let i = 0; i < 3; i++) wire.pass(i * 1e6, segment(false, { seq: 1000, ack: 0, flags: 2, id: 1 + i }));
      wire.pass(2e6 + 500, segment(true, { seq: 9000, ack: 1001, flags: 18, id: 0 }), true);
      wire.pass(2e6 + 900, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 5 }));
      return [of(wire.points, ({ view, l4At }) => l4At >= 0 && view.getUint8(l4At + 13) === 2)];
    },
  ],
  [
    'art-keepalive',
    'one octet before the next number, answered',
    async () => {
      const wire = opened(new Wire());
      wire.pass(2000, segment(false, { seq: 1001, ack: 9001, flags: 24, id: 10, length: 50 }));
      wire.pass(2500, segment(true, { seq: 9001, ack: 1051, flags: 16, id: 60 }), true);
      for (let i = 1; i <= 5; i++) {
        wire.pass(i * 15e6, segment(false, { seq: 1050, ack: 9001, flags: 16, id: 10 + i, length: 1 }));
        wire.pass(i * 15e6 + 500, segment(true, { seq: 9001, ack: 1051, flags: 16, id: 60 + i }), true);
      }
      return [of(wire.points, ({ payloadLength, l4Kind }) => l4Kind === Layer.TCP && payloadLength === 1)];
    },
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
  [
    'art-time-order',
    'times that go back inside a file',
    async () => {
      const swap = (frames: readonly WrittenFrame[]): WrittenFrame[] =>
        frames.map((_, i) => frames[i ^ 1] ?? frames[i]!);
      return Promise.all(
        HEALTHY.map(async (name) => ({ inputs: inputs(change(await sample(name), everywhere, swap)), seen: 1 })),
      );
    },
  ],
];

/** What a switch chip takes over once it knows the flow. */
function firstOfEach(frames: readonly WrittenFrame[], most: number): WrittenFrame[] {
  const seen = new Map<string, number>();
  return kept(frames, ({ view, ipAt, ipVersion, l4Kind, l4At, tunnelDepth }) => {
    if (tunnelDepth === 0 || ipVersion !== 4) return true;
    const ports = l4Kind === Layer.TCP || l4Kind === Layer.UDP ? view.getUint32(l4At) : 0;
    const key = `${view.getUint32(ipAt + 12)} ${view.getUint32(ipAt + 16)} ${ports}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return seen.get(key)! <= most;
  });
}

function silent(findings: readonly Finding[], mayBeLikely = false): void {
  const loud = findings.filter(
    ({ severity, kind, certainty }) =>
      (severity !== 'info' || /lost|loss/.test(kind)) && !(mayBeLikely && certainty === 'likely'),
  );
  expect(loud.map(({ kind, title }) => `${kind}: ${title}`)).toEqual([]);
}

describe('artefacts of capturing', () => {
  it.each(ARTEFACTS)('%s: %s', async (_, __, make) => {
    for (const { inputs: given, seen, mayBeLikely = false } of await make()) {
      expect(seen).toBeGreaterThan(0);
      silent((await diagnose([...given])).findings, mayBeLikely);
    }
  });

  it.runIf(existsSync(`${SHARED}/faults`)).each(['faults/GSO', 'faults/D1', 'faults/H11on', 'lab/tso-resegment'])(
    '%s: as a kernel made it',
    async (folder) => silent((await diagnose(inputs(await read(`${SHARED}/${folder}`)))).findings),
  );
});
