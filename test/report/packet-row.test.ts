import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetLine } from '../../src/report/packet-line.js';
import { packetRow, type PacketMeta } from '../../src/report/packet-row.js';
import { PacketView } from '../../src/wire/packet.js';
import { MADE_FRAMES } from '../oracle/made.js';
import type { MadeFrame } from '../oracle/made-parts.js';
import { ethernet, hex, icmpError, ipv4, join, overVxlan, tcp, udp, view } from '../support/packets.js';
import { runs } from '../support/runs.js';

const META: PacketMeta = {
  point: 'node1/eth0',
  file: 'node1__eth0.pcap',
  frame: 7,
  seconds: 1_795_226_754,
  nanoseconds: 391_232_000,
  interfaceName: null,
};

function decoded(octets: Uint8Array, linkType = 1, captured = octets.length): PacketView {
  const packet = new PacketView();
  const kept = octets.slice(0, captured);
  packet.decodeFrame(kept, view(kept), 0, captured, octets.length, linkType);
  return packet;
}

function rowOf(octets: Uint8Array, linkType = 1, captured = octets.length): Record<string, unknown> {
  return packetRow(decoded(octets, linkType, captured), META);
}

function made(name: string): Uint8Array {
  return MADE_FRAMES.find((frame) => frame.name === name)!.octets;
}

const ADDRESSES = { src: '10.0.0.1', dst: '10.0.0.2' };

describe('a row', () => {
  it('says where the frame is from, and when', () => {
    const octets = made('echo request');
    expect(rowOf(octets)).toMatchObject({
      point: 'node1/eth0',
      file: 'node1__eth0.pcap',
      'frame.number': 7,
      'frame.time_epoch': '1795226754.391232000',
      'frame.cap_len': octets.length,
      'frame.len': octets.length,
      'frame.protocols': 'eth:ip:icmp',
    });
    expect(rowOf(octets)).not.toHaveProperty('frame.interface_name');
    const early = { ...META, seconds: 5, nanoseconds: 42, interfaceName: 'cni0' };
    expect(packetRow(decoded(octets, 1, 30), early)).toMatchObject({
      'frame.time_epoch': '5.000000042',
      'frame.cap_len': 30,
      'frame.len': octets.length,
      'frame.interface_name': 'cni0',
    });
  });

  it('has values of one layer alone, of several outermost first, and no key for none', () => {
    const bare = rowOf(made('echo request'));
    expect(bare).toMatchObject({ 'ip.src': '10.244.1.7', 'ip.id': 0x1234, 'icmp.ident': 0x1e17, 'icmp.seq': 3 });
    expect(bare).not.toHaveProperty('vxlan.vni');
    expect(bare).not.toHaveProperty('quoted');
    expect(bare).not.toHaveProperty('problems');
    const tunnelled = rowOf(made('VXLAN'));
    expect(tunnelled).toMatchObject({
      'frame.protocols': 'eth:ip:udp:vxlan:eth:ip:icmp',
      'ip.src': ['192.0.2.1', '10.244.1.7'],
      'ip.proto': [17, 1],
      'udp.dstport': 4789,
      'vxlan.vni': 4096,
    });
  });

  it('has fragment offsets in octets, flags and identifiers as numbers', () => {
    expect(rowOf(made('later fragment'))).toMatchObject({ 'ip.frag_offset': 1480, 'ip.flags.mf': 0, 'ip.id': 9 });
    expect(rowOf(made('TCP SYN'))).toMatchObject({ 'tcp.flags': 2, 'tcp.len': 0, 'tcp.seq_raw': 0xfffffff0 });
  });

  it('names an encapsulation the Wireshark way', () => {
    expect(rowOf(made('QinQ'))).toMatchObject({ 'frame.protocols': 'eth:vlan:vlan:ip:icmp', 'vlan.id': [5, 4094] });
    const v2 = MADE_FRAMES.find((frame) => frame.name === 'cooked v2')!;
    expect(rowOf(v2.octets, v2.linkType)).toMatchObject({ 'frame.protocols': 'sll:ip:tcp', 'sll.ifindex': 10 });
    const igmp = ethernet({}, ipv4({ ...ADDRESSES, protocol: 2 }, new Uint8Array(8)));
    expect(rowOf(igmp)['frame.protocols']).toBe('eth:ip:igmp');
    const unnamed = ethernet({}, ipv4({ ...ADDRESSES, protocol: 253 }, new Uint8Array(8)));
    expect(rowOf(unnamed)['frame.protocols']).toBe('eth:ip');
  });
});

