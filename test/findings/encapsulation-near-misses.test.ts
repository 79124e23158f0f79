import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { calicoVtepMac } from '../../src/findings/encapsulation/calico-mac.js';
import { macText } from '../../src/findings/encapsulation/facts.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, icmpEcho, icmpError, ipv4, octetsOf, tcp, udp, type Part, synOptions } from '../support/packets.js';
import { echo, ENDPOINT, Lab, POD, wrapped } from './encapsulation-support.js';
import { runs } from '../support/runs.js';

const LOST = { until: 'b/eth0' } as const;

/** A healthy overlay with a packet from a to b that stops somewhere. */
function lab(): Lab {
  return new Lab().healthy();
}

describe('a healthy overlay', () => {
  it('has no finding', async () => {
    const { findings, counts } = await lab().diagnose();
    expect(findings).toEqual([]);
    expect(counts.verdicts).toMatchObject({ answered: 12 });
  });
});

describe('vxlan-ecn-ce-drop', () => {
  it('congestion mark on a tunnel whose packet does not take part', async () => {
    const [finding] = await lab()
      .ping(1e6, 900, { ...LOST, outer: { tos: 3 } })
      .findings('vxlan-ecn-ce-drop');
    expect(finding).toMatchObject({
      severity: 'warning',
      lastSeen: { point: 'b/eth0' },
      nextExpected: 'b/vxlan.calico',
    });
  });

  it.each([
    ['the packet arrives', lab().ping(1e6, 900, { outer: { tos: 3 } })],
    ['the packet inside takes part', lab().send({ time: 1e6, packet: echo(900, 56, 2), outer: { tos: 3 }, ...LOST })],
    ['lost without a mark', lab().ping(1e6, 900, LOST)],
  ])('not when %s', async (_, near) => {
    expect(await near.findings('vxlan-ecn-ce-drop')).toEqual([]);
  });
});

describe('vxlan-udp-checksum-bad', () => {
  it('wrong where it comes in, and gone', async () => {
    const [finding] = await lab()
      .ping(1e6, 900, { ...LOST, outer: { checksum: 0x1234 } })
      .findings('vxlan-udp-checksum-bad');
    expect(finding).toMatchObject({ certainty: 'shown', lastSeen: { point: 'b/eth0' } });
  });

  it.each([
    ['right', 'good'],
    ['left to the card', 'partial'],
    ['none', 0],
  ] as const)('not when the sum is %s', async (_, checksum) => {
    const near = lab().ping(1e6, 900, { ...LOST, outer: { checksum } });
    expect(await near.findings('vxlan-udp-checksum-bad')).toEqual([]);
  });

  it('not when the packet arrives, or the inner sum is unfinished, too', async () => {
    expect(
      await lab()
        .ping(1e6, 900, { outer: { checksum: 0x1234 } })
        .findings('vxlan-udp-checksum-bad'),
    ).toEqual([]);
    const unfinished = (ttl: number): Part =>
      ipv4(
        { src: POD.a, dst: POD.b, ttl, id: 901 },
        udp({ srcPort: 5000, dstPort: 6000, checksum: 'partial' }, new Uint8Array(20)),
      );
    const near = lab().send({ time: 1e6, packet: unfinished, outer: { checksum: 0x1234 }, ...LOST });
    expect(await near.findings('vxlan-udp-checksum-bad')).toEqual([]);
  });
});

describe('vxlan-reserved-bits', () => {
  it('found on packets that are not unwrapped, and not on those that are', async () => {
    expect(
      await lab()
        .ping(1e6, 900, { ...LOST, outer: { flags: 0x88 } })
        .findings('vxlan-reserved-bits'),
    ).toHaveLength(1);
    expect(
      await lab()
        .ping(1e6, 900, { outer: { flags: 0x88 } })
        .findings('vxlan-reserved-bits'),
    ).toEqual([]);
  });
});

describe('vxlan-src-mac-self', () => {
  it('found where source and destination are one, and not otherwise', async () => {
    const same = lab().ping(1e6, 900, { ...LOST, innerSource: '66:00:00:00:00:0b' });
    expect(await same.findings('vxlan-src-mac-self')).toHaveLength(1);
    expect(await lab().ping(1e6, 900, LOST).findings('vxlan-src-mac-self')).toEqual([]);
  });
});

describe('icmp-redirect', () => {
  it('told once, with the next hop it names; not of other errors', async () => {
    const about = (type: number, gateway?: string): Lab => {
      const near = lab();
      for (const [i, point] of ['a/cali1', 'a/eth0', 'a/cali1'].entries()) {
        const fields = { type, code: 1, ...(gateway === undefined ? {} : { gateway }) };
        const quoted = ipv4({ src: POD.a, dst: '198.51.100.7', id: 5 }, icmpEcho({ id: 5, seq: 1 }));
        const octets = ethernet({}, ipv4({ src: '192.0.2.1', dst: POD.a, id: 9 + i }, icmpError(fields, quoted)));
        near.at(point, 1e6 + i * 1000, octets);
      }
      return near;
    };
    const [finding, ...more] = await about(5, '192.0.2.99').findings('icmp-redirect');
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: 'info', certainty: 'shown', count: 2 });
    expect(finding!.title).toBe(
      '192.0.2.1 tells 10.244.1.2 to send what is for 198.51.100.7 to 192.0.2.99 instead, seen at a/cali1',
    );
    expect(finding!.causes[0]!.next).toBe(
      'ip route get 198.51.100.7; sysctl net.ipv4.conf.all.accept_redirects   # on a',
    );
    expect(await about(3).findings('icmp-redirect')).toEqual([]);
  });
});

