import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeState } from '../../src/state/facts.js';
import { readState, SavedState } from '../../src/state/read.js';

/** What a tool printed, see dumps/README.md. */
export function dump(name: string): string {
  return readFileSync(join(import.meta.dirname, 'dumps', name), 'utf8');
}

export function jsonDump<T>(name: string): T {
  return JSON.parse(dump(name)) as T;
}

/** State of one node, and the warnings about it. */
export function stateOf(...texts: readonly string[]): { node: NodeState; saved: SavedState; warnings: string[] } {
  const saved = new SavedState();
  const warnings: string[] = [];
  texts.forEach((text, i) => readState(saved, text, `node/${i}.txt`, 'node', (about) => warnings.push(about)));
  return { node: saved.node('node'), saved, warnings };
}
