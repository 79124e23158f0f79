import { describe, expect, it } from 'vitest';
import { Captures, opened } from './tcp-support.js';

const POINT = 'client/eth0';
const CLIENT = '10.40.7.21';
const SERVER = '10.54.213.148:8080';
const LOW = 40_000;
const SIZE = 20;

interface Options {
  readonly time: number;
  readonly port: number;
  /** Who closes first. */
  readonly by?: 'client' | 'server';
}

/** A connection of some milliseconds, closed by both ends. */
function shortConnection(captures: Captures, { time, port, by = 'client' }: Options): void {
  const client = `${CLIENT}:${port}`;
  const isn = 1000 + Math.round(time * 1e5);
  opened(captures, POINT, client, SERVER, { at: time, isn });
  const fins: [string, string, number, number, number][] = [
    [client, SERVER, isn + 11, 9011, 64],
    [SERVER, client, 9011, isn + 12, 63],
  ];
  if (by === 'server') fins.reverse();
  for (const [i, [from, to, seq, ack, ttl]] of fins.entries()) {
    captures.segment(POINT, time + 0.01 + i / 1000, from, to, 'F.', { seq, ack, ttl, id: 700 + i });
  }
}

/** Every port of a range once in two seconds, then some of them again. */
function rounds(
  again: number,
  { size = SIZE, step = 0.1, by }: { size?: number; step?: number; by?: 'client' | 'server' } = {},
): Captures {
  const captures = new Captures();
  const more = by === undefined ? {} : { by };
  for (let i = 0; i < size; i++) shortConnection(captures, { time: i * step, port: LOW + i, ...more });
  for (let i = 0; i < 4; i++) shortConnection(captures, { time: again + i * step, port: LOW + i, ...more });
  return captures;
}

const KIND = 'ephemeral-port-exhaustion';

describe('ephemeral-port-exhaustion', () => {
  it('all ports of a range, silence, and the first of them again when it has rested', async () => {
    const findings = await rounds(61).findings();
    expect(findings).toMatchObject([{ kind: KIND, severity: 'error', certainty: 'likely', count: SIZE, of: SIZE }]);
    expect(findings[0]!.title).toContain(`all ${SIZE} source ports from ${LOW} to ${LOW + SIZE - 1}`);
    expect(findings[0]!.title).toContain('for 59.1 s');
  });

  it.each([
    ['ports that come back before they have rested', rounds(30)],
    ['a client that has more to do only later', rounds(300)],
    ['connections that the server closes, whose ports do not rest at the client', rounds(61, { by: 'server' })],
    ['a handful of ports', rounds(61, { size: 10 })],
    ['connections at leisure, each port long rested when its turn comes', rounds(80, { step: 4 })],
  ])('silent: %s', async (_, captures) => {
    expect(await captures.kinds()).not.toContain(KIND);
  });

  it('silent: ports here and there', async () => {
    const captures = new Captures();
    for (let i = 0; i < SIZE; i++) shortConnection(captures, { time: i / 10, port: LOW + 7 * i });
    for (let i = 0; i < 4; i++) shortConnection(captures, { time: 61 + i / 10, port: LOW + 7 * i });
    expect(await captures.kinds()).not.toContain(KIND);
  });
});
