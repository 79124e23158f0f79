/**
 * Captures of a generated network, with the truth of every packet: which frame of which file shows it, and where it ended.
 * A scenario is its options: the same options give the same octets.
 */
import fc from 'fast-check';
import { writePcap, writePcapng, type WrittenFrame } from './capture-writer.js';
import { arp, hex, icmpv6, ipv4, ipv6 } from './packets.js';
import { Network, type NetworkOptions, type Point } from './scenario-network.js';
import { Random } from './scenario-random.js';
import {
  ethernetOf,
  Traffic,
  type FlowOptions,
  type LossOptions,
  type TruthExchange,
  type TruthPacket,
} from './scenario-traffic.js';

export interface ScenarioOptions extends NetworkOptions, LossOptions {
  readonly seed: number;
  readonly flows: readonly FlowOptions[];
  /** Bit i set: the i-th point is captured; two at least are. */
  readonly points: number;
  /** ARP and multicast at every point now and then. */
  readonly noise: boolean;
  /** Probability that a bridge shows a frame twice. */
  readonly copies: number;
  /** Octets kept of a frame; 0 keeps all. */
  readonly snapLength: number;
  /** One pcapng file a node has all its interfaces, and hands them over in batches of up to 100 ms. */
  readonly format: 'pcap' | 'pcap-ns' | 'pcapng' | 'pcapng-node';
  /** How far each node's clock is ahead, nanoseconds, and how fast it runs away, parts per million; by node name. */
  readonly clocks: Readonly<Record<string, { readonly offset: number; readonly drift: number }>>;
  /** Parts of the traffic's time before and after which nothing is captured. */
  readonly from: number;
  readonly until: number;
  /** One capture that was begun late, stopped early or emptied; null when all go on as long as each other. */
  readonly cut: Cut | null;
}

/** What is kept of one file, counted over all of them: the frames up to a part of the whole time, those from it on, or none. */
export interface Cut {
  readonly file: number;
  readonly keep: 'beginning' | 'end' | 'nothing';
  /** Hundredths. */
  readonly at: number;
}

/** A frame in a capture file. */
export interface CapturedFrame {
  readonly point: string;
  /** As the clock of its node says, nanoseconds after the beginning. */
  readonly time: number;
  readonly trueTime: number;
  readonly octets: Uint8Array;
  /** Octets on the link. */
  readonly length: number;
  /** Packet that it shows, null for noise. */
  readonly packet: number | null;
}

/** A capture file: of one point, or with `pcapng-node` of all captured points of a node. */
export interface CaptureFile {
  readonly name: string;
  readonly points: readonly string[];
  readonly snapLength: number;
  readonly format: ScenarioOptions['format'];
  readonly frames: readonly CapturedFrame[];
}

export interface Scenario {
  readonly options: ScenarioOptions;
  readonly network: Network;
  /** Captured points. */
  readonly points: readonly string[];
  readonly files: readonly CaptureFile[];
  readonly packets: readonly TruthPacket[];
  readonly exchanges: readonly TruthExchange[];
  /** First and last moment of capturing, nanoseconds after the beginning, as true time. */
  readonly span: readonly [number, number];
}

/** Second since the epoch that generated times count from. */
export const BEGINNING = 1_795_226_754;

/** A network in which nothing goes wrong and everything is captured; the base of literal scenarios. */
export const QUIET: ScenarioOptions = {
  seed: 1,
  cni: 'flannel',
  nodes: 2,
  podsPerNode: 1,
  middle: 'none',
  promiscuous: true,
  flows: [],
  points: -1,
  noise: true,
  loss: 0,
  outage: null,
  resegment: false,
  copies: 0,
  snapLength: 0,
  format: 'pcap',
  clocks: {},
  from: 0,
  until: 1,
  cut: null,
};