describe('quoted headers', () => {
  it('are under "quoted", with the names they have anywhere', () => {
    const row = rowOf(made('fragmentation needed'));
    expect(row).toMatchObject({ 'ip.proto': 1, 'icmp.mtu': 1400 });
    expect(row).not.toHaveProperty('tcp.srcport');
    expect(row['quoted']).toMatchObject({ 'frame.protocols': 'ip:tcp', 'ip.proto': 6, 'tcp.srcport': 80 });
  });

  it('show the eight octets of TCP that old routers quote', () => {
    const quoted = rowOf(made('unreachable, 8 octets'))['quoted'];
    expect(quoted).toMatchObject({ 'tcp.srcport': 40_000, 'tcp.dstport': 80, 'tcp.seq_raw': 0xfffffff0 });
    expect(quoted).not.toHaveProperty('tcp.ack_raw');
  });

  it('show a quoted tunnel and, inside it, a quoted error', () => {
    const error = ethernet(
      {},
      ipv4(ADDRESSES, icmpError({ type: 3, code: 1 }, ipv4(ADDRESSES, tcp({ srcPort: 1, dstPort: 2 })))),
    );
    const carried = overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', vni: 5 }, error).subarray(14);
    const row = rowOf(ethernet({}, ipv4(ADDRESSES, icmpError({ type: 3, code: 0 }, carried))));
    expect(row['quoted']).toMatchObject({
      'frame.protocols': 'ip:udp:vxlan:eth:ip:icmp',
      'vxlan.vni': 5,
      'icmp.code': 1,
      quoted: { 'frame.protocols': 'ip:tcp', 'tcp.dstport': 2 },
    });
  });

  it('are no problem, however short', () => {
    for (let length = 0; length <= 60; length += 1) {
      const error = icmpError({ type: 3, code: 1, quote: length }, ipv4(ADDRESSES, tcp({ srcPort: 1, dstPort: 2 })));
      expect(rowOf(ethernet({}, ipv4(ADDRESSES, error)))).not.toHaveProperty('problems');
    }
  });
});

describe('messages', () => {
  it('of DNS over TCP are all listed', () => {
    expect(rowOf(made('DNS over TCP'))).toMatchObject({
      'dns.id': [0x2589, 0x0102],
      'dns.flags.rcode': [0, 3],
      'dns.qry.type': [1, 255],
    });
  });

  it('of DNS are not made up from the middle of a stream', () => {
    const middle = tcp({ srcPort: 53, dstPort: 40_000 }, join(hex('0050'), new Uint8Array(90).fill(0x33)));
    const row = rowOf(ethernet({}, ipv4(ADDRESSES, middle)));
    expect(row).not.toHaveProperty('dns.id');
    expect(row).not.toHaveProperty('problems');
  });

  it('of BGP are all listed', () => {
    expect(rowOf(made('BGP messages'))).toMatchObject({
      'bgp.type': [4, 2, 5],
      'bgp.length': [19, 89, 23],
      'bgp.nlri_prefix': ['10.244.6.0', '10.240.0.0', '192.168.3.9'],
      'bgp.prefix_length': [24, 26, 13, 32],
    });
    expect(rowOf(made('BGP cease'))['bgp.notify.communication']).toBe('maintenance – retour à 18 h');
  });
});

describe('problems', () => {
  const dns = (octets: Uint8Array) => ethernet({}, ipv4(ADDRESSES, udp({ srcPort: 1, dstPort: 53 }, octets)));

  it('of headers are listed with their offsets', () => {
    const row = rowOf(ethernet({}, ipv4({ ...ADDRESSES, totalLength: 500 }, tcp({ srcPort: 1, dstPort: 2 }))));
    expect(row['problems']).toEqual([{ code: 'ipv4-total-length', at: 16 }]);
    expect(row).toMatchObject({ 'tcp.dstport': 2 });
  });

  it('of DNS and BGP messages are counted from the start of the frame', () => {
    const loop = dns(hex('1234 0100 0001 0000 0000 0000 c00c 0001 0001'));
    expect(rowOf(loop)['problems']).toEqual([{ code: 'dns-pointer-loop', at: 42 + 12 }]);
    const bgp = tcp({ srcPort: 1, dstPort: 179 }, hex(`${'ff'.repeat(16)} 0013 04 ${'ff'.repeat(16)} 0012 04`));
    expect(rowOf(ethernet({}, ipv4(ADDRESSES, bgp)))['problems']).toEqual([{ code: 'bgp-length', at: 54 + 19 + 16 }]);
  });

  it('are none in what only the capture cut, or a fragment', () => {
    for (const { octets, linkType, problems = [] } of MADE_FRAMES) {
      if (problems.length > 0) continue;
      for (let length = 0; length <= octets.length; length += 1) {
        expect(rowOf(octets, linkType, length)).not.toHaveProperty('problems');
      }
    }
    const answer = made('DNS, every record').subarray(42);
    const first = ipv4({ ...ADDRESSES, mf: true }, udp({ srcPort: 53, dstPort: 1, length: 8 + 1000 }, answer));
    expect(rowOf(ethernet({}, first))).not.toHaveProperty('problems');
  });
});

