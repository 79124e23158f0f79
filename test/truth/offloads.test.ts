import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnose, exchanges } from '../../src/diagnose.js';
import type { ExchangeRow } from '../../src/report/report.js';

// What each point saw of the connection is compared with tshark's account in lab.test.ts.
const [ON, OFF] = ['samples/offloads/on', 'samples/offloads/off'];

async function transferIn(folder: string): Promise<ExchangeRow> {
  for await (const row of exchanges([folder])) if (row.protocol === 'tcp') return row;
  throw new Error(`no connection in ${folder}`);
}

/** Octets of data in the longest frame at a point, as tshark lists them. */
function longestAt(folder: string, point: string): number {
  const [header, ...lines] = readFileSync(`${folder}/journeys.jsonl`, 'utf8').trim().split('\n');
  const at = (JSON.parse(header!) as { points: string[] }).points.indexOf(point);
  return Math.max(
    ...lines.map((line) => {
      const { what, frames } = JSON.parse(line) as { what: string; frames: number[][] };
      return frames[at]!.length > 0 ? Number(/^tcp .* len (\d+)$/.exec(what)?.[1] ?? 0) : 0;
    }),
  );
}

describe('one transfer with offloads and without', () => {
  it('is of frames of several segments at the pod with them, and of one each without', () => {
    expect(longestAt(ON, 'node1/veth3cafbbcc')).toBe(5 * 1398);
    expect(longestAt(OFF, 'node1/veth3cafbbcc')).toBe(1398);
    for (const folder of [ON, OFF]) expect(longestAt(folder, 'node1/eth0')).toBe(1398);
  });

  it('has one verdict, and each point has seen the same octets of it', async () => {
    const [on, off] = [await transferIn(ON), await transferIn(OFF)];
    const told = ({ verdict, certainty, reason, attempts, request, reply, stream }: ExchangeRow) => ({
      verdict,
      certainty,
      reason,
      attempts,
      request,
      reply,
      stream,
    });
    expect(told(on)).toEqual(told(off));
    expect(on.stream).toBeDefined();
  });

  it('has one loss, at one place', async () => {
    const place = async (folder: string) =>
      (await diagnose([folder])).findings
        .filter(({ severity }) => severity !== 'info')
        .map(({ kind, lastSeen, nextExpected }) => ({ kind, lastSeen: lastSeen?.point, nextExpected }));
    const loss = [{ kind: 'partial-loss', lastSeen: 'node2/eth0', nextExpected: 'node2/flannel.1' }];
    expect(await place(ON)).toEqual(loss);
    expect(await place(OFF)).toEqual(loss);
  });
});