describe('vtep-mac-duplicate', () => {
  const MAC = { a: '66:00:00:00:00:0a', b: '66:00:00:00:00:0b' } as const;
  const THIRD = { endpoint: '192.0.2.30', pod: '10.244.3.2' } as const;

  interface Third {
    readonly mac?: string;
    /** MAC address to which b sends what is for it. */
    readonly known?: string;
    readonly pod?: string;
    /** Seconds after the start. */
    readonly at?: number;
  }

  /** b, between what it exchanges with a, exchanges packets with a third node, as its underlay interface sees it. */
  function withThird({ mac = MAC.a, known = mac, pod = THIRD.pod, at = 1 }: Third): Lab {
    const near = lab();
    const { endpoint } = THIRD;
    const packet = (id: number, reply: boolean, ttl: number): Part =>
      ipv4(
        { ...(reply ? { src: POD.b, dst: pod } : { src: pod, dst: POD.b }), ttl, id },
        icmpEcho({ reply, id: 800, seq: id }),
      );
    for (let i = 0; i < 3; i++) {
      const time = at * 1e6 + i * 1000;
      const request = ethernet({ src: mac, dst: MAC.b }, packet(i, false, 63));
      const reply = ethernet({ src: MAC.b, dst: known }, packet(i, true, 63));
      near.at('b/eth0', time, wrapped('a', 'b', { src: endpoint }, 63, request));
      near.at('b/eth0', time + 300, wrapped('b', 'a', { dst: endpoint }, 64, reply));
    }
    return near;
  }

  it('two endpoints, each sent to with the address that both send from', async () => {
    const [finding, ...more] = await withThird({}).findings('vtep-mac-duplicate');
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'shown' });
    expect(finding!.title).toBe(
      'the tunnel devices of 192.0.2.10 and 192.0.2.30 have one MAC address, 66:00:00:00:00:0a (VNI 4096, seen at b/eth0)',
    );
    expect(finding!.causes[0]!.next).toContain('# on 192.0.2.10 and on 192.0.2.30');
    expect(new Set(finding!.evidence.map(({ point }) => point))).toEqual(new Set(['b/eth0']));
  });

  it.each([
    ['each has its own', { mac: '66:00:00:00:00:0c' }],
    ['only the source is shared, as of routers with one address everywhere', { known: '66:00:00:00:00:0c' }],
    ['the same pod sends from both, as behind a translation of the outer source', { pod: POD.a }],
    ['one endpoint came after the other, as when a node changes its address', { at: 120 }],
  ] satisfies [string, Third][])('not when %s', async (_, third) => {
    expect(await withThird(third).findings('vtep-mac-duplicate')).toEqual([]);
  });
});

describe('vxlan-vni-mismatch', () => {
  it('a number that the receiver never sends', async () => {
    const [finding] = await lab()
      .ping(1e6, 900, { ...LOST, outer: { vni: 1 } })
      .findings('vxlan-vni-mismatch');
    expect(finding).toMatchObject({ certainty: 'likely', severity: 'error' });
    expect(finding!.title).toContain('4096');
  });

  it('not where numbers are identities of workloads', async () => {
    const cilium = lab();
    for (let vni = 10; vni < 16; vni++)
      cilium.ping(2e6 + vni * 1e4, 300 + 2 * vni, { outer: { vni } }, { outer: { vni: vni + 100 } });
    expect(await cilium.ping(1e6, 900, { ...LOST, outer: { vni: 77 } }).findings('vxlan-vni-mismatch')).toEqual([]);
  });
});

describe('vtep-mac-mismatch', () => {
  const until = 'b/vxlan.calico';

  it('a MAC address that the receiver does not have', async () => {
    const wrong = lab().ping(1e6, 900, { until, innerDestination: '66:00:00:00:00:99' });
    const { findings } = await wrong.diagnose();
    expect(findings.find(({ kind }) => kind === 'vtep-mac-mismatch')).toMatchObject({ certainty: 'shown' });
    expect(findings.find(({ kind }) => kind === 'request-lost')!.causes[0]!.kind).toBe('vtep-mac-mismatch');
  });

  it('not when the MAC address is right', async () => {
    const { findings } = await lab().ping(1e6, 900, { until }).diagnose();
    expect(findings.map(({ kind }) => kind)).not.toContain('vtep-mac-mismatch');
    expect(findings[0]!.causes.map(({ kind }) => kind)).not.toContain('vtep-mac-mismatch');
  });

  it("Calico's MAC addresses of nodes", () => {
    expect(macText(calicoVtepMac('sopnode-w2.inria.fr'))).toBe('66:1a:d8:0c:b3:e9');
    expect(macText(calicoVtepMac('fit01'))).toBe('66:6c:82:3e:ce:93');
  });
});

