// The logbook's archived note: a pod behind the NAT box calls the Internet, and the SYN,ACK never comes back to it.
import { Captures } from '../capture.js';
import { counterOf, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { wiredSide, wirelessSide } from './sopnode-broken-ping.js';

const GITHUB = '140.82.121.4';
const OUTSIDE = '138.96.16.97';

/** @type {import('../make.js').Scenario} */
export async function natReturnUnroutable(lab) {
  const wired = wiredSide(lab);
  const { cluster, gw } = wired;
  // faraday translates whatever leaves, and fit01 leaves its pods their addresses.
  const { faraday, fit01, podFit } = wirelessSide(lab, wired, '');
  const namespace = lab.namespace('github');
  lab.cable(namespace, 'eth0', gw, 'eth2');
  namespace.ip(`addr add ${GITHUB}/24 brd + dev eth0`);
  gw.ip('addr add 140.82.121.3/24 brd + dev eth2');
  namespace.ip('route add default via 140.82.121.3');
  const node = { name: 'github', namespace };
  /** @type {import('../cluster.js').Endpoint} */
  const github = { ...cluster.host(fit01, GITHUB), ...node };
  const host = cluster.host(fit01, fit01.address);
  const outside = ['fit01/eth0', 'faraday/eth1', 'faraday/eth0', 'github/eth0'];
  cluster.ways.push(
    { from: podFit, to: github, points: [`fit01/${podFit.interface}`, ...outside] },
    { from: host, to: github, points: outside },
  );
  const traffic = new Traffic(cluster);
  await traffic.serve(github, 'http', GITHUB, 443);
  const captures = new Captures(lab.folder);
  await captures.point(fit01, `${podFit.interface}`, 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(node, 'eth0');

  const after = 'faraday/eth0';
  const snat = { address: OUTSIDE, from: after };
  await traffic.http(host, github, 443, { snat });
  const before = counterOf(gw, 'IpExtInNoRoutes');
  const anomalies = ['syn-ack-turned-round', 'syn-retransmission'];
  await traffic.http(podFit, github, 443, { snat, lost: { direction: 'reply', after, anomalies } });
  await traffic.http(host, github, 443, { snat });

  await traffic.stopServers();
  const done = await captures.stop();
  const files = ['route.txt', 'iptables-save.txt', 'conntrack.txt'];
  saveState(lab.folder, [fit01, { name: 'faraday', namespace: faraday }], files);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(podFit, github),
    cluster,
    faults: [
      {
        where: 'faraday',
        what: `no route to ${podFit.address}: the SYN,ACK goes back to the gateway, which has none either`,
        after,
        before: 'faraday/eth1',
        counter: 'IpExtInNoRoutes of the gateway',
        counted: counterOf(gw, 'IpExtInNoRoutes') - before,
      },
    ],
    clients: traffic.clients,
  };
}
