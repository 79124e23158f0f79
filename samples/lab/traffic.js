// Traffic between real sockets, and for each packet kind that it makes a claim: which points must show it, and where it
// must end. Claims rest on what the scenario broke and on what the client said; tshark is asked later whether they hold.
import { randomInt } from 'node:crypto';
import { LabError } from './lab.js';
import { agent, parse } from './programs.js';

/** @typedef {import('./cluster.js').Endpoint} Endpoint */
/** @typedef {Record<string, string | number | number[]>} Match as in the truth files: protocol, addresses, ports, ids */

/**
 * From a place of its path on, which a number names where a point is passed twice, a packet bears other addresses.
 * @typedef {{ from: string | number, match: Match }} Rewrite
 */

/**
 * @typedef {{
 *   what: string, direction: 'request' | 'reply', match: Match, path: string[], shown: number,
 *   packets?: number, anomalies?: string[], rewritten?: Rewrite[] | undefined, some?: { after: string } | undefined,
 *   wire?: string
 * }} Claim
 *   `shown`: how many points of its path show it; all of them unless it is lost. `packets`: how many were sent, where the client knows.
 *   `rewritten`: in the order of its path. `some`: of these packets, some are lost after this point; `shown` does not say.
 *   `wire`: of TCP data, a point that shows each packet by itself, where other points may show several as one frame.
 */

/**
 * What the fault does to an exchange. A lost reply leaves the request delivered.
 * @typedef {{ direction: 'request' | 'reply', after: string, anomalies?: string[] }} Loss
 */

/** @typedef {Pick<Claim, 'what' | 'match' | 'packets' | 'rewritten'> & { anomalies?: string[] | undefined }} Half */

const DNS_TYPES = /** @type {Record<string, number>} */ ({ A: 1, AAAA: 28 });

export class Traffic {
  /** @type {Claim[]} */
  claims = [];
  /** @type {object[]} */
  clients = [];
  /** @type {Awaited<ReturnType<Endpoint['namespace']['start']>>[]} */
  servers = [];

  /** @param {import('./cluster.js').Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
  }

  /**
   * @param {import('./programs.js').Host} pod
   * @param {'dns' | 'http' | 'tcp' | 'udp'} kind
   * @param {(string | number)[]} words
   */
  async serve(pod, kind, ...words) {
    const job = pod.namespace.start([...agent(kind), 'serve', ...words.map(String)]);
    this.servers.push(job);
    // An HTTP server has one address and many ports, a DNS server many addresses and one port.
    const sockets = kind === 'dns' ? words.length : words.length - 1;
    await job.says(new RegExp(`^(ready\\n){${sockets}}$`));
  }

  /** After this nothing is sent again, so that no capture ends between two points of one packet. */
  async stopServers() {
    for (const server of this.servers) await server.stop('SIGTERM');
    this.servers = [];
  }

