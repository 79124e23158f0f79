/** Tunnel headers. Those that end in a carried packet lead the walk to its next level, at the view's `innerAt`. */
import { checkGeneve, geneveBadOptionAt, GeneveHeader, geneveHeaderLength, geneveType, geneveVni } from '../geneve.js';
import { checkGre, GreHeader, greHeaderLength, greIsPlain, greKeyAt, greType } from '../gre.js';
import { isEthernetFrame } from '../inner-frame.js';
import { checkIpv4 } from '../ipv4.js';
import { checkIpv6 } from '../ipv6.js';
import { Layer } from '../layers.js';
import type { PacketView } from '../packet.js';
import { problemNumber } from '../problems.js';
import {
  checkVxlan,
  VxlanFlag,
  vxlanFlags,
  VxlanHeader,
  vxlanNextProtocol,
  vxlanReserved,
  vxlanVni,
} from '../vxlan.js';
import { layerInGpe, layerInTunnel } from './next-layer.js';
import { listLayer, refuse, report } from './note.js';

const VXLAN_FLAGS = problemNumber('vxlan-flags');
const VXLAN_RESERVED = problemNumber('vxlan-reserved');
const GENEVE_TRUNCATED = problemNumber('geneve-truncated');
const GENEVE_OPTION_LENGTH = problemNumber('geneve-option-length');
const GRE_TRUNCATED = problemNumber('gre-truncated');

/** Flags of VXLAN-GPE that have a meaning. */
const GPE_FLAGS = VxlanFlag.VNI | VxlanFlag.NEXT_PROTOCOL | VxlanFlag.OAM;

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

/**
 * A VXLAN header that says what follows it: see vxlanIsGpe(). One with bits set that are kept for later is taken for one when
 * what it says is there.
 */
export function readVxlanGpe(packet: PacketView, view: DataView, at: number, end: number, announced: number): number {
  const innerAt = at + VxlanHeader.span;
  const protocol = vxlanNextProtocol(view, at);
  const oddFlags = (vxlanFlags(view, at) & ~GPE_FLAGS) !== 0;
  const oddReserved = (vxlanReserved(view, at) & ~0xff00) !== 0;
  if ((oddFlags || oddReserved) && !isGpePayload(view, protocol, innerAt, end, announced)) return -1;
  if (oddFlags) report(packet, VXLAN_FLAGS, at);
  if (oddReserved) report(packet, VXLAN_RESERVED, at + 1);
  listLayer(packet, Layer.VXLAN, at, end);
  const next = layerInGpe(packet, protocol);
  if (isOnlyNamed(next)) return nameCarried(packet, next, innerAt, end);
  enterTunnel(packet, Layer.VXLAN, at, vxlanVni(view, at), 0, innerAt);
  return next;
}

function isGpePayload(view: DataView, protocol: number, at: number, end: number, announced: number): boolean {
  if (protocol === 1) return checkIpv4(view, at, end) < 0;
  if (protocol === 2) return checkIpv6(view, at, end) < 0;
  return protocol === 3 && isEthernetFrame(view, at, end, announced);
}

function isOnlyNamed(kind: number): boolean {
  return kind === Layer.UNKNOWN || kind === Layer.MPLS;
}

/** Lists what a tunnel carries and is not decoded: the carrier stays the packet. */
function nameCarried(packet: PacketView, kind: number, at: number, end: number): -1 {
  if (at <= end) listLayer(packet, kind, at, end);
  return -1;
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
  const innerAt = at + geneveHeaderLength(view, at);
  if (!isOnlyNamed(next)) enterTunnel(packet, Layer.GENEVE, at, geneveVni(view, at), 0, innerAt);
  if (innerAt > end) return refuse(packet, GENEVE_TRUNCATED, at, innerAt - at, end, announced, fragmented);
  const bad = geneveBadOptionAt(view, at);
  if (bad >= 0) report(packet, GENEVE_OPTION_LENGTH, bad);
  return isOnlyNamed(next) ? nameCarried(packet, next, innerAt, end) : next;
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
  const keyAt = greKeyAt(view, at, end);
  const innerAt = at + greHeaderLength(view, at);
  if (!isOnlyNamed(next)) enterTunnel(packet, Layer.GRE, at, keyAt < 0 ? -1 : view.getUint32(keyAt), 0, innerAt);
  if (innerAt > end) return refuse(packet, GRE_TRUNCATED, at, innerAt - at, end, announced, fragmented);
  return isOnlyNamed(next) ? nameCarried(packet, next, innerAt, end) : next;
}
