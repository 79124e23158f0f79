#!/usr/bin/env node
// Compares what `lasthop trails` and `lasthop exchanges` say of a small trace with the truth about it: every packet that was
// lost, and no other, is lost, and each conversation is one exchange (each echo of a ping is one).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const EXAMPLES = 3;

/** @typedef {import('./generate.js').Truth} Truth */

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node bench/check.js TRACE\n');
  process.exitCode = 2;
} else {
  process.exitCode = await check(folder);
}

/** @param {string} folder */
async function check(folder) {
  const { exchanges, trails } = await import('../dist/index.js');
  /** @type {Truth} */
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  if (truth.lostFrames === null) {
    process.stderr.write('this trace loses too many packets to be checked one by one\n');
    return 2;
  }
  const lost = new Set(truth.lostFrames.map(({ point, frame }) => `${point} ${frame}`));
  /** @type {Map<string, { count: number, examples: string[] }>} */
  const outcomes = new Map();
  let packets = 0;
  let sightings = 0;
  for await (const row of trails([folder])) {
    packets++;
    sightings += row.sightings.length;
    const isLost = row.sightings.some(({ point, frame }) => lost.has(`${point} ${frame}`));
    const said = row.state === 'unknown' ? `unknown: ${row.reason}` : `${row.state} (${row.certainty})`;
    const key = `${isLost ? 'lost' : 'arrived'}, ${row.protocol}, said ${said}`;
    let outcome = outcomes.get(key);
    if (outcome === undefined) outcomes.set(key, (outcome = { count: 0, examples: [] }));
    outcome.count++;
    if (isLost === (row.state === 'lost')) continue;
    if (outcome.examples.length < EXAMPLES) {
      const where = row.sightings.map(({ point, frame, ttl }) => `${point}#${frame} ttl ${ttl}`).join(', ');
      outcome.examples.push(
        `${row.time} ${row.src}:${row.srcPort} > ${row.dst}:${row.dstPort} ${row.summary}: ${where}`,
      );
    }
  }
  const frames = truth.points.reduce((sum, { frames }) => sum + frames, 0);
  let wrong = (packets === truth.packets ? 0 : 1) + (sightings === frames ? 0 : 1);
  print(`packets: ${packets}, in truth ${truth.packets}`);
  print(`sightings: ${sightings}, frames ${frames}`);
  print(`lost in truth: ${truth.lost}`);
  for (const [key, { count, examples }] of [...outcomes].sort()) {
    print(`${String(count).padStart(8)}  ${key}`);
    wrong += examples.length;
    for (const example of examples) print(`            ${example}`);
  }
  /** @type {Map<string, number>} */
  const rows = new Map();
  for await (const { protocol } of exchanges([folder])) rows.set(protocol, (rows.get(protocol) ?? 0) + 1);
  for (const kind of ['tcp', 'dns', 'udp']) {
    const count = rows.get(kind) ?? 0;
    print(`exchanges of ${kind}: ${count}, in truth ${truth.kinds[kind]}`);
    if (count !== truth.kinds[kind]) wrong++;
  }
  return wrong === 0 ? 0 : 1;
}

/** @param {string} line */
function print(line) {
  process.stdout.write(`${line}\n`);
}
