import { CaptureError, type CaptureSource } from './capture/capture.js';
import { readText } from './capture/text.js';
import type { CaptureInput, Source } from './inputs.js';
import type { PointTable } from './net/points.js';
import { parsePoint, pointFromPath } from './net/point-name.js';
import { OptionsError, type DiagnoseOptions, type StateInput } from './options.js';
import { nodeOfFile } from './state/node-of-file.js';
import { MOST_OCTETS, readState, SavedState } from './state/read.js';

/** Files of saved state that are read, and warnings that are given before the rest is counted. */
const MOST_FILES = 10_000;
/** Characters of all files together. */
const MOST_CHARACTERS = 256 << 20;
const WARNINGS = 10;
/** Nodes named in a warning. */
const NAMED = 5;

/** A file to read. */
interface StateFile {
  readonly source: CaptureSource;
  readonly file: string;
  readonly node: string | null;
  /** The option and what was given with it; empty for what was found beside the captures. */
  readonly given: string;
  /** It was named itself: then it is an error that it cannot be used, while what lies in a folder is passed over. */
  readonly isNamed: boolean;
}

/** Where there is state, before it is read. */
export interface StateFound {
  /** Folders and files, as given or found. */
  readonly from: readonly string[];
  readonly files: readonly StateFile[];
  /** Dumps of the cluster. */
  readonly cluster: readonly StateFile[];
}

/** What was saved beside the captures, and where it was found. */
export interface StateRead {
  readonly state: SavedState;
  readonly from: readonly string[];
}

/**
 * Finds the state that options name and what lies in `state` folders of the folders with captures. Null when there is none.
 * @throws OptionsError when something that was named is not there
 */
export async function findSavedState(
  inputs: readonly CaptureInput[],
  options: DiagnoseOptions,
): Promise<StateFound | null> {
  const from: string[] = [];
  const files: StateFile[] = [];
  const cluster: StateFile[] = [];
  for (const input of options.state ?? []) files.push(...(await filesOf('--state', input, from)));
  for (const input of inputs) {
    const source = typeof input === 'object' && input !== null && 'source' in input ? input.source : input;
    if (typeof source === 'string') files.push(...(await besides(source, from)));
  }
  for (const input of options.cluster ?? []) cluster.push(...(await filesOf('--cluster', input, from)));
  return from.length === 0 ? null : { from, files, cluster };
}

/** Reads what was found; what cannot be used is told as a notice. */
export async function readSavedState(
  { from, files, cluster }: StateFound,
  sources: readonly Source[],
  options: DiagnoseOptions,
): Promise<StateRead> {
  const nodes = sources.map(({ point, file }) => (point === null ? pointFromPath(file) : parsePoint(point)).node);
  const known = new Set(nodes.filter((node) => node !== null));
  const state = new SavedState();
  const warn = new Warnings(options);
  let left = MOST_CHARACTERS;
  for (const each of files.slice(0, MOST_FILES)) {
    const { file, node } = each;
    if (left <= 0) {
      warn.add(`${file}: more than ${MOST_CHARACTERS >> 20} MiB of state; this file and those after it are not read`);
      break;
    }
    left -= await readInto(state, each, node ?? nodeOfFile(file, known), warn);
  }
  for (const given of new Set(cluster.map((each) => each.given))) {
    await readDump(
      state,
      given,
      cluster.filter((each) => each.given === given),
      warn,
    );
  }
  if (files.length > MOST_FILES) warn.add(`only the first ${MOST_FILES} of ${files.length} files of state are read`);
  const strange = [...state.files.keys()].filter((node) => node !== '');
  if (strange.length > 0 && !strange.some((node) => known.has(node))) {
    const [those, these] = [strange, [...known]].map((names) => names.slice(0, NAMED).join(', '));
    warn.add(
      `saved state is of ${those}, and the captures are of ${these || 'no node that is named'}; name its folders or files after the nodes`,
    );
  }
  warn.end();
  return { state, from };
}

/**
 * Cooked captures know interfaces by number; `ip link` gives them their names. They keep the roles that their packets showed,
 * so that what was saved changes no verdict.
 */
export function nameInterfaces(points: PointTable, { nodes }: SavedState): void {
  for (const point of points.points) {
    const number = /^if(\d{1,9})$/.exec(point.interface)?.[1];
    const link = nodes.get(point.node)?.links.find(({ index }) => index === Number(number));
    if (link !== undefined) points.rename(point, link.name);
  }
}

