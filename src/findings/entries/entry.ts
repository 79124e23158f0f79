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
