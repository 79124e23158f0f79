import { CaptureError, type CaptureSource } from './capture/capture.js';
import type { SmallFiles } from './capture/node-files.js';
import { ReadFault } from './capture/octet-reader.js';
import { openSource } from './capture/sources.js';
import { parsePoint, pointFromPath, pointText } from './net/point-name.js';
import { OptionsError, type DiagnoseOptions } from './options.js';

/** A capture to read: a path (file or folder), octets, a stream, or one of these with the capture point it belongs to. */
export type CaptureInput =
  | CaptureSource
  | {
      readonly source: CaptureSource;
      /** `NODE/INTERFACE` or `INTERFACE`; without it the file name decides. */
      readonly point?: string;
      /** Name used in reports for a source that has none of its own. */
      readonly file?: string;
    };

/** One capture as it will be read, possibly twice. */
export interface Source {
  /** Name in reports. */
  readonly file: string;
  readonly point: string | null;
  /** Where the file is; null of what is none. */
  readonly path: string | null;
  /** Octets from the beginning, every time it is called. */
  readonly open: () => CaptureSource;
  /** Octets, null when not known. */
  readonly size: number | null;
}

/** Most octets of a stream kept for the second reading; a longer stream is refused, since its verdicts would rest on half the evidence. */
const STREAM_LIMIT = 1 << 30;

/** Point of octets that nothing names; of further ones with a number behind it. */
const NAMELESS = 'capture';
/** Octets taken from a stream at a time. */
const CHUNK = 1 << 16;

/** Expands folders and gives every input a name. */
export async function resolveInputs(
  inputs: readonly CaptureInput[],
  { signal, onNotice }: Pick<DiagnoseOptions, 'signal' | 'onNotice'>,
): Promise<Source[]> {
  if (inputs.length === 0) throw new OptionsError('no capture given');
  const sources: Source[] = [];
  const taken = new Set<string>();
  const nameless: string[] = [];
  // Of one name they would be one point, which shows each packet of the others' again
  const nameOfNameless = (first: string): string => {
    nameless.push(nameless.length === 0 ? first : `${NAMELESS}${nameless.length + 1}`);
    return nameless.at(-1)!;
  };
  let small: SmallFiles | undefined;
  for (const input of inputs) {
    const given = isPlain(input) ? { source: input } : input;
    const point = 'point' in given ? (given.point ?? null) : null;
    const name = 'file' in given ? given.file : undefined;
    const source = given.source;
    if (typeof source === 'string') {
      small ??= new (await import('./capture/node-files.js')).SmallFiles();
      sources.push(...(await onlyNew(await pathSources(source, point, name, small, signal), taken)));
    } else if (source instanceof Uint8Array || source instanceof Blob) {
      const size = source instanceof Blob ? source.size : source.length;
      const own = typeof File !== 'undefined' && source instanceof File ? source.name : undefined;
      const file = name ?? own ?? point ?? nameOfNameless(NAMELESS);
      sources.push({ file, point, path: null, open: () => source, size });
    } else {
      sources.push(await streamSource(source, point, name ?? point ?? nameOfNameless('-'), signal));
    }
  }
  if (nameless.length > 1)
    onNotice?.(
      `captures without a name are taken for points of their own: ${nameless.join(', ')}; give each its point, such as node1/eth0`,
    );
  return sources;
}

/** Without the files that were given before, by themselves or with their folder: read twice they would count twice. */
async function onlyNew(sources: readonly Source[], taken: Set<string>): Promise<Source[]> {
  const { fileIdentity } = await import('./capture/node-files.js');
  const found: Source[] = [];
  for (const source of sources) {
    const identity = source.path === null ? null : await fileIdentity(source.path);
    const { node, interface: name } = source.point === null ? pointFromPath(source.file) : parsePoint(source.point);
    const key = `${identity} ${pointText(node, name)}`;
    if (identity !== null && taken.has(key)) continue;
    taken.add(key);
    found.push(source);
  }
  return found;
}

function isPlain(input: CaptureInput): input is CaptureSource {
  if (input === null || (typeof input !== 'object' && typeof input !== 'string')) {
    throw new OptionsError(
      `a capture is a path, octets, a stream or a Blob, not ${input === null ? 'null' : typeof input}`,
    );
  }
  return (
    typeof input === 'string' ||
    input instanceof Uint8Array ||
    input instanceof Blob ||
    Symbol.asyncIterator in input ||
    !('source' in input)
  );
}

/** A stream can be read only once while verdicts need two readings: its octets are kept, and what ended it before its end. */
async function streamSource(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  point: string | null,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Source> {
  const { octets, fault } = await collect(stream, file, signal);
  const open = (): CaptureSource => (fault === null ? octets : failing(octets, fault));
  return { file, point, path: null, open, size: octets.length };
}

async function* failing(octets: Uint8Array, fault: ReadFault): AsyncGenerator<Uint8Array> {
  if (octets.length > 0) yield octets;
  throw fault;
}

async function pathSources(
  path: string,
  point: string | null,
  name: string | undefined,
  small: SmallFiles,
  signal: AbortSignal | undefined,
): Promise<Source[]> {
  const files = await import('./capture/node-files.js');
  if (await files.isFolder(path)) {
    if (point !== null) throw new OptionsError(`${path} is a folder; a point names one file`);
    const found = await files.listCaptureFiles(path, small).catch(captureError);
    if (found instanceof CaptureError) return [refused(path, found)];
    if (found.length === 0)
      return [refused(path, new CaptureError('not-a-capture', path, null, 0, 'holds no capture file'))];
    return found.map(({ path, name, size, octets }) => fileSource(path, name, null, size, octets));
  }
  // What is no file gives its octets only once
  const pipe = await files.openPipe(path);
  if (pipe !== null) return [await streamSource(pipe, point, name ?? path, signal)];
  const size = await files.fileSize(path);
  return [fileSource(path, name ?? path, point, size, size === null ? null : await small.read(path, size))];
}

function captureError(error: unknown): CaptureError {
  if (error instanceof CaptureError) return error;
  throw error;
}

/** What cannot be read, and is no reason to leave out the others. */
function refused(path: string, error: CaptureError): Source {
  const open = (): never => {
    throw error;
  };
  return { file: path, point: null, path: null, open, size: 0 };
}

function fileSource(
  path: string,
  file: string,
  point: string | null,
  size: number | null,
  octets: Uint8Array | null,
): Source {
  return { file, point, path, open: () => octets ?? path, size };
}

/** All octets of a stream. */
async function collect(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  file: string,
  signal: AbortSignal | undefined,
): Promise<{ octets: Uint8Array; fault: ReadFault | null }> {
  const reader = await openSource(stream, file, signal);
  const chunks: Uint8Array[] = [];
  let length = 0;
  let fault: ReadFault | null = null;
  let used = CHUNK;
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (used === CHUNK) {
        chunks.push(new Uint8Array(CHUNK));
        used = 0;
      }
      const had = await reader.read(chunks.at(-1)!.subarray(used));
      if (had === 0) break;
      used += had;
      length += had;
      if (length > STREAM_LIMIT) {
        length = 0;
        throw new ReadFault('not-readable', 'a stream longer than 1 GiB: save it to a file, which can be read twice');
      }
    }
  } catch (error) {
    if (!(error instanceof ReadFault)) throw error;
    fault = error;
  } finally {
    await reader.close();
  }
  const octets = new Uint8Array(length);
  for (let at = 0; at < length; at += CHUNK)
    octets.set(chunks[at / CHUNK]!.subarray(0, Math.min(CHUNK, length - at)), at);
  return { octets, fault };
}
