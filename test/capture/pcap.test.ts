import { describe, expect, it } from 'vitest';
import { CaptureError } from '../../src/capture/capture.js';
import { openCapture } from '../../src/capture/open.js';
import { concat, hex } from '../support/capture-writer.js';
import { collect } from './collect.js';

// Every field as draft-ietf-opsawg-pcap section 4 and 5 lay it out, once in each byte order.
const LITTLE_MICRO = hex(`
  d4c3b2a1        # magic
  0200 0400       # version 2.4
  00000000 00000000
  60000000        # snap length 96
  01000000        # LINKTYPE_ETHERNET
`);
const BIG_MICRO = hex('a1b2c3d4 0002 0004 00000000 00000000 00000060 00000001');
const LITTLE_NANO = hex('4d3cb2a1 0200 0400 00000000 00000000 60000000 01000000');
const BIG_NANO = hex('a1b23c4d 0002 0004 00000000 00000000 00000060 00000001');

// 1795226754 = 0x6B00FC82; 391232 = 0x0005F840; 391232017 = 0x1751BA11
const LITTLE_MICRO_RECORD = hex('82fc006b 40f80500 03000000 dc050000 a1b2c3');
const BIG_MICRO_RECORD = hex('6b00fc82 0005f840 00000003 000005dc a1b2c3');
const LITTLE_NANO_RECORD = hex('82fc006b 11ba5117 03000000 dc050000 a1b2c3');
const BIG_NANO_RECORD = hex('6b00fc82 1751ba11 00000003 000005dc a1b2c3');

async function refusal(octets: Uint8Array): Promise<CaptureError> {
  const error = await openCapture(octets, { file: 'x.pcap' }).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CaptureError);
  return error as CaptureError;
}

describe('classic pcap', () => {
  it.each([
    ['little endian, microseconds', LITTLE_MICRO, LITTLE_MICRO_RECORD, 391232000],
    ['big endian, microseconds', BIG_MICRO, BIG_MICRO_RECORD, 391232000],
    ['little endian, nanoseconds', LITTLE_NANO, LITTLE_NANO_RECORD, 391232017],
    ['big endian, nanoseconds', BIG_NANO, BIG_NANO_RECORD, 391232017],
  ])('reads every field: %s', async (_, header, record, nanoseconds) => {
    const capture = await openCapture(concat([header, record, record]));
    expect(capture).toMatchObject({ format: 'pcap', compression: null, file: '(octets)' });
    expect(capture.interfaces).toEqual([
      { id: 0, linkType: 1, snapLength: 96, name: null, filter: null, statistics: null },
    ]);
    const frame = {
      seconds: 1795226754,
      nanoseconds,
      capturedLength: 3,
      originalLength: 1500,
      interfaceId: 0,
      octets: hex('a1b2c3'),
    };
    expect(await collect(capture)).toEqual([
      { frame: 1, ...frame },
      { frame: 2, ...frame },
    ]);
    expect(capture).toMatchObject({ frames: 2, damage: null, octetsRead: 24 + 2 * 19 });
  });

  it('takes a file without records as an empty capture', async () => {
    const capture = await openCapture(LITTLE_MICRO);
    expect(await collect(capture)).toEqual([]);
    expect(capture).toMatchObject({ frames: 0, damage: null });
  });

  it('keeps only the link type of a field that also holds the length of the frame check sequence', async () => {
    const header = hex('a1b2c3d4 0002 0004 00000000 00000000 00000060 14000071');
    expect((await openCapture(header)).interfaces[0]).toMatchObject({ linkType: 113 });
  });

  it('delivers frames of no octets, longer than on the link, older than the one before, and after 2038', async () => {
    const records = hex(`
      ffffffff 0f420000 00000000 2a000000   # 2106-02-07, no octets of 42
      01000000 00000000 02000000 01000000 abcd  # 1970, two octets of one
    `);
    const capture = await openCapture(concat([LITTLE_MICRO, records]));
    expect(await collect(capture)).toMatchObject([
      { seconds: 4294967295, nanoseconds: 16911000, capturedLength: 0, originalLength: 42 },
      { seconds: 1, nanoseconds: 0, capturedLength: 2, originalLength: 1, octets: hex('abcd') },
    ]);
    expect(capture.damage).toBe(null);
  });

  it('carries a fraction of a second or more into the seconds', async () => {
    // 2500000 microseconds = 0x002625a0; 0xffffffff microseconds = 4294 s 967295 us
    const capture = await openCapture(
      concat([LITTLE_MICRO, hex('0a000000 a0252600 00000000 00000000 0a000000 ffffffff 00000000 00000000')]),
    );
    expect(await collect(capture)).toMatchObject([
      { seconds: 12, nanoseconds: 500000000 },
      { seconds: 4304, nanoseconds: 967295000 },
    ]);
    const nano = await openCapture(concat([LITTLE_NANO, hex('0a000000 ffffffff 00000000 00000000')]));
    expect(await collect(nano)).toMatchObject([{ seconds: 14, nanoseconds: 294967295 }]);
  });

  it('holds frames that are longer than a small snap length, as offload makes them', async () => {
    const record = concat([hex('82fc006b 40f80500 00000100 00000100'), new Uint8Array(65536)]);
    const capture = await openCapture(concat([LITTLE_MICRO, record]));
    expect(await collect(capture)).toMatchObject([{ capturedLength: 65536 }]);
  });

  it.each([
    ['262145 octets', '01000400', 'record announces 262145 octets, more than the 262144 this capture can hold'],
    ['2^31 octets', '00000080', 'record announces 2147483648 octets, more than the 262144 this capture can hold'],
    ['all ones', 'ffffffff', 'record announces 4294967295 octets, more than the 262144 this capture can hold'],
  ])('stops at an impossible length: %s', async (_, length, message) => {
    const bad = hex(`82fc006b 40f80500 ${length} dc050000`);
    const capture = await openCapture(concat([LITTLE_MICRO, LITTLE_MICRO_RECORD, bad, LITTLE_MICRO_RECORD]));
    expect(await collect(capture)).toHaveLength(1);
    expect(capture.damage).toMatchObject({ code: 'bad-length', octet: 43, frame: 1, message });
  });

  it('believes no snap length beyond 16 MiB', async () => {
    const header = hex('d4c3b2a1 0200 0400 00000000 00000000 ffffffff 01000000');
    const capture = await openCapture(concat([header, hex('82fc006b 40f80500 01000001 01000001')]));
    expect(await collect(capture)).toEqual([]);
    expect(capture.damage?.message).toBe(
      'record announces 16777217 octets, more than the 16777216 this capture can hold',
    );
  });

  it('says where a record is cut', async () => {
    const whole = concat([LITTLE_MICRO, LITTLE_MICRO_RECORD, LITTLE_MICRO_RECORD]);
    const inFrame = await openCapture(whole.subarray(0, -2), { file: 'a.pcap' });
    expect(await collect(inFrame)).toHaveLength(1);
    expect(inFrame.damage).toMatchObject({
      code: 'cut',
      file: 'a.pcap',
      octet: 43,
      frame: 1,
      message: 'file ends after 1 of the 3 octets of a frame',
    });
    const inHeader = await openCapture(whole.subarray(0, 43 + 15));
    expect(await collect(inHeader)).toHaveLength(1);
    expect(inHeader.damage?.message).toBe('file ends after 15 of the 16 octets of a record header');
  });
});

