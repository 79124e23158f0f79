// Sizes and damage: MTUs of interfaces, counters of the kernel.
import type { Link } from '../../../state/facts.js';
import { figureOf, linkOf } from '../../../state/lookup.js';
import { confirms, NOTHING, refutes, type Place, type Scene, type Testimony } from './scene.js';

/** A counter of the kernel that grows with this cause, and with others of its kind. */
export function counter(name: string): (scene: Scene) => readonly Testimony[] {
  return ({ here }) => {
    const figure = figureOf(here, name);
    if (figure === null) return NOTHING;
    return [figure.value > 0 ? confirms(figure.at, null, false) : refutes(figure.at)];
  };
}

/** Octets of a frame on an Ethernet where nothing else is known. */
const USUAL = 1500;

/** What the underlay interface of the other end takes. Captures show packets before a card cuts them to what its own end takes. */
export function underlayMtu({ saved, at }: Scene): readonly Testimony[] {
  const sent = Math.min(at.octets?.length ?? 0, linkAt(saved, at.last)?.mtu ?? USUAL);
  return sent === 0 ? NOTHING : tooSmall(saved, at.next, sent);
}

/** What the tunnel device lets through. */
export function tunnelMtu({ saved, here, at }: Scene): readonly Testimony[] {
  const length = at.octets?.length ?? 0;
  const places = [at.last, at.next].filter((place) => place?.role === 'tunnel');
  const found = places.flatMap((place) => tooSmall(saved, place, length));
  if (found.length > 0 || length > 0) return found;
  // Of the packet only the addresses are known: the pod's interface promises more than the tunnel carries.
  const tunnel = here.links.find(({ vxlan, mtu }) => vxlan !== null && mtu !== null);
  const wider = here.links.filter(
    ({ name, mtu }) => tunnel !== undefined && mtu !== null && mtu > tunnel.mtu! && /^(?:cali|veth|lxc)/.test(name),
  );
  const [first] = wider;
  if (tunnel === undefined || first === undefined) return NOTHING;
  return [confirms(tunnel.at, null, false), confirms(first.at, 'is wider than the tunnel', false)];
}

function linkAt(saved: Scene['saved'], place: Place | null): Link | null {
  const node = place === null ? undefined : saved.nodes.get(place.node);
  return node === undefined ? null : linkOf(node, place!.interface, ({ mtu }) => mtu !== null);
}

function tooSmall(saved: Scene['saved'], place: Place | null, length: number): readonly Testimony[] {
  const link = linkAt(saved, place);
  return link !== null && link.mtu! < length ? [confirms(link.at, `packets have up to ${length} octets`)] : NOTHING;
}
