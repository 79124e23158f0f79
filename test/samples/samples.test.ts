import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

interface Truth {
  points: { request: string[]; reply: string[] };
  captures: { point?: string; node?: string; interfaces?: Record<string, string>; file: string; captured: number }[];
  faults: { after: string; before: string; counted: number }[];
  summary: { expected: number; lost: number; delivered: number };
  clients: { client: string; dst?: string; id?: number; replies?: number[] }[];
  expected: {
    what: string;
    verdict: string;
    last_seen: string;
    next_expected: string | null;
    copies: number;
    lost?: number;
    match: Record<string, unknown>;
    points: { point: string; packets: number; frames: number[]; filter?: string }[];
  }[];
}

const SAMPLES = fileURLToPath(new URL('../../samples/', import.meta.url));
const LIMIT = 150_000;
const scratch = mkdtempSync(join(tmpdir(), 'lasthop-samples-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const files = readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' }).filter(
  (file) => !/^(lab|README)/.test(file) && statSync(join(SAMPLES, file)).isFile(),
);
const folders = files.filter((file) => file.endsWith('truth.json')).map((file) => dirname(file));
const hasTshark = ['tshark', 'mergecap'].every((tool) => spawnSync(tool, ['--version']).status === 0);

function truthOf(folder: string): Truth {
  return JSON.parse(readFileSync(join(SAMPLES, folder, 'truth.json'), 'utf8')) as Truth;
}

/** Points of a capture: one, or those of its interfaces. */
function pointsOf({ point, node, interfaces = {} }: Truth['captures'][number]): string[] {
  return point === undefined ? Object.values(interfaces).map((name) => `${node}/${name}`) : [point];
}

describe('the samples', () => {
  it('are those that the table lists', () => {
    const listed = [...readFileSync(join(SAMPLES, 'README.md'), 'utf8').matchAll(/^\| \[(.+?)\]\((.+?)\)/gm)];
    expect(listed.map(([, name]) => name).sort()).toEqual([...new Set(files.map((file) => file.split('/')[0]))].sort());
    for (const [, , target] of listed) expect(existsSync(join(SAMPLES, target ?? ''))).toBe(true);
  });

  it('are small', () => {
    const sizes = new Map<string, number>();
    for (const file of files) {
      const sample = file.split('/')[0] ?? '';
      sizes.set(sample, (sizes.get(sample) ?? 0) + statSync(join(SAMPLES, file)).size);
    }
    expect([...sizes].filter(([, size]) => size > LIMIT)).toEqual([]);
  });

  it('name no folder, namespace or machine that they were made on', () => {
    const words = ['/tmp/', '/home/', '/root/', 'lasthop-', 'lasthop_'];
    if (hostname().length > 4) words.push(hostname());
    const found = files.flatMap((file) => {
      const text = readFileSync(join(SAMPLES, file), 'latin1');
      return words.filter((word) => text.includes(word)).map((word) => `${file}: ${word}`);
    });
    expect(found).toEqual([]);
  });
});

