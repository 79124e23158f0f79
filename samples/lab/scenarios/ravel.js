// The load balancer's story has no overlay: a client, a top-of-rack router, and hosts that all carry the service's address.
import { Cluster } from '../cluster.js';
import { LabError } from '../lab.js';
import { tcpClient } from '../programs.js';

/** @typedef {import('../lab.js').Namespace} Namespace */
/** @typedef {{ name: string, namespace: Namespace, address: string }} Host */

export const VIP = '10.54.213.148';
const RACK = '10.131.153';

/**
 * A client behind a router, and hosts on the router's other side.
 * @param {import('../lab.js').Lab} lab
 * @param {Record<string, number>} hosts their names and the last octets of their addresses
 */
export function rack(lab, hosts) {
  const segment = lab.segment('rack');
  const tor = lab.namespace('tor');
  tor.sysctl('net.ipv4.ip_forward', 1);
  lab.plug(tor, 'po0', segment);
  tor.ip(`addr add ${RACK}.66/24 brd + dev po0`);
  const client = lab.namespace('client');
  lab.cable(client, 'eth0', tor, 'eth0');
  client.ip('addr add 10.40.7.21/24 brd + dev eth0');
  tor.ip('addr add 10.40.7.1/24 brd + dev eth0');
  client.ip('route add default via 10.40.7.1');
  const made = Object.entries(hosts).map(([name, last]) => {
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'po0', segment);
    namespace.ip(`addr add ${RACK}.${last}/24 brd + dev po0`);
    namespace.ip(`route add default via ${RACK}.66`);
    return { name, namespace, address: `${RACK}.${last}` };
  });
  return {
    cluster: new Cluster(lab),
    tor: { name: 'tor', namespace: tor, address: `${RACK}.66` },
    client: { name: 'client', namespace: client, address: '10.40.7.21' },
    hosts: made,
  };
}

/**
 * The address of the service on lo, as directors and real servers have it.
 * @param {Host} host
 */
export function carry({ namespace }) {
  namespace.ip(`addr add ${VIP}/32 dev lo`);
  // Nobody but the router's route says who gets it.
  namespace.sysctl('net.ipv4.conf.all.arp_ignore', 1);
  namespace.sysctl('net.ipv4.conf.all.arp_announce', 2);
}

/** @param {Host[]} hosts */
export function hostNotes(hosts) {
  return { vip: VIP, hosts: Object.fromEntries(hosts.map(({ name, address }) => [name, address])) };
}

/**
 * @param {Host} host
 * @param {number} port
 * @param {number} first its own port
 * @param {number} count
 * @param {number[]} times when each connection says something, milliseconds
 * @param {'open' | 'reset'} meant how each of them ends
 * @returns {Promise<{ sport: number, status: string, said: number, heard: number }[]>}
 */
export async function talk(host, port, first, count, times, meant) {
  const { connections } = await tcpClient(host, 'talk', VIP, port, first, count, ...times);
  for (const { sport, status } of connections) {
    if (status !== meant) throw new LabError(`${host.name}: connection ${sport} ended as ${status}, not ${meant}`);
  }
  return connections;
}
