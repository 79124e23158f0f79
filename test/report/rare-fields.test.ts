import { describe, expect, it } from 'vitest';
import { packetRow } from '../../src/report/packet-row.js';
import { PacketView } from '../../src/wire/index.js';
import { MADE_FRAMES } from '../oracle/made.js';
import { view } from '../support/packets.js';

const META = { point: 'n/eth0', file: 'a.pcap', frame: 1, seconds: 1, nanoseconds: 0, interfaceName: null };

function rowOf(name: string): Record<string, unknown> {
  const { octets, linkType } = MADE_FRAMES.find((frame) => frame.name === name)!;
  return packetRow(decoded(octets, linkType), META);
}

function decoded(octets: Uint8Array, linkType: number): PacketView {
  const packet = new PacketView();
  packet.decodeFrame(octets, view(octets), 0, octets.length, octets.length, linkType);
  return packet;
}

// Values are those that tshark 4.0.17 prints of the same octets.
describe('fields that few packets have', () => {
  it('the group policy of VXLAN, and what it says of it', () => {
    expect(rowOf('VXLAN with a group policy, applied, not learnt')).toMatchObject({
      'vxlan.flags': 0x8848,
      'vxlan.flag_g': 1,
      'vxlan.flag_i': 1,
      'vxlan.flag_d': 1,
      'vxlan.flag_a': 1,
      'vxlan.gbp': 0xabcd,
      'vxlan.vni': 1,
      'frame.protocols': 'eth:ip:udp:vxlan:eth:ip:icmp',
    });
    expect(rowOf('VXLAN')).toMatchObject({ 'vxlan.flag_g': 0, 'vxlan.flag_d': 0, 'vxlan.flag_a': 0 });
  });

  // draft-ietf-nvo3-vxlan-gpe section 3.1: P bit 5 of the flags, next protocol 3 Ethernet
  it('the next protocol of VXLAN-GPE', () => {
    expect(rowOf('VXLAN of the generic protocol extension')).toMatchObject({ 'vxlan.p_bit': 1, 'vxlan.next_proto': 3 });
    expect(rowOf('VXLAN')).not.toHaveProperty('vxlan.p_bit');
    expect(rowOf('VXLAN')).not.toHaveProperty('vxlan.next_proto');
  });

  it('options of Geneve: the length of all, then of each', () => {
    expect(rowOf('Geneve with options')).toMatchObject({
      'geneve.option.class': [0x0102, 0x0103, 0xffff],
      'geneve.option.type': [0x80, 1, 0x7f],
      'geneve.option.length': [24, 8, 4, 12],
      'frame.protocols': 'eth:ip:udp:geneve:eth:ip:icmp',
    });
    const lying = rowOf('Geneve with an option longer than the options');
    expect(lying).toMatchObject({ 'geneve.option.length': 8, 'frame.protocols': 'eth:ip:udp:geneve:eth:ip:icmp' });
    expect(lying).not.toHaveProperty('geneve.option.class');
  });

  it('flags and words of GRE', () => {
    expect(rowOf('GRE with everything')).toMatchObject({
      'gre.flags.checksum': 1,
      'gre.flags.routing': 0,
      'gre.flags.key': 1,
      'gre.flags.sequence_number': 1,
      'gre.flags.version': 0,
      'gre.checksum': 0x1234,
      'gre.key': 0xffffffff,
      'gre.sequence_number': 5,
    });
    expect(rowOf('GRE with source routes')).toMatchObject({ 'gre.flags.routing': 1, 'frame.protocols': 'eth:ip:gre' });
    expect(rowOf('GRE of PPTP')).toMatchObject({ 'gre.flags.version': 1, 'frame.protocols': 'eth:ip:gre' });
  });

  it('options of TCP by their kinds, and signatures', () => {
    expect(rowOf('TCP MD5')).toMatchObject({
      'tcp.option_kind': [1, 1, 19],
      'tcp.options.md5.digest': 'a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5',
    });
    expect(rowOf('TCP AO and timestamps')).toMatchObject({
      'tcp.option_kind': [1, 1, 8, 29],
      'tcp.options.ao.keyid': 3,
      'tcp.options.ao.rnextkeyid': 4,
    });
    expect(rowOf('TCP unknown options')).toMatchObject({ 'tcp.option_kind': [200, 254, 34] });
    expect(rowOf('TCP options after the end')).toMatchObject({ 'tcp.option_kind': 0 });
    expect(rowOf('TCP option beyond the header')).toMatchObject({ 'tcp.option_kind': [1, 1] });
    expect(rowOf('TCP option of length 1')).not.toHaveProperty('tcp.option_kind');
  });

  it('routes of EVPN', () => {
    const rd = '00010a0000010007';
    const esi = '00:00:00:00:00:00:00:00:00:00';
    expect(rowOf('BGP EVPN routes')).toMatchObject({
      'bgp.evpn.nlri.rt': [1, 2, 2, 3, 4, 5],
      'bgp.evpn.nlri.len': [25, 33, 37, 17, 23, 34],
      'bgp.evpn.nlri.rd': [rd, rd, rd, rd, rd, rd],
      'bgp.evpn.nlri.esi': [esi, esi, esi, esi, esi],
      'bgp.evpn.nlri.etag': [5, 0, 0, 0, 0],
      'bgp.evpn.nlri.mac_addr': ['66:d1:b2:4a:0c:e1', '66:d1:b2:4a:0c:e1'],
      'bgp.evpn.nlri.prefix_len': 24,
      'bgp.evpn.nlri.ip.addr': ['10.244.1.5', '10.0.0.1', '10.0.0.1', '10.244.1.0'],
      'bgp.evpn.nlri.ipv4.gtw_addr': '0.0.0.0',
    });
    expect(rowOf('BGP EVPN route withdrawn')).toMatchObject({
      'bgp.evpn.nlri.rt': 3,
      'bgp.evpn.nlri.ip.addr': '10.0.0.1',
    });
  });
});
