import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnose, OptionsError, points, type DiagnoseOptions } from '../../src/index.js';
import { diagnoseText } from '../../src/report/diagnose-text.js';
import type { Report } from '../../src/report/report.js';

const schema = JSON.parse(readFileSync('src/report/report.schema.json', 'utf8')) as object;
const isReport = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);

const GRAVITY = 'samples/gravity-forwarding-off';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lasthop-state-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Captures of a sample one by one, so that its state folder is not found. */
function captures(sample: string): { source: string; file: string }[] {
  return readdirSync(sample)
    .filter((name) => name.endsWith('.pcap'))
    .map((name) => ({ source: join(sample, name), file: name }));
}

/** A folder of its own with these files. */
function made(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, name, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(full, content);
  }
  return join(folder, name);
}

async function noticed(options: DiagnoseOptions): Promise<{ report: Report; notices: string[] }> {
  const notices: string[] = [];
  const report = await diagnose(captures(GRAVITY), { ...options, onNotice: (notice) => notices.push(notice) });
  return { report, notices };
}

function quotes({ findings }: Report): string[] {
  return findings.flatMap(({ causes }) =>
    causes.flatMap(({ kind, evidence = [] }) =>
      evidence.map(({ says, file, line, text }) => `${kind} ${says} ${file}:${line}: ${text}`),
    ),
  );
}

describe('samples', () => {
  it.each([
    [
      'sopnode-broken-ping',
      /^vxlan-source-not-allowed confirms w2\/iptables-save\.txt:11: \[11:1392\] -A cali-INPUT .* -j DROP$/,
    ],
    ['sopnode-broken-ping', /^vxlan-source-not-allowed confirms w2\/ipset\.txt:1: Name: cali40all-vxlan-net$/],
    [
      'sopnode-broken-ping',
      /^vtep-source-nated confirms faraday\/conntrack\.txt:\d+: udp .*src=192\.168\.3\.1 .*dst=138\.96\.16\.97/,
    ],
    ['gravity-forwarding-off', /^ip-forward-off confirms node1\/netconf\.txt:3: inet cni0 forwarding off /],
    ['gravity-forwarding-off', /^forward-policy-drop refutes node1\/iptables-save\.txt:6: /],
    [
      'networkpolicy-drop',
      /^netpol-drop confirms w2\/iptables-save\.txt:18: \[3:180\] -A cali-tw-calie80ce743230 .* -j DROP$/,
    ],
  ])('%s quotes %s', async (sample, expected) => {
    const report = await diagnose([join('samples', sample)]);
    expect(quotes(report).filter((quote) => expected.test(quote))).not.toEqual([]);
    expect(isReport(report)).toBe(true);
    // Each line is quoted as it stands in its file.
    for (const { file, line, text } of report.findings.flatMap(({ causes }) =>
      causes.flatMap(({ evidence = [] }) => evidence),
    )) {
      const lines = readFileSync(join('samples', sample, 'state', file), 'utf8').split('\n');
      expect(lines[line - 1]!.trim()).toBe(text);
    }
  });

  it.each(['sopnode-broken-ping', 'gravity-forwarding-off', 'networkpolicy-drop'])(
    '%s: the same losses with state and without it',
    async (sample) => {
      const [bare, told] = [
        await diagnose(captures(join('samples', sample))),
        await diagnose([join('samples', sample)]),
      ];
      const plain = ({ findings, state: _, names: __, ...rest }: Report) => ({
        ...rest,
        findings: findings.map(({ causes: _, ...finding }) => finding),
      });
      expect(plain(told)).toEqual(plain(bare));
      expect(bare.state).toBeUndefined();
      // The cause that is the truth was first before, and is as good as settled now.
      expect(told.findings[0]!.causes[0]!.kind).toBe(bare.findings[0]!.causes[0]!.kind);
      expect(told.findings[0]!.causes[0]!.likelihood).toBeGreaterThan(0.95);
    },
  );
});

