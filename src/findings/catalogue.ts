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

/** What every finding and every cause means, by subject. */
export const GROUPS: readonly { readonly title: string; readonly entries: readonly CatalogueEntry[] }[] = [
  { title: 'Losses', entries: LOSS_ENTRIES },
  { title: 'Tunnels, routes, MTU and ARP', entries: ENCAPSULATION_ENTRIES },
  { title: 'TCP and translation', entries: TCP_ENTRIES },
  { title: 'DNS and BGP', entries: APPLICATION_ENTRIES },
];

/** The same, one after the other. */
export const CATALOGUE: readonly CatalogueEntry[] = GROUPS.flatMap(({ entries }) => entries);
