/** What the library makes of one generated network, counted against its truth. */
import { points } from '../../src/diagnose.js';
import type { PointReport, TrailRow } from '../../src/report/report.js';
import {
  describe,
  issuesOf,
  packetsOfRow,
  provableLosses,
  rowsOf,
  rowText,
  viewOf,
  type Fault,
} from '../support/scenario-check.js';
import { holds } from '../support/scenario-clocks.js';
import { inputsOf, makeScenario, type Scenario, type ScenarioOptions } from '../support/scenario.js';

export interface Measurement {
  readonly points: number;
  /** Rows told as lost, by certainty. */
  readonly lost: { readonly shown: number; readonly likely: number };
  readonly wrong: readonly { readonly fault: Fault; readonly certainty: string; readonly text: string }[];
  readonly provable: number;
  /** Provable losses that are not told, with what was said instead. */
  readonly missed: readonly { readonly why: string; readonly text: string }[];
  /** Whether the true offsets lie within their bounds; null where no clocks were compared. */
  readonly clocksHold: boolean | null;
}

export async function measure(options: ScenarioOptions): Promise<Measurement> {
  const scenario = makeScenario(options);
  const inputs = inputsOf(scenario.files);
  const view = viewOf(scenario);
  const rows = await rowsOf(inputs);
  const lost = rows.filter(({ state }) => state === 'lost');
  const told = new Map<number, TrailRow[]>();
  for (const row of rows) {
    for (const number of packetsOfRow(view, row)) told.set(number, [...(told.get(number) ?? []), row]);
  }
  const losses = provableLosses(view);
  return {
    points: scenario.points.length,
    lost: {
      shown: lost.filter(({ certainty }) => certainty === 'shown').length,
      likely: lost.filter(({ certainty }) => certainty === 'likely').length,
    },
    wrong: issuesOf(view, rows).map(({ fault, text }) => ({
      fault,
      certainty: / said: \S+ (\S+),/.exec(text)?.[1] ?? 'none',
      text,
    })),
    provable: losses.length,
    missed: losses.flatMap((visible) => {
      const its = told.get(visible.packet.number) ?? [];
      if (its.some(({ state }) => state === 'lost')) return [];
      const [row] = its;
      const why = `${row?.state ?? 'no row'}: ${row?.reason?.replace(/\S*[\d/]\S*/g, '…') ?? 'no reason'}`;
      return [{ why, text: `${describe(visible)}\n  said: ${row === undefined ? 'nothing' : rowText(row)}` }];
    }),
    clocksHold: clocksHold(scenario, (await points(inputs, { memory: 8 << 20 })).points),
  };
}

/** Null where no node's clock was compared with another's. */
export function clocksHold(scenario: Scenario, reports: readonly PointReport[]): boolean | null {
  const compared = reports.filter(({ clock, firstTime }) => clock !== null && firstTime !== null);
  return compared.length === 0 ? null : compared.every((point) => holds(scenario, point));
}
