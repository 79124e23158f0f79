import type { Cause, Certainty, Finding, Severity } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { timeText } from '../../trail/rows.js';
import { aboutFrames } from '../asked.js';
import { placeOf, type FindingContext } from '../context.js';

const EXAMPLES = 5;

/** A frame that shows something, and what. */
export interface Exhibit {
  readonly kept: KeptFrame;
  readonly note: string;
}

/** What a check of this folder knows; the rest of a finding follows from it. */
export interface FindingParts {
  readonly kind: string;
  readonly severity: Severity;
  readonly certainty: Certainty;
  readonly title: string;
  readonly flow: number | null;
  readonly count: number;
  readonly of: number;
  readonly causes: readonly Cause[];
  /** In order of importance; the first five are printed. */
  readonly exhibits: readonly Exhibit[];
  /** Frames whose times bound the finding; the exhibits by default. */
  readonly span?: readonly KeptFrame[];
}

export function findingOf(context: FindingContext, parts: FindingParts): Finding {
  const { kind, severity, certainty, title, flow, count, of, exhibits } = parts;
  const span = [...(parts.span ?? exhibits.map(({ kept }) => kept))].sort(byTime);
  const first = span[0];
  const last = span[span.length - 1];
  return {
    kind,
    severity,
    certainty,
    title,
    flow: flow === null || flow < 0 ? null : flow,
    count,
    of,
    firstTime: first === undefined ? null : timeOf(first),
    lastTime: last === undefined ? null : timeOf(last),
    lastSeen: null,
    nextExpected: null,
    causes: [...parts.causes].sort((a, b) => b.likelihood - a.likelihood).slice(0, 3),
    evidence: exhibits.slice(0, EXAMPLES).map(({ kept, note }) => ({ ...placeOf(context, kept), note })),
    trail: null,
    ...aboutFrames(context, span),
  };
}

function timeOf(kept: KeptFrame): string {
  return timeText(kept.seconds, kept.nanoseconds);
}

export function byTime(a: KeptFrame, b: KeptFrame): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds || a.file - b.file || a.frame - b.frame;
}

/** Seconds from one frame to another, by the clocks of their files. */
export function secondsBetween(from: KeptFrame, to: KeptFrame): number {
  return to.seconds - from.seconds + (to.nanoseconds - from.nanoseconds) / 1e9;
}

/** `250 ms`, `4.2 s`. */
export function durationText(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Number(seconds.toFixed(1))} s`;
}

/** `1 query`, `2 queries`. */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
