import type { PointReport } from '../../src/report/report.js';
import { BEGINNING, type Scenario } from './scenario.js';

/** Digits that the report rounds away, nanoseconds. */
const ROUNDED = 100;

/** Whether the bounds that the report gives for a point hold over its whole capture. */
export function holds(scenario: Scenario, { node, clock, firstTime, lastTime }: PointReport): boolean {
  const [first, last] = [nanosecondsOf(firstTime!), nanosecondsOf(lastTime!)];
  const middle = (first + last) / 2;
  return [first, middle, last].every((shown) => {
    const ahead = aheadAt(scenario, node!, clock!.reference, shown);
    const drifted = clock!.offsetNs + ((shown - middle) * clock!.driftPpm) / 1e6;
    return (
      Math.abs(ahead - clock!.offsetNs) <= clock!.errorNs + ROUNDED &&
      Math.abs(ahead - drifted) <= clock!.residualNs + ROUNDED
    );
  });
}

/** How far a node's clock was ahead of another's when it showed a time, as the scenario knows. */
function aheadAt({ options }: Scenario, node: string, reference: string, shown: number): number {
  const clockOf = (name: string): { offset: number; drift: number } => options.clocks[name] ?? { offset: 0, drift: 0 };
  const [own, other] = [clockOf(node), clockOf(reference)];
  const moment = (shown - own.offset) / (1 + own.drift / 1e6);
  return shown - (moment + other.offset + (moment * other.drift) / 1e6);
}

function nanosecondsOf(time: string): number {
  const [seconds, rest] = time.split('.') as [string, string];
  return (Number(seconds) - BEGINNING) * 1e9 + Number(rest);
}
