import { concat, pcapngBlock, pcapngOptions } from '../support/capture-writer.js';

/** Octets of a number, in the byte order of the section. */
function number(value: bigint, length: number, bigEndian: boolean): number[] {
  const octets = Array.from({ length }, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn));
  return bigEndian ? octets : octets.reverse();
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

/**
 * Two enhanced packet blocks of the same frame, at 1795226754.391232017, with every option that draft-ietf-opsawg-pcapng has for the
 * blocks of the file, of the lengths that it gives; and custom ones, one that nobody knows, one without a value.
 */
export function withEveryOption(frame: Uint8Array, bigEndian: boolean): Uint8Array {
  const u16 = (value: number) => number(BigInt(value), 2, bigEndian);
  const u32 = (value: number) => number(BigInt(value), 4, bigEndian);
  const u64 = (value: bigint) => number(value, 8, bigEndian);
  const custom = (code: number, value: readonly number[]) => [code, [...u32(32473), ...value]] as const;
  const everywhere = [
    [1, text('a comment')],
    [1, text('another, longer')],
    custom(2988, text('text')),
    custom(2989, [1, 2, 3]),
    custom(19372, text('not copied')),
    custom(19373, [0xff]),
    [0x7fff, [1, 2, 3, 4, 5]],
    [0x7ffe, []],
  ] as const;
  const block = (type: number, fixed: readonly number[], list: readonly (readonly [number, readonly number[]])[]) =>
    pcapngBlock(type, [...fixed, ...pcapngOptions([...list, ...everywhere], bigEndian)], bigEndian);

  const section = block(
    0x0a0d0d0a,
    [...u32(0x1a2b3c4d), ...u16(1), ...u16(0), ...u64(0xffffffffffffffffn)],
    [
      [2, text('hardware')],
      [3, text('Linux 6.1')],
      [4, text('dumpcap')],
    ],
  );
  const description = block(
    1,
    [...u16(1), ...u16(0), ...u32(262144)],
    [
      [2, text('cni0')],
      [3, text('the bridge')],
      [4, [10, 0, 0, 1, 255, 255, 255, 0]],
      [5, [0xfd, ...new Array<number>(15).fill(0), 64]],
      [6, [2, 0, 0, 0, 0, 1]],
      [7, [2, 0, 0, 0xff, 0xfe, 0, 0, 1]],
      [8, u64(10_000_000_000n)],
      [9, [9]],
      [10, u32(0)],
      [11, [0, ...text('udp port 53')]],
      [12, text('Linux')],
      [13, [4]],
      [14, u64(0n)],
      [15, text('virtio')],
      [16, u64(1n)],
      [17, u64(2n)],
    ],
  );
  const time = 1_795_226_754_391_232_017n;
  const padding = new Array<number>(-frame.length & 3).fill(0);
  const packet = block(
    6,
    [
      ...[0, Number(time >> 32n), Number(time & 0xffffffffn), frame.length, frame.length].flatMap(u32),
      ...frame,
      ...padding,
    ],
    [
      [2, u32(1)],
      [3, [2, 1, 2, 3, 4]],
      [4, u64(0n)],
      [5, u64(77n)],
      [6, u32(3)],
      [7, [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ],
  );
  const statistics = block(
    5,
    [...u32(0), ...u64(0n)],
    [2, 3, 4, 5, 6, 7, 8].map((code) => [code, code < 4 ? u64(0n) : u64(BigInt(code))] as const),
  );
  const names = block(
    4,
    [...u16(1), ...u16(8), 10, 0, 0, 1, ...text('web'), 0, ...u32(0)],
    [
      [2, text('dns')],
      [3, [10, 0, 0, 53]],
      [4, new Array<number>(16).fill(1)],
    ],
  );
  return concat([section, description, names, packet, statistics, packet]);
}
