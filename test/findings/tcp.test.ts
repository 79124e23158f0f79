import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import type { Connection } from '../../src/findings/tcp/connections.js';
import { mostPorts } from '../../src/findings/tcp/ports.js';
import type { Finding } from '../../src/report/report.js';
import { ipv4, join, udp } from '../support/packets.js';
import { Captures, opened, refusal, segment } from './tcp-support.js';
import { runs } from '../support/runs.js';

// Each finding with captures that show it, and with the nearest ones that do not.

const POD = '10.244.1.5:40000';
const SERVER = '10.244.2.9:8080';
const SERVICE = '10.96.0.10:80';
const POINT = 'node1/veth1';

function find(findings: readonly Finding[], kind: string): Finding {
  const found = findings.find((finding) => finding.kind === kind);
  expect(findings.map((finding) => finding.kind)).toContain(kind);
  return found!;
}

function loud(findings: readonly Finding[]): string[] {
  return findings.filter(({ severity }) => severity !== 'info').map(({ kind, title }) => `${kind}: ${title}`);
}

/** A refused connection as one point sees it. */
function refused(captures: Captures, point: string, port: number, synTtl: number, rstTtl: number, at = 0): void {
  const client = `10.244.1.5:${port}`;
  captures.segment(point, at, client, SERVER, 'S', { seq: port, ttl: synTtl, id: port });
  captures.segment(point, at + 0.0001, SERVER, client, 'R.', { seq: 0, ack: port + 1, ttl: rstTtl, bare: true });
}

describe('rst-no-listener and rst-firewall-reject', () => {
  it('one refusal is told, a second one is a warning', async () => {
    const once = new Captures();
    refused(once, POINT, 40_001, 64, 62);
    expect(find(await once.findings(), 'rst-no-listener')).toMatchObject({ severity: 'info', count: 1 });
    refused(once, POINT, 40_002, 64, 62, 1);
    expect(find(await once.findings(), 'rst-no-listener')).toMatchObject({ severity: 'warning', count: 2 });
  });

  it('a SYN sent again is one attempt', async () => {
    const captures = new Captures();
    refused(captures, POINT, 40_001, 64, 62);
    refused(captures, POINT, 40_001, 64, 62, 1);
    expect(find(await captures.findings(), 'rst-no-listener')).toMatchObject({ severity: 'info', count: 1 });
  });

  it("a RST nearer than the server's other packets is a firewall's", async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, '10.244.2.9:9090', { serverTtl: 62 });
    refused(captures, POINT, 40_001, 64, 63, 1);
    const finding = find(await captures.findings(), 'rst-firewall-reject');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'likely' });
    expect(finding.causes[0]!.why).toContain('63');
  });

  it("with the server's own interface captured, it is shown", async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, '10.244.2.9:9090', { serverTtl: 62 });
    opened(captures, 'node2/veth2', POD, '10.244.2.9:9090', { clientTtl: 62, serverTtl: 64 });
    refused(captures, POINT, 40_001, 64, 63, 1);
    expect(find(await captures.findings(), 'rst-firewall-reject')).toMatchObject({ certainty: 'shown' });
  });

  it("a RST with the server's own TTL is not", async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, '10.244.2.9:9090', { serverTtl: 62 });
    refused(captures, POINT, 40_001, 64, 62, 1);
    const kinds = await captures.kinds();
    expect(kinds).toContain('rst-no-listener');
    expect(kinds).not.toContain('rst-firewall-reject');
  });

  it('names both where one point alone cannot tell', async () => {
    const captures = new Captures();
    refused(captures, POINT, 40_001, 64, 64);
    const finding = find(await captures.findings(), 'reset');
    expect(finding.certainty).toBe('likely');
    expect(finding.causes.map(({ kind }) => kind).sort()).toEqual(['rst-firewall-reject', 'rst-no-listener']);
  });

  it('says that others were accepted', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER, { serverTtl: 62 });
    refused(captures, POINT, 40_001, 64, 62, 1);
    expect(find(await captures.findings(), 'rst-no-listener').title).toContain('accepted 1');
  });

  it('is counted once for all points', async () => {
    const captures = new Captures();
    refused(captures, POINT, 40_001, 64, 62);
    refused(captures, 'node2/veth2', 40_001, 62, 64);
    const findings = await captures.findings();
    expect(findings.filter(({ kind }) => kind === 'rst-no-listener').map(({ count }) => count)).toEqual([1]);
  });
});

describe('svc-no-endpoints and host-firewall-reject', () => {
  async function answered(
    by: string,
    code: number,
    prepare?: (captures: Captures) => void,
  ): Promise<readonly Finding[]> {
    const captures = new Captures();
    prepare?.(captures);
    const syn = captures.segment(POINT, 1, POD, SERVICE, 'S', { seq: 7 });
    captures.packet(POINT, 1.0001, refusal(by, '10.244.1.5', code, syn));
    return captures.findings();
  }

  it('a port unreachable of a node is a service without endpoints', async () => {
    const finding = find(await answered('10.0.0.7', 3), 'svc-no-endpoints');
    expect(finding).toMatchObject({ severity: 'error', certainty: 'likely', count: 1 });
    expect(finding.causes.map(({ kind }) => kind)).toEqual(['svc-no-endpoints', 'host-firewall-reject']);
  });

  it('of the address itself it is a rule of that host', async () => {
    expect(find(await answered('10.96.0.10', 3), 'host-firewall-reject').certainty).toBe('likely');
  });

  it('a prohibition is a firewall, whoever says it', async () => {
    expect(find(await answered('10.0.0.7', 13), 'host-firewall-reject').certainty).toBe('shown');
  });

  it('a service that others reach has endpoints', async () => {
    const findings = await answered('10.0.0.7', 3, (captures) => opened(captures, POINT, '10.244.1.5:39999', SERVICE));
    expect(findings.map(({ kind }) => kind)).not.toContain('svc-no-endpoints');
  });

  it('an error about something else than the SYN refuses nothing', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVICE);
    const data = segment(POD, SERVICE, 'P.', { seq: 1011, ack: 9011, length: 10 });
    captures.packet(POINT, 1, refusal('10.0.0.7', '10.244.1.5', 3, data));
    expect(loud(await captures.findings())).toEqual([]);
  });
});

