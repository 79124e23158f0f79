import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseTable } from './agreement.js';
import type { OracleFrame, Reading } from './rows.js';

const run = promisify(execFile);

/** Every field that our rows can have, so that what only one of the two prints is seen too. */
const FIELDS = `
  frame.number frame.time_epoch frame.cap_len frame.len frame.protocols frame.interface_name
  eth.dst eth.src eth.type eth.len vlan.priority vlan.dei vlan.id vlan.etype vlan.len
  sll.pkttype sll.hatype sll.halen sll.src.eth sll.src.ipv4 sll.etype sll.ltype sll.ifindex null.family
  arp.hw.type arp.proto.type arp.hw.size arp.proto.size arp.opcode
  arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac arp.dst.proto_ipv4
  ip.version ip.hdr_len ip.dsfield ip.dsfield.dscp ip.dsfield.ecn ip.len ip.id ip.flags.rb ip.flags.df ip.flags.mf
  ip.frag_offset ip.ttl ip.proto ip.checksum ip.src ip.dst
  ipv6.version ipv6.tclass ipv6.flow ipv6.plen ipv6.nxt ipv6.hlim ipv6.src ipv6.dst
  ipv6.fraghdr.nxt ipv6.fraghdr.offset ipv6.fraghdr.more ipv6.fraghdr.ident
  icmp.type icmp.code icmp.checksum icmp.ident icmp.seq icmp.mtu icmp.redir_gw
  icmpv6.type icmpv6.code icmpv6.checksum icmpv6.echo.identifier icmpv6.echo.sequence_number icmpv6.mtu
  icmpv6.nd.ns.target_address icmpv6.nd.na.target_address icmpv6.opt.linkaddr
  udp.srcport udp.dstport udp.length udp.checksum
  tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.hdr_len tcp.flags tcp.flags.ae tcp.flags.cwr tcp.flags.ece
  tcp.flags.urg tcp.flags.ack tcp.flags.push tcp.flags.reset tcp.flags.syn tcp.flags.fin tcp.window_size_value
  tcp.checksum tcp.urgent_pointer tcp.len tcp.options.mss_val tcp.options.wscale.shift tcp.options.timestamp.tsval
  tcp.options.timestamp.tsecr tcp.options.sack_le tcp.options.sack_re
  tcp.option_kind tcp.options.md5.digest tcp.options.ao.keyid tcp.options.ao.rnextkeyid
  vxlan.flags vxlan.flag_g vxlan.flag_i vxlan.flag_d vxlan.flag_a vxlan.gbp vxlan.vni vxlan.reserved8
  vxlan.p_bit vxlan.o_bit vxlan.next_proto
  geneve.version geneve.flags.oam geneve.flags.critical geneve.proto_type geneve.vni
  geneve.option.class geneve.option.type geneve.option.length
  gre.flags_and_version gre.flags.checksum gre.flags.routing gre.flags.key gre.flags.sequence_number gre.flags.version
  gre.proto gre.checksum gre.key gre.sequence_number
  dns.id dns.flags dns.flags.response dns.flags.opcode dns.flags.authoritative dns.flags.truncated dns.flags.recdesired
  dns.flags.recavail dns.flags.z dns.flags.authenticated dns.flags.checkdisable dns.flags.rcode
  dns.count.queries dns.count.answers dns.count.auth_rr dns.count.add_rr dns.qry.name dns.qry.type dns.qry.class
  dns.resp.name dns.resp.type dns.resp.class dns.resp.ttl dns.resp.len dns.a dns.aaaa dns.cname dns.ns
  dns.ptr.domain_name dns.mx.preference dns.mx.mail_exchange dns.srv.priority dns.srv.weight dns.srv.port dns.srv.target
  dns.soa.mname dns.soa.rname dns.soa.serial_number dns.soa.refresh_interval dns.soa.retry_interval
  dns.soa.expire_limit dns.soa.minimum_ttl dns.txt dns.rr.udp_payload_size dns.resp.ext_rcode
  dns.resp.edns0_version dns.resp.z.do dns.opt.code
  bgp.type bgp.length bgp.open.version bgp.open.myas bgp.open.holdtime bgp.open.identifier bgp.open.opt.len
  bgp.cap.type bgp.cap.4as bgp.cap.mp.afi bgp.cap.mp.safi
  bgp.notify.major_error bgp.notify.minor_error bgp.notify.minor_error_open bgp.notify.minor_error_update
  bgp.notify.minor_error_expired bgp.notify.minor_error_state bgp.notify.minor_error_cease
  bgp.notify.minor_error_capability
  bgp.notify.minor_error_unknown bgp.notify.communication
  bgp.route_refresh.afi bgp.route_refresh.subtype bgp.route_refresh.safi
  bgp.update.withdrawn_routes.length bgp.withdrawn_prefix bgp.update.path_attributes.length bgp.nlri_prefix bgp.nlri_path_id
  bgp.prefix_length bgp.update.path_attribute.type_code bgp.update.path_attribute.flags
  bgp.update.path_attribute.origin bgp.update.path_attribute.as_path_segment.type
  bgp.update.path_attribute.as_path_segment.as2 bgp.update.path_attribute.as_path_segment.as4
  bgp.update.path_attribute.next_hop bgp.update.path_attribute.multi_exit_disc bgp.update.path_attribute.local_pref
  bgp.update.path_attribute.originator_id bgp.update.path_attribute.community_as
  bgp.update.path_attribute.community_value bgp.update.path_attribute.community_wellknown
  bgp.update.path_attribute.mp_reach_nlri.afi
  bgp.update.path_attribute.mp_reach_nlri.safi bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv4
  bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6
  bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6.link_local
  bgp.update.path_attribute.mp_unreach_nlri.afi bgp.update.path_attribute.mp_unreach_nlri.safi
  bgp.mp_reach_nlri_ipv4_prefix bgp.mp_reach_nlri_ipv6_prefix bgp.mp_unreach_nlri_ipv4_prefix
  bgp.mp_unreach_nlri_ipv6_prefix
  bgp.evpn.nlri.rt bgp.evpn.nlri.len bgp.evpn.nlri.rd bgp.evpn.nlri.esi bgp.evpn.nlri.etag bgp.evpn.nlri.mac_addr
  bgp.evpn.nlri.prefix_len bgp.evpn.nlri.ip.addr bgp.evpn.nlri.ipv6.addr bgp.evpn.nlri.ipv4.gtw_addr
  bgp.evpn.nlri.ipv6.gtw_addr
`
  .trim()
  .split(/\s+/);

