import { CaptureError, type CaptureSource } from './capture.js';
import { FORMAT_MAGIC, formatOf } from './format.js';
import { readFully, ReadFault } from './octet-reader.js';
import { openCompressed } from './sniff.js';
import { openSource } from './sources.js';

/** A file of text, as far as it was read. */
export interface TextFile {
  readonly text: string;
  /** There is more than was read. */
  readonly isCut: boolean;
  /** Its octets are those of a capture, or no text at all. */
  readonly kind: 'text' | 'capture' | 'binary';
}

const CHUNK = 1 << 16;

/** Reads text, compressed or not, up to a number of octets. Throws CaptureError. */
export async function readText(source: CaptureSource, file: string, most: number): Promise<TextFile> {
  const raw = await openSource(source, file, undefined);
  try {
    const { reader } = await openCompressed(raw);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const chunk = new Uint8Array(CHUNK);
      const had = await readFully(reader, chunk);
      chunks.push(chunk.subarray(0, had));
      length += had;
      if (had < CHUNK || length > most) break;
    }
    const head = chunks[0]!;
    const isCapture = formatOf(new DataView(head.buffer), 0, Math.min(head.length, FORMAT_MAGIC)).kind !== 'unknown';
    const kind = isCapture ? 'capture' : head.includes(0) ? 'binary' : 'text';
    const octets = new Blob(chunks as Uint8Array<ArrayBuffer>[]);
    return { text: kind === 'text' ? await octets.slice(0, most).text() : '', isCut: length > most, kind };
  } catch (error) {
    if (!(error instanceof ReadFault)) throw error;
    throw new CaptureError(error.code, file, null, 0, error.message);
  } finally {
    await raw.close();
  }
}
