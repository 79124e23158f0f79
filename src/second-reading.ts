import { openCapture } from './capture/open.js';
import type { Source } from './inputs.js';
import type { AddressTable } from './net/address-table.js';
import type { DiagnoseOptions } from './options.js';
import { newView, timeBounds } from './reading.js';
import { LocalSightings, SightingDecoder, type SightingSource } from './sighting-source.js';
import { threadPays } from './thread-pays.js';
import type { ReadingThread } from './threads.js';
import type { TunnelTable } from './trail/sightings.js';

/** What the second reading needs of the first. */
export interface Found {
  readonly captures: readonly CaptureFound[];
  readonly addresses: AddressTable;
  readonly keyOctets: number;
  readonly base: number;
  readonly tunnels: TunnelTable;
}

/** A capture that has frames to read. */
export interface CaptureFound {
  readonly source: Source;
  /** Frames that the first reading found. */
  readonly frames: number;
}

/**
 * Begins the second reading of captures: in a thread of their own where they are large and there is a core for it. It reads ahead as far
 * as there are batches to fill.
 * @param first the thread of the first reading, where there is one: it goes on, or is ended
 */
export async function openSightings(
  found: Found,
  options: DiagnoseOptions,
  first: ReadingThread | null,
): Promise<readonly SightingSource[]> {
  const { captures, addresses, keyOctets, base, tunnels } = found;
  const bounds = timeBounds(options, base);
  const sources = captures.map(({ source }) => source);
  if (sources.length > 0 && (await threadPays(sources, options))) {
    const { ReadingThread } = await import('./threads.js');
    const tasks = captures.map(({ source, frames }) => ({ path: source.path!, file: source.file, frames }));
    const { vxlanPorts = null } = options;
    const task = { addresses: addresses.state, keyOctets, vxlanPorts, bounds, base };
    const thread = first?.isAlive === true ? first : new ReadingThread();
    // Where there is no room for a thread, all is read here
    if (await thread.hasStarted) {
      try {
        return thread.readSightings(task, tasks, tunnels, options.signal);
      } catch (error) {
        await thread.end();
        throw error;
      }
    }
  }
  await first?.end();
  const settings = { addresses, keyOctets, bounds, base };
  const view = newView(options);
  return captures.map(({ source, frames }) => {
    const decoder = new SightingDecoder(settings, view, tunnels);
    const open = () => openCapture(source.open(), { file: source.file });
    return new LocalSightings(open, decoder, frames, options.signal);
  });
}
