import { describe, expect, it } from 'vitest';
import { dump, jsonDump, stateOf } from './support.js';

// Expected values are what the tools say of the same in JSON, or stand in the text itself.

interface JsonLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly address: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_data?: { readonly hairpin?: boolean };
    readonly info_data?: {
      readonly id?: number;
      readonly port?: number;
      readonly local?: string;
      readonly learning?: boolean;
      readonly gbp?: boolean;
      readonly external?: boolean;
    };
  };
}

describe('ip link', () => {
  const links = jsonDump<JsonLink[]>('link.json');
  const said = links.map(({ ifindex, ifname, flags, mtu, master, address, linkinfo }) => ({
    index: ifindex,
    name: ifname,
    isUp: flags.includes('UP'),
    mtu,
    master: master ?? null,
    mac: address,
    hairpin: linkinfo?.info_slave_data?.hairpin ?? null,
    vxlan:
      linkinfo?.info_kind === 'vxlan'
        ? {
            id: linkinfo.info_data?.external === true ? null : linkinfo.info_data?.id,
            port: linkinfo.info_data?.port,
            local: linkinfo.info_data?.local ?? null,
            learns: linkinfo.info_data?.learning,
            extensions: linkinfo.info_data?.gbp === true ? ['gbp'] : [],
          }
        : null,
  }));

  it.each(['link.txt', 'link-o.txt'])('%s says what ip -j says', (name) => {
    const { node, warnings } = stateOf(dump(name));
    const read = node.links.map(({ at: _, mac, hairpin, vxlan, ...link }) => {
      const { at: __, ...device } = vxlan ?? { at: null };
      return { ...link, mac: mac?.text, hairpin: hairpin?.isOn ?? null, vxlan: vxlan === null ? null : device };
    });
    expect(read).toEqual(said);
    expect(said.filter(({ vxlan }) => vxlan !== null)).toHaveLength(3);
    expect(warnings).toEqual([]);
  });

  it('gives each fact the line that says it', () => {
    const { node } = stateOf(dump('link.txt'));
    const lines = dump('link.txt').split('\n');
    for (const { at, mac, vxlan, hairpin, name } of node.links) {
      expect(lines[at.line - 1]).toBe(at.text);
      expect(at.text).toContain(`: ${name}`);
      expect(mac!.at.text).toContain(mac!.text);
      if (vxlan !== null) expect(lines[vxlan.at.line - 1]).toMatch(/^ +vxlan /);
      if (hairpin !== null) expect(lines[hairpin.at.line - 1]).toContain('hairpin on');
    }
  });

  it('is read from bridge -d link and with counters, too', () => {
    expect(stateOf(dump('bridge-link.txt')).node.links).toMatchObject([
      { name: 'veth10cb005a', master: 'cni0', hairpin: { isOn: true } },
    ]);
    expect(stateOf(dump('link-stats.txt')).node.links).toMatchObject([{ name: 'flannel.1', vxlan: { id: 1 } }]);
  });
});

it.each(['addr.txt', 'addr-o.txt'])('%s: addresses as ip -j says', (name) => {
  const said = jsonDump<{ ifname: string; addr_info: { local: string }[] }[]>('addr.json').flatMap((link) =>
    link.addr_info.map(({ local }) => ({ address: local, device: link.ifname })),
  );
  const { node } = stateOf(dump(name));
  expect(node.addresses.map(({ address, device }) => ({ address, device }))).toEqual(said);
  expect(said.length).toBeGreaterThan(6);
});

interface JsonRoute {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly table?: string;
  readonly metric?: number;
  readonly nexthops?: readonly { readonly gateway?: string; readonly dev?: string }[];
}

