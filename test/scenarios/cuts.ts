/**
 * `npm run cuts -- FOLDER...` leaves out every capture and every pair of captures of each folder, cuts each capture at the head and
 * at the tail and empties it, has each of these told and compares what is called lost with the folder's truth.json or, where there
 * is none, with what the whole folder shows: a packet seen where it is said never to have been, or delivered, was not lost. Folders
 * in the folders are taken too. `--show` prints every such row. Exit code 1 when one is said with certainty `shown`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trails } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import type { TrailRow } from '../../src/report/report.js';
import { filesIn } from '../support/sample-files.js';

const PARTS = [0.25, 0.5, 0.75];

/** Octets of the file header and of each record's, classic pcap. */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

interface Capture {
  readonly name: string;
  readonly octets: Uint8Array;
  /** Where each record begins, and where the last one ends. */
  readonly at: readonly number[];
}

/** A capture as given: which of its frames it begins after, counted from 0. */
interface Given {
  readonly name: string;
  readonly source: Uint8Array;
  readonly skipped: number;
}

/** What is known of one packet: its frames "file#frame", the points that have them, what became of it. */
interface Known {
  readonly points: ReadonlySet<string>;
  readonly state: string;
}

const { values, positionals } = parseArgs({
  options: { show: { type: 'boolean', default: false } },
  allowPositionals: true,
});

function recordsOf(octets: Uint8Array): number[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const at = [FILE_HEADER];
  while (at.at(-1)! < octets.length) at.push(at.at(-1)! + RECORD_HEADER + view.getUint32(at.at(-1)! + 8, true));
  return at;
}

/** The file with some of its records. */
function part({ octets, at }: Capture, from: number, until: number): Uint8Array {
  const kept = octets.subarray(at[from], at[until]);
  const file = new Uint8Array(FILE_HEADER + kept.length);
  file.set(octets.subarray(0, FILE_HEADER));
  file.set(kept, FILE_HEADER);
  return file;
}

async function rowsOf(given: readonly Given[]): Promise<TrailRow[]> {
  const inputs: CaptureInput[] = given.map(({ name, source }) => ({ file: name, source }));
  const rows: TrailRow[] = [];
  for await (const row of trails(inputs, { memory: 8 << 20 })) rows.push(row);
  return rows;
}

function* changes(captures: readonly Capture[]): Generator<{ what: string; given: Given[] }> {
  const whole = captures.map(({ name, octets }): Given => ({ name, source: octets, skipped: 0 }));
  for (const [i, { name }] of captures.entries()) {
    if (captures.length > 1) yield { what: `without ${name}`, given: whole.filter((_, at) => at !== i) };
    for (let k = i + 1; k < captures.length; k++) {
      const given = whole.filter((_, at) => at !== i && at !== k);
      if (given.length > 0) yield { what: `without ${name} and ${captures[k]!.name}`, given };
    }
  }
  for (const [i, capture] of captures.entries()) {
    const { name, at: records } = capture;
    const frames = records.length - 1;
    const cut = (what: string, from: number, until: number): { what: string; given: Given[] } => ({
      what: `${name} ${what}`,
      given: whole.map((each, at) => (at === i ? { name, source: part(capture, from, until), skipped: from } : each)),
    });
    yield cut('emptied', 0, 0);
    for (const share of PARTS) {
      const at = Math.round(frames * share);
      if (at === 0 || at === frames) continue;
      yield cut(`stopped after ${at} of ${frames} frames`, 0, at);
      yield cut(`begun after ${at} of ${frames} frames`, at, frames);
    }
  }
}

interface Truth {
  readonly expected: readonly {
    readonly verdict: string;
    readonly last_seen: string;
    readonly points: readonly { readonly point: string; readonly frames: readonly number[] }[];
  }[];
}

/** By "file#frame". A row of the truth holds packets of one kind: its points are those that show any of them. */
async function knownOf(folder: string, captures: readonly Capture[]): Promise<Map<string, Known[]>> {
  const known = new Map<string, Known[]>();
  const add = (key: string, each: Known): void => void known.set(key, [...(known.get(key) ?? []), each]);
  const whole = await rowsOf(captures.map(({ name, octets }) => ({ name, source: octets, skipped: 0 })));
  const fileOf = new Map(whole.flatMap(({ sightings }) => sightings.map(({ point, file }) => [point, file])));
  for (const { sightings, state } of whole) {
    // What a point shows of a part is not all of the packet
    const points = new Set(sightings.filter(({ range }) => range === undefined).map(({ point }) => point));
    for (const { file, frame } of sightings) add(`${file}#${frame}`, { points, state });
  }
  const path = join(folder, 'truth.json');
  if (!existsSync(path)) return known;
  for (const { verdict, last_seen, points } of (JSON.parse(readFileSync(path, 'utf8')) as Truth).expected) {
    const state = verdict;
    // Of packets alike, or parts of one, some went on and some did not: that many, and where, lab.test.ts looks at
    const until = verdict === 'partial' ? points.findIndex(({ point }) => point === last_seen) + 1 : points.length;
    const seen = points.slice(0, until).filter(({ frames }) => frames.length > 0);
    const names = new Set(seen.map(({ point }) => point));
    for (const { point, frames } of points)
      for (const frame of frames) add(`${fileOf.get(point)}#${frame}`, { points: names, state });
  }
  return known;
}

/** Folders in which there are captures, at any depth. */
function foldersIn(path: string): string[] {
  const below = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => foldersIn(join(path, name)));
  return filesIn(path).length > 0 ? [path, ...below] : below;
}

let [runs, shown, likely, told] = [0, 0, 0, 0];
for (const folder of positionals.flatMap(foldersIn)) {
  const captures = filesIn(folder).map(({ name, octets }): Capture => ({ name, octets, at: recordsOf(octets) }));
  const known = await knownOf(folder, captures);
  for (const { what, given } of changes(captures)) {
    runs++;
    const skipped = new Map(given.map((each) => [each.name, each.skipped]));
    for (const row of await rowsOf(given)) {
      if (row.state !== 'lost') continue;
      told++;
      const its = row.sightings.flatMap(({ file, frame }) => known.get(`${file}#${frame + skipped.get(file)!}`) ?? []);
      // Of identical packets in one row it is enough that one had the fate told.
      const wrong =
        its.some(({ points }) => points.has(row.nextExpected!)) || its.some(({ state }) => state === 'delivered');
      if (!wrong) continue;
      if (row.certainty === 'shown') shown++;
      else likely++;
      if (row.certainty === 'shown' || values.show) {
        process.stdout.write(
          `${folder}: ${what}: ${row.certainty}, last seen ${row.lastSeen}, next ${row.nextExpected}: ${row.summary}\n` +
            `  ${[...new Set(its.map(({ state, points }) => `${state} [${[...points].join(' ')}]`))].join('; ')}\n`,
        );
      }
    }
  }
}
process.stdout.write(`${runs} changed folders, ${told} rows told as lost; false: ${shown} shown, ${likely} likely\n`);
if (shown > 0) process.exitCode = 1;
