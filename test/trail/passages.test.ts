import { expect, it } from 'vitest';
import { Clock } from '../../src/trail/clocks.js';
import { countsAt, markCopies } from '../../src/trail/passages.js';
import { Row } from '../../src/trail/row.js';
import { SightingBatch } from '../../src/trail/sighting-batch.js';
import { SightingStore } from '../../src/trail/sightings.js';
import { TrailRows, type Sighting } from '../../src/trail/trail-rows.js';

const FORM = { src: 1, dst: 2, sourcePort: 3, destinationPort: 4, echoId: -1 };

/** A packet at one point, in one tunnel after as many hops, with the source ports of the tunnel's UDP as given. */
function seenWith(ports: readonly number[], apart: number): Sighting[] {
  const store = new SightingStore([{ clock: new Clock(''), base: 0 }]);
  const batch = new SightingBatch();
  const memory = new TrailRows();
  return ports.map((port, i) => {
    batch.rows[Row.NANOSECONDS] = i * apart;
    batch.rows[Row.TTLS] = (port << 16) | (64 << 8) | 62;
    return memory.addSighting(store, store.add(batch, 0, 5, 0, 2, -1), FORM, { rung: 'exact', range: null });
  });
}

it('what a point shows in one tunnel by another source port is another passage, no identical packet and no copy', () => {
  const sightings = seenWith([50_000, 60_000], 1000);
  markCopies(sightings);
  expect(
    sightings.map(({ copy, outerSourcePort, tunnel, ttl, outerTtl }) => [copy, outerSourcePort, tunnel, ttl, outerTtl]),
  ).toEqual([
    [false, 50_000, 2, 62, 64],
    [false, 60_000, 2, 62, 64],
  ]);
  expect([...countsAt(sightings)]).toEqual([[5, 1]]);
});

it('by the same source port it is a copy at once, and later an identical packet', () => {
  const copies = seenWith([50_000, 50_000], 1000);
  markCopies(copies);
  expect(copies.map(({ copy, tunnel, outerSourcePort }) => [copy, tunnel, outerSourcePort])).toEqual([
    [false, 2, 50_000],
    [true, 2, 50_000],
  ]);
  expect([...countsAt(copies)]).toEqual([[5, 1]]);
  const identical = seenWith([50_000, 50_000], 2e6);
  markCopies(identical);
  expect([...countsAt(identical)]).toEqual([[5, 2]]);
});
