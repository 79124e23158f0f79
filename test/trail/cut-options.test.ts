import { expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, ipv4, tcp } from '../support/packets.js';

it('IP options that end beyond the capture leave no TCP header to read', async () => {
  const whole = ethernet(
    {},
    ipv4({ src: '10.0.0.1', dst: '10.0.0.2', options: new Uint8Array(40) }, tcp({ srcPort: 1, dstPort: 2 })),
  );
  for (let kept = 34; kept < whole.length; kept++) {
    const frame = { seconds: 1, nanoseconds: 0, octets: whole.subarray(0, kept), originalLength: whole.length };
    await expect(diagnose([{ point: 'node1/eth0', source: writePcap([frame]) }]), `${kept}`).resolves.toBeDefined();
  }
});
