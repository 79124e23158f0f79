// What is true of a sample: each claim of the traffic is looked up in the captures with a tshark filter, and a claim that
// tshark does not confirm at every point is an error. Nothing here asks lasthop.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError, run } from './lab.js';

/** @typedef {import('./capture.js').Capture} Capture */
/** @typedef {import('./traffic.js').Claim} Claim */
/** @typedef {import('./traffic.js').Match} Match */

/**
 * @typedef {{
 *   where: string, what: string, after: string, before: string, counter: string, counted: number
 * }} Fault
 *   `counted`: how many packets the kernel says that it dropped there, which must be those that are seen at `after` and
 *   not at `before`.
 */

/** @typedef {{ point: string, number: number, fields: Record<string, string[]> }} Frame */

const TSHARK = '-n -d udp.port==8472,vxlan -o tcp.desegment_tcp_streams:FALSE -o ip.defragment:FALSE'.split(' ');
const FIELDS =
  `frame.number frame.time_epoch frame.interface_name sll.ifindex frame.protocols ip.src ip.dst ip.id ipv6.src
  ipv6.dst udp.srcport udp.dstport tcp.srcport tcp.dstport tcp.seq_raw tcp.flags tcp.len tcp.options.timestamp.tsval
  icmp.type icmp.code icmp.ident icmp.seq icmpv6.type icmpv6.echo.identifier icmpv6.echo.sequence_number dns.id
  dns.flags.response dns.qry.type dns.qry.name`.split(/\s+/);

/** No packet of a lab is longer on its way, seconds. */
const ON_ITS_WAY = 0.05;

/** All captures of a sample as one file, whose frames tshark numbers through. */
export class Evidence {
  /** @type {Frame[]} by number in the joined file, from 1 */
  frames = [];
  /** @type {string[]} */
  points;

  /**
   * @param {string} folder
   * @param {Capture[]} captures
   * @param {string} joined where the joined file is written
   */
  constructor(folder, captures, joined) {
    this.joined = joined;
    const files = captures.map(({ file }) => join(folder, file));
    run('mergecap', ['-a', '-I', 'none', '-w', joined, ...files]);
    const counts = run('capinfos', ['-TrcM', ...files])
      .trim()
      .split('\n');
    const owners = captures.flatMap((capture, index) => {
      const frames = Number(counts[index]?.split('\t')[1]);
      // tcpdump says "captured" for what it wrote.
      if (frames !== capture.captured) throw new LabError(`${capture.file}: ${frames} frames, not ${capture.captured}`);
      return Array.from({ length: frames }, (_, at) => ({ capture, number: at + 1 }));
    });
    const rows = run('tshark', [
      '-r',
      joined,
      ...TSHARK,
      '-T',
      'fields',
      '-E',
      'aggregator=|',
      ...FIELDS.flatMap((f) => ['-e', f]),
    ]);
    rows.split('\n').forEach((row, index) => {
      const owner = owners[index];
      if (owner === undefined) return;
      const values = row.split('\t').map((value) => (value === '' ? [] : value.split('|')));
      const fields = Object.fromEntries(FIELDS.map((name, at) => [name, values[at] ?? []]));
      this.frames.push({ point: pointOf(owner.capture, fields), number: owner.number, fields });
    });
    this.points = captures.flatMap((capture) => {
      const names = capture.interfaces === undefined ? [capture.interface] : Object.values(capture.interfaces);
      return names.map((name) => `${capture.node}/${name}`);
    });
  }

  /**
   * @param {string} filter
   * @returns {Map<string, number[]>} frame numbers of each point that shows such a packet
   */
  find(filter) {
    const found = run('tshark', ['-r', this.joined, ...TSHARK, '-Y', filter, '-T', 'fields', '-e', 'frame.number']);
    /** @type {Map<string, number[]>} */
    const byPoint = new Map();
    for (const line of found.split('\n').filter(Boolean)) {
      const frame = this.frames[Number(line) - 1];
      if (frame === undefined) throw new LabError(`tshark found frame ${line}, which no capture has`);
      byPoint.set(frame.point, [...(byPoint.get(frame.point) ?? []), frame.number]);
    }
    return byPoint;
  }
}

