import type { Evidence } from '../../report/report.js';
import type { Exchange } from '../../trail/exchange.js';
import { tcpMss, tcpMssAt, TcpFlag } from '../../wire/tcp.js';
import { Layer } from '../../wire/layers.js';
import { placeOf, type FindingContext } from '../context.js';

/** Octets of IPv4 and TCP header without options; IPv6's is longer by 20. */
const HEADERS = 40;

/** How large the segments may be that both sides of a connection asked for, as its SYNs say where they were seen first. */
export function announcedMss(context: FindingContext, exchange: Exchange): Evidence[] {
  const { names, store } = context;
  const told = new Map<string, Evidence>();
  for (const trail of context.trails) {
    if (trail.exchange !== exchange || (trail.c & TcpFlag.SYN) === 0 || trail.direction === null) continue;
    const sighting = trail.firstSighting;
    const kept = store.find(sighting.file, sighting.frame);
    if (told.has(trail.direction) || kept === null) continue;
    const packet = store.view(kept);
    if (packet.l4Kind !== Layer.TCP) continue;
    const { view, l4At } = packet;
    const option = tcpMssAt(view, l4At, packet.frameEnd);
    if (option < 0) continue;
    const mss = tcpMss(view, option);
    const largest = mss + HEADERS + (packet.ipVersion === 6 ? 20 : 0);
    told.set(trail.direction, {
      ...placeOf(context, sighting),
      note: `${names.addresses.text(trail.first.src)} takes segments of up to ${mss} octets (MSS), packets of ${largest}`,
    });
  }
  return [...told.values()];
}