const flow: fc.Arbitrary<FlowOptions> = fc.record({
  kind: fc.constantFrom('ping', 'dns', 'tcp', 'udp'),
  seed: fc.nat(0xffff),
  from: fc.nat(31),
  to: fc.nat(31),
  start: fc.nat(3000),
  count: fc.integer({ min: 1, max: 5 }),
  size: fc.constantFrom(56, 8, 0, 300, 1000),
  habit: fc.oneof(
    { arbitrary: fc.constant('plain' as const), weight: 6 },
    { arbitrary: fc.constantFrom('silent', 'refuse', 'service', 'constant-id'), weight: 4 },
  ),
});

/** Nanoseconds and parts per million: most clocks agree to within milliseconds, some are an hour off, all may drift. */
const clock = fc.record({
  offset: fc.oneof(
    { arbitrary: fc.constant(0), weight: 3 },
    { arbitrary: fc.integer({ min: -5e6, max: 5e6 }), weight: 3 },
    { arbitrary: fc.integer({ min: -3600e9, max: 3600e9 }), weight: 2 },
  ),
  drift: fc.oneof(fc.constant(0), fc.integer({ min: -100, max: 100 })),
});
const clocks = fc.oneof(
  { arbitrary: fc.constant({}), weight: 2 },
  { arbitrary: fc.record({ node1: clock, node2: clock, node3: clock, rtr: clock }), weight: 2 },
);

/** Any network with any traffic and loss; nothing that makes its captures less than full evidence. */
export function scenarioOptions(fixed: Partial<ScenarioOptions> = {}): fc.Arbitrary<ScenarioOptions> {
  return fc
    .record({
      seed: fc.nat(0xffff),
      cni: fc.constantFrom('flannel', 'calico'),
      nodes: fc.integer({ min: 2, max: 3 }),
      podsPerNode: fc.integer({ min: 1, max: 3 }),
      middle: fc.constantFrom('none', 'router', 'nat'),
      promiscuous: fc.boolean(),
      flows: fc.array(flow, { minLength: 1, maxLength: 6 }),
      points: fc.oneof(fc.constant(-1), fc.nat(0x7fffffff)),
      noise: fc.boolean(),
      loss: fc.constantFrom(0, 0, 0.05, 0.2),
      outage: fc.option(fc.record({ link: fc.nat(31), from: fc.nat(2000) }), { freq: 2 }),
      copies: fc.constantFrom(0, 0, 0.2),
      snapLength: fc.constantFrom(0, 0, 96, 128),
      format: fc.constantFrom('pcap', 'pcap-ns', 'pcapng', 'pcapng-node'),
      clocks,
      resegment: fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, { arbitrary: fc.constant(true), weight: 1 }),
      from: fc.constantFrom(0, 0, 0.3),
      until: fc.constantFrom(1, 1, 0.7),
      cut: fc.option(
        fc.record({
          file: fc.nat(31),
          keep: fc.constantFrom('beginning', 'end', 'nothing'),
          at: fc.integer({ min: 5, max: 95 }),
        }),
        { freq: 2 },
      ),
    })
    .map((drawn) => ({ ...QUIET, ...drawn, ...fixed }) as ScenarioOptions);
}

