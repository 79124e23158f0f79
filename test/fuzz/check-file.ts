/** What must hold of any octets that are given as a capture. */
import { CaptureError, type Capture } from '../../src/capture/capture.js';
import { openCapture } from '../../src/capture/open.js';
import { jsonLine } from '../../src/report/json.js';
import { packetRow } from '../../src/report/packet-row.js';
import { PacketView } from '../../src/wire/index.js';
import type { FileRecipe, FuzzFile } from './file-changes.js';
import type { FuzzFrame } from './frame-changes.js';
import { jsonFault, textFault } from './printed.js';
import { spent } from './spent.js';

/** Milliseconds for one file of some hundred kilobytes. */
const MOST_TIME = 5000;
/** Frames of one file: damage can make many short ones of a long one. */
const MOST_FRAMES = 200_000;

interface Reading {
  readonly frames: readonly FuzzFrame[];
  /** Code, octet, frame and message of what ended it; null for a sound file. */
  readonly end: string | null;
  readonly fault: string | null;
}

/** What is wrong with how a file is read; null for nothing. */
export async function fileFault(file: FuzzFile, { chunk, batchFrames }: FileRecipe): Promise<string | null> {
  const started = spent();
  const whole = await read(() => openCapture(file.octets));
  const inPieces = await read(
    () => openCapture(new Blob([file.octets.slice()]), { chunk, batchFrames }),
    file.size + chunk,
  );
  if (spent() - started > MOST_TIME) return `takes ${(spent() - started).toFixed(0)} ms`;
  if (whole.fault !== null) return whole.fault;
  if (inPieces.fault !== null) return `in pieces of ${chunk}: ${inPieces.fault}`;
  if (whole.end !== inPieces.end) return `ends with ${whole.end}, in pieces of ${chunk} with ${inPieces.end}`;
  if (whole.frames.length !== inPieces.frames.length) return `${inPieces.frames.length} frames in pieces of ${chunk}`;
  const differs = whole.frames.findIndex((frame, index) => !isSame(frame, inPieces.frames[index]!));
  if (differs >= 0) return `frame ${differs + 1} is another in pieces of ${chunk}`;
  const lost = file.sound.findIndex(
    (frame, index) => whole.frames[index] === undefined || !isSame(frame, whole.frames[index]),
  );
  return lost < 0 ? null : `frame ${lost + 1} of ${file.sound.length} before the damage is not there (${whole.end})`;
}

function isSame(a: FuzzFrame, b: FuzzFrame): boolean {
  return a.linkType === b.linkType && a.originalLength === b.originalLength && Buffer.compare(a.octets, b.octets) === 0;
}

/** Reads a capture to its end; `size` bounds the buffer that this may take. */
async function read(open: () => Promise<Capture>, size = Infinity): Promise<Reading> {
  const frames: FuzzFrame[] = [];
  const ended = (end: string | null, fault: string | null = null): Reading => ({ frames, end, fault });
  let capture: Capture;
  try {
    capture = await open();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return ended(endText(error), messageFault(error));
  }
  const packet = new PacketView();
  const alone = new PacketView();
  for await (const batch of capture) {
    if (batch.firstFrame !== frames.length + 1) return ended(null, `batch begins at frame ${batch.firstFrame}`);
    // The window doubles for a record that is there, and has room for what is read next
    if (batch.octets.length > 4 * size + (1 << 20)) return ended(null, `buffer of ${batch.octets.length} octets`);
    for (let index = 0; index < batch.count; index++) {
      const from = batch.offsets[index]!;
      const end = from + batch.capturedLengths[index]!;
      const origin = batch.interfaces[batch.interfaceIds[index]!];
      if (origin === undefined) return ended(null, `interface ${batch.interfaceIds[index]}`);
      if (end < from || end > batch.octets.length) return ended(null, `frame from ${from} to ${end}`);
      if (batch.nanoseconds[index]! >= 1e9) return ended(null, `${batch.nanoseconds[index]} nanoseconds`);
      const octets = batch.octets.slice(from, end);
      const originalLength = batch.originalLengths[index]!;
      const { linkType } = origin;
      frames.push({ octets, originalLength, linkType });
      if (frames.length > MOST_FRAMES) return ended(null, `${frames.length} frames`);
      if (index > 20) continue;
      // In the reader's buffer a read beyond the frame would find other octets
      packet.decodeAt(batch, index);
      alone.decodeFrame(octets, new DataView(octets.buffer), 0, octets.length, originalLength, linkType);
      if (rowText(packet, origin.name) !== rowText(alone, origin.name)) {
        return ended(null, `frame ${frames.length} is told otherwise in its buffer`);
      }
    }
  }
  if (capture.frames !== frames.length) return ended(null, `${capture.frames} frames counted`);
  const names = jsonFault(
    jsonLine([...capture.names, ...capture.interfaces.map(({ name, filter }) => [name, filter])]),
  );
  if (names !== null) return ended(null, names);
  if (capture.damage === null) return ended(null);
  if (capture.damage.frame !== frames.length) return ended(null, `damage after frame ${capture.damage.frame}`);
  return ended(endText(capture.damage), messageFault(capture.damage));
}

function rowText(packet: PacketView, interfaceName: string | null): string {
  return jsonLine(packetRow(packet, { point: 'n/a', file: 'a', frame: 1, seconds: 1, nanoseconds: 0, interfaceName }));
}

function endText({ code, octet, frame, message }: CaptureError): string {
  return `${code} at octet ${octet} after frame ${frame}: ${message}`;
}

function messageFault(error: CaptureError): string | null {
  if (error.message.length < 10 || error.message.length > 150) return `message of ${error.message.length} characters`;
  if (error.octet !== null && error.octet < 0) return `damage at octet ${error.octet}`;
  return textFault(error.message);
}
