// The addresses around a VXLAN packet are translated both ways by a NAT box between two nodes, and it works; then some do not pass.
import { Captures } from '../capture.js';
import { ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { wiredSide, wirelessSide } from './sopnode-broken-ping.js';

const OUTSIDE = '138.96.16.97';
const LARGE = 'large packets do not leave';
const MIDDLING = 'middling packets do not come in';

/** @type {import('../make.js').Scenario} */
export async function outerNat(lab) {
  const wired = wiredSide(lab);
  const { cluster, w2, podW2, coredns } = wired;
  const { faraday, fit01, podFit } = wirelessSide(lab, wired);
  // w2 knows fit01 by the address of the NAT box, which passes on what comes for it.
  w2.namespace.exec(`bridge fdb replace ${fit01.tunnelMac} dev vxlan.calico dst ${OUTSIDE} self permanent`);
  w2.namespace.exec(`ipset add cali40all-vxlan-net ${OUTSIDE}`);
  faraday.iptables(`
*nat
-A PREROUTING -i eth0 -p udp --dport 4789 -j DNAT --to-destination ${fit01.address}
COMMIT`);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(podW2, 'http', podW2.address, 80);
  await traffic.serve(podFit, 'http', podFit.address, 80);
  const captures = new Captures(lab.folder);
  await captures.point(fit01, `${podFit.interface}`, 'vxlan.calico', 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`, `${coredns.interface}`);

  await traffic.ping(podFit, podW2);
  await traffic.ping(podW2, podFit, { count: 2 });
  await traffic.dns(podFit, coredns, 'kubernetes.default.svc.cluster.local');
  await traffic.http(podFit, podW2, 80);
  await traffic.http(podW2, podFit, 80);
  faraday.iptables(`
*filter
-A FORWARD -i eth1 -p udp --dport 4789 -m length --length 900:1500 -m comment --comment "${LARGE}" -j DROP
-A FORWARD -i eth0 -p udp --dport 4789 -m length --length 500:899 -m comment --comment "${MIDDLING}" -j DROP
COMMIT`);
  await traffic.ping(podFit, podW2, { count: 2, size: 1000, lost: { direction: 'request', after: 'faraday/eth1' } });
  await traffic.ping(podFit, podW2, { count: 2, size: 600, lost: { direction: 'reply', after: 'faraday/eth0' } });
  await traffic.ping(podW2, podFit, { count: 2, size: 1000, lost: { direction: 'reply', after: 'faraday/eth1' } });
  await traffic.ping(podFit, podW2, { count: 1 });
  await traffic.dns(podFit, coredns, 'web.demo.svc.cluster.local');

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [w2, { name: 'faraday', namespace: faraday }], ['iptables-save.txt', 'conntrack.txt', 'fdb.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(podFit, podW2),
    cluster,
    faults: [
      {
        where: 'faraday FORWARD',
        what: 'iptables DROP of large VXLAN packets that leave',
        after: 'faraday/eth1',
        before: 'faraday/eth0',
        counter: `rule "${LARGE}"`,
        counted: ruleCounter(faraday, LARGE),
      },
      {
        where: 'faraday FORWARD',
        what: 'iptables DROP of middling VXLAN packets that come in',
        after: 'faraday/eth0',
        before: 'faraday/eth1',
        counter: `rule "${MIDDLING}"`,
        counted: ruleCounter(faraday, MIDDLING),
      },
    ],
    clients: traffic.clients,
  };
}
