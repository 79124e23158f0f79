import type { Evidence } from '../../report/report.js';
import { endText, timeText } from '../../trail/rows.js';
import { TcpFlag } from '../../wire/tcp.js';
import { placeOf, type FindingContext } from '../context.js';
import type { Side } from './connections.js';
import type { Segment } from './segment.js';

/** Items of evidence that a finding shows. */
export const EXAMPLES = 5;

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK'];

/** `10.0.0.1:80` */
export function sideText(context: FindingContext, { address, port }: Pick<Side, 'address' | 'port'>): string {
  return endText(context.names, address, port);
}

export function timeOf({ kept }: Pick<Segment, 'kept'>): string {
  return timeText(kept.seconds, kept.nanoseconds);
}

/** A frame as evidence. */
export function proof(context: FindingContext, { kept }: Pick<Segment, 'kept'>, note: string): Evidence {
  return { ...placeOf(context, kept), note };
}

/** `10.0.0.1:80 > 10.0.0.2:4431 RST,ACK seq 1 ack 2 ttl 64` */
export function segmentText(context: FindingContext, segment: Segment): string {
  const from = endText(context.names, segment.src, segment.sourcePort);
  const to = endText(context.names, segment.dst, segment.destinationPort);
  const flags = FLAGS.filter((_, bit) => (segment.flags & (1 << bit)) !== 0).join(',');
  const ack = (segment.flags & TcpFlag.ACK) !== 0 ? ` ack ${segment.ack}` : '';
  const length = segment.payloadLength > 0 ? ` len ${segment.payloadLength}` : '';
  return `${from} > ${to} ${flags} seq ${segment.seq}${ack}${length} ttl ${segment.ttl}`;
}

/** Which node a command is for, as a comment behind it. */
export function on(context: FindingContext, point: number): string {
  const { node } = context.names.points[point]!;
  return node === '' ? '' : `   # on ${node}`;
}

/** `12.5 s`, `3 min`, of nanoseconds. */
export function spanText(nanoseconds: number): string {
  const seconds = nanoseconds / 1e9;
  if (seconds < 0.001) return `${Math.round(nanoseconds / 1e3)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 120) return `${Math.round(seconds * 10) / 10} s`;
  return `${Math.round(seconds)} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