it.each([
  ['route-all.txt', 'route-all.json'],
  ['route6.txt', 'route6.json'],
])('%s: routes as ip -j says', (text, json) => {
  const hop = ({ gateway, dev }: { gateway?: string; dev?: string }) => ({ via: gateway ?? null, device: dev ?? null });
  const said = jsonDump<JsonRoute[]>(json).map((route) => ({
    type: route.type ?? 'unicast',
    prefix: route.dst,
    table: route.table ?? 'main',
    metric: route.metric ?? 0,
    hops: route.nexthops?.map(hop) ?? (route.dev === undefined ? [] : [hop(route)]),
  }));
  const read = stateOf(dump(text)).node.routes.map(({ at: _, ...route }) => route);
  // Of routes that reject, one tool names the loopback device that stands for none.
  const plain = (routes: typeof read) =>
    routes.map((route) => (route.hops[0]?.device === 'lo' && route.type !== 'local' ? { ...route, hops: [] } : route));
  expect(plain(read)).toEqual(plain(said));
  expect(said.length).toBeGreaterThan(4);
});

it('ip neigh with what a routing daemon adds behind the state, which is no route', () => {
  const { node } = stateOf('10.0.0.1 dev vx lladdr 02:00:00:00:00:01 extern_learn  NOARP proto zebra\n');
  expect(node.neighbours).toMatchObject([{ address: '10.0.0.1', mac: '02:00:00:00:00:01', state: 'NOARP' }]);
  expect(node.routes).toEqual([]);
});

it('ip neigh as ip -j says', () => {
  const said = jsonDump<{ dst: string; dev: string; lladdr?: string; state: string[] }[]>('neigh.json');
  const entries = stateOf(dump('neigh.txt')).node.neighbours;
  const key = ({ address }: { address: string }) => address;
  const read = entries.map(({ at: _, ...entry }) => entry).sort((a, b) => (key(a) < key(b) ? -1 : 1));
  expect(read).toEqual(
    said
      .map(({ dst, dev, lladdr, state }) => ({ address: dst, device: dev, mac: lladdr ?? null, state: state[0] }))
      .sort((a, b) => (key(a) < key(b) ? -1 : 1)),
  );
  expect(read.map(({ state }) => state).sort()).toEqual(['FAILED', 'PERMANENT', 'REACHABLE', 'STALE']);
});

it('bridge fdb as bridge -j says', () => {
  const said = jsonDump<{ mac: string; ifname: string; dst?: string; state?: string }[]>('fdb.json');
  const read = stateOf(dump('fdb.txt')).node.forwarding.map(({ at: _, ...entry }) => entry);
  expect(read).toEqual(
    said.map(({ mac, ifname, dst, state }) => ({
      mac,
      device: ifname,
      destination: dst ?? null,
      isPermanent: state === 'permanent',
    })),
  );
  expect(read.filter(({ destination }) => destination !== null)).toHaveLength(2);
});

describe('switches of interfaces', () => {
  const VALUES: Readonly<Record<string, number>> = { off: 0, strict: 1, loose: 2 };
  const said =
    jsonDump<{ family: string; interface: string; forwarding: boolean; rp_filter?: string }[]>('netconf.json');

  it('ip netconf as ip -j says', () => {
    const { devices } = stateOf(dump('netconf.txt')).node;
    for (const { family, interface: device, forwarding, rp_filter: filter } of said) {
      const of = (key: string) =>
        devices.find(
          (each) => each.family === (family === 'inet' ? 4 : 6) && each.device === device && each.key === key,
        )?.value;
      expect([device, of('forwarding')]).toEqual([device, Number(forwarding)]);
      expect([device, of('rp_filter')]).toEqual([device, filter === undefined ? undefined : VALUES[filter]]);
    }
    expect(said.some(({ forwarding, family }) => !forwarding && family === 'inet')).toBe(true);
  });

  it('sysctl says the same as ip netconf', () => {
    const values = (text: string) =>
      Object.fromEntries(
        stateOf(text)
          .node.devices.filter(({ key }) => key !== 'proxy_arp')
          .map(({ family, device, key, value }) => [`${family} ${device} ${key}`, value]),
      );
    const sysctl = values(dump('sysctl.txt'));
    expect(sysctl).toMatchObject({ '4 cni0 forwarding': 0, '4 flannel.1 rp_filter': 2, '4 eth0 rp_filter': 1 });
    const netconf = values(dump('netconf.txt'));
    for (const [key, value] of Object.entries(netconf))
      if (key in sysctl) expect([key, sysctl[key]]).toEqual([key, value]);
  });

  it('takes the form of older versions of ip', () => {
    const { node } = stateOf('ipv4 dev cni0 forwarding off rp_filter off mc_forwarding off \n');
    expect(node.devices.slice(0, 1)).toMatchObject([{ family: 4, device: 'cni0', key: 'forwarding', value: 0 }]);
  });
});

