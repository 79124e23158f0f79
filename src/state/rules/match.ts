import { holds, versionOf } from '../addresses.js';
import type { AddressSet, NodeState } from '../facts.js';
import type { Asked, Condition, Rule } from './rule.js';
import { known } from '../readers/known.js';

/** Yes, no, or not to be told from what is known. */
export type Answer = boolean | null;

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  ipencap: 4,
  tcp: 6,
  udp: 17,
  gre: 47,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
};

/** Whether a rule applies to a packet. */
export function applies(rule: Rule, asked: Asked, sets: NodeState['sets']): Answer {
  let all: Answer = true;
  for (const condition of rule.conditions) {
    const one = answer(condition, asked, sets);
    if (one === false) return false;
    if (one === null) all = null;
  }
  return all;
}

function answer({ field, isNegated, values }: Condition, asked: Asked, sets: NodeState['sets']): Answer {
  const one = plain(field, values, asked, sets);
  return one === null ? null : one !== isNegated;
}

function plain(field: Condition['field'], values: readonly string[], asked: Asked, sets: NodeState['sets']): Answer {
  switch (field) {
    case 'in':
      return oneOf(values, (value) => sameDevice(value, asked.in));
    case 'out':
      return oneOf(values, (value) => sameDevice(value, asked.out));
    case 'source':
      return oneOf(values, (value) => holds(value, asked.source));
    case 'destination':
      return oneOf(values, (value) => holds(value, asked.destination));
    case 'protocol':
      return oneOf(values, (value) => sameProtocol(value, asked.protocol));
    case 'sourcePort':
      return oneOf(values, (value) => portIn(value, asked.sourcePort));
    case 'destinationPort':
      return oneOf(values, (value) => portIn(value, asked.destinationPort));
    case 'sourceSet':
      return oneOf(values, (value) => memberOf(sets, value, asked.source));
    case 'destinationSet':
      return oneOf(values, (value) => memberOf(sets, value, asked.destination));
    case 'state':
      return asked.state === null ? null : values.some((value) => value.toUpperCase() === asked.state);
    case 'local':
      return asked.isLocal;
    case 'other':
      return null;
  }
}

function oneOf(values: readonly string[], test: (value: string) => Answer): Answer {
  let any: Answer = false;
  for (const value of values) {
    const one = test(value);
    if (one === true) return true;
    if (one === null) any = null;
  }
  return any;
}

/** iptables writes `cali+`, nft `cali*`. */
function sameDevice(pattern: string, device: string | null): Answer {
  if (device === null) return null;
  const last = pattern[pattern.length - 1];
  return last === '+' || last === '*' ? device.startsWith(pattern.slice(0, -1)) : pattern === device;
}

function sameProtocol(name: string, protocol: number | null): Answer {
  if (name === 'all' || name === '0') return true;
  if (protocol === null) return null;
  const number = known(PROTOCOLS, name.toLowerCase()) ?? (/^\d{1,3}$/.test(name) ? Number(name) : null);
  return number === null ? null : number === protocol;
}

/** A port, or a range with a colon (iptables) or a dash (nft). */
function portIn(text: string, port: number | null): Answer {
  const match = /^(\d{0,5})(?:([:-])(\d{0,5}))?$/.exec(text);
  if (port === null || match === null) return null;
  const [, from = '', dash, to = ''] = match;
  if (dash === undefined) return Number(from) === port;
  return Number(from || 0) <= port && port <= Number(to || 65535);
}

/** Whether a set holds an address; null when the set was not saved or is of another sort. */
export function memberOf(sets: NodeState['sets'], name: string, address: string): Answer {
  const set = sets.get(name);
  if (set === undefined) return null;
  const { single, rest } = indexed(set);
  let found = single.has(address);
  for (const { text, isExcluded } of rest) {
    const one = holds(text, address);
    // Of members with ports or names more would have to be known.
    if (one === null) return null;
    if (one && isExcluded) return false;
    if (one) found = true;
  }
  return found;
}

interface Indexed {
  /** Members that are one IPv4 address each: there may be very many, and each has one way to be written. */
  readonly single: ReadonlySet<string>;
  readonly rest: AddressSet['members'];
}

const INDEXED = new WeakMap<AddressSet, Indexed>();
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

function indexed(set: AddressSet): Indexed {
  let index = INDEXED.get(set);
  if (index === undefined) {
    const isSingle = ({ text, isExcluded }: AddressSet['members'][number]): boolean => !isExcluded && IPV4.test(text);
    const single = new Set(set.members.filter(isSingle).map(({ text }) => text));
    INDEXED.set(set, (index = { single, rest: set.members.filter((member) => !isSingle(member)) }));
  }
  return index;
}

/** Whether a table sees packets of this family. */
export function sees(family: 4 | 6 | 'any', address: string): boolean {
  return family === 'any' || family === versionOf(address);
}
