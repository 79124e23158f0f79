// The main routing table, neighbours, and which pods there are.
import type { Route } from '../../../state/facts.js';
import { deviceOf, routeTo } from '../../../state/lookup.js';
import { confirms, NOTHING, refutes, routedDevice, type Scene, type Testimony } from './scene.js';

/** The route to where the packet wants, or the gateway that the pod asks for. */
function wayOf({ here, at }: Scene): { readonly route: Route | 'none'; readonly to: string } | null {
  const to = at.destination ?? at.unresolved[0] ?? null;
  const route = to === null ? null : routeTo(here, to);
  return to === null || route === null ? null : { route, to };
}

export function missing(scene: Scene): readonly Testimony[] {
  const way = wayOf(scene);
  if (way === null) return NOTHING;
  if (way.route === 'none') {
    return [confirms(scene.here.routes[0]!.at, `none of its ${scene.here.routes.length} routes leads to ${way.to}`)];
  }
  return way.route.type === 'unicast' ? [refutes(way.route.at)] : NOTHING;
}

/** A route of one of these types takes the packet, or a usual one does. */
function ofType(...types: readonly string[]): (scene: Scene) => readonly Testimony[] {
  return (scene) => {
    const way = wayOf(scene);
    if (way === null || way.route === 'none') return NOTHING;
    if (types.includes(way.route.type)) return [confirms(way.route.at)];
    // A default route takes what no other one does: that is not the address being there.
    return way.route.type === 'unicast' && way.route.prefix !== 'default' ? [refutes(way.route.at)] : NOTHING;
  };
}

export const unreachable = ofType('unreachable', 'prohibit');

export function blackhole(scene: Scene): readonly Testimony[] {
  return [...ofType('blackhole')(scene), ...pod(scene)];
}

const UNRESOLVED = ['FAILED', 'INCOMPLETE'];
const RESOLVED = ['REACHABLE', 'PERMANENT'];

export function neighbour(scene: Scene): readonly Testimony[] {
  const { here, at } = scene;
  const entries = here.neighbours.filter(({ address }) => address === at.destination);
  const failed = entries.find(({ state }) => UNRESOLVED.includes(state));
  if (failed !== undefined) return [confirms(failed.at)];
  const resolved = entries.find(({ state }) => RESOLVED.includes(state));
  return resolved === undefined ? pod(scene) : [refutes(resolved.at)];
}

/** A pod has the address, or none has. */
function pod({ saved: { cluster }, at }: Scene): readonly Testimony[] {
  if (at.destination === null || cluster.pods === null) return NOTHING;
  const all = cluster.all(at.destination);
  const there = all.find(({ isOver }) => !isOver);
  if (there !== undefined) {
    return there.kind === 'pod' ? [refutes(there.at, `the address of pod ${there.name}`, false)] : NOTHING;
  }
  const [over] = all;
  if (over !== undefined) return [confirms(over.at, `the address of pod ${over.name}, which has ended`, false)];
  return [confirms(cluster.pods, `no pod of this listing has ${at.destination}`, false)];
}

/** A packet that is routed out by the interface it came in by goes back where it came from. */
export function turnsBack(scene: Scene): readonly Testimony[] {
  const way = wayOf(scene);
  const device = routedDevice(scene.here, scene.at.last);
  if (way === null || way.route === 'none' || device === null) return NOTHING;
  const out = deviceOf(way.route);
  if (out === null) return NOTHING;
  if (out !== device) return [refutes(way.route.at)];
  // What is on the link itself goes to its destination, not round in circles.
  return way.route.hops.some(({ via }) => via !== null) ? [confirms(way.route.at)] : NOTHING;
}
