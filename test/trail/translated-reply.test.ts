import { describe, expect, it } from 'vitest';
import { icmpEcho, tcp, udp, type Payload } from '../support/packets.js';
import { dnsMessage } from '../support/scenario-traffic.js';
import { writePcap } from '../support/capture-writer.js';
import { exchangesOf, rowsOf } from '../support/scenario-check.js';
import { BEGINNING } from '../support/scenario.js';
import { ethernetOf } from '../support/scenario-traffic.js';
import { ipv4 } from '../support/packets.js';

const POD = '10.244.1.5';
const NODE = '192.0.2.11';
const OUTSIDE = '198.51.100.7';
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

interface Step {
  readonly point: string;
  readonly src: string;
  readonly dst: string;
  readonly ttl: number;
}

const OUT: readonly Step[] = [
  { point: 'node1/cali1', src: POD, dst: OUTSIDE, ttl: 64 },
  { point: 'node1/eth0', src: NODE, dst: OUTSIDE, ttl: 63 },
];
const BACK: readonly Step[] = [
  { point: 'node1/eth0', src: OUTSIDE, dst: NODE, ttl: 54 },
  { point: 'node1/cali1', src: OUTSIDE, dst: POD, ttl: 53 },
];

/** A masqueraded pod, and replies of which some die before they are translated back. */
function inputs(packets: readonly { at: number; back?: boolean; lost?: boolean; id: number; part: Payload }[]) {
  return ['node1/cali1', 'node1/eth0'].map((point) => ({
    file: `${point.replace('/', '__')}.pcap`,
    source: writePcap(
      packets.flatMap(({ at, back = false, lost = false, id, part }) =>
        (back ? BACK : OUT).slice(0, lost ? 1 : 2).flatMap((step, i) => {
          if (step.point !== point) return [];
          const octets = ethernetOf(MACS[0], MACS[1], ipv4({ ...step, id, df: true }, part));
          const nanoseconds = at * 1e6 + i * 1000;
          return [{ seconds: BEGINNING + Math.floor(nanoseconds / 1e9), nanoseconds: nanoseconds % 1e9, octets }];
        }),
      ),
    ),
  }));
}

const ports = { srcPort: 40_123, dstPort: 443 };
const answer = { srcPort: 443, dstPort: 40_123 };
const OPENED = [
  { at: 0, id: 1, part: tcp({ ...ports, seq: 100, ack: 0, flags: 2 }) },
  { at: 1, back: true, id: 0, part: tcp({ ...answer, seq: 500, ack: 101, flags: 18 }) },
  { at: 2, id: 2, part: tcp({ ...ports, seq: 101, ack: 501, flags: 16 }) },
];