/** An ICMP error on the underlay of b, and where it comes out at a. */
function withError(type: number, code: number, sender: string, quoted: Part, near = lab()): Lab {
  const error = (ttl: number): Part =>
    ipv4({ src: sender, dst: ENDPOINT.a, ttl, id: 50 }, icmpError({ type, code }, quoted));
  const frame = (ttl: number): Uint8Array =>
    ethernet({ src: '02:00:00:00:01:0b', dst: '02:00:00:00:01:0a' }, error(ttl));
  return near.at('b/eth0', 1e6 + 100, frame(64)).at('a/eth0', 1e6 + 130, frame(63));
}

/** The tunnel packet of a lost ping as a part, to quote. */
function tunnelled(id: number, port = 4789): Part {
  const octets = wrapped(
    'a',
    'b',
    { port },
    63,
    ethernet({ src: '66:00:00:00:00:0a', dst: '66:00:00:00:00:0b' }, echo(id)(63)),
  );
  return { octets: octets.subarray(14), number: 0x0800, checksumAt: -1, partial: false };
}

describe('host-firewall-reject', () => {
  it('the node prohibits the tunnel packet', async () => {
    const { findings } = await withError(3, 13, ENDPOINT.b, tunnelled(900), lab().ping(1e6, 900, LOST)).diagnose();
    expect(findings.map(({ kind }) => kind)).toContain('host-firewall-reject');
    const lost = findings.find(({ kind }) => kind === 'request-lost')!;
    expect(lost.causes[0]!.kind).toBe('host-firewall-reject');
  });

  it('a router between prohibits it: another cause', async () => {
    const { findings } = await withError(3, 13, '198.51.100.1', tunnelled(900), lab().ping(1e6, 900, LOST)).diagnose();
    expect(findings.map(({ kind }) => kind)).not.toContain('host-firewall-reject');
    expect(findings.map(({ kind }) => kind)).toContain('underlay-blocks-tunnel');
  });

  it('not when the error quotes a packet that is in no tunnel', async () => {
    const quoted = ipv4({ src: ENDPOINT.a, dst: ENDPOINT.b }, udp({ srcPort: 40_000, dstPort: 9 }, new Uint8Array(8)));
    expect(await withError(3, 13, ENDPOINT.b, quoted).findings('host-firewall-reject')).toEqual([]);
  });
});

describe('vxlan-port-mismatch', () => {
  it('port unreachable from the tunnel endpoint', async () => {
    const outer = { port: 8472 };
    const fault = withError(3, 3, ENDPOINT.b, tunnelled(900, 8472), lab().ping(1e6, 900, { ...LOST, outer }));
    const { findings } = await fault.diagnose();
    expect(findings.find(({ kind }) => kind === 'vxlan-port-mismatch')!.title).toContain('4789');
    expect(findings.find(({ kind }) => kind === 'request-lost')!.causes[0]!.kind).toBe('vxlan-port-mismatch');
  });

  it('not when another UDP port is closed', async () => {
    const quoted = ipv4({ src: ENDPOINT.a, dst: ENDPOINT.b }, udp({ srcPort: 40_000, dstPort: 53 }, new Uint8Array(8)));
    expect(await withError(3, 3, ENDPOINT.b, quoted).findings('vxlan-port-mismatch')).toEqual([]);
  });
});

describe('vtep-source-nated', () => {
  const arriving = { src: '203.0.113.5' };

  it('one packet with two outer sources', async () => {
    const [finding] = await lab().ping(1e6, 900, { arriving }).findings('vtep-source-nated');
    expect(finding).toMatchObject({ certainty: 'shown', severity: 'error' });
    expect(finding!.title).toContain('from 192.0.2.10 to 203.0.113.5 between a/eth0 and b/eth0');
  });

  it('not when each packet keeps its own', async () => {
    expect(await lab().ping(1e6, 900, { outer: arriving }).findings('vtep-source-nated')).toEqual([]);
  });
});

