import type { CatalogueEntry } from './entry.js';

/** TCP resets, translation and services. */
export const TCP_ENTRIES: readonly CatalogueEntry[] = [];
