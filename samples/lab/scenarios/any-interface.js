// The forwarding story again, as seen by captures that hold several interfaces in one file.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Captures } from '../capture.js';
import { saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { forwardingOff, gravityCluster } from './gravity-forwarding-off.js';

/** @typedef {import('../traffic.js').Claim} Claim */

/** @type {import('../make.js').Scenario} */
export async function anyInterface(lab) {
  const { cluster, node1, node2, coredns, web, client } = gravityCluster(lab);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  const fault = forwardingOff(node1);
  const [v2, v1, pcapng] = /** @type {const} */ (['cooked-v2', 'cooked-v1', 'pcapng']).map((folder) => {
    mkdirSync(join(lab.folder, folder));
    return new Captures(join(lab.folder, folder));
  });
  if (v2 === undefined || v1 === undefined || pcapng === undefined) throw new Error('three folders');
  for (const node of [node1, node2]) {
    await v2.any(node, 'LINUX_SLL2');
    await v1.any(node, 'LINUX_SLL');
  }
  await pcapng.pcapng(node1, [`${web.interface}`, `${coredns.interface}`, 'cni0', 'flannel.1', 'eth0']);
  await pcapng.pcapng(node2, ['eth0', 'flannel.1', 'cni0', `${client.interface}`]);

  const after = 'node1/cni0';
  const name = 'kubernetes.default.svc.cluster.local';
  await traffic.ping(client, web, {
    count: 2,
    lost: { direction: 'reply', after, anomalies: ['no-reply-forwarding'] },
  });
  await traffic.ping(cluster.host(node2), cluster.host(node1), { count: 1 });
  await traffic.dns(client, coredns, name, {
    tries: 2,
    lost: { direction: 'reply', after, anomalies: ['dns-timeout', 'retransmission'] },
  });
  await traffic.ping(web, client, {
    count: 1,
    lost: { direction: 'request', after, anomalies: ['no-request-forwarding'] },
  });

  await traffic.stopServers();
  const faults = [fault()];
  const path = cluster.path(web, client);
  const samples = [
    { captures: v2, claims: traffic.claims, path, faults },
    {
      captures: v1,
      claims: traffic.claims.map(withoutInterfaces),
      path: path.map(nodeOnly).filter((point, at, all) => point !== all[at - 1]),
      faults: faults.map((each) => ({ ...each, after: 'node1/any', before: 'node2/any' })),
    },
    { captures: pcapng, claims: traffic.claims, path, faults },
  ];
  const done = [];
  for (const { captures, ...rest } of samples) {
    done.push({ ...rest, folder: captures.folder, captures: await captures.stop() });
  }
  saveState(lab.folder, [node1, node2], ['link.txt', 'netconf.txt']);
  return { samples: done, path, cluster, faults, clients: traffic.clients };
}

/** @param {string} point */
function nodeOnly(point) {
  return point.replace(/\/.*/, '/any');
}

/**
 * Cooked v1 names no interface: a packet is recorded at `NODE/any` once for each interface that it passes there.
 * @param {Claim} claim
 * @returns {Claim}
 */
function withoutInterfaces(claim) {
  return { ...claim, path: claim.path.map(nodeOnly) };
}
