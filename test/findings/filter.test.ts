import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, exchanges, trails } from '../../src/diagnose.js';
import type { Finding, FlowReport, Verdict } from '../../src/report/report.js';

// --filter chooses what is told, and changes nothing of it: other packets stay evidence.

const SAMPLES = join(import.meta.dirname, '../../samples');
const FAULTS = '../shared/captures/faults';
const foldersIn = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path)
        .map((name) => join(path, name))
        .filter((name) => statSync(name).isDirectory() && !name.endsWith('/lab'))
    : [];
const FOLDERS = [...foldersIn(SAMPLES), ...foldersIn(FAULTS)];

/** Findings about captures and clocks are about no packet, and stay. */
const ABOUT_NO_PACKET = ['capture-damaged', 'capture-not-trusted', 'clock-skew'];

/** What a finding says but for counts of packets; whether DNS is demoted depends on what else is told. */
function said({ kind, title, certainty }: Finding): string {
  return `${kind} ${certainty} ${title.replace(/, as packets that are not DNS are$| \(\d+ packets?\)$|^\d+ of \d+ /g, '')}`;
}

function endsOf({ protocol, client, clientPort, server, serverPort }: FlowReport): string {
  return [protocol, client, clientPort, server, serverPort].join(' ');
}

describe('a filter that chooses nothing', () => {
  it.each(FOLDERS)('%s: no finding about a packet', async (folder) => {
    const report = await diagnose([folder], { filter: 'host 203.0.113.99' });
    const { findings, flows, translations, services } = report;
    expect(findings.filter(({ kind }) => !ABOUT_NO_PACKET.includes(kind)).map(said)).toEqual([]);
    expect([flows, translations, services]).toEqual([[], [], []]);
  });
});

describe('a filter on one address', () => {
  it.each(
    [...foldersIn(SAMPLES), ...['A', 'B', 'D0', 'N1', 'R2', 'R6', 'R13'].map((name) => join(FAULTS, name))].filter(
      (path) => existsSync(path),
    ),
  )('%s: tells of it what is told without, and no more', async (folder) => {
    const whole = await diagnose([folder]);
    const addresses = new Set(whole.flows.flatMap(({ client, server }) => [client, server]));
    for (const address of [...addresses].slice(0, 4)) {
      const { findings, flows } = await diagnose([folder], { filter: `host ${address}` });
      expect(whole.findings.map(said)).toEqual(expect.arrayContaining(findings.map(said)));
      const own = whole.flows.filter(({ client, server }) => client === address || server === address);
      expect([...flows]).toEqual(expect.arrayContaining(own));
      // Behind a translation it may be in flows under other addresses: as a whole, or what went there of those to a service.
      for (const flow of flows) {
        const same = whole.flows.find((other) => endsOf(other) === endsOf(flow));
        expect(same, endsOf(flow)).toBeDefined();
        if (own.includes(same!)) expect(flow).toEqual(same);
        for (const [verdict, count] of Object.entries(flow.verdicts))
          expect(count).toBeLessThanOrEqual(same!.verdicts[verdict as Verdict]);
      }
      const index = new Set(own.map((flow) => whole.flows.indexOf(flow)));
      const about = whole.findings.filter(({ flow }) => flow !== null && index.has(flow));
      expect(findings.map(said)).toEqual(expect.arrayContaining(about.map(said)));
    }
  });
});

describe('behind a translation', () => {
  const sample = join(SAMPLES, 'dns-listing');
  // The service address at the pod's interface, the pod's on the bridge and beyond
  it.each(['host 10.100.214.177', 'host 10.244.11.3', 'src host 10.244.11.3', 'dst net 10.244.11.0/24'])(
    '%s: the packet is the same one, and not lost',
    async (filter) => {
      const { counts, findings } = await diagnose([sample], { filter });
      expect(counts.verdicts).toMatchObject({ answered: 12, 'request-lost': 0, 'reply-lost': 0, unknown: 0 });
      expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
      const verdicts = new Set<string>();
      for await (const { verdict } of exchanges([sample], { filter })) verdicts.add(verdict);
      expect([...verdicts]).toEqual(['answered']);
      const states = new Set<string>();
      for await (const { state } of trails([sample], { filter })) states.add(state);
      expect([...states]).toEqual(['delivered']);
    },
  );
});

describe('findings that rest on frames', () => {
  const arp = join(SAMPLES, 'arp-vip-duplicate');

  it('about an address in ARP stay with that address', async () => {
    const { findings } = await diagnose([arp], { filter: 'host 10.54.213.148' });
    expect(findings.map(({ kind }) => kind)).toEqual(['arp-vip-duplicate']);
  });

  it('about another address go', async () => {
    const { findings } = await diagnose([arp], { filter: 'tcp and host 10.54.213.148' });
    expect(findings).toEqual([]);
  });
});
