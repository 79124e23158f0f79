import { describe, expect, it } from 'vitest';
import { diagnose, trails } from '../../src/diagnose.js';
import type { CaptureInput } from '../../src/inputs.js';
import type { Report, TrailRow } from '../../src/report/report.js';
import { writePcap } from '../support/capture-writer.js';
import { filesOf, framesOf } from '../support/sample-files.js';

// One capture of a run is damaged, cut short or without a name: what it does not show proves nothing.

const HEALTHY = ['healthy-calico', 'healthy-flannel', 'dns-listing'];
const LOSSY = ['dns-from-wireless-pods', 'gravity-forwarding-off', 'sopnode-broken-ping', 'networkpolicy-drop'];
/** A snap length that ends within the inner headers of a tunnel packet. */
const SNAP = 64;

type Change = (octets: Uint8Array) => Promise<Uint8Array>;

interface Damage {
  readonly what: string;
  readonly change: Change;
  /** Frames left out at the beginning, of so many. */
  readonly skipped: (frames: number) => number;
}

const none = (): number => 0;
const CHANGES: readonly Damage[] = [
  {
    what: 'ends at 30 % of its octets',
    change: async (octets) => octets.subarray(0, Math.floor(octets.length * 0.3)),
    skipped: none,
  },
  {
    what: 'ends at 45 % of its octets',
    change: async (octets) => octets.subarray(0, Math.floor(octets.length * 0.45)),
    skipped: none,
  },
  {
    what: 'is stopped after half of its frames',
    change: async (octets) => writePcap(half(await framesOf(octets), 0)),
    skipped: none,
  },
  {
    what: 'is begun after half of its frames',
    change: async (octets) => writePcap(half(await framesOf(octets), 1)),
    skipped: (frames) => frames >> 1,
  },
  {
    what: 'is cut at 64 octets a frame',
    change: async (octets) => writePcap((await framesOf(octets)).map(cutFrame), { snapLength: SNAP }),
    skipped: none,
  },
];

/** The first or the second half. */
function half<T>(frames: readonly T[], which: 0 | 1): T[] {
  const middle = frames.length >> 1;
  return which === 0 ? frames.slice(0, middle) : frames.slice(middle);
}

function cutFrame(frame: Awaited<ReturnType<typeof framesOf>>[number]) {
  return {
    ...frame,
    octets: frame.octets.subarray(0, SNAP),
    originalLength: frame.originalLength ?? frame.octets.length,
  };
}

/** The sample's captures, one of them changed; once for each. */
async function* changed(sample: string, change: Change): AsyncGenerator<{ name: string; inputs: CaptureInput[] }> {
  const files = filesOf(sample);
  for (const { name, octets } of files) {
    const other = await change(octets);
    yield {
      name,
      inputs: files.map((file) => ({ file: file.name, source: file.name === name ? other : file.octets })),
    };
  }
}

async function countOf(sample: string, name: string): Promise<number> {
  return (await framesOf(filesOf(sample).find((file) => file.name === name)!.octets)).length;
}

function kindsOf({ findings }: Report, severities: readonly string[]): string[] {
  return findings.filter(({ severity }) => severities.includes(severity)).map(({ kind }) => kind);
}

async function rowsOf(inputs: readonly CaptureInput[]): Promise<TrailRow[]> {
  const rows: TrailRow[] = [];
  for await (const row of trails(inputs)) rows.push(row);
  return rows;
}

describe.each(CHANGES)('a capture that $what', ({ change, skipped }) => {
  it.each(HEALTHY)('%s: raises no error', async (sample) => {
    for await (const { name, inputs } of changed(sample, change)) {
      expect(kindsOf(await diagnose(inputs), ['error']), name).toEqual([]);
    }
  });

  it.each(LOSSY)('%s: where a packet is shown never to have been, it was not', async (sample) => {
    const whole = await rowsOf(filesOf(sample).map(({ name, octets }) => ({ file: name, source: octets })));
    const frames = new Map(whole.flatMap((row) => row.sightings.map(({ file, frame }) => [`${file}#${frame}`, row])));
    let shown = 0;
    for await (const { name, inputs } of changed(sample, change)) {
      for (const row of await rowsOf(inputs)) {
        if (row.state !== 'lost' || row.certainty !== 'shown') continue;
        shown++;
        const { file, frame } = row.sightings[0]!;
        const truth = frames.get(`${file}#${frame + (file === name ? skipped(await countOf(sample, name)) : 0)}`);
        expect(
          truth?.sightings.map(({ point }) => point),
          `${name}: ${row.summary}`,
        ).not.toContain(row.nextExpected);
      }
    }
    expect(shown).toBeGreaterThan(0);
  });
});

describe('captures whose names say neither node nor interface', () => {
  it.each(HEALTHY)('%s: raise no error', async (sample) => {
    const inputs = filesOf(sample).map(({ octets }, index) => ({ file: `trace${index}.pcap`, source: octets }));
    expect(kindsOf(await diagnose(inputs), ['error'])).toEqual([]);
  });

  it.each(['any-interface/cooked-v1', 'any-interface/cooked-v2'])(
    '%s: of all interfaces of two nodes, show no tunnel that is missing',
    async (sample) => {
      const inputs = filesOf(sample).map(({ octets }, index) => ({ file: `trace${index}.pcap`, source: octets }));
      const kinds = kindsOf(await diagnose(inputs), ['error', 'warning', 'info']);
      expect(kinds).toContain('reply-lost');
      expect(kinds).not.toContain('route-missing-clear-text');
      expect(kinds).not.toContain('tunnel-one-way');
    },
  );

  it('rst-backend-switched: show no loss, since nothing tells that they lie on one way', async () => {
    const inputs = filesOf('rst-backend-switched').map(({ octets }, index) => ({
      file: `trace${index}.pcap`,
      source: octets,
    }));
    const rows = await rowsOf(inputs);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ state, certainty }) => state === 'lost' && certainty === 'shown')).toEqual([]);
  });
});

describe('captures of different times given together', () => {
  it('raise no error where none of them does', async () => {
    const inputs = HEALTHY.flatMap((sample) =>
      filesOf(sample).map(({ name, octets }) => ({ file: `${sample}/${name}`, source: octets })),
    );
    expect(kindsOf(await diagnose(inputs), ['error'])).toEqual([]);
  });
});
