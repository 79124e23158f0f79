import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Layer, MessageStreams, PacketView, type Message } from '../../src/wire/index.js';
import { ethernet, hex, ipv4, join, tcp } from '../support/packets.js';

// Literal octets: a KEEPALIVE, an UPDATE that withdraws 10.0.0.0/8, and a DNS query and answer with their lengths
const MARKER = 'ffffffffffffffffffffffffffffffff';
const KEEPALIVE = hex(`${MARKER} 0013 04`);
const UPDATE = hex(`${MARKER} 0019 02 0002 080a 0000`);
const LONG_UPDATE = join(hex(`${MARKER} 0fff 02 0fe8`), new Uint8Array(0x0fff - 21));
const QUERY = hex('0017 1a2b 0100 0001 0000 0000 0000 03656678 0161 00 0001 0001');
const ANSWER = hex('0023 1a2b 8180 0001 0001 0000 0000 0165 00 0001 0001 c00c 0001 0001 0000003c 0004 0a000001');

interface Sent {
  readonly seq: number;
  readonly octets: Uint8Array;
  readonly flags?: number;
  /** Captured octets of the payload. */
  readonly captured?: number;
  readonly port?: number;
  readonly clientPort?: number;
}

/** What a new table of streams makes of segments, in order; octets copied. */
function read(segments: readonly Sent[], streams = new MessageStreams()) {
  const packet = new PacketView();
  return segments.map(({ seq, octets, flags = 0x18, captured, port = 179, clientPort = 40_000 }) => {
    const header = { srcPort: clientPort, dstPort: port, seq: seq >>> 0, flags };
    const frame = ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp(header, octets)));
    const length = captured === undefined ? frame.length : 54 + captured;
    const cut = frame.slice(0, length);
    packet.decodeFrame(cut, new DataView(cut.buffer), 0, length, frame.length, 1);
    return streams.messagesOf(packet, 'node1/eth0').map(copied);
  });
}

function copied({ protocol, view, at, end, announcedEnd, spans }: Message) {
  const octets = Buffer.from(view.buffer, view.byteOffset + at, end - at).toString('hex');
  return { protocol, octets, whole: end === announcedEnd, spans };
}

function whole(octets: Uint8Array, protocol: number, spans = false) {
  return { protocol, octets: Buffer.from(octets).toString('hex'), whole: true, spans };
}

/** `octets` in segments whose ends are `ends`, from sequence number `seq` on. */
function segmented(octets: Uint8Array, ends: readonly number[], seq: number, port: number): Sent[] {
  const cuts = [...new Set([...ends.map((end) => end % octets.length), octets.length])].sort((a, b) => a - b);
  return cuts
    .map((end, index) => ({ from: cuts[index - 1] ?? 0, end }))
    .filter(({ from, end }) => end > from)
    .map(({ from, end }) => ({ seq: (seq + from) >>> 0, octets: octets.subarray(from, end), port }));
}

const PROTOCOLS = [
  { name: 'BGP', port: 179, protocol: Layer.BGP, skip: 0, messages: [KEEPALIVE, UPDATE, LONG_UPDATE] },
  { name: 'DNS', port: 53, protocol: Layer.DNS, skip: 2, messages: [QUERY, ANSWER] },
] as const;

