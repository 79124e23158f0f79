import { PacketView } from '../../src/wire/index.js';
import { hex, join } from '../support/packets.js';

type NumberField = { [K in keyof PacketView]: PacketView[K] extends number ? K : never }[keyof PacketView];

/** Every field of a view that is a number. */
export const NUMBER_FIELDS = Object.entries(new PacketView())
  .filter(([, value]) => typeof value === 'number')
  .map(([name]) => name as NumberField);

/** All that a view says about a frame, to compare with toEqual. */
export function snapshot(packet: PacketView): Record<string, unknown> {
  const { layerCount, problemCount } = packet;
  return {
    ...Object.fromEntries(NUMBER_FIELDS.map((name) => [name, packet[name]])),
    kinds: [...packet.layerKinds.subarray(0, layerCount)],
    ats: [...packet.layerAts.subarray(0, layerCount)],
    ends: [...packet.layerEnds.subarray(0, layerCount)],
    codes: [...packet.problemCodes.subarray(0, problemCount)],
    problemAts: [...packet.problemAts.subarray(0, problemCount)],
  };
}

/** Decodes the first `captured` octets into `packet`; reading any other octet throws. */
export function decodePrefix(
  packet: PacketView,
  frame: Uint8Array,
  captured: number,
  originalLength: number,
  linkType: number,
): void {
  const octets = new Uint8Array(frame.buffer, frame.byteOffset, captured);
  const view = new DataView(frame.buffer, frame.byteOffset, captured);
  packet.decodeFrame(octets, view, 0, captured, originalLength, linkType);
}

const ENDS: ReadonlySet<NumberField> = new Set(['ipEnd', 'payloadEnd', 'quotedEnd'] as const);
const FRAME_FIELDS: ReadonlySet<NumberField> = new Set(['frameEnd', 'cut', 'layerCount', 'problemCount'] as const);
const ABSENT: Readonly<Partial<Record<NumberField, number>>> = {
  ipVersion: 0,
  ipLength: 0,
  fragmentOffset: 0,
  moreFragments: 0,
  l4Length: 0,
  payloadLength: 0,
  quotedIpVersion: 0,
};

/** What is wrong with the decoding of the first octets of a frame, given that of the frame; null when it keeps the promise. */
export function prefixFault(whole: PacketView, part: PacketView): string | null {
  const captured = part.frameEnd;
  if (part.cut !== (captured < part.originalLength ? 1 : 0)) return 'cut';
  if (part.layerCount > whole.layerCount) return 'more layers';
  for (let index = 0; index < part.layerCount; index++) {
    if (part.layerKinds[index] !== whole.layerKinds[index]) return `kind of layer ${index}`;
    if (part.layerAts[index] !== whole.layerAts[index]) return `offset of layer ${index}`;
    if (part.layerEnds[index] !== Math.min(whole.layerEnds[index]!, captured)) return `end of layer ${index}`;
  }
  if (part.problemCount > whole.problemCount) return 'more problems';
  for (let index = 0; index < part.problemCount; index++) {
    if (part.problemCodes[index] !== whole.problemCodes[index]) return `problem ${index}`;
    if (part.problemAts[index] !== whole.problemAts[index]) return `offset of problem ${index}`;
  }
  if (part.tunnelDepth !== whole.tunnelDepth) {
    // The tunnel header was cut away: the carrier is the packet
    if (part.tunnelDepth + 1 === whole.tunnelDepth && part.ipAt >= 0 && part.ipAt !== whole.outerIpAt) return 'carrier';
    return part.tunnelDepth < whole.tunnelDepth ? null : 'deeper';
  }
  for (const name of NUMBER_FIELDS) {
    if (FRAME_FIELDS.has(name)) continue;
    const expected = ENDS.has(name) ? Math.min(whole[name], captured) : whole[name];
    if (part[name] !== expected && part[name] !== (ABSENT[name] ?? -1)) return `${name} ${part[name]}, not ${expected}`;
  }
  return null;
}

/** Which offset or length of a view lies outside its frame; null when none does. */
export function boundsFault(packet: PacketView): string | null {
  const end = packet.frameEnd;
  for (let index = 0; index < packet.layerCount; index++) {
    if (packet.layerAts[index]! > end || packet.layerEnds[index]! > end) return `layer ${index}`;
  }
  for (const name of ['ethAt', 'ipAt', 'arpAt', 'l4At', 'dnsAt', 'bgpAt', 'ipEnd', 'payloadEnd'] as const) {
    if (packet[name] > end) return `${name} ${packet[name]} of ${end}`;
  }
  for (const name of ['l4Length', 'payloadLength'] as const) if (packet[name] < 0) return `${name} ${packet[name]}`;
  for (let index = 0; index < packet.problemCount; index++) {
    if (packet.problemAts[index]! > end - packet.frameAt) return `problem ${index}`;
  }
  return null;
}

const TAG = hex('8100 0007');
const MORE: Readonly<Record<string, number>> = { layerCount: 1, originalLength: 4 };
const untagged = new PacketView();
const tagged = new PacketView();

/**
 * What a VLAN tag changes in the decoding of an Ethernet frame besides offsets, which is nothing: null. Tagged frames never take
 * the short way that usual frames take.
 */
export function tagDifference(octets: Uint8Array, originalLength: number): string | null {
  decodePrefix(untagged, octets, octets.length, originalLength, 1);
  const withTag = join(octets.subarray(0, 12), TAG, octets.subarray(12));
  decodePrefix(tagged, withTag, withTag.length, originalLength + 4, 1);
  const moved = (value: number): number => (value > 12 ? value - 4 : value);
  for (const name of NUMBER_FIELDS) {
    const value = /(At|End)$/.test(name) ? moved(tagged[name]) : tagged[name] - (MORE[name] ?? 0);
    if (value !== untagged[name]) return `${name} ${value}, not ${untagged[name]}`;
  }
  for (let index = 0; index < untagged.layerCount; index++) {
    const other = index === 0 ? 0 : index + 1;
    if (tagged.layerKinds[other] !== untagged.layerKinds[index]) return `kind of layer ${index}`;
    if (moved(tagged.layerAts[other]!) !== untagged.layerAts[index]) return `offset of layer ${index}`;
    if (moved(tagged.layerEnds[other]!) !== untagged.layerEnds[index]) return `end of layer ${index}`;
  }
  for (let index = 0; index < untagged.problemCount; index++) {
    if (tagged.problemCodes[index] !== untagged.problemCodes[index]) return `problem ${index}`;
    if (moved(tagged.problemAts[index]!) !== untagged.problemAts[index]) return `offset of problem ${index}`;
  }
  return null;
}
