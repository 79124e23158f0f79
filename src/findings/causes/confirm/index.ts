import type { Cause, StateEvidence } from '../../../report/report.js';
import { NodeState } from '../../../state/facts.js';
import type { SavedState } from '../../../state/read.js';
import type { Subject, Testimony } from './scene.js';
import { WITNESSES } from './table.js';

export type { Subject } from './scene.js';

/** Lines quoted for one cause, and characters of a line. */
const QUOTED = 3;
const LONGEST = 300;

/** A line that settles a cause leaves at least this likelihood, or at most that. */
const CONFIRMED = 0.97;
const REFUTED = 0.02;
/** Of the rest to 1, what a line that only speaks for a cause takes away; of a likelihood, what one against it leaves. */
const SUPPORT = 0.5;
const DOUBT = 0.4;

const UNKNOWN = new NodeState();

/** What saved state makes of one cause of a packet's end. */
export function weighed(
  kind: string,
  likelihood: number,
  at: Subject,
  saved: SavedState | null,
): { likelihood: number; evidence: StateEvidence[] } {
  const witnesses = saved === null ? undefined : WITNESSES[kind];
  if (saved === null || witnesses === undefined) return { likelihood, evidence: [] };
  const here = saved.nodes.get(at.node) ?? UNKNOWN;
  const all = witnesses.flatMap((witness) => witness({ saved, here, at }));
  return { likelihood: after(likelihood, all), evidence: quoted(all) };
}

/** One line that settles a cause outweighs all that only make it more or less likely; two that settle it differently, nothing. */
function after(likelihood: number, all: readonly Testimony[]): number {
  const settled = new Set(all.filter(({ settles }) => settles).map(({ says }) => says));
  if (settled.size === 2) return likelihood;
  if (settled.has('confirms')) return Math.max(likelihood, CONFIRMED);
  if (settled.has('refutes')) return Math.min(likelihood, REFUTED);
  const weight = all.some(({ says }) => says === 'confirms') ? 1 - (1 - likelihood) * SUPPORT : likelihood;
  const doubted = all.some(({ says }) => says === 'refutes') ? weight * DOUBT : weight;
  return Math.round(doubted * 100) / 100;
}

function quoted(all: readonly Testimony[]): StateEvidence[] {
  const seen = new Set<string>();
  return [...all]
    .sort((a, b) => Number(b.settles) - Number(a.settles))
    .filter(({ at: { file, line } }) => {
      const key = `${file}:${line}`;
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, QUOTED)
    .map(({ says, at: { file, line, text }, note }) => ({ file, line, text: cut(text.trim()), says, note }));
}

function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

/** Causes that a check has found, with what saved state says about them; likeliest first. */
export function confirmed(causes: readonly Cause[], at: Subject, saved: SavedState | null): readonly Cause[] {
  if (saved === null) return causes;
  return causes
    .map((cause) => {
      if (cause.evidence !== undefined) return cause;
      const { likelihood, evidence } = weighed(cause.kind, cause.likelihood, at, saved);
      return evidence.length === 0 ? cause : { ...cause, likelihood, evidence };
    })
    .sort((a, b) => b.likelihood - a.likelihood);
}
