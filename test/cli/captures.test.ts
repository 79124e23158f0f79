import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureInputs } from '../../src/cli/captures.js';
import { UsageError } from '../../src/cli/options.js';

describe('capture arguments', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lasthop-'));
    writeFileSync(join(folder, 'x=y.pcap'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const stdin = Readable.from([]);

  it.each([
    ['a.pcap', 'a.pcap'],
    ['./traces', './traces'],
    ['node1/cni0=a.pcap', { point: 'node1/cni0', source: 'a.pcap' }],
    ['vxlan.calico=./t/a.pcap', { point: 'vxlan.calico', source: './t/a.pcap' }],
    ['node1/cni0=a=b.pcap', { point: 'node1/cni0', source: 'a=b.pcap' }],
    // No point: two slashes, a leading slash, nothing before the sign.
    ['./t/a=b.pcap', './t/a=b.pcap'],
    ['/t=b.pcap', '/t=b.pcap'],
    ['=b.pcap', '=b.pcap'],
    ['eth0=', 'eth0='],
  ])('%s', (text, expected) => {
    expect(captureInputs([text], stdin)).toEqual([expected]);
  });

  it('takes a file that exists under the whole name', () => {
    const here = process.cwd();
    process.chdir(folder);
    try {
      expect(captureInputs(['x=y.pcap', 'x=z.pcap'], stdin)).toEqual(['x=y.pcap', { point: 'x', source: 'z.pcap' }]);
    } finally {
      process.chdir(here);
    }
  });

  it('reads standard input once, with or without a point', () => {
    expect(captureInputs(['-'], stdin)).toEqual([{ source: stdin, file: '-' }]);
    expect(captureInputs(['n1/eth0=-'], stdin)).toEqual([{ source: stdin, file: '-', point: 'n1/eth0' }]);
    expect(() => captureInputs(['-', 'eth0=-'], stdin)).toThrow(UsageError);
  });

  it('does not wait for someone to type a capture', () => {
    expect(() => captureInputs(['-'], Object.assign(Readable.from([]), { isTTY: true }))).toThrow(UsageError);
  });
});
