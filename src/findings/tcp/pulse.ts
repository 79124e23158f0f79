import type { Evidence } from '../../report/report.js';
import { TcpFlag } from '../../wire/tcp.js';
import type { ResetSighting, TcpEvidence } from './evidence.js';
import { has, isSyn, isSynAck } from './segment.js';
import { proof, sideText, spanText } from './texts.js';

/** RSTs this close together are one pulse, nanoseconds. */
const PULSE = 5e9;
const LEAST = 5;
/** The capture must be this much longer than a pulse to show one. */
const LONGER = 6;

/** SYN, SYN,ACK, FIN and RST of the service at the point where a RST was seen, and whether its RSTs came in a pulse. */
export function pulseOf({ connections, context }: TcpEvidence, sighting: ResetSighting): Evidence[] {
  const { server, point } = sighting.connection;
  const resets: number[] = [];
  const counts = { syn: 0, synAck: 0, fin: 0 };
  let first = Infinity;
  let last = -Infinity;
  for (const connection of connections.ofEnd(point, server.address, server.port)) {
    first = Math.min(first, connection.first.time);
    last = Math.max(last, connection.last.time);
    counts.syn += connection.client.syns;
    counts.synAck += connection.server.syns;
    for (const { fin } of [connection.client, connection.server]) if (fin !== null) counts.fin++;
    for (const segment of connection.segments) {
      if (has(segment, TcpFlag.RST) && !isSyn(segment) && !isSynAck(segment)) resets.push(segment.time);
    }
  }
  const note = `${sideText(context, server)} here: ${counts.syn} SYN, ${counts.synAck} SYN,ACK, ${counts.fin} FIN, ${resets.length} RST in ${spanText(last - first)}`;
  const most = mostWithin(
    resets.sort((a, b) => a - b),
    PULSE,
  );
  const isPulse = most.count >= LEAST && most.count * 2 > resets.length && last - first > LONGER * PULSE;
  if (!isPulse) return resets.length < 2 ? [] : [proof(context, sighting.reset, note)];
  return [proof(context, sighting.reset, `${note}; ${most.count} of the RST within ${spanText(most.span)}: a pulse`)];
}

/** The most of sorted times that lie within a span. */
function mostWithin(times: readonly number[], span: number): { count: number; span: number } {
  let best = { count: 0, span: 0 };
  let from = 0;
  for (const [to, time] of times.entries()) {
    while (time - times[from]! > span) from++;
    if (to - from + 1 > best.count) best = { count: to - from + 1, span: time - times[from]! };
  }
  return best;
}
