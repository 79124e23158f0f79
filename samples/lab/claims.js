// Claims about TCP between hosts that are no part of an overlay, one line each.

/** @typedef {import('./traffic.js').Claim} Claim */

export const Flags = /** @type {const} */ ({ SYN: 2, SYN_ACK: 18, RST: 4, RST_ACK: 20 });

/**
 * Segments of a connection in one direction: all of them, or those with exactly these flags.
 * @param {'request' | 'reply'} direction
 * @param {{ address: string, port: number }} from
 * @param {{ address: string, port: number }} to
 * @param {string[]} path
 * @param {{ flags?: number, packets?: number, anomalies?: string[] }} [options]
 * @returns {Claim}
 */
export function tcpClaim(direction, from, to, path, { flags, packets, anomalies = [] } = {}) {
  const name = Object.entries(Flags).find(([, value]) => value === flags)?.[0] ?? 'segments';
  return {
    what: `tcp ${name.replace('_', ',')} ${from.address}:${from.port} > ${to.address}:${to.port}`,
    direction,
    match: {
      proto: 'tcp',
      src: from.address,
      sport: from.port,
      dst: to.address,
      dport: to.port,
      ...(flags === undefined ? {} : { flags }),
    },
    path,
    shown: path.length,
    ...(packets === undefined ? {} : { packets }),
    anomalies,
  };
}
