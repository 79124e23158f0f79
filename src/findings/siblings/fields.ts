import { formatMac } from '../../wire/format.js';
import { ethernetDstAt, ethernetSrcAt } from '../../wire/ethernet.js';
import { ipv4DontFragment, ipv4Tos, ipv4TotalLength, ipv4Ttl } from '../../wire/ipv4.js';
import { ipv6HopLimit, ipv6TrafficClass } from '../../wire/ipv6.js';
import { LAYER_NAMES, Layer } from '../../wire/layers.js';
import { ipChecksum, l4Checksum, type ChecksumState } from '../../wire/packet-checksums.js';
import type { PacketView } from '../../wire/packet.js';
import type { Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { octetsOf } from '../break.js';
import type { FindingContext } from '../context.js';

/** What two packets of one kind are compared by, the outermost header first; values as they are printed. */
export type Fields = ReadonlyMap<string, string>;

/** Source MAC addresses differ wherever two packets come from different nodes, which says nothing. */
export const SOURCE_MACS: ReadonlySet<string> = new Set(['source MAC address', 'inner source MAC address']);

/** The packets' names, so to say: told only where nothing else differs. */
export const NAMES: ReadonlySet<string> = new Set(['source', 'destination']);

/** Told only where one of two packets is the longer one, and too long for somebody. */
export const LENGTH = 'length';

/** Identifiers, sequence numbers and the client's ports are left out: they differ from packet to packet. */
export function fieldsAt(context: FindingContext, trail: Trail, sighting: Sighting): Fields | null {
  const kept = context.store.find(sighting.file, sighting.frame);
  if (kept === null) return null;
  const packet = context.store.view(kept);
  const { names } = context;
  const fields = new Map<string, string>();
  const tunnel = names.tunnels.get(sighting.tunnel);
  fields.set('tunnel', tunnel === null ? 'none' : LAYER_NAMES[tunnel.kind]!);
  if (tunnel !== null) {
    fields.set('outer source', names.addresses.text(tunnel.src));
    fields.set('outer destination', names.addresses.text(tunnel.dst));
    if (tunnel.id >= 0) fields.set('VNI', String(tunnel.id));
    if (packet.outerUdpAt >= 0) fields.set('outer UDP port', String(tunnel.destinationPort));
  }
  if (packet.outerIpAt >= 0) {
    addIp(fields, 'outer ', packet.view, packet.outerIpAt, packet.outerIpVersion);
    addChecksum(fields, 'outer UDP checksum', octetsOf(context, sighting)?.outer?.checksum ?? null);
  }
  addMacs(fields, packet);
  if (packet.ipAt >= 0) addIp(fields, '', packet.view, packet.ipAt, packet.ipVersion);
  addChecksum(fields, 'IP header checksum', ipChecksum(packet));
  addChecksum(fields, 'checksum', l4Checksum(packet));
  const outermost = packet.outerIpAt >= 0 ? packet.outerIpAt : packet.ipAt;
  if (outermost >= 0 && packet.view.getUint8(outermost) >> 4 === 4) {
    fields.set(LENGTH, String(ipv4TotalLength(packet.view, outermost)));
  }
  const { form } = sighting;
  const server = trail.direction === 'reply' ? form.sourcePort : form.destinationPort;
  if (server >= 0) fields.set(trail.direction === 'reply' ? 'source port' : 'destination port', String(server));
  fields.set('source', names.addresses.text(form.src));
  fields.set('destination', names.addresses.text(form.dst));
  return fields;
}

function addIp(fields: Map<string, string>, outer: string, view: DataView, at: number, version: number): void {
  const isFour = version === 4;
  const tos = isFour ? ipv4Tos(view, at) : ipv6TrafficClass(view, at);
  fields.set(`${outer}TTL`, String(isFour ? ipv4Ttl(view, at) : ipv6HopLimit(view, at)));
  fields.set(`${outer}DSCP`, String(tos >> 2));
  fields.set(`${outer}ECN`, String(tos & 3));
  if (isFour) fields.set(`${outer}DF`, ipv4DontFragment(view, at) ? 'set' : 'not set');
}

/** Sums that a card or nobody finishes are as good as right ones. */
function addChecksum(fields: Map<string, string>, name: string, state: ChecksumState | null): void {
  if (state !== null && state !== 'unverifiable') fields.set(name, state === 'bad' ? 'bad' : 'good or offloaded');
}

function addMacs(fields: Map<string, string>, packet: PacketView): void {
  const { view, ethAt, frameAt, tunnelDepth } = packet;
  if (packet.layerCount > 0 && packet.layerKinds[0] === Layer.ETH) {
    fields.set('destination MAC address', formatMac(view, ethernetDstAt(frameAt)));
    fields.set('source MAC address', formatMac(view, ethernetSrcAt(frameAt)));
  }
  if (tunnelDepth === 0 || ethAt < 0) return;
  fields.set('inner destination MAC address', formatMac(view, ethernetDstAt(ethAt)));
  fields.set('inner source MAC address', formatMac(view, ethernetSrcAt(ethAt)));
}
