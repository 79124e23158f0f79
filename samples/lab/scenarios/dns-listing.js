// The training's tcpdump of port 53 on cni0: nothing is wrong, though the query goes to a pod and a service answers.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { saveState } from '../state.js';
import { Traffic } from '../traffic.js';

const SERVICE = '10.100.214.177';
/** What a resolver appends to a name with fewer dots than ndots, before it takes the name as it is. */
const SEARCH = ['monitoring.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
const NAMES = ['alertmanager-main-0', 'alertmanager-main-1'].map((pod) => `${pod}.alertmanager-operated.monitoring.svc`);

/**
 * Two nodes of the training's network.
 * @param {import('../lab.js').Lab} lab
 */
export function flannelNodes(lab) {
  const underlay = lab.segment('underlay');
  const cluster = new Cluster(lab);
  const node = (/** @type {string} */ name, /** @type {string} */ address, /** @type {string} */ subnet) => {
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'eth0', underlay);
    namespace.ip(`addr add ${address}/24 brd + dev eth0`);
    return cluster.flannelNode(name, address, subnet, { namespace });
  };
  return {
    cluster,
    node1: node('node1', '10.162.0.7', '10.244.19'),
    node2: node('node2', '10.162.0.6', '10.244.11'),
  };
}

/** @type {import('../make.js').Scenario} */
export async function dnsListing(lab) {
  const { cluster, node1, node2 } = flannelNodes(lab);
  const client = cluster.pod('alertmanager', node1, '10.244.19.19');
  const coredns = cluster.pod('coredns', node2, '10.244.11.3');
  node1.namespace.iptables(`
*nat
:KUBE-SERVICES - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${SERVICE}/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j DNAT --to-destination ${coredns.address}:53
COMMIT`);
  // The service is translated on the bridge itself, before its capture point.
  node1.namespace.sysctl('net.bridge.bridge-nf-call-iptables', 1);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  const captures = new Captures(lab.folder);
  await captures.point(node1, `${client.interface}`, 'cni0', 'flannel.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel.1', 'cni0', `${coredns.interface}`);

  const service = { address: SERVICE, translatedAt: 'node1/cni0' };
  for (const name of NAMES) {
    for (const domain of SEARCH) {
      const status = domain === 'cluster.local' ? 'NOERROR' : 'NXDOMAIN';
      await traffic.dns(client, coredns, `${name}.${domain}`, { status, service });
      await traffic.dns(client, coredns, `${name}.${domain}`, { status, service, type: 'AAAA' });
    }
  }

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [node1], ['iptables-save.txt', 'conntrack.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(client, coredns),
    cluster,
    faults: [],
    clients: traffic.clients,
  };
}
