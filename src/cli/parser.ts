import yargs from 'yargs';
import type { Argv } from 'yargs';
import type { Command } from './arguments.js';
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

const TEXT = { type: 'string', requiresArg: true } as const;
const LIST = { type: 'string', array: true, requiresArg: true } as const;

function outputOptions<T>(y: Argv<T>) {
  return y
    .option('format', { ...TEXT, describe: 'How to print: text, json or ndjson' })
    .option('output', { ...TEXT, describe: 'Write to this file instead of standard output' })
    .option('color', { ...TEXT, describe: 'auto (at a terminal, unless NO_COLOR is set), always or never' })
    .option('quiet', { type: 'boolean', describe: 'No progress and no notices on standard error' });
}

function readOptions<T>(y: Argv<T>) {
  return outputOptions(y)
    .positional('captures', { ...LIST, describe: 'File, folder, - (standard input) or POINT=FILE' })
    .option('filter', {
      ...TEXT,
      describe: 'Inner packets: host, net, port, tcp, udp, icmp, and, or, not, ( )',
    })
    .option('since', { ...TEXT, describe: 'Leave out earlier frames; epoch seconds or ISO 8601 (UTC)' })
    .option('until', { ...TEXT, describe: 'Leave out later frames' })
    .option('vxlan-port', { ...LIST, describe: 'UDP port to take as VXLAN besides 4789 and 8472; repeatable' })
    .option('n', { type: 'boolean', describe: 'Addresses as numbers (lasthop never asks a name server)' });
}

function captureOptions<T>(y: Argv<T>) {
  return readOptions(y)
    .option('order', { ...TEXT, describe: 'Points in path order, POINT,POINT,...; wins over the order found' })
    .option('clock', {
      ...LIST,
      describe: 'POINT=OFFSET, how far its clock is ahead (+1.5s, -200ms); repeatable',
    })
    .option('state', {
      ...LIST,
      describe:
        'Folder with saved output of ip, bridge, sysctl, iptables-save -c, ipset, conntrack, nft for the verdict; repeatable',
    })
    .option('cluster', {
      ...LIST,
      describe: 'Saved kubectl get nodes,pods,services,endpointslices -A -o json: names for the verdict; repeatable',
    })
    .option('memory', { ...TEXT, describe: 'Bound of the memory for pairing, such as 256M or 1G' });
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
      (y) =>
        captureOptions(y)
          .option('fail-on', {
            ...TEXT,
            describe: 'Least severity that makes the exit code 1: error, warning, info, never',
          })
          .option('only', { ...LIST, describe: 'Only findings of this kind or with this cause; repeatable' }),
      choose('diagnose'),
    )
    .command('exchanges [captures..]', 'A row an exchange', (y) => captureOptions(y), choose('exchanges'))
    .command('trails [captures..]', 'A row a packet: where it was seen', (y) => captureOptions(y), choose('trails'))
    .command(
      'packets [captures..]',
      'A line a packet as tcpdump would, the inner packet first, its tunnel after it',
      (y) => readOptions(y).option('v', { type: 'boolean', describe: 'Every field, below its packet' }),
      choose('packets'),
    )
    .command(
      'points [captures..]',
      'What is in the files: points, windows, clocks, counts, trust in each capture',
      (y) => captureOptions(y),
      choose('points'),
    )
    .command(
      'explain [kind]',
      "A finding's meaning, how it is shown, what confirms it",
      (y) =>
        outputOptions(y).positional('kind', {
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
