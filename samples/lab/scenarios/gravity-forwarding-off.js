// The training's exercise: forwarding is switched off on the bridge of node1.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { counterOf, saveState } from '../state.js';
import { Traffic } from '../traffic.js';

/**
 * @param {import('../lab.js').Lab} lab
 */
export function gravityCluster(lab) {
  const underlay = lab.segment('underlay');
  const cluster = new Cluster(lab);
  const [node1, node2] = /** @type {const} */ ([
    ['node1', '10.162.0.7', '10.244.19'],
    ['node2', '10.162.0.6', '10.244.6'],
  ]).map(([name, address, subnet]) => {
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'eth0', underlay);
    namespace.ip(`addr add ${address}/24 brd + dev eth0`);
    return cluster.flannelNode(name, address, subnet, { namespace });
  });
  if (node1 === undefined || node2 === undefined) throw new Error('two nodes');
  return {
    cluster,
    node1,
    node2,
    coredns: cluster.pod('coredns', node1, '10.244.19.3'),
    web: cluster.pod('web', node1, '10.244.19.28'),
    client: cluster.pod('client', node2, '10.244.6.9'),
  };
}

/** @param {import('../cluster.js').Node} node whose bridge no longer forwards */
export function forwardingOff(node) {
  node.namespace.sysctl('net.ipv4.conf.cni0.forwarding', 0);
  const before = counterOf(node.namespace, 'IpInAddrErrors');
  return () => ({
    where: `${node.name}/cni0`,
    what: 'net.ipv4.conf.cni0.forwarding=0',
    after: `${node.name}/cni0`,
    before: `${node.name}/flannel.1`,
    counter: 'IpInAddrErrors',
    counted: counterOf(node.namespace, 'IpInAddrErrors') - before,
  });
}

/** @type {import('../make.js').Scenario} */
export async function gravityForwardingOff(lab) {
  const { cluster, node1, node2, coredns, web, client } = gravityCluster(lab);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(web, 'http', web.address, 8080);
  const fault = forwardingOff(node1);
  const captures = new Captures(lab.folder);
  await captures.point(node1, `${web.interface}`, `${coredns.interface}`, 'cni0', 'flannel.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel.1', 'cni0', `${client.interface}`);

  const after = 'node1/cni0';
  const name = 'kubernetes.default.svc.cluster.local';
  await traffic.ping(client, web, { lost: { direction: 'reply', after, anomalies: ['no-reply-forwarding'] } });
  await traffic.ping(cluster.host(node2), web, {
    count: 1,
    lost: { direction: 'reply', after, anomalies: ['no-reply-forwarding'] },
  });
  await traffic.ping(cluster.host(node2), cluster.host(node1), { count: 1 });
  await traffic.ping(cluster.host(node2), cluster.host(node1, '10.244.19.1'), { count: 1 });
  await traffic.ping(web, client, {
    count: 2,
    lost: { direction: 'request', after, anomalies: ['no-request-forwarding'] },
  });
  await traffic.dns(client, coredns, name, {
    tries: 3,
    lost: { direction: 'reply', after, anomalies: ['dns-timeout', 'retransmission'] },
  });
  await traffic.dns(web, coredns, name);
  await traffic.dns(cluster.host(node1, '10.244.19.1'), coredns, name);
  await traffic.http(client, web, 8080, { lost: { direction: 'reply', after, anomalies: ['syn-ack-retransmission'] } });

  await traffic.stopServers();
  const faults = [fault()];
  const done = await captures.stop();
  saveState(lab.folder, [node1, node2]);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(web, client),
    cluster,
    faults,
    clients: traffic.clients,
  };
}
