import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/report/report.js';
import { icmpEcho, icmpError, ipv4, tcp, udp, type Part } from '../support/packets.js';
import { findingsOf, kinds, type Timed } from './application-support.js';

const POD = '10.244.1.5';
const SERVICE = '10.96.0.10';
const SERVER = '10.244.2.7';
const OTHER = '10.244.3.9';

const A = 1;
const AAAA = 28;

interface Message {
  readonly id?: number;
  readonly port?: number;
  readonly client?: string;
  readonly server?: string;
  readonly name?: string;
  readonly type?: number;
  readonly ttl?: number;
  readonly rcode?: number;
  readonly truncated?: boolean;
  readonly answers?: number;
  readonly ipId?: number;
}

/** RFC 1035 section 4.1; answers are A or AAAA records of zeros. */
function message(fields: Message, response: boolean): Uint8Array {
  const { id = 1, name = 'example.org', type = A, rcode = 0, truncated = false } = fields;
  const answers = response ? (fields.answers ?? (rcode === 0 && !truncated ? 1 : 0)) : 0;
  const flags = (response ? 0x8180 : 0x0100) | (truncated ? 0x0200 : 0) | rcode;
  const u16 = (value: number): number[] => [value >> 8, value & 0xff];
  const labels = name.split('.').flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  const size = type === A ? 4 : 16;
  const record = [0xc0, 12, ...u16(type), 0, 1, 0, 0, 0, 30, ...u16(size), ...new Array<number>(size).fill(0)];
  return Uint8Array.from([
    ...u16(id),
    ...u16(flags),
    ...u16(1),
    ...u16(answers),
    ...[0, 0, 0, 0],
    ...[...labels, 0, ...u16(type), 0, 1],
    ...new Array<number[]>(answers).fill(record).flat(),
  ]);
}

function query(fields: Message = {}): Part {
  const { client = POD, server = SERVICE, port = 40_000, ttl = 64, ipId = 1 } = fields;
  return ipv4({ src: client, dst: server, ttl, id: ipId }, udp({ srcPort: port, dstPort: 53 }, message(fields, false)));
}

function reply(fields: Message = {}): Part {
  const { client = POD, server = SERVICE, port = 40_000, ttl = 62, ipId = 2 } = fields;
  return ipv4({ src: server, dst: client, ttl, id: ipId }, udp({ srcPort: 53, dstPort: port }, message(fields, true)));
}

/** Something at the end, so that silence before it is silence. */
function later(time: number): Timed {
  return [time, ipv4({ src: POD, dst: '10.244.9.9', id: 77 }, udp({ srcPort: 9, dstPort: 9 }, new Uint8Array(4)))];
}

function ours(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ kind }) => kind.startsWith('dns'));
}

async function dns(packets: readonly Timed[], point = 'node1/vethpod'): Promise<Finding[]> {
  return ours(await findingsOf({ [point]: packets }));
}

