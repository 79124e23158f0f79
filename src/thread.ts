// A thread that reads captures and hands over what it found, see threads.ts.
import { parentPort } from 'node:worker_threads';
import { failureOf, type CaptureFailure } from './capture/capture.js';
import { openCapture } from './capture/open.js';
import { AddressTable } from './net/address-table.js';
import { LocalSightings, SightingDecoder } from './sighting-source.js';
import { readAlone } from './first-reading.js';
import type { BatchFilled, BatchFree, CaptureToRead, SightingsTask, ThreadMessage } from './thread-messages.js';
import { buffersOf } from './trail/frame-memory.js';
import { SightingBatch } from './trail/sighting-batch.js';
import { FIRST_TUNNEL, TunnelTable, type Tunnel } from './trail/sightings.js';
import { PacketView } from './wire/packet.js';

const port = parentPort!;
let takeFree: (batch: BatchFree) => void = () => undefined;

async function readFirst({ path, file, point, options }: CaptureToRead): Promise<void> {
  const read = await readAlone(
    { file, point },
    options,
    () => openCapture(path, { file }),
    () => undefined,
  );
  // What takes most is handed over, not copied
  port.postMessage(read, 'state' in read ? buffersOf(read.state.kept) : []);
}

/** Reads all captures at once, each as far as it has batches to fill. */
async function readSightings(task: SightingsTask): Promise<void> {
  const { addresses, keyOctets, vxlanPorts, bounds, base, captures } = task;
  const settings = {
    addresses: AddressTable.of(addresses),
    keyOctets,
    bounds,
    base,
  };
  const view = new PacketView(vxlanPorts === null ? {} : { vxlanPorts });
  const tunnels = new TunnelTable();
  let tunnelsTold = FIRST_TUNNEL;
  const free = captures.map(({ batches }) => batches.map((_, i) => i));
  const wake: (() => void)[] = [];
  takeFree = ({ capture, batch }) => {
    free[capture]!.push(batch);
    wake[capture]?.();
  };
  const newTunnels = (): Tunnel[] => {
    const told: Tunnel[] = [];
    for (let tunnel; (tunnel = tunnels.get(tunnelsTold)) !== null; tunnelsTold++) told.push(tunnel);
    return told;
  };

  const read = async (number: number): Promise<void> => {
    const { path, file, frames, batches } = captures[number]!;
    const own = batches.map((memory) => new SightingBatch(memory));
    const decoder = new SightingDecoder(settings, view, tunnels);
    const source = new LocalSightings(() => openCapture(path, { file }), decoder, frames);
    let interfaces = 0;
    for (;;) {
      while (free[number]!.length === 0) await new Promise<void>((resolve) => (wake[number] = resolve));
      const at = free[number]!.pop()!;
      const batch = own[at]!;
      if (!(await source.fill(batch))) break;
      const message: BatchFilled = {
        capture: number,
        batch: at,
        count: batch.count,
        keptLength: batch.keptLength,
        octetsRead: source.octetsRead,
        interfaces: source.interfaces.length > interfaces ? [...source.interfaces] : null,
        tunnels: newTunnels(),
        frames: source.frames,
        failure: null,
      };
      interfaces = source.interfaces.length;
      port.postMessage(message);
    }
    await source.close();
    end(number, source.frames, source.failure === null ? null : failureOf(source.failure));
  };

  const end = (capture: number, frames: number, failure: CaptureFailure | null): void => {
    const message: BatchFilled = {
      capture,
      batch: -1,
      count: 0,
      keptLength: 0,
      octetsRead: 0,
      interfaces: null,
      tunnels: [],
      frames,
      failure,
    };
    port.postMessage(message);
  };
  await Promise.all(captures.map((_, number) => read(number)));
}

port.on('message', async (message: ThreadMessage) => {
  if (message.kind === 'free') takeFree(message);
  else if (message.kind === 'capture') await readFirst(message);
  else {
    await readSightings(message);
    port.close();
  }
});
