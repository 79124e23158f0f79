// Captures whose frames are changed as capturing changes them, and a way to see that they are.
import { Layer } from '../../../src/wire/layers.js';
import { PacketView } from '../../../src/wire/packet.js';
import { writePcap, writePcapng, type WrittenFrame } from '../../support/capture-writer.js';
import { filesIn, framesOf } from '../../support/sample-files.js';

const ETHERNET = 1;
const LINUX_SLL = 113;
const MAC_OCTETS = 12;

/** Frames by point. */
export type Points = Map<string, WrittenFrame[]>;

export interface Input {
  readonly point: string;
  readonly file: string;
  readonly source: Uint8Array;
}

/** The captures of a folder. */
export async function read(folder: string): Promise<Points> {
  const points: Points = new Map();
  for (const { name, octets } of filesIn(folder)) {
    const point = name.replace(/\.pcap$/, '').replace(/__|-/, '/');
    points.set(point, await framesOf(octets));
  }
  return points;
}

export function sample(name: string): Promise<Points> {
  return read(`samples/${name}`);
}

/** Changes the frames of some points. */
export function change(
  points: Points,
  which: (point: string) => boolean,
  how: (frames: readonly WrittenFrame[]) => WrittenFrame[],
): Points {
  return new Map([...points].map(([point, frames]) => [point, which(point) ? how(frames) : frames]));
}

export function inputs(points: Points, snapLength?: number): Input[] {
  const options = snapLength === undefined ? {} : { snapLength };
  return [...points].map(([point, frames]) => input(point, writePcap(frames, options)));
}

export function input(point: string, source: Uint8Array, suffix = ''): Input {
  return { point, file: `${point.replace('/', '__')}.pcap${suffix}`, source };
}

/** A file whose own statistics say that frames were dropped. */
export function withDrops(point: string, frames: readonly WrittenFrame[], dropped: bigint): Input {
  const statistics = [{ received: BigInt(frames.length) + dropped, dropped }];
  return input(point, writePcapng(frames, { statistics }), 'ng');
}

/** All points of a node in one `-i any` capture of cooked v1 frames, in order of time. */
export function anyOf(points: Points, node: string): Input {
  const frames = [...points]
    .filter(([point]) => point.startsWith(`${node}/`))
    .flatMap(([, list]) => list)
    .sort((a, b) => a.seconds - b.seconds || a.nanoseconds - b.nanoseconds)
    .map((frame) => {
      // LINKTYPE_LINUX_SLL: packet type, ARPHRD_ETHER, length of the address, the address and two octets, protocol.
      const header = Uint8Array.from([0, 0, 0, 1, 0, 6, ...frame.octets.subarray(6, MAC_OCTETS), 0, 0]);
      const octets = Uint8Array.from([...header, ...frame.octets.subarray(MAC_OCTETS)]);
      return { ...frame, octets, originalLength: octets.length };
    });
  return input(`${node}/any`, writePcap(frames, { linkType: LINUX_SLL }));
}

export function moved(frame: WrittenFrame, nanoseconds: number): WrittenFrame {
  const time = frame.nanoseconds + nanoseconds;
  const seconds = Math.floor(time / 1e9);
  return { ...frame, seconds: frame.seconds + seconds, nanoseconds: time - seconds * 1e9 };
}

export function cut(frame: WrittenFrame, snapLength: number): WrittenFrame {
  const { octets, originalLength = octets.length } = frame;
  return { ...frame, octets: octets.subarray(0, snapLength), originalLength };
}

/** With an 802.1Q tag of VLAN 100 behind the MAC addresses. */
export function tagged(frame: WrittenFrame): WrittenFrame {
  const octets = Uint8Array.from([
    ...frame.octets.subarray(0, MAC_OCTETS),
    ...[0x81, 0, 0, 100],
    ...frame.octets.subarray(MAC_OCTETS),
  ]);
  return { ...frame, octets, originalLength: octets.length };
}

/** Frames that a predicate over the decoded packet holds for. */
export function count(points: Points, predicate: (packet: PacketView) => boolean): number {
  const packet = new PacketView();
  let found = 0;
  for (const frames of points.values()) {
    for (const { octets, originalLength = octets.length } of frames)
      if (predicate(decoded(packet, octets, originalLength))) found++;
  }
  return found;
}

/** Keeps the frames that a predicate holds for. */
export function kept(frames: readonly WrittenFrame[], predicate: (packet: PacketView) => boolean): WrittenFrame[] {
  const packet = new PacketView();
  return frames.filter(({ octets, originalLength = octets.length }) =>
    predicate(decoded(packet, octets, originalLength)),
  );
}

function decoded(packet: PacketView, octets: Uint8Array, originalLength: number): PacketView {
  packet.decodeFrame(
    octets,
    new DataView(octets.buffer, octets.byteOffset),
    0,
    octets.length,
    originalLength,
    ETHERNET,
  );
  return packet;
}

export function isIcmp(packet: PacketView): boolean {
  return packet.l4Kind === Layer.ICMP;
}
