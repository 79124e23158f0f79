import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/explain.js';
import { CAUSE_KINDS } from '../../src/findings/causes/index.js';
import { CATALOGUE } from '../../src/findings/catalogue.js';

const FINDINGS = join(import.meta.dirname, '../../src/findings');

describe('catalogue', () => {
  it('has every kind of finding and cause that a report can name', () => {
    const inChecks = readdirSync(FINDINGS, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'catalogue.ts')
      .flatMap((file) => [...readFileSync(join(FINDINGS, file), 'utf8').matchAll(/kind: '([a-z-]+)'/g)])
      .map((match) => match[1]!);
    const named = [...inChecks, ...CAUSE_KINDS];
    expect(named).toContain('ip-forward-off');
    const known = CATALOGUE.map(({ id }) => id);
    expect(named.filter((kind) => !known.includes(kind))).toEqual([]);
  });

  it('has each kind once', () => {
    const ids = CATALOGUE.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(CATALOGUE.map((entry) => [entry.id, entry] as const))('%s fits a page', (_, entry) => {
    expect(entry.title.length).toBeLessThanOrEqual(80);
    expect(entry.title).not.toMatch(/\.$/);
    for (const text of [entry.meaning, entry.shown, entry.confusedWith]) expect(text).toMatch(/\.$/);
    // Whoever wants to confirm it gets at least one command.
    expect(entry.confirm.split('\n').some((line) => line.startsWith('$ '))).toBe(true);
    const text = explain({ kind: entry.id, format: 'text' }, { color: false, width: 100 });
    for (const line of text.split('\n')) if (!line.startsWith('    ')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('prints JSON that is the entry', () => {
    const options = { color: false, width: 100 };
    expect(JSON.parse(explain({ kind: 'pod-silent', format: 'json' }, options))).toEqual(
      CATALOGUE.find(({ id }) => id === 'pod-silent'),
    );
    const lines = explain({ kind: null, format: 'ndjson' }, options).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(CATALOGUE);
  });
});
