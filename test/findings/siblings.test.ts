import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import type { Differs, Finding } from '../../src/report/report.js';
import { icmpEcho, ipv4 } from '../support/packets.js';
import { echo, Lab, POD } from './encapsulation-support.js';

const LOST = 1_000_000;
const UNTIL = 'b/eth0';

async function lossIn(lab: Lab): Promise<Finding> {
  const { findings } = await lab.diagnose();
  const finding = findings.find(({ kind }) => kind === 'request-lost');
  expect(finding).toBeDefined();
  return finding!;
}

/** `field: there > here` */
function fieldsOf(differs: Differs | undefined): string[] | null {
  return differs === undefined ? null : differs.fields.map(({ field, there, here }) => `${field}: ${there} > ${here}`);
}

describe('good against bad in the samples', () => {
  const SAMPLE = 'samples/sopnode-broken-ping';
  interface Truth {
    nodes: Record<string, { ip: string }>;
    nat_at_faraday: { reply: { dst: string } }[];
    expected: {
      what: string;
      verdict: string;
      match: Record<string, unknown>;
      points: { point: string; frames: number[] }[];
    }[];
  }

  it('the broken ping differs from the other one in its outer source, which a NAT box wrote', async () => {
    const truth = JSON.parse(readFileSync(`${SAMPLE}/truth.json`, 'utf8')) as Truth;
    const [first] = (await diagnose([SAMPLE])).findings;
    const { point, passes, fields, here, there } = first!.differs!;
    expect([point, ...passes]).toEqual(['w2/eth0', 'w2/eth0', 'w2/vxlan.calico']);
    // truth.json: the address of w3, and what faraday's connection tracking has as the tunnel's source.
    expect(fields[0]).toEqual({
      field: 'outer source',
      there: truth.nodes['w3']!.ip,
      here: truth.nat_at_faraday[0]!.reply.dst,
    });
    const framesOf = (src: string, verdict: string): number[] =>
      truth.expected
        .filter((row) => row.verdict === verdict && row.match['src'] === src && row.match['icmp_type'] === 8)
        .flatMap((row) => row.points.find((each) => each.point === 'w2/eth0')?.frames ?? []);
    expect(framesOf('10.245.208.68', 'lost')).toContain(here.frame);
    expect(framesOf('10.244.210.198', 'delivered')).toContain(there.frame);
  });

  it('a policy on a port: the same way works for another port', async () => {
    const [first] = (await diagnose(['samples/networkpolicy-drop'])).findings;
    expect(fieldsOf(first!.differs)).toEqual(['destination port: 80 > 8080']);
  });

  it('a reply that turns round: one to the node itself goes on inwards', async () => {
    const { findings } = await diagnose(['samples/nat-return-unroutable']);
    const differs = findings.find(({ kind }) => kind === 'reply-lost')?.differs;
    expect(differs?.passes).toEqual(['faraday/eth0', 'faraday/eth1']);
    // eth.dst and eth.src of a SYN,ACK to the node (frame 5) and of one that turns round (16) in faraday__eth0.pcap, as tshark reads them
    expect(fieldsOf(differs)?.slice(0, 2)).toEqual([
      'destination MAC address: 76:b0:cd:9e:4f:11 > 92:16:a6:1c:9a:b8',
      'source MAC address: 92:16:a6:1c:9a:b8 > 76:b0:cd:9e:4f:11',
    ]);
  });

  it('none of its kind came through', async () => {
    const { findings } = await diagnose(['samples/gravity-forwarding-off']);
    expect(findings.filter(({ differs }) => differs !== undefined)).toEqual([]);
  });
});

describe('good against bad, field by field', () => {
  it.each([
    ['outer source', { outer: {}, arriving: { src: '198.51.100.9' } }, ['outer source: 192.0.2.10 > 198.51.100.9']],
    ['VNI', { outer: { vni: 77 } }, ['VNI: 4096 > 77']],
    ['outer UDP port', { outer: { port: 8472 } }, ['outer UDP port: 4789 > 8472']],
    ['outer ECN', { outer: {}, arriving: { tos: 3 } }, ['outer ECN: 0 > 3']],
    [
      'inner destination MAC address',
      { innerDestination: '66:00:00:00:00:99' },
      ['destination MAC address: 66:00:00:00:00:0b > 66:00:00:00:00:99'],
    ],
    [
      'destination MAC address',
      { outer: {}, arriving: { frameDestination: '02:00:00:00:00:99' } },
      ['destination MAC address: 02:00:00:00:01:0b > 02:00:00:00:00:99'],
    ],
  ])('%s', async (_, sending, meant) => {
    const lab = new Lab().healthy().send({ time: LOST, packet: echo(900), until: UNTIL, ...sending });
    expect(fieldsOf((await lossIn(lab)).differs)).toEqual(meant);
  });

  it('TTL, DSCP and DF of the packet itself', async () => {
    const packet = (ttl: number) =>
      ipv4({ src: POD.a, dst: POD.b, ttl: ttl - 20, id: 900, tos: 0x28 }, icmpEcho({ id: 900, seq: 1 }));
    const lab = new Lab().healthy().send({ time: LOST, packet, until: UNTIL });
    const { differs } = await lossIn(lab);
    expect(differs!.point).toBe('a/cali1');
    expect(fieldsOf(differs)).toEqual(['TTL: 64 > 44', 'DSCP: 0 > 10', 'DF: set > not set']);
  });

  it('a length that was too much for somebody', async () => {
    const lab = new Lab().healthy().send({ time: LOST, packet: echo(900, 1400), until: UNTIL });
    // 20 octets of IPv4, 8 of ICMP, and 56 of data as ping sends them.
    expect(fieldsOf((await lossIn(lab)).differs)).toEqual(['length: 84 > 1428']);
  });
});

