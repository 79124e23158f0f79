import type { Finding } from '../report/report.js';
import { ABOUT_NO_PACKET, type FindingContext } from './context.js';

/** Captures that end in the middle, or could not be read at all. What was read of them before the damage counts. */
export function captureDamagedFindings(context: Pick<FindingContext, 'faults' | 'evidence' | 'timeOf'>): Finding[] {
  return context.faults.map((fault) => ({
    kind: 'capture-damaged',
    severity: fault.code === 'cut' ? 'info' : 'warning',
    certainty: 'shown',
    title:
      fault.octet === null ? `${fault.file} could not be read: ${fault.message}` : `${fault.file}: ${fault.message}`,
    ...ABOUT_NO_PACKET,
    count: 1,
    of: 1,
    causes: [],
    evidence: context.evidence.points.flatMap((at) =>
      (at?.windows ?? [])
        .filter((window) => window.file === fault.file && window.frames > 0)
        .map((window) => ({
          point: at!.point.name,
          file: fault.file,
          frame: fault.frame,
          time: context.timeOf(window.last),
          note: `damaged at octet ${fault.octet}, after this frame; the frames before it were read`,
        })),
    ),
  }));
}

/** Points that lack packets which were seen before and behind them, or whose capture says that it dropped frames. */
export function captureNotTrustedFindings(context: FindingContext): Finding[] {
  const findings: Finding[] = [];
  for (const at of context.evidence.points) {
    if (at === undefined || (at.dropped ?? 0) === 0) continue;
    findings.push({
      kind: 'capture-not-trusted',
      severity: 'info',
      certainty: 'shown',
      title: `the capture at ${at.point.name} dropped ${at.dropped} frames: what is missing there proves nothing`,
      ...ABOUT_NO_PACKET,
      count: at.dropped!,
      of: at.frames + at.dropped!,
      causes: [],
      evidence: [],
    });
  }
  return findings;
}
