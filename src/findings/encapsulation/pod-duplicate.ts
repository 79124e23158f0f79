import type { Finding } from '../../report/report.js';
import { sourceId } from '../../net/packet-addresses.js';
import type { KeptFrame } from '../../trail/frame-store.js';
import type { FindingContext } from '../context.js';
import { macAt, macText } from './facts.js';
import { cause, shownBy } from './told.js';
import { ethernetSrcAt } from '../../wire/ethernet.js';

/** Addresses watched at most. */
const LIMIT = 1 << 16;

interface Turns {
  /** Tunnel endpoint and MAC address of its device behind which the address was seen last. */
  endpoint: number;
  mac: number;
  /** The first endpoint, the other one, and the first again: what a pod that moved never shows. */
  readonly frames: KeptFrame[];
  readonly endpoints: { endpoint: number; mac: number }[];
}

/** Pod addresses that send from behind two tunnel endpoints by turns. */
export function podDuplicate(context: FindingContext): Finding[] {
  const { names } = context;
  const { addresses } = names;
  const turns = new Map<string, Turns>();
  for (const kept of context.store.frames) {
    const packet = context.store.view(kept);
    if (packet.tunnelDepth !== 1 || packet.ipAt < 0 || packet.ethAt < 0 || packet.outerIpAt < 0) continue;
    const { view } = packet;
    const key = `${kept.point} ${sourceId(view, packet.ipAt, packet.ipVersion, addresses)}`;
    const endpoint = sourceId(view, packet.outerIpAt, packet.outerIpVersion, addresses);
    const mac = macAt(view, ethernetSrcAt(packet.ethAt));
    const seen = turns.get(key);
    if (seen === undefined) {
      if (turns.size < LIMIT) turns.set(key, { endpoint, mac, frames: [kept], endpoints: [{ endpoint, mac }] });
      continue;
    }
    // A NAT box between changes the endpoint and not the device; a device that was made anew, the other way round.
    if (seen.endpoint === endpoint || seen.mac === mac) continue;
    seen.endpoint = endpoint;
    seen.mac = mac;
    if (seen.frames.length < 4) {
      seen.frames.push(kept);
      seen.endpoints.push({ endpoint, mac });
    }
  }
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const [key, { frames, endpoints }] of turns) {
    const address = addresses.text(Number(key.slice(key.indexOf(' ') + 1)));
    if (frames.length < 3 || told.has(address)) continue;
    told.add(address);
    const who = endpoints.slice(0, 2).map(({ endpoint, mac }) => `${addresses.text(endpoint)} (${macText(mac)})`);
    findings.push(
      shownBy(
        context,
        frames,
        endpoints.map(({ endpoint }) => `${address} behind ${addresses.text(endpoint)}`),
        {
          kind: 'pod-ip-duplicate',
          severity: 'error',
          certainty: 'shown',
          title: `${address} sends by turns from behind ${who.join(' and ')}`,
          causes: [
            cause(
              'pod-ip-duplicate',
              0.9,
              'two pods have one address: the list of given-out addresses was lost, or the ranges of two nodes overlap',
              `kubectl get pod -A -o wide | grep -w ${address}; calicoctl ipam show --ip=${address}`,
            ),
          ],
        },
      ),
    );
  }
  return findings;
}
