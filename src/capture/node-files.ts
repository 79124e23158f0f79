import { open } from 'node:fs/promises';
import { CaptureError } from './capture.js';
import { ReadFault, type OctetReader } from './octet-window.js';

/** Opens a file for reading. Throws CaptureError 'not-found' or 'not-readable', naming it `file`. */
export async function openFile(path: string, file: string): Promise<OctetReader> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new CaptureError('not-readable', file, null, 0, 'is a folder, not a file');
    }
    let octetsRead = 0;
    return {
      get octetsRead() {
        return octetsRead;
      },
      async read(into) {
        try {
          const { bytesRead } = await handle.read(into, 0, into.length, null);
          octetsRead += bytesRead;
          return bytesRead;
        } catch (error) {
          throw new ReadFault('not-readable', `reading failed: ${reason(error)}`);
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    if (error instanceof CaptureError) throw error;
    if (codeOf(error) === 'ENOENT') throw new CaptureError('not-found', file, null, 0, 'no such file');
    throw new CaptureError('not-readable', file, null, 0, `cannot be opened: ${reason(error)}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function reason(error: unknown): string {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
