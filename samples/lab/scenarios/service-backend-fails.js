// One of three pods behind a service address is cut off: a third of the queries die, and no name and no client is special.
import { Captures } from '../capture.js';
import { LabError } from '../lab.js';
import { ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { flannelNodes } from './dns-listing.js';

const DROP_RULE = 'policy default/deny-all';
const SERVICE = '10.100.214.177';
const NAMES = ['kubernetes.default', 'web.demo'].map((name) => `${name}.svc.cluster.local`);

/** @type {import('../make.js').Scenario} */
export async function serviceBackendFails(lab) {
  const { cluster, node1, node2 } = flannelNodes(lab);
  const client = cluster.pod('alertmanager', node1, '10.244.19.19');
  const servers = [3, 4, 7].map((host) => cluster.pod(`coredns-${host}`, node2, `10.244.11.${host}`));
  const broken = servers[2];
  if (broken === undefined) throw new LabError('no third server');
  // As kube-proxy writes them, but in turn instead of by chance, so that it is known who is sent where.
  node1.namespace.iptables(`
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${SERVICE}/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU
${servers
  .map(({ address }, i) => {
    const every = servers.length - i;
    const turn = every === 1 ? '' : `-m statistic --mode nth --every ${every} --packet 0 `;
    return `-A KUBE-SVC-TCOU7JCQXEZGVUNU -p udp ${turn}-j DNAT --to-destination ${address}:53`;
  })
  .join('\n')}
COMMIT`);
  node1.namespace.sysctl('net.bridge.bridge-nf-call-iptables', 1);
  node2.namespace.iptables(`
*filter
-I FORWARD 1 -d ${broken.address}/32 -m comment --comment "${DROP_RULE}" -j DROP
COMMIT`);
  const traffic = new Traffic(cluster);
  for (const server of servers) await traffic.serve(server, 'dns', server.address);
  const captures = new Captures(lab.folder);
  await captures.point(node1, `${client.interface}`, 'cni0', 'flannel.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel.1', 'cni0', ...servers.map((server) => `${server.interface}`));

  const after = 'node2/flannel.1';
  const service = { address: SERVICE, translatedAt: 'node1/cni0' };
  // What a node's own probes see: all three pods are well.
  for (const server of servers) await traffic.ping(cluster.host(node2, '10.244.11.1'), server, { count: 2 });
  for (const name of [...NAMES, ...NAMES]) {
    for (const server of servers) {
      const lost = server === broken ? /** @type {const} */ ({ direction: 'request', after }) : undefined;
      await traffic.dns(client, server, name, { service, lost, tries: server === broken ? 2 : 1 });
    }
  }

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [node1, node2], ['iptables-save.txt', 'conntrack.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(client, broken),
    cluster,
    faults: [
      {
        where: 'node2 FORWARD',
        what: `iptables DROP of what is for ${broken.address}`,
        after,
        before: 'node2/cni0',
        counter: `rule "${DROP_RULE}"`,
        counted: ruleCounter(node2.namespace, DROP_RULE),
      },
    ],
    clients: traffic.clients,
    notes: { backends: chosen(node1.namespace.exec('iptables-save -c -t nat')) },
  };
}

/**
 * Which backend the kernel sent how many sockets to: only the first packet of a socket passes these rules.
 * @param {string} rules
 */
function chosen(rules) {
  const found = [...rules.matchAll(/^\[(\d+):\d+\] .*-j DNAT --to-destination (\S+)$/gm)];
  return Object.fromEntries(found.map(([, packets, backend]) => [backend, Number(packets)]));
}
