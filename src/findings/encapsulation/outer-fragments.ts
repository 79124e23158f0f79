import { destinationId, sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import {
  ipv4Fragment,
  ipv4FragmentOffset,
  ipv4Id,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4TotalLength,
} from '../../wire/ipv4.js';
import { Layer } from '../../wire/layers.js';
import type { PacketView } from '../../wire/packet.js';
import { onNode } from '../commands.js';
import { type FindingContext } from '../context.js';
import { cause, shownBy } from './told.js';

/** Packets in fragments watched at most. */
const LIMIT = 1 << 14;
/** Incomplete packets from which on it is no accident. */
const INCOMPLETE = 2;
const MORE_OR_OFFSET = 0x3fff;
const UDP = 17;

/** One packet's fragments at one point. */
interface Pieces {
  readonly point: number;
  readonly packet: string;
  readonly src: number;
  readonly dst: number;
  /** The first of them carries a tunnel. */
  tunnel: boolean;
  first: boolean;
  last: boolean;
  readonly kept: KeptFrame;
  /** Octets of the longest fragment, and of the whole packet where its last fragment was seen. */
  longest: number;
  length: number;
}

/** Tunnel packets in fragments: that they are, and those of which one node sends all and the other one does not get all. */
export function outerFragments(context: FindingContext): Finding[] {
  // With a part of the frames kept, a fragment that is missing may just not have been.
  if (!context.store.complete) return [];
  const { names } = context;
  const all = new Map<string, Pieces>();
  const wholeAt = new Map<string, Set<number>>();
  for (const kept of context.store.frames) gather(context, kept, all);
  const tunnels = new Set([...all.values()].filter(({ tunnel }) => tunnel).map(({ packet }) => packet));
  for (const { packet, point, first, last } of all.values()) {
    if (!first || !last) continue;
    const points = wholeAt.get(packet);
    if (points === undefined) wholeAt.set(packet, new Set([point]));
    else points.add(point);
  }
  const groups = new Map<string, { pieces: Pieces[]; from: number }>();
  for (const pieces of all.values()) {
    if ((pieces.first && pieces.last) || !tunnels.has(pieces.packet)) continue;
    const node = names.points[pieces.point]!.node;
    const from = [...(wholeAt.get(pieces.packet) ?? [])].find((point) => names.points[point]!.node !== node);
    if (from === undefined) continue;
    const key = `${from} ${pieces.point} ${pieces.packet.slice(0, pieces.packet.lastIndexOf(' '))}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { pieces: [pieces], from });
    else group.pieces.push(pieces);
  }
  const findings: Finding[] = [];
  const lost = new Set<string>();
  for (const { pieces, from } of groups.values()) {
    if (pieces.length < INCOMPLETE) continue;
    lost.add(pairOf(pieces[0]!));
    const [sender, receiver] = [names.points[from]!, names.points[pieces[0]!.point]!];
    const missing = pieces[0]!.first ? 'the later ones' : 'the first one';
    findings.push(
      shownBy(
        context,
        pieces.map(({ kept }) => kept),
        `a fragment of a tunnel packet, without ${missing}`,
        {
          kind: 'mtu-outer-fragments-lost',
          severity: 'error',
          certainty: 'likely',
          title: `${pieces.length} tunnel packets are whole at ${sender.name}, in fragments, and come to ${receiver.name} without ${missing}: they cannot be unwrapped`,
          lastSeen: null,
          nextExpected: receiver.name,
          causes: [
            cause(
              'mtu-outer-fragments-lost',
              0.85,
              'a firewall or balancer between the nodes drops fragments, which bear no ports; a smaller MTU of the tunnel avoids them',
              `nstat -az IpReasmFails IpReasmReqds${onNode(receiver.node)}`,
            ),
          ],
        },
      ),
    );
  }
  return [...findings, ...fragmented(context, all.values(), lost)];
}

/** Tunnel packets that are fragmented at all, told once for each pair of endpoints, where most of them are seen. */
function fragmented(context: FindingContext, all: Iterable<Pieces>, lost: ReadonlySet<string>): Finding[] {
  const { names } = context;
  const byPair = new Map<string, Map<number, Pieces[]>>();
  for (const pieces of all) {
    if (!pieces.tunnel || !pieces.first || !pieces.last || lost.has(pairOf(pieces))) continue;
    const pair = pairOf(pieces);
    let byPoint = byPair.get(pair);
    if (byPoint === undefined) byPair.set(pair, (byPoint = new Map<number, Pieces[]>()));
    const list = byPoint.get(pieces.point);
    if (list === undefined) byPoint.set(pieces.point, [pieces]);
    else list.push(pieces);
  }
  return [...byPair.values()].map((byPoint) => {
    const list = [...byPoint.values()].reduce((most, other) => (other.length > most.length ? other : most));
    const { src, dst, point } = list[0]!;
    const [from, to] = [names.addresses.text(src), names.addresses.text(dst)];
    const length = list.reduce((most, pieces) => Math.max(most, pieces.length), 0);
    const longest = list.reduce((most, pieces) => Math.max(most, pieces.longest), 0);
    return shownBy(
      context,
      list.map(({ kept }) => kept),
      'a fragment of a tunnel packet',
      {
        kind: 'mtu-outer-fragments',
        severity: 'info',
        certainty: 'shown',
        title: `${list.length} tunnel ${list.length === 1 ? 'packet' : 'packets'} ${from} > ${to} of up to ${length} octets ${list.length === 1 ? 'is' : 'are'} cut into fragments of up to ${longest}, seen at ${names.points[point]!.name}`,
        causes: [
          cause(
            'mtu-outer-fragments',
            0.95,
            `the MTU of the tunnel device leaves no room for the outer headers on the way: with ${length} octets outside it does not fit`,
            `ip -d link show type vxlan | grep mtu; ip route get ${to}   # on ${from}`,
          ),
        ],
      },
    );
  });
}

function pairOf({ src, dst }: Pieces): string {
  return `${src} ${dst}`;
}

function gather(context: FindingContext, kept: KeptFrame, all: Map<string, Pieces>): void {
  const packet = context.store.view(kept);
  const at = outermostIpv4(packet);
  if (at < 0) return;
  const { view } = packet;
  if ((ipv4Fragment(view, at) & MORE_OR_OFFSET) === 0 || ipv4Protocol(view, at) !== UDP) return;
  const { addresses } = context.names;
  const [src, dst] = [sourceId(view, at, 4, addresses), destinationId(view, at, 4, addresses)];
  const name = `${src} ${dst} ${ipv4Id(view, at)}`;
  const key = `${kept.point} ${name}`;
  let pieces = all.get(key);
  if (pieces === undefined) {
    if (all.size >= LIMIT) return;
    const { point } = kept;
    pieces = { point, packet: name, src, dst, tunnel: false, first: false, last: false, kept, longest: 0, length: 0 };
    all.set(key, pieces);
  }
  const length = ipv4TotalLength(view, at);
  pieces.longest = Math.max(pieces.longest, length);
  if (ipv4FragmentOffset(view, at) === 0) {
    pieces.first = true;
    pieces.tunnel ||= packet.tunnelDepth > 0;
  } else if (!ipv4MoreFragments(view, at)) {
    pieces.last = true;
    pieces.length = ipv4FragmentOffset(view, at) + length;
  }
}

function outermostIpv4(packet: PacketView): number {
  for (let i = 0; i < packet.layerCount; i++) {
    if (packet.layerKinds[i] === Layer.IP) return packet.layerAts[i]!;
    if (packet.layerKinds[i] === Layer.IPV6) return -1;
  }
  return -1;
}