describe('vtep-return-unroutable', () => {
  /** Replies go to the address behind the translation, and a router says that there is no way. */
  function unroutable(times: number): Lab {
    const near = lab();
    for (let i = 0; i < times; i++) {
      const time = 1e6 + i * 1e6;
      near.ping(time, 900 + 2 * i, { outer: { src: '203.0.113.5' } }, { until: 'b/eth0' });
      const reply = ipv4(
        { src: POD.b, dst: POD.a, ttl: 63, id: 901 + 2 * i },
        icmpEcho({ reply: true, id: 900 + 2 * i, seq: 1 }),
      );
      const quoted = wrapped(
        'b',
        'a',
        {},
        63,
        ethernet({ src: '66:00:00:00:00:0b', dst: '66:00:00:00:00:0a' }, reply),
      ).subarray(14);
      const error = ipv4({ src: '192.0.2.1', dst: ENDPOINT.b }, icmpError({ type: 3, code: 0 }, quoted));
      near.at('b/eth0', time + 400, ethernet({}, error));
    }
    return near;
  }

  it('told as an error', async () => {
    const found = await unroutable(2).findings('vtep-return-unroutable');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ severity: 'error', count: 2 });
  });

  it('one message of which nothing shows that it lasts is information', async () => {
    const [finding] = await unroutable(1)
      .without('a/eth0', 'a/vxlan.calico', 'a/cali1')
      .findings('vtep-return-unroutable');
    expect(finding).toMatchObject({ severity: 'info' });
  });
});

describe('ARP', () => {
  const gateway = { senderIp: POD.b, senderMac: '0a:00:00:00:00:0b', targetIp: '169.254.1.1' };
  const answer = { operation: 2, senderIp: '169.254.1.1', senderMac: 'ee:ee:ee:ee:ee:ee', targetIp: POD.b };

  it('gateway that does not answer', async () => {
    const near = lab().arp('b/cali2', 1e6, gateway).arp('b/cali2', 2e6, gateway);
    const [finding] = await near.findings('arp-gateway-unanswered');
    expect(finding).toMatchObject({ certainty: 'shown', count: 2 });
    expect(finding!.causes[0]!.next).toContain('net.ipv4.conf.cali2.forwarding');
  });

  it.each([
    [
      'it answers',
      lab()
        .arp('b/cali2', 1e6, gateway)
        .arp('b/cali2', 2e6, gateway)
        .arp('b/cali2', 2e6 + 9, answer),
    ],
    ['asked once, at the end', lab().arp('b/cali2', 60e6, gateway)],
  ])('gateway: not when %s', async (_, near) => {
    expect(await near.findings('arp-gateway-unanswered')).toEqual([]);
  });

  it('on the tunnel device without and with an answer', async () => {
    const ask = { senderIp: '10.244.1.0', senderMac: '66:00:00:00:00:0a', targetIp: '10.244.2.0' };
    const asked = (): Lab => lab().arp('a/vxlan.calico', 1e6, ask).arp('a/vxlan.calico', 2e6, ask);
    expect(await asked().findings('overlay-arp-unresolved')).toHaveLength(1);
    const reply = { operation: 2, senderIp: '10.244.2.0', senderMac: '66:00:00:00:00:0b', targetIp: '10.244.1.0' };
    expect(
      await asked()
        .arp('a/vxlan.calico', 2e6 + 50, reply)
        .findings('overlay-arp-unresolved'),
    ).toEqual([]);
  });

  it('pod that is gone', async () => {
    const ask = { senderIp: ENDPOINT.b, senderMac: 'ee:ee:ee:ee:ee:ee', targetIp: '10.244.2.9' };
    const asked = lab().arp('b/cali2', 1e6, ask).arp('b/cali2', 2e6, ask);
    expect(await asked.findings('pod-gone-arp-fail')).toEqual([]);
    expect(await asked.arp('b/cali2', 3e6, ask).findings('pod-gone-arp-fail')).toHaveLength(1);
    // A pod that was slow to come up has its answer in the end.
    const late = { operation: 2, senderIp: '10.244.2.9', senderMac: '0a:00:00:00:00:0c', targetIp: ENDPOINT.b };
    expect(await asked.arp('b/cali2', 4e6, late).findings('pod-gone-arp-fail')).toEqual([]);
  });

  describe('two machines with one address', () => {
    const [one, two] = ['02:00:00:00:00:31', '02:00:00:00:00:32'];
    const says = (mac: string, operation = 2) => ({
      operation,
      senderIp: '192.0.2.99',
      senderMac: mac,
      targetIp: '192.0.2.10',
    });
    const announces = (mac: string) => ({
      operation: 1,
      senderIp: '192.0.2.99',
      senderMac: mac,
      targetIp: '192.0.2.99',
    });

    it('both answer one request', async () => {
      const near = lab()
        .arp('a/eth0', 1e6, says(one))
        .arp('a/eth0', 1e6 + 200, says(two));
      expect((await near.findings('arp-vip-duplicate'))[0]).toMatchObject({ certainty: 'shown' });
    });

    it('by turns', async () => {
      const near = lab().arp('a/eth0', 1e6, says(one)).arp('a/eth0', 20e6, says(two)).arp('a/eth0', 40e6, says(one));
      expect((await near.findings('arp-vip-duplicate'))[0]).toMatchObject({ certainty: 'likely' });
    });

    it.each([
      [
        'a failover',
        lab().arp('a/eth0', 1e6, says(one)).arp('a/eth0', 20e6, announces(two)).arp('a/eth0', 40e6, says(two)),
      ],
      [
        'a failover at once',
        lab()
          .arp('a/eth0', 1e6, says(one))
          .arp('a/eth0', 1e6 + 9e3, announces(two)),
      ],
      [
        'VRRP beside the host',
        lab()
          .arp('a/eth0', 1e6, says(one))
          .arp('a/eth0', 1e6 + 9, says('00:00:5e:00:01:07')),
      ],
      [
        'proxy ARP',
        lab()
          .arp('a/eth0', 1e6, says(one))
          .arp('a/eth0', 1e6 + 9, { ...says(one), senderIp: '192.0.2.98' }),
      ],
    ])('not %s', async (_, near) => {
      expect(await near.findings('arp-vip-duplicate')).toEqual([]);
    });
  });
});

