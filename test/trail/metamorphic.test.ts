import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrailRow } from '../../src/report/report.js';
import {
  describe as describePacket,
  packetsOfRow,
  rowsOf,
  rowText,
  viewOf,
  type View,
  type Visible,
} from '../support/scenario-check.js';
import {
  inputsOf,
  makeScenario,
  octetsOfFile,
  scenarioOptions,
  type CaptureFile,
  type Scenario,
  type ScenarioOptions,
} from '../support/scenario.js';
import { Random } from '../support/scenario-random.js';
import { runs } from './runs.js';

const WHOLE = { from: 0, until: 1, cut: null } as const;
const HEALTHY = { ...WHOLE, loss: 0, outage: null } as const;
const choice = fc.nat(0xffff);

/** Runs a property over a scenario and some choices of its own. */
async function forAll(
  fixed: Partial<ScenarioOptions>,
  share: number,
  property: (scenario: Scenario, random: Random) => Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenarioOptions(fixed), choice, async (options, seed) => {
      await property(makeScenario(options), new Random(seed));
    }),
    runs(share),
  );
}

/** What is said of each packet, by its number. */
function statesOf(view: View, rows: readonly TrailRow[]): Map<number, TrailRow[]> {
  const states = new Map<number, TrailRow[]>();
  for (const row of rows) {
    for (const number of packetsOfRow(view, row)) states.set(number, [...(states.get(number) ?? []), row]);
  }
  return states;
}

function isLost(rows: readonly TrailRow[] | undefined): boolean {
  return rows?.some(({ state }) => state === 'lost') ?? false;
}

function isLostThere({ packet, lastSeen }: Visible, row: TrailRow): boolean {
  const ahead = packet.way.slice(packet.droppedAfter! + 1);
  return row.lastSeen === lastSeen && ahead.some(({ point }) => point === row.nextExpected);
}

/** Packets said to be lost now that were not before; `certainty` of the new claim. */
function newlyLost(
  scenario: Scenario,
  before: { files: readonly CaptureFile[]; rows: readonly TrailRow[] },
  after: { files: readonly CaptureFile[]; rows: readonly TrailRow[] },
  certainty: readonly string[] = ['shown', 'likely'],
): { number: number; text: string }[] {
  const states = statesOf(viewOf(scenario, before.files), before.rows);
  const view = viewOf(scenario, after.files);
  const found: { number: number; text: string }[] = [];
  for (const row of after.rows) {
    if (row.state !== 'lost' || !certainty.includes(row.certainty)) continue;
    const packets = packetsOfRow(view, row);
    if (packets.some((number) => isLost(states.get(number)))) continue;
    // Fewer sightings can leave less doubt of their order: what is lost and told to be where it was is no fault.
    const told = packets.map((number) => view.visible[number]!);
    if (told.some((each) => each.packet.droppedAfter !== null && isLostThere(each, row))) continue;
    const [number] = packets;
    if (number === undefined) continue;
    const was = (states.get(number) ?? []).map(rowText).join('; ');
    found.push({ number, text: `${describePacket(view.visible[number]!)}\n  was: ${was}\n  now: ${rowText(row)}` });
  }
  return found;
}

function expectNone(found: readonly { text: string }[]): void {
  if (found.length > 0) throw new Error(`${found.length} packets, the first:\n${found[0]!.text}`);
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  const result: T[] = [];
  while (left.length > 0) result.push(...left.splice(random.below(left.length), 1));
  return result;
}

