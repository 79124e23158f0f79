import type { Finding } from '../../report/report.js';
import type { Trail } from '../../trail/trail.js';
import { onNode } from '../commands.js';
import { placeOf, type FindingContext } from '../context.js';
import { summaryOf } from '../../trail/rows.js';
import { cause } from './told.js';

const EXAMPLES = 5;

/** Packets between pods that leave a node bare and are seen nowhere behind it, while other pods' packets are tunnelled there. */
export function clearText(context: FindingContext): Finding[] {
  const { names, topology } = context;
  const blocks = tunnelledBlocks(context);
  const groups = new Map<string, Trail[]>();
  for (const trail of context.followed) {
    const last = trail.lastSighting;
    const point = names.points[last.point]!;
    if (last.tunnel !== 0 || point.role !== 'underlay' || trail.isTranslated) continue;
    if (trail.ipVersion !== 4 || context.judge.judge(trail).state === 'delivered') continue;
    const { src, dst } = trail.last;
    const isPod = (address: number): boolean => blocks.has(names.addresses.word(address) >>> 8);
    // Sent from inside this node: seen on another of its interfaces before.
    const inside = trail.sightings.some(({ point: id }) => id !== point.id && names.points[id]!.node === point.node);
    if (!inside || !isPod(src) || !isPod(dst) || topology.homeOf(dst).node === point.node) continue;
    if (context.evidence.points[point.id]!.tunnelled === 0) continue;
    const key = `${point.id} ${src}>${dst}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [trail]);
    else group.push(trail);
  }
  return [...groups.values()].map((group) => {
    const trail = group[0]!;
    const last = trail.lastSighting;
    const point = names.points[last.point]!;
    const destination = names.addresses.text(trail.last.dst);
    return {
      kind: 'route-missing-clear-text',
      severity: 'error',
      certainty: 'likely',
      title: `${names.addresses.text(trail.last.src)} > ${destination} leaves ${point.name} without the tunnel that other packets between pods take there`,
      flow: null,
      count: group.length,
      of: group.length,
      firstTime: context.timeOf(trail.firstTime),
      lastTime: context.timeOf(group[group.length - 1]!.lastTime),
      lastSeen: placeOf(context, last),
      nextExpected: null,
      causes: [
        cause(
          'route-missing-clear-text',
          0.85,
          `${point.node} has no overlay route to ${destination}, and its default route takes the packet`,
          `ip route get ${destination}${onNode(point.node)}`,
        ),
      ],
      evidence: group.slice(0, EXAMPLES).map((item) => ({
        ...placeOf(context, item.lastSighting),
        note: `${summaryOf(names, item)}: bare`,
      })),
      trail: null,
    };
  });
}

/** The /24 of every IPv4 address that travels inside a tunnel anywhere. */
function tunnelledBlocks(context: FindingContext): Set<number> {
  const { addresses } = context.names;
  const blocks = new Set<number>();
  for (const at of context.evidence.points) {
    if (at === undefined || at.tunnelled === 0) continue;
    const { pairs } = at;
    const { index } = pairs;
    for (let i = 0; i < index.size; i++) {
      if (pairs.forwardFrom(i) === 0 && pairs.backwardFrom(i) === 0) continue;
      for (const address of [index.first(i), index.second(i)]) {
        if (addresses.version(address) === 4) blocks.add(addresses.word(address) >>> 8);
      }
    }
  }
  return blocks;
}
