import type { CapturePoint } from '../net/points.js';
import type { Tunnel } from '../trail/sightings.js';
import type { Judgement, Trail } from '../trail/trail.js';
import { evidenceAt, type FindingContext } from './context.js';

/** The place where a packet vanished, and what the packets around it tell. */
export interface Break {
  readonly last: CapturePoint;
  readonly next: CapturePoint;
  /** Node of `last`. */
  readonly node: string;
  /** Node where the packet's source lives; null when not known. */
  readonly sourceNode: string | null;
  readonly source: string;
  readonly destination: string;
  /** Other packets that go the same way from `last` to `next`. */
  readonly others: number;
  /** Tunnel around the packet at `last`, null when it is bare there. */
  readonly tunnel: Tunnel | null;
  readonly outerSource: string | null;
  readonly outerDestination: string | null;
  readonly outerPort: number | null;
  /** The node never sends tunnel packets to the outer source, though it does send some elsewhere. */
  readonly strangeSource: boolean;
  /** Outer destinations of what the node itself sends. */
  readonly knownPeers: readonly string[];
  /** Outer source where the packet was first seen in its tunnel, when it is another at `last`. */
  readonly rewritten: string | null;
  /** Packets of the other direction arrive from another outer address than this one is sent to. */
  readonly returnsElsewhere: boolean;
  readonly outerReturn: string | null;
}

export function sourceNode(at: Break): string | null {
  return at.sourceNode;
}

/** Reads off the packets what tells the causes of a loss apart. */
export function breakOf(context: FindingContext, trail: Trail, judgement: Judgement): Break {
  const { names, topology } = context;
  const last = names.points[judgement.lastSeen]!;
  const next = names.points[judgement.nextExpected!]!;
  const sighting = trail.sightings.findLast(({ point }) => point === last.id)!;
  const tunnel = names.tunnels.get(sighting.tunnel);
  const text = (address: number): string => names.addresses.text(address);
  const home = topology.homeOf(trail.last.src).node;
  const peers = tunnel === null ? new Set<number>() : peersOf(context, last);
  const firstTunnel = trail.sightings.map((s) => names.tunnels.get(s.tunnel)).find((t) => t !== null);
  const rewritten =
    tunnel !== null && firstTunnel !== undefined && firstTunnel !== null && firstTunnel.src !== tunnel.src;
  const back = tunnel === null ? 0 : (topology.seenOf(trail.last.dst).get(last.id)?.outerSource ?? 0);
  return {
    last,
    next,
    node: last.node,
    sourceNode: home,
    source: text(trail.last.src),
    destination: text(trail.last.dst),
    others: crossings(context, trail, last.id, next.id),
    tunnel,
    outerSource: tunnel === null ? null : text(tunnel.src),
    outerDestination: tunnel === null ? null : text(tunnel.dst),
    outerPort: tunnel === null ? null : tunnel.destinationPort,
    strangeSource: tunnel !== null && peers.size > 0 && !peers.has(tunnel.src),
    knownPeers: [...peers].map(text).sort(),
    rewritten: rewritten ? text(firstTunnel.src) : null,
    returnsElsewhere: tunnel !== null && back !== 0 && back !== tunnel.dst,
    outerReturn: back === 0 ? null : text(back),
  };
}

/** Outer destinations of the tunnel packets that a node sends: those whose inner source lives there. */
function peersOf(context: FindingContext, at: CapturePoint): Set<number> {
  const { pairs } = evidenceAt(context, at.id);
  const peers = new Set<number>();
  for (let i = 0; i < pairs.index.size; i++) {
    const low = context.topology.homeOf(pairs.index.first(i)).node === at.node;
    const high = context.topology.homeOf(pairs.index.second(i)).node === at.node;
    if (low && pairs.forwardTo[i] !== 0) peers.add(pairs.forwardTo[i]!);
    if (high && pairs.backwardTo[i] !== 0) peers.add(pairs.backwardTo[i]!);
  }
  return peers;
}

/** Packets of other address pairs, or of this pair and direction, that were seen at both points, going the same way. */
function crossings(context: FindingContext, trail: Trail, last: number, next: number): number {
  const here = evidenceAt(context, last).pairs;
  const there = evidenceAt(context, next).pairs;
  const node = context.names.points[last]!.node;
  const outward = context.topology.homeOf(trail.last.src).node === node;
  let count = 0;
  for (let i = 0; i < there.index.size; i++) {
    const low = there.index.first(i);
    const high = there.index.second(i);
    const j = here.index.find(low, high);
    if (j < 0) continue;
    // Outward of a node is what one of its addresses sends, inward what it receives.
    const lowHere = context.topology.homeOf(low).node === node;
    const highHere = context.topology.homeOf(high).node === node;
    const forward = outward ? lowHere && !highHere : highHere && !lowHere;
    const backward = outward ? highHere && !lowHere : lowHere && !highHere;
    if (forward) count += Math.min(there.forward[i]!, here.forward[j]!);
    if (backward) count += Math.min(there.backward[i]!, here.backward[j]!);
  }
  return count;
}