/**
 * @param {Capture} capture
 * @param {Record<string, string[]>} fields
 */
function pointOf(capture, fields) {
  if (capture.interfaces === undefined) return `${capture.node}/${capture.interface}`;
  const key = (capture.linktype === 'LINUX_SLL2' ? fields['sll.ifindex'] : fields['frame.interface_name'])?.[0] ?? '';
  const name = capture.interfaces[key];
  if (name === undefined) throw new LabError(`${capture.file}: a frame of an unknown interface ${key}`);
  return `${capture.node}/${name}`;
}

/** @param {Match} match */
function filterOf(match) {
  const six = String(match['src']).includes(':');
  const addresses = `${six ? 'ipv6' : 'ip'}.src == ${match['src']} && ${six ? 'ipv6' : 'ip'}.dst == ${match['dst']}`;
  const ports = (/** @type {string} */ l4) =>
    `${l4}.srcport == ${match['sport']} && ${l4}.dstport == ${match['dport']} && !icmp`;
  switch (match['proto']) {
    case 'icmp': {
      if (match['icmp_type'] === 3) return `icmp.type == 3 && icmp.code == ${match['icmp_code']} && ${addresses}`;
      const errors = '!(icmp.type == 3) && !(icmp.type == 5) && !(icmp.type == 11)';
      const ids = `icmp.ident == ${match['icmp_id']} && icmp.seq == ${match['icmp_seq']}`;
      return `icmp && icmp.type == ${match['icmp_type']} && ${addresses} && ${ids} && ${errors}`;
    }
    case 'icmpv6': {
      const ids = `icmpv6.echo.identifier == ${match['icmp_id']} && icmpv6.echo.sequence_number == ${match['icmp_seq']}`;
      return `icmpv6.type == ${match['icmp_type']} && ${addresses} && ${ids}`;
    }
    case 'dns': {
      const ids = `dns.id == ${match['dns_id']} && dns.qry.type == ${match['dns_type']}`;
      return `dns && dns.flags.response == ${match['dns_qr']} && ${addresses} && ${ids} && ${ports('udp')}`;
    }
    case 'udp':
      return `${addresses} && ${ports('udp')}`;
    default: {
      const flags = match['flags'] === undefined ? '' : ` && tcp.flags == ${match['flags']}`;
      return `tcp && ${addresses} && ${ports('tcp')}${flags}`;
    }
  }
}

/**
 * The rows of `expected`, each confirmed by tshark.
 * @param {Evidence} evidence
 * @param {Claim[]} claims
 */
export function confirm(evidence, claims) {
  return claims.map((claim) => {
    const { what, path, shown, rewritten } = claim;
    const turn = rewritten === undefined ? path.length : path.indexOf(rewritten.from);
    if (turn < 0) throw new LabError(`${what}: ${rewritten?.from} is not on its path`);
    const first = filterOf(claim.match);
    const second = rewritten && filterOf(rewritten.match);
    const found = evidence.find(first);
    const foundLater = second === undefined ? found : evidence.find(second);
    const seen = [...new Set([...found.keys(), ...foundLater.keys()])];
    const stray = seen.filter((point) => !path.includes(point));
    if (stray.length > 0) throw new LabError(`${what}: seen off its path, at ${stray.join(' ')}`);
    // A cooked capture without interface numbers is passed once for each interface of the node.
    const points = [...new Set(path)];
    const copies = found.get(path[0] ?? '')?.length ?? 0;
    const packets = copies / path.slice(0, shown).filter((point) => point === path[0]).length;
    if (packets === 0) throw new LabError(`${what}: not at ${path[0]}`);
    if (claim.packets !== undefined && claim.packets !== packets) {
      throw new LabError(`${what}: ${packets} at ${path[0]}, but ${claim.packets} were sent`);
    }
    const rows = points.map((point) => {
      const frames = (path.indexOf(point) < turn ? found : foundLater).get(point) ?? [];
      const passed = path.slice(0, shown).filter((each) => each === point).length;
      if (frames.length !== packets * passed) {
        throw new LabError(`${what}: ${frames.length} frames at ${point}, not ${packets * passed}`);
      }
      const filter = point === path[0] ? first : path.indexOf(point) === turn ? second : undefined;
      return { point, packets: passed === 0 ? 0 : packets, frames, ...(filter === undefined ? {} : { filter }) };
    });
    const lost = shown < path.length;
    const last = path[shown - 1] ?? '';
    return {
      what,
      direction: claim.direction,
      verdict: lost ? 'lost' : 'delivered',
      last_seen: last,
      next_expected: path.slice(shown).find((point) => point !== last) ?? null,
      copies: packets,
      anomalies: claim.anomalies ?? [],
      match: claim.match,
      points: rows,
    };
  });
}

