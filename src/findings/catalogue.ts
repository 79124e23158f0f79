import { APPLICATION_ENTRIES } from './entries/application.js';
import { ENCAPSULATION_ENTRIES } from './entries/encapsulation.js';
import type { CatalogueEntry } from './entries/entry.js';
import { LOSS_ENTRIES } from './entries/loss.js';
import { TCP_ENTRIES } from './entries/tcp.js';

export type { CatalogueEntry } from './entries/entry.js';

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

/** What every finding and every cause means: findings of losses first, then the rest by subject. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  ...LOSS_ENTRIES,
  ...ENCAPSULATION_ENTRIES,
  ...TCP_ENTRIES,
  ...APPLICATION_ENTRIES,
];
