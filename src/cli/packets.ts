import type { CaptureError, PacketView } from '../index.js';
import { resolveInputs, type CaptureInput } from '../inputs.js';
import { PointTable } from '../net/points.js';
import type { DiagnoseOptions } from '../options.js';
import { AT_A_TIME, filterOf, firstTimes, FrameCursor, newView, PointResolver } from '../reading.js';
import type { PacketMeta } from '../report/packet-row.js';
import { MessageStreams } from '../wire/message-streams.js';
import type { Message } from '../wire/messages.js';

/** A decoded frame and where it comes from; both are valid until the next one is asked for. */
export interface PacketFrame {
  readonly packet: PacketView;
  readonly meta: PacketMeta;
  /** Those that span segments are with the segment that completes them. */
  readonly messages: readonly Message[];
}

/** Every frame that the options let through, captures merged by time; frames of one capture stay in its order. */
export async function* packetFrames(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions,
): AsyncGenerator<PacketFrame> {
  const filter = options.filter === undefined ? null : await filterOf(options.filter);
  const within = timeTest(options);
  const sources = await resolveInputs(inputs, options);
  const points = new PointTable();
  const packet = newView(options);
  const meta = { point: '', file: '', frame: 0, seconds: 0, nanoseconds: 0, interfaceName: null as string | null };
  const streams = new MessageStreams();
  // Few captures are opened at once, many in turn: a process may have no more than some hundred files open
  const first = sources.length <= AT_A_TIME ? null : await firstTimes(sources, options.signal);
  const waiting = sources.map((source, number) => {
    const [seconds, nanoseconds] = first?.[number] ?? [-Infinity, 0];
    return new FrameCursor(source, number, new PointResolver(source, points), seconds, nanoseconds);
  });
  waiting.sort((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : a.number - b.number));
  const faults: (CaptureError | null)[] = [];
  const cursors: FrameCursor[] = [];
  let opened = 0;
  for (;;) {
    const cursor = earliest(cursors);
    const [candidate] = waiting;
    if (candidate !== undefined && (cursor === null || !isBefore(cursor, candidate))) {
      waiting.shift();
      if (await candidate.open(options.signal)) opened++;
      if (candidate.batch !== null) cursors.push(candidate);
      else faults[candidate.number] = candidate.fault;
      continue;
    }
    if (cursor === null) break;
    const batch = cursor.batch!;
    const { index } = cursor;
    meta.seconds = cursor.seconds;
    meta.nanoseconds = cursor.nanoseconds;
    if (within(meta.seconds, meta.nanoseconds)) {
      packet.decodeAt(batch, index);
      const interfaceId = batch.interfaceIds[index]!;
      const point = cursor.resolver.pointOf(batch, interfaceId, packet.interfaceIndex).name;
      const messages = streams.messagesOf(packet, point);
      if (filter === null || filter.matches(packet)) {
        meta.point = point;
        meta.file = cursor.source.file;
        meta.frame = batch.firstFrame + index;
        meta.interfaceName = batch.interfaces[interfaceId]?.name ?? null;
        yield { packet, meta, messages };
      }
    }
    if (!cursor.step() && !(await cursor.refill())) {
      cursors.splice(cursors.indexOf(cursor), 1);
      faults[cursor.number] = cursor.fault;
    }
  }
  const told = faults.filter((fault) => fault !== null);
  if (opened === 0) throw told[0]!;
  const { givenUp } = streams.counts;
  if (givenUp > 0) {
    const what = givenUp === 1 ? 'a DNS or BGP message' : `${givenUp} DNS or BGP messages`;
    options.onNotice?.(`${what} over several segments could not be put together: segments are missing or were cut`);
  }
  for (const fault of told) options.onNotice?.(`${fault.file}: ${fault.message}`);
}

/** Whether a time lies between --since and --until, without a bigint for each frame. */
function timeTest({ since, until }: DiagnoseOptions): (seconds: number, nanoseconds: number) => boolean {
  const [fromSecond, fromNs] = since === undefined ? [-1, 0] : parts(since);
  const [toSecond, toNs] = until === undefined ? [Infinity, 0] : parts(until);
  return (seconds, nanoseconds) =>
    (seconds > fromSecond || (seconds === fromSecond && nanoseconds >= fromNs)) &&
    (seconds < toSecond || (seconds === toSecond && nanoseconds <= toNs));
}

function parts(time: bigint): [seconds: number, nanoseconds: number] {
  return [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)];
}

/** The cursor whose next frame is the oldest, of equals the one given first; null when there is none. */
function earliest(cursors: readonly FrameCursor[]): FrameCursor | null {
  let first: FrameCursor | null = null;
  for (const cursor of cursors)
    if (first === null || isBefore(cursor, first) || (!isBefore(first, cursor) && cursor.number < first.number))
      first = cursor;
  return first;
}

function isBefore(a: FrameCursor, b: FrameCursor): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanoseconds < b.nanoseconds);
}
