import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import type { Finding } from '../../src/report/report.js';

const SHARED = '../shared/captures';
const FAULTS = ['BGP0', 'BGP0.05', 'MD5', 'GTSM', 'TTL1'];

interface Expected {
  readonly accept?: readonly string[];
  readonly silent?: boolean;
}

const expected = existsSync(`${SHARED}/faults/expected.json`)
  ? (JSON.parse(readFileSync(`${SHARED}/faults/expected.json`, 'utf8')) as { folders: Record<string, Expected> })
      .folders
  : {};

/** A finding of the checks in src/findings/application. */
export function isOurs({ kind }: Finding): boolean {
  return kind.startsWith('bgp') || (kind.startsWith('dns') && kind !== 'dns-unexpected-source');
}

describe.skipIf(!existsSync(`${SHARED}/faults`))('faults made on purpose', () => {
  it.each(FAULTS)('%s: a cause that is accepted', async (folder) => {
    const { findings } = await diagnose([`${SHARED}/faults/${folder}`]);
    const named = findings.flatMap(({ kind, causes }) => [kind, ...causes.map((cause) => cause.kind)]);
    expect(expected[folder]!.accept!.some((kind) => named.includes(kind))).toBe(true);
    for (const { kind, causes } of findings.filter(isOurs)) {
      expect(causes.length, kind).toBeLessThanOrEqual(3);
      for (const { next } of causes) expect(next).not.toBe('');
    }
  });

  it.each(['MD5', 'GTSM'])('%s: one point, and silence: no certainty', async (folder) => {
    const { findings } = await diagnose([`${SHARED}/faults/${folder}`]);
    const ours = findings.filter(isOurs);
    expect(ours.map(({ certainty }) => certainty)).toEqual(['likely']);
    expect(ours[0]!.causes.map(({ kind }) => kind).sort()).toEqual([
      'bgp-md5-mismatch',
      'bgp-no-answer',
      'bgp-ttl-security',
    ]);
  });

  it.each(['BGP0', 'BGP0.05'])('%s: both addresses of the caller, and the frames', async (folder) => {
    const { findings } = await diagnose([`${SHARED}/faults/${folder}`]);
    const [finding] = findings.filter(isOurs);
    expect(finding).toMatchObject({ kind: 'bgp-unknown-peer-reset', certainty: 'shown', severity: 'error' });
    for (const address of ['138.96.245.52', '138.96.16.97', '192.168.3.1']) expect(finding!.title).toContain(address);
  });
});

const healthy = [
  ...['flannel-ok', 'calico-ok', 'service-dnat', 'tso-resegment'].map((name) => `${SHARED}/lab/${name}`),
  'samples/healthy-flannel',
  'samples/healthy-calico',
  ...Object.entries(expected)
    .filter(([, { silent }]) => silent === true)
    .map(([name]) => `${SHARED}/faults/${name}`),
  ...(existsSync(`${SHARED}/public`)
    ? readdirSync(`${SHARED}/public`)
        .filter((name) => /\.pcap(ng)?$/.test(name))
        .map((name) => join(SHARED, 'public', name))
    : []),
].filter((path) => existsSync(path));

describe('captures in which nothing is wrong', () => {
  it.each(healthy)('%s', async (path) => {
    const { findings } = await diagnose([path]);
    expect(findings.filter((finding) => isOurs(finding) && finding.severity !== 'info')).toEqual([]);
  });
});
