import { CaptureError, type CaptureSource } from './capture/capture.js';
import type { SmallFiles } from './capture/node-files.js';
import { OptionsError } from './options.js';

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

/** Expands folders and gives every input a name. */
export async function resolveInputs(inputs: readonly CaptureInput[], signal?: AbortSignal): Promise<Source[]> {
  if (inputs.length === 0) throw new OptionsError('no capture given');
  const sources: Source[] = [];
  const taken = new Set<string>();
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
      const file = name ?? (typeof File !== 'undefined' && source instanceof File ? source.name : (point ?? 'capture'));
      sources.push({ file, point, path: null, open: () => source, size });
    } else {
      sources.push(await streamSource(source, point, name ?? point ?? '-', signal));
    }
  }
  return sources;
}

/** Without the files that were given before, by themselves or with their folder: read twice they would count twice. */
async function onlyNew(sources: readonly Source[], taken: Set<string>): Promise<Source[]> {
  const { fileIdentity } = await import('./capture/node-files.js');
  const found: Source[] = [];
  for (const source of sources) {
    const identity = source.path === null ? null : await fileIdentity(source.path);
    const key = `${identity} ${source.point ?? ''}`;
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

async function streamSource(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  point: string | null,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Source> {
  const octets = await collect(stream, file, signal);
  return { file, point, path: null, open: () => octets, size: octets.length };
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
    const found = await files.listCaptureFiles(path, small);
    if (found.length === 0) throw new CaptureError('not-a-capture', path, null, 0, 'holds no capture file');
    return found.map(({ path, name, size, octets }) => fileSource(path, name, null, size, octets));
  }
  // What is no file gives its octets only once
  const pipe = await files.openPipe(path);
  if (pipe !== null) return [await streamSource(pipe, point, name ?? path, signal)];
  const size = await files.fileSize(path);
  return [fileSource(path, name ?? path, point, size, size === null ? null : await small.read(path, size))];
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

/** All octets of a stream, which can be read only once while verdicts need two readings. */
async function collect(
  source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    length += chunk.length;
    if (length > STREAM_LIMIT) {
      throw new CaptureError(
        'not-readable',
        file,
        length,
        0,
        'a stream longer than 1 GiB: save it to a file, which can be read twice',
      );
    }
    chunks.push(chunk.slice());
  }
  const octets = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    octets.set(chunk, at);
    at += chunk.length;
  }
  return octets;
}
