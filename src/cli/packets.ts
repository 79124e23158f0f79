import type { CaptureError, PacketView } from '../index.js';
import { resolveInputs, type CaptureInput } from '../inputs.js';
import { PointTable } from '../net/points.js';
import type { DiagnoseOptions } from '../options.js';
import { filterOf, FrameCursor, newView, openAll, PointResolver } from '../reading.js';
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
  const sources = await resolveInputs(inputs, options.signal);
  const points = new PointTable();
  const faults: CaptureError[] = [];
  const packet = newView(options);
  const meta = { point: '', file: '', frame: 0, seconds: 0, nanoseconds: 0, interfaceName: null as string | null };
  const streams = new MessageStreams();
  const cursors: FrameCursor[] = [];
  for (const { source, number, capture } of await openAll(sources, options.signal, faults)) {
    const cursor = new FrameCursor(source, number, capture, new PointResolver(source, points), 0);
    if (await cursor.refill()) cursors.push(cursor);
    else if (capture.damage !== null) faults.push(capture.damage);
  }
  while (cursors.length > 0) {
    const cursor = earliest(cursors);
    const batch = cursor.batch!;
    const index = cursor.index;
    meta.seconds = batch.seconds[index]!;
    meta.nanoseconds = batch.nanoseconds[index]!;
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
    if (++cursor.index === batch.count && !(await cursor.refill())) {
      cursors.splice(cursors.indexOf(cursor), 1);
      if (cursor.capture.damage !== null) faults.push(cursor.capture.damage);
    }
  }
  const { givenUp } = streams.counts;
  if (givenUp > 0) {
    const what = givenUp === 1 ? 'a DNS or BGP message' : `${givenUp} DNS or BGP messages`;
    options.onNotice?.(`${what} over several segments could not be put together: segments are missing or were cut`);
  }
  for (const fault of faults) options.onNotice?.(`${fault.file}: ${fault.message}`);
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

/** The cursor whose next frame is the oldest; the first of equals. */
function earliest(cursors: readonly FrameCursor[]): FrameCursor {
  let first = cursors[0]!;
  for (let i = 1; i < cursors.length; i++) if (isBefore(cursors[i]!, first)) first = cursors[i]!;
  return first;
}

function isBefore(a: FrameCursor, b: FrameCursor): boolean {
  const seconds = a.batch!.seconds[a.index]! - b.batch!.seconds[b.index]!;
  return seconds < 0 || (seconds === 0 && a.batch!.nanoseconds[a.index]! < b.batch!.nanoseconds[b.index]!);
}
