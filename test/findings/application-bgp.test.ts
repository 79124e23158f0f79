import { describe, expect, it } from 'vitest';
import { hex, icmpEcho, icmpError, ipv4, tcp, timestampOptions } from '../support/packets.js';
import {
  Connection,
  FIN,
  findingsOf,
  keepalive,
  kinds,
  notification,
  open,
  RST,
  SYN,
  update,
  type Timed,
} from './application-support.js';

const MINE = open({ as: 64512, identifier: [10, 0, 0, 1] });
const BGP = /^bgp/;

async function bgp(packets: readonly Timed[], point = 'node2/eth0'): Promise<ReturnType<typeof findingsOf>> {
  return (await findingsOf({ [point]: packets })).filter(({ kind }) => BGP.test(kind));
}

describe('bgp-unknown-peer-reset', () => {
  const refused = (port = 40_000, start = 0): Connection =>
    new Connection({ port, start }).handshake().send('client', MINE).segment('server', RST);

  it('is a RST of the socket after the OPEN, without a message', async () => {
    const [finding] = await bgp(refused().packets);
    expect(finding).toMatchObject({ kind: 'bgp-unknown-peer-reset', severity: 'error', certainty: 'likely', count: 1 });
    expect(finding!.causes[0]!.next).toContain('10.0.0.1');
    expect(finding!.evidence.map(({ frame }) => frame)).toEqual([4, 6]);
  });

  it('counts what is repeated', async () => {
    const packets = [...refused(40_000, 0).packets, ...refused(40_001, 5).packets, ...refused(40_002, 10).packets];
    const [finding] = await bgp(packets);
    expect(finding).toMatchObject({ count: 3, of: 3 });
  });

  it('may be a FIN', async () => {
    const packets = new Connection().handshake().send('client', MINE).segment('server', FIN).packets;
    expect(kinds(await bgp(packets))).toEqual(['bgp-unknown-peer-reset']);
  });

  it('is silent when the other connection of the two works: a collision', async () => {
    const works = new Connection({ client: '10.0.0.2', server: '10.0.0.1', port: 41_000, start: 0.0005 })
      .handshake()
      .establish();
    const packets = [...refused().packets, ...works.packets].sort(([a], [b]) => a - b);
    expect(kinds(await bgp(packets))).toEqual(['bgp-collision']);
  });

  it('is silent when a later connection works within the time of a retry', async () => {
    const later = new Connection({ port: 41_000, start: 30 }).handshake().establish();
    expect(await bgp([...refused().packets, ...later.packets])).toEqual([]);
  });

  it('is silent when the caller sends no OPEN: a health check', async () => {
    expect(await bgp(new Connection().handshake().segment('client', RST).packets)).toEqual([]);
    expect(await bgp(new Connection().handshake().segment('server', FIN).packets)).toEqual([]);
  });

  it('is silent when the RST comes from another distance than the speaker', async () => {
    const packets = new Connection()
      .handshake()
      .send('client', MINE)
      .segment('server', RST, undefined, { ttl: 60 }).packets;
    expect(await bgp(packets)).toEqual([]);
  });

  it('is silent when the RST is a stack without the connection', async () => {
    const packets = new Connection()
      .handshake()
      .send('client', MINE)
      .segment('server', 4, undefined, { id: 0, window: 0, options: new Uint8Array(0) }).packets;
    expect(await bgp(packets)).toEqual([]);
  });

  it('is silent when the speaker had something to say', async () => {
    const packets = new Connection()
      .handshake()
      .send('client', MINE)
      .send('server', notification(6, 5))
      .segment('server', FIN).packets;
    expect(kinds(await bgp(packets))).toEqual(['bgp']);
  });
});

