import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ipChecksum,
  l4Checksum,
  outerIpChecksum,
  outerUdpChecksum,
  PacketView,
  PROBLEMS,
} from '../../src/wire/index.js';
import { ethernet, hex, ipv4, join, overVxlan, tcp, timestampOptions } from '../support/packets.js';
import { runs } from '../support/runs.js';
import { fieldsOf } from './fields.js';
import { FRAME_CASES } from './frame-cases.js';
import { boundsFault, decodePrefix, prefixFault, snapshot, tagDifference } from './snapshot.js';

const LINK_TYPES = [0, 1, 12, 101, 108, 113, 195, 228, 229, 239, 276];

/** A frame of the cases with some octets changed, another length, or plain noise. */
const hostileFrame = fc.record({
  octets: fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...FRAME_CASES.map(({ octets }) => octets)),
          fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
          fc.nat(300),
        )
        .map(([octets, changes, length]) => {
          const changed = new Uint8Array(octets);
          for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
          return changed.slice(0, length);
        }),
    },
  ),
  more: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(0xffffffff)),
  linkType: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.constantFrom(...LINK_TYPES), fc.nat(65_535)),
});

/** Octets without a copy of the buffer's other octets: a read outside them throws. */
function decodeInto(packet: PacketView, frame: { octets: Uint8Array; more: number; linkType: number }): void {
  decodePrefix(packet, frame.octets, frame.octets.length, frame.octets.length + frame.more, frame.linkType);
}

describe('prefix: the first octets give the first layers, and never another value', () => {
  it.for(FRAME_CASES)('$name', ({ octets, length, linkType }) => {
    const whole = new PacketView();
    const part = new PacketView();
    decodePrefix(whole, octets, octets.length, length, linkType);
    for (let captured = 0; captured <= octets.length; captured++) {
      decodePrefix(part, octets, captured, length, linkType);
      expect(prefixFault(whole, part), `${captured} octets captured`).toBeNull();
    }
  });
});

describe('truncation: octets that were not on the link are a problem', () => {
  // Frames that were not cut already
  it.for(FRAME_CASES.filter(({ octets, length }) => octets.length === length))('$name', ({ octets, linkType }) => {
    const whole = new PacketView();
    const part = new PacketView();
    decodePrefix(whole, octets, octets.length, octets.length, linkType);
    for (let length = 0; length < octets.length; length++) {
      decodePrefix(part, octets, length, length, linkType);
      expect(part.cut).toBe(0);
      expect(whole.layers.slice(0, part.layerCount)).toEqual(part.layers);
      if (part.layerCount < whole.layerCount) expect(part.problemCount, `${length} octets`).toBeGreaterThan(0);
    }
  });
});

describe('reuse', () => {
  it('any octets before a frame leave no trace', () => {
    const used = new PacketView();
    fc.assert(
      fc.property(hostileFrame, hostileFrame, (before, frame) => {
        const fresh = new PacketView();
        decodeInto(fresh, frame);
        decodeInto(used, before);
        decodeInto(used, frame);
        expect(snapshot(used)).toEqual(snapshot(fresh));
      }),
      runs(3000),
    );
  });

  it('frames of all kinds one after the other equal frames decoded afresh', () => {
    const used = new PacketView();
    for (const before of FRAME_CASES) {
      for (const frame of FRAME_CASES) {
        decodePrefix(used, before.octets, before.octets.length, before.length, before.linkType);
        decodePrefix(used, frame.octets, frame.octets.length, frame.length, frame.linkType);
        expect(used.protocols).toBe(frame.protocols);
      }
    }
  });
});

