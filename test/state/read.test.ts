import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeState } from '../../src/state/facts.js';
import { nodeOfFile } from '../../src/state/node-of-file.js';
import { readState, SavedState } from '../../src/state/read.js';
import { dump, stateOf } from './support.js';

const DUMPS = readdirSync(join(import.meta.dirname, 'dumps')).filter((name) => name.endsWith('.txt'));

/** How many facts of each kind there are. */
function counts(node: NodeState): Record<string, number> {
  const sizes = Object.entries(node).map(([key, value]: [string, { length?: number; size?: number }]) => [
    key,
    value.length ?? value.size ?? 0,
  ]);
  return Object.fromEntries(sizes) as Record<string, number>;
}

describe('files', () => {
  it.each(DUMPS)('%s is known by its content', (name) => {
    const { node, warnings } = stateOf(dump(name));
    const found = Object.values(counts(node)).reduce((sum, count) => sum + count, 0);
    expect([warnings, found > 0 || name === 'rule.txt']).toEqual([[], true]);
  });

  it('may hold the output of all tools one after the other, in any order, with or without blank lines and headings', () => {
    const separate = stateOf(...DUMPS.map(dump));
    const expected = counts(separate.node);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(DUMPS, { minLength: DUMPS.length }),
        fc.constantFrom('', '\n', '\n# next\n', '\n$ ip something\n', '\r\n'),
        (names, between) => {
          const { node, warnings } = stateOf(names.map(dump).join(between));
          expect(counts(node)).toEqual(expected);
          expect(warnings).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('may have the line ends of another system', () => {
    for (const name of DUMPS) {
      expect([name, counts(stateOf(dump(name).replaceAll('\n', '\r\n')).node)]).toEqual([
        name,
        counts(stateOf(dump(name)).node),
      ]);
    }
  });

  it('that hold nothing known are named with their first line, once', () => {
    expect(stateOf('Chain INPUT (policy ACCEPT)\ntarget prot opt source destination\n').warnings).toEqual([
      expect.stringMatching(
        /^node\/0\.txt:1: is none of the outputs that are read: .*ip netconf, sysctl, conntrack -L/,
      ),
    ]);
    expect(stateOf('', '\n\n').warnings).toEqual([]);
  });

  it('whose JSON is cut are named with the line where it begins', () => {
    expect(stateOf('# kubectl\n{\n  "kind": "List",\n  "items": [\n').warnings).toEqual([
      'node/0.txt:2: expected JSON as kubectl get -o json writes it; what begins here is cut or damaged',
    ]);
    expect(stateOf('{"a": 1}\n').warnings).toEqual([
      'node/0.txt:1: expected an object of Kubernetes with its kind, as kubectl get -o json writes it',
    ]);
  });

  it('give their node, those of the cluster give none', () => {
    const { saved } = stateOf(dump('netconf.txt'), '{ "kind": "List", "items": [] }\n');
    expect([...saved.files]).toEqual([
      ['node', ['node/0.txt']],
      ['', ['node/1.txt']],
    ]);
  });
});

describe('any text', () => {
  const line = fc.oneof(
    fc.constantFrom(...DUMPS.flatMap((name) => dump(name).split('\n'))),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      '{',
      '}',
      '*filter',
      'COMMIT',
      'table ip t {',
      'Members:',
      '-A',
      ':',
      '[1:1] -A',
      '-> x',
      '"',
      '\\',
      '\0',
    ),
  );

  it('is read without an exception', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        expect(() => stateOf(lines.join('\n'))).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('any change of one character of a dump is read without an exception', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...DUMPS),
        fc.nat(),
        fc.string({ unit: 'binary', maxLength: 3 }),
        (name, at, text) => {
          const whole = dump(name);
          const place = at % whole.length;
          expect(() => stateOf(whole.slice(0, place) + text + whole.slice(place + 1))).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['spaces', ' '.repeat(1 << 21)],
    ['one word', 'a'.repeat(1 << 21)],
    ['digits', '1'.repeat(1 << 21)],
    ['words', '1: a '.repeat(1 << 19)],
    ['quotation marks', `-A ${'"\\"'.repeat(1 << 19)}`],
    ['braces', `table ip t {\n\tchain c {\n${'\t{ '.repeat(1 << 19)}`],
    ['elements', `table ip t {\n\tset s {\n\t\telements = { ${'1, '.repeat(1 << 19)}`],
    ['JSON that never ends', '{\n'.repeat(1 << 19)],
    ['rules', `*filter\n${'[1:1] -A INPUT -s 10.0.0.1 -j X\n'.repeat(1 << 15)}`],
    ['links', '1: a: <UP> mtu 1\n    vxlan id 1\n'.repeat(1 << 15)],
    ['addresses', '10.0.0.1 '.repeat(1 << 18)],
    ['colons', ':'.repeat(1 << 21)],
  ])('takes time in proportion to its length: %s', (_, text) => {
    const started = performance.now();
    stateOf(text);
    // Some 2 MB; what tries again and again would take minutes.
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('the node of a file', () => {
  const nodes = new Set(['node1', 'w2', 'a.example']);
  it.each([
    ['node1/netconf.txt', 'node1'],
    ['state/node1/netconf.txt', 'node1'],
    ['node1/state/netconf.txt', 'node1'],
    ['2026/node1/before/netconf.txt', 'node1'],
    ['node1__netconf.txt', 'node1'],
    ['node1.txt', 'node1'],
    ['node1.txt.gz', 'node1'],
    ['a.example.txt', 'a.example'],
    ['w2-iptables.txt', 'w2'],
    ['w2.iptables.txt', 'w2'],
    ['w9/netconf.txt', 'w9'],
    ['w9__netconf.txt', 'w9'],
    ['w9.txt', 'w9'],
    ['w22-iptables.txt', 'w22-iptables'],
  ])('%s: %s', (path, node) => {
    expect(nodeOfFile(path, nodes)).toBe(node);
  });

  it('is the one without a name where captures name none', () => {
    expect(nodeOfFile('netconf.txt', new Set())).toBe('');
    expect(nodeOfFile('w9/netconf.txt', new Set())).toBe('w9');
  });
});

describe('kubectl get -o json', () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        kind: 'Node',
        metadata: { name: 'n1', annotations: { 'projectcalico.org/IPv4Address': '192.168.3.1/24' } },
        status: {
          addresses: [
            { type: 'InternalIP', address: '10.0.0.1' },
            { type: 'Hostname', address: 'n1' },
          ],
        },
      },
      {
        kind: 'Pod',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { nodeName: 'n1' },
        status: { phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd00::2' }] },
      },
      {
        kind: 'Pod',
        metadata: { name: 'job', namespace: 'shop' },
        spec: { nodeName: 'n1' },
        status: { phase: 'Succeeded', podIP: '10.244.1.3' },
      },
      {
        kind: 'Pod',
        metadata: { name: 'proxy', namespace: 'kube-system' },
        spec: { nodeName: 'n1' },
        status: { podIP: '10.0.0.1' },
      },
      {
        kind: 'Service',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] },
      },
      { kind: 'Service', metadata: { name: 'headless', namespace: 'shop' }, spec: { clusterIP: 'None' } },
      {
        kind: 'EndpointSlice',
        metadata: { name: 'web-x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
        endpoints: [
          { addresses: ['10.244.1.2'], conditions: { ready: true } },
          { addresses: ['10.244.1.9'], conditions: { ready: false } },
        ],
      },
      { kind: 'Pod', metadata: null, status: 7 },
      'nonsense',
    ],
  };
  const { cluster } = stateOf(`${JSON.stringify(list, null, 4)}\n`).saved;

  it('names addresses, and the lines that say so', () => {
    expect(cluster.find('10.244.1.2')).toMatchObject({ kind: 'pod', name: 'shop/web', node: 'n1' });
    expect(cluster.find('10.244.1.2')!.at.text).toContain('"podIP": "10.244.1.2"');
    expect(cluster.find('fd00::2')).toMatchObject({ kind: 'pod', name: 'shop/web' });
    expect(cluster.find('10.96.0.7')).toMatchObject({ kind: 'service', name: 'shop/web' });
    expect(cluster.find('192.168.3.1')).toMatchObject({ kind: 'node', name: 'n1' });
    expect(cluster.find('10.96.0.8')).toBe(null);
  });

  it("tells pods that have ended, and pods on the host's network", () => {
    expect(cluster.find('10.244.1.3')).toBe(null);
    expect(cluster.all('10.244.1.3')).toMatchObject([{ name: 'shop/job', isOver: true }]);
    expect(cluster.find('10.0.0.1')).toMatchObject({ kind: 'node' });
  });

  it('knows the endpoints of services', () => {
    expect(cluster.endpoints.get('shop/web')!.list.map(({ address, isReady }) => [address, isReady])).toEqual([
      ['10.244.1.2', true],
      ['10.244.1.9', false],
    ]);
  });

  it('is the same in one line', () => {
    const saved = new SavedState();
    readState(saved, JSON.stringify(list), 'all.json', '', () => undefined);
    expect(saved.cluster.size).toBe(cluster.size);
  });
});
