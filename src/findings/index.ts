import type { Finding, Severity } from '../report/report.js';
import { demoteDnsLosses } from './application/first-symptom.js';
import { isAsked } from './asked.js';
import { applicationFindings } from './application/index.js';
import { withBackends } from './backends.js';
import { captureDamagedFindings, captureNotTrustedFindings } from './capture.js';
import { clockSkewFindings } from './clock-skew.js';
import type { FindingContext } from './context.js';
import { encapsulationFindings } from './encapsulation/index.js';
import { lossFindings } from './loss.js';
import { tcpFindings } from './tcp/index.js';
import { unansweredFindings } from './unanswered.js';

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Every check, worst finding first: severity, then count, then time. */
export function findAll(context: FindingContext): Finding[] {
  const findings = demoteDnsLosses(context, [
    ...lossFindings(context),
    ...encapsulationFindings(context),
    ...tcpFindings(context),
    ...applicationFindings(context),
  ]).filter(isAsked);
  const all = [
    ...withBackends(context, [...findings, ...unansweredFindings(context, findings)]),
    ...captureDamagedFindings(context),
    ...captureNotTrustedFindings(context),
    ...clockSkewFindings(context),
  ];
  return all
    .map(ofToldFlow)
    .sort(
      (a, b) =>
        ORDER[a.severity] - ORDER[b.severity] ||
        b.count - a.count ||
        compare(a.firstTime ?? '', b.firstTime ?? '') ||
        compare(a.title, b.title),
    );
}

/** A flow beyond those that are told apart is none of the report's. */
function ofToldFlow(finding: Finding): Finding {
  return finding.flow === -1 ? { ...finding, flow: null } : finding;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
