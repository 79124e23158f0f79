import type { CatalogueEntry } from './entry.js';

/** DNS and BGP. */
export const APPLICATION_ENTRIES: readonly CatalogueEntry[] = [];
