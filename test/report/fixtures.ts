import type { Finding, PointReport, Report, Verdict } from '../../src/report/report.js';

/** Verdict counts with zeros filled in. */
export function verdicts(some: Partial<Record<Verdict, number>>): Record<Verdict, number> {
  return { answered: 0, 'request-lost': 0, 'reply-lost': 0, unanswered: 0, refused: 0, unknown: 0, ...some };
}

/** A point of node1 or node2 in the second that begins at 1795231479. */
export function point(name: string, frames: number, more: Partial<PointReport> = {}): PointReport {
  const slash = name.indexOf('/');
  return {
    point: name,
    node: name.slice(0, slash),
    interface: name.slice(slash + 1),
    role: 'unknown',
    files: [`${name.replace('/', '__')}.pcap`],
    frames,
    firstTime: '1795231479.472857000',
    lastTime: '1795231486.212843000',
    clock: null,
    protocols: {},
    undecoded: {},
    trust: [],
    ...more,
  };
}

/** Replies that end at the bridge of their node; places and times are those of a capture of this fault. */
export const replyLost: Finding = {
  kind: 'reply-lost',
  severity: 'error',
  certainty: 'shown',
  title: 'Echo replies from 10.244.19.13 to 10.244.6.154 are lost between node1/cni0 and node1/flannel.1',
  flow: 0,
  count: 12,
  of: 12,
  firstTime: '1795231479.772839000',
  lastTime: '1795231482.020883000',
  lastSeen: { point: 'node1/cni0', file: 'node1__cni0.pcap', frame: 4, time: '1795231479.772839000' },
  nextExpected: 'node1/flannel.1',
  causes: [
    {
      kind: 'ip-forward-off',
      likelihood: 0.75,
      why: 'nothing that enters node1 by cni0 leaves by any other interface, 12 of 12, whatever its flow, and no ICMP error tells why',
      next: 'sysctl net.ipv4.conf.cni0.forwarding net.ipv4.conf.all.forwarding',
    },
    {
      kind: 'forward-policy-drop',
      likelihood: 0.2,
      why: 'a FORWARD chain that drops would look the same in this direction; requests are forwarded, which speaks against it',
      next: "iptables-save -c | grep -E '^:FORWARD|DROP'",
    },
  ],
  evidence: [
    {
      point: 'node1/flannel.1',
      file: 'node1__flannel.1.pcap',
      frame: 8,
      time: '1795231481.184369000',
      note: "a request to the node's own address 10.244.19.0 is answered, so the tunnel works both ways",
    },
  ],
  trail: {
    summary: 'echo reply id 1292 seq 1',
    steps: [
      {
        point: 'node1/vethda35235c',
        state: 'seen',
        file: 'node1__vethda35235c.pcap',
        frame: 5,
        time: '1795231479.772837000',
        ttl: 64,
        tunnel: null,
        note: null,
      },
      {
        point: 'node1/cni0',
        state: 'seen',
        file: 'node1__cni0.pcap',
        frame: 4,
        time: '1795231479.772839000',
        ttl: 64,
        tunnel: null,
        note: null,
      },
      {
        point: 'node1/flannel.1',
        state: 'silent',
        file: null,
        frame: null,
        time: null,
        ttl: null,
        tunnel: null,
        note: 'requests of the same flow crossed it 44 µs before, and it lost no packet in that time',
      },
      {
        point: 'node1/eth0',
        state: 'unable',
        file: null,
        frame: null,
        time: null,
        ttl: null,
        tunnel: null,
        note: 'its capture began after this packet',
      },
    ],
  },
};

/** Two flows, one of them without a single reply. */
export const gravity: Report = {
  schema: 'lasthop.report/1',
  version: '0.1.0',
  points: [
    point('node1/vethda35235c', 48, { role: 'veth', protocols: { icmp: 24, arp: 4 } }),
    point('node1/cni0', 36, { role: 'bridge' }),
    point('node1/flannel.1', 18, { role: 'tunnel' }),
    point('node1/eth0', 26, { role: 'underlay', undecoded: { lldp: 2 } }),
    point('node2/eth0', 26, {
      role: 'underlay',
      clock: { reference: 'node1', offsetNs: 10_500, errorNs: 42_000, driftPpm: 0, residualNs: 42_000 },
      trust: ['every frame satisfies "udp port 8472", so what else passed was filtered out'],
    }),
    point('node2/veth41c0f01e', 0, { role: 'veth', firstTime: null, lastTime: null }),
  ],
  flows: [
    {
      protocol: 'icmp-echo',
      client: '10.244.6.154',
      clientPort: null,
      server: '10.244.19.13',
      serverPort: null,
      exchanges: 12,
      verdicts: verdicts({ 'reply-lost': 12 }),
      path: ['node2/eth0', 'node1/eth0', 'node1/flannel.1', 'node1/cni0', 'node1/vethda35235c'],
    },
    {
      protocol: 'dns',
      client: 'fd00:6::9a',
      clientPort: 41234,
      server: 'fd00:19::a',
      serverPort: 53,
      exchanges: 3,
      verdicts: verdicts({ answered: 3 }),
      path: ['node2/eth0', 'node1/eth0'],
    },
  ],
  translations: [
    {
      kind: 'snat',
      from: '192.168.3.3:52703',
      to: '138.96.16.97:52703',
      between: ['faraday/eth1', 'faraday/eth0'],
      packets: 7,
    },
  ],
  findings: [replyLost],
  services: [
    {
      address: '10.244.19.13',
      port: 8080,
      point: 'node1/cni0',
      syn: 3,
      synAck: 3,
      fin: 2,
      rst: 1,
      rstByService: 1,
      interval: 1,
      intervals: [
        { time: '1795226754.000000000', syn: 3, synAck: 3, fin: 0, rst: 0, rstByService: 0 },
        { time: '1795226760.000000000', syn: 0, synAck: 0, fin: 2, rst: 1, rstByService: 1 },
      ],
    },
  ],
  backends: [
    {
      protocol: 'udp',
      address: '10.96.0.10',
      port: 53,
      exchanges: 13,
      backends: [
        {
          ...{ address: '10.244.1.5', port: 53, exchanges: 6, share: 50 },
          ...{ verdicts: verdicts({ answered: 6 }), reset: 0, fails: null },
        },
        {
          ...{ address: '10.244.2.7', port: 53, exchanges: 4, share: 33.3 },
          ...{ verdicts: verdicts({ 'request-lost': 4 }), reset: 0, fails: 'unanswered' },
        },
        {
          ...{ address: '10.244.2.8', port: 53, exchanges: 2, share: 16.7 },
          ...{ verdicts: verdicts({ answered: 2 }), reset: 0, fails: null },
        },
      ],
    },
  ],
  problems: { 'ipv4-truncated': 3 },
  counts: {
    frames: 154,
    packets: 96,
    exchanges: 15,
    trails: 40,
    evicted: 0,
    verdicts: verdicts({ answered: 3, 'reply-lost': 12 }),
    unplaced: 0,
  },
};
