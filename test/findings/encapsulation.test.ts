import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import type { Report } from '../../src/report/report.js';

// Captures of faults made on purpose, with what a report must contain, beside the repository where there are any.
const FAULTS = '../shared/captures/faults';
const LAB = '../shared/captures/lab';
const PUBLIC = '../shared/captures/public';

/** The folders whose faults are in tunnels, routes, ARP and MTU. */
const FOLDERS = [
  'A',
  'ARPFAIL',
  'B',
  'C',
  'D',
  'E-vni1-port4789-mac',
  'E-vni4096-port4789-66:00:00:00:00:01',
  'E-vni4096-port8472-mac',
  'GSO',
  'H-rpfilter',
  'I-noforward-vxlan',
  'I2-noforward-cali',
  'J-forwarddrop',
  'K-blackhole',
  'K-unreachable',
  'M1',
  'M4',
  'N1',
  'craft-bad2',
  'craft-badcsum',
  'craft-badinnercsum',
  'craft-ce',
  'craft-gbp',
  'craft-good',
  'craft-noI',
  'craft-srcmacself',
  'craft-zerocsum',
];

interface Expected {
  readonly accept?: readonly string[];
  readonly silent?: boolean;
  readonly lastSeen?: string;
  readonly nextExpected?: string;
  readonly direction?: string;
}

/** Kinds that the checks of src/findings/encapsulation tell, besides those of losses. */
const OURS: ReadonlySet<string> = new Set([
  'arp-gateway-unanswered',
  'arp-vip-duplicate',
  'encapsulation',
  'host-firewall-reject',
  'icmp-redirect',
  'inner-ip-checksum-bad',
  'mac-mismatch-next-hop',
  'mtu',
  'mtu-blackhole-underlay',
  'mtu-icmp-ignored',
  'mtu-icmp-lost',
  'mtu-outer-fragments',
  'mtu-outer-fragments-lost',
  'nat-return-unroutable',
  'overlay-arp-unresolved',
  'pod-gone-arp-fail',
  'pod-ip-duplicate',
  'route-missing',
  'route-missing-clear-text',
  'route-unreachable',
  'ttl-expired-loop',
  'tunnel-one-way',
  'underlay-blocks-tunnel',
  'vtep-ip-wrong',
  'vtep-mac-duplicate',
  'vtep-mac-mismatch',
  'vtep-return-unroutable',
  'vtep-source-nated',
  'vxlan-ecn-ce-drop',
  'vxlan-port-mismatch',
  'vxlan-reserved-bits',
  'vxlan-src-mac-self',
  'vxlan-udp-checksum-bad',
  'vxlan-vni-mismatch',
]);

function alarming(report: Report): string[] {
  return report.findings.filter(({ severity }) => severity !== 'info').map(({ kind, title }) => `${kind}: ${title}`);
}

function named(report: Report): string[] {
  return report.findings.flatMap(({ kind, causes }) => [kind, ...causes.slice(0, 3).map((cause) => cause.kind)]);
}

const there = existsSync(join(FAULTS, 'expected.json'));

describe.skipIf(!there)('faults in tunnels, routes, ARP and MTU', () => {
  const { folders } = (there ? JSON.parse(readFileSync(join(FAULTS, 'expected.json'), 'utf8')) : { folders: {} }) as {
    folders: Record<string, Expected>;
  };

  it.each(FOLDERS)('%s', async (folder) => {
    const { accept, silent, lastSeen, nextExpected, direction } = folders[folder]!;
    const path = join(FAULTS, folder);
    const report = await diagnose([path]);
    if (silent === true) expect(alarming(report)).toEqual([]);
    if (accept !== undefined) expect(named(report).filter((kind) => accept.includes(kind))).not.toEqual([]);
    if (lastSeen === undefined) return;
    const lost = [];
    for await (const row of trails([path])) {
      if (row.state === 'lost') lost.push([row.lastSeen, row.nextExpected, row.direction]);
    }
    expect(
      lost.filter(
        ([last, next, way]) =>
          last === lastSeen &&
          (nextExpected === undefined || next === nextExpected) &&
          (direction === undefined || way === direction),
      ),
    ).not.toEqual([]);
  });
});

const HEALTHY = [
  ...['samples/healthy-calico', 'samples/healthy-flannel'],
  ...['flannel-ok', 'calico-ok', 'service-dnat', 'tso-resegment'].map((name) => join(LAB, name)),
  ...['D1', 'H01off', 'H11on', 'R10', 'R3-close-unread', 'R4-linger0'].map((name) => join(FAULTS, name)),
  ...(existsSync(PUBLIC) ? readdirSync(PUBLIC) : [])
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .map((name) => join(PUBLIC, name)),
].filter((path) => existsSync(path));

describe('captures without such a fault', () => {
  it.each(HEALTHY)('%s', async (path) => {
    const report = await diagnose([path]);
    expect(alarming(report).filter((text) => OURS.has(text.slice(0, text.indexOf(':'))))).toEqual([]);
  });
});

describe('samples', () => {
  it('broken ping: the node drops tunnel packets whose outer source was translated', async () => {
    const report = await diagnose(['samples/sopnode-broken-ping']);
    const [first] = report.findings;
    expect(first).toMatchObject({ kind: 'request-lost', nextExpected: 'w2/vxlan.calico' });
    expect(first!.causes[0]).toMatchObject({ kind: 'vxlan-source-not-allowed' });
    for (const address of ['138.96.16.97', '192.168.3.1', '138.96.245.53']) {
      expect(first!.causes[0]!.why).toContain(address);
    }
    expect(report.findings.map(({ kind }) => kind)).toContain('vtep-source-nated');
    // Inner sums that were never finished make the outer ones wrong, too; that is no fault.
    expect(named(report)).not.toContain('vxlan-udp-checksum-bad');
  });

  it('forwarding off: replies enter by the bridge and go no further', async () => {
    const [first] = (await diagnose(['samples/gravity-forwarding-off'])).findings;
    expect(first).toMatchObject({ kind: 'reply-lost', nextExpected: 'node1/flannel.1' });
    expect(first!.causes[0]).toMatchObject({ kind: 'ip-forward-off' });
  });
});