describe('connections that were open', () => {
  it('an application that aborts is information', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, SERVER, POD, 'R.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    const findings = await captures.findings();
    expect(find(findings, 'rst-app-close').title).toContain('aborted by the application of 10.244.2.9:8080');
    expect(loud(findings)).toEqual([]);
  });

  it('health checks are left alone', async () => {
    const captures = new Captures();
    for (let i = 0; i < 6; i++) {
      const client = `10.244.1.5:${41_000 + i}`;
      captures.segment(POINT, i * 10, client, SERVER, 'S', { seq: i * 100 + 1 });
      captures.segment(POINT, i * 10 + 0.001, SERVER, client, 'S.', { seq: 5000, ack: i * 100 + 2, ttl: 63 });
      captures.segment(POINT, i * 10 + 0.002, client, SERVER, 'R', { seq: i * 100 + 2, bare: true });
    }
    expect(await captures.kinds()).toEqual([]);
  });

  it('a RST in a connection with data is no health check, however often it comes', async () => {
    const captures = new Captures();
    for (let i = 0; i < 6; i++) {
      const client = `10.244.1.5:${41_000 + i}`;
      const isn = 1000 + i * 50_000;
      opened(captures, POINT, client, SERVER, { at: i * 10, isn });
      captures.segment(POINT, i * 10 + 1, client, SERVER, 'P.', { seq: isn + 11, ack: 9011, id: 105, length: 5 });
      captures.segment(POINT, i * 10 + 1.001, SERVER, client, 'R', { seq: 9011, ttl: 63, bare: true });
    }
    expect(find(await captures.findings(), 'reset')).toMatchObject({ severity: 'warning', count: 6 });
  });

  it('data after a FIN is reset with its own number, and the silence is told', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, SERVER, POD, 'F.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    captures.segment(POINT, 1.01, POD, SERVER, '.', { seq: 1011, ack: 9012, id: 104 });
    captures.segment(POINT, 31, POD, SERVER, 'P.', { seq: 1011, ack: 9012, id: 105, length: 5 });
    captures.segment(POINT, 31.001, SERVER, POD, 'R', { seq: 9012, ttl: 63, bare: true });
    const finding = find(await captures.findings(), 'rst-data-after-close');
    expect(finding).toMatchObject({ severity: 'info', certainty: 'shown' });
    expect(finding.title).toContain('30 s after');
  });

  it('what only acknowledges after a close is no finding', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, SERVER, POD, 'F.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    captures.segment(POINT, 1.01, POD, SERVER, '.', { seq: 1011, ack: 9012, id: 104 });
    captures.segment(POINT, 1.02, SERVER, POD, 'R', { seq: 9012, ttl: 63, bare: true });
    expect(await captures.kinds()).toEqual([]);
  });

  /** Data after a silence, answered by a stack that knows no such connection. */
  function idle(captures: Captures, client: string, start: number, silence: number): void {
    const [isn, peer] = [1000 + start * 1000, 9000 + start * 1000];
    opened(captures, POINT, client, SERVICE, { at: start, isn, peer });
    const at = start + 0.006 + silence;
    captures.segment(POINT, at, client, SERVICE, 'P.', { seq: isn + 11, ack: peer + 11, id: 105, length: 5 });
    captures.segment(POINT, at + 0.001, SERVICE, client, 'R', { seq: peer + 11, bare: true });
  }

  it('a silence before the RST is measured, and its timer named', async () => {
    const captures = new Captures();
    idle(captures, POD, 0, 905);
    const finding = find(await captures.findings(), 'rst-idle-expired');
    expect(finding).toMatchObject({ severity: 'error', certainty: 'likely', count: 1 });
    expect(finding.title).toContain('905 s');
    expect(finding.causes[0]!.why).toContain('900 s is the timer of IPVS');
  });

  it('three like silences make it sure, unlike ones do not', async () => {
    const like = new Captures();
    const unlike = new Captures();
    for (const [i, silence] of [355, 360, 352].entries()) idle(like, `10.244.1.5:${40_000 + i}`, i * 400, silence);
    for (const [i, silence] of [355, 100, 900].entries()) idle(unlike, `10.244.1.5:${40_000 + i}`, i * 1000, silence);
    const sure = find(await like.findings(), 'rst-idle-expired');
    expect(sure).toMatchObject({ certainty: 'shown', count: 3 });
    expect(sure.causes[0]!.why).toContain('350 s');
    expect(find(await unlike.findings(), 'rst-idle-expired')).toMatchObject({ certainty: 'likely', count: 3 });
  });

  it('a connection that is silent and goes on is sound', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVICE);
    captures.segment(POINT, 905, POD, SERVICE, 'P.', { seq: 1011, ack: 9011, id: 105, length: 5 });
    captures.segment(POINT, 905.1, SERVICE, POD, '.', { seq: 9011, ack: 1016, ttl: 63, id: 502 });
    expect(await captures.kinds()).toEqual([]);
  });

  it("after a silence at the server's own interface, its own stack has forgotten the connection", async () => {
    const captures = new Captures();
    const home = 'node2/veth2';
    opened(captures, home, '10.244.1.5:39000', SERVER, { clientTtl: 62, serverTtl: 64 });
    opened(captures, home, '10.244.1.6:39000', SERVER, { clientTtl: 62, serverTtl: 64, at: 1 });
    const isn = { isn: 50_000, peer: 60_000 };
    opened(captures, home, '10.244.1.7:39000', SERVER, { clientTtl: 62, serverTtl: 64, at: 2, ...isn });
    const data = { seq: 50_011, ack: 60_011, ttl: 62, id: 105, length: 5 };
    captures.segment(home, 100, '10.244.1.7:39000', SERVER, 'P.', data);
    captures.segment(home, 100.001, SERVER, '10.244.1.7:39000', 'R', { seq: 60_011, bare: true });
    const finding = find(await captures.findings(), 'reset');
    expect(finding.causes.map(({ kind }) => kind)).toEqual(['rst-app-close']);
  });

  it('another machine on the same link resets: moved', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVICE, { serverMac: '02:aa:00:00:00:01' });
    captures.segment(POINT, 1, POD, SERVICE, 'P.', { seq: 1011, ack: 9011, id: 105, length: 5 });
    const mac = '02:bb:00:00:00:02';
    captures.segment(POINT, 1.001, SERVICE, POD, 'R', { seq: 9011, ttl: 63, bare: true, mac });
    const finding = find(await captures.findings(), 'rst-backend-switched');
    expect(finding).toMatchObject({ severity: 'error', certainty: 'likely' });
    expect(finding.causes[0]!.why).toContain('02:bb:00:00:00:02');
  });

  it('from the same machine the causes are left open', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVICE);
    captures.segment(POINT, 1, POD, SERVICE, 'P.', { seq: 1011, ack: 9011, id: 105, length: 5 });
    captures.segment(POINT, 1.001, SERVICE, POD, 'R', { seq: 9011, ttl: 63, bare: true });
    const finding = find(await captures.findings(), 'reset');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'likely' });
    expect(finding.causes.length).toBeGreaterThan(1);
  });

  it('RSTs in a pulse are counted against SYN, SYN,ACK and FIN', async () => {
    const captures = new Captures();
    for (let i = 0; i < 8; i++) {
      const client = `10.244.1.5:${42_000 + i}`;
      opened(captures, POINT, client, SERVICE, { at: i * 10, isn: 1000 + i * 50_000 });
      captures.segment(POINT, 100 + i / 10, client, SERVICE, 'P.', {
        seq: 1011 + i * 50_000,
        ack: 9011,
        id: 105,
        length: 5,
      });
    }
    for (let i = 0; i < 8; i++) {
      captures.segment(POINT, 100.9 + i / 10, SERVICE, `10.244.1.5:${42_000 + i}`, 'R', {
        seq: 9011,
        ttl: 63,
        bare: true,
      });
    }
    const notes = (await captures.findings()).flatMap(({ evidence }) => evidence.map(({ note }) => note));
    expect(notes.find((note) => note.includes('a pulse'))).toContain(
      '8 SYN, 8 SYN,ACK, 0 sides with a FIN, 8 RST of the',
    );
  });

  it('as many RSTs one after the other are no pulse', async () => {
    const captures = new Captures();
    for (let i = 0; i < 8; i++) {
      const client = `10.244.1.5:${42_000 + i}`;
      const isn = 1000 + i * 50_000;
      opened(captures, POINT, client, SERVICE, { at: i * 20, isn });
      captures.segment(POINT, i * 20 + 10, client, SERVICE, 'P.', { seq: isn + 11, ack: 9011, id: 105, length: 5 });
      captures.segment(POINT, i * 20 + 10.001, SERVICE, client, 'R', { seq: 9011, ttl: 63, bare: true });
    }
    const notes = (await captures.findings()).flatMap(({ evidence }) => evidence.map(({ note }) => note));
    expect(notes.find((note) => note.includes('8 SYN, 8 SYN,ACK, 0 sides with a FIN, 8 RST of the'))).toBeDefined();
    expect(notes.filter((note) => note.includes('a pulse'))).toEqual([]);
  });

  it.each([
    ['the other direction was seen too', true, 12],
    ['it was silent for a second only', false, 1],
  ])('is not one-way where %s', async (_, both, silence) => {
    const captures = new Captures();
    const director = 'director/eth0';
    captures.segment(director, 0, POD, SERVICE, 'S', { seq: 1000, ttl: 62, id: 1 });
    if (both) captures.segment(director, 0.001, SERVICE, POD, 'S.', { seq: 9000, ack: 1001, ttl: 62 });
    captures.segment(director, 0.01, POD, SERVICE, '.', { seq: 1001, ack: 9001, ttl: 62, id: 2 });
    captures.segment(director, 0.02, POD, SERVICE, 'P.', { seq: 1001, ack: 9001, ttl: 62, id: 3, length: 10 });
    if (both) captures.segment(director, 0.03, SERVICE, POD, '.', { seq: 9001, ack: 1011, ttl: 62, id: 9 });
    captures.segment(director, silence, POD, SERVICE, 'P.', { seq: 1011, ack: 9001, ttl: 62, id: 4, length: 10 });
    captures.segment(director, silence + 0.0001, SERVICE, POD, 'R', { seq: 9001, ttl: 64, bare: true });
    expect(await captures.kinds()).not.toContain('rst-one-way-conntrack');
  });

  it('half a connection, a few seconds of silence, a RST that starts there: one-way', async () => {
    const captures = new Captures();
    const director = 'director/eth0';
    captures.segment(director, 0, POD, SERVICE, 'S', { seq: 1000, ttl: 62, id: 1 });
    captures.segment(director, 0.01, POD, SERVICE, '.', { seq: 1001, ack: 9001, ttl: 62, id: 2 });
    captures.segment(director, 0.02, POD, SERVICE, 'P.', { seq: 1001, ack: 9001, ttl: 62, id: 3, length: 10 });
    captures.segment(director, 12, POD, SERVICE, 'P.', { seq: 1011, ack: 9011, ttl: 62, id: 4, length: 10 });
    captures.segment(director, 12.0001, SERVICE, POD, 'R', { seq: 9011, ttl: 64, bare: true });
    expect(find(await captures.findings(), 'rst-one-way-conntrack')).toMatchObject({ severity: 'error' });
  });

  it('a RST from another distance, after which the sender goes on, was injected', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER, { serverTtl: 60 });
    captures.segment(POINT, 1, POD, SERVER, 'P.', { seq: 1011, ack: 9011, id: 105, length: 5 });
    captures.segment(POINT, 1.001, SERVER, POD, 'P.', { seq: 9011, ack: 1016, ttl: 60, id: 502, length: 5 });
    const forged = { seq: 9016, ack: 1016, ttl: 52, id: 31_337, bare: true, window: 8192 };
    captures.segment(POINT, 1.002, SERVER, POD, 'R.', forged);
    const alone = await captures.kinds();
    expect(alone).not.toContain('rst-injected');
    captures.segment(POINT, 1.01, SERVER, POD, 'P.', { seq: 9016, ack: 1016, ttl: 60, id: 503, length: 5 });
    expect(find(await captures.findings(), 'rst-injected')).toMatchObject({ severity: 'error', certainty: 'likely' });
  });
});

