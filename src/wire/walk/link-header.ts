/** The headers of link types that only captures have, before what was on the link. */
import {
  checkCooked,
  checkCooked2,
  cooked2HardwareType,
  Cooked2Header,
  cooked2InterfaceIndex,
  cooked2PacketType,
  cooked2Protocol,
  cookedHardwareType,
  CookedHeader,
  cookedPacketType,
  cookedProtocol,
} from '../cooked.js';
import { Layer } from '../layers.js';
import { checkNflog, nflogFamily, NflogHeader, nflogPacketAt } from '../nflog.js';
import { checkNull, nullFamily, NullHeader } from '../null-loopback.js';
import type { PacketView } from '../packet.js';
import { problemNumber } from '../problems.js';
import { UNDECODED_LAYER, UNDECODED_LINK_TYPE } from '../undecoded.js';
import { layerOfCooked, layerOfFamily } from './next-layer.js';
import { listLayer, refuse } from './note.js';

const LINKTYPE_NFLOG = 239;

const IPV4_TRUNCATED = problemNumber('ipv4-truncated');

/** Kind of the first layer of a link type, after the headers that only captures have; -1 when they are cut. */
export function readLinkHeader(
  packet: PacketView,
  view: DataView,
  at: number,
  end: number,
  announced: number,
  linkType: number,
): number {
  let kind: number = Layer.ETH;
  let next: number = Layer.ETH;
  let length = 0;
  let problem = -1;
  switch (linkType) {
    case 113:
      kind = Layer.SLL;
      length = CookedHeader.span;
      problem = checkCooked(view, at, end);
      if (problem < 0) {
        packet.packetType = cookedPacketType(view, at);
        next = layerOfCooked(packet, cookedHardwareType(view, at), cookedProtocol(view, at));
      }
      break;
    case 276:
      kind = Layer.SLL2;
      length = Cooked2Header.span;
      problem = checkCooked2(view, at, end);
      if (problem < 0) {
        packet.packetType = cooked2PacketType(view, at);
        packet.interfaceIndex = cooked2InterfaceIndex(view, at);
        next = layerOfCooked(packet, cooked2HardwareType(view, at), cooked2Protocol(view, at));
      }
      break;
    case 0:
    case 108:
      kind = Layer.NULL;
      length = NullHeader.span;
      problem = checkNull(view, at, end);
      if (problem < 0) next = layerOfFamily(packet, nullFamily(view, at), linkType);
      break;
    case 12:
    case 14:
    case 101:
      kind = Layer.RAW;
      if (end === at) {
        refuse(packet, IPV4_TRUNCATED, at, 1, end, announced, false);
        return -1;
      }
      next = view.getUint8(at) >> 4 === 6 ? Layer.IPV6 : Layer.IP;
      break;
    case 239:
      return readNflog(packet, view, at, end, announced);
    case 228:
      packet.innerAt = at;
      return Layer.IP;
    case 229:
      packet.innerAt = at;
      return Layer.IPV6;
    default:
      packet.innerAt = at;
      packet.undecoded = UNDECODED_LINK_TYPE + (linkType & 0xffff);
      return Layer.UNKNOWN;
  }
  if (problem >= 0) {
    refuse(packet, problem, at, length, end, announced, false);
    return -1;
  }
  packet.seldomSet = true;
  listLayer(packet, kind, at, end);
  packet.innerAt = at + length;
  return next;
}

/** Reads the header of LINKTYPE_NFLOG and steps over the parts before the packet. */
function readNflog(packet: PacketView, view: DataView, at: number, end: number, announced: number): number {
  const problem = checkNflog(view, at, end);
  if (problem >= 0) return refuse(packet, problem, at, NflogHeader.span, end, announced, false);
  packet.seldomSet = true;
  listLayer(packet, Layer.NFLOG, at, end);
  const packetAt = nflogPacketAt(view, at, end);
  packet.innerAt = packetAt < 0 ? at + NflogHeader.span : packetAt;
  const next = packetAt < 0 ? Layer.UNKNOWN : layerOfFamily(packet, nflogFamily(view, at), LINKTYPE_NFLOG);
  if (next === Layer.UNKNOWN) packet.undecoded = UNDECODED_LAYER + Layer.NFLOG;
  return next === Layer.UNKNOWN ? -1 : next;
}
