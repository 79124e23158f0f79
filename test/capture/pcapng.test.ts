import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.js';
import { concat, hex, pcapngBlock, pcapngOptions, pcapngSection, writePcapng } from '../support/capture-writer.js';
import { collect, type CollectedFrame } from './collect.js';
import { withEveryOption } from './every-option.js';

// Every block as draft-ietf-opsawg-pcapng section 4 lays it out, once in each byte order.
const LITTLE = {
  section: hex('0a0d0d0a 28000000 4d3c2b1a 01000000 ffffffff ffffffff 04000200 6d650000 00000000 28000000'),
  // LINKTYPE_ETHERNET, snap length 96, if_name cni0, if_tsresol 9, if_filter "udp", if_description "x"
  interface: hex(`01000000 38000000 01000000 60000000 02000400 636e6930 09000100 09000000
    0b000400 00756470 03000100 78000000 00000000 38000000`),
  // 1795226754.391232017, 3 of 1500 octets, a comment and epb_dropcount
  enhanced: hex(`06000000 40000000 00000000 38ede918 114ec4ba 03000000 dc050000 a1b2c300
    01000500 68656c6c 6f000000 04000800 00000000 00000000 00000000 40000000`),
  // 7 drops
  obsolete: hex('02000000 24000000 00000700 38ede918 114ec4ba 03000000 dc050000 a1b2c300 24000000'),
  // 1500 octets on the link
  simple: hex(`03000000 70000000 dc050000 00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b
    1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637 38393a3b 3c3d3e3f 40414243 44454647
    48494a4b 4c4d4e4f 50515253 54555657 58595a5b 5c5d5e5f 70000000`),
  // isb_starttime, isb_ifrecv 5e9, isb_ifdrop 12, isb_filteraccept 99, isb_osdrop 0
  statistics: hex(`05000000 58000000 00000000 00000000 00000000 02000800 00000000 00000000
    04000800 00f2052a 01000000 05000800 0c000000 00000000 06000800 63000000 00000000
    07000800 00000000 00000000 00000000 58000000`),
  // 10.244.6.154 web, app; 2001:db8::1 six; ns_dnsname
  names: hex(`04000000 44000000 01000c00 0af4069a 77656200 61707000 02001400 20010db8 00000000 00000000
    00000001 73697800 00000000 02000200 6e730000 00000000 44000000`),
  secrets: hex('0a000000 1c000000 4b534c54 05000000 61626364 65000000 1c000000'),
  custom: hex('ad0b0000 18000000 d97e0000 77686174 65766572 18000000'),
};
const BIG: typeof LITTLE = {
  section: hex('0a0d0d0a 00000028 1a2b3c4d 00010000 ffffffff ffffffff 00040002 6d650000 00000000 00000028'),
  interface: hex(`00000001 00000038 00010000 00000060 00020004 636e6930 00090001 09000000
    000b0004 00756470 00030001 78000000 00000000 00000038`),
  enhanced: hex(`00000006 00000040 00000000 18e9ed38 bac44e11 00000003 000005dc a1b2c300
    00010005 68656c6c 6f000000 00040008 00000000 00000000 00000000 00000040`),
  obsolete: hex('00000002 00000024 00000007 18e9ed38 bac44e11 00000003 000005dc a1b2c300 00000024'),
  simple: hex(`00000003 00000070 000005dc 00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b
    1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637 38393a3b 3c3d3e3f 40414243 44454647
    48494a4b 4c4d4e4f 50515253 54555657 58595a5b 5c5d5e5f 00000070`),
  statistics: hex(`00000005 00000058 00000000 00000000 00000000 00020008 00000000 00000000
    00040008 00000001 2a05f200 00050008 00000000 0000000c 00060008 00000000 00000063
    00070008 00000000 00000000 00000000 00000058`),
  names: hex(`00000004 00000044 0001000c 0af4069a 77656200 61707000 00020014 20010db8 00000000 00000000
    00000001 73697800 00000000 00020002 6e730000 00000000 00000044`),
  secrets: hex('0000000a 0000001c 544c534b 00000005 61626364 65000000 0000001c'),
  custom: hex('00000bad 00000018 00007ed9 77686174 65766572 00000018'),
};

