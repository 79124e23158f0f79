import { describe, expect, it } from 'vitest';
import { points } from '../../src/index.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, hex, ipv4, join, tcp, udp, type Part } from '../support/packets.js';

const ENDS = { src: '192.0.2.1', dst: '192.0.2.2' };
/** WireGuard: a handshake initiation, 148 octets. ESP: an SPI and a sequence number, then what is encrypted. */
const WIREGUARD = join(hex('01000000'), new Uint8Array(144));
const ESP = hex('0102030400000001 aabbccddeeff');

async function trustOf(...packets: readonly Part[]): Promise<readonly string[]> {
  const frames = packets.map((packet, seconds) => ({ seconds, nanoseconds: 0, octets: ethernet({}, packet) }));
  const report = await points([{ point: 'node1/eth0', source: writePcap(frames) }]);
  return report.points[0]!.trust;
}

describe('an overlay that encrypts', () => {
  const note = (names: string): string =>
    `${names}: the packets inside are encrypted and not visible here; capture where they are not yet, at the pod's side`;

  it('is named, with what to do', async () => {
    expect(await trustOf(ipv4(ENDS, udp({ srcPort: 51820, dstPort: 51820 }, WIREGUARD)))).toContain(note('wireguard'));
    expect(await trustOf(ipv4(ENDS, udp({ srcPort: 4500, dstPort: 4500 }, ESP)))).toContain(note('esp'));
    const esp = ipv4({ ...ENDS, protocol: 50 }, ESP);
    const wireguard = ipv4(ENDS, udp({ srcPort: 40_000, dstPort: 41_000 }, WIREGUARD));
    expect(await trustOf(esp, wireguard)).toContain(note('esp and wireguard'));
  });

  it('is not seen in other packets: IKE on port 4500, a keepalive of a NAT, TCP', async () => {
    const ike = udp({ srcPort: 4500, dstPort: 4500 }, join(hex('00000000'), ESP));
    const keepalive = udp({ srcPort: 4500, dstPort: 4500 }, hex('ff'));
    const other = udp({ srcPort: 51820, dstPort: 51820 }, hex('05000000 0000000000000000'));
    const notes = await trustOf(
      ipv4(ENDS, ike),
      ipv4(ENDS, keepalive),
      ipv4(ENDS, other),
      ipv4(ENDS, tcp({ srcPort: 1, dstPort: 2 })),
    );
    expect(notes.filter((text) => text.includes('encrypted'))).toEqual([]);
  });
});
