import type { Line, NodeState } from '../facts.js';
import { applies, sees } from './match.js';
import type { Asked, Chain, Hook, Rule, Ruleset, Target } from './rule.js';

/** Where a packet may end in a table. */
export interface End {
  readonly kind: 'accept' | 'drop' | 'reject' | 'masquerade' | 'snat' | 'dnat';
  readonly at: Line;
  /** Every condition on the way there is known to hold. */
  readonly isSure: boolean;
  /** Packets that ended here, whoever's they were; null when not counted. */
  readonly packets: number | null;
  readonly chain: Chain;
  /** Null for the policy of the chain. */
  readonly rule: Rule | null;
}

/** Rules looked at for one packet: a hostile dump may jump from chain to chain without end. */
const STEPS = 100_000;
const DEPTH = 32;

/** Answers to questions that several causes and findings ask, the latest of them. */
const ANSWERS = new WeakMap<NodeState, Map<string, End[][]>>();
const KEPT = 256;

/** Where a packet may end at a hook, in order, up to the place that none passes. One list a base chain. */
export function endsOf(state: NodeState, table: string, hook: Hook, asked: Asked): readonly (readonly End[])[] {
  let answers = ANSWERS.get(state);
  if (answers === undefined) ANSWERS.set(state, (answers = new Map()));
  const key = [table, hook, ...Object.values(asked)].join(' ');
  let ends = answers.get(key);
  if (ends === undefined) {
    if (answers.size >= KEPT) answers.clear();
    answers.set(key, (ends = walked(state, table, hook, asked)));
  }
  return ends;
}

function walked(state: NodeState, table: string, hook: Hook, asked: Asked): End[][] {
  const lists: End[][] = [];
  for (const ruleset of state.rulesets) {
    if (!sees(ruleset.family, asked.destination)) continue;
    for (const chain of ruleset.chains.values()) {
      if (chain.hook !== hook || !isOf(ruleset, chain, table)) continue;
      lists.push(new Walk(ruleset, asked, state.sets).from(chain));
    }
  }
  return lists;
}

/** iptables has fixed tables; those of nft are named at will, and what they do shows in their chains. */
function isOf(ruleset: Ruleset, chain: Chain, table: string): boolean {
  const fixed = ['raw', 'mangle', 'nat', 'filter', 'security'].includes(ruleset.table);
  return fixed ? ruleset.table === table : (table === 'nat') === hasTranslation(chain);
}

function hasTranslation(chain: Chain): boolean {
  return chain.at.text.includes('type nat') || chain.rules.some(({ target }) => TRANSLATES.includes(target.kind));
}

const TRANSLATES: readonly Target['kind'][] = ['masquerade', 'snat', 'dnat'];

/** Whether a packet that came to a chain comes out of it again. */
type Passage = 'never' | 'perhaps' | 'surely';

class Walk {
  readonly #ruleset: Ruleset;
  readonly #asked: Asked;
  readonly #sets: NodeState['sets'];
  readonly #ends: End[] = [];
  readonly #open = new Set<string>();
  #steps = 0;

  constructor(ruleset: Ruleset, asked: Asked, sets: NodeState['sets']) {
    this.#ruleset = ruleset;
    this.#asked = asked;
    this.#sets = sets;
  }

  from(chain: Chain): End[] {
    const passed = this.#through(chain, true);
    if (passed !== 'never' && chain.policy !== null) {
      const { policy: kind, at, packets } = chain;
      this.#ends.push({ kind, at, isSure: passed === 'surely', packets, chain, rule: null });
    }
    return this.#ends;
  }

  /** Whether the packet comes out of the chain again. `isCertain`: it is sure to come to it. */
  #through(chain: Chain, isCertain: boolean): Passage {
    if (this.#open.has(chain.name) || this.#open.size >= DEPTH) return 'perhaps';
    this.#open.add(chain.name);
    const passed = this.#rules(chain, isCertain);
    this.#open.delete(chain.name);
    return passed;
  }

  #rules(chain: Chain, isCertain: boolean): Passage {
    let passed: Passage = 'surely';
    for (const rule of chain.rules) {
      if (++this.#steps > STEPS) return 'perhaps';
      const answer = applies(rule, this.#asked, this.#sets);
      if (answer === false) continue;
      const isSure = isCertain && passed === 'surely' && answer === true;
      const { target } = rule;
      switch (target.kind) {
        case 'continue':
          break;
        case 'unknown':
          passed = 'perhaps';
          break;
        case 'return':
          if (answer === true) return passed;
          passed = 'perhaps';
          break;
        case 'jump':
        case 'goto': {
          const next = this.#ruleset.chains.get(target.chain);
          const beyond = next === undefined ? 'perhaps' : this.#through(next, isSure);
          if (answer === true && beyond === 'never') return 'never';
          // After a goto, the chain that was left is not come back to.
          if (answer === true && target.kind === 'goto') return passed === 'surely' ? beyond : passed;
          if (beyond !== 'surely' || target.kind === 'goto') passed = 'perhaps';
          break;
        }
        case 'accept':
        case 'drop':
        case 'reject':
        case 'masquerade':
        case 'snat':
        case 'dnat':
          this.#ends.push({ kind: target.kind, at: rule.at, isSure, packets: rule.packets, chain, rule });
          if (answer === true) return 'never';
          passed = 'perhaps';
          break;
      }
    }
    return passed;
  }
}
