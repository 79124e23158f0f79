// The logbook's RSTs in BGP: fit01 calls w2 from behind a NAT box, and w2 has no neighbour with that address.
import { Captures } from '../capture.js';
import { Flags, tcpClaim } from '../claims.js';
import { LabError, sleep } from '../lab.js';
import { bgpSpeaker } from '../programs.js';
import { counterOf } from '../state.js';
import { wiredSide, wirelessSide } from './sopnode-broken-ping.js';

const AS = 64_512;
const OUTSIDE = '138.96.16.97';
/** Time for three calls. */
const LASTS = 5_500;

/** @type {import('../make.js').Scenario} */
export async function bgpUnknownPeerReset(lab) {
  const wired = wiredSide(lab);
  const { cluster, w2, w3 } = wired;
  const { faraday, fit01 } = wirelessSide(lab, wired);
  /** @type {import('../traffic.js').Claim[]} */
  const claims = [];
  const captures = new Captures(lab.folder);
  await captures.point(fit01, 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(w2, 'eth0');
  await captures.point(w3, 'eth0');

  const before = counterOf(w2.namespace, 'TcpOutRsts');
  // w2 knows fit01 by the address it is registered with.
  const end2 = await bgpSpeaker(w2, AS, [`-${w3.address}`, `-${fit01.address}`]);
  const end3 = await bgpSpeaker(w3, AS, [`+${w2.address}`]);
  const endFit = await bgpSpeaker(fit01, AS, [`+${w2.address}`]);
  await sleep(LASTS);
  // The established session outlives the captures.
  const logFit = await endFit();
  const done = await captures.stop();
  const resets = counterOf(w2.namespace, 'TcpOutRsts') - before;
  const [log2, log3] = await Promise.all([end2(), end3()]);
  const { refused } = log2;
  if (refused.length === 0 || refused.some((peer) => peer !== OUTSIDE) || resets !== refused.length) {
    throw new LabError(`w2 refused ${refused.join(' ') || 'nobody'}, with ${resets} RSTs`);
  }
  if (!log3.established.includes(w2.address)) throw new LabError('w3 and w2 have no session');

  const inside = ['fit01/eth0', 'faraday/eth1'];
  const outside = ['faraday/eth0', 'w2/eth0'];
  for (const sport of logFit.calls) {
    const from = { address: fit01.address, port: sport };
    const as = { address: OUTSIDE, port: sport };
    const to = { address: w2.address, port: 179 };
    const there = tcpClaim('request', from, to, [...inside, ...outside], { flags: Flags.SYN, packets: 1 });
    const back = tcpClaim('reply', to, as, [...inside, ...outside].toReversed(), {
      flags: Flags.RST_ACK,
      packets: 1,
      anomalies: ['bgp-unknown-peer'],
    });
    claims.push(
      { ...there, rewritten: [{ from: 'faraday/eth0', match: { ...there.match, src: OUTSIDE } }] },
      { ...back, rewritten: [{ from: 'faraday/eth1', match: { ...back.match, dst: fit01.address } }] },
    );
  }
  return {
    samples: [{ folder: lab.folder, captures: done, claims }],
    path: [...inside, ...outside],
    cluster,
    faults: [],
    clients: [
      { client: 'bgp', at: 'w2', ...log2 },
      { client: 'bgp', at: 'w3', ...log3 },
      { client: 'bgp', at: 'fit01', ...logFit },
    ],
    notes: { resets: { by: 'w2', counter: 'TcpOutRsts', counted: resets } },
  };
}