describe('what is refused', () => {
  it.each([
    ['no octets', '', 'not-a-capture', 'has no octets at all; even an empty capture has a header'],
    ['three octets', 'd4c3b2', 'not-a-capture', 'is neither a pcap nor a pcapng file'],
    ['text', '68656c6c6f20776f726c640a2020', 'not-a-capture', 'is neither a pcap nor a pcapng file'],
    ['a cut header', 'd4c3b2a1 0200 0400 0000', 'cut', 'file ends after 10 of the 24 octets of a pcap header'],
    [
      'Kuznetzov',
      '34cdb2a1 0200 0400 00000000',
      'unsupported-format',
      'is pcap as changed by Kuznetzov (records have longer headers), which is not supported',
    ],
    [
      'Mesquita',
      'a1b234cd 0002 0004 00000000',
      'unsupported-format',
      'is pcap as changed by Mesquita, which is not supported',
    ],
    [
      'Navtel',
      'a12b3c4d 0002 0004 00000000',
      'unsupported-format',
      'is pcap as changed by Navtel, which is not supported',
    ],
    [
      'Ixia',
      'ac01001c 0200 0400 00000000',
      'unsupported-format',
      'is pcap as changed by Ixia (hardware), which is not supported',
    ],
    ['snoop', '736e6f6f70000000 00000002 00000004', 'unsupported-format', 'is snoop, which is not supported'],
    ['xz', 'fd377a585a00 0000000000000000', 'unsupported-format', 'is xz compression, which is not supported'],
    [
      'version 2.3',
      'd4c3b2a1 0200 0300 00000000 00000000 00000400 01000000',
      'unsupported-version',
      'pcap version 2.3 is not supported, only 2.4 is',
    ],
    [
      'version 543.0',
      'a1b2c3d4 021f 0000 00000000 00000000 00000400 00000001',
      'unsupported-version',
      'pcap version 543.0 is not supported, only 2.4 is',
    ],
  ])('%s', async (_, octets, code, message) => {
    expect(await refusal(hex(octets))).toMatchObject({ code, message, file: 'x.pcap', frame: 0 });
  });
});
