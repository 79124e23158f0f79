import type { Evidence } from '../../report/report.js';
import { TcpFlag } from '../../wire/tcp.js';
import type { ResetSighting, TcpEvidence } from './evidence.js';
import { has, isSyn, isSynAck, type Segment } from './segment.js';
import { sideOf } from './connections.js';
import { proof, sideText, spanText } from './texts.js';

/** RSTs this close together are one pulse, nanoseconds. */
const PULSE = 5e9;
const LEAST = 5;
/** The capture must be this much longer than a pulse to show one. */
const LONGER = 6;

/** What one point shows of a service. */
interface Tally {
  /** RSTs of the side that resets. */
  readonly resets: Segment[];
  readonly syn: number;
  readonly synAck: number;
  readonly fin: number;
  readonly span: number;
}

/** SYN, SYN,ACK, FIN and RST of the service where they are seen for longest, and whether its RSTs came in a pulse. */
export function pulseOf(evidence: TcpEvidence, sighting: ResetSighting): Evidence[] {
  const { context } = evidence;
  const [longest] = context.names.points
    .map(({ id }) => tallyAt(evidence, id, sighting))
    .filter(({ resets }) => resets.length > 0)
    .sort((a, b) => b.span - a.span);
  if (longest === undefined || longest.resets.length < 2) return [];
  const { resets, syn, synAck, fin, span } = longest;
  const server = sideText(context, sighting.connection.server);
  const who = sighting.sender === sighting.connection.server ? 'server' : 'client';
  const note = `${server} here: ${syn} SYN, ${synAck} SYN,ACK, ${fin} sides with a FIN, ${resets.length} RST of the ${who} in ${spanText(span)}`;
  const most = mostWithin(
    resets.map(({ time }) => time).sort((a, b) => a - b),
    PULSE,
  );
  const isPulse = most.count >= LEAST && most.count * 2 > resets.length && span > LONGER * PULSE;
  const more = isPulse ? `; ${most.count} of the RST within ${spanText(most.span)}: a pulse` : '';
  return [proof(context, resets[0]!, note + more)];
}

function tallyAt({ connections }: TcpEvidence, point: number, { connection, sender }: ResetSighting): Tally {
  const { server } = connection;
  const resets: Segment[] = [];
  const counts = { syn: 0, synAck: 0, fin: 0 };
  let first = Infinity;
  let last = -Infinity;
  for (const other of connections.ofEnd(point, server.address, server.port)) {
    first = Math.min(first, other.first.time);
    last = Math.max(last, other.last.time);
    counts.syn += other.client.syns;
    counts.synAck += other.server.syns;
    for (const { fin } of [other.client, other.server]) if (fin !== null) counts.fin++;
    const side = sender === server ? other.server : other.client;
    for (const segment of other.segments) {
      const isFrom = sideOf(other, segment) === side;
      if (isFrom && has(segment, TcpFlag.RST) && !isSyn(segment) && !isSynAck(segment)) resets.push(segment);
    }
  }
  return { resets, ...counts, span: last - first };
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