describe('near misses stay silent', () => {
  it('nothing differs: a loss now and then', async () => {
    const lab = new Lab().healthy().send({ time: LOST, packet: echo(900, 0), until: UNTIL });
    expect((await lossIn(lab)).differs).toBeUndefined();
  });

  it('one that differs and one that does not: the difference is not it', async () => {
    const lab = new Lab()
      .healthy()
      .ping(LOST - 20_000, 800, { outer: { tos: 0x10 } })
      .send({ time: LOST, packet: echo(900, 0), until: UNTIL });
    expect((await lossIn(lab)).differs).toBeUndefined();
  });

  it('a few octets more or less', async () => {
    const lab = new Lab().healthy().send({ time: LOST, packet: echo(900, 100), until: UNTIL });
    expect((await lossIn(lab)).differs).toBeUndefined();
  });

  it('only packets of the other direction came through', async () => {
    const lab = new Lab();
    for (const [i, time] of [0, 100e3, 5e6, 60e6].entries()) lab.ping(time, 100 + 4 * i, { from: 'b' });
    lab.send({ time: LOST, packet: echo(900), until: UNTIL, outer: { vni: 77 } });
    expect((await lossIn(lab)).differs).toBeUndefined();
  });

  it('none that works was answered', async () => {
    const lab = new Lab();
    for (const [i, time] of [0, 100e3, 60e6].entries()) lab.ping(time, 100 + 4 * i, {}, null);
    lab.send({ time: LOST, packet: echo(900), until: UNTIL, outer: { vni: 77 } });
    const { findings } = await lab.diagnose();
    expect(findings.filter(({ differs }) => differs !== undefined)).toEqual([]);
  });

  it('one that worked long before', async () => {
    const lab = new Lab();
    for (const [i, time] of [0, 1e6].entries()) lab.ping(time, 100 + 4 * i);
    lab.send({ time: 70e6, packet: echo(900), until: UNTIL, outer: { vni: 77 } });
    lab.send({
      from: 'b',
      time: 71e6,
      packet: (ttl) => ipv4({ src: POD.b, dst: POD.a, ttl, id: 5 }, icmpEcho({ id: 9, seq: 1 })),
    });
    const { findings } = await lab.diagnose();
    expect(findings.filter(({ differs }) => differs !== undefined)).toEqual([]);
  });

  it('a sum that is left to a card is no difference', async () => {
    // The sample's DNS queries leave with unfinished sums, which the NAT box does not finish.
    const { findings } = await diagnose(['samples/dns-from-wireless-pods']);
    const fields = findings.flatMap(({ differs }) => (differs?.fields ?? []).map(({ field }) => field));
    expect(fields).toEqual(['outer source', 'outer TTL']);
  });
});

describe('a box on the way that drops what is long', () => {
  it('forwards, as the same way of shorter packets shows; and rules about the packet inside say nothing of it', async () => {
    const { findings } = await diagnose(['samples/outer-nat']);
    const [loss] = findings.filter(({ nextExpected }) => nextExpected === 'faraday/eth0');
    const kinds = loss!.causes.map(({ kind }) => kind);
    expect(kinds).toContain('netpol-drop');
    expect(kinds).not.toContain('ip-forward-off');
    // faraday/iptables-save.txt drops them by their length
    expect(JSON.stringify(loss!.causes)).not.toContain('refuted');
  });
});

describe('losses that are none', () => {
  it('a segment that the host where it was last seen answers by a RST is told by the check of resets only', async () => {
    const { findings } = await diagnose(['samples/rst-one-way-conntrack']);
    expect(findings.map(({ kind }) => kind)).toEqual(['rst-one-way-conntrack']);
  });

  /** A frame for a third node, which a switch floods to node b. */
  const flooded = (outer: { dst: string; frameDestination: string }): Lab =>
    new Lab().healthy().send({
      time: LOST,
      packet: (ttl) => ipv4({ src: POD.a, dst: '10.244.3.3', ttl, id: 900 }, icmpEcho({ id: 9, seq: 1 })),
      until: UNTIL,
      outer,
    });

  it('a tunnel between two other nodes', async () => {
    const { findings } = await flooded({ dst: '192.0.2.30', frameDestination: '02:00:00:00:01:0c' }).diagnose();
    expect(findings).toEqual([]);
  });

  it('but a packet that is tunnelled to this node and not taken in is lost here', async () => {
    const { findings } = await flooded({ dst: '192.0.2.20', frameDestination: '02:00:00:00:01:0b' }).diagnose();
    expect(findings).toMatchObject([{ kind: 'request-lost', nextExpected: 'b/vxlan.calico' }]);
  });
});
