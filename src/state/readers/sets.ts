import type { AddressSet, Line, NodeState } from '../facts.js';
import type { Into, Reader } from './reader.js';

/** What may stand behind a member. */
const EXTRAS = [
  'timeout',
  'comment',
  'nomatch',
  'packets',
  'bytes',
  'skbmark',
  'skbprio',
  'skbqueue',
  'before',
  'after',
];
const HEADINGS = ['Type:', 'Revision:', 'Header:', 'Size', 'References:', 'Number', 'Name:'];

/** `ipset list` (a block a set, its members last) and `ipset save` (`create NAME …`, `add NAME MEMBER`). */
export class SetReader implements Reader {
  readonly tool = 'ipset list';
  #set: AddressSet | null = null;
  #inMembers = false;
  #line = 0;

  take(at: Line, words: readonly string[], { node }: Into): boolean {
    const [first = '', second, third] = words;
    // A blank line ends the members.
    const follows = at.line === this.#line + 1;
    this.#line = at.line;
    if (first === 'Name:' && second !== undefined && words.length === 2) {
      this.#set = setOf(node, second, at);
      this.#inMembers = false;
      return true;
    }
    if (first === 'create' && second !== undefined && third !== undefined && /^(?:hash|bitmap|list):/.test(third)) {
      setOf(node, second, at);
      return true;
    }
    if (first === 'add' && second !== undefined && third !== undefined && node.sets.has(second)) {
      addMember(node.sets.get(second)!, at, words.slice(2));
      return true;
    }
    if (this.#set === null) return false;
    if (this.#inMembers) {
      if (!follows) return false;
      // Names of sets can be members, and look like anything; the beginnings of other dumps do not look like names.
      if (/^[*#:{[]/.test(first) || (second !== undefined && !EXTRAS.includes(second))) return false;
      addMember(this.#set, at, words);
      return true;
    }
    this.#inMembers = first === 'Members:';
    return this.#inMembers || HEADINGS.includes(first);
  }

  end(): void {
    this.#set = null;
    this.#inMembers = false;
  }
}

function setOf(node: NodeState, name: string, at: Line): AddressSet {
  const set: AddressSet = { at, name, members: [] };
  node.sets.set(name, set);
  return set;
}

function addMember(set: AddressSet, at: Line, [text, ...extras]: readonly string[]): void {
  set.members.push({ at, text: text!, isExcluded: extras.includes('nomatch') });
}
