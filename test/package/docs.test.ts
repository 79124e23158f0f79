import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, GROUPS } from '../../src/findings/catalogue.js';

const { page } = (await import(pathToFileURL(join('docs', 'make.js')).href)) as {
  page: (groups: typeof GROUPS) => string;
};
const text = readFileSync(join('docs', 'findings.md'), 'utf8');

describe('docs/findings.md', () => {
  it('is what the catalogue says (npm run docs writes it)', () => {
    expect(text).toBe(page(GROUPS));
  });

  it('has a section for each finding and cause, and links that lead to one', () => {
    const sections = [...text.matchAll(/^### (.+)$/gm)].map(([, id]) => id);
    expect(sections).toEqual(CATALOGUE.map(({ id }) => id));
    const targets = new Set([...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, id]) => id));
    expect([...targets].filter((target) => !sections.includes(target))).toEqual([]);
  });

  it('has the commands of each entry as they stand, to be pasted', () => {
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block!.trimEnd().split('\n'));
    const commands = CATALOGUE.flatMap(({ confirm }) => confirm.split('\n'))
      .filter((line) => line.startsWith('$ '))
      .map((line) => line.slice(2));
    expect(blocks).toEqual(commands);
  });

  it('is linked from the README', () => {
    expect(readFileSync('README.md', 'utf8')).toContain('(docs/findings.md)');
  });
});
