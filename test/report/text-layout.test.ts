import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aligned,
  counted,
  day,
  duration,
  endpoint,
  painter,
  signedDuration,
  timeOfDay,
  timeSpan,
  wrapped,
} from '../../src/report/text-layout.js';
import { runs } from '../support/runs.js';

describe('times', () => {
  // Expected values from `date -u -d @SECONDS`.
  it.each([
    ['1795231479.772839000', '2026-11-21', '03:24:39.772839'],
    ['1795231479.772839001', '2026-11-21', '03:24:39.772839001'],
    ['0.000000000', '1970-01-01', '00:00:00.000000'],
    ['1709251199.999999999', '2024-02-29', '23:59:59.999999999'],
    ['4294967295.000001000', '2106-02-07', '06:28:15.000001'],
  ])('%s', (time, date, clock) => {
    expect(day(time)).toBe(date);
    expect(timeOfDay(time)).toBe(clock);
  });

  it('agree with Date for every second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4294967295 }), fc.integer({ min: 0, max: 999 }), (seconds, ms) => {
        const time = `${seconds}.${String(ms).padStart(3, '0')}000000`;
        expect(`${day(time)}T${timeOfDay(time)}`).toBe(new Date(seconds * 1000 + ms).toISOString().replace('Z', '000'));
      }),
      runs(),
    );
  });

  it('name a day once', () => {
    expect(timeSpan('1795231479.772839000', '1795231482.020883000')).toBe(
      '2026-11-21 03:24:39.772 to 03:24:42.020 UTC',
    );
    expect(timeSpan('1795219199.000000000', '1795219200.000000000')).toBe(
      '2026-11-20 23:59:59.000 to 2026-11-21 00:00:00.000 UTC',
    );
    expect(timeSpan('1795231479.772839000', '1795231479.772839000')).toBe('2026-11-21 03:24:39.772 UTC');
  });
});

describe('durations', () => {
  it.each([
    [0n, '0.000 ms'],
    [999n, '999 ns'],
    [1000n, '0.001 ms'],
    [1_234_567n, '1.234 ms'],
    [999_999_999n, '999.999 ms'],
    [1_000_000_000n, '1.000 s'],
    [86_400_000_000_000n, '86400.000 s'],
  ])('%d ns', (ns, text) => expect(duration(ns)).toBe(text));
  it('carry a sign', () => {
    expect(signedDuration(-1_500_000n)).toBe('-1.500 ms');
    expect(signedDuration(0n)).toBe('+0.000 ms');
  });
});

describe('layout', () => {
  it('wraps sentences under their beginning', () => {
    expect(wrapped('1. ', 'aa bb cc dd', 9)).toEqual(['1. aa bb', '   cc dd']);
    expect(wrapped('', 'a-very-long-word b', 5)).toEqual(['a-very-long-word', 'b']);
    expect(wrapped('- ', '', 5)).toEqual(['- ']);
  });

  it('keeps every word, and every line within the width unless a word is longer', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 15, max: 60 }), (list, width) => {
        const lines = wrapped('   ', list.join(' '), width);
        expect(lines.map((line) => line.trim()).join(' ')).toBe(list.join(' '));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
      runs(),
    );
  });

  it('aligns columns', () => {
    expect(
      aligned(
        [
          ['a', '1', 'x'],
          ['bbb', '22', ''],
        ],
        [1],
      ),
    ).toEqual(['a     1  x', 'bbb  22']);
    expect(aligned([])).toEqual([]);
  });

  it('counts', () => {
    expect([counted(0, 'frame'), counted(1, 'frame'), counted(2, 'frame')]).toEqual([
      '0 frames',
      '1 frame',
      '2 frames',
    ]);
  });

  it('writes ports behind addresses of both families', () => {
    expect(endpoint('10.0.0.1', 53)).toBe('10.0.0.1:53');
    expect(endpoint('fd00::1', 53)).toBe('[fd00::1]:53');
    expect(endpoint('fd00::1', null)).toBe('fd00::1');
  });

  it('paints only when asked', () => {
    expect(painter(false)('red', 'x')).toBe('x');
    expect(painter(true)('red', 'x')).toBe('\x1b[31mx\x1b[39m');
  });
});
