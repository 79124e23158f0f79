import type { Verdict } from './report.js';

/** How a text rendering may look. */
export interface TextOptions {
  /** Escape sequences for colour; nothing is said by colour alone. */
  readonly color: boolean;
  /** Columns to wrap sentences at. */
  readonly width: number;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Paint = (style: keyof typeof CODES, text: string) => string;

export function painter(color: boolean): Paint {
  return (style, text) => (color ? `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m` : text);
}

/** Breaks a sentence into lines; the first begins with `first`, the others with as many spaces. Words are never cut. */
export function wrapped(first: string, text: string, width: number): string[] {
  const indent = ' '.repeat(first.length);
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}

/** Rows as aligned columns, two spaces apart; columns listed in `right` are flush right, the last one is not padded. */
export function aligned(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 capture`, `2 captures`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `10.0.0.1:53`, `[fd00::1]:53`, or the address alone. */
export function endpoint(address: string, port: number | null): string {
  if (port === null) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Nanoseconds since the epoch, from a decimal string of seconds with nine digits. */
export function nanoseconds(time: string): bigint {
  return BigInt(time.replace('.', ''));
}

/** Time of day in UTC: microseconds, or nanoseconds where the capture has them. */
export function timeOfDay(time: string): string {
  const dot = time.indexOf('.');
  const second = Number(time.slice(0, dot)) % 86400;
  const two = (value: number) => String(value).padStart(2, '0');
  const fraction = time.slice(dot + 1);
  return (
    `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}.` +
    (fraction.endsWith('000') ? fraction.slice(0, 6) : fraction)
  );
}

/** Day in UTC: `2026-11-21`. */
export function day(time: string): string {
  return new Date(Number(time.slice(0, time.indexOf('.'))) * 1000).toISOString().slice(0, 10);
}

/** `2026-11-21 14:05:54.391 to 14:06:05.001 UTC`, to the millisecond; the second day only where it differs. */
export function timeSpan(first: string, last: string): string {
  const from = `${day(first)} ${milliseconds(first)}`;
  const to = `${day(last)} ${milliseconds(last)}`;
  if (from === to) return `${from} UTC`;
  return `${from} to ${day(first) === day(last) ? milliseconds(last) : to} UTC`;
}

/** Time of day to the millisecond. */
export function milliseconds(time: string): string {
  return timeOfDay(time).slice(0, 12);
}

/** `+0.003 ms`, `-1.500 s`; `+40 ns` where a microsecond would hide it. */
export function signedDuration(ns: bigint): string {
  return `${ns < 0n ? '-' : '+'}${duration(ns < 0n ? -ns : ns)}`;
}

/** A length of time that is not negative. */
export function duration(ns: bigint): string {
  if (ns < 1000n && ns > 0n) return `${ns} ns`;
  if (ns < 1_000_000_000n) return `${thousandths(ns / 1000n)} ms`;
  return `${thousandths(ns / 1_000_000n)} s`;
}

function thousandths(value: bigint): string {
  return `${value / 1000n}.${String(value % 1000n).padStart(3, '0')}`;
}

/** Rows of a summary table; the rest is counted. */
export const MOST_ROWS = 20;

export function rest(count: number, noun: string, most = MOST_ROWS): string[] {
  if (count <= most) return [];
  return [`  … and ${counted(count - most, `more ${noun}`)} (--format json has all)`];
}

/** In the order in which they are counted out. */
export const VERDICTS: readonly Verdict[] = [
  'answered',
  'request-lost',
  'reply-lost',
  'unanswered',
  'refused',
  'unknown',
];

/** Where a packet was not seen, or a backend fails. */
export const CROSS = '✗';
