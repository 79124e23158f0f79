// The two overlay networks: flannel (a bridge a node, VNI 1, port 8472) and Calico (routed veths with proxy ARP, VNI 4096,
// port 4789). Devices, routes, neighbours and forwarding entries are those that flanneld and Felix would make.
import { createHash } from 'node:crypto';
import { LabError } from './lab.js';

/** @typedef {import('./lab.js').Lab} Lab */
/** @typedef {import('./lab.js').Namespace} Namespace */

/**
 * Who can send or receive: a pod, or a node by one of its addresses.
 * @typedef {{
 *   name: string, node: Node, namespace: Namespace, address: string, address6?: string | undefined,
 *   interface?: string | undefined
 * }} Endpoint
 */

/**
 * @typedef {{
 *   name: string, namespace: Namespace, address: string, address6?: string | undefined, block: string,
 *   kind: 'flannel' | 'calico', tunnel: string, tunnelAddress: string, tunnelMac: string, vni: number, port: number,
 *   tunnel6?: string | undefined
 * }} Node
 */

const CALICO_HOST_MAC = 'ee:ee:ee:ee:ee:ee';

/**
 * Both plugins name a pod's interface by a hash, so a pod keeps its interface name from run to run.
 * @param {string} prefix
 * @param {string} pod
 * @param {number} digits
 */
function interfaceName(prefix, pod, digits) {
  return prefix + createHash('sha1').update(pod).digest('hex').slice(0, digits);
}

/** @param {string} name */
function macOf(name) {
  const digits = createHash('sha1').update(name).digest('hex').slice(0, 10);
  return `66:${digits.match(/../g)?.join(':')}`;
}

