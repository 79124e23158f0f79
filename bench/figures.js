// Figures of measurements, and the table of them.
import { CASES } from './cases.js';
import { headOf } from './machine.js';

/** Processor time over that of the other commit, above which it is no chance. */
const SLOWER = 1.1;

/** @typedef {import('./generate.js').Truth} Truth */

/**
 * @typedef {object} Figures
 * @property {string} name
 * @property {string} what
 * @property {number} frames
 * @property {import('./measure.js').Measurement[]} rounds
 * @property {{ seconds: number, gcSeconds: number, collections: number }[]} loops the work without the start of the process, a round each
 */

/** @param {Figures} figures */
export function summaryOf({ name, what, frames, rounds, loops }) {
  const good = rounds.filter(({ failure }) => failure === null);
  /** @param {(each: import('./measure.js').Measurement) => number | null} of */
  const values = (of) => good.map(of).filter((value) => value !== null);
  const seconds = values((each) => each.seconds);
  const peaks = values((each) => each.peakOctets);
  const middle = median(seconds);
  return {
    name,
    what,
    frames,
    rounds: rounds.length,
    failure: rounds.find(({ failure }) => failure !== null)?.failure ?? null,
    seconds: middle,
    leastSeconds: seconds.length === 0 ? null : Math.min(...seconds),
    cpuSeconds: median(values((each) => each.cpuSeconds)),
    gcSeconds: median(values((each) => each.gcSeconds)),
    loopSeconds: median(loops.map(({ seconds }) => seconds)),
    loopGcSeconds: median(loops.map(({ gcSeconds }) => gcSeconds)),
    framesPerSecond: middle === null ? null : Math.round(frames / middle),
    peakOctets: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

/** @param {number[]} values */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Figures[]} all
 * @param {Truth} truth
 * @param {import('./machine.js').Machine} machine
 */
export function reportOf(all, truth, machine) {
  const lines = [
    ...headOf(machine),
    `trace: ${truth.points.length} points, ${truth.packets} packets of ${truth.flows} conversations, ` +
      `${framesOf(truth)} frames, ${truth.lost} packets lost, snap length ${truth.options.snapLength}`,
    '',
  ];
  const summaries = all.map(summaryOf);
  const head = [
    '',
    '',
    'frames',
    'median s',
    'least s',
    'CPU s',
    'frames/s',
    'peak MiB',
    'GC',
    'to its peer',
    'by CPU',
  ];
  const rows = summaries.map((each) => {
    const peer = summaries.find(({ name }) => name === CASES.find(({ name }) => name === each.name)?.peer);
    return [
      each.name,
      each.failure === null ? each.what : `FAILED: ${each.failure}`,
      String(each.frames),
      text(each.seconds, 2),
      text(each.leastSeconds, 2),
      text(each.cpuSeconds, 2),
      each.framesPerSecond === null ? '-' : `${(each.framesPerSecond / 1e6).toFixed(2)} M`,
      each.peakOctets === null ? '-' : (each.peakOctets / 1048576).toFixed(0),
      each.gcSeconds === null || each.cpuSeconds === null
        ? '-'
        : `${((100 * each.gcSeconds) / each.cpuSeconds).toFixed(1)} %`,
      times(peer?.seconds, each.seconds),
      times(peer?.cpuSeconds, each.cpuSeconds),
    ];
  });
  lines.push(...tableOf(head, rows), '');
  for (const { name, loopSeconds, loopGcSeconds, frames } of summaries) {
    if (loopSeconds === null || loopGcSeconds === null) continue;
    const rate = (frames / loopSeconds / 1e6).toFixed(1);
    const gc = ((100 * loopGcSeconds) / loopSeconds).toFixed(1);
    lines.push(`${name}, without the start of the process: ${rate} M frames/s, garbage collection ${gc} % of the time`);
  }
  return lines.join('\n');
}

/**
 * Lines of a table; a column of numbers is set right.
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function tableOf(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const isRight = head.map((_, i) => rows.every((row) => /^(?:[\d-]|$)/.test(row[i])));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (isRight[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * @param {number | null} value
 * @param {number} digits
 */
function text(value, digits) {
  return value === null ? '-' : value.toFixed(digits);
}

/**
 * How many times as fast as its peer.
 * @param {number | null | undefined} peer
 * @param {number | null} own
 */
function times(peer, own) {
  return peer === null || peer === undefined || own === null || own === 0 ? '' : `${(peer / own).toFixed(2)} x`;
}

/**
 * This commit beside another, case by case; how many are slower by more than a tenth of the processor's time.
 * @param {Figures[]} all
 * @param {string} commit
 */
export function comparisonOf(all, commit) {
  const summaries = all.map(summaryOf);
  const lines = [];
  let slower = 0;
  for (const own of summaries) {
    const other = summaries.find(({ name }) => name === `${own.name}@${commit}`);
    if (other?.cpuSeconds == null || own.cpuSeconds === null) continue;
    const isSlower = own.cpuSeconds > SLOWER * other.cpuSeconds;
    if (isSlower) slower++;
    lines.push(
      `${own.name}: ${times(other.seconds, own.seconds)} as fast as ${commit}, by CPU ` +
        `${times(other.cpuSeconds, own.cpuSeconds)}${isSlower ? ': SLOWER' : ''}`,
    );
  }
  return { lines, slower };
}

/** @param {Truth} truth */
export function framesOf(truth) {
  return truth.points.reduce((sum, { frames }) => sum + frames, 0);
}
