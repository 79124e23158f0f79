import { describe, expect, it } from 'vitest';
import { icmpEcho, octetsOf, udp, type Part } from '../support/packets.js';
import { CNI_A, ETH_B, FLANNEL_A, FLANNEL_B, Lab, type Passage } from '../support/scenario-lab.js';

const ICMP = 1;
const UDP = 17;
const SIZE = 1400;

/** Sends an IP payload in fragments of SIZE octets; what becomes of each, the first for all where there are no more. */
function sendInFragments(
  net: Lab,
  milliseconds: number,
  { id, protocol, payload, reply = false }: { id: number; protocol: number; payload: Part; reply?: boolean },
  passages: readonly Passage[] = [],
): void {
  const octets = octetsOf(payload);
  const [from, to] = reply ? [net.b, net.a] : [net.a, net.b];
  for (let at = 0; at < octets.length; at += SIZE) {
    const place = at / SIZE;
    const fragment = { fragmentOffset: at, mf: at + SIZE < octets.length, protocol };
    const part = octets.subarray(at, at + SIZE);
    net.send(milliseconds + place * 0.02, { from, to, id, df: false, ...fragment }, part, passages[place] ?? {});
  }
}

/** Small pings, and datagrams between the same, so that every point is known to be on the way. */
function lab(): Lab {
  const net = new Lab();
  net.noise(0);
  net.pings(1, 9);
  net.noise(3000);
  return net;
}

function echo(seq: number, reply = false): Part {
  return icmpEcho({ id: 99, seq, reply }, new Uint8Array(3000));
}

const LOST_AT_CNI: readonly Passage[] = [{}, {}, { upTo: CNI_A }];

describe('fragments of a request and its reply', () => {
  async function exchangesOf(request: readonly Passage[], reply: readonly Passage[] | null) {
    const net = lab();
    sendInFragments(net, 1500, { id: 40, protocol: ICMP, payload: echo(1) }, request);
    if (reply !== null)
      sendInFragments(net, 1501, { id: 41, protocol: ICMP, payload: echo(1, true), reply: true }, reply);
    const rows = await net.exchanges();
    // One exchange, however many fragments it has
    expect(rows.filter(({ id }) => id['icmpId'] === 99)).toHaveLength(1);
    return { row: rows.find(({ id }) => id['icmpId'] === 99)!, trails: await net.rows() };
  }

  it('are one exchange, that is answered when all of them arrive', async () => {
    const { row, trails } = await exchangesOf([], []);
    expect(row).toMatchObject({ verdict: 'answered' });
    const fragments = trails.filter(({ summary }) => summary.startsWith('fragment of packet 40'));
    expect(fragments).toHaveLength(2);
    expect(fragments.map(({ state, direction }) => [state, direction])).toEqual([
      ['delivered', 'request'],
      ['delivered', 'request'],
    ]);
  });

  it('a later fragment that is lost loses the request', async () => {
    const { row } = await exchangesOf(LOST_AT_CNI, null);
    expect(row).toMatchObject({
      verdict: 'request-lost',
      certainty: 'shown',
      request: { state: 'lost', lastSeen: CNI_A, nextExpected: FLANNEL_A },
    });
  });

  it('or the reply', async () => {
    const { row } = await exchangesOf([], [{}, { upTo: FLANNEL_B }, {}]);
    expect(row).toMatchObject({
      verdict: 'reply-lost',
      certainty: 'shown',
      reply: { state: 'lost', lastSeen: FLANNEL_B, nextExpected: ETH_B },
    });
  });

  it('is not lost where only a capture missed it: the reply shows that the whole packet arrived', async () => {
    const { row, trails } = await exchangesOf([{}, {}, { unseenAt: [FLANNEL_A] }], []);
    expect(row).toMatchObject({ verdict: 'answered' });
    expect(trails.filter(({ state }) => state === 'lost')).toEqual([]);
  });

  it('is not the request’s when its identification is another', async () => {
    const net = lab();
    sendInFragments(net, 1500, { id: 40, protocol: ICMP, payload: echo(1) });
    sendInFragments(
      net,
      1500.5,
      { id: 42, protocol: UDP, payload: udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(3000)) },
      LOST_AT_CNI,
    );
    const row = (await net.exchanges()).find(({ id }) => id['icmpId'] === 99);
    expect(row).toMatchObject({ verdict: 'unanswered' });
  });
});