describe('captures of all interfaces', () => {
  const SAMPLE = 'samples/any-interface/cooked-v2';
  const state = ['samples/any-interface/state'];

  it('bear the names that ip link gives to their numbers', async () => {
    const { points: plain } = await points([SAMPLE]);
    const { points: named } = await points([SAMPLE], { state });
    expect(plain.map(({ point }) => point)).toContain('node1/if3');
    expect(named.map(({ point }) => point)).toEqual([
      ...['cni0', 'eth0', 'flannel.1', 'veth10cb005a', 'vethca84d134'].map((name) => `node1/${name}`),
      ...['cni0', 'eth0', 'flannel.1', 'vethd2a04d71'].map((name) => `node2/${name}`),
    ]);
    // All but the name is as without it.
    const roles = (list: typeof plain) => list.map(({ role, frames }) => `${frames} ${role}`).sort();
    expect(roles(named)).toEqual(roles(plain));
  });

  it('are quoted for the interface, and lose the same packets', async () => {
    const [bare, told] = [await diagnose([SAMPLE]), await diagnose([SAMPLE], { state })];
    expect(told.counts).toEqual(bare.counts);
    expect(told.findings.map(({ kind, count }) => [kind, count])).toEqual(
      bare.findings.map(({ kind, count }) => [kind, count]),
    );
    expect(told.findings[0]).toMatchObject({ lastSeen: { point: 'node1/cni0' }, nextExpected: 'node1/flannel.1' });
    expect(told.findings[0]!.causes[0]!.evidence).toMatchObject([
      { file: 'node1/netconf.txt', line: 3, says: 'confirms' },
    ]);
  });

  it('are found under both names', async () => {
    const order = ['node1/if3', 'node1/flannel.1'];
    expect((await diagnose([SAMPLE], { state, order })).findings.length).toBeGreaterThan(0);
  });
});

describe('where state is found', () => {
  const off = 'inet cni0 forwarding off rp_filter off mc_forwarding off proxy_neigh off \n';

  it.each([
    ['node1/netconf.txt', off],
    ['node1__netconf.txt', off],
    ['node1.txt', `root@node1:~# ip netconf\n${off}`],
    ['node1/everything.log.gz', gzipSync(off)],
  ])('%s', async (path, content) => {
    const { report, notices } = await noticed({ state: [made(path.replaceAll('/', '-'), { [path]: content })] });
    expect(report.findings[0]!.causes[0]).toMatchObject({ kind: 'ip-forward-off', likelihood: 0.97 });
    expect(report.findings[0]!.causes[0]!.evidence).toMatchObject([{ file: path, says: 'confirms' }]);
    expect(report.state).toMatchObject({ files: 1, nodes: ['node1'] });
    expect(notices).toEqual([]);
  });

  it('is octets, too, with a node and a name', async () => {
    const source = new TextEncoder().encode(off);
    const { report } = await noticed({ state: [{ source, node: 'node1', file: 'from a ticket' }] });
    expect(report.findings[0]!.causes[0]!.evidence).toMatchObject([{ file: 'from a ticket', line: 1 }]);
  });

  it('is the folder state beside the captures, and nothing in it is a capture', async () => {
    const pcap = readFileSync(join(GRAVITY, 'node1__cni0.pcap'));
    const all = Object.fromEntries(captures(GRAVITY).map(({ source, file }) => [file, readFileSync(source)]));
    const whole = made('whole', { ...all, 'state/node1/netconf.txt': off, 'state/node9__eth0.pcap': pcap });
    const notices: string[] = [];
    const report = await diagnose([whole], { onNotice: (notice) => notices.push(notice) });
    expect(report.points.map(({ node }) => node)).not.toContain('node9');
    expect(report.state).toEqual({ from: [join(whole, 'state')], files: 1, nodes: ['node1'] });
    expect(report.findings[0]!.causes[0]!.evidence).toMatchObject([{ file: 'node1/netconf.txt' }]);
    expect(notices).toEqual(['node9__eth0.pcap: is a capture, not saved state; it is not read']);
  });

  it('is told apart by node folders that have a folder state each', async () => {
    const all = Object.fromEntries(
      captures(GRAVITY).map(({ source, file }) => [file.replace('__', '/'), readFileSync(source)]),
    );
    const report = await diagnose([made('by-node', { ...all, 'node1/state/netconf.txt': off })]);
    expect(report.findings[0]!.causes[0]!.evidence).toMatchObject([{ file: 'node1/state/netconf.txt' }]);
  });
});