describe('iptables-save', () => {
  it('gives tables, chains and rules with their counters', () => {
    const { rulesets } = stateOf(dump('iptables-save-c.txt')).node;
    expect(rulesets.map(({ table, family }) => [table, family])).toEqual([
      ['raw', 4],
      ['filter', 4],
      ['nat', 4],
    ]);
    const filter = rulesets[1]!.chains;
    expect(filter.get('FORWARD')).toMatchObject({ hook: 'forward', policy: 'drop', packets: 2 });
    expect(filter.get('cali-INPUT')).toMatchObject({ hook: null, policy: null });
    expect(filter.get('cali-INPUT')!.rules.map(({ target, packets }) => [target.kind, packets])).toEqual([
      ['accept', 0],
      ['drop', 1],
    ]);
    expect(filter.get('FORWARD')!.rules[1]!.conditions).toEqual([
      { field: 'source', isNegated: false, values: ['10.244.19.0/24'] },
      { field: 'in', isNegated: true, values: ['eth0'] },
      { field: 'out', isNegated: false, values: ['eth0'] },
      { field: 'protocol', isNegated: false, values: ['tcp'] },
      { field: 'sourcePort', isNegated: false, values: ['1024:65535'] },
      { field: 'destinationPort', isNegated: false, values: ['80'] },
    ]);
  });

  it('knows the other family and files without counters', () => {
    expect(stateOf(dump('ip6tables-save-c.txt')).node.rulesets).toMatchObject([{ family: 6, table: 'filter' }]);
    const plain = stateOf(dump('iptables-save.txt')).node.rulesets[1]!.chains.get('cali-INPUT')!;
    expect(plain.rules.map(({ packets }) => packets)).toEqual([null, null]);
    const listed = stateOf(dump('iptables-S.txt')).node.rulesets;
    expect(listed.map(({ table }) => table)).toEqual(['filter']);
    expect(listed[0]!.chains.get('FORWARD')).toMatchObject({ policy: 'drop', packets: null });
    const kinds = (chain: string) => listed[0]!.chains.get(chain)!.rules.map(({ target }) => target.kind);
    expect(kinds('KUBE-FORWARD')).toEqual(['drop', 'accept']);
  });
});

describe('nft list ruleset', () => {
  it.each(['nft.txt', 'nft-a.txt'])('%s: tables, hooks, policies and rules', (name) => {
    const { node, warnings } = stateOf(dump(name));
    expect(node.rulesets.map(({ table }) => table).sort()).toEqual(['filter', 'filter', 'firewalld', 'nat', 'raw']);
    const chains = node.rulesets.find(({ table }) => table === 'firewalld')!.chains;
    expect([...chains.keys()]).toEqual(['filter_INPUT', 'filter_IN', 'filter_FORWARD']);
    expect(chains.get('filter_FORWARD')).toMatchObject({ hook: 'forward', policy: 'drop' });
    expect(chains.get('filter_INPUT')!.rules.map(({ target }) => target.kind)).toEqual([
      ...['accept', 'accept', 'accept', 'drop', 'reject', 'jump'],
    ]);
    expect(chains.get('filter_INPUT')!.rules[2]!.conditions).toEqual([
      { field: 'protocol', isNegated: false, values: ['udp'] },
      { field: 'destinationPort', isNegated: false, values: ['4789', '8472'] },
      { field: 'sourceSet', isNegated: false, values: ['allowed'] },
    ]);
    expect(node.sets.get('allowed')!.members.map(({ text }) => text)).toEqual(['10.162.0.6', '10.162.1.0/24']);
    expect(warnings).toEqual([]);
  });

  it('reads the rules that iptables-nft wrote as iptables-save reads them', () => {
    const saved = stateOf(dump('iptables-save-c.txt')).node.rulesets.find(({ table }) => table === 'filter')!;
    const listed = stateOf(dump('nft.txt')).node.rulesets.find(
      ({ table, family }) => table === 'filter' && family === 4,
    )!;
    for (const [name, chain] of saved.chains) {
      const kinds = (rules: typeof chain.rules) => rules.map(({ target, packets }) => [target.kind, packets]);
      expect([name, kinds(listed.chains.get(name)!.rules)]).toEqual([name, kinds(chain.rules)]);
    }
  });

  it('does not take a map of verdicts for one of them', () => {
    const text =
      'table inet t {\n\tchain c {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tct state vmap { established : accept, invalid : drop }\n\t}\n}\n';
    expect(stateOf(text).node.rulesets[0]!.chains.get('c')!.rules[0]!.target.kind).toBe('unknown');
  });
});

