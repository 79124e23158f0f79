import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePcap } from '../support/capture-writer.js';
import { Agreement } from './agreement.js';
import { MADE_FRAMES } from './made.js';
import { ourRows } from './rows.js';
import { knownFields, tsharkFrames, tsharkVersion } from './tshark.js';

const version = await tsharkVersion();
const linkTypes = [...new Set(MADE_FRAMES.map(({ linkType }) => linkType))];

describe.skipIf(version === null)('rows of made frames agree with tshark', () => {
  let folder: string;
  let fields: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lasthop-oracle-'));
    fields = await knownFields();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.for(linkTypes)('link type %i', async (linkType) => {
    const frames = MADE_FRAMES.filter((frame) => frame.linkType === linkType);
    const path = join(folder, `${linkType}.pcap`);
    const written = frames.map(({ octets }, index) => ({ seconds: 1_700_000_000 + index, nanoseconds: 1000, octets }));
    writeFileSync(path, writePcap(written, { linkType }));
    const { rows, damage } = await ourRows(path, 'frames');
    const oracle = await tsharkFrames(path, fields, 'frames');
    expect(damage).toBeNull();
    expect(rows.length).toBe(frames.length);
    expect(oracle.length).toBe(frames.length);
    const agreement = new Agreement();
    rows.forEach((row, index) => {
      const found = (row['problems'] as { code: string; at: number }[] | undefined) ?? [];
      const { name, problems = [] } = frames[index]!;
      expect([name, ...found.map(({ code, at }) => `${code}@${at}`)]).toEqual([name, ...problems]);
      agreement.add(row, oracle[index]!, frames[index]!.name);
    });
    expect(agreement.unexplained).toEqual([]);
  });
});
