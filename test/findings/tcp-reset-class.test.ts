import { describe, expect, it } from 'vitest';
import { classifyReset, isAnswerTo, NO_BASELINE, type Baseline } from '../../src/findings/tcp/reset-class.js';
import { segmentOf, type Segment } from '../../src/findings/tcp/segment.js';
import { AddressTable } from '../../src/net/address-table.js';
import { PacketView } from '../../src/wire/packet.js';
import { hex } from '../support/capture-writer.js';
import { view } from '../support/packets.js';

const LINKTYPE_RAW = 101;

/** A segment of literal octets from the IP header on. */
function literal(text: string): Segment {
  const octets = hex(text);
  const packet = new PacketView();
  packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length, LINKTYPE_RAW);
  const kept = { point: 0, file: 0, frame: 1, seconds: 0, nanoseconds: 0, octets, originalLength: octets.length };
  return segmentOf(packet, { ...kept, linkType: LINKTYPE_RAW, decodeInto: () => undefined }, 0, new AddressTable())!;
}

// Read with tcpdump -v: the numbers in the comments are its words
const SYN = literal(`
  4500 003c dac7 4000 4006 4bee 0a01 0002 0a02 0002 # 10.1.0.2.44376 > 10.2.0.2.9999 ttl 64 id 56007 DF
  ad58 270f 7f0d c7b2 0000 0000 a002 faf0 8f1e 0000 # S, seq 2131609522, win 64240
  0204 05b4 0402 080a a182 ed3c 0000 0000 0103 030a`);
const NO_LISTENER = literal(`
  4500 0028 0000 4000 3f06 27ca 0a02 0002 0a01 0002 # 10.2.0.2.9999 > 10.1.0.2.44376 ttl 63 id 0 DF
  270f ad58 0000 0000 7f0d c7b3 5014 0000 80a1 0000 # R., seq 0, ack 2131609523, win 0`);
const DATA = literal(`
  4500 0035 4e0b 4000 4006 0000 0a01 0002 0a02 0002 # 10.1.0.2.33380 > 10.2.0.2.8080 ttl 64 id 19979
  8264 1f90 b760 c0ff b9c6 0467 8018 003f ec81 0000 # P., seq 3076571391, ack 3116762215
  0101 080a 3a31 dbc6 516b 912a 79`);
const NO_SOCKET = literal(`
  4500 0028 0000 4000 3f06 27ca 0a02 0002 0a01 0002 # 10.2.0.2.8080 > 10.1.0.2.33380 ttl 63 id 0 DF
  1f90 8264 b9c6 0467 0000 0000 5004 0000 3bb8 0000 # R, seq 3116762215, win 0`);
const APPLICATION = literal(`
  4500 0034 6e14 4000 3f06 b943 0a60 000a 0a01 0002 # 10.96.0.10.80 > 10.1.0.2.56976 ttl 63 id 28180
  0050 de90 d0e6 c3bb 93fd 03be 8014 0040 61d6 0000 # R., seq 3504784315, ack 2482832318, win 64
  0101 080a 1b7a 2e9e 98ec 11f3`);

const FROM_SERVER: Baseline = { packets: 4, ttl: { low: 63, high: 63 }, ipId: 28179, timestamps: true };

describe('classifyReset', () => {
  it('reads the octets as tcpdump does', () => {
    expect(SYN).toMatchObject({ ttl: 64, ipId: 56007, seq: 2131609522, flags: 2, headerLength: 40, timestamps: true });
    expect(NO_LISTENER).toMatchObject({ ttl: 63, ipId: 0, seq: 0, ack: 2131609523, flags: 20, window: 0 });
    expect(APPLICATION).toMatchObject({ ttl: 63, ipId: 28180, seq: 3504784315, window: 64, timestamps: true });
  });

  it('names the stack without a listener', () => {
    expect(isAnswerTo(NO_LISTENER, SYN)).toBe(true);
    expect(classifyReset(NO_LISTENER, NO_BASELINE, SYN)).toBe('no-listener');
  });

  it('names the stack without this connection, by the number of the segment it answers', () => {
    expect(isAnswerTo(NO_SOCKET, DATA)).toBe(true);
    expect(isAnswerTo({ ...NO_SOCKET, seq: NO_SOCKET.seq + 1 }, DATA)).toBe(false);
    expect(classifyReset(NO_SOCKET, FROM_SERVER, DATA)).toBe('no-socket');
  });

  it('names the application, whose socket has options, a window and an identifier', () => {
    expect(classifyReset(APPLICATION, FROM_SERVER, null)).toBe('application');
  });

  it('names who is nearer than the endpoint', () => {
    expect(classifyReset({ ...NO_LISTENER, ttl: 64 }, FROM_SERVER, SYN)).toBe('nearer');
    expect(classifyReset({ ...NO_SOCKET, ttl: 64 }, FROM_SERVER, DATA)).toBe('nearer');
    expect(classifyReset({ ...NO_SOCKET, ttl: 62 }, FROM_SERVER, DATA)).toBe('no-socket');
  });

  it('compares no TTLs that did not start from the same number', () => {
    const speaker = { ...FROM_SERVER, ttl: { low: 1, high: 1 } };
    expect(classifyReset({ ...NO_SOCKET, ttl: 64 }, speaker, DATA)).toBe('no-socket');
  });

  it('names a foreign hand only by distance and by identifier or options together', () => {
    const made = { ...APPLICATION, ttl: 58, ipId: 4711, headerLength: 20, timestamps: false };
    expect(classifyReset(made, FROM_SERVER, null)).toBe('foreign');
    expect(classifyReset({ ...made, ttl: 63 }, FROM_SERVER, null)).toBe('application');
    expect(classifyReset({ ...made, ttl: 62 }, FROM_SERVER, null)).toBe('application');
    expect(classifyReset({ ...APPLICATION, ttl: 58 }, FROM_SERVER, null)).toBe('application');
    expect(classifyReset(made, { ...FROM_SERVER, packets: 2 }, null)).toBe('application');
  });

  it('takes no identifier and no options alone for nothing', () => {
    const bare = { ...NO_SOCKET, ttl: 58 };
    expect(classifyReset(bare, FROM_SERVER, DATA)).toBe('no-socket');
  });

  it('knows stacks that number their answers', () => {
    const numbered = { ...NO_LISTENER, ipId: 38566, ttl: 128 };
    expect(classifyReset(numbered, NO_BASELINE, SYN)).toBe('no-listener');
    expect(classifyReset({ ...NO_SOCKET, ipId: 812 }, { ...FROM_SERVER, ipId: 811 }, DATA)).toBe('no-socket');
  });

  it('has no identifier to look for in IPv6', () => {
    const six = { ...NO_SOCKET, ipVersion: 6, ipId: -1, dontFragment: false };
    expect(classifyReset(six, FROM_SERVER, DATA)).toBe('no-socket');
  });
});
