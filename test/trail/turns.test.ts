// What ends, whatever the captures hold: the second reading, and the thread that reads beside it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { diagnose } from '../../src/index.js';
import { pair, prepare } from '../../src/run.js';
import { ReadingThread } from '../../src/threads.js';
import { SightingBatch } from '../../src/trail/sighting-batch.js';
import { writePcap } from '../support/capture-writer.js';
import { pings } from '../support/pings.js';

const folder = mkdtempSync(join(tmpdir(), 'lasthop-turns-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

function save({ client, server }: ReturnType<typeof pings>): string[] {
  return [
    { name: 'node1__veth1.pcap', frames: client },
    { name: 'node2__veth2.pcap', frames: server },
  ].map(({ name, frames }) => {
    const path = join(folder, name);
    writeFileSync(path, writePcap(frames, { nanosecond: true }));
    return path;
  });
}

describe('the second reading', () => {
  it('goes on when the only packet that waits is stamped far ahead', async () => {
    const { client, server } = pings({ count: 1500, gap: 1e9 });
    const stamped = client[100]!;
    client[100] = { ...stamped, seconds: stamped.seconds + 5000 };
    const options = {};
    const run = await prepare(save({ client, server }), options, 'report');
    let turns = 0;
    for await (const _ of pair(run, options, () => false)) expect(++turns).toBeLessThan(100);
    expect(turns).toBeGreaterThan(0);
  });

  it('ends the thread when there is no memory for what it hands over', async () => {
    const ended = vi.spyOn(ReadingThread.prototype, 'end');
    vi.spyOn(SightingBatch, 'sharedMemory').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    vi.spyOn(ReadingThread.prototype, 'read').mockResolvedValue(null);
    vi.spyOn(ReadingThread.prototype, 'isAlive', 'get').mockReturnValue(true);
    Object.defineProperty(ReadingThread.prototype, 'hasStarted', {
      get: () => Promise.resolve(true),
      set: () => undefined,
      configurable: true,
    });
    try {
      await expect(diagnose(save(pings({ count: 20, gap: 10e6 })), { threads: 2 })).rejects.toThrow(RangeError);
    } finally {
      Reflect.deleteProperty(ReadingThread.prototype, 'hasStarted');
    }
    expect(ended).toHaveBeenCalled();
  });
});