describe('dns-conntrack-race-5s', () => {
  /** A and AAAA at once; AAAA answered, A asked again after `wait`. */
  const race = (start: number, port: number, wait = 5, gap = 0.0001): Timed[] => [
    [start, query({ id: 1, port, type: A, ipId: port })],
    [start + gap, query({ id: 2, port, type: AAAA, ipId: port + 1 })],
    [start + 0.001, reply({ id: 2, port, type: AAAA })],
    [start + wait, query({ id: 1, port, type: A, ipId: port + 2 })],
    [start + wait + 0.001, reply({ id: 1, port, type: A })],
  ];

  it.each([5, 2.5])('is one of two asked again after %f s', async (wait) => {
    const [finding] = await dns(race(0, 40_000, wait));
    expect(finding).toMatchObject({ kind: 'dns-conntrack-race-5s', certainty: 'likely', count: 1, of: 1 });
    expect(finding!.causes).toMatchObject([{ kind: 'dns-conntrack-race-5s', likelihood: 0.7 }]);
    expect(finding!.evidence.map(({ frame }) => frame)).toEqual([1, 2, 3, 4]);
  });

  it('is stronger with a second point that saw one of the two only', async () => {
    const findings = await findingsOf({
      'node1/vethpod': race(0, 40_000),
      'node2/vethdns': [
        [0.0003, query({ id: 2, type: AAAA, server: SERVER, ttl: 62, ipId: 40_001 })],
        [0.0004, reply({ id: 2, type: AAAA, server: SERVER, ttl: 64 })],
        [5.0003, query({ id: 1, type: A, server: SERVER, ttl: 62, ipId: 40_002 })],
        [5.0004, reply({ id: 1, type: A, server: SERVER, ttl: 64 })],
      ],
    });
    const [finding] = ours(findings).filter(({ kind }) => kind === 'dns-conntrack-race-5s');
    expect(finding!.causes).toMatchObject([{ likelihood: 0.85 }]);
    expect(finding!.causes[0]!.why).toContain('node2/vethdns');
  });

  it('is seen through frames that were recorded twice, and through translation on a bridge', async () => {
    const twice = race(0, 40_000).flatMap(([time, packet]): Timed[] => [
      [time, packet],
      [time + 0.00002, packet],
    ]);
    expect(kinds(await dns(twice, 'node1/any'))).toEqual(['dns-conntrack-race-5s']);
    const onBridge = race(0, 40_000).flatMap(([time, packet], i): Timed[] =>
      i === 1
        ? [
            [time, packet],
            [time + 0.0002, query({ id: 2, type: AAAA, server: SERVER, ttl: 63, ipId: 40_001 })],
          ]
        : [[time, packet]],
    );
    expect(kinds(await dns(onBridge, 'node1/cni0'))).toEqual(['dns-conntrack-race-5s']);
  });

  it('is silent when the question did reach the server', async () => {
    const findings = await findingsOf({
      'node1/vethpod': race(0, 40_000),
      'node2/vethdns': [
        [0.0003, query({ id: 1, type: A, server: SERVER, ttl: 62, ipId: 40_000 })],
        [0.00031, query({ id: 2, type: AAAA, server: SERVER, ttl: 62, ipId: 40_001 })],
        [0.0004, reply({ id: 2, type: AAAA, server: SERVER, ttl: 64 })],
        [5.0003, query({ id: 1, type: A, server: SERVER, ttl: 62, ipId: 40_002 })],
        [5.0004, reply({ id: 1, type: A, server: SERVER, ttl: 64 })],
      ],
    });
    expect(kinds(ours(findings))).not.toContain('dns-conntrack-race-5s');
  });

  it('is silent when both are lost', async () => {
    const packets: Timed[] = [
      [0, query({ id: 1, type: A, ipId: 1 })],
      [0.0001, query({ id: 2, type: AAAA, ipId: 2 })],
      [5, query({ id: 1, type: A, ipId: 3 })],
      [5.0001, query({ id: 2, type: AAAA, ipId: 4 })],
      [5.001, reply({ id: 1, type: A })],
      [5.002, reply({ id: 2, type: AAAA })],
    ];
    expect(await dns(packets)).toEqual([]);
  });

  it('is silent when whole pairs are lost as often', async () => {
    const both: Timed[] = [
      [20, query({ id: 3, port: 41_000, type: A, ipId: 11 })],
      [20.0001, query({ id: 4, port: 41_000, type: AAAA, ipId: 12 })],
      [25, query({ id: 3, port: 41_000, type: A, ipId: 13 })],
      [25.0001, query({ id: 4, port: 41_000, type: AAAA, ipId: 14 })],
    ];
    expect(await dns([...race(0, 40_000), ...both])).toEqual([]);
  });

  it('is silent when the two were not sent at once, or asked again at another time', async () => {
    expect(await dns(race(0, 40_000, 5, 0.1).sort(([a], [b]) => a - b))).toEqual([]);
    expect(await dns(race(0, 40_000, 3.7))).toEqual([]);
  });
});

