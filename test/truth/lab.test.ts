import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, exchanges, trails } from '../../src/diagnose.js';
import type { TrailRow } from '../../src/report/report.js';

// Captures with the truth of every packet, written by who made them and checked against tshark: our own samples, and more of
// the kind that lie beside the repository where there are any.
const FOLDERS = ['samples', 'samples/any-interface', 'samples/offloads', '../shared/captures/lab'];

/**
 * What arrived and may be left open, with its reason: all frames at these interfaces are between the same two hosts, and are on
 * any link between the two. Nothing tells whether the host lives behind that interface, or one of the others that passed them on.
 * Who it was last seen by must be right all the same.
 */
const UNDECIDED: Readonly<Record<string, RegExp>> = {
  'nat-return-unroutable': /^no capture point behind fit01\/eth0 /,
  'bgp-unknown-peer-reset': /^no capture point behind (fit01|w3)\/eth0 /,
  // The directors send on what they get at the same interface.
  'rst-backend-switched': /^no capture point behind (client\/eth0|director[12]\/po0) /,
  'rst-one-way-conntrack': /^no capture point behind client\/eth0 /,
  'arp-vip-duplicate': /^no capture point behind client\/eth0 /,
  'ephemeral-port-exhaustion': /^no capture point behind client\/eth0 /,
};

/** Points that a flow's path has besides those that a request of it passed, with the reason. */
const BESIDES: Readonly<Record<string, readonly string[]>> = {
  // 10.244.19.1 is the address of cni0: what it sends to pods is seen there, what comes for it through the tunnel is not.
  'gravity-forwarding-off': ['node1/cni0'],
  // The connections of one flow went to one director first and to the other later.
  'rst-backend-switched': ['director1/po0', 'director2/po0'],
};

interface Expected {
  readonly what: string;
  readonly direction: string;
  /** partial: of packets that are equal to the octet, or parts of one frame, `lost` of `copies` are lost. */
  readonly verdict: 'delivered' | 'lost' | 'partial';
  readonly last_seen: string;
  readonly next_expected: string | null;
  readonly anomalies: readonly string[];
  readonly copies: number;
  readonly lost?: number;
  /** The packets are parts of one frame. */
  readonly cut?: boolean;
  readonly match: { readonly src: string; readonly sport?: number; readonly dst: string; readonly dport?: number };
  readonly points: readonly { readonly point: string; readonly frames: readonly number[] }[];
}

interface Journey {
  readonly what: string;
  readonly first: string;
  /** Of each point. */
  readonly frames: readonly (readonly number[])[];
}

interface Truth {
  readonly expected: readonly Expected[];
  readonly translations?: readonly object[];
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

function journeysOf(folder: string): { points: string[]; journeys: Journey[] } {
  const [header, ...lines] = readFileSync(join(folder, 'journeys.jsonl'), 'utf8').trim().split('\n');
  return {
    ...(JSON.parse(header!) as { points: string[] }),
    journeys: lines.map((line) => JSON.parse(line) as Journey),
  };
}

/** What a point is called in the truth. */
function namesIn(folder: string): (point: string) => string {
  const numbered = new Map<string, string>();
  for (const { node, interfaces } of truthOf(folder).captures) {
    for (const [number, name] of Object.entries(interfaces ?? {})) {
      if (/^[0-9]+$/.test(number)) numbered.set(`${node}/if${number}`, `${node}/${name}`);
    }
  }
  return (point) => numbered.get(point) ?? point;
}

async function rowsOf(folder: string): Promise<TrailRow[]> {
  const named = namesIn(folder);
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

/**
 * Of packets that are equal to the octet no row may name one that another may be: so many are lost at that place, no more, no
 * less, or one row for all of them says how many. A frame of which a part is lost is one row.
 */
function partialFaults(
  { what, cut, copies, lost, last_seen, next_expected, points }: Expected,
  index: ReadonlyMap<string, readonly TrailRow[]>,
): string[] {
  const keys = points.flatMap(({ point, frames }) => frames.map((frame) => `${point} ${frame}`));
  const rows = [...new Set(keys.flatMap((key) => index.get(key) ?? []))];
  const told = rows.map(({ state, lastSeen, nextExpected }) => `${state} ${lastSeen} ${nextExpected}`).sort();
  const gone = `lost ${last_seen} ${next_expected}`;
  const each = Array.from({ length: copies }, (_, at) =>
    at < copies - lost! ? `delivered ${points.at(-1)!.point} null` : gone,
  ).sort();
  const some = `${next_expected} shows ${copies - lost!} of ${copies} identical packets, and nothing tells which`;
  const isGroup = rows.length === 1 && rows[0]!.state === 'unknown' && rows[0]!.reason === some;
  const meant = cut === true ? [gone] : each;
  return [
    ...keys.filter((key) => index.get(key)?.length !== 1).map((key) => `${what}: ${key} is not in one trail`),
    ...(told.join() === meant.join() || (isGroup && cut !== true && rows[0]!.lastSeen === last_seen)
      ? []
      : [`${what}: ${told.join(', ')} (${rows[0]?.reason}), not ${meant.join(', ')}`]),
  ];
}

/** A verdict with a reason for being none, where the packet did arrive. */
function isLeftOpen(row: TrailRow, { verdict }: Expected, reason: RegExp): boolean {
  return row.state === 'unknown' && verdict === 'delivered' && reason.test(row.reason ?? '');
}

const folders = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'truth.json'))),
);

