// Writes docs/findings.md from the catalogue that `lasthop explain` prints; `npm run docs` builds first.
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

const HEAD = `# Findings and causes

What lasthop can tell, the most general first in each part. A *finding* stands in a report by itself; a *cause* stands under one, with its likelihood, and many are both. \`lasthop explain ID\` prints the same text.

Severities: \`error\` breaks traffic, \`warning\` breaks some of it or may be meant, \`info\` is worth knowing and raises no alarm. A report may give a finding another severity than it usually has, listed here, when fewer packets are concerned.

<!-- Written by \`npm run docs\`; change src/findings/entries instead. -->`;

/**
 * The page.
 * @param {{ title: string, entries: { id: string, title: string, severity: string, meaning: string, shown: string,
 *   confirm: string, confusedWith: string }[] }[]} groups
 */
export function page(groups) {
  const ids = new Set(groups.flatMap(({ entries }) => entries.map(({ id }) => id)));
  const parts = groups.map(({ title, entries }) => [
    `## ${title}`,
    `| id | severity | |\n|-|-|-|\n${entries.map((each) => `| [${each.id}](#${each.id}) | ${each.severity} | ${escaped(each.title)} |`).join('\n')}`,
    ...entries.flatMap((entry) => section(entry, ids)),
  ]);
  return `${[HEAD, ...parts.flat()].join('\n\n')}\n`;
}

function section({ id, title, severity, meaning, shown, confirm, confusedWith }, ids) {
  const text = (words) => linked(escaped(words), ids, id);
  return [
    `### ${id}`,
    `**${escaped(title)}** (${severity})`,
    text(meaning),
    `*How captures show it.* ${text(shown)}`,
    `*What confirms it.*${blocks(confirm, text)}`,
    `*What it is confused with.* ${text(confusedWith)}`,
  ];
}

/** Commands stand in blocks, sentences between them. */
function blocks(confirm, text) {
  let out = '';
  let open = false;
  for (const line of confirm.split('\n')) {
    const command = line.startsWith('$ ');
    if (command !== open) out += command ? '\n\n```sh' : '\n```';
    open = command;
    out += command ? `\n${line.slice(2)}` : `${out.endsWith('```') ? '\n\n' : ' '}${text(line)}`;
  }
  return open ? `${out}\n\`\`\`` : out;
}

function escaped(words) {
  return words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/[*|\\]/g, '\\$&');
}

/** Other ids become links. Those of one word are words, too, and stay. */
function linked(words, ids, own) {
  return words.replace(/\b[a-z0-9]+(?:-[a-z0-9]+)+\b/g, (word) =>
    ids.has(word) && word !== own ? `[${word}](#${word})` : word,
  );
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const { GROUPS } = await import('../dist/findings/catalogue.js');
  writeFileSync(fileURLToPath(new URL('findings.md', import.meta.url)), page(GROUPS));
}
