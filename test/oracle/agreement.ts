/**
 * Compares our rows with what tshark prints, field by field. Both become lists of strings in one form; where the two readers
 * differ on purpose, KNOWN_DIFFERENCES says so, one difference an entry, with its reason.
 */
import type { Row } from './rows.js';

/** tshark's values of one frame: field -> values in the order of occurrence. */
export type OracleFrame = ReadonlyMap<string, readonly string[]>;

/** A table that tshark printed with `-T fields -E header=y -E separator=/t -E aggregator=|`. */
export function parseTable(text: string): OracleFrame[] {
  const [header = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const names = header.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    return new Map(names.map((name, column) => [name, values(cells[column] ?? '')]));
  });
}

function values(cell: string): string[] {
  return cell === '' ? [] : cell.split('|');
}

/** A row and the rows quoted in it, outermost first. */
function withQuoted(row: Row): Row[] {
  const quoted = row['quoted'] as Row | undefined;
  return quoted === undefined ? [row] : [row, ...withQuoted(quoted)];
}

/** Our values of a field; those of quoted headers after the others, as tshark prints them. */
function ourValues(row: Row, field: string): string[] {
  if (field === 'frame.protocols')
    return [
      withQuoted(row)
        .map((part) => String(part[field]))
        .join(':'),
    ];
  return withQuoted(row)
    .flatMap((part) => part[field])
    .filter((value) => value !== undefined)
    .map(String);
}

/** Layers that we name; all others are left out of a comparison of frame.protocols. */
const LAYERS = new Set(
  'eth vlan sll null raw arp ip ipv6 icmp icmpv6 udp tcp vxlan geneve gre dns bgp esp mpls wg igmp llc'.split(' '),
);

/** A field's values in the form that both readers are compared in. */
function normal(field: string, found: readonly string[], from: 'ours' | 'tshark'): string[] {
  if (field === 'frame.protocols') {
    return found.map((protocols) =>
      protocols
        .split(':')
        .filter((name) => LAYERS.has(name))
        .join(':'),
    );
  }
  if (from === 'ours') return [...found];
  const numbers = found.map((value) => (/^0x[0-9a-f]+$/.test(value) ? String(Number(value)) : value));
  // tshark counts in units of eight octets
  if (field === 'ip.frag_offset' || field === 'ipv6.fraghdr.offset') {
    return numbers.map((value) => String(Number(value) * 8));
  }
  if (field.startsWith('dns.') || field.endsWith('.protocols')) return numbers.map(dnsName);
  return numbers;
}

/** tshark writes octets that are not printable in octal, and the root in words. */
function dnsName(value: string): string {
  if (value === '<Root>') return '.';
  return value.replace(/\\([0-7]{3})/g, (_, octal: string) => `\\${String(parseInt(octal, 8)).padStart(3, '0')}`);
}

export interface KnownDifference {
  readonly reason: string;
  readonly fields: RegExp;
  /** Whether it explains this frame's values. */
  readonly explains: (ours: readonly string[], theirs: readonly string[], row: Row, oracle: OracleFrame) => boolean;
}

function hasLayer(row: Row, name: string): boolean {
  return ourValues(row, 'frame.protocols').some((protocols) => protocols.split(':').includes(name));
}

function isCut(row: Row): boolean {
  return Number(row['frame.cap_len']) < Number(row['frame.len']);
}

function isPrefix(ours: readonly string[], theirs: readonly string[]): boolean {
  return ours.every((value, index) => value === theirs[index]);
}

/** Whether taking some of `theirs` away leaves `ours`. */
function isSubsequence(ours: readonly string[], theirs: readonly string[]): boolean {
  let found = 0;
  for (const value of theirs) if (value === ours[found]) found += 1;
  return found === ours.length && ours.length < theirs.length;
}

/** Layers one by one; other values as they are. */
function flat(found: readonly string[]): string[] {
  return found.flatMap((value) => value.split(':')).filter((value) => value !== '');
}