/** What each point saw of each direction of a connection, put together from the packets that tshark lists. */
function streamsOf({ points, journeys }: ReturnType<typeof journeysOf>): Map<string, string> {
  const segments = journeys.flatMap(({ what, first, frames }) => {
    const [, flags, sequence, length] = /^tcp (\S+) seq (\d+) len (\d+)$/.exec(what) ?? [];
    return flags === undefined ? [] : [{ flags, sequence: Number(sequence), length: Number(length), first, frames }];
  });
  const initial = new Map<string, (typeof segments)[number]>();
  const seen = new Map<string, Set<number>>();
  for (const segment of segments) {
    const { flags, sequence, length, first, frames } = segment;
    // A port that is used again has another connection.
    if (/^SYN/.test(flags)) initial.set(first, segment);
    const back = first.split(' > ').reverse().join(' > ');
    const direction = initial.get(first)?.flags === 'SYN' ? 'request' : 'reply';
    const client = direction === 'request' ? initial.get(first) : initial.get(back);
    const start = initial.get(first);
    if (start === undefined || client === undefined || length === 0) continue;
    frames.forEach((numbers, i) => {
      if (numbers.length === 0) return;
      const key = `${first} isn ${client.sequence} ${direction} at ${points[i]!}`;
      const octets = seen.get(key) ?? new Set();
      seen.set(key, octets);
      for (let at = 0; at < length; at++) octets.add((sequence - start.sequence + at) >>> 0);
    });
  }
  return new Map([...seen].map(([key, octets]) => [key, `${octets.size}, highest ${Math.max(...octets)}`]));
}

describe('captures with the truth of every packet', () => {
  for (const folder of folders) {
    const name = folder;
    it(`${name}: verdicts as in truth.json`, async () => {
      const truth = truthOf(folder);
      const undecided = UNDECIDED[basename(folder)];
      const index = byFrame(await rowsOf(folder));
      const wrong: string[] = [];
      for (const expected of truth.expected) {
        if (expected.verdict === 'partial') {
          wrong.push(...partialFaults(expected, index));
          continue;
        }
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
      const { points, journeys } = journeysOf(folder);
      const index = byFrame(await rowsOf(folder));
      const wrong: string[] = [];
      for (const journey of journeys) {
        const meant = points.flatMap((point, i) => journey.frames[i]!.map((frame) => `${point} ${frame}`));
        if (meant.length === 0) continue;
        const rows = index.get(meant[0]!) ?? [];
        if (rows.length === 0) {
          wrong.push(`${journey.what} ${journey.first}: no trail has ${meant[0]}`);
          continue;
        }
        const row = rows[0]!;
        const said = row.sightings.filter((s) => s.range === undefined).map(({ point, frame }) => `${point} ${frame}`);
        if (row.sightings.some((s) => s.range !== undefined)) continue;
        if ([...said].sort().join() !== [...meant].sort().join()) {
          wrong.push(`${journey.what} ${journey.first}: ${said.join(', ')}, not ${meant.join(', ')}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    it(`${name}: the octets that each point saw of a connection`, async () => {
      const named = namesIn(folder);
      const meant = streamsOf(journeysOf(folder));
      const said = new Map<string, string>();
      for await (const { client, clientPort, server, serverPort, id, stream } of exchanges([folder])) {
        if (stream === undefined) continue;
        const ends = [`${client}:${clientPort}`, `${server}:${serverPort}`];
        for (const [direction, from, to] of [
          ['request', ends[0], ends[1]] as const,
          ['reply', ends[1], ends[0]] as const,
        ]) {
          for (const { point, octets, highest } of stream[direction])
            said.set(
              `${from} > ${to} isn ${id['isn']} ${direction} at ${named(point)}`,
              `${octets}, highest ${highest}`,
            );
        }
      }
      const wrong = [...meant].flatMap(([key, text]) =>
        said.get(key) === text ? [] : [`${key}: ${said.get(key)}, not ${text}`],
      );
      expect(wrong).toEqual([]);
    });

    it(`${name}: points in the order that requests took, and translations`, async () => {
      const named = namesIn(folder);
      const { expected, translations } = truthOf(folder);
      const report = await diagnose([folder]);
      const paths = report.flows.map((flow) => ({ ...flow, path: flow.path.map(named) }));
      // The requests of one flow may go to several pods.
      const ways = new Map<string, { said: string; meant: Set<string> }>();
      for (const { what, direction, verdict, match, points } of expected) {
        if (direction !== 'request' || verdict !== 'delivered') continue;
        const flow = paths.find(
          ({ client, clientPort, server, serverPort }) =>
            client === match.src &&
            server === match.dst &&
            (clientPort ?? match.sport) === match.sport &&
            (serverPort ?? match.dport) === match.dport,
        );
        const said = flow === undefined ? `no flow of ${what}` : flow.path.join(' ');
        const way = ways.get(said) ?? { said, meant: new Set() };
        ways.set(said, way);
        way.meant.add([...new Set(points.map(({ point }) => point))].join(' '));
      }
      const besides = BESIDES[basename(folder)] ?? [];
      const without = (way: string, points: string): boolean =>
        way
          .split(' ')
          .filter((point) => points.includes(point) || !besides.includes(point))
          .join(' ') === points;
      const wrong = [...ways.values()].filter(({ said, meant }) => ![...meant].some((points) => without(said, points)));
      expect(wrong).toEqual([]);
      if (translations !== undefined) {
        const byText = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
        expect(byText(report.translations)).toEqual(byText(translations));
      }
    });
  }
});
