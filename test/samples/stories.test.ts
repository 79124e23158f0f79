import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import type { Finding } from '../../src/report/report.js';

const SAMPLES = join(import.meta.dirname, '../../samples');

/** What the first finding of each story must be, and the cause it must name first. Counts are those of truth.json. */
const STORIES: readonly (readonly [sample: string, kind: string, cause: string, more: Partial<Finding>])[] = [
  ['sopnode-broken-ping', 'request-lost', 'vxlan-source-not-allowed', { nextExpected: 'w2/vxlan.calico' }],
  ['gravity-forwarding-off', 'reply-lost', 'ip-forward-off', { nextExpected: 'node1/flannel.1' }],
  ['networkpolicy-drop', 'request-lost', 'netpol-drop', { nextExpected: 'w2/calie80ce743230' }],
  ['nat-return-unroutable', 'nat-return-unroutable', 'nat-return-unroutable', { certainty: 'shown' }],
  ['bgp-unknown-peer-reset', 'bgp-unknown-peer-reset', 'bgp-unknown-peer-reset', { count: 3, certainty: 'shown' }],
  ['rst-backend-switched', 'rst-backend-switched', 'rst-backend-switched', { count: 6, certainty: 'shown' }],
  ['rst-one-way-conntrack', 'rst-one-way-conntrack', 'rst-one-way-conntrack', { count: 3 }],
  ['arp-vip-duplicate', 'arp-vip-duplicate', 'arp-vip-duplicate', { certainty: 'shown' }],
  ['service-backend-fails', 'request-lost', 'netpol-drop', { severity: 'warning', nextExpected: 'node2/cni0' }],
  ['ephemeral-port-exhaustion', 'ephemeral-port-exhaustion', 'ephemeral-port-exhaustion', { count: 16 }],
];

function truthOf<T>(sample: string): T {
  return JSON.parse(readFileSync(join(SAMPLES, sample, 'truth.json'), 'utf8')) as T;
}

async function findingsOf(...inputs: readonly string[]): Promise<readonly Finding[]> {
  return (await diagnose(inputs.map((input) => join(SAMPLES, input)))).findings;
}

function isLoud({ severity }: Finding): boolean {
  return severity !== 'info';
}

