import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import type { TrailRow } from '../../src/report/report.js';

// A connection captured by others at a router, a node and a pod (the files lie beside the repository where there are any): the node
// translates 10.0.0.2 to 11.0.2.2, the router's clock is 79 ms behind. Frames, TTLs and times are as tshark lists them.
const FOLDER = join(import.meta.dirname, '../../../shared/captures/public');
const INPUTS = ['router/eth1', 'node/eth1', 'pod/eth0'].map((point) => ({
  point,
  source: join(FOLDER, `xcluster-mtu-${point === 'pod/eth0' ? 'pod' : point.replace('/', '-')}.pcap`),
}));

describe.skipIf(!existsSync(INPUTS[0]!.source))('a connection at a router, a node and a pod', () => {
  it('is put together over the translation, both ways and for the ICMP errors about it', async () => {
    const rows: TrailRow[] = [];
    for await (const row of trails(INPUTS)) rows.push(row);
    const ways = (summary: RegExp): string[] =>
      rows
        .filter((row) => summary.test(row.summary) && row.sightings.length > 1)
        .map(({ sightings }) => sightings.map(({ point, frame, ttl }) => `${point} ${frame} ttl ${ttl}`).join(', '));
    expect(ways(/^SYN seq/)).toEqual(['router/eth1 1 ttl 61, node/eth1 5 ttl 61, pod/eth0 3 ttl 60']);
    expect(ways(/^SYN,ACK/)).toEqual(['pod/eth0 4 ttl 64, node/eth1 6 ttl 63, router/eth1 2 ttl 63']);
    expect(ways(/^fragmentation needed/)).toEqual([
      'router/eth1 9 ttl 64, node/eth1 14 ttl 64, pod/eth0 12 ttl 63',
      'router/eth1 10 ttl 64, node/eth1 15 ttl 64, pod/eth0 16 ttl 63',
      'router/eth1 15 ttl 63, node/eth1 19 ttl 63, pod/eth0 17 ttl 62',
      'router/eth1 16 ttl 63, node/eth1 20 ttl 63, pod/eth0 21 ttl 62',
    ]);
    expect(rows.filter(({ state }) => state === 'lost')).toEqual([]);
  });

  it('is answered, its translations are learnt, and the clocks compared', async () => {
    const report = await diagnose(INPUTS);
    expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    const flow = report.flows.find(({ clientPort }) => clientPort === 53454);
    expect(flow).toMatchObject({ server: '10.0.0.2', serverPort: 80, verdicts: { answered: 1 } });
    expect(report.translations).toContainEqual(
      expect.objectContaining({ kind: 'dnat', from: '10.0.0.2:80', to: '11.0.2.2:80' }),
    );
    // SYN there and SYN,ACK back bound how far the router was behind: 78.820 and 78.622 ms.
    const { clock } = report.points.find(({ point }) => point === 'router/eth1')!;
    expect(clock!.reference).toBe('node');
    expect(-clock!.offsetNs).toBeGreaterThan(78.622e6);
    expect(-clock!.offsetNs).toBeLessThan(78.82e6);
    expect(clock!.errorNs).toBeLessThan(0.2e6);
  });
});