const CNI0 = { id: 0, linkType: 1, snapLength: 96, name: 'cni0', filter: 'udp', statistics: null };
const FRAME: CollectedFrame = {
  frame: 1,
  seconds: 1795226754,
  nanoseconds: 391232017,
  capturedLength: 3,
  originalLength: 1500,
  interfaceId: 0,
  octets: hex('a1b2c3'),
};

async function read(...blocks: Uint8Array[]) {
  const capture = await openCapture(concat(blocks));
  return { capture, frames: await collect(capture) };
}

describe.each([
  ['little endian', LITTLE],
  ['big endian', BIG],
])('pcapng, %s', (_, blocks) => {
  const { section, interface: description, enhanced, obsolete, simple, statistics, names, secrets, custom } = blocks;

  it('reads a section and an interface', async () => {
    const { capture, frames } = await read(section, description);
    expect(capture).toMatchObject({ format: 'pcapng', damage: null, frames: 0 });
    expect(capture.interfaces).toEqual([CNI0]);
    expect(frames).toEqual([]);
  });

  it('reads enhanced and obsolete packets', async () => {
    const { capture, frames } = await read(section, description, enhanced, obsolete);
    expect(frames).toEqual([FRAME, { ...FRAME, frame: 2 }]);
    expect(capture.damage).toBe(null);
  });

  it('reads a simple packet: as long as the snap length, without a time', async () => {
    const { frames } = await read(section, description, simple);
    const octets = Uint8Array.from({ length: 96 }, (_, i) => i);
    expect(frames).toEqual([{ ...FRAME, seconds: 0, nanoseconds: 0, capturedLength: 96, octets }]);
  });

  it('reads interface statistics', async () => {
    const { capture } = await read(section, description, statistics);
    expect(capture.interfaces).toEqual([
      { ...CNI0, statistics: { received: 5_000_000_000, dropped: 12, osDropped: 0 } },
    ]);
  });

  it('reads names', async () => {
    const { capture } = await read(section, names);
    expect([...capture.names]).toEqual([
      ['10.244.6.154', ['web', 'app']],
      ['2001:db8::1', ['six']],
    ]);
  });

  it('steps over secrets, custom blocks and what it does not know', async () => {
    const { capture, frames } = await read(section, secrets, description, custom, enhanced, custom, secrets, enhanced);
    expect(frames).toEqual([FRAME, { ...FRAME, frame: 2 }]);
    expect(capture.damage).toBe(null);
  });
});

