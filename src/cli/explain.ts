import { CATALOGUE, type CatalogueEntry } from '../findings/catalogue.js';
import { jsonLine, jsonText } from '../report/json.js';
import { aligned, painter, wrapped, type TextOptions } from '../report/text-layout.js';
import type { Arguments, Format } from './arguments.js';
import { UsageError } from './options.js';

/** What `lasthop explain [KIND]` prints. */
export function explain({ kind, format }: Pick<Arguments, 'kind' | 'format'>, options: TextOptions): string {
  if (kind === null) return format === 'text' ? list(CATALOGUE) : asJson(CATALOGUE, format);
  const entry = CATALOGUE.find(({ id }) => id === kind);
  if (entry === undefined) {
    throw new UsageError(`there is no finding or cause ${kind} (lasthop explain lists them)`);
  }
  return format === 'text' ? entryText(entry, options) : asJson(entry, format);
}

function asJson(value: CatalogueEntry | readonly CatalogueEntry[], format: Exclude<Format, 'text'>): string {
  if (format === 'json') return jsonText(value);
  const entries: readonly CatalogueEntry[] = 'id' in value ? [value] : value;
  return entries.map((entry) => `${jsonLine(entry)}\n`).join('');
}

function list(entries: readonly CatalogueEntry[]): string {
  return `${aligned(entries.map((entry) => [entry.id, entry.severity, entry.title])).join('\n')}\n`;
}

function entryText(entry: CatalogueEntry, { color, width }: TextOptions): string {
  const paint = painter(color);
  const lines = [paint('bold', `${entry.id} (${entry.severity})`), ...wrapped('  ', entry.title, width)];
  const sections = [
    ['What it means', entry.meaning],
    ['How captures show it', entry.shown],
    ['What confirms it', entry.confirm],
    ['What it is confused with', entry.confusedWith],
  ] as const;
  for (const [title, text] of sections) {
    lines.push('', paint('bold', title));
    for (const paragraph of text.split('\n')) {
      // A command stands on a line of its own and is pasted whole.
      if (paragraph.startsWith('$ ')) lines.push(`    ${paint('cyan', paragraph.slice(2))}`);
      else lines.push(...wrapped('  ', paragraph, width));
    }
  }
  return `${lines.join('\n')}\n`;
}
