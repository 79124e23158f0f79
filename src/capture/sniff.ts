import { COMPRESSION_MAGIC, compressionOf, decompress } from './compression.js';
import { FORMAT_MAGIC, formatOf } from './format.js';
import { PeekedReader, readFully, type OctetReader } from './octet-reader.js';

/** A reader of the octets below the compression, if there is one, and which that is. */
export async function openCompressed(
  reader: OctetReader,
): Promise<{ reader: OctetReader; compression: 'gzip' | 'zstd' | null }> {
  const head = new Uint8Array(COMPRESSION_MAGIC);
  const had = head.subarray(0, await readFully(reader, head));
  const compression = compressionOf(had);
  const whole = new PeekedReader(had, reader);
  return { reader: compression === null ? whole : decompress(whole, compression), compression };
}

/** Whether the octets begin as a capture does, one that openCapture() reads or refuses by its name; closes the reader. */
export async function isCapture(file: OctetReader): Promise<boolean> {
  try {
    const { reader } = await openCompressed(file);
    const head = new Uint8Array(FORMAT_MAGIC);
    const had = await readFully(reader, head);
    return formatOf(new DataView(head.buffer), 0, had).kind !== 'unknown';
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
