/** What must hold of any octets that are given as a frame. */
import { jsonLine } from '../../src/report/json.js';
import { packetLine } from '../../src/report/packet-line.js';
import { packetRow } from '../../src/report/packet-row.js';
import { fieldsText } from '../../src/report/rows-text.js';
import {
  ipChecksum,
  l4Checksum,
  MAX_LAYERS,
  outerIpChecksum,
  outerUdpChecksum,
  PacketView,
  problemsOf,
  PROBLEMS,
} from '../../src/wire/index.js';
import { boundsFault, decodePrefix, prefixFault, snapshot, tagDifference } from '../wire/snapshot.js';
import type { FuzzFrame } from './frame-changes.js';
import { jsonFault, lineFault, textFault } from './printed.js';
import { spent } from './spent.js';

const META = { point: 'node1/eth0', file: 'a.pcap', frame: 1, seconds: 1, nanoseconds: 0, interfaceName: null };

/** Milliseconds that decoding and showing a frame of up to 70 kB may take; the best of some tries, since memory is tidied up now and then. */
const MOST_TIME = 100;
const TRIES = 4;
/** Characters of a row; 1024 DNS records of a frame make most of them. */
const MOST_TEXT = 2_000_000;

/** Layers of one level: link, network, transport, tunnel. */
const MOST_OF_A_LEVEL = 5;

const used = new PacketView();

function decodeInto(packet: PacketView, { octets, originalLength, linkType }: FuzzFrame): void {
  decodePrefix(packet, octets, octets.length, originalLength, linkType);
}

/** All that is said about a frame, as one text. */
function told(packet: PacketView): string {
  return JSON.stringify([snapshot(packet), packetRow(packet, META), packetLine(packet, META)]);
}

/** What is wrong with how a frame is decoded and shown; null for nothing. `cut`: octets of it to take for the capture of another. */
export function frameFault(frame: FuzzFrame, good: FuzzFrame, cut: number): string | null {
  const fresh = new PacketView();
  decodeInto(fresh, frame);
  const bounds = boundsFault(fresh);
  if (bounds !== null) return `out of bounds: ${bounds}`;
  const expected = told(fresh);
  if (expected.length > MOST_TEXT) return `${expected.length} characters are told`;

  decodeInto(used, frame);
  if (told(used) !== expected) return 'a used view tells something else';
  const goodView = new PacketView();
  decodeInto(goodView, good);
  decodeInto(used, good);
  if (told(used) !== told(goodView)) return 'a good frame afterwards is told otherwise';

  return shownFault(fresh) ?? cutFault(fresh, frame, cut) ?? tagFault(fresh, frame) ?? timeFault(frame);
}

function shownFault(packet: PacketView): string | null {
  const { ip, tcp, udp, icmp, arp, vxlan, tunnel, payload, layers, protocols } = packet;
  if ([ip, tcp, udp, icmp, arp, vxlan, tunnel, payload, ...layers, protocols].includes(undefined as never)) {
    return 'an object is undefined';
  }
  const states = [ipChecksum(packet), outerIpChecksum(packet), l4Checksum(packet), outerUdpChecksum(packet)];
  if (states.includes(undefined as never)) return 'a checksum has no state';
  const copy = packet.copy();
  if (copy.frameEnd - copy.frameAt !== packet.frameEnd - packet.frameAt) return 'the copy has another length';
  if (copy.protocols !== protocols) return 'the copy is another packet';
  for (const { code, at } of problemsOf(packet)) {
    if (!(PROBLEMS as readonly string[]).includes(code)) return `problem ${code}`;
    if (at < 0 || at > packet.frameEnd - packet.frameAt) return `problem ${code} at octet ${at}`;
  }
  const row = packetRow(packet, META);
  return lineFault(packetLine(packet, META)) ?? jsonFault(jsonLine(row)) ?? textFault(fieldsText(row));
}

/** What a capture of the first octets says otherwise than one of them all. */
function cutFault(whole: PacketView, { octets, originalLength, linkType }: FuzzFrame, cut: number): string | null {
  const part = new PacketView();
  const captured = octets.length === 0 ? 0 : cut % octets.length;
  decodePrefix(part, octets, captured, originalLength, linkType);
  const fault = prefixFault(whole, part);
  if (fault !== null) return `cut to ${captured} of ${octets.length} octets: ${fault}`;
  return lineFault(packetLine(part, META));
}

/**
 * What a tag changes. Not of a frame that has a length for an EtherType, since a tag makes it another frame, nor of one with as many
 * layers as are decoded, since the tag is one more.
 */
function tagFault(packet: PacketView, { octets, originalLength, linkType }: FuzzFrame): string | null {
  if (linkType !== 1 || octets.length < 14 || octets[12]! < 6 || originalLength > 0x3000_0000) return null;
  if (packet.layerCount >= MAX_LAYERS - MOST_OF_A_LEVEL) return null;
  const difference = tagDifference(octets, originalLength);
  return difference === null ? null : `a VLAN tag changes ${difference}`;
}

function timeFault(frame: FuzzFrame): string | null {
  let best = Infinity;
  for (let attempt = 0; attempt < TRIES && best > MOST_TIME; attempt++) {
    const started = spent();
    decodeInto(used, frame);
    packetRow(used, META);
    packetLine(used, META);
    best = Math.min(best, spent() - started);
  }
  return best > MOST_TIME ? `takes ${best.toFixed(0)} ms` : null;
}
