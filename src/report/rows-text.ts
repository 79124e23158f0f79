import { escapeText } from './escape.js';
import type { ExchangeRow, ExchangeSide, SightingRow, TrailRow } from './report.js';
import { day, endpoint, painter, timeOfDay, type Paint, type TextOptions } from './text-layout.js';

// Rows are printed while captures are still being read, so widths are fixed; a longer value pushes its line, not the table.
const TIME = 15;
const VERDICT = 12;
const STATE = 9;
const PROTOCOL = 9;
const FLOW = 46;
const DETAIL = 30;

/** Renders rows one at a time, with a header before the first and a line for each new day. */
export interface RowText<Row> {
  /** The header; empty output has it too. */
  readonly header: string;
  line(row: Row): string;
}

/** `lasthop exchanges`: one line an exchange. */
export function exchangesText(options: TextOptions): RowText<ExchangeRow> {
  const paint = painter(options.color);
  const newDay = dayLines(paint);
  return {
    header: header(
      paint,
      ['time (UTC)', 'verdict', 'protocol', 'client > server', 'id', 'where'],
      [VERDICT, PROTOCOL, FLOW, DETAIL],
    ),
    line(row) {
      const cells = [
        timeOfDay(row.time).padEnd(TIME),
        paint(
          row.verdict === 'answered' ? 'green' : row.verdict === 'unknown' ? 'yellow' : 'red',
          row.verdict.padEnd(VERDICT),
        ),
        row.protocol.padEnd(PROTOCOL),
        `${endpoint(row.client, row.clientPort)} > ${endpoint(row.server, row.serverPort)}`.padEnd(FLOW),
        idText(row).padEnd(DETAIL),
        whereText(row),
      ];
      return `${newDay(row.time)}${cells.join('  ').trimEnd()}\n`;
    },
  };
}

/** `lasthop trails`: one line a packet. */
export function trailsText(options: TextOptions): RowText<TrailRow> {
  const paint = painter(options.color);
  const newDay = dayLines(paint);
  return {
    header: header(
      paint,
      ['time (UTC)', 'state', 'protocol', 'source > destination', 'packet', 'seen at (point#frame)'],
      [STATE, PROTOCOL, FLOW, DETAIL],
    ),
    line(row) {
      const seen = row.sightings.map(sightingText).join(' → ');
      const missing = row.nextExpected === null ? '' : ` ✗ ${escapeText(row.nextExpected)} (${row.certainty})`;
      const reason = row.reason === null ? '' : `  ${escapeText(row.reason)}`;
      const cells = [
        timeOfDay(row.time).padEnd(TIME),
        paint(row.state === 'delivered' ? 'green' : row.state === 'lost' ? 'red' : 'yellow', row.state.padEnd(STATE)),
        row.protocol.padEnd(PROTOCOL),
        `${endpoint(row.src, row.srcPort)} > ${endpoint(row.dst, row.dstPort)}`.padEnd(FLOW),
        escapeText(row.summary).padEnd(DETAIL),
        `${seen}${missing}${reason}`,
      ];
      return `${newDay(row.time)}${cells.join('  ').trimEnd()}\n`;
    },
  };
}

/** The fields of one packet below its line, for `lasthop packets -v`: a line a field. */
export function fieldsText(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `    ${name.padEnd(24)}  ${escapeText(valueText(value))}\n`)
    .join('');
}

function valueText(value: unknown): string {
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function header(paint: Paint, titles: readonly string[], widths: readonly number[]): string {
  const all = [TIME, ...widths];
  return `${paint('dim', titles.map((title, index) => title.padEnd(all[index] ?? 0)).join('  '))}\n`;
}

function dayLines(paint: Paint): (time: string) => string {
  let current = '';
  return (time) => {
    const today = day(time);
    if (today === current) return '';
    current = today;
    return `${paint('bold', today)}\n`;
  };
}

function idText({ id }: ExchangeRow): string {
  if (id['icmpId'] !== undefined) return `id ${id['icmpId']} seq ${id['icmpSeq']}`;
  if (id['dnsId'] !== undefined) return `id ${id['dnsId']} ${id['type'] ?? ''} ${escapeText(String(id['name'] ?? ''))}`;
  return id['isn'] === undefined ? '' : `isn ${id['isn']}`;
}

function whereText(row: ExchangeRow): string {
  const parts: string[] = [];
  if (row.verdict !== 'answered') {
    parts.push(sideText('request', row.request), row.reply === null ? 'no reply seen' : sideText('reply', row.reply));
    parts.push(row.certainty);
  }
  if (row.attempts > 1) parts.push(`${row.attempts} attempts`);
  if (row.reason !== null) parts.push(escapeText(row.reason));
  return parts.filter((part) => part !== '').join(', ');
}

function sideText(name: string, side: ExchangeSide | null): string {
  if (side === null) return `no ${name} seen`;
  const last = side.lastSeen === null ? '' : ` at ${escapeText(side.lastSeen)}`;
  if (side.state === 'delivered') return `${name} delivered${last}`;
  const next = side.nextExpected === null ? '' : `, not at ${escapeText(side.nextExpected)}`;
  return `${name} ${side.state === 'lost' ? 'lost: ' : ''}last seen${last}${next}`;
}

function sightingText({ point, frame, tunnel, nat, range, copy }: SightingRow): string {
  const notes: string[] = [];
  if (tunnel !== null) notes.push(escapeText(tunnel.split(' ', 1)[0]!));
  if (nat !== null) notes.push(escapeText(nat));
  if (range !== undefined) notes.push(`octets ${range[0]}-${range[1]}`);
  if (copy === true) notes.push('copy');
  return `${escapeText(point)}#${frame}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
