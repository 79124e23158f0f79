import type { Cause, Certainty, Evidence, Finding, Severity } from '../../report/report.js';
import { aboutFrames } from '../asked.js';
import type { FindingContext } from '../context.js';
import { timeOf, EXAMPLES } from './texts.js';
import type { Segment } from './segment.js';

/** Findings of one kind at most; what happens in more places is told by the largest. */
const FINDINGS = 50;

/** One occurrence of something that a finding counts. */
export interface Occurrence {
  readonly at: Pick<Segment, 'kept' | 'time'>;
  readonly evidence: readonly Evidence[];
  /** Index into the report's flows. */
  readonly flow: number | null;
}

/** Occurrences that make one finding. */
export interface Group<T extends Occurrence> {
  readonly key: string;
  readonly list: T[];
}

/** Occurrences by key, the largest groups first. */
export function grouped<T extends Occurrence>(occurrences: Iterable<readonly [string, T]>): Group<T>[] {
  const groups = new Map<string, Group<T>>();
  for (const [key, occurrence] of occurrences) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, list: [occurrence] });
    else group.list.push(occurrence);
  }
  return [...groups.values()].sort((a, b) => b.list.length - a.list.length).slice(0, FINDINGS);
}

export interface Draft {
  readonly kind: string;
  readonly severity: Severity;
  readonly certainty: Certainty;
  readonly title: string;
  readonly causes?: readonly Cause[];
  readonly lastSeen?: Finding['lastSeen'];
  readonly more?: readonly Evidence[];
}

/** `10.0.0.1`, or `3 clients`. */
export function clientsText({ names }: FindingContext, addresses: Iterable<number>): string {
  const clients = new Set(addresses);
  const [one] = clients;
  return clients.size === 1 ? names.addresses.text(one!) : `${clients.size} clients`;
}

/** The finding of a group: counts, times, flow and examples come from its occurrences. */
export function findingOf(context: FindingContext, list: readonly Occurrence[], draft: Draft): Finding {
  const { kind, severity, certainty, title, causes = [], lastSeen = null, more = [] } = draft;
  const flows = new Set(list.map(({ flow }) => flow));
  const [only] = flows;
  const exchanges = [...flows].reduce<number>(
    (sum, flow) => sum + (flow === null ? 0 : context.flows.exchangesOf(flow)),
    0,
  );
  const sorted = [...list].sort((a, b) => a.at.time - b.at.time);
  const examples = sorted.flatMap(({ evidence }) => evidence).slice(0, Math.max(0, EXAMPLES - more.length));
  return {
    kind,
    severity,
    certainty,
    title,
    flow: flows.size === 1 ? only! : null,
    count: list.length,
    of: Math.max(exchanges, list.length),
    firstTime: timeOf(sorted[0]!.at),
    lastTime: timeOf(sorted[sorted.length - 1]!.at),
    lastSeen,
    nextExpected: null,
    causes: [...causes].sort((a, b) => b.likelihood - a.likelihood).slice(0, 3),
    evidence: [...examples, ...more],
    trail: null,
    ...(flows.size === 1 && flows.has(null)
      ? aboutFrames(
          context,
          list.map(({ at }) => at.kept),
        )
      : {}),
  };
}