describe('pod-ip-duplicate', () => {
  const other = { outer: { src: '192.0.2.30' }, innerSource: '66:00:00:00:00:0c', until: 'b/eth0' } as const;
  const own = { until: 'b/eth0' } as const;

  it('one address behind two endpoints by turns', async () => {
    const near = lab().ping(1e6, 900, own).ping(2e6, 902, other).ping(3e6, 904, own);
    expect((await near.findings('pod-ip-duplicate'))[0]).toMatchObject({ certainty: 'shown' });
  });

  it('not a pod that moved, nor an endpoint behind NAT', async () => {
    const moved = new Lab().ping(1e6, 900, own).ping(2e6, 902, other).ping(3e6, 904, other);
    expect(await moved.findings('pod-ip-duplicate')).toEqual([]);
    const nated = { ...own, outer: { src: '203.0.113.5' } };
    const translated = lab().ping(1e6, 900, own).ping(2e6, 902, nated).ping(3e6, 904, own);
    expect(await translated.findings('pod-ip-duplicate')).toEqual([]);
  });
});

describe('ttl-expired-loop', () => {
  const frame = (ttl: number): Uint8Array =>
    ethernet({}, ipv4({ src: POD.a, dst: '10.244.9.9', ttl, id: 4000 }, icmpEcho({ id: 9, seq: 1 })));

  it('three passages', async () => {
    const near = lab();
    for (let i = 0; i < 5; i++) near.at('a/eth0', 1e6 + i * 100, frame(60 - 2 * i));
    expect(await near.findings('ttl-expired-loop')).toHaveLength(1);
  });

  it('not two, as on a bridge', async () => {
    const near = lab()
      .at('a/eth0', 1e6, frame(60))
      .at('a/eth0', 1e6 + 20, frame(59));
    expect(await near.findings('ttl-expired-loop')).toEqual([]);
  });
});

describe('mtu-blackhole-underlay', () => {
  /** Pings of these sizes; those longer than the way carries are lost between the nodes. */
  function sized(sizes: readonly number[], carried: number, alsoLost: readonly number[] = []): Lab {
    const near = lab();
    for (const [i, size] of sizes.entries()) {
      const lost = size > carried || alsoLost.includes(size);
      near.send({ time: 1e6 + i * 1e5, packet: echo(900 + i, size), ...(lost ? { until: 'a/eth0' } : {}) });
    }
    return near;
  }

  it('all that is longer is lost', async () => {
    const [finding] = await sized([100, 1330, 1372, 1380, 1400], 1340).findings('mtu-blackhole-underlay');
    // 1372 octets of data and 8 + 20 + 14 + 8 + 8 + 20 of headers
    expect(finding!.title).toContain('1450 octets and more');
    expect(finding!.title).toContain('up to 1408 octets');
    expect(finding).toMatchObject({ certainty: 'likely', count: 3 });
  });

  it('not when small ones are lost, too, or too few', async () => {
    expect(await sized([100, 1330, 1372, 1380, 1400], 1340, [100]).findings('mtu-blackhole-underlay')).toEqual([]);
    expect(await sized([100, 1330, 1372, 1380], 1340).findings('mtu-blackhole-underlay')).toEqual([]);
  });

  /** A connection seen at the client's pod only, that sends one large segment again and again. */
  function stuck(window: number, acknowledged: number): Lab {
    const near = new Lab();
    const [client, server] = [
      { srcPort: 40_000, dstPort: 80 },
      { srcPort: 80, dstPort: 40_000 },
    ];
    const out = (time: number, id: number, part: Part): Lab =>
      near.at('a/cali1', time, ethernet({}, ipv4({ src: POD.a, dst: POD.b, id }, part)));
    const back = (time: number, id: number, part: Part): Lab =>
      near.at('a/cali1', time, ethernet({}, ipv4({ src: POD.b, dst: POD.a, id, ttl: 62 }, part)));
    out(0, 1, tcp({ ...client, seq: 99, flags: 2, options: synOptions(0, 1410) }));
    back(300, 1, tcp({ ...server, seq: 499, ack: 100, flags: 18 }));
    out(400, 2, tcp({ ...client, seq: 100, ack: 500 }));
    for (const [i, time] of [1e3, 300e3, 800e3, 1.8e6, 3.8e6].entries()) {
      out(time, 3 + i, tcp({ ...client, seq: 100, ack: 500, flags: 24 }, new Uint8Array(1400)));
    }
    back(4e6, 9, tcp({ ...server, seq: 500, ack: acknowledged, window }));
    return near;
  }

  it('one tap: a large segment is never acknowledged by a peer that talks', async () => {
    const [finding, ...more] = await stuck(500, 100).findings('mtu-blackhole-underlay');
    expect(more).toEqual([]);
    // The SYN,ACK of this server has no such option.
    expect(
      finding!.evidence.filter(({ note }) => note.includes('MSS')).map(({ frame, note }) => [frame, note]),
    ).toEqual([[1, `${POD.a} takes segments of up to 1410 octets (MSS), packets of 1450`]]);
  });

  it('one tap: not when the window is closed, or the segment got through in the end', async () => {
    expect(await stuck(0, 100).findings('mtu-blackhole-underlay')).toEqual([]);
    expect(await stuck(500, 1500).findings('mtu-blackhole-underlay')).toEqual([]);
  });
});

