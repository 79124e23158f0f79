import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import type { Finding } from '../../src/report/report.js';

// Every folder of faults made on purpose, as the list beside them says; none is left out. Then all captures in which nothing is
// wrong.

const SHARED = '../shared/captures';
const FAULTS = join(SHARED, 'faults');
const SAMPLES = join(import.meta.dirname, '../../samples');

interface Expected {
  readonly accept?: readonly string[];
  readonly silent?: boolean;
  readonly mayWarn?: readonly string[];
  readonly lastSeen?: string;
  readonly nextExpected?: string;
  readonly direction?: string;
}

const LIST = join(FAULTS, 'expected.json');
const folders = existsSync(LIST)
  ? (JSON.parse(readFileSync(LIST, 'utf8')) as { folders: Record<string, Expected> }).folders
  : {};

function loud(findings: readonly Finding[], allowed: readonly string[] = []): string[] {
  return findings
    .filter(({ kind, severity }) => severity !== 'info' && !allowed.includes(kind))
    .map(({ kind, title }) => `${kind}: ${title}`);
}

describe.skipIf(Object.keys(folders).length === 0)('faults made on purpose', () => {
  it('are all in the list', () => {
    const there = readdirSync(FAULTS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(Object.keys(folders).sort()).toEqual(there.map(({ name }) => name).sort());
    for (const { accept, silent } of Object.values(folders)) expect(accept !== undefined || silent === true).toBe(true);
  });

  it.each(Object.entries(folders))('%s', async (folder, expected) => {
    const { accept, silent, mayWarn, lastSeen, nextExpected, direction } = expected;
    const { findings } = await diagnose([join(FAULTS, folder)]);
    if (silent === true) expect(loud(findings, mayWarn)).toEqual([]);
    const named = findings.flatMap(({ kind, causes }) => [kind, ...causes.slice(0, 3).map((cause) => cause.kind)]);
    if (accept !== undefined) expect(named.filter((kind) => accept.includes(kind))).not.toEqual([]);
    if (lastSeen === undefined) return;
    const lost: object[] = [];
    for await (const row of trails([join(FAULTS, folder)])) {
      if (row.state === 'lost')
        lost.push({ lastSeen: row.lastSeen, nextExpected: row.nextExpected, direction: row.direction });
    }
    const place = { lastSeen, ...(nextExpected && { nextExpected }), ...(direction && { direction }) };
    expect(lost).toContainEqual(expect.objectContaining(place));
  });
});

const HEALTHY = [
  ...['healthy-calico', 'healthy-flannel', 'dns-listing'].map((name) => join(SAMPLES, name)),
  ...['calico-ok', 'flannel-ok', 'service-dnat', 'tso-resegment'].map((name) => join(SHARED, 'lab', name)),
  ...(existsSync(join(SHARED, 'public'))
    ? readdirSync(join(SHARED, 'public'))
        .filter((name) => /\.pcap(ng)?$/.test(name))
        .map((name) => join(SHARED, 'public', name))
    : []),
].filter((path) => existsSync(path));

describe('captures in which nothing is wrong', () => {
  it.each(HEALTHY)('%s: no finding of severity warning or above', async (path) => {
    expect(loud((await diagnose([path])).findings)).toEqual([]);
  });
});
