// Writes captures for tests: the reader must never be tested with octets that it shares code with.

export interface WrittenFrame {
  readonly seconds: number;
  /** Nanoseconds within the second. */
  readonly nanoseconds: number;
  readonly octets: Uint8Array;
  /** Octets on the link; as many as were captured when it is left out. */
  readonly originalLength?: number;
  /** Interface of a pcapng file; 0 when it is left out. */
  readonly interfaceId?: number;
}

export interface PcapOptions {
  /** Nanosecond times instead of microseconds. */
  readonly nanosecond?: boolean;
  readonly bigEndian?: boolean;
  /** LINKTYPE_ value; Ethernet when it is left out. */
  readonly linkType?: number;
  readonly snapLength?: number;
}

export interface WrittenInterface {
  readonly name?: string;
  readonly filter?: string;
  readonly linkType?: number;
  readonly snapLength?: number;
  /** if_tsresol: microseconds (6) when it is left out. */
  readonly resolution?: number;
  /** if_tsoffset, seconds. */
  readonly offset?: bigint;
}

export interface PcapngOptions {
  readonly bigEndian?: boolean;
  /** One Ethernet interface without a name when it is left out. */
  readonly interfaces?: readonly WrittenInterface[];
  /** Written after the frames, for the interface of the same index. */
  readonly statistics?: readonly { received?: bigint; dropped?: bigint; osDropped?: bigint }[];
}

const ETHERNET = 1;

/** A classic pcap file. */
export function writePcap(frames: readonly WrittenFrame[], options: PcapOptions = {}): Uint8Array {
  const { nanosecond = false, bigEndian = false, linkType = ETHERNET, snapLength = 262144 } = options;
  const word = words(bigEndian);
  const parts = [
    ...word.u32(nanosecond ? 0xa1b23c4d : 0xa1b2c3d4),
    ...word.u16(2),
    ...word.u16(4),
    ...word.u32(0),
    ...word.u32(0),
    ...word.u32(snapLength),
    ...word.u32(linkType),
  ];
  const chunks: Uint8Array[] = [Uint8Array.from(parts)];
  for (const frame of frames) {
    const fraction = nanosecond ? frame.nanoseconds : Math.floor(frame.nanoseconds / 1000);
    const length = frame.octets.length;
    const header = [frame.seconds, fraction, length, frame.originalLength ?? length].flatMap(word.u32);
    chunks.push(Uint8Array.from(header), frame.octets);
  }
  return concat(chunks);
}

/** A pcapng file of one section; concatenate several for a file of several. */
export function writePcapng(frames: readonly WrittenFrame[], options: PcapngOptions = {}): Uint8Array {
  const { bigEndian = false, interfaces = [{}], statistics = [] } = options;
  const { u16, u32, u64 } = words(bigEndian);
  const chunks: Uint8Array[] = [pcapngSection(bigEndian)];
  for (const description of interfaces) {
    const { linkType = ETHERNET, snapLength = 0, name, filter, resolution, offset } = description;
    const optionList: [number, readonly number[]][] = [];
    if (name !== undefined) optionList.push([2, utf8(name)]);
    if (resolution !== undefined) optionList.push([9, [resolution]]);
    if (filter !== undefined) optionList.push([11, [0, ...utf8(filter)]]);
    if (offset !== undefined) optionList.push([14, u64(BigInt.asUintN(64, offset))]);
    const body = [...u16(linkType), ...u16(0), ...u32(snapLength), ...pcapngOptions(optionList, bigEndian)];
    chunks.push(pcapngBlock(1, body, bigEndian));
  }
  for (const frame of frames) {
    const id = frame.interfaceId ?? 0;
    const ticks = toTicks(frame, interfaces[id]!);
    const length = frame.octets.length;
    const header = [id, Number(ticks >> 32n), Number(ticks & 0xffffffffn), length, frame.originalLength ?? length];
    chunks.push(pcapngBlock(6, [...header.flatMap(u32), ...frame.octets], bigEndian));
  }
  statistics.forEach(({ received, dropped, osDropped }, id) => {
    const optionList: [number, readonly number[]][] = [];
    if (received !== undefined) optionList.push([4, u64(received)]);
    if (dropped !== undefined) optionList.push([5, u64(dropped)]);
    if (osDropped !== undefined) optionList.push([7, u64(osDropped)]);
    const body = [...u32(id), ...u64(0n), ...pcapngOptions(optionList, bigEndian)];
    chunks.push(pcapngBlock(5, body, bigEndian));
  });
  return concat(chunks);
}

/** A pcapng section header block of unknown section length. */
export function pcapngSection(bigEndian = false, major = 1, minor = 0): Uint8Array {
  const { u16, u32, u64 } = words(bigEndian);
  const body = [...u32(0x1a2b3c4d), ...u16(major), ...u16(minor), ...u64(0xffffffffffffffffn)];
  return pcapngBlock(0x0a0d0d0a, body, bigEndian);
}

/** Any pcapng block; the body is padded to a multiple of four. */
export function pcapngBlock(type: number, body: readonly number[] | Uint8Array, bigEndian = false): Uint8Array {
  const { u32 } = words(bigEndian);
  const padding = -body.length & 3;
  const total = 12 + body.length + padding;
  const block = new Uint8Array(total);
  block.set([...u32(type), ...u32(total)]);
  block.set(body, 8);
  block.set(u32(total), total - 4);
  return block;
}

/** The options of a pcapng block with their end; none at all for an empty list. */
export function pcapngOptions(list: readonly (readonly [number, readonly number[]])[], bigEndian = false): number[] {
  if (list.length === 0) return [];
  const { u16 } = words(bigEndian);
  const octets = list.flatMap(([code, value]) => [
    ...u16(code),
    ...u16(value.length),
    ...value,
    ...new Array<number>(-value.length & 3).fill(0),
  ]);
  return [...octets, 0, 0, 0, 0];
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Octets from hexadecimal digits; anything from a `#` to the end of a line, and white space, is ignored. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#.*$/gm, '').replace(/\s/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toTicks(frame: WrittenFrame, { resolution = 6, offset = 0n }: WrittenInterface): bigint {
  const perSecond = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  const nanoseconds = (BigInt(frame.seconds) - offset) * 1_000_000_000n + BigInt(frame.nanoseconds);
  return (nanoseconds * perSecond) / 1_000_000_000n;
}

function utf8(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

function words(
  bigEndian: boolean,
): Record<'u16' | 'u32', (value: number) => number[]> & { u64(value: bigint): number[] } {
  function ordered(octets: number[]): number[] {
    return bigEndian ? octets : octets.reverse();
  }
  return {
    u16: (value) => ordered([value >>> 8, value & 0xff]),
    u32: (value) => ordered([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]),
    u64: (value) => ordered(Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(56 - 8 * i)) & 0xffn))),
  };
}