export function makeScenario(options: ScenarioOptions): Scenario {
  const network = new Network(options);
  const traffic = new Traffic(network, options.flows, options);
  const random = new Random(options.seed, 4);
  const captured = capturedPoints(network, options.points);
  const end = traffic.packets.reduce((last, { times }) => Math.max(last, times[times.length - 1]!), 0);
  // Capturing begins before the first packet and goes on after the last, unless it is told to miss some.
  const whole: [number, number] = [-400e6, end + 400e6];
  const span: [number, number] = [
    options.from === 0 ? whole[0] : end * options.from,
    options.until === 1 ? whole[1] : end * options.until,
  ];
  const frames: CapturedFrame[] = [];
  const record = (point: string, trueTime: number, octets: Uint8Array, packet: number | null): void => {
    if (!captured.has(point) || trueTime < span[0] || trueTime > span[1]) return;
    const { offset, drift } = options.clocks[point.split('/')[0]!] ?? { offset: 0, drift: 0 };
    const time = Math.round(trueTime + offset + (trueTime * drift) / 1e6);
    const kept = options.snapLength === 0 ? octets : octets.subarray(0, options.snapLength);
    frames.push({ point, time, trueTime, octets: kept, length: octets.length, packet });
  };
  for (const packet of traffic.packets) {
    packet.way.forEach(({ point }, i) => {
      if (!captured.has(point) || (packet.droppedAfter !== null && i > packet.droppedAfter)) return;
      for (const octets of packet.frames(i)) {
        record(point, packet.times[i]!, octets, packet.number);
        if (point.endsWith('/cni0') && random.chance(options.copies)) {
          record(point, packet.times[i]! + random.between(1, 20) * 1000, octets, packet.number);
        }
      }
    });
  }
  if (options.noise) makeNoise(network, random, whole, record);
  // A capture is in the order of time but for a microsecond now and then.
  const order = frames.map((frame, i) => ({ frame, at: frame.trueTime + (random.chance(0.01) ? 2000 : 0), i }));
  order.sort((x, y) => x.at - y.at || x.i - y.i);
  const ordered = order.map(({ frame }) => frame);
  const points = network.points.filter(({ name }) => captured.has(name));
  return {
    options,
    network,
    points: points.map(({ name }) => name),
    files: cutFile(filesOf(options, points, ordered), options.cut, span),
    packets: traffic.packets,
    exchanges: traffic.exchanges,
    span,
  };
}

function capturedPoints(network: Network, mask: number): Set<string> {
  const all = network.points.map(({ name }) => name);
  const chosen = new Set(all.filter((_, i) => (mask & (1 << (i % 31))) !== 0));
  if (chosen.size < 2) for (const name of [all[0]!, all[all.length - 1]!]) chosen.add(name);
  return chosen;
}

function filesOf(options: ScenarioOptions, points: readonly Point[], frames: readonly CapturedFrame[]): CaptureFile[] {
  const { snapLength, format } = options;
  if (format !== 'pcapng-node') {
    return points.map((point) => ({
      name: `${point.node}__${point.interface}.${format === 'pcapng' ? 'pcapng' : 'pcap'}`,
      points: [point.name],
      snapLength,
      format,
      frames: frames.filter((frame) => frame.point === point.name),
    }));
  }
  return [...new Set(points.map(({ node }) => node))].map((node) => {
    const own = points.filter((point) => point.node === node).map(({ name }) => name);
    const batch = (frame: { point: string; trueTime: number }): number =>
      Math.floor(frame.trueTime / 100e6) * own.length + own.indexOf(frame.point);
    const ordered = frames.filter(({ point }) => own.includes(point)).sort((x, y) => batch(x) - batch(y));
    return { name: `${node}.pcapng`, points: own, snapLength, format, frames: ordered };
  });
}

function cutFile(files: CaptureFile[], cut: Cut | null, [from, until]: readonly [number, number]): CaptureFile[] {
  if (cut === null) return files;
  const moment = from + ((until - from) * cut.at) / 100;
  return files.map((file, i) => {
    if (i !== cut.file % files.length) return file;
    const isKept = ({ trueTime }: CapturedFrame): boolean =>
      cut.keep !== 'nothing' && (cut.keep === 'beginning' ? trueTime < moment : trueTime >= moment);
    return { ...file, frames: file.frames.filter(isKept) };
  });
}

/** ARP, neighbour discovery and multicast reports, each at the points of one link. */
function makeNoise(
  network: Network,
  random: Random,
  [from, until]: readonly [number, number],
  record: (point: string, time: number, octets: Uint8Array, packet: null) => void,
): void {
  for (const { node, name, interface: own } of network.points) {
    for (let time = from + random.between(1, 300) * 1e6; time < until; time += random.between(250, 900) * 1e6) {
      const at = Math.round(time);
      const mac = `02:42:00:00:${String(random.between(10, 99))}:01`;
      if (random.chance(0.4)) {
        record(name, at, multicastListenerReport(mac), null);
      } else if (random.chance(0.3)) {
        const report = ipv4(
          { src: '10.0.0.1', dst: '224.0.0.22', protocol: 2, ttl: 1, options: hex('94040000') },
          hex('2200f9f70000000104000000e00000fb'),
        );
        record(name, at, ethernetOf(mac, '01:00:5e:00:00:16', report), null);
      } else {
        for (const { point, octets } of arpOf(network, node, own, random)) record(point, at, octets, null);
      }
    }
  }
}