/** A time moved back by a number of nanoseconds. */
function movedBack(time: string, shift: bigint): string {
  const nanoseconds = BigInt(time.replace('.', '')) - shift;
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}`;
}

function withTimes(rows: readonly TrailRow[], map: (time: string) => string): TrailRow[] {
  return rows.map((row) => ({
    ...row,
    time: map(row.time),
    sightings: row.sightings.map((sighting) => ({ ...sighting, time: map(sighting.time) })),
  }));
}

describe('what changes nothing', () => {
  it('the order of the inputs', async () => {
    await forAll({}, 0.5, async ({ files }, random) => {
      const inputs = inputsOf(files);
      expect(await rowsOf(shuffled(inputs, random))).toEqual(await rowsOf(inputs));
    });
  });

  it('all clocks moved by a constant, but for the times', async () => {
    await forAll({}, 0.5, async ({ files }, random) => {
      // Whole microseconds, which is what most of these files keep.
      const shift =
        BigInt(random.between(-1_000_000_000, 1_000_000_000)) * 1000n +
        BigInt(random.between(-9, 9)) * 86_400_000_000_000n;
      const moved = await rowsOf(inputsOf(files, shift));
      expect(withTimes(moved, (time) => movedBack(time, shift))).toEqual(await rowsOf(inputsOf(files)));
    });
  });

  it('the names of the nodes, but for the names', async () => {
    await forAll({}, 0.5, async ({ files }, random) => {
      // Another order of names is another order of files and points.
      const names = shuffled(['zeta', 'worker-7', 'alpha', 'n0'], random);
      const forward = new Map(['node1', 'node2', 'node3', 'rtr'].map((old, i) => [old, names[i]!]));
      const back = new Map([...forward].map(([old, name]) => [name, old]));
      const renamed = (text: string, map: ReadonlyMap<string, string>): string => {
        let result = text;
        for (const [from, to] of map) result = result.replaceAll(new RegExp(`\\b${from}(?=/|__|\\.pcap)`, 'g'), to);
        return result;
      };
      const inputs = inputsOf(files);
      const others = inputs.map((input) => ({ ...input, file: renamed(input.file, forward) }));
      const rows = JSON.parse(renamed(JSON.stringify(await rowsOf(others)), back)) as TrailRow[];
      const canonical = (list: readonly TrailRow[]): string[] => list.map((row) => JSON.stringify(row)).sort();
      expect(canonical(rows)).toEqual(canonical(await rowsOf(inputs)));
    });
  });

  it('gzip around a file', async () => {
    await forAll({}, 0.3, async ({ files }) => {
      const inputs = inputsOf(files);
      const packed = inputs.map((input) => ({ ...input, source: new Uint8Array(gzipSync(input.source)) }));
      expect(await rowsOf(packed)).toEqual(await rowsOf(inputs));
    });
  });
});

describe('what loses nothing', () => {
  it('a second capture of a point over a part of the time', async () => {
    await forAll({ format: 'pcap' }, 1, async (scenario, random) => {
      const { files } = scenario;
      const file = files[random.below(files.length)]!;
      const from = random.below(file.frames.length + 1);
      const frames = file.frames.slice(from, random.between(from, file.frames.length));
      const again: CaptureFile = { ...file, name: `second__${file.name}`, frames };
      const inputs = inputsOf(files);
      const more = [...inputs, { source: octetsOfFile(again), file: again.name, point: file.points[0]! }];
      const before = { files, rows: await rowsOf(inputs) };
      expectNone(newlyLost(scenario, before, { files: [...files, again], rows: await rowsOf(more) }));
    });
  });

  /** One file without its beginning, its end, or all of its frames. */
  function cut({ files }: Scenario, random: Random): CaptureFile[] {
    const chosen = random.below(files.length);
    const { frames } = files[chosen]!;
    const at = random.below(frames.length + 1);
    const kept = [frames.slice(at), frames.slice(0, at), []][random.below(3)]!;
    return files.map((file, i) => (i === chosen ? { ...file, frames: kept } : file));
  }

  it('a file cut or emptied shows no loss that was not shown before', async () => {
    await forAll(WHOLE, 1, async (scenario, random) => {
      const files = cut(scenario, random);
      const before = { files: scenario.files, rows: await rowsOf(inputsOf(scenario.files)) };
      expectNone(newlyLost(scenario, before, { files, rows: await rowsOf(inputsOf(files)) }, ['shown']));
    });
  });

  it('a file cut or emptied shows no loss in a healthy network', async () => {
    await forAll(HEALTHY, 1, async (scenario, random) => {
      const files = cut(scenario, random);
      const view = viewOf(scenario, files);
      const rows = await rowsOf(inputsOf(files));
      const shown = rows.filter((row) => row.state === 'lost' && row.certainty === 'shown');
      expectNone(
        shown.map((row) => ({
          text: `${describePacket(view.visible[packetsOfRow(view, row)[0]!]!)}\n  said: ${rowText(row)}`,
        })),
      );
    });
  });

  it('a frame missing from one file, where a later point, a reply or an acknowledgement shows its packet', async () => {
    await forAll({ ...HEALTHY, copies: 0 }, 1, async (scenario, random) => {
      const whole = viewOf(scenario);
      const shown = whole.visible.flatMap(({ packet, seen }) =>
        seen.flatMap(({ step, frames }, i) =>
          i + 1 < seen.length || isAnswered(whole, packet.number) ? [{ point: step.point, frame: frames[0]! }] : [],
        ),
      );
      if (shown.length === 0) return;
      const { frame } = shown[random.below(shown.length)]!;
      const files = scenario.files.map((file) => ({
        ...file,
        frames: file.frames.filter((_, i) => `${file.name}#${i + 1}` !== frame),
      }));
      const before = { files: scenario.files, rows: await rowsOf(inputsOf(scenario.files)) };
      expectNone(newlyLost(scenario, before, { files, rows: await rowsOf(inputsOf(files)) }));
    });
  });

  /** Nothing is lost here, so an answer is one to this very packet: of an exchange, or by the peer of a connection. */
  function isAnswered(view: View, number: number): boolean {
    const { packet } = view.visible[number]!;
    const isSeen = (other: number): boolean => view.visible[other]!.seen.length > 0;
    if (packet.protocol === 'tcp') {
      const asks = /SYN|PSH/.test(packet.what);
      const arrived = packet.times[packet.times.length - 1]!;
      return (
        asks &&
        view.scenario.packets.some(
          (other) =>
            other.flow === packet.flow &&
            other.direction !== packet.direction &&
            other.times[0]! > arrived + 50e6 &&
            isSeen(other.number),
        )
      );
    }
    const exchange = view.scenario.exchanges.find(({ requests }) => requests.includes(number));
    return (
      exchange !== undefined &&
      exchange.requests.length === 1 &&
      [...exchange.replies, ...exchange.refusals].some(isSeen)
    );
  }
});