/** Packets as we decode them: no fragments put together, no octets called wrong that offload left undone. */
const OPTIONS = [
  ['-o', 'ip.defragment:FALSE'],
  ['-o', 'ipv6.defragment:FALSE'],
  ['-o', 'tcp.check_checksum:FALSE'],
  ['-o', 'udp.check_checksum:FALSE'],
  ['-o', 'tcp.analyze_sequence_numbers:FALSE'],
  ['-d', 'udp.port==8472,vxlan'],
].flat();

/** `4.0.17`, or null when tshark cannot be run. */
export async function tsharkVersion(): Promise<string | null> {
  try {
    return /(\d+\.\d+\.\d+)/.exec((await run('tshark', ['--version'])).stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Those of FIELDS that this tshark knows; names come and go with its versions. */
export async function knownFields(): Promise<string[]> {
  const { stdout } = await run('tshark', ['-G', 'fields'], { maxBuffer: 1 << 28 });
  const known = new Set(stdout.split('\n').map((line) => line.split('\t')[2]));
  return FIELDS.filter((field) => known.has(field));
}

/** What tshark prints of a capture. A damaged one gives the frames before the damage. */
export async function tsharkFrames(
  path: string,
  fields: readonly string[],
  reading: Reading = 'streams',
): Promise<OracleFrame[]> {
  const output = ['-T', 'fields', '-E', 'header=y', '-E', 'separator=/t', '-E', 'aggregator=|', '-E', 'occurrence=a'];
  const wanted = fields.flatMap((field) => ['-e', field]);
  const desegment = ['-o', `tcp.desegment_tcp_streams:${reading === 'streams' ? 'TRUE' : 'FALSE'}`];
  const options = { maxBuffer: 1 << 29 };
  const { stdout } = await run(
    'tshark',
    ['-n', '-r', path, ...OPTIONS, ...desegment, ...output, ...wanted],
    options,
  ).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
  return parseTable(stdout);
}
