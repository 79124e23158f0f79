// What a point saw between two addresses, held to a plain list of it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PairsAtPoint } from '../../src/trail/evidence.js';
import { runs } from '../support/runs.js';

const id = fc.integer({ min: 0, max: 12 });
const ttl = fc.integer({ min: 0, max: 255 });
const packet = fc
  .record({ src: id, dst: id, ttl, outerTtl: ttl, from: id, to: id })
  .map(({ from, to, ...rest }) => ({ ...rest, from, to: from === 0 ? 0 : to }));
type Packet = typeof packet extends fc.Arbitrary<infer T> ? T : never;

function pairsOf(packets: readonly Packet[]): PairsAtPoint {
  const pairs = new PairsAtPoint();
  for (const { src, dst, ttl, outerTtl, from, to } of packets) pairs.add(src, dst, 1, ttl, outerTtl, from, to);
  return pairs;
}

/** From one address to another: packets, highest TTLs, and the last tunnel. */
function expected(packets: readonly Packet[], src: number, dst: number): number[] {
  const its = packets.filter((each) => each.src === src && each.dst === dst);
  const last = its.findLast(({ from }) => from !== 0);
  const highest = (ttls: readonly number[]): number => Math.max(0, ...ttls);
  return [
    its.length,
    highest(its.map((each) => each.ttl)),
    highest(its.map(({ outerTtl }) => outerTtl)),
    last?.from ?? 0,
    last?.to ?? 0,
  ];
}

function found(pairs: PairsAtPoint, src: number, dst: number): number[] {
  const at = pairs.index.find(Math.min(src, dst), Math.max(src, dst));
  if (at < 0) return [0, 0, 0, 0, 0];
  const ttls = pairs.ttls(at);
  return src <= dst
    ? [pairs.forward(at), ttls & 255, (ttls >>> 16) & 255, pairs.forwardFrom(at), pairs.forwardTo(at)]
    : [pairs.backward(at), (ttls >>> 8) & 255, ttls >>> 24, pairs.backwardFrom(at), pairs.backwardTo(at)];
}

const ids = Array.from({ length: 13 }, (_, i) => i);

describe('the pairs of addresses at a point', () => {
  it('are counted each way, with the highest TTLs and the last tunnel', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 400 }), (packets) => {
        const pairs = pairsOf(packets);
        for (const src of ids)
          for (const dst of ids) {
            expect(found(pairs, src, dst)).toEqual(expected(packets, src, dst));
            expect(pairs.count(src, dst)).toBe(expected(packets, src, dst)[0]);
          }
      }),
      runs(100),
    );
  });

  it('of two readings are those of both, whatever numbers each gave the addresses', () => {
    const both = fc.tuple(fc.array(packet, { maxLength: 100 }), fc.array(packet, { maxLength: 100 }));
    const renumbered = fc.shuffledSubarray(ids.slice(1), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(both, renumbered, ([first, second], order) => {
        const here = Int32Array.of(0, ...order);
        const there = (number: number): number => here.indexOf(number);
        const pairs = pairsOf(first);
        const theirs = second.map(({ src, dst, from, to, ...rest }) => ({
          ...rest,
          ...{ src: there(src), dst: there(dst), from: there(from), to: there(to) },
        }));
        pairs.merge(pairsOf(theirs).state, here);
        const all = [...first, ...second];
        for (const src of ids) for (const dst of ids) expect(found(pairs, src, dst)).toEqual(expected(all, src, dst));
      }),
      runs(100),
    );
  });

  it('are counted down by what a second capture of the point counted again', () => {
    const pairs = new PairsAtPoint();
    pairs.add(3, 2, 5, 64, 0, 0, 0);
    pairs.uncount(3, 2);
    pairs.uncount(2, 4);
    expect([pairs.count(3, 2), pairs.count(2, 3), pairs.count(2, 4)]).toEqual([4, 0, 0]);
  });
});