export class Cluster {
  /** @type {Node[]} */
  nodes = [];
  /** @type {Endpoint[]} */
  pods = [];
  /**
   * Captured points between two nodes, in the order from the first to the second.
   * @type {{ from: Node, to: Node, points: string[] }[]}
   */
  between = [];
  /**
   * Ways of packets that do not use the overlay, as captured points in order.
   * @type {{ from: Endpoint, to: Endpoint, points: string[] }[]}
   */
  ways = [];

  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
  }

  /**
   * @param {string} name
   * @param {string} address of eth0, which the caller has configured
   * @param {string} subnet the first three octets of its pods' /24
   * @param {{ namespace: Namespace, address6?: string, subnet6?: string }} options
   */
  flannelNode(name, address, subnet, { namespace, address6, subnet6 }) {
    const port = 8472;
    const mac = macOf(`${name}/flannel.1`);
    namespace.sysctl('net.ipv4.ip_forward', 1);
    namespace.ip('link add cni0 type bridge');
    namespace.ip(`link set cni0 address ${macOf(`${name}/cni0`)}`);
    namespace.ip('link set cni0 mtu 1450');
    namespace.ip(`addr add ${subnet}.1/24 brd + dev cni0`);
    namespace.ip('link set cni0 up');
    namespace.ip(
      `link add flannel.1 address ${mac} type vxlan id 1 local ${address} dev eth0 dstport ${port} nolearning`,
    );
    namespace.ip(`addr add ${subnet}.0/32 dev flannel.1`);
    namespace.ip('link set flannel.1 mtu 1450 up');
    // The rules that flanneld writes (one cluster network, this node's subnet).
    namespace.iptables(`
*nat
-A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
-A POSTROUTING ! -s 10.244.0.0/16 -d ${subnet}.0/24 -j RETURN
-A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE
COMMIT
*filter
-A FORWARD -s 10.244.0.0/16 -j ACCEPT
-A FORWARD -d 10.244.0.0/16 -j ACCEPT
COMMIT`);
    /** @type {Node} */
    const node = {
      name,
      namespace,
      address,
      block: `${subnet}.0/24`,
      kind: 'flannel',
      tunnel: 'flannel.1',
      tunnelAddress: `${subnet}.0`,
      tunnelMac: mac,
      vni: 1,
      port,
    };
    if (address6 !== undefined && subnet6 !== undefined) {
      const mac6 = macOf(`${name}/flannel-v6.1`);
      namespace.sysctl('net.ipv6.conf.all.forwarding', 1);
      namespace.ip(`addr add ${subnet6}::1/64 dev cni0 nodad`);
      namespace.ip(
        `link add flannel-v6.1 address ${mac6} type vxlan id 1 local ${address6} dev eth0 dstport ${port} nolearning`,
      );
      namespace.ip(`addr add ${subnet6}::/128 dev flannel-v6.1 nodad`);
      namespace.ip('link set flannel-v6.1 mtu 1430 up');
      node.address6 = address6;
      node.tunnel6 = 'flannel-v6.1';
      for (const peer of this.nodes) {
        if (peer.address6 === undefined) continue;
        introduceFlannel6(node, subnet6, peer, peer.namespace.ip('-6 -br addr show flannel-v6.1'));
      }
    }
    for (const peer of this.nodes) {
      introduceFlannel(node, peer);
      introduceFlannel(peer, node);
    }
    this.nodes.push(node);
    return node;
  }

  /**
   * @param {string} name
   * @param {string} address of eth0, which the caller has configured, with a default route
   * @param {string} block its pods' /26; the first address is the tunnel's
   * @param {Namespace} namespace
   */
  calicoNode(name, address, block, namespace) {
    const tunnelAddress = block.replace(/\/.*/, '');
    const mac = macOf(`${name}/vxlan.calico`);
    namespace.sysctl('net.ipv4.ip_forward', 1);
    namespace.ip(
      `link add vxlan.calico address ${mac} type vxlan id 4096 local ${address} dev eth0 dstport 4789 nolearning`,
    );
    namespace.ip(`addr add ${tunnelAddress}/32 dev vxlan.calico`);
    namespace.ip('link set vxlan.calico mtu 1450 up');
    namespace.ip(`route add blackhole ${block} proto 80`);
    namespace.exec('ipset create cali40all-vxlan-net hash:net');
    namespace.iptables(`
*filter
:cali-INPUT - [0:0]
:cali-FORWARD - [0:0]
-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
-A cali-INPUT -p udp -m comment --comment "Allow IPv4 VXLAN packets from allowed hosts" -m multiport --dports 4789 -m set --match-set cali40all-vxlan-net src -m addrtype --dst-type LOCAL -j ACCEPT
-A cali-INPUT -p udp -m comment --comment "Drop IPv4 VXLAN packets from non-allowed hosts" -m multiport --dports 4789 -m addrtype --dst-type LOCAL -j DROP
COMMIT`);
    /** @type {Node} */
    const node = {
      name,
      namespace,
      address,
      block,
      kind: 'calico',
      tunnel: 'vxlan.calico',
      tunnelAddress,
      tunnelMac: mac,
      vni: 4096,
      port: 4789,
    };
    for (const peer of this.nodes) {
      introduceCalico(node, peer);
      introduceCalico(peer, node);
    }
    this.nodes.push(node);
    return node;
  }

  /**
   * @param {string} name
   * @param {Node} node
   * @param {string} address
   * @param {{ interface?: string, address6?: string }} [options]
   * @returns {Endpoint}
   */
  pod(name, node, address, options = {}) {
    const namespace = this.lab.namespace(name);
    const device =
      options.interface ??
      (node.kind === 'flannel' ? interfaceName('veth', name, 8) : interfaceName('cali', `default.${name}`, 11));
    this.lab.cable(namespace, 'eth0', node.namespace, device);
    namespace.ip('link set eth0 mtu 1450');
    node.namespace.ip(`link set ${device} mtu 1450`);
    if (node.kind === 'flannel') {
      node.namespace.ip(`link set ${device} master cni0`);
      node.namespace.exec(`bridge link set dev ${device} hairpin on`);
      namespace.ip(`addr add ${address}/24 brd + dev eth0`);
      namespace.ip(`route add default via ${address.replace(/\d+$/, '1')}`);
      if (options.address6 !== undefined) {
        namespace.ip(`addr add ${options.address6}/64 dev eth0 nodad`);
        namespace.ip(`-6 route add default via ${options.address6.replace(/::.*/, '::1')}`);
      }
    } else {
      node.namespace.ip(`link set ${device} address ${CALICO_HOST_MAC}`);
      node.namespace.sysctl(`net.ipv4.conf.${device}.proxy_arp`, 1);
      node.namespace.sysctl(`net.ipv4.neigh.${device}.proxy_delay`, 0);
      node.namespace.ip(`route add ${address} dev ${device} scope link`);
      namespace.ip(`addr add ${address}/32 dev eth0`);
      namespace.ip('route add 169.254.1.1 dev eth0 scope link');
      namespace.ip('route add default via 169.254.1.1 dev eth0');
    }
    const pod = { name, node, namespace, address, address6: options.address6, interface: device };
    this.pods.push(pod);
    return pod;
  }

  /**
   * A node itself, by one of its addresses.
   * @param {Node} node
   * @param {string} [address] its tunnel device's, unless given
   * @returns {Endpoint}
   */
  host(node, address = node.tunnelAddress) {
    return { name: node.name, node, namespace: node.namespace, address };
  }

  /**
   * The capture points that a packet passes, in order.
   * @param {Endpoint} from
   * @param {Endpoint} to
   * @param {{ six?: boolean }} [options]
   * @returns {string[]}
   */
  path(from, to, { six = false } = {}) {
    const way = this.ways.find((each) => each.from === from && each.to === to);
    if (way !== undefined) return way.points;
    if (from.node === to.node) {
      const bridge = from.node.kind === 'flannel' ? [`${from.node.name}/cni0`] : [];
      return [...home(from), ...bridge, ...home(to)];
    }
    const between = this.between.find(({ from: a, to: b }) => a === from.node && b === to.node)?.points;
    const back = this.between.find(({ from: a, to: b }) => a === to.node && b === from.node)?.points;
    return [...leave(from, six), ...(between ?? back?.toReversed() ?? []), ...leave(to, six).toReversed()];
  }

  /** For the truth file. */
  describe() {
    return {
      nodes: Object.fromEntries(
        this.nodes.map((node) => [
          node.name,
          {
            ip: node.address,
            ...(node.address6 === undefined ? {} : { ip6: node.address6 }),
            pods: node.block,
            vtep: node.tunnel,
            vtep_ip: node.tunnelAddress,
            vtep_mac: node.tunnelMac,
            vni: node.vni,
            port: node.port,
          },
        ]),
      ),
      pods: Object.fromEntries(
        this.pods.map((pod) => [
          pod.name,
          {
            ip: pod.address,
            ...(pod.address6 === undefined ? {} : { ip6: pod.address6 }),
            node: pod.node.name,
            iface: pod.interface,
          },
        ]),
      ),
    };
  }
}

