import { describe, expect, it } from 'vitest';
import { packetsOfRow, rowsOf, rowText, viewOf, type View, type Visible } from '../support/scenario-check.js';
import { inputsOf, makeScenario, QUIET, type CaptureFile, type Scenario } from '../support/scenario.js';
import type { FlowKind } from '../support/scenario-traffic.js';

/** Enough packets both ways before the outage that every point is known to be on the way. */
const COUNT = 12;
const OUTAGE = 900;
/** A packet seen this long before the end of a file may still have been on its way to it, nanoseconds. */
const IN_FLIGHT = 10e6;

function scenarioOf(kind: FlowKind, link: number, middle: 'none' | 'nat'): Scenario {
  const flow = { kind, seed: 5, from: 0, to: 1, start: 0, count: COUNT, size: 300, habit: 'plain' } as const;
  const more = { kind: 'ping', seed: 9, from: 0, to: 1, start: 0, count: COUNT, size: 56, habit: 'plain' } as const;
  return makeScenario({ ...QUIET, middle, flows: [flow, more], outage: { link, from: OUTAGE } });
}

/** A file without its first or last half, or without any frame. */
const CUTS: readonly ((file: CaptureFile) => CaptureFile)[] = [
  (file) => ({ ...file, frames: file.frames.slice(file.frames.length >> 1) }),
  (file) => ({ ...file, frames: file.frames.slice(0, file.frames.length >> 1) }),
  (file) => ({ ...file, frames: [] }),
];

/** The place, and where its file has no more frames, so that it may have ended, those up to the first whose file goes on. */
function placesOf({ files }: View, { packet, nextExpected }: Visible): string[] {
  const ahead = packet.way.map(({ point }) => point);
  const places = ahead.slice(ahead.indexOf(nextExpected!, packet.droppedAfter! + 1));
  const goesOn = places.findIndex((place) => {
    const frames = files.find(({ points }) => points.includes(place))?.frames ?? [];
    return frames.some(({ trueTime }) => trueTime > packet.times[0]! + IN_FLIGHT);
  });
  return places.slice(0, Math.max(goesOn, 0) + 1);
}

const KINDS: readonly FlowKind[] = ['ping', 'dns', 'udp', 'tcp'];

describe('a link that drops everything from a moment on, with every point captured', () => {
  for (const middle of ['none', 'nat'] as const) {
    for (const kind of KINDS) {
      it(`${kind}, ${middle}: lost right there, whichever link it is`, async () => {
        for (let link = 0; link < 14; link++) {
          const scenario = scenarioOf(kind, link, middle);
          const view = viewOf(scenario);
          for (const row of await rowsOf(inputsOf(scenario.files))) {
            const fates = packetsOfRow(view, row).map((number) => view.visible[number]!);
            const [dropped] = fates.filter(({ packet }) => packet.droppedAfter !== null);
            if (row.state === 'lost') {
              expect([rowText(row), row.lastSeen]).toEqual([rowText(row), dropped?.lastSeen]);
              expect(placesOf(view, dropped!), rowText(row)).toContain(row.nextExpected);
            } else if (dropped !== undefined) {
              // What is not told as lost has its reason, and never as arrived.
              expect([rowText(row), row.state]).toEqual([rowText(row), 'unknown']);
            }
          }
        }
      });
    }
  }

  it('cutting or emptying any file shows no loss of what arrived', async () => {
    for (const kind of KINDS) {
      const scenario = scenarioOf(kind, 3, 'none');
      for (const [chosen] of scenario.files.entries()) {
        for (const cut of CUTS) {
          const files = scenario.files.map((file, i) => (i === chosen ? cut(file) : file));
          const view = viewOf(scenario, files);
          for (const row of await rowsOf(inputsOf(files))) {
            if (row.state !== 'lost') continue;
            const fates = packetsOfRow(view, row).map((number) => view.visible[number]!.packet.droppedAfter);
            expect(
              fates.some((fate) => fate !== null),
              `${files[chosen]!.name}: ${rowText(row)}`,
            ).toBe(true);
          }
        }
      }
    }
  });
});
