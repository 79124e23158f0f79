import { EXIT_INTERRUPTED, EXIT_USAGE } from './exit-code.js';
import type { Io } from './io.js';

/**
 * The command line.
 * @param argv what follows the program's name
 * @returns the exit code: 0, 1 or 3 as the verdict says, 2 for usage or when no capture could be read, 130 after Ctrl-C
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  // A closed pipe is seen by whoever writes; without a listener the event itself would end the program.
  io.stdout.on('error', ignore);
  io.stderr.on('error', ignore);
  const controller = new AbortController();
  // Once only: a second Ctrl-C ends the program the hard way.
  const interrupt = () => {
    io.off?.('SIGINT', interrupt);
    controller.abort();
  };
  io.on?.('SIGINT', interrupt);
  try {
    const { VERSION: version } = await import('../version.js');
    // Scripts ask for the version often, so it does not wait for the argument parser.
    if (argv.length === 1 && argv[0] === '--version') {
      io.stdout.write(`${version}\n`);
      return 0;
    }
    const { run } = await import('./run.js');
    const code = await run(argv, io, version, controller.signal);
    return controller.signal.aborted ? EXIT_INTERRUPTED : code;
  } catch (error) {
    if (controller.signal.aborted) return EXIT_INTERRUPTED;
    io.stderr.write(`lasthop: ${await explanation(error)}\n`);
    if (io.env['LASTHOP_DEBUG'] && error instanceof Error) io.stderr.write(`${await callsOf(error)}\n`);
    return EXIT_USAGE;
  } finally {
    io.off?.('SIGINT', interrupt);
  }
}

function ignore(): void {}

/** The stack without the message before it, which may hold what no terminal should see. */
async function callsOf({ stack = '', message }: Error): Promise<string> {
  const { escapeText } = await import('../report/escape.js');
  const calls = stack.slice(stack.indexOf(message) + message.length).split('\n');
  return calls
    .filter((line) => line !== '')
    .map(escapeText)
    .join('\n');
}

/** Errors that are the caller's to mend; anything else is a fault of this program. */
const EXPECTED = ['UsageError', 'OptionsError', 'CaptureError', 'OutputError'];

async function explanation(error: unknown): Promise<string> {
  const { escapeText } = await import('../report/escape.js');
  const name = error instanceof Error ? error.name : '';
  const message = escapeText(error instanceof Error ? error.message : String(error));
  if (EXPECTED.includes(name)) {
    const file = name === 'CaptureError' ? escapeText((error as Error & { file: string }).file) : '';
    return file === '' || message.includes(file) ? message : `${file}: ${message}`;
  }
  const { VERSION: version } = await import('../version.js');
  return `internal error in lasthop ${version}: ${message}; please report it with the command line (LASTHOP_DEBUG=1 adds the stack)`;
}
