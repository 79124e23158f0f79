import type { Cause } from '../../report/report.js';
import type { SavedState } from '../../state/read.js';
import type { Break } from '../break.js';
import { nodeName } from '../context.js';
import { isIpv6 } from './conditions.js';
import { CONFIRMED, weighed } from './confirm/index.js';
import { PLACES, type Place } from './places.js';
import type { Role } from './roles.js';
import { CAUSES, type CauseKind } from './texts.js';

export { CAUSE_KINDS } from './texts.js';

/** A likelihood from which on a cause is as good as shown, and what it leaves of the others. */
const DECISIVE = 0.9;
const REMAINDER = 0.25;
const LEAST = 0.03;
/** Likelihood of a cause that only saved state tells. */
const TOLD = 0.9;

/**
 * At most three causes, likeliest first, each with the one command that confirms or refutes it.
 * @param saved what was saved of the nodes: it weighs the causes that fit the place
 */
export function causesOf(at: Break, saved: SavedState | null = null): Cause[] {
  // Linux has no rp_filter for IPv6
  const tests = testsAt(at).filter(([, kind]) => kind !== 'rp-filter-drop' || !isIpv6(at.destination));
  const found = new Map<CauseKind, number>();
  for (const [condition, kind, likelihood] of tests) {
    if (!found.has(kind) && condition(at)) found.set(kind, likelihood);
  }
  const all = [...found].map(([kind, likelihood]) => ({
    kind,
    why: CAUSES[kind].why(at),
    ...weighed(kind, likelihood, at, saved),
  }));
  if (saved !== null) {
    const others = new Set(tests.map(([, kind]) => kind).filter((kind) => !found.has(kind)));
    all.push(...[...others].flatMap((kind) => onlyTold(kind, at, saved)));
  }
  const top = Math.max(0, ...all.map(({ likelihood }) => likelihood));
  return (
    all
      .map(({ kind, why, likelihood, evidence }): Cause => {
        const remaining = top >= DECISIVE && likelihood < DECISIVE ? round(likelihood * REMAINDER) : likelihood;
        const cause = { kind, likelihood: remaining, why, next: CAUSES[kind].next(at) };
        return evidence.length === 0 ? cause : { ...cause, evidence };
      })
      // What saved state has ruled out is worth a line, if there is room for it.
      .filter(({ likelihood, evidence }) => likelihood >= LEAST || evidence !== undefined)
      .sort((a, b) => b.likelihood - a.likelihood)
      .slice(0, 3)
  );
}

/** What can happen at a place, whether or not these packets show signs of it. */
function testsAt(at: Break): Place['tests'] {
  const side = at.last.node !== at.next.node ? 'between' : at.last.node === at.sourceNode ? 'sending' : 'receiving';
  const place = PLACES.find(
    ({ last, next, side: its }) => its === side && holds(last, at.last.role) && holds(next, at.next.role),
  );
  return place?.tests ?? [];
}

/**
 * A cause that these packets show no sign of, because the fault came while they were captured or because what they would
 * have to be compared with was not: it counts only where a line of saved state settles it.
 */
function onlyTold(kind: CauseKind, at: Break, saved: SavedState) {
  const { likelihood, evidence } = weighed(kind, 0, at, saved);
  if (likelihood < CONFIRMED) return [];
  const why = `these packets alone do not tell it, but what was saved of ${nodeName(at.node)} does`;
  return [{ kind, why, likelihood: TOLD, evidence }];
}

function holds(roles: readonly Role[] | 'any', role: Role): boolean {
  return roles === 'any' || roles.includes(role);
}

function round(likelihood: number): number {
  return Math.round(likelihood * 100) / 100;
}