describe('bgp-no-answer, bgp-md5-mismatch, bgp-ttl-security', () => {
  const MD5 = hex('1312 00112233445566778899aabbccddeeff 0000');

  it('names all three where packets do not decide', async () => {
    const [finding] = await bgp(new Connection().syns(3).packets);
    expect(finding).toMatchObject({ kind: 'bgp-no-answer', certainty: 'likely', severity: 'error' });
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['bgp-no-answer', 'bgp-md5-mismatch', 'bgp-ttl-security']);
  });

  it('is silent after a single SYN', async () => {
    expect(await bgp(new Connection().syns(1).packets)).toEqual([]);
  });

  it('is silent where one direction only was captured', async () => {
    const connection = new Connection().syns(2).segment('client', 0x10).segment('client', 0x18, MINE);
    expect(await bgp(connection.packets)).toEqual([]);
  });

  it('is information where the session is up by the other direction', async () => {
    const other = new Connection({ client: '10.0.0.2', server: '10.0.0.1', port: 41_000, start: 5 });
    const packets = [...new Connection().syns(3).packets, ...other.handshake().establish().packets];
    expect(await bgp(packets)).toMatchObject([{ kind: 'bgp-no-answer', severity: 'info' }]);
  });

  it('is silent when the second SYN is answered', async () => {
    const connection = new Connection().syns(2).segment('server', 0x12).segment('client', 0x10);
    expect(await bgp(connection.packets)).toEqual([]);
  });

  it('leaves a RST to the SYN to the TCP checks', async () => {
    const packets = new Connection()
      .syns(2)
      .segment('server', RST, undefined, { window: 0, options: new Uint8Array(0) }).packets;
    expect(await bgp(packets)).toEqual([]);
  });

  it('is bgp-md5-mismatch when only one side signs', async () => {
    const signed = new Connection({ clientOptions: MD5 }).syns(2);
    const plain = new Connection({ client: '10.0.0.2', server: '10.0.0.1', port: 41_000, start: 5 }).syns(2);
    const findings = await bgp([...signed.packets, ...plain.packets]);
    expect(kinds(findings)).toEqual(['bgp-md5-mismatch', 'bgp-md5-mismatch']);
    expect(findings.map(({ certainty }) => certainty)).toEqual(['likely', 'likely']);
  });

  it('is not when both sign', async () => {
    const signed = new Connection({ clientOptions: MD5 }).syns(2);
    const too = new Connection({
      client: '10.0.0.2',
      server: '10.0.0.1',
      port: 41_000,
      start: 5,
      clientOptions: MD5,
    }).syns(2);
    expect(kinds(await bgp([...signed.packets, ...too.packets]))).toEqual(['bgp-no-answer', 'bgp-no-answer']);
  });

  it('is bgp-ttl-security when the other side sends with 255', async () => {
    const near = new Connection({ clientTtl: 64 }).syns(2);
    const far = new Connection({
      client: '10.0.0.2',
      server: '10.0.0.1',
      port: 41_000,
      start: 5,
      clientTtl: 255,
    }).syns(2);
    const findings = await bgp([...near.packets, ...far.packets]);
    expect(findings.find(({ title }) => title.startsWith('10.0.0.2 '))!.kind).toBe('bgp-ttl-security');
    expect(findings.find(({ title }) => title.startsWith('10.0.0.1 '))!.kind).toBe('bgp-no-answer');
  });

  it('shows an ICMP error that quotes the SYN', async () => {
    const syn = new Connection().syns(1);
    const error = ipv4({ src: '10.9.9.9', dst: '10.0.0.1' }, icmpError({ type: 3, code: 13 }, syn.packets[0]![1]));
    const [finding] = await bgp(syn.other(error).packets);
    expect(finding).toMatchObject({ kind: 'bgp-no-answer', certainty: 'shown' });
    expect(finding!.title).toContain('10.9.9.9');
    expect(finding!.causes[0]!.kind).toBe('host-firewall-reject');
  });

  it('is silent about an ICMP error that only narrows the path', async () => {
    const connection = new Connection().handshake().send('client', MINE);
    const error = ipv4(
      { src: '10.9.9.9', dst: '10.0.0.1' },
      icmpError({ type: 3, code: 4, mtu: 1400 }, connection.packets[3]![1]),
    );
    expect(await bgp(connection.other(error).packets)).toEqual([]);
  });
});