describe('ipset', () => {
  it.each(['ipset-list.txt', 'ipset-save.txt'])('%s: sets and their members', (name) => {
    const { sets } = stateOf(dump(name)).node;
    expect([...sets.keys()].sort()).toEqual(['all', 'cali40all-vxlan-net', 'ports', 'six']);
    expect(sets.get('cali40all-vxlan-net')!.members.map(({ text, isExcluded }) => [text, isExcluded])).toEqual([
      ['192.168.3.1', false],
      ['138.96.245.0/24', false],
      ['138.96.245.77', true],
    ]);
    expect(sets.get('ports')!.members.map(({ text }) => text)).toEqual(['10.0.0.1,tcp:80']);
  });
});

it.each(['conntrack-L.txt', 'nf_conntrack.txt'])('%s: connections with their tuples', (name) => {
  const { connections } = stateOf(dump(name)).node;
  expect(connections.map(({ protocol, isUnreplied }) => [protocol, isUnreplied]).sort()).toEqual([
    ['icmp', false],
    ['icmp', true],
    ['unknown', true],
  ]);
  expect(connections.find(({ protocol, isUnreplied }) => protocol === 'icmp' && !isUnreplied)).toMatchObject({
    original: { source: '10.162.0.7', destination: '10.162.0.1' },
    reply: { source: '10.162.0.1', destination: '10.162.0.7' },
  });
});

it('conntrack -L: states and ports', () => {
  const line =
    'tcp      6 118 TIME_WAIT src=10.244.210.200 dst=10.96.0.1 sport=60304 dport=8080 src=10.244.112.198 dst=10.244.210.200 sport=80 dport=60304 [ASSURED] mark=0 use=1';
  expect(
    stateOf(`${line}\nconntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n`).node.connections,
  ).toMatchObject([
    {
      protocol: 'tcp',
      state: 'TIME_WAIT',
      original: { sourcePort: 60304, destinationPort: 8080 },
      reply: { source: '10.244.112.198', sourcePort: 80 },
    },
  ]);
});

it('counters of nstat and conntrack -S', () => {
  const { figures } = stateOf(dump('nstat.txt'), dump('conntrack-S.txt')).node;
  expect(figures.find(({ name }) => name === 'IpInAddrErrors')?.value).toBe(2);
  expect(figures.filter(({ name }) => name === 'conntrack insert_failed').map(({ value }) => value)).toEqual([0, 0]);
});

it('ipvsadm -Ln: services and their real servers', () => {
  // As ipvsadm(8) prints it.
  const text = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.1:443 rr
  -> 10.162.0.6:6443              Masq    1      0          0
UDP  10.96.0.10:53 rr
`;
  expect(stateOf(text).node.services).toMatchObject([
    { protocol: 'tcp', address: '10.96.0.1:443', servers: [{ address: '10.162.0.6:6443' }] },
    { protocol: 'udp', address: '10.96.0.10:53', servers: [] },
  ]);
});

it('ip rule: only rules that choose other tables count', () => {
  expect(stateOf(dump('rule.txt')).node.policies).toEqual([]);
  expect(stateOf(`${dump('rule.txt')}100:\tfrom 10.244.0.0/16 lookup 200 \n`).node.policies).toHaveLength(1);
});
