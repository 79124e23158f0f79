import { describe, expect, it } from 'vitest';
import { icmpEcho, icmpError, ipv4, octetsOf, udp } from '../support/packets.js';
import { rowText } from '../support/scenario-check.js';
import {
  ALL,
  CNI_A,
  CNI_B,
  echoReply,
  echoRequest,
  ETH_A,
  ETH_B,
  FLANNEL_A,
  FLANNEL_B,
  Lab,
  VETH_A,
  VETH_B,
} from '../support/scenario-lab.js';

// When "lost" may be said, rule by rule, each with its near miss.

const LOST = { state: 'lost', lastSeen: CNI_A, nextExpected: FLANNEL_A, reason: null };
const SYN = 2;
const PSH_ACK = 24;
const ACK = 16;

function lab(): Lab {
  const lab = new Lab();
  lab.noise(0);
  return lab;
}

async function lostRows(net: Lab, points?: readonly string[]): Promise<string[]> {
  return (await net.rows(points)).filter(({ state }) => state === 'lost').map(rowText);
}

describe('one loss amid what arrives', () => {
  it('is shown, between the last point that saw the packet and the next', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    expect(await net.row(echoRequest(10))).toMatchObject({ ...LOST, certainty: 'shown' });
    expect((await net.rows()).filter((row) => row.state !== 'delivered')).toHaveLength(1);
  });

  it('of a reply too', async () => {
    const net = lab();
    net.pings(1, 9);
    net.ping(10, 1000, {}, { upTo: FLANNEL_B });
    net.pings(11, 20);
    net.noise(3000);
    expect(await net.row(echoReply(10))).toMatchObject({
      state: 'lost',
      certainty: 'shown',
      direction: 'reply',
      lastSeen: FLANNEL_B,
      nextExpected: ETH_B,
    });
    expect(await net.row(echoRequest(10))).toMatchObject({ state: 'delivered' });
  });

  it('names the next captured point, not the next point', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    const points = [VETH_A, CNI_A, ETH_B, FLANNEL_B, CNI_B, VETH_B];
    expect(await net.row(echoRequest(10), points)).toMatchObject({ ...LOST, nextExpected: ETH_B, certainty: 'shown' });
  });

  it('near miss: nothing captured behind', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    const row = await net.row(echoRequest(10), [VETH_A, CNI_A]);
    expect(row.state).not.toBe('lost');
    expect(row.nextExpected).toBeNull();
  });

  it('near miss: it arrives', async () => {
    const net = lab();
    net.pings(1, 20);
    net.noise(3000);
    const row = await net.row(echoRequest(10));
    expect(row).toMatchObject({ state: 'delivered', lastSeen: VETH_B, nextExpected: null });
    expect(row.sightings.map(({ point }) => point)).toEqual(ALL);
    expect(row.sightings.map(({ ttl }) => ttl)).toEqual([64, 64, 63, 63, 63, 63, 62, 62]);
  });
});

describe('seen at any later point is not lost at an earlier silent one', () => {
  it.each([FLANNEL_A, ETH_A, ETH_B, FLANNEL_B, CNI_B])('not shown by %s', async (silent) => {
    const net = lab();
    net.pings(1, 20, { 10: { unseenAt: [silent] } });
    net.noise(3000);
    expect(await net.row(echoRequest(10))).toMatchObject({ state: 'delivered', lastSeen: VETH_B });
  });

  it('not shown by several', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { unseenAt: [FLANNEL_A, ETH_A, ETH_B] } });
    net.noise(3000);
    expect(await net.row(echoRequest(10))).toMatchObject({ state: 'delivered', lastSeen: VETH_B });
  });

  it('near miss: shown by none behind', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { unseenAt: [FLANNEL_A], upTo: ETH_A } });
    net.noise(3000);
    expect(await net.row(echoRequest(10))).toMatchObject({ state: 'lost', lastSeen: ETH_A, nextExpected: ETH_B });
  });
});

