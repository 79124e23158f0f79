import { Cluster } from './cluster.js';
import { NodeState, type Line } from './facts.js';
import { connections, VirtualServiceReader } from './readers/connections.js';
import { IptablesReader } from './readers/iptables.js';
import { KubernetesReader } from './readers/kubernetes.js';
import { LinkReader } from './readers/links.js';
import { NftReader } from './readers/nft.js';
import type { Into, Reader } from './readers/reader.js';
import { forwarding, neighbours, RouteReader, rules } from './readers/routes.js';
import { SetReader } from './readers/sets.js';
import { counters, netconf, sysctl } from './readers/settings.js';

/** Octets of one file that are read, and characters of one line. */
export const MOST_OCTETS = 32 << 20;
const LONGEST_LINE = 1 << 16;

/** What was saved beside the captures. */
export class SavedState {
  readonly cluster = new Cluster();
  readonly #nodes = new Map<string, NodeState>();
  /** Files that held something, by the node they are of. */
  readonly files = new Map<string, string[]>();

  get nodes(): ReadonlyMap<string, NodeState> {
    return this.#nodes;
  }

  node(name: string): NodeState {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, (node = new NodeState()));
    return node;
  }
}

/** The tools whose output is known, in the order in which a line is offered to them. */
function readers(): Reader[] {
  return [
    new KubernetesReader(),
    new IptablesReader(),
    new NftReader(),
    new SetReader(),
    new LinkReader(),
    netconf,
    sysctl,
    connections,
    new VirtualServiceReader(),
    forwarding,
    neighbours,
    rules,
    new RouteReader(),
    counters,
  ];
}

/**
 * Reads one file of saved state; what it holds is told by its content, and it may hold the output of several tools one after
 * the other. Lines that are nobody's, such as headings and prompts, are passed over.
 * @param node that the file is of
 * @param warn gets one sentence for what could not be used
 * @returns false when nothing in it is known
 */
export function readState(
  state: SavedState,
  text: string,
  file: string,
  node: string,
  warn: (about: string) => void,
): boolean {
  const into: Into = {
    node: state.node(node),
    cluster: state.cluster,
    warn: (at, expected) => warn(`${at.file}:${at.line}: expected ${expected}`),
  };
  const all = readers();
  // Assigned in the loop, which the compiler does not see through the calls between.
  let current = null as Reader | null;
  const takers = new Set<Reader>();
  let strange: Line | null = null;
  let number = 0;
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const isJson = text[from] === '{' || current instanceof KubernetesReader;
    const isLong = to - from > LONGEST_LINE && !isJson;
    const at: Line = { file, line: ++number, text: isLong ? '' : withoutReturn(text.slice(from, to)) };
    if (isLong) into.warn(at, `a line of at most ${LONGEST_LINE} characters`);
    from = to + 1;
    const words = at.text.split(/\s+/).filter((word) => word !== '');
    if (words.length === 0) continue;
    if (current?.take(at, words, into) === true) continue;
    current?.end?.(into);
    current = all.find((reader) => reader !== current && reader.take(at, words, into)) ?? null;
    if (current !== null) takers.add(current);
    else strange ??= at;
  }
  current?.end?.(into);
  // What kubectl prints is of the cluster, wherever it lies.
  const owner = [...takers].every((reader) => reader instanceof KubernetesReader) ? '' : node;
  if (takers.size > 0) state.files.set(owner, [...(state.files.get(owner) ?? []), file]);
  else if (strange !== null) {
    warn(`${file}:${strange.line}: is none of the outputs that are read: ${all.map(({ tool }) => tool).join(', ')}`);
  }
  return takers.size > 0 || strange === null;
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
