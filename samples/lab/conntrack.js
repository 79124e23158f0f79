// What a node's connection tracking says of its translations, as it makes them.
import { LabError, sleep } from './lab.js';

/**
 * A packet's ends. An ICMP echo has its id in place of both ports.
 * @typedef {{ proto: 'tcp' | 'udp' | 'icmp', src: string, dst: string, sport: number, dport: number }} Ends
 */

const PATIENCE_MS = 2_000;
const TUPLE =
  /src=(?<src>\S+) dst=(?<dst>\S+)(?: type=\d+ code=\d+ id=(?<id>\d+)| sport=(?<sport>\d+) dport=(?<dport>\d+))/g;

export class ConntrackLog {
  /** @param {import('./lab.js').Namespace} namespace which translates already */
  constructor(namespace) {
    this.name = namespace.name;
    this.job = namespace.start('conntrack -E -e NEW'.split(' '));
  }

  /**
   * The ends that a packet leaves with.
   * @param {Ends} ends that it came with
   * @returns {Promise<Ends>}
   */
  async translated(ends) {
    const original = text(ends);
    for (let waited = 0; waited < PATIENCE_MS; waited += 50) {
      const found = mappingsIn(this.job.stdout).findLast(([came]) => text(came) === original);
      if (found !== undefined) return found[1];
      await sleep(50);
    }
    throw new LabError(`${this.name} tracks no connection ${original}`);
  }
}

/** @param {Ends} ends */
export function text({ proto, src, sport, dst, dport }) {
  return `${proto} ${src}:${sport} > ${dst}:${dport}`;
}

/**
 * @param {string} log lines of conntrack
 * @returns {[came: Ends, left: Ends][]}
 */
function mappingsIn(log) {
  return log.split('\n').flatMap((line) => {
    const proto = /\b(tcp|udp|icmp)\b/.exec(line)?.[1];
    const [there, back] = [...line.matchAll(TUPLE)].map(({ groups }) => /** @type {Ends} */ ({
      proto,
      src: groups?.['src'],
      sport: Number(groups?.['sport'] ?? groups?.['id']),
      dst: groups?.['dst'],
      dport: Number(groups?.['dport'] ?? groups?.['id']),
    }));
    if (there === undefined || back === undefined) return [];
    return [[there, { ...back, src: back.dst, sport: back.dport, dst: back.src, dport: back.sport }]];
  });
}