describe('dns-stale-backend', () => {
  const asked = (start: number, port: number, id: number, backend: string, answered: boolean): [Timed[], Timed[]] => [
    [
      [start, query({ id, port, ipId: id })],
      ...(answered ? [[start + 0.002, reply({ id, port, ipId: id + 500 })] as const] : []),
    ],
    [
      [start + 0.0005, query({ id, port, server: backend, ttl: 63, ipId: id })],
      ...(answered ? [[start + 0.0015, reply({ id, port, server: backend, ttl: 63, ipId: id + 500 })] as const] : []),
    ],
  ];
  const points = (...list: readonly [Timed[], Timed[]][]): Record<string, Timed[]> => ({
    'node1/vethpod': [...list.flatMap(([veth]) => veth), later(60)],
    'node1/eth1': [...list.flatMap(([, out]) => out), later(60)],
  });
  const stuck = [asked(0, 40_000, 1, SERVER, false), asked(5, 40_000, 2, SERVER, false)] as const;

  it('is a socket bound to a server that answers nobody', async () => {
    const findings = await findingsOf(points(...stuck, asked(6, 41_000, 3, OTHER, true)));
    const [finding] = ours(findings).filter(({ kind }) => kind === 'dns-stale-backend');
    expect(finding).toMatchObject({ severity: 'error', certainty: 'likely', count: 2 });
    expect(finding!.causes[0]!.next).toContain(`--orig-dst ${SERVICE}`);
    expect(finding!.title).toContain(SERVER);
  });

  it('is silent when the server answers others', async () => {
    const findings = await findingsOf(
      points(...stuck, asked(6, 41_000, 3, OTHER, true), asked(7, 42_000, 4, SERVER, true)),
    );
    expect(kinds(findings)).not.toContain('dns-stale-backend');
  });

  it('is silent when one new socket after the other is sent there: the service itself sends there', async () => {
    const once = (start: number, port: number, id: number): [Timed[], Timed[]] => {
      const [first, again] = [asked(start, port, id, SERVER, false), asked(start + 2, port, id, SERVER, false)];
      return [
        [...first[0], ...again[0]],
        [...first[1], ...again[1]],
      ];
    };
    const other = asked(3, 41_000, 3, OTHER, true);
    expect(kinds(await findingsOf(points(once(0, 40_000, 1), other)))).toContain('dns-stale-backend');
    const findings = await findingsOf(points(once(0, 40_000, 1), other, once(4, 40_001, 2)));
    expect(kinds(findings)).not.toContain('dns-stale-backend');
  });

  it('is silent when nobody gets an answer', async () => {
    const findings = await findingsOf(points(...stuck, asked(6, 41_000, 3, OTHER, false)));
    expect(kinds(findings)).not.toContain('dns-stale-backend');
  });
});

describe('dns-server-refused', () => {
  const refused = (from: string): Timed[] => [
    [0, query()],
    [0.001, ipv4({ src: from, dst: POD, ttl: 63, id: 9 }, icmpError({ type: 3, code: 3 }, query({ ttl: 63 })))],
    later(3),
  ];

  it('is ICMP port unreachable of the server itself', async () => {
    const [finding] = await dns(refused(SERVICE));
    expect(finding).toMatchObject({ kind: 'dns-server-refused', severity: 'warning', certainty: 'shown', count: 1 });
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['dns-server-refused']);
  });

  it('or of a node, for a service without endpoints', async () => {
    const [finding] = await dns(refused('192.168.0.11'));
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['svc-no-endpoints', 'host-firewall-reject']);
  });

  it('is silent when the client refuses a late answer', async () => {
    const packets: Timed[] = [
      [0, query()],
      [4, reply()],
      [4.001, ipv4({ src: POD, dst: SERVICE, id: 9 }, icmpError({ type: 3, code: 3 }, reply()))],
    ];
    expect(await dns(packets)).toEqual([]);
  });

  it('is silent about other ports', async () => {
    const quoted = ipv4(
      { src: POD, dst: SERVICE, ttl: 63 },
      udp({ srcPort: 40_000, dstPort: 123 }, new Uint8Array(48)),
    );
    const packets: Timed[] = [
      [0, query()],
      [0.001, reply()],
      [1, ipv4({ src: SERVICE, dst: POD, id: 9 }, icmpError({ type: 3, code: 3 }, quoted))],
    ];
    expect(await dns(packets)).toEqual([]);
  });
});

