import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trails } from '../../src/diagnose.js';
import type { TrailRow } from '../../src/report/report.js';

const FILES = ['client__eth0.pcap', 'director2__po0.pcap'];

/** One connection of the sample, without the director that it went by at first: half of its data is seen by the client alone. */
async function rowsOfFrames(frames: readonly number[]): Promise<(TrailRow | undefined)[]> {
  const rows: TrailRow[] = [];
  const inputs = FILES.map((file) => ({
    file,
    point: file.replace('.pcap', '').replace('__', '/'),
    source: new Uint8Array(readFileSync(`samples/rst-backend-switched/${file}`)),
  }));
  for await (const row of trails(inputs)) rows.push(row);
  const shows = (frame: number) => (row: TrailRow) =>
    row.sightings.some((sighting) => sighting.file === FILES[0] && sighting.frame === frame);
  return frames.map((frame) => rows.find(shows(frame)));
}

describe('data that waited for more sightings, and was told after what followed it', () => {
  it('is not taken for data sent again: its acknowledgement shows that it arrived', async () => {
    // tshark: frame 23 ends before 2613138973, which frame 24 acknowledges; frame 58 before 2613138985, as frame 64 does
    const states = (await rowsOfFrames([23, 58])).map((row) => [row?.state, row?.certainty]);
    expect(states).toEqual([
      ['delivered', 'shown'],
      ['delivered', 'shown'],
    ]);
  });
});

describe('data that was acknowledged though a point did not show it', () => {
  it('came by another way: nothing else that the point lacks at that time is lost there', async () => {
    // truth.json: all of these went by director1, which is not given here; 26 and 65 acknowledge and carry no data
    const states = (await rowsOfFrames([26, 65])).map((row) => row?.state);
    expect(states).toEqual(['unknown', 'unknown']);
  });
});

describe('a FIN that was acknowledged though a point did not show it', () => {
  const STRAIGHT = 'samples/rst-one-way-conntrack';

  it('shows that what the real server sends goes straight to the client, and nothing of it is lost at the director', async () => {
    // README of the sample: compute2 answers past compute1, which shows only what the client sends
    const inputs = ['compute1__po0.pcap', 'compute2__po0.pcap'].map((file) => ({
      file,
      source: new Uint8Array(readFileSync(`${STRAIGHT}/${file}`)),
    }));
    const states = new Map<string, number>();
    for await (const { src, sightings, state } of trails(inputs)) {
      if (!src.startsWith('10.54.213.148') || sightings[0]!.point !== 'compute2/po0') continue;
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    expect(states.get('lost')).toBeUndefined();
    expect(states.get('delivered')).toBeGreaterThan(0);
    expect(states.get('unknown')).toBeGreaterThan(0);
  });
});
