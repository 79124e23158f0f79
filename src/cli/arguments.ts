import type { FailOn } from './exit-code.js';
import { parseClock, parseMemory, parseOrder, parsePort, parseTime, UsageError } from './options.js';
import type { Typed } from './parser.js';
import { wellFormed } from './well-formed.js';

export type Command = 'diagnose' | 'exchanges' | 'trails' | 'packets' | 'points' | 'explain';
export type Format = (typeof FORMATS)[number];

/** A command line, checked. */
export interface Arguments {
  readonly command: Command;
  /** As typed: files, folders, `-`, `POINT=FILE`. */
  readonly captures: readonly string[];
  /** The finding to explain. */
  readonly kind: string | null;
  readonly format: Format;
  readonly output: string | null;
  readonly color: (typeof COLORS)[number];
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly failOn: FailOn;
  readonly only: readonly string[];
  readonly vxlanPorts: readonly number[];
  readonly filter: string | null;
  readonly order: readonly string[] | null;
  readonly clocks: Readonly<Record<string, number>>;
  readonly memory: number | null;
  /** Saved state: folders or files. */
  readonly state: readonly string[];
  readonly cluster: readonly string[];
  /** Nanoseconds since the epoch. */
  readonly since: bigint | null;
  readonly until: bigint | null;
}

const FORMATS = ['text', 'json', 'ndjson'] as const;
const COLORS = ['auto', 'always', 'never'] as const;
const FAIL_ON = ['warning', 'error', 'info', 'never'] as const;

/**
 * Reads a command line. Gives the text to print instead where help or the version was asked for.
 * @throws UsageError
 */
export async function parseArguments(argv: readonly string[], version: string): Promise<Arguments | string> {
  let typed: Typed | string | null = wellFormed(argv);
  if (typed === null) {
    const { parse } = await import('./parser.js');
    typed = await parse(argv, version);
  }
  return typeof typed === 'string' ? typed : checked(typed);
}

function clocksOf(texts: readonly string[]): Record<string, number> {
  const clocks = new Map<string, number>();
  for (const [point, offset] of texts.map(parseClock)) {
    if (clocks.has(point)) throw new UsageError(`--clock names ${point} twice; once is meant`);
    clocks.set(point, offset);
  }
  return Object.fromEntries(clocks);
}

function checked({ command, values, afterDashes }: Typed): Arguments {
  const text = (name: string): string | null => {
    const value = values[name];
    if (Array.isArray(value)) throw new UsageError(`--${name} was given ${value.length} times; once is meant`);
    if (value === '') throw new UsageError(`--${name} wants a value`);
    return typeof value === 'string' ? value : null;
  };
  const list = (name: string): string[] => {
    const value = values[name];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const given = <T>(name: string, parse: (value: string) => T): T | null => {
    const value = text(name);
    return value === null ? null : parse(value);
  };
  /** The first choice is the one without the option. */
  const choice = <T extends string>(name: string, choices: readonly [T, ...T[]]): T => {
    const value = text(name);
    const chosen = value === null ? choices[0] : choices.find((one) => one === value);
    if (chosen === undefined) throw new UsageError(`--${name} ${value}: choose one of ${choices.join(', ')}`);
    return chosen;
  };
  const captures = [...list('captures'), ...afterDashes];
  if (command !== 'explain' && captures.length === 0) {
    throw new UsageError('name at least one capture: a file, a folder, - or POINT=FILE (lasthop --help tells more)');
  }
  const since = given('since', (value) => parseTime('--since', value));
  const until = given('until', (value) => parseTime('--until', value));
  if (since !== null && until !== null && since > until) throw new UsageError('--since is later than --until');
  return {
    command,
    captures,
    kind: text('kind'),
    format: choice('format', FORMATS),
    output: text('output') === '-' ? null : text('output'),
    color: choice('color', COLORS),
    quiet: values['quiet'] === true,
    verbose: values['v'] === true,
    failOn: choice('fail-on', FAIL_ON),
    only: list('only').flatMap((value) => value.split(',')),
    vxlanPorts: list('vxlan-port').map((value) => parsePort('--vxlan-port', value)),
    filter: text('filter'),
    order: given('order', parseOrder),
    clocks: clocksOf(list('clock')),
    memory: given('memory', parseMemory),
    state: list('state'),
    cluster: list('cluster'),
    since,
    until,
  };
}
