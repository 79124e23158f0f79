import type { Finding } from '../report/report.js';
import type { KeptFrame } from '../trail/frame-store.js';
import type { FindingContext } from './context.js';

// Checks look at all frames, chosen or not: what other packets do is evidence. What they find is told when it is about a packet
// that the user's filter chooses.

const UNASKED = Symbol('unasked');

/** Marks a finding that rests on frames of which the user's filter chooses none. */
export function aboutFrames(
  { choice, store }: FindingContext,
  frames: Iterable<KeptFrame>,
): { readonly [UNASKED]?: true } {
  if (choice === null) return {};
  for (const kept of frames) if (choice.isFrame(store.view(kept))) return {};
  return { [UNASKED]: true };
}

/** A finding about a chosen flow is asked for whatever its frames show: they may be those behind a translation. */
export function isAsked(finding: Finding): boolean {
  return finding.flow !== null || !(UNASKED in finding);
}
