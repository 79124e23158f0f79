import type { Finding } from '../report/report.js';
import { onNode } from './commands.js';
import { ABOUT_NO_PACKET, type FindingContext } from './context.js';

/** From here on logs of two nodes cannot be compared, and what has a lifetime of seconds fails, nanoseconds. */
const MATTERS = 1e9;

/** Nodes whose clocks are off each other: every verdict here is corrected for it, nothing else in the cluster is. */
export function clockSkewFindings(context: Pick<FindingContext, 'clocks' | 'evidence'>): Finding[] {
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const at of context.evidence.points) {
    const window = at?.windows.find(({ frames }) => frames > 0);
    if (at === undefined || window === undefined) continue;
    const { node } = at.point;
    const clock = context.clocks.get(node);
    if (clock === undefined || clock.reference === node || clock.reference === 'given' || told.has(node)) continue;
    told.add(node);
    const ahead = clock.aheadAt(window.first);
    const error = clock.errorAt(clock.correct(window.first));
    if (Math.abs(ahead) - error < MATTERS) continue;
    const seconds = `${(Math.abs(ahead) / 1e9).toFixed(3)} s`;
    findings.push({
      kind: 'clock-skew',
      severity: 'info',
      certainty: 'shown',
      title: `the clock of ${node} is ${seconds} ${ahead > 0 ? 'ahead of' : 'behind'} that of ${clock.reference}`,
      ...ABOUT_NO_PACKET,
      count: 1,
      of: 1,
      causes: [
        {
          kind: 'clock-skew',
          likelihood: 0.95,
          why: 'the same packets have other times in its captures, both ways; verdicts are corrected for it, logs and certificates are not',
          next: `chronyc tracking || timedatectl timesync-status${onNode(node)}`,
        },
      ],
      evidence: [],
    });
  }
  return findings;
}
