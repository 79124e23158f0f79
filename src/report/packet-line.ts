import { arpOperation, arpSenderIpAt, arpSenderMacAt, arpTargetIpAt } from '../wire/arp.js';
import { ethernetDstAt, ethernetSrcAt, ethernetType } from '../wire/ethernet.js';
import { formatIpv4, formatIpv6, formatMac } from '../wire/format.js';
import { geneveVni } from '../wire/geneve.js';
import { greKeyAt } from '../wire/gre.js';
import { icmpIsError } from '../wire/icmp.js';
import { icmpv6IsError } from '../wire/icmpv6.js';
import { ipv4DstAt, ipv4Id, ipv4SrcAt } from '../wire/ipv4.js';
import { ipv6DstAt, ipv6FragmentId, ipv6SrcAt } from '../wire/ipv6.js';
import { Layer, LAYER_NAMES } from '../wire/layers.js';
import { messagesOf, type Message } from '../wire/messages.js';
import { problemsOf } from '../wire/packet-problems.js';
import type { PacketView } from '../wire/packet.js';
import { tcpDstPort, tcpSeq, tcpSrcPort } from '../wire/tcp.js';
import { udpDstPort, udpSrcPort } from '../wire/udp.js';
import { undecodedName, UNDECODED_IP_PROTOCOL } from '../wire/undecoded.js';
import { vlanId } from '../wire/vlan.js';
import { vxlanVni } from '../wire/vxlan.js';
import { escapeText } from './escape.js';
import { bgpText } from './line-bgp.js';
import { dnsText } from './line-dns.js';
import { icmpText, icmpv6Text, type QuotedDestination } from './line-icmp.js';
import { tcpText } from './line-tcp.js';
import { cutTransport, quotedView, type PacketMeta } from './packet-row.js';
import { timeOfDay } from './text-layout.js';

/** DNS or BGP messages that fit a line. */
const MESSAGES_SHOWN = 8;

/** Packet types of cooked captures, in tcpdump's words. */
const PACKET_TYPES: Readonly<Record<number, string>> = { 0: 'In', 1: 'B', 2: 'M', 3: 'P', 4: 'Out' };

/**
 * One line for a frame, as tcpdump would print the innermost packet, with its tunnels after it, innermost first:
 * `18:49:09.166557 w2/eth0 10.245.208.68 > 10.244.112.198: ICMP echo request, id 64994, seq 1, length 64
 *  [vxlan 138.96.16.97.50678 > 138.96.245.52.4789 vni 4096]`. Times are UTC. Safe to print. `messages` as for packetRow().
 */
export function packetLine(
  packet: PacketView,
  meta: PacketMeta,
  messages: readonly Message[] = messagesOf(packet),
): string {
  const time = timeOfDay(`${meta.seconds}.${String(meta.nanoseconds).padStart(9, '0')}`);
  const type = packet.packetType === -1 ? '' : ` ${PACKET_TYPES[packet.packetType] ?? `type ${packet.packetType}`}`;
  const tail = [...tunnelTexts(packet), ...vlanTexts(packet), ...problemTexts(packet, messages)];
  const brackets = tail.length === 0 ? '' : `  ${tail.map((text) => `[${text}]`).join(' ')}`;
  return escapeText(`${time} ${meta.point}${type} ${packetText(packet, 0, messages)}${brackets}`);
}

function packetText(packet: PacketView, depth: number, messages: readonly Message[]): string {
  if (packet.arpAt !== -1) return arpText(packet);
  if (packet.ipAt === -1) return linkText(packet);
  const { view, ipAt } = packet;
  const isV4 = packet.ipVersion === 4;
  const src = isV4 ? formatIpv4(view, ipv4SrcAt(ipAt)) : formatIpv6(view, ipv6SrcAt(ipAt));
  const dst = isV4 ? formatIpv4(view, ipv4DstAt(ipAt)) : formatIpv6(view, ipv6DstAt(ipAt));
  const [srcPort, dstPort] = ports(packet);
  const port = (number: number | null): string => (number === null ? '' : `.${number}`);
  return `${src}${port(srcPort)} > ${dst}${port(dstPort)}: ${transportText(packet, depth, messages)}${fragmentText(packet)}`;
}

