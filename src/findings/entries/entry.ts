import type { Severity } from '../../report/report.js';

/** What a finding or a cause means, for people. */
export interface CatalogueEntry {
  readonly id: string;
  /** One line. */
  readonly title: string;
  readonly severity: Severity;
  readonly meaning: string;
  /** What in the captures leads to it. */
  readonly shown: string;
  /** What settles it; commands stand on lines of their own that begin with `$ `. */
  readonly confirm: string;
  readonly confusedWith: string;
}

/** Kinds of finding that a report can have; more exact ids from the catalogue may come besides them. */
export const FINDING_KINDS = [
  'request-lost',
  'reply-lost',
  'unanswered',
  'stream-stalled',
  'partial-loss',
  'reset',
  'nat',
  'dns',
  'bgp',
  'encapsulation',
  'mtu',
  'arp',
  'duplicate-address',
  'capture-damaged',
  'capture-not-trusted',
  'clock-skew',
] as const;