function multicastListenerReport(mac: string): Uint8Array {
  const body = icmpv6({ type: 143, rest: 1 }, hex('04000000 ff020000000000000000000000000002'));
  return ethernetOf(mac, '33:33:00:00:00:16', ipv6({ src: 'fe80::1', dst: 'ff02::16', hopLimit: 1 }, body));
}

/** A pod or a node asks for its gateway or peer; a pod is answered. */
function arpOf(network: Network, node: string, own: string, random: Random): { point: string; octets: Uint8Array }[] {
  const broadcast = 'ff:ff:ff:ff:ff:ff';
  const pod = network.endpoints.find((end) => end.kind === 'pod' && end.node === node && end.interface === own);
  if (pod !== undefined) {
    const flannel = network.options.cni === 'flannel';
    const bridge = network.endpoints.find((end) => end.kind === 'bridge' && end.node === node);
    const gateway = { address: bridge?.address ?? '169.254.1.1', mac: bridge?.mac ?? 'ee:ee:ee:ee:ee:ee' };
    const asked = arp({ senderMac: pod.mac, senderIp: pod.address, targetIp: gateway.address });
    const answer = arp({
      operation: 2,
      senderMac: gateway.mac,
      senderIp: gateway.address,
      targetMac: pod.mac,
      targetIp: pod.address,
    });
    // A bridge floods the question to all its ports.
    const flooded = flannel ? [`${node}/cni0`, ...network.podsOf(node).map((each) => `${node}/${each.interface}`)] : [];
    return [...new Set([`${node}/${own}`, ...flooded])]
      .map((point) => ({ point, octets: ethernetOf(pod.mac, broadcast, asked) }))
      .concat(
        [`${node}/${own}`, ...(flannel ? [`${node}/cni0`] : [])].map((point) => ({
          point,
          octets: ethernetOf(gateway.mac, pod.mac, answer),
        })),
      );
  }
  const underlay = network.endpoints.find((end) => end.kind === 'node' && end.node === node);
  if (own !== 'eth0' || underlay === undefined) {
    return [{ point: `${node}/${own}`, octets: multicastListenerReport('02:42:00:00:00:07') }];
  }
  const target = random.below(254) + 1;
  const asked = arp({ senderMac: underlay.mac, senderIp: underlay.address, targetIp: `10.162.0.${target}` });
  return [{ point: `${node}/eth0`, octets: ethernetOf(underlay.mac, broadcast, asked) }];
}

/** The octets of a file, its clock moved on by `shift` nanoseconds. */
export function octetsOfFile(file: CaptureFile, shift = 0n): Uint8Array {
  const frames = file.frames.map((frame): WrittenFrame => {
    const time = BigInt(BEGINNING) * 1_000_000_000n + BigInt(frame.time) + shift;
    return {
      seconds: Number(time / 1_000_000_000n),
      nanoseconds: Number(time % 1_000_000_000n),
      octets: frame.octets,
      originalLength: frame.length,
      interfaceId: file.points.indexOf(frame.point),
    };
  });
  const snapLength = file.snapLength || 262144;
  if (file.format === 'pcap' || file.format === 'pcap-ns') {
    return writePcap(frames, { nanosecond: file.format === 'pcap-ns', snapLength });
  }
  const interfaces = file.points.map((point) => ({ name: point.split('/')[1]!, snapLength, resolution: 9 }));
  return writePcapng(frames, { interfaces });
}

/** An input of the library. */
export interface FileInput {
  readonly source: Uint8Array;
  readonly file: string;
  readonly point?: string;
}

/** Inputs for the library; file names say which points they are. `shift`: as in octetsOfFile. */
export function inputsOf(files: readonly CaptureFile[], shift = 0n): FileInput[] {
  return files.map((file) => ({ source: octetsOfFile(file, shift), file: file.name }));
}
