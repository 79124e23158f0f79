import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnoseText } from '../../src/report/diagnose-text.js';
import { pointsText } from '../../src/report/points-text.js';
import type { ExchangeRow, Finding, Report, TrailRow } from '../../src/report/report.js';
import { exchangesText, trailsText, type RowText } from '../../src/report/rows-text.js';
import { gravity, point, replyLost, verdicts } from './fixtures.js';
import { runs } from '../support/runs.js';

const PLAIN = { color: false, width: 100 };
const ESCAPES = /\x1b\[\d+m/g;

const exchange: ExchangeRow = {
  protocol: 'icmp-echo',
  client: '10.244.6.154',
  clientPort: null,
  server: '10.244.19.13',
  serverPort: null,
  time: '1795231479.772741000',
  id: { icmpId: 1292, icmpSeq: 1 },
  verdict: 'reply-lost',
  certainty: 'shown',
  reason: null,
  attempts: 1,
  request: { state: 'delivered', lastSeen: 'node1/vethda35235c', nextExpected: null },
  reply: { state: 'lost', lastSeen: 'node1/cni0', nextExpected: 'node1/flannel.1' },
};

const exchangeRows: readonly ExchangeRow[] = [
  exchange,
  {
    ...exchange,
    protocol: 'dns',
    clientPort: 41234,
    serverPort: 53,
    id: { dnsId: 4660, name: 'kubernetes.default.svc.cluster.local', type: 'A' },
    verdict: 'answered',
    attempts: 2,
    reply: { state: 'delivered', lastSeen: 'node2/veth41c0f01e', nextExpected: null },
  },
  {
    ...exchange,
    protocol: 'udp',
    client: 'fd00:6::9a',
    clientPort: 5000,
    server: 'fd00:19::d',
    serverPort: 6000,
    time: '1795305600.000000001',
    id: {},
    verdict: 'unanswered',
    certainty: 'likely',
    reply: null,
  },
  {
    ...exchange,
    protocol: 'tcp',
    clientPort: 40000,
    serverPort: 80,
    time: '1795305601.000000000',
    id: { isn: 1 },
    verdict: 'unknown',
    certainty: 'unknown',
    reason: 'the SYN was sent before any capture began',
    request: null,
    reply: null,
  },
];

const trail: TrailRow = {
  time: '1795231479.772837000',
  protocol: 'icmp',
  src: '10.244.19.13',
  dst: '10.244.6.154',
  srcPort: null,
  dstPort: null,
  summary: 'echo reply id 1292 seq 1',
  direction: 'reply',
  state: 'lost',
  lastSeen: 'node1/cni0',
  nextExpected: 'node1/flannel.1',
  certainty: 'shown',
  reason: null,
  sightings: [
    {
      point: 'node1/vethda35235c',
      file: 'node1__vethda35235c.pcap',
      frame: 5,
      time: '1795231479.772837000',
      ttl: 64,
      tunnel: null,
      nat: null,
      rung: 'exact',
    },
    {
      point: 'node1/cni0',
      file: 'node1__cni0.pcap',
      frame: 4,
      time: '1795231479.772839000',
      ttl: 64,
      tunnel: 'vxlan 10.162.0.7:43000 > 10.162.0.6:8472 vni 1',
      nat: 'from 10.96.0.10:53',
      rung: 'exact',
      copy: true,
      range: [0, 1448],
    },
  ],
};

const trailRows: readonly TrailRow[] = [
  trail,
  {
    ...trail,
    protocol: 'tcp',
    srcPort: 40000,
    dstPort: 80,
    summary: 'SYN',
    state: 'unknown',
    certainty: 'unknown',
    nextExpected: null,
    reason: 'node1/flannel.1 was not captured at that time',
  },
];

function table<Row>(text: RowText<Row>, rows: readonly Row[]): string {
  return text.header + rows.map((row) => text.line(row)).join('');
}

const healthy: Report = {
  ...gravity,
  findings: [],
  problems: {},
  translations: [],
  points: [point('node1/eth0', 1)],
  flows: gravity.flows.slice(1),
  counts: { ...gravity.counts, exchanges: 3, verdicts: verdicts({ answered: 3 }) },
};

const withoutTrail: Finding = {
  ...replyLost,
  severity: 'warning',
  certainty: 'likely',
  trail: null,
  evidence: [],
  causes: replyLost.causes.slice(0, 1),
};

/** Every rendering of one report and its rows. */
function renderings(report: Report, color: boolean): string[] {
  const options = { color, width: 100 };
  return [
    diagnoseText(report, options),
    pointsText(report, options),
    table(exchangesText(options), exchangeRows),
    table(trailsText(options), trailRows),
  ];
}

describe('text', () => {
  it('diagnose', async () => {
    await expect(diagnoseText(gravity, PLAIN)).toMatchFileSnapshot('golden/diagnose.txt');
  });
  it('diagnose without findings', async () => {
    await expect(diagnoseText(healthy, PLAIN)).toMatchFileSnapshot('golden/diagnose-healthy.txt');
  });
  it('diagnose without a trail', async () => {
    const findings = [withoutTrail, { ...withoutTrail, severity: 'info', flow: null, lastSeen: null } as const];
    await expect(diagnoseText({ ...gravity, findings }, PLAIN)).toMatchFileSnapshot(
      'golden/diagnose-without-trail.txt',
    );
  });
  it('the backends that a finding is about', () => {
    const line = (more: Partial<NonNullable<Finding['backends']>>): string => {
      const backends = {
        ...{ service: '10.96.0.10:53/udp', failing: ['10.244.2.7:53'], how: 'unanswered' as const },
        ...{ of: 3, exchanges: 4, ofExchanges: 12, ...more },
      };
      const text = diagnoseText({ ...gravity, findings: [{ ...replyLost, backends }] }, { ...PLAIN, width: 200 });
      return text
        .split('\n')
        .find((each) => each.includes(' backends of '))!
        .trim();
    };
    expect(line({})).toBe(
      '1 of 3 backends of 10.96.0.10:53/udp fails: 10.244.2.7:53 (4 of 12 requests, 33 %; does not answer, others answer)',
    );
    expect(
      line({ failing: ['a', 'b', 'c', 'd', 'e', 'f'], of: 900, how: 'refused', exchanges: 1, ofExchanges: 900 }),
    ).toBe(
      '6 of 900 backends of 10.96.0.10:53/udp fail: a, b, c, d, e, … (1 of 900 requests, <1 %; refuse, others answer)',
    );
  });

  it('services over time, where a reset was found', () => {
    const reset: Finding = { ...withoutTrail, kind: 'rst-backend-switched' };
    const [service] = gravity.services;
    const told = (report: Partial<Report>): string[] => {
      const lines = diagnoseText({ ...gravity, ...report }, PLAIN).split('\n');
      const from = lines.indexOf('Services with resets over time');
      return from < 0 ? [] : lines.slice(from + 1, lines.indexOf('', from));
    };
    expect(told({ findings: [reset] })).toEqual([
      '  10.244.19.13:8080 at node1/cni0',
      '    UTC       SYN  SYN,ACK  FIN  RST  by the service',
      '    02:05:54    3        3    0    0               0',
      '    02:06:00    0        0    2    1               1',
    ]);
    // An application that aborts is no reason for a table, nor are services that nobody reset.
    expect(told({ findings: [{ ...reset, severity: 'info' }] })).toEqual([]);
    expect(told({ findings: [withoutTrail] })).toEqual([]);
    expect(told({ findings: [reset], services: [{ ...service!, rst: 0 }] })).toEqual([]);
    // Of one service the point that shows most; of many services the first five.
    const points = ['a/eth0', 'b/eth0'].map((point, i) => ({ ...service!, point, syn: 3 + i }));
    expect(told({ findings: [reset], services: points })[0]).toBe('  10.244.19.13:8080 at b/eth0');
    const many = Array.from({ length: 7 }, (_, i) => ({ ...service!, port: 9000 + i }));
    expect(told({ findings: [reset], services: many }).at(-1)).toBe('  … and 2 more services (--format json has all)');
  });
  it('merges intervals that are too many, and loses none', () => {
    const reset: Finding = { ...withoutTrail, kind: 'reset' };
    const [service] = gravity.services;
    const intervals = Array.from({ length: 60 }, (_, i) => ({
      ...{ time: `${1795226754 + i}.000000000`, syn: 1, synAck: 1, fin: 0, rst: 1, rstByService: 0 },
    }));
    const text = diagnoseText({ ...gravity, findings: [reset], services: [{ ...service!, intervals }] }, PLAIN);
    const rows = [...text.matchAll(/^ {4}(\d\d:\d\d:\d\d) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$/gm)];
    expect(rows.length).toBeLessThanOrEqual(12);
    expect(rows.reduce((sum, row) => sum + Number(row[2]), 0)).toBe(60);
    expect(rows.map((row) => row[1])).toEqual([...new Set(rows.map((row) => row[1]))]);
  });
  it('points', async () => {
    await expect(pointsText(gravity, PLAIN)).toMatchFileSnapshot('golden/points.txt');
  });
  it('exchanges', async () => {
    await expect(table(exchangesText(PLAIN), exchangeRows)).toMatchFileSnapshot('golden/exchanges.txt');
  });
  it('trails', async () => {
    await expect(table(trailsText(PLAIN), trailRows)).toMatchFileSnapshot('golden/trails.txt');
  });

  it('says nothing by colour alone', () => {
    const plain = renderings(gravity, false);
    const coloured = renderings(gravity, true);
    plain.forEach((text, index) => {
      expect(text).not.toMatch(ESCAPES);
      expect(coloured[index]).toMatch(ESCAPES);
      expect(coloured[index]!.replace(ESCAPES, '')).toBe(text);
    });
  });

  it('keeps within 100 columns, but for commands', () => {
    for (const line of diagnoseText(gravity, PLAIN).split('\n')) {
      if (!line.includes('next: ')) expect(line.length).toBeLessThanOrEqual(100);
    }
  });

  it('lets nothing from a packet or a file name reach the terminal as it is', () => {
    const hostile = fc.string({ unit: fc.constantFrom('\x1b', '\u009b', '\r', '\n', '\b', '\u202e', '[2J', 'a', ' ') });
    fc.assert(
      fc.property(hostile, (text) => {
        const report: Report = {
          ...gravity,
          points: [
            point(`node1/${text}`, 3, {
              files: [text],
              trust: [text],
              undecoded: { [text]: 1 },
              clock: { reference: text, offsetNs: 1, errorNs: 1, driftPpm: 0, residualNs: 1 },
            }),
          ],
          translations: [{ ...gravity.translations[0]!, between: [text, text] }],
          services: [{ ...gravity.services[0]!, point: text }],
          findings: [
            {
              ...replyLost,
              title: text,
              causes: [{ kind: 'pod-silent', likelihood: 0.5, why: text, next: text }],
              evidence: [{ point: text, file: text, frame: 1, time: '0.000000000', note: text }],
              trail: {
                summary: text,
                steps: replyLost.trail!.steps.map((step) => ({
                  ...step,
                  point: `node1/${text}`,
                  file: text,
                  tunnel: text,
                  note: text,
                })),
              },
            },
            {
              ...withoutTrail,
              title: text,
              lastSeen: { ...replyLost.lastSeen!, point: text, file: text },
              nextExpected: text,
            },
          ],
        };
        const side = { state: 'lost', lastSeen: text, nextExpected: text } as const;
        const rows = [
          { ...exchange, id: { dnsId: 1, type: 'A', name: text }, reason: text, request: side, reply: side },
        ];
        const sightings = [{ ...trail.sightings[0]!, point: text, file: text }];
        const texts = [
          diagnoseText(report, PLAIN),
          pointsText(report, PLAIN),
          table(exchangesText(PLAIN), rows),
          table(trailsText(PLAIN), [
            { ...trail, summary: text, lastSeen: text, nextExpected: text, reason: text, sightings },
          ]),
        ];
        for (const rendered of texts)
          expect(rendered.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
        // A line break in a name must not begin a line of its own.
        expect(texts[2]!.split('\n').length).toBe(4);
      }),
      runs(),
    );
  });
});

describe('verdict line', () => {
  const first = (report: Report) => diagnoseText(report, PLAIN).split('\n')[0];
  it('counts findings by severity', () => {
    const findings = [replyLost, replyLost, withoutTrail];
    expect(first({ ...gravity, findings })).toBe('3 findings: 2 errors, 1 warning');
  });
  it('does not call silence health', () => {
    const counts = { ...gravity.counts, exchanges: 0, verdicts: verdicts({}) };
    expect(first({ ...healthy, counts })).toBe('No finding, and no request or reply to judge');
    const unplaced = { ...gravity.counts, exchanges: 3, verdicts: verdicts({ answered: 2, unknown: 1 }), unplaced: 1 };
    expect(first({ ...healthy, counts: unplaced })).toBe(
      'No finding, but 1 unanswered exchange could not be placed (lasthop exchanges says why)',
    );
  });
});

describe('delays', () => {
  const seen = (name: string, time: string) => ({ ...replyLost.trail!.steps[0]!, point: name, time });
  const delays = (errorNs: number | null) => {
    const clock =
      errorNs === null ? null : { reference: 'node1', offsetNs: 1_000_000, errorNs, driftPpm: 0, residualNs: errorNs };
    const steps = [seen('node1/eth0', '100.000000000'), seen('node2/eth0', '100.001500000')];
    const points = [point('node1/eth0', 1), point('node2/eth0', 1, { clock })];
    const text = diagnoseText(
      { ...gravity, points, findings: [{ ...replyLost, trail: { summary: '', steps } }] },
      PLAIN,
    );
    return /✓ node2.* ms/.exec(text)?.[0].split(/\s\s+/).at(-1);
  };
  it('are corrected by the clock of the point', () => expect(delays(42_000)).toBe('+0.500 ms'));
  it('are not printed below the error of the clocks', () => expect(delays(600_000)).toBeUndefined());
  it('are not printed when only one direction was seen', () => expect(delays(Infinity)).toBeUndefined());
  it('are not printed between clocks that nothing compares', () => expect(delays(null)).toBeUndefined());
});