describe('mtu-outer-fragments-lost', () => {
  /** Tunnel packets in two fragments at both nodes, but for those that do not arrive. */
  function cut(arriving: readonly boolean[]): Lab {
    const near = lab();
    for (const [i, whole] of arriving.entries()) {
      const octets = wrapped('a', 'b', {}, 64, ethernet({}, echo(900 + i, 1400)(63))).subarray(34);
      const fragment = (ttl: number, from: number, to: number): Uint8Array => {
        const fields = {
          ...{ src: ENDPOINT.a, dst: ENDPOINT.b, ttl, id: 600 + i, protocol: 17 },
          fragmentOffset: from,
        };
        return ethernet({}, ipv4({ ...fields, mf: to < octets.length }, octets.subarray(from, to)));
      };
      const time = 1e6 + i * 1e5;
      near.at('a/eth0', time, fragment(64, 0, 1200)).at('a/eth0', time + 1, fragment(64, 1200, octets.length));
      near.at('b/eth0', time + 20, fragment(63, 0, 1200));
      if (whole) near.at('b/eth0', time + 21, fragment(63, 1200, octets.length));
    }
    return near;
  }

  it('later fragments do not come', async () => {
    const [finding] = await cut([false, false, true]).findings('mtu-outer-fragments-lost');
    expect(finding).toMatchObject({ count: 2, nextExpected: 'b/eth0' });
  });

  it('not when all come, or one is lost by accident', async () => {
    expect(await cut([true, true, true]).findings('mtu-outer-fragments-lost')).toEqual([]);
    expect(await cut([true, false, true]).findings('mtu-outer-fragments-lost')).toEqual([]);
  });

  it('mtu-outer-fragments: told as it is while all come, and not beside what is lost', async () => {
    const { findings } = await cut([true, true, true]).diagnose();
    const [told, ...more] = findings.filter(({ kind }) => kind.startsWith('mtu-'));
    expect(more).toEqual([]);
    // 1400 of data in headers of ICMP 8, IPv4 20, Ethernet 14, VXLAN 8, UDP 8 and IPv4 20; the first fragment has 1200.
    expect(told).toMatchObject({ kind: 'mtu-outer-fragments', severity: 'info', certainty: 'shown', count: 3 });
    expect(told!.title).toBe(
      '3 tunnel packets 192.0.2.10 > 192.0.2.20 of up to 1478 octets are cut into fragments of up to 1220, seen at a/eth0',
    );
    expect(told!.causes[0]!.next).toContain('ip route get 192.0.2.20   # on 192.0.2.10');
    expect(await cut([false, false, true]).findings('mtu-outer-fragments')).toEqual([]);
  });

  it('mtu-outer-fragments: not of packets in fragments that carry no tunnel, nor of whole ones', async () => {
    const bare = lab();
    const fields = { src: ENDPOINT.a, dst: ENDPOINT.b, id: 600, protocol: 17 };
    const octets = octetsOf(ipv4(fields, udp({ srcPort: 5000, dstPort: 6000 }, new Uint8Array(1400)))).subarray(20);
    for (const from of [0, 1200]) {
      const part = octets.subarray(from, from + 1200);
      bare.at('a/eth0', 1e6 + from, ethernet({}, ipv4({ ...fields, fragmentOffset: from, mf: from === 0 }, part)));
    }
    expect(await bare.findings('mtu-outer-fragments')).toEqual([]);
    expect(
      await lab()
        .send({ time: 1e6, packet: echo(900, 1400) })
        .findings('mtu-outer-fragments'),
    ).toEqual([]);
  });
});

