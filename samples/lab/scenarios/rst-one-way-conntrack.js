// A host that is director and real server at once. Replies go from the real server straight to the client (direct return), so
// the director's connection tracking sees half of each connection, and forgets it after a short silence.
import { Captures } from '../capture.js';
import { Flags, tcpClaim } from '../claims.js';
import { LabError } from '../lab.js';
import { counterOf, saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { VIP, carry, hostNotes, rack, talk } from './ravel.js';

const PORT = 8080;
const QUIET = 40_200;
const BUSY = 40_300;
/** Seconds after which the director forgets half a connection whose data it never sees acknowledged. */
const TIMER = 4;

/** @type {import('../make.js').Scenario} */
export async function rstOneWayConntrack(lab) {
  const { cluster, tor, client, hosts } = rack(lab, { compute1: 72, compute2: 73 });
  const [director, server] = hosts;
  if (director === undefined || server === undefined) throw new LabError('two hosts');
  const traffic = new Traffic(cluster);
  for (const host of hosts) carry(host);
  await traffic.serve(server, 'tcp', VIP, PORT);
  tor.namespace.ip(`route add ${VIP}/32 via ${director.address} dev po0`);
  // IPVS forwards to a real server by its MAC address; here a mark and a route do. The mark is the connection's: what connection
  // tracking no longer knows is delivered to the director itself, which has the address on lo and no such connection.
  director.namespace.sysctl('net.ipv4.ip_forward', 1);
  director.namespace.sysctl('net.ipv4.conf.all.send_redirects', 0);
  director.namespace.sysctl('net.ipv4.conf.po0.send_redirects', 0);
  director.namespace.sysctl('net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', TIMER);
  const service = `-d ${VIP}/32 -i po0 -p tcp -m tcp --dport ${PORT}`;
  director.namespace.iptables(`
*raw
-A PREROUTING ${service} --tcp-flags SYN,ACK SYN -j CT --notrack
COMMIT
*mangle
-A PREROUTING ${service} --tcp-flags SYN,ACK SYN -j MARK --set-xmark 0x1/0x1
-A PREROUTING ${service} --tcp-flags ALL ACK -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x1/0x1
-A PREROUTING ${service} -m connmark --mark 0x1/0x1 -j MARK --set-xmark 0x1/0x1
COMMIT`);
  director.namespace.ip('rule add pref 0 fwmark 0x1/0x1 lookup 100');
  director.namespace.ip('rule add pref 1 lookup local');
  director.namespace.ip('rule del pref 0 lookup local');
  director.namespace.ip(`route add default via ${server.address} dev po0 table 100`);
  const captures = new Captures(lab.folder);
  await captures.point(client, 'eth0');
  await captures.point(director, 'po0');
  await captures.point(server, 'po0');

  const before = counterOf(director.namespace, 'TcpOutRsts');
  const [reset, kept] = await Promise.all([
    talk(client, PORT, QUIET, 3, [300, 600, 600 + (TIMER + 3) * 1000], 'reset'),
    talk(client, PORT, BUSY, 2, [300, 2000, 4000, 6000, 8000], 'open'),
  ]);
  const resets = counterOf(director.namespace, 'TcpOutRsts') - before;
  if (resets !== reset.length) throw new LabError(`${director.name} sent ${resets} RSTs, not ${reset.length}`);

  saveState(lab.folder, [director], ['conntrack.txt', 'iptables-save.txt', 'route.txt']);
  await traffic.stopServers();
  const done = await captures.stop();
  const there = ['client/eth0', 'compute1/po0', 'compute1/po0', 'compute2/po0'];
  const end = { address: VIP, port: PORT };
  for (const { sport } of reset) {
    const from = { address: client.address, port: sport };
    traffic.claims.push(
      tcpClaim('request', from, end, there, { flags: Flags.SYN, packets: 1 }),
      tcpClaim('reply', end, from, ['compute2/po0', 'client/eth0'], { flags: Flags.SYN_ACK, packets: 1 }),
      tcpClaim('reply', end, from, ['compute1/po0', 'client/eth0'], {
        flags: Flags.RST,
        packets: 1,
        anomalies: ['rst-one-way-conntrack'],
      }),
    );
  }
  for (const { sport } of kept) {
    const from = { address: client.address, port: sport };
    traffic.claims.push(
      tcpClaim('request', from, end, there),
      tcpClaim('reply', end, from, ['compute2/po0', 'client/eth0']),
    );
  }
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: there,
    cluster,
    faults: [],
    clients: [{ client: 'tcp', at: 'client', dst: VIP, dport: PORT, connections: [...reset, ...kept] }],
    notes: {
      ...hostNotes([client, tor, ...hosts]),
      timer: { at: director.name, sysctl: 'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', seconds: TIMER },
      resets: { by: director.name, counter: 'TcpOutRsts', counted: resets },
    },
  };
}
