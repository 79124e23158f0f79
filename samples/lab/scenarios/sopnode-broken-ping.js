// The logbook's broken ping: a node behind a NAT box, and nodes that take VXLAN from registered node addresses only.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { counterOf, ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';

/** @typedef {import('../lab.js').Lab} Lab */

const DROP_RULE = 'Drop IPv4 VXLAN packets from non-allowed hosts';
export const SERVICE = '10.96.0.10';

/**
 * The wired side: w2 and w3 on one segment, and the gateway gw.
 * @param {Lab} lab
 */
export function wiredSide(lab) {
  const segment = lab.segment('wired');
  const gw = lab.namespace('gw');
  gw.sysctl('net.ipv4.ip_forward', 1);
  lab.plug(gw, 'eth0', segment);
  gw.ip('addr add 138.96.245.250/24 brd + dev eth0');
  const cluster = new Cluster(lab);
  const node = (/** @type {string} */ name, /** @type {string} */ address, /** @type {string} */ block) => {
    const namespace = lab.namespace(name);
    lab.plug(namespace, 'eth0', segment);
    namespace.ip(`addr add ${address}/24 brd + dev eth0`);
    namespace.ip('route add default via 138.96.245.250');
    return cluster.calicoNode(name, address, block, namespace);
  };
  const w2 = node('w2', '138.96.245.52', '10.244.112.192/26');
  const w3 = node('w3', '138.96.245.53', '10.244.210.192/26');
  return {
    cluster,
    gw,
    w2,
    w3,
    podW2: cluster.pod('pod-w2', w2, '10.244.112.198', { interface: 'calie80ce743230' }),
    coredns: cluster.pod('coredns', w2, '10.244.112.196', { interface: 'cali0ec2218769a' }),
    podW3: cluster.pod('pod-w3', w3, '10.244.210.198'),
  };
}

/**
 * The wireless side: fit01 behind faraday, which translates what leaves.
 * @param {Lab} lab
 * @param {ReturnType<typeof wiredSide>} wired
 * @param {string} [translated] the sources that faraday translates: its own network, unless it looks at none
 */
export function wirelessSide(lab, { cluster, gw, w2, w3, coredns }, translated = '-s 192.168.3.0/24 ') {
  const faraday = lab.namespace('faraday');
  faraday.sysctl('net.ipv4.ip_forward', 1);
  lab.cable(faraday, 'eth0', gw, 'eth1');
  faraday.ip('addr add 138.96.16.97/24 brd + dev eth0');
  gw.ip('addr add 138.96.16.250/24 brd + dev eth1');
  faraday.ip('route add default via 138.96.16.250');
  faraday.iptables(`*nat\n-A POSTROUTING ${translated}-o eth0 -j MASQUERADE\nCOMMIT`);
  const namespace = lab.namespace('fit01');
  lab.cable(namespace, 'eth0', faraday, 'eth1');
  namespace.ip('addr add 192.168.3.1/24 brd + dev eth0');
  faraday.ip('addr add 192.168.3.100/24 brd + dev eth1');
  namespace.ip('route add default via 192.168.3.100');
  const fit01 = cluster.calicoNode('fit01', '192.168.3.1', '10.245.208.64/26', namespace);
  namespace.iptables(`
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]
:KUBE-SEP-RFADV2KEC4EL5Y4F - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${SERVICE}/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns" -j KUBE-SEP-RFADV2KEC4EL5Y4F
-A KUBE-SEP-RFADV2KEC4EL5Y4F -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp -j DNAT --to-destination ${coredns.address}:53
COMMIT`);
  for (const wiredNode of [w2, w3]) {
    cluster.between.push({ from: fit01, to: wiredNode, points: ['faraday/eth1', 'faraday/eth0'] });
  }
  return { faraday, fit01, podFit: cluster.pod('pod-fit', fit01, '10.245.208.68') };
}

/**
 * What the node has dropped so far.
 * @param {import('../cluster.js').Node} node
 */
export function felixDrop({ name, namespace }) {
  return {
    where: `${name} INPUT`,
    what: 'iptables DROP of udp/4789 from addresses not in the ipset of nodes',
    after: `${name}/eth0`,
    before: `${name}/vxlan.calico`,
    counter: `rule "${DROP_RULE}"`,
    counted: ruleCounter(namespace, DROP_RULE),
  };
}

/**
 * @param {import('../lab.js').Namespace} faraday
 * @returns {object[]} what its connection tracking says of the tunnel
 */
function mappings(faraday) {
  const tuple = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g;
  return faraday
    .exec('conntrack -L -p udp --orig-port-dst 4789')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [orig, reply] = [...line.matchAll(tuple)].map(([, src, dst, sport, dport]) => ({ src, dst, sport, dport }));
      return { proto: 'udp', orig, reply };
    });
}

/** @type {import('../make.js').Scenario} */
export async function sopnodeBrokenPing(lab) {
  const wired = wiredSide(lab);
  const { cluster, gw, w2, w3, podW2, coredns, podW3 } = wired;
  const { faraday, fit01, podFit } = wirelessSide(lab, wired);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(podW2, 'http', podW2.address, 80);
  const captures = new Captures(lab.folder);
  await captures.point(fit01, `${podFit.interface}`, 'vxlan.calico', 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`, `${coredns.interface}`);
  await captures.point(w3, 'eth0', 'vxlan.calico', `${podW3.interface}`);

  const name = 'kubernetes.default.svc.cluster.local';
  const after = 'w2/eth0';
  const refused = ['vxlan-outer-nat', 'not-decapsulated'];
  /** @type {import('../traffic.js').Loss} */
  const lost = { direction: 'request', after, anomalies: refused };
  await traffic.ping(podW3, podW2);
  await traffic.dns(podW3, coredns, name);
  await traffic.ping(podFit, podW2, { lost });
  await traffic.dns(podFit, coredns, name, { tries: 3, lost: { ...lost, anomalies: [...refused, 'dns-timeout'] } });
  await traffic.dns(podFit, coredns, name, {
    tries: 2,
    lost: { ...lost, anomalies: [...refused, 'dns-timeout'] },
    service: { address: SERVICE, translatedAt: 'fit01/vxlan.calico' },
  });
  await traffic.http(podFit, podW2, 80, { lost: { ...lost, anomalies: [...refused, 'syn-retransmission'] } });
  await traffic.ping(podW2, podFit, {
    count: 2,
    lost: { direction: 'request', after, anomalies: ['icmp-unreachable-underlay'] },
  });

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [w2, fit01, { name: 'faraday', namespace: faraday }]);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(podFit, podW2),
    cluster,
    faults: [
      felixDrop(w2),
      {
        where: 'gw',
        what: 'no route to 192.168.3.0/24: VXLAN to the registered address of fit01 ends at the gateway',
        after,
        before: 'faraday/eth0',
        counter: 'IpExtInNoRoutes',
        counted: counterOf(gw, 'IpExtInNoRoutes'),
      },
    ],
    clients: traffic.clients,
    notes: { nat_at_faraday: mappings(faraday) },
  };
}
