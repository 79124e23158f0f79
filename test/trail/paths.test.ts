import { expect, it } from 'vitest';
import { Paths } from '../../src/trail/paths.js';
import type { Topology } from '../../src/trail/topology.js';
import type { WayOrder } from '../../src/trail/way-order.js';

/** A network of two interfaces, at the first of which live all even addresses, at the second all odd ones, each talking to each. */
function pathsOf(): Paths {
  const points = [0, 1].map((id) => ({ id, node: 'node1', interface: `cali${id}`, role: 'calico' }));
  const pairs = {
    index: { find: () => 0 },
    ttls: () => 0x4040,
    forwardFrom: () => 0,
    forwardTo: () => 0,
    backwardFrom: () => 0,
    backwardTo: () => 0,
  };
  const topology = {
    points,
    evidence: { points: points.map((point) => ({ point, pairs })), addresses: { isLinkLocal: () => false } },
    homeOf: (address: number) => ({ points: [address & 1], node: 'node1' }),
    mayLiveAtPort: () => false,
  };
  const order = { order: (all: number[]) => all, isBefore: () => false, isReceiver: () => false };
  return new Paths(topology as unknown as Topology, order as unknown as WayOrder);
}

it.each([
  [2, 'in the table of near addresses'],
  [10_000, 'beyond it'],
])('packets are told at once on all of a thousand paths, from address %i on, %s', (first) => {
  const paths = pathsOf();
  // So that the way back of a path, and not the path, is the first for which there is no room
  paths.of(first, first);
  const numbers = new Set<number>();
  for (let asked = 0; asked < 2; asked++)
    for (let i = 0; i < 1000; i++) {
      const [src, dst] = [first + (i % 25) * 2, first + 1 + Math.floor(i / 25) * 2];
      const entry = paths.entryOf(src, dst);
      expect([i, entry & 1]).toEqual([i, 1]);
      numbers.add(entry >> 1);
      expect(paths.of(src, dst)).toMatchObject({ points: [0, 1], home: [dst & 1], isWhole: true, bits: 3 });
    }
  expect(numbers.size).toBe(1000);
});
