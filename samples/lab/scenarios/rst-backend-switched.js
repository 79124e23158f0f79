// RSTs in a pulse: the router sends connections to another host, whose kernel never saw them opened.
import { Captures } from '../capture.js';
import { Flags, tcpClaim } from '../claims.js';
import { LabError } from '../lab.js';
import { counterOf } from '../state.js';
import { Traffic } from '../traffic.js';
import { VIP, carry, hostNotes, rack, talk } from './ravel.js';

const PORT = 8080;
const FIRST = 40_100;
const COUNT = 6;
/** When each connection says something, milliseconds; the router changes its mind before the last. */
const TIMES = [200, 16_000, 33_000];
const CHANGE = 32_000;

/** @type {import('../make.js').Scenario} */
export async function rstBackendSwitched(lab) {
  const { cluster, tor, client, hosts } = rack(lab, { director1: 72, director2: 73 });
  const [one, two] = hosts;
  if (one === undefined || two === undefined) throw new LabError('two directors');
  const traffic = new Traffic(cluster);
  for (const host of hosts) {
    carry(host);
    await traffic.serve(host, 'tcp', VIP, PORT);
  }
  const route = (/** @type {{ address: string }} */ { address }) =>
    tor.namespace.ip(`route replace ${VIP}/32 via ${address} dev po0`);
  route(one);
  const captures = new Captures(lab.folder);
  await captures.point(client, 'eth0');
  await captures.point(one, 'po0');
  await captures.point(two, 'po0');

  const before = counterOf(two.namespace, 'TcpOutRsts');
  const talking = talk(client, PORT, FIRST, COUNT, TIMES, 'reset');
  setTimeout(() => route(two), CHANGE);
  const connections = await talking;
  const [later] = await talk(client, PORT, FIRST + COUNT, 1, [100], 'open');
  const resets = counterOf(two.namespace, 'TcpOutRsts') - before;
  if (resets !== COUNT) throw new LabError(`${two.name} sent ${resets} RSTs, not ${COUNT}`);

  await traffic.stopServers();
  const done = await captures.stop();
  const service = { address: VIP, port: PORT };
  const anomalies = ['rst-backend-switched'];
  for (const { sport } of connections) {
    const end = { address: client.address, port: sport };
    traffic.claims.push(
      tcpClaim('request', end, service, ['client/eth0', 'director1/po0'], { flags: Flags.SYN, packets: 1 }),
      tcpClaim('reply', service, end, ['director1/po0', 'client/eth0'], { flags: Flags.SYN_ACK, packets: 1 }),
      tcpClaim('reply', service, end, ['director2/po0', 'client/eth0'], { flags: Flags.RST, packets: 1, anomalies }),
    );
  }
  const end = { address: client.address, port: later?.sport ?? 0 };
  traffic.claims.push(
    tcpClaim('request', end, service, ['client/eth0', 'director2/po0']),
    tcpClaim('reply', service, end, ['director2/po0', 'client/eth0']),
  );
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: ['client/eth0', 'director1/po0'],
    cluster,
    faults: [],
    clients: [...traffic.clients, { client: 'tcp', at: 'client', dst: VIP, dport: PORT, connections, later }],
    notes: {
      ...hostNotes([client, tor, ...hosts]),
      change: { at: 'tor', what: `${VIP}/32 via ${two.address} instead of ${one.address}` },
      resets: { by: two.name, counter: 'TcpOutRsts', counted: resets },
    },
  };
}
