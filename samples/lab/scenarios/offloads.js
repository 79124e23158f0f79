// One TCP transfer, of which the same part is lost, with segmentation offloads and without.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Captures } from '../capture.js';
import { tcpClaim, Flags } from '../claims.js';
import { sleep } from '../lab.js';
import { agent, parse } from '../programs.js';
import { ruleCounter } from '../state.js';
import { Traffic } from '../traffic.js';
import { dualStack } from './healthy.js';

const PORT = 9001;
/** Of a segment of the pods' MTU of 1450, with timestamps. */
const SEGMENT = 1398;
/** As many as TCP sends at once to whom it does not know. */
const FULL = 9;
const REST = 500;
/** Full segments that come through, in the VXLAN packets of 1500 octets that they are on the wire. */
const THROUGH = 3;
/** All headers, with those of a tunnel. */
const SNAP = 160;
const RULE = 'full segments beyond the quota';

/** @type {import('../make.js').Scenario} */
export async function offloads(lab) {
  const { cluster, node1, node2, podA, podB } = dualStack(lab);
  // The wire has segments either way: the card has no offload of its own.
  for (const { namespace } of [node1, node2]) namespace.ip('link set eth0 gso_max_segs 1');
  const path = cluster.path(podA, podB);
  const after = 'node2/eth0';
  /** @type {import('../make.js').Outcome['samples']} */
  const samples = [];
  for (const kind of ['on', 'off']) {
    if (kind === 'off') {
      for (const pod of [podA, podB]) pod.namespace.ip('link set eth0 gso_max_segs 1');
    }
    const folder = join(lab.folder, kind);
    mkdirSync(folder);
    node2.namespace.iptables(`
*filter
-F INPUT
-A INPUT -p udp --dport 8472 -m length --length 1500 -m quota --quota ${THROUGH * 1500} -j ACCEPT
-A INPUT -p udp --dport 8472 -m length --length 1500 -m comment --comment "${RULE}" -j DROP
COMMIT`);
    const traffic = new Traffic(cluster);
    await traffic.serve(podB, 'tcp', podB.address, PORT);
    const captures = new Captures(folder, SNAP);
    await captures.point(node1, `${podA.interface}`, 'cni0', 'flannel.1', 'eth0');
    await captures.point(node2, 'eth0', 'flannel.1', 'cni0', `${podB.interface}`);
    await traffic.ping(podA, podB, { count: 1 });
    const words = ['send', podB.address, `${PORT}`, `${FULL * SEGMENT + REST}`];
    const client = podA.namespace.start([...agent('tcp'), ...words]);
    await client.says(/\n/);
    const { sport, sent } = parse(client.stdout);
    traffic.clients.push({ client: 'tcp', at: podA.name, dst: podB.address, dport: PORT, sport, sent });
    await sleep(1_000);
    await client.stop('SIGTERM');
    await traffic.ping(podA, podB, { count: 1 });
    await traffic.stopServers();
    const done = await captures.stop();
    const from = { address: podA.address, port: sport };
    const to = { address: podB.address, port: PORT };
    traffic.claims.push(
      tcpClaim('request', from, to, path, { flags: Flags.SYN, packets: 1 }),
      tcpClaim('reply', to, from, path.toReversed(), { flags: Flags.SYN_ACK, packets: 1 }),
      { ...tcpClaim('request', from, to, path), what: 'tcp data', wire: after, some: { after } },
      { ...tcpClaim('reply', to, from, path.toReversed()), what: 'tcp data sent back', wire: 'node1/eth0' },
    );
    const fault = {
      where: 'node2 INPUT',
      what: `iptables DROP of VXLAN packets with full segments, but the first ${THROUGH}`,
      after,
      before: 'node2/flannel.1',
      counter: `rule "${RULE}"`,
      counted: ruleCounter(node2.namespace, RULE),
    };
    samples.push({ folder, captures: done, claims: traffic.claims, faults: [fault], clients: traffic.clients });
  }
  return { samples, path, cluster, faults: [], clients: [] };
}