/** Returns how many characters were read. */
async function readInto(
  state: SavedState,
  { source, file, given, isNamed }: StateFile,
  node: string,
  warn: Warnings,
): Promise<number> {
  const told: string[] = [];
  const length = await readOne(state, source, file, node, (about) => told.length < WARNINGS && told.push(about));
  // One line for a file that is none.
  if (length < 0 && isNamed) throw new OptionsError(`${given}: ${told.at(-1)!.replace(`${file}: `, '')}`);
  for (const about of told) warn.add(about);
  return Math.max(0, length);
}

/** What was given as the cluster's own words: a file, or a folder with one. */
async function readDump(state: SavedState, given: string, files: readonly StateFile[], warn: Warnings): Promise<void> {
  const told: string[] = [];
  const before = state.cluster.dumps;
  for (const { source, file, node } of files) {
    await readOne(state, source, file, node ?? '', (about) => told.length < WARNINGS && told.push(about));
  }
  if (state.cluster.dumps === before) {
    const damage = told.find((about) => about.includes(': expected '));
    throw new OptionsError(`${given}: ${damage ?? 'is no output of kubectl get -o json'}`);
  }
  for (const about of told) warn.add(about);
}

/** Characters read, -1 where nothing could be used. `tell` gets a sentence for each thing that could not. */
async function readOne(
  state: SavedState,
  source: CaptureSource,
  file: string,
  node: string,
  tell: (about: string) => unknown,
): Promise<number> {
  try {
    const { text, isCut, kind } = await readText(source, file, MOST_OCTETS);
    if (kind !== 'text') {
      tell(`${file}: ${kind === 'capture' ? 'is a capture' : 'is no text'}, not saved state; it is not read`);
      return -1;
    }
    if (isCut) tell(`${file}: is longer than ${MOST_OCTETS >> 20} MiB; what follows is not read`);
    return readState(state, text, file, node, tell) ? text.length : -1;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    tell(`${file}: ${error.message}`);
    return -1;
  }
}

async function filesOf(option: string, input: StateInput, from: string[]): Promise<StateFile[]> {
  if (typeof input === 'string') return pathFiles(option, input, from);
  const file = input.file ?? input.node ?? 'state';
  from.push(file);
  return [{ source: input.source, file, node: input.node ?? null, given: `${option} ${file}`, isNamed: true }];
}

async function pathFiles(option: string, path: string, from: string[]): Promise<StateFile[]> {
  const { isFolder, fileSize, listFiles } = await import('./capture/node-files.js');
  from.push(path);
  if (!(await isFolder(path))) {
    if ((await fileSize(path)) === null) throw new OptionsError(`${option} ${path}: no such file or folder`);
    return [{ source: path, file: path, node: null, given: `${option} ${path}`, isNamed: true }];
  }
  const files = await listFiles(path, MOST_FILES + 1);
  if (files.length === 0) throw new OptionsError(`${option} ${path}: holds no file`);
  const given = `${option} ${path}`;
  return files.map((each) => ({ source: each.path, file: each.name, node: null, given, isNamed: false }));
}

/** Files in `state` folders below a folder with captures. */
async function besides(path: string, from: string[]): Promise<StateFile[]> {
  const { isFolder, listStateFolders, listFiles } = await import('./capture/node-files.js');
  if (!(await isFolder(path))) return [];
  const files: StateFile[] = [];
  for (const folder of await listStateFolders(path)) {
    const found = await listFiles(folder.path, MOST_FILES + 1);
    if (found.length > 0) from.push(folder.path);
    // `state/node1/link.txt` is told as `node1/link.txt`, `node1/state/link.txt` as what it is.
    const prefix = folder.name === 'state' ? '' : `${folder.name}/`;
    files.push(
      ...found.map(({ path, name }) => ({
        source: path,
        file: `${prefix}${name}`,
        node: null,
        given: '',
        isNamed: false,
      })),
    );
  }
  return files;
}

/** Tells the first warnings and counts the rest. */
class Warnings {
  readonly #options: DiagnoseOptions;
  #count = 0;

  constructor(options: DiagnoseOptions) {
    this.#options = options;
  }

  add(about: string): void {
    if (++this.#count <= WARNINGS) this.#options.onNotice?.(about);
  }

  end(): void {
    if (this.#count > WARNINGS) {
      this.#options.onNotice?.(`${this.#count - WARNINGS} more warnings about saved state are left out`);
    }
  }
}