describe('dns-servfail-upstream, dns-slow-upstream', () => {
  const UPSTREAM = '192.0.2.53';
  const asks = { client: POD, server: SERVER, id: 1, ttl: 62 };
  const passesOn = { client: SERVER, server: UPSTREAM, id: 900, port: 50_000 };

  it('is an upstream server that does not answer, before SERVFAIL', async () => {
    const [finding] = await dns([
      [0, query(asks)],
      [0.001, query(passesOn)],
      [2, query({ ...passesOn, ipId: 5 })],
      [4, reply({ ...asks, ttl: 64, rcode: 2 })],
      later(8),
    ]);
    expect(finding).toMatchObject({ kind: 'dns-servfail-upstream', severity: 'warning', certainty: 'shown' });
    expect(finding!.title).toContain(`${UPSTREAM} does not answer`);
  });

  it('is an upstream server that says SERVFAIL itself', async () => {
    const [finding] = await dns([
      [0, query(asks)],
      [0.001, query(passesOn)],
      [0.002, reply({ ...passesOn, rcode: 2 })],
      [0.003, reply({ ...asks, ttl: 64, rcode: 2 })],
    ]);
    expect(finding!.title).toContain('answers SERVFAIL itself');
  });

  it('may be slow only', async () => {
    const [finding] = await dns([
      [0, query(asks)],
      [0.001, query(passesOn)],
      [3, reply(passesOn)],
      [3.001, reply({ ...asks, ttl: 64 })],
    ]);
    expect(finding).toMatchObject({ kind: 'dns-slow-upstream', severity: 'warning' });
    expect(finding!.title).toContain('after 3 s');
  });

  it('is silent when the upstream server is quick', async () => {
    expect(
      await dns([
        [0, query(asks)],
        [0.001, query(passesOn)],
        [0.02, reply(passesOn)],
        [0.021, reply({ ...asks, ttl: 64 })],
      ]),
    ).toEqual([]);
  });

  it('is silent when another name was asked upstream', async () => {
    expect(
      await dns([
        [0, query(asks)],
        [0.001, query({ ...passesOn, name: 'other.example' })],
        [0.002, reply({ ...asks, ttl: 64 })],
        later(8),
      ]),
    ).toEqual([]);
  });

  it('is information while what was asked upstream is not captured', async () => {
    const findings = await dns([
      [0, query()],
      [0.001, reply({ rcode: 2 })],
    ]);
    expect(findings).toMatchObject([{ kind: 'dns', severity: 'info', causes: [{ kind: 'dns-servfail-upstream' }] }]);
  });

  it('is a warning for many names', async () => {
    const findings = await dns(
      ['a.example', 'b.example', 'c.example'].flatMap((name, i): Timed[] => [
        [i, query({ name, id: i, ipId: i })],
        [i + 0.001, reply({ name, id: i, rcode: 2 })],
      ]),
    );
    expect(findings).toMatchObject([{ kind: 'dns', severity: 'warning', count: 3, of: 3 }]);
  });
});

describe('dns-truncated-no-tcp', () => {
  const truncated: Timed[] = [
    [0, query()],
    [0.001, reply({ truncated: true })],
  ];
  const segment = (flags: number, fromClient = true, id = 30): Part =>
    ipv4(
      fromClient ? { src: POD, dst: SERVICE, id } : { src: SERVICE, dst: POD, id, ttl: 62 },
      tcp({
        srcPort: fromClient ? 45_000 : 53,
        dstPort: fromClient ? 53 : 45_000,
        seq: fromClient ? 100 : 200,
        ack: fromClient ? 0 : 101,
        flags,
      }),
    );
  const arrives: Timed = [2.9, ipv4({ src: POD, dst: '10.244.9.9', id: 70 }, tcp({ srcPort: 1, dstPort: 2 }))];

  it('is a TCP connection that nobody answers', async () => {
    const findings = await dns([...truncated, [0.002, segment(2)], [1.002, segment(2, true, 31)], later(3)]);
    expect(findings).toMatchObject([
      { kind: 'dns-truncated-no-tcp', severity: 'warning', certainty: 'likely', causes: [{ kind: 'netpol-drop' }] },
    ]);
  });

  it('is silent when TCP is answered', async () => {
    expect(await dns([...truncated, [0.002, segment(2)], [0.003, segment(0x12, false)], later(3)])).toEqual([]);
  });

  it('is a client that does not ask again, where TCP would have been captured', async () => {
    const findings = await dns([...truncated, arrives, later(4)]);
    expect(findings).toMatchObject([{ kind: 'dns-truncated-no-tcp', causes: [{ kind: 'dns-truncated-no-tcp' }] }]);
  });

  it('is silent where all frames are UDP: a capture filter may hide TCP', async () => {
    expect(await dns([...truncated, later(4)])).toEqual([]);
  });

  it('is information where part of the answer came', async () => {
    const findings = await dns([truncated[0]!, [0.001, reply({ truncated: true, answers: 3 })], arrives, later(4)]);
    expect(findings).toMatchObject([{ kind: 'dns-truncated-no-tcp', severity: 'info' }]);
  });
});

