import { diagnose, exchanges, points, trails, type CaptureInput, type DiagnoseOptions } from '../index.js';
import { jsonLine, jsonPieces } from '../report/json.js';
import type { Report } from '../report/report.js';
import type { RowText } from '../report/rows-text.js';
import { counted, type TextOptions } from '../report/text-layout.js';
import type { Format } from './arguments.js';
import { exitCode, type FailOn } from './exit-code.js';
import type { Sink } from './output.js';
import type { PacketFrame } from './packets.js';
import type { Progress } from './progress.js';

/** What every command that reads captures works with. */
export interface Context {
  readonly inputs: readonly CaptureInput[];
  readonly options: DiagnoseOptions;
  readonly format: Format;
  readonly text: TextOptions;
  readonly sink: Sink;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** @param only kinds of findings or causes to keep; null keeps all */
export async function runDiagnose(context: Context, only: readonly string[] | null, failOn: FailOn): Promise<number> {
  const whole = await diagnose(context.inputs, context.options);
  const report =
    only === null ? whole : { ...whole, findings: whole.findings.filter((finding) => concerns(finding, only)) };
  context.progress.clear();
  const hidden = whole.findings.length - report.findings.length;
  if (hidden > 0) context.progress.notice(`--only leaves out ${counted(hidden, 'finding')} of another kind`);
  if (context.format === 'text') {
    const { diagnoseText } = await import('../report/diagnose-text.js');
    context.sink.add(diagnoseText(report, context.text));
  } else {
    await addReport(report, context.format, context.sink);
  }
  interrupted(context);
  return exitCode(report, failOn);
}

function concerns({ kind, causes }: Report['findings'][number], only: readonly string[]): boolean {
  return only.includes(kind) || causes.some((cause) => only.includes(cause.kind));
}

export async function runPoints(context: Context): Promise<number> {
  const report = await points(context.inputs, context.options);
  context.progress.clear();
  if (context.format === 'text') {
    const { pointsText } = await import('../report/points-text.js');
    context.sink.add(pointsText(report, context.text));
  } else {
    const { schema, version, points: found, problems, counts } = report;
    await addReport({ schema, version, points: found, problems, counts }, context.format, context.sink);
  }
  interrupted(context);
  return 0;
}

export async function runExchanges(context: Context): Promise<number> {
  const { exchangesText } = await import('../report/rows-text.js');
  return printRows(exchanges(context.inputs, context.options), exchangesText(context.text), context);
}

export async function runTrails(context: Context): Promise<number> {
  const { trailsText } = await import('../report/rows-text.js');
  return printRows(trails(context.inputs, context.options), trailsText(context.text), context);
}

/** @param verbose text: every field below its packet's line */
export async function runPackets(context: Context, verbose: boolean): Promise<number> {
  const { packetFrames } = await import('./packets.js');
  const { packetLine } = await import('../report/packet-line.js');
  const { packetRow } = await import('../report/packet-row.js');
  const { fieldsText } = await import('../report/rows-text.js');
  const row = ({ packet, meta, messages }: PacketFrame) => packetRow(packet, meta, messages);
  const line = (frame: PacketFrame) =>
    `${packetLine(frame.packet, frame.meta, frame.messages)}\n${verbose ? fieldsText(row(frame)) : ''}`;
  return printRows(packetFrames(context.inputs, context.options), { header: '', line }, context, row);
}

async function printRows<Row>(
  rows: AsyncIterable<Row>,
  text: RowText<Row>,
  context: Context,
  value: (row: Row) => unknown = (row) => row,
): Promise<number> {
  const { format, sink, signal } = context;
  if (format === 'text') sink.add(text.header);
  let separator = '[\n';
  try {
    for await (const row of rows) {
      let full;
      if (format === 'text') full = sink.add(text.line(row));
      else if (format === 'ndjson') full = sink.add(`${jsonLine(value(row))}\n`);
      else {
        full = sink.add(`${separator}${jsonLine(value(row))}`);
        separator = ',\n';
      }
      if (full) {
        context.progress.clear();
        await sink.flush();
      }
      if (sink.closed) return 0;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (format === 'json') sink.add(separator === '[\n' ? '[]\n' : '\n]\n');
  context.progress.clear();
  interrupted(context);
  return 0;
}

async function addReport(report: object, format: Exclude<Format, 'text'>, sink: Sink): Promise<void> {
  for (const piece of jsonPieces(report, format === 'json' ? 'text' : 'line')) {
    if (sink.add(piece)) await sink.flush();
    if (sink.closed) return;
  }
}

function interrupted({ signal, progress }: Context): void {
  if (signal.aborted) progress.notice('interrupted: this is what was found so far');
}
