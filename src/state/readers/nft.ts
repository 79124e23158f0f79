import type { AddressSet, Line, NodeState } from '../facts.js';
import type { Chain, Condition, Hook, Rule, Ruleset, Target } from '../rules/rule.js';
import { quotedWords } from './quoted-words.js';
import { numberOf, type Into, type Reader } from './reader.js';
import { known } from './known.js';

const TABLE = /^table (ip|ip6|inet|arp|bridge|netdev) (\S{1,128}) \{/;
const BLOCK = /^\s+(chain|set|map|flowtable|counter|quota|limit) (\S{1,128}) \{(?: #.{0,100})?$/;
const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const VERDICTS: Readonly<Record<string, Target['kind']>> = {
  accept: 'accept',
  drop: 'drop',
  reject: 'reject',
  return: 'return',
  masquerade: 'masquerade',
  snat: 'snat',
  dnat: 'dnat',
  redirect: 'dnat',
};
/** Two words that begin a comparison, and what they ask. */
const PAIRS: Readonly<Record<string, Condition['field']>> = {
  'ip saddr': 'source',
  'ip6 saddr': 'source',
  'ip daddr': 'destination',
  'ip6 daddr': 'destination',
  'ip protocol': 'protocol',
  'ip6 nexthdr': 'protocol',
  'meta l4proto': 'protocol',
  'tcp sport': 'sourcePort',
  'udp sport': 'sourcePort',
  'th sport': 'sourcePort',
  'tcp dport': 'destinationPort',
  'udp dport': 'destinationPort',
  'th dport': 'destinationPort',
  'ct state': 'state',
  'meta iifname': 'in',
  'meta oifname': 'out',
};
const SINGLES: Readonly<Record<string, Condition['field']>> = { iifname: 'in', iif: 'in', oifname: 'out', oif: 'out' };

/** `nft list ruleset`: tables, in them chains and sets, indented; a line a rule. */
export class NftReader implements Reader {
  readonly tool = 'nft list ruleset';
  #table: Ruleset | null = null;
  #chain: Chain | null = null;
  #hook: { readonly name: string; readonly at: Line } | null = null;
  #set: AddressSet | null = null;
  #inElements = false;

  take(at: Line, words: readonly string[], { node }: Into): boolean {
    const table = TABLE.exec(at.text);
    if (table !== null) {
      this.end();
      const family = table[1] === 'ip' ? 4 : table[1] === 'ip6' ? 6 : 'any';
      this.#table = { family, table: table[2]!, chains: new Map() };
      // Tables of bridges and ARP see frames, not what is routed.
      if (['ip', 'ip6', 'inet'].includes(table[1]!)) node.rulesets.push(this.#table);
      return true;
    }
    if (at.text.startsWith('# Warning: table ')) return true;
    if (this.#table === null) return false;
    if (at.text.startsWith('}')) {
      this.end();
      return true;
    }
    if (!/^\s/.test(at.text)) return false;
    const block = BLOCK.exec(at.text);
    if (block !== null) {
      this.#open(at, block[1]!, block[2]!, node);
    } else if (words[0] === '}' && !this.#inElements) {
      this.#chain = this.#set = this.#hook = null;
    } else if (this.#hook !== null) {
      this.#chainLine(at, words);
    } else if (this.#set !== null) {
      this.#setLine(at, this.#set);
    }
    return true;
  }

  end(): void {
    this.#table = this.#chain = this.#set = this.#hook = null;
    this.#inElements = false;
  }

  #open(at: Line, kind: string, name: string, node: NodeState): void {
    this.#chain = this.#set = this.#hook = null;
    this.#inElements = false;
    if (kind === 'chain') this.#hook = { name, at };
    if (kind === 'set') node.sets.set(name, (this.#set = { at, name, members: [] }));
  }

  #chainLine(at: Line, words: readonly string[]): void {
    const { name, at: opened } = this.#hook!;
    const chains = this.#table!.chains;
    if (words[0] === 'type' && words.includes('hook')) {
      const hook = HOOKS.find((each) => each === words[words.indexOf('hook') + 1]) ?? null;
      const policy = at.text.includes('policy drop;') ? 'drop' : 'accept';
      this.#chain = { at, name, hook, policy, packets: null, rules: [] };
      chains.set(name, this.#chain);
      return;
    }
    if (this.#chain === null) {
      this.#chain = { at: opened, name, hook: null, policy: null, packets: null, rules: [] };
      chains.set(name, this.#chain);
    }
    this.#chain.rules.push(ruleOf(at));
  }

  #setLine(at: Line, set: AddressSet): void {
    const equals = at.text.indexOf('elements = {');
    if (equals < 0 && !this.#inElements) return;
    const text = equals < 0 ? at.text : at.text.slice(equals + 'elements = {'.length);
    const close = text.indexOf('}');
    this.#inElements = close < 0;
    for (const part of (close < 0 ? text : text.slice(0, close)).split(',')) {
      // Behind an element may stand its time or comment.
      const element = part.trim().split(' ')[0]!;
      if (element !== '') set.members.push({ at, text: element, isExcluded: false });
    }
  }
}

function ruleOf(at: Line): Rule {
  const words = quotedWords(at.text);
  const conditions: Condition[] = [];
  let packets: number | null = null;
  let target: Target = { kind: 'continue' };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const pair = PAIRS[`${word} ${words[i + 1]}`];
    const field = pair ?? known(SINGLES, word);
    if (word === '#' || word === 'comment') break;
    // A map of values to verdicts: it may be any of them.
    if (word === 'vmap' || words[i + 2] === 'vmap') {
      target = { kind: 'unknown' };
      break;
    }
    if (field !== undefined) {
      if (/^(?:tcp|udp)$/.test(word)) conditions.push({ field: 'protocol', isNegated: false, values: [word] });
      const { condition, next } = comparison(words, i + (pair === undefined ? 1 : 2), field);
      conditions.push(condition);
      i = next - 1;
    } else if (word === 'counter') {
      if (words[i + 1] === 'packets') {
        packets = numberOf(words[i + 2]);
        i += 4;
      }
    } else if (word === 'jump' || word === 'goto') {
      target = { kind: word, chain: words[i + 1] ?? '' };
      break;
    } else if (word === 'fib') {
      // `fib daddr type local`, `fib saddr . iif oif 0`: what is asked stands before its last word.
      const asks = words.findIndex((each, at) => at > i && (each === 'type' || each.startsWith('oif')));
      const isLocal = asks === i + 2 && words[i + 1] === 'daddr' && words[asks + 1] === 'local';
      conditions.push({ field: isLocal ? 'local' : 'other', isNegated: false, values: [] });
      if (asks > 0) i = asks + 1;
    } else {
      const kind = known(VERDICTS, word);
      if (kind !== undefined && kind !== 'jump' && kind !== 'goto') {
        target = { kind };
        break;
      }
      conditions.push({ field: 'other', isNegated: false, values: [word] });
    }
  }
  return { at, conditions, target, packets };
}

/** Reads `[!=] VALUE`, where a value is a word, a set's name with @, or words between braces. */
function comparison(
  words: readonly string[],
  from: number,
  field: Condition['field'],
): { condition: Condition; next: number } {
  let at = from;
  const isNegated = words[at] === '!=';
  if (isNegated || words[at] === '==') at++;
  const first = words[at] ?? '';
  if (first === '{') {
    const close = words.indexOf('}', at);
    const end = close < 0 ? words.length : close;
    const values = words.slice(at + 1, end).map((word) => word.replace(/,$/, ''));
    return { condition: { field, isNegated, values }, next: end + 1 };
  }
  if (first.startsWith('@')) {
    const side = field === 'source' ? 'sourceSet' : field === 'destination' ? 'destinationSet' : 'other';
    return { condition: { field: side, isNegated, values: [first.slice(1)] }, next: at + 1 };
  }
  if (first === '&') return { condition: { field: 'other', isNegated, values: [] }, next: at + 1 };
  return { condition: { field, isNegated, values: first.split(',') }, next: at + 1 };
}
