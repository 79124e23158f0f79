import { GunzipReader } from './gzip.js';
import type { OctetReader } from './octet-reader.js';
import { UnzstdReader } from './zstd.js';

/** Octets that are enough to tell a compression. */
export const COMPRESSION_MAGIC = 4;

/** What the octets were compressed with, by their first four; null for none that can be read. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | null {
  if (head.length < COMPRESSION_MAGIC) return null;
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  const word = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  // A zstd file may begin with a skippable frame (RFC 8878 section 3.1.2).
  return word === 0xfd2fb528 || word >>> 4 === 0x184d2a5 ? 'zstd' : null;
}

export function decompress(reader: OctetReader, compression: 'gzip' | 'zstd'): OctetReader {
  return compression === 'gzip' ? new GunzipReader(reader) : new UnzstdReader(reader);
}
