import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import {
  ipv4Dst,
  ipv4Fragment,
  ipv4FragmentOffset,
  ipv4Id,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Src,
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
  /** The first of them carries a tunnel. */
  tunnel: boolean;
  first: boolean;
  last: boolean;
  readonly kept: KeptFrame;
}

/** Tunnel packets in fragments, all of which one node sends and the other one does not get. */
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
  for (const { pieces, from } of groups.values()) {
    if (pieces.length < INCOMPLETE) continue;
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
  return findings;
}

function gather(context: FindingContext, kept: KeptFrame, all: Map<string, Pieces>): void {
  const packet = context.store.view(kept);
  const at = outermostIpv4(packet);
  if (at < 0) return;
  const { view } = packet;
  if ((ipv4Fragment(view, at) & MORE_OR_OFFSET) === 0 || ipv4Protocol(view, at) !== UDP) return;
  const name = `${ipv4Src(view, at)} ${ipv4Dst(view, at)} ${ipv4Id(view, at)}`;
  const key = `${kept.point} ${name}`;
  let pieces = all.get(key);
  if (pieces === undefined) {
    if (all.size >= LIMIT) return;
    pieces = { point: kept.point, packet: name, tunnel: false, first: false, last: false, kept };
    all.set(key, pieces);
  }
  if (ipv4FragmentOffset(view, at) === 0) {
    pieces.first = true;
    pieces.tunnel ||= packet.tunnelDepth > 0;
  } else if (!ipv4MoreFragments(view, at)) {
    pieces.last = true;
  }
}

function outermostIpv4(packet: PacketView): number {
  for (let i = 0; i < packet.layerCount; i++) {
    if (packet.layerKinds[i] === Layer.IP) return packet.layerAts[i]!;
    if (packet.layerKinds[i] === Layer.IPV6) return -1;
  }
  return -1;
}