describe('bgp-ebgp-multihop-ttl1', () => {
  const expired = (ttl: number): readonly Timed[] => {
    const syn = new Connection({ clientTtl: ttl }).syns(1);
    const quoted = ipv4(
      { src: '10.0.0.1', dst: '10.0.0.2', id: 1, ttl: 1, df: true },
      tcp({ srcPort: 40_000, dstPort: 179, seq: 41_000, flags: SYN, options: timestampOptions(1, 0) }),
    );
    return syn.other(ipv4({ src: '10.9.9.9', dst: '10.0.0.1' }, icmpError({ type: 11, code: 0 }, quoted))).packets;
  };

  it('is a SYN with TTL 1 that a router discards', async () => {
    const [finding] = await bgp(expired(1));
    expect(finding).toMatchObject({ kind: 'bgp-ebgp-multihop-ttl1', severity: 'error' });
    expect(finding!.title).toContain('10.9.9.9');
  });

  it('is not when the SYN had hops enough: a loop', async () => {
    const [finding] = await bgp(expired(64));
    expect(finding).toMatchObject({ kind: 'bgp-no-answer', causes: [{ kind: 'ttl-expired-loop' }] });
  });

  it('is silent when the SYN is answered', async () => {
    expect(await bgp(new Connection({ clientTtl: 1, serverTtl: 1 }).handshake().establish().packets)).toEqual([]);
  });
});

describe('NOTIFICATION', () => {
  const rejected = (subcode: number, theirs: Uint8Array): readonly Timed[] =>
    new Connection()
      .handshake()
      .send('client', MINE)
      .send('server', theirs)
      .send('server', notification(2, subcode))
      .segment('server', FIN).packets;

  it('bgp-open-rejected prints both AS numbers, the long one from the capability', async () => {
    const theirs = open({ as: 23456, as4: 4_200_000_000, identifier: [10, 0, 0, 2] });
    const [finding] = await bgp(rejected(2, theirs));
    expect(finding).toMatchObject({ kind: 'bgp-open-rejected', severity: 'error', certainty: 'shown', count: 1 });
    expect(finding!.title).toContain('64512');
    expect(finding!.title).toContain('4200000000');
    expect(finding!.title).toContain('Bad Peer AS (2/2)');
  });

  it('bgp-open-rejected sees equal identifiers', async () => {
    const [finding] = await bgp(rejected(3, open({ as: 64513, identifier: [10, 0, 0, 1] })));
    expect(finding!.causes[0]!.why).toContain('both speakers have the identifier 10.0.0.1');
  });

  it('is silent about a session that stays up', async () => {
    const connection = new Connection().handshake().establish();
    for (let i = 0; i < 3; i++) connection.after(30).send('client', keepalive()).send('server', keepalive());
    expect(await bgp(connection.packets)).toEqual([]);
  });

  const ended = (code: number, subcode: number, data: readonly number[] = [], port = 40_000, start = 0): Connection =>
    new Connection({ port, start })
      .handshake()
      .establish()
      .send('server', notification(code, subcode, data))
      .segment('server', FIN);

  it('bgp-admin-reset prints who, and what the operator wrote', async () => {
    const text = [...new TextEncoder().encode('maintenance \u001b[31m')];
    const [finding] = await bgp(ended(6, 2, [text.length, ...text]).packets);
    expect(finding).toMatchObject({ kind: 'bgp-admin-reset', severity: 'info', certainty: 'shown' });
    expect(finding!.title).toContain('10.0.0.2 ends the BGP session with 10.0.0.1');
    expect(finding!.title).toContain('maintenance');
  });

  it('bgp-admin-reset again and again is a warning', async () => {
    const packets = [ended(6, 4), ended(6, 4, [], 40_001, 10), ended(6, 4, [], 40_002, 20)];
    const [finding] = await bgp(packets.flatMap((connection) => connection.packets));
    expect(finding).toMatchObject({ kind: 'bgp-admin-reset', severity: 'warning', count: 3 });
  });

  it('a collision is information', async () => {
    const findings = await bgp(ended(6, 7).packets);
    expect(findings).toMatchObject([{ kind: 'bgp-collision', severity: 'info' }]);
  });

  it('many collisions are not', async () => {
    const packets = [0, 1, 2, 3].flatMap((i) => ended(6, 7, [], 40_000 + i, i * 60).packets);
    expect(await bgp(packets)).toMatchObject([{ kind: 'bgp-collision', severity: 'warning', count: 4 }]);
  });

  it('an unknown code stays visible', async () => {
    const [finding] = await bgp(ended(99, 7).packets);
    expect(finding).toMatchObject({ kind: 'bgp', severity: 'error' });
    expect(finding!.title).toContain('unknown(99)');
  });
});

