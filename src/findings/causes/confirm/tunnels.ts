// Tunnel devices and their tables: ip -d link, bridge fdb, ip neigh.
import type { Forwarding, Link, NodeState, Vxlan } from '../../../state/facts.js';
import { linkOf, routeTo } from '../../../state/lookup.js';
import { macText } from '../../encapsulation/facts.js';
import { confirms, isInside, isReceiving, NOTHING, refutes, type Scene, type Testimony } from './scene.js';

const GBP = 0x80;
const PLAIN = 0x08;

function vxlans(here: NodeState): readonly (Link & { readonly vxlan: Vxlan })[] {
  return here.links.filter((link): link is Link & { vxlan: Vxlan } => link.vxlan !== null);
}

/** The node has a tunnel device with the packet's network number. */
export function networkNumber({ here, at }: Scene): readonly Testimony[] {
  const id = at.tunnel?.id ?? -1;
  const devices = vxlans(here);
  if (id < 0 || !isReceiving(at) || devices.some(({ vxlan }) => vxlan.id === null)) return NOTHING;
  const same = devices.find(({ vxlan }) => vxlan.id === id);
  if (same !== undefined) return [refutes(same.vxlan.at)];
  return devices.slice(0, 2).map(({ vxlan }) => confirms(vxlan.at, `no device has ${id}`));
}

/** A tunnel device that is up listens on the port. */
export function port({ here, at }: Scene): readonly Testimony[] {
  if (at.outerPort === null || !isReceiving(at)) return NOTHING;
  const devices = vxlans(here).filter(({ vxlan }) => vxlan.port !== null);
  const same = devices.filter(({ vxlan }) => vxlan.port === at.outerPort);
  const up = same.find(({ isUp }) => isUp);
  if (up !== undefined) return [refutes(up.vxlan.at)];
  const [down] = same;
  if (down !== undefined) return [confirms(down.at, `it listens on ${at.outerPort} only while it is up`)];
  return devices.slice(0, 2).map(({ vxlan }) => confirms(vxlan.at, `no device has ${at.outerPort}`));
}

/** MAC address of the device that takes the packet out of the tunnel. */
function deviceMac({ here, at }: Scene): Link['mac'] {
  if (!isReceiving(at)) return null;
  const id = at.tunnel?.id ?? -1;
  const place = [at.last, at.next].find((each) => each?.role === 'tunnel');
  const name = place?.interface ?? vxlans(here).find(({ vxlan }) => vxlan.id === id)?.name;
  return name === undefined ? null : (linkOf(here, name, (link) => link.mac)?.mac ?? null);
}

/** The packet inside is addressed to the MAC address that the tunnel device has. */
export function destinationMac(scene: Scene): readonly Testimony[] {
  const mac = deviceMac(scene);
  const wanted = scene.at.octets?.destinationMac ?? -1;
  if (mac === null || wanted < 0) return NOTHING;
  return mac.text === macText(wanted)
    ? [refutes(mac.at)]
    : [confirms(mac.at, `the packet is addressed to ${macText(wanted)}`), ...sender(scene, macText(wanted))];
}

/** Where the sending node got the address from. */
function sender({ saved, at }: Scene, mac: string): readonly Testimony[] {
  const there = at.sourceNode === null ? undefined : saved.nodes.get(at.sourceNode);
  const entry = there?.neighbours.find((each) => each.mac === mac);
  return entry === undefined ? NOTHING : [confirms(entry.at, `${at.sourceNode} takes it from here`)];
}

/** The packet inside comes from the MAC address that the tunnel device has itself. */
export function sourceMac(scene: Scene): readonly Testimony[] {
  const mac = deviceMac(scene);
  const source = scene.at.octets?.sourceMac ?? -1;
  if (mac === null || source < 0) return NOTHING;
  return [mac.text === macText(source) ? confirms(mac.at) : refutes(mac.at)];
}

/** Extensions of the VXLAN header that the device takes. */
export function extensions({ here, at }: Scene): readonly Testimony[] {
  const flags = at.octets?.outer?.flags ?? PLAIN;
  const device = vxlans(here).find(({ vxlan }) => vxlan.id === at.tunnel?.id);
  if (device === undefined || !isReceiving(at)) return NOTHING;
  const { extensions, at: line } = device.vxlan;
  if (extensions.length === 0) return [confirms(line, 'without gbp, gpe and remcsumrx it takes plain headers only')];
  return flags === (PLAIN | GBP) && extensions.includes('gbp') ? [refutes(line)] : NOTHING;
}