describe('rst-backend-switched, with both backends captured', () => {
  const OTHER = '10.244.3.3:8080';

  function moved(captures: Captures, trigger: { seq: number; ack: number }): void {
    opened(captures, POINT, POD, SERVICE);
    opened(captures, 'node2/veth2', POD, SERVER, { clientTtl: 62, serverTtl: 64 });
    captures.segment(POINT, 1, POD, SERVICE, 'P.', { ...trigger, id: 105, length: 5 });
    captures.segment('node3/veth3', 1.0001, POD, OTHER, 'P.', { ...trigger, ttl: 62, id: 105, length: 5 });
    captures.segment('node3/veth3', 1.0002, OTHER, POD, 'R', { seq: trigger.ack, bare: true });
    captures.segment(POINT, 1.0003, SERVICE, POD, 'R', { seq: trigger.ack, ttl: 62, bare: true });
  }

  it('is shown', async () => {
    const captures = new Captures();
    moved(captures, { seq: 1011, ack: 9011 });
    const finding = find(await captures.findings(), 'rst-backend-switched');
    expect(finding).toMatchObject({ severity: 'error', certainty: 'shown', count: 1 });
    expect(finding.title).toContain(
      '10.244.2.9:8080 (node2/veth2) had opened the connection, 10.244.3.3:8080 (node3/veth3) got its data',
    );
  });

  /** Direct server return: both machines have the address of the service. */
  function direct(captures: Captures, macs: readonly [string, string]): void {
    const [first, second] = macs;
    opened(captures, 'lb1/eth0', POD, SERVICE, { clientTtl: 62, serverTtl: 64, serverMac: first });
    const data = { seq: 1011, ack: 9011, ttl: 62, id: 105, length: 5 };
    captures.segment('lb2/eth0', 1, POD, SERVICE, 'P.', data);
    captures.segment('lb2/eth0', 1.0001, SERVICE, POD, 'R', { seq: 9011, bare: true, mac: second });
  }

  it('is shown where two machines have one address', async () => {
    const captures = new Captures();
    direct(captures, ['02:aa:00:00:00:01', '02:bb:00:00:00:02']);
    expect(find(await captures.findings(), 'rst-backend-switched')).toMatchObject({ certainty: 'shown' });
  });

  it('is not where one machine is seen at two points', async () => {
    const captures = new Captures();
    direct(captures, ['02:aa:00:00:00:01', '02:aa:00:00:00:01']);
    expect(await captures.kinds()).not.toContain('rst-backend-switched');
  });

  it('is not, where the numbers are not of that connection', async () => {
    const captures = new Captures();
    moved(captures, { seq: 500_000, ack: 700_000 });
    const finding = (await captures.findings()).find(({ kind }) => kind === 'rst-backend-switched');
    expect(finding?.certainty).not.toBe('shown');
  });
});

