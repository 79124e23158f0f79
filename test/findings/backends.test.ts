import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import type { Report, Verdict } from '../../src/report/report.js';
import { failuresOf, type BackendCount, type Service } from '../../src/trail/service-backends.js';
import { verdicts } from '../report/fixtures.js';
import { icmpEcho, tcp, udp } from '../support/packets.js';
import { Lab } from '../support/scenario-lab.js';
import type { Endpoint } from '../support/scenario-network.js';
import { dnsMessage } from '../support/scenario-traffic.js';

const FOLDER = join(import.meta.dirname, '../..');
const SERVICE = '10.96.0.10';

type Fate = 'answered' | 'lost' | 'silent' | 'refused' | 'reset';

/** A service of three pods on the other node, each asked three times, in turn; what becomes of the requests of each. */
function service(protocol: 'dns' | 'tcp', fates: readonly Fate[], asked = 2): { lab: Lab; pods: readonly Endpoint[] } {
  const lab = new Lab(3);
  const { a } = lab;
  const pods = lab.network.podsOf('node2');
  // Every pod is there: its own node reaches it.
  pods.forEach((to, i) => {
    lab.send(i, { from: a, to, id: 100 + i }, icmpEcho({ id: 7, seq: i }));
    lab.send(i + 0.1, { from: to, to: a, id: 200 + i, df: false }, icmpEcho({ reply: true, id: 7, seq: i }));
  });
  for (let turn = 0; turn < 3; turn++) {
    pods.forEach((pod, i) => {
      const fate = fates[i]!;
      const number = turn * 3 + i;
      const at = 100 + number * 400;
      const isn = 1000 + number * 7919;
      const [there, back] = [
        { srcPort: 40_000 + number, dstPort: protocol === 'dns' ? 53 : 8080 },
        { dstPort: 40_000 + number, srcPort: protocol === 'dns' ? 53 : 8080 },
      ];
      const send = (time: number, id: number, part: ReturnType<typeof udp>, upTo?: string): void =>
        lab.send(time, { from: a, to: pod, id, service: 'request' }, part, upTo === undefined ? {} : { upTo });
      const answer = (time: number, id: number, part: ReturnType<typeof udp>): void =>
        lab.send(time, { from: pod, to: a, id, service: 'reply' }, part);
      const upTo = fate === 'lost' ? 'node2/flannel.1' : undefined;
      const tries = fate === 'lost' || fate === 'silent' ? asked : 1;
      for (let i = 0; i < tries; i++) {
        const request =
          protocol === 'dns'
            ? udp(there, dnsMessage(number + 1, 0x0100, 'example.org', 1))
            : tcp({ ...there, seq: isn, ack: 0, flags: 2 });
        send(at + i * 100, 1000 + number * 10 + i, request, upTo);
      }
      if (tries > 1 || fate === 'lost' || fate === 'silent') return;
      if (protocol === 'dns') {
        answer(
          at + 1,
          2000 + number,
          udp(back, dnsMessage(number + 1, fate === 'refused' ? 0x8185 : 0x8180, 'example.org', 1)),
        );
      } else if (fate === 'refused') {
        answer(at + 1, 0, tcp({ ...back, seq: 0, ack: isn + 1, flags: 20 }));
      } else {
        answer(at + 1, 0, tcp({ ...back, seq: 9 * isn, ack: isn + 1, flags: 18 }));
        send(at + 2, 3000 + number, tcp({ ...there, seq: isn + 1, ack: 9 * isn + 1, flags: 16 }));
        if (fate === 'reset')
          answer(at + 3, 4000 + number, tcp({ ...back, seq: 9 * isn + 1, ack: isn + 1, flags: 20 }));
      }
    });
  }
  lab.noise(10_000);
  return { lab, pods };
}

function all(lab: Lab): string[] {
  return lab.network.points.map(({ name }) => name);
}

function told({ backends }: Report): unknown {
  return backends.map(({ protocol, address, port, exchanges, backends }) => [
    `${address}:${port}/${protocol} ${exchanges}`,
    backends.map(({ address, exchanges, share, fails }) => `${address} ${exchanges} ${share} ${fails}`).sort(),
  ]);
}

