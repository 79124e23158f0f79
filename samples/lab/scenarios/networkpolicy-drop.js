// A policy on one pod's port: only the monitoring pod may connect.
import { Captures } from '../capture.js';
import { ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { wiredSide } from './sopnode-broken-ping.js';

const DROP_RULE = 'Drop if no policies passed packet';

/** @type {import('../make.js').Scenario} */
export async function networkPolicyDrop(lab) {
  const { cluster, w2, w3, podW2, podW3 } = wiredSide(lab);
  const monitor = cluster.pod('monitor', w3, '10.244.210.200');
  const chain = `cali-tw-${podW2.interface}`;
  w2.namespace.exec('ipset create cali40s:monitoring hash:net');
  w2.namespace.exec(`ipset add cali40s:monitoring ${monitor.address}`);
  w2.namespace.iptables(`
*filter
:cali-to-wl-dispatch - [0:0]
:${chain} - [0:0]
-A cali-FORWARD -o cali+ -j cali-to-wl-dispatch
-A cali-to-wl-dispatch -o ${podW2.interface} -g ${chain}
-A ${chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ${chain} -p tcp -m multiport --dports 8080 -m set --match-set cali40s:monitoring src -m comment --comment "Policy default/web-from-monitoring ingress" -j ACCEPT
-A ${chain} -p tcp -m multiport --dports 8080 -m comment --comment "${DROP_RULE}" -j DROP
COMMIT`);
  const traffic = new Traffic(cluster);
  await traffic.serve(podW2, 'http', podW2.address, 80, 8080);
  const captures = new Captures(lab.folder);
  await captures.point(w3, `${podW3.interface}`, `${monitor.interface}`, 'vxlan.calico', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`);

  const after = 'w2/vxlan.calico';
  await traffic.ping(podW3, podW2, { count: 2 });
  await traffic.http(podW3, podW2, 80);
  await traffic.http(podW3, podW2, 8080, { lost: { direction: 'request', after, anomalies: ['syn-retransmission'] } });
  await traffic.http(monitor, podW2, 8080);
  await traffic.ping(podW2, podW3, { count: 2 });

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [w2, w3]);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(podW3, podW2),
    cluster,
    faults: [
      {
        where: 'w2 FORWARD',
        what: `iptables DROP of new connections to ${podW2.address}:8080 from pods that the policy does not name`,
        after,
        before: `w2/${podW2.interface}`,
        counter: `rule "${DROP_RULE}"`,
        counted: ruleCounter(w2.namespace, DROP_RULE),
      },
    ],
    clients: traffic.clients,
  };
}