describe('a reply that dies before it is translated back', () => {
  it('of a connection is in its exchange, and has not arrived', async () => {
    const captures = inputs([
      ...OPENED,
      { at: 3, back: true, lost: true, id: 9, part: tcp({ ...answer, seq: 501, ack: 101, flags: 17 }) },
    ]);
    const rows = await rowsOf(captures);
    expect(rows.at(-1)).toMatchObject({ summary: 'FIN,ACK seq 501', direction: 'reply', state: 'unknown' });
    expect(rows.at(-1)!.reason).toContain('at the end of the captures');
    expect(await exchangesOf(captures)).toHaveLength(1);
  });

  it('is lost before the first point behind the translation when that goes on without it', async () => {
    const lost = { at: 3, back: true, lost: true, id: 9, part: tcp({ ...answer, seq: 501, ack: 101, flags: 17 }) };
    const later = { at: 500, id: 3, part: tcp({ ...ports, seq: 101, ack: 501, flags: 16 }) };
    const rows = await rowsOf(inputs([...OPENED, lost, later]));
    expect(rows.find(({ summary }) => summary === 'FIN,ACK seq 501')).toMatchObject({
      direction: 'reply',
      state: 'lost',
      certainty: 'shown',
      lastSeen: 'node1/eth0',
      nextExpected: 'node1/cali1',
    });
  });

  it('near miss: is likely lost where no reply ever came through behind the translation', async () => {
    const [syn, synAck] = OPENED;
    const later = { at: 500, id: 3, part: tcp({ ...ports, srcPort: 40_124, seq: 7, ack: 0, flags: 2 }) };
    const rows = await rowsOf(inputs([syn!, { ...synAck!, back: true, lost: true }, later]));
    expect(rows.find(({ summary }) => summary.startsWith('SYN,ACK'))).toMatchObject({
      state: 'lost',
      certainty: 'likely',
      nextExpected: 'node1/cali1',
    });
  });

  it('near miss: one that is translated back has arrived', async () => {
    const rows = await rowsOf(
      inputs([...OPENED, { at: 3, back: true, id: 9, part: tcp({ ...answer, seq: 501, ack: 101, flags: 17 }) }]),
    );
    expect(rows.at(-1)).toMatchObject({ summary: 'FIN,ACK seq 501', state: 'delivered', lastSeen: 'node1/cali1' });
  });

  it('of an echo or a question is in its exchange', async () => {
    for (const [request, reply] of [
      [icmpEcho({ id: 7, seq: 1 }), icmpEcho({ reply: true, id: 7, seq: 1 })],
      [
        udp({ srcPort: 40_123, dstPort: 53 }, dnsMessage(77, 0x0100, 'example.org', 1)),
        udp({ srcPort: 53, dstPort: 40_123 }, dnsMessage(77, 0x8180, 'example.org', 1)),
      ],
    ] as const) {
      const captures = inputs([
        { at: 0, id: 1, part: request },
        { at: 1, back: true, lost: true, id: 9, part: reply },
      ]);
      const rows = await exchangesOf(captures);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ client: POD, server: OUTSIDE });
      expect(rows[0]!.reply?.state).not.toBe('delivered');
    }
  });
});

describe('a reply to the address of a node, of which only the underlay was captured', () => {
  const pings = (ttl: number) => {
    const frames = Array.from({ length: 10 }, (_, seq) => [
      { at: seq * 100e6, src: NODE, dst: OUTSIDE, ttl, part: icmpEcho({ id: 7, seq }, new Uint8Array(16)) },
      {
        at: seq * 100e6 + 1e6,
        src: OUTSIDE,
        dst: NODE,
        ttl: 54,
        part: icmpEcho({ reply: true, id: 7, seq }, new Uint8Array(16)),
      },
    ]).flat();
    // What the node sends somebody else shows that the address lives here
    const own = { at: 50e6, src: NODE, dst: '198.51.100.8', ttl: 64 };
    frames.splice(2, 0, { ...own, part: icmpEcho({ id: 8, seq: 1 }, new Uint8Array(16)) });
    const source = writePcap(
      frames.map(({ at, src, dst, ttl, part }, i) => ({
        seconds: BEGINNING,
        nanoseconds: at,
        octets: ethernetOf(MACS[0], MACS[1], ipv4({ src, dst, ttl, id: 100 + i }, part)),
      })),
    );
    return [{ file: 'node1__eth0.pcap', source }];
  };
  const statesOf = async (ttl: number) =>
    new Set((await rowsOf(pings(ttl))).filter(({ src }) => src === OUTSIDE).map(({ state }) => state));

  it('goes on to a workload where requests have a hop behind them: it is not known to have arrived', async () => {
    expect(await statesOf(63)).toEqual(new Set(['unknown']));
    const exchanges = (await exchangesOf(pings(63))).filter(({ server }) => server === OUTSIDE);
    const verdicts = exchanges.map(({ verdict, certainty }) => `${verdict} ${certainty}`);
    expect(verdicts).toEqual(Array.from({ length: 10 }, () => 'answered likely'));
  });

  it("near miss: the node's own requests", async () => {
    expect(await statesOf(64)).toEqual(new Set(['delivered']));
  });
});