describe('datagrams that are refused', () => {
  const datagram = (id: number, port: number, ttl: number, to: string): Part =>
    ipv4({ src: POD.a, dst: to, ttl, id, protocol: 17 }, udp({ srcPort: 40000, dstPort: port }, new Uint8Array(2)));
  /** Datagrams to a port, each with the message of somebody that quotes it, at the sender's own interface. */
  function refused(by: string, port: number, code: number, count = 3, to: string = POD.b): Lab {
    const near = lab();
    for (let i = 0; i < count; i++) {
      const time = 1e6 + i * 1e5;
      near.at('a/cali1', time, ethernet({}, datagram(700 + i, port, 64, to)));
      const message = icmpError({ type: 3, code, quote: 30 }, octetsOf(datagram(700 + i, port, 62, to)));
      near.at('a/cali1', time + 500, ethernet({}, ipv4({ src: by, dst: POD.a, id: 900 + i }, message)));
    }
    return near;
  }

  it('by a node on their way: a firewall, since the destination is there', async () => {
    const { findings } = await refused(ENDPOINT.b, 9000, 3).diagnose();
    const told = findings.filter(({ title }) => title.includes('refuses'));
    expect(told.map(({ severity, count, certainty }) => [severity, count, certainty])).toEqual([
      ['error', 3, 'likely'],
    ]);
    expect(told[0]!.title).toBe(
      `${ENDPOINT.b} refuses 3 datagrams ${POD.a} > ${POD.b}:9000 with ICMP port unreachable`,
    );
    expect(told[0]!.causes.map(({ kind }) => kind)).toEqual(['host-firewall-reject']);
  });

  it('by a node, of an address that nobody has: a service without endpoints is likelier', async () => {
    const [finding] = await refused(ENDPOINT.a, 9000, 3, 3, '10.96.0.10').findings('svc-no-endpoints');
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['svc-no-endpoints', 'host-firewall-reject']);
  });

  it('with "prohibited": a firewall', async () => {
    const [finding] = await refused(ENDPOINT.b, 9000, 13, 1).findings('host-firewall-reject');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'shown', count: 1 });
  });

  it.each<[string, string, number, number]>([
    ['by their destination, where nobody listens', POD.b, 9000, 3],
    ['and are questions, of which the checks of DNS tell', ENDPOINT.b, 53, 3],
    ['and are of a tunnel', ENDPOINT.b, 4789, 3],
    ['because a host cannot be reached', ENDPOINT.b, 9000, 1],
  ])('%s: nothing', async (_, by, port, code) => {
    const { findings } = await refused(by, port, code).diagnose();
    expect(findings.filter(({ title }) => title.includes('refuses'))).toEqual([]);
  });
});

describe('"fragmentation needed"', () => {
  /** The pod's large packets at its own interface, a message, and what it sends after it. */
  function told(later: readonly number[]): Lab {
    const near = lab();
    const large = (id: number, size: number): Part => echo(id, size)(64);
    near.at('a/cali1', 1e6, ethernet({}, large(900, 1472)));
    const message = ipv4(
      { src: ENDPOINT.a, dst: POD.a, id: 3 },
      icmpError({ type: 3, code: 4, mtu: 1450, quote: 548 }, octetsOf(large(900, 1472))),
    );
    near.at('a/cali1', 1e6 + 60, ethernet({}, message));
    for (const [i, size] of later.entries()) near.at('a/cali1', 2e6 + i * 1e5, ethernet({}, large(910 + i, size)));
    return near;
  }

  it('heeded: information', async () => {
    const { findings } = await told([1400, 1400, 1400, 1400]).diagnose();
    expect(findings.filter(({ kind }) => kind.startsWith('mtu')).map(({ kind, severity }) => [kind, severity])).toEqual(
      [['mtu-pod-larger-than-tunnel', 'info']],
    );
  });

  it('what arrives all the same did fit: segments that the kernel cuts up behind the point (offload)', async () => {
    const near = told([]);
    for (let i = 0; i < 4; i++) near.send({ time: 2e6 + i * 1e5, packet: echo(910 + i, 1472) });
    expect(await near.findings('mtu-icmp-ignored')).toEqual([]);
  });

  it('not heeded', async () => {
    const [finding] = await told([1472, 1472, 1472]).findings('mtu-icmp-ignored');
    expect(finding).toMatchObject({ severity: 'error', count: 3 });
  });
});

describe('tunnel-one-way', () => {
  it('the reply comes bare', async () => {
    const bare = (ttl: number): Uint8Array =>
      ethernet({}, ipv4({ src: POD.b, dst: '10.244.1.77', ttl, id: 5 }, icmpEcho({ reply: true, id: 7, seq: 1 })));
    const request = (ttl: number): Part =>
      ipv4({ src: '10.244.1.77', dst: POD.b, ttl, id: 4 }, icmpEcho({ id: 7, seq: 1 }));
    const near = lab()
      .send({ time: 1e6, packet: request })
      .at('b/cali2', 1e6 + 300, bare(64))
      .at('b/eth0', 1e6 + 320, bare(63));
    const [finding] = await near.at('a/eth0', 1e6 + 340, bare(63)).findings('tunnel-one-way');
    expect(finding!.title).toContain('10.244.1.77 > 10.244.2.2');
  });
});