describe('stories of the source documents', () => {
  it.each(STORIES)('%s: %s comes first', async (sample, kind, cause, more) => {
    const [first] = await findingsOf(sample);
    expect(first).toMatchObject({ kind, severity: kind === 'netpol-drop' ? 'warning' : 'error', ...more });
    expect(first!.causes[0]).toMatchObject({ kind: cause });
  });

  it('tells of the broken ping the translated source, where w2 looks for the pod, the alternative, and the command', async () => {
    const [first] = await findingsOf('sopnode-broken-ping');
    const [cause, other] = first!.causes;
    expect(cause!.why).toContain('outer source 138.96.16.97');
    expect(cause!.why).toContain('what is for 10.245.208.68 goes from w2 to 192.168.3.1');
    // state/w2: route.txt line 6 sends 10.245.208.64/26 via 10.245.208.64, neigh.txt has its MAC address, fdb.txt line 4 where that is
    expect(cause!.evidence).toContainEqual(
      expect.objectContaining({
        file: 'w2/route.txt',
        line: 6,
        note: 'for the node, 10.245.208.64/26 lives at 192.168.3.1, says w2/fdb.txt:4',
      }),
    );
    expect(cause!.next).toContain('ipset test cali40all-vxlan-net 138.96.16.97');
    expect(other).toMatchObject({ kind: 'host-firewall-drop' });
  });

  it('tells why the SYN,ACK is lost that turned round', async () => {
    const [, loss] = await findingsOf('nat-return-unroutable');
    expect(loss).toMatchObject({ kind: 'reply-lost', nextExpected: 'faraday/eth1' });
    expect(loss!.causes[0]).toMatchObject({ kind: 'nat-return-unroutable', likelihood: 0.97 });
    expect(loss!.causes[0]!.evidence).toContainEqual(expect.objectContaining({ says: 'confirms' }));
  });

  it('says that no SYN of the pod arrived where only the inside of the NAT box was captured', async () => {
    const inside = ['faraday__eth1', 'fit01__cali0401f4ae329', 'fit01__eth0'];
    for (let chosen = 1; chosen < 1 << inside.length; chosen++) {
      const files = inside.filter((_, i) => (chosen & (1 << i)) !== 0);
      const rows = trails(files.map((file) => join(SAMPLES, 'nat-return-unroutable', `${file}.pcap`)));
      let count = 0;
      for await (const { src, summary, state } of rows) {
        if (src !== '10.245.208.68' || !summary.startsWith('SYN seq')) continue;
        expect([files, state]).toEqual([files, 'unknown']);
        count++;
      }
      expect(count).toBe(3);
    }
  });

  it('counts the SYN,ACKs that turned round as the gateway does', async () => {
    const { faults } = truthOf<{ faults: { counted: number }[] }>('nat-return-unroutable');
    const [first] = await findingsOf('nat-return-unroutable');
    expect(first!.count).toBe(faults[0]!.counted);
  });

  it.each(['rst-backend-switched', 'rst-one-way-conntrack', 'bgp-unknown-peer-reset'])(
    '%s: as many as the kernel has sent RSTs, and nothing else is wrong',
    async (sample) => {
      const { resets } = truthOf<{ resets: { counted: number } }>(sample);
      const loud = (await findingsOf(sample)).filter(isLoud);
      expect(loud.map(({ count }) => count)).toEqual([resets.counted]);
    },
  );

  it('calls a RST pulse one', async () => {
    const [first] = await findingsOf('rst-backend-switched');
    expect(first!.evidence.map(({ note }) => note).join('\n')).toMatch(/6 of the RST within .*: a pulse/);
  });

  it('names both machines that answer for one address', async () => {
    const { arp } = truthOf<{ arp: { address: string; macs: Record<string, string> } }>('arp-vip-duplicate');
    const [first] = await findingsOf('arp-vip-duplicate');
    for (const text of [arp.address, ...Object.values(arp.macs)]) expect(first!.title).toContain(text);
  });

  it('names the range whose ports are all taken', async () => {
    const { ports } = truthOf<{ ports: { range: [number, number] } }>('ephemeral-port-exhaustion');
    const [first] = await findingsOf('ephemeral-port-exhaustion');
    expect(first!.title).toContain(`from ${ports.range[0]} to ${ports.range[1]}`);
  });

  it('tells DNS that fails with everything else as a consequence, behind what is wrong', async () => {
    const findings = await findingsOf('dns-from-wireless-pods');
    const dns = findings.find(({ causes }) => causes.some(({ kind }) => kind === 'dns-first-symptom'));
    // Three lookups, each sent twice.
    expect(dns).toMatchObject({ kind: 'request-lost', severity: 'warning', count: 3, nextExpected: 'w2/vxlan.calico' });
    // The rule and the set that were saved settle what takes all of them.
    expect(dns!.causes.map(({ kind }) => kind).slice(0, 2)).toEqual(['vxlan-source-not-allowed', 'dns-first-symptom']);
    const before = findings.slice(0, findings.indexOf(dns!));
    expect(before.map(({ severity }) => severity)).toEqual(['error', 'error']);
    expect(before.flatMap(({ causes }) => causes[0]!.kind).sort()).toEqual([
      'vtep-source-nated',
      'vxlan-source-not-allowed',
    ]);
  });
});

describe('the listing of DNS on a bridge', () => {
  it.each([
    ['with all points', 'dns-listing'],
    ['by itself, as the training has it', 'dns-listing/node1__cni0.pcap'],
    ['at the pod', 'dns-listing/node1__veth9fe84adc.pcap'],
  ])('raises nothing, %s', async (_, input) => {
    const findings = await findingsOf(input);
    expect(findings.filter(isLoud)).toEqual([]);
    for (const { kind } of findings) expect(['dns-ndots-storm', 'nat-map']).toContain(kind);
  });

  it('is told as search domains tried in vain', async () => {
    const findings = await findingsOf('dns-listing');
    expect(findings).toMatchObject([{ kind: 'dns-ndots-storm', severity: 'info', certainty: 'shown', of: 12 }]);
  });
});
