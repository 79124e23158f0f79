// The only file here that needs Node: everything else runs in a browser too, and imports this one when it is asked for.
import { readSync } from 'node:fs';
import { open, readdir, readFile, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { CaptureError } from './capture.js';
import type { Inflater } from './gzip.js';
import { ReadFault, type OctetReader } from './octet-reader.js';
import { isCapture } from './sniff.js';
import { OctetsReader } from './sources.js';

/** Opens a file for reading. Throws CaptureError 'not-found' or 'not-readable', naming it `file`. */
export async function openFile(path: string, file: string): Promise<OctetReader> {
  try {
    const handle = await open(path, 'r');
    const kind = await handle.stat();
    if (kind.isDirectory()) {
      await handle.close();
      throw new CaptureError('not-readable', file, null, 0, 'is a folder, not a file');
    }
    return new FileReader(handle, kind.isFile() ? kind.size : undefined);
  } catch (error) {
    if (error instanceof CaptureError) throw error;
    if (codeOf(error) === 'ENOENT') throw new CaptureError('not-found', file, null, 0, 'no such file');
    throw new CaptureError('not-readable', file, null, 0, `cannot be opened: ${reasonOf(error)}`);
  }
}

class FileReader implements OctetReader {
  octetsRead = 0;
  readonly size: number | undefined;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, size: number | undefined) {
    this.#handle = handle;
    this.size = size;
  }

  get rewindable(): boolean {
    return this.size !== undefined;
  }

  /**
   * A file is read by this thread and not by one of Node's, so that what is decoded next is still in this core's cache: frames of full
   * length are read and decoded in 0.42 s instead of 0.63 s a GiB. A pipe may have nothing to give yet, and has no positions.
   */
  async read(into: Uint8Array): Promise<number> {
    try {
      let octets: number;
      if (this.rewindable) {
        octets = readSync(this.#handle.fd, into, 0, into.length, this.octetsRead);
        // Signals and messages have their turn: 5 us, of some 200 that a read takes
        await new Promise(setImmediate);
      } else {
        octets = (await this.#handle.read(into, 0, into.length, null)).bytesRead;
      }
      this.octetsRead += octets;
      return octets;
    } catch (error) {
      throw new ReadFault('not-readable', `reading failed: ${reasonOf(error)}`);
    }
  }

  rewind(): void {
    this.octetsRead = 0;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export class NodeInflater implements Inflater {
  fault: ReadFault | null = null;
  ended = false;
  #out: Uint8Array[] = [];
  #settle: () => void = () => undefined;
  readonly #gunzip = createGunzip({ chunkSize: 64 << 10 });

  constructor() {
    const settle = (): void => this.#settle();
    this.#gunzip.on('data', (octets: Uint8Array) => this.#out.push(octets));
    this.#gunzip.on('end', () => {
      this.ended = true;
      settle();
    });
    this.#gunzip.on('error', (error) => {
      this.fault =
        codeOf(error) === 'Z_BUF_ERROR'
          ? new ReadFault('cut', 'file ends inside its gzip compressed octets')
          : new ReadFault('bad-compression', `gzip: ${error.message}`);
      settle();
    });
  }

  push(piece: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#gunzip.write(piece, () => resolve());
    });
  }

  finish(): Promise<void> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#gunzip.end();
    });
  }

  take(): Uint8Array[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

/** A file of a folder. */
export interface FolderFile {
  readonly path: string;
  /** Path from the folder, with slashes. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
}

/** A capture of a folder. */
export interface CaptureFile extends FolderFile {
  /** What is in it, when it is small: it is read once, not once for each time that it is looked at. */
  readonly octets: Uint8Array | null;
}

/** Octets up to which a capture is small; and those of all small captures that may be held at a time. */
const SMALL = 64 << 10;
const MOST_HELD = 16 << 20;

/** Holds small captures, as far as there is room. */
export class SmallFiles {
  #room = MOST_HELD;

  /** The octets of a file of this size; null when it is not small, there is no room, or it cannot be read. */
  async read(path: string, size: number): Promise<Uint8Array | null> {
    if (size > SMALL || size > this.#room) return null;
    this.#room -= size;
    return readFile(path).catch(() => null);
  }
}

/**
 * The captures below a folder, in order of their names. What is no capture by its content is left out;
 * what cannot be read is listed, so that opening it says why. Throws CaptureError when the folder cannot be read.
 */
export async function listCaptureFiles(folder: string, small = new SmallFiles()): Promise<CaptureFile[]> {
  const found: CaptureFile[] = [];
  try {
    await listInto(found, folder, '', small);
  } catch (error) {
    const code = codeOf(error) === 'ENOENT' ? 'not-found' : 'not-readable';
    throw new CaptureError(code, folder, null, 0, `folder cannot be read: ${reasonOf(error)}`);
  }
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  return found;
}

/** Folders of this name beside captures hold what was saved of the nodes. */
const STATE = 'state';
const MOST_STATE_FOLDERS = 1000;

/** Folders below a folder that hold saved state. */
export async function listStateFolders(folder: string): Promise<readonly Pick<FolderFile, 'path' | 'name'>[]> {
  const found: { path: string; name: string }[] = [];
  const search = async (path: string, prefix: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory() || found.length >= MOST_STATE_FOLDERS) continue;
      const name = prefix + entry.name;
      if (entry.name === STATE) found.push({ path: join(path, entry.name), name });
      else await search(join(path, entry.name), `${name}/`);
    }
  };
  await search(folder, '');
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Files below a folder, in order of their names, `most` at most. */
export async function listFiles(folder: string, most: number): Promise<FolderFile[]> {
  const found: FolderFile[] = [];
  const search = async (path: string, prefix: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      const name = prefix + entry.name;
      if (found.length >= most) return;
      if (entry.isDirectory()) await search(join(path, entry.name), `${name}/`);
      else await add(join(path, entry.name), name);
    }
  };
  // Pipes and sockets would be waited for without end.
  const add = async (path: string, name: string): Promise<void> => {
    const kind = await stat(path).catch(() => null);
    if (kind !== null && kind.isFile()) found.push({ path, name, size: kind.size });
  };
  await search(folder, '');
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function listInto(found: CaptureFile[], folder: string, prefix: string, small: SmallFiles): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const name = prefix + entry.name;
    // A link to a folder is not followed: it could lead back here.
    if (entry.isDirectory() && entry.name === STATE) continue;
    if (entry.isDirectory()) {
      const refused = () => found.push({ path, name, size: 0, octets: null });
      await listInto(found, path, `${name}/`, small).catch(refused);
    } else if (entry.isFile() || entry.isSymbolicLink()) await addFile(found, path, name, small);
  }
}

