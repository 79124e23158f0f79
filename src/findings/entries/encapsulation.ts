import type { CatalogueEntry } from './entry.js';

/** Tunnels, MTU, ARP and L2. */
export const ENCAPSULATION_ENTRIES: readonly CatalogueEntry[] = [];