describe('a VLAN tag changes nothing but offsets', () => {
  const frames = FRAME_CASES.filter(
    ({ linkType, octets }) => linkType === 1 && (octets[12]! << 8) + octets[13]! >= 1536,
  );
  const segment = tcp({ srcPort: 40_000, dstPort: 80, options: timestampOptions(1, 2) }, hex('0102030405'));
  const bare = ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2', id: 1 }, segment));
  const carried = overVxlan({ src: '192.0.2.1', dst: '192.0.2.2', vni: 7 }, bare);

  it.for([
    ['bare', bare],
    ['bare, padded', join(bare, hex('eeeeeeeeeeee'))],
    ['carried', carried],
    ['carried, padded', join(carried, hex('eeeeeeeeeeee'))],
  ] as const)('usual frames with any one bit turned: %s', ([, frame]) => {
    for (let bit = 14 * 8; bit < frame.length * 8; bit++) {
      const octets = new Uint8Array(frame);
      octets[bit >> 3]! ^= 1 << (bit & 7);
      expect(tagDifference(octets, octets.length), `bit ${bit & 7} of octet ${bit >> 3}`).toBeNull();
    }
  });

  it.for([
    ['bare', bare],
    ['carried', carried],
  ] as const)('usual frames cut anywhere, by the capture or on the link: %s', ([, frame]) => {
    for (let captured = 14; captured < frame.length; captured++) {
      const octets = frame.slice(0, captured);
      expect(tagDifference(octets, frame.length), `${captured} octets`).toBeNull();
      expect(tagDifference(octets, captured), `${captured} octets on the link`).toBeNull();
    }
  });

  it.for(frames)('$name', ({ octets, length }) => {
    expect(tagDifference(octets, length)).toBeNull();
  });

  it('whatever octets are changed, however the frame is cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...frames),
        fc.array(fc.tuple(fc.integer({ min: 14, max: 130 }), fc.nat(255)), { maxLength: 3 }),
        fc.integer({ min: 14, max: 200 }),
        fc.boolean(),
        ({ octets, length }, changes, captured, isCut) => {
          const changed = new Uint8Array(octets);
          for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
          const kept = changed.slice(0, captured);
          expect(tagDifference(kept, isCut ? length : kept.length)).toBeNull();
        },
      ),
      runs(3000),
    );
  });
});

describe('hostile octets', () => {
  it('never throw, and never leave an offset out of bounds', () => {
    const packet = new PacketView();
    fc.assert(
      fc.property(hostileFrame, (frame) => {
        decodeInto(packet, frame);
        expect(boundsFault(packet)).toBeNull();
        for (const { code, at } of packet.problems) {
          expect(PROBLEMS).toContain(code);
          expect(at).toBeLessThanOrEqual(frame.octets.length);
        }
      }),
      runs(5000),
    );
  });

  it('never make an accessor, an object or a checksum throw', () => {
    const packet = new PacketView();
    fc.assert(
      fc.property(hostileFrame, (frame) => {
        decodeInto(packet, frame);
        fieldsOf(packet);
        const { ip, tcp, udp, icmp, arp, vxlan, tunnel, payload, layers, protocols, problems } = packet;
        const states = [ipChecksum(packet), outerIpChecksum(packet), l4Checksum(packet), outerUdpChecksum(packet)];
        expect([ip, tcp, udp, icmp, arp, vxlan, tunnel, payload, layers, protocols, problems]).not.toContain(undefined);
        expect(states).toHaveLength(4);
        expect(snapshot(packet.copy())).toEqual(snapshot(packet));
      }),
      runs(3000),
    );
  });

  it('never take long: the longest chains of headers in 64 KiB are decoded in far less than a millisecond', () => {
    const chains = [
      [0x81, 0x00, 0x00, 0x01], // VLAN tags
      [0x45, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x04, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], // IP in IP
      [0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00], // hop-by-hop headers
      [0x01, 0x01, 0x01, 0x01], // TCP options
    ];
    const packet = new PacketView();
    for (const chain of chains) {
      const octets = new Uint8Array(65_536).map((_, index) => chain[index % chain.length]!);
      for (const linkType of LINK_TYPES) {
        const started = performance.now();
        for (let round = 0; round < 100; round++) decodeInto(packet, { octets, more: 0, linkType });
        expect(performance.now() - started).toBeLessThan(500);
      }
    }
  });
});
