/** Tunnel headers. Those that end in a carried packet lead the walk to its next level, at the view's `innerAt`. */
import { checkGeneve, geneveBadOptionAt, GeneveHeader, geneveHeaderLength, geneveType, geneveVni } from '../geneve.js';
import { checkGre, GreHeader, greHeaderLength, greIsPlain, greKeyAt, greType } from '../gre.js';
import { isEthernetFrame } from '../inner-frame.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { problemNumber } from '../problems.js';
import { checkVxlan, vxlanFlags, VxlanHeader, vxlanNextProtocol, vxlanReserved, vxlanVni } from '../vxlan.js';
import { layerInGpe, layerInTunnel } from './next-layer.js';
import { listLayer, refuse, report } from './note.js';

const VXLAN_FLAGS = problemNumber('vxlan-flags');
const VXLAN_RESERVED = problemNumber('vxlan-reserved');
const GENEVE_TRUNCATED = problemNumber('geneve-truncated');
const GENEVE_OPTION_LENGTH = problemNumber('geneve-option-length');
const GRE_TRUNCATED = problemNumber('gre-truncated');

/** What was the packet becomes the carrier. */
export function enterTunnel(
  packet: PacketView,
  kind: number,
  at: number,
  id: number,
  byContent: number,
  innerAt: number,
): void {
  packet.outerEthAt = packet.ethAt;
  packet.outerIpAt = packet.ipAt;
  packet.outerIpVersion = packet.ipVersion;
  packet.outerUdpAt = packet.l4Kind === Layer.UDP ? packet.l4At : -1;
  packet.tunnelKind = kind;
  packet.tunnelAt = at;
  packet.tunnelId = id;
  packet.tunnelByContent = byContent;
  packet.tunnelDepth++;
  packet.innerAt = innerAt;
  packet.ethAt = -1;
  packet.ipAt = -1;
  packet.l4At = -1;
  packet.l4Kind = -1;
  if (packet.fragmentAt >= 0) packet.fragmentAt = -1;
}

export function readVxlan(packet: PacketView, view: DataView, at: number, end: number, byContent: number): number {
  listLayer(packet, Layer.VXLAN, at, end);
  enterTunnel(packet, Layer.VXLAN, at, vxlanVni(view, at), byContent, at + VxlanHeader.span);
  return Layer.ETH;
}

/** A header on a VXLAN port that is cut or not plain: it is one when a frame follows it nevertheless. */
export function readOddVxlan(
  packet: PacketView,
  view: DataView,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  const problem = checkVxlan(view, at, end);
  if (problem >= 0) return refuse(packet, problem, at, VxlanHeader.span, end, announced, fragmented);
  if (vxlanFlags(view, at) !== 0x08) report(packet, VXLAN_FLAGS, at);
  if (vxlanReserved(view, at) !== 0) report(packet, VXLAN_RESERVED, at + 1);
  return isEthernetFrame(view, at + VxlanHeader.span, end, announced) ? readVxlan(packet, view, at, end, 0) : -1;
}

/** A VXLAN header that says what follows it: see vxlanIsGpe(). */
export function readVxlanGpe(packet: PacketView, view: DataView, at: number, end: number): number {
  listLayer(packet, Layer.VXLAN, at, end);
  const next = layerInGpe(packet, vxlanNextProtocol(view, at));
  if (next >= 0) enterTunnel(packet, Layer.VXLAN, at, vxlanVni(view, at), 0, at + VxlanHeader.span);
  return next;
}

export function readGeneve(
  packet: PacketView,
  view: DataView,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  const problem = checkGeneve(view, at, end);
  if (problem >= 0) return refuse(packet, problem, at, GeneveHeader.span, end, announced, fragmented);
  listLayer(packet, Layer.GENEVE, at, end);
  const next = layerInTunnel(packet, geneveType(view, at));
  if (next < 0) return next;
  const innerAt = at + geneveHeaderLength(view, at);
  enterTunnel(packet, Layer.GENEVE, at, geneveVni(view, at), 0, innerAt);
  if (innerAt > end) return refuse(packet, GENEVE_TRUNCATED, at, innerAt - at, end, announced, fragmented);
  const bad = geneveBadOptionAt(view, at);
  if (bad >= 0) report(packet, GENEVE_OPTION_LENGTH, bad);
  return next;
}

export function readGre(
  packet: PacketView,
  view: DataView,
  at: number,
  end: number,
  announced: number,
  fragmented: boolean,
): number {
  const problem = checkGre(view, at, end);
  if (problem >= 0) return refuse(packet, problem, at, GreHeader.span, end, announced, fragmented);
  listLayer(packet, Layer.GRE, at, end);
  if (!greIsPlain(view, at)) {
    packet.undecoded = greType(view, at);
    return -1;
  }
  const next = layerInTunnel(packet, greType(view, at));
  if (next < 0) return next;
  const keyAt = greKeyAt(view, at, end);
  const innerAt = at + greHeaderLength(view, at);
  enterTunnel(packet, Layer.GRE, at, keyAt < 0 ? -1 : view.getUint32(keyAt), 0, innerAt);
  return innerAt <= end ? next : refuse(packet, GRE_TRUNCATED, at, innerAt - at, end, announced, fragmented);
}
