// The logbook's other symptom: pods of the wireless side get no DNS. It is the drop of the broken ping.
import { Captures } from '../capture.js';
import { saveState } from '../state.js';
import { Traffic } from '../traffic.js';
import { SERVICE, felixDrop, wiredSide, wirelessSide } from './sopnode-broken-ping.js';

/** @type {import('../make.js').Scenario} */
export async function dnsFromWirelessPods(lab) {
  const wired = wiredSide(lab);
  const { cluster, w2, w3, podW2, coredns, podW3 } = wired;
  const { faraday, fit01, podFit } = wirelessSide(lab, wired);
  const traffic = new Traffic(cluster);
  await traffic.serve(coredns, 'dns', coredns.address);
  await traffic.serve(podW2, 'http', podW2.address, 80);
  const captures = new Captures(lab.folder);
  await captures.point(fit01, `${podFit.interface}`, 'vxlan.calico', 'eth0');
  await captures.point({ name: 'faraday', namespace: faraday }, 'eth1', 'eth0');
  await captures.point(w2, 'eth0', 'vxlan.calico', `${podW2.interface}`, `${coredns.interface}`);
  await captures.point(w3, 'eth0', 'vxlan.calico', `${podW3.interface}`);

  const after = 'w2/eth0';
  const refused = ['vxlan-outer-nat', 'not-decapsulated'];
  const lost = { direction: /** @type {const} */ ('request'), after, anomalies: [...refused, 'dns-timeout'] };
  const service = { address: SERVICE, translatedAt: 'fit01/vxlan.calico' };
  await traffic.dns(podW3, coredns, 'kubernetes.default.svc.cluster.local');
  await traffic.dns(podFit, coredns, 'kubernetes.default.svc.cluster.local', { tries: 2, lost, service });
  await traffic.dns(podFit, coredns, 'web.demo.svc.cluster.local', { tries: 2, lost, service });
  await traffic.dns(podFit, coredns, 'web.demo.svc.cluster.local', { type: 'AAAA', tries: 2, lost, service });
  // One packet that is no DNS: what the resolver's log does not have.
  await traffic.ping(podFit, coredns, { count: 1, lost: { ...lost, anomalies: refused } });
  await traffic.dns(podW3, coredns, 'web.demo.svc.cluster.local');

  await traffic.stopServers();
  const done = await captures.stop();
  saveState(lab.folder, [w2], ['ipset.txt', 'iptables-save.txt']);
  return {
    samples: [{ folder: lab.folder, captures: done, claims: traffic.claims }],
    path: cluster.path(podFit, coredns),
    cluster,
    faults: [felixDrop(w2)],
    clients: traffic.clients,
  };
}
