import type { CapturePoint } from '../../../net/points.js';
import type { Line, NodeState } from '../../../state/facts.js';
import { deviceOf, linkOf, routeTo } from '../../../state/lookup.js';
import type { SavedState } from '../../../state/read.js';
import type { Asked } from '../../../state/rules/rule.js';
import { endsOf } from '../../../state/rules/walk.js';
import { Layer } from '../../../wire/layers.js';
import type { Break } from '../../break.js';

const UDP = 17;
const IPIP = 4;
type Known =
  | 'source'
  | 'destination'
  | 'protocol'
  | 'sourcePort'
  | 'destinationPort'
  | 'outerSource'
  | 'outerDestination'
  | 'outerSourcePort'
  | 'outerPort'
  | 'tunnel'
  | 'octets'
  | 'outerReturn';

/** The packet, and the place where it vanished, as far as a finding knows them; a Break is one that knows all. */
export type Subject = { readonly [K in Known]: Break[K] | null } & Pick<
  Break,
  'node' | 'sourceNode' | 'isOpening' | 'returnsElsewhere' | 'turnedBack' | 'unresolved'
> & {
    readonly last: Place | null;
    readonly next: Place | null;
  };

export type Place = Pick<CapturePoint, 'node' | 'interface' | 'role'>;

/** What a witness looks at. */
export interface Scene {
  readonly saved: SavedState;
  /** State of the node where the packet was last seen. */
  readonly here: NodeState;
  readonly at: Subject;
}

/** What a line of saved state says about a cause. */
export interface Testimony {
  readonly says: 'confirms' | 'refutes';
  readonly at: Line;
  /** What follows from the line where it does not speak for itself. */
  readonly note: string | null;
  /** Nothing else needs to be looked at; otherwise it only makes the cause more or less likely. */
  readonly settles: boolean;
}

/** Says what saved state tells about one cause; nothing when it does not speak about it. */
export type Witness = (scene: Scene) => readonly Testimony[];

export const NOTHING: readonly Testimony[] = [];

export function confirms(at: Line, note: string | null = null, settles = true): Testimony {
  return { says: 'confirms', at, note, settles };
}

export function refutes(at: Line, note: string | null = null, settles = true): Testimony {
  return { says: 'refutes', at, note, settles };
}

/** The packet stays on its node between the two points. */
export function isInside({ last, next }: Subject): boolean {
  return last !== null && next !== null && last.node === next.node;
}

/** It came from elsewhere. */
export function isReceiving(at: Subject): boolean {
  return isInside(at) && at.sourceNode !== at.last!.node;
}

/** The interface that routing knows: of a bridge's port, the bridge. Null when that cannot be told. */
export function routedDevice(here: NodeState, place: Place | null): string | null {
  if (place === null || place.role === 'pod' || place.role === 'cooked') return null;
  const link = linkOf(here, place.interface);
  if (link !== null) return linkOf(here, place.interface, ({ master }) => master)?.master ?? place.interface;
  // Calico routes each of its own; any other may be the port of a bridge.
  const mayBePort = place.role === 'unknown' || (place.role === 'veth' && !place.interface.startsWith('cali'));
  return mayBePort ? null : place.interface;
}

/**
 * The interface by which routing gets the packet; null when that cannot be told, and for a packet that was still in its tunnel
 * when it vanished.
 */
export function entryDevice({ here, at }: Scene): string | null {
  if (at.tunnel === null) return routedDevice(here, at.last);
  if (!isReceiving(at) || at.next!.role === 'tunnel') return null;
  const { id } = at.tunnel;
  return here.links.find(({ vxlan }) => vxlan !== null && vxlan.id === id)?.name ?? null;
}

/** The packet's destination is the node itself. */
export function isForNode({ here, at }: Scene): boolean {
  return here.addresses.some(({ address }) => address === at.destination);
}

/** What rules are asked about the packet as it was last seen. */
export function asSeen(scene: Scene): Asked | null {
  const { here, at } = scene;
  if (at.source === null || at.destination === null) return null;
  const route = routeTo(here, at.destination);
  const way = route === null || route === 'none' ? null : deviceOf(route);
  // Behind a tunnel device that was not captured, the underlay is not where the packet inside is routed to.
  const next = at.next?.role === 'underlay' ? null : routedDevice(here, isInside(at) ? at.next : null);
  return {
    in: entryDevice(scene),
    out: way ?? next,
    source: at.source,
    destination: at.destination,
    protocol: at.protocol,
    sourcePort: at.sourcePort,
    destinationPort: at.destinationPort,
    state: at.isOpening ? 'NEW' : null,
    isLocal: false,
  };
}

/** What the FORWARD chain is asked about the packet; null where it does not come there, or under another destination. */
export function forwarded(scene: Scene): Asked | null {
  const { at } = scene;
  // On its way to a tunnel device, or passed on by a box on the way: the chain is asked about the tunnel's addresses, not about these
  const isStillInside = at.tunnel !== null && (!isInside(at) || ['tunnel', 'underlay'].includes(at.next!.role));
  return isStillInside || isForNode(scene) || isTranslated(scene) ? null : asSeen(scene);
}

/** The node gives it another destination before it routes it, or may do so. */
export function isTranslated(scene: Scene): boolean {
  const { saved, here, at } = scene;
  if (at.destination === null) return false;
  if (saved.cluster.find(at.destination)?.kind === 'service') return true;
  if (here.services.some(({ address }) => address.startsWith(`${at.destination}:`))) return true;
  const asked = asSeen(scene);
  if (asked === null) return false;
  return endsOf(here, 'nat', 'prerouting', { ...asked, out: null })
    .flat()
    .some(({ kind }) => kind === 'dnat');
}

/** What the INPUT chain is asked about the tunnel's own packet. */
export function arriving({ at }: Scene): Asked | null {
  if (at.outerSource === null || at.outerDestination === null || !isReceiving(at)) return null;
  return {
    in: at.last?.role === 'underlay' ? at.last.interface : null,
    out: null,
    source: at.outerSource,
    destination: at.outerDestination,
    protocol: at.outerPort !== null ? UDP : at.tunnel?.kind === Layer.IP ? IPIP : null,
    sourcePort: at.outerSourcePort,
    destinationPort: at.outerPort,
    state: null,
    isLocal: true,
  };
}
