import { describe, expect, it } from 'vitest';
import { packetsOfRow, rowsOf, rowText, viewOf } from '../support/scenario-check.js';
import { inputsOf, makeScenario, QUIET, type CaptureFile, type Scenario } from '../support/scenario.js';
import type { FlowKind } from '../support/scenario-traffic.js';

/** Enough packets both ways before the outage that every point is known to be on the way. */
const COUNT = 12;
const OUTAGE = 900;

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
              expect([rowText(row), row.lastSeen, row.nextExpected]).toEqual([
                rowText(row),
                dropped?.lastSeen,
                dropped?.nextExpected,
              ]);
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
            if (row.state !== 'lost' || row.certainty !== 'shown') continue;
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