/** Values as one list, those of quoted headers after the frame's own. */
function listed(row: Record<string, unknown>, name: string): unknown[] {
  const own = row[name] === undefined ? [] : [row[name]].flat();
  const quoted = row['quoted'] as Record<string, unknown> | undefined;
  return quoted === undefined ? own : [...own, ...listed(quoted, name)];
}

describe('a cut frame', () => {
  const OF_THE_CAPTURE = new Set(['frame.cap_len', 'quoted', 'frame.protocols']);

  it.for(MADE_FRAMES)('has a part of the values of the whole one, never others: $name', (frame: MadeFrame) => {
    const whole = rowOf(frame.octets, frame.linkType);
    const others: string[] = [];
    for (let length = 0; length < frame.octets.length; length += 1) {
      const cut = rowOf(frame.octets, frame.linkType, length);
      const names = [...Object.keys(cut), ...Object.keys((cut['quoted'] as object | undefined) ?? {})];
      for (const name of names) {
        if (OF_THE_CAPTURE.has(name)) continue;
        const values = listed(cut, name);
        // Not by `expect`, which takes most of the time when it is asked for each value
        if (!isDeepStrictEqual(listed(whole, name).slice(0, values.length), values))
          others.push(`${name} of ${length} octets: ${JSON.stringify(values)}`);
      }
      if (!String(whole['frame.protocols']).startsWith(String(cut['frame.protocols'])))
        others.push(`frame.protocols of ${length} octets: ${String(cut['frame.protocols'])}`);
    }
    expect(others).toEqual([]);
  });
});

describe('hostile octets', () => {
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((octets) => ({ octets, linkType: 1 })),
    fc
      .tuple(fc.constantFrom(...MADE_FRAMES), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 5 }))
      .map(([frame, changes]) => {
        const octets = new Uint8Array(frame.octets);
        for (const [at, value] of changes) if (at < octets.length) octets[at] = value;
        return { octets, linkType: frame.linkType };
      }),
  );

  it('never make row or line throw, or reach a terminal', () => {
    const packet = new PacketView();
    fc.assert(
      fc.property(frames, fc.nat(40), ({ octets, linkType }, more) => {
        // The view ends with the frame: a read past the end throws.
        packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length + more, linkType);
        const row = packetRow(packet, META);
        const line = packetLine(packet, META);
        expect(JSON.stringify(row).length).toBeLessThan(100_000);
        expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]+$/);
        const problems = (row['problems'] as { at: number }[] | undefined) ?? [];
        for (const { at } of problems) expect(at).toBeLessThanOrEqual(octets.length);
      }),
      runs(3000),
    );
  });

  it('leave a view able to show a good packet', () => {
    const packet = new PacketView();
    const good = made('unreachable tunnel');
    const fresh = rowOf(good);
    fc.assert(
      fc.property(frames, ({ octets, linkType }) => {
        packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length, linkType);
        packetRow(packet, META);
        packet.decodeFrame(good, view(good), 0, good.length, good.length, 1);
        expect(packetRow(packet, META)).toEqual(fresh);
      }),
      runs(300),
    );
  });

  it('that ask for many records take bounded time and room', () => {
    const header = hex('1234 8000 0000 ffff 0000 0000');
    const records = new Uint8Array(60_000);
    for (let at = 0; at + 11 <= records.length; at += 11) records.set(hex('00 0063 0001 00000000 0000'), at);
    const frame = ethernet({}, ipv4(ADDRESSES, udp({ srcPort: 53, dstPort: 1 }, join(header, records))));
    const start = performance.now();
    const row = rowOf(frame);
    packetLine(decoded(frame), META);
    expect((row['dns.resp.type'] as number[]).length).toBe(1024);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
