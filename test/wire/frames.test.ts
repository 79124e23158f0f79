import { describe, expect, it } from 'vitest';
import { view as viewOf } from '../support/packets.js';
import { PacketView } from '../../src/wire/index.js';
import { fieldsOf } from './fields.js';
import { FRAME_CASES, type FrameCase } from './frame-cases.js';

function decode(frame: FrameCase): PacketView {
  const packet = new PacketView();
  const { octets, length, linkType } = frame;
  packet.decodeFrame(octets, viewOf(octets), 0, octets.length, length, linkType);
  return packet;
}

/** tshark's text as our value: numbers are decimal or hexadecimal there, addresses stay text. */
function value(field: string, text: string): string | number {
  return /^(0x[0-9a-f]+|\d+)$/.test(text) && !/\.(src|dst|target_address)$/.test(field) ? Number(text) : text;
}

/** Fields that tshark reads further inside than we do, or that others check. */
const NOT_COMPARED = /^(frame\.|dns\.|bgp\.|geneve\.option|tcp\.options\.md5)/;

describe('every field of every layer is what tshark reads', () => {
  it.for(FRAME_CASES)('$name', (frame) => {
    const packet = decode(frame);
    const ours = fieldsOf(packet);
    expect(packet.protocols).toBe(frame.protocols);
    expect(packet.originalLength).toBe(Number(frame.tshark['frame.len']![0]));
    expect(packet.cut).toBe(frame.octets.length < frame.length ? 1 : 0);
    const goesOn = packet.quotedIpAt >= 0 || /mpls|erspan|gre$/.test(frame.protocols);
    for (const [field, texts] of Object.entries(frame.tshark)) {
      if (NOT_COMPARED.test(field)) continue;
      let values = texts.map((text) => value(field, text));
      // tshark appends what an ICMP error quotes, and decodes MPLS and ERSPAN
      if (goesOn) values = values.slice(0, ours[field]?.length ?? 0);
      // tshark names the outer tag of two by another field
      const mine = field.startsWith('vlan.') ? ours[field]?.slice(-values.length) : ours[field];
      expect(mine ?? [], field).toEqual(values);
    }
  });
});

describe('problems', () => {
  const WRONG: Readonly<Record<string, readonly string[]>> = {
    'VXLAN with group policy': ['vxlan-flags', 'vxlan-reserved'],
  };
  it.for(FRAME_CASES)('$name', (frame) => {
    expect(decode(frame).problems.map(({ code }) => code)).toEqual(WRONG[frame.name] ?? []);
  });
});

describe('headers quoted by ICMP errors', () => {
  const quoting = FRAME_CASES.filter(({ tshark }) => /icmp(v6)?:ipv?6?:/.test(tshark['frame.protocols']![0]!));
  it.for(quoting)('$name', (frame) => {
    const { icmp, quotedProtocol } = decode(frame);
    const { tshark } = frame;
    const version = icmp!.version === 4 ? 'ip' : 'ipv6';
    const layersBefore = frame.protocols.split(':').filter((name) => name === version).length;
    const quoted = icmp!.quoted!;
    expect(quoted.src).toBe(tshark[`${version}.src`]![layersBefore]);
    expect(quoted.dst).toBe(tshark[`${version}.dst`]![layersBefore]);
    expect(quotedProtocol).toBe(Number(tshark[version === 'ip' ? 'ip.proto' : 'ipv6.nxt']![layersBefore]));
    const transport = quotedProtocol === 6 ? 'tcp' : 'udp';
    const portsBefore = frame.protocols.split(':').filter((name) => name === transport).length;
    const ports = ['srcport', 'dstport'].map((port) => tshark[`${transport}.${port}`]?.[portsBefore] ?? null);
    expect([quoted.srcPort, quoted.dstPort]).toEqual(ports.map((port) => (port === null ? null : Number(port))));
  });

  it('finds the frames to check', () => {
    expect(quoting.length).toBe(8);
  });
});
