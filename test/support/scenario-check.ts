/** Compares what the library says of captures with the truth of the scenario that they come from. */
import { exchanges, trails } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import type { ExchangeRow, TrailRow } from '../../src/report/report.js';
import type { CaptureFile, Scenario } from './scenario.js';
import type { Endpoint, Step } from './scenario-network.js';
import type { TruthExchange, TruthPacket } from './scenario-traffic.js';

/** A packet as the files show it: its frames by the step of its way. */
export interface Visible {
  readonly packet: TruthPacket;
  /** "file#frame" at each step of the way that shows it, in path order. */
  readonly seen: readonly { readonly step: Step; readonly index: number; readonly frames: readonly string[] }[];
  readonly lastSeen: string | null;
  /** Where it would have appeared next had it not been dropped; null when it arrived or nothing was captured there. */
  readonly nextExpected: string | null;
}

/** What files show of a scenario. */
export interface View {
  readonly scenario: Scenario;
  readonly files: readonly CaptureFile[];
  readonly points: ReadonlySet<string>;
  /** "file#frame" -> packet number; noise has none. */
  readonly packetOf: ReadonlyMap<string, number>;
  readonly visible: readonly Visible[];
}

export type Fault =
  /** Said to be lost, and arrived. */
  | 'false-lost'
  /** Lost, but elsewhere. */
  | 'wrong-place'
  /** Lost after the right point, but a captured point before the one named should have shown it and had nothing to excuse it. */
  | 'skipped-point'
  /** Said to have arrived, and was dropped. */
  | 'false-delivered'
  /** Arrived where its destination lives, and not said so. */
  | 'not-delivered'
  /** Packets in one row that are not the same, or frames of one packet that its row lacks. */
  | 'mispaired'
  | 'split'
  /** The right frames in an order that is not the way's. */
  | 'disordered'
  | 'no-row';

export interface Issue {
  readonly fault: Fault;
  readonly text: string;
}

/** Enough for some thousand packets, and quick to set up many times. */
const MEMORY = { memory: 8 << 20 };

export async function rowsOf(inputs: readonly CaptureInput[]): Promise<TrailRow[]> {
  const rows: TrailRow[] = [];
  for await (const row of trails(inputs, MEMORY)) rows.push(row);
  return rows;
}

export async function exchangesOf(inputs: readonly CaptureInput[]): Promise<ExchangeRow[]> {
  const rows: ExchangeRow[] = [];
  for await (const row of exchanges(inputs, MEMORY)) rows.push(row);
  return rows;
}

export function viewOf(scenario: Scenario, files: readonly CaptureFile[] = scenario.files): View {
  const packetOf = new Map<string, number>();
  const framesAt = new Map<string, string[]>();
  for (const file of files) {
    file.frames.forEach(({ packet, point }, i) => {
      if (packet === null) return;
      const frame = `${file.name}#${i + 1}`;
      packetOf.set(frame, packet);
      const key = `${packet} ${point}`;
      const frames = framesAt.get(key);
      if (frames === undefined) framesAt.set(key, [frame]);
      else frames.push(frame);
    });
  }
  const points = new Set(files.flatMap((file) => file.points));
  const visible = scenario.packets.map((packet): Visible => {
    const seen = packet.way.flatMap((step, index) => {
      const frames = framesAt.get(`${packet.number} ${step.point}`);
      return frames === undefined ? [] : [{ step, index, frames }];
    });
    const { droppedAfter, way } = packet;
    const next = droppedAfter === null ? undefined : way.slice(droppedAfter + 1).find(({ point }) => points.has(point));
    return {
      packet,
      seen,
      lastSeen: seen.length === 0 ? null : seen[seen.length - 1]!.step.point,
      nextExpected: next?.point ?? null,
    };
  });
  return { scenario, files, points, packetOf, visible };
}

