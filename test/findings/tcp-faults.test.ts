import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { TCP_ENTRIES } from '../../src/findings/entries/tcp.js';

// Captures of faults made on purpose, with what a report must contain, beside the repository where there are any.
const CAPTURES = '../shared/captures';
const FAULTS = join(CAPTURES, 'faults');

/** The folders whose faults are in TCP connections and in address translation. */
const FOLDERS = [
  'D0',
  'D1',
  'H01off',
  'H10on',
  'H11off',
  'H11on',
  'R1',
  'R10',
  'R13',
  'R2',
  'R2b',
  'R3-close-unread',
  'R4-linger0',
  'R5-client-closes-then-data',
  'R6',
  'R7',
  'R8',
  'R9',
];

interface Expected {
  readonly accept?: readonly string[];
  readonly silent?: boolean;
  readonly mayWarn?: readonly string[];
}

const HEALTHY = [
  ...['flannel-ok', 'calico-ok', 'service-dnat', 'tso-resegment'].map((name) => join(CAPTURES, 'lab', name)),
  ...['healthy-calico', 'healthy-flannel'].map((name) => join('samples', name)),
].filter((path) => existsSync(path));

const PUBLIC = existsSync(join(CAPTURES, 'public'))
  ? readdirSync(join(CAPTURES, 'public'))
      .filter((name) => /\.pcap(ng)?$/.test(name))
      .map((name) => join(CAPTURES, 'public', name))
  : [];

const OURS = new Set([...TCP_ENTRIES.map(({ id }) => id), 'unanswered']);

describe.skipIf(!existsSync(FAULTS))('faults of TCP and of translation', () => {
  const { folders } = existsSync(FAULTS)
    ? (JSON.parse(readFileSync(join(FAULTS, 'expected.json'), 'utf8')) as { folders: Record<string, Expected> })
    : { folders: {} as Record<string, Expected> };

  it.each(FOLDERS)('%s', async (folder) => {
    const { accept, silent, mayWarn = [] } = folders[folder]!;
    const { findings } = await diagnose([join(FAULTS, folder)]);
    const loud = findings.filter(({ severity, kind }) => severity !== 'info' && !mayWarn.includes(kind));
    if (silent === true) expect(loud.map(({ kind, title }) => `${kind}: ${title}`)).toEqual([]);
    const named = findings.flatMap(({ kind, causes }) => [kind, ...causes.slice(0, 3).map((cause) => cause.kind)]);
    if (accept !== undefined) expect(accept.some((id) => named.includes(id))).toBe(true);
    for (const { causes, evidence, count, of } of findings) {
      expect(causes.length).toBeLessThanOrEqual(3);
      expect(evidence.length).toBeLessThanOrEqual(5);
      expect(count).toBeLessThanOrEqual(of);
    }
  });

  it('captures of different experiments given together: no loss and no error', async () => {
    const { findings } = await diagnose(['D1', 'H01off', 'H11on'].map((folder) => join(FAULTS, folder)));
    expect(
      findings.filter(({ severity }) => severity !== 'info').map(({ kind, title }) => `${kind}: ${title}`),
    ).toEqual([]);
  });

  it('a request translated on a bridge does not turn round, whatever is captured of it', async () => {
    const files = readdirSync(join(FAULTS, 'D0')).filter((name) => name.endsWith('.pcap'));
    for (const left of files) {
      const { findings } = await diagnose(
        files.filter((name) => name !== left).map((name) => join(FAULTS, 'D0', name)),
      );
      expect(findings.map(({ kind }) => kind)).not.toContain('nat-return-unroutable');
    }
  });

  it('each finding that explains an exchange stands for "unanswered"', async () => {
    for (const folder of ['H10on', 'H11off', 'D0']) {
      const { findings } = await diagnose([join(FAULTS, folder)]);
      expect(findings.map(({ kind }) => kind)).not.toContain('unanswered');
    }
  });

  it('the segment that a RST answers is named', async () => {
    const { findings } = await diagnose([join(FAULTS, 'R6')]);
    const leak = findings.find(({ kind }) => kind === 'conntrack-invalid-leak')!;
    expect(leak.certainty).toBe('shown');
    // tcpdump -r R6/cl-eth0.pcap: frame 8 is 10.2.0.2.8080 > 10.1.0.2.60126 with ack 3735719109, frame 9 the RST with that seq
    expect(leak.evidence.map(({ point, frame }) => `${point} ${frame}`)).toEqual(['cl/eth0 8', 'cl/eth0 9']);
  });
});

describe('sound captures', () => {
  it.each([...HEALTHY, ...PUBLIC])('%s raises no warning of ours', async (path) => {
    const { findings } = await diagnose([path]);
    const loud = findings.filter(({ kind, severity }) => severity !== 'info' && OURS.has(kind));
    expect(loud.map(({ kind, title }) => `${kind}: ${title}`)).toEqual([]);
  });
});