/** @param {Endpoint} endpoint */
function home(endpoint) {
  return endpoint.interface === undefined ? [] : [`${endpoint.node.name}/${endpoint.interface}`];
}

/**
 * @param {Endpoint} endpoint
 * @param {boolean} six
 */
function leave(endpoint, six) {
  const { name, kind, tunnel, tunnel6 } = endpoint.node;
  const bridge = kind === 'flannel' && endpoint.interface !== undefined ? [`${name}/cni0`] : [];
  const device = six ? tunnel6 : tunnel;
  if (device === undefined) throw new LabError(`${name} has no IPv6 tunnel`);
  return [...home(endpoint), ...bridge, `${name}/${device}`, `${name}/eth0`];
}

/**
 * @param {Node} node learns where
 * @param {Node} peer is
 */
function introduceFlannel(node, peer) {
  const { namespace } = node;
  namespace.ip(`neigh add ${peer.tunnelAddress} lladdr ${peer.tunnelMac} dev flannel.1 nud permanent`);
  namespace.exec(`bridge fdb add ${peer.tunnelMac} dev flannel.1 dst ${peer.address} self permanent`);
  namespace.ip(`route add ${peer.block} via ${peer.tunnelAddress} dev flannel.1 onlink`);
}

/**
 * @param {Node} node
 * @param {string} subnet6
 * @param {Node} peer
 * @param {string} peerAddresses
 */
function introduceFlannel6(node, subnet6, peer, peerAddresses) {
  const peerSubnet = /(fd[0-9a-f:]+?)::\/128/.exec(peerAddresses)?.[1];
  if (peerSubnet === undefined) throw new LabError(`no subnet on ${peer.name}: ${peerAddresses}`);
  for (const [a, b, subnet] of /** @type {const} */ ([
    [node, peer, peerSubnet],
    [peer, node, subnet6],
  ])) {
    const mac = macOf(`${b.name}/flannel-v6.1`);
    a.namespace.ip(`-6 neigh add ${subnet}:: lladdr ${mac} dev flannel-v6.1 nud permanent`);
    a.namespace.exec(`bridge fdb add ${mac} dev flannel-v6.1 dst ${b.address6} self permanent`);
    a.namespace.ip(`-6 route add ${subnet}::/64 via ${subnet}:: dev flannel-v6.1 onlink`);
  }
}

/**
 * @param {Node} node
 * @param {Node} peer
 */
function introduceCalico(node, peer) {
  const { namespace } = node;
  namespace.ip(`neigh add ${peer.tunnelAddress} lladdr ${peer.tunnelMac} dev vxlan.calico nud permanent`);
  namespace.exec(`bridge fdb add ${peer.tunnelMac} dev vxlan.calico dst ${peer.address} self permanent`);
  namespace.ip(`route add ${peer.block} via ${peer.tunnelAddress} dev vxlan.calico onlink proto 80`);
  // Felix lists the addresses under which the nodes are registered, never what a NAT box makes of them.
  namespace.exec(`ipset add cali40all-vxlan-net ${peer.address}`);
}
