/** What must hold of a whole run over any captures: points, verdict, exchanges, trails, and all that is printed of them. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { CaptureError } from '../../src/capture/capture.js';
import { diagnose, exchanges, points, trails } from '../../src/diagnose.js';
import { diagnoseText } from '../../src/report/diagnose-text.js';
import { jsonLine, jsonText } from '../../src/report/json.js';
import { pointsText } from '../../src/report/points-text.js';
import { exchangesText, trailsText } from '../../src/report/rows-text.js';
import { writePcap } from '../support/capture-writer.js';
import { frameOf, frameRecipe, type FrameRecipe } from './frame-changes.js';
import type { Pool } from './pool.js';
import { jsonFault, textFault } from './printed.js';
import { spent } from './spent.js';

/** Captures of a sample with some frames changed. */
export interface RunRecipe {
  readonly set: number;
  readonly changes: readonly { readonly capture: number; readonly frame: number; readonly recipe: FrameRecipe }[];
  /** Octets at the end of one capture that are cut off. */
  readonly cut: number;
}

export const runRecipe: fc.Arbitrary<RunRecipe> = fc.record({
  set: fc.nat(),
  changes: fc.array(fc.record({ capture: fc.nat(20), frame: fc.nat(100), recipe: frameRecipe }), { maxLength: 12 }),
  cut: fc.oneof(fc.constant(0), fc.nat(300)),
});

export interface FuzzCapture {
  readonly file: string;
  readonly source: Uint8Array;
}

export function capturesOf({ set, changes, cut }: RunRecipe, pool: Pool): FuzzCapture[] {
  const chosen = pool.sets[set % pool.sets.length]!;
  return chosen.map(({ file, frames }, number) => {
    const written = frames.map((frame, index) => {
      const change = changes.find(
        (one) => one.capture % chosen.length === number && one.frame % frames.length === index,
      );
      if (change === undefined) return frame;
      // The frame itself is changed, not another one
      const itself = { ...change.recipe, frame: 0 };
      return { ...frame, ...frameOf(itself, [frame, ...pool.frames]) };
    });
    const octets = writePcap(written, { linkType: frames[0]?.linkType ?? 1, nanosecond: true });
    return { file, source: number === 0 ? octets.slice(0, Math.max(24, octets.length - cut)) : octets };
  });
}

/** Milliseconds for a run over the captures of one sample, some thousand frames. */
const MOST_TIME = 20_000;
const TEXT = { color: false, width: 100 };

let validate: ((value: unknown) => boolean) | null = null;

function isReport(value: unknown): boolean {
  validate ??= new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync('src/report/report.schema.json', 'utf8')) as object,
  );
  return validate(JSON.parse(JSON.stringify(value)));
}

/** What is wrong with a run; null for nothing. */
export async function runFault(captures: readonly FuzzCapture[]): Promise<string | null> {
  const started = spent();
  try {
    const texts: string[] = [];
    const notices: string[] = [];
    const options = { onNotice: (notice: string) => void notices.push(notice) };
    const found = await points(captures, options);
    const report = await diagnose(captures, options);
    if (!isReport(found) || !isReport(report)) return 'the report is not what its schema says';
    if (report.counts.frames !== found.counts.frames) return 'points and verdict count other frames';
    const json = [jsonText(found), jsonText(report)].join('').replaceAll('\n', ' ');
    texts.push(pointsText(found, TEXT), diagnoseText(report, TEXT));
    const exchangeText = exchangesText(TEXT);
    for await (const row of exchanges(captures)) texts.push(exchangeText.line(row), jsonLine(row));
    const trailText = trailsText(TEXT);
    for await (const row of trails(captures)) texts.push(trailText.line(row), jsonLine(row));
    const took = spent() - started;
    if (took > MOST_TIME) return `takes ${took.toFixed(0)} ms`;
    return jsonFault(json) ?? textFault(texts.join('\n'));
  } catch (error) {
    if (error instanceof CaptureError && captures.every(({ source }) => source.length < 24)) return null;
    throw error;
  }
}
