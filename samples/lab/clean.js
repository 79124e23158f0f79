// dumpcap writes the machine's processor and kernel into its files. A sample has no use for them.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
/** Where the options of a block begin, and which of them name the machine (shb_hardware, shb_os; if_os). */
const OPTIONS = new Map([
  [SECTION, { at: 24, unwanted: [2, 3] }],
  [INTERFACE, { at: 16, unwanted: [12] }],
]);

/** @param {string} file a little-endian pcapng file, which is rewritten */
export function takeOutMachine(file) {
  const octets = readFileSync(file);
  const parts = [];
  for (let at = 0; at + 12 <= octets.length;) {
    const length = octets.readUInt32LE(at + 4);
    parts.push(cleanBlock(octets.subarray(at, at + length)));
    at += length;
  }
  writeFileSync(file, Buffer.concat(parts));
  chmodSync(file, 0o644);
}

/** @param {Buffer} block */
function cleanBlock(block) {
  const rule = OPTIONS.get(block.readUInt32LE(0));
  if (rule === undefined) return block;
  const kept = [];
  for (let at = rule.at; at + 4 <= block.length - 4;) {
    const size = 4 + ((block.readUInt16LE(at + 2) + 3) & ~3);
    if (!rule.unwanted.includes(block.readUInt16LE(at))) kept.push(block.subarray(at, at + size));
    at += size;
  }
  const clean = Buffer.concat([block.subarray(0, rule.at), ...kept, block.subarray(block.length - 4)]);
  clean.writeUInt32LE(clean.length, 4);
  clean.writeUInt32LE(clean.length, clean.length - 4);
  // The section is shorter now; all ones is "not said".
  if (block.readUInt32LE(0) === SECTION) clean.fill(0xff, 16, 24);
  return clean;
}