/** Ports of the innermost packet; null without, or when the capture cut them. */
function ports(packet: PacketView): readonly [number | null, number | null] {
  const { view, l4At } = packet;
  const cut = cutTransport(packet);
  if (packet.l4Kind === Layer.TCP || cut === Layer.TCP) return [tcpSrcPort(view, l4At), tcpDstPort(view, l4At)];
  if (packet.l4Kind === Layer.UDP || cut === Layer.UDP) return [udpSrcPort(view, l4At), udpDstPort(view, l4At)];
  return [null, null];
}

function transportText(packet: PacketView, depth: number, messages: readonly Message[]): string {
  const { view, l4At, payloadEnd, payloadLength } = packet;
  switch (packet.l4Kind) {
    case Layer.TCP: {
      const text = tcpText(view, l4At, packet.ipEnd, payloadLength);
      const [first] = messages;
      if (first === undefined) return text;
      return `${text}: ${first.protocol === Layer.BGP ? 'BGP: ' : ''}${messageTexts(messages)}`;
    }
    case Layer.UDP: {
      if (messages.length > 0) return messageTexts(messages);
      const name = packet.undecoded === -1 ? '' : ` (${undecodedName(packet.undecoded)})`;
      return `UDP, length ${payloadLength}${name}`;
    }
    case Layer.ICMP: {
      const quoted = icmpIsError(view, l4At) ? quotedText(packet, depth) : null;
      const text = icmpText(view, l4At, quoted === null ? null : quoted.destination);
      return `${text}, length ${packet.l4Length}${quoted === null ? '' : `, quoting (${quoted.text})`}`;
    }
    case Layer.ICMPV6: {
      const quoted = icmpv6IsError(view, l4At) ? quotedText(packet, depth) : null;
      const text = icmpv6Text(view, l4At, payloadEnd, quoted === null ? null : quoted.destination);
      return `${text}, length ${packet.l4Length}${quoted === null ? '' : `, quoting (${quoted.text})`}`;
    }
  }
  if (packet.protocol === -1) return '[|ip]';
  if (cutTransport(packet) === Layer.TCP) {
    return packet.ipEnd - l4At >= 8 ? `TCP, seq ${tcpSeq(view, l4At)} [|tcp]` : 'TCP [|tcp]';
  }
  const name = protocolName(packet.protocol);
  const whole = packet.l4At !== -1 && (packet.cut === 0 || packet.fragmentOffset !== 0 || packet.undecoded !== -1);
  return `${name}, length ${packet.l4Length}${whole ? '' : ` [|${name}]`}`;
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  4: 'ipip',
  6: 'tcp',
  17: 'udp',
  41: 'ipv6',
  47: 'gre',
  58: 'icmp6',
  59: 'no next header',
};

function protocolName(protocol: number): string {
  return PROTOCOLS[protocol] ?? undecodedName(UNDECODED_IP_PROTOCOL + protocol);
}

function messageTexts(messages: readonly Message[]): string {
  const texts = messages.slice(0, MESSAGES_SHOWN).map(({ protocol, view, at, end, announcedEnd, goesOn, paths }) => {
    const text = protocol === Layer.DNS ? dnsText(view, at, end, announcedEnd - at) : bgpText(view, at, end, paths);
    return goesOn ? `${text} (goes on)` : text;
  });
  return `${texts.join('; ')}${messages.length > MESSAGES_SHOWN ? '; and more' : ''}`;
}

/** What an ICMP error quotes; null when it was not captured. */
function quotedText(packet: PacketView, depth: number): { text: string; destination: QuotedDestination } | null {
  if (packet.quotedIpAt === -1) return null;
  const quoted = quotedView(packet, depth);
  if (quoted === null) return null;
  const outermost = packet.quotedIpVersion === 4;
  const address = outermost
    ? formatIpv4(packet.view, ipv4DstAt(packet.quotedIpAt))
    : formatIpv6(packet.view, ipv6DstAt(packet.quotedIpAt));
  const hasPorts = packet.quotedL4At !== -1 && (packet.quotedProtocol === 6 || packet.quotedProtocol === 17);
  const destination = {
    address,
    protocol: protocolName(packet.quotedProtocol),
    port: hasPorts ? udpDstPort(packet.view, packet.quotedL4At) : null,
  };
  const tunnels = tunnelTexts(quoted).map((text) => ` [${text}]`);
  return { text: `${packetText(quoted, depth + 1, messagesOf(quoted))}${tunnels.join('')}`, destination };
}

