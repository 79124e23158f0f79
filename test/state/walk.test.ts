import { describe, expect, it } from 'vitest';
import { holds } from '../../src/state/addresses.js';
import { deviceOf, routeTo } from '../../src/state/lookup.js';
import type { Asked } from '../../src/state/rules/rule.js';
import { endsOf } from '../../src/state/rules/walk.js';
import { dump, stateOf } from './support.js';

const PLAIN: Asked = {
  in: 'eth0',
  out: null,
  source: '10.162.0.1',
  destination: '10.162.0.7',
  protocol: 17,
  sourcePort: 40_000,
  destinationPort: 4789,
  state: null,
  isLocal: true,
};

/** What was sent when the dumps were made, and where the kernel's own counters say that it ended. */
const FORWARDED: Asked = {
  ...PLAIN,
  ...{ out: 'cni0', destination: '10.244.19.28', protocol: 1, sourcePort: null, destinationPort: null, isLocal: false },
};

describe('a way that is not known to its end', () => {
  const endsIn = (text: string) =>
    endsOf(stateOf(text).node, 'filter', 'input', PLAIN)[0]!.map(({ kind, isSure }) => [kind, isSure]);
  const saved = (...lines: string[]) => ['*filter', ...lines, 'COMMIT', ''].join('\n');

  it('makes the policy unsure: a queue may decide otherwise', () => {
    expect(endsIn(saved(':INPUT DROP [3:180]', '-A INPUT -j NFQUEUE --queue-num 0'))).toEqual([['drop', false]]);
    expect(endsIn(saved(':INPUT DROP [3:180]', '-A INPUT -i lo -j ACCEPT'))).toEqual([['drop', true]]);
  });

  it('makes what comes after a jump unsure', () => {
    const jump = [':INPUT ACCEPT [0:0]', ':sub - [0:0]', '-A INPUT -j sub', '-A INPUT -j DROP'];
    expect(endsIn(saved(...jump, '-A sub -j NFQUEUE --queue-num 0'))).toEqual([['drop', false]]);
    expect(endsIn(saved(...jump, '-A sub -i lo -j ACCEPT'))).toEqual([['drop', true]]);
    // A chain that was not saved
    expect(endsIn(saved(':INPUT ACCEPT [0:0]', '-A INPUT -j elsewhere', '-A INPUT -j DROP'))).toEqual([
      ['drop', false],
    ]);
  });

  it('is what a verdict map of nft is', () => {
    const text = [
      'table inet fw {',
      '\tchain input {',
      '\t\ttype filter hook input priority filter; policy drop;',
      '\t\tudp dport vmap { 4789 : accept, 53 : drop }',
      '\t}',
      '}',
      '',
    ].join('\n');
    expect(endsIn(text)).toEqual([['drop', false]]);
  });

  it('a chain may be called like what every object has', () => {
    const chains = [':INPUT DROP [0:0]', ':constructor - [0:0]', '-A INPUT -j constructor', '-A constructor -j ACCEPT'];
    expect(endsIn(saved(...chains))).toEqual([['accept', true]]);
  });
});