/**
 * The kernel's own counters must agree with what the captures show.
 * @param {ReturnType<typeof confirm>} expected
 * @param {Fault[]} faults
 */
export function confirmFaults(expected, faults) {
  for (const fault of faults) {
    const lost = expected
      .filter((row) => row.last_seen === fault.after && row.next_expected === fault.before)
      .reduce((sum, row) => sum + row.copies, 0);
    if (lost !== fault.counted) {
      throw new LabError(`${fault.what}: ${lost} packets lost in the captures, ${fault.counter} says ${fault.counted}`);
    }
  }
  const elsewhere = expected.find(
    (row) => row.verdict === 'lost' && !faults.some((f) => f.after === row.last_seen && f.before === row.next_expected),
  );
  if (elsewhere !== undefined) throw new LabError(`${elsewhere.what}: lost where no fault was made`);
}

/**
 * A line a packet, in the order of time.
 * @param {Evidence} evidence
 * @param {Claim[]} claims
 */
export function journeys(evidence, claims) {
  const original = new Map(
    claims.flatMap(({ match, rewritten }) => (rewritten ? [[tuple(rewritten.match), tuple(match)]] : [])),
  );
  /** @type {Map<string, { t: number, what: string, first: string, frames: number[][] }[]>} */
  const packets = new Map();
  for (const frame of evidence.frames) {
    const packet = describe(frame.fields);
    if (packet === undefined) continue;
    const first = original.get(packet.first) ?? packet.first;
    const key = `${first} ${packet.what} ${packet.key}`;
    const t = Number(frame.fields['frame.time_epoch']?.[0]);
    const alike = packets.get(key) ?? [];
    packets.set(key, alike);
    // A RST that a kernel repeats is the same octets again, later than any packet is on its way.
    let known = alike.find((each) => Math.abs(each.t - t) < ON_ITS_WAY);
    if (known === undefined) {
      known = { t, what: packet.what, first, frames: evidence.points.map(() => []) };
      alike.push(known);
    }
    known.t = Math.min(known.t, t);
    known.frames[evidence.points.indexOf(frame.point)]?.push(frame.number);
  }
  const rows = [...packets.values()].flat().sort((a, b) => a.t - b.t);
  return [{ points: evidence.points }, ...rows].map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** @param {Match} match */
function tuple({ src, sport, dst, dport }) {
  return sport === undefined ? `${src} > ${dst}` : `${src}:${sport} > ${dst}:${dport}`;
}

/**
 * The innermost packet that is not a quotation inside an ICMP error.
 * @param {Record<string, string[]>} fields
 */
function describe(fields) {
  const all = fields['frame.protocols']?.[0]?.split(':') ?? [];
  const icmp = all.findIndex((name) => name === 'icmp' || name === 'icmpv6');
  const layers = icmp < 0 ? all : all.slice(0, icmp + 1);
  const count = (/** @type {string} */ name) => layers.filter((layer) => layer === name).length;
  const six = layers.lastIndexOf('ipv6') > layers.lastIndexOf('ip');
  const ip = six ? 'ipv6' : 'ip';
  const inner = (/** @type {string} */ name, /** @type {string} */ layer) => fields[name]?.[count(layer) - 1];
  const src = inner(`${ip}.src`, ip);
  const dst = inner(`${ip}.dst`, ip);
  if (src === undefined || dst === undefined || /^(22[4-9]|23\d|ff)/.test(dst)) return undefined;
  const key = inner('ip.id', 'ip') ?? '';
  const last = layers[layers.length - 1];
  if (last === 'icmp') {
    const [type, code] = [fields['icmp.type']?.[0], fields['icmp.code']?.[0]];
    const echo = type === '8' ? 'request' : type === '0' ? 'reply' : undefined;
    const what = echo
      ? `icmp echo ${echo} id ${Number(fields['icmp.ident']?.[0])} seq ${fields['icmp.seq']?.[0]}`
      : `icmp type ${type} code ${code}`;
    return { what, first: tuple({ src, dst }), key };
  }
  if (last === 'icmpv6') {
    const type = fields['icmpv6.type']?.[0];
    if (type !== '128' && type !== '129') return undefined;
    const ids = `id ${Number(fields['icmpv6.echo.identifier']?.[0])} seq ${fields['icmpv6.echo.sequence_number']?.[0]}`;
    return { what: `icmpv6 echo ${type === '128' ? 'request' : 'reply'} ${ids}`, first: tuple({ src, dst }), key };
  }
  const l4 = layers.includes('tcp') ? 'tcp' : 'udp';
  const first = tuple({ src, dst, sport: inner(`${l4}.srcport`, l4) ?? '', dport: inner(`${l4}.dstport`, l4) ?? '' });
  if (l4 === 'tcp') {
    const flags = Number(fields['tcp.flags']?.[0]);
    const names = ['ACK', 'FIN', 'PSH', 'RST', 'SYN'].filter((_, at) => flags & ([16, 1, 8, 4, 2][at] ?? 0));
    if (flags & 2) names.reverse();
    const what = `tcp ${names.join()} seq ${fields['tcp.seq_raw']?.[0]} len ${fields['tcp.len']?.[0]}`;
    return { what, first, key: `${key} ${fields['tcp.options.timestamp.tsval']?.[0]}` };
  }
  const id = fields['dns.id']?.[0];
  if (id === undefined) return { what: 'udp', first, key };
  const side = ['1', 'True'].includes(fields['dns.flags.response']?.[0] ?? '') ? 'response' : 'query';
  return {
    what: `dns ${side} id ${id} type ${fields['dns.qry.type']?.[0]} ${fields['dns.qry.name']?.[0]}`,
    first,
    key,
  };
}

/**
 * JSON in which what fits on a line stands on one.
 * @param {unknown} value
 * @param {string} [indent]
 * @returns {string}
 */
function layOut(value, indent = '') {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || flat.length + indent.length <= 150) return flat;
  const inside = `${indent} `;
  const parts = Array.isArray(value)
    ? value.map((each) => inside + layOut(each, inside))
    : Object.entries(value).map(([key, each]) => `${inside}${JSON.stringify(key)}: ${layOut(each, inside)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

/**
 * Looks the claims up in the captures of a folder and writes truth.json and journeys.jsonl beside them.
 * @param {string} folder
 * @param {string} joined a scratch file
 * @param {{
 *   scenario: string, description: string, path: string[], cluster: import('./cluster.js').Cluster, faults: Fault[],
 *   captures: Capture[], claims: Claim[], clients: object[], notes?: Record<string, unknown> | undefined
 * }} sample
 */
export function writeTruth(folder, joined, sample) {
  const evidence = new Evidence(folder, sample.captures, joined);
  const expected = confirm(evidence, sample.claims);
  confirmFaults(expected, sample.faults);
  const lost = expected.filter(({ verdict }) => verdict === 'lost').length;
  const truth = {
    schema: 1,
    scenario: sample.scenario,
    description: sample.description,
    points: { request: sample.path, reply: sample.path.toReversed() },
    ...sample.cluster.describe(),
    captures: sample.captures.map(({ node, interface: device, interfaces, ...rest }) => ({
      ...(device === undefined ? { node } : { point: `${node}/${device}` }),
      ...(interfaces === undefined ? {} : { interfaces }),
      ...rest,
    })),
    faults: sample.faults,
    ...sample.notes,
    summary: { expected: expected.length, lost, delivered: expected.length - lost },
    clients: sample.clients,
    expected,
  };
  writeFileSync(join(folder, 'truth.json'), `${layOut(truth)}\n`);
  writeFileSync(join(folder, 'journeys.jsonl'), journeys(evidence, sample.claims));
}
