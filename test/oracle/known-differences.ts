/** Where the two readers differ on purpose, one difference an entry, with its reason. */
import { LAYERS, ourValues, type OracleFrame, type Row } from './rows.js';

export interface KnownDifference {
  readonly reason: string;
  readonly fields: RegExp;
  /** Whether it explains this frame's values of a field. */
  readonly explains: (
    ours: readonly string[],
    theirs: readonly string[],
    row: Row,
    oracle: OracleFrame,
    field: string,
  ) => boolean;
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

/** Whether one of the two has a value more at its end, and all others are the same. */
function isOneMore(ours: readonly string[], theirs: readonly string[]): boolean {
  return Math.abs(ours.length - theirs.length) === 1 && (isPrefix(ours, theirs) || isPrefix(theirs, ours));
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

/** Fields that a header has once. */
const ONCE = /^(eth|ip|ipv6|udp|geneve|vxlan)\.(?!type$|len$|version$|option)/;

/**
 * Whether `more` has exactly what `less` has and, behind it, values of layers that only it lists: of each field as many as there
 * are such layers, where a header has it once.
 */
function isBeyond(
  field: string,
  less: readonly string[],
  more: readonly string[],
  lessLayers: readonly string[],
  moreLayers: readonly string[],
): boolean {
  if (!isPrefix(lessLayers, moreLayers)) return false;
  if (field === 'frame.protocols') return true;
  const layer = field.slice(0, field.indexOf('.'));
  // tshark has ip.version of both
  const beyond = moreLayers
    .slice(lessLayers.length)
    .filter((name) => name === layer || (field === 'ip.version' && name === 'ipv6')).length;
  return beyond > 0 && isPrefix(less, more) && (!ONCE.test(field) || more.length - less.length <= beyond);
}

/** Whether tshark alone goes on behind our last layer. `passed`: layers that one of the two does not list. */
function onlyTheyGoOn(
  field: string,
  ours: readonly string[],
  theirs: readonly string[],
  row: Row,
  oracle: OracleFrame,
  passed: readonly string[] = [],
): boolean {
  return isBeyond(field, ours, theirs, ourLayers(row, passed), theirLayers(oracle, passed));
}

/** Whether we alone go on behind tshark's last layer. */
function onlyWeGoOn(
  field: string,
  ours: readonly string[],
  theirs: readonly string[],
  row: Row,
  oracle: OracleFrame,
): boolean {
  return isBeyond(field, theirs, ours, theirLayers(oracle, []), ourLayers(row, []));
}

function ourLayers(row: Row, passed: readonly string[]): string[] {
  return flat(ourValues(row, 'frame.protocols')).filter((name) => LAYERS.has(name) && !passed.includes(name));
}

function theirLayers(oracle: OracleFrame, passed: readonly string[]): string[] {
  return flat(oracle.get('frame.protocols') ?? []).filter((name) => LAYERS.has(name) && !passed.includes(name));
}

function problemsOf(row: Row): string[] {
  return ((row['problems'] as { code: string }[] | undefined) ?? []).map(({ code }) => code);
}

/** Layers by the first word of their problems, where that is another. */
const LAYER_OF_PROBLEM: Readonly<Record<string, string>> = { ethernet: 'eth', ipv4: 'ip', cooked: 'sll' };

/** Whether a field is of the layer that a problem of the frame is about. */
function isOfProblem(field: string, row: Row): boolean {
  return problemsOf(row).some((code) => {
    const [word = ''] = code.split('-');
    return (
      field.startsWith(`${LAYER_OF_PROBLEM[word] ?? word}.`) || (code === 'ipv6-version' && field === 'ip.version')
    );
  });
}

function hasProblem(row: Row, code: string): boolean {
  return problemsOf(row).includes(code);
}

/** Octets of these two headers. */
const ETHERNET_AND_IPV6 = 54;
/** Octets of an IPv4 header without options and an ICMP header. */
const BEFORE_QUOTE = 28;

/** Whether an ICMP error quotes less of a packet than that announces, or less than an IP header. */
function isQuotedCut(row: Row): boolean {
  if (![3, 4, 5, 11, 12].includes(Number(row['icmp.type']))) return false;
  const quoted = row['quoted'] as Row | undefined;
  return quoted === undefined || Number(quoted['ip.len']) > Number(row['ip.len']) - BEFORE_QUOTE;
}

/** The ASCII characters of a text that are printed as they are, with line ends as tshark writes them. */
function asciiOf(text: string): string {
  return text
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replace(/\0[^|]*/g, '')
    .replace(/[^\x20-\x7e]/g, '');
}

/** Bitmaps of types: NSEC and NSEC3. */
const NSEC = ['47', '50'];
const MPLS = 0x8847;
const UPDATE = 5;
/** Kind of TCP option. */
const MULTIPATH = '30';
const NO_OPERATION = '1';
const TUNNEL_ENCAPSULATION = 23;
const ATTR_SET = 128;
const BGPSEC = 33;
/** Subsequent address family. */
const SEGMENT_ROUTING_POLICY = 73;

/** Types of the path attributes of an UPDATE. */
function attributesOf(row: Row): unknown[] {
  return [row['bgp.update.path_attribute.type_code']].flat();
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: 'of a frame that was cut, the two stop at different places of the last header',
    fields: /^(?!frame\.protocols)/,
    explains: (ours, theirs, row) => isCut(row) && isOneMore(ours, theirs),
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
    reason: 'tshark has eight bits of flags where VXLAN-GPE is on its own port',
    fields: /^vxlan\.flags$/,
    explains: (ours, theirs, row) => isGpe(row) && Number(theirs.join()) === Number(ours.join()) >> 8,
  },
  {
    reason: 'tshark does not know the flags of the group policy where VXLAN-GPE is on its own port',
    fields: /^vxlan\.(flag_.|gbp)$/,
    explains: (_ours, theirs, row) => isGpe(row) && theirs.length === 0,
  },
  {
    reason: 'tshark has names of its own for flags where VXLAN-GPE is on its own port',
    fields: /^vxlan\.(ver|i_bit|o_bit)$/,
    explains: (ours, _theirs, row) => isGpe(row) && ours.length === 0,
  },
  {
    reason: 'tshark does not list VXLAN-GPE',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs, row) => {
      const others = flat(ours).filter((name) => name !== 'vxlan');
      const isSame = others.join() === flat(theirs).join();
      return isGpe(row) && (isSame || (hasProblem(row, 'ipv4-truncated') && isOneMore(others, flat(theirs))));
    },
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
    explains: (ours, theirs) => ours.some((type) => NSEC.includes(type)) && isSubsequence(ours, theirs),
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
    explains: (ours, theirs, row, oracle, field) =>
      (hasLayer(row, 'mpls') || [row['gre.proto']].flat().includes(MPLS)) &&
      onlyTheyGoOn(field, ours, theirs, row, oracle, ['mpls']),
  },
  {
    reason:
      'tshark shows the beginning of a header that is too short, or whose version or length cannot be, and what it takes for what follows',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      problemsOf(row).some((code) => /-(truncated|version|header-length|data-offset)$/.test(code)) &&
      (onlyTheyGoOn(field, ours, theirs, row, oracle) || (isPrefix(ours, theirs) && isOfProblem(field, row))),
  },
  {
    reason: 'tshark does not show the acknowledgment number before a data offset that cannot be',
    fields: /^tcp\.ack_raw$/,
    explains: (_ours, theirs, row) => hasProblem(row, 'tcp-data-offset') && theirs.length === 0,
  },
  {
    reason: 'we stop at a number of layers, tshark at another',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      hasProblem(row, 'nesting-too-deep') && onlyTheyGoOn(field, ours, theirs, row, oracle),
  },
  {
    reason: 'of an IP header that is longer than its packet we show all fields',
    fields: /^ip\./,
    explains: (ours, theirs, row) =>
      hasProblem(row, 'ipv4-total-length') && theirs.length === ours.length - 1 && isPrefix(theirs, ours),
  },
  {
    reason: 'of a TCP option whose length cannot be, the two show other parts',
    fields: /^tcp\.option_kind$/,
    explains: (ours, theirs, row) =>
      hasProblem(row, 'tcp-option-length') &&
      (isOneMore(ours, theirs) ||
        (isPrefix(theirs, ours) && ours.slice(theirs.length).every((kind) => kind === NO_OPERATION))),
  },
  {
    reason: 'tshark says how long the TCP payload is that was captured, we what the IP header announces',
    fields: /^tcp\.len$/,
    explains: (ours, theirs, row) =>
      hasProblem(row, 'ipv6-payload-length') &&
      Number(ours.join()) - Number(theirs.join()) ===
        Number(row['ipv6.plen']) + ETHERNET_AND_IPV6 - Number(row['frame.len']),
  },
  {
    reason: 'a payload length of 0 is a packet too long for the field (BIG TCP), of which tshark lists TCP at most',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      row['ipv6.plen'] === 0 &&
      ((field.startsWith('tcp.') && theirs.length === 0) || onlyWeGoOn(field, ours, theirs, row, oracle)),
  },
  {
    reason: 'of a quoted packet that is cut, the two stop at different places of its last header',
    fields: /^(frame\.protocols|ip\.|tcp\.|udp\.|icmp\.)/,
    explains: (ours, theirs, row) => isQuotedCut(row) && isOneMore(flat(ours), flat(theirs)),
  },
  {
    reason: 'of what a redirect quotes tshark shows the ports and the sequence number',
    fields: /^tcp\./,
    explains: (ours, theirs, row) =>
      row['icmp.type'] === 5 && theirs.length < ours.length && isSubsequence(theirs, ours),
  },
  {
    reason: 'of a packet on a source route tshark shows the last stop as the destination, we what the header has',
    fields: /^ip\.dst$/,
    explains: (ours, theirs, row) =>
      Number(row['ip.hdr_len']) > 20 &&
      ours.length === theirs.length &&
      ours.filter((address, index) => address !== theirs[index]).length === 1,
  },
  {
    reason: 'tshark does not show the checksum of a UDP header that says nothing about its length',
    fields: /^udp\.checksum$/,
    explains: (_ours, theirs, row) => row['udp.length'] === 0 && theirs.length === 0,
  },
  {
    reason: 'ARP is decoded for Ethernet and IPv4, on Ethernet',
    fields: /^arp\.|^frame\.protocols$/,
    explains: (ours, theirs, row, _oracle, field) =>
      (hasLayer(row, 'rarp') ||
        (hasLayer(row, 'arp') && (row['arp.hw.type'] !== 1 || row['arp.proto.type'] !== 0x800))) &&
      (field === 'frame.protocols' ? isPrefix(flat(ours), flat(theirs)) : ours.length === 0),
  },
  {
    reason: 'what these carry is not decoded',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      ['llc', 'erspan', 'etherip', 'ah', 'udplite', 'shim6'].some((name) => hasLayer(row, name)) &&
      onlyTheyGoOn(field, ours, theirs, row, oracle, ['llc']),
  },
  {
    reason: 'what these carry is named and not decoded: NSH, PPPoE, Ethernet in IPv6, LISP',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      ([0x894f, 0x8864].includes(Number(row['eth.type'])) ||
        row['ipv6.nxt'] === 143 ||
        /ipv6[.]routing:eth/.test(oracle.get('frame.protocols')?.[0] ?? '') ||
        row['udp.dstport'] === 4341) &&
      onlyTheyGoOn(field, ours, theirs, row, oracle),
  },
  {
    reason: 'DNS is decoded on its own port',
    fields: /^dns\.|^frame\.protocols$/,
    explains: (ours, theirs, row) =>
      row['udp.srcport'] === 8053 && (ours.length === 0 || `${ours[0]}:dns` === theirs[0]),
  },
  {
    reason: 'of a first fragment that ends before its TCP header (RFC 7112) tshark lists TCP',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs, row) => row['ipv6.fraghdr.more'] === 1 && `${ours[0]}:tcp` === theirs[0],
  },
  {
    reason: 'tshark reads no TCP option after one of multipath TCP that is too short',
    fields: /^tcp\.option_kind$/,
    explains: (ours, theirs) =>
      ours.indexOf(MULTIPATH) === theirs.length - 1 && ours.slice(0, theirs.length).join() === theirs.join(),
  },
  {
    reason: 'tshark lists the attributes inside ATTR_SET (RFC 6368) among those of the message',
    fields: /^bgp\.update\.path_attribute\./,
    explains: (ours, theirs, row) =>
      attributesOf(row).includes(ATTR_SET) && isPrefix(ours, theirs) && theirs.length - ours.length <= 2,
  },
  {
    reason:
      'tshark reads nothing of an UPDATE after a tunnel encapsulation (RFC 9012), ATTR_SET or BGPsec path that lies about its lengths',
    fields: /^bgp\.(nlri_prefix|prefix_length)$/,
    explains: (_ours, theirs, row) =>
      theirs.length === 0 && [ATTR_SET, TUNNEL_ENCAPSULATION, BGPSEC].includes(Number(attributesOf(row).at(-1))),
  },
  {
    reason: 'tshark reads no attribute after labelled routes (RFC 8277) that lie about their lengths',
    fields: /^bgp\.update\.path_attribute\.(type_code|flags|origin)$/,
    explains: (ours, theirs, row) =>
      row['bgp.update.path_attribute.mp_reach_nlri.safi'] === 4 &&
      theirs.length === ours.length - 1 &&
      isPrefix(theirs, ours),
  },
  {
    reason: 'tshark has fields of UDP for UDP-Lite, which is named and not decoded',
    fields: /^udp\./,
    explains: (ours, _theirs, row) => ours.length === 0 && hasLayer(row, 'udplite'),
  },
  {
    reason: 'tshark reads the flag and number of a next protocol where VXLAN has none, on the port of VXLAN-GPE',
    fields: /^vxlan\.(p_bit|next_proto)$/,
    explains: (ours, theirs, row) => isGpe(row) && ours.length === 0 && theirs.join() === '0',
  },
  {
    reason: 'GRE and MPLS over UDP (RFC 8086, RFC 7510) are not decoded',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      [4754, 6635].includes(Number(row['udp.dstport'])) && onlyTheyGoOn(field, ours, theirs, row, oracle),
  },
  {
    reason: 'VXLAN is found on any port by what it carries',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      hasLayer(row, 'vxlan') &&
      ![4789, 8472].includes(Number([row['udp.dstport']].flat()[0])) &&
      onlyWeGoOn(field, ours, theirs, row, oracle),
  },
  {
    reason: 'another version of VXLAN-GPE is not decoded',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      isGpe(row) &&
      !hasLayer(row, 'vxlan') &&
      ((field.startsWith('vxlan.') && ours.length === 0) || onlyTheyGoOn(field, ours, theirs, row, oracle)),
  },
  {
    reason: 'tshark takes a datagram from the port of Geneve for Geneve, RFC 8926 one to it',
    fields: /./,
    explains: (ours, theirs, row, oracle, field) =>
      row['udp.srcport'] === 6081 && onlyTheyGoOn(field, ours, theirs, row, oracle),
  },
  {
    reason: 'tshark reads the key of GRE version 1 (RFC 2637) as two numbers',
    fields: /^gre\.key$/,
    explains: (_ours, theirs, row) => row['gre.flags.version'] === 1 && theirs.length === 0,
  },
  {
    reason:
      'tshark reads the protocol of a cooked header from a GRE device, and the whole header from netlink, as something else',
    fields: /^sll\./,
    explains: (_ours, theirs, row) => [778, 824].includes(Number(row['sll.hatype'])) && theirs.length === 0,
  },
  {
    reason:
      'tshark writes IPv6 addresses of 96 zero bits with an IPv4 address in them; RFC 5952 section 5 wants that of known prefixes only',
    fields: /^(dns\.aaaa|ipv6\.(src|dst))$/,
    explains: (_ours, theirs) => /^::\d+\.\d+\.\d+\.\d+$/.test(theirs[0] ?? ''),
  },
  {
    reason: 'an A record whose data has not 4 octets has no address',
    fields: /^dns\.a$/,
    explains: (ours, _theirs, row) => ours.length === 0 && row['dns.resp.len'] !== 4,
  },
  {
    reason: 'tshark writes octets beyond ASCII in names as they are, and no backslash twice (RFC 1035 section 5.1)',
    fields: /^dns\.qry\.name$/,
    explains: (ours, theirs) =>
      ours
        .join()
        .replace(/\\\d{3}/g, '')
        .replaceAll('\\\\', '\\') === theirs.join().replace(/[^\x20-\x7e]/g, ''),
  },
  {
    reason: 'what is shorter than a DNS header is no message',
    fields: /^(dns\.|frame\.protocols$)/,
    explains: (ours, theirs, row, _oracle, field) =>
      Number(row['udp.length']) < 20 &&
      (field === 'frame.protocols' ? `${ours[0]}:dns` === theirs[0] : ours.length === 0 && theirs.length === 1),
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
    reason:
      'tshark writes some control characters in texts as C does, ends a text at a zero, and has octets beyond ASCII one by one',
    fields: /^(dns\.txt|bgp\.notify\.communication)$/,
    explains: (ours, theirs) => asciiOf(ours.join('|')) === asciiOf(theirs.join('|')),
  },
  {
    reason: 'tshark goes on with a question or record whose name is refused, and calls the name something',
    fields: /^dns\.(qry\.|resp\.|a$|cname$)/,
    explains: (ours, theirs, row) =>
      (hasProblem(row, 'dns-pointer-loop') || hasProblem(row, 'dns-label')) &&
      isPrefix(ours, theirs) &&
      theirs.length === ours.length + 1,
  },
  {
    reason: 'of a record longer than its message we show what is there',
    fields: /^dns\.(resp\.|a$)/,
    explains: (ours, theirs, row) =>
      hasProblem(row, 'dns-truncated') && ours.length === theirs.length + 1 && isPrefix(theirs, ours),
  },
  {
    reason: 'of a BGP message or part of one whose length cannot be, the two show more or less of its beginning',
    fields: /^bgp\./,
    explains: (ours, theirs, row) => hasProblem(row, 'bgp-length') && isOneMore(ours, theirs),
  },
  {
    reason: 'tshark takes octets that end within a path identifier (RFC 7911) for routes that have them',
    fields: /^bgp\.(prefix_length|nlri_path_id|mp_reach_nlri_ipv6_prefix)$/,
    explains: (ours, _theirs, row, oracle) =>
      hasProblem(row, 'bgp-length') && ours.length === 0 && oracle.get('bgp.nlri_path_id')?.length !== 0,
  },
  {
    reason: 'tshark does not know the long OPEN parameters of RFC 9072',
    fields: /^bgp\.cap\./,
    explains: (_ours, theirs, row) => row['bgp.open.opt.len'] === 255 && theirs.length === 0,
  },
  {
    reason: 'routes of families other than IPv4 and IPv6 unicast and EVPN are not decoded',
    fields: /^bgp\.(prefix_length|mp_reach_nlri_|update\.path_attribute\.mp_reach_nlri\.next_hop)/,
    explains: (ours, _theirs, row) =>
      ours.length === 0 && ![1, 70].includes(Number(row['bgp.update.path_attribute.mp_reach_nlri.safi'])),
  },
  {
    reason: 'tshark does not show the next hop of policies for segment routing',
    fields: /^bgp\.update\.path_attribute\.mp_reach_nlri\.next_hop\./,
    explains: (_ours, theirs, row) =>
      theirs.length === 0 && row['bgp.update.path_attribute.mp_reach_nlri.safi'] === SEGMENT_ROUTING_POLICY,
  },
  {
    reason: 'EVPN routes of types beyond 5 are named by their number',
    fields: /^bgp\.evpn\.nlri\.(rd|etag)$/,
    explains: (ours, _theirs, row) => ours.length === 0 && Number(row['bgp.evpn.nlri.rt']) > 5,
  },
  {
    reason: 'tshark lists the capabilities that a NOTIFICATION refuses',
    fields: /^bgp\.cap\./,
    explains: (ours, _theirs, row) => ours.length === 0 && row['bgp.notify.minor_error_open'] === 7,
  },
  {
    reason: 'messages of types that drafts had (6 and 128) are named by their number',
    fields: /^bgp\.(cap|route_refresh)\./,
    explains: (ours, _theirs, row) => ours.length === 0 && [6, 128].includes(Number(row['bgp.type'])),
  },
  {
    reason: 'what begins without a marker is the middle of a BGP message for us',
    fields: /^frame\.protocols$/,
    explains: (ours, theirs, row) => row['tcp.dstport'] === 179 && `${ours[0]}:bgp` === theirs[0],
  },
  {
    reason: 'tshark does not read messages of more than 4096 octets (RFC 8654)',
    fields: /^bgp\./,
    explains: (_ours, theirs, row) => Number(row['bgp.length']) > 4096 && theirs.length === 0,
  },
  {
    reason: 'tshark does not read the routes of an UPDATE without attributes',
    fields: /^bgp\.(nlri_prefix|prefix_length)$/,
    explains: (_ours, theirs, row) => row['bgp.update.path_attributes.length'] === 0 && theirs.length === 0,
  },
];
