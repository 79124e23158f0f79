import type { CaptureSource } from './capture/capture.js';
import type { ExchangeRow, Report, TrailRow } from './report/report.js';

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

export interface DiagnoseOptions {
  /** UDP ports to take as VXLAN besides 4789 and 8472. */
  readonly vxlanPorts?: readonly number[];
  /** Filter on the inner packet, as in `--filter`. */
  readonly filter?: string;
  /** Points in path order; wins over the order found. */
  readonly order?: readonly string[];
  /** Clock offsets, nanoseconds to add to the times of a point. */
  readonly clocks?: Readonly<Record<string, number>>;
  /** Memory for pairing, octets. */
  readonly memory?: number;
  /** Nanoseconds since the epoch; frames outside are not read. */
  readonly since?: bigint;
  readonly until?: bigint;
  readonly signal?: AbortSignal;
  /** Called now and then with octets read so far and in total (null when a source has no known size). */
  readonly onProgress?: (octetsRead: number, octetsTotal: number | null) => void;
  /** Called with one sentence for what the caller should know but what is no error. */
  readonly onNotice?: (notice: string) => void;
}

/** An option that cannot be honoured: the message names it. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

/** Reads captures and says, for every request and reply, where it was last seen. */
export async function diagnose(_inputs: readonly CaptureInput[], _options: DiagnoseOptions = {}): Promise<Report> {
  throw new OptionsError('not built yet');
}

/** What is in the captures: points, problems and counts; no pairing. */
export async function points(_inputs: readonly CaptureInput[], _options: DiagnoseOptions = {}): Promise<Report> {
  throw new OptionsError('not built yet');
}

/** One row for each exchange, in order of time. */
export async function* exchanges(
  _inputs: readonly CaptureInput[],
  _options: DiagnoseOptions = {},
): AsyncGenerator<ExchangeRow> {}

/** One row for each packet, in order of time. */
export async function* trails(
  _inputs: readonly CaptureInput[],
  _options: DiagnoseOptions = {},
): AsyncGenerator<TrailRow> {}
