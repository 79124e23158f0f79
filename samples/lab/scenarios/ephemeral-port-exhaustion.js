// A client that opens and closes connections faster than its ports come back: each rests for a minute in TIME_WAIT.
import { Captures } from '../capture.js';
import { tcpClaim } from '../claims.js';
import { LabError } from '../lab.js';
import { tcpClient } from '../programs.js';
import { Traffic } from '../traffic.js';
import { VIP, carry, hostNotes, rack } from './ravel.js';

const PORT = 8080;
/** A range as small as it may be, instead of the 28,232 ports of the default, so that the capture stays small. */
const RANGE = [40_500, 40_515];
const COUNT = 20;

/** @type {import('../make.js').Scenario} */
export async function ephemeralPortExhaustion(lab) {
  const { cluster, tor, client, hosts } = rack(lab, { director: 72 });
  const [director] = hosts;
  if (director === undefined) throw new LabError('a director');
  const traffic = new Traffic(cluster);
  carry(director);
  await traffic.serve(director, 'tcp', VIP, PORT);
  tor.namespace.ip(`route add ${VIP}/32 via ${director.address} dev po0`);
  client.namespace.sysctl('net.ipv4.ip_local_port_range', RANGE.join(' '));
  client.namespace.sysctl('net.ipv4.tcp_tw_reuse', 0);
  const captures = new Captures(lab.folder);
  await captures.point(client, 'eth0');
  await captures.point(director, 'po0');

  /** @type {{ ports: number[], failures: { after: number, code: string }[] }} */
  const { ports, failures } = await tcpClient(client, 'burst', VIP, PORT, COUNT);
  const range = (RANGE[1] ?? 0) - (RANGE[0] ?? 0) + 1;
  if (ports.length !== COUNT || failures.some(({ after, code }) => after < range || code !== 'EADDRNOTAVAIL')) {
    throw new LabError(`${ports.length} connections, and ${failures.map(({ code }) => code).join(' ')}`);
  }

  await traffic.stopServers();
  const done = await captures.stop();
  const there = ['client/eth0', 'director/po0'];
  const service = { address: VIP, port: PORT };
  for (const sport of new Set(ports)) {
    const end = { address: client.address, port: sport };
    traffic.claims.push(
      tcpClaim('request', end, service, there),
      tcpClaim('reply', service, end, there.toReversed()),
    );
  }
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: there,
    cluster,
    faults: [],
    clients: [{ client: 'tcp', at: 'client', dst: VIP, dport: PORT, ports, failures: failures.length }],
    notes: {
      ...hostNotes([client, tor, ...hosts]),
      ports: { at: 'client', sysctl: 'net.ipv4.ip_local_port_range', range: RANGE, error: 'EADDRNOTAVAIL' },
    },
  };
}
