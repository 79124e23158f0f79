// One service address, three pods behind it: the caller itself, a neighbour on its bridge, and one on another node.
import { Captures } from '../capture.js';
import { ConntrackLog } from '../conntrack.js';
import { NatTraffic } from '../nat-traffic.js';
import { ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { flannelNodes } from './dns-listing.js';

const SERVICE = '10.96.12.34';
/** All of whose callers are masqueraded. */
const OUTER_SERVICE = '10.96.12.35';
const DROP_RULE = 'replies of web-3 are dropped';

/** @type {import('../make.js').Scenario} */
export async function serviceBackends(lab) {
  const { cluster, node1, node2 } = flannelNodes(lab);
  const web1 = cluster.pod('web-1', node1, '10.244.19.21');
  const web2 = cluster.pod('web-2', node1, '10.244.19.22');
  const web3 = cluster.pod('web-3', node2, '10.244.11.23');
  const pods = [web1, web2, web3];
  // kube-proxy chooses at random; this takes turns.
  const choice = ['-m statistic --mode nth --every 3 --packet 0 ', '-m statistic --mode nth --every 2 --packet 0 ', ''];
  node1.namespace.iptables(`
*nat
:KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SVC-WEB - [0:0]
${pods.map(({ name }) => `:KUBE-SEP-${name} - [0:0]`).join('\n')}
-A PREROUTING -j KUBE-SERVICES
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-I POSTROUTING 1 -j KUBE-POSTROUTING
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE
-A KUBE-SERVICES -d ${SERVICE}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-WEB
-A KUBE-SERVICES -d ${OUTER_SERVICE}/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d ${OUTER_SERVICE}/32 -p tcp -m tcp --dport 80 -j KUBE-SEP-${web3.name}
${pods.map(({ name }, at) => `-A KUBE-SVC-WEB ${choice[at]}-j KUBE-SEP-${name}`).join('\n')}
${pods.map(({ name, address }) => `-A KUBE-SEP-${name} -s ${address}/32 -j KUBE-MARK-MASQ`).join('\n')}
${pods.map(({ name, address }) => `-A KUBE-SEP-${name} -p tcp -j DNAT --to-destination ${address}:8080`).join('\n')}
COMMIT`);
  node1.namespace.sysctl('net.bridge.bridge-nf-call-iptables', 1);
  const traffic = new Traffic(cluster);
  for (const pod of pods) await traffic.serve(pod, 'http', pod.address, 8080);
  const boxes = (/** @type {string | number} */ from) => [{ log, from }];
  const log = new ConntrackLog(node1.namespace);
  const captures = new Captures(lab.folder);
  // Not on cni0 of node1: listening there makes the bridge deliver twice.
  await captures.point(node1, `${web1.interface}`, `${web2.interface}`, 'flannel.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel.1', 'cni0', `${web3.interface}`);

  const here = `node1/${web1.interface}`;
  const there = [here, 'node1/flannel.1', 'node1/eth0', 'node2/eth0', 'node2/flannel.1', 'node2/cni0', `node2/${web3.interface}`];
  const way = (/** @type {string} */ address, /** @type {string[]} */ path) => ({ from: web1, address, path, boxes: boxes(1) });
  const nat = new NatTraffic(traffic);
  for (let round = 0; round < 2; round++) {
    await nat.http(way(SERVICE, [here, here]), 80);
    await nat.http(way(SERVICE, [here, `node1/${web2.interface}`]), 80);
    await nat.http(way(SERVICE, there), 80);
  }
  await nat.http(way(OUTER_SERVICE, there), 80);
  node2.namespace.iptables(`*filter\n-I FORWARD 1 -s ${web3.address} -m comment --comment "${DROP_RULE}" -j DROP\nCOMMIT`);
  await nat.http(way(OUTER_SERVICE, there), 80, { lost: { direction: 'reply', after: 'node2/cni0' } });

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [node1], ['iptables-save.txt', 'conntrack.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: there,
    cluster,
    faults: [
      {
        where: 'node2 FORWARD',
        what: 'iptables DROP of what web-3 answers, at the end',
        after: 'node2/cni0',
        before: 'node2/flannel.1',
        counter: `rule "${DROP_RULE}"`,
        counted: ruleCounter(node2.namespace, DROP_RULE),
      },
    ],
    clients: traffic.clients,
  };
}
