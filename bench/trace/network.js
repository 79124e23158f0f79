/**
 * The network a trace is taken from: flannel nodes with cni0, flannel.1 and eth0, pods behind veths, services by kube-proxy.
 *
 * A packet from a pod to a pod of another node passes eight stages; a capture point shows two of them, one for packets that
 * leave its node and one for those that come in:
 *
 *   0 veth   1 cni0   2 flannel.1   3 eth0  ~~~  4 eth0   5 flannel.1   6 cni0   7 veth
 *
 * TTL is 64 at stages 0 and 1, 63 at 2 to 5, 62 at 6 and 7. br_netfilter is on, as kubeadm sets it: a request to a service has
 * the service's address at stage 0 only, its reply from stage 6 on.
 */
export const STAGES = 8;

/** Nanoseconds from stage 0, on an idle link. */
export const STAGE_DELAY = [0, 800, 3600, 5600, 152_000, 154_400, 158_000, 159_600];

/** Services; each has a backend for every so many pods of each node. */
export const SERVICES = 24;

/** Columns are indexed by node, or by pod over all nodes. */
export class Network {
  nodes;
  podsPerNode;
  /** Node of each pod. */
  node;
  /** IPv4 addresses. */
  podAddress;
  nodeAddress;
  bridgeAddress;
  tunnelAddress;
  /** Names of the capture points, `NODE/INTERFACE`. @type {string[]} */
  points = [];
  /** Capture point of a pod's veth, else -1. */
  podPoint;
  /** Capture point of a node's cni0, flannel.1 and eth0, else -1: [node * 3 + which]. */
  nodePoint;

  /**
   * @param {2 | 16} points
   * @param {number} podsPerNode
   */
  constructor(points, podsPerNode) {
    const nodes = points === 2 ? 2 : 3;
    const pods = nodes * podsPerNode;
    this.nodes = nodes;
    this.podsPerNode = podsPerNode;
    this.node = new Int32Array(pods);
    this.podAddress = new Int32Array(pods);
    this.podPoint = new Int32Array(pods).fill(-1);
    this.nodeAddress = new Int32Array(nodes);
    this.bridgeAddress = new Int32Array(nodes);
    this.tunnelAddress = new Int32Array(nodes);
    this.nodePoint = new Int32Array(nodes * 3).fill(-1);
    for (let node = 0; node < nodes; node++) {
      this.nodeAddress[node] = address(192, 168, 3, 11 + node);
      this.bridgeAddress[node] = address(10, 244, node + 1, 1);
      this.tunnelAddress[node] = address(10, 244, node + 1, 0);
      for (let i = 0; i < podsPerNode; i++) {
        const pod = node * podsPerNode + i;
        this.node[pod] = node;
        this.podAddress[pod] = address(10, 244, node + 1, 2 + i);
      }
    }
    if (points === 2) {
      this.#captureNode(0, 0);
      this.#captureNode(1, 2);
    } else {
      // 3 veths, cni0, flannel.1, eth0 of two nodes; 1 veth, cni0, flannel.1, eth0 of the third
      for (let node = 0; node < nodes; node++) {
        for (let i = 0; i < (node < 2 ? 3 : 1); i++) this.#capturePod(node * podsPerNode + i);
        for (let which = 0; which < 3; which++) this.#captureNode(node, which);
      }
    }
  }

  /**
   * @param {number} node
   * @param {number} which 0 cni0, 1 flannel.1, 2 eth0
   */
  #captureNode(node, which) {
    this.nodePoint[node * 3 + which] = this.points.length;
    this.points.push(`node${node + 1}/${['cni0', 'flannel.1', 'eth0'][which]}`);
  }

  /** @param {number} pod */
  #capturePod(pod) {
    this.podPoint[pod] = this.points.length;
    const name = (Math.imul(pod + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
    this.points.push(`node${this.node[pod] + 1}/veth${name}`);
  }
}

/** Cluster address of a service; DNS is -1. @param {number} service */
export function serviceAddress(service) {
  return service < 0 ? address(10, 96, 0, 10) : address(10, 96, 12, 10 + service);
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} c
 * @param {number} d
 */
function address(a, b, c, d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}
