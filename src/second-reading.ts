import type { Source } from './inputs.js';
import type { DiagnoseOptions } from './options.js';
import { threadPays } from './thread-pays.js';
import { newView, openAll, timeBounds } from './reading.js';
import { LocalSightings, SightingDecoder, type SightingSource } from './sighting-source.js';
import type { AddressTable } from './net/address-table.js';
import { Clock } from './trail/clocks.js';
import type { TunnelTable } from './trail/sightings.js';

/** What the first reading found that the second one needs. */
export interface Found {
  readonly sources: readonly Source[];
  readonly addresses: AddressTable;
  readonly keyOctets: number;
  readonly base: number;
  /** Frames of each source. */
  readonly frameCounts: readonly number[];
  /** Clock of each source's node. */
  readonly clockOf: (source: Source) => Clock | undefined;
  readonly tunnels: TunnelTable;
}

export interface OpenedSightings {
  readonly source: Source;
  readonly number: number;
  readonly sightings: SightingSource;
}

/** Opens all captures for the second reading: in a thread of their own where they are large and there is a core for it. */
export async function openSightings(first: Found, options: DiagnoseOptions): Promise<OpenedSightings[]> {
  const { sources, addresses, keyOctets, base, frameCounts, clockOf, tunnels } = first;
  const bounds = timeBounds(options, base);
  if (await threadPays(sources, options)) {
    const { SightingsThread } = await import('./threads.js');
    const captures = sources.map((source, number) => {
      const { rate, offset } = clockOf(source) ?? new Clock('');
      return { path: source.open() as string, file: source.file, rate, offset, frames: frameCounts[number] ?? 0 };
    });
    const { vxlanPorts = null } = options;
    const task = { addresses: addresses.state, keyOctets, vxlanPorts, bounds, base };
    const thread = new SightingsThread(task, captures, tunnels);
    return sources.map((source, number) => ({ source, number, sightings: thread.sources[number]! }));
  }
  const signal = options.partial === true ? undefined : options.signal;
  const settings = {
    addresses,
    keyOctets,
    bounds,
    base,
  };
  const view = newView(options);
  return (await openAll(sources, signal, [])).map(({ source, number, capture }) => {
    const { rate, offset } = clockOf(source) ?? new Clock('');
    const decoder = new SightingDecoder(settings, view, tunnels, rate, offset);
    return { source, number, sightings: new LocalSightings(capture, decoder, frameCounts[number] ?? 0) };
  });
}
