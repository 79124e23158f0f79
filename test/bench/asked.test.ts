import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Measured {
  readonly name: string;
  readonly trace: string;
  readonly seconds: number | null;
  readonly framesPerSecond: number | null;
  readonly peakOctets: number | null;
  readonly gcSeconds: number | null;
  readonly collections: number | null;
  readonly frames: number;
}

interface Bar {
  readonly bar: string;
  readonly measured: number | undefined;
  readonly met: boolean;
}

const { barsOf, COMMANDS, plan } = (await import(pathToFileURL(join('bench', 'asked.js')).href)) as {
  barsOf(find: (name: string, trace: string) => Measured | undefined, starts: Record<string, number>): Bar[];
  COMMANDS: readonly string[];
  plan(quick: boolean): Record<string, { options: { packets: number; flows: number }; cases: readonly string[] }>;
};

const STARTS = { '--version': 3, ...Object.fromEntries(COMMANDS.map((name) => [name, 5])) };

/** Each measurement just as good as is asked. */
const JUST: Record<string, Partial<Measured>> = {
  'tcpdump-write two points': { seconds: 2 },
  'tcpdump-write whole frames': { seconds: 2 },
  'tcpdump-print two points': { seconds: 50 },
  'tshark two points': { seconds: 800 },
  'capinfos two points': { seconds: 10 },
  'decode two points': { seconds: 1, collections: 10, frames: 10e6 },
  'decode whole frames': { seconds: 1 },
  'decode-threads two points': { seconds: 1 },
  'decode-threads whole frames': { seconds: 1 },
  'diagnose two points': { seconds: 10, peakOctets: 256 << 20, gcSeconds: 0.2 },
  'diagnose 1 x': { framesPerSecond: 1000, peakOctets: 100 },
  'diagnose 10 x': { framesPerSecond: 900, peakOctets: 110 },
  'diagnose sixteen points': { framesPerSecond: 750 },
  'diagnose few flows': { peakOctets: 100 },
  'diagnose many flows': { peakOctets: 110 },
};

function told(change: Record<string, Partial<Measured> | null> = {}, starts: Record<string, number> = STARTS): Bar[] {
  const all: Record<string, Partial<Measured> | null> = { ...JUST, ...change };
  const find = (name: string, trace: string) => {
    const found = all[`${name} ${trace}`];
    return found === null || found === undefined ? undefined : ({ name, trace, ...found } as Measured);
  };
  return barsOf(find, starts);
}

const unmet = (bars: readonly Bar[]) => bars.filter(({ met }) => !met).map(({ bar }) => bar);

describe('bars of the benchmark', () => {
  it('are met at what is asked', () => {
    expect(unmet(told())).toEqual([]);
  });

  it.each([
    ['decode, to tcpdump', { 'decode-threads two points': { seconds: 1.01 } }],
    ['the same, whole frames', { 'decode-threads whole frames': { seconds: 1.01 } }],
    ['decode in one thread (', { 'decode two points': { ...JUST['decode two points'], seconds: 1.01 } }],
    ['decode in one thread, whole frames', { 'decode whole frames': { seconds: 1.01 } }],
    ['diagnose, to tcpdump', { 'tcpdump-print two points': { seconds: 49.9 } }],
    ['diagnose, to tshark', { 'tshark two points': { seconds: 799 } }],
    ['diagnose, to capinfos', { 'capinfos two points': { seconds: 9.9 } }],
    ['memory of diagnose', { 'diagnose two points': { ...JUST['diagnose two points'], peakOctets: 257 << 20 } }],
    ['memory, ten times', { 'diagnose 10 x': { ...JUST['diagnose 10 x'], peakOctets: 111 } }],
    ['memory, a thousand times', { 'diagnose many flows': { peakOctets: 111 } }],
    ['frames/s, ten times', { 'diagnose 10 x': { ...JUST['diagnose 10 x'], framesPerSecond: 899 } }],
    ['frames/s, sixteen points', { 'diagnose sixteen points': { framesPerSecond: 749 } }],
    ['collections', { 'decode two points': { ...JUST['decode two points'], collections: 11 } }],
    ['pauses', { 'diagnose two points': { ...JUST['diagnose two points'], gcSeconds: 0.201 } }],
  ])('%s: not met beyond it', (name, change) => {
    expect(unmet(told(change))).toEqual([expect.stringContaining(name)]);
  });

  it('starts: not met beyond it', () => {
    for (const name of Object.keys(STARTS)) {
      expect(unmet(told({}, { ...STARTS, [name]: 5.01 }))).toEqual([expect.stringContaining(`lasthop ${name}`)]);
    }
  });

  it('what was not measured is not met', () => {
    for (const name of Object.keys(JUST)) {
      const missing = told({ [name]: null }).filter(({ measured }) => measured === undefined);
      expect(missing.length, name).toBeGreaterThan(0);
      expect(missing.every(({ met }) => !met)).toBe(true);
    }
    expect(unmet(told({}, {}))).toHaveLength(1 + COMMANDS.length);
  });

  it.each([false, true])('traces grow as the bars say (quick: %s)', (quick) => {
    const traces = plan(quick);
    const of = (name: string) => traces[name]!.options;
    expect(of('10 x').packets / of('1 x').packets).toBe(10);
    expect(of('10 x').flows / of('1 x').flows).toBe(10);
    expect(of('many flows').flows / of('few flows').flows).toBe(1000);
    expect(of('many flows').packets).toBe(of('few flows').packets);
    for (const { options } of Object.values(traces)) {
      expect(Number.isInteger(options.packets) && Number.isInteger(options.flows)).toBe(true);
    }
    if (!quick) expect([of('1 x').packets, of('10 x').packets, of('many flows').flows]).toEqual([1e6, 1e7, 1e6]);
  });
});
