import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArguments, type Arguments } from '../../src/cli/arguments.js';
import { OPTIONS } from '../../src/cli/option-table.js';
import { UsageError } from '../../src/cli/options.js';
import { parse as parseByYargs, type Typed } from '../../src/cli/parser.js';
import { wellFormed } from '../../src/cli/well-formed.js';
import { runs } from '../support/runs.js';

async function parse(...argv: string[]): Promise<Arguments> {
  const parsed = await parseArguments(argv, '1.2.3');
  if (typeof parsed === 'string') throw new Error(`printed: ${parsed}`);
  return parsed;
}

describe('command line', () => {
  it('diagnoses without a command', async () => {
    expect(await parse('a.pcap', 'b.pcap')).toMatchObject({
      command: 'diagnose',
      captures: ['a.pcap', 'b.pcap'],
      format: 'text',
      failOn: 'warning',
      color: 'auto',
    });
    expect(await parse('diagnose', 'a.pcap')).toMatchObject({ command: 'diagnose', captures: ['a.pcap'] });
  });

  it.each(['exchanges', 'trails', 'points'] as const)('knows %s', async (command) => {
    expect(await parse(command, 'a.pcap')).toMatchObject({ command, captures: ['a.pcap'] });
  });

  it('reads what is well-formed as the parser reads it, and leaves it the rest', async () => {
    // yargs takes the command for the value of a switch before it
    const words = fc.constantFrom('diagnose', 'trails', 'packets', 'points', 'explain', 'a.pcap', '');
    const piece = fc.oneof(
      fc.constantFrom(
        ...Object.keys(OPTIONS).map((name) => `--${name}`),
        '-n',
        '-v',
        '-nv',
        '-h',
        '--help',
        '--version',
      ),
      fc.constantFrom('diagnose', 'trails', 'packets', 'points', 'explain', 'help', 'a.pcap', 'n/x=y', '-', '--'),
      fc.constantFrom(
        'json',
        '5',
        'a b',
        '',
        'true',
        '--format=json',
        '--clock=n=-1s',
        '--only=a,b',
        '--filter=',
        '-5',
      ),
      fc.constantFrom('--quiet=true', '--no-quiet', '--nope', '-nx', '--form', '---n', '--n=1', '--__proto__', '--_=1'),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(words, fc.array(piece, { maxLength: 6 }), async (first, others) => {
        const argv = [first, ...others];
        const typed = wellFormed(argv);
        if (typed === null) return;
        read++;
        const other = await parseByYargs(argv, '1.2.3');
        if (typeof other === 'string') throw new Error(`printed: ${other}`);
        const names = ['captures', ...Object.keys(OPTIONS)];
        // yargs has a list of no captures where there are none
        const valuesOf = (values: Typed['values']) =>
          names.map((name) => [name, values[name] ?? (name === 'captures' ? [] : undefined)]);
        expect(valuesOf(typed.values)).toEqual(valuesOf(other.values));
        expect(typed.command).toBe(other.command);
        expect(typed.afterDashes).toEqual(other.afterDashes);
      }),
      runs(300),
    );
    expect(read).toBeGreaterThan(10);
    expect(await parseArguments(['a.pcap', 'help'], '1.2.3')).toBe(await parseArguments(['--help'], '1.2.3'));
    for (const usual of [
      'diagnose --quiet --format ndjson a',
      'a b --only x --only=y',
      'packets -nv -',
      'a --quiet -- --b',
    ])
      expect(wellFormed(usual.split(' ')), usual).not.toBeNull();
  });

  it('takes options anywhere, and a list option only one value at a time', async () => {
    expect(await parse('--quiet', 'points', 'a.pcap')).toMatchObject({ command: 'points', captures: ['a.pcap'] });
    expect(await parse('--vxlan-port', '4799', 'a.pcap', '--vxlan-port=1', 'b.pcap')).toMatchObject({
      captures: ['a.pcap', 'b.pcap'],
      vxlanPorts: [4799, 1],
    });
    expect(await parse('a.pcap', '--clock', 'n/eth0=-1.5s', '--clock', 'm=+2ms')).toMatchObject({
      clocks: { 'n/eth0': -1_500_000_000, m: 2_000_000 },
    });
    expect(await parse('a.pcap', '--only', 'nat,dns', '--only', 'arp')).toMatchObject({ only: ['nat', 'dns', 'arp'] });
  });

  it('takes a dash for standard input and for standard output', async () => {
    expect(await parse('-')).toMatchObject({ captures: ['-'] });
    expect(await parse('trails', 'a.pcap', '-', '--output', '-')).toMatchObject({
      captures: ['a.pcap', '-'],
      output: null,
    });
  });

  it('takes all that follows -- as captures', async () => {
    expect(await parse('a.pcap', '--', '--quiet', '-')).toMatchObject({
      captures: ['a.pcap', '--quiet', '-'],
      quiet: false,
    });
  });

  it('leaves captures as they are typed', async () => {
    expect(await parse('1795', '0x10', '1e3', 'a b', 'n1/eth0=x.pcap')).toMatchObject({
      captures: ['1795', '0x10', '1e3', 'a b', 'n1/eth0=x.pcap'],
    });
  });

  it.each([
    [['a.pcap', '--nope'], 'Unknown argument: nope'],
    [['a.pcap', '--html', 'x'], 'Unknown argument: html'],
    [['trails', 'a.pcap', '--fail-on', 'error'], 'Unknown argument: fail-on'],
    [['a.pcap', '--format', 'xml'], '--format xml: choose one of text, json, ndjson'],
    [['a.pcap', '--format', 'json', '--format', 'text'], '--format was given 2 times; once is meant'],
    [['a.pcap', '--filter='], '--filter wants a value'],
    [['a.pcap', '--since', '20261121'], '--since 20261121: write a date as 2026-11-21'],
    [['a.pcap', '--clock', 'n/a=+1s', '--clock', 'n/a=+2s'], '--clock names n/a twice; once is meant'],
    [['a.pcap', '--filter'], 'Not enough arguments following: filter'],
    [['a.pcap', '--since', '5', '--until', '4'], '--since is later than --until'],
    [['--quiet'], 'name at least one capture: a file, a folder, - or POINT=FILE (lasthop --help tells more)'],
  ])('refuses %j', async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(new UsageError(message));
  });
});
