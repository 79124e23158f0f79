// Two networks in which nothing is broken.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { Traffic } from '../traffic.js';
import { wiredSide } from './sopnode-broken-ping.js';

/**
 * Two flannel nodes with IPv4 and IPv6, and a pod on each.
 * @param {import('../lab.js').Lab} lab
 */
export function dualStack(lab) {
  const underlay = lab.segment('underlay');
  const cluster = new Cluster(lab);
  const node = (/** @type {string} */ name, /** @type {number} */ host, /** @type {number} */ subnet) => {
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'eth0', underlay);
    namespace.ip(`addr add 10.162.0.${host}/24 brd + dev eth0`);
    namespace.ip(`addr add fd00:10:162::${host}/64 dev eth0 nodad`);
    return cluster.flannelNode(name, `10.162.0.${host}`, `10.244.${subnet}`, {
      namespace,
      address6: `fd00:10:162::${host}`,
      subnet6: `fd00:10:244:${subnet}`,
    });
  };
  const node1 = node('node1', 7, 19);
  const node2 = node('node2', 6, 6);
  const podA = cluster.pod('pod-a', node1, '10.244.19.28', { address6: 'fd00:10:244:19::28' });
  const podB = cluster.pod('pod-b', node2, '10.244.6.9', { address6: 'fd00:10:244:6::9' });
  return { cluster, node1, node2, podA, podB };
}

/** @type {import('../make.js').Scenario} */
export async function healthyFlannel(lab) {
  const { cluster, node1, node2, podA, podB } = dualStack(lab);
  const traffic = new Traffic(cluster);
  await traffic.serve(podB, 'dns', podB.address, `${podB.address6}`);
  await traffic.serve(podB, 'http', podB.address, 8080);
  const captures = new Captures(lab.folder);
  await captures.point(node1, `${podA.interface}`, 'cni0', 'flannel.1', 'flannel-v6.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel-v6.1', 'flannel.1', 'cni0', `${podB.interface}`);

  await traffic.ping(podA, podB);
  await traffic.ping(podB, podA, { count: 2, size: 1000 });
  await traffic.ping(cluster.host(node1), podB, { count: 1 });
  await traffic.dns(podA, podB, 'kubernetes.default.svc.cluster.local');
  await traffic.dns(podA, podB, 'web.demo.svc.cluster.local', { type: 'AAAA' });
  await traffic.dns(podA, podB, 'nosuch.demo.svc.cluster.local', { status: 'NXDOMAIN' });
  await traffic.http(podA, podB, 8080);
  await traffic.ping(podA, podB, { count: 2, six: true });
  await traffic.dns(podA, podB, 'web.demo.svc.cluster.local', { six: true });

  return {
    samples: [{ folder: lab.folder, captures: await captures.stop(), claims: traffic.claims }],
    path: cluster.path(podA, podB),
    cluster,
    faults: [],
    clients: traffic.clients,
  };
}

/** @type {import('../make.js').Scenario} */
export async function healthyCalico(lab) {
  const { cluster, w2, w3, podW2, coredns, podW3 } = wiredSide(lab);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(podW2, 'http', podW2.address, 8080);
  const captures = new Captures(lab.folder);
  await captures.point(w3, `${podW3.interface}`, 'vxlan.calico', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`, `${coredns.interface}`);

  await traffic.ping(podW3, podW2);
  await traffic.ping(podW2, podW3, { count: 2, size: 1000 });
  await traffic.ping(cluster.host(w3), podW2, { count: 1 });
  await traffic.dns(podW3, coredns, 'kubernetes.default.svc.cluster.local');
  await traffic.dns(podW3, coredns, 'web.demo.svc.cluster.local', { type: 'AAAA' });
  await traffic.dns(podW2, coredns, 'web.demo.svc.cluster.local');
  await traffic.http(podW3, podW2, 8080);
  await traffic.http(podW3, podW2, 9, { outcome: 'refused' });
  await traffic.closedUdp(podW3, podW2, 5353);

  return {
    samples: [{ folder: lab.folder, captures: await captures.stop(), claims: traffic.claims }],
    path: cluster.path(podW3, podW2),
    cluster,
    faults: [],
    clients: traffic.clients,
  };
}
