import type { Cause } from '../../report/report.js';
import type { SavedState } from '../../state/read.js';
import type { Break } from '../break.js';
import { weighed } from './confirm/index.js';
import { PLACES } from './places.js';
import type { Role } from './roles.js';
import { CAUSES, type CauseKind } from './texts.js';

export { CAUSE_KINDS } from './texts.js';

/** A likelihood from which on a cause is as good as shown, and what it leaves of the others. */
const DECISIVE = 0.9;
const REMAINDER = 0.25;
const LEAST = 0.03;

/**
 * At most three causes, likeliest first, each with the one command that confirms or refutes it.
 * @param saved what was saved of the nodes: it weighs the causes that fit, and adds none
 */
export function causesOf(at: Break, saved: SavedState | null = null): Cause[] {
  const side = at.last.node !== at.next.node ? 'between' : at.last.node === at.sourceNode ? 'sending' : 'receiving';
  const found = new Map<CauseKind, number>();
  for (const place of PLACES) {
    if (place.side !== side || !holds(place.last, at.last.role) || !holds(place.next, at.next.role)) continue;
    for (const [condition, kind, likelihood] of place.tests) {
      if (!found.has(kind) && condition(at)) found.set(kind, likelihood);
    }
    break;
  }
  const all = [...found].map(([kind, likelihood]) => ({ kind, ...weighed(kind, likelihood, at, saved) }));
  const top = Math.max(0, ...all.map(({ likelihood }) => likelihood));
  return (
    all
      .map(({ kind, likelihood, evidence }): Cause => {
        const remaining = top >= DECISIVE && likelihood < DECISIVE ? round(likelihood * REMAINDER) : likelihood;
        const cause = { kind, likelihood: remaining, why: CAUSES[kind].why(at), next: CAUSES[kind].next(at) };
        return evidence.length === 0 ? cause : { ...cause, evidence };
      })
      // What saved state has ruled out is worth a line, if there is room for it.
      .filter(({ likelihood, evidence }) => likelihood >= LEAST || evidence !== undefined)
      .sort((a, b) => b.likelihood - a.likelihood)
      .slice(0, 3)
  );
}

function holds(roles: readonly Role[] | 'any', role: Role): boolean {
  return roles === 'any' || roles.includes(role);
}

function round(likelihood: number): number {
  return Math.round(likelihood * 100) / 100;
}