describe('pcapng sections', () => {
  it('continue the interface ids, each in its own byte order', async () => {
    const { section, interface: description, enhanced, simple } = LITTLE;
    const blocks = [section, description, description, enhanced, BIG.section, BIG.interface, BIG.enhanced];
    const { capture, frames } = await read(...blocks, BIG.simple, section, description, simple);
    expect(capture.damage).toBe(null);
    expect(capture.interfaces.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
    expect(frames.map(({ interfaceId }) => interfaceId)).toEqual([0, 2, 2, 3]);
  });

  it('of an unknown version are refused', async () => {
    for (const minor of [1, 3, 65_535]) {
      await expect(openCapture(pcapngSection(false, 1, minor))).rejects.toMatchObject({
        code: 'unsupported-version',
        message: `pcapng version 1.${minor} is not supported, only 1.0 is`,
      });
    }
    await expect(openCapture(pcapngSection(false, 2))).rejects.toMatchObject({
      code: 'unsupported-version',
      message: 'pcapng version 2.0 is not supported, only 1.0 is',
    });
    const { capture, frames } = await read(LITTLE.section, LITTLE.interface, LITTLE.enhanced, pcapngSection(true, 3));
    expect(frames).toHaveLength(1);
    expect(capture.damage).toMatchObject({ code: 'unsupported-version', octet: 40 + 56 + 64 });
  });

  it('of minor version 2 are read, as the format asks', async () => {
    const { frames } = await read(pcapngSection(false, 1, 2), LITTLE.interface, LITTLE.enhanced);
    expect(frames).toHaveLength(1);
  });

  it('cut in their header are refused', async () => {
    await expect(openCapture(LITTLE.section.subarray(0, 20))).rejects.toMatchObject({
      code: 'cut',
      message: 'file ends after 20 of the 28 octets of a section header',
    });
  });
});

describe('pcapng times', () => {
  // The ticks and their seconds and nanoseconds were computed apart, with integers of any size.
  it.each([
    ['10^-6', 6, 0n, '000660bf ccfc9cc0', 1795226754, 391232000],
    ['10^-6, last of 32 bits of seconds', 6, 0n, '000f423f ffffffff', 4294967295, 999999000],
    ['10^-9', 9, 0n, '18e9ed38 bac44e11', 1795226754, 391232017],
    ['10^-9, last of a second', 9, 0n, '18e9ed38 df0d5dff', 1795226754, 999999999],
    ['10^-9, first of a second', 9, 0n, '18e9ed38 df0d5e00', 1795226755, 0],
    ['10^0', 0, 0n, '00000000 6b00fc82', 1795226754, 0],
    ['10^-3', 3, 0n, '000001a1 fbda5d57', 1795226754, 391000000],
    ['10^-7', 7, 0n, '003fc77e 01de1f80', 1795226754, 391232000],
    ['10^-12', 12, 0n, '000660bf ccfc9cc0', 1795, 226754391],
    ['10^-127', 127, 0n, 'ffffffff ffffffff', 0, 0],
    ['2^0', 0x80, 0n, '00000000 6b00fc82', 1795226754, 0],
    ['2^-10', 0x8a, 0n, '000001ac 03f20bff', 1795226754, 999023437],
    ['2^-32', 0xa0, 0n, '6b00fc82 80000001', 1795226754, 500000000],
    ['2^-63', 0xbf, 0n, 'ffffffff ffffffff', 1, 999999999],
    ['10^-6 with an offset', 6, 1795226754n, '00000000 0012d687', 1795226755, 234567000],
    ['10^-6 with a negative offset', 6, -3600n, '000660bf ccfc9cc0', 1795223154, 391232000],
    ['before the epoch', 6, -1795226755n, '000660bf ccfc9cc0', 0, 0],
    ['after 32 bits of seconds', 9, 0n, 'ffffffff ffffffff', 4294967295, 999999999],
    ['after them by its offset', 0, 2n ** 62n, '00000000 00000000', 4294967295, 999999999],
  ])('%s', async (_, resolution, offset, ticks, seconds, nanoseconds) => {
    const header = writePcapng([], { bigEndian: true, interfaces: [{ resolution, offset }] });
    const packet = pcapngBlock(6, hex(`00000000 ${ticks} 00000000 00000000`), true);
    expect(await read(header, packet)).toMatchObject({ frames: [{ seconds, nanoseconds }] });
  });

  it('of every interface have their own resolution', async () => {
    const interfaces = [{ resolution: 9 }, { resolution: 6 }, { resolution: 0x9e }];
    const frames = [0, 1, 2, 1, 0].map((interfaceId) => ({
      seconds: 1795226754,
      nanoseconds: 500000000,
      octets: hex('00'),
      interfaceId,
    }));
    const result = await read(writePcapng(frames, { interfaces }));
    expect(result.frames).toMatchObject(frames);
  });
});

describe('pcapng details', () => {
  const { section, interface: description, enhanced } = LITTLE;
  const plain = pcapngBlock(1, hex('01000000 00000000'));

  it('an interface without options has no name, no limit and microseconds', async () => {
    const packet = pcapngBlock(6, hex('00000000 bf600600 c09cfccc 00000000 00000000'));
    const { capture, frames } = await read(section, plain, packet);
    expect(capture.interfaces).toEqual([
      { id: 0, linkType: 1, snapLength: 0, name: null, filter: null, statistics: null },
    ]);
    expect(frames).toMatchObject([{ seconds: 1795226754, nanoseconds: 391232000 }]);
  });

  it('simple packets without a snap length are whole', async () => {
    const { frames } = await read(section, plain, pcapngBlock(3, hex('05000000 0102030405')));
    expect(frames).toMatchObject([{ capturedLength: 5, originalLength: 5, octets: hex('0102030405') }]);
  });

  it('a compiled filter is noted although it has no text', async () => {
    const options = pcapngOptions([[11, [1, 6, 0, 0, 0]]]);
    const { capture } = await read(section, pcapngBlock(1, [1, 0, 0, 0, 0, 0, 0, 0, ...options]));
    expect(capture.interfaces[0]?.filter).toBe('(compiled filter)');
  });

  it('names end at their zero, and options need no end of options', async () => {
    const { capture } = await read(section, pcapngBlock(1, hex('01000000 00000000 02000500 6574683000 000000')));
    expect(capture.interfaces[0]?.name).toBe('eth0');
  });

  it('the number of names kept is bounded', async () => {
    const records = Array.from({ length: 3000 }, (_, i) => {
      const name = new TextEncoder().encode(`n${i}`.padEnd(7));
      return [1, 0, 12, 0, 10, 0, 0, 1, ...name, 0];
    }).flat();
    const { capture } = await read(section, pcapngBlock(4, [...records, 0, 0, 0, 0]));
    expect(capture.names.get('10.0.0.1')).toHaveLength(64);
    expect(capture.damage).toBe(null);
  });

  it.each([
    ['0a000000000000000000000000000001', 'a00::1'],
    ['00000000000000000000000000000000', '::'],
    ['00010000000200000000000300040005', '1:0:2::3:4:5'],
    ['00000000000100000000000000020000', '0:0:1::2:0'],
    ['20010db8000000010002000300040005', '2001:db8:0:1:2:3:4:5'],
    ['20010db8000100020003000400050000', '2001:db8:1:2:3:4:5:0'],
    ['00010002000300040005000600000000', '1:2:3:4:5:6::'],
  ])('IPv6 addresses are written as RFC 5952 says: %s', async (address, written) => {
    const { capture } = await read(section, pcapngBlock(4, hex(`02001200 ${address} 6100 0000 00000000`)));
    expect([...capture.names.keys()]).toEqual([written]);
  });

  it.each([false, true])('every option that there is is stepped over or read, big endian: %s', async (bigEndian) => {
    const octets = hex('a1b2c3a1b2');
    const capture = await openCapture(withEveryOption(octets, bigEndian));
    const frame = { seconds: 1795226754, nanoseconds: 391232017, capturedLength: 5, originalLength: 5, octets };
    expect(await collect(capture)).toMatchObject([frame, frame]);
    expect(capture.damage).toBe(null);
    expect([...capture.names]).toEqual([['10.0.0.1', ['web']]]);
    expect(capture.interfaces).toMatchObject([
      {
        name: 'cni0',
        filter: 'udp port 53',
        snapLength: 262144,
        statistics: { received: 4, dropped: 5, osDropped: 7 },
      },
    ]);
  });

  it('an unknown block larger than the buffer is passed through', async () => {
    const large = pcapngBlock(0x0bad, new Uint8Array(100_000));
    const octets = concat([section, description, enhanced, large, enhanced]);
    const capture = await openCapture(new Blob([octets]), { chunk: 512 });
    let largest = 0;
    for await (const batch of capture) largest = Math.max(largest, batch.octets.length);
    expect(capture).toMatchObject({ frames: 2, damage: null });
    expect(largest).toBeLessThanOrEqual(1024);
  });
});

describe('pcapng damage', () => {
  const { section, interface: description, enhanced } = LITTLE;
  // The broken block begins here.
  const octet = section.length + description.length + enhanced.length;

  async function damage(...broken: Uint8Array[]) {
    const { capture, frames } = await read(section, description, enhanced, ...broken);
    expect(frames).toEqual([FRAME]);
    return capture.damage;
  }

  function altered(block: Uint8Array, at: number, octets: string): Uint8Array {
    const copy = block.slice();
    copy.set(hex(octets), at);
    return copy;
  }

  it.each([
    [
      'a length of 0',
      altered(enhanced, 4, '00000000'),
      'bad-block',
      'block announces 0 octets, its kind has at least 32',
    ],
    [
      'a length of 8 of an unknown block',
      hex('99000000 08000000 08000000'),
      'bad-block',
      'block announces 8 octets, its kind has at least 12',
    ],
    [
      'an odd length',
      altered(enhanced, 4, '41000000'),
      'bad-block',
      'block announces 65 octets, which is no multiple of 4',
    ],
    [
      'an odd length of an unknown block',
      hex('99000000 0e000000 00000e00 0000'),
      'bad-block',
      'block announces 14 octets, which is no multiple of 4',
    ],
    [
      'another length at the end',
      altered(enhanced, 60, '44000000'),
      'bad-block',
      'block announces 64 octets at its beginning and 68 at its end',
    ],
    [
      'another length at the end of an unknown block',
      altered(LITTLE.custom, 20, '00000000'),
      'bad-block',
      'block announces 24 octets at its beginning and 0 at its end',
    ],
    [
      'another length at the end of an interface',
      altered(description, 52, '00000000'),
      'bad-block',
      'block announces 56 octets at its beginning and 0 at its end',
    ],
    [
      'a length that nothing has',
      altered(enhanced, 4, 'f0ffffff'),
      'bad-length',
      'block announces 4294967280 octets, more than the 16777216 a block may have',
    ],
    [
      'a packet longer than its block',
      altered(enhanced, 20, '21000000'),
      'bad-block',
      'packet block of 64 octets announces 33 octets of packet',
    ],
    [
      'an impossible packet length',
      altered(enhanced, 20, 'ffffffff'),
      'bad-length',
      'packet block announces 4294967295 octets, more than the 262144 this capture can hold',
    ],
    [
      'an unknown interface',
      altered(enhanced, 8, '01000000'),
      'bad-block',
      'block is about interface 1 of its section, which describes 1',
    ],
    [
      'statistics of an unknown interface',
      altered(LITTLE.statistics, 8, '07000000'),
      'bad-block',
      'block is about interface 7 of its section, which describes 1',
    ],
    [
      'a simple packet longer than its block',
      pcapngBlock(3, hex('05000000 01020304')),
      'bad-block',
      'simple packet block of 20 octets announces 5 octets of packet',
    ],
    [
      'an option longer than its block',
      altered(description, 18, '2100'),
      'bad-block',
      'option 2 announces 33 octets where its block has 32',
    ],
    [
      'a section without byte-order magic',
      altered(section, 8, '00000000'),
      'bad-block',
      'section header has no byte-order magic',
    ],
  ])('%s', async (_, broken, code, message) => {
    expect(await damage(broken, enhanced)).toMatchObject({ code, message, octet, frame: 1 });
  });

  it('says where a block is cut', async () => {
    expect(await damage(enhanced.subarray(0, 30))).toMatchObject({
      code: 'cut',
      octet,
      frame: 1,
      message: 'file ends after 30 of the 64 octets of a block',
    });
    expect(await damage(enhanced.subarray(0, 5))).toMatchObject({
      message: 'file ends after 5 octets of a block, which has at least 12',
    });
    expect(await damage(pcapngBlock(0x0bad, new Uint8Array(1000)).subarray(0, 900))).toMatchObject({
      code: 'cut',
      octet,
      message: 'file ends after 900 of the 1012 octets of a block',
    });
  });
});
