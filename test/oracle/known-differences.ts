/** Where the two readers differ on purpose, one difference an entry, with its reason. */
import { ourValues, type OracleFrame, type Row } from './rows.js';

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

function isGpe(row: Row): boolean {
  return [row['udp.dstport']].flat().includes(4790);
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

function hasProblem(row: Row, code: string): boolean {
  return ((row['problems'] as { code: string }[] | undefined) ?? []).some((problem) => problem.code === code);
}

/** The ASCII characters of a text that are printed as they are, with line ends as tshark writes them. */
function asciiOf(text: string): string {
  return text
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replace(/[^\x20-\x7e]/g, '');
}

const NSEC = '47';
const MPLS = 0x8847;
const UPDATE = 5;

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
    reason: 'tshark has eight bits of flags where VXLAN-GPE is on its own port, and other names for some',
    fields: /^vxlan\.(flags|flag_.|gbp|ver|i_bit|o_bit)$/,
    explains: (_ours, _theirs, row) => isGpe(row),
  },
  {
    reason: 'tshark does not list VXLAN-GPE',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs, row) => isGpe(row) && ours[0]?.replace(':vxlan', '') === theirs[0],
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
  {
    reason: 'what MPLS carries is not decoded',
    fields: /./,
    explains: (ours, theirs, row) =>
      (hasLayer(row, 'mpls') || [row['gre.proto']].flat().includes(MPLS)) && isPrefix(flat(ours), flat(theirs)),
  },
  {
    reason: 'tshark goes on after a version of Geneve or GRE that does not exist',
    fields: /./,
    explains: (ours, theirs, row) =>
      (hasProblem(row, 'geneve-version') || hasProblem(row, 'gre-version')) && isPrefix(flat(ours), flat(theirs)),
  },
  {
    reason: 'tshark lists IP in GRE of version 1 (PPTP), whose payload is PPP, although it decodes nothing of it',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs, row) => row['gre.flags.version'] === 1 && `${ours[0]}:ip` === theirs[0],
  },
  {
    reason: 'tshark reads a checksum in GRE with source routes only, where RFC 1701 has the field and nothing in it',
    fields: /^gre\.checksum$/,
    explains: (ours, _theirs, row) =>
      ours.length === 0 && row['gre.flags.routing'] === 1 && row['gre.flags.checksum'] === 0,
  },
  {
    reason: 'tshark names the flags of the generic protocol extension of VXLAN only on its own port',
    fields: /^vxlan\.(p_bit|o_bit|next_proto)$/,
    explains: (_ours, theirs) => theirs.length === 0,
  },
  {
    reason: 'tshark has other names for the counts of a DNS update',
    fields: /^dns\.count\.(queries|answers|auth_rr)$/,
    explains: (_ours, theirs, row) => theirs.length === 0 && row['dns.flags.opcode'] === UPDATE,
  },
  {
    reason: 'tshark writes line ends in texts as \\r and \\n, and octets beyond ASCII one by one',
    fields: /^dns\.txt$/,
    explains: (ours, theirs) => asciiOf(ours.join('|')) === asciiOf(theirs.join('|')),
  },
  {
    reason: 'tshark goes on with a record whose name is refused, and calls the name something',
    fields: /^dns\.(resp\.|a$)/,
    explains: (ours, theirs, row) =>
      (hasProblem(row, 'dns-pointer-loop') || hasProblem(row, 'dns-label')) && isPrefix(ours, theirs),
  },
  {
    reason: 'of a record longer than its message we show what is there',
    fields: /^dns\.(resp\.|a$)/,
    explains: (ours, theirs, row) => hasProblem(row, 'dns-truncated') && isPrefix(theirs, ours),
  },
  {
    reason: 'of a BGP message whose length cannot be we show the header',
    fields: /^bgp\.(type|length)$/,
    explains: (ours, theirs, row) => hasProblem(row, 'bgp-length') && isPrefix(theirs, ours),
  },
  {
    reason: 'tshark shows the beginning of attributes, capabilities and prefixes that are longer than what holds them',
    fields: /^bgp\.(update\.path_attribute\.|cap\.type|nlri_prefix|prefix_length)/,
    explains: (ours, theirs, row) => hasProblem(row, 'bgp-length') && isPrefix(ours, theirs),
  },
];
