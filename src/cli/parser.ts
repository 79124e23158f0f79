import yargs from 'yargs';
import type { Argv } from 'yargs';
import type { Command } from './arguments.js';
import { OPTIONS, OPTIONS_OF } from './option-table.js';
import { UsageError } from './options.js';

/** What was typed, not checked yet. */
export interface Typed {
  readonly command: Command;
  /** Values by name; those of options that are not there are undefined. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What follows `--`. */
  readonly afterDashes: readonly string[];
}

// yargs parses positionals a second time and loses a lone dash on the way. No argument can hold a NUL, so this stands for it.
const STDIN = '\0-';

const KINDS = {
  text: { type: 'string', requiresArg: true },
  list: { type: 'string', array: true, requiresArg: true },
  switch: { type: 'boolean' },
} as const;

/** Tells yargs of the options of a command. */
function optionsOf(y: Argv, command: Command): Argv {
  for (const name of OPTIONS_OF[command]) {
    const { kind, describe } = OPTIONS[name];
    y.option(name, { ...KINDS[kind], describe });
  }
  return y;
}

function captureOptions(y: Argv, command: Command): Argv {
  return optionsOf(y, command).positional('captures', {
    ...KINDS.list,
    describe: 'File, folder, - (standard input) or POINT=FILE',
  });
}

const USAGE = `$0 [command] CAPTURE...

Reads captures from several points of a network and says where each request and reply was last seen.`;

const EPILOGUE = `CAPTURE is a file, a folder, - for standard input, or POINT=FILE, where POINT is NODE/INTERFACE. Without POINT= the file name decides: node1__cni0.pcap was taken at node1/cni0.

Exit code of diagnose: 0 nothing at or above --fail-on; 1 findings; 3 nothing found, but an unanswered exchange could not be placed. Of every command: 2 usage, or no capture could be read; 130 ended by Ctrl-C.`;

/**
 * Reads a command line. Gives the text to print instead where help or the version was asked for.
 * @throws UsageError
 */
export async function parse(argv: readonly string[], version: string): Promise<Typed | string> {
  let chosen: Command | null = null;
  const choose = (command: Command) => () => {
    chosen = command;
  };
  const parser = yargs()
    .scriptName('lasthop')
    .usage(USAGE)
    .locale('en')
    .wrap(100)
    .version(version)
    .exitProcess(false)
    .strict()
    .parserConfiguration({
      'parse-positional-numbers': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'greedy-arrays': false,
    })
    .command(
      ['diagnose [captures..]', '$0'],
      'The verdict: findings worst first, each with its trail, causes and next command',
      (y) => captureOptions(y, 'diagnose'),
      choose('diagnose'),
    )
    .command('exchanges [captures..]', 'A row an exchange', (y) => captureOptions(y, 'exchanges'), choose('exchanges'))
    .command(
      'trails [captures..]',
      'A row a packet: where it was seen',
      (y) => captureOptions(y, 'trails'),
      choose('trails'),
    )
    .command(
      'packets [captures..]',
      'A line a packet as tcpdump would, the inner packet first, its tunnel after it',
      (y) => captureOptions(y, 'packets'),
      choose('packets'),
    )
    .command(
      'points [captures..]',
      'What is in the files: points, windows, clocks, counts, trust in each capture',
      (y) => captureOptions(y, 'points'),
      choose('points'),
    )
    .command(
      'explain [kind]',
      "A finding's meaning, how it is shown, what confirms it",
      (y) =>
        optionsOf(y, 'explain').positional('kind', {
          type: 'string',
          describe: 'Finding or cause; without it, the list of them',
        }),
      choose('explain'),
    )
    .alias('help', 'h')
    .epilogue(EPILOGUE);

  let printed = '';
  let failure: string | null = null;
  parser.fail((message, error) => {
    failure ??= message ?? error?.message ?? 'cannot be understood';
  });
  const dashes = argv.indexOf('--');
  const before = (dashes < 0 ? argv : argv.slice(0, dashes)).map((one) => (one === '-' ? STDIN : one));
  const values: Record<string, unknown> = await parser.parseAsync(before, {}, (_error, _argv, output) => {
    printed = output;
  });
  if (failure !== null) throw new UsageError(firstLine(failure));
  // The kinds of value are plain from the descriptions; what yargs says of them only widens the help.
  if (chosen === null) return `${printed.replace(/ +\[(?:string|boolean|array|default: \[\])\]/g, '')}\n`;
  return {
    command: chosen,
    values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, dashesRestored(value)])),
    afterDashes: dashes < 0 ? [] : argv.slice(dashes + 1),
  };
}

function dashesRestored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dashesRestored);
  return value === STDIN ? '-' : value;
}

/** yargs puts hints and choices on further lines; a usage error is one. */
function firstLine(message: string): string {
  return message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}
