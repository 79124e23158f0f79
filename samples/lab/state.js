// What an engineer would save on a node beside the captures.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COMMANDS = {
  'addr.txt': 'ip addr',
  'link.txt': 'ip -d link',
  'route.txt': 'ip route',
  'netconf.txt': 'ip netconf',
  'neigh.txt': 'ip neigh',
  'fdb.txt': 'bridge fdb',
  'sysctl.txt': 'sysctl -a -r ^net\\.(ipv4\\.(conf\\.|ip_forward)|bridge\\.|netfilter\\.nf_conntrack_(max|count))',
  'iptables-save.txt': 'iptables-save -c',
  'ipset.txt': 'ipset list',
  'conntrack.txt': 'conntrack -L',
  'nstat.txt': 'nstat -as',
};

/**
 * @param {string} folder of the sample
 * @param {{ name: string, namespace: import('./lab.js').Namespace }[]} nodes
 * @param {string[]} [files] those of interest, else all
 */
export function saveState(folder, nodes, files = Object.keys(COMMANDS)) {
  for (const { name, namespace } of nodes) {
    mkdirSync(join(folder, 'state', name), { recursive: true });
    for (const [file, command] of Object.entries(COMMANDS)) {
      if (!files.includes(file)) continue;
      // Namespaces are named after a run of the lab; on a node they would bear the pod's name.
      const said = namespace.exec(command).replaceAll(namespace.lab.prefix, '');
      writeFileSync(join(folder, 'state', name, file), said);
    }
  }
}

/**
 * @param {import('./lab.js').Namespace} namespace
 * @param {string} counter as nstat names it
 */
export function counterOf(namespace, counter) {
  const line = namespace.exec(`nstat -asz ${counter}`).split('\n')[1] ?? '';
  return Number(line.split(/\s+/)[1]);
}

/**
 * @param {import('./lab.js').Namespace} namespace
 * @param {string} comment of the rule, or of several
 * @returns {number} the packets that they have matched
 */
export function ruleCounter(namespace, comment, command = 'iptables-save -c') {
  return namespace
    .exec(command)
    .split('\n')
    .filter((each) => each.includes(comment))
    .reduce((sum, line) => sum + Number(/^\[(\d+):/.exec(line)?.[1]), 0);
}
