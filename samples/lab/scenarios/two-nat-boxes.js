// A pod calls a server through two boxes in a row: its node masquerades, and the router before the Internet translates again.
import { Captures } from '../capture.js';
import { Cluster } from '../cluster.js';
import { ConntrackLog } from '../conntrack.js';
import { NatTraffic } from '../nat-traffic.js';
import { counterOf, ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';

const INSIDE = '192.168.7.1';
const OUTSIDE = '203.0.113.2';
const ISP = '203.0.113.1';
const SERVER = '198.51.100.9';
/** Of the last link; the others have 1500. */
const SMALL_MTU = 1300;
/** Two pods call from this one. */
const PORT = 41_000;
const ECHO_ID = 4711;

/**
 * @param {import('../lab.js').Lab} lab
 */
async function network(lab) {
  const cluster = new Cluster(lab);
  const [router, isp, host, namespace] = /** @type {const} */ (['router', 'isp', 'server', 'node1']).map((name) =>
    lab.namespace(name),
  );
  if (!router || !isp || !host || !namespace) throw new Error('four hosts');
  lab.cable(namespace, 'eth0', router, 'eth1');
  namespace.ip(`addr add ${INSIDE}/24 brd + dev eth0`);
  namespace.ip('route add default via 192.168.7.254');
  router.ip('addr add 192.168.7.254/24 brd + dev eth1');
  lab.cable(router, 'eth0', isp, 'eth0');
  router.ip(`addr add ${OUTSIDE}/24 brd + dev eth0`);
  router.ip(`route add default via ${ISP}`);
  isp.ip(`addr add ${ISP}/24 brd + dev eth0`);
  lab.cable(isp, 'eth1', host, 'eth0');
  isp.ip('addr add 198.51.100.1/24 brd + dev eth1');
  isp.ip(`link set eth1 mtu ${SMALL_MTU}`);
  host.ip(`addr add ${SERVER}/24 brd + dev eth0`);
  host.ip('route add default via 198.51.100.1');
  for (const each of [router, isp]) each.sysctl('net.ipv4.ip_forward', 1);
  const node = cluster.calicoNode('node1', INSIDE, '10.244.71.0/26', namespace);
  const podA = cluster.pod('pod-a', node, '10.244.71.5');
  const podB = cluster.pod('pod-b', node, '10.244.71.6');
  const podC = cluster.pod('pod-c', node, '10.244.71.7');
  // pod-c is of a pool without natOutgoing.
  namespace.iptables(`
*nat
-A POSTROUTING -s ${podC.address}/32 -j ACCEPT
-A POSTROUTING -s 10.244.71.0/26 ! -d 10.244.0.0/16 -j MASQUERADE
COMMIT`);
  // As gateways do that give each connection another port.
  router.iptables(`
*nat
-A POSTROUTING -o eth0 -p tcp -j SNAT --to-source ${OUTSIDE}:20000-29999 --random-fully
-A POSTROUTING -o eth0 -p udp -j SNAT --to-source ${OUTSIDE}:20000-29999 --random-fully
-A POSTROUTING -o eth0 -j SNAT --to-source ${OUTSIDE} --random-fully
COMMIT`);
  const traffic = new Traffic(cluster);
  const server = { name: 'server', namespace: host, node, address: SERVER };
  const captures = new Captures(lab.folder);
  const outer = { log: new ConntrackLog(router), from: 'router/eth0' };
  const inner = { log: new ConntrackLog(namespace), from: 'node1/eth0' };
  const outside = ['node1/eth0', 'router/eth1', 'router/eth0', 'server/eth0'];
  const way = (/** @type {import('../cluster.js').Endpoint} */ from, boxes = [inner, outer]) => ({
    from,
    address: SERVER,
    path: [`node1/${from.interface}`, ...outside],
    boxes,
  });
  return {
    cluster,
    traffic,
    node,
    router: { name: 'router', namespace: router },
    isp,
    server,
    captures,
    ways: { a: way(podA), b: way(podB), c: way(podC, [outer]) },
    capture: async (/** @type {import('../cluster.js').Endpoint[]} */ ...pods) => {
      await captures.point(node, ...pods.map(({ interface: device }) => `${device}`), 'eth0');
      await captures.point({ name: 'router', namespace: router }, 'eth1', 'eth0');
      await captures.point(server, 'eth0');
      // One that is not translated, from which it follows whose interface the server's is.
      isp.exec(`ping -c 1 ${SERVER}`);
    },
  };
}

/** @type {import('../make.js').Scenario} */
export async function twoNatBoxes(lab) {
  const { cluster, traffic, node, router, isp, server, captures, ways, capture } = await network(lab);
  await traffic.serve(server, 'dns', SERVER);
  await traffic.serve(server, 'http', SERVER, 8080);
  await capture(ways.a.from, ways.b.from);
  const nat = new NatTraffic(traffic);

  // The same id and the same port of two pods: the node has to change those of the second.
  await nat.ping(ways.a, { id: ECHO_ID });
  await nat.ping(ways.b, { id: ECHO_ID });
  await nat.http(ways.a, 8080, { sport: PORT });
  await nat.http(ways.b, 8080, { sport: PORT });
  await nat.dns(ways.a, 'kubernetes.default.svc.cluster.local');
  await nat.dns(ways.b, 'web.demo.svc.cluster.local');

  const before = counterOf(isp, 'IcmpOutMsgs');
  const refused = await nat.dns(ways.a, 'refused.example', { port: 5353, status: 'refused' });
  nat.icmpError(ways.a, refused, {
    what: 'icmp port unreachable by the server',
    type: 3,
    code: 3,
    by: SERVER,
    at: 'server/eth0',
    anomalies: ['icmp-port-unreachable'],
  });
  const lost = { direction: /** @type {const} */ ('request'), after: 'router/eth0' };
  const expired = await nat.ping(ways.a, { count: 1, options: '-t 3', error: 'Time to live exceeded', lost });
  nat.icmpError(ways.a, expired, {
    what: 'icmp time exceeded by isp',
    type: 11,
    code: 0,
    by: ISP,
    at: 'router/eth0',
    anomalies: ['icmp-time-exceeded'],
  });
  const big = { count: 1, options: '-M do -s 1372', error: `mtu = ${SMALL_MTU}`, lost };
  const large = await nat.ping(ways.b, big);
  nat.icmpError(ways.b, large, {
    what: 'icmp fragmentation needed by isp',
    type: 3,
    code: 4,
    by: ISP,
    at: 'router/eth0',
    anomalies: ['icmp-frag-needed'],
  });
  const counted = counterOf(isp, 'IcmpOutMsgs') - before;
  await nat.ping(ways.b, { count: 1 });
  await nat.dns(ways.a, 'web.demo.svc.cluster.local');
  await nat.http(ways.b, 8080);

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [node, router], ['iptables-save.txt', 'conntrack.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: ways.a.path,
    cluster,
    faults: [
      {
        where: 'isp',
        what: 'a TTL that ends there, and a packet that is larger than the next link: each is answered with an ICMP error',
        after: 'router/eth0',
        before: 'server/eth0',
        counter: 'IcmpOutMsgs of isp',
        counted,
      },
    ],
    clients: traffic.clients,
  };
}

/** @type {import('../make.js').Scenario} */
export async function twoNatBoxesBroken(lab) {
  const { cluster, traffic, node, router, isp, server, captures, ways, capture } = await network(lab);
  await traffic.serve(server, 'dns', SERVER);
  await traffic.serve(server, 'http', SERVER, 8080, 8081, 8082);
  const rule = (/** @type {string} */ match) => `-A FORWARD -i eth0 ${match} -m comment --comment "the way back is shut" -j DROP`;
  await capture(ways.a.from, ways.c.from);
  const nat = new NatTraffic(traffic);
  await nat.ping(ways.a);
  await nat.http(ways.a, 8080);
  await nat.dns(ways.a, 'kubernetes.default.svc.cluster.local');

  // What comes back behind the outer box, and goes no further.
  router.namespace.iptables(`*filter\n${rule('-p tcp --sport 8081')}\n${rule('-p udp')}\n${rule('-p icmp')}\nCOMMIT`);
  const shut = { direction: /** @type {const} */ ('reply'), after: 'router/eth0', anomalies: ['reply-dropped'] };
  await nat.http(ways.a, 8081, { lost: shut });
  await nat.dns(ways.a, 'web.demo.svc.cluster.local', { tries: 2, lost: shut });
  await nat.ping(ways.a, { count: 2, lost: shut });

  // pod-c has the pod's own address on the way: the outer box translates back to it, and has no route there.
  const unroutable = counterOf(isp, 'IpExtInNoRoutes');
  await nat.http(ways.c, 8082, { turned: true, lost: { ...shut, anomalies: ['syn-ack-turned-round', 'syn-retransmission'] } });
  await nat.http(ways.a, 8080);

  await traffic.stopServers();
  const done = await captures.stop();
  const dropped = ruleCounter(router.namespace, 'the way back is shut');
  const turned = counterOf(isp, 'IpExtInNoRoutes') - unroutable;
  saveState(lab.folder, [node, router], ['iptables-save.txt', 'conntrack.txt', 'route.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: ways.a.path,
    cluster,
    faults: [
      {
        where: 'router',
        what: 'iptables DROP of what comes back, and no route to pod-c behind the translation',
        after: 'router/eth0',
        before: 'router/eth1',
        counter: 'rules "the way back is shut" of the router and IpExtInNoRoutes of isp',
        counted: dropped + turned,
      },
    ],
    clients: traffic.clients,
  };
}
