/** How what the walk finds is noted in the view. */
import type { PacketView } from '../packet.js';
import { UNDECODED_LAYER } from '../undecoded.js';

/** Most layers of one frame; a frame with more has the problem `nesting-too-deep`. */
export const MAX_LAYERS = 40;
/** Most layers of one level besides VLAN tags: link, network, transport, tunnel, and what that carries where it is only named. */
export const LEVEL_LAYERS = 5;
/** Most problems kept of one frame. */
export const MAX_PROBLEMS = 8;

const PROBLEMS_KEPT = MAX_PROBLEMS;

/** Lists a layer that was read. Its level has room for it, see LEVEL_LAYERS. */
export function listLayer(packet: PacketView, kind: number, at: number, end: number): void {
  const count = packet.layerCount;
  packet.layerKinds[count] = kind;
  packet.layerAts[count] = at;
  packet.layerEnds[count] = end;
  packet.layerCount = count + 1;
}

/** Lists a layer that is named and not decoded. */
export function nameLayer(packet: PacketView, kind: number, at: number, end: number): -1 {
  listLayer(packet, kind, at, end);
  if (packet.undecoded < 0) packet.undecoded = UNDECODED_LAYER + kind;
  return -1;
}

export function report(packet: PacketView, problem: number, at: number): -1 {
  const count = packet.problemCount;
  if (count < PROBLEMS_KEPT) {
    packet.problemCodes[count] = problem;
    packet.problemAts[count] = at - packet.frameAt;
    packet.problemCount = count + 1;
  }
  return -1;
}

/** A header failed its check: the walk ends. One that only the capture or a fragment cut is no problem. */
export function refuse(
  packet: PacketView,
  problem: number,
  at: number,
  length: number,
  end: number,
  announced: number,
  fragmented: boolean,
): -1 {
  if (end - at < length && (fragmented || announced - at >= length)) return -1;
  return report(packet, problem, at);
}