describe('arrival shown by an answer', () => {
  it('a reply', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { unseenAt: [FLANNEL_A] } });
    net.noise(3000);
    expect(await net.row(echoRequest(10), [VETH_A, CNI_A, FLANNEL_A])).toMatchObject({ state: 'delivered' });
  });

  it('near miss: the reply to another request', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    expect(await net.row(echoRequest(10), [VETH_A, CNI_A, FLANNEL_A])).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  function connection(net: Lab): void {
    net.segment(100, 10, { seq: 1000, ack: 0, flags: SYN });
    net.segment(100.1, 0, { seq: 5000, ack: 1001, flags: SYN | ACK }, {}, true);
    net.segment(100.2, 11, { seq: 1001, ack: 5001, flags: ACK });
  }

  it('an acknowledgement that covers the segment', async () => {
    const net = lab();
    connection(net);
    net.segment(200, 12, { seq: 1001, ack: 5001, flags: PSH_ACK, length: 100 }, { unseenAt: [FLANNEL_A] });
    net.segment(200.2, 70, { seq: 5001, ack: 1101, flags: ACK }, {}, true);
    net.noise(3000);
    const row = await net.row('PSH,ACK seq 1001 len 100', [VETH_A, CNI_A, FLANNEL_A]);
    expect(row).toMatchObject({ state: 'delivered' });
  });

  it('near miss: an acknowledgement that does not', async () => {
    const net = lab();
    connection(net);
    net.segment(200, 12, { seq: 1001, ack: 5001, flags: PSH_ACK, length: 100 }, { upTo: CNI_A });
    net.segment(200.2, 70, { seq: 5001, ack: 1001, flags: ACK }, {}, true);
    net.noise(3000);
    const row = await net.row('PSH,ACK seq 1001 len 100', [VETH_A, CNI_A, FLANNEL_A]);
    expect(row).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('near miss: an acknowledgement of the retransmission, which is another packet', async () => {
    const net = lab();
    connection(net);
    net.segment(200, 12, { seq: 1001, ack: 5001, flags: PSH_ACK, length: 100 }, { upTo: CNI_A });
    net.segment(400, 13, { seq: 1001, ack: 5001, flags: PSH_ACK, length: 100 });
    net.segment(400.2, 70, { seq: 5001, ack: 1101, flags: ACK }, {}, true);
    net.noise(3000);
    const rows = (await net.rows()).filter((row) => row.summary === 'PSH,ACK seq 1001 len 100');
    expect(rows.map(({ state, lastSeen }) => `${state} ${lastSeen}`)).toEqual([`lost ${CNI_A}`, `delivered ${VETH_B}`]);
  });
});

describe('time', () => {
  // Up to the tunnel device only, so that no point behind it speaks.
  const POINTS = [VETH_A, CNI_A, FLANNEL_A];

  const ENDED = { state: 'unknown', reason: expect.stringContaining('it may have ended') as string };

  it('behind the last frame of a capture, while others go on: it may have ended', async () => {
    const net = lab();
    net.pings(1, 17);
    for (let seq = 18; seq <= 20; seq++) net.ping(seq, seq * 100, { upTo: CNI_A });
    net.noise(3000, [VETH_A, CNI_A]);
    expect(await net.row(echoRequest(18), POINTS)).toMatchObject(ENDED);
  });

  /** A SYN,ACK that dies before the tunnel device, again and again; the device's last frame lies between. */
  function synAcks(): Lab {
    const net = lab();
    net.pings(1, 3);
    net.segment(500, 1, { seq: 1000, ack: 0, flags: SYN });
    net.segment(500.1, 0, { seq: 5000, ack: 1001, flags: SYN | ACK }, { upTo: CNI_B }, true);
    net.noise(1000, ALL);
    net.segment(1500, 0, { seq: 5000, ack: 1001, flags: SYN | ACK }, { upTo: CNI_B }, true);
    net.noise(3000, [VETH_B, CNI_B]);
    return net;
  }

  it('behind the last frame, where others came through before: what was sent again may have arrived', async () => {
    const rows = (await synAcks().rows([VETH_B, CNI_B, FLANNEL_B])).filter(({ summary }) =>
      summary.startsWith('SYN,ACK'),
    );
    expect(rows.map(({ state, certainty, nextExpected }) => [state, certainty, nextExpected])).toEqual([
      ['lost', 'shown', FLANNEL_B],
      ['unknown', 'unknown', null],
    ]);
  });

  it('near miss: where nothing was shown before', async () => {
    const net = synAcks();
    net.cut(FLANNEL_B, 0, 450);
    const rows = (await net.rows([VETH_B, CNI_B, FLANNEL_B])).filter(({ summary }) => summary.startsWith('SYN,ACK'));
    expect(rows.map(({ state }) => state)).toEqual(['unknown', 'unknown']);
  });

  it('a capture that stopped: the next one that goes on tells the place', async () => {
    const net = lab();
    net.pings(1, 20, { 18: { upTo: CNI_A } });
    net.cut(FLANNEL_A, 0, 900);
    net.noise(3000, [VETH_A, CNI_A, ETH_A]);
    const all = [VETH_A, CNI_A, FLANNEL_A, ETH_A];
    expect(await net.row(echoRequest(17), all)).toMatchObject({ state: 'delivered', lastSeen: ETH_A });
    expect(await net.row(echoRequest(18), all)).toMatchObject({ ...LOST, nextExpected: ETH_A, certainty: 'shown' });
  });

  it('a capture that may have ended lies before one that goes on: lost before that one', async () => {
    const net = lab();
    net.pings(1, 17);
    net.ping(18, 1800, { upTo: CNI_A });
    net.noise(3000, [VETH_A, CNI_A, ETH_A]);
    expect(await net.row(echoRequest(18), [VETH_A, CNI_A, FLANNEL_A, ETH_A])).toMatchObject({
      ...LOST,
      nextExpected: ETH_A,
      certainty: 'shown',
    });
  });

  it('near miss: a frame behind it', async () => {
    const net = lab();
    net.pings(1, 17);
    for (let seq = 18; seq <= 20; seq++) net.ping(seq, seq * 100, { upTo: CNI_A });
    net.noise(3000);
    expect(await net.row(echoRequest(18), POINTS)).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('before the first frame of a capture, while others run: it may have begun later', async () => {
    const net = new Lab();
    net.noise(0, [VETH_A, CNI_A]);
    for (let seq = 1; seq <= 3; seq++) net.ping(seq, seq * 100, { upTo: CNI_A });
    net.pings(4, 20);
    net.noise(3000);
    expect(await net.row(echoRequest(2), POINTS)).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('it may have begun later') as string,
    });
  });

  it('near miss: a frame before it', async () => {
    const net = lab();
    for (let seq = 1; seq <= 3; seq++) net.ping(seq, seq * 100, { upTo: CNI_A });
    net.pings(4, 20);
    net.noise(3000);
    expect(await net.row(echoRequest(2), POINTS)).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('an empty capture alone of a point that its role puts on the way: it may have been emptied', async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, { upTo: ETH_B });
    net.noise(3000);
    net.empty(FLANNEL_B);
    const row = await net.row(echoRequest(10), [CNI_A, ETH_A, ETH_B, FLANNEL_B]);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: ETH_B, nextExpected: null });
    expect(row.reason).toMatch(/its capture is empty/);
  });

  it('an empty capture on the sending node: nothing shows that the packet leaves by it', async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, { upTo: CNI_A });
    net.noise(3000);
    net.empty(FLANNEL_A);
    const row = await net.row(echoRequest(10), [VETH_A, CNI_A, FLANNEL_A]);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: CNI_A, nextExpected: null });
  });

  it("near miss: an empty capture of another pod's interface", async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, {}, null);
    net.noise(3000);
    const other = 'node2/veth21c0ffee';
    net.empty(other);
    const row = await net.row(echoRequest(10), [ETH_A, ETH_B, FLANNEL_B, CNI_B, other]);
    expect(row.state).not.toBe('lost');
    expect(row.nextExpected).toBeNull();
  });

  const ASKED = [ETH_B, 'node2/vxlan.calico', 'node2/cali20c0ffee123'];
  const CALI_A = 'node1/cali10c0ffee123';

  it('the silent cali* of the one node captured: lost before it, likely', async () => {
    const net = new Lab(2, 'calico');
    net.noise(0);
    net.ping(1, 100, { upTo: ASKED[1]! });
    net.noise(3000);
    const place = { lastSeen: ASKED[1], nextExpected: ASKED[2] };
    expect(await net.row(echoRequest(1), [CALI_A, ...ASKED])).toMatchObject({
      ...place,
      state: 'lost',
      certainty: 'likely',
    });
  });

  it("near miss: with another node's points it may be another pod's, which the reason says", async () => {
    const net = new Lab(2, 'calico');
    net.noise(0);
    net.ping(1, 100, { upTo: ASKED[1]! });
    net.noise(3000);
    const row = await net.row(echoRequest(1), [CALI_A, ETH_A, ...ASKED]);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: ASKED[1], nextExpected: null });
    expect(row.reason).toMatch(/unless node2\/cali20c0ffee123, where nothing was seen, is its destination's$/);
  });

  it('near miss: with another destination it may be that one', async () => {
    const net = new Lab(2, 'calico');
    net.noise(0);
    net.ping(1, 100, { upTo: ASKED[1]! });
    const [, other] = net.network.podsOf('node2');
    net.send(200, { from: net.a, to: other!, id: 9 }, icmpEcho({ id: 8, seq: 1 }), { upTo: ASKED[1]! });
    net.noise(3000);
    const row = await net.row(echoRequest(1), [CALI_A, ...ASKED]);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: ASKED[1], nextExpected: null });
  });

  it("a pod's interface whose packets went on after a hop is the sender's, though nothing ever came back", async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, seq === 10 ? { upTo: VETH_A } : {}, null);
    net.noise(3000);
    const row = await net.row(echoRequest(10), [VETH_A, FLANNEL_A]);
    expect(row).toMatchObject({ state: 'lost', certainty: 'shown', lastSeen: VETH_A, nextExpected: FLANNEL_A });
  });

  it('near miss: no hop tells whose interface it is', async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, seq === 10 ? { upTo: VETH_A } : {}, null);
    net.noise(3000);
    const row = await net.row(echoRequest(10), [VETH_A, CNI_A]);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: VETH_A, nextExpected: null });
  });

  it("near miss: the receiver's interface, which shows packets after all hops", async () => {
    const net = lab();
    for (let seq = 1; seq <= 20; seq++) net.ping(seq, seq * 100, {}, null);
    net.noise(3000);
    const row = await net.row(echoRequest(10), [FLANNEL_A, VETH_B]);
    expect(row).toMatchObject({ state: 'delivered', lastSeen: VETH_B, nextExpected: null });
  });

  it('in flight at the end of the captures: unknown', async () => {
    const net = lab();
    net.pings(1, 19);
    net.ping(20, 2000, { upTo: CNI_A });
    const row = await net.row(echoRequest(20), POINTS);
    expect(row).toMatchObject({ state: 'unknown', certainty: 'unknown', lastSeen: CNI_A, nextExpected: null });
    expect(row.reason).toMatch(/on its way/);
  });

  it('near miss: the captures go on for a second', async () => {
    const net = lab();
    net.pings(1, 19);
    net.ping(20, 2000, { upTo: CNI_A });
    net.noise(3000);
    expect(await net.row(echoRequest(20), POINTS)).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('captured at another time: unknown, and no repetition is the packet', async () => {
    const net = lab();
    net.pings(1, 20);
    net.noise(3000);
    for (const point of [FLANNEL_A, ETH_A, ETH_B, FLANNEL_B, CNI_B, VETH_B]) net.move(point, 3_600_000);
    expect(await lostRows(net, [VETH_A, CNI_A, FLANNEL_A])).toEqual([]);
  });

  it('a point that missed packets seen before and behind it proves nothing', async () => {
    const net = lab();
    const blind = { unseenAt: [FLANNEL_A] };
    net.pings(1, 20, { 8: blind, 9: blind, 10: { upTo: CNI_A }, 11: blind, 12: blind });
    net.noise(3000);
    const row = await net.row(echoRequest(10));
    // It is lost before the wire at the latest, which eth0 shows; flannel.1 was blind.
    expect(row).toMatchObject({ state: 'lost', lastSeen: CNI_A, nextExpected: ETH_A });
  });
});

