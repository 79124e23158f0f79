import { describe, expect, it } from 'vitest';
import { exitCode, type FailOn } from '../../src/cli/exit-code.js';
import type { Finding, Severity } from '../../src/report/report.js';
import { gravity, replyLost } from '../report/fixtures.js';

function report(severities: readonly Severity[], unplaced: number) {
  const findings = severities.map((severity): Finding => ({ ...replyLost, severity }));
  return { findings, counts: { ...gravity.counts, unplaced } };
}

// Exit of `diagnose`: 0 nothing at or above --fail-on; 1 findings; 3 nothing found, but an unanswered exchange could not be placed.
describe('exit code', () => {
  const cases: readonly (readonly [readonly Severity[], number, FailOn, number])[] = [
    [[], 0, 'warning', 0],
    [['info'], 0, 'warning', 0],
    [['warning'], 0, 'warning', 1],
    [['error'], 0, 'warning', 1],
    [['warning'], 0, 'error', 0],
    [['warning', 'error'], 0, 'error', 1],
    [['info'], 0, 'info', 1],
    [[], 2, 'warning', 3],
    [['info'], 2, 'warning', 3],
    [['error'], 2, 'warning', 1],
    [['error'], 2, 'never', 0],
    [[], 2, 'never', 0],
  ];
  it.each(cases)('findings %j, %i unplaced, --fail-on %s: %i', (severities, unplaced, failOn, expected) => {
    expect(exitCode(report(severities, unplaced), failOn)).toBe(expected);
  });
});
