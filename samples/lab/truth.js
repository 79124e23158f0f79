// What is true of a sample: each claim of the traffic is looked up in the captures with a tshark filter, and a claim that
// tshark does not confirm at every point is an error. Nothing here asks lasthop.
import { rmSync, writeFileSync } from 'node:fs';
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
   * All filters in one run of tshark.
   * @param {string[]} filters
   * @returns {Map<string, Map<string, number[]>>} of each filter the frame numbers of each point that shows such a packet
   */
  findAll(filters) {
    const script = `${this.joined}.lua`;
    const taps = filters.map(
      (filter, at) => `local tap${at} = Listener.new("frame", ${JSON.stringify(filter)})
function tap${at}.packet(pinfo) print("${at} " .. pinfo.number) end`,
    );
    // A chunk of Lua may have 200 local variables.
    writeFileSync(script, taps.map((tap) => `do\n${tap}\nend\n`).join(''));
    const said = run('tshark', ['-q', '-r', this.joined, ...TSHARK, '-X', `lua_script:${script}`]);
    rmSync(script);
    /** @type {Map<string, Map<string, number[]>>} */
    const found = new Map(filters.map((filter) => [filter, new Map()]));
    for (const line of said.split('\n').filter(Boolean)) {
      const [at, number] = line.split(' ').map(Number);
      const frame = this.frames[(number ?? 0) - 1];
      const byPoint = found.get(filters[at ?? -1] ?? '');
      if (frame === undefined || byPoint === undefined) throw new LabError(`tshark said: ${line}`);
      byPoint.set(frame.point, [...(byPoint.get(frame.point) ?? []), frame.number]);
    }
    return found;
  }

  /**
   * A frame's innermost TCP segment.
   * @param {string} point
   * @param {number} number
   */
  segment(point, number) {
    const fields = this.frames.find((each) => each.point === point && each.number === number)?.fields ?? {};
    const last = (/** @type {string} */ name) => Number(fields[name]?.at(-1));
    return { id: last('ip.id'), sequence: last('tcp.seq_raw'), length: last('tcp.len') };
  }

  /**
   * How many packets these frames of one point are, if what is equal within a millisecond is one.
   * @param {string} point
   * @param {number[]} numbers
   */
  apart(point, numbers) {
    const seen = numbers.map((number) => ({
      key: this.identify(point, number),
      t: Number(this.frames.find((each) => each.point === point && each.number === number)?.fields['frame.time_epoch']?.[0]),
    }));
    return seen.filter(({ key, t }, at) => !seen.slice(0, at).some((other) => other.key === key && Math.abs(other.t - t) < 1e-3))
      .length;
  }

  /**
   * What tells this packet from others of its kind, at all points, as a filter.
   * @param {string} point
   * @param {number} number
   */
  identify(point, number) {
    const frame = this.frames.find((each) => each.point === point && each.number === number);
    if (frame === undefined) throw new LabError(`${point} has no frame ${number}`);
    const [tcp, ip] = [frame.fields['tcp.seq_raw'], frame.fields['ip.id']];
    const stamp = frame.fields['tcp.options.timestamp.tsval']?.[0];
    return [
      ip?.[0] === undefined ? '' : ` && ip.id == ${ip.at(-1)}`,
      tcp?.[0] === undefined ? '' : ` && tcp.seq_raw == ${tcp[0]} && tcp.options.timestamp.tsval == ${stamp}`,
    ].join('');
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
      if (match['icmp_code'] !== undefined) {
        return `icmp.type == ${match['icmp_type']} && icmp.code == ${match['icmp_code']} && ${addresses}`;
      }
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
 * A stretch of a claim's path on which the packet has one form and is at one point, however often it passes that.
 * @typedef {{ point: string, form: number, passages: number, shown: number }} Stretch
 */

/**
 * @param {Claim} claim
 * @returns {Stretch[]}
 */
function stretchesOf({ what, path, shown, rewritten = [] }) {
  const turns = rewritten.map(({ from }) => (typeof from === 'number' ? from : path.indexOf(from)));
  if (turns.some((turn) => path[turn] === undefined)) throw new LabError(`${what}: is rewritten off its path`);
  /** @type {Stretch[]} */
  const stretches = [];
  path.forEach((point, at) => {
    const form = turns.filter((turn) => turn <= at).length;
    let last = stretches.at(-1);
    // A cooked capture without interface numbers is passed once for each interface of the node.
    if (last?.point !== point || last.form !== form) {
      last = { point, form, passages: 0, shown: 0 };
      stretches.push(last);
    }
    last.passages++;
    if (at < shown) last.shown++;
  });
  return stretches;
}

/**
 * The rows of `expected`, each confirmed by tshark.
 * @param {Evidence} evidence
 * @param {Claim[]} claims
 */
export function confirm(evidence, claims) {
  const filtersOf = (/** @type {Claim} */ { match, rewritten = [] }) =>
    [match, ...rewritten.map((form) => form.match)].map(filterOf);
  const all = evidence.findAll([...new Set(claims.flatMap(filtersOf))]);
  return claims.flatMap((claim) => {
    const { what, path } = claim;
    const stretches = stretchesOf(claim);
    const filters = filtersOf(claim);
    const found = filters.map((filter) => all.get(filter));
    const stray = found.flatMap((points, form) =>
      [...(points?.keys() ?? [])].filter((point) => !stretches.some((each) => each.point === point && each.form === form)),
    );
    if (stray.length > 0) throw new LabError(`${what}: seen off its path, at ${stray.join(' ')}`);
    const packets = (found[0]?.get(path[0] ?? '')?.length ?? 0) / (stretches[0]?.shown ?? 1);
    if (packets === 0) throw new LabError(`${what}: not at ${path[0]}`);
    if (claim.packets !== undefined && claim.packets !== packets) {
      throw new LabError(`${what}: ${packets} at ${path[0]}, but ${claim.packets} were sent`);
    }
    const frames = stretches.map(({ point, form }) => found[form]?.get(point) ?? []);
    const named = stretches.map(({ form }, at) => (stretches[at - 1]?.form === form ? undefined : filters[form]));
    if (claim.wire !== undefined) return confirmSegments(evidence, claim, frames);
    if (claim.some !== undefined) return confirmSome(evidence, claim, stretches, frames, named);
    return [rowOf(claim, stretches, frames, named, packets)];
  });
}

/**
 * @param {Claim} claim
 * @param {Stretch[]} stretches
 * @param {number[][]} frames of each stretch
 * @param {(string | undefined)[]} filters that find them
 * @param {number} packets
 * @param {number} [lost] of them, where they are equal to the octet and only some came through
 */
function rowOf(claim, stretches, frames, filters, packets, lost) {
  const { what, path, shown } = claim;
  const rows = stretches.map(({ point, shown: times, passages }, at) => {
    const seen = times === 0 && lost !== undefined ? (packets - lost) * passages : packets * times;
    if (frames[at]?.length !== seen) throw new LabError(`${what}: ${frames[at]?.length} frames at ${point}, not ${seen}`);
    const filter = filters[at];
    return { point, packets: seen / passages, frames: frames[at], ...(filter === undefined ? {} : { filter }) };
  });
  const last = path[shown - 1] ?? '';
  return {
    what,
    direction: claim.direction,
    verdict: shown === path.length ? 'delivered' : lost === undefined ? 'lost' : 'partial',
    last_seen: last,
    next_expected: path.slice(shown).find((point) => point !== last) ?? null,
    copies: packets,
    ...(lost === undefined ? {} : { lost }),
    anomalies: claim.anomalies ?? [],
    match: claim.match,
    points: rows,
  };
}

/**
 * Of some packets of one kind, all before a place and only some behind it: a row a packet, and where they are equal to the octet
 * (IPv6 has no identification) one for all of them.
 * @param {Evidence} evidence
 * @param {Claim} claim
 * @param {Stretch[]} stretches
 * @param {number[][]} frames
 * @param {(string | undefined)[]} filters
 */
function confirmSome(evidence, claim, stretches, frames, filters) {
  const { what, path } = claim;
  /** @type {Map<string, number[][]>} */
  const packets = new Map();
  frames.forEach((numbers, at) => {
    for (const number of numbers) {
      const key = evidence.identify(stretches[at]?.point ?? '', number);
      const known = packets.get(key) ?? stretches.map(() => []);
      packets.set(key, known);
      known[at]?.push(number);
    }
  });
  const end = path.indexOf(claim.some?.after ?? '') + 1;
  const before = stretches.findIndex(({ point }) => point === path[end - 1]);
  const rows = [...packets].map(([key, each], number) => {
    const [sent, came] = [each[before]?.length ?? 0, each.at(-1)?.length ?? 0];
    const shown = came === sent ? path.length : end;
    const lost = came === 0 || came === sent ? undefined : sent - came;
    const one = { ...claim, what: packets.size === 1 ? what : `${what}, the ${number + 1}.`, shown };
    const own = filters.map((filter) => filter && filter + key);
    return rowOf(one, stretchesOf(one), each, own, sent, lost);
  });
  if (!rows.some(({ verdict }) => verdict !== 'delivered')) throw new LabError(`${what}: all of them came through`);
  return rows;
}

/**
 * The data of a TCP connection in one direction, where one frame may be several packets on the wire: a row for each frame as
 * it was sent, whose packets are counted. The packets that a frame is cut into have its identification and those after it.
 * @param {Evidence} evidence
 * @param {Claim} claim
 * @param {number[][]} frames of each point of its path
 */
function confirmSegments(evidence, claim, frames) {
  const { what, path, some } = claim;
  const segments = path.map((point, at) =>
    (frames[at] ?? [])
      .map((number) => ({ number, ...evidence.segment(point, number) }))
      .filter(({ length }) => length > 0),
  );
  const wire = segments[path.indexOf(claim.wire ?? '')] ?? [];
  const step = Math.max(...wire.map(({ length }) => length));
  /** @typedef {{ id: number, sequence: number, length: number }} Segment */
  /** @type {(frame: Segment, packet: Segment) => boolean} */
  const holds = (frame, packet) =>
    packet.sequence === frame.sequence + (packet.id - frame.id) * step &&
    packet.id >= frame.id &&
    packet.sequence + packet.length <= frame.sequence + frame.length;
  const rows = (segments[0] ?? []).map((sent, number) => {
    const packets = wire.filter((packet) => holds(sent, packet));
    const octets = packets.reduce((sum, { length }) => sum + length, 0);
    if (octets !== sent.length) throw new LabError(`${what}: ${octets} octets on the wire, not ${sent.length}`);
    const parts = segments.map((each) => each.filter((frame) => packets.some((packet) => holds(frame, packet))));
    const points = parts.map((each, at) => ({
      point: path[at] ?? '',
      packets: packets.filter((packet) => each.some((frame) => holds(frame, packet))).length,
      frames: each.map((frame) => frame.number),
    }));
    const forms = parts.flat().map(({ id, sequence, length }) => `ip.id == ${id} && tcp.seq_raw == ${sequence} && tcp.len == ${length}`);
    const filter = `${filterOf(claim.match)} && ((${[...new Set(forms)].join(') || (')}))`;
    const shown = points.filter((point) => point.packets === packets.length).length;
    const came = points.at(-1)?.packets ?? 0;
    const after = shown === path.length ? path.at(-1) : some?.after;
    if (path[shown - 1] !== after || points.slice(shown).some((point) => point.packets !== came))
      throw new LabError(`${what}: of ${packets.length} packets ${points.map((point) => point.packets).join()} are seen`);
    return {
      what: `${what}, the ${number + 1}. frame`,
      direction: claim.direction,
      verdict: shown === path.length ? 'delivered' : came === 0 ? 'lost' : 'partial',
      last_seen: path[shown - 1],
      next_expected: path[shown] ?? null,
      copies: packets.length,
      ...(came === 0 || came === packets.length ? {} : { lost: packets.length - came, cut: true }),
      anomalies: claim.anomalies ?? [],
      match: claim.match,
      points: points.map((point, at) => (at === 0 ? { ...point, filter } : point)),
    };
  });
  if (some !== undefined && rows.every(({ verdict }) => verdict === 'delivered'))
    throw new LabError(`${what}: all of them came through`);
  return rows;
}

/**
 * What the claims' rewrites come to: from which address to which, between which points, and for how many packets. Equal ones
 * within a millisecond (a SYN,ACK for a SYN that came again, and one sent again at that moment) count as one.
 * @param {Evidence} evidence
 * @param {Claim[]} claims
 */
export function translations(evidence, claims) {
  const matches = claims.flatMap(({ rewritten = [] }) => rewritten.map(({ match }) => filterOf(match)));
  const all = evidence.findAll([...new Set(matches)]);
  /** @type {Map<string, { kind: string, from: string, to: string, between: string[], frames: Set<number> }>} */
  const found = new Map();
  for (const claim of claims) {
    const forms = [claim.match, ...(claim.rewritten ?? []).map(({ match }) => match)];
    stretchesOf(claim).forEach(({ point, form }, at, stretches) => {
      const [before, now, last] = [forms[form - 1], forms[form], stretches[at - 1]];
      if (last === undefined || last.form === form || before === undefined || now === undefined) return;
      const source = end(before, 'src') !== end(now, 'src');
      const destination = end(before, 'dst') !== end(now, 'dst');
      const kind = source && destination ? 'both' : source ? 'snat' : 'dnat';
      const side = kind === 'dnat' ? 'dst' : 'src';
      const one = { kind, from: end(before, side), to: end(now, side), between: [last.point, point] };
      const key = JSON.stringify(one);
      const known = found.get(key) ?? { ...one, frames: new Set() };
      found.set(key, known);
      for (const frame of all.get(filterOf(now))?.get(point) ?? []) known.frames.add(frame);
    });
  }
  return [...found.values()].map(({ frames, ...one }) => ({
    ...one,
    packets: evidence.apart(one.between[1] ?? '', [...frames]),
  }));
}

/**
 * @param {Match} match
 * @param {'src' | 'dst'} side
 */
function end(match, side) {
  const port = match[side === 'src' ? 'sport' : 'dport'];
  return port === undefined ? `${match[side]}` : `${match[side]}:${port}`;
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
      .reduce((sum, row) => sum + (row.lost ?? row.copies), 0);
    if (lost !== fault.counted) {
      throw new LabError(`${fault.what}: ${lost} packets lost in the captures, ${fault.counter} says ${fault.counted}`);
    }
  }
  const elsewhere = expected.find(
    (row) => row.verdict !== 'delivered' && !faults.some((f) => f.after === row.last_seen && f.before === row.next_expected),
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
    claims.flatMap(({ match, rewritten = [] }) => rewritten.map((form) => [tuple(form.match), match])),
  );
  /** @type {Map<string, { t: number, what: string, first: string, frames: number[][] }[]>} */
  const packets = new Map();
  for (const frame of evidence.frames) {
    const packet = describe(frame.fields);
    if (packet === undefined) continue;
    const match = original.get(packet.id === undefined ? packet.first : `${packet.first} id ${packet.id}`);
    const { icmp_id: id, ...ends } = match ?? {};
    const first = match === undefined ? packet.first : tuple(/** @type {Match} */ (ends));
    const what = id === undefined ? packet.what : packet.what.replace(`id ${packet.id} `, `id ${id} `);
    const key = `${first} ${what} ${packet.key}`;
    const t = Number(frame.fields['frame.time_epoch']?.[0]);
    const alike = packets.get(key) ?? [];
    packets.set(key, alike);
    // A RST that a kernel repeats is the same octets again, later than any packet is on its way.
    let known = alike.find((each) => Math.abs(each.t - t) < ON_ITS_WAY);
    if (known === undefined) {
      known = { t, what, first, frames: evidence.points.map(() => []) };
      alike.push(known);
    }
    known.t = Math.min(known.t, t);
    known.frames[evidence.points.indexOf(frame.point)]?.push(frame.number);
  }
  const rows = [...packets.values()].flat().sort((a, b) => a.t - b.t);
  return [{ points: evidence.points }, ...rows].map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** @param {Match} match */
function tuple({ src, sport, dst, dport, icmp_id: id }) {
  if (id !== undefined) return `${src} > ${dst} id ${id}`;
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
    if (echo === undefined) return { what: `icmp type ${type} code ${code}`, first: tuple({ src, dst }), key };
    const id = Number(fields['icmp.ident']?.[0]);
    return { what: `icmp echo ${echo} id ${id} seq ${fields['icmp.seq']?.[0]}`, id, first: tuple({ src, dst }), key };
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
  const lost = expected.filter(({ verdict }) => verdict !== 'delivered').length;
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
    translations: translations(evidence, sample.claims),
    summary: { expected: expected.length, lost, delivered: expected.length - lost },
    clients: sample.clients,
    expected,
  };
  writeFileSync(join(folder, 'truth.json'), `${layOut(truth)}\n`);
  writeFileSync(join(folder, 'journeys.jsonl'), journeys(evidence, sample.claims));
}
