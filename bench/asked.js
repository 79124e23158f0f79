// What the program is held to, and on which traces that is measured.
import { DEFAULTS } from './generate.js';

export const MIB = 1048576;
/** What `lasthop` takes to start is measured on the largest sample, whose saved state is read too. */
export const SAMPLE = 'samples/sopnode-broken-ping';
/** With options, since those who write scripts use them. */
export const COMMANDS = ['diagnose', 'diagnose --format json', 'exchanges', 'trails', 'points', 'packets'];

/** @typedef {ReturnType<typeof import('./figures.js').summaryOf> & { trace: string, collections: number | null }} Measured */
/** @typedef {(name: string, trace: string) => Measured | undefined} Find */
/** @typedef {Record<string, number | undefined>} Starts by command: how many times as long as Node's own start */

/**
 * Traces by name, and what runs on each. The ten times longer one and the one of sixteen points have conversations in
 * proportion; the two of many and of few conversations are equally long.
 * @param {boolean} quick
 */
export function plan(quick) {
  const scale = quick ? 0.05 : 1;
  /** @param {number} packets @param {Partial<import('./generate.js').TraceOptions>} rest */
  const options = (packets, rest = {}) => ({
    ...DEFAULTS,
    packets: packets * scale,
    flows: (packets * scale) / 50,
    ...rest,
  });
  const peers = ['tcpdump-write', 'tcpdump-print', 'tcpdump-tz', 'capinfos', 'tshark', 'tcptrace', 'pcap-parser'];
  return {
    'two points': { options: options(5e6), cases: ['read', 'decode', 'decode-threads', 'diagnose', ...peers] },
    'whole frames': {
      options: options(1e6, { snapLength: 0 }),
      cases: ['decode', 'decode-threads', 'diagnose', 'tcpdump-write'],
    },
    '1 x': { options: options(1e6), cases: ['diagnose'] },
    '10 x': { options: options(1e7), cases: ['diagnose'] },
    'sixteen points': { options: options(3e5, { points: 16 }), cases: ['diagnose'] },
    'few flows': { options: options(3e6, { flows: 1e3 * scale }), cases: ['diagnose'] },
    'many flows': { options: options(3e6, { flows: 1e6 * scale }), cases: ['diagnose'] },
  };
}

/**
 * The bars: what is asked, and what of a measurement answers it. `value` is undefined where something was not measured.
 * @param {Find} find
 * @param {Starts} starts
 */
export function barsOf(find, starts) {
  /** @param {string} peer @param {string} own @param {string} trace */
  const times = (peer, own, trace) => ratio(find(peer, trace)?.seconds, find(own, trace)?.seconds);
  /** @param {string} trace */
  const rate = (trace) => find('diagnose', trace)?.framesPerSecond;
  /** @param {string} trace */
  const peak = (trace) => find('diagnose', trace)?.peakOctets;
  const decode = find('decode', 'two points');
  const diagnose = find('diagnose', 'two points');
  const perMillion = ratio(decode?.collections, decode === undefined ? null : decode.frames / 1e6);
  return [
    // As `diagnose` reads: both captures at once
    atLeast('decode, to tcpdump -r F -w /dev/null', 2, times('tcpdump-write', 'decode-threads', 'two points'), ' x'),
    atLeast('the same, whole frames', 2, times('tcpdump-write', 'decode-threads', 'whole frames'), ' x'),
    aim(atLeast('decode in one thread', 2, times('tcpdump-write', 'decode', 'two points'), ' x')),
    aim(atLeast('decode in one thread, whole frames', 2, times('tcpdump-write', 'decode', 'whole frames'), ' x')),
    atLeast('diagnose, to tcpdump -nn -q -r F', 5, times('tcpdump-print', 'diagnose', 'two points'), ' x'),
    atLeast('diagnose, to tshark with three fields', 80, times('tshark', 'diagnose', 'two points'), ' x'),
    aim(atLeast('diagnose, to capinfos -c F', 1, times('capinfos', 'diagnose', 'two points'), ' x')),
    atMost('memory of diagnose', 256, ratio(diagnose?.peakOctets, MIB), ' MiB'),
    atMost('memory, ten times as many packets', 1.1, ratio(peak('10 x'), peak('1 x')), ' x'),
    atMost('memory, a thousand times as many flows', 1.1, ratio(peak('many flows'), peak('few flows')), ' x'),
    atLeast('frames/s, ten times as many packets', 0.9, ratio(rate('10 x'), rate('1 x')), ' x'),
    atLeast('frames/s, sixteen points to two', 0.75, ratio(rate('sixteen points'), rate('1 x')), ' x'),
    atMost('start of lasthop --version, to node -e 0', 3, starts['--version'], ' x'),
    ...COMMANDS.map((name) => atMost(`start of lasthop ${name} ${SAMPLE}`, 5, starts[name], ' x')),
    atMost('collections of garbage while decoding, a million frames', 1, perMillion, ''),
    atMost('pauses of diagnose', 2, percent(diagnose?.gcSeconds, diagnose?.seconds), ' %'),
  ];
}

/**
 * @param {string} bar
 * @param {number} asked
 * @param {number | undefined} measured
 * @param {string} unit
 */
function atLeast(bar, asked, measured, unit) {
  return { bar, relation: '>=', asked, measured, unit, met: measured !== undefined && measured >= asked, isAim: false };
}

/**
 * @param {string} bar
 * @param {number} asked
 * @param {number | undefined} measured
 * @param {string} unit
 */
function atMost(bar, asked, measured, unit) {
  return { bar, relation: '<=', asked, measured, unit, met: measured !== undefined && measured <= asked, isAim: false };
}

/**
 * What is aimed at: to miss it is no failure.
 * @param {ReturnType<typeof atLeast>} bar
 */
function aim(bar) {
  return { ...bar, bar: `${bar.bar} (an aim)`, isAim: true };
}

/**
 * @param {number | null | undefined} a
 * @param {number | null | undefined} b
 */
export function ratio(a, b) {
  return a == null || b == null || b === 0 ? undefined : a / b;
}

/**
 * @param {number | null | undefined} part
 * @param {number | null | undefined} whole
 */
function percent(part, whole) {
  const share = ratio(part, whole);
  return share === undefined ? undefined : 100 * share;
}
