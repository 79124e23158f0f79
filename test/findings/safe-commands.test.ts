import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { safeCommands } from '../../src/findings/safe-commands.js';
import { pointFromPath } from '../../src/net/point-name.js';
import type { Finding } from '../../src/report/report.js';
import { filesOf, SAMPLES } from '../support/sample-files.js';

const folder = mkdtempSync(join(tmpdir(), 'lasthop-commands-'));
const canary = join(folder, 'c');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(canary, { force: true }));

/** Makes a file by a builtin of the shell, however it is quoted. */
const EVIL = `$(:>c)';:>c;'\n:>c\n`;

/** Runs a command where no program is found; whether the shell was made to write the file. */
function writes(command: string): boolean {
  spawnSync('/bin/sh', ['-c', command], { cwd: folder, env: { PATH: folder } });
  return existsSync(canary);
}

function commandsOf(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ causes }) => causes.map(({ next }) => next));
}

describe('a command that is pasted does only what it says', () => {
  it.each([
    ['as a word', `ip link show ${EVIL}`],
    ['in quotes', `tcpdump -ni any 'host ${EVIL}'`],
    ['in double quotes', `echo "${EVIL}"`],
    ['in a comment', `true   # on ${EVIL}`],
  ])('what this test tries works, %s', (_, command) => {
    expect(writes(command)).toBe(true);
  });

  it.each([
    ['as a word', (name: string) => `ip link show ${name}`],
    ['in quotes', (name: string) => `tcpdump -ni any 'host ${name}'`],
    ['in double quotes', (name: string) => `echo "${name}"`],
    ['in a comment', (name: string) => `true   # on ${name}`],
    ['as sysctl writes it', (name: string) => `sysctl net.ipv4.conf.${name.replaceAll('.', '/')}.forwarding`],
  ])('a name %s', (_, command) => {
    const name = `vxlan.${EVIL}`;
    const finding = { causes: [{ kind: 'k', likelihood: 1, why: 'w', next: command(name) }] } as unknown as Finding;
    const points = [{ name: `n/${name}`, node: 'n', interface: name }];
    const [next] = commandsOf(safeCommands([finding], points));
    expect(next).not.toContain(EVIL);
    expect(writes(next!)).toBe(false);
  });

  it('usual names stay as they are', () => {
    const next = 'ip link show cali0ec2218769a@if3   # on fit01.örtlich, not on w2';
    const finding = { causes: [{ kind: 'k', likelihood: 1, why: 'w', next }] } as unknown as Finding;
    const points = [
      { name: 'fit01.örtlich/cali0ec2218769a@if3', node: 'fit01.örtlich', interface: 'cali0ec2218769a@if3' },
    ];
    expect(commandsOf(safeCommands([finding], points))).toEqual([next]);
  });

  it.each(SAMPLES)('%s, with nodes and interfaces that have such names', async (sample) => {
    let commands = 0;
    for (const [node, device] of [
      [EVIL, ''],
      ['', EVIL],
    ] as const) {
      const captures = filesOf(sample).map(({ name, octets }) => {
        const point = pointFromPath(name);
        return { point: `${point.node}${node}/${point.interface}${device}`, source: octets };
      });
      for (const next of commandsOf((await diagnose(captures)).findings)) {
        commands += 1;
        expect(writes(next), next).toBe(false);
      }
    }
    if (!/^(healthy|three-nodes)/.test(sample)) expect(commands).toBeGreaterThan(0);
  });
});
