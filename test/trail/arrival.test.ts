import { describe, expect, it } from 'vitest';
import type { TrailRow } from '../../src/report/report.js';
import { synOptions, tcp } from '../support/packets.js';
import { CNI_A, ETH_A, ETH_B, FLANNEL_A, FLANNEL_B, Lab, VETH_A, type Passage } from '../support/scenario-lab.js';

const SYN = 2;
const ACK = 16;
const PSH = 8;
/** The client's node; what becomes of a packet behind it only answers tell. */
const POINTS = [VETH_A, CNI_A, FLANNEL_A, ETH_A];

/** A SYN from a to b, or the answer. */
function opening(
  net: Lab,
  at: number,
  id: number,
  timestamp: number,
  echo: number | null,
  passage: Passage = {},
): void {
  const isAnswer = echo !== null;
  const ports = isAnswer ? { srcPort: 8080, dstPort: 40_123 } : { srcPort: 40_123, dstPort: 8080 };
  const numbers = isAnswer ? { seq: 5000, ack: 1001, flags: SYN | ACK } : { seq: 1000, ack: 0, flags: SYN };
  const [from, to] = isAnswer ? [net.b, net.a] : [net.a, net.b];
  const part = tcp({ ...ports, ...numbers, options: synOptions(timestamp, 1460, echo ?? 0) });
  net.send(at, { from, to, id }, part, passage);
}

function statesOf(rows: readonly TrailRow[], summary: RegExp): (string | null)[] {
  return rows.filter((row) => summary.test(row.summary)).map(({ state }) => state);
}

/**
 * What Linux 6.18 did when the first SYN,ACK was lost: the SYN comes again after a second, with a new timestamp, and the SYN,ACK, too,
 * and both times it echoes the timestamp of the first SYN.
 */
function sentAgain(second: Passage, echo = 7000): Lab {
  const net = new Lab();
  net.noise(0);
  opening(net, 100, 11, 7000, null);
  opening(net, 100.1, 0, 90_000, 7000, { upTo: FLANNEL_B });
  opening(net, 1121, 12, 8021, null, second);
  opening(net, 1122, 0, 91_022, echo);
  net.noise(3000);
  return net;
}

describe('a SYN that was sent again', () => {
  const SYNS = /^SYN seq/;

  it('arrived when the SYN,ACK echoes its timestamp, of the other nothing is known', async () => {
    expect(statesOf(await sentAgain({ upTo: ETH_B }).rows(POINTS), SYNS)).toEqual(['delivered', 'unknown']);
    expect(statesOf(await sentAgain({}, 8021).rows(POINTS), SYNS)).toEqual(['unknown', 'delivered']);
  });

  it('is lost where captures show it, whatever answers the other', async () => {
    const rows = await sentAgain({ upTo: CNI_A }).rows(POINTS);
    expect(rows.filter(({ summary }) => SYNS.test(summary))).toMatchObject([
      { state: 'delivered' },
      { state: 'lost', certainty: 'shown', lastSeen: CNI_A, nextExpected: FLANNEL_A },
    ]);
  });

  it('has not arrived for an answer to an attempt from before the captures began', async () => {
    const late = (net: Lab): Lab => {
      for (const point of POINTS) net.cut(point, 1000, 4000);
      return net;
    };
    expect(statesOf(await late(sentAgain({ upTo: ETH_B })).rows(POINTS), SYNS)).toEqual(['unknown']);
    // Near miss: what is answered is this one.
    expect(statesOf(await late(sentAgain({}, 8021)).rows(POINTS), SYNS)).toEqual(['delivered']);
  });

  it('is not lost where something on the way changed the echo: this one may have been answered', async () => {
    const net = new Lab();
    net.noise(0);
    net.pings(1, 3);
    opening(net, 500, 11, 7000, null, { unseenAt: [FLANNEL_A, ETH_A] });
    opening(net, 500.1, 0, 90_000, 0x12345678);
    net.noise(3000);
    expect(statesOf(await net.rows(POINTS), SYNS)).toEqual(['unknown']);
  });
});

describe('data that is sent again, and was sent first before the captures began', () => {
  const DATA = /^PSH,ACK/;
  const FIRST = { seq: 2000, ack: 6000, flags: PSH | ACK, length: 500 };
  const told = async (send: (net: Lab) => void): Promise<(string | null)[]> => {
    const net = new Lab();
    net.noise(0);
    send(net);
    net.noise(3000);
    return statesOf(await net.rows(POINTS), DATA);
  };

  it('has not arrived when it was acknowledged before', async () => {
    const states = await told((net) => {
      net.segment(100, 21, { seq: 6000, ack: 2500, flags: ACK }, {}, true);
      net.segment(400, 11, FIRST, { upTo: ETH_B });
    });
    expect(states).toEqual(['unknown']);
  });

  it('is not lost either: where clocks are not compared the acknowledgement may have come after it', async () => {
    const states = await told((net) => {
      net.pings(1, 3);
      net.segment(500, 21, { seq: 6000, ack: 2500, flags: ACK }, {}, true);
      net.segment(900, 11, FIRST, { upTo: CNI_A });
    });
    expect(states).toEqual(['unknown']);
  });

  it('near miss: it was acknowledged after', async () => {
    const states = await told((net) => {
      net.segment(100, 11, FIRST);
      net.segment(100.2, 21, { seq: 6000, ack: 2500, flags: ACK }, {}, true);
    });
    expect(states).toEqual(['delivered']);
  });

  it('has not arrived when more than it was acknowledged, which no capture shows', async () => {
    const states = await told((net) => {
      net.segment(100, 11, FIRST, { upTo: ETH_B });
      net.segment(100.2, 21, { seq: 6000, ack: 4000, flags: ACK }, {}, true);
    });
    expect(states).toEqual(['unknown']);
  });

  it('has not arrived when more than it was sent before, though the captures show what follows', async () => {
    const states = await told((net) => {
      net.segment(100, 11, FIRST, { upTo: ETH_B });
      net.segment(100.2, 21, { seq: 6000, ack: 4000, flags: ACK }, {}, true);
      net.segment(100.4, 12, { ...FIRST, seq: 4000 });
      net.segment(100.6, 22, { seq: 6000, ack: 4500, flags: ACK }, {}, true);
    });
    expect(states).toEqual(['unknown', 'delivered']);
  });

  it('near miss: the captures show what was acknowledged', async () => {
    const states = await told((net) => {
      net.segment(100, 11, FIRST);
      net.segment(100.1, 12, { ...FIRST, seq: 2500, length: 1000 });
      net.segment(100.2, 21, { seq: 6000, ack: 3500, flags: ACK }, {}, true);
    });
    expect(states).toEqual(['delivered', 'delivered']);
  });

  it('near miss: the captures show how the connection was opened', async () => {
    const states = await told((net) => {
      opening(net, 50, 9, 7000, null);
      opening(net, 50.1, 0, 90_000, 7000);
      net.segment(100, 11, { ...FIRST, seq: 1001, ack: 5001 });
      net.segment(100.2, 21, { seq: 5001, ack: 3000, flags: ACK }, {}, true);
    });
    expect(states).toEqual(['delivered']);
  });
});
