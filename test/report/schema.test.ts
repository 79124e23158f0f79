import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { gravity, replyLost } from './fixtures.js';

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../src/report/report.schema.json'), 'utf8'),
) as object;
const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true }).compile(
  schema,
);

function errors(value: unknown): string[] {
  if (validate(value)) return [];
  return validate.errors!.map((error) => `${error.instancePath} ${error.message}`);
}

/** A deep copy with one value replaced. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(gravity) as unknown;
  let at = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = path[path.length - 1]!;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** Every key of every object, as paths. */
function keys(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const key = Array.isArray(value) ? Number(name) : name;
    return [...(Array.isArray(value) ? [] : [[...path, key]]), ...keys(inner, [...path, key])];
  });
}

/** Objects whose keys are names of what was found. */
const MAPS = ['problems', 'protocols', 'undecoded'];

describe('report.schema.json', () => {
  it('takes a report', () => {
    expect(errors(gravity)).toEqual([]);
    expect(
      errors({ ...gravity, findings: [{ ...replyLost, lastSeen: null, trail: null, flow: null, firstTime: null }] }),
    ).toEqual([]);
  });

  it('takes what points prints', () => {
    const { schema: name, version, points, problems, counts } = gravity;
    expect(errors({ schema: name, version, points, problems, counts })).toEqual([]);
    expect(errors({ schema: name, version, points, problems, counts, findings: [] })).not.toEqual([]);
  });

  it('takes what saved state adds, and wants every field of it', () => {
    const [cause] = replyLost.causes;
    const line = { file: 'node1/netconf.txt', line: 3, text: 'inet cni0 forwarding off', says: 'confirms', note: null };
    const told = (evidence: object): object => ({
      ...gravity,
      findings: [{ ...replyLost, causes: [{ ...cause, evidence: [evidence] }] }],
      state: { from: ['state'], files: 1, nodes: ['node1'] },
      names: { '10.244.6.154': { kind: 'pod', name: 'default/web', node: 'node1' } },
    });
    expect(errors(told(line))).toEqual([]);
    for (const key of Object.keys(line)) expect(errors(told({ ...line, [key]: undefined }))).not.toEqual([]);
    expect(errors(told({ ...line, says: 'hints' }))).not.toEqual([]);
    expect(errors(told({ ...line, line: 0 }))).not.toEqual([]);
    expect(errors({ ...gravity, state: { from: [], files: 1 } })).not.toEqual([]);
    expect(errors({ ...gravity, names: { '10.0.0.1': { kind: 'router', name: 'x', node: null } } })).not.toEqual([]);
  });

  it('wants every field', () => {
    const wanted = keys(gravity).filter((path) => !path.slice(0, -1).some((key) => MAPS.includes(String(key))));
    expect(wanted.length).toBeGreaterThan(150);
    for (const path of wanted) expect([path, errors(changed(path, undefined)).length > 0]).toEqual([path, true]);
  });

  it.each([
    [['schema'], 'lasthop.report/2'],
    [['more'], 1],
    [['points', 0, 'role'], 'router'],
    [['points', 0, 'firstTime'], '1795231479.47'],
    [['points', 0, 'firstTime'], 1795231479.47],
    [['points', 4, 'clock', 'errorNs'], -1],
    [['points', 0, 'protocols', 'icmp'], 'many'],
    [['flows', 0, 'serverPort'], 65536],
    [['flows', 0, 'verdicts', 'lost'], 1],
    [['translations', 0, 'between'], ['faraday/eth1']],
    [['findings', 0, 'severity'], 'fatal'],
    [['findings', 0, 'certainty'], 'certain'],
    [['findings', 0, 'lastSeen', 'frame'], 0],
    [['findings', 0, 'lastSeen', 'note'], 'x'],
    [['findings', 0, 'causes', 0, 'likelihood'], 1.5],
    [['findings', 0, 'causes'], Array(4).fill(replyLost.causes[0])],
    [['findings', 0, 'evidence', 0, 'more'], 1],
    [['findings', 0, 'trail', 'steps', 0, 'state'], 'lost'],
    [['findings', 0, 'trail', 'steps', 0, 'ttl'], 256],
    [['counts', 'unplaced'], -1],
  ])('refuses %j = %j', (path, value) => {
    expect(errors(changed(path, value))).not.toEqual([]);
  });
});