describe('route-missing-clear-text', () => {
  const bare = (ttl: number): Uint8Array =>
    ethernet({}, ipv4({ src: POD.a, dst: '10.244.2.44', ttl, id: 6 }, icmpEcho({ id: 8, seq: 1 })));

  it('a packet between pods is bare on the underlay, and seen nowhere behind it', async () => {
    const near = lab()
      .at('a/cali1', 1e6, bare(64))
      .at('a/eth0', 1e6 + 20, bare(63));
    expect(await near.findings('route-missing-clear-text')).toHaveLength(1);
  });

  it('not where pods are routed without a tunnel, nor towards the world', async () => {
    const routed = lab()
      .at('a/cali1', 1e6, bare(64))
      .at('a/eth0', 1e6 + 20, bare(63))
      .at('b/eth0', 1e6 + 40, bare(63));
    expect(await routed.findings('route-missing-clear-text')).toEqual([]);
    const world = (ttl: number): Uint8Array =>
      ethernet({}, ipv4({ src: POD.a, dst: '198.51.100.7', ttl, id: 6 }, icmpEcho({ id: 8, seq: 1 })));
    const out = lab()
      .at('a/cali1', 1e6, world(64))
      .at('a/eth0', 1e6 + 20, world(63));
    expect(await out.findings('route-missing-clear-text')).toEqual([]);
  });
});

describe('mac-mismatch-next-hop', () => {
  it("another machine's MAC address on frames for the node", async () => {
    const near = lab().ping(1e6, 900, { ...LOST, arriving: { frameDestination: '02:00:00:00:01:77' } });
    expect(await near.findings('mac-mismatch-next-hop')).toHaveLength(1);
    expect(await lab().ping(1e6, 900, LOST).findings('mac-mismatch-next-hop')).toEqual([]);
  });
});

describe('tunnel packets of which none comes in', () => {
  /** ARP between the two nodes, and tunnel packets that only the sender's interface shows. */
  function sent(size: number, arpTime = 0): Lab {
    const near = new Lab().without('a/cali1', 'a/vxlan.calico', 'b/vxlan.calico', 'b/cali2');
    const ask = { senderIp: ENDPOINT.a, senderMac: '02:00:00:00:01:0a', targetIp: ENDPOINT.b };
    const reply = { operation: 2, senderIp: ENDPOINT.b, senderMac: '02:00:00:00:01:0b', targetIp: ENDPOINT.a };
    near
      .arp('a/eth0', 0, ask)
      .arp('a/eth0', 50, reply)
      .arp('b/eth0', arpTime + 20, ask)
      .arp('b/eth0', arpTime + 30, reply);
    for (let i = 0; i < 3; i++)
      near.at('a/eth0', 100 + i * 1e5, wrapped('a', 'b', {}, 64, ethernet({}, echo(900 + i, size)(63))));
    return near;
  }

  it('large ones: too small an MTU or a filter', async () => {
    const [finding] = await sent(1400).findings('encapsulation');
    expect(finding).toMatchObject({ nextExpected: 'b/eth0', certainty: 'likely' });
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['mtu-blackhole-underlay', 'underlay-blocks-tunnel']);
  });

  it('small ones: a filter', async () => {
    const [finding] = await sent(56).findings('encapsulation');
    expect(finding!.causes.map(({ kind }) => kind)).toEqual(['underlay-blocks-tunnel']);
  });

  it('not when the other side was captured at another time, or something did come in', async () => {
    expect(await sent(56, 3600e6).findings('encapsulation')).toEqual([]);
    const some = sent(56).at('b/eth0', 1e5 + 150, wrapped('a', 'b', {}, 63, ethernet({}, echo(901)(63))));
    expect(await some.findings('encapsulation')).toEqual([]);
  });
});

describe('any octets', () => {
  it('never throw', async () => {
    const frame = wrapped('a', 'b', {}, 64, ethernet({}, echo(900)(63)));
    const changes = fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 6 }), async (frames) => {
        const octets = frames.map((list, i) => {
          const changed = new Uint8Array(frame);
          for (const [at, value] of list) changed[at] = value;
          return { seconds: 1_795_000_000 + i, nanoseconds: 0, octets: changed };
        });
        const source = writePcap(octets);
        await diagnose([
          { point: 'a/eth0', source },
          { point: 'b/eth0', source: writePcap([]) },
        ]);
      }),
      runs(60),
    );
  });
});

describe('an address sweep', () => {
  it('is told of in a bounded number of findings', async () => {
    const near = lab();
    for (let host = 10; host < 110; host++) {
      for (let i = 0; i < 3; i++) {
        const ask = { senderIp: ENDPOINT.b, senderMac: 'ee:ee:ee:ee:ee:ee', targetIp: `10.244.2.${host}` };
        near.arp('b/cali2', 1e6 + i * 1e6 + host, ask);
      }
    }
    const found = await near.findings('pod-gone-arp-fail');
    expect(found).toHaveLength(32);
    expect(found.some(({ title }) => title.endsWith('(and 68 more of this kind)'))).toBe(true);
  });
});