const NSEC = '47';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: 'of a frame that was cut, the two stop at different places of the last header',
    fields: /./,
    explains: (ours, theirs, row) =>
      isCut(row) && (isPrefix(flat(ours), flat(theirs)) || isPrefix(flat(theirs), flat(ours))),
  },
  {
    reason: 'our rows name the interface, and leave its number out',
    fields: /^frame\.interface_id$/,
    explains: (ours) => ours.length === 0,
  },
  {
    reason: 'tshark repeats the version of an IPv6 header as ip.version',
    fields: /^ip\.version$/,
    explains: (ours, theirs) => ours.join() === theirs.filter((version) => version === '4').join(),
  },
  {
    reason: 'tshark lists a protocol twice where a segment completes one message and has another whole',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs) => theirs[0]?.replace(/:(dns|bgp):\1$/, ':$1') === ours[0],
  },
  {
    reason: 'tshark lists IGMP twice where its group records are',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs) => `${ours[0]}:igmp` === theirs[0],
  },
  {
    reason: 'of neighbour discovery only solicitations and advertisements of neighbours are decoded',
    fields: /^icmpv6\.opt\.linkaddr$/,
    explains: (ours, _theirs, row) => ours.length === 0 && ['133', '134', '137'].includes(String(row['icmpv6.type'])),
  },
  {
    reason: 'tshark has other names for the fields of a service tag (802.1ad)',
    fields: /^vlan\.|^frame\.protocols$/,
    explains: (ours, theirs, row) =>
      hasLayer(row, 'vlan') && [row['eth.type']].flat().includes(0x88a8) && isSubsequence(flat(theirs), flat(ours)),
  },
  {
    reason: 'tshark does not say how long the payload of a fragmented TCP segment is',
    fields: /^tcp\.len$/,
    explains: (_ours, theirs, row) =>
      theirs.length === 0 && [row['ip.flags.mf'], row['ipv6.fraghdr.more']].flat().includes(1),
  },
  {
    reason: 'multicast DNS is named and not decoded',
    fields: /^dns\./,
    explains: (ours, _theirs, row) => ours.length === 0 && hasLayer(row, 'mdns'),
  },
  {
    reason: 'tshark lists the types in an NSEC bitmap among those of the records',
    fields: /^dns\.resp\.type$/,
    explains: (ours, theirs) => ours.includes(NSEC) && isSubsequence(ours, theirs),
  },
  {
    reason: 'tshark takes the name of an SRV record apart into dns.srv.service, proto and name',
    fields: /^dns\.resp\.name$/,
    explains: (ours, theirs, row) => [row['dns.resp.type']].flat().includes(33) && isSubsequence(theirs, ours),
  },
  {
    reason: 'tshark does not print sequence number and length of a quoted TCP header',
    fields: /^tcp\.(seq_raw|len)$/,
    explains: (ours, theirs, row) => row['quoted'] !== undefined && isSubsequence(theirs, ours),
  },
];

export interface FieldAgreement {
  /** Frames in which at least one of the two has the field. */
  compared: number;
  explained: number;
  readonly differences: { frame: number; ours: string; theirs: string }[];
}

export class Agreement {
  readonly fields = new Map<string, FieldAgreement>();
  /** How often each known difference explained something. */
  readonly uses = new Map<KnownDifference, number>();
  frames = 0;
  readonly #counts: string[] = [];

  /** Notes a capture in which the two see other numbers of frames. */
  countDifference(file: string, ours: number, theirs: number): void {
    this.#counts.push(`${file}: ${ours} frames, tshark has ${theirs}`);
  }

  /** Compares one frame; both must be of the same number. */
  add(row: Row, oracle: OracleFrame, file: string): void {
    this.frames += 1;
    for (const [field, found] of oracle) {
      const left = normal(field, ourValues(row, field), 'ours');
      const right = normal(field, found, 'tshark');
      if (left.length === 0 && right.length === 0) continue;
      let agreement = this.fields.get(field);
      if (agreement === undefined) this.fields.set(field, (agreement = { compared: 0, explained: 0, differences: [] }));
      agreement.compared += 1;
      if (left.join('|') === right.join('|')) continue;
      const known = KNOWN_DIFFERENCES.find(
        (difference) => difference.fields.test(field) && difference.explains(left, right, row, oracle),
      );
      if (known !== undefined) {
        agreement.explained += 1;
        this.uses.set(known, (this.uses.get(known) ?? 0) + 1);
      } else {
        const frame = Number(row['frame.number']);
        agreement.differences.push({ frame, ours: `${file}: ${left.join('|')}`, theirs: right.join('|') });
      }
    }
  }

  get unexplained(): string[] {
    const lines = [...this.fields].flatMap(([field, { differences }]) =>
      differences.map(({ frame, ours, theirs }) => `${field} of frame ${frame}: ours ${ours}, tshark's ${theirs}`),
    );
    return [...this.#counts, ...lines];
  }
}
