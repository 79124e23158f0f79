import type { Command } from './arguments.js';

/** An option as the help tells of it: with a text, with a text each time it is given, or without one. */
interface Option {
  readonly kind: 'text' | 'list' | 'switch';
  readonly describe: string;
}

export const OPTIONS = {
  format: { kind: 'text', describe: 'How to print: text, json or ndjson' },
  output: { kind: 'text', describe: 'Write to this file instead of standard output' },
  color: { kind: 'text', describe: 'auto (at a terminal, unless NO_COLOR is set), always or never' },
  quiet: { kind: 'switch', describe: 'No progress and no notices on standard error' },
  filter: { kind: 'text', describe: 'Inner packets: host, net, port, tcp, udp, icmp, and, or, not, ( )' },
  since: { kind: 'text', describe: 'Leave out earlier frames; epoch seconds or ISO 8601 (UTC)' },
  until: { kind: 'text', describe: 'Leave out later frames' },
  'vxlan-port': { kind: 'list', describe: 'UDP port to take as VXLAN besides 4789 and 8472; repeatable' },
  n: { kind: 'switch', describe: 'Addresses as numbers (lasthop never asks a name server)' },
  order: { kind: 'text', describe: 'Points in path order, POINT,POINT,...; wins over the order found' },
  clock: { kind: 'list', describe: 'POINT=OFFSET, how far its clock is ahead (+1.5s, -200ms); repeatable' },
  state: {
    kind: 'list',
    describe:
      'Folder with saved output of ip, bridge, sysctl, iptables-save -c, ipset, conntrack, nft for the verdict; repeatable',
  },
  cluster: {
    kind: 'list',
    describe: 'Saved kubectl get nodes,pods,services,endpointslices -A -o json: names for the verdict; repeatable',
  },
  memory: { kind: 'text', describe: 'Bound of the memory for pairing, such as 256M or 1G' },
  'fail-on': { kind: 'text', describe: 'Least severity that makes the exit code 1: error, warning, info, never' },
  only: { kind: 'list', describe: 'Only findings of this kind or with this cause; repeatable' },
  v: { kind: 'switch', describe: 'Every field, below its packet' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

const PRINTING: readonly OptionName[] = ['format', 'output', 'color', 'quiet'];
const FRAMES: readonly OptionName[] = ['filter', 'since', 'until', 'vxlan-port', 'n'];
const PAIRING: readonly OptionName[] = [...PRINTING, ...FRAMES, 'order', 'clock', 'state', 'cluster', 'memory'];

/** In the order of the help. */
export const OPTIONS_OF: Readonly<Record<Command, readonly OptionName[]>> = {
  diagnose: [...PAIRING, 'fail-on', 'only'],
  exchanges: PAIRING,
  trails: PAIRING,
  packets: [...PRINTING, ...FRAMES, 'v'],
  points: PAIRING,
  explain: PRINTING,
};
