import type { CaptureInput } from '../index.js';
import { fileExists } from './files.js';
import type { Io } from './io.js';
import { UsageError } from './options.js';

/** A point is NODE/INTERFACE or INTERFACE; more slashes, or one in front, make it a path. */
const POINT_FILE = /^([^/\\=]+(?:\/[^/\\=]+)?)=(.+)$/s;

/**
 * Capture arguments as typed -> what the library reads. A file that exists under the whole name is that file, `=` or not.
 * @throws UsageError
 */
export function captureInputs(texts: readonly string[], stdin: Io['stdin']): CaptureInput[] {
  let standardInput = false;
  return texts.map((text) => {
    const match = text === '-' || fileExists(text) ? null : POINT_FILE.exec(text);
    const point = match?.[1];
    const file = match?.[2] ?? text;
    if (file !== '-') return point === undefined ? file : { source: file, point };
    if (standardInput) throw new UsageError('standard input (-) can be read once only');
    if (stdin.isTTY === true) throw new UsageError('standard input (-) is a terminal; pipe a capture into it');
    standardInput = true;
    const source = stdin as AsyncIterable<Uint8Array>;
    return point === undefined ? { source, file } : { source, file, point };
  });
}
