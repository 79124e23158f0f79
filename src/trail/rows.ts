import { Layer } from '../wire/layers.js';
import { dnsTypeName } from '../wire/dns-names.js';
import type { AddressTable } from '../net/address-table.js';
import type { CapturePoint } from '../net/points.js';
import type { SightingRow, TrailRow } from '../report/report.js';
import type { Judge } from './judge.js';
import type { Texts } from './texts.js';
import { OVERFLOW, type TunnelTable } from './sightings.js';
import type { Trail } from './trail.js';
import type { Form, Sighting } from './trail-rows.js';

/** What turns numbers into text. */
export interface Names {
  readonly addresses: AddressTable;
  readonly points: readonly CapturePoint[];
  readonly texts: Texts;
  readonly tunnels: TunnelTable;
  /** Name of a file by its number. */
  readonly files: readonly string[];
}

const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const ICMP_TYPES: Readonly<Record<number, string>> = {
  0: 'echo reply',
  3: 'destination unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
};
const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'net unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
  9: 'net prohibited',
  10: 'host prohibited',
  13: 'administratively prohibited',
};
const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  128: 'echo request',
  129: 'echo reply',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
};

/** Seconds since the epoch with nine digits. */
export function timeText(seconds: number, nanoseconds: number): string {
  return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
}

/** `10.0.0.1:53`, `[2001:db8::1]:53`, or the address alone. */
export function endText(names: Pick<Names, 'addresses'>, address: number, port: number): string {
  const text = names.addresses.text(address);
  if (port < 0) return text;
  return names.addresses.version(address) === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

export function tunnelText(
  names: Pick<Names, 'addresses' | 'tunnels'>,
  { tunnel: number, outerSourcePort }: Pick<Sighting, 'tunnel' | 'outerSourcePort'>,
): string | null {
  if (number === OVERFLOW) return 'one of too many tunnels to tell apart';
  const tunnel = names.tunnels.get(number);
  if (tunnel === null) return null;
  const kind =
    tunnel.kind === Layer.VXLAN
      ? 'vxlan'
      : tunnel.kind === Layer.GENEVE
        ? 'geneve'
        : tunnel.kind === Layer.GRE
          ? 'gre'
          : 'ipip';
  const ports = tunnel.kind === Layer.VXLAN || tunnel.kind === Layer.GENEVE;
  const src = endText(names, tunnel.src, ports ? outerSourcePort : -1);
  const dst = endText(names, tunnel.dst, ports ? tunnel.destinationPort : -1);
  const id = tunnel.id < 0 ? '' : kind === 'gre' ? ` key ${tunnel.id}` : ` vni ${tunnel.id}`;
  return `${kind} ${src} > ${dst}${id}`;
}

/** What the packet is, in a few words. */
export function summaryOf(names: Pick<Names, 'texts'>, trail: Trail): string {
  if (trail.fragmentOffset > 0) return `fragment of packet ${trail.ipId} at octet ${trail.fragmentOffset}`;
  switch (trail.kind) {
    case Layer.ICMP: {
      const type = trail.a >> 8;
      const code = trail.a & 255;
      const text = ICMP_TYPES[type] ?? `type ${type}`;
      if (type === 8 || type === 0) return `${text} id ${trail.b} seq ${trail.c}`;
      if (type === 3) return UNREACHABLE[code] ?? `${text}, code ${code}`;
      return code === 0 ? text : `${text}, code ${code}`;
    }
    case Layer.ICMPV6: {
      const type = trail.a >> 8;
      const text = ICMPV6_TYPES[type] ?? `type ${type}`;
      return type === 128 || type === 129 ? `${text} id ${trail.b} seq ${trail.c}` : text;
    }
    case Layer.TCP: {
      const flags = TCP_FLAGS.filter((_, bit) => (trail.c & (1 << bit)) !== 0);
      const length = trail.payloadLength > 0 ? ` len ${trail.payloadLength}` : '';
      return `${flags.join(',') || 'no flags'} seq ${trail.a >>> 0}${length}`;
    }
    case Layer.UDP: {
      if (!trail.isDns) return `udp len ${trail.payloadLength}`;
      const response = (trail.b & 0x8000) !== 0;
      const id = `0x${trail.a.toString(16).padStart(4, '0')}`;
      const name = trail.nameId < 0 ? '' : ` ${dnsTypeName(trail.c)} ${names.texts.get(trail.nameId) ?? '?'}`;
      return `dns ${response ? 'response' : 'query'} id ${id}${name}`;
    }
    default:
      return trail.protocol < 0 ? 'ip' : `ip protocol ${trail.protocol}`;
  }
}

export function protocolOf(trail: Trail): string {
  switch (trail.protocol) {
    case 1:
      return 'icmp';
    case 6:
      return 'tcp';
    case 17:
      return trail.isDns ? 'dns' : 'udp';
    case 58:
      return 'icmpv6';
    default:
      return `ip-protocol-${trail.protocol}`;
  }
}

/** The row of `lasthop trails`. */
export function trailRow(names: Names, trail: Trail, judge: Judge): TrailRow {
  const judgement = judge.judge(trail);
  const { first } = trail;
  const start = trail.firstSighting;
  const name = (point: number): string => names.points[point]!.name;
  return {
    time: timeText(start.seconds, start.nanoseconds),
    protocol: protocolOf(trail),
    src: names.addresses.text(first.src),
    dst: names.addresses.text(first.dst),
    srcPort: first.sourcePort < 0 ? null : first.sourcePort,
    dstPort: first.destinationPort < 0 ? null : first.destinationPort,
    summary: summaryOf(names, trail),
    direction: trail.direction,
    state: judgement.state,
    lastSeen: name(judgement.lastSeen),
    nextExpected: judgement.nextExpected === null ? null : name(judgement.nextExpected),
    certainty: judgement.certainty,
    reason: judgement.reason,
    sightings: trail.sightings.map((sighting) => sightingRow(names, sighting, start)),
  };
}

function sightingRow(names: Names, sighting: Sighting, first: Sighting): SightingRow {
  return {
    point: names.points[sighting.point]!.name,
    file: names.files[sighting.file]!,
    frame: sighting.frame,
    time: timeText(sighting.seconds, sighting.nanoseconds),
    ttl: sighting.ttl,
    tunnel: tunnelText(names, sighting),
    nat: sighting.hasFormOf(first) ? null : natText(names, sighting.form),
    rung: sighting.rung,
    ...(sighting.copy ? { copy: true as const } : {}),
    ...(sighting.range === null ? {} : { range: sighting.range }),
  };
}

function natText(names: Names, form: Form): string {
  return `${endText(names, form.src, form.sourcePort)} > ${endText(names, form.dst, form.destinationPort)}`;
}
