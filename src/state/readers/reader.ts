import type { Cluster } from '../cluster.js';
import type { Line, NodeState } from '../facts.js';

/** Where facts go. */
export interface Into {
  readonly node: NodeState;
  readonly cluster: Cluster;
  /** Something is wrong with a file, and what was expected. */
  readonly warn: (at: Line, expected: string) => void;
}

/** Reads the output of one tool line by line. */
export interface Reader {
  /** What the tool is called, for messages. */
  readonly tool: string;
  /** Takes a line of its tool's output; false for any other. `words`: the line's words. */
  take(at: Line, words: readonly string[], into: Into): boolean;
  /** The output ended: what follows is another's, or nothing. */
  end?(into: Into): void;
}

const NUMBER = /^\d{1,15}$/;

/** A number without sign; null for anything else. */
export function numberOf(text: string | undefined): number | null {
  return text !== undefined && NUMBER.test(text) ? Number(text) : null;
}

/** The word behind a key; null where the key is not there. */
export function after(words: readonly string[], key: string): string | null {
  const at = words.indexOf(key);
  return at < 0 ? null : (words[at + 1] ?? null);
}
