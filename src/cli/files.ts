import {
  closeSync,
  createWriteStream,
  existsSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { UsageError } from './options.js';

export function fileExists(path: string): boolean {
  return existsSync(path);
}

// First octets of pcap (both byte orders, micro- and nanoseconds), pcapng, gzip and Zstandard.
const CAPTURE = /^(a1b2c3d4|d4c3b2a1|a1b23c4d|4d3cb2a1|0a0d0d0a|28b52ffd|1f8b)/;

/**
 * Opens the file that --output names. What is in it stays until `clear`: a mistake on the command line is no reason to lose the last
 * report. A capture is never written over: it is what people mistype, and it cannot be taken again.
 * @throws UsageError
 */
export async function openOutput(path: string): Promise<{ stream: WriteStream; clear: () => void }> {
  if (isCapture(path)) throw new UsageError(`--output ${path}: that file is a capture, it is not written over`);
  const stream = createWriteStream(path, { flags: 'a' });
  const file = await new Promise<number>((resolve, reject) => {
    stream.once('open', resolve);
    stream.once('error', (error) => reject(new UsageError(`--output ${path}: ${error.message}`)));
  });
  const clear = (): void => {
    // A device or a pipe keeps nothing
    if (isFile(path)) ftruncateSync(file);
  };
  return { stream, clear };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isCapture(path: string): boolean {
  // To look into a pipe would wait for who writes into it
  if (!isFile(path)) return false;
  const octets = new Uint8Array(4);
  let file;
  try {
    file = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    readSync(file, octets);
    return CAPTURE.test(Buffer.from(octets).toString('hex'));
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}