/** Says which fragment of an IP packet this is; empty for a whole one. */
function fragmentText(packet: PacketView): string {
  if (packet.fragmentOffset === 0 && packet.moreFragments === 0) return '';
  const id = packet.ipVersion === 4 ? ipv4Id(packet.view, packet.ipAt) : ipv6FragmentId(packet.view, packet.fragmentAt);
  return ` (frag ${id}:${packet.l4Length}@${packet.fragmentOffset}${packet.moreFragments === 1 ? '+' : ''})`;
}

function arpText(packet: PacketView): string {
  const { view, arpAt } = packet;
  const operation = arpOperation(view, arpAt);
  const sender = formatIpv4(view, arpSenderIpAt(arpAt));
  const target = formatIpv4(view, arpTargetIpAt(arpAt));
  if (operation === 1) return `ARP, Request who-has ${target} tell ${sender}`;
  const mac = formatMac(view, arpSenderMacAt(arpAt));
  if (operation === 2) return `ARP, Reply ${sender} is-at ${mac}`;
  return `ARP, operation ${operation}, ${sender} (${mac}) > ${target}`;
}

/** A frame without IP or ARP: its MAC addresses, and what its EtherType says. */
function linkText(packet: PacketView): string {
  const { view, ethAt } = packet;
  const length = `length ${packet.originalLength}`;
  const last = packet.layerCount === 0 ? -1 : packet.layerKinds[packet.layerCount - 1]!;
  const name = packet.undecoded === -1 ? (LAYER_NAMES[last] ?? 'frame') : undecodedName(packet.undecoded);
  if (ethAt === -1) return `${name}, ${length}`;
  const type = ethernetType(view, ethAt);
  const number = type < 1536 ? '' : ` (0x${type.toString(16).padStart(4, '0')})`;
  return `${formatMac(view, ethernetSrcAt(ethAt))} > ${formatMac(view, ethernetDstAt(ethAt))}, ${name}${number}, ${length}`;
}

/** The tunnels around the packet, innermost first. */
function tunnelTexts(packet: PacketView): string[] {
  const { view } = packet;
  const texts: string[] = [];
  let ipAt = -1;
  let udpAt = -1;
  let before = -1;
  for (let index = 0; index < packet.layerCount; index += 1) {
    const kind = packet.layerKinds[index]!;
    const at = packet.layerAts[index]!;
    if (kind === Layer.UDP) udpAt = at;
    if (kind === Layer.VXLAN || kind === Layer.GENEVE) {
      const name = kind === Layer.VXLAN ? 'vxlan' : 'geneve';
      const vni = kind === Layer.VXLAN ? vxlanVni(view, at) : geneveVni(view, at);
      texts.unshift(`${name} ${endpoints(view, ipAt, udpAt)} vni ${vni}`);
    }
    if (kind === Layer.GRE) {
      const keyAt = greKeyAt(view, at, packet.frameEnd);
      texts.unshift(`gre ${endpoints(view, ipAt, -1)}${keyAt === -1 ? '' : ` key ${view.getUint32(keyAt)}`}`);
    }
    if (kind === Layer.IP || kind === Layer.IPV6) {
      if (before === Layer.IP || before === Layer.IPV6) texts.unshift(`ip ${endpoints(view, ipAt, -1)}`);
      ipAt = at;
    }
    before = kind;
  }
  // The innermost of these may be one whose payload is not decoded, which is no tunnel of this packet.
  return texts.slice(texts.length - packet.tunnelDepth);
}

/** `udpAt` is -1 without ports. */
function endpoints(view: DataView, ipAt: number, udpAt: number): string {
  const isV4 = view.getUint8(ipAt) >> 4 === 4;
  const src = isV4 ? formatIpv4(view, ipv4SrcAt(ipAt)) : formatIpv6(view, ipv6SrcAt(ipAt));
  const dst = isV4 ? formatIpv4(view, ipv4DstAt(ipAt)) : formatIpv6(view, ipv6DstAt(ipAt));
  return udpAt === -1 ? `${src} > ${dst}` : `${src}.${udpSrcPort(view, udpAt)} > ${dst}.${udpDstPort(view, udpAt)}`;
}

function vlanTexts(packet: PacketView): string[] {
  const texts: string[] = [];
  for (let index = 0; index < packet.layerCount; index += 1) {
    if (packet.layerKinds[index] === Layer.VLAN) texts.push(`vlan ${vlanId(packet.view, packet.layerAts[index]!)}`);
  }
  return texts;
}

function problemTexts(packet: PacketView, messages: readonly Message[]): string[] {
  return problemsOf(packet, messages).map(({ code, at }) => `${code} at octet ${at}`);
}