describe('conntrack-invalid-leak', () => {
  function leak(captures: Captures, ack: number): void {
    opened(captures, POINT, POD, SERVICE);
    captures.segment(POINT, 1, SERVER, POD, 'P.', { seq: 777_777, ack, ttl: 63, id: 900, length: 20 });
    captures.segment(POINT, 1.0001, POD, SERVER, 'R', { seq: ack, bare: true });
    captures.segment(POINT, 2, POD, SERVICE, 'P.', { seq: 1011, ack: 9011, id: 104, length: 5 });
    captures.segment(POINT, 2.0001, SERVICE, POD, 'R', { seq: 9011, ttl: 63, bare: true });
  }

  it('is one finding, and what it breaks is no second one', async () => {
    const captures = new Captures();
    leak(captures, 1011);
    expect(loud(await captures.findings())).toEqual([expect.stringMatching(/^conntrack-invalid-leak: 1 segment/)]);
  });

  it('a segment whose numbers fit nothing is a stranger', async () => {
    const captures = new Captures();
    leak(captures, 600_000);
    expect(await captures.kinds()).not.toContain('conntrack-invalid-leak');
  });

  it('a connection of the same client port to the pod itself is not one', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVICE);
    opened(captures, POINT, POD, SERVER, { at: 1, isn: 1001, peer: 70_000 });
    captures.segment(POINT, 2, SERVER, POD, 'R.', { seq: 70_011, ack: 1012, ttl: 63, id: 502 });
    expect(loud(await captures.findings())).toEqual([]);
  });
});