describe.each(folders)('sample %s', (folder) => {
  const truth = truthOf(folder);
  const path = (file: string): string => join(SAMPLES, folder, file);

  it('has the captures that its truth names, and no other', () => {
    const captures = readdirSync(join(SAMPLES, folder)).filter((file) => /\.pcap(ng)?$/.test(file));
    expect(captures.sort()).toEqual(truth.captures.map(({ file }) => file).sort());
    for (const { point, file } of truth.captures) {
      if (point !== undefined) expect(file).toBe(`${point.replace('/', '__')}.pcap`);
    }
  });

  it('says of each packet where it ends', () => {
    const points = truth.captures.flatMap(pointsOf);
    for (const { what, verdict, last_seen, next_expected, copies, lost, points: rows } of truth.expected) {
      // Of equal packets some came no further
      const seen = rows.filter(({ packets }) => packets === copies).map(({ point }) => point);
      expect([what, seen.at(-1)]).toEqual([what, last_seen]);
      expect([what, rows[seen.length]?.point ?? null]).toEqual([what, next_expected]);
      const lostOnes = lost === undefined ? 'lost' : 'partial';
      expect([what, verdict]).toEqual([what, next_expected === null ? 'delivered' : lostOnes]);
      expect(points).toEqual(expect.arrayContaining(rows.map(({ point }) => point)));
    }
    const lost = truth.expected.filter(({ verdict }) => verdict !== 'delivered');
    expect(truth.summary).toEqual({
      expected: truth.expected.length,
      lost: lost.length,
      delivered: truth.expected.length - lost.length,
    });
  });

  it('agrees with the counters of the kernel and with what the clients said', () => {
    for (const { after, before, counted } of truth.faults) {
      const lost = truth.expected.filter((row) => row.last_seen === after && row.next_expected === before);
      expect(lost.reduce((sum, row) => sum + (row.lost ?? row.copies), 0)).toBe(counted);
    }
    // Several pods may ping with one id
    const pings = new Map<number, number[]>();
    for (const { client, id, replies } of truth.clients)
      if (client === 'ping') pings.set(id!, [...(pings.get(id!) ?? []), ...replies!]);
    for (const [id, replies] of pings) {
      const answered = truth.expected.filter(
        ({ verdict, match, what }) =>
          verdict === 'delivered' && what.includes(` id ${id} `) && [0, 129].includes(Number(match['icmp_type'])),
      );
      expect(answered.map(({ match }) => match['icmp_seq'])).toEqual(replies);
    }
  });

  it('follows each packet through frames that exist', () => {
    const [header, ...rows] = readFileSync(path('journeys.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { points: string[]; t: number; frames: number[][] });
    expect(header?.points).toEqual(truth.captures.flatMap(pointsOf));
    expect(rows.length).toBeGreaterThanOrEqual(truth.expected.length - 2);
    const most = truth.captures.flatMap((capture) => pointsOf(capture).map(() => capture.captured));
    for (const { frames } of rows) {
      expect(frames).toHaveLength(most.length);
      frames.forEach((numbers, at) => {
        for (const number of numbers) expect(number > 0 && number <= (most[at] ?? 0)).toBe(true);
      });
    }
  });

  it.skipIf(!hasTshark)('has the frames that its truth names, as tshark finds them', () => {
    const joined = join(scratch, `${folder.replaceAll('/', '-')}.pcapng`);
    execFileSync('mergecap', ['-a', '-I', 'none', '-w', joined, ...truth.captures.map(({ file }) => path(file))]);
    // In the joined file a frame's number is its own plus the frames of the files before.
    const offsets = new Map<string, number>();
    let before = 0;
    for (const capture of truth.captures) {
      for (const point of pointsOf(capture)) offsets.set(point, before);
      before += capture.captured;
    }
    const filters = truth.expected.flatMap(({ points }) => {
      const filter = points.flatMap((each) => each.filter ?? []).join(') || (');
      const numbers = points.flatMap(({ point, frames }) => frames.map((frame) => frame + (offsets.get(point) ?? NaN)));
      return [`(${filter})`, `((${filter})) && (${numbers.map((number) => `frame.number == ${number}`).join(' || ')})`];
    });
    const statistics = ['io,stat,0', 'frame', ...filters].join(',');
    const said = execFileSync(
      'tshark',
      ['-n', '-q', '-r', joined, '-d', 'udp.port==8472,vxlan', '-o', 'ip.defragment:FALSE', '-z', statistics],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 24 },
    );
    // A row of the table has a pair of columns for each filter: frames and octets.
    const row = said.split('\n').find((line) => line.includes('<>') && /\d/.test(line)) ?? '';
    const counts = row
      .split('|')
      .slice(2, -1)
      .filter((_, at) => at % 2 === 0)
      .map(Number);
    expect(counts[0]).toBe(before);
    truth.expected.forEach(({ what, points }, at) => {
      const named = points.reduce((sum, { frames }) => sum + frames.length, 0);
      expect([what, counts[1 + 2 * at], counts[2 + 2 * at]]).toEqual([what, named, named]);
    });
  });
});
