// The programs of agents/, run inside a namespace, and what they say.
import { fileURLToPath } from 'node:url';
import { LabError } from './lab.js';

/** @typedef {{ namespace: import('./lab.js').Namespace }} Host a pod, a node or any other machine */

/** Longer than a port rests. */
const PATIENCE_MS = 150_000;

/** @param {'dns' | 'http' | 'tcp' | 'udp' | 'bgp'} name */
export function agent(name) {
  return [process.execPath, fileURLToPath(new URL(`agents/${name}.js`, import.meta.url))];
}

/**
 * A client of agents/tcp.js. What it says is for the scenario, and so are its claims.
 * @param {Host} host
 * @param {(string | number)[]} words
 */
export async function tcpClient(host, ...words) {
  return parse(await host.namespace.output([...agent('tcp'), ...words.map(String)], PATIENCE_MS));
}

/**
 * Starts a BGP speaker on a node, and gives back how to end it, which gives back what it has to say.
 * @param {import('./cluster.js').Node} node
 * @param {number} as
 * @param {string[]} neighbours
 * @returns {Promise<() => Promise<{ refused: string[], established: string[], calls: number[], failed: number }>>}
 */
export async function bgpSpeaker(node, as, neighbours) {
  const job = node.namespace.start([...agent('bgp'), 'speak', node.address, `${as}`, node.block, ...neighbours]);
  await job.says(/^ready\n/);
  return async () => {
    await job.stop('SIGTERM');
    return parse(job.stdout.replace('ready\n', ''));
  };
}

/** @param {string} said by a client that answers with one line of JSON */
export function parse(said) {
  try {
    return JSON.parse(said);
  } catch {
    throw new LabError(`a client said: ${said.trim() || 'nothing'}`);
  }
}