/** Numbers of the packets that a row shows. */
export function packetsOfRow(view: View, row: TrailRow): number[] {
  const numbers = new Set<number>();
  for (const { file, frame } of row.sightings) {
    const number = view.packetOf.get(`${file}#${frame}`);
    if (number !== undefined) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/**
 * A packet's octets as sent, behind its first Ethernet header: equal for packets that nothing tells apart. Of a SYN without its
 * options, which hops may rewrite.
 */
function octetsAsSent(packet: TruthPacket): string {
  const opening = packet.protocol === 'tcp' && packet.what.includes('SYN');
  const octets = packet.frames(0)[0]!.slice(14, opening ? 50 : undefined);
  octets.fill(0, 10, 12); // the header checksum depends on nothing else
  return Buffer.from(octets).toString('hex');
}

/** Everything in which rows and truth disagree. */
export function issuesOf(view: View, rows: readonly TrailRow[]): Issue[] {
  const issues: Issue[] = [];
  const told = new Map<number, TrailRow[]>();
  const add = (fault: Fault, row: TrailRow | null, packet: Visible): void => {
    issues.push({ fault, text: `${describe(packet)}\n  said: ${row === null ? 'nothing' : rowText(row)}` });
  };
  for (const row of rows) {
    const packets = packetsOfRow(view, row).map((number) => view.visible[number]!);
    for (const { packet } of packets) told.set(packet.number, [...(told.get(packet.number) ?? []), row]);
    const alike = new Set(packets.map(({ packet }) => octetsAsSent(packet))).size === 1;
    if (!alike) add('mispaired', row, packets[0]!);
    checkState(row, packets, add, view);
  }
  for (const packet of view.visible) {
    if (packet.seen.length > 0) checkSightings(view, packet, told.get(packet.packet.number) ?? [], add);
  }
  return issues;
}

type Add = (fault: Fault, row: TrailRow | null, packet: Visible) => void;

/** Of identical packets told together it is enough that one had the fate told. */
function checkState(row: TrailRow, packets: readonly Visible[], add: Add, view: View): void {
  if (row.state === 'lost') {
    const dropped = packets.filter(({ packet }) => packet.droppedAfter !== null);
    if (dropped.length === 0) add('false-lost', row, packets[0]!);
    else if (!dropped.some((each) => row.lastSeen === each.lastSeen && row.nextExpected === each.nextExpected)) {
      const skips = dropped.some(({ packet, lastSeen }) => {
        const next = packet.way.findIndex(({ point }) => point === row.nextExpected);
        return row.lastSeen === lastSeen && next > packet.droppedAfter!;
      });
      if (!skips && !dropped.some((each) => isBeforeCutPieces(view, each, row))) add('wrong-place', row, dropped[0]!);
      else if (!hasExcuses(view) && dropped.some((each) => wayIsKnown(view, each) && wasCapturing(view, each))) {
        add('skipped-point', row, dropped[0]!);
      }
    }
  } else if (row.state === 'delivered') {
    if (packets.every((packet) => packet.packet.droppedAfter !== null && !cameHome(view, packet))) {
      add('false-delivered', row, packets[0]!);
    }
  }
}

/** Captures that are cut, or without the noise that shows that no filter hid a packet, may be passed over. */
function hasExcuses({ scenario: { options } }: View): boolean {
  return (
    !options.noise || options.snapLength !== 0 || options.from !== 0 || options.until !== 1 || options.cut !== null
  );
}

/** Whether the point that was passed over has frames before and after the moment, by clocks that may be compared. */
function wasCapturing(view: View, visible: Visible): boolean {
  const span = spansOf(view).get(visible.nextExpected!);
  const [time] = visible.packet.times;
  return span !== undefined && time! > span[0] && time! + marginOf(view, visible) < span[1];
}

/** Whether the point that was passed over ever showed packets between the two, so that it is known to be on their way. */
function wayIsKnown(view: View, { packet: { from, to }, nextExpected }: Visible): boolean {
  return view.visible.some(
    ({ packet, seen }) =>
      ((packet.from === from && packet.to === to) || (packet.from === to && packet.to === from)) &&
      seen.some(({ step }) => step.point === nextExpected),
  );
}

/**
 * Pieces of which too little was captured to tell what they are parts of say nothing of how far the whole came: 84 octets of headers
 * are before the TCP header in a tunnel, so that 96 end before its data offset. How long a piece's header is, and with it how much of
 * the stream it holds, is not there to read; the whole is lost all the same, and missing at the point named.
 */
function isBeforeCutPieces(view: View, { packet, seen }: Visible, row: TrailRow): boolean {
  const { snapLength, resegment } = view.scenario.options;
  if (!resegment || snapLength !== 96 || packet.protocol !== 'tcp') return false;
  const last = seen.findIndex(({ step }) => step.point === row.lastSeen);
  const next = packet.way.findIndex(({ point }) => point === row.nextExpected);
  return next > packet.droppedAfter! && last >= 0 && seen.slice(last + 1).every(({ frames }) => frames.length > 1);
}

/** Seen at the last captured point of its way, with nothing but the destination's own link behind it: nobody can tell more. */
function cameHome(view: View, { packet, seen }: Visible): boolean {
  const last = seen[seen.length - 1];
  if (last === undefined || !view.scenario.network.isHomeward(last.step, packet.way, packet.to)) return false;
  return !packet.way.slice(last.index + 1).some(({ point }) => view.points.has(point));
}

function checkSightings(view: View, visible: Visible, rows: readonly TrailRow[], add: Add): void {
  const { packet, seen } = visible;
  if (rows.length === 0) return add('no-row', null, visible);
  // Sent again without an IP ID, or a part of a stream, nothing tells which of two forms belong together.
  if (packet.translated) return;
  // In a tunnel 96 octets end within the TCP header: which part of the stream a segment holds is not known.
  const { snapLength, resegment } = view.scenario.options;
  if (resegment && snapLength === 96 && packet.protocol === 'tcp' && seen.some(({ step }) => step.outer !== null))
    return;
  // Where the first capture shows pieces, nothing tells that they were sent as one.
  if (seen[0]!.frames.length > 1 && seen[0]!.step.wire) return;
  if (rows.length > 1) return add('split', rows[1]!, visible);
  const row = rows[0]!;
  const said = row.sightings.map(({ file, frame }) => `${file}#${frame}`);
  const meant = seen.flatMap(({ frames }) => frames);
  const alone = packetsOfRow(view, row).length === 1;
  if (meant.some((frame) => !said.includes(frame))) add('split', row, visible);
  else if (alone && isHomeKnown(view, packet.from) && isHomeKnown(view, packet.to)) {
    const places = said.map((frame) => seen.findIndex(({ frames }) => frames.includes(frame)));
    if (places.some((place, i) => i > 0 && place < places[i - 1]!)) add('disordered', row, visible);
  }
  if (packet.droppedAfter === null && row.state !== 'delivered' && arrivedAtHome(view, visible)) {
    add('not-delivered', row, visible);
  }
}

function arrivedAtHome(view: View, { packet, seen }: Visible): boolean {
  return isHomeKnown(view, packet.to) && seen[seen.length - 1]!.step.point === view.scenario.network.homeOf(packet.to);
}

/**
 * Whether captures show that a pod lives behind its interface: it sent, and nobody else is in every packet there, or the one
 * who is comes over routed hops. Of other endpoints packets do not always tell on which node they live.
 */
function isHomeKnown(view: View, endpoint: Endpoint): boolean {
  const home = endpoint.kind === 'pod' ? view.scenario.network.homeOf(endpoint) : null;
  if (home === null || !view.points.has(home)) return false;
  const there = view.visible.filter(({ seen }) => seen.some(({ step }) => step.point === home));
  const sent = there.some(({ packet }) => packet.from === endpoint);
  const peers = there.map(({ packet }) => (packet.from === endpoint ? packet.to : packet.from));
  const far = there.every(({ packet }) => packet.from === endpoint || packet.way[packet.way.length - 1]!.hops > 0);
  return sent && (new Set(peers).size > 1 || far);
}

/** For each packet told alone whose times leave no doubt of its order: whether its sightings are in it. */
export function sightingsInOrder(
  view: View,
  rows: readonly TrailRow[],
): { inOrder: boolean; from: string; to: string; said: string }[] {
  const results: { inOrder: boolean; from: string; to: string; said: string }[] = [];
  for (const row of rows) {
    const [number, ...others] = packetsOfRow(view, row);
    if (number === undefined || others.length > 0) continue;
    const { packet, seen } = view.visible[number]!;
    // Points with one time are in no order that captures could show.
    const times = seen.map(({ index }) => Math.floor(packet.times[index]! / 1000));
    if (packet.translated || new Set(times).size < times.length) continue;
    const places = row.sightings.map((sighting) => seen.findIndex(({ step }) => step.point === sighting.point));
    const inOrder = places.every((place, i) => i === 0 || place >= places[i - 1]!);
    results.push({ inOrder, from: packet.from.kind, to: packet.to.kind, said: rowText(row) });
  }
  return results;
}

export function describe({ packet, seen, lastSeen, nextExpected }: Visible): string {
  const way = packet.way.map(({ point }, i) => {
    const at = seen.find(({ index }) => index === i);
    const frames = at === undefined ? '' : `(${at.frames.map((frame) => frame.split('#')[1]).join()})`;
    return `${point}${frames}${packet.droppedAfter === i ? ' DROPPED' : ''}`;
  });
  const fate = packet.droppedAfter === null ? 'arrived' : `dropped, last seen ${lastSeen}, next ${nextExpected}`;
  const moment = (packet.times[0]! / 1e6).toFixed(3);
  return `packet ${packet.number} ${packet.what} ${packet.from.address} > ${packet.to.address} at ${moment} ms: ${fate}\n  way: ${way.join(' ')}`;
}

export function rowText(row: TrailRow): string {
  const sightings = row.sightings.map(({ point, frame, nat }) => `${point}(${frame})${nat === null ? '' : '*'}`);
  return `${row.state} ${row.certainty}, last seen ${row.lastSeen}, next ${row.nextExpected} (${row.reason}) [${sightings.join(' ')}] ${row.summary}`;
}

/** A packet seen this long before the end of what is captured may still have been on its way, nanoseconds. */
const IN_FLIGHT = 30e6;
/** How far clocks may be off that no packets both ways compare. */
const CLOCK = 1e9;

/**
 * Packets that were dropped before a captured point that had every chance to show them, and that captures prove to be lost: packets
 * of the same addresses crossed that point; it was capturing, by clocks that can be compared; no filter on protocols, hosts or
 * ports could have let all its frames pass and not this one; and its frames are long enough to tell the packet from others.
 * Between two forms of a packet nothing proves what the other form would have been.
 */
export function provableLosses(view: View): Visible[] {
  const spans = spansOf(view);
  const last = Math.max(...[...spans.values()].map(([, until]) => until));
  const crossed = new Set<string>();
  for (const { packet, seen } of view.visible) {
    for (const { step } of seen) crossed.add(`${formAt(packet, step)} ${step.point}`);
  }
  return view.visible.filter((visible) => {
    const { packet, seen, lastSeen, nextExpected } = visible;
    if (lastSeen === null || nextExpected === null) return false;
    const from = seen[seen.length - 1]!.step;
    const to = packet.way.find(({ point }, i) => point === nextExpected && i > packet.droppedAfter!)!;
    if (formAt(packet, from) !== formAt(packet, to) || !crossed.has(`${formAt(packet, to)} ${nextExpected}`))
      return false;
    if (mayBeFiltered(view, packet, to) || isCutShort(view, packet, from, to)) return false;
    const span = spans.get(nextExpected);
    const time = packet.times[0]!;
    const margin = marginOf(view, visible);
    return span !== undefined && time > span[0] && time + margin < span[1] && time + margin < last;
  });
}

/** How long after a packet the next point must have gone on capturing. */
function marginOf(view: View, { lastSeen, nextExpected }: Visible): number {
  const nodes = [lastSeen!, nextExpected!].map((point) => point.split('/')[0]!).sort();
  return IN_FLIGHT + (nodes[0] === nodes[1] || comparedNodes(view).has(nodes.join(' ')) ? 0 : CLOCK);
}

/** First and last moment at which each point's file shows a frame, as true time. */
function spansOf({ files }: View): Map<string, [number, number]> {
  const spans = new Map<string, [number, number]>();
  for (const { frames } of files) {
    for (const { point, trueTime: time } of frames) {
      const span = spans.get(point);
      spans.set(point, [Math.min(time, span?.[0] ?? time), Math.max(time, span?.[1] ?? time)]);
    }
  }
  return spans;
}

function formAt({ from, to }: TruthPacket, { src = from.address, dst = to.address }: Step): string {
  return `${src} ${dst}`;
}

const compared = new WeakMap<View, Set<string>>();

/** Pairs of nodes that saw the same packets, untranslated, in both directions, themselves or over others: "node node" in order. */
function comparedNodes(view: View): Set<string> {
  let nodes = compared.get(view);
  if (nodes === undefined) compared.set(view, (nodes = compareNodes(view)));
  return nodes;
}

function compareNodes({ visible }: View): Set<string> {
  const oneWay = new Set<string>();
  const nodes = new Set<string>();
  for (const { packet, seen } of visible) {
    for (const [i, { step }] of seen.entries()) {
      const a = step.point.split('/')[0]!;
      nodes.add(a);
      for (const later of seen.slice(i + 1)) {
        const b = later.step.point.split('/')[0]!;
        if (a !== b && formAt(packet, step) === formAt(packet, later.step)) oneWay.add(`${a} ${b}`);
      }
    }
  }
  const group = new Map([...nodes].map((node) => [node, node]));
  const find = (node: string): string => (group.get(node) === node ? node : find(group.get(node)!));
  for (const pair of oneWay) {
    const [a, b] = pair.split(' ') as [string, string];
    if (oneWay.has(`${b} ${a}`)) group.set(find(a), find(b));
  }
  const pairs = new Set<string>();
  for (const a of nodes) for (const b of nodes) if (a < b && find(a) === find(b)) pairs.add(`${a} ${b}`);
  return pairs;
}

const IP_PROTOCOLS = { icmp: 1, tcp: 6, dns: 17, udp: 17 } as const;

/** Whether a capture filter on protocols, hosts or ports could have let all frames of a point pass but not this packet. */
function mayBeFiltered(view: View, packet: TruthPacket, at: Step): boolean {
  const shown: number[] = [];
  for (const file of view.files) {
    for (const frame of file.frames) {
      if (frame.point !== at.point) continue;
      if (frame.packet === null) return false; // ARP and multicast pass none of these filters
      shown.push(frame.packet);
    }
  }
  const others = [...new Set(shown)].map((number) => view.visible[number]!.packet);
  const hosts = (each: TruthPacket): string[] => {
    const step = each.way.find(({ point }) => point === at.point)!;
    return step.outer === null ? formAt(each, step).split(' ') : [step.outer.src, step.outer.dst];
  };
  const protocol = (each: TruthPacket): number => {
    const step = each.way.find(({ point }) => point === at.point)!;
    return step.outer === null ? IP_PROTOCOLS[each.protocol] : 17;
  };
  const ports = (each: TruthPacket): number[] => {
    const step = each.way.find(({ point }) => point === at.point)!;
    if (step.outer !== null) return [step.outer.port];
    if (each.protocol === 'icmp') return [];
    const octets = each.frames(each.way.indexOf(step))[0]!;
    return [(octets[34]! << 8) | octets[35]!, (octets[36]! << 8) | octets[37]!];
  };
  const own = hosts(packet);
  const foreign = (list: readonly (string | number)[][], mine: readonly (string | number)[]): boolean =>
    list.length > 0 && list[0]!.some((value) => list.every((each) => each.includes(value)) && !mine.includes(value));
  return (
    others.every((each) => protocol(each) !== protocol(packet)) ||
    foreign(others.map(hosts), own) ||
    foreign(others.map(ports), ports(packet))
  );
}

/** In a tunnel 96 octets end within the TCP header, so that neither flags nor payload of a segment are known. */
function isCutShort({ scenario: { options } }: View, packet: TruthPacket, from: Step, to: Step): boolean {
  return options.snapLength === 96 && packet.protocol === 'tcp' && (from.outer !== null || to.outer !== null);
}

/** What an observer of these files may say of an exchange; `unknown` is always allowed. */
export function verdictsOf(view: View, exchange: TruthExchange): Set<string> {
  const of = (numbers: readonly number[]): Visible[] =>
    numbers.map((number) => view.visible[number]!).filter(({ seen }) => seen.length > 0);
  const requests = of(exchange.requests);
  const replies = of(exchange.replies);
  const verdicts = new Set<string>();
  const refusals = of(exchange.refusals);
  // A refusal in an answer that was lost on its way refuses nothing.
  if (
    refusals.length > 0 &&
    exchange.protocol === 'dns' &&
    refusals.every(({ nextExpected }) => nextExpected !== null)
  ) {
    return verdicts.add('reply-lost').add('refused');
  }
  if (refusals.length > 0) return verdicts.add('refused');
  if (replies.length > 0) {
    if (replies.some(({ packet }) => packet.droppedAfter === null)) return verdicts.add('answered');
    // Dropped behind the last point that could show it: nothing speaks against its arrival.
    if (replies.some(({ nextExpected }) => nextExpected === null)) return verdicts.add('answered');
    return verdicts.add('reply-lost');
  }
  if (requests.length === 0) return verdicts;
  if (requests.some(({ packet, nextExpected }) => packet.droppedAfter === null || nextExpected === null)) {
    return verdicts.add('unanswered');
  }
  return verdicts.add('request-lost');
}

/** The truth's exchange of a row; none for an exchange that only noise could make. */
export function exchangeOfRow(scenario: Scenario, row: ExchangeRow): TruthExchange | undefined {
  const id = row.protocol === 'dns' ? String(row.id['dnsId']) : JSON.stringify(row.id);
  return scenario.exchanges.find(
    (exchange) =>
      exchange.protocol === row.protocol &&
      exchange.client === row.client &&
      exchange.clientPort === row.clientPort &&
      exchange.server === row.server &&
      exchange.serverPort === row.serverPort &&
      (exchange.protocol === 'udp' || exchange.id === id),
  );
}
