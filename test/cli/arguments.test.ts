import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArguments, type Arguments } from '../../src/cli/arguments.js';
import { UsageError } from '../../src/cli/options.js';
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

  it('reads words alone as it reads them beside an option', async () => {
    const words = fc.constantFrom(
      'diagnose',
      'trails',
      'packets',
      'points',
      'a.pcap',
      '',
      '1',
      'n/x=y',
      'a b',
      'explain',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 4 }), async (argv) => {
        fc.pre(argv[0] !== 'explain');
        const alone = await parseArguments(argv, '1.2.3').catch(String);
        expect(alone).toEqual(await parseArguments([...argv, '--color', 'auto'], '1.2.3').catch(String));
      }),
      runs(100),
    );
    expect(await parseArguments(['a.pcap', 'help'], '1.2.3')).toBe(await parseArguments(['--help'], '1.2.3'));
  });

  it('takes options anywhere, and a list option only one value at a time', async () => {
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
    [['a.pcap', '--filter'], 'Not enough arguments following: filter'],
    [['a.pcap', '--since', '5', '--until', '4'], '--since is later than --until'],
    [['--quiet'], 'name at least one capture: a file, a folder, - or POINT=FILE (lasthop --help tells more)'],
  ])('refuses %j', async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(new UsageError(message));
  });
});