describe('dns-big-answer-fragment-lost', () => {
  const whole = udp({ srcPort: 53, dstPort: 40_000 }, message({ answers: 120 }, true)).octets;
  const fragments = (id: number, ttl: number, src = SERVER, port = 53): [Part, Part] => {
    const octets = new Uint8Array(whole);
    octets[1] = port;
    const fields = { src, dst: POD, id, ttl, protocol: 17 };
    return [
      ipv4({ ...fields, mf: true }, octets.subarray(0, 1400)),
      ipv4({ ...fields, fragmentOffset: 1400 }, octets.subarray(1400)),
    ];
  };
  const noise = (time: number, ttl: number): Timed => [
    time,
    ipv4({ src: POD, dst: SERVER, ttl, id: 60 }, tcp({ srcPort: 46_000, dstPort: 8080, seq: 1 })),
  ];
  // A capture filter on port 53 would hide later fragments, which have no ports
  const points = (port: number, second: boolean, others = true): Record<string, Timed[]> => {
    const sent = fragments(500, 64, SERVER, port);
    const received = fragments(500, 62, SERVER, port);
    const asked = { server: SERVER, ipId: 3 };
    return {
      'node2/vethdns': [
        ...(others ? [noise(0.0005, 62)] : []),
        [0.001, query({ ...asked, ttl: 62 })],
        [0.002, sent[0]],
        [0.00201, sent[1]],
        [3, query({ ...asked, id: 9, ttl: 62, ipId: 4 })],
        [3.001, reply({ server: SERVER, id: 9, ttl: 64 })],
        [6, query({ ...asked, id: 10, ttl: 62, ipId: 5 })],
      ],
      'node1/vethpod': [
        ...(others ? [noise(0, 64)] : []),
        [0, query(asked)],
        [0.003, received[0]],
        ...(second ? [[0.00301, received[1]] as const] : []),
        [2.999, query({ ...asked, id: 9, ipId: 4 })],
        [3.002, reply({ server: SERVER, id: 9, ttl: 62 })],
        [5.999, query({ ...asked, id: 10, ipId: 5 })],
      ],
    };
  };

  it('is a later fragment that one point has and the next one lacks', async () => {
    const [finding] = ours(await findingsOf(points(53, false)));
    expect(finding).toMatchObject({
      kind: 'dns-big-answer-fragment-lost',
      severity: 'warning',
      count: 1,
      lastSeen: { point: 'node2/vethdns', frame: 4 },
      nextExpected: 'node1/vethpod',
    });
  });

  it('is silent where a capture filter may hide them', async () => {
    expect(ours(await findingsOf(points(53, false, false)))).toEqual([]);
  });

  it('is silent when all fragments arrive', async () => {
    expect(ours(await findingsOf(points(53, true)))).toEqual([]);
  });

  it('is silent about other protocols', async () => {
    expect(ours(await findingsOf(points(54, false)))).toEqual([]);
  });
});

describe('dns-ndots-storm', () => {
  const lookup = (time: number, name: string, id: number, rcode: number): Timed[] => [
    [time, query({ name, id, ipId: id })],
    [time + 0.001, reply({ name, id, rcode })],
  ];
  const chain = [
    ...lookup(0, 'example.org.default.svc.cluster.local', 1, 3),
    ...lookup(0.01, 'example.org.svc.cluster.local', 2, 3),
    ...lookup(0.02, 'example.org.cluster.local', 3, 3),
  ];

  it('counts the search domains tried in vain, as information', async () => {
    const findings = await dns([...chain, ...lookup(0.03, 'example.org', 4, 0)]);
    expect(findings).toMatchObject([
      { kind: 'dns-ndots-storm', severity: 'info', certainty: 'shown', count: 3, of: 4 },
    ]);
    expect(findings[0]!.title).toContain('4.0 lookups for each name');
  });

  it('counts them where the name is found in a search domain itself', async () => {
    const name = 'db-0.db.shop.svc';
    const findings = await dns([
      ...lookup(0, `${name}.shop.svc.cluster.local`, 1, 3),
      ...lookup(0.01, `${name}.svc.cluster.local`, 2, 3),
      ...lookup(0.02, `${name}.cluster.local`, 3, 0),
    ]);
    expect(findings).toMatchObject([{ kind: 'dns-ndots-storm', severity: 'info', count: 2, of: 3 }]);
  });

  it('is silent about hosts of one domain, of which some do not exist', async () => {
    const names = ['a.shop.example.org', 'b.shop.example.org', 'c.shop.example.org'];
    expect(await dns(names.flatMap((name, i) => lookup(i / 10, name, i + 1, i === 2 ? 0 : 3)))).toEqual([]);
  });

  it('is silent about names that do not exist and have nothing in common', async () => {
    const packets = [...lookup(0, 'a.example', 1, 3), ...lookup(1, 'b.example', 2, 3), ...lookup(2, 'c.example', 3, 0)];
    expect(await dns(packets)).toEqual([]);
  });

  it('is silent when the first search domain has the name', async () => {
    expect(await dns(lookup(0, 'kubernetes.default.svc.cluster.local', 1, 0))).toEqual([]);
  });
});

