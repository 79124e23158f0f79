import type { DiagnoseOptions } from '../index.js';
import { escapeText } from '../report/escape.js';
import type { TextOptions } from '../report/text-layout.js';
import { parseArguments, type Arguments } from './arguments.js';
import { captureInputs } from './captures.js';
import { openOutput } from './files.js';
import type { Io } from './io.js';
import { UsageError } from './options.js';
import { Sink } from './output.js';
import { Progress } from './progress.js';

/**
 * Runs a command line.
 * @returns the exit code
 * @throws UsageError, and what the library throws
 */
export async function run(argv: readonly string[], io: Io, version: string, signal: AbortSignal): Promise<number> {
  const parsed = await parseArguments(argv, version);
  if (typeof parsed === 'string') {
    io.stdout.write(parsed);
    return 0;
  }
  const { command } = parsed;
  const text = textOptions(parsed, io);
  if (command === 'explain') {
    const { explain } = await import('./explain.js');
    const explanation = explain(parsed, text);
    return withSink(parsed, io, async (sink) => {
      sink.add(explanation);
      return 0;
    });
  }
  const inputs = captureInputs(parsed.captures, io.stdin);
  const usesStdin = inputs.some((input) => typeof input === 'object' && 'source' in input && input.source === io.stdin);
  const closeStdin = () => void io.stdin.destroy?.();
  // Reading a pipe that nobody writes to would not notice the signal.
  if (usesStdin) signal.addEventListener('abort', closeStdin, { once: true });
  const only = parsed.only.length === 0 ? null : await knownKinds(parsed.only);
  const progress = new Progress(io.stderr, parsed.quiet, io.env['TERM'] === 'dumb');
  const options = libraryOptions(parsed, signal, progress);
  try {
    return await withSink(parsed, io, async (sink) => {
      const commands = await import('./commands.js');
      const context = { inputs, options, format: parsed.format, text, sink, progress, signal };
      switch (command) {
        case 'diagnose':
          return await commands.runDiagnose(context, only, parsed.failOn);
        case 'points':
          return await commands.runPoints(context);
        case 'exchanges':
          return await commands.runExchanges(context);
        case 'trails':
          return await commands.runTrails(context);
        case 'packets':
          return await commands.runPackets(context, parsed.verbose);
      }
    });
  } finally {
    progress.clear();
    // A stream that was not read to its end would keep the program alive.
    if (usesStdin) closeStdin();
  }
}

function textOptions({ color, output }: Arguments, { stdout, env }: Io): TextOptions {
  const terminal = stdout.isTTY === true && output === null;
  const wanted = terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return {
    color: color === 'always' || (color === 'auto' && wanted),
    // A report that is not read on a terminal is pasted somewhere: 100 columns fit a ticket. A terminal may not know its width.
    width: terminal && stdout.columns ? Math.min(Math.max(stdout.columns, 60), 120) : 100,
  };
}

async function withSink(parsed: Arguments, io: Io, use: (sink: Sink) => Promise<number>): Promise<number> {
  if (parsed.output === null) return finish(new Sink(io.stdout, 'standard output', false), use);
  const { stream, clear } = await openOutput(parsed.output);
  return finish(new Sink(stream, parsed.output, true, clear), use);
}

async function finish(sink: Sink, use: (sink: Sink) => Promise<number>): Promise<number> {
  try {
    const code = await use(sink);
    sink.begin();
    return code;
  } finally {
    await sink.end();
  }
}

async function knownKinds(kinds: readonly string[]): Promise<readonly string[]> {
  const { CATALOGUE, FINDING_KINDS } = await import('../findings/catalogue.js');
  const known = new Set<string>([...FINDING_KINDS, ...CATALOGUE.map(({ id }) => id)]);
  const unknown = kinds.find((kind) => !known.has(kind));
  if (unknown !== undefined)
    throw new UsageError(`--only ${unknown}: no such finding or cause (lasthop explain lists them)`);
  return kinds;
}

function libraryOptions(parsed: Arguments, signal: AbortSignal, progress: Progress): DiagnoseOptions {
  return {
    vxlanPorts: parsed.vxlanPorts,
    clocks: parsed.clocks,
    state: parsed.state,
    cluster: parsed.cluster,
    ...(parsed.filter === null ? {} : { filter: parsed.filter }),
    ...(parsed.order === null ? {} : { order: parsed.order }),
    ...(parsed.memory === null ? {} : { memory: parsed.memory }),
    ...(parsed.since === null ? {} : { since: parsed.since }),
    ...(parsed.until === null ? {} : { until: parsed.until }),
    signal,
    partial: true,
    onProgress: (octetsRead, octetsTotal) => progress.update(octetsRead, octetsTotal),
    onNotice: (notice) => progress.notice(escapeText(notice)),
  };
}
