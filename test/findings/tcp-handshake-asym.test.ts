import { describe, expect, it } from 'vitest';
import { Captures, opened } from './tcp-support.js';

const SERVER = '10.244.2.2:80';
const OTHER = '10.244.1.2:40001';
const CLIENT = '10.244.1.2:40002';
const [NEAR, FAR] = ['a/veth1', 'b/veth2'];

interface Options {
  /** Seconds after which the server sends its SYN,ACK again. */
  readonly again?: readonly number[];
  /** Seconds after its SYN at which the client acknowledges, and which of these arrive. */
  readonly acks?: readonly number[];
  readonly arriving?: readonly number[];
  /** What others send passes both points. */
  readonly others?: boolean;
  /** Times at which the client's SYN comes again, the SYN,ACK being lost. */
  readonly syns?: readonly number[];
  readonly answered?: boolean;
}

/** A connection whose ACKs may be lost between two points, after one that works. */
function halfOpen(options: Options = {}): Captures {
  const { again = [1, 3], acks = [0.001, 1.001, 3.001], arriving = [], others = true } = options;
  const { syns = [0], answered = true } = options;
  const captures = new Captures(NEAR, FAR);
  for (const [point, clientTtl, serverTtl] of [
    [NEAR, 64, 62],
    [FAR, 62, 64],
  ] as const) {
    const isNear = point === NEAR;
    if (others) opened(captures, point, OTHER, SERVER, { clientTtl, serverTtl });
    const frames: [number, string, number][] = [
      ...syns.map((time): [number, string, number] => [time, 'S', 10]),
      ...(isNear && !answered ? [] : [0, ...again].map((time): [number, string, number] => [time + 0.0005, 'S.', 0])),
      ...(isNear ? acks : arriving).map((time): [number, string, number] => [time, '.', 11]),
    ];
    for (const [time, flags, id] of frames.sort(([a], [b]) => a - b)) {
      const fromClient = flags !== 'S.';
      captures.segment(point, 1 + time, fromClient ? CLIENT : SERVER, fromClient ? SERVER : CLIENT, flags, {
        ...(fromClient
          ? { seq: flags === 'S' ? 5000 : 5001, ack: flags === 'S' ? 0 : 7001 }
          : { seq: 7000, ack: 5001 }),
        ttl: fromClient ? clientTtl : serverTtl,
        id: id + Math.floor(time),
      });
    }
    if (others) opened(captures, point, '10.244.1.2:40003', SERVER, { at: 20, isn: 100, clientTtl, serverTtl });
  }
  return captures;
}

async function told(captures: Captures): Promise<string[]> {
  return (await captures.kinds()).filter((kind) => kind === 'tcp-handshake-asym');
}

describe('tcp-handshake-asym', () => {
  it('the ACK of the client is lost, and the server sends its SYN,ACK again', async () => {
    const findings = await halfOpen().findings();
    const finding = findings.find(({ kind }) => kind === 'tcp-handshake-asym');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'shown', count: 1, lastSeen: { point: NEAR } });
    expect(finding!.title).toBe(
      `1 connection 10.244.1.2 > ${SERVER} half open: the client's ACK is seen at ${NEAR} and never at ${FAR}, where the server sends its SYN,ACK again`,
    );
    expect(finding!.evidence.map(({ point, frame }) => [point, frame])).toEqual([
      [FAR, 9],
      [NEAR, 10],
      [FAR, 10],
    ]);
    expect(finding!.causes.map(({ next }) => next)).toEqual([
      'conntrack -S; iptables-save -c | grep INVALID   # on b',
      'ip route get 10.244.1.2 from 10.244.2.2   # on b',
    ]);
  });

  it.each([
    ['the ACK arrives in the end', { arriving: [1.001] }],
    ['the ACK arrives each time and the server waits for data', { arriving: [0.001, 1.001, 3.001] }],
    ['the server does not ask again', { again: [] }],
    ['an ACK and a second SYN,ACK cross each other', { again: [1], acks: [0.9] }],
    ['the SYN,ACK is recorded twice', { again: [0.002], acks: [0.001] }],
    ['nothing but SYNs is recorded there', { others: false }],
    ['it is the SYN,ACK that is lost', { syns: [0, 1, 3], acks: [], answered: false }],
  ] satisfies [string, Options][])('not when %s', async (_, options) => {
    expect(await told(halfOpen(options))).toEqual([]);
  });
});
