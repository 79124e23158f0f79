import { doubled } from '../net/doubled.js';
import { relative } from '../net/relative-time.js';
import type { ExchangeProtocol, Place, Verdict } from '../report/report.js';
import type { SavedState } from '../state/read.js';
import type { Choice } from '../trail/choice.js';
import type { Clock } from '../trail/clocks.js';
import type { Evidence, PointEvidence } from '../trail/evidence.js';
import type { Exchange } from '../trail/exchange.js';
import type { ExchangeTable } from '../trail/exchanges.js';
import type { FlowTable } from '../trail/flows.js';
import type { FrameStore } from '../trail/frame-store.js';
import type { Judge } from '../trail/judge.js';
import type { Paths } from '../trail/paths.js';
import { timeText, type Names } from '../trail/rows.js';
import type { Service } from '../trail/service-backends.js';
import type { Topology } from '../trail/topology.js';
import type { Trail } from '../trail/trail.js';
import type { Outcome } from '../trail/verdict.js';

/** An exchange and what became of it. */
export interface Judged {
  readonly exchange: Exchange;
  readonly outcome: Outcome;
  /** Index into the report's flows, -1 when there were too many of them. */
  readonly flow: number;
}

/**
 * Exchanges with what became of them, in columns: a check is handed objects, and keeps few. As objects those of a million flows took
 * 30 MiB. Of an exchange that has a trail the object is always the same one.
 */
export class JudgedExchanges implements Iterable<Judged> {
  readonly #table: ExchangeTable;
  readonly #outcomes: Outcome[] = [];
  /** Number and flow of each. */
  #rows: Int32Array<ArrayBuffer> = new Int32Array(2 << 8);

  constructor(table: ExchangeTable) {
    this.#table = table;
  }

  add(exchange: Exchange, outcome: Outcome, flow: number): void {
    const at = 2 * this.#outcomes.length;
    if (at === this.#rows.length) this.#rows = doubled(this.#rows);
    this.#rows[at] = exchange.number;
    this.#rows[at + 1] = flow;
    this.#outcomes.push(outcome);
  }

  #at(i: number): Judged {
    return { exchange: this.#table.at(this.#rows[2 * i]!), outcome: this.#outcomes[i]!, flow: this.#rows[2 * i + 1]! };
  }

  *[Symbol.iterator](): Generator<Judged> {
    for (let i = 0; i < this.#outcomes.length; i++) yield this.#at(i);
  }

  /** Those with one of some verdicts: of the others, most of them, no object is made. */
  *withVerdict(...verdicts: readonly Verdict[]): Generator<Judged> {
    for (let i = 0; i < this.#outcomes.length; i++)
      if (verdicts.includes(this.#outcomes[i]!.verdict)) yield this.#at(i);
  }

  /** Those of a protocol that pass a test. */
  *ofProtocol(protocol: ExchangeProtocol, test: (exchange: Exchange) => boolean = () => true): Generator<Judged> {
    for (let i = 0; i < this.#outcomes.length; i++) {
      const number = this.#rows[2 * i]!;
      if (this.#table.protocolOf(number) === protocol && test(this.#table.at(number))) yield this.#at(i);
    }
  }

  /** Those of one of the report's flows. */
  *ofFlow(flow: number): Generator<Judged> {
    for (let i = 0; i < this.#outcomes.length; i++) if (this.#rows[2 * i + 1] === flow) yield this.#at(i);
  }

  filter(test: (judged: Judged) => boolean): Judged[] {
    const found: Judged[] = [];
    for (const judged of this) if (test(judged)) found.push(judged);
    return found;
  }

  find(test: (judged: Judged) => boolean): Judged | undefined {
    for (const judged of this) if (test(judged)) return judged;
    return undefined;
  }
}

/** What keeps a capture from being read to its end, as CaptureError tells it. */
export interface CaptureFault {
  readonly code: string;
  readonly file: string;
  readonly octet: number | null;
  readonly frame: number;
  readonly message: string;
}

/** Everything a check may look at. */
export interface FindingContext {
  readonly names: Names;
  readonly evidence: Evidence;
  readonly topology: Topology;
  readonly paths: Paths;
  readonly judge: Judge;
  /** Exchanges that are not settled, and of small captures all. */
  readonly exchanges: JudgedExchanges;
  /** Counts of all exchanges by flow. */
  readonly flows: FlowTable;
  /** What service addresses were translated to. */
  readonly services: readonly Service[];
  /** All packets where the captures are small (`store.complete`), else those not known to have arrived. */
  readonly trails: readonly Trail[];
  /** Those of them that were seen more than once: of large captures few, of which alone some checks can tell anything. */
  readonly followed: readonly Trail[];
  /** Packets that the user's filter does not choose, to compare with; only of small captures. */
  readonly others: readonly Trail[];
  /** Frames kept, for checks that look at octets. */
  readonly store: FrameStore;
  readonly faults: readonly CaptureFault[];
  /** What the user's filter is about; null without one. */
  readonly choice: Choice | null;
  /** What was saved beside the captures; null when nothing was. It speaks about causes only. */
  readonly saved: SavedState | null;
  /** Clocks by node; what is not there could not be compared with others. */
  readonly clocks: ReadonlyMap<string, Clock>;
  /** Second since the epoch to which times are relative. */
  readonly base: number;
  /** A time relative to the run's base as seconds since the epoch. */
  readonly timeOf: (time: number) => string;
}

/** What is sent this close to the end of the captures may be answered after it, nanoseconds. */
export const EDGE = 1e9;

/** True where nothing follows from the lack of an answer: the captures may have ended before it. `time`: corrected. */
export function isNearEnd({ judge }: FindingContext, time: number): boolean {
  return time >= judge.end - EDGE;
}

/** The same of a frame that was kept, by the clock of its own point. */
export function isFrameNearEnd({ evidence, base }: FindingContext, { point, seconds, nanoseconds }: FrameAt): boolean {
  const ends = evidence.points[point]!.windows.map(({ last }) => last);
  return relative(seconds, nanoseconds, base) >= ends.reduce((most, last) => Math.max(most, last), -Infinity) - EDGE;
}

/** A node's name in a sentence. */
export function nodeName(node: string): string {
  return node === '' ? 'the node' : node;
}

/** Whether a point's own capture says that it lacks frames: then nothing follows from what is not there. */
export function hasDropped({ evidence }: FindingContext, point: number): boolean {
  return (evidence.points[point]?.dropped ?? 0) > 0;
}

/** The evidence of a point that was read. */
export function evidenceAt(context: FindingContext, point: number): PointEvidence {
  return context.evidence.points[point]!;
}

/** A frame of a capture: a sighting, or a frame that was kept. */
export interface FrameAt {
  readonly point: number;
  readonly file: number;
  readonly frame: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Where a frame is, for the report. */
export function placeOf({ names }: FindingContext, { point, file, frame, seconds, nanoseconds }: FrameAt): Place {
  return { point: names.points[point]!.name, file: names.files[file]!, frame, time: timeText(seconds, nanoseconds) };
}

/** What a finding has that is about a capture or a clock, and about no packet. */
export const ABOUT_NO_PACKET = {
  flow: null,
  firstTime: null,
  lastTime: null,
  lastSeen: null,
  nextExpected: null,
  trail: null,
} as const;