describe('ability', () => {
  const POINTS = [VETH_A, CNI_A, FLANNEL_A];

  it('an apparent capture filter on the protocol: unknown', async () => {
    const net = new Lab();
    net.noise(0, [VETH_A, CNI_A]);
    net.pings(1, 20);
    net.datagram(1050, 77, 'hello', { unseenAt: [FLANNEL_A, ETH_A, ETH_B, FLANNEL_B, CNI_B, VETH_B] });
    net.noise(3000, [VETH_A, CNI_A]);
    const row = await net.row('udp len 5', POINTS);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: CNI_A, nextExpected: null });
    expect(row.reason).toMatch(/filter/);
  });

  it('near miss: one frame of noise that no such filter passes', async () => {
    const net = lab();
    net.pings(1, 20);
    net.datagram(1050, 77, 'hello', { upTo: CNI_A });
    net.noise(3000);
    expect(await net.row('udp len 5', POINTS)).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('an apparent capture filter on the port: unknown', async () => {
    const net = new Lab();
    net.noise(0, [VETH_A, CNI_A]);
    for (let i = 0; i < 10; i++) {
      net.datagram(100 * (i + 1), 20 + i, 'question');
      net.datagram(100 * (i + 1) + 1, 50 + i, 'answer', {}, true);
    }
    const ports = { srcPort: 40_999, dstPort: 9999 };
    const part = udp(ports, new TextEncoder().encode('other'));
    net.send(550, { from: net.a, to: net.b, id: 99 }, part, { upTo: CNI_A });
    net.noise(3000, [VETH_A, CNI_A]);
    const row = await net.row('udp len 5', POINTS);
    expect(row).toMatchObject({ state: 'unknown', lastSeen: CNI_A, nextExpected: null });
    expect(row.reason).toMatch(/filter/);
  });

  it('near miss: another port passed it', async () => {
    const net = new Lab();
    net.noise(0, [VETH_A, CNI_A]);
    for (let i = 0; i < 10; i++) {
      net.datagram(100 * (i + 1), 20 + i, 'question');
      net.datagram(100 * (i + 1) + 1, 50 + i, 'answer', {}, true);
    }
    const other = udp({ srcPort: 40_999, dstPort: 9999 }, new TextEncoder().encode('other'));
    net.send(550, { from: net.a, to: net.b, id: 99 }, other, { upTo: CNI_A });
    const third = udp({ srcPort: 40_888, dstPort: 8888 }, new TextEncoder().encode('third!'));
    net.send(650, { from: net.a, to: net.b, id: 98 }, third);
    net.noise(3000, [VETH_A, CNI_A]);
    expect(await net.row('udp len 5', POINTS)).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('a snap length too small to know a packet by: unknown', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    // Ethernet and IP headers and four octets of ICMP.
    const row = await net.row(echoRequest(10), POINTS, { [FLANNEL_A]: { snapLength: 38 } });
    expect(row).toMatchObject({ state: 'unknown', lastSeen: CNI_A, nextExpected: null });
  });

  it('near miss: a snap length that is enough', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    const row = await net.row(echoRequest(10), POINTS, { [FLANNEL_A]: { snapLength: 64 } });
    expect(row).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('a capture that says it dropped frames: unknown', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    const row = await net.row(echoRequest(10), POINTS, { [FLANNEL_A]: { dropped: 3 } });
    expect(row).toMatchObject({ state: 'unknown', lastSeen: CNI_A, nextExpected: null });
  });

  it('near miss: a capture that says it dropped none', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { upTo: CNI_A } });
    net.noise(3000);
    const row = await net.row(echoRequest(10), POINTS, { [FLANNEL_A]: { dropped: 0 } });
    expect(row).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('nothing of these addresses ever crossed the next point: another path, unknown', async () => {
    const net = lab();
    // What passes the underlay is between other nodes' pods only.
    const far = { from: net.network.podsOf('node2')[1]!, to: net.network.podsOf('node1')[1]! };
    for (let i = 1; i <= 20; i++) {
      net.send(i * 100, { ...far, id: i }, icmpEcho({ id: 9, seq: i }));
    }
    net.ping(1, 1050, { upTo: VETH_A });
    net.noise(3000);
    const row = await net.row(echoRequest(1), [VETH_A, ETH_B]);
    expect(row.state).not.toBe('lost');
  });
});

