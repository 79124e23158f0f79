import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trails } from '../../src/diagnose.js';
import type { TrailRow } from '../../src/report/report.js';

// Captures of the lab with the truth of every packet, written by who made them and checked against tshark. They lie beside
// the repository where there are any.
const LAB = '../shared/captures/lab';

interface Expected {
  readonly what: string;
  readonly direction: string;
  readonly verdict: 'delivered' | 'lost';
  readonly last_seen: string;
  readonly next_expected: string | null;
  readonly anomalies: readonly string[];
  readonly points: readonly { readonly point: string; readonly frames: readonly number[] }[];
}

async function rowsOf(folder: string): Promise<TrailRow[]> {
  const rows: TrailRow[] = [];
  for await (const row of trails([folder])) rows.push(row);
  return rows;
}

/** point and frame -> rows that have this sighting */
function byFrame(rows: readonly TrailRow[]): Map<string, TrailRow[]> {
  const index = new Map<string, TrailRow[]>();
  for (const row of rows) {
    for (const { point, frame } of row.sightings) {
      const key = `${point} ${frame}`;
      index.set(key, [...(index.get(key) ?? []), row]);
    }
  }
  return index;
}

const folders = existsSync(LAB) ? readdirSync(LAB).filter((name) => existsSync(join(LAB, name, 'truth.json'))) : [];

describe.skipIf(folders.length === 0)('captures with the truth of every packet', () => {
  for (const name of folders) {
    const folder = join(LAB, name);
    it(`${name}: verdicts as in truth.json`, async () => {
      const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as { expected: Expected[] };
      const index = byFrame(await rowsOf(folder));
      const wrong: string[] = [];
      for (const expected of truth.expected) {
        if (expected.anomalies.includes('dnat')) continue;
        for (const { point, frames } of expected.points) {
          for (const frame of frames) {
            const rows = index.get(`${point} ${frame}`) ?? [];
            if (rows.length !== 1) wrong.push(`${expected.what}: ${point} frame ${frame} is in ${rows.length} trails`);
            for (const row of rows) {
              const said = `${row.state} ${row.lastSeen} ${row.nextExpected} ${row.direction}`;
              const meant = `${expected.verdict} ${expected.last_seen} ${expected.next_expected} ${expected.direction}`;
              // A row of a whole connection has packets that end its way elsewhere only by their direction.
              if (said !== meant) wrong.push(`${expected.what} (${point} ${frame}): ${said} (${row.reason}), not ${meant}`);
            }
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    it(`${name}: sightings as in journeys.jsonl`, async () => {
      const lines = readFileSync(join(folder, 'journeys.jsonl'), 'utf8').trim().split('\n');
      const { points } = JSON.parse(lines[0]!) as { points: string[] };
      const index = byFrame(await rowsOf(folder));
      const wrong: string[] = [];
      for (const line of lines.slice(1)) {
        const journey = JSON.parse(line) as { what: string; first: string; frames: number[][] };
        const meant = points.flatMap((point, i) => journey.frames[i]!.map((frame) => `${point} ${frame}`));
        if (meant.length === 0) continue;
        const rows = index.get(meant[0]!) ?? [];
        if (rows.length === 0) {
          wrong.push(`${journey.what} ${journey.first}: no trail has ${meant[0]}`);
          continue;
        }
        const row = rows[0]!;
        const said = row.sightings.filter((s) => s.range === undefined).map(({ point, frame }) => `${point} ${frame}`);
        if (row.sightings.some((s) => s.range !== undefined || s.nat !== null)) continue;
        if ([...said].sort().join() !== [...meant].sort().join()) {
          wrong.push(`${journey.what} ${journey.first}: ${said.join(', ')}, not ${meant.join(', ')}`);
        }
      }
      expect(wrong).toEqual([]);
    });
  }
});
