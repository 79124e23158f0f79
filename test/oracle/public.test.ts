import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Agreement, parseTable } from './agreement.js';
import { ourRows } from './rows.js';

const FOLDER = join(import.meta.dirname, '../../../shared/captures/public');
const FILES = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => /\.pcap(ng)?$/.test(name)) : [];

describe.skipIf(FILES.length === 0)('rows agree with tshark, frame by frame', () => {
  it.for(FILES)('%s', async (name) => {
    const path = join(FOLDER, name);
    const oracle = parseTable(readFileSync(`${path}.tsv`, 'utf8'));
    const { rows, damage } = await ourRows(path);
    expect(damage).toBeNull();
    expect(rows.length).toBe(oracle.length);
    const agreement = new Agreement();
    rows.forEach((row, index) => agreement.add(row, oracle[index]!, name));
    expect(agreement.unexplained).toEqual([]);
  });
});