describe('bgp-hold-timer-expired', () => {
  const expired = (connection: Connection): Connection =>
    connection.segment('server', 0x18, notification(4, 0)).segment('server', FIN);

  it('nothing heard for the hold time: path or process, no certainty between them', async () => {
    const packets = expired(new Connection().handshake().establish(90).after(90)).packets;
    const [finding] = await bgp(packets);
    expect(finding).toMatchObject({ kind: 'bgp-hold-timer-expired', severity: 'error', certainty: 'shown' });
    expect(finding!.title).toContain('hold timer expired (90 s)');
    expect(finding!.title).toContain('90 s before');
    expect(finding!.causes.length).toBe(3);
    expect(Math.max(...finding!.causes.map(({ likelihood }) => likelihood))).toBeLessThan(0.6);
  });

  it('messages up to the end: the process is starved', async () => {
    const connection = new Connection().handshake().establish(90);
    for (let i = 0; i < 9; i++) connection.after(10).segment('client', 0x18, keepalive());
    const [finding] = await bgp(expired(connection).packets);
    expect(finding!.causes[0]).toMatchObject({ kind: 'bgp-hold-timer-expired' });
    expect(finding!.causes[0]!.why).toContain('starved');
  });

  it('a large segment sent again and again: the path is too narrow', async () => {
    const connection = new Connection().handshake().establish(90);
    const large = update(1400);
    connection.segment('client', 0x18, large);
    const [, again] = connection.packets[connection.packets.length - 1]!;
    for (let i = 0; i < 4; i++) connection.after(20).other(again);
    const [finding] = await bgp(expired(connection).packets, 'node1/eth0');
    expect(finding!.causes[0]).toMatchObject({ kind: 'mtu-blackhole-underlay' });
  });
});

describe('bgp-flap', () => {
  it('is a RST to a session that was up', async () => {
    const [finding] = await bgp(new Connection().handshake().establish().segment('client', RST).packets);
    expect(finding).toMatchObject({ kind: 'bgp-flap', severity: 'warning', certainty: 'shown' });
    expect(finding!.title).toContain('RST from 10.0.0.1');
  });

  it('is silent about a connection that never came up', async () => {
    const packets = new Connection().handshake().send('client', MINE).segment('client', RST).packets;
    expect(await bgp(packets)).toEqual([]);
  });
});