  /**
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {{ count?: number, size?: number, six?: boolean, lost?: Loss | undefined }} [options]
   */
  async ping(from, to, { count = 3, size = 56, six = false, lost } = {}) {
    const id = randomInt(1, 65_536);
    const [src, dst] = addresses(from, to, six);
    const said = await from.namespace.output(`ping -n -c ${count} -i 0.2 -W 1 -s ${size} -e ${id} ${dst}`.split(' '));
    const replies = [...said.matchAll(/bytes from .* icmp_seq=(\d+) /g)].map(([, seq]) => Number(seq));
    const expected = lost === undefined ? count : 0;
    if (replies.length !== expected)
      throw new LabError(`ping ${src} > ${dst}: ${replies.length} replies, not ${expected}`);
    this.clients.push({ client: 'ping', at: from.name, dst, id, count, size, replies });
    const name = six ? 'icmpv6' : 'icmp';
    for (let seq = 1; seq <= count; seq++) {
      const ids = { icmp_id: id, icmp_seq: seq };
      const type = six ? [128, 129] : [8, 0];
      this.#exchange(from, to, six, lost, [
        {
          what: `${name} echo request id ${id} seq ${seq}`,
          match: { proto: name, icmp_type: type[0] ?? 0, src, dst, ...ids },
          packets: 1,
        },
        {
          what: `${name} echo reply id ${id} seq ${seq}`,
          match: { proto: name, icmp_type: type[1] ?? 0, src: dst, dst: src, ...ids },
          packets: 1,
        },
      ]);
    }
  }

  /**
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {string} name
   * @param {{
   *   type?: string, tries?: number, six?: boolean, status?: string, lost?: Loss | undefined,
   *   service?: { address: string, translatedAt: string }
   * }} [options] service: the address that the client asks instead, and the first point that shows the translated query
   */
  async dns(from, to, name, { type = 'A', tries = 1, six = false, status = 'NOERROR', lost, service } = {}) {
    const id = randomInt(1, 65_536);
    const [src, dst] = addresses(from, to, six);
    const asked = service?.address ?? dst;
    const said = await from.namespace.output([...agent('dns'), 'query', asked, '53', name, type, `${id}`, `${tries}`]);
    const { sport, sent, status: got } = parse(said);
    const expected = lost === undefined ? status : 'timeout';
    if (got !== expected) throw new LabError(`dns ${src} > ${asked}: ${got}, not ${expected}`);
    this.clients.push({
      client: 'dns',
      at: from.name,
      server: asked,
      qname: name,
      qtype: type,
      sport,
      tries: sent,
      dns_id: id,
      status: got,
    });
    const label = `${name} ${type} id 0x${id.toString(16).padStart(4, '0')}`;
    const ids = { dns_id: id, dns_type: DNS_TYPES[type] ?? 0 };
    const match = { proto: 'dns', dns_qr: 0, src, dst, ...ids, sport, dport: 53 };
    const reply = { proto: 'dns', dns_qr: 1, src: dst, dst: src, ...ids, sport: 53, dport: sport };
    this.#exchange(from, to, six, lost, [
      {
        what: `dns query ${label}`,
        match: { ...match, dst: asked },
        packets: sent,
        rewritten: service && [{ from: service.translatedAt, match }],
        anomalies: service && ['dnat'],
      },
      {
        what: `dns response ${label}`,
        match: reply,
        packets: sent,
        // br_netfilter translates back before the reply leaves by the point that shows the translated query.
        rewritten: service && [{ from: service.translatedAt, match: { ...reply, src: asked } }],
        anomalies: service && ['un-dnat'],
      },
    ]);
  }

  /**
   * A datagram to a port that nobody listens on.
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {number} dport
   */
  async closedUdp(from, to, dport) {
    const id = randomInt(1, 65_536);
    const [src, dst] = addresses(from, to, false);
    const said = await from.namespace.output([
      ...agent('dns'),
      'query',
      dst,
      `${dport}`,
      'refused.example',
      'A',
      `${id}`,
      '1',
    ]);
    const { sport, status } = parse(said);
    if (status !== 'refused') throw new LabError(`udp ${src} > ${dst}:${dport}: ${status}, not refused`);
    this.clients.push({ client: 'dns', at: from.name, server: dst, port: dport, sport, tries: 1, dns_id: id, status });
    this.#exchange(from, to, false, undefined, [
      {
        what: `dns query to a closed port, id 0x${id.toString(16).padStart(4, '0')}`,
        match: { proto: 'udp', src, dst, sport, dport },
        packets: 1,
      },
      {
        what: 'icmp port unreachable for it',
        match: { proto: 'icmp', icmp_type: 3, icmp_code: 3, src: dst, dst: src },
        packets: 1,
        anomalies: ['icmp-port-unreachable'],
      },
    ]);
  }

  /**
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {number} dport
   * @param {{ outcome?: 200 | 'refused', lost?: Loss | undefined }} [options]
   */
  async http(from, to, dport, { outcome = 200, lost } = {}) {
    const sport = randomInt(32_768, 61_000);
    const [src, dst] = addresses(from, to, false);
    const said = await from.namespace.output([...agent('http'), 'get', dst, `${dport}`, `${sport}`, '2500']);
    const { status } = parse(said);
    const expected = lost === undefined ? outcome : 'timeout';
    if (status !== expected) throw new LabError(`http ${src} > ${dst}:${dport}: ${status}, not ${expected}`);
    this.clients.push({ client: 'http', at: from.name, dst, dport, sport, status });
    const label = `${src}:${sport} > ${dst}:${dport}`;
    const there = { proto: 'tcp', src, sport, dst, dport };
    const back = { proto: 'tcp', src: dst, sport: dport, dst: src, dport: sport };
    const syn = { what: `tcp SYN ${label}`, match: { ...there, flags: 2 } };
    if (outcome === 'refused') {
      const what = `tcp RST,ACK by the pod to ${label}`;
      const rst = { what, match: { ...back, flags: 20 }, packets: 1, anomalies: ['connection-refused'] };
      this.#exchange(from, to, false, lost, [{ ...syn, packets: 1 }, rst]);
      return;
    }
    const retries = lost === undefined ? {} : { anomalies: ['syn-retransmission'] };
    this.#exchange(from, to, false, lost, [
      { ...syn, ...retries },
      { what: `tcp SYN,ACK of ${label}`, match: { ...back, flags: 18 } },
    ]);
    if (lost !== undefined) return;
    this.#exchange(from, to, false, lost, [
      { what: `tcp flow ${label}`, match: there },
      { what: `tcp flow ${label} (reply side)`, match: back },
    ]);
  }

  /**
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {boolean} six
   * @param {Loss | undefined} lost
   * @param {[Half, Half]} halves request and reply
   */
  #exchange(from, to, six, lost, [request, reply]) {
    const path = this.cluster.path(from, to, { six });
    for (const [direction, claim] of /** @type {const} */ ([
      ['request', request],
      ['reply', reply],
    ])) {
      if (direction === 'reply' && lost?.direction === 'request') return;
      const ends = lost?.direction === direction;
      const way = direction === 'request' ? path : path.toReversed();
      if (ends && !way.includes(lost.after)) throw new LabError(`${claim.what}: ${lost.after} is not on its path`);
      this.claims.push({
        ...claim,
        direction,
        path: way,
        shown: ends ? way.indexOf(lost.after) + 1 : way.length,
        anomalies: [...(claim.anomalies ?? []), ...(ends ? (lost.anomalies ?? []) : [])],
      });
    }
  }
}

/**
 * @param {Endpoint} from
 * @param {Endpoint} to
 * @param {boolean} six
 * @returns {[string, string]}
 */
function addresses(from, to, six) {
  if (!six) return [from.address, to.address];
  if (from.address6 === undefined || to.address6 === undefined) throw new LabError('no IPv6 address');
  return [from.address6, to.address6];
}
