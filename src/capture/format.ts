import { isPcap } from './pcap.js';
import { isPcapng } from './pcapng.js';

/** Octets that are enough to tell a format. */
export const FORMAT_MAGIC = 12;

/** What a file is by its first octets: a format that is read, one that is known but not read, or nothing known. */
export type Format =
  | { readonly kind: 'pcap' | 'pcapng' }
  | { readonly kind: 'unsupported'; readonly name: string }
  | { readonly kind: 'unknown' };

// Magic numbers of files that are nearly pcap, in libpcap's savefile code and Wireshark's wiretap/libpcap.h.
const PCAP_VARIANTS: ReadonlyMap<number, string> = new Map([
  [0xa1b2cd34, 'pcap as changed by Kuznetzov (records have longer headers)'],
  [0xa1b234cd, 'pcap as changed by Mesquita'],
  [0xa12b3c4d, 'pcap as changed by Navtel'],
  [0x1c0001ac, 'pcap as changed by Ixia (hardware)'],
  [0x1c0001ab, 'pcap as changed by Ixia (software)'],
]);

const OTHERS: readonly (readonly [hex: string, name: string])[] = [
  ['736e6f6f70000000', 'snoop'],
  ['474d4255', 'Microsoft Network Monitor'],
  ['52545353', 'Microsoft Network Monitor 1'],
  ['fd377a585a00', 'xz compression'],
  ['425a68', 'bzip2 compression'],
  ['04224d18', 'lz4 compression'],
];

/** Tells the format of the octets from `at` to `end`; FORMAT_MAGIC of them are enough. */
export function formatOf(view: DataView, at: number, end: number): Format {
  if (end - at < 4) return { kind: 'unknown' };
  if (isPcap(view, at)) return { kind: 'pcap' };
  if (end - at >= FORMAT_MAGIC && isPcapng(view, at)) return { kind: 'pcapng' };
  for (const littleEndian of [true, false]) {
    const name = PCAP_VARIANTS.get(view.getUint32(at, littleEndian));
    if (name !== undefined) return { kind: 'unsupported', name };
  }
  let head = '';
  for (let i = at; i < Math.min(end, at + FORMAT_MAGIC); i++) head += view.getUint8(i).toString(16).padStart(2, '0');
  const other = OTHERS.find(([hex]) => head.startsWith(hex));
  return other === undefined ? { kind: 'unknown' } : { kind: 'unsupported', name: other[1] };
}
