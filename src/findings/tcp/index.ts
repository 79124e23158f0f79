import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { TcpEvidence } from './evidence.js';
import { leakFindings, leaksOf } from './leak.js';
import { reopenedFindings } from './reopened.js';
import { resetFindings } from './reset.js';
import { refusedFindings } from './refused.js';

/** Checks on TCP connections and on address translation. */
export function tcpFindings(context: FindingContext): Finding[] {
  const evidence = new TcpEvidence(context);
  const leaks = leaksOf(evidence);
  return [
    ...refusedFindings(evidence),
    ...leakFindings(evidence, leaks),
    ...reopenedFindings(evidence),
    ...resetFindings(evidence, leaks),
  ];
}
