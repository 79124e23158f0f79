// Of packets that look alike some are lost: datagrams, retries of a query, a SYN that is sent again.
import { randomInt } from 'node:crypto';
import { Captures } from '../capture.js';
import { LabError, sleep } from '../lab.js';
import { agent, parse } from '../programs.js';
import { ruleCounter, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { dualStack } from './healthy.js';
import { wiredSide } from './sopnode-broken-ping.js';

const DROP_RULE = 'every so many is dropped';
const DROP_QUERY = 'every other query is dropped';
const PORT = 9125;

/** @type {import('../make.js').Scenario} */
export async function someOfMany(lab) {
  const { cluster, w2, w3, podW2, coredns, podW3 } = wiredSide(lab);
  const rule = (/** @type {string} */ match, /** @type {number} */ every, comment = DROP_RULE) =>
    `-A FORWARD -i vxlan.calico ${match} -m statistic --mode nth --every ${every} --packet 0 -m comment --comment "${comment}" -j DROP`;
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(podW2, 'http', podW2.address, 8080);
  await traffic.serve(podW2, 'udp', podW2.address, PORT);
  const captures = new Captures(lab.folder);
  await captures.point(w3, `${podW3.interface}`, 'vxlan.calico', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`, `${coredns.interface}`);

  await traffic.ping(podW3, podW2, { count: 1 });
  w2.namespace.iptables(`
*filter
${rule(`-p udp --dport ${PORT}`, 3)}
${rule('-p udp --dport 53', 2, DROP_QUERY)}
${rule('-p tcp --dport 8080 --tcp-flags SYN,ACK SYN', 2)}
${rule('-p icmp --icmp-type echo-request', 4)}
COMMIT`);
  const path = cluster.path(podW3, podW2);
  const toDns = cluster.path(podW3, coredns);
  const some = { after: 'w2/vxlan.calico' };
  const ends = { src: podW3.address, dst: podW2.address };
  const run = async (/** @type {string[]} */ words) => parse(await podW3.namespace.output(words));
  /** @type {(claim: Omit<import('../traffic.js').Claim, 'shown'>) => void} */
  const claim = (each) => {
    traffic.claims.push({ ...each, shown: each.path.length });
  };

  // Far apart, and as fast as they can be sent.
  for (const gap of [300, 1]) {
    const { sport, sent } = await run([...agent('udp'), 'send', podW2.address, `${PORT}`, '9', `${gap}`]);
    const what = `datagrams with the same payload, ${gap} ms apart`;
    claim({ what, direction: 'request', match: { proto: 'udp', ...ends, sport, dport: PORT }, path, packets: sent, some });
    traffic.clients.push({ client: 'udp', at: podW3.name, dst: podW2.address, dport: PORT, sport, sent, gap });
  }
  for (const name of ['kubernetes.default.svc.cluster.local', 'web.demo.svc.cluster.local']) {
    const id = randomInt(1, 65_536);
    const said = await run([...agent('dns'), 'query', coredns.address, '53', name, 'A', `${id}`, '3']);
    if (said.status !== 'NOERROR' || said.sent !== 2) throw new LabError(`dns: ${said.status} after ${said.sent} tries`);
    const ids = { proto: 'dns', dns_id: id, dns_type: 1 };
    const [src, dst, sport] = [podW3.address, coredns.address, said.sport];
    const label = `${name}, twice with one id`;
    claim({
      what: `dns query ${label}`,
      direction: 'request',
      match: { ...ids, dns_qr: 0, src, dst, sport, dport: 53 },
      path: toDns,
      packets: 2,
      some,
    });
    claim({
      what: `dns response ${label}`,
      direction: 'reply',
      match: { ...ids, dns_qr: 1, src: dst, dst: src, sport: 53, dport: sport },
      path: toDns.toReversed(),
      packets: 1,
    });
    traffic.clients.push({ client: 'dns', at: podW3.name, server: dst, qname: name, sport, dns_id: id, tries: said.sent });
  }
  for (let round = 0; round < 2; round++) {
    const sport = randomInt(32_768, 61_000);
    const { status } = await run([...agent('http'), 'get', podW2.address, '8080', `${sport}`, '2500']);
    if (status !== 200) throw new LabError(`http: ${status}`);
    const match = { proto: 'tcp', ...ends, sport, dport: 8080, flags: 2 };
    claim({ what: `tcp SYN from port ${sport}`, direction: 'request', match, path, packets: 2, some });
    claim({
      what: `tcp segments to port ${sport}`,
      direction: 'reply',
      match: { proto: 'tcp', src: ends.dst, dst: ends.src, sport: 8080, dport: sport },
      path: path.toReversed(),
    });
    traffic.clients.push({ client: 'http', at: podW3.name, dst: podW2.address, dport: 8080, sport, status });
  }
  const id = randomInt(1, 65_536);
  const said = await podW3.namespace.output(`ping -n -c 8 -i 0.2 -W 1 -e ${id} ${podW2.address}`.split(' '));
  const replies = [...said.matchAll(/bytes from .* icmp_seq=(\d+) /g)].map(([, seq]) => Number(seq));
  for (let seq = 1; seq <= 8; seq++) {
    const match = { proto: 'icmp', icmp_id: id, icmp_seq: seq };
    const lost = !replies.includes(seq);
    traffic.claims.push({
      what: `icmp echo request id ${id} seq ${seq}`,
      direction: 'request',
      match: { ...match, icmp_type: 8, ...ends },
      path,
      shown: lost ? path.indexOf(some.after) + 1 : path.length,
      packets: 1,
    });
    if (lost) continue;
    traffic.claims.push({
      what: `icmp echo reply id ${id} seq ${seq}`,
      direction: 'reply',
      match: { ...match, icmp_type: 0, src: ends.dst, dst: ends.src },
      path: path.toReversed(),
      shown: path.length,
      packets: 1,
    });
  }
  traffic.clients.push({ client: 'ping', at: podW3.name, dst: podW2.address, id, count: 8, replies });
  await traffic.http(podW3, podW2, 9, { outcome: 'refused' });

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [w2], ['iptables-save.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path,
    cluster,
    faults: [
      {
        where: 'w2 FORWARD',
        what: 'iptables DROP of every third datagram, every other SYN, every fourth echo request',
        after: some.after,
        before: `w2/${podW2.interface}`,
        counter: `rules "${DROP_RULE}"`,
        counted: ruleCounter(w2.namespace, DROP_RULE),
      },
      {
        where: 'w2 FORWARD',
        what: 'iptables DROP of every other query',
        after: some.after,
        before: `w2/${coredns.interface}`,
        counter: `rule "${DROP_QUERY}"`,
        counted: ruleCounter(w2.namespace, DROP_QUERY),
      },
    ],
    clients: traffic.clients,
  };
}

const EQUAL_RULE = 'every third is dropped';

/** @type {import('../make.js').Scenario} */
export async function equalDatagrams(lab) {
  const { cluster, node1, node2, podA, podB } = dualStack(lab);
  const traffic = new Traffic(cluster);
  await traffic.serve(podB, 'udp', `${podB.address6}`, PORT);
  const captures = new Captures(lab.folder);
  await captures.point(node1, `${podA.interface}`, 'cni0', 'flannel-v6.1', 'eth0');
  await captures.point(node2, 'eth0', 'flannel-v6.1', 'cni0', `${podB.interface}`);
  // The link-local addresses of fresh interfaces are not yet in use.
  await sleep(2_000);
  await traffic.ping(podA, podB, { count: 1, six: true });
  node2.namespace.exec(
    'ip6tables-restore --noflush',
    `*filter
-A FORWARD -p udp --dport ${PORT} -m statistic --mode nth --every 3 --packet 0 -m comment --comment "${EQUAL_RULE}" -j DROP
COMMIT
`,
  );
  const path = cluster.path(podA, podB, { six: true });
  const after = 'node2/flannel-v6.1';
  // Slower than any packet is on its way, and much faster than captures can tell one from the next.
  for (const gap of [300, 2]) {
    const words = ['send', `${podB.address6}`, `${PORT}`, '9', `${gap}`];
    const { sport, sent } = parse(await podA.namespace.output([...agent('udp'), ...words]));
    traffic.clients.push({ client: 'udp', at: podA.name, dst: podB.address6, dport: PORT, sport, sent, gap });
    traffic.claims.push({
      what: `equal datagrams, ${gap} ms apart`,
      direction: 'request',
      match: { proto: 'udp', src: `${podA.address6}`, dst: `${podB.address6}`, sport, dport: PORT },
      path,
      shown: path.length,
      packets: sent,
      some: { after },
    });
  }
  // Another socket says the same to the same.
  const second = parse(await podA.namespace.output([...agent('udp'), 'send', `${podB.address6}`, `${PORT}`, '1', '1']));
  traffic.clients.push({ client: 'udp', at: podA.name, dst: podB.address6, dport: PORT, ...second });
  traffic.claims.push({
    what: 'the same datagram from another port',
    direction: 'request',
    match: { proto: 'udp', src: `${podA.address6}`, dst: `${podB.address6}`, sport: second.sport, dport: PORT },
    path,
    shown: path.indexOf(after) + 1,
    packets: 1,
  });
  await traffic.ping(podA, podB, { count: 1, six: true });

  await traffic.stopServers();
  const done = await captures.stop();
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path,
    cluster,
    faults: [
      {
        where: 'node2 FORWARD',
        what: 'ip6tables DROP of every third datagram',
        after,
        before: 'node2/cni0',
        counter: `rule "${EQUAL_RULE}"`,
        counted: ruleCounter(node2.namespace, EQUAL_RULE, 'ip6tables-save -c'),
      },
    ],
    clients: traffic.clients,
  };
}
