import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bgpRoutes, Layer, MessageStreams, PacketView, type Message } from '../../src/wire/index.js';
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

// RFC 7911. IPv4 unicast and what the speaker does: 1 receives, 2 sends, 3 does both
const RECEIVES = '0001 01 01';
const SENDS = '0001 01 02';
const BOTH = '0001 01 03';
const IPV6_BOTH = '0002 01 03';

/** An OPEN with this ADD-PATH capability (69), or none. */
function open(...families: string[]): Uint8Array {
  const data = hex(families.join(''));
  if (data.length === 0) return hex(`${MARKER} 001d 01 04 fde8 00b4 0a000001 00`);
  const parts = [29 + data.length + 4, data.length + 4, data.length + 2, data.length];
  const [length, parameters, parameter, capability] = parts.map((part) => part.toString(16).padStart(2, '0'));
  return join(
    hex(`${MARKER} 00${length} 01 04 fde8 00b4 0a000001 ${parameters} 02 ${parameter} 45 ${capability}`),
    data,
  );
}

/** An UPDATE of IPv4 routes without attributes. */
function announce(routes: string): Uint8Array {
  const octets = hex(routes);
  return join(hex(`${MARKER} 00${(23 + octets.length).toString(16)} 02 0000 0000`), octets);
}

// 080a080b/0 and so on, or 10/8, 11/8, 12/8, 13/8, 14/8
const EITHER = '080a080b 08 0c 080d080e 00';
const PLAIN = '08 0a 08 0b 08 0c 08 0d 08 0e';

describe('path identifiers of BGP routes', () => {
  const view = new PacketView();

  interface Said {
    readonly from: 'client' | 'server';
    readonly octets: Uint8Array;
    readonly flags?: number;
  }

  /** The routes of the last message: address octets, and the identifier where there is one. */
  function routesOf(said: readonly Said[], captured = Infinity): string[] {
    const streams = new MessageStreams();
    const seqs = { client: 1, server: 1 };
    let messages: Message[] = [];
    for (const { from, octets, flags = 0x18 } of said) {
      const isClient = from === 'client';
      const addresses = isClient ? { src: '10.0.0.2', dst: '10.0.0.1' } : { src: '10.0.0.1', dst: '10.0.0.2' };
      const ports = isClient ? { srcPort: 40_000, dstPort: 179 } : { srcPort: 179, dstPort: 40_000 };
      const frame = ethernet({}, ipv4(addresses, tcp({ ...ports, seq: seqs[from], flags }, octets)));
      seqs[from] += octets.length;
      const length = Math.min(frame.length, captured);
      view.decodeFrame(frame.slice(0, length), new DataView(frame.buffer), 0, length, frame.length, 1);
      messages = streams.messagesOf(view, 'node1/eth0');
    }
    const { view: octets, at, end, paths } = messages.at(-1)!;
    return Array.from(bgpRoutes(octets, at, end, paths), (route) => {
      const address = Array.from({ length: (route.bits + 7) >> 3 }, (_, index) => octets.getUint8(route.at + index));
      return `${address.join('.')}/${route.bits}${route.path === null ? '' : ` ${route.path.toString(16)}`}`;
    });
  }

  const client = (octets: Uint8Array): Said => ({ from: 'client', octets });
  const server = (octets: Uint8Array): Said => ({ from: 'server', octets });

  it('are there when one sends them and the other receives them', () => {
    expect(routesOf([client(open(SENDS)), server(open(RECEIVES)), client(announce(EITHER))])).toEqual([
      '12/8 80a080b',
      '/0 80d080e',
    ]);
    expect(routesOf([server(open(BOTH)), client(open(IPV6_BOTH, BOTH)), server(announce(EITHER))])).toHaveLength(2);
  });

  it.each([
    ['the other direction', [open(SENDS), open(RECEIVES)]],
    ['two that only send', [open(SENDS), open(SENDS)]],
    ['two that only receive', [open(RECEIVES), open(RECEIVES)]],
    ['another family', [open(IPV6_BOTH), open(IPV6_BOTH)]],
    ['one side alone', [open(BOTH), open()]],
    ['a direction that is none', [open('0001 01 04'), open(BOTH)]],
  ] as const)('are not there with %s', (_, [fromClient, fromServer]) => {
    const said = [client(fromClient), server(fromServer)];
    expect(routesOf([...said, server(announce(PLAIN))])).toEqual(['10/8', '11/8', '12/8', '13/8', '14/8']);
    // What looks like identifiers, where there are none: three default routes, and 0.0.0.0/1 of bits that are none
    expect(routesOf([...said, server(announce('00000001 08 0a'))])).toEqual(['/0', '/0', '/0', '8/1']);
  });

  it('are told from the octets when an OPEN was not seen, or not all of it', () => {
    const unseen = [[server(open())], [client(open(BOTH)), server(open(BOTH).subarray(0, 30))]];
    for (const said of unseen) {
      expect(routesOf([...said, client(announce('00000001 08 0a'))])).toEqual(['10/8 1']);
      expect(routesOf([...said, client(announce(PLAIN))])).toHaveLength(5);
    }
    // OPENs without their last octet: the capture keeps 54 octets of headers and 36 of 37
    expect(routesOf([client(open(BOTH)), server(open(BOTH)), client(announce(PLAIN))], 90)).toHaveLength(5);
  });

  it('are of one connection: another one of the same ports begins anew', () => {
    const before = [client(open(BOTH)), server(open(BOTH))];
    const syn: Said = { from: 'client', octets: new Uint8Array(0), flags: 2 };
    expect(routesOf([...before, client(announce(PLAIN))])).not.toHaveLength(5);
    expect(routesOf([...before, syn, client(announce(PLAIN))])).toHaveLength(5);
  });

  it('are not guessed from a list of routes that was cut: where they may be there, no route is told', () => {
    // 00000001 08 0a | 00000002 08 0b, cut after the first
    expect(routesOf([client(announce('00000001 08 0a 00000002 08 0b'))], 54 + 23 + 6)).toEqual([]);
    // 10.255/16, 10.254/16 in the same place: what would be the second length is 254 bits
    expect(routesOf([client(announce('10 0aff 10 fe00 10 0a01'))], 54 + 23 + 6)).toEqual(['10.255/16', '254.0/16']);
    const opens = [client(open()), server(open())];
    expect(routesOf([...opens, client(announce('00000001 08 0a 08 0b'))], 54 + 23 + 6)).toEqual([
      '/0',
      '/0',
      '/0',
      '8/1',
    ]);
  });
});
