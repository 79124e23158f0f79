import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../src/diagnose.js';
import type { Finding } from '../../../src/report/report.js';
import { CAPTURING } from './capturing.js';
import { inputs, read } from './captures.js';
import { OCTETS } from './octets.js';
import { SIGHTINGS } from './sightings.js';
import { TRAFFIC } from './traffic.js';

// What capturing itself does to a healthy network. Nothing of it may raise an error or a warning, and nothing may be said to be
// lost. Each row has the captures and a count that shows that the artefact is in them.

const ARTEFACTS = [...OCTETS, ...SIGHTINGS, ...CAPTURING, ...TRAFFIC];
const SHARED = '../shared/captures';
const GUIDE = '../shared/FIELD-GUIDE.md';

function silent(findings: readonly Finding[], mayBeLikely = false): void {
  const loud = findings.filter(
    ({ severity, kind, certainty }) =>
      (severity !== 'info' || /lost|loss/.test(kind)) && !(mayBeLikely && certainty === 'likely'),
  );
  expect(loud.map(({ kind, title }) => `${kind}: ${title}`)).toEqual([]);
}

describe('artefacts of capturing', () => {
  it.each(ARTEFACTS)('%s: %s', async (_, __, make) => {
    for (const { inputs: given, seen, mayBeLikely = false } of await make()) {
      expect(seen).toBeGreaterThan(0);
      silent((await diagnose([...given])).findings, mayBeLikely);
    }
  });

  it.runIf(existsSync(`${SHARED}/faults`)).each(['faults/GSO', 'faults/D1', 'faults/H11on', 'lab/tso-resegment'])(
    '%s: as a kernel made it',
    async (folder) => silent((await diagnose(inputs(await read(`${SHARED}/${folder}`)))).findings),
  );

  it.runIf(existsSync(GUIDE))('are all that the field guide lists', () => {
    const listed = [...readFileSync(GUIDE, 'utf8').matchAll(/^\| `(art-[a-z-]+)` \|/gm)].map(([, id]) => id);
    expect(listed.length).toBeGreaterThan(20);
    expect(ARTEFACTS.map(([id]) => id).sort()).toEqual(listed.sort());
  });
});