describe('translation', () => {
  /** Ten exchanges by the service address, with pings beside them that show the whole way between the pods. */
  function viaService(net: Lab, id: (i: number) => number): void {
    net.pings(1, 20);
    for (let i = 0; i < 10; i++) {
      const at = 150 + 100 * i;
      const question = udp({ srcPort: 40_123, dstPort: 9000 }, new TextEncoder().encode(`question ${i}`));
      const answer = udp({ srcPort: 9000, dstPort: 40_123 }, new TextEncoder().encode(`answer ${i}`));
      net.send(at, { from: net.a, to: net.b, id: id(i), service: 'request' }, question);
      net.send(at + 1, { from: net.b, to: net.a, id: id(i + 100), service: 'reply' }, answer);
    }
    net.noise(3000);
  }

  it('a service address: no request and no reply is lost', async () => {
    const net = lab();
    viaService(net, (i) => 300 + i);
    expect(await lostRows(net)).toEqual([]);
  });

  it('a service address, IP ID 0: no request and no reply is lost', async () => {
    const net = lab();
    viaService(net, () => 0);
    expect(await lostRows(net)).toEqual([]);
  });

  it('a service address, ping -M do: no request and no reply is lost', async () => {
    const net = lab();
    net.pings(1, 20);
    for (let seq = 1; seq <= 10; seq++) {
      const at = seq * 100 + 50;
      net.send(at, { from: net.a, to: net.b, id: 0, service: 'request' }, icmpEcho({ id: 88, seq }));
      const reply = icmpEcho({ reply: true, id: 88, seq });
      net.send(at + 1, { from: net.b, to: net.a, id: 700 + seq, df: false, service: 'reply' }, reply);
    }
    net.noise(3000);
    expect(await lostRows(net)).toEqual([]);
  });

  it('masquerade: nothing is lost that goes on under the address of the node', async () => {
    const net = lab();
    const outside = net.network.endpoints.find(({ kind }) => kind === 'outside')!;
    net.pings(1, 20);
    for (let i = 0; i < 10; i++) {
      const at = 150 + 100 * i;
      const question = udp({ srcPort: 40_123, dstPort: 53 }, new TextEncoder().encode(`question ${i}`));
      const answer = udp({ srcPort: 53, dstPort: 40_123 }, new TextEncoder().encode(`answer ${i}`));
      net.send(at, { from: net.a, to: outside, id: 300 + i }, question);
      net.send(at + 20, { from: outside, to: net.a, id: 800 + i }, answer);
    }
    net.noise(3000);
    expect(await lostRows(net)).toEqual([]);
  });

  it('near miss: a packet that goes on nowhere', async () => {
    const net = lab();
    viaService(net, (i) => 300 + i);
    net.datagram(1777, 999, 'alone', { upTo: CNI_A });
    net.noise(4000);
    expect(await net.row('udp len 5')).toMatchObject({ ...LOST, certainty: 'shown' });
  });
});

