import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { diagnose, exchanges } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import type { ExchangeRow } from '../../src/report/report.js';
import { writePcap, writePcapng } from '../support/capture-writer.js';
import { filesOf, framesOf, SAMPLES } from '../support/sample-files.js';

/** What must not depend on how the frames are stored. */
async function verdictsOf(inputs: readonly CaptureInput[]): Promise<(ExchangeRow & { key: string })[]> {
  const rows: (ExchangeRow & { key: string })[] = [];
  for await (const row of exchanges(inputs)) {
    rows.push({
      ...row,
      key: `${row.protocol} ${row.client}:${row.clientPort} ${row.server}:${row.serverPort} ${JSON.stringify(row.id)}`,
    });
  }
  return rows;
}

function input(name: string, source: Exclude<CaptureInput, { source: unknown }>): CaptureInput {
  return { file: name, source };
}

async function* chunks(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += 1000) yield octets.subarray(at, at + 1000);
}

describe('the same frames, stored otherwise, give the same verdicts', () => {
  for (const sample of SAMPLES) {
    const files = filesOf(sample);
    const plain = verdictsOf(files.map(({ name, octets }) => input(name, octets)));

    it(`${sample}: from the folder`, async () => {
      expect(await verdictsOf([join('samples', sample)])).toEqual(await plain);
    });

    it(`${sample}: gzip`, async () => {
      const packed = files.map(({ name, octets }) => input(`${name}.gz`, new Uint8Array(gzipSync(octets))));
      expect(await verdictsOf(packed)).toEqual(await plain);
    });

    it(`${sample}: as streams`, async () => {
      expect(await verdictsOf(files.map(({ name, octets }) => input(name, chunks(octets))))).toEqual(await plain);
    });

    it(`${sample}: as pcapng`, async () => {
      const written = await Promise.all(
        files.map(async ({ name, octets }) => input(`${name}ng`, writePcapng(await framesOf(octets)))),
      );
      expect(await verdictsOf(written)).toEqual(await plain);
    });

    it(`${sample}: in any order`, async () => {
      const reversed = [...files].reverse().map(({ name, octets }) => input(name, octets));
      expect(await verdictsOf(reversed)).toEqual(await plain);
    });

    it(`${sample}: cut at 96 octets, the same or unknown`, async () => {
      const cut = await Promise.all(
        files.map(async ({ name, octets }) =>
          input(
            name,
            writePcap(
              (await framesOf(octets)).map((frame) => ({
                ...frame,
                octets: frame.octets.subarray(0, 96),
                originalLength: frame.originalLength ?? frame.octets.length,
              })),
              { snapLength: 96 },
            ),
          ),
        ),
      );
      const whole = await plain;
      // A name that was cut off cannot be compared, all else must agree.
      const short = (row: ExchangeRow): string =>
        `${row.protocol} ${row.client}:${row.clientPort} ${row.server}:${row.serverPort} ${JSON.stringify(row.id.dnsId ?? row.id)}`;
      for (const row of await verdictsOf(cut)) {
        const same = whole.filter((other) => short(other) === short(row)).map(({ verdict }) => verdict);
        if (row.verdict !== 'unknown') expect(same, short(row)).toContain(row.verdict);
      }
      const report = await diagnose(cut);
      if (sample.startsWith('healthy'))
        expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    });
  }
});

describe('a healthy network of which some points were not captured stays silent', () => {
  for (const sample of SAMPLES.filter((name) => name.startsWith('healthy'))) {
    const files = filesOf(sample);

    it(`${sample}: without any one or two of its points`, async () => {
      for (const [i, first] of files.entries()) {
        for (const second of files.slice(i)) {
          const rest = files.filter((file) => file !== first && file !== second);
          const report = await diagnose(rest.map(({ name, octets }) => input(name, octets)));
          expect(
            report.findings.filter(({ severity }) => severity !== 'info').map(({ kind }) => kind),
            `without ${first.name} and ${second.name}`,
          ).toEqual([]);
        }
      }
    });
  }
});
