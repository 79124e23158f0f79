// Traffic through boxes that translate: under which addresses each point must show it is what their connection tracking says.
import { randomInt } from 'node:crypto';
import { LabError } from './lab.js';
import { agent, parse } from './programs.js';

/** @typedef {import('./cluster.js').Endpoint} Endpoint */
/** @typedef {import('./conntrack.js').Ends} Ends */
/** @typedef {import('./traffic.js').Claim} Claim */
/** @typedef {import('./traffic.js').Loss} Loss */
/** @typedef {import('./traffic.js').Match} Match */

/** @typedef {{ log: import('./conntrack.js').ConntrackLog, from: string | number }} Box `from`: the first point behind it */
/**
 * `boxes`: in the order of the request.
 * @typedef {{ from: Endpoint, address: string, path: string[], boxes: Box[] }} Way
 */
/**
 * `turned`: the reply is lost because the last box, which has no route to what it translates back to, sends it out again where
 * it came in.
 * @typedef {{ lost?: Loss | undefined, turned?: boolean }} Options
 */

export class NatTraffic {
  /** @param {import('./traffic.js').Traffic} traffic which keeps the claims */
  constructor(traffic) {
    this.traffic = traffic;
  }

  /**
   * @param {Way} way
   * @param {Options & { count?: number, id?: number, error?: string, options?: string }} [settings]
   *   error: what ping must say of an ICMP error in place of a reply
   */
  async ping(way, { count = 3, id = randomInt(1, 65_536), error, options = '', lost } = {}) {
    const words = `ping -n -c ${count} -i 0.2 -W 1 -e ${id} ${options}`.trim().split(/\s+/);
    const said = await way.from.namespace.output([...words, way.address]);
    const replies = [...said.matchAll(/bytes from .* icmp_seq=(\d+) /g)].map(([, seq]) => Number(seq));
    const expected = lost === undefined && error === undefined ? count : 0;
    if (replies.length !== expected || (error !== undefined && !said.includes(error))) {
      throw new LabError(`ping ${way.from.address} > ${way.address}: ${said}`);
    }
    this.traffic.clients.push({ client: 'ping', at: way.from.name, dst: way.address, id, count, options, replies });
    const forms = await formsOf(way, { proto: 'icmp', src: way.from.address, dst: way.address, sport: id, dport: id });
    for (let seq = 1; seq <= count; seq++) {
      const label = `id ${id} seq ${seq}`;
      this.#claim(way, forms, 'request', lost, {
        what: `icmp echo request ${label}`,
        match: { icmp_type: 8, icmp_seq: seq },
        packets: 1,
      });
      if (error !== undefined) continue;
      this.#claim(way, forms, 'reply', lost, {
        what: `icmp echo reply ${label}`,
        match: { icmp_type: 0, icmp_seq: seq },
        packets: 1,
      });
    }
    return forms;
  }

  /**
   * @param {Way} way
   * @param {string} name
   * @param {Options & { tries?: number, port?: number, status?: string }} [options]
   */
  async dns(way, name, { tries = 1, port = 53, status = 'NOERROR', lost } = {}) {
    const id = randomInt(1, 65_536);
    const words = ['query', way.address, `${port}`, name, 'A', `${id}`, `${tries}`];
    const { sport, sent, status: got } = parse(await way.from.namespace.output([...agent('dns'), ...words]));
    const expected = lost === undefined ? status : 'timeout';
    if (got !== expected) throw new LabError(`dns ${way.from.address} > ${way.address}: ${got}, not ${expected}`);
    this.traffic.clients.push({
      client: 'dns',
      at: way.from.name,
      server: way.address,
      port,
      qname: name,
      sport,
      tries: sent,
      dns_id: id,
      status: got,
    });
    const forms = await formsOf(way, { proto: 'udp', src: way.from.address, dst: way.address, sport, dport: port });
    const label = `${name} id 0x${id.toString(16).padStart(4, '0')}`;
    if (status === 'refused') {
      this.#claim(way, forms, 'request', undefined, { what: `udp to a closed port, ${label}`, match: {}, packets: 1 });
      return forms;
    }
    const ids = { proto: 'dns', dns_id: id, dns_type: 1 };
    const anomalies = sent > 1 ? ['retransmission'] : [];
    this.#claim(way, forms, 'request', lost, {
      what: `dns query ${label}`,
      match: { ...ids, dns_qr: 0 },
      packets: sent,
      anomalies,
    });
    this.#claim(way, forms, 'reply', lost, {
      what: `dns response ${label}`,
      match: { ...ids, dns_qr: 1 },
      packets: sent,
      anomalies,
    });
    return forms;
  }

  /**
   * @param {Way} way
   * @param {number} dport
   * @param {Options & { sport?: number, outcome?: 200 | 'refused' | 'timeout' }} [options]
   */
  async http(way, dport, { sport = randomInt(32_768, 61_000), lost, turned = false } = {}) {
    const words = ['get', way.address, `${dport}`, `${sport}`, '2500'];
    const { status } = parse(await way.from.namespace.output([...agent('http'), ...words]));
    const expected = lost === undefined ? 200 : 'timeout';
    if (status !== expected) throw new LabError(`http ${way.from.address} > ${way.address}: ${status}, not ${expected}`);
    this.traffic.clients.push({ client: 'http', at: way.from.name, dst: way.address, dport, sport, status });
    const forms = await formsOf(way, { proto: 'tcp', src: way.from.address, dst: way.address, sport, dport });
    const label = `${way.from.address}:${sport} > ${way.address}:${dport}`;
    const anomalies = lost === undefined ? [] : ['syn-retransmission'];
    this.#claim(way, forms, 'request', lost, { what: `tcp SYN ${label}`, match: { flags: 2 }, anomalies });
    this.#claim(way, forms, 'reply', lost, { what: `tcp SYN,ACK of ${label}`, match: { flags: 18 }, turned, anomalies });
    if (lost !== undefined) return forms;
    this.#claim(way, forms, 'request', lost, { what: `tcp flow ${label}`, match: {} });
    this.#claim(way, forms, 'reply', lost, { what: `tcp flow ${label} (reply side)`, match: {} });
    return forms;
  }

  /**
   * An ICMP error about a request, which goes back as its reply would.
   * @param {Way} way
   * @param {Ends[]} forms of the request
   * @param {{ what: string, type: number, code: number, by: string, at: string, anomalies?: string[] }} error
   *   at: the first point that shows it
   */
  icmpError(way, forms, { what, type, code, by, at, anomalies = [] }) {
    const back = forms.map((form) => ({ ...form, dst: by }));
    this.#claim(way, back, 'reply', undefined, {
      what,
      match: { proto: 'icmp-error', icmp_type: type, icmp_code: code },
      from: at,
      packets: 1,
      anomalies,
    });
  }

  /**
   * @param {Way} way
   * @param {Ends[]} forms of the request: at first, and behind each box
   * @param {'request' | 'reply'} direction
   * @param {Loss | undefined} lost
   * @param {Pick<Claim, 'what' | 'match' | 'packets'> & { from?: string, turned?: boolean, anomalies?: string[] }} claim
   *   from: where it begins
   */
  #claim({ path, boxes }, forms, direction, lost, { match, from, turned = false, anomalies = [], ...claim }) {
    if (direction === 'reply' && lost?.direction === 'request') return;
    const turns = boxes.map(({ from }) => (typeof from === 'number' ? from : path.indexOf(from)));
    let way = path;
    let bearing = forms.map((form) => matchOf(form, match));
    if (direction === 'reply') {
      way = path.toReversed();
      bearing = forms.map((form) => matchOf(swap(form), match)).toReversed();
      turns.reverse().forEach((turn, at) => (turns[at] = path.length - turn));
    }
    const ends = lost?.direction === direction;
    if (ends && !way.includes(lost.after)) throw new LabError(`${claim.what}: ${lost.after} is not on its path`);
    let shown = ends ? way.indexOf(lost.after) + 1 : way.length;
    if (ends && turned) {
      way = [...way.slice(0, shown), lost.after, ...way.slice(shown)];
      shown++;
    }
    const start = from === undefined ? 0 : way.indexOf(from);
    const first = turns.filter((turn) => turn <= start).length;
    this.traffic.claims.push({
      ...claim,
      direction,
      match: bearing[first] ?? {},
      path: way.slice(start),
      shown: shown - start,
      // A form that it never comes to is none.
      rewritten: turns
        .map((turn, at) => ({ from: turn - start, match: bearing[at + 1] ?? {} }))
        .filter((_, at) => at >= first && (turns[at] ?? 0) < shown),
      anomalies: [...anomalies, ...(ends ? (lost.anomalies ?? []) : [])],
    });
  }
}

/**
 * @param {Way} way
 * @param {Ends} ends
 */
async function formsOf({ boxes }, ends) {
  const forms = [ends];
  for (const { log } of boxes) forms.push(await log.translated(forms.at(-1) ?? ends));
  return forms;
}

/**
 * @param {Ends} ends
 * @returns {Ends}
 */
function swap({ proto, src, sport, dst, dport }) {
  return { proto, src: dst, sport: dport, dst: src, dport: sport };
}

/**
 * @param {Ends} ends
 * @param {Match} more
 * @returns {Match}
 */
function matchOf({ proto, src, sport, dst, dport }, { proto: as, ...more }) {
  if (as === 'icmp-error') return { proto: 'icmp', src, dst, ...more };
  if (proto === 'icmp') return { proto, src, dst, icmp_id: sport, ...more };
  return { proto: as ?? proto, src, sport, dst, dport, ...more };
}
