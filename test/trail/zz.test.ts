import { it } from 'vitest';
import { rowsOf, rowText, viewOf, describe as d } from '../support/scenario-check.js';
import { inputsOf, makeScenario, QUIET } from '../support/scenario.js';
import { Random } from '../support/scenario-random.js';
it('dbg', async () => {
  const o = JSON.parse(process.env['O']!);
  const s = makeScenario({ ...QUIET, ...o });
  let files = s.files;
  if (process.env['CUT']) {
    const random = new Random(Number(process.env['CUT']));
    const chosen = random.below(files.length);
    const { frames } = files[chosen]!;
    const at = random.below(frames.length + 1);
    const kept = [frames.slice(at), frames.slice(0, at), []][random.below(3)]!;
    files = files.map((file, i) => (i === chosen ? { ...file, frames: kept } : file));
  }
  if (process.env['DROP']) {
    const [n, f] = process.env['DROP'].split('#');
    files = files.map((file) =>
      file.name === n ? { ...file, frames: file.frames.filter((_, i) => i !== Number(f) - 1) } : file,
    );
  }
  const v = viewOf(s, files);
  console.log(s.points.join(' '));
  console.log(v.visible.map(d).join('\n'));
  for (const r of await rowsOf(inputsOf(files))) console.log(r.time, r.src, r.dst, rowText(r));
});
