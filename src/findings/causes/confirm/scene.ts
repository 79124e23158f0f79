import type { CapturePoint } from '../../../net/points.js';
import type { Line, NodeState } from '../../../state/facts.js';
import { deviceOf, linkOf, routeTo } from '../../../state/lookup.js';
import type { SavedState } from '../../../state/read.js';
import type { Asked } from '../../../state/rules/rule.js';
import type { Break } from '../../break.js';

type Known =
  | 'source'
  | 'destination'
  | 'protocol'
  | 'sourcePort'
  | 'destinationPort'
  | 'outerSource'
  | 'outerDestination'
  | 'outerPort'
  | 'tunnel'
  | 'octets'
  | 'outerReturn';

/** The packet, and the place where it vanished, as far as a finding knows them; a Break is one that knows all. */
export type Subject = { readonly [K in Known]: Break[K] | null } & Pick<
  Break,
  'node' | 'sourceNode' | 'isOpening' | 'returnsElsewhere' | 'unresolved'
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

/** What the FORWARD chain is asked about the packet. */
export function forwarded({ here, at }: Scene): Asked | null {
  if (at.source === null || at.destination === null) return null;
  const route = routeTo(here, at.destination);
  const way = route === null || route === 'none' ? null : deviceOf(route);
  // Behind a tunnel device that was not captured, the underlay is not where the packet inside is routed to.
  const next = at.next?.role === 'underlay' ? null : routedDevice(here, isInside(at) ? at.next : null);
  return {
    in: routedDevice(here, at.last),
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

/** What the INPUT chain is asked about the tunnel's own packet. */
export function arriving({ at }: Scene): Asked | null {
  if (at.outerSource === null || at.outerDestination === null || !isReceiving(at)) return null;
  return {
    in: at.last?.role === 'underlay' ? at.last.interface : null,
    out: null,
    source: at.outerSource,
    destination: at.outerDestination,
    protocol: at.outerPort === null ? null : 17,
    sourcePort: at.tunnel?.sourcePort ?? null,
    destinationPort: at.outerPort,
    state: null,
    isLocal: true,
  };
}
