import { describe, expect, it } from 'vitest';
import { diagnose, exchanges, trails } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import { writePcap } from '../support/capture-writer.js';
import { filesOf, framesOf, SAMPLES } from '../support/sample-files.js';

// Two captures of one point that overlap: what both have was seen once. The kernel gives a packet one
// time in both.

type Cut = (octets: Uint8Array) => Promise<Uint8Array[]>;

const overlapping: Cut = async (octets) => {
  const frames = await framesOf(octets);
  const [from, to] = [Math.floor(frames.length * 0.3), Math.ceil(frames.length * 0.7)];
  return [writePcap(frames.slice(0, to)), writePcap(frames.slice(from))];
};

/** A short capture within a long one. */
const within: Cut = async (octets) => {
  const frames = await framesOf(octets);
  return [octets, writePcap(frames.slice(frames.length >> 2, frames.length - (frames.length >> 2)))];
};

async function toldOf(inputs: readonly CaptureInput[]) {
  const { findings, flows, counts, translations } = await diagnose(inputs);
  const rows = [];
  for await (const row of exchanges(inputs)) rows.push(row);
  const packets = [];
  for await (const { time, summary, src, dst, state, certainty, lastSeen, nextExpected, sightings } of trails(inputs)) {
    const at = [...new Set(sightings.map(({ point }) => point))];
    packets.push({ time, summary, src, dst, state, certainty, lastSeen, nextExpected, at });
  }
  return {
    findings: findings.map(({ kind, severity, certainty, count, lastSeen, nextExpected, title }) => ({
      kind,
      severity,
      certainty,
      count,
      lastSeen: lastSeen?.point,
      nextExpected,
      // How many packets went that way in all is counted in frames of the files.
      title: title.replace(/^(\d+) of \d+ packets/, '$1 packets'),
    })),
    flows,
    exchanges: counts.exchanges,
    translations,
    rows,
    packets,
  };
}

describe('captures of one point that overlap tell what one of them tells', () => {
  for (const sample of SAMPLES) {
    const files = filesOf(sample);
    const whole = toldOf(files.map(({ name, octets }) => ({ file: name, source: octets })));

    it.each([
      ['from beginning to end', overlapping],
      ['one within the other', within],
    ])(`${sample}: %s`, async (_, cut) => {
      const inputs: CaptureInput[] = [];
      for (const { name, octets } of files) {
        const parts = await cut(octets);
        inputs.push(...parts.map((source, at) => ({ file: `${name}${at || ''}`, source })));
      }
      expect(await toldOf(inputs)).toEqual(await whole);
    });
  }
});