describe('dns-first-symptom', () => {
  const echo = (seq: number, ttl: number, back = false): Part =>
    ipv4(
      back ? { src: SERVER, dst: POD, ttl, id: 700 + seq } : { src: POD, dst: SERVER, ttl, id: 600 + seq },
      icmpEcho({ id: 5, seq, reply: back }),
    );
  /** Two pods on two nodes: one echo and one lookup that work, then lookups, and perhaps echoes, that get lost. */
  const points = (echoesLost: boolean): Record<string, Timed[]> => {
    const works = (ttl: number, other: number, id = 1): Timed[] => [
      [1, echo(1, ttl)],
      [1.01, echo(1, other, true)],
      [1.1, query({ server: SERVER, ttl, ipId: 11, id })],
      [1.11, reply({ server: SERVER, ttl: other, ipId: 12, id })],
      [9, echo(9, ttl)],
      [9.01, echo(9, other, true)],
      [9.1, query({ server: SERVER, ttl, ipId: 13, id: id + 1 })],
      [9.11, reply({ server: SERVER, ttl: other, ipId: 14, id: id + 1 })],
    ];
    const lost: Timed[] = [3, 4, 5].flatMap((time): Timed[] => [
      [time, query({ server: SERVER, ipId: 20 + time, id: 20 + time })],
      ...(echoesLost ? [[time + 0.1, echo(time, 64)] as const] : []),
    ]);
    return {
      'node1/vethpod': [...works(64, 62), ...lost].sort(([a], [b]) => a - b),
      'node2/vethdns': works(62, 64),
    };
  };

  it('tells lost queries as a consequence of what else is lost there, and ranks them behind', async () => {
    const losses = (await findingsOf(points(true))).filter(({ kind }) => kind === 'request-lost');
    expect(losses.map(({ severity }) => severity)).toEqual(['error', 'warning']);
    expect(losses[0]!.causes.map(({ kind }) => kind)).not.toContain('dns-first-symptom');
    expect(losses[1]!.causes[0]).toMatchObject({ kind: 'dns-first-symptom' });
    // Nothing tells the cause, so look where they do not come.
    expect(losses[0]!.causes).toEqual([]);
    expect(losses[1]!.causes[0]!.next).toBe(`tcpdump -ni vethdns -c 20 'host ${POD}'   # on node2`);
  });

  it('is silent while only DNS is lost', async () => {
    const losses = (await findingsOf(points(false))).filter(({ kind }) => kind === 'request-lost');
    expect(losses).toMatchObject([{ severity: 'error', count: 3, of: 5 }]);
    expect(losses[0]!.causes.map(({ kind }) => kind)).not.toContain('dns-first-symptom');
  });
});

describe('names from packets', () => {
  it('do not become commands', async () => {
    const name = "x';rm -rf ~;'.example";
    const [finding] = await dns([
      [0, query({ client: POD, server: SERVER, name, ttl: 62 })],
      [0.001, query({ client: SERVER, server: '192.0.2.53', id: 9, name, port: 50_000 })],
      [0.002, reply({ client: SERVER, server: '192.0.2.53', id: 9, name, port: 50_000, rcode: 2 })],
      [0.003, reply({ client: POD, server: SERVER, name, ttl: 64, rcode: 2 })],
    ]);
    expect(finding!.causes[0]!.next).toContain("'x??rm?-rf????.example'");
  });
});
