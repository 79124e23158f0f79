import type { Cause, Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { timeText } from '../../trail/rows.js';
import { aboutFrames } from '../asked.js';
import type { FindingContext } from '../context.js';
import { factsOf } from './facts.js';

const EXAMPLES = 5;

/** One cause and the command that confirms it. */
export function cause(kind: string, likelihood: number, why: string, next: string): Cause {
  return { kind, likelihood, why, next };
}

/** A finding shown by frames, in order of time. `notes`: one for all, or one for each. */
export function shownBy(
  context: FindingContext,
  frames: readonly KeptFrame[],
  notes: string | readonly string[],
  about: Pick<Finding, 'kind' | 'severity' | 'certainty' | 'title' | 'causes'> & Partial<Finding>,
): Finding {
  const facts = factsOf(context);
  const first = frames[0];
  const last = frames[frames.length - 1];
  return {
    flow: null,
    count: frames.length,
    of: frames.length,
    firstTime: first === undefined ? null : timeText(first.seconds, first.nanoseconds),
    lastTime: last === undefined ? null : timeText(last.seconds, last.nanoseconds),
    lastSeen: null,
    nextExpected: null,
    evidence: frames
      .slice(0, EXAMPLES)
      .map((kept, i) => facts.example(kept, typeof notes === 'string' ? notes : (notes[i] ?? ''))),
    trail: null,
    ...aboutFrames(context, frames),
    ...about,
  };
}