describe('bgp-route-not-announced', () => {
  const announce = (withdrawn: readonly number[], announced: readonly number[]): Uint8Array => {
    // ORIGIN, an empty AS_PATH, NEXT_HOP
    const attributes = announced.length === 0 ? [] : [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 2];
    const body = [0, withdrawn.length, ...withdrawn, 0, attributes.length, ...attributes, ...announced];
    return Uint8Array.from([...new Array<number>(16).fill(0xff), 0, 19 + body.length, 2, ...body]);
  };
  const BLOCK = [26, 10, 244, 2, 64];
  /** A ping to an address, which a router answers with ICMP host unreachable. */
  const fails = (connection: Connection, address: string): Connection => {
    const ping = ipv4({ src: '10.0.0.1', dst: address, id: 90 }, icmpEcho({ id: 1, seq: 1 }));
    const error = icmpError({ type: 3, code: 1 }, ping);
    return connection.other(ping).other(ipv4({ src: '10.0.0.254', dst: '10.0.0.1', id: 91 }, error));
  };
  const up = (): Connection => new Connection().handshake().establish().send('server', announce([], BLOCK)).after(1);

  it('is a destination that fails after its route was withdrawn', async () => {
    const [finding] = await bgp(fails(up().send('server', announce(BLOCK, [])).after(1), '10.244.2.70').packets);
    expect(finding).toMatchObject({
      kind: 'bgp-route-not-announced',
      severity: 'warning',
      certainty: 'likely',
      count: 1,
    });
    expect(finding!.title).toContain('10.0.0.2 withdrew the route to 10.244.2.64/26');
    expect(finding!.causes[0]!.next).toContain('10.244.2.70');
  });

  it('is read from an UPDATE that spans segments, and never from half of one', async () => {
    const withdrawal = announce(BLOCK, []);
    for (let at = 1; at < withdrawal.length; at++) {
      const begun = up().send('server', withdrawal.subarray(0, at));
      const rest = begun.send('server', withdrawal.subarray(at)).after(1);
      expect(kinds(await bgp(fails(rest, '10.244.2.70').packets)), `${at}`).toEqual(['bgp-route-not-announced']);
      const half = up().send('server', withdrawal.subarray(0, at)).after(1);
      expect(await bgp(fails(half, '10.244.2.70').packets), `${at}`).toEqual([]);
    }
  });

  it('is silent about addresses beyond the route', async () => {
    expect(await bgp(fails(up().send('server', announce(BLOCK, [])).after(1), '10.244.2.130').packets)).toEqual([]);
  });

  it('is silent when the route came back, or was never withdrawn', async () => {
    const back = up().send('server', announce(BLOCK, [])).send('server', announce([], BLOCK)).after(1);
    expect(await bgp(fails(back, '10.244.2.70').packets)).toEqual([]);
    expect(await bgp(fails(up(), '10.244.2.70').packets)).toEqual([]);
  });

  it('is silent when a larger network is announced', async () => {
    const covered = up()
      .send('server', announce(BLOCK, [16, 10, 244]))
      .after(1);
    expect(await bgp(fails(covered, '10.244.2.70').packets)).toEqual([]);
  });

  it('is silent when one of two paths to it is withdrawn (RFC 7911), and not when both are', async () => {
    const path = (number: number): number[] => [0, 0, 0, number, ...BLOCK];
    const two = (): Connection =>
      new Connection()
        .handshake()
        .send('client', open({ as: 64512, identifier: [10, 0, 0, 1], addPath: true }))
        .send('server', open({ as: 64513, identifier: [10, 0, 0, 2], addPath: true }), keepalive())
        .send('client', keepalive())
        .send('server', announce([], [...path(1), ...path(2)]));
    const one = two().send('server', announce(path(1), []));
    expect(await bgp(fails(one.after(1), '10.244.2.70').packets)).toEqual([]);
    const none = two()
      .send('server', announce(path(1), []))
      .send('server', announce(path(2), []));
    expect(kinds(await bgp(fails(none.after(1), '10.244.2.70').packets))).toEqual(['bgp-route-not-announced']);
  });

  it('is silent when it failed before', async () => {
    expect(await bgp(fails(up(), '10.244.2.70').after(1).send('server', announce(BLOCK, [])).packets)).toEqual([]);
  });
});

describe('hostile octets', () => {
  it('does not fall over OPENs and NOTIFICATIONs that announce more than they have', async () => {
    const cut = open({ as: 1, identifier: [1, 2, 3, 4], as4: 70_000 });
    const packets: Timed[] = [];
    for (let length = 19; length < cut.length; length++) {
      packets.push(
        ...new Connection({ port: 30_000 + length, start: length })
          .handshake()
          .send('client', cut.subarray(0, length))
          .send('server', notification(6, 2, [200, 1, 2]).subarray(0, 21)).packets,
      );
    }
    await expect(bgp(packets)).resolves.toBeDefined();
  });
});