describe('the backends of a service', () => {
  it.each([
    ['dns', 'lost', 'unanswered'],
    ['dns', 'silent', 'unanswered'],
    ['dns', 'refused', 'refused'],
    ['tcp', 'lost', 'unanswered'],
    ['tcp', 'silent', 'unanswered'],
    ['tcp', 'refused', 'refused'],
    ['tcp', 'reset', 'reset'],
  ] as const)('%s: of three one is %s, and is named', async (protocol, fate, how) => {
    const { lab, pods } = service(protocol, ['answered', fate, 'answered']);
    const report = await diagnose(lab.inputs(all(lab)));
    const [asked, l4] = protocol === 'dns' ? [`${SERVICE}:53`, 'udp'] : [`${SERVICE}:8080`, 'tcp'];
    expect(told(report)).toEqual([
      [`${asked}/${l4} 9`, pods.map(({ address }, i) => `${address} 3 33.3 ${i === 1 ? how : null}`).sort()],
    ]);
    const named = report.findings.filter(({ backends }) => backends !== undefined);
    for (const { backends } of named) {
      expect(backends).toEqual({
        ...{ service: `${asked}/${l4}`, failing: [`${pods[1]!.address}:${asked.split(':')[1]}`], how },
        ...{ of: 3, exchanges: 3, ofExchanges: 9 },
      });
    }
    // A server that says REFUSED, and an application that aborts, are no faults of the network.
    const isLoud = fate === 'lost' || fate === 'silent' || (protocol === 'tcp' && fate === 'refused');
    expect(named.filter(({ severity }) => severity !== 'info').length).toBe(isLoud ? 1 : 0);
  });

  it('none is named when all fail, and none when all work', async () => {
    for (const protocol of ['dns', 'tcp'] as const) {
      for (const fate of ['lost', 'silent', 'refused', 'reset', 'answered'] as const) {
        const { lab } = service(protocol, [fate, fate, fate]);
        const { backends, findings } = await diagnose(lab.inputs(all(lab)));
        expect(backends[0]!.backends.map(({ fails }) => fails)).toEqual([null, null, null]);
        expect(findings.filter((finding) => finding.backends !== undefined)).toEqual([]);
        if (fate === 'answered') expect(findings).toEqual([]);
      }
    }
  });

  it('none is named for a packet lost now and then', async () => {
    const { lab, pods } = service('dns', ['answered', 'answered', 'answered']);
    const part = udp({ srcPort: 50_000, dstPort: 53 }, dnsMessage(99, 0x0100, 'example.org', 1));
    lab.send(5000, { from: lab.a, to: pods[0]!, id: 999, service: 'request' }, part, { upTo: 'node2/flannel.1' });
    const { backends, findings } = await diagnose(lab.inputs(all(lab)));
    expect(backends[0]!.backends.map(({ verdicts }) => verdicts['request-lost']).sort()).toEqual([0, 0, 1]);
    expect(findings.filter((finding) => finding.backends !== undefined)).toEqual([]);
  });

  it('is named where the captures end before its node, by clients that ask again', async () => {
    const points = ['node1/veth10c0ffee', 'node1/cni0', 'node1/flannel.1', 'node1/eth0'];
    const near = async (protocol: 'dns' | 'tcp', asked: number): Promise<Report> => {
      const { lab } = service(protocol, ['answered', 'answered', 'silent'], asked);
      const client = lab.network.podsOf('node1')[0]!.interface;
      return diagnose(lab.inputs([`node1/${client}`, ...points.slice(1)]));
    };
    for (const protocol of ['dns', 'tcp'] as const) {
      const { findings } = await near(protocol, 2);
      expect(findings.map(({ kind, severity }) => `${severity} ${kind}`)).toEqual(['warning unanswered']);
      expect(findings[0]!.backends).toMatchObject({ of: 3, exchanges: 3, ofExchanges: 9 });
      // Asked once each: the answers may go another way.
      expect((await near(protocol, 1)).findings).toEqual([]);
    }
    const [finding] = (await near('dns', 2)).findings;
    expect(finding!.title).toMatch(
      /^3 of 3 requests to 10\.96\.0\.10:53\/udp that were sent to 10\.244\.12\.132:53 have no/,
    );
  });

  it('is not told where no capture shows the translation', async () => {
    const { lab } = service('dns', ['answered', 'lost', 'answered']);
    const behind = all(lab).filter((point) => point.startsWith('node2/') || point === 'node1/eth0');
    expect((await diagnose(lab.inputs(behind))).backends).toEqual([]);
  });

  it('of the sample are those that the kernel counts', async () => {
    const folder = join(FOLDER, 'samples/service-backend-fails');
    const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as { backends: Record<string, number> };
    const { backends, findings } = await diagnose([folder]);
    const [its] = backends;
    expect(
      Object.fromEntries(its!.backends.map(({ address, port, exchanges }) => [`${address}:${port}`, exchanges])),
    ).toEqual(truth.backends);
    const loud = findings.filter(({ severity }) => severity !== 'info');
    expect(loud.map(({ kind, backends }) => [kind, backends?.failing])).toEqual([['request-lost', ['10.244.11.7:53']]]);
    // The rule is about one pod: no policy of the whole chain, and ARP for the pod is answered on another port.
    expect(loud[0]!.causes.map(({ kind }) => kind)).not.toContain('pod-gone-arp-fail');
    expect(loud[0]!.causes[0]).toMatchObject({ kind: 'netpol-drop', likelihood: 0.97 });
  });

  const lab = join(FOLDER, '../shared/captures/lab/service-dnat');
  it.skipIf(!existsSync(lab))('of a service with random choice are those of the connection table', async () => {
    interface Flow {
      readonly src: string;
      readonly dst: string;
      readonly sport: string;
      readonly dport: string;
    }
    const truth = JSON.parse(readFileSync(join(lab, 'truth.json'), 'utf8')) as {
      nat_at_node1: { event: string; proto: string; orig: Flow; reply: Flow }[];
    };
    const expected = new Map<string, number>();
    for (const { event, proto, orig, reply } of truth.nat_at_node1) {
      if (event !== 'NEW' || orig.dst === reply.src) continue;
      const key = `${orig.dst}:${orig.dport}/${proto} ${reply.src}:${reply.sport}`;
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    const { backends } = await diagnose([lab]);
    const found = backends.flatMap(({ protocol, address, port, backends }) =>
      backends.map((its) => [`${address}:${port}/${protocol} ${its.address}:${its.port}`, its.exchanges] as const),
    );
    expect(expected.size).toBe(6);
    expect(found.sort()).toEqual([...expected].sort());
    expect(backends.flatMap(({ backends }) => backends.map(({ fails }) => fails))).toEqual(Array(6).fill(null));
  });
});

describe('a backend that stands out', () => {
  const backend = (some: Partial<Record<Verdict, number>>, more: Partial<BackendCount> = {}): BackendCount => {
    const exchanges = Object.values(some).reduce((sum, count) => sum + count, 0);
    return { address: 1, port: 80, exchanges, verdicts: verdicts(some), reset: 0, failed: 0, ...more };
  };
  const among = (...backends: BackendCount[]): Service => ({ protocol: 'tcp', address: 9, port: 80, backends });

  it('fails twice and in half of its exchanges at least', () => {
    const well = backend({ answered: 10 });
    const failing = (lost: number, answered: number): unknown =>
      failuresOf(among(well, backend({ 'request-lost': lost, answered }, { failed: lost })))[1];
    expect([failing(1, 0), failing(2, 0), failing(2, 2), failing(2, 3), failing(50, 51)]).toEqual([
      ...[null, 'unanswered', 'unanswered', null, null],
    ]);
  });

  it('stands among siblings that are well: what is lost everywhere names none', () => {
    const failing = backend({ 'request-lost': 9 }, { failed: 9 });
    const poor = backend({ 'request-lost': 3, answered: 7 }, { failed: 3 });
    expect(failuresOf(among(failing, poor))).toEqual([null, null]);
    expect(failuresOf(among(failing, backend({ answered: 1 })))).toEqual(['unanswered', null]);
    expect(failuresOf(among(failing, backend({ unknown: 9 })))).toEqual([null, null]);
    expect(failuresOf(among(failing))).toEqual([null]);
  });

  it('says how', () => {
    const well = backend({ answered: 4 });
    expect(failuresOf(among(well, backend({ refused: 3 })))[1]).toBe('refused');
    expect(failuresOf(among(well, backend({ answered: 3 }, { reset: 3 })))[1]).toBe('reset');
    expect(failuresOf(among(well, backend({ unanswered: 3 })))[1]).toBe(null);
  });
});
