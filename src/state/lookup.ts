import { holds, lengthOf } from './addresses.js';
import type { Figure, Link, NodeState, Route } from './facts.js';

/**
 * The route of the main table that a packet to an address takes: `none` when there is none, null when it cannot be told: no
 * routes were saved, the address is the node's own, or rules choose other tables.
 */
export function routeTo(node: NodeState, address: string): Route | 'none' | null {
  if (node.policies.length > 0 || node.addresses.some((own) => own.address === address)) return null;
  const isIpv6 = address.includes(':');
  let best: Route | null = null;
  let any = false;
  for (const route of node.routes) {
    if (route.table !== 'main' || isLocal(route)) continue;
    if (route.prefix !== 'default') {
      if (route.prefix.includes(':') !== isIpv6) continue;
      any = true;
      if (holds(route.prefix, address) !== true) continue;
    } else if (isIpv6 !== isOfIpv6(route)) continue;
    else any = true;
    if (best === null || isBetter(route, best)) best = route;
  }
  if (best !== null) return best.type === 'throw' ? null : best;
  return any ? 'none' : null;
}

function isLocal({ type }: Route): boolean {
  return ['local', 'broadcast', 'anycast', 'multicast'].includes(type);
}

/** A default route does not say its family; the next hop does, and so do words that only `ip -6 route` prints. */
function isOfIpv6({ hops, at }: Route): boolean {
  return hops.some(({ via }) => via?.includes(':') === true) || at.text.includes(' pref ');
}

function isBetter(route: Route, than: Route): boolean {
  const length = bits(route) - bits(than);
  return length > 0 || (length === 0 && route.metric < than.metric);
}

function bits({ prefix }: Route): number {
  return prefix === 'default' ? 0 : lengthOf(prefix);
}

/** The device by which a route leaves; null when it has several or none. */
export function deviceOf(route: Route): string | null {
  const devices = new Set(route.hops.map(({ device }) => device));
  return devices.size === 1 ? ([...devices][0] ?? null) : null;
}

/** What the dumps say of an interface; one dump may know what another does not. */
export function linkOf(node: NodeState, name: string, knows: (link: Link) => unknown = () => true): Link | null {
  return node.links.find((link) => link.name === name && Boolean(knows(link))) ?? null;
}

/** A counter or setting, the last time that it was printed. */
export function figureOf(node: NodeState, name: string): Figure | null {
  return node.figures.findLast((figure) => figure.name === name) ?? null;
}
