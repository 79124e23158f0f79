// Two machines answer ARP for the service's address: the director, and a compute node that only carries it on lo.
import { Captures } from '../capture.js';
import { tcpClaim } from '../claims.js';
import { LabError } from '../lab.js';
import { counterOf } from '../state.js';
import { Traffic } from '../traffic.js';
import { VIP, carry, hostNotes, rack, talk } from './ravel.js';

const PORT = 8080;
const FIRST = 40_400;
const ROUNDS = 3;

/** @type {import('../make.js').Scenario} */
export async function arpVipDuplicate(lab) {
  const { cluster, tor, client, hosts } = rack(lab, { director: 72, compute1: 73 });
  const [director, compute] = hosts;
  if (director === undefined || compute === undefined) throw new LabError('two hosts');
  const traffic = new Traffic(cluster);
  director.namespace.ip(`addr add ${VIP}/32 dev po0`);
  carry(compute);
  // What strictARP would have prevented.
  compute.namespace.sysctl('net.ipv4.conf.all.arp_ignore', 0);
  for (const host of hosts) await traffic.serve(host, 'tcp', VIP, PORT);
  tor.namespace.ip(`route add ${VIP}/32 dev po0 scope link`);
  const captures = new Captures(lab.folder);
  await captures.point(client, 'eth0');
  await captures.point(tor, 'po0');
  await captures.point(director, 'po0');
  await captures.point(compute, 'po0');

  const answers = [];
  for (let round = 0; round < ROUNDS; round++) {
    const sport = FIRST + round;
    const before = hosts.map(({ namespace }) => counterOf(namespace, 'TcpPassiveOpens'));
    await talk(client, PORT, sport, 1, [100], 'open');
    const by = hosts.find(({ namespace }, at) => counterOf(namespace, 'TcpPassiveOpens') > (before[at] ?? 0));
    answers.push({ sport, by: by?.name ?? '' });
    // The entry is looked for anew each time.
    tor.namespace.ip('neigh flush dev po0');
  }

  await traffic.stopServers();
  const done = await captures.stop();
  const service = { address: VIP, port: PORT };
  for (const { sport, by } of answers) {
    const end = { address: client.address, port: sport };
    const there = ['client/eth0', 'tor/po0', `${by}/po0`];
    traffic.claims.push(
      tcpClaim('request', end, service, there),
      tcpClaim('reply', service, end, there.toReversed()),
    );
  }
  const macOf = (/** @type {import('./ravel.js').Host} */ { namespace }) =>
    /link\/ether (\S+)/.exec(namespace.ip('link show po0'))?.[1];
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: ['client/eth0', 'tor/po0', 'director/po0'],
    cluster,
    faults: [],
    clients: answers.map(({ sport, by }) => ({ client: 'tcp', at: 'client', dst: VIP, dport: PORT, sport, by })),
    notes: {
      ...hostNotes([client, tor, ...hosts]),
      arp: { address: VIP, macs: Object.fromEntries(hosts.map((host) => [host.name, macOf(host)])) },
    },
  };
}