describe.each(PROTOCOLS)('$name messages', ({ port, protocol, skip, messages }) => {
  const stream = fc.record({
    sent: fc.array(fc.constantFrom<Uint8Array>(...messages), { minLength: 1, maxLength: 12 }),
    ends: fc.array(fc.nat(30_000), { maxLength: 20 }),
    seq: fc.oneof(fc.constant(0xfffffff0), fc.nat(0xffffffff)),
  });

  it('come out once and whole, however they are cut into segments', () => {
    fc.assert(
      fc.property(stream, ({ sent, ends, seq }) => {
        const segments = segmented(join(...sent), ends, seq, port);
        const syn = { seq: seq - 1, octets: new Uint8Array(0), flags: 2, port };
        const found = read([syn, ...segments]).flat();
        const expected = sent.map((message) => Buffer.from(message.subarray(skip)).toString('hex'));
        expect(found.filter((message) => message.whole).map(({ octets }) => octets)).toEqual(expected);
        expect(found.every((message) => message.protocol === protocol)).toBe(true);
      }),
    );
  });

  it('come out as often when segments are sent again or overlap', () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.tuple(fc.nat(30), fc.nat(40)), { maxLength: 6 }),
        ({ sent, ends, seq }, again) => {
          const all = join(...sent);
          const segments = segmented(all, ends, seq, port);
          const syn = { seq: seq - 1, octets: new Uint8Array(0), flags: 2, port };
          const repeated = segments.flatMap((segment, index) => {
            const more = again.find(([at]) => at % segments.length === index);
            if (more === undefined) return [segment];
            // The segment once more, with octets before it that were sent already
            const from = (segment.seq - seq) >>> 0;
            const before = Math.min(from, more[1]);
            const octets = all.subarray(from - before, from + segment.octets.length);
            return [{ ...segment, seq: (segment.seq - before) >>> 0, octets }];
          });
          const found = read([syn, ...repeated]).flat();
          const expected = sent.map((message) => Buffer.from(message.subarray(skip)).toString('hex'));
          expect(found.filter((message) => message.whole).map(({ octets }) => octets)).toEqual(expected);
        },
      ),
    );
  });

  it('any octets and any order raise no exception, and change nothing for the next connection', () => {
    const noise = fc.record({
      seq: fc.nat(5000),
      octets: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom<Uint8Array>(...messages)),
      flags: fc.constantFrom(0x10, 0x18, 0x02, 0x04, 0x11),
      captured: fc.option(fc.nat(50), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 30 }), (segments) => {
        const streams = new MessageStreams();
        read(
          segments.map(({ captured, octets, ...rest }) => ({
            ...rest,
            octets,
            port,
            ...(captured === undefined ? {} : { captured: Math.min(captured, octets.length) }),
          })),
          streams,
        );
        const [first] = messages;
        const next = [
          { seq: 99, octets: new Uint8Array(0), flags: 2, port },
          { seq: 100, octets: first.subarray(0, 5), port },
          { seq: 105, octets: first.subarray(5), port },
        ];
        expect(read(next, streams).at(-1)).toEqual([whole(first.subarray(skip), protocol, true)]);
      }),
    );
  });
});

describe('what cannot be put together', () => {
  it('is given up and counted when a segment is missing, and the next message is found again', () => {
    const streams = new MessageStreams();
    const found = read(
      [
        { seq: 1, octets: UPDATE.subarray(0, 20) },
        // Five octets were lost
        { seq: 26, octets: KEEPALIVE },
      ],
      streams,
    );
    expect(found[0]).toEqual([{ ...whole(UPDATE.subarray(0, 20), Layer.BGP), whole: false }]);
    expect(found[1]).toEqual([whole(KEEPALIVE, Layer.BGP)]);
    expect(streams.counts).toEqual({ spanned: 0, givenUp: 1 });
  });

  it('is given up when the capture cut a segment', () => {
    const streams = new MessageStreams();
    const found = read(
      [
        { seq: 1, octets: join(KEEPALIVE, UPDATE), captured: 30 },
        { seq: 45, octets: KEEPALIVE },
      ],
      streams,
    );
    expect(found[0]).toEqual([
      whole(KEEPALIVE, Layer.BGP),
      { ...whole(UPDATE.subarray(0, 11), Layer.BGP), whole: false },
    ]);
    expect(found[1]).toEqual([whole(KEEPALIVE, Layer.BGP)]);
    expect(streams.counts).toEqual({ spanned: 0, givenUp: 1 });
  });

  it('is given up when the connection ends', () => {
    const streams = new MessageStreams();
    read(
      [
        { seq: 1, octets: UPDATE.subarray(0, 20) },
        { seq: 21, octets: new Uint8Array(0), flags: 0x14 },
        { seq: 21, octets: UPDATE.subarray(20) },
      ],
      streams,
    );
    expect(streams.counts).toEqual({ spanned: 0, givenUp: 1 });
  });

  it('does not grow: the oldest of too many connections is given up', () => {
    const streams = new MessageStreams();
    const begun = Array.from({ length: 5000 }, (_, index) => ({
      seq: 1,
      octets: UPDATE.subarray(0, 20),
      clientPort: 10_000 + index,
    }));
    read(begun, streams);
    expect(streams.counts.givenUp).toBeGreaterThanOrEqual(5000 - 4096);
    // 8 MiB hold 4096 buffers of 2 KiB: the youngest is still there
    expect(read([{ seq: 21, octets: UPDATE.subarray(20), clientPort: 14_999 }], streams)).toEqual([
      [whole(UPDATE, Layer.BGP, true)],
    ]);
  });

  it('is not read as DNS when another protocol uses the port', () => {
    const hello = hex('1603 0100 0501 0000 0103 03aa bbcc ddee ff00 1122');
    const found = read([
      { seq: 0, octets: new Uint8Array(0), flags: 2, port: 53 },
      { seq: 1, octets: hello, port: 53 },
    ]);
    expect(found.flat()).toEqual([]);
  });
});