async function addFile(found: CaptureFile[], path: string, name: string, small: SmallFiles): Promise<void> {
  const kind = await stat(path).catch(() => null);
  if (kind === null || !kind.isFile()) return;
  const { size } = kind;
  const octets = await small.read(path, size);
  let reader;
  try {
    reader = octets === null ? await openFile(path, name) : new OctetsReader(octets);
  } catch {
    found.push({ path, name, size, octets });
    return;
  }
  if (await isCapture(reader)) found.push({ path, name, size, octets });
}

/** The octets of a pipe or a device, which can be read once; null for files, and for what cannot be read. */
export async function openPipe(path: string): Promise<AsyncIterable<Uint8Array> | null> {
  const kind = await stat(path).catch(() => null);
  if (kind === null || kind.isFile() || kind.isDirectory()) return null;
  const handle = await open(path, 'r').catch(() => null);
  return handle?.createReadStream() ?? null;
}

export async function isFolder(path: string): Promise<boolean> {
  const kind = await stat(path).catch(() => null);
  return kind !== null && kind.isDirectory();
}

/** What tells a file from all others, whatever path leads to it; null where it cannot be told. */
export async function fileIdentity(path: string): Promise<string | null> {
  try {
    const { dev, ino, size } = await stat(path);
    return ino === 0 ? null : `${dev} ${ino} ${size}`;
  } catch {
    return null;
  }
}

/** Octets of a file; null when it has no size, as a pipe, or cannot be found. */
export async function fileSize(path: string): Promise<number | null> {
  const kind = await stat(path).catch(() => null);
  return kind !== null && kind.isFile() ? kind.size : null;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}