/** A device that learns keeps the entries that were made by hand, and drops what contradicts them. */
export function staticEntries({ here, at }: Scene): readonly Testimony[] {
  const device = vxlans(here).find(({ vxlan }) => vxlan.id === at.tunnel?.id);
  if (device === undefined || !isReceiving(at)) return NOTHING;
  if (!device.vxlan.learns) return [refutes(device.vxlan.at)];
  const mac = at.octets === null || at.octets.sourceMac < 0 ? null : macText(at.octets.sourceMac);
  const entry = here.forwarding.find((each) => each.device === device.name && each.mac === mac && each.isPermanent);
  if (entry === undefined || entry.destination === null) return NOTHING;
  if (entry.destination === at.outerSource) return [refutes(entry.at)];
  return [confirms(entry.at, `the packet comes from ${at.outerSource}`)];
}

/** From the route to the neighbour to the other end of the tunnel. */
export function forwardingEntry({ here, at }: Scene): readonly Testimony[] {
  const device = at.last?.role === 'tunnel' && isInside(at) ? at.last.interface : null;
  if (device === null || at.destination === null) return NOTHING;
  const entries = here.forwarding.filter((each) => each.device === device && each.destination !== null);
  const route = routeTo(here, at.destination);
  const hop = route === null || route === 'none' ? undefined : route.hops.find((each) => each.device === device);
  const neighbours = here.neighbours.filter((each) => each.device === device);
  const gateway = hop?.via ?? at.destination;
  const neighbour = neighbours.find(({ address }) => address === gateway);
  if (neighbour !== undefined && (neighbour.state === 'FAILED' || neighbour.state === 'INCOMPLETE')) {
    return [confirms(neighbour.at)];
  }
  if (neighbour === undefined && neighbours.length > 0 && hop !== undefined && route !== null && route !== 'none') {
    return [confirms(route.at, `and no neighbour entry of ${device} has ${gateway}`)];
  }
  // The packet itself bears the address when it was seen on the device.
  const octets = at.octets === null || at.octets.destinationMac < 0 ? null : macText(at.octets.destinationMac);
  const mac = neighbour?.mac ?? octets;
  if (mac === null) return NOTHING;
  const entry = entries.find((each) => each.mac === mac) ?? entries.find(isForAll);
  if (entry !== undefined) return [refutes(entry.at)];
  // An empty table and one that was not saved look the same.
  if (here.forwarding.length === 0 || neighbour === undefined) return NOTHING;
  return [confirms(neighbour.at, `and no forwarding entry of ${device} has ${mac}`)];
}

/** Floods what no other entry knows. */
function isForAll({ mac }: Forwarding): boolean {
  return mac === '00:00:00:00:00:00';
}

/** Where the node sends tunnel packets for the other end, while packets from there come from elsewhere. */
export function returnAddress({ here, at }: Scene): readonly Testimony[] {
  if (at.outerDestination === null) return NOTHING;
  const route = routeTo(here, at.outerDestination);
  if (route === 'none') return [confirms(here.routes[0]!.at, `none of its routes leads to ${at.outerDestination}`)];
  if (route !== null && ['unreachable', 'prohibit', 'blackhole'].includes(route.type)) return [confirms(route.at)];
  const entry = here.forwarding.find(({ destination }) => destination === at.outerDestination);
  if (entry === undefined || !at.returnsElsewhere) return NOTHING;
  return [confirms(entry.at, `packets from there come from ${at.outerReturn}`, false)];
}

/** The address that the node tunnels to is, or is not, one of another node. */
export function remoteAddress({ saved, here, at }: Scene): readonly Testimony[] {
  const { outerDestination } = at;
  if (outerDestination === null) return NOTHING;
  for (const [name, node] of saved.nodes) {
    const own = name === at.node ? undefined : node.addresses.find(({ address }) => address === outerDestination);
    if (own !== undefined) return [refutes(own.at, `${outerDestination} is an address of ${name}`)];
  }
  const named = saved.cluster.find(outerDestination);
  if (named !== null)
    return named.kind === 'node' ? [refutes(named.at, `an address of node ${named.name}`, false)] : [];
  const entry = here.forwarding.find(({ destination }) => destination === outerDestination);
  if (entry === undefined || saved.cluster.nodes === null) return NOTHING;
  return [confirms(entry.at, `no node of the cluster has ${outerDestination}`)];
}