describe('rules', () => {
  const { node } = stateOf(dump('iptables-save-c.txt'), dump('ipset-list.txt'));

  it('lead a tunnel packet from elsewhere to the rule whose counter it moved', () => {
    const [ends] = endsOf(node, 'filter', 'input', PLAIN);
    expect(ends!.map(({ kind, isSure, packets }) => [kind, isSure, packets])).toEqual([['drop', true, 1]]);
  });

  it('lead a packet for a pod to the policy whose counter it moved', () => {
    const [ends] = endsOf(node, 'filter', 'forward', { ...FORWARDED, state: 'NEW' });
    // A mark may have accepted it, for all that the dump tells.
    expect(ends!.map(({ kind, isSure, packets }) => [kind, isSure, packets])).toEqual([
      ['accept', false, 0],
      ['drop', false, 2],
    ]);
    expect(ends!.at(-1)!.at.text).toBe(':FORWARD DROP [2:168]');
  });

  it('lead a SYN to a service without endpoints to the rule that refuses it', () => {
    const syn = { ...PLAIN, in: null, destination: '10.96.0.99', protocol: 6, destinationPort: 80, isLocal: false };
    expect(endsOf(node, 'filter', 'output', syn)[0]).toMatchObject([{ kind: 'reject', isSure: true, packets: 2 }]);
  });

  it('accept what is in the set, and nothing that it excludes', () => {
    const kinds = (source: string) => endsOf(node, 'filter', 'input', { ...PLAIN, source })[0]!.map(({ kind }) => kind);
    expect(kinds('192.168.3.1')).toEqual(['accept']);
    expect(kinds('138.96.245.53')).toEqual(['accept']);
    expect(kinds('138.96.245.77')).toEqual(['drop']);
  });

  it('are not sure where a set was not saved', () => {
    const alone = stateOf(dump('iptables-save-c.txt')).node;
    expect(endsOf(alone, 'filter', 'input', PLAIN)[0]).toMatchObject([
      { kind: 'accept', isSure: false },
      { kind: 'drop', isSure: false },
    ]);
  });

  it('are those of the packet: another port, protocol, interface or family meets none of them', () => {
    const last = (asked: Partial<Asked>) => endsOf(node, 'filter', 'input', { ...PLAIN, ...asked })[0]?.at(-1)?.at.text;
    expect(last({ destinationPort: 53 })).toBe(':INPUT ACCEPT [4:372]');
    expect(last({ protocol: 6 })).toBe(':INPUT ACCEPT [4:372]');
    expect(last({ source: 'fd00::1', destination: 'fd00::2' })).toBeUndefined();
    const raw = (device: string) =>
      endsOf(node, 'raw', 'prerouting', { ...PLAIN, in: device })[0]!.map(({ kind }) => kind);
    expect(raw('eth0')).toEqual(['accept']);
    expect(raw('cali1')).toEqual(['drop', 'accept']);
  });

  it('translate what leaves the cluster, and nothing else', () => {
    const kinds = (destination: string) =>
      endsOf(node, 'nat', 'postrouting', { ...PLAIN, source: '10.244.19.28', destination })[0]!.map(({ kind }) => kind);
    expect(kinds('198.51.100.1')).toEqual(['masquerade']);
    expect(kinds('10.244.6.9')).toEqual(['accept']);
  });

  it('of nft lead to the same ends', () => {
    const listed = stateOf(dump('nft.txt')).node;
    const lists = endsOf(listed, 'filter', 'input', { ...PLAIN, state: 'NEW' });
    // The sets of iptables are not in the listing; those of firewalld are.
    expect(lists.map((ends) => ends.map(({ kind, isSure }) => [kind, isSure]))).toEqual([
      [
        ['accept', false],
        ['drop', false],
      ],
      [['drop', true]],
    ]);
    const known = { ...PLAIN, source: '10.162.1.9', state: 'NEW' } as const;
    expect(endsOf(listed, 'filter', 'input', known)[1]!.map(({ kind }) => kind)).toEqual(['accept']);
  });

  it('that jump in circles end', () => {
    const rules = ':A - [0:0]\n:B - [0:0]\n[1:1] -A INPUT -j A\n[1:1] -A A -j B\n[1:1] -A B -j A\n[1:1] -A B -j B\n';
    const circles = stateOf(`*filter\n:INPUT ACCEPT [0:0]\n${rules}COMMIT\n`).node;
    expect(endsOf(circles, 'filter', 'input', PLAIN)[0]!.map(({ kind }) => kind)).toEqual(['accept']);
  });
});

describe('the route to an address', () => {
  const { node } = stateOf(dump('route-all.txt'), dump('rule.txt'));
  // What `ip route get` says of such a table.
  it.each([
    ['10.244.6.9', 'unicast', 'flannel.1'],
    ['10.244.19.28', 'unicast', 'cni0'],
    ['10.244.20.1', 'blackhole', null],
    ['10.244.20.64', 'unicast', 'eth0'],
    ['10.244.21.9', 'unreachable', null],
    ['10.244.22.9', 'prohibit', null],
    ['8.8.8.8', 'unicast', 'eth0'],
    ['10.251.0.1', 'unicast', 'eth0'],
  ])('%s: %s %s', (address, type, device) => {
    const route = routeTo(node, address);
    expect(route).toMatchObject({ type });
    expect(deviceOf(route as Exclude<typeof route, 'none' | null>)).toBe(device);
  });

  it('is none, or not known', () => {
    const few = stateOf('10.162.0.0/24 dev eth0 proto kernel scope link src 10.162.0.7 \n').node;
    expect(routeTo(few, '10.244.6.9')).toBe('none');
    expect(routeTo(few, 'fd00::1')).toBe(null);
    expect(routeTo(stateOf('').node, '10.244.6.9')).toBe(null);
    expect(routeTo(stateOf(dump('route.txt'), '100:\tfrom all fwmark 0x1 lookup 200\n').node, '10.244.6.9')).toBe(null);
    expect(routeTo(stateOf(dump('route.txt'), dump('addr.txt')).node, '10.244.19.1')).toBe(null);
  });
});

describe('addresses', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['128.0.0.0/1', '255.0.0.1', true],
    ['10.0.0.1-10.0.0.9', '10.0.0.9', true],
    ['10.0.0.1-10.0.0.9', '10.0.0.10', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00:0:0::1', 'fd00::1', true],
    ['10.0.0.0/8', 'fd12::1', false],
    ['10.0.0.0/33', '10.0.0.1', null],
    ['300.0.0.1', '10.0.0.1', null],
    ['10.0.0.1,tcp:80', '10.0.0.1', null],
    ['kube-dns', '10.0.0.1', null],
  ])('%s holds %s: %s', (text, address, expected) => {
    expect(holds(text, address)).toBe(expected);
  });
});
