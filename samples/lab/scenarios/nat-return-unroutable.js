// The logbook's archived note: a pod behind the NAT box calls the Internet, and the SYN,ACK never comes back to it.
import { Captures } from '../capture.js';
import { ConntrackLog } from '../conntrack.js';
import { NatTraffic } from '../nat-traffic.js';
import { counterOf, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { wiredSide, wirelessSide } from './sopnode-broken-ping.js';

const GITHUB = '140.82.121.4';

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
  const boxes = [{ log: new ConntrackLog(faraday), from: 'faraday/eth0' }];
  const fromPod = { from: podFit, address: GITHUB, path: [`fit01/${podFit.interface}`, ...outside], boxes };
  const fromHost = { from: host, address: GITHUB, path: outside, boxes };
  const traffic = new Traffic(cluster);
  await traffic.serve(github, 'http', GITHUB, 443);
  const captures = new Captures(lab.folder);
  await captures.point(fit01, `${podFit.interface}`, 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(node, 'eth0');

  const after = 'faraday/eth0';
  const nat = new NatTraffic(traffic);
  await nat.http(fromHost, 443);
  const before = counterOf(gw, 'IpExtInNoRoutes');
  const anomalies = ['syn-ack-turned-round', 'syn-retransmission'];
  await nat.http(fromPod, 443, { turned: true, lost: { direction: 'reply', after, anomalies } });
  await nat.http(fromHost, 443);

  await traffic.stopServers();
  const done = await captures.stop();
  const files = ['route.txt', 'iptables-save.txt', 'conntrack.txt'];
  saveState(lab.folder, [fit01, { name: 'faraday', namespace: faraday }], files);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: fromPod.path,
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