describe('copies, repetitions, other packets that look alike', () => {
  it('a bridge copy is no packet of its own', async () => {
    const net = lab();
    net.pings(1, 20, { 10: { twiceAt: [CNI_A] } });
    net.noise(3000);
    const row = await net.row(echoRequest(10));
    expect(row).toMatchObject({ state: 'delivered', lastSeen: VETH_B });
    const copies = row.sightings.filter(({ copy }) => copy === true);
    expect(copies.map(({ point }) => point)).toEqual([CNI_A]);
  });

  it('the same octets 4.4 s later are another packet: the first is lost, the second arrives', async () => {
    const net = lab();
    net.pings(1, 60);
    net.datagram(1000.5, 4711, 'again', { upTo: CNI_A });
    net.datagram(5400.5, 4711, 'again');
    net.noise(7000);
    const rows = (await net.rows()).filter(({ summary }) => summary === 'udp len 5');
    expect(rows.map(({ state, lastSeen }) => `${state} ${lastSeen}`)).toEqual([`lost ${CNI_A}`, `delivered ${VETH_B}`]);
  });

  it('a retry with a new IP ID is another packet: the first is lost', async () => {
    const net = lab();
    net.pings(1, 20);
    net.datagram(500.5, 31, 'retry', { upTo: FLANNEL_A });
    net.datagram(700.5, 32, 'retry');
    net.noise(3000);
    const rows = (await net.rows()).filter(({ summary }) => summary === 'udp len 5');
    expect(rows.map(({ state, lastSeen }) => `${state} ${lastSeen}`)).toEqual([
      `lost ${FLANNEL_A}`,
      `delivered ${VETH_B}`,
    ]);
  });

  it('an ICMP error made on the way explains a lost packet and does not deliver it', async () => {
    const net = lab();
    net.pings(1, 9);
    net.ping(10, 1000, { upTo: CNI_A });
    net.pings(11, 20);
    const bridge = net.network.endpoints.find(({ kind, node }) => kind === 'bridge' && node === 'node1')!;
    const quoted = octetsOf(
      ipv4({ src: net.a.address, dst: net.b.address, id: 1010, df: true, ttl: 64 }, icmpEcho({ id: 7, seq: 10 })),
    );
    net.send(1000.2, { from: bridge, to: net.a, id: 5, df: false }, icmpError({ type: 3, code: 13 }, quoted));
    net.noise(3000);
    expect(await net.row(echoRequest(10))).toMatchObject({ ...LOST, certainty: 'shown' });
  });

  it('near miss: an ICMP error made by the destination itself shows arrival', async () => {
    const net = lab();
    net.pings(1, 20);
    net.datagram(1050, 44, 'closed');
    const quoted = octetsOf(
      ipv4(
        { src: net.a.address, dst: net.b.address, id: 44, df: true, ttl: 62 },
        udp({ srcPort: 40_123, dstPort: 9000 }, new TextEncoder().encode('closed')),
      ),
    );
    net.send(1050.1, { from: net.b, to: net.a, id: 6, df: false }, icmpError({ type: 3, code: 3 }, quoted));
    net.noise(3000);
    expect(await net.row('udp len 6')).toMatchObject({ state: 'delivered', lastSeen: VETH_B });
  });
});