describe('state that cannot be used', () => {
  it('is named in one line, and the rest counts', async () => {
    const { report, notices } = await noticed({
      state: [
        made('bad', {
          'node1/ss.txt': 'Netid State Recv-Q Send-Q\nudp UNCONN 0 0\n',
          'node1/core': new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0]),
          'node1/pods.json': '{\n  "kind": "List",\n  "items": [\n',
          'node1/empty.txt': '',
          'node1/netconf.txt': 'inet cni0 forwarding off rp_filter off \n',
        }),
      ],
    });
    expect(notices).toEqual([
      'node1/core: is no text, not saved state; it is not read',
      'node1/pods.json:1: expected JSON as kubectl get -o json writes it; what begins here is cut or damaged',
      expect.stringMatching(/^node1\/ss\.txt:1: is none of the outputs that are read: kubectl get -o json, /),
    ]);
    expect(report.findings[0]!.causes[0]).toMatchObject({ kind: 'ip-forward-off', likelihood: 0.97 });
  });

  it('is that of other nodes, and changes nothing', async () => {
    const { report, notices } = await noticed({
      state: [made('other', { 'netconf.txt': 'inet cni0 forwarding off rp_filter off \n' })],
    });
    expect(quotes(report)).toEqual([]);
    expect(notices).toEqual([
      'saved state is of netconf, and the captures are of node1, node2; name its folders or files after the nodes',
    ]);
  });

  it('is an error where it was named and is not there', async () => {
    await expect(noticed({ state: ['nowhere'] })).rejects.toThrow(
      new OptionsError('--state nowhere: no such file or folder'),
    );
    await expect(noticed({ cluster: ['nowhere'] })).rejects.toThrow(
      new OptionsError('--cluster nowhere: no such file or folder'),
    );
  });
});

describe('the cluster', () => {
  const pod = (name: string, ip: string, node: string) => ({
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: node },
    status: { phase: 'Running', podIP: ip },
  });
  const list = {
    kind: 'List',
    items: [
      pod('web', '10.244.19.28', 'node1'),
      pod('client', '10.244.6.9', 'node2'),
      pod('idle', '10.244.6.99', 'node2'),
    ],
  };

  it('names the addresses that the report speaks of', async () => {
    const { report } = await noticed({
      cluster: [join(made('cluster', { 'all.json': JSON.stringify(list, null, 4) }), 'all.json')],
    });
    expect(report.names).toEqual({
      '10.244.19.28': { kind: 'pod', name: 'default/web', node: 'node1' },
      '10.244.6.9': { kind: 'pod', name: 'default/client', node: 'node2' },
    });
    expect(isReport(report)).toBe(true);
    const text = diagnoseText(report, { color: false, width: 100 });
    expect(text).toContain('10.244.19.28  pod  default/web     on node1');
    expect(report.state).toMatchObject({ files: 1, nodes: [] });
  });
});

it('what lines of state hold does nothing to a terminal', async () => {
  const text =
    '*filter\n:FORWARD ACCEPT [0:0]\n[3:180] -A FORWARD -m comment --comment "\x1b[2J\u202e" -j DROP\nCOMMIT\n';
  const { report } = await noticed({ state: [made('hostile\x1b[2J', { 'node1/rules\x1b[2J.txt': text })] });
  expect(quotes(report).join()).toContain('\x1b[2J');
  const printed = diagnoseText(report, { color: false, width: 100 });
  expect(printed).toContain('\\x1b[2J\\u{202e}');
  expect(printed).not.toMatch(/[\x1b\u202e]/);
});
