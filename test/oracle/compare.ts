/**
 * `npm run oracle -- FOLDER...` compares our rows of every capture in the folders with those of tshark, and prints what was
 * compared, field by field. Exit code 1 when a difference is not explained, 2 when tshark is missing.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agreement } from './agreement.js';
import { ourRows } from './rows.js';
import { knownFields, tsharkFrames, tsharkVersion } from './tshark.js';

async function compareFolders(folders: readonly string[], print: (line: string) => void): Promise<Agreement> {
  const fields = await knownFields();
  const agreement = new Agreement();
  const captures = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(pcap|pcapng|cap)$/.test(name))
      .map((name) => join(folder, name))
      .sort(),
  );
  for (const path of captures) {
    const { rows, damage } = await ourRows(path);
    const oracle = await tsharkFrames(path, fields);
    if (damage !== null) print(`${path}: ${damage}`);
    if (rows.length !== oracle.length) agreement.countDifference(path, rows.length, oracle.length);
    rows.slice(0, oracle.length).forEach((row, index) => agreement.add(row, oracle[index]!, path));
  }
  print(`${captures.length} captures, ${agreement.frames} frames`);
  return agreement;
}

async function main(folders: readonly string[], print: (line: string) => void): Promise<number> {
  const version = await tsharkVersion();
  if (version === null || folders.length === 0) {
    print(version === null ? 'tshark cannot be run' : 'name a folder of captures');
    return 2;
  }
  print(`tshark ${version}`);
  const agreement = await compareFolders(folders, print);
  for (const [field, { compared, explained, differences }] of agreement.fields) {
    print(`${field.padEnd(60)} ${compared} compared, ${explained} explained, ${differences.length} different`);
  }
  for (const [known, count] of agreement.uses) print(`explained ${count} times: ${known.reason}`);
  for (const line of agreement.unexplained) print(line);
  return agreement.unexplained.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
}
