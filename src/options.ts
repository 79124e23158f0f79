import type { CaptureSource } from './capture/capture.js';

/** Saved state of a node: a path (file or folder), or octets with the node they are of. */
export type StateInput =
  | string
  | {
      readonly source: CaptureSource;
      /** Without it the file name decides. */
      readonly node?: string;
      /** Name used in reports. */
      readonly file?: string;
    };

/** What a caller may set for one run. */
export interface DiagnoseOptions {
  /** UDP ports to take as VXLAN besides 4789 and 8472. */
  readonly vxlanPorts?: readonly number[];
  /** Filter on the inner packet, as in `--filter`. */
  readonly filter?: string;
  /** Points in path order; wins over the order found. */
  readonly order?: readonly string[];
  /** Clock offsets, nanoseconds that the clock of a point is ahead. */
  readonly clocks?: Readonly<Record<string, number>>;
  /** Memory for pairing, octets. */
  readonly memory?: number;
  /**
   * Threads to use: 1 reads and judges in the caller's alone, 2 reads in another one, which large files that are given by their
   * path get when this is left out. The result is the same.
   */
  readonly threads?: 1 | 2;
  /** Nanoseconds since the epoch; frames outside are not read. */
  readonly since?: bigint;
  readonly until?: bigint;
  /**
   * Output of `ip`, `bridge`, `sysctl`, `iptables-save`, `ipset`, `conntrack`, `nft` and the like, saved on the nodes: it
   * confirms or refutes causes. `state` folders of folders with captures are read without it.
   */
  readonly state?: readonly StateInput[];
  /** Saved `kubectl get nodes,pods,services,endpointslices -A -o json`: names for addresses. */
  readonly cluster?: readonly StateInput[];
  readonly signal?: AbortSignal;
  /** When the signal fires during the second reading, give what was found up to there instead of throwing. */
  readonly partial?: boolean;
  /** Called now and then with octets read so far and in total over all readings (null when a source has no known size). */
  readonly onProgress?: (octetsRead: number, octetsTotal: number | null) => void;
  /** Called with one sentence for what the caller should know but what is no error. */
  readonly onNotice?: (notice: string) => void;
}

/** An option that cannot be honoured: the message names it. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

/** Looks at what types alone do not keep out: programs hand on what users typed. @throws OptionsError */
export function checkOptions(options: DiagnoseOptions): void {
  const { memory, threads, vxlanPorts = [], clocks = {}, since, until } = options;
  if (memory !== undefined && !(Number.isFinite(memory) && memory > 0))
    throw new OptionsError(`memory is ${String(memory)}: octets are wanted, more than 0`);
  if (threads !== undefined && threads !== 1 && threads !== 2)
    throw new OptionsError(`threads is ${String(threads)}: 1 or 2 is wanted`);
  for (const port of vxlanPorts)
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new OptionsError(`vxlanPorts has ${String(port)}: ports from 1 to 65535 are wanted`);
  for (const [point, ahead] of Object.entries(clocks))
    if (!Number.isFinite(ahead))
      throw new OptionsError(`clocks has ${String(ahead)} for ${point}: nanoseconds are wanted`);
  for (const [name, time] of Object.entries({ since, until }))
    if (time !== undefined && typeof time !== 'bigint')
      throw new OptionsError(`${name} is ${String(time)}: nanoseconds since the epoch are wanted, a bigint`);
}
