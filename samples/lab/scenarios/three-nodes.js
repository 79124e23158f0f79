// Three nodes, sixteen points: pods that call pods of their own node and of others, and nodes that call for themselves.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { Traffic } from '../traffic.js';

/** @type {import('../make.js').Scenario} */
export async function threeNodes(lab) {
  const underlay = lab.segment('underlay');
  const cluster = new Cluster(lab);
  const [node1, node2, node3] = /** @type {const} */ ([7, 6, 5]).map((host) => {
    const name = `node${8 - host}`;
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'eth0', underlay);
    namespace.ip(`addr add 10.162.0.${host}/24 brd + dev eth0`);
    return cluster.flannelNode(name, `10.162.0.${host}`, `10.244.${host}`, { namespace });
  });
  if (node1 === undefined || node2 === undefined || node3 === undefined) throw new Error('three nodes');
  const podA = cluster.pod('pod-a', node1, '10.244.7.10');
  const podB = cluster.pod('pod-b', node1, '10.244.7.11');
  const podC = cluster.pod('pod-c', node2, '10.244.6.10');
  const podD = cluster.pod('pod-d', node2, '10.244.6.11');
  const podE = cluster.pod('pod-e', node3, '10.244.5.10');
  const podF = cluster.pod('pod-f', node3, '10.244.5.11');
  const podG = cluster.pod('pod-g', node3, '10.244.5.12');
  // What nodes say to each other by their own addresses is in no tunnel.
  const onWire = [node1, node2, node3].map((node) => cluster.host(node, node.address));
  for (const from of onWire) {
    for (const to of onWire) {
      if (from !== to) cluster.ways.push({ from, to, points: [`${from.name}/eth0`, `${to.name}/eth0`] });
    }
  }
  const [wire1, wire2, wire3] = onWire;
  if (wire1 === undefined || wire2 === undefined || wire3 === undefined) throw new Error('three nodes');

  const traffic = new Traffic(cluster);
  await traffic.serve(podC, 'dns', podC.address);
  for (const pod of [podB, podC, podE]) await traffic.serve(pod, 'http', pod.address, 8080);
  for (const { namespace, address } of [wire2, wire3]) await traffic.serve({ namespace }, 'http', address, 10250);
  const captures = new Captures(lab.folder);
  for (const node of [node1, node2, node3]) {
    const pods = cluster.pods.filter((pod) => pod.node === node).map((pod) => `${pod.interface}`);
    await captures.point(node, ...pods, 'cni0', 'flannel.1', 'eth0');
  }

  await traffic.ping(podA, podC, { count: 2 });
  await traffic.http(podA, podC, 8080);
  await traffic.ping(podA, podB, { count: 2 });
  await traffic.http(podA, podB, 8080);
  await traffic.dns(podE, podC, 'web.demo.svc.cluster.local');
  await traffic.http(podD, podE, 8080);
  await traffic.ping(podF, podG, { count: 2 });
  await traffic.ping(podG, podA, { count: 1 });
  await traffic.http(cluster.host(node1), podC, 8080);
  await traffic.http(cluster.host(node2), podE, 8080);
  await traffic.http(wire1, wire3, 10250);
  await traffic.ping(wire2, wire3, { count: 1 });
  await traffic.http(wire3, wire2, 10250);

  await traffic.stopServers();
  return {
    samples: [{ folder: lab.folder, captures: await captures.stop(), claims: traffic.claims }],
    path: cluster.path(podA, podC),
    cluster,
    faults: [],
    clients: traffic.clients,
  };
}
