import { describe, expect, it } from 'vitest';
import { points } from '../../src/diagnose.js';
import { pointsText } from '../../src/report/points-text.js';
import { concat, writePcap, writePcapng } from '../support/capture-writer.js';
import { ethernet, hex, ipv4, udp, type Payload } from '../support/packets.js';

const NODES = { src: '192.0.2.1', dst: '192.0.2.2' };
const NOISE = hex('a5'.repeat(40));

function written(...frames: Uint8Array[]) {
  return frames.map((octets, index) => ({ seconds: 1_795_226_754 + index, nanoseconds: 0, octets }));
}

function packet(protocol: number, payload: Payload): Uint8Array {
  return ethernet({}, ipv4({ ...NODES, protocol }, payload));
}

function datagram(port: number, payload: Uint8Array): Uint8Array {
  return packet(17, udp({ srcPort: port, dstPort: port }, payload));
}

async function undecodedOf(octets: Uint8Array) {
  const report = await points([{ point: 'node1/eth0', source: octets }]);
  return { counts: report.points[0]!.undecoded, text: pointsText(report, { color: false, width: 200 }) };
}

describe('what is not decoded', () => {
  it('is named and counted, every frame of it', async () => {
    const { counts, text } = await undecodedOf(
      writePcap(
        written(
          packet(132, NOISE), // SCTP
          packet(132, NOISE),
          packet(253, NOISE), // RFC 3692
          packet(137, NOISE), // RFC 4023
          ethernet({ type: 0x88cc }, NOISE),
          ethernet({ type: 0x88b5 }, NOISE),
          ethernet({ type: 0x8847 }, hex('00010140')),
          ethernet({ type: 38 }, hex('424203')),
          datagram(5353, NOISE),
        ),
      ),
    );
    expect(counts).toEqual({
      'ethertype-0x88b5': 1,
      'ip-protocol-253': 1,
      llc: 1,
      lldp: 1,
      mdns: 1,
      mpls: 2,
      sctp: 2,
    });
    expect(text).toContain('not decoded  ethertype-0x88b5 1, ip-protocol-253 1, llc 1, lldp 1, mdns 1, mpls 2, sctp 2');
  });

  // LINKTYPE_ values of tcpdump.org; 147 to 162 are for private use
  it.each([
    [9, 'ppp'],
    [105, 'wlan'],
    [117, 'pflog'],
    [127, 'radiotap'],
    [147, 'link-type-147'],
    [187, 'hci_h4'],
    [195, 'wpan'],
    [220, 'usb'],
    [227, 'can'],
    [247, 'infiniband'],
    [249, 'usb'],
    [253, 'netlink'],
    [292, 'link-type-292'],
  ])('link type %i is named %s, in pcap and in pcapng', async (linkType, name) => {
    const frames = written(NOISE, NOISE);
    for (const octets of [writePcap(frames, { linkType }), writePcapng(frames, { interfaces: [{ linkType }] })]) {
      expect((await undecodedOf(octets)).counts).toEqual({ [name]: 2 });
    }
  });

  it.each([
    ['esp', packet(50, concat([hex('00000101 00000001'), NOISE]))],
    ['esp', datagram(4500, concat([hex('00000101 00000001'), NOISE]))],
    ['wireguard', datagram(51820, concat([hex('04000000 00000001 0000000000000000'), NOISE]))],
    // RFC 6071 and the WireGuard paper say what these look like; ports are free to choose
    ['wireguard', datagram(40_000, concat([hex('01000000 00000001'), new Uint8Array(140)]))],
    ['macsec', ethernet({ type: 0x88e5 }, NOISE)],
  ])('%s hides what it carries, and the report says so', async (name, frame) => {
    const { counts, text } = await undecodedOf(writePcap(written(frame, frame)));
    expect(counts).toEqual({ [name]: 2 });
    expect(text).toContain(
      `${name} 2: encrypted, so the packets inside are not visible here; capture at the pods' side of the tunnel`,
    );
  });

  it('IKE on the port of ESP hides nothing, nor does what is decoded', async () => {
    const { counts, text } = await undecodedOf(
      writePcap(written(datagram(4500, hex('00000000 0102')), packet(1, NOISE))),
    );
    expect(counts).toEqual({});
    expect(text).not.toContain('encrypted');
  });
});
