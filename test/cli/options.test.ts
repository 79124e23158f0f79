import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseClock, parseMemory, parseOrder, parsePort, parseTime, UsageError } from '../../src/cli/options.js';
import { runs } from '../support/runs.js';

describe('--clock', () => {
  it.each([
    ['node2/eth0=+1.5s', 'node2/eth0', 1_500_000_000],
    ['node2/eth0=1.7s', 'node2/eth0', 1_700_000_000],
    ['eth0=-200ms', 'eth0', -200_000_000],
    ['eth0=3us', 'eth0', 3_000],
    ['eth0=3µs', 'eth0', 3_000],
    ['eth0=40ns', 'eth0', 40],
    ['eth0=-0s', 'eth0', 0],
    ['eth0=0.000000001s', 'eth0', 1],
    ['a=b=2ms', 'a=b', 2_000_000],
  ])('%s', (text, point, offset) => {
    expect(parseClock(text)).toEqual([point, offset]);
  });

  it.each(['eth0', 'eth0=', '=1s', 'eth0=1', 'eth0=1.s', 'eth0=1 s', 'eth0=1m', 'eth0=--1s', 'eth0=99999999s'])(
    'refuses %s',
    (text) => expect(() => parseClock(text)).toThrow(UsageError),
  );
});

describe('--memory', () => {
  it.each([
    ['256M', 256 * 1024 * 1024],
    ['1G', 1024 ** 3],
    ['1.5G', 1.5 * 1024 ** 3],
    ['512KiB', 512 * 1024],
    ['64mb', 64 * 1024 * 1024],
    ['1048576', 1048576],
  ])('%s', (text, octets) => expect(parseMemory(text)).toBe(octets));

  it.each(['', '0', '-1M', 'M', '1X', '1e9', '99999999T'])('refuses %j', (text) =>
    expect(() => parseMemory(text)).toThrow(UsageError),
  );
});

describe('--vxlan-port', () => {
  it('takes 1 to 65535', () => {
    expect(parsePort('--vxlan-port', '1')).toBe(1);
    expect(parsePort('--vxlan-port', '65535')).toBe(65535);
  });
  it.each(['0', '65536', '-1', '4789.0', '0x12b5', ''])('refuses %j', (text) =>
    expect(() => parsePort('--vxlan-port', text)).toThrow(UsageError),
  );
});

describe('--order', () => {
  it('keeps the order', () => expect(parseOrder('b/eth0, a/eth0,c')).toEqual(['b/eth0', 'a/eth0', 'c']));
  it.each(['', 'a,,b', 'a,b,a'])('refuses %j', (text) => expect(() => parseOrder(text)).toThrow(UsageError));
});

describe('--since and --until', () => {
  // Expected values from `date -u -d TEXT +%s.%N`.
  it.each([
    ['1795226754', 1795226754_000000000n],
    ['1795226754.391232', 1795226754_391232000n],
    ['0', 0n],
    ['2026-11-21', 1795219200_000000000n],
    ['2026-11-21T14:05:54Z', 1795269954_000000000n],
    ['2026-11-21 14:05:54', 1795269954_000000000n],
    ['2026-11-21 14:05:54.391232001 UTC', 1795269954_391232001n],
    ['2026-11-21T14:05:54+01:00', 1795266354_000000000n],
    ['2026-11-21T14:05:54-0530', 1795289754_000000000n],
    ['2024-02-29T00:00', 1709164800_000000000n],
  ])('%s', (text, expected) => expect(parseTime('--since', text)).toBe(expected));

  it.each(['', 'yesterday', '14:05', '2026-13-01', '2026-02-29', '2026-11-21T24:00', '2026-11-21T10:61', '-5', '1e9'])(
    'refuses %j',
    (text) => expect(() => parseTime('--since', text)).toThrow(UsageError),
  );

  it('takes back the times that reports print', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4294967295 }), fc.integer({ min: 0, max: 999999999 }), (seconds, ns) => {
        const text = `${seconds}.${String(ns).padStart(9, '0')}`;
        expect(parseTime('--since', text)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(ns));
      }),
      runs(),
    );
  });
});