describe('translation that is not undone', () => {
  const NAT = { seq: 5000, ack: 1001, ttl: 64 };

  it('a SYN,ACK from the pod instead of the service', async () => {
    const captures = new Captures();
    captures.segment(POINT, 0, POD, SERVICE, 'S', { seq: 1000 });
    captures.segment(POINT, 0.001, SERVER, POD, 'S.', NAT);
    captures.segment(POINT, 0.002, POD, SERVER, 'R', { seq: 1001, bare: true });
    expect(find(await captures.findings(), 'nat')).toMatchObject({ severity: 'error', certainty: 'shown' });
  });

  it('on a bridge both forms are seen, and nothing is wrong', async () => {
    const bridge = 'node1/cni0';
    const captures = new Captures();
    // br_netfilter translates before this tap: requests go to the pod, replies come from the service.
    captures.segment(bridge, 0, POD, SERVER, 'S', { seq: 1000 });
    captures.segment(bridge, 0.001, SERVICE, POD, 'S.', NAT);
    captures.segment(bridge, 0.002, POD, SERVER, '.', { seq: 1001, ack: 5001 });
    captures.segment(bridge, 0.003, POD, SERVER, 'P.', { seq: 1001, ack: 5001, length: 5 });
    captures.segment(bridge, 0.004, SERVICE, POD, '.', { seq: 5001, ack: 1006 });
    captures.segment(bridge, 0.005, SERVICE, POD, 'F.', { seq: 5001, ack: 1006 });
    expect(loud(await captures.findings())).toEqual([]);
  });
});

describe('dns-unexpected-source', () => {
  const QUERY = '1234 0100 0001 0000 0000 0000 03666f6f 00 0001 0001';

  function dns(src: string, dst: string, ports: readonly [number, number], reply: boolean, ttl: number, id: number) {
    const message = join(Uint8Array.from(Buffer.from(QUERY.replaceAll(' ', ''), 'hex')));
    if (reply) message[2] = 0x81;
    return ipv4({ src, dst, ttl, id }, udp({ srcPort: ports[0], dstPort: ports[1] }, message));
  }

  const CLIENT = '10.244.1.5';
  const KUBE_DNS = '10.96.0.10';
  const BACKEND = '10.244.1.12';

  it('at the client, a reply from the pod', async () => {
    const captures = new Captures();
    captures.packet(POINT, 0, dns(CLIENT, KUBE_DNS, [3000, 53], false, 64, 1));
    captures.packet(POINT, 0.001, dns(BACKEND, CLIENT, [53, 3000], true, 64, 2));
    const finding = find(await captures.findings(), 'dns-unexpected-source');
    expect(finding).toMatchObject({ severity: 'error', count: 1 });
    expect(finding.causes[0]!.next).toContain('bridge-nf-call-iptables');
  });

  it('a reply from the address asked', async () => {
    const captures = new Captures();
    captures.packet(POINT, 0, dns(CLIENT, KUBE_DNS, [3000, 53], false, 64, 1));
    captures.packet(POINT, 0.001, dns(KUBE_DNS, CLIENT, [53, 3000], true, 63, 2));
    expect(await captures.kinds()).toEqual([]);
  });

  it('two servers asked, each answers', async () => {
    const captures = new Captures();
    captures.packet(POINT, 0, dns(CLIENT, KUBE_DNS, [3000, 53], false, 64, 1));
    captures.packet(POINT, 0.5, dns(CLIENT, '10.96.0.11', [3000, 53], false, 64, 3));
    captures.packet(POINT, 0.501, dns('10.96.0.11', CLIENT, [53, 3000], true, 63, 4));
    expect(await captures.kinds()).not.toContain('dns-unexpected-source');
  });

  it('on the bridge of a sound node, the query to the pod and the reply of the service', async () => {
    const captures = new Captures();
    const bridge = 'node1/cni0';
    captures.packet(bridge, 0, dns(CLIENT, BACKEND, [3000, 53], false, 64, 1));
    captures.packet(bridge, 0.001, dns(KUBE_DNS, CLIENT, [53, 3000], true, 64, 2));
    captures.packet(POINT, 0, dns(CLIENT, KUBE_DNS, [3000, 53], false, 64, 1));
    captures.packet(POINT, 0.002, dns(KUBE_DNS, CLIENT, [53, 3000], true, 64, 2));
    expect(loud(await captures.findings())).toEqual([]);
  });
});

describe('a request translated to a pod on the same bridge', () => {
  const [client, service, pod] = ['10.244.1.5:3000', '10.96.0.10:80', '10.244.1.12:80'];

  // The bridge shows it going in and, a hop later, coming out: nothing turns round here but a request that was routed.
  it.each([
    ['with the interface of the pod', true],
    ['on the bridge alone', false],
  ])('%s: is no reply that turned round', async (_, both) => {
    const captures = new Captures();
    for (let i = 0; i < 3; i++) {
      const fields = { seq: 1000, id: 40 + i };
      captures.segment('node1/cni0', i, client, service, 'S', { ...fields, ttl: 64 });
      captures.segment('node1/cni0', i + 0.00008, client, pod, 'S', { ...fields, ttl: 63 });
      if (both) captures.segment('node1/veth2', i + 0.000081, client, pod, 'S', { ...fields, ttl: 63 });
    }
    expect(await captures.kinds()).not.toContain('nat-return-unroutable');
  });
});

