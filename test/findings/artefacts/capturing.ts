import { Layer } from '../../../src/wire/layers.js';
import type { WrittenFrame } from '../../support/capture-writer.js';
import { change, cut, inputs, isIcmp, kept, moved, sample, withDrops } from './captures.js';
import { HEALTHY, everywhere, type Artefact, type Row } from './artefact.js';

/** What a capture lacks, and when it says that things were. */
export const CAPTURING: readonly Row[] = [
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
