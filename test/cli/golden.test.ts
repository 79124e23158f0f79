import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.js';

// Whole runs of the command line: each file holds commands, and for each its exit code and what it prints.
// LASTHOP_GOLDEN=update writes the files again from the commands in their headings; read the difference before keeping it.

const FOLDER = join(import.meta.dirname, 'golden');
const HEADING = /^## `lasthop ?(.*)`$/gm;
const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Words of a command line; single quotes hold spaces together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

function collector(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text.replaceAll(version, 'VERSION') };
}

async function run(line: string): Promise<string> {
  const stdout = collector();
  const stderr = collector();
  const io = { stdout: stdout.stream, stderr: stderr.stream, stdin: Readable.from([]), env: {} };
  const code = await main(words(line), io);
  const blocks = [
    ['stdout', stdout.text()],
    ['stderr', stderr.text()],
  ].filter(([, text]) => text !== '');
  return [`exit code ${code}`, ...blocks.map(([name, text]) => `\`\`\`${name}\n${text}\`\`\``)].join('\n\n');
}

describe.each(readdirSync(FOLDER))('%s', (name) => {
  const path = join(FOLDER, name);
  const before = readFileSync(path, 'utf8');
  const commands = [...before.matchAll(HEADING)].map((match) => match[1] ?? '');
  const title = before.slice(0, before.indexOf('\n## ') + 1).trimEnd();

  it.runIf(process.env['LASTHOP_GOLDEN'] === 'update')('is written again', async () => {
    const sections = [];
    for (const command of commands)
      sections.push(`## \`${`lasthop ${command}`.trimEnd()}\`\n\n${await run(command)}\n`);
    writeFileSync(path, `${title}\n\n${sections.join('\n')}`);
  });

  const sections = before.split(/^(?=## `lasthop)/m).slice(1);
  it
    .skipIf(process.env['LASTHOP_GOLDEN'] === 'update')
    .each(commands.map((command, index) => [command, index] as const))('lasthop %s', async (command, index) => {
    const expected = sections[index]!.slice(sections[index]!.indexOf('\n')).trim();
    expect(await run(command)).toBe(expected);
  });
});
