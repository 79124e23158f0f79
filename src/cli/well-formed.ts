import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Command } from './arguments.js';
import { OPTIONS, OPTIONS_OF, type OptionName } from './option-table.js';
import type { Typed } from './parser.js';

/** Commands whose words are captures. */
const READING: readonly string[] = ['diagnose', 'exchanges', 'trails', 'packets', 'points'] satisfies Command[];

const CONFIG: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, { kind }]) => [
    name,
    {
      type: kind === 'switch' ? ('boolean' as const) : ('string' as const),
      multiple: kind === 'list',
      ...(name.length === 1 ? { short: name } : {}),
    },
  ]),
);

/**
 * Reads a command line in which nothing is amiss by what Node has at hand: yargs, which explains what is wrong and prints the help,
 * takes longer to load and to be told of all options than Node to start. Null where yargs is to be asked.
 */
export function wellFormed(argv: readonly string[]): Typed | null {
  const dashes = argv.indexOf('--');
  const args = dashes < 0 ? [...argv] : argv.slice(0, dashes);
  const parsed = tokensOf(args);
  if (parsed === null) return null;
  const { positionals: words, values, tokens } = parsed;
  const [first] = words;
  // yargs takes a last word `help` for --help, and `true` behind a switch for its value
  if (first === undefined || first === 'explain' || words.at(-1) === 'help') return null;
  if (words.includes('true') || words.includes('false')) return null;
  const isCommand = READING.includes(first);
  const command = isCommand ? (first as Command) : 'diagnose';
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const name = token.name as OptionName;
    if (!OPTIONS_OF[command].includes(name)) return null;
    if (given.has(name) && OPTIONS[name].kind !== 'list') return null;
    given.add(name);
  }
  return {
    command,
    values: { ...values, captures: isCommand ? words.slice(1) : words },
    afterDashes: dashes < 0 ? [] : argv.slice(dashes + 1),
  };
}

function tokensOf(args: string[]) {
  try {
    return parseArgs({ args, options: CONFIG, allowPositionals: true, tokens: true });
  } catch {
    return null;
  }
}