describe('hairpin', () => {
  const SELF = '10.244.1.5:8080';

  it('its own address as the source, never answered', async () => {
    const captures = new Captures();
    for (const at of [0, 1]) {
      captures.segment(POINT, at, POD, SERVICE, 'S', { seq: 1000, id: 10 + at });
      captures.segment(POINT, at + 0.0001, POD, SELF, 'S', { seq: 1000, id: 10 + at });
    }
    expect(find(await captures.findings(), 'hairpin-missing-snat')).toMatchObject({ severity: 'warning', count: 1 });
  });

  it('seen on the bridge alone, which shows a sound hairpin so, too, when it is not promiscuous', async () => {
    const captures = new Captures();
    captures.segment('node1/cni0', 0, '10.244.1.5:40000', '10.244.1.5:8080', 'S', { seq: 1000, id: 7 });
    captures.segment('node1/cni0', 1, '10.244.1.5:40000', '10.244.1.5:8080', 'S', { seq: 1000, id: 8 });
    expect(await captures.kinds()).toEqual([]);
  });

  it('answered, it was only seen before its source was translated', async () => {
    const captures = new Captures();
    captures.segment(POINT, 0, POD, SERVICE, 'S', { seq: 1000, id: 10 });
    captures.segment('node1/cni0', 0.0001, POD, SELF, 'S', { seq: 1000, id: 10 });
    captures.segment('node1/cni0', 0.0002, SELF, POD, 'S.', { seq: 5000, ack: 1001 });
    captures.segment(POINT, 0.0003, SERVICE, POD, 'S.', { seq: 5000, ack: 1001 });
    expect(await captures.kinds()).not.toContain('hairpin-missing-snat');
  });
});

describe('SYNs on ports in use', () => {
  const AGAIN = { seq: 500_000, id: 300 };

  it('open: half-open', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, POD, SERVER, 'S', AGAIN);
    captures.segment(POINT, 1.001, SERVER, POD, '.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    captures.segment(POINT, 1.002, POD, SERVER, 'R', { seq: 1011, bare: true });
    const finding = find(await captures.findings(), 'half-open-syn');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'shown', count: 1 });
    expect(finding.evidence).toHaveLength(3);
  });

  function closed(captures: Captures): void {
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, SERVER, POD, 'F.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    captures.segment(POINT, 1.01, POD, SERVER, 'F.', { seq: 1011, ack: 9012, id: 104 });
    captures.segment(POINT, 1.02, SERVER, POD, '.', { seq: 9012, ack: 1012, ttl: 63, id: 503 });
  }

  it('closed and answered with old numbers: time-wait', async () => {
    const captures = new Captures();
    closed(captures);
    captures.segment(POINT, 2, POD, SERVER, 'S', AGAIN);
    captures.segment(POINT, 2.001, SERVER, POD, '.', { seq: 9012, ack: 1012, ttl: 63 });
    expect(await captures.kinds()).toEqual(['syn-to-timewait']);
  });

  it('closed and accepted at once: sound', async () => {
    const captures = new Captures();
    closed(captures);
    opened(captures, POINT, POD, SERVER, { at: 2, isn: 500_000, peer: 800_000 });
    expect(await captures.kinds()).toEqual([]);
  });

  it('of a connection not captured: one of both', async () => {
    const captures = new Captures();
    captures.segment(POINT, 2, POD, SERVER, 'S', AGAIN);
    captures.segment(POINT, 2.001, SERVER, POD, '.', { seq: 9012, ack: 1012, ttl: 63 });
    const finding = find(await captures.findings(), 'port-reuse-challenge-ack');
    expect(finding.causes.map(({ kind }) => kind)).toContain('half-open-syn');
  });
});

describe('listeners and receivers', () => {
  /** SYNs that nobody answers, each sent twice. */
  function waiting(captures: Captures, count: number, times = 2): void {
    for (let i = 0; i < count; i++) {
      for (let n = 0; n < times; n++) {
        const at = 1 + i / 10 + n;
        captures.segment(POINT, at, `10.244.1.5:${43_000 + i}`, SERVER, 'S', { seq: 100 + i, ttl: 62, id: i * 10 + n });
      }
    }
    captures.segment(POINT, 9, SERVER, '10.244.7.7:1', '.', { seq: 1, ack: 1, id: 1 });
  }

  it('a full backlog, at the interface of the server', async () => {
    const captures = new Captures();
    opened(captures, POINT, '10.244.1.5:42999', SERVER, { clientTtl: 62, serverTtl: 64 });
    waiting(captures, 3);
    const finding = find(await captures.findings(), 'tcp-syn-backlog-drop');
    expect(finding).toMatchObject({ severity: 'error', count: 3 });
  });

  it('a port that accepts nobody is another story', async () => {
    const captures = new Captures();
    waiting(captures, 3);
    expect(await captures.kinds()).not.toContain('tcp-syn-backlog-drop');
  });

  it('SYNs that were not sent again may still be answered', async () => {
    const captures = new Captures();
    opened(captures, POINT, '10.244.1.5:42999', SERVER, { clientTtl: 62, serverTtl: 64 });
    waiting(captures, 3, 1);
    expect(await captures.kinds()).not.toContain('tcp-syn-backlog-drop');
  });

  function full(captures: Captures, seconds: number): void {
    opened(captures, POINT, POD, SERVER);
    captures.segment(POINT, 1, SERVER, POD, '.', { seq: 9011, ack: 1011, ttl: 63, id: 502, window: 0 });
    captures.segment(POINT, 1 + seconds, SERVER, POD, '.', { seq: 9011, ack: 1011, ttl: 63, id: 503, window: 500 });
  }

  it('a window closed for seconds is information', async () => {
    const captures = new Captures();
    full(captures, 4);
    const findings = await captures.findings();
    expect(find(findings, 'tcp-zero-window').title).toContain('4 s');
    expect(loud(findings)).toEqual([]);
  });

  it('a window closed for a moment is nothing', async () => {
    const captures = new Captures();
    full(captures, 0.2);
    expect(await captures.kinds()).toEqual([]);
  });

  it('keep-alives without an answer', async () => {
    const captures = new Captures();
    opened(captures, POINT, POD, SERVER);
    for (let i = 0; i < 4; i++)
      captures.segment(POINT, 75 * (i + 1), POD, SERVER, '.', { seq: 1010, ack: 9011, id: 200 + i });
    expect(find(await captures.findings(), 'tcp-keepalive-dead')).toMatchObject({ severity: 'info' });
    captures.segment(POINT, 301, SERVER, POD, '.', { seq: 9011, ack: 1011, ttl: 63, id: 502 });
    expect(await captures.kinds()).toEqual([]);
  });
});

