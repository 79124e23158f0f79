import { isAddress, isMac, isPrefix } from '../addresses.js';
import type { Line, Route } from '../facts.js';
import { after, numberOf, type Into, type Reader } from './reader.js';

const TYPES = [
  'unicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'local',
  'broadcast',
  'multicast',
  'anycast',
];
const KEYS = ['dev', 'via', 'proto', 'scope', 'metric', 'table', 'nhid', 'src'];
const STATES = ['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'FAILED', 'INCOMPLETE', 'NOARP', 'PERMANENT', 'NONE'];

/** The state of a neighbour; routing daemons add words behind it. */
function stateOf(words: readonly string[]): string | null {
  return words.findLast((word) => STATES.includes(word)) ?? null;
}

/** `ip route`, also of several tables; the ways of a multipath route stand indented below it. */
export class RouteReader implements Reader {
  readonly tool = 'ip route';
  #route: Route | null = null;

  take(at: Line, words: readonly string[], { node }: Into): boolean {
    if (words[0] === 'nexthop' && this.#route !== null) {
      this.#route.hops.push(hopOf(words));
      return true;
    }
    const typed = TYPES.includes(words[0] ?? '');
    const [prefix = '', ...rest] = typed ? words.slice(1) : words;
    if (prefix !== 'default' && !isPrefix(prefix)) return false;
    // Neighbours look like routes up to their state.
    if (stateOf(rest) !== null || rest.includes('lladdr') || rest.includes('proxy')) return false;
    // The line above the ways of a multipath route may hold nothing but the prefix.
    const isBare = rest.length === 0 && this.#route !== null && prefix.includes('/');
    if (!typed && !isBare && !rest.some((word) => KEYS.includes(word))) return false;
    const route: Route = {
      at,
      type: typed ? words[0]! : 'unicast',
      prefix,
      table: after(rest, 'table') ?? 'main',
      metric: numberOf(after(rest, 'metric') ?? undefined) ?? 0,
      hops: [],
    };
    if (rest.includes('dev') || rest.includes('via')) route.hops.push(hopOf(rest));
    node.routes.push(route);
    this.#route = route;
    return true;
  }

  end(): void {
    this.#route = null;
  }
}

function hopOf(words: readonly string[]): Route['hops'][number] {
  const via = after(words, 'via');
  const far = via === 'inet' || via === 'inet6' ? after(words, via) : via;
  return { via: far, device: after(words, 'dev') };
}

/** `ip rule`: `32766:  from all lookup main`. */
export const rules: Reader = {
  tool: 'ip rule',
  take(at, words, { node }) {
    if (!/^\d{1,10}:$/.test(words[0] ?? '') || (words[1] !== 'from' && words[1] !== 'not')) return false;
    const usual = words.length === 5 && words[2] === 'all' && ['local', 'main', 'default'].includes(words[4]!);
    if (!usual) node.policies.push({ at });
    return true;
  },
};

/** `ip neigh`: `10.244.6.0 dev flannel.1 lladdr 66:07:c2:80:9a:74 PERMANENT`. */
export const neighbours: Reader = {
  tool: 'ip neigh',
  take(at, words, { node }) {
    const [address = '', dev, device] = words;
    const state = stateOf(words);
    if (dev !== 'dev' || device === undefined || state === null || !isAddress(address)) return false;
    node.neighbours.push({ at, address, device, mac: after(words, 'lladdr')?.toLowerCase() ?? null, state });
    return true;
  },
};

/** `bridge fdb`: `66:07:c2:80:9a:74 dev flannel.1 dst 10.162.0.6 self permanent`. */
export const forwarding: Reader = {
  tool: 'bridge fdb',
  take(at, words, { node }) {
    const [mac = '', dev, device] = words;
    if (dev !== 'dev' || device === undefined || !isMac(mac)) return false;
    const destination = after(words, 'dst');
    const isPermanent = words.includes('permanent');
    node.forwarding.push({ at, mac: mac.toLowerCase(), device, destination, isPermanent });
    return true;
  },
};
