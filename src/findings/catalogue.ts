import { APPLICATION_ENTRIES } from './entries/application.js';
import { ENCAPSULATION_ENTRIES } from './entries/encapsulation.js';
import type { CatalogueEntry } from './entries/entry.js';
import { LOSS_ENTRIES } from './entries/loss.js';
import { TCP_ENTRIES } from './entries/tcp.js';

export type { CatalogueEntry } from './entries/entry.js';

/** What every finding and every cause means: findings of losses first, then the rest by subject. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  ...LOSS_ENTRIES,
  ...ENCAPSULATION_ENTRIES,
  ...TCP_ENTRIES,
  ...APPLICATION_ENTRIES,
];