describe('addresses and ports outside', () => {
  const OUTSIDE = '8.8.8.8:443';

  function leaving(captures: Captures, answered: boolean): void {
    for (const [i, at] of [0, 1, 3].entries()) {
      captures.segment(POINT, at, POD, OUTSIDE, 'S', { seq: 1000, id: 10 + i });
      captures.segment('node1/eth0', at + 0.0001, POD, OUTSIDE, 'S', { seq: 1000, id: 10 + i, ttl: 63 });
    }
    if (answered) captures.segment('node1/eth0', 3.1, OUTSIDE, POD, 'S.', { seq: 1, ack: 1001, ttl: 50 });
    opened(captures, POINT, POD, SERVER, { at: 5 });
  }

  it('a pod that leaves under its own address and gets no answer', async () => {
    const captures = new Captures();
    leaving(captures, false);
    expect(find(await captures.findings(), 'nat-missing-masquerade')).toMatchObject({ severity: 'error', count: 1 });
  });

  it('an answer to that address shows that it is routed', async () => {
    const captures = new Captures();
    leaving(captures, true);
    expect(await captures.kinds()).not.toContain('nat-missing-masquerade');
  });

  it('four fifths of the source ports within a minute', async () => {
    const captures = new Captures();
    for (let i = 0; i < 22_600; i++) {
      captures.segment(POINT, i / 500, `10.244.1.5:${32_768 + i}`, OUTSIDE, 'S', { seq: i + 1, id: i & 0xffff });
    }
    expect(find(await captures.findings(), 'snat-port-exhaustion')).toMatchObject({ count: 22_600, of: 28_232 });
  });

  it('counts the ports of the busiest minute, each once', () => {
    const used = (seconds: number, port: number) =>
      ({ first: { time: seconds * 1e9 }, client: { port } }) as unknown as Connection;
    const connections = [used(0, 1), used(10, 2), used(20, 2), used(61, 3), used(65, 4), used(66, 5), used(200, 6)];
    const { ports, last } = mostPorts(connections);
    expect([ports, last.client.port]).toEqual([4, 5]);
  });
});

describe('nat-tuple-clash', () => {
  /** A connection to a service that a second point shows translated, and SYNs of one client port to the pod itself. */
  function clash(captures: Captures, port: string): void {
    opened(captures, POINT, POD, SERVICE);
    captures.segment('node2/veth2', 0.0005, POD, SERVER, 'S', { seq: 1000, ttl: 62, id: 100 });
    captures.segment('node2/veth2', 0.0008, SERVER, POD, 'S.', { seq: 9000, ack: 1001 });
    for (const [i, at] of [1, 2, 4].entries()) {
      captures.segment(POINT, at, `10.244.1.5:${port}`, SERVER, 'S', { seq: 333_333, id: 300 + i });
    }
    captures.segment(POINT, 6, POD, SERVICE, '.', { seq: 1011, ack: 9011, id: 110 });
  }

  it('the same port to a service and to the pod behind it', async () => {
    const captures = new Captures();
    clash(captures, '40000');
    expect(find(await captures.findings(), 'nat-tuple-clash')).toMatchObject({ severity: 'warning', count: 1 });
  });

  it('another port clashes with nothing', async () => {
    const captures = new Captures();
    clash(captures, '40001');
    expect(await captures.kinds()).not.toContain('nat-tuple-clash');
  });
});

describe('unanswered', () => {
  it.each([
    ['and its answer is seen, to the address behind the translation', true],
    ['and there is none', false],
  ])('a SYN is translated where nothing was captured, %s', async (_, isAnswered) => {
    const captures = new Captures();
    const [outside, translated] = ['198.51.100.7:443', '192.0.2.1:40000'];
    for (const [i, at] of [0, 1, 3].entries()) {
      captures.segment(POINT, at, POD, outside, 'S', { seq: 1000, id: 10 + i });
      captures.segment('server/eth0', at + 0.01, translated, outside, 'S', { seq: 1000, id: 10 + i, ttl: 62 });
      if (!isAnswered) continue;
      captures.segment('server/eth0', at + 0.011, outside, translated, 'S.', { seq: 9000, ack: 1001 });
    }
    for (const at of [5, 9])
      captures.segment('server/eth0', at, outside, '192.0.2.9:1', '.', { seq: 1, ack: 1, id: 1 });
    expect((await captures.kinds()).includes('unanswered')).toBe(!isAnswered);
  });

  it('is told where nothing explains it', async () => {
    const captures = new Captures();
    for (const [i, at] of [0, 1, 3].entries()) {
      captures.segment('node2/veth2', at, POD, SERVER, 'S', { seq: 1000, id: 10 + i, ttl: 62 });
    }
    captures.segment('node2/veth2', 5, SERVER, '10.244.7.7:1', '.', { seq: 1, ack: 1, id: 1 });
    captures.segment('node2/veth2', 9, SERVER, '10.244.7.8:1', '.', { seq: 1, ack: 1, id: 1 });
    const finding = find(await captures.findings(), 'unanswered');
    expect(finding.evidence.map(({ point }) => point)).toEqual(['node2/veth2']);
  });
});

