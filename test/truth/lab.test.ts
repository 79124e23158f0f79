import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trails } from '../../src/diagnose.js';
import type { TrailRow } from '../../src/report/report.js';

// Captures with the truth of every packet, written by who made them and checked against tshark: our own samples, and more of
// the kind that lie beside the repository where there are any.
const FOLDERS = ['samples', 'samples/any-interface', '../shared/captures/lab'];

/**
 * What a verdict may leave open, with its reason: where nothing tells that a point is an address's own interface, a packet
 * seen there may go on. Who it was last seen by must be right all the same.
 */
const UNDECIDED: Readonly<Record<string, RegExp>> = {
  'nat-return-unroutable': /^(no capture point behind|a packet with the same content and other addresses)/,
  'bgp-unknown-peer-reset': /^no capture point behind/,
  'rst-backend-switched': /^no capture point behind/,
  'rst-one-way-conntrack': /^no capture point behind/,
  'arp-vip-duplicate': /^no capture point behind/,
  'ephemeral-port-exhaustion': /^no capture point behind/,
};

interface Expected {
  readonly what: string;
  readonly direction: string;
  readonly verdict: 'delivered' | 'lost';
  readonly last_seen: string;
  readonly next_expected: string | null;
  readonly anomalies: readonly string[];
  readonly points: readonly { readonly point: string; readonly frames: readonly number[] }[];
}

interface Truth {
  readonly expected: readonly Expected[];
  /** Captures of `-i any` in cooked v2 name interfaces by number: `interfaces` says which number is which. */
  readonly captures: readonly {
    readonly node?: string;
    readonly linktype?: string;
    readonly interfaces?: Record<string, string>;
  }[];
}

function truthOf(folder: string): Truth {
  return JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
}

async function rowsOf(folder: string): Promise<TrailRow[]> {
  const numbered = new Map<string, string>();
  for (const { node, interfaces } of truthOf(folder).captures) {
    for (const [number, name] of Object.entries(interfaces ?? {})) {
      if (/^[0-9]+$/.test(number)) numbered.set(`${node}/if${number}`, `${node}/${name}`);
    }
  }
  const named = (point: string): string => numbered.get(point) ?? point;
  const rows: TrailRow[] = [];
  for await (const row of trails([folder])) {
    rows.push({
      ...row,
      lastSeen: named(row.lastSeen),
      nextExpected: row.nextExpected === null ? null : named(row.nextExpected),
      sightings: row.sightings.map((sighting) => ({ ...sighting, point: named(sighting.point) })),
    });
  }
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

/** A verdict with a reason for being none, or one that names a point further on instead of the next. */
function isLeftOpen(row: TrailRow, { points, last_seen }: Expected, reasons: RegExp): boolean {
  const names = points.map(({ point }) => point);
  const ahead = names.slice(names.indexOf(last_seen) + 1);
  if (row.state === 'lost') return row.certainty === 'likely' && ahead.includes(row.nextExpected ?? '');
  return row.state === 'unknown' && reasons.test(row.reason ?? '');
}

const folders = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'truth.json'))),
);

describe('captures with the truth of every packet', () => {
  for (const folder of folders) {
    const name = folder;
    it(`${name}: verdicts as in truth.json`, async () => {
      const truth = truthOf(folder);
      const undecided = UNDECIDED[basename(folder)];
      const index = byFrame(await rowsOf(folder));
      const wrong: string[] = [];
      for (const expected of truth.expected) {
        for (const { point, frames } of expected.points) {
          for (const frame of frames) {
            const rows = index.get(`${point} ${frame}`) ?? [];
            if (rows.length !== 1) wrong.push(`${expected.what}: ${point} frame ${frame} is in ${rows.length} trails`);
            for (const row of rows) {
              const said = `${row.state} ${row.lastSeen} ${row.nextExpected} ${row.direction}`;
              const meant = `${expected.verdict} ${expected.last_seen} ${expected.next_expected} ${expected.direction}`;
              // A row of a whole connection has packets that end its way elsewhere only by their direction.
              const isOpen = undecided !== undefined && isLeftOpen(row, expected, undecided);
              if (isOpen && row.lastSeen === expected.last_seen && row.direction === expected.direction) continue;
              if (said !== meant)
                wrong.push(`${expected.what} (${point} ${frame}): ${said} (${row.reason}), not ${meant}`);
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
