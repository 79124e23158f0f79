import { sourceId } from '../../net/packet-addresses.js';
import type { Finding } from '../../report/report.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import { ethernetSrcAt } from '../../wire/ethernet.js';
import { Layer } from '../../wire/layers.js';
import { type FindingContext } from '../context.js';
import { factsOf, macAt, macText, type TunnelStream } from './facts.js';
import { cause, shownBy } from './told.js';

/** Endpoints compared for one MAC address at most. */
const ENDPOINTS = 8;
const INNER_SOURCES = 256;
const EXAMPLES = 2;

/** What one endpoint sends from a MAC address, at one point. */
interface Sender {
  readonly endpoint: number;
  /** Positions in the order of frames. */
  readonly first: number;
  last: number;
  frames: number;
  readonly innerSources: Set<number>;
  readonly examples: KeptFrame[];
}

/** Two endpoints whose tunnel devices have one MAC address: they send from it, and a third one sends to both with it. */
export function macDuplicate(context: FindingContext): Finding[] {
  // Where not all frames are kept, what two endpoints seem to send of their own may be the same on both sides of a translation.
  if (!context.store.complete) return [];
  const { addresses, points } = context.names;
  const shared = sharedMacs(factsOf(context).streams);
  if (shared.size === 0) return [];
  const told = new Set<string>();
  const findings: Finding[] = [];
  for (const [key, senders] of sendersOf(context, shared)) {
    const [point, vni, mac] = key.split(' ').map(Number) as [number, number, number];
    for (const [i, one] of senders.entries()) {
      for (const other of senders.slice(i + 1)) {
        const name = [mac, ...[one.endpoint, other.endpoint].sort((a, b) => a - b)].join(' ');
        if (told.has(name) || !areTwo(one, other)) continue;
        told.add(name);
        const [a, b] = [addresses.text(one.endpoint), addresses.text(other.endpoint)];
        const frames = [...one.examples, ...other.examples].sort(
          (x, y) => x.seconds - y.seconds || x.nanoseconds - y.nanoseconds || x.frame - y.frame,
        );
        const notes = frames.map(
          (kept) => `${one.examples.includes(kept) ? a : b} sends from ${macText(mac)} inside the tunnel`,
        );
        const count = one.frames + other.frames;
        findings.push(
          shownBy(context, frames, notes, {
            kind: 'vtep-mac-duplicate',
            severity: 'warning',
            certainty: 'shown',
            count,
            of: count,
            title: `the tunnel devices of ${a} and ${b} have one MAC address, ${macText(mac)} (VNI ${vni}, seen at ${points[point]!.name})`,
            causes: [
              cause(
                'vtep-mac-duplicate',
                0.95,
                'both send from it, and others send to both with it; each drops what comes from the other, as its own that came back: cloned machines, a copied interface file, or one node name used twice',
                `ip -d link show type vxlan | grep ether   # on ${a} and on ${b}`,
              ),
            ],
          }),
        );
      }
    }
  }
  return findings;
}

/** `point VNI MAC` and the endpoints that have this address there: another one sends to each of them with it, and gets from them. */
function sharedMacs(streams: readonly TunnelStream[]): Map<string, Set<number>> {
  const sentTo = new Set(
    streams.map(({ point, vni, src, dst, destinationMac }) => `${point} ${vni} ${destinationMac} ${dst} ${src}`),
  );
  const peers = new Map<string, Set<number>>();
  for (const { point, vni, src, dst, sourceMac } of streams) {
    if (sourceMac < 0 || !sentTo.has(`${point} ${vni} ${sourceMac} ${src} ${dst}`)) continue;
    const key = `${point} ${vni} ${sourceMac}`;
    const endpoints = peers.get(key);
    if (endpoints === undefined) peers.set(key, new Set([src]));
    else if (endpoints.size < ENDPOINTS) endpoints.add(src);
  }
  for (const [key, endpoints] of peers) if (endpoints.size < 2) peers.delete(key);
  return peers;
}

function sendersOf(context: FindingContext, shared: ReadonlyMap<string, ReadonlySet<number>>): Map<string, Sender[]> {
  const { store, names } = context;
  const found = new Map<string, Sender[]>();
  for (const [at, kept] of store.frames.entries()) {
    const packet = store.view(kept);
    const { view, ethAt, outerIpAt, outerIpVersion } = packet;
    if (packet.tunnelKind !== Layer.VXLAN || outerIpAt < 0 || ethAt < 0 || packet.ipAt <= outerIpAt) continue;
    const key = `${kept.point} ${packet.tunnelId} ${macAt(view, ethernetSrcAt(ethAt))}`;
    const endpoint = sourceId(view, outerIpAt, outerIpVersion, names.addresses);
    if (shared.get(key)?.has(endpoint) !== true) continue;
    let senders = found.get(key);
    if (senders === undefined) found.set(key, (senders = []));
    let sender = senders.find((other) => other.endpoint === endpoint);
    if (sender === undefined) {
      senders.push((sender = { endpoint, first: at, last: at, frames: 0, innerSources: new Set(), examples: [] }));
    }
    sender.last = at;
    sender.frames++;
    if (sender.examples.length < EXAMPLES) sender.examples.push(kept);
    if (sender.innerSources.size < INNER_SOURCES) {
      sender.innerSources.add(sourceId(view, packet.ipAt, packet.ipVersion, names.addresses));
    }
  }
  return found;
}

/**
 * Whether these are two machines at work side by side. One that changes its address sends from the old one first and from the
 * new one then; one whose outer source is translated sends the same packets from both.
 */
function areTwo(one: Sender, other: Sender): boolean {
  if (one.first > other.last || other.first > one.last) return false;
  return ![...one.innerSources].some((address) => other.innerSources.has(address));
}