describe('large captures, of which data is not kept', () => {
  /** More than is kept whole. */
  function large(): Captures {
    const captures = new Captures();
    const filler = new Uint8Array(65_000);
    for (let i = 0; i < 540; i++) {
      const datagram = ipv4({ src: '10.244.9.9', dst: '10.244.9.8', id: i }, udp({ srcPort: 9, dstPort: 9 }, filler));
      captures.packet(POINT, i / 10, datagram);
    }
    return captures;
  }

  function client(captures: Captures, i: number): readonly [string, number] {
    const end = `10.244.1.${5 + i}:42000`;
    opened(captures, POINT, end, SERVICE, { at: i * 5, isn: 1000 + i * 50_000 });
    return [end, 1011 + i * 50_000];
  }

  it('a pulse of resets of many clients is one finding', async () => {
    const captures = large();
    for (let i = 0; i < 8; i++) {
      const [end, seq] = client(captures, i);
      captures.segment(POINT, 50 + i / 10, end, SERVICE, 'P.', { seq, ack: 9011, id: 105, length: 5 });
      captures.segment(POINT, 50.01 + i / 10, SERVICE, end, 'R', { seq: 9011, ttl: 63, bare: true });
    }
    const findings = await captures.findings();
    const finding = find(findings, 'reset');
    expect(finding).toMatchObject({ severity: 'warning', certainty: 'likely', count: 8, of: 8, flow: null });
    expect(finding.title).toContain('8 clients');
    expect(finding.evidence.map(({ note }) => note).join()).toContain('a pulse');
  });

  it('silences are not known, so none is told; closed connections and aborts are left alone', async () => {
    const captures = large();
    for (let i = 0; i < 3; i++) {
      const [end, seq] = client(captures, i);
      captures.segment(POINT, 200 + i, end, SERVICE, 'F.', { seq, ack: 9011, id: 105 });
      captures.segment(POINT, 200.01 + i, SERVICE, end, 'R', { seq: 9011, ttl: 63, bare: true });
      const [other, next] = client(captures, 10 + i);
      captures.segment(POINT, 210 + i, SERVICE, other, 'R.', { seq: 9011, ack: next, ttl: 63, id: 502 });
    }
    expect(await captures.kinds()).toEqual([]);
  });
});

describe('any segments in any order', () => {
  const end = fc.constantFrom(POD, SERVER, SERVICE, '10.244.1.5:8080', '10.244.1.6:40000');
  const number = fc.oneof(fc.constantFrom(0, 1, 1000, 1001, 9000, 9001, 0xffffffff), fc.nat(0xffffffff));
  const anySegment = fc.record({
    point: fc.constantFrom(POINT, 'node2/veth2', 'node1/cni0', 'node1/eth0'),
    time: fc.double({ min: 0, max: 2000, noNaN: true }),
    from: end,
    to: end,
    flags: fc.constantFrom('S', 'S.', '.', 'P.', 'F.', 'R', 'R.', 'SF', ''),
    seq: number,
    ack: number,
    ttl: fc.constantFrom(64, 63, 62, 1, 255),
    id: fc.constantFrom(0, 0, 1, 2, 40_000),
    window: fc.constantFrom(0, 0, 502),
    length: fc.constantFrom(0, 0, 1, 10),
    bare: fc.boolean(),
  });

  it('findings are whole: at most three causes, five pieces of evidence, words everywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anySegment, { minLength: 1, maxLength: 40 }), async (segments) => {
        const captures = new Captures();
        for (const { point, time, from, to, flags, ...options } of segments) {
          captures.segment(point, time, from, to, flags, options);
        }
        for (const { causes, evidence, title, count, of, flow } of await captures.findings()) {
          expect(causes.length).toBeLessThanOrEqual(3);
          expect(evidence.length).toBeLessThanOrEqual(5);
          expect(count).toBeGreaterThan(0);
          expect(of).toBeGreaterThanOrEqual(count);
          expect(flow ?? 0).toBeGreaterThanOrEqual(0);
          const texts = [title, ...causes.flatMap(({ why, next }) => [why, next]), ...evidence.map(({ note }) => note)];
          expect(texts.join(' ')).not.toMatch(/undefined|null|NaN|Infinity/);
          expect(causes.every(({ next }) => next !== '' && !next.includes('\n'))).toBe(true);
        }
      }),
      runs(200),
    );
  });
});

describe('hostile captures', () => {
  it('many resets and many like numbers take no long time', async () => {
    const captures = new Captures();
    for (let i = 0; i < 5000; i++) {
      const port = 1024 + (i % 60_000);
      captures.segment(POINT, i / 1000, `10.244.1.5:${port}`, SERVER, 'R', { seq: 1, bare: true });
      captures.segment(POINT, i / 1000, POD, SERVER, 'R.', { seq: i, ack: 1, bare: true });
    }
    const started = Date.now();
    await diagnose(captures.inputs);
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
