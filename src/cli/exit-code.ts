import type { Report, Severity } from '../report/report.js';

export type FailOn = Severity | 'never';

/** Ended by Ctrl-C: 128 + SIGINT, as shells report it. */
export const EXIT_INTERRUPTED = 130;
/** Usage, or no capture could be read. */
export const EXIT_USAGE = 2;

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/**
 * What `diagnose` exits with: 0 nothing at or above `failOn`, 1 findings, 3 nothing found but an unanswered exchange
 * could not be placed. With `never` it is always 0.
 */
export function exitCode(report: Pick<Report, 'findings' | 'counts'>, failOn: FailOn): 0 | 1 | 3 {
  if (failOn === 'never') return 0;
  if (report.findings.some((finding) => RANK[finding.severity] >= RANK[failOn])) return 1;
  return report.counts.unplaced > 0 ? 3 : 0;
}
